"""Packets as they may arrive: few, twice, damaged, forged, of several images, between other bytes."""

import binascii
import random
from functools import lru_cache
from typing import Any

import numpy as np

import apercu
from apercu.bridges.packets import Assembled, assemble_all, packetise
from apercu.bridges.packets.packet import MOST_SIZE, Layout, Packet, pack, read
from apercu.bridges.packets.records import packets_in
from apercu.errors import FormatError, ModelError
from calls import call
from mutate import Seed, havoc

SIZES, PARITIES = (48, 48, 60, 100, 256, 1024), (0, 0.1, 0.25, 0.25, 0.5, 1)
MOST_BYTES, WHOLE_SHOWN = 4000, 0.05
"""Of a file that is sent; and of files that came back, the share that is decoded, which other cases do."""


def run(rng: random.Random, corpus: list[Seed], faults: list[str], share: float = 1) -> str:
    """One case; returns what came of it. `share`: of the files, how many are decoded, which takes most of the time."""
    whole: dict[int, bytes] = {}
    packets: list[bytes] = []
    for image_id in range(rng.choice((1, 1, 1, 2))):
        data = rng.choice(corpus).data
        while len(data) > MOST_BYTES:
            data = rng.choice(corpus).data
        whole[image_id] = data
        packets += _sent(data, rng.choice(SIZES), rng.choice(PARITIES), image_id)
    forged = rng.random() < 0.5
    arrived = _arrived(rng, packets, forged)
    if rng.random() < 0.3:
        arrived = call(faults, "packets_in", (), _found, rng, arrived)
    found = call(faults, "assemble_all", (), assemble_all, arrived)
    if not isinstance(found, dict):
        return "failed"
    outcome = "nothing"
    for image_id, made in found.items():
        if isinstance(made, Assembled):
            outcome = "whole" if made.n_missing == 0 else "with losses"
            if not forged:
                faults += _of_authentic(made, whole[image_id])
            came_back = made.data == whole.get(image_id)
            if rng.random() < share * (WHOLE_SHOWN if came_back else 1):
                faults += _shown(rng, made.data, faults)
        elif not isinstance(made, FormatError):
            faults.append(f"assemble_all gave {made!r}")
    return f"{outcome}{' of forged packets' * forged}"


_sent = lru_cache(maxsize=1000)(packetise)


def _found(rng: random.Random, packets: list[bytes]) -> list[bytes]:
    """What is found of packets with other bytes between them."""
    noise = [bytes(rng.choices((0xE8, 0xEB, 0, 255, rng.randrange(256)), k=rng.choice((0, 0, 1, 30)))) for _ in packets]
    return list(packets_in(b"".join(before + packet for before, packet in zip(noise, packets, strict=True))))


def _arrived(rng: random.Random, packets: list[bytes], forged: bool) -> list[bytes]:
    """Some packets in some order, some damaged, and some with wrong content and a right checksum."""
    loss = rng.choice((0, 0.05, 0.1, 0.2, 0.4))
    arrived = [packet for packet in packets if rng.random() >= loss]
    if rng.random() < 0.5:
        begin = rng.randrange(len(packets))
        del arrived[begin : begin + rng.randrange(1, 20)]
    arrived += rng.choices(packets, k=rng.choice((0, 0, 2)))
    if rng.random() < 0.7:
        rng.shuffle(arrived)
    for _ in range(rng.choice((0, 1, 3)) if arrived else 0):
        at = rng.randrange(len(arrived))
        arrived[at] = havoc(rng, arrived[at], rng.choice(packets))
    if not forged:
        return arrived
    layout = None if rng.random() < 0.5 else _layout(rng, read(packets[0]).layout)
    for at, data in enumerate(arrived):
        if layout or rng.random() < 0.3:
            arrived[at] = _forged(rng, data, layout)
    return arrived + [_forged(rng, rng.choice(packets), None) for _ in range(rng.choice((0, 5)))]


def _layout(rng: random.Random, of: Layout) -> Layout:
    """A layout of an image, of which some numbers are others."""
    strong = rng.choice((of.strong, of.strong, 1, 255, rng.randrange(1, 256)))
    n_blocks = rng.choice((of.n_blocks, of.n_blocks, 1, 2, 256))
    return Layout(n_blocks, strong, rng.choice((of.share, rng.randrange(4))), of.n_bytes)


def _forged(rng: random.Random, data: bytes, layout: Layout | None) -> bytes:
    """A packet whose checksum is right: of another layout, or with bytes that are others."""
    try:
        packet = read(data)
    except FormatError:
        return data
    if layout:
        of = layout._replace(n_bytes=packet.layout.n_bytes)
        payload = packet.payload
        if rng.random() < 0.3:  # the stream's first bytes: how many packets there are, and are needed
            payload = bytes([rng.randrange(256), rng.randrange(256)]) + payload[2:]
        return pack(Packet(packet.image_id, of, packet.block % of.n_blocks, packet.row, payload))
    if rng.random() < 0.5:
        body = havoc(rng, data[:-4], rng.randbytes(30))[: MOST_SIZE + 1]
        return body + binascii.crc32(body).to_bytes(4, "little")
    payload = havoc(rng, packet.payload, rng.randbytes(30))[: packet.layout.n_bytes]
    return pack(packet._replace(payload=payload.ljust(packet.layout.n_bytes, b"\0")))


def _of_authentic(made: Assembled, data: bytes) -> list[str]:
    if len(made.data) != len(data):
        return [f"a file of {len(data)} bytes became one of {len(made.data)}"]
    differ = np.count_nonzero(np.frombuffer(made.data, np.uint8) != np.frombuffer(data, np.uint8))
    return [f"{differ} bytes differ, {made.n_missing} are missing"] if differ > made.n_missing else []


def _shown(rng: random.Random, data: bytes, faults: list[str]) -> list[str]:
    """What is lost is filled, and no more than that; windows are crops."""
    expected = (FormatError, ModelError)
    shown, filled = (
        call(faults, f"decode ({damaged})", expected, apercu.decode, data, damaged=damaged)
        for damaged in ("conceal", "fill")
    )
    lost: Any = call(faults, "damage", expected, apercu.damage, data)
    of_parts = isinstance(shown, FormatError) and isinstance(lost, np.ndarray) and lost.all()
    if not isinstance(filled, np.ndarray) or not (of_parts or isinstance(shown, np.ndarray)):
        return [] if type(shown) is type(filled) else [f"concealed: {shown!r}, filled: {filled!r}"]
    if not of_parts and not np.array_equal(shown[lost == 0], filled[lost == 0]):
        return ["what is sound is filled"]
    top, left = (rng.randrange(side) for side in lost.shape)
    height, width = (rng.randrange(1, min(side - at, 40) + 1) for side, at in zip(lost.shape, (top, left), strict=True))
    window = top, left, height, width
    part = call(faults, "decode (fill, window)", expected, apercu.decode, data, damaged="fill", window=window)
    there = slice(top, top + height), slice(left, left + width)
    if isinstance(part, FormatError) and lost[there].all() and (filled[there] == filled[there][0, 0]).all():
        return []  # there is nothing to show, nor near it: that is the middle of the range
    same = isinstance(part, np.ndarray) and np.array_equal(part, filled[there])
    return [] if same else [f"window {window} of what is filled is no crop"]
