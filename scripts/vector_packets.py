"""Cases of packets (spec/PACKETS.md): what arrived, and the file that is made of it, or why there is none."""

import binascii
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import apercu
from apercu.bridges.packets import packetise
from apercu.bridges.packets.erasure import parity
from apercu.bridges.packets.packet import Layout, Packet, pack, read
from apercu.bridges.packets.stream import Plan, plan_for, to_stream
from apercu.format.chunks import Geo, Scene
from apercu.format.container import Segments, put_varint, read_header
from apercu.format.prefix import pack_prefix
from scripts.pictures import scene


@dataclass(frozen=True)
class Received:
    """Packets one after another, with whatever lies between them, and what they become.

    file: None where they are refused with `error`. image_id: of the image that is wanted, where there are several.
    one: what is refused is a packet by itself, which else would be passed over.
    """

    about: str
    data: bytes
    file: bytes | None = None
    error: str | None = None
    image_id: int | None = None
    one: bool = False


def packet_cases() -> dict[str, Received]:
    """All cases by name."""
    small = apercu.encode(scene(60, 80, 3), quality=45)
    tiled = apercu.encode(scene(200, 260, 3), quality=45, tile=64, layers=4)
    found = {
        "packets-one": Received("one packet has all of a small file", packetise(small, 1024, 0)[0], small),
        "packets-any": _enough("a file of one segment, the first packets lost", small, 48, 1),
        "packets-tiles": _enough("a file of tiles and layers, the first packets lost", tiled, 96, 0.5),
        "packets-too-few": _lost("the first section is made, and the second is not", tiled, 0.25, first=3),
        "packets-no-parity": _lost("a burst without parity that the head survives", tiled, 0, first=5),
        "packets-known": _known(tiled),
        "packets-later": _later(small),
        "packets-blocks": _blocks(),
        "packets-scene": _scene(small),
        "packets-mixed": _mixed(small, tiled),
    }
    return found | _refused_packets(small) | _refused_images(small, tiled)


def _planned(data: bytes, size: int, share: float) -> Plan:
    """How `packetise` sends a file."""
    stream, head = to_stream(data)
    return plan_for(len(stream), head, size, share)


def _needed(plan: Plan) -> int:
    return max(plan.layout.strong, plan.weak)


def _enough(about: str, data: bytes, size: int, share: float) -> Received:
    """As few packets as give it back, in any order."""
    packets, plan = packetise(data, size, share), _planned(data, size, share)
    assert plan.layout.n_blocks == 1
    arrived = packets[plan.n - _needed(plan) :]
    assert len(arrived) < len(packets)
    random.Random(1).shuffle(arrived)
    return Received(about, b"".join(arrived), data)


def _lost(about: str, data: bytes, share: float, first: int) -> Received:
    """A burst that the first section survives and the second does not."""
    packets, plan = packetise(data, 96, share), _planned(data, 96, share)
    lost = range(first, first + plan.n - plan.layout.strong)
    arrived = [packet for row, packet in enumerate(packets) if row not in lost]
    return Received(about, b"".join(arrived), _with_zeros(data, plan, lost, ()))


def _known(data: bytes) -> Received:
    """Neither section is made, and the head is known from the rows that have arrived."""
    packets, plan = packetise(data, 256, 1), _planned(data, 256, 1)
    lost = range(plan.layout.strong - 1, plan.n)
    about = "neither section can be made, but what arrived of them is known"
    return Received(about, b"".join(packets[: lost[0]]), _with_zeros(data, plan, lost, lost))


def _later(data: bytes) -> Received:
    """Rows that were not sent at first."""
    packets, plan = [read(packet) for packet in packetise(data, 64, 0.25)], _planned(data, 64, 0.25)
    sent = np.array([list(packet.payload) for packet in packets], np.uint8)
    sections = (plan.layout.strong, slice(plan.layout.split)), (plan.weak, slice(plan.layout.split, None))
    further = np.concatenate([parity(sent[:k, part], 255)[plan.n - k :] for k, part in sections], 1)
    rows = range(plan.n, plan.n + _needed(plan) - 1)
    later = [packets[0]._replace(row=row, payload=further[row - plan.n].tobytes()) for row in rows]
    about = "all packets but one are of rows that are sent later"
    return Received(about, b"".join(map(pack, [packets[0], *later])), data)


def _with_zeros(data: bytes, plan: Plan, lost: Sequence[int], lost_first: Sequence[int]) -> bytes:
    """A file of one block without what lost rows had of the second section, and others of the first."""
    layout, weak = plan.layout, plan.weak
    stream = bytearray(bytes([plan.n, weak]) + to_stream(data)[0])
    assert plan.n - len(lost) < weak
    for rows, start, needed, length in (
        (lost_first, 0, layout.strong, layout.split),
        (lost, layout.strong_bytes, weak, layout.n_bytes - layout.split),
    ):
        for row in rows:
            if row < needed:
                at = start + row * length
                stream[at : at + length] = bytes(len(stream[at : at + length]))
    return _back(bytes(stream[2:]), data)


def _back(stream: bytes, data: bytes) -> bytes:
    """The file of a stream, tile by tile as the specification says, given the file whose head it has."""
    header = read_header(data)
    at = len(put_varint(len(data)))
    out = bytearray(data[: header.head_size])
    at += header.head_size
    across, down = -(-header.width // header.tile), -(-header.height // header.tile)
    segments = Segments(data, header)
    parts: dict[int, bytes] = {}
    for layer in range(header.n_layers):
        for odd_row, odd_column in ((0, 0), (1, 1), (0, 1), (1, 0)):
            for row in range(odd_row, down, 2):
                for column in range(odd_column, across, 2):
                    index = layer * header.n_tiles + row * across + column
                    size = segments.length(index) + 4
                    parts[index] = stream[at : at + size]
                    at += size
    return bytes(out) + b"".join(parts[index] for index in sorted(parts))


def _blocks() -> Received:
    data = apercu.encode(scene(150, 150, 3), n_bytes=10_000, layers=5)
    packets, plan = [read(packet) for packet in packetise(data, 48, 0.03)], _planned(data, 48, 0.03)
    assert plan.layout.n_blocks == 2
    n_lost = plan.n - _needed(plan)
    lost = {0: range(10, 10 + n_lost), 1: range(3 * n_lost, 4 * n_lost)}
    arrived = [pack(packet) for packet in packets if packet.row not in lost[packet.block]]
    return Received("two blocks, of each as many packets as it needs", b"".join(arrived), data)


def _scene(small: bytes) -> Received:
    data = pack_prefix(Scene(geo=Geo(32632, (500000.0, 10.0, 0.0, 5400000.0, 0.0, -10.0)))) + small
    return _enough("a file of version 2", data, 64, 0.25)


def _mixed(small: bytes, tiled: bytes) -> Received:
    """Noise between packets, damaged ones, some twice, and two images."""
    rng = random.Random(2)
    packets = packetise(small, 64, 0.5, image_id=258)
    bad = bytearray(packets[0])
    bad[20] ^= 1
    mixed = [*packets[1:], *packetise(tiled, 96, 0.25, image_id=7)[:5], bytes(bad), packets[2]]
    rng.shuffle(mixed)
    data = b"".join(rng.randbytes(rng.randrange(9)) + packet for packet in mixed)
    return Received("two images, a damaged packet, one twice, and noise", data, small, image_id=258)


def _refused_packets(small: bytes) -> dict[str, Received]:
    packet = read(packetise(small, 64, 0.5)[0])
    of, whole = packet.layout, pack(packet)

    def with_checksum(body: bytes) -> bytes:
        return body + binascii.crc32(body).to_bytes(4, "little")

    several = bytes([whole[0] | 1]) + whole[1:3]
    rest = whole[3:-4]

    def refused(about: str, data: bytes, error: str) -> Received:
        return Received(about, data, error=error, one=True)

    tiny = Packet(1, Layout(1, 1, 2, 8), 0, 0, bytes(8))  # of which the first section has one byte
    return {
        "packet-kind": refused("the first byte is another", b"\xa8" + whole[1:], "NotApercu"),
        "packet-empty": refused("no byte", b"", "NotApercu"),
        "packet-version": refused("version 2", bytes([whole[0] ^ 0x18]) + whole[1:], "UnsupportedVersion"),
        "packet-cut": refused("no byte of payload", with_checksum(whole[:5]), "Truncated"),
        "packet-cut-several": refused(
            "no byte of payload behind a longer head",
            with_checksum(several + b"\1\0" + rest[:2]),
            "Truncated",
        ),
        "packet-checksum": refused("a bit is another", whole[:-1] + bytes([whole[-1] ^ 4]), "ChecksumError"),
        "packet-long": refused("1,025 bytes", with_checksum(whole[:5] + bytes(1016)), "CorruptStream"),
        "packet-one-of-several": refused("one block", with_checksum(several + b"\0\0" + rest), "CorruptStream"),
        "packet-block": refused("block 2 of two", with_checksum(several + b"\1\2" + rest), "CorruptStream"),
        "packet-row": refused("row 255", pack(packet._replace(row=255)), "CorruptStream"),
        "packet-k0-0": refused("k0 is 0", pack(packet._replace(layout=of._replace(strong=0))), "CorruptStream"),
        "packet-section-short": refused("a first section of one byte", pack(tiny), "CorruptStream"),
    }


def _refused_images(small: bytes, tiled: bytes) -> dict[str, Received]:
    packets = packetise(tiled, 96, 0.25)
    header = read_header(small)
    assert not header.lengths
    long = put_varint(len(small) + 1) + small
    unlike = put_varint(len(tiled) - 1) + tiled[:-1]
    stream = to_stream(small)[0]

    def refused(about: str, data: bytes, error: str) -> Received:
        return Received(about, data, error=error)

    return {
        "packets-no-start": refused("the packet of the first bytes is lost", b"".join(packets[1:4]), "Truncated"),
        "packets-no-head": refused("the packet of the head is lost", b"".join(packets[:1]), "Truncated"),
        "packets-length": refused("a file longer than its stream", _whole(long), "CorruptStream"),
        "packets-unlike": refused("a length that is not what the head says", _whole(unlike), "CorruptStream"),
        "packets-of-nothing": refused("what is sent is no file", _whole(b"\4abcd"), "NotApercu"),
        "packets-n": refused("n is below k0", _whole(stream, bytes([0, 1])), "CorruptStream"),
        "packets-k1-0": refused("k1 is 0", _whole(stream, bytes([1, 0])), "CorruptStream"),
        "packets-k1-above-n": refused("k1 is above n", _whole(stream, bytes([1, 2])), "CorruptStream"),
        "packets-few": refused("one packet of two blocks of many", _few(packets[0]), "Truncated"),
        "packets-few-second": refused("one packet of a second section of many", _few_second(), "Truncated"),
    }


def _whole(stream: bytes, measures: bytes = b"") -> bytes:
    """Packets of a stream without parity, in which it is whole; `measures`: its first two bytes, if not as they are."""
    n_bytes = min(max(len(stream) + 2, 8), 900)
    n = -(-(len(stream) + 2) // n_bytes)
    layout = Layout(1, n, 3, n_bytes)
    stream = ((measures or bytes([n, n])) + stream).ljust(n * n_bytes, b"\0")
    at = n * layout.split
    firsts = [stream[layout.split * row : layout.split * (row + 1)] for row in range(n)]
    length = n_bytes - layout.split
    rests = [stream[at + length * row : at + length * (row + 1)] for row in range(n)]
    packets = [
        Packet(1, layout, 0, row, first + rest) for row, (first, rest) in enumerate(zip(firsts, rests, strict=True))
    ]
    return b"".join(map(pack, packets))


def _few(packet: bytes) -> bytes:
    of = read(packet)
    return pack(of._replace(layout=of.layout._replace(n_blocks=2, strong=70)))


def _few_second() -> bytes:
    return pack(Packet(1, Layout(1, 1, 3, 40), 0, 0, bytes([255, 65]) + bytes(38)))
