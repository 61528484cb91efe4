"""Chunks of words: what is said of the bands, and tags (spec/scenes.md, "Bands", "Tags")."""

from apercu.errors import CorruptStream, OptionError
from apercu.format.chunk_parts import (
    MOST_COUNTED,
    characters,
    count,
    deflated,
    floats,
    inflated,
    optional,
    put_count,
    put_floats,
    put_optional,
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
    out += [put_optional(word) for those in words for word in those or ()]
    out += [put_floats(those) for those in numbers if those is not None]
    return deflated(b"".join(out))


def read_bands(reader: Reader) -> Bands:
    """The inverse of `put_bands`."""
    text = Reader(inflated(reader.rest()), part=reader.part)
    said = text.byte()
    if said >> 5:
        raise CorruptStream("something without meaning is said of the bands")
    n = count(text, "bands", said.bit_count())
    names, units, colours = (
        tuple(optional(text) for _ in range(n)) if said >> place & 1 else None for place in range(3)
    )
    scales, offsets = (floats(text, n) if said >> place & 1 else None for place in (3, 4))
    text.end()
    return Bands(names, units, colours, scales, offsets)


def put_tags(tags: Tags) -> bytes:
    """The payload; no bytes if there are no tags."""
    out = []
    groups = [(place, group) for place, group in tags.items() if group]
    for (band, namespace), group in sorted(groups, key=lambda item: (item[0][0], characters(item[0][1]))):
        if not 0 <= band <= MOST_COUNTED:
            raise OptionError(f"tags are of band 0 to {MOST_COUNTED:,}, not {band}")
        out += [put_varint(band), put_string(namespace), put_count(len(group), "tags")]
        for name, value in sorted(group.items(), key=lambda item: characters(item[0])):
            out += [put_string(name), put_string(value)]
    return deflated(b"".join(out)) if out else b""


def read_tags(reader: Reader) -> Tags:
    """The inverse of `put_tags`."""
    text = Reader(inflated(reader.rest()), part=reader.part)
    tags: Tags = {}
    last: tuple[int, bytes] | None = None
    while text.left():
        band, namespace = text.varint(MOST_COUNTED, "band"), string(text)
        if last is not None and (band, namespace.encode()) <= last:
            raise CorruptStream("tags are out of order")
        last = band, namespace.encode()
        tags[band, namespace] = group = {}
        before: bytes | None = None
        for _ in range(count(text, "tags", 2)):
            name = string(text)
            if before is not None and name.encode() <= before:
                raise CorruptStream("tags are out of order")
            before = name.encode()
            group[name] = string(text)
    return tags
