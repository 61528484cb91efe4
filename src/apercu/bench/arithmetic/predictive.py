"""Products of `predictive`, as if no sample repeated its neighbours. Transform: the experts' predictions, that of the
one which learns, what it learns, and the blend; both sides do the same. There are three divisions a sample besides.
Contexts and choice: what is put in steps of 2 max_error + 1, where there is loss.
"""

from apercu.bench.arithmetic import Work, layouts
from apercu.codecs import predictive
from apercu.format.container import Header
from apercu.stages.colour import Samples
from apercu.stages.predict import CLASSES, EXPERTS

_INPUTS = (11, 16, 16)  # of a band by how many bands are before it
_LEARNT = 2  # of an input: how far its weight may go, and how far it goes
_SHARE = 1  # of a sample: how far all weights go, from what the learner missed
_BLENDED = 3  # of each that predicts: its error over the least; its prediction; how far that is from the blend
_MEANS = 2  # of a sample: the blend, and how far the predictions are from it
_LEVELS, _JUMP = 4, 1  # of a sample in steps: what contexts are found by; and the residual on its way back
_QUANTISED = 1


def work(image: Samples, data: bytes, header: Header, model: str | None) -> Work:
    """See above."""
    setting = predictive.setting_of(header)
    transform = stepped = 0
    for _, layout in layouts(header):
        n = layout.height * layout.width
        error, coarser_from = predictive.errors_of(setting, layout)
        stepped += layout.n_bands * (n if error else n - coarser_from * layout.width)
        for band in range(layout.n_bands):
            inputs = _INPUTS[min(band, CLASSES - 1)]
            predicted = (EXPERTS + 1) * inputs + _BLENDED * (EXPERTS + 1) + _MEANS
            transform += n * (predicted + _LEARNT * inputs + _SHARE)
    return Work(transform, transform, (_LEVELS + _JUMP) * stepped, _QUANTISED * stepped)
