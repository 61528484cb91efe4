"""Text, line art and screenshots, which a wavelet blurs at low rates: told apart from photographs."""

import numpy as np

from apercu.stages.colour import Samples

EQUAL, LARGE, SHARP = 0.5, 0.01, 0.4
"""Of neighbouring pixels: the least share that are equal; the least share that differ by 96 of 255 or more; and of
those that differ, the least share that do so by 32 or more. No photograph or overhead image among the 862 for training
reaches 0.36 of the last."""
_EVERY = 4
_MOST_ROWS = 1024


def is_line_art(image: Samples) -> bool:
    """Whether a picture, (H, W) or (H, W, B) of uint8, is surely text or line art: flat areas that meet in sharp edges.

    Looks at every fourth row, and at 1,024 of them at the most. False for uint16, whose pictures are scenes.
    """
    if image.dtype != np.uint8 or image.shape[1] < 2:
        return False
    rows = image[:: max(_EVERY, len(image) // _MOST_ROWS)]
    rows = rows[..., :3] if rows.ndim == 3 else rows[..., np.newaxis]
    apart = np.abs(np.diff(rows.astype(np.int16), axis=1)).max(axis=2)
    differ = np.count_nonzero(apart)
    sharp, large = (np.count_nonzero(apart >= least) for least in (32, 96))
    flat = apart.size - differ >= EQUAL * apart.size
    return bool(flat and large >= LARGE * apart.size and sharp >= SHARP * differ > 0)
