"""A source that hands out copies of windows of an array, as a reader of files does, and remembers which were read."""

import numpy as np


class Windows:
    """An array (H, W, B), and the mask of what does not count."""

    def __init__(self, samples, mask=None):
        self.height, self.width, self.n_bands = samples.shape
        self.dtype = samples.dtype
        self.n_read = 0
        self._samples, self._mask = samples, mask

    def read(self, window):
        self.n_read += window.height * window.width
        at = np.s_[window.top : window.top + window.height, window.left : window.left + window.width]
        return self._samples[at].copy(), None if self._mask is None else self._mask[at].copy()

    def squared_error(self, window, decoded):
        samples, mask = self.read(window)
        errors = (samples.astype(np.int64) - decoded) ** 2
        return int(errors.sum() if mask is None else errors[~mask].sum())
