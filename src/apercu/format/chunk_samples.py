"""Chunks without which samples cannot be understood: samples, mask, rotation, reduced (spec/scenes.md, "Samples",
"Mask", "Rotation", "Reduced")."""

import math

from apercu.errors import CorruptStream, OptionError
from apercu.format.chunk_parts import count, floats, number, put_count, put_floats, put_number
from apercu.format.chunks import DTYPES, MASK_KINDS, MaskBits, Reduced, SampleType
from apercu.format.container import Reader, put_varint
from apercu.stages.colour import MAX_LEVEL_CODE, Levels
from apercu.stages.rotation import MAX_BANDS, Rotation

MOST_HALVINGS = 16
MOST_LOG2 = 15
MOST_SIDE = 1 << 31
"""Rows or columns of a full size."""
_ZERO, _ALL, _EACH = 1, 2, 3  # of what bands a no-data value is
_MAPPED, _EACH_MAPPED = 1, 2
_N_INTEGERS = 8  # the first of `DTYPES`


def put_samples(samples: SampleType) -> bytes:
    """The payload; no bytes if nothing is said."""
    if samples.dtype not in DTYPES:
        raise OptionError(f"samples are of {', '.join(DTYPES)}, not {samples.dtype}")
    nodata = [b"" if value is None else put_number(value) for value in samples.nodata or ()]
    mapping = [put_floats(pair) for pair in samples.mapping or ()]
    if any(scale == 0 for _, scale in samples.mapping or ()):
        raise OptionError("the scale of a mapping is not 0")
    if not any(nodata) and not mapping and samples.dtype in ("uint8", "uint16"):
        return b""
    of_nodata = 0 if not any(nodata) else _EACH if len(set(nodata)) > 1 else _ALL if nodata[0] != b"\0" else _ZERO
    of_mapping = 0 if not mapping else _EACH_MAPPED if len(set(mapping)) > 1 else _MAPPED
    out = [bytes([DTYPES.index(samples.dtype) | of_nodata << 4 | of_mapping << 6])]
    if each := [len(values) for values, own in ((nodata, _EACH), (mapping, _EACH_MAPPED)) if len(set(values)) > 1]:
        if len(set(each)) > 1:
            raise OptionError("no-data values and mapping are of different numbers of bands")
        out.append(put_count(each[0], "bands"))
    if of_nodata == _EACH:
        out += [b"\1" + value if value else b"\0" for value in nodata]
    elif of_nodata == _ALL:
        out.append(nodata[0])
    out += mapping if of_mapping == _EACH_MAPPED else mapping[:1]
    return b"".join(out)


def read_samples(reader: Reader) -> tuple[SampleType, int | None]:
    """The inverse of `put_samples`, and how many bands are counted, None where none are."""
    kinds = reader.byte()
    place, of_nodata, of_mapping = kinds & 15, kinds >> 4 & 3, kinds >> 6
    if place >= len(DTYPES) or of_mapping > _EACH_MAPPED:
        raise CorruptStream("a dtype or a kind of mapping is out of range")
    n = count(reader, "bands") if of_nodata == _EACH or of_mapping == _EACH_MAPPED else None
    nodata: tuple[float | int | None, ...] | None = None
    if of_nodata == _ZERO:
        nodata = (0,)
    elif of_nodata == _ALL:
        nodata = (number(reader, finite=False),)
    elif of_nodata == _EACH:
        nodata = tuple(_own_nodata(reader) for _ in range(n or 1))
    if nodata and place >= _N_INTEGERS:
        nodata = tuple(None if value is None else float(value) for value in nodata)
    mapping = None
    if of_mapping:
        mapping = tuple(_mapping(reader) for _ in range(n or 1 if of_mapping == _EACH_MAPPED else 1))
    return SampleType(DTYPES[place], mapping, nodata), n


def _own_nodata(reader: Reader) -> float | int | None:
    if (there := reader.byte()) > 1:
        raise CorruptStream("whether a band has a no-data value is neither 0 nor 1")
    return number(reader, finite=False) if there else None


def _mapping(reader: Reader) -> tuple[float, float]:
    offset, scale = floats(reader, 2)
    if scale == 0:
        raise CorruptStream("the scale of a mapping is 0")
    return offset, scale


def put_mask(mask: MaskBits) -> bytes:
    """The payload."""
    if mask.kind not in MASK_KINDS:
        raise OptionError(f"a mask is of kind {', '.join(MASK_KINDS)}, not {mask.kind}")
    if not 0 <= mask.halvings <= MOST_HALVINGS:
        raise OptionError(f"a mask is halved 0 to {MOST_HALVINGS} times, not {mask.halvings}")
    return bytes([MASK_KINDS.index(mask.kind) | (mask.n_masks > 1) << 2 | mask.halvings << 3]) + mask.data


def read_mask(reader: Reader) -> MaskBits:
    """The inverse of `put_mask`; with one a band, `n_masks` is 0, since a payload does not say how many bands."""
    kinds = reader.byte()
    if kinds & 3 >= len(MASK_KINDS) or (halvings := kinds >> 3) > MOST_HALVINGS:
        raise CorruptStream("a kind of mask, or how often it is halved, is out of range")
    return MaskBits(MASK_KINDS[kinds & 3], halvings, 0 if kinds & 4 else 1, reader.rest())


def put_rotation(rotation: Rotation) -> bytes:
    """The payload."""
    n = len(rotation.levels)
    if not 2 <= n <= MAX_BANDS:
        raise OptionError(f"2 to {MAX_BANDS} bands can be rotated, not {n}")
    if len(rotation.matrix) != n or any(len(row) != n for row in rotation.matrix):
        raise OptionError(f"the matrix of a rotation is {n} × {n}")
    if not all(-128 <= weight <= 127 for row in rotation.matrix for weight in row):
        raise OptionError("a number in the matrix of a rotation is not from -128 to 127")
    out = [bytes([16 if rotation.wide else 8]), *(bytes(weight & 255 for weight in row) for row in rotation.matrix)]
    return b"".join([*out, *map(bytes, rotation.levels)])


def read_rotation(reader: Reader) -> Rotation:
    """The inverse of `put_rotation`."""
    n = math.isqrt(reader.left()) - 1
    if (n + 1) ** 2 != reader.left() or not 2 <= n <= MAX_BANDS:
        raise CorruptStream("the rotation chunk has a length of no number of bands")
    if (bits := reader.byte()) not in (8, 16):
        raise CorruptStream("bands of a rotation have neither 8 nor 16 bits")
    matrix = tuple(tuple(byte - 256 if byte > 127 else byte for byte in reader.take(n)) for _ in range(n))
    levels = tuple(Levels(*reader.take(2)) for _ in range(n))
    if any(max(codes) > MAX_LEVEL_CODE or codes.range_code == 0 for codes in levels):
        raise CorruptStream("a level code is out of range")
    return Rotation(matrix, levels, bits == 16)


def put_reduced(reduced: Reduced) -> bytes:
    """The payload."""
    if not 1 <= reduced.log2 <= MOST_LOG2:
        raise OptionError(f"a size is reduced by 2^1 to 2^{MOST_LOG2}, not 2^{reduced.log2}")
    if not all(1 <= side <= MOST_SIDE for side in (reduced.height, reduced.width)):
        raise OptionError(f"a full size of {reduced.height} × {reduced.width} is out of range")
    return bytes([reduced.log2]) + put_varint(reduced.height - 1) + put_varint(reduced.width - 1)


def read_reduced(reader: Reader) -> Reduced:
    """The inverse of `put_reduced`."""
    log2 = reader.byte()
    if not 1 <= log2 <= MOST_LOG2:
        raise CorruptStream("the power of two of a reduced size is out of range")
    return Reduced(log2, *(reader.varint(MOST_SIDE - 1, side) + 1 for side in ("height", "width")))
