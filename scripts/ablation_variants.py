"""What the ablation leaves out or puts in another's place: edits of the kernel's source, and other transforms."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from apercu.codecs import apercu as codec
from apercu.stages.bands import band_step
from apercu.stages.colour import Plane
from apercu.stages.wavelet import Bands, band_places, wavelet_analyse, wavelet_synthesise

Edit = tuple[str, str, str]
"""File of the kernel, what stands there, what stands there instead."""


@dataclass(frozen=True)
class Variant:
    """The codec with a part of it left out."""

    part: str
    instead: str
    edits: tuple[Edit, ...] = ()
    patch: Callable[[], None] | None = None
    tables: str = ""
    """Whose tables it codes with: its own, trained for it, unless another's name stands here."""
    ignorant: bool = False
    """Whether contexts begin without knowledge."""


FIXED: Edit = (
    "range_coder.h",
    "    uint32_t fast_shift = c->shift < c->fast_shift",
    "    if (c->fast_shift)\n        return;\n    uint32_t fast_shift = c->shift < c->fast_shift",
)
ALONE: tuple[Edit, ...] = (
    ("band_model.h", "return buckets[sum < 75 ? sum : 75];", "return 0 * buckets[sum < 75 ? sum : 75];"),
    ("band_code.c", "((sign_at[-1] * 3 + sign_at[up]) * 3 + sign_at[up - 1]) * 3 + sign_at[up + 1];", "0;"),
    ("band_code.c", "(flags[(ptrdiff_t)g - 1] + 2 * flags_above[g] + 4 * flags_above[g + 1])", "0"),
)
ROUNDED: tuple[Edit, ...] = (
    (
        "band_choice.h",
        "    if (most == 0)\n        return must ? 1 : 0;",
        "    most = (a + 90) >> 8;\n    (void)b, (void)negative, (void)zero, (void)sign, (void)magnitude;\n"
        "    return must && !most ? 1 : most > 32767 ? 32767 : most;",
    ),
    ("band_choice.h", "has |= one > none;", "has |= (a + 90) >> 8 > 0;"),
    ("band_choice.h", "LOW_PRICE = 22", "LOW_PRICE = 0"),
    ("band_choice.h", "return has && gain > (int64_t)b->price", "return has || 0 * gain > (int64_t)b->price"),
)


FIVE_BITS: tuple[Edit, ...] = (
    ("band_choice.h", "int64_t none = -b->price", "int64_t none = 0"),
    ("band_choice.h", "bits = cost(zero, 1) + SIGN_Q8 +", "bits = 1280 + 384 * (q - 1) + 0 *"),
)
ONE_PRICE: tuple[Edit, ...] = (("band_choice.h", "{26, 16, 18, 26, 26}", "{26, 26, 26, 26, 26}"),)
CHROMA: tuple[Edit, ...] = (("band_step.c", "CHROMA_Q8 = 154", "CHROMA_Q8 = 128"),)


def _in_dct(block: int) -> Callable[[], None]:
    def patch() -> None:
        codec.wavelet_analyse = lambda *a: dct_analyse(block, *a)  # type: ignore[attr-defined]
        codec.wavelet_synthesise = lambda *a: dct_synthesise(block, *a)  # type: ignore[attr-defined]

    return patch


def _in_layers(layers: int) -> Callable[[], None]:
    def patch() -> None:
        codec.n_layers = lambda *_: layers

    return patch


VARIANTS = {
    "whole": Variant("", "as it is"),
    "alone": Variant("contexts", "adaptive, one a band: no neighbours", ALONE),
    "static-alone": Variant(
        "contexts", "static, one a band: neither neighbours nor learning", (*ALONE, FIXED), tables="alone"
    ),
    "static": Variant("contexts", "static: neighbours, but no learning", (FIXED,), tables="whole"),
    "within": Variant(
        "contexts",
        "nothing of parents, sisters and the plane before",
        (("band_around.h", "sums[x] >> 4 > 255 ? 255 : sums[x] >> 4", "0 * sums[x]"),),
    ),
    "ignorant": Variant("contexts", "begin without knowledge", ignorant=True, tables="whole"),
    "no-groups": Variant(
        "classes", "no flags: every coefficient is coded", (("band_code.c", "stage <= FLAGGED_STAGES", "stage < 1"),)
    ),
    "finest-groups": Variant(
        "classes", "flags in the finest stage alone", (("band_code.c", "stage <= FLAGGED_STAGES", "stage <= 1"),)
    ),
    "rounded": Variant("choice", "symbols rounded with a dead zone, not chosen", ROUNDED),
    "five-bits": Variant("choice", "groups held to cost five bits, whatever their contexts", FIVE_BITS),
    "low": Variant("choice", "LL rounded, not chosen", (("band_choice.h", "LOW_PRICE = 22", "LOW_PRICE = 0"),)),
    "one-price": Variant("choice", "one price of a bit in all stages", ONE_PRICE),
    "chroma": Variant("choice", "steps of chroma not a fifth larger", CHROMA),
    "dct-8": Variant("transform", "DCT of 8 × 8, its DC in a wavelet", patch=_in_dct(8)),
    "dct-16": Variant("transform", "DCT of 16 × 16, its DC in a wavelet", patch=_in_dct(16)),
    "dct-32": Variant("transform", "DCT of 32 × 32", patch=_in_dct(32)),
    "one-layer": Variant("layers", "one layer", patch=_in_layers(1), tables="whole"),
    "five-layers": Variant("layers", "five layers", patch=_in_layers(5), tables="whole"),
}  # fmt: skip


# --- Block transforms in the wavelet's order ------------------------------------------------------
def _scale(level: int, orientation: int) -> float:
    """From an orthonormal coefficient in samples of 8 bits to the unit of its band."""
    return band_step(1 << 18, 0, level, orientation) / 1024


_LOW_SCALES = {4: 244 / 256, 5: 122 / 256}


def dct_analyse(block: int, plane: Plane, height: int, width: int, levels: int, centre: int, bands: Bands) -> None:
    """The place of a coefficient of a block is that of the wavelet's coefficient of the same frequencies.

    The sides are multiples of the block. Coefficients of DC go through what levels are left of the wavelet.
    """
    block = min(block, 1 << levels)
    own = block.bit_length() - 1
    samples = (plane[:height, :width].astype(float) - centre) / 32
    squares = samples.reshape(height // block, block, width // block, block)
    values = scipy.fft.dctn(squares, axes=(1, 3), norm="ortho")
    places = band_places(height, width, levels)
    bands[:] = 0
    for level in range(1, own + 1):
        for orientation, (down, across) in enumerate(_parts(block, level)):
            start, h, w = places[level, orientation]
            part = values[:, down, :, across].reshape(h, w) * _scale(level, orientation)
            bands[start : start + h * w] = np.rint(part).clip(-32767, 32767).astype(np.int16).ravel()
    low = values[:, 0, :, 0]
    if own == levels:
        bands[: low.size] = np.rint(low * _LOW_SCALES[levels]).clip(-32767, 32767).astype(np.int16).ravel()
        return
    # A DC is `block` times the mean: as samples that a wavelet of fewer levels may take, 5 fraction bits.
    small = np.rint(low / block * 32).astype(np.int16)
    inner = np.empty(small.size, np.int16)
    wavelet_analyse(small, small.shape[0], small.shape[1], levels - own, 0, inner)
    bands[: inner.size] = inner


def _parts(block: int, level: int) -> list[tuple[slice, slice]]:
    low, high = slice(0, block >> level), slice(block >> level, block >> (level - 1))
    return [(low, high), (high, low), (high, high)]


def dct_synthesise(block: int, bands: Bands, plane: Plane, levels: int, centre: int) -> None:
    """The inverse of `dct_analyse`."""
    height, width = plane.shape
    block = min(block, 1 << levels)
    own = block.bit_length() - 1
    values: NDArray[np.float64] = np.zeros((height // block, block, width // block, block))
    places = band_places(height, width, levels)
    for level in range(1, own + 1):
        for orientation, (down, across) in enumerate(_parts(block, level)):
            start, h, w = places[level, orientation]
            inside = values[:, down, :, across]
            inside[:] = bands[start : start + h * w].reshape(inside.shape) / _scale(level, orientation)
    shape = height // block, width // block
    if own == levels:
        values[:, 0, :, 0] = bands[: shape[0] * shape[1]].reshape(shape) / _LOW_SCALES[levels]
    else:
        small = np.empty(shape, np.int16)
        wavelet_synthesise(np.ascontiguousarray(bands[: small.size]), small, levels - own, 0)
        values[:, 0, :, 0] = small / 32 * block
    samples = scipy.fft.idctn(values, axes=(1, 3), norm="ortho").reshape(height, width) * 32 + centre
    plane[:] = np.rint(samples).clip(-8191, 8191).astype(np.int16)
