"""Packets for links that lose some: a file in pieces of one size, each with its place and a checksum, and more of them
than the file needs (spec/PACKETS.md). They may come in any order, twice, damaged, or mixed with those of other images.

    packets = packetise(data, size=256, parity=0.25)
    data = assemble(packets)

With enough of them the file comes back byte for byte. With fewer, what could not be made is zeros in it: `apercu.check`
lists the faults, and `apercu.decode(data, damaged="fill")` shows the rest.
"""

import binascii
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.bridges.packets.erasure import parity as parity_of
from apercu.bridges.packets.erasure import recovered
from apercu.bridges.packets.packet import LEAST_SIZE, MOST_ROWS, MOST_SIZE, Layout, Packet, pack, read
from apercu.bridges.packets.stream import MEASURES, from_stream, plan_for, to_stream
from apercu.errors import CorruptStream, FormatError, NotApercu, OptionError, Truncated
from apercu.options import number, whole
from apercu.stages.arguments import bytes_of

MOST_PARITY = 1
MOST_ID = 0xFFFF
_LEAST_ARRIVED = 64
"""One in so many of the packets that a section needs has to arrive before memory is set aside for it."""


class Assembled(NamedTuple):
    """A file made of packets."""

    data: bytes
    n_missing: int
    """Bytes that could not be made, and are zeros. 0: this is the file that was sent; only if packets of several files
    with the same number and layout are mixed is it none of them, and `apercu.check` tells."""
    n_arrived: int
    """Packets, each counted once."""
    n_sent: int


def packetise(data: bytes, size: int = 256, parity: float = 0.25, image_id: int | None = None) -> list[bytes]:
    """The packets of an apercu file, in the order in which they are best sent: of one size, at most `size`.

    Args:
        data: a whole file, of any codec and version. Those with several layers lose the finest ones first.
        size: bytes of a packet at most, 48 to 1,024; 9 of them are not payload, or 11 where there are more than 255.
        parity: so many times the bytes of the file are sent besides it: 0 to 1. With 0.25 a seventh of all packets
            may be lost, whichever, and a third before nothing can be shown.
        image_id: 0 to 65,535, to tell images apart whose packets mix; by default it is made of the file.

    Raises:
        FormatError: for what is no whole file. Its segments are not looked at.
        OptionError.
    """
    data, size = bytes_of(data), whole("size", size)
    if not LEAST_SIZE <= size <= MOST_SIZE:
        raise OptionError(f"size must be {LEAST_SIZE} to {MOST_SIZE} bytes, not {size}")
    parity = number("parity", parity, f" from 0 to {MOST_PARITY}", lambda found: 0 <= found <= MOST_PARITY)
    image_id = binascii.crc_hqx(data, 0) if image_id is None else whole("image_id", image_id)
    if not 0 <= image_id <= MOST_ID:
        raise OptionError(f"image_id must be 0 to {MOST_ID}, not {image_id}")
    stream, head = to_stream(data)
    layout, n, weak = plan_for(len(stream), head, size, parity)
    rows = np.empty((layout.n_blocks, n, layout.n_bytes), np.uint8)
    rest = bytes([n, weak]) + stream
    for needed, begin, end in (layout.strong, 0, layout.split), (weak, layout.split, layout.n_bytes):
        shape = layout.n_blocks, needed, end - begin
        n_bytes = math.prod(shape)
        section, rest = np.frombuffer(rest[:n_bytes].ljust(n_bytes, b"\0"), np.uint8), rest[n_bytes:]
        for block, of_block in enumerate(section.reshape(shape)):
            rows[block, :needed, begin:end] = of_block
            rows[block, needed:, begin:end] = parity_of(of_block, n)
    return [
        pack(Packet(image_id, layout, block, row, rows[block, row].tobytes()))
        for row in range(n)
        for block in range(layout.n_blocks)
    ]


def in_turn(*images: Sequence[bytes]) -> list[bytes]:
    """The packets of several images in one order in which they are best sent where losses come in bursts: a burst then
    takes a few packets of each image, in proportion to how many it has."""
    placed = [
        ((2 * index + 1) / (2 * len(packets)), number, packet)
        for number, packets in enumerate(images)
        for index, packet in enumerate(packets)
    ]
    return [packet for _, _, packet in sorted(placed, key=lambda item: item[:2])]


def assemble(packets: Iterable[bytes], image_id: int | None = None) -> bytes:
    """The file of an image from its packets, in any order; what is lost of it is zeros.

    What is no packet, or damaged, is passed over. `image_id`: which image, where packets of several are mixed.

    Raises:
        NotApercu: there is no packet, or none of that image.
        Truncated: there are too few to make the head of the file.
        CorruptStream: packets do not fit each other.
        OptionError: there are several images, and none is named.
    """
    arrived = _arrived(packets)
    if image_id is None and len(arrived) > 1:
        raise OptionError(f"packets of several images are mixed: name one of {', '.join(map(str, sorted(arrived)))}")
    wanted = next(iter(arrived), None) if image_id is None else image_id
    if wanted not in arrived:
        raise NotApercu("there is no packet" + ("" if image_id is None else f" of image {image_id}"))
    return _assembled(*arrived[wanted]).data


def assemble_all(packets: Iterable[bytes]) -> dict[int, Assembled | FormatError]:
    """The files of all images whose packets are mixed, by image id, or why there is none; see `assemble`."""
    return dict(assemble_each(packets))


def assemble_each(
    packets: Iterable[bytes], image_id: int | None = None
) -> Iterator[tuple[int, Assembled | FormatError]]:
    """The same one after another, of all images or of one, so that one file at a time is held: each may be many times
    as long as the packets of it that arrived, and strangers may send packets of 65,536 images."""
    for found_id, (layout, blocks) in sorted(_arrived(packets).items()):
        if image_id in (None, found_id):
            try:
                made: Assembled | FormatError = _assembled(layout, blocks)
            except FormatError as fault:
                made = fault.with_traceback(None)
            yield found_id, made


_Blocks = dict[int, dict[int, bytes]]
"""Payloads by block, and by number in it."""


def _arrived(packets: Iterable[bytes]) -> dict[int, tuple[Layout, _Blocks]]:
    """The packets of each image. Of an id under which there are several layouts, that of the most packets counts: the
    others are of other images, or forged."""
    found: dict[int, dict[Layout, _Blocks]] = {}
    for data in packets:
        try:
            packet = read(bytes_of(data))
        except FormatError:
            continue
        blocks = found.setdefault(packet.image_id, {}).setdefault(packet.layout, {})
        blocks.setdefault(packet.block, {}).setdefault(packet.row, packet.payload)
    return {
        image_id: max(layouts.items(), key=lambda item: sum(map(len, item[1].values())))
        for image_id, layouts in found.items()
    }


def _assembled(layout: Layout, blocks: _Blocks) -> Assembled:
    n_arrived = sum(map(len, blocks.values()))
    first, known_first = _section(layout, blocks, layout.strong, 0, layout.split)
    if not known_first[:MEASURES].all():
        raise Truncated("too few packets arrived: the first bytes are missing")
    n, weak = first[:MEASURES].tolist()
    if not (layout.strong <= n <= MOST_ROWS and 1 <= weak <= n):
        raise CorruptStream("the protection of packets is out of range")
    second, known_second = _section(layout, blocks, weak, layout.split, layout.n_bytes)
    stream, known = np.concatenate([first, second]), np.concatenate([known_first, known_second])
    data, n_missing = from_stream(stream[MEASURES:].tobytes(), known[MEASURES:])
    return Assembled(data, n_missing, n_arrived, layout.n_blocks * n)


def _section(
    layout: Layout, blocks: _Blocks, needed: int, begin: int, end: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The bytes of a section, and which of them are known; `begin`, `end`: of its shares in a payload. Raises Truncated
    where hardly any packets have arrived."""
    n_arrived = sum(map(len, blocks.values()))
    if n_arrived * _LEAST_ARRIVED < layout.n_blocks * needed:
        raise Truncated(f"too few packets arrived: {n_arrived}, where {layout.n_blocks * needed} are needed")
    shape = layout.n_blocks, needed, end - begin
    found, known = np.zeros(shape, np.uint8), np.zeros(shape, np.bool_)
    for block, payloads in blocks.items():
        rows = {row: payload[begin:end] for row, payload in payloads.items()}
        made = recovered(rows, needed)
        if made is not None:
            found[block], known[block] = made, True
            continue
        for row, share in rows.items():
            if row < needed:
                found[block, row], known[block, row] = np.frombuffer(share, np.uint8), True
    return found.ravel(), known.ravel()
