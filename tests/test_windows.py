"""Windows of an image: what two have in common, and where one lies in another."""

import numpy as np
import pytest

from apercu.stages.blocks import Window, absolute, overlap, relative


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((0, 0, 4, 5), (2, 1, 9, 2)),
        ((3, 2, 2, 2), (0, 0, 9, 9)),
        ((0, 0, 2, 9), (2, 0, 3, 9)),
        ((5, 6, 1, 1), (5, 7, 1, 2)),
    ],
)
def test_what_windows_have_in_common_is_what_both_cover(a, b):
    cover = np.zeros((2, 12, 12), bool)
    for place, (top, left, height, width) in zip(cover, (a, b), strict=True):
        place[top : top + height, left : left + width] = True
    common = overlap(Window(*a), Window(*b))
    assert common == overlap(Window(*b), Window(*a))
    rows, columns = np.nonzero(cover.all(axis=0))
    if not rows.size:
        assert common is None
        return
    assert common == (rows.min(), columns.min(), np.ptp(rows) + 1, np.ptp(columns) + 1)
    within = relative(common, Window(*a))
    assert within[:2] == (common.top - a[0], common.left - a[1])
    assert absolute(within, Window(*a)) == common
