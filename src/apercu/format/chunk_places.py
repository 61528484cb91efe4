"""Chunks that say where an image lies: its transform, control points or rational polynomials (spec/scenes.md, "Geo",
"Control points", "Rational polynomials")."""

import math
import struct
from dataclasses import replace
from typing import Any

from apercu.errors import CorruptStream, OptionError
from apercu.format.chunk_parts import (
    count,
    crs_kind,
    deflated,
    floats,
    inflated,
    put_count,
    put_crs,
    put_floats,
    put_string,
    read_crs,
    string,
)
from apercu.format.chunks import ControlPoint, Gcps, Geo, Rpcs, Scene
from apercu.format.container import Reader
from apercu.stages.blocks import Window

_NONE, _SQUARE, _UPRIGHT, _ANY = range(4)
_RAW = 4  # added where the numbers are float64
_COEFFICIENTS = "line_num_coeff", "line_den_coeff", "samp_num_coeff", "samp_den_coeff"
_FIELDS = "line", "samp", "lat", "long", "height"
_ERRORS = "err_bias", "err_rand"

Transform = tuple[float, float, float, float, float, float]


def put_geo(geo: Geo) -> bytes:
    """The payload; no bytes if nothing is said."""
    kind, transform = _put_transform(geo.transform)
    kinds = crs_kind(geo.crs) | kind << 2 | geo.point << 5
    return bytes([kinds]) + put_crs(geo.crs) + transform if kinds else b""


def read_geo(reader: Reader) -> Geo:
    """The inverse of `put_geo`."""
    kinds = reader.byte()
    if kinds >> 6 or (kind := kinds >> 2 & 7) == _RAW:
        raise CorruptStream("a kind of transform is out of range")
    return Geo(read_crs(reader, kinds & 3), _read_transform(reader, kind), bool(kinds >> 5))


def _put_transform(transform: Transform | None) -> tuple[int, bytes]:
    """The shortest of the kinds that are exact, and what follows it."""
    if transform is None:
        return _NONE, b""
    if len(transform) != 6:
        raise OptionError(f"a transform has six numbers, not {len(transform)}")
    a, b, c, d, e, f = map(float, transform)
    numbers: list[tuple[int, tuple[float, ...]]] = [(_ANY, (a, b, c, d, e, f))]
    if all(value == 0 and math.copysign(1, value) == 1 for value in (b, d)):
        numbers.insert(0, (_UPRIGHT, (a, c, e, f)))
        if e == -a and a != 0:
            numbers.insert(0, (_SQUARE, (a, c, f)))
    ways = [(kind, put_floats(those)) for kind, those in numbers]
    ways += [(kind | _RAW, struct.pack(f"<{len(those)}d", *those)) for kind, those in numbers]
    return min(ways, key=lambda way: len(way[1]))


def _read_transform(reader: Reader, kind: int) -> Transform | None:
    if kind == _NONE:
        return None
    n = {_SQUARE: 3, _UPRIGHT: 4, _ANY: 6}[kind & ~_RAW]
    numbers = struct.unpack(f"<{n}d", reader.take(8 * n)) if kind & _RAW else floats(reader, n)
    if not all(map(math.isfinite, numbers)):
        raise CorruptStream("a number is not finite")
    if kind & ~_RAW == _SQUARE:
        a, c, f = numbers
        return a, 0.0, c, 0.0, -a, f
    if kind & ~_RAW == _UPRIGHT:
        a, c, e, f = numbers
        return a, 0.0, c, 0.0, e, f
    a, b, c, d, e, f = numbers
    return a, b, c, d, e, f


def put_gcps(gcps: Gcps) -> bytes:
    """The payload; no bytes if there are no points."""
    if not (points := gcps.points):
        return b""
    out = [bytes([crs_kind(gcps.crs)]), put_crs(gcps.crs), put_count(len(points), "control points")]
    out += [put_floats(values) for values in zip(*(point[:5] for point in points), strict=True)]
    out += [put_string(text) for texts in zip(*(point[5:] for point in points), strict=True) for text in texts]
    return deflated(b"".join(out))


def read_gcps(reader: Reader) -> Gcps:
    """The inverse of `put_gcps`."""
    text = Reader(inflated(reader.rest()), part=reader.part)
    crs = read_crs(text, text.byte())
    n = count(text, "control points", 7)
    places = [floats(text, n) for _ in range(5)]
    names = [[string(text) for _ in range(n)] for _ in range(2)]
    text.end()
    return Gcps(tuple(map(ControlPoint, *places, *names)), crs)


def put_rpcs(rpcs: Rpcs) -> bytes:
    """The payload."""
    errors = [(bit, value) for bit, name in enumerate(_ERRORS) if (value := getattr(rpcs, name)) is not None]
    values = [value for _, value in errors]
    values += [getattr(rpcs, f"{field}_{what}") for what in ("off", "scale") for field in _FIELDS]
    for name in _COEFFICIENTS:
        if len(found := getattr(rpcs, name)) != 20:
            raise OptionError(f"{name} has 20 numbers, not {len(found)}")
        values += found
    return bytes([sum(1 << bit for bit, _ in errors)]) + put_floats(values)


def read_rpcs(reader: Reader) -> Rpcs:
    """The inverse of `put_rpcs`."""
    known = reader.byte()
    if known > 3:
        raise CorruptStream("a kind of error is out of range")
    found: dict[str, Any] = {name: floats(reader, 1)[0] for bit, name in enumerate(_ERRORS) if known >> bit & 1}
    found |= {f"{field}_{what}": floats(reader, 1)[0] for what in ("off", "scale") for field in _FIELDS}
    found |= {name: floats(reader, 20) for name in _COEFFICIENTS}
    return Rpcs(**found)


def at_coded_size(scene: Scene) -> Scene:
    """A scene with the places of the size that is coded (spec/scenes.md, "Georeference of the coded size")."""
    if scene.reduced is None:
        return scene
    size = 1 << scene.reduced.log2
    geo, gcps, rpcs = scene.geo, scene.gcps, scene.rpcs
    if geo and geo.transform:
        a, b, c, d, e, f = geo.transform
        geo = geo._replace(transform=(a * size, b * size, c, d * size, e * size, f))
    if gcps:
        points = (point._replace(row=point.row / size, column=point.column / size) for point in gcps.points)
        gcps = gcps._replace(points=tuple(points))
    if rpcs:
        rpcs = rpcs._replace(
            line_off=(rpcs.line_off + 0.5) / size - 0.5,
            samp_off=(rpcs.samp_off + 0.5) / size - 0.5,
            line_scale=rpcs.line_scale / size,
            samp_scale=rpcs.samp_scale / size,
        )
    return replace(scene, geo=geo, gcps=gcps, rpcs=rpcs)


def cropped(scene: Scene, window: Window) -> Scene:
    """A scene with the places of a window of the size that its places are of."""
    geo, gcps, rpcs = scene.geo, scene.gcps, scene.rpcs
    top, left = window.top, window.left
    if geo and geo.transform:
        a, b, c, d, e, f = geo.transform
        moved = a, b, a * left + b * top + c, d, e, d * left + e * top + f
        geo = geo._replace(transform=moved if all(map(math.isfinite, moved)) else None)  # some are too large for it
    if gcps:
        points = (point._replace(row=point.row - top, column=point.column - left) for point in gcps.points)
        gcps = gcps._replace(points=tuple(points))
    if rpcs:
        rpcs = rpcs._replace(line_off=rpcs.line_off - top, samp_off=rpcs.samp_off - left)
    return replace(scene, geo=geo, gcps=gcps, rpcs=rpcs)
