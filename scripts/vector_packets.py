"""Cases of packets (spec/PACKETS.md): what arrived, and the file that is made of it, or why there is none."""

import binascii
import random
from collections.abc import Sequence
from dataclasses import dataclass

import apercu
from apercu.bridges.packets import packetise
from apercu.bridges.packets.packet import Layout, Packet, pack, read
from apercu.bridges.packets.stream import to_stream
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
        "packets-too-few": _lost("layers are lost where fewer than k1 rows have arrived", tiled, 0.25, first=3),
        "packets-no-parity": _lost("a burst without parity that the head survives", tiled, 0, first=5),
        "packets-blocks": _blocks(),
        "packets-scene": _scene(small),
        "packets-mixed": _mixed(small, tiled),
    }
    return found | _refused_packets(small) | _refused_images(small, tiled)


def _enough(about: str, data: bytes, size: int, parity: float) -> Received:
    """As few packets as give it back, in any order."""
    packets = packetise(data, size, parity)
    of = read(packets[0]).layout
    arrived = packets[of.n - max(of.strong, of.weak) :]
    assert len(arrived) < len(packets)
    random.Random(1).shuffle(arrived)
    return Received(about, b"".join(arrived), data)


def _lost(about: str, data: bytes, parity: float, first: int) -> Received:
    """A burst that the first section survives and the second does not."""
    packets = packetise(data, 96, parity)
    layout = read(packets[0]).layout
    lost = range(first, first + layout.n - layout.strong)
    arrived = [packet for row, packet in enumerate(packets) if row not in lost]
    return Received(about, b"".join(arrived), _with_zeros(data, layout, lost))


def _with_zeros(data: bytes, layout: Layout, lost: Sequence[int]) -> bytes:
    """A file of one block without what lost rows had of the second section."""
    stream = bytearray(to_stream(data)[0])
    (strong, begin, end), (weak, start, stop) = layout.sections
    assert layout.n - len(lost) < weak
    for row in lost:
        if row < weak:
            at = strong * (end - begin) + row * (stop - start)
            stream[at : at + stop - start] = bytes(len(stream[at : at + stop - start]))
    return _back(bytes(stream), data)


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
    data = apercu.encode(scene(150, 150, 3), n_bytes=9000, layers=5)
    packets = [read(packet) for packet in packetise(data, 48, 0.1)]
    of = packets[0].layout
    assert of.n_blocks == 2
    n_lost = of.n - max(of.strong, of.weak)
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

    def like(**changes: int) -> bytes:
        return pack(packet._replace(layout=of._replace(**changes)))

    def refused(about: str, data: bytes, error: str) -> Received:
        return Received(about, data, error=error, one=True)

    return {
        "packet-kind": refused("the first byte is another", b"\xa2" + whole[1:], "NotApercu"),
        "packet-empty": refused("no byte", b"", "NotApercu"),
        "packet-version": refused("version 2", b"\xb4" + whole[1:], "UnsupportedVersion"),
        "packet-cut": refused("no byte of payload", with_checksum(whole[:8]), "Truncated"),
        "packet-cut-several": refused(
            "no byte of payload behind a longer head",
            with_checksum(several + b"\1\0" + rest[:5]),
            "Truncated",
        ),
        "packet-checksum": refused("a bit is another", whole[:-1] + bytes([whole[-1] ^ 4]), "ChecksumError"),
        "packet-long": refused("1,025 bytes", with_checksum(whole[:8] + bytes(1013)), "CorruptStream"),
        "packet-one-of-several": refused("one block", with_checksum(several + b"\0\0" + rest), "CorruptStream"),
        "packet-block": refused("block 2 of two", with_checksum(several + b"\1\2" + rest), "CorruptStream"),
        "packet-row": refused("row n", pack(packet._replace(row=of.n)), "CorruptStream"),
        "packet-k0-0": refused("k0 is 0", like(strong=0), "CorruptStream"),
        "packet-k1-above-n": refused("k1 is above n", like(weak=of.n + 1), "CorruptStream"),
        "packet-n-above-3k": refused("n is above 3 k0", like(strong=(of.n - 1) // 3), "CorruptStream"),
    }


def _refused_images(small: bytes, tiled: bytes) -> dict[str, Received]:
    def one(stream: bytes) -> bytes:
        return pack(Packet(1, Layout(1, 1, 1, 1, 0, len(stream)), 0, 0, stream))

    packets = packetise(tiled, 96, 0.25)
    header = read_header(small)
    assert not header.lengths
    long = put_varint(len(small) + 1) + small
    unlike = put_varint(len(tiled) - 1) + tiled[:-1]
    return {
        "packets-no-head": Received("the packet of the head is lost", b"".join(packets[1:8]), error="Truncated"),
        "packets-length": Received("a file longer than its stream", one(long), error="CorruptStream"),
        "packets-unlike": Received("a length that is not what the head says", _whole(unlike), error="CorruptStream"),
        "packets-of-nothing": Received("what is sent is no file", one(b"\4abcd"), error="NotApercu"),
        "packets-few": Received("one packet of two blocks of many", _few(packets[0]), error="Truncated"),
    }


def _whole(stream: bytes) -> bytes:
    """Packets of a stream without parity."""
    n_bytes = 900
    n = -(-len(stream) // n_bytes)
    layout = Layout(1, n, n, n, 0, n_bytes)
    rows = [stream[n_bytes * row : n_bytes * (row + 1)].ljust(n_bytes, b"\0") for row in range(n)]
    return b"".join(pack(Packet(1, layout, 0, row, payload)) for row, payload in enumerate(rows))


def _few(packet: bytes) -> bytes:
    of = read(packet)
    return pack(of._replace(layout=of.layout._replace(n_blocks=2, n=200, strong=70, weak=70)))
