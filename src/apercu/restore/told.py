"""What the networks behind restore="cnn" are told beside the planes, a number for each 4×4 samples of luma.

That of the wavelet: the step. That of the codecs of 8×8 blocks: the step, which codec it is, how many symbols each
block has, and where in the grid of blocks each place lies.
"""

import numpy as np

from apercu.errors import ModelError
from apercu.restore.runtime import Values
from apercu.stages.blocks import BLOCK, n_blocks
from apercu.stages.layout import Evidence

BLOCK_CODECS = ("taha2025", "dct", "stacked_ae")
"""A channel each, which is 1 for files of this codec."""
FIRST_SYMBOL = {"taha2025": 1, "dct": 1, "stacked_ae": 0}
"""The first symbol of a block that is not its mean."""
COUNTS = 1 + len(BLOCK_CODECS)
"""The channel of the symbols of luma; those of Cb and Cr follow, 0 where there is no chroma."""
TOLD = COUNTS + 3
"""Channels without those of the place."""
PLACES = 4
"""Channels of the place: whether it is in the second half of a block of luma, down and across, and of one of chroma."""
GRID = 2 * BLOCK
"""Pixels after which the grid of blocks, of luma and of chroma at half size, repeats."""


def n_told(codec: str) -> int:
    """Channels of what the network of a codec is told."""
    return TOLD + PLACES if codec in BLOCK_CODECS else 1


OCTAVE, OCTAVES = 6, 3
"""The logarithm to the base of 2 of the step that is told as 0; and by how much it is more for the one told as 1."""


def told_of_step(step_q8: int) -> float:
    """A number for the quantiser's step, about -1 to 1."""
    return float(np.log2(step_q8 / 256) - OCTAVE) / OCTAVES


def told(codec: str, step_q8: int, evidence: Evidence, height: int, width: int) -> Values:
    """(1 or TOLD, height / 4, width / 4), rounded up, of a plane or of luma and chroma. Raises ModelError."""
    of_blocks = codec in BLOCK_CODECS
    found = np.zeros((TOLD if of_blocks else 1, n_blocks(height, 4), n_blocks(width, 4)), np.float32)
    found[0] = told_of_step(step_q8)
    if not of_blocks:
        return found
    found[1 + BLOCK_CODECS.index(codec)] = 1
    for index, symbols in enumerate(evidence):
        side = BLOCK << (index > 0)
        if symbols.shape[:2] != (n_blocks(height, side), n_blocks(width, side)):
            raise ModelError("the network has learnt blocks of 8 x 8 samples alone")
        counts = np.count_nonzero(symbols[..., FIRST_SYMBOL[codec] :], axis=2)
        values = (np.log2(1 + counts) / 3).astype(np.float32)
        found[COUNTS + index] = values.repeat(side // 4, 0).repeat(side // 4, 1)[: found.shape[1], : found.shape[2]]
    return found


def places(down: int, across: int) -> Values:
    """(PLACES, down, across), from a corner of the grid on."""
    y, x = np.mgrid[0:down, 0:across]
    return np.stack([y & 1, x & 1, y >> 1 & 1, x >> 1 & 1]).astype(np.float32)
