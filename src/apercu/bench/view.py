"""One apercu file as a comparison: what the page needs to show it alone, or against its original."""

from pathlib import Path

import apercu
from apercu.bench import metrics, shown
from apercu.bench.own import label
from apercu.bench.page import page_html
from apercu.errors import OptionError
from apercu.format.container import read_header
from apercu.stages.colour import Samples

SIDE = 2048  # pixels: the longest side of what is shown; a page of two such pictures stays below the limit
MOST_MEASURED = 1 << 24  # pixels beyond which PSNR alone is measured, since the others take a second a megapixel


def file_page(
    data: bytes,
    name: str,
    original: Samples | None = None,
    *,
    restore: str = "none",
    damaged: str = "raise",
    model: str | Path | None = None,
    network: str | Path | None = None,
    window: shown.Window | None = None,
) -> str:
    """The page of one file as HTML.

    Args:
        data: an apercu file.
        name: what the page calls it.
        original: what was encoded, of the same shape and dtype; with it the page shows both, and metrics.
        restore, damaged, model, network: as in `apercu.decode`.
        window: (top, left, height, width) of the pixels to show; by default as much of the middle as a page can hold.

    Raises:
        FormatError: the file cannot be decoded.
        OptionError: the original or the window does not fit the file.
    """
    decoded = apercu.decode(data, restore=restore, damaged=damaged, model=model, network=network)
    height, width = decoded.shape[:2]
    if original is not None and (original.shape, original.dtype) != (decoded.shape, decoded.dtype):
        raise OptionError(f"the original is {_what(original)}, the file holds {_what(decoded)}")
    if window is not None and not _fits(window, height, width):
        raise OptionError(f"a window is TOP LEFT HEIGHT WIDTH, inside of {width} × {height} pixels")
    window = window or shown.centred(height, width, SIDE)
    header = read_header(data)  # and not info, which refuses a damaged file
    view = shown.view_of(decoded if original is None else original, header.interpretation)

    point = {
        "image": name,
        "codec": f"apercu:{header.codec}/{restore}",
        "n_bytes": len(data),
        "bpp": 8 * len(data) / (width * height),
        "level": "set by hand" if header.quality_q8 is None else f"quality {header.quality_q8 / 256:g}",
        "metrics": {} if original is None else _measured(original, decoded),
    }
    comparison = {
        "codecs": [point["codec"]],
        "labels": {point["codec"]: label(str(point["codec"]))},
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
                "window": window,
                "note": str(view),
            }
        ],
        "points": [point],
    }

    def packed(image: Samples) -> bytes:
        return shown.lossless(shown.show(shown.cut(image, window), view))

    originals = {} if original is None else {name: {"webp": packed(original), "window": window}}
    pictures = {(name, point["codec"], point["bpp"]): {"webp": packed(decoded), "point": point}}
    return page_html(comparison, pictures, originals, title=f"apercu view: {name}")


def _measured(original: Samples, decoded: Samples) -> dict[str, float]:
    """What every metric says that this picture is neither too small nor too large for."""
    side, n_pixels = min(original.shape[:2]), original.shape[0] * original.shape[1]
    return {
        name: metric.function(original, decoded)
        for name, metric in metrics.METRICS.items()
        if name == "psnr" or (side >= metric.smallest and n_pixels <= MOST_MEASURED)
    }


def _what(image: Samples) -> str:
    height, width = image.shape[:2]
    n_bands = 1 if image.ndim == 2 else image.shape[2]
    return f"{width} × {height} pixels of {n_bands} bands, {image.dtype}"


def _fits(window: shown.Window, height: int, width: int) -> bool:
    top, left, rows, columns = window
    return min(top, left) >= 0 and min(rows, columns) >= 1 and top + rows <= height and left + columns <= width
