"""Products of `apercu`. Transform: the lifting steps of all levels and the gain of LL; on the way there also what is
done at the border, and all levels but the finest once more, to know there what is decoded. Contexts: the weighted sums
of magnitudes, as if every sample were visited. Choice: as if no sample were plainly 0, which nine in ten are.
"""

from apercu.bench.arithmetic import Work, layouts
from apercu.format.container import Header
from apercu.stages.bands import STAGES
from apercu.stages.colour import Samples
from apercu.stages.wavelet import band_places

_LIFTING = 4  # steps, each with a product for every other sample of a row or column
_END = 4  # products at an end of a row or column that is fitted to the step
_MENDED_TO = 1  # the finest level whose border is mended by what is decoded of those above it
_NEAR = 6  # weights of magnitudes within a band, for a sample
_FLAGGED = 2  # stages whose samples are weighed in groups first
_WEIGHED = 5  # a sample in steps, what it costs as 0, and its error and the cost of a symbol
_CHOSEN = 7  # a sample in steps, and error and cost of three symbols


def work(image: Samples, data: bytes, header: Header, model: str | None) -> Work:
    """See above."""
    transform = border = contexts = choice = 0.0
    for _, layout in layouts(header):
        for plane in layout.planes:
            height, width, levels = plane.height, plane.width, STAGES - plane.chroma
            for (level, orientation), (_, down, across) in band_places(height, width, levels).items():
                contexts += down * across * (_NEAR + 1 + orientation + (plane.companion >= 0))
                choice += down * across * (_CHOSEN + _WEIGHED * (level + plane.chroma <= _FLAGGED))
            for level in range(1, levels + 1):
                low_h, low_w = -(-height // 2), -(-width // 2)
                products = 2 * (_LIFTING / 2) * height * width + low_h * low_w
                transform += products
                # Ends of rows and columns of two bands take over, of one mend, once with what was wanted, once decoded.
                border += 2 * _END * (height + width + 2 * (low_h + low_w)) + (products if level > _MENDED_TO else 0)
                height, width = low_h, low_w
    return Work(transform + border, transform, contexts, choice)
