"""Products of `dct`. Transform: the DCT, steps, what means let expect, and on the way back the edges of blocks.
Contexts: with the range coder. Choice: as if no coefficient were plainly 0.
"""

from apercu.bench.arithmetic import Work, layouts, symbol_maps
from apercu.format.container import Header
from apercu.stages.blocks import BLOCK
from apercu.stages.colour import Samples
from apercu.stages.dct import N_EXPECTED, N_SUMS
from apercu.stages.dct_symbols import MAPS
from apercu.stages.map_huffman import PASSES

_DCT = 8  # of a sample, four in each direction
_STEP = 1  # of a sample
_SMOOTHED = 2 * 2 * BLOCK  # of a block: the rows along two of its edges
_CHOSEN = 7  # a sample in steps, and error and cost of three symbols
_HUFFMAN_CHOSEN = 1 + 2 * PASSES  # a sample in steps in each pass, and what it costs as 0 in all but the first


def work(image: Samples, data: bytes, header: Header, model: str | None) -> Work:
    """See above."""
    n_blocks, contexts = 0, 0.0
    ranged = header.entropy == "range"
    for _, layout in layouts(header):
        for plane in layout.planes:
            here = plane.blocks[0] * plane.blocks[1]
            n_blocks += here
            contexts += ranged * symbol_maps.products(plane, here, MAPS)
    n_samples = n_blocks * BLOCK * BLOCK
    transform = (_DCT + _STEP) * n_samples + N_EXPECTED * N_SUMS * n_blocks
    choice = (_CHOSEN if ranged else _HUFFMAN_CHOSEN) * n_samples
    return Work(transform, transform + _SMOOTHED * n_blocks, contexts, choice)
