"""The transform of Taha et al. 2025: two linear autoencoders over 8x8 blocks, G1 64-1-64 and G2 64-8-64."""

import numpy as np
from numpy.typing import NDArray

from apercu.kernel import address, checked, function
from apercu.stages.arguments import INT16, UINT8, check_array, check_number, check_pair, check_plane
from apercu.stages.blocks import BLOCK
from apercu.stages.colour import Plane

_analyse = function("apercu_dual_analyse", "asssalaa")
_synthesise = function("apercu_dual_synthesise", "aassaias")

Weights = NDArray[np.int16]
"""(2, 9, 64) with 14 fraction bits: analysis and synthesis; row 0 is G1's, rows 1 to 8 are G2's; pixels in raster
order."""
EVERY_BLOCK = -1
"""As `threshold_q4`: no block is coded by G1, so that the latents of both groups are computed for all blocks."""


def dual_analyse(
    plane: Plane, blocks: tuple[int, int], weights: Weights, threshold_q4: int
) -> tuple[NDArray[np.int16], NDArray[np.uint32]]:
    """Latents (n, 9) int16 with 3 fraction bits and G1 errors (n,) uint32 of a plane's blocks.

    `blocks` counts blocks down and across. An error is the mean squared error of the unquantised G1 reconstruction in
    1/16 of an 8-bit unit squared; G2's latents are computed where it is above `threshold_q4`, and zero elsewhere.
    Samples lie within -8191 to 8191. Raises OptionError for arrays of another kind.
    """
    check_pair("blocks", blocks)
    down, across = blocks
    check_plane("plane", plane, down * BLOCK, across * BLOCK)
    check_array("weights", weights, INT16, (2, 9, 64))
    check_number("threshold_q4", threshold_q4, -(1 << 62), 1 << 62)
    latents = np.empty((down * across, 9), np.int16)
    mse_q4 = np.empty(down * across, np.uint32)
    checked(
        _analyse(
            address(plane),
            plane.shape[1],
            across,
            down,
            address(weights),
            threshold_q4,
            address(latents),
            address(mse_q4),
        )
    )
    return latents, mse_q4


def dual_synthesise(
    groups: NDArray[np.uint8], symbols: NDArray[np.int16], blocks: tuple[int, int], weights: Weights, step_q3: int
) -> Plane:
    """The plane, int16 with 5 fraction bits, that groups (n,) and symbols (n, 8) stand for: the inverse of analysis and
    quantisation (`apercu.stages.dual_quantise`) together. Raises OptionError for arrays of another kind."""
    check_pair("blocks", blocks)
    down, across = blocks
    check_array("groups", groups, UINT8, (down * across,))
    check_array("symbols", symbols, INT16, (down * across, 8))
    check_array("weights", weights, INT16, (2, 9, 64))
    check_number("step_q3", step_q3, 1, 65535)
    plane = np.empty((down * BLOCK, across * BLOCK), np.int16)
    checked(
        _synthesise(
            address(groups), address(symbols), across, down, address(weights), step_q3, address(plane), plane.shape[1]
        )
    )
    return plane
