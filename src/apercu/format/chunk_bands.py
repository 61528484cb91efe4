"""Chunks of words: what is said of the bands, and tags (spec/scenes.md, "Bands", "Tags")."""

from functools import cache

from apercu.errors import CorruptStream, OptionError
from apercu.format.chunk_parts import (
    MOST_COUNTED,
    characters,
    count,
    deflated,
    floats,
    inflated,
    put_count,
    put_floats,
    put_string,
    string,
)
from apercu.format.chunks import Bands, Tags
from apercu.format.container import Reader, put_varint


def put_bands(bands: Bands) -> bytes:
    """The payload; no bytes if nothing is said."""
    words, numbers = (bands.names, bands.units, bands.colours), (bands.scales, bands.offsets)
    said = [place for place, values in enumerate((*words, *numbers)) if values is not None]
    if not said:
        return b""
    first, *others = (len(values) for values in (*words, *numbers) if values is not None)
    if others.count(first) != len(others):
        raise OptionError(f"what a scene says of its bands is of {first} bands, and of {others}")
    out = [bytes([sum(1 << place for place in said)]), put_count(first, "bands")]
    out += [put_string(word) for those in words for word in those or ()]
    out += [put_floats(those) for those in numbers if those is not None]
    return deflated(b"".join(out))


def read_bands(reader: Reader) -> tuple[Bands, int]:
    """The inverse of `put_bands`, and how many bands are counted."""
    text = Reader(inflated(reader.rest()), part=reader.part)
    said = text.byte()
    if said >> 5:
        raise CorruptStream("something without meaning is said of the bands")
    n = count(text, "bands", said.bit_count())
    names, units, colours = (
        tuple(string(text) or None for _ in range(n)) if said >> place & 1 else None for place in range(3)
    )
    scales, offsets = (floats(text, n) if said >> place & 1 else None for place in (3, 4))
    text.end()
    return Bands(names, units, colours, scales, offsets), n


_DATASET = 0, ""
_RESAMPLINGS = ("NEAREST", "AVERAGE", "BILINEAR", "CUBIC", "CUBICSPLINE", "LANCZOS", "MODE", "RMS")
_RESOLUTIONS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("1 (unitless)", "1", {}),
    ("1 (unitless)", "1", {"TIFFTAG_SOFTWARE": "tifffile.py"}),
    ("2 (pixels/inch)", "72", {}),
    ("2 (pixels/inch)", "96", {}),
    ("2 (pixels/inch)", "300", {}),
)  # fmt: skip


@cache
def _usual() -> dict[int, dict[str, str]]:
    """Tags that are a number (spec/scenes.md, "Tags")."""
    found = {}
    for high, resolution in enumerate((None, *_RESOLUTIONS)):
        for low, resampling in enumerate((None, *_RESAMPLINGS)):
            tags = {"OVR_RESAMPLING_ALG": resampling} if resampling else {}
            if resolution:
                unit, pixels, more = resolution
                tags |= {"TIFFTAG_RESOLUTIONUNIT": unit, **more}
                tags |= {"TIFFTAG_XRESOLUTION": pixels, "TIFFTAG_YRESOLUTION": pixels}
            if tags:
                found[high << 4 | low] = tags
    return found


def put_tags(tags: Tags) -> bytes:
    """The payload; no bytes if there are no tags."""
    groups = {place: group for place, group in tags.items() if group}
    if list(groups) == [_DATASET]:
        for number, usual in _usual().items():
            if groups[_DATASET] == usual:
                return bytes([number])
    out = []
    for band, namespace in sorted({_DATASET, *groups}, key=lambda place: (place[0], characters(place[1]))):
        if not 0 <= band <= MOST_COUNTED:
            raise OptionError(f"tags are of band 0 to {MOST_COUNTED:,}, not {band}")
        if (band, namespace) != _DATASET:
            out += [put_string(""), put_varint(band), put_string(namespace)]
        for name, value in sorted(groups.get((band, namespace), {}).items(), key=lambda tag: characters(tag[0])):
            if not name:
                raise OptionError(f"a tag has no name: {value!r}")
            out += [put_string(name), put_string(value)]
    text = b"".join(out)
    return deflated(text if text.endswith(b"\0\0") else text[:-1]) if groups else b""


def read_tags(reader: Reader) -> Tags:
    """The inverse of `put_tags`."""
    payload = reader.rest()
    if len(payload) == 1:
        if payload[0] not in _usual():
            raise CorruptStream("the number of usual tags is out of range")
        return {_DATASET: dict(_usual()[payload[0]])}
    text = Reader(inflated(payload), part=reader.part)
    place, tags = _DATASET, {_DATASET: _group(text)}
    while text.left():
        before, place = place, (text.varint(MOST_COUNTED, "band"), string(text))
        if (place[0], place[1].encode()) <= (before[0], before[1].encode()):
            raise CorruptStream("tags are out of order")
        if not (group := _group(text)):
            raise CorruptStream("a namespace has no tags")
        tags[place] = group
    if not tags[_DATASET]:
        del tags[_DATASET]
    if not tags:
        raise CorruptStream("there are no tags")
    return tags


def _group(text: Reader) -> dict[str, str]:
    """Tags up to an empty name, or the end of the text."""
    group: dict[str, str] = {}
    last = b""
    while text.left():
        if not (name := string(text)):
            if not text.left():
                raise CorruptStream("tags end with a name that is empty")
            break
        if (data := name.encode()) <= last:
            raise CorruptStream("tags are out of order")
        last = data
        group[name] = string(text)
    return group
