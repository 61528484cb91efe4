"""Classification and uniform quantisation of the latents of a dual autoencoder (Taha et al. 2025)."""

import numpy as np
from numpy.typing import NDArray

from apercu.kernel import address, checked, function
from apercu.stages.arguments import INT16, UINT32, check_array, check_number

_quantise = function("apercu_dual_quantise", "aasliaa")


def dual_quantise(
    latents: NDArray[np.int16], mse_q4: NDArray[np.uint32], threshold_q4: int, step_q3: int
) -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """Groups (n,) uint8, 1 where the G1 error is above the threshold, and symbols (n, 8) int16 of all blocks.

    `latents` (n, 9) and `mse_q4` (n,) come from `dual_analyse`. A symbol is a latent divided by the step (3 fraction
    bits) and rounded, halves away from zero; a block of G1 uses the first of the eight. Raises OptionError for
    arrays of another kind and for a step that is not within 1 to 65,535.
    """
    check_array("mse_q4", mse_q4, UINT32, getattr(mse_q4, "shape", ())[:1])
    check_array("latents", latents, INT16, (len(mse_q4), 9))
    check_number("threshold_q4", threshold_q4, -(1 << 62), 1 << 62)
    check_number("step_q3", step_q3, 1, 65535)
    groups = np.empty(len(mse_q4), np.uint8)
    symbols = np.empty((len(mse_q4), 8), np.int16)
    checked(
        _quantise(
            address(latents), address(mse_q4), len(mse_q4), threshold_q4, step_q3, address(groups), address(symbols)
        )
    )
    return groups, symbols
