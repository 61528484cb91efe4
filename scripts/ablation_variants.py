"""What the ablation leaves out or puts in another's place: edits of the kernel's source, and other transforms."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from apercu.codecs import apercu as codec
from scripts.ablation_dct import dct_analyse, dct_synthesise
from scripts.ablation_learnt import learn

Patch = Callable[[Path], Callable[[], int] | None]
"""Puts something else in the codec's place, given a folder of training images; may tell how many bytes it would need
beside the last file."""
Edit = tuple[str, str, str]
"""File of the kernel, what stands there, what stands there instead."""


@dataclass(frozen=True)
class Variant:
    """The codec with a part of it left out."""

    part: str
    instead: str
    edits: tuple[Edit, ...] = ()
    patch: Patch | None = None
    tables: str = ""
    """Whose tables it codes with: its own, trained for it, unless another's name stands here."""
    ignorant: bool = False
    """Whether contexts begin without knowledge."""
    layers: int | None = None
    """Of a file of 2,000 bytes or more, in place of four or five."""


FIXED: Edit = (
    "range_coder.h",
    "    uint32_t fast_shift = c->shift < c->fast_shift",
    "    if (c->fast_shift)\n        return;\n    uint32_t fast_shift = c->shift < c->fast_shift",
)
ALONE: tuple[Edit, ...] = (
    ("band_model.h", "return buckets[sum < 75 ? sum : 75];", "return 0 * buckets[sum < 75 ? sum : 75];"),
    ("band_symbols.h", "((sign_at[-1] * 3 + sign_at[above]) * 3 + sign_at[above - 1]) * 3 + sign_at[above + 1];", "0;"),
    ("band_symbols.h", "(flags[(ptrdiff_t)g - 1] + 2 * flags[g] + 4 * flags[g + 1])", "0"),
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
    ("band_choice.h", "return has && gain > b->price", "return has || 0 * gain > b->price"),
)


FIVE_BITS: tuple[Edit, ...] = (
    ("band_choice.h", "expense none = -b->price", "expense none = 0"),
    ("band_choice.h", "bits = cost(zero, 1) + SIGN_Q8 +", "bits = 1280 + 384 * (q - 1) + 0 *"),
)
ONE_PRICE: tuple[Edit, ...] = (("band_choice.h", "{26, 15, 17, 26, 26}", "{26, 26, 26, 26, 26}"),)
CHROMA: tuple[Edit, ...] = (("band_step.c", "CHROMA_Q8 = 154", "CHROMA_Q8 = 128"),)


def _without_fit(_: Path) -> None:
    codec.transform = codec.transform._replace(fitted=False)


def _in_dct(block: int) -> Patch:
    def patch(_: Path) -> None:
        codec.transform = codec.Transform(partial(dct_analyse, block), partial(dct_synthesise, block), fitted=False)

    return patch


_learnt_from = cache(learn)  # a process puts it in more than once


def _learnt(train: Path) -> Callable[[], int]:
    learnt = _learnt_from(train)
    codec.transform = codec.Transform(learnt.analyse, learnt.synthesise, fitted=False)
    return learnt.side_bytes


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
    "border": Variant("choice", "coefficients at the border as all others", patch=_without_fit, tables="whole"),
    "chroma": Variant("choice", "steps of chroma not a fifth larger", CHROMA),
    "dct-8": Variant("transform", "DCT of 8 × 8, its DC in a wavelet", patch=_in_dct(8)),
    "dct-16": Variant("transform", "DCT of 16 × 16, its DC in a wavelet", patch=_in_dct(16)),
    "dct-32": Variant("transform", "DCT of 32 × 32", patch=_in_dct(32)),
    "learnt": Variant("transform", "DCT of 16 × 16, or the best of eight learnt for luma", patch=_learnt),
    "one-layer": Variant("layers", "one layer", layers=1, tables="whole"),
    "five-layers": Variant("layers", "five layers", layers=5, tables="whole"),
}  # fmt: skip
