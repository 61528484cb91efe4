"""What chunks are made of: numbers, strings, reference systems, deflated text (spec/scenes.md, "Parts of chunks").

What takes a `Reader` moves it on; it raises CorruptStream, or Truncated where the bytes end too soon. What makes bytes
raises OptionError for what a chunk cannot hold.
"""

import math
import struct
import zlib
from collections.abc import Iterable
from functools import cache
from numbers import Integral

from apercu.errors import CorruptStream, OptionError, Truncated
from apercu.format.chunks import Crs
from apercu.format.container import Reader, put_varint
from apercu.format.weights import FOLDER

MOST_TEXT = 1 << 20
"""Bytes of a text when it is inflated."""
_MOST_DEFLATED = (1 << 21) - 1
MOST_EPSG = (1 << 24) - 1
MOST_COUNTED = 1 << 16
_MOST_INTEGER = (1 << 66) - 1  # zigzag, and the bit that tells it from other numbers
_MOST_MANTISSA = (1 << 64) - 1  # zigzag
_MOST_EXPONENT = 127  # zigzag
_RAW = b"\x01"
_ZONES = {32600 + zone: zone for zone in range(1, 61)} | {32700 + zone: zone + 64 for zone in range(1, 61)}
"""EPSG codes of UTM zones of WGS 84, north and south, and the numbers that stand for them."""
_OF_ZONES = {number: code for code, number in _ZONES.items()}
_OTHER_CODES = 127  # added to those that are none of zones


def put_number(value: float) -> bytes:
    """The first of the shortest ways to write an int or a float exactly."""
    if isinstance(value, Integral):
        if (u := _zigzag(int(value)) << 1) > _MOST_INTEGER:
            raise OptionError(f"a number of a scene is too large: {value}")
        return put_varint(u)
    value = float(value)
    ways = [_RAW + struct.pack("<d", value)]
    if math.isfinite(value) and math.copysign(1, value) == (-1 if value < 0 else 1):  # not -0.0
        mantissa, exponent = _decimal(value)
        if (exponents := _zigzag(exponent)) <= _MOST_EXPONENT and _zigzag(mantissa) <= _MOST_MANTISSA:
            ways.insert(0, put_varint(2 * exponents + 3) + put_varint(_zigzag(mantissa)))
        if value.is_integer() and abs(value) < 1 << 63:
            ways.insert(0, put_varint(_zigzag(int(value)) << 1))
    return min(ways, key=len)


def number(reader: Reader, finite: bool = True) -> float | int:
    """An int if it is written as one, else a float."""
    first = reader.varint(_MOST_INTEGER, "number")
    if not first & 1:
        return _unzigzag(first >> 1)
    if first == 1:
        value: float = struct.unpack("<d", reader.take(8))[0]
        if finite and not math.isfinite(value):
            raise CorruptStream("a number is not finite")
        return value
    if (exponent := (first - 3) >> 1) > _MOST_EXPONENT:
        raise CorruptStream("an exponent is out of range")
    return float(f"{_unzigzag(reader.varint(_MOST_MANTISSA, 'mantissa'))}e{_unzigzag(exponent)}")


def floats(reader: Reader, n: int) -> tuple[float, ...]:
    """So many finite numbers."""
    return tuple(float(number(reader)) for _ in range(n))


def put_floats(values: Iterable[float]) -> bytes:
    """Finite numbers, one after the other."""
    found = [float(value) for value in values]
    if not all(map(math.isfinite, found)):
        raise OptionError(f"a number of a scene is not finite: {next(v for v in found if not math.isfinite(v))}")
    return b"".join(map(put_number, found))


def _decimal(value: float) -> tuple[int, int]:
    """Mantissa and exponent of the shortest decimal number that is nearest to no other float64."""
    digits, _, exponent = repr(value).partition("e")
    whole, _, fraction = digits.partition(".")
    mantissa = (whole + fraction).rstrip("0")
    return (int(mantissa), int(exponent or 0) + len(whole) - len(mantissa)) if value else (0, 0)


def _zigzag(n: int) -> int:
    return 2 * n if n >= 0 else -2 * n - 1


def _unzigzag(z: int) -> int:
    return -(z + 1 >> 1) if z & 1 else z >> 1


def put_string(text: str | None) -> bytes:
    """UTF-8, and a zero byte; none as the empty one."""
    return characters(text or "") + b"\0"


def string(reader: Reader) -> str:
    """The inverse of `put_string`; the last of a text need not have its zero byte."""
    if not reader.left():
        raise Truncated(f"the {reader.part} ends before a string")
    end = reader.data.find(b"\0", reader.at)
    text = _text(reader.take((end if end >= 0 else len(reader.data)) - reader.at))
    if end >= 0:
        reader.byte()
    return text


def characters(text: str) -> bytes:
    """A text in UTF-8."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise OptionError(f"a text of a scene has characters that UTF-8 has not: {text!r}") from None
    if b"\0" in data:
        raise OptionError(f"a text of a scene has a zero byte: {text!r}")
    return data


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise CorruptStream("a text is not UTF-8") from None


def put_count(n: int, what: str) -> bytes:
    """How many things follow."""
    if not 1 <= n <= MOST_COUNTED:
        raise OptionError(f"a scene has 1 to {MOST_COUNTED:,} {what}, not {n:,}")
    return put_varint(n)


def count(reader: Reader, what: str, least_bytes: int = 1) -> int:
    """The inverse of `put_count`; each thing takes so many bytes at least: a false number takes no memory."""
    n = reader.varint(MOST_COUNTED, what)
    if n == 0 or n * least_bytes > reader.left():
        raise CorruptStream(f"a number is out of range: {what}")
    return n


def crs_kind(crs: Crs) -> int:
    """0 none, 1 EPSG, 2 WKT."""
    return 0 if crs is None else 1 if isinstance(crs, int) else 2


def put_crs(crs: Crs) -> bytes:
    """What follows the kind."""
    if crs is None:
        return b""
    if isinstance(crs, int):
        if not 1 <= crs <= MOST_EPSG:
            raise OptionError(f"an EPSG code is 1 to {MOST_EPSG}, not {crs}")
        return put_varint(_ZONES.get(crs, crs + _OTHER_CODES))
    text = deflated(characters(crs))
    return put_varint(len(text)) + text


def read_crs(reader: Reader, kind: int) -> Crs:
    """The inverse of `put_crs`."""
    if kind == 0:
        return None
    if kind == 2:
        text = _text(inflated(reader.take(reader.varint(_MOST_DEFLATED, "WKT"))))
        if "\0" in text:
            raise CorruptStream("a reference system has a zero byte")
        return text
    if kind > 2:
        raise CorruptStream("a kind of reference system is out of range")
    number = reader.varint(MOST_EPSG + _OTHER_CODES, "EPSG code")
    if number <= _OTHER_CODES and number not in _OF_ZONES:
        raise CorruptStream("a reference system is that of no UTM zone")
    return _OF_ZONES.get(number, number - _OTHER_CODES)


def deflated(data: bytes) -> bytes:
    """With the dictionary of the format."""
    if len(data) > MOST_TEXT:
        raise OptionError(f"a text of a scene is at most {MOST_TEXT:,} bytes, not {len(data):,}")
    made = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, dictionary())
    return made.compress(data) + made.flush()


def inflated(data: bytes) -> bytes:
    """The inverse of `deflated`."""
    made = zlib.decompressobj(-15, zdict=dictionary())
    try:
        text = made.decompress(data, MOST_TEXT + 1)
    except zlib.error:
        raise CorruptStream("a deflated text is damaged") from None
    if len(text) > MOST_TEXT:
        raise CorruptStream("a deflated text is too long")
    if not made.eof or made.unused_data:
        raise CorruptStream("a deflated text does not end where it should")
    return text


@cache
def dictionary() -> bytes:
    """What texts are deflated with: the lines of `scenes.txt` of the package, as strings."""
    return (FOLDER / "scenes.txt").read_bytes().replace(b"\n", b"\0")
