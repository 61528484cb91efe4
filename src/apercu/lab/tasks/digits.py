"""Which digit was written: a small network for small pictures in grey."""

from apercu.lab.tasks.convolutional import Convolutional, Recipe

RECIPE = Recipe(
    reduced=1, widths=(16, 32, 64), strided=False, turned=False, crop=28, passes=3, further=2, rate=6e-3,
    further_rate=2e-3, batch=32,
)  # fmt: skip


def make(seed: int) -> Convolutional:
    """The task `digits`, before it has learnt anything."""
    return Convolutional(seed, RECIPE)
