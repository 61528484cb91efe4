"""The prefix of a file of version 2, before a file of version 1 (spec/scenes.md, "Prefix", "Chunks")."""

import binascii
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from apercu.errors import (
    ChecksumError,
    CorruptStream,
    OptionError,
    Truncated,
    UnknownChunk,
    UnsupportedVersion,
)
from apercu.format.chunk_bands import put_bands, put_tags, read_bands, read_tags
from apercu.format.chunk_places import put_gcps, put_geo, put_rpcs, read_gcps, read_geo, read_rpcs
from apercu.format.chunk_samples import (
    put_mask,
    put_reduced,
    put_rotation,
    put_samples,
    read_mask,
    read_reduced,
    read_rotation,
    read_samples,
)
from apercu.format.chunks import SampleType, Scene
from apercu.format.container import Header, Reader, put_varint
from apercu.format.ids import CHUNK_IDS, MAGIC, SCENE_VERSION

MOST_BYTES = (1 << 24) - 1
"""Of all chunks of a file."""
_CRITICAL = 0x80
_Item = TypeVar("_Item")


class _Payload(NamedTuple):
    """How a field of `Scene` becomes a payload, which is empty if the field says nothing, and a payload a field; of one
    that counts bands, their number too."""

    put: Callable[[Any], bytes]
    read: Callable[[Reader], Any]
    counts: bool = False


_PAYLOADS = {
    "geo": _Payload(put_geo, read_geo),
    "gcps": _Payload(put_gcps, read_gcps),
    "rpcs": _Payload(put_rpcs, read_rpcs),
    "bands": _Payload(put_bands, read_bands, counts=True),
    "tags": _Payload(put_tags, read_tags),
    "samples": _Payload(put_samples, read_samples, counts=True),
    "mask": _Payload(put_mask, read_mask),
    "rotation": _Payload(put_rotation, read_rotation),
    "reduced": _Payload(put_reduced, read_reduced),
}
_FIELDS = {number: field for field, number in CHUNK_IDS.items()}


def pack_prefix(scene: Scene) -> bytes:
    """What stands before the file of version 1; no bytes if the scene says nothing.

    Raises OptionError for what a prefix cannot hold.
    """
    chunks = bytearray()
    for field, number in CHUNK_IDS.items():
        value = getattr(scene, field)
        if value is not None and (payload := _PAYLOADS[field].put(value)):
            chunks += bytes([number]) + put_varint(len(payload)) + payload
    if len(chunks) > MOST_BYTES:
        raise OptionError(f"what is said of a scene takes {len(chunks):,} bytes, above {MOST_BYTES:,}")
    if not chunks:
        return b""
    body = MAGIC + bytes([SCENE_VERSION << 4]) + put_varint(len(chunks)) + chunks
    return body + binascii.crc32(body).to_bytes(4, "little")


def read_prefix(data: bytes) -> tuple[Scene, int]:
    """What the prefix at the start of `data` says, and where the file of version 1 begins; an empty scene and 0 where
    there is no prefix. `data` may be no more than the first bytes of a file.

    Raises NotApercu, UnsupportedVersion, UnknownChunk, ChecksumError, CorruptStream, or Truncated where more bytes are
    needed.
    """
    if not has_prefix(data):
        return Scene(), 0
    reader = Reader(data, len(MAGIC), "prefix")
    if (version := reader.byte()) != SCENE_VERSION << 4:
        raise UnsupportedVersion(f"variant {version & 15} of version {SCENE_VERSION} of the format is not read")
    chunks = reader.take(reader.varint(MOST_BYTES, "length"))
    expected = binascii.crc32(memoryview(data)[: reader.at])
    if int.from_bytes(reader.take(4), "little") != expected:
        raise ChecksumError("the checksum of the prefix does not match")
    return _read_chunks(chunks), reader.at


def has_prefix(data: bytes) -> bool:
    """Whether a file begins with a prefix, as far as its first bytes say."""
    at = len(MAGIC)
    return len(data) > at and data[at] >> 4 == SCENE_VERSION and data[:at] == MAGIC


def _read_chunks(chunks: bytes) -> Scene:
    found: dict[str, Any] = {}
    n_bands: dict[str, int] = {}
    reader, last = Reader(chunks, part="chunks"), -1
    while reader.left():
        number = reader.byte()
        if number <= last:
            raise CorruptStream(f"chunk {number} comes after chunk {last}")
        last = number
        try:
            payload = reader.take(reader.varint(MOST_BYTES, "length"))
        except Truncated:
            raise CorruptStream(f"chunk {number} is longer than the prefix") from None
        if field := _FIELDS.get(number):
            found[field] = _read_payload(field, payload)
            if _PAYLOADS[field].counts:
                found[field], n = found[field]
                n_bands |= {} if n is None else {field: n}
        elif number & _CRITICAL:
            raise UnknownChunk(f"chunk {number} is not known to this release, and the image cannot be read without it")
    return Scene(**found, n_bands=n_bands)


def _read_payload(field: str, payload: bytes) -> Any:
    reader = Reader(payload, part=f"{field} chunk")
    try:
        value = _PAYLOADS[field].read(reader)
        reader.end()
    except Truncated:
        raise CorruptStream(f"the {field} chunk ends too soon") from None
    return value


def _of_each(values: tuple[_Item, ...] | None, n_bands: int) -> tuple[_Item, ...] | None:
    return values if values is None or len(values) == n_bands else values * n_bands


def dtype_of(scene: Scene, header: Header) -> str:
    """Of the samples that were encoded."""
    if scene.samples:
        return scene.samples.dtype
    return "uint16" if (scene.rotation.wide if scene.rotation else header.wide) else "uint8"


def fitted(scene: Scene, header: Header) -> Scene:
    """A scene whose chunks fit the head of the file after it, with one item for each band; raises CorruptStream where
    they do not.

    The data of the mask are not looked at.
    """
    n_bands = header.n_bands
    n_told = n_bands + 1 if scene.mask and scene.mask.kind == "alpha" else n_bands
    if scene.n_bands.get("bands", n_bands) not in (n_bands, n_told):
        raise CorruptStream(f"the bands chunk does not fit an image of {n_bands} bands")
    if scene.tags and max(band for band, _ in scene.tags) > n_told:
        raise CorruptStream(f"the tags chunk does not fit an image of {n_bands} bands")
    samples, mask = scene.samples, scene.mask
    if samples:
        if scene.n_bands.get("samples", n_bands) != n_bands:
            raise CorruptStream(f"the samples chunk does not fit an image of {n_bands} bands")
        if not samples.mapping and samples.dtype != dtype_of(replace(scene, samples=None), header):
            raise CorruptStream(f"samples of {samples.dtype} without a mapping from those of the image")
        mapping, nodata = _of_each(samples.mapping, n_bands), _of_each(samples.nodata, n_bands)
        samples = SampleType(samples.dtype, mapping, nodata)
    if mask and not mask.n_masks:
        mask = mask._replace(n_masks=n_bands)
    if scene.rotation and (len(scene.rotation.levels), header.interpretation, header.wide) != (
        n_bands,
        "spectral",
        True,
    ):
        raise CorruptStream(f"the rotation chunk does not fit a file of {n_bands} {header.interpretation} bands")
    if reduced := scene.reduced:
        coded = tuple(-(-side >> reduced.log2) for side in (reduced.height, reduced.width))
        if coded != (header.height, header.width):
            raise CorruptStream("the reduced size does not fit that of the image")
    return replace(scene, samples=samples, mask=mask)
