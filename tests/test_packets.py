"""Packets: what was sent comes back, what was lost costs no more than it must, and nothing that arrives does harm."""

import binascii
import json
import random
from array import array
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import apercu
import reference_bytes
import reference_packets
from apercu.bridges.packets import MOST_PARITY, assemble, assemble_all, in_turn, packetise
from apercu.bridges.packets.erasure import parity, recovered, rows_from
from apercu.bridges.packets.packet import Layout, Packet, pack, read
from apercu.bridges.packets.records import packets_in
from apercu.bridges.packets.stream import from_stream, plan_for, to_stream
from apercu.format.chunks import Geo, Scene
from apercu.format.container import pack as pack_file
from apercu.format.container import read_header
from apercu.format.prefix import pack_prefix
from every_codec import EVERY_CODEC, encode, mse, scene
from limits import at_most, within

VECTORS = Path(__file__).parents[1] / "vectors" / "packets"
CASES = sorted(path.stem for path in VECTORS.glob("*.json"))
TILED = apercu.encode(scene(100, 130, 3), quality=45, tile=32, layers=4)


def shuffled(packets, seed=1):
    return random.Random(seed).sample(packets, len(packets))


def planned(data, size, share):
    """How `packetise` sends a file."""
    stream, head = to_stream(data)
    return plan_for(len(stream), head, size, share)


def needed(plan):
    return max(plan.layout.strong, plan.weak)


# --- Vectors


@pytest.mark.parametrize("name", CASES)
def test_vectors(name):
    about = json.loads((VECTORS / f"{name}.json").read_text())
    data = (VECTORS / f"{name}.pkt").read_bytes()
    if about["error"]:
        with pytest.raises(getattr(apercu, about["error"])) as caught:
            read(data) if about["one"] else assemble(packets_in(data), about["image_id"])
        assert type(caught.value).__name__ == about["error"]
    else:
        assert assemble(packets_in(data), about["image_id"]) == (VECTORS / f"{name}.apc").read_bytes()


@pytest.mark.parametrize("name", CASES)
def test_a_reader_written_from_the_specification_agrees(name):
    about = json.loads((VECTORS / f"{name}.json").read_text())
    data = (VECTORS / f"{name}.pkt").read_bytes()
    if about["one"]:
        with pytest.raises(getattr(reference_bytes, about["error"])):
            reference_packets.read(data)
        return
    packets = list(packets_in(data))
    image_id = read(packets[0]).image_id if about["image_id"] is None else about["image_id"]
    if about["error"]:
        with pytest.raises(getattr(reference_bytes, about["error"])):
            reference_packets.assemble(packets, image_id)
    else:
        assert reference_packets.assemble(packets, image_id) == (VECTORS / f"{name}.apc").read_bytes()


def test_there_are_vectors():
    assert len(CASES) >= 32


# --- What was sent comes back


@EVERY_CODEC
def test_every_codec_comes_back(codec):
    """In any order, some twice, from as few packets as are needed."""
    data = encode(scene(70, 90, 3), codec, quality=40, tile=32)
    packets = packetise(data, 128, 0.3)
    assert max(map(len, packets)) <= 128
    assert assemble(shuffled(packets + packets[:3])) == data
    plan = planned(data, 128, 0.3)
    spare = plan.n - needed(plan)
    assert spare >= len(packets) // 6
    for seed in range(3):
        assert assemble(shuffled(packets, seed)[spare:]) == data


@pytest.mark.parametrize("size", [48, 49, 100, 256, 1024])
@pytest.mark.parametrize("share", [0, 0.01, 0.25, 1 / 3, 1])
def test_sizes_and_parities(size, share):
    for data in (TILED, apercu.encode(scene(9, 5, 3), quality=20), apercu.encode(scene(90, 99, 3), n_bytes=1500)):
        packets, plan = packetise(data, size, share), planned(data, size, share)
        payload = sum(len(read(packet).payload) for packet in packets)
        assert len(set(map(len, packets))) == 1
        assert len(packets[0]) <= size
        assert read(packets[0]).layout == plan.layout
        assert payload >= len(data) * (1 + share)
        one = len(read(packets[0]).payload)
        assert payload <= (len(data) + 5) * (1 + share) * (1.01 if share else 1.1) + 2 * one + len(packets)
        assert (share == 0) == (plan.n == needed(plan))
        assert assemble(packets[len(packets) - plan.layout.n_blocks * needed(plan) :]) == data


def test_overhead_is_as_promised():
    for packets, most in ((packetise(TILED, 256, 0), 9), (packetise(TILED, 48, 1), 9)):
        assert all(len(packet) - len(read(packet).payload) == most for packet in packets)
    many = packetise(apercu.encode(scene(256, 256, 3), n_bytes=9000), 48, 0.25)
    assert len(many) > 255
    assert len(many[0]) - len(read(many[0]).payload) == 11


@pytest.mark.parametrize("share", [0.1, 0.25, 0.36, 1])
def test_a_head_that_is_most_of_a_file_is_protected_too(share):
    """As well as parity allows, where it does not fit into the first section."""
    for size in (48, 128, 1024):
        plan = plan_for(51_000, 50_000, size, share)
        assert needed(plan) <= plan.n / (1 + share) * 1.01 + 1


def test_a_scene_comes_back():
    """A file of version 2: its prefix is a part of the head."""
    said = Scene(geo=Geo(32632, (500000.0, 10.0, 0.0, 5400000.0, 0.0, -10.0)))
    data = pack_prefix(said) + TILED
    packets, plan = packetise(data, 64, 0.25), planned(data, 64, 0.25)
    strong = plan.layout.strong
    assert assemble(packets[plan.n - needed(plan) :]) == data
    assert strong < plan.weak
    cut = assemble(packets[plan.n - strong :])
    assert apercu.info(cut)["geo"]["crs"] == "EPSG:32632"
    assert cut != data


def test_images_are_told_apart():
    files = {id: apercu.encode(scene(40, 50, 3, seed=id), quality=40) for id in (7, 0, 65_535)}
    packets = [packet for id, data in files.items() for packet in packetise(data, 64, 0.5, image_id=id)]
    mixed = shuffled(packets)
    assert {id: made.data for id, made in assemble_all(mixed).items()} == files
    assert assemble(mixed, image_id=7) == files[7]
    with pytest.raises(apercu.OptionError, match="0, 7, 65535"):
        assemble(mixed)
    with pytest.raises(apercu.NotApercu, match="8"):
        assemble(mixed, image_id=8)
    with pytest.raises(apercu.NotApercu):
        assemble([])
    assert read(packetise(TILED)[0]).image_id == binascii.crc_hqx(TILED, 0)


def test_packets_of_several_images_are_sent_in_turn():
    """In their own order, and a burst takes of each in proportion."""
    images = [packetise(TILED, size, 0.25, image_id=size) for size in (48, 64, 200)]
    mixed = in_turn(*images)
    assert sorted(mixed) == sorted(packet for packets in images for packet in packets)
    for packets in images:
        places = [mixed.index(packet) for packet in packets]
        assert places == sorted(places)
        share = len(mixed) / len(packets)
        assert max(np.diff([-1, *places, len(mixed)])) < share + len(images)
    assert in_turn(images[0]) == images[0]
    assert in_turn() == []


def test_packets_of_another_layout_do_not_count():
    """An image id that was used again: that of which more has arrived is made."""
    one, other = packetise(TILED, 100, 0.25, image_id=3), packetise(TILED, 64, 0.25, image_id=3)
    assert assemble(one + other[:4]) == TILED
    made = assemble_all(other + one[:4])[3]
    assert (made.data, made.n_arrived, made.n_sent, made.n_missing) == (TILED, len(other), len(other), 0)


# --- What is lost


def test_damaged_packets_are_passed_over():
    """Each bit of a packet, and each length, is noticed."""
    packets = packetise(TILED, 100, 0.5)
    for bit in range(8 * len(packets[0])):
        bad = bytearray(packets[0])
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(apercu.FormatError):
            read(bytes(bad))
    for length in range(len(packets[0])):
        with pytest.raises(apercu.FormatError):
            read(packets[0][:length])
    bad = [packets[0][:-1], packets[1] + b"\0", b"", bytes(100), TILED, *packets[2:]]
    assert assemble(bad) == TILED


@pytest.mark.parametrize("codec", ["apercu", "dct", "predictive", "taha2025"])
def test_losses_make_a_file_that_shows_what_is_left(codec):
    image = scene(200, 260, 3)
    layers = {"apercu": 4, "dct": 2}.get(codec)
    data = apercu.encode(image, codec=codec, quality=45, tile=64, layers=layers)
    packets, plan = packetise(data, 96, 0.25), planned(data, 96, 0.25)
    strong = plan.layout.strong
    assert strong < plan.weak
    first = strong // 2 + 1
    made = assemble_all(packets[:first] + packets[first + plan.n - strong :])[read(packets[0]).image_id]
    assert made.n_missing
    assert len(made.data) == len(data)
    assert (made.n_arrived, made.n_sent) == (strong, plan.n)
    assert apercu.check(made.data)
    grey = mse(image, np.full_like(image, 128))
    filled = apercu.decode(made.data, damaged="fill")
    assert mse(image, apercu.decode(made.data, damaged="conceal")) < grey
    assert mse(image, filled) < grey / 2
    intact = apercu.damage(made.data) == 0
    assert np.array_equal(filled[intact], apercu.decode(data)[intact])


def test_the_start_outlasts_the_rest():
    """Half the packets, whichever, show the head and a part of the first layer."""
    image = scene(256, 256, 3)
    data = apercu.encode(image, n_bytes=3000, layers=5)
    packets, plan = packetise(data, 128, 0.3), planned(data, 128, 0.3)
    strong = plan.layout.strong
    assert strong < 0.7 * plan.n
    assert strong < plan.weak
    assert mse(image, np.full_like(image, 128)) > 3 * mse(image, shown_of(packets[plan.n - strong :]))
    with pytest.raises(apercu.FormatError):
        shown_of(packets[plan.n - strong + 1 :])


def shown_of(arrived):
    return apercu.decode(assemble(arrived), damaged="fill")


def test_what_came_before_a_burst_is_shown():
    """The later it comes, the more."""
    image = scene(256, 256, 3)
    data = apercu.encode(image, n_bytes=6000, layers=5)
    packets, plan = packetise(data, 128, 0.25), planned(data, 128, 0.25)
    length = plan.n - plan.weak + 1
    errors = [
        mse(image, shown_of(packets[:first] + packets[first + length :]))
        for first in range(0, plan.weak - length, length)
    ]
    assert len(errors) >= 4
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 2 * errors[-1]
    assert errors[-1] < 2 * mse(image, apercu.decode(data))


def test_without_parity_each_packet_shows_its_part():
    """And the head survives, whichever are lost."""
    data = apercu.encode(scene(384, 384, 3), quality=30, tile=32, layers=1)
    packets = packetise(data, 256, 0)
    whole = apercu.decode(data)
    for row in (0, 3):
        made = assemble(packets[:row] + packets[row + 1 :])
        lost = (apercu.damage(made) > 0)[::32, ::32]
        assert 0 < lost.sum() < lost.size / 2
        assert mse(whole, apercu.decode(made, damaged="fill")) < mse(whole, apercu.decode(made, damaged="conceal"))


def test_neighbours_lie_apart():
    """What a packet has of the tiles of a layer, none of which is beside another."""
    data = apercu.encode(scene(384, 384, 3), quality=30, tile=32, layers=1)
    stream, head = to_stream(data)
    for start in range(head, len(stream) - 120, 97):
        known = np.ones(len(stream), np.bool_)
        known[start : start + 120] = False
        made, n_missing = from_stream(bytes(known * np.frombuffer(stream, np.uint8)), known)
        lost = (apercu.damage(made) > 0)[::32, ::32]
        assert n_missing == 120
        assert lost.sum() > 12
        beside = lost[:, 1:] & lost[:, :-1], lost[1:] & lost[:-1], lost[1:, 1:] & lost[:-1, :-1]
        assert not any(pair.any() for pair in beside)


def test_too_few_packets_are_refused():
    packets = packetise(TILED, 100, 0.25)
    for arrived in (packets[1:4], packets[-3:]):
        with pytest.raises(apercu.Truncated):
            assemble(arrived)
    found = assemble_all([*packets[-3:], *packetise(TILED, 64, image_id=1)])
    assert isinstance(found.pop(read(packets[0]).image_id), apercu.Truncated)
    assert found[1].data == TILED


# --- The code


@pytest.mark.parametrize(
    ("k", "n", "length"), [(1, 3, 4), (5, 9, 3), (5, 9, 40), (7, 7, 2), (120, 255, 5), (90, 255, 130)]
)
def test_any_k_rows_give_back_the_data(k, n, length):
    rng = np.random.default_rng(k)
    data = rng.integers(0, 256, (k, length), np.uint8)
    block = np.concatenate([data, parity(data, n)])
    assert block.shape == (n, length)
    for n_there in {k, min(k + 3, n)}:
        there = rng.permutation(n)[:n_there].tolist()
        found = recovered({row: block[row].tobytes() for row in there}, k)
        assert np.array_equal(found, data)
    assert recovered({row: block[row].tobytes() for row in range(1, k)}, k) is None
    assert np.array_equal(parity(data, 255)[: n - k], block[k:])  # those that are sent later are others


def test_rows_are_values_of_a_polynomial():
    """As the specification says: 7 + 9 x + 200 x^2 at 0, 1, 2 …, the first three of which are the data."""
    expected = []
    for x in range(12):
        square = reference_packets.multiply(x, x)
        expected.append(7 ^ reference_packets.multiply(9, x) ^ reference_packets.multiply(200, square))
    data = np.array(expected[:3], np.uint8).reshape(3, 1)
    assert parity(data, 12).ravel().tolist() == expected[3:]
    assert rows_from(parity(data, 12)[4:7], [7, 8, 9], [0, 2]).ravel().tolist() == [expected[0], expected[2]]


# --- Arguments and hostile packets


@pytest.mark.parametrize(
    "given",
    [{"size": 47}, {"size": 1025}, {"size": 99.5}, {"parity": -0.1}, {"parity": MOST_PARITY + 0.1}, {"parity": "x"},
     {"parity": float("nan")}, {"image_id": -1}, {"image_id": 65_536}],
)  # fmt: skip
def test_arguments_are_checked(given):
    with pytest.raises(apercu.OptionError):
        packetise(TILED, **given)


def test_only_whole_files_are_sent():
    for data in (b"", b"\xae\x70", TILED[:40], TILED[:-1], TILED + b"\0", bytes(100)):
        with pytest.raises(apercu.FormatError):
            packetise(data)
    with pytest.raises(apercu.OptionError):
        packetise("photo.apc")
    with pytest.raises(apercu.OptionError):
        assemble([None])


def test_a_file_can_be_too_long():
    """For small packets: there are at most 256 blocks of 255."""
    header = replace(read_header(TILED), height=256, width=256, n_layers=1, lengths=array("I"))
    data = pack_file(header, [bytes(20_000)] * 64)
    assert len(packetise(data, 1024, 0)) < 1330
    with pytest.raises(apercu.OptionError, match="larger"):
        packetise(data, 48, 1)


def test_few_packets_cannot_claim_much():
    """Memory and time are bounded by what has arrived: 65 images that say that they are large."""
    claim = Layout(256, 255, 3, 900)
    packets = [pack(Packet(id, claim, 255, 254, bytes(900))) for id in range(65)]
    with within(50 << 20), at_most(4):
        found = assemble_all(packets)
    assert len(found) == 65
    assert all(isinstance(fault, apercu.Truncated) for fault in found.values())


def test_forged_shares_cannot_take_long():
    """As many rows as may be, of which as many as may be are to be computed."""
    layout = Layout(1, 127, 3, 1000)
    rng = random.Random(1)
    packets = [pack(Packet(1, layout, 0, row, rng.randbytes(1000))) for row in range(128, 255)]
    with at_most(2), pytest.raises(apercu.FormatError):
        assemble(packets)
