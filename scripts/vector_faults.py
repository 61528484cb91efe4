"""The damaged files of the container, which are of the codec taha2025, and of that codec: one for every refusal that
the specification names (spec/)."""

import binascii
from dataclasses import replace

from apercu.format.container import Header, pack, put_varint, read_header
from scripts.segment_writer import by_hand, exp_golomb, flat_table, listed_table, to_bytes, zigzag
from scripts.vector_case import KERNEL, Fault

GREY = by_hand(Header(16, 24, 1, "grey"), 40)  # six blocks
OF_WALSH = "valid/user-model/model.npy"
TILES = replace(GREY, tile_log2=5, height=40, width=20)  # two tiles
FLAT = flat_table(3, 2)
SEGMENT = to_bytes("00" + FLAT + "011011001100")
TILE_SEGMENTS = [to_bytes("00" + FLAT + "01" * 12), to_bytes("00" + FLAT + "11" * 3)]


def faults(user_file: bytes) -> dict[str, Fault]:
    """All of them by name; `user_file` is a sound file that needs a model of the user's."""
    return _heads() | _models(user_file) | _ends() | _directories() | _segments() | _tables()


def _head(header: Header = GREY, **changes: object) -> bytearray:
    """The bytes before the first segment."""
    data = pack(replace(header, **changes), [SEGMENT])  # type: ignore[arg-type]  # fields of Header
    return bytearray(data[: -len(SEGMENT) - 2])


def _closed(head: bytes | bytearray, segment: bytes = SEGMENT) -> bytes:
    """A file of one segment and at most 4096 pixels."""
    body = bytes(head) + segment
    return body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "little")


def _with(at: int, new: bytes, length: int = 1, header: Header = GREY) -> bytes:
    """A file whose head has other bytes at `at`; its checksum is right."""
    head = _head(header)
    head[at : at + length] = new
    return _closed(head)


def _heads() -> dict[str, Fault]:
    quality = replace(GREY, quality_q8=12800, parameters=b"")  # flags, model, 23, 15, 2 bytes of settings
    spectral = replace(GREY, interpretation="spectral", n_bands=2)
    rgb = replace(quality, interpretation="rgb", n_bands=3)
    wide = _head(replace(quality, wide=True)) + bytes([5])

    def corrupt(about: str, says: str, data: bytes) -> Fault:
        return Fault(about, "CorruptStream", says, data)

    def parameters(value: bytes) -> bytes:
        return _closed(_head(quality)[:-2] + b"\xff\x7f" + value)

    return {
        "magic": Fault("another format", "NotApercu", "first bytes", b"\x89PNG" + _closed(_head())[4:]),
        "magic-second-byte": Fault("one byte of the magic", "NotApercu", "first bytes", _with(1, b"\x71")),
        "version-0": Fault("a draft of the format", "UnsupportedVersion", "version 0", _with(2, b"\x00")),
        "version-15": Fault("the last version that fits", "UnsupportedVersion", "version 15", _with(2, b"\xf0")),
        "width-65536": corrupt("a side above 65,535", "width", _with(4, put_varint(65535))),
        "height-65536": corrupt("a side above 65,535", "height", _with(5, put_varint(65535))),
        "bands-65536": corrupt("more than 65,535 bands", "bands", _with(6, put_varint(65535), 1, spectral)),
        "varint-padded": corrupt("a number in more bytes than it needs", "too long", _with(4, b"\x97\x00")),
        "quality-above-100": corrupt("quality 100 and 1/256", "above 100", _with(6, b"\x01\x64", 2, quality)),
        "quality-reserved": corrupt(
            "just below what stands for by hand", "above 100", _with(6, b"\xfe\x7f", 2, quality)
        ),
        "axis-of-rgb": corrupt("a colour image that may lack its bands", "axis", _with(6, b"\x00\xb2", 2, rgb)),
        "level-offset-209": corrupt("an offset code without meaning", "level", _closed(wide[:-1] + bytes([209, 9]))),
        "level-range-209": corrupt("a range code without meaning", "level", _closed(wide[:-1] + bytes([9, 209]))),
        "level-range-0": corrupt("a range of nothing", "level", _closed(wide[:-1] + bytes([9, 0]))),
        "parameters-256": corrupt("too many parameters", "parameters", parameters(put_varint(256) + bytes(256))),
        "parameters-none": corrupt("no parameters", "too short", parameters(b"\x00")),
        "parameters-short": corrupt("a step and no threshold", "too short", parameters(b"\x01\x28")),
        "parameters-long": corrupt("a third parameter", "too long", parameters(b"\x03\x28\x00\x00")),
        "step-0": corrupt("a step of nothing", "step", parameters(b"\x02\x00\x00")),
        "step-65536": corrupt("a step above 65,535", "step", parameters(b"\x04" + put_varint(65536) + b"\x00")),
        "threshold-2097152": corrupt("a threshold too large", "range", parameters(b"\x05\x28" + put_varint(1 << 21))),
        "too-many-pixels": Fault(
            "more pixels than a careful decoder takes", "TooLarge", "pixels", pack(_huge(65535, 65535), [SEGMENT])
        ),
        "too-many-samples": Fault(
            "more bands than a careful decoder takes",
            "TooLarge",
            "bands",
            pack(_huge(16384, 16384, "spectral", 5), [SEGMENT]),
        ),
    }


def _huge(height: int, width: int, interpretation: str = "grey", n_bands: int = 1) -> Header:
    return replace(GREY, height=height, width=width, interpretation=interpretation, n_bands=n_bands)


def _models(user_file: bytes) -> dict[str, Fault]:
    stranger = bytearray(user_file)
    stranger[5] ^= 1  # the first byte of the hash
    return {
        "model-255": Fault("a model to come", "UnknownModel", "model 255", _with(3, b"\xff")),
        "codec-0": Fault("a user's model of no codec", "UnknownModel", "codec 0", _with(3, b"\x00\x00" + bytes(8))),
        "codec-255": Fault("a codec to come", "UnknownModel", "codec 255", _with(3, b"\x00\xff" + bytes(8))),
        "model-missing": Fault("a user's model, which is not at hand", "ModelError", "needs a user", user_file),
        "model-other": Fault(
            "the model of another user", "ModelError", "not the model", _closed(stranger[:-2], b""), OF_WALSH
        ),
    }


def _ends() -> dict[str, Fault]:
    whole = _closed(_head())
    large = pack(replace(GREY, height=65, width=64), [to_bytes("00" + flat_table(9, 0))])
    user = _closed(_head(replace(GREY, model_id=0, model_hash=bytes(8))))
    damaged = bytearray(whole)
    damaged[-4] ^= 4
    large_damaged = bytearray(large)
    large_damaged[-6] ^= 4

    def cut(about: str, data: bytes, says: str = "within its head") -> Fault:
        return Fault(about, "Truncated", says, data)

    return {
        "empty": cut("no bytes at all", b""),
        "cut-in-magic": cut("the first byte", whole[:1]),
        "cut-after-magic": cut("the magic", whole[:2]),
        "cut-after-flags": cut("no model", whole[:3]),
        "cut-in-hash": cut("half a hash", user[:9]),
        "cut-in-size": cut("a width and no height", whole[:5]),
        "cut-in-settings": cut("half of the settings", whole[:7]),
        "cut-in-parameters": cut("half of the parameters", whole[:10]),
        "cut-in-checksum": cut("a head and one byte", whole[: len(_head())] + b"\x00", "first segment"),
        "checksum-16": Fault("a bit of the segment", "ChecksumError", "does not match", bytes(damaged)),
        "checksum-32": Fault("a bit of the head", "ChecksumError", "does not match", bytes(large_damaged)),
        "cut-in-segment": Fault("the last bytes missing", "ChecksumError", "does not match", whole[:-1]),
        "byte-after-the-end": Fault("a byte too many", "ChecksumError", "does not match", whole + b"\x00"),
    }


def _directories() -> dict[str, Fault]:
    whole = pack(TILES, TILE_SEGMENTS)
    start = read_header(whole).head_size  # of the first segment
    tiling = start - 4 - 2 - 1  # checksum, two lengths, tiling
    first = len(TILE_SEGMENTS[0]) + 4

    def opened(middle: bytes) -> bytes:
        """The file with another directory, whose checksum is right; the segments' are not, and never looked at."""
        head = whole[:tiling] + middle
        return head + binascii.crc32(head).to_bytes(4, "little") + whole[start:]

    def corrupt(about: str, says: str, data: bytes) -> Fault:
        return Fault(about, "CorruptStream", says, data)

    lengths = bytes(map(len, TILE_SEGMENTS))
    damaged, swapped = bytearray(whole), bytearray(whole)
    damaged[start + 1] ^= 1
    swapped[start : start + first] = whole[start + first : start + 2 * first]
    wrong = bytearray(whole)
    wrong[start - 1] ^= 1
    layers = pack(replace(TILES, n_layers=2), TILE_SEGMENTS * 2)
    return {
        "tiling-12": corrupt("a tile size without meaning", "tile size", opened(b"\xc0" + lengths)),
        "tiling-14": corrupt("a tile size without meaning", "tile size", opened(b"\xe0" + lengths)),
        "directory-of-one": corrupt("parts, and only one", "one segment", opened(b"\x10" + lengths[:1])),
        "directory-of-one-whole": corrupt("one tile, one layer", "one segment", opened(b"\xf0" + lengths[:1])),
        "length-2-28": corrupt("a segment of 2^28 bytes", "segment", opened(b"\x00" + put_varint(1 << 28) + b"\x05")),
        "length-padded": corrupt("a length in too many bytes", "too long", opened(b"\x00\x85\x00\x05")),
        "two-layers": corrupt("a layer that taha2025 has not", "layer", layers),
        "bytes-after-the-last-segment": corrupt("a byte too many", "follow", whole + b"\x00"),
        "directory-too-large": Fault("more tiles than bytes", "Truncated", "directory", pack(_lie(), TILE_SEGMENTS)),
        "cut-in-directory": Fault("a length missing", "Truncated", "directory", whole[: tiling + 2]),
        "cut-in-head-checksum": Fault("half a checksum", "Truncated", "head", whole[: start - 2]),
        "cut-in-first-segment": Fault("the first segment cut", "Truncated", "tile 1 of 2", whole[: start + 2]),
        "cut-in-last-segment": Fault("the last segment cut", "Truncated", "tile 2 of 2", whole[:-5]),
        "head-checksum": Fault("a head that does not match", "ChecksumError", "head", bytes(wrong)),
        "segment-checksum": Fault("a bit of a segment", "ChecksumError", "tile 1 of 2", bytes(damaged)),
        "segment-moved": Fault("a sound segment in another's place", "ChecksumError", "tile 1 of 2", bytes(swapped)),
    }


def _lie() -> Header:
    return replace(TILES, height=9000, width=9000)


def _segments() -> dict[str, Fault]:
    one = replace(GREY, height=8, width=8)

    def corrupt(about: str, bits: str, header: Header = GREY, says: str = KERNEL) -> Fault:
        return Fault(about, "CorruptStream", says, pack(header, [to_bytes(bits)]))

    def cut(about: str, segment: bytes, header: Header = GREY) -> Fault:
        return Fault(about, "Truncated", "end before", pack(header, [segment]))

    g1 = "00" + FLAT + "01" * 6
    return {
        "mode-3": corrupt("a mode without meaning", "11" + FLAT + "01" * 6),
        "flags-all-g1": corrupt("flags that are all 0", "10" + "000000" + FLAT + "01" * 6),
        "flags-all-g2": corrupt("flags that are all 1", "10" + "111111" + "0" + FLAT + "01" * 48),
        "flag-of-one-block": corrupt("one block cannot be of both groups", "10" + "1" + "0" + FLAT + "01" * 8, one),
        "filling": corrupt("a bit that is not zero after the last symbol", g1 + "1", GREY, "follow"),
        "byte-after-symbols": corrupt("a byte of zeros after the last symbol", g1 + "0" * 8, GREY, "follow"),
        "segment-empty": cut("no byte", b""),
        "cut-in-flags": cut("flags of three blocks in six", b"\x9f"),
        "cut-in-table": cut("lo and no more", to_bytes("00" + FLAT)[:1]),
        "cut-in-symbols": cut("symbols of some blocks", to_bytes(g1)[:-1]),
        "cut-in-list": cut("lengths without an end", to_bytes("00" + listed_table(0, [3] * 8) + "000")[:-2]),
        "cut-after-flags-of-g2": cut("all blocks are G2's, and that is all", b"\x40"),
    }


def _tables() -> dict[str, Fault]:
    def corrupt(about: str, table: str) -> Fault:
        return Fault(about, "CorruptStream", KERNEL, pack(GREY, [to_bytes("00" + table + "01" * 64)]))

    def listed(lo: int, count: int, lengths: str) -> str:
        return "1" + exp_golomb(zigzag(lo), 4) + exp_golomb(count - 2, 4) + lengths

    run, too_many_zeros = "111", "0" * 21 + "1" * 26
    return {
        "lo-of-21-zeros": corrupt("a least symbol that 21 zeros precede", "0" + too_many_zeros),
        "lo-65536": corrupt("a least symbol above 32,767", "0" + exp_golomb(65536, 4) + "0000"),
        "flat-beyond": corrupt("a flat code that ends at 32,768", flat_table(32767, 1)),
        "count-32769": corrupt("a table of 32,769 symbols", listed(-32768, 32769, "0000")),
        "count-beyond": corrupt("a listed code that ends at 32,768", listed_table(32766, [1, 2, 2])),
        "count-of-21-zeros": corrupt("a count that 21 zeros precede", "1" + exp_golomb(0, 4) + too_many_zeros),
        "length-0": corrupt("one less than a length of 1", listed(0, 3, "0000" + "101" + "0")),
        "length-17": corrupt("one more than a length of 16", listed(0, 3, "1111" + "100" + "0")),
        "run-to-the-end": corrupt("a last symbol without a word", listed(0, 4, "00000" + run + exp_golomb(1, 0))),
        "run-beyond": corrupt(
            "a run of unused symbols beyond the table", listed(0, 4, "0000" + run + exp_golomb(5, 0))
        ),
        "run-of-21-zeros": corrupt("a run that 21 zeros precede", listed(0, 4, "0000" + run + too_many_zeros)),
        "code-incomplete": corrupt("a code with words to spare", listed_table(0, [2, 2, 2])),
        "code-oversubscribed": corrupt("a code with too few words", listed_table(0, [1, 1, 1])),
        "code-of-unequal-words": corrupt("a code of two words, one too long", listed_table(0, [1, 2])),
    }
