"""Colours described by numbers: primaries and transfer functions, as PNG, AVIF, BMP and others state them.

Such a description becomes a small ICC profile, so that Little CMS does every conversion (icc.py).
Code points and their formulas are those of Recommendation ITU-T H.273 (2024), tables 2 and 3.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.errors import FileFormatError

Chromaticities = tuple[float, float, float, float, float, float, float, float]
"""x and y of white, red, green and blue."""
Curve = tuple[float, float, float, float, float, float, float]
"""(g, a, b, c, d, e, f): light = (a v + b)^g + e where v >= d, else c v + f; the ICC's parametric curve of type 4."""


class Colours(NamedTuple):
    """What a file says about its samples."""

    chromaticities: Chromaticities
    curve: Curve
    narrow: bool = False
    """Black is 16 and white 235 of 255, as in video."""


_D65, _C, _DCI = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)
SRGB_PRIMARIES: Chromaticities = (*_D65, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060)
SRGB_CURVE: Curve = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045, 0, 0)
ADOBE_RGB = Colours((*_D65, 0.640, 0.330, 0.210, 0.710, 0.150, 0.060), (563 / 256, 1, 0, 0, 0, 0, 0))

_UNSPECIFIED = (0, 2)  # 0 is reserved, and what writers put where they know nothing
_PRIMARIES: dict[int, Chromaticities] = {
    1: SRGB_PRIMARIES,  # BT.709
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),  # BT.470 System M
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),  # BT.601, 625 lines
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),  # BT.601, 525 lines
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),  # SMPTE ST 240
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),  # generic film
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),  # BT.2020
    11: (*_DCI, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # DCI-P3
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),  # Display P3
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),  # EBU 3213
}
# The inverse of what a camera does, as H.273 states it. BT.1886 would show it darker, and some browsers as sRGB.
_BT709: Curve = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081, 0, 0)
_CURVES: dict[int, Curve] = {
    1: _BT709,
    4: (2.2, 1, 0, 0, 0, 0, 0),
    5: (2.8, 1, 0, 0, 0, 0, 0),
    6: _BT709,
    7: (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0912, 0, 0),  # SMPTE ST 240
    8: (1, 1, 0, 0, 0, 0, 0),
    11: _BT709,  # xvYCC: the same within 0 to 1
    13: SRGB_CURVE,
    14: _BT709,
    15: _BT709,
}
_REFUSED = {
    9: "a logarithmic transfer function",
    10: "a logarithmic transfer function",
    12: "the transfer function of BT.1361",
    16: "high dynamic range (PQ)",
    17: "the transfer function of SMPTE ST 428",
    18: "high dynamic range (HLG)",
}


def of_code_points(primaries: int, transfer: int, full_range: bool = True) -> Colours:
    """The colours that two code points of H.273 stand for; unspecified ones count as those of sRGB.

    Raises:
        FileFormatError: a transfer function that 8 or 16 bits of sRGB cannot hold, or a code that is not known.
    """
    if transfer in _REFUSED:
        raise FileFormatError(f"a picture in {_REFUSED[transfer]} would lose its meaning; convert it to sRGB first")
    for name, code, known in (("primaries", primaries, _PRIMARIES), ("a transfer function", transfer, _CURVES)):
        if code not in known and code not in _UNSPECIFIED:
            raise FileFormatError(f"colours of {name} that are not known (code {code} of H.273); convert it to sRGB")
    return Colours(_PRIMARIES.get(primaries, SRGB_PRIMARIES), _CURVES.get(transfer, SRGB_CURVE), not full_range)


def of_gamma(gamma: float | None, chromaticities: Sequence[float] | None) -> Colours:
    """The colours of an exponent that decodes (2.2, say) and of chromaticities; what is None counts as that of sRGB.

    An exponent of 2.2 beside the primaries of sRGB is taken as the curve of sRGB. No power is that curve, so writers
    put the one that comes nearest: the PNG specification itself asks for a gAMA of 1/2.2 in files that are sRGB.
    """
    primaries = SRGB_PRIMARIES if chromaticities is None or not _plausible(chromaticities) else tuple(chromaticities)
    usual = np.abs(np.subtract(primaries, SRGB_PRIMARIES)).max() < 0.002
    if gamma is None or not 1e-3 < gamma < 1e3 or (usual and abs(gamma / 2.2 - 1) < 0.02):
        return Colours(primaries, SRGB_CURVE)  # type: ignore[arg-type]  # eight numbers
    return Colours(primaries, (gamma, 1, 0, 0, 0, 0, 0))  # type: ignore[arg-type]  # eight numbers


def _plausible(chromaticities: Sequence[float]) -> bool:
    """Whether light of these primaries, all of it positive, adds up to this white."""
    white, *primaries = np.asarray(chromaticities, float).reshape(4, 2)
    columns = np.array([(x, y, 1 - x - y) for x, y in primaries]).T
    if not 0 < white[1] <= 1 or abs(np.linalg.det(columns)) < 1e-4:
        return False
    shares = np.linalg.solve(columns, (white[0], white[1], 1 - white[0] - white[1]))
    return bool((shares > 0).all() and np.abs(columns * shares).max() < 10 * white[1])


def icc_profile(colours: Colours, *, grey: bool, bits: int) -> bytes:
    """An ICC profile (version 4.4) of these colours.

    Args:
        colours: of primaries that `of_code_points` or `of_gamma` gave.
        grey: whether it is for grey samples, which have a curve and no primaries.
        bits: 8 or 16, of the samples; narrow ranges of the two differ a little.
    """
    curve = _narrowed(colours.curve, bits) if colours.narrow else colours.curve
    trc = struct.pack(">4sIHH", b"para", 0, 4, 0) + _s15_fixed_16(curve)
    tags = {b"wtpt": _xyz(_D50)}
    if grey:
        tags[b"kTRC"] = trc
    else:
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _to_d50(colours.chromaticities).T, strict=True):
            tags[name] = _xyz(column)
        tags |= {b"rTRC": trc, b"gTRC": trc, b"bTRC": trc}
    offset = 128 + 4 + 12 * len(tags)
    table, content = struct.pack(">I", len(tags)), b""
    for name, element in tags.items():
        table += struct.pack(">4sII", name, offset + len(content), len(element))
        content += element
    space = b"GRAY" if grey else b"RGB "
    head = struct.pack(">II4s4s4s4s", offset + len(content), 0, b"\x04\x40\0\0", b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s", 2025, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _s15_fixed_16(_D50)
    return head.ljust(128, b"\0") + table + content


_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def _to_d50(chromaticities: Chromaticities) -> NDArray[np.float64]:
    """The matrix from linear RGB to XYZ as the ICC wants it: white adapted to D50 by Bradford's transform."""
    xy = np.array(chromaticities, float).reshape(4, 2)
    xyz = np.column_stack([xy, 1 - xy.sum(axis=1)])
    white, primaries = xyz[0] / xyz[0, 1], xyz[1:].T
    to_xyz = primaries * np.linalg.solve(primaries, white)
    gains = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adapted: NDArray[np.float64] = np.linalg.solve(_BRADFORD, gains[:, None] * _BRADFORD) @ to_xyz
    return adapted


def _narrowed(curve: Curve, bits: int) -> Curve:
    """The curve of samples whose black is 16/255 and white 235/255 of the range (of 16 bits: 256 times as much)."""
    top, unit = (1 << bits) - 1, 1 << (bits - 8)
    offset, scale = 16 * unit / top, 219 * unit / top
    g, a, b, c, d, e, f = curve
    # Below black the straight part would go on, below zero; of a curve without one, the power's base would.
    return (g, a / scale, b - a * offset / scale, c / scale, d * scale + offset, e, f - c * offset / scale)


def _s15_fixed_16(values: Sequence[float] | NDArray[np.float64]) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def _xyz(values: NDArray[np.float64]) -> bytes:
    return struct.pack(">4sI", b"XYZ ", 0) + _s15_fixed_16(values)
