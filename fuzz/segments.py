"""Segments of taha2025 written at random by the grammar of spec/taha2025.md: sound ones, and ones that break one rule.

Mutation seldom makes a code table that is both unusual and complete; this does.
"""

import random

from apercu.format.container import Header
from apercu.stages.blocks import n_blocks
from apercu.stages.colour import plane_sizes
from scripts.segment_writer import bits_of, canonical, flat_table, listed_table, to_bytes

LIMIT = 32768
MAX_BLOCKS = 1024
PLANES_DRAWN = 12
"""What comes after so many planes repeats them: thousands would take long to draw."""


def random_segment(rng: random.Random, header: Header) -> bytes:
    """For the first tile of such an image."""
    sizes = plane_sizes(header.interpretation, header.n_bands, header.height, header.width)
    side = header.tile
    modes, planes = [], []
    for height, width in sizes[:PLANES_DRAWN]:
        n = min(n_blocks(min(height, side)) * n_blocks(min(width, side)), MAX_BLOCKS)
        mode = rng.choice((0, 1, 2, 2, 2)) if rng.random() > 0.01 else 3
        flags = [int(mode == 1)] * n if mode != 2 else [rng.randrange(2) for _ in range(n)]
        modes.append(bits_of(mode, 2) + ("".join(map(str, flags)) if mode == 2 else ""))
        planes.append(_random_plane(rng, flags))
    drawn = [index % PLANES_DRAWN for index in range(len(sizes))]
    out = "".join(modes[index] for index in drawn) + "".join(planes[index] for index in drawn)
    if rng.random() < 0.1:
        at = rng.randrange(len(out))
        out = out[:at] + rng.choice(("0", "1", "0" * 19, "1" * 19, "0000000000000001")) + out[at + 1 :]
    return to_bytes(out) + (b"\0" if rng.random() < 0.02 else b"")


def _random_plane(rng: random.Random, groups: list[int]) -> str:
    """Tables and symbols of a plane."""
    out, words = "", {}
    if 0 in groups:
        out, code = _random_table(rng)
        words[0] = [code]
    if 1 in groups:
        each = rng.randrange(2)
        tables = [_random_table(rng) for _ in range(8 if each else 1)]
        out += str(each) + "".join(table for table, _ in tables)
        words[1] = [tables[k * each][1] for k in range(8)]
    return out + "".join(rng.choice(code) for group in groups for code in words[group])


def _random_table(rng: random.Random) -> tuple[str, list[str]]:
    """A table and its code words."""
    lo = rng.choice((0, -1, -2, -9, rng.randrange(-LIMIT, LIMIT), -LIMIT, LIMIT - 20))
    if rng.random() < 0.4:
        width = rng.choice((0, 1, 2, 3, 15, rng.randrange(16)))
        return flat_table(lo, width), [bits_of(rng.randrange(1 << width), width) for _ in range(4)]
    lengths = _complete_code(rng)
    words = list(canonical(lengths).values())
    fault = rng.random()
    if fault < 0.04:
        lengths[rng.randrange(len(lengths))] = rng.randrange(1, 17)
    elif fault < 0.10:
        lengths[1:1] = [0] * rng.choice((1, 100, LIMIT // 2, LIMIT, 1 << 19))
        if rng.random() < 0.5:  # far more symbols without a word than the table is said to have
            return listed_table(lo, lengths, rng.choice((2, 9, 300, LIMIT))), words
    elif fault < 0.13:
        return listed_table(lo, lengths, rng.choice((2, len(lengths) + 1, len(lengths) + 5, LIMIT, LIMIT + 1))), words
    return listed_table(lo, lengths), words


def _complete_code(rng: random.Random) -> list[int]:
    """Lengths of a code that leaves no word unused, with gaps between them."""
    lengths = [1, 1]
    deep = rng.random() < 0.3
    for _ in range(rng.choice((0, 1, 3, 8, 30, 80))):
        at = len(lengths) - 1 if deep else rng.randrange(len(lengths))
        if lengths[at] < 16:
            lengths[at : at + 1] = [lengths[at] + 1] * 2
    rng.shuffle(lengths)
    for _ in range(rng.choice((0, 0, 1, 3))):
        at = rng.randrange(1, len(lengths))
        lengths[at:at] = [0] * rng.choice((1, 2, 9, 200))
    return lengths
