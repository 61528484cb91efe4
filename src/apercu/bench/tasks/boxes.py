"""Boxes about what is found in a picture, and which of two sets are about the same thing."""

from collections.abc import Sequence

Box = Sequence[float]
"""Left, top, right, bottom, in pixels; right and bottom are beyond what is inside."""
SAME = 0.5
"""Intersection over union from which two boxes count as the same (Everingham et al. 2010, the PASCAL VOC challenge)."""


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1; 0 for a box with no area."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / (_area(one) + _area(other) - common)


def matched(found: Sequence[Box], expected: Sequence[Box]) -> list[tuple[int, int]]:
    """Pairs (place in `found`, place in `expected`) that are the same, each box in one pair at most.

    The pair that overlaps most is taken first; of those that overlap equally, the one that stands first.
    """
    pairs = [(overlap(one, other), i, j) for i, one in enumerate(found) for j, other in enumerate(expected)]
    taken: list[tuple[int, int]] = []
    for share, i, j in sorted(pairs, key=lambda pair: (-pair[0], *pair[1:])):
        if share >= SAME and all(i != a and j != b for a, b in taken):
            taken.append((i, j))
    return taken


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
