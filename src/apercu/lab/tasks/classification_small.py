"""Classes of pictures, named by a network of 54,000 weights that has seen these pictures only.

It sees half the size. Pictures mean the same turned and mirrored, as scenes from above do.
"""

from apercu.lab.tasks.convolutional import Convolutional, Recipe

RECIPE = Recipe(
    reduced=2, widths=(24, 48, 96), strided=True, turned=True, crop=88, passes=40, further=12, rate=6e-3,
    further_rate=2e-3, batch=16,
)  # fmt: skip


def make(seed: int) -> Convolutional:
    """The task `classification-small`, before it has learnt anything."""
    return Convolutional(seed, RECIPE)
