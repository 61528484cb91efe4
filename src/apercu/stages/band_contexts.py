"""The contexts of wavelet bands that can occur, and small tables, of a byte for each (spec/apercu.md, "Small tables").

The low 6 bits of a byte are the logit of the probability that a context begins with, the other two its age. Small
tables are of use where they lie: a table of 64 probabilities and one of 4 ages make a start of a byte when it is first
needed.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from apercu.stages.arguments import UINT8, check_array
from apercu.stages.bands import FLAGGED_STAGES, N_BANDS, N_CONTEXTS, N_WEIGHTS

SHAPES = {
    "zero": (2, 5, 3, 10, 10, 2),
    "sign": (2, 5, 3, 81),
    "magnitude": (2, 5, 10, 14),
    "flag": (2, 2, 3, 8, 10),
    "length": (2, 10, 17),
    "second": (2, 17),
    "sign of LL": (2,),
}
"""Of all contexts, by kind, in order: class, then, where there are any, stage less 1 and orientation, then the rest."""
N_REACHED, N_REACHED_BANDS = 8_119, 27
"""Contexts and bands that can occur."""
NEW = 32768, 3
"""What contexts begin with that cannot occur: probability of a 0 in 1/65536, and age."""

_UNLIKELY = (
    25, 32, 41, 53, 68, 87, 111, 143, 184, 236, 302, 387, 497, 636, 815, 1042,
    1333, 1701, 2168, 2758, 3500, 4427, 5577, 6992, 8714, 10782, 13226, 16062, 19282, 22849, 26695, 30723,
)  # fmt: skip
PROBABILITIES = np.array((*_UNLIKELY, *(65536 - p for p in reversed(_UNLIKELY))), np.uint16)
"""Of a 0 in 1/65536, by the low 6 bits i of a byte: 65536 / (1 + exp((31.5 - i) / 4)), rounded. They are typed by hand,
since they decide how bits are read."""
AGES = np.array((4, 11, 32, 91), np.uint16)
"""By the other two bits."""
N_LOGITS = len(PROBABILITIES)


@cache
def places() -> dict[str, NDArray[np.int64]]:
    """Indices of all contexts by kind, in the shapes of SHAPES."""
    found, at = {}, 0
    for kind, shape in SHAPES.items():
        n = int(np.prod(shape))
        found[kind] = np.arange(at, at + n).reshape(shape)
        at += n
    return found


@cache
def reached() -> NDArray[np.int64]:
    """Indices of the contexts that can occur, (8119,), in order. Chroma has nothing in stage 1; in stages without
    flags nothing is known of a group; the length of a residual of LL is 16 at most, and its second bit begins at 2."""
    can = np.ones(N_CONTEXTS, np.bool_)
    by_kind = places()
    for kind in ("zero", "sign", "magnitude", "flag"):
        can[by_kind[kind][1, 0]] = False
    can[by_kind["zero"][:, FLAGGED_STAGES:, ..., 1]] = False
    can[by_kind["length"][..., 16:]] = False
    can[by_kind["second"][:, :2]] = False
    return np.flatnonzero(can)


def _reached_bands() -> NDArray[np.int64]:
    """Indices of the bands that can occur, (27,), of class, stage and orientation."""
    return np.delete(np.arange(N_BANDS), np.arange(3) + N_BANDS // 2)


def unpacked(tables: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Weights (30, 9) and starts (11166, 2), as `start_contexts` takes them, of small tables (8362,): the weights of
    the bands that can occur, then a byte for each context that can. Raises OptionError for another array."""
    n_weights = N_REACHED_BANDS * N_WEIGHTS
    check_array("tables", tables, UINT8, (n_weights + N_REACHED,))
    weights = np.zeros((N_BANDS, N_WEIGHTS), np.uint8)
    weights[_reached_bands()] = tables[:n_weights].reshape(N_REACHED_BANDS, N_WEIGHTS)
    codes = tables[n_weights:]
    starts = np.empty((N_CONTEXTS, 2), np.uint16)
    starts[:] = NEW
    starts[reached()] = np.stack([PROBABILITIES[codes % N_LOGITS], AGES[codes // N_LOGITS]], 1)
    return weights, starts


def packed(weights: NDArray[np.uint8], codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The inverse, of weights (30, 9) and the byte of each of all contexts (11166,)."""
    check_array("weights", weights, UINT8, (N_BANDS, N_WEIGHTS))
    check_array("codes", codes, UINT8, (N_CONTEXTS,))
    return np.concatenate([weights[_reached_bands()].ravel(), codes[reached()]])
