"""One apercu file as a comparison: what the page needs to show it alone, or against its original."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import apercu
from apercu.bench import metrics, shown
from apercu.bench.own import label
from apercu.bench.page import page_html
from apercu.bench.planes import Peak
from apercu.codecs.scenes import split
from apercu.errors import OptionError, size_of
from apercu.format.container import read_header
from apercu.restore.by_name import of_restoring
from apercu.stages.colour import Samples
from apercu.stages.fill import Mask

SIDE = 2048  # pixels: the longest side of what is shown; a page of two such pictures stays below the limit
MOST_MEASURED = 1 << 24  # pixels beyond which PSNR alone is measured, since the others take a second a megapixel


def file_page(
    data: bytes,
    name: str,
    original: Samples | None = None,
    *,
    window: shown.Window | None = None,
    peak: Peak = None,
    **options: Any,
) -> str:
    """The page of one file as HTML.

    Args:
        data: an apercu file.
        name: what the page calls it.
        original: what was encoded, of the same shape and dtype; with it the page shows both, and metrics. Where it is a
            masked array, what the file or it hides is 0 in both.
        window: (top, left, height, width), the part that is shown, measured and decoded, and no more. By default all
            is measured where there is an original, and as much of the middle shown as a page can hold.
        peak: of the metrics, see `apercu.bench.planes.peak_of`.
        options: those of `apercu.decode`.

    Raises:
        FormatError: the file cannot be decoded.
        OptionError: the original or the window does not fit the file.
    """
    scene, inner = split(data)
    header, dtype = read_header(inner), apercu.info(data)["dtype"]
    if dtype not in ("uint8", "uint16"):
        raise OptionError(f"a page shows samples of uint8 and uint16, and this file holds {dtype}: use apercu.decode")
    full = scene.reduced
    height, width = (full.height, full.width) if full else (header.height, header.width)
    if original is not None and (said := _what(original)) != (
        held := f"{size_of(width, height, header.n_bands)}, {dtype}"
    ):
        raise OptionError(f"the original is {said}, the file holds {held}")
    shown_part = window or shown.centred(height, width, SIDE)
    wanted = shown_part if original is None else window  # None: all of it, since all is measured
    decoded = apercu.decode(data, window=wanted, full_size=True, **options)
    provenance, sent = _sent(data, wanted, options)
    note = ""
    if original is not None:
        if window is not None:
            original, note = shown.cut(original, window), "metrics of this part"
        original = original.reshape(decoded.shape)  # one band with or without an axis
        if isinstance(original, np.ma.MaskedArray):
            hidden = apercu.mask(data, window=wanted, full_size=True).reshape(*decoded.shape[:2], -1)
            hidden = hidden | np.ma.getmaskarray(original).reshape(*hidden.shape[:2], -1)
            original, decoded = (_without(hidden, of) for of in (original.data, decoded))
            sent = None if sent is None else _without(hidden, sent)
    size = f"coded at 1/{1 << full.log2} of the size" if full else ""
    view = shown.view_of(decoded if original is None else original, header.interpretation)

    point: dict[str, Any] = {
        "image": name,
        "codec": f"apercu:{header.codec}/{options.get('restore', 'none')}",
        "n_bytes": len(data),
        "bpp": 8 * len(data) / (width * height),
        "level": "set by hand" if header.quality_q8 is None else f"quality {header.quality_q8 / 256:g}",
        "metrics": {} if original is None else _measured(original, decoded, peak),
    }
    comparison = {
        "codecs": [point["codec"]],
        "labels": {point["codec"]: label(str(point["codec"]), str(provenance["kind"]))},
        "provenance": {point["codec"]: provenance},
        "rates": [point["bpp"]],
        "metrics": {
            key: {"unit": metric.unit, "higher_is_better": metric.higher_is_better}
            for key, metric in metrics.METRICS.items()
            if key in point["metrics"]
        },
        "images": [
            {
                "name": name,
                "width": width,
                "height": height,
                "bands": header.n_bands,
                "dtype": str(decoded.dtype),
                "window": shown_part,
                "note": "; ".join(filter(None, (str(view), size, note))),
            }
        ],
        "points": [point],
    }

    def packed(image: Samples) -> bytes:
        part = image if wanted is not None else shown.cut(image, shown_part)
        return shown.lossless(shown.show(part, view))

    originals = {} if original is None else {name: {"webp": packed(original), "window": shown_part}}
    picture = {"webp": packed(decoded), "point": point} | ({} if sent is None else {"sent": packed(sent)})
    pictures = {(name, point["codec"], point["bpp"]): picture}
    return page_html(comparison, pictures, originals, title=f"apercu view: {name}")


def _sent(
    data: bytes, window: shown.Window | None, options: Mapping[str, Any]
) -> tuple[dict[str, object], NDArray[Any] | None]:
    """How the picture is made, and what was sent of it, decoded exactly, where parts of it are generated."""
    provenance = apercu.provenance(data, **(restoring := of_restoring(options)))
    if provenance["kind"] != "generative":
        return provenance, None
    exactly = {name: value for name, value in options.items() if name not in restoring}
    return provenance, apercu.decode(data, window=window, full_size=True, **exactly)


def _without(hidden: Mask, image: NDArray[Any]) -> NDArray[Any]:
    """An image with 0 where it is hidden."""
    return np.where(hidden.reshape(image.shape), 0, image).astype(image.dtype)


def _measured(original: Samples, decoded: Samples, peak: Peak) -> dict[str, float]:
    """What every metric says that this picture is neither too small nor too large for."""
    side, n_pixels = min(original.shape[:2]), original.shape[0] * original.shape[1]
    return {
        name: metric.function(original, decoded, peak=peak)
        for name, metric in metrics.METRICS.items()
        if name == "psnr" or (side >= metric.smallest and n_pixels <= MOST_MEASURED)
    }


def _what(image: Samples) -> str:
    height, width = image.shape[:2]
    n_bands = 1 if image.ndim == 2 else image.shape[2]
    return f"{size_of(width, height, n_bands)}, {image.dtype}"
