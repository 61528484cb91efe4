"""Packets in files: they are found, whatever lies between them, and it takes no longer."""

import random

import apercu
from apercu.bridges.packets import packetise
from apercu.bridges.packets.packet import Layout, Packet, pack
from apercu.bridges.packets.records import packets_in
from every_codec import scene
from limits import at_most

TILED = apercu.encode(scene(100, 130, 3), quality=45, tile=32, layers=4)


def test_packets_are_found_between_other_bytes():
    rng = random.Random(5)
    packets = packetise(TILED, 100, 0.25) + packetise(TILED, 64, 0.25)
    noise = [
        bytes(rng.choice((0xE8, 0xEB, 0, 0xAE, rng.randrange(256))) for _ in range(rng.randrange(40))) for _ in packets
    ]
    data = b"".join(before + packet for before, packet in zip(noise, packets, strict=True))
    assert list(packets_in(data)) == packets
    torn = data[: len(noise[0]) + 50] + data[len(noise[0]) + 51 :]
    assert list(packets_in(torn)) == packets[1:]
    assert list(packets_in(data[:-1])) == packets[:-1]
    assert list(packets_in(b"")) == []


def test_bytes_that_look_like_packets_take_no_longer():
    with at_most(4):
        assert list(packets_in(b"\xea" * 300_000)) == []
        packet = packetise(TILED, 100)[0]
        assert list(packets_in(packet + b"\xeb" * 100_000 + packet)) == [packet, packet]


def test_most_of_a_dump_may_be_other_traffic():
    """Before, between and after packets of more sizes than images have as a rule, and it takes no longer."""
    rng = random.Random(6)
    packets = [pack(Packet(size, Layout(1, 9, 3, size), 0, 8, rng.randbytes(size))) for size in range(40, 60)]
    noise = rng.randbytes(40_000)
    with at_most(2):
        assert list(packets_in(noise + noise.join(packets) + noise)) == packets
        assert list(packets_in((b"\xe8" * 1000).join(20 * packets))) == 20 * packets
    assert [list(packets_in(bytes(at) + packets[0])) for at in range(16_340, 16_390)] == 50 * [packets[:1]]
