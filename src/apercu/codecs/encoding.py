"""From an image to a file: tiles, planes, layers, targets. What a tile's bytes mean is the codec's."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from apercu.codecs import counted, large, made, rate, tables
from apercu.codecs.by_name import codec_of, options_by_codec
from apercu.codecs.forecast import picked
from apercu.codecs.importance import importance_of
from apercu.codecs.job import Job
from apercu.codecs.plan import Plan
from apercu.codecs.protocol import AnyCodec, Progress, Setting, no_progress
from apercu.codecs.source import Source, is_flat, source_of
from apercu.codecs.target import Target as Target
from apercu.errors import OptionError
from apercu.format.chunks import Reduced
from apercu.format.container import MAX_QUALITY_Q8, MAX_TILE_LOG2, MIN_TILE_LOG2, Header
from apercu.format.ids import CODECS, DEFAULT_MODEL_IDS, USER_MODEL
from apercu.options import about, owners
from apercu.options import made as options_made
from apercu.stages.colour import INTERPRETATIONS, Levels, check_levels

_TILE_BYTES, _LEAST_TILE = 1 << 26, 1 << 10
"""Of the samples of a tile, unless that makes it smaller than this. Of colours of 16 bits they take more than their
planes, of which a codec's plan knows."""
_SIDES = [1 << log2 for log2 in range(MIN_TILE_LOG2, MAX_TILE_LOG2 + 1)]  # of tiles


@dataclass(frozen=True)
class How:
    """How an image is encoded; see `apercu.encode`. `options`: those of the codec, as `options_of` returns them."""

    codec: str
    options: Any = None
    bands: str | None = None
    model: str | Path | None = None
    progress: Progress = no_progress
    tile: int | None = None
    layers: int | None = None


def encode(
    image: object,
    target: Target,
    how: How,
    plan: Plan | None = None,
    levels: Sequence[Levels] | None = None,
    one_price: bool = False,
    reduced: Reduced | None = None,
) -> bytes:
    """See `apercu.encode`. `image` may be a `Source` too, which gives the bytes that an array of the same samples does;
    with one band, that is an array (H, W). `plan`: in place of the codec's own; `levels`: of a uint16 image, one for
    each level group, in place of measured ones; `one_price`: whether a codec that weighs similarity too chooses symbols
    for PSNR alone; `reduced`: how the image was reduced before, of whose full size the options speak."""
    codec, module = how.codec, codec_of(how.codec)
    options = how.options or _no_options(codec)
    fixed: Setting | None = module.by_hand(options)
    if target.quality is not None:
        fixed = module.at_quality(_quality_q8(target.quality, module.VARIANTS), options)
    source = source_of(image)
    header = _describe(source, how.bands, codec)
    if entropy := getattr(options, "entropy", None):
        other = "" if entropy == header.entropy else entropy
        header = replace(header, model_id=DEFAULT_MODEL_IDS[codec, entropy], other_entropy=other)
    header, found = _with_tables(header, how.model)
    plan = _planned(header, module, found, how.tile, how.layers, plan)
    if plan.tile and plan.tile < max(header.height, header.width):
        header = replace(header, tile_log2=plan.tile.bit_length() - 1)
    if levels is not None:
        check_levels(np.empty((1, 1, header.n_bands), source.dtype), header.interpretation, levels)
    elif header.wide:
        levels = levels_of(source, header.interpretation, codec, target, header.tile)
    if levels is not None:
        header = replace(header, levels=tuple(levels))
    importance = importance_of(options, reduced or Reduced(0, source.height, source.width))
    progress = _forwards(how.progress)
    progress(0.0)
    job = Job(source, header, module, found, plan, progress, one_price, importance)
    once = fixed and plan.n_layers
    if header.height * header.width * header.n_bands <= plan.kept_samples and not once:
        job.kept = [job.analysis(tile, None) for tile in range(header.n_tiles)]
    data = job.file(fixed) if fixed else _search(job, target, options)
    if reads := job.reads.get(data):
        made.keep(data, reads)
    progress(1.0)
    return data


def _with_tables(header: Header, model: str | Path | None) -> tuple[Header, Any]:
    """The header with the model that was asked for, and its tables."""
    model_id = header.model_id if model is None else tables.named(model, header.codec, header.entropy)
    if model_id is not None:
        return replace(header, model_id=model_id), tables.shipped(model_id)
    assert model is not None
    found, model_hash = tables.of_user(header.codec, model, header.entropy)
    return replace(header, model_id=USER_MODEL, model_hash=model_hash), found


def levels_of(source: Source, interpretation: str, codec: str, target: Target, side: int) -> tuple[Levels, ...]:
    """The levels that a uint16 source is coded with; it is read by windows of this side."""
    psnr = target.of_65535() if codec_of(codec).DOMAIN == "planes" else None
    return counted.levels_for(counted.image_to_measure(source, side), interpretation, psnr)


def _forwards(progress: Progress) -> Progress:
    """Passes on what is more than before: a file is made again for each number of layers that is tried."""
    most = -1.0

    def to(share: float) -> None:
        nonlocal most
        if share > most:
            most = share
            progress(share)

    return to


def _planned(
    header: Header, codec: AnyCodec, of_model: Any, tile: int | None, layers: int | None, plan: Plan | None
) -> Plan:
    """The plan, with the tiles and layers that were asked for; raises OptionError where codec or format does not allow
    them, or would cut blocks of the tables `of_model`. Where nobody asked for tiles, and they would, the image is one
    tile."""
    if layers is not None and layers > (most := codec.MOST_LAYERS):
        raise OptionError(f"{header.codec} has {f'1 to {most} layers' if most > 1 else 'one layer'}, not {layers}")
    if tile is not None and tile not in _SIDES:
        raise OptionError(f"tile must be a power of two from {_SIDES[0]} to {_SIDES[-1]}, not {tile}")
    planned = plan or codec.plan(header.interpretation, header.n_bands, header.height, header.width)
    if layers is not None:
        planned = planned._replace(layers=layers, most_layers=layers, layered_from=0)
    if tile is not None:
        planned = planned._replace(tile=tile)
    elif planned.tile and plan is None and header.height * header.width * header.n_bands > planned.kept_samples:
        bytes_a_pixel = header.n_bands * (2 if header.wide else 1)
        while planned.tile > _LEAST_TILE and planned.tile**2 * bytes_a_pixel > _TILE_BYTES:
            planned = planned._replace(tile=planned.tile // 2)
    side: int = getattr(of_model, "block_side", 1)
    if planned.tile is None or planned.tile >= max(header.height, header.width) or planned.tile % side == 0:
        return planned
    if tile is not None or plan is not None:
        raise OptionError(
            f"tiles of {planned.tile} would cut the blocks of {side} × {side} of this model: leave tile (--tile) out"
        )
    return planned._replace(tile=None)


def options_of(codec: str, given: Mapping[str, object]) -> Any:
    """The options of a codec, a `Codec.Options`, from keywords; raises OptionError for a codec or an option that there
    is not, or that only other codecs have, and for values that cannot be."""
    if codec not in tuple(CODECS):  # a tuple, since names that cannot be hashed are to be refused too
        raise OptionError(f"codec must be one of {', '.join(CODECS)}, not {codec!r}")
    if not given:
        return _no_options(codec)
    own = codec_of(codec).Options
    if given.keys() - about(own).keys():
        _refuse_strange(codec, given)
    return options_made(own, given)


@cache
def _no_options(codec: str) -> Any:
    return codec_of(codec).Options()


def _refuse_strange(codec: str, given: Mapping[str, object]) -> None:
    has = owners(options_by_codec())
    if unknown := [name for name in given if name not in has]:
        raise OptionError(f"encode has no option {', '.join(unknown)}")
    strange = [name for name, (_, names) in has.items() if given.get(name) is not None and codec not in names]
    if strange:
        others = [name for name in CODECS if any(name in has[option][1] for option in strange)]
        one = len(others) == 1
        raise OptionError(
            f"the codec {codec} has no {' and no '.join(strange)}; the codec{'s' * (not one)} {' and '.join(others)} "
            f"{'has' if one else 'have'}"
        )


def _search(job: Job, target: Target, options: Any) -> bytes:
    """The file that meets a size or a PSNR. Unless the image is very large, it is analysed only once."""
    tries = 0

    def went_on(share: float) -> None:  # of a try; how many there will be is not known
        progress(1 - 0.9 ** (tries - 1 + share))

    n_bytes, psnr = target.n_bytes, target.psnr
    peak, n_counted, error = float(target.peak or (65535 if job.header.wide else 255)), 0, 0.0
    if psnr is not None:
        image = counted.image_to_measure(job.source, job.header.tile)
        n_counted = counted.n_counted(image, job.header.interpretation)
        error = peak**2 * n_counted * 10 ** (-psnr / 10)
    if job.kept is None and job.codec.counts and (data := _of_large(job, n_bytes, error, options)):
        return data
    progress = job.progress
    job.progress = went_on

    def psnr_of(error: float) -> float:
        return 10 * math.log10(peak**2 * n_counted / error) if error and n_counted else math.inf

    expected: rate.Expected | None = None
    variants = tuple(job.codec.variants(options))
    if forecasts := job.forecasts(variants):
        first = picked(forecasts, n_bytes, error)
        variants = (first, *(variant for variant in variants if variant != first))
        of_file = forecasts[first]
        of_step = of_file.n_bytes if n_bytes is not None else lambda step_q8: psnr_of(of_file.error(step_q8))

        def expected(at: int) -> float:
            return of_step(setting(at).step_q8)

    end = MAX_QUALITY_Q8 // job.codec.VARIANTS * len(variants)

    @cache
    def setting(at: int) -> Setting:
        """Of place * len(variants) + number: a place on the path, coded by variants[number]. The first and the last are
        those of quality 0 and 100, whatever was picked."""
        place, number = divmod(at, len(variants))
        variant = variants[number] if 0 < at < end else 0
        at_place: Setting = job.codec.at_quality(job.codec.VARIANTS * place + variant, options)
        return at_place

    last: dict[int, tuple[bytes, dict[bytes, list[made.Read]]]] = {}

    @cache
    def size_at(at: int) -> int:
        nonlocal tries
        tries += 1
        data = job.file(setting(at))
        if n_bytes is not None and len(data) <= n_bytes:
            last.clear()
            last[at] = data, job.reads
        return len(data)

    @cache
    def error_at(at: int) -> int:
        nonlocal tries
        tries += 1
        return job.squared_error(setting(at))

    how = end, len(variants), expected
    if n_bytes is not None:
        found = rate.best_within(n_bytes, size_at, error_at, *how, job.codec.DOMAIN == "samples")
    else:
        assert psnr is not None  # the only one left
        found = rate.nearest_psnr(psnr, lambda at: psnr_of(error_at(at)), *how)
    if found in last:
        data, job.reads = last[found]
        return data
    tries += 1
    return job.file(setting(found))


def _of_large(job: Job, n_bytes: int | None, error: float, options: Any) -> bytes | None:
    """The file of an image that is not kept in memory that meets a size, or else a squared error, if it is soon
    found."""
    codec = job.codec
    top = MAX_QUALITY_Q8 // codec.VARIANTS

    def setting_at(place: int, variant: int) -> Setting:
        at_place: Setting = codec.at_quality(codec.VARIANTS * place + (variant if 0 < place < top else 0), options)
        return at_place

    how = job, setting_at, top, tuple(codec.variants(options))
    return large.nearest_error(error, *how) if n_bytes is None else large.best_within(n_bytes, *how)


def _quality_q8(quality: float, variants: int) -> int:
    """The quality in 1/256; if it is no multiple of 1/256, the nearest one of variant 0."""
    fine = quality * 256
    return int(fine) if fine == int(fine) else variants * round(fine / variants)


def interpretation_of(source: Source, bands: str | None) -> str:
    """What the bands of an image are, by their number if nobody says it; raises OptionError."""
    n_bands = source.n_bands
    interpretation = {1: "grey", 3: "rgb", 4: "rgba"}.get(n_bands, "spectral") if bands is None else bands
    flat = is_flat(source, interpretation)
    if interpretation not in INTERPRETATIONS:
        raise OptionError(f"bands must be one of {', '.join(INTERPRETATIONS)}, not {bands!r}")
    if n_bands != {"grey": 1, "rgb": 3, "rgba": 4}.get(interpretation, n_bands) or (
        flat and interpretation == "spectral"
    ):
        shape = (source.height, source.width) if flat else (source.height, source.width, n_bands)
        raise OptionError(f"bands={interpretation!r} does not fit an array of shape {shape}")
    return interpretation


def _describe(source: Source, bands: str | None, codec: str) -> Header:
    """The header of an image, without levels; raises OptionError."""
    interpretation = interpretation_of(source, bands)
    return Header(
        source.height,
        source.width,
        source.n_bands,
        interpretation,
        wide=source.dtype.itemsize == 2,
        flat=interpretation != "grey" or is_flat(source, interpretation),
        codec=codec,
        model_id=DEFAULT_MODEL_IDS[codec, CODECS[codec][0]],
    )
