"""From an image to a file and back: tiles, targets, damage. What a tile's bytes mean is the codec's."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import zip_longest
from pathlib import Path

import numpy as np

from apercu.codecs import rate, taha2025
from apercu.errors import ApercuError, FormatError, ImageError, OptionError, TooLarge
from apercu.format import weights as weight_files
from apercu.format.container import MAX_BANDS, MAX_QUALITY_Q8, MAX_SIDE, Header, pack, read_header, read_segments
from apercu.format.ids import DEFAULT_MODEL_IDS, USER_MODEL
from apercu.stages.blocks import Window, tiles
from apercu.stages.colour import INTERPRETATIONS, Samples, measure_levels
from apercu.stages.transform import Weights

CODECS = ("taha2025",)
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Target:
    """What an encoder is to meet; one of the five is set."""

    n_bytes: int | None = None
    psnr: float | None = None
    quality: float | None = None
    by_hand: tuple[float, float] | None = None
    """(threshold, step)"""


@dataclass(frozen=True)
class _Job:
    """An image on its way to a file."""

    samples: Samples  # (H, W, B)
    header: Header
    weights: Weights
    tables: str | None
    progress: Progress

    def windows(self) -> list[Window]:
        return list(tiles(self.header.height, self.header.width, self.header.tile))

    def tile(self, window: Window) -> Samples:
        return _part(self.samples, window)

    def analyses(self, setting: taha2025.Setting | None) -> Iterator[taha2025.Analysis]:
        windows = self.windows()
        for done, window in enumerate(windows):
            self.progress(done / len(windows))
            yield taha2025.analyse(self.tile(window), self.header, self.weights, setting)

    def pack(self, setting: taha2025.Setting, analyses: Iterable[taha2025.Analysis]) -> bytes:
        header = replace(self.header, quality_q8=setting.quality_q8, parameters=taha2025.parameters(setting))
        return pack(header, [taha2025.code(analysis, setting) for analysis in analyses])

    def squared_error(self, setting: taha2025.Setting, analyses: list[taha2025.Analysis]) -> int:
        """Summed over all samples of the image, as decoded with restore="none"."""
        header = replace(self.header, quality_q8=setting.quality_q8)
        total = 0
        for window, analysis in zip(self.windows(), analyses, strict=True):
            tile = self.tile(window)
            decoded = np.empty(tile.shape, self.samples.dtype.newbyteorder("="))
            taha2025.decode(taha2025.code(analysis, setting), header, self.weights, decoded)
            for rows in range(0, len(tile), _ROWS):
                difference = tile[rows : rows + _ROWS].astype(np.int64) - decoded[rows : rows + _ROWS]
                total += int(np.vdot(difference, difference))
        return total


_ROWS = 64  # of a tile at a time, where a wider type is needed: memory stays small


def encode(
    image: object,
    target: Target,
    codec: str,
    bands: str | None,
    tables: str | None,
    model: str | Path | None,
    progress: Progress,
) -> bytes:
    """See `apercu.encode`."""
    if codec not in CODECS:
        raise OptionError(f"codec must be one of {', '.join(CODECS)}, not {codec!r}")
    taha2025.check_tables(tables)
    fixed = None
    if target.by_hand:
        fixed = taha2025.by_hand(*target.by_hand, tables)
    elif target.quality is not None:
        fixed = taha2025.at_quality(_quality_q8(target.quality), tables)
    samples, header = _describe(image, bands, codec)
    if model is None:
        weights = weight_files.shipped(header.model_id)
    else:
        weights, model_hash = weight_files.of_user(model)
        header = replace(header, model_id=USER_MODEL, model_hash=model_hash)
    job = _Job(samples, header, weights, tables, progress)
    data = job.pack(fixed, job.analyses(fixed)) if fixed else _search(job, target)
    progress(1.0)
    return data


def _search(job: _Job, target: Target) -> bytes:
    """The file that meets a size or a PSNR; analysis is done once."""
    analyses = list(job.analyses(None))

    def setting(quality_q8: int) -> taha2025.Setting:
        return taha2025.at_quality(quality_q8, job.tables)

    @cache
    def size_at(quality_q8: int) -> int:
        return len(job.pack(setting(quality_q8), analyses))

    @cache
    def error_at(quality_q8: int) -> int:
        return job.squared_error(setting(quality_q8), analyses)

    def psnr_at(quality_q8: int) -> float:
        error, peak = error_at(quality_q8), 65535 if job.header.wide else 255
        return 10 * math.log10(peak**2 * job.samples.size / error) if error else math.inf

    if target.n_bytes is not None:
        found = rate.best_within(target.n_bytes, size_at, error_at, MAX_QUALITY_Q8)
    else:
        assert target.psnr is not None  # the last that is left
        found = rate.nearest_psnr(target.psnr, psnr_at, MAX_QUALITY_Q8)
    return job.pack(setting(found), analyses)


def _quality_q8(quality: float) -> int:
    """A multiple of 1/256 as it is; anything else goes to the nearest multiple of 1/32, which is of variant 0."""
    fine = quality * 256
    return int(fine) if fine == int(fine) else rate.VARIANTS * round(quality * 32)


def decode(data: bytes, damaged: str, model: str | Path | None, max_pixels: int | None, progress: Progress) -> Samples:
    """See `apercu.decode`."""
    header = read_header(data)
    _check_size(header, max_pixels)
    taha2025.setting_of(header)
    weights = weight_files.of_stream(header.model_id, header.model_hash, model)
    segments = list(read_segments(data, header))
    _refuse(segments, damaged)
    image = np.empty((header.height, header.width, header.n_bands), np.uint16 if header.wide else np.uint8)
    windows = list(tiles(header.height, header.width, header.tile))
    for done, window in enumerate(windows):
        progress(done / len(windows))
        segments[done] = _decode_tile(segments[done], header, weights, _part(image, window))
        if damaged == "raise":
            _refuse(segments[done : done + 1], damaged)
    _refuse(segments, damaged)
    for window, segment in zip(windows, segments, strict=False):  # bytes after the last segment are a fault as well
        if isinstance(segment, ApercuError):
            taha2025.fill(header, _part(image, window))
    progress(1.0)
    return image[:, :, 0] if header.flat and header.interpretation == "grey" else image


def _decode_tile(segment: bytes | ApercuError, header: Header, weights: Weights, out: Samples) -> bytes | ApercuError:
    """The segment again once its tile stands in `out`; or its fault."""
    if isinstance(segment, bytes):
        try:
            taha2025.decode(segment, header, weights, out)
        except FormatError as fault:
            return fault.with_traceback(None)  # a traceback keeps the decoder's arrays, and there may be many faults
    return segment


def _part(samples: Samples, window: Window) -> Samples:
    """The samples of a window, not copied."""
    return samples[window.top : window.top + window.height, window.left : window.left + window.width]


def _refuse(segments: list[bytes | ApercuError], damaged: str) -> None:
    """Raises the first fault where none is wanted, or where nothing is intact."""
    faults = [segment for segment in segments if isinstance(segment, ApercuError)]
    if faults and (damaged == "raise" or len(faults) == len(segments)):
        raise faults[0]


def check(data: bytes, model: str | Path | None, max_pixels: int | None) -> list[ApercuError]:
    """See `apercu.check`."""
    try:
        header = read_header(data)
        _check_size(header, max_pixels)
        taha2025.setting_of(header)
        if model is not None:
            weight_files.of_stream(header.model_id, header.model_hash, model)
    except ApercuError as fault:
        return [fault]
    faults = []
    segments = read_segments(data, header)
    for window, segment in zip_longest(tiles(header.height, header.width, header.tile), segments):
        if isinstance(segment, bytes):
            try:
                taha2025.read(segment, header, window.height, window.width)
            except ApercuError as fault:
                faults.append(fault.with_traceback(None))  # as in _decode_tile
        else:
            faults.append(segment)
    return faults


def info(data: bytes, max_pixels: int | None) -> dict[str, object]:
    """See `apercu.info`."""
    header = read_header(data)
    _check_size(header, max_pixels)  # the groups of all blocks are counted
    setting = taha2025.setting_of(header)
    plain = detailed = 0
    windows = tiles(header.height, header.width, header.tile)
    for window, segment in zip(windows, read_segments(data, header), strict=False):
        if isinstance(segment, ApercuError):
            raise segment
        g1, g2 = taha2025.count_groups(segment, header, window.height, window.width)
        plain, detailed = plain + g1, detailed + g2
    return {
        "width": header.width,
        "height": header.height,
        "bands": header.n_bands,
        "interpretation": header.interpretation,
        "dtype": "uint16" if header.wide else "uint8",
        "codec": header.codec,
        "model": header.model_hash.hex() if header.model_id == USER_MODEL else header.model_id,
        "version": header.version,
        "quality": None if header.quality_q8 is None else header.quality_q8 / 256,
        "step": setting.step_q3 / 8,
        "threshold": setting.threshold_q4 / 16,
        "n_bytes": len(data),
        "bpp": 8 * len(data) / (header.width * header.height),
        "tiles": header.n_tiles,
        "g1_share": plain / (plain + detailed),
        "g2_share": detailed / (plain + detailed),
    }


def _check_size(header: Header, max_pixels: int | None) -> None:
    """Before anything is set aside for the image."""
    n_pixels = header.height * header.width
    if max_pixels is not None and (n_pixels > max_pixels or n_pixels * header.n_bands > 4 * max_pixels):
        raise TooLarge(
            f"{header.width} x {header.height} pixels of {header.n_bands} bands are more than apercu.MAX_PIXELS = "
            f"{max_pixels} allows; raise it, or set it to None, for a file that you trust"
        )


def _describe(image: object, bands: str | None, codec: str) -> tuple[Samples, Header]:
    """The image as (H, W, B) and the header that describes it; raises ImageError or OptionError."""
    try:
        samples = np.asarray(image)
    except (TypeError, ValueError) as error:
        raise ImageError(f"an image is an array of uint8 or uint16: {error}") from None
    if samples.dtype.kind != "u" or samples.dtype.itemsize > 2:
        raise ImageError(f"an image is an array of uint8 or uint16, not {samples.dtype}: scale and round it first")
    if samples.ndim not in (2, 3) or 0 in samples.shape:
        raise ImageError(f"an image has the shape (H, W) or (H, W, B), none of them 0, not {samples.shape}")
    flat = samples.ndim == 2
    height, width, n_bands = samples.shape if samples.ndim == 3 else (*samples.shape, 1)
    if max(height, width) > MAX_SIDE or n_bands > MAX_BANDS:
        raise ImageError(f"an image has at most {MAX_SIDE} x {MAX_SIDE} pixels and {MAX_BANDS} bands")
    interpretation = {1: "grey", 3: "rgb", 4: "rgba"}.get(n_bands, "spectral") if bands is None else bands
    if interpretation not in INTERPRETATIONS:
        raise OptionError(f"bands must be one of {', '.join(INTERPRETATIONS)}, not {bands!r}")
    if n_bands != {"grey": 1, "rgb": 3, "rgba": 4}.get(interpretation, n_bands) or (
        flat and interpretation == "spectral"
    ):
        raise OptionError(f"bands={interpretation!r} does not fit an array of shape {samples.shape}")
    samples = samples.reshape(height, width, n_bands)
    wide = samples.dtype.itemsize == 2
    return samples, Header(
        height,
        width,
        n_bands,
        interpretation,
        wide=wide,
        flat=flat or interpretation != "grey",
        codec=codec,
        model_id=DEFAULT_MODEL_IDS[codec],
        levels=tuple(measure_levels(samples, interpretation)) if wide else (),
        tile_log2=taha2025.TILE_LOG2 if max(height, width) > 1 << taha2025.TILE_LOG2 else 0,
    )
