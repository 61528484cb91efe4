"""What the first bytes of a stream of `BandCoder` say, where the others are lost.

The bits are read twice, as if zeros followed, and as if ones did. A range decoder compares the number that its bytes
spell with bounds. So what comes out the same both times comes out the same whatever followed: it was sent.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.stages.bands import GROUP, STAGES, BandCoder, BandPlane, BandTables
from apercu.stages.membrane import stretched
from apercu.stages.wavelet import band_places

MOST_PLANES = 64
"""With more, which is seldom, nothing is read: each call of the kernel looks at all planes."""
_AFTER = 64
"""Bytes in place of the lost ones. What else was read together with any beyond them is the last that is looked at."""
_LEAST_LOW = 16
"""One in so many coefficients of LL of the first plane has to be known for anything to be shown."""

Coefficients = NDArray[np.int16]
Known = NDArray[np.bool_]


def read_torn(
    whole: list[bytes],
    torn: bytes,
    stages: list[tuple[int, int]],
    planes: list[BandPlane],
    tables: BandTables,
    step_q8: int,
) -> Coefficients | None:
    """The coefficients of a tile from its first streams, and from the first bytes of the next one, `torn`. Those that
    are not known are zeros, but in LL what is around them. None where too little is known.

    stages: first and last stage of each of these streams. Raises CorruptStream or Truncated for what is `whole`.
    """
    if len(planes) > MOST_PLANES:
        return None
    first, last = stages[len(whole)]
    found, ways = [], []
    for after in (b"\0", b"\xff"):
        coder = BandCoder(planes, tables)
        coefficients = np.zeros(coder.n_samples, np.int16)
        for data, between in zip(whole, stages, strict=False):
            coder.decode(data, step_q8, *between, coefficients)
        found.append(coefficients)
        ways.append(coder.decode_by_plane(torn + after * _AFTER, step_q8, first, last, coefficients))
    for bands, *ends in zip(_bands_by_plane(planes, first, last), *ways, strict=False):
        is_lost = False
        for band in bands:
            one, other = (each[band.start : band.start + band.size].reshape(band.shape) for each in found)
            known = np.zeros(band.shape, np.bool_) if is_lost else _before_difference(one, other, band.group)
            one[~known] = 0
            is_lost = not known.all()
            if band.is_low and is_lost:
                if not band.plane and _LEAST_LOW * np.count_nonzero(known) < known.size:
                    return None
                _fill(one, known)
        if is_lost or any(ends):
            break
    return found[0]


class _Band(NamedTuple):
    plane: int
    start: int
    """Of its coefficients among those of all planes."""
    shape: tuple[int, int]
    is_low: bool

    @property
    def size(self) -> int:
        return self.shape[0] * self.shape[1]

    @property
    def group(self) -> int:
        """A side of what is coded together."""
        return 1 if self.is_low else GROUP


def _bands_by_plane(planes: list[BandPlane], first: int, last: int) -> Iterator[list[_Band]]:
    """The bands of each plane in each stage, in coded order."""
    for stage in range(first, last - 1, -1):
        start = 0
        for index, plane in enumerate(planes):
            levels, level = STAGES - plane.chroma, stage - plane.chroma
            places = band_places(plane.height, plane.width, levels)
            bands = [_Band(index, start, (-(-plane.height >> levels), -(-plane.width >> levels)), True)]
            bands = bands if stage == STAGES else []
            bands += [
                _Band(index, start + at, (h, w), False) for place, (at, h, w) in places.items() if place[0] == level
            ]
            yield [band for band in bands if band.size]
            start += plane.height * plane.width


def _before_difference(one: Coefficients, other: Coefficients, group: int) -> Known:
    """The places before the first that differs, where groups of so many a side are coded row by row."""
    differ = one != other
    known = np.ones(differ.shape, np.bool_)
    if differ.any():
        top = int(differ.any(1).argmax()) // group * group
        left = int(differ[top : top + group].any(0).argmax()) // group * group
        known[top : top + group, left:], known[top + group :] = False, False
    return known


def _fill(low: Coefficients, known: Known) -> None:
    """Coefficients of LL that are not known, from those that are; where none is, the middle of the range."""
    if known.any():
        raised = (low.astype(np.int32) + (1 << 15)).astype(np.uint16)[:, :, np.newaxis]
        low[:] = (stretched(raised, ~known)[:, :, 0].astype(np.int32) - (1 << 15)).astype(np.int16)
