"""Packets for links that lose some: a file in pieces of one size, each with its place and a checksum, and more of them
than the file needs (spec/PACKETS.md). They may come in any order, twice, damaged, or mixed with those of other images.

    packets = packetise(data, size=256, parity=0.25)
    data = assemble(packets)

With enough of them the file comes back byte for byte. With fewer, what could not be made is zeros in it: `apercu.check`
lists the faults, and `apercu.decode(data, damaged="fill")` shows the rest.
"""

import binascii
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from apercu.bridges.packets.erasure import parity as parity_of
from apercu.bridges.packets.erasure import recovered
from apercu.bridges.packets.packet import LEAST_SIZE, MOST_SIZE, Layout, Packet, pack, read
from apercu.bridges.packets.stream import from_stream, layout_for, to_stream
from apercu.errors import FormatError, NotApercu, OptionError, Truncated
from apercu.options import number, whole
from apercu.stages.arguments import bytes_of

MOST_PARITY = 1
MOST_ID = 0xFFFF
_LEAST_ARRIVED = 64
"""One in so many bytes of an image has to arrive before memory is set aside for it."""


class Assembled(NamedTuple):
    """A file made of packets."""

    data: bytes
    n_missing: int
    """Bytes that could not be made, and are zeros; 0: this is the file that was sent."""
    n_arrived: int
    """Packets, each counted once."""
    n_sent: int


def packetise(data: bytes, size: int = 256, parity: float = 0.25, image_id: int | None = None) -> list[bytes]:
    """The packets of an apercu file, in the order in which they are best sent: of one size, at most `size`.

    Args:
        data: a whole file, of any codec and version. Those with several layers lose the finest ones first.
        size: bytes of a packet at most, 48 to 1,024; 12 of them are not payload, or 14 where there are more than 255.
        parity: of so many times the packets that the file alone would take, more are sent: 0 to 1. With 0.25 a fifth of
            all packets may be lost, whichever; a little less for fine layers, and more for the first one.
        image_id: 0 to 65,535, to tell images apart whose packets mix; by default it is made of the file.

    Raises:
        FormatError: for what is no whole file. Its segments are not looked at.
        OptionError, or MissingExtra without reedsolo (`pip install 'apercu[packets]'`).
    """
    data, size = bytes_of(data), whole("size", size)
    if not LEAST_SIZE <= size <= MOST_SIZE:
        raise OptionError(f"size must be {LEAST_SIZE} to {MOST_SIZE} bytes, not {size}")
    parity = number("parity", parity, f" from 0 to {MOST_PARITY}", lambda found: 0 <= found <= MOST_PARITY)
    image_id = binascii.crc_hqx(data, 0) if image_id is None else whole("image_id", image_id)
    if not 0 <= image_id <= MOST_ID:
        raise OptionError(f"image_id must be 0 to {MOST_ID}, not {image_id}")
    stream, head, first_layer = to_stream(data)
    layout = layout_for(len(stream), head, first_layer, size, parity)
    rows = np.empty((layout.n_blocks, layout.n, layout.n_bytes), np.uint8)
    rest = np.frombuffer(stream.ljust(layout.capacity, b"\0"), np.uint8)
    for needed, begin, end in layout.sections:
        n_bytes = layout.n_blocks * needed * (end - begin)
        section, rest = rest[:n_bytes].reshape(layout.n_blocks, needed, end - begin), rest[n_bytes:]
        for block, of_block in enumerate(section):
            rows[block, :needed, begin:end] = of_block
            rows[block, needed:, begin:end] = parity_of(of_block, layout.n)
    return [
        pack(Packet(image_id, layout, block, index, rows[block, index].tobytes()))
        for index in range(layout.n)
        for block in range(layout.n_blocks)
    ]


def assemble(packets: Iterable[bytes], image_id: int | None = None) -> bytes:
    """The file of an image from its packets, in any order; what is lost of it is zeros.

    What is no packet, or damaged, is passed over. `image_id`: which image, where packets of several are mixed.

    Raises:
        NotApercu: there is no packet, or none of that image.
        Truncated: there are too few to make the head of the file.
        CorruptStream: packets do not fit each other.
        OptionError: there are several images, and none is named.
        MissingExtra: packets are lost, and reedsolo is missing (`pip install 'apercu[packets]'`).
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
    found: dict[int, Assembled | FormatError] = {}
    for image_id, (layout, blocks) in sorted(_arrived(packets).items()):
        try:
            found[image_id] = _assembled(layout, blocks)
        except FormatError as fault:
            found[image_id] = fault.with_traceback(None)
    return found


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
    if n_arrived * layout.n_bytes * _LEAST_ARRIVED < layout.capacity:
        raise Truncated(f"too few packets arrived: {n_arrived} of {layout.n_blocks * layout.n}")
    stream, known = np.zeros(layout.capacity, np.uint8), np.zeros(layout.capacity, np.bool_)
    start = 0
    for needed, begin, end in layout.sections:
        length = end - begin
        for block, payloads in blocks.items():
            rows = {row: payload[begin:end] for row, payload in payloads.items()}
            first = start + block * needed * length
            made = recovered(rows, needed, layout.n)
            if made is not None:
                rows = {row: share.tobytes() for row, share in enumerate(made)}
            for row, share in rows.items():
                if row < needed:
                    at = slice(first + row * length, first + (row + 1) * length)
                    stream[at], known[at] = np.frombuffer(share, np.uint8), True
        start += layout.n_blocks * needed * length
    data, n_missing = from_stream(stream.tobytes(), known)
    return Assembled(data, n_missing, n_arrived, layout.n_blocks * layout.n)
