"""Files of the newer codecs beside the second decoder, sound ones and damaged ones, whose checksums are right again."""

import numpy as np
import pytest

import apercu
from apercu.format.container import read_header, read_segments
from every_codec import drawn
from files_by_hand import in_parts, sealed, taken_apart
from test_reference import assert_same, mutant

HOW = {
    "dct, range": {"codec": "dct"},
    "dct, huffman": {"codec": "dct", "entropy": "huffman"},
    "predictive": {"codec": "predictive"},
    "stacked_ae": {"codec": "stacked_ae"},
    "rnn": {"codec": "rnn"},
}
KINDS = ("flat grey", "rgb", "rgba", "spectral of 2")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("how", HOW)
def test_mutants(how, seed):
    rng = np.random.default_rng([51, seed])
    dtype, quality = (np.uint8, np.uint16)[seed % 2], int(rng.integers(30, 101))
    data = apercu.encode(drawn(KINDS[seed], 9, 8, dtype), layers=1, quality=quality, **HOW[how])
    head, segment, n_pixels = taken_apart(data)
    found = [assert_same(data)]
    for _ in range(16):
        which = rng.random()
        parts = (head, mutant(rng, segment)) if which < 0.7 else (mutant(rng, head)[:40], segment)
        if parts[0][4:6] == head[4:6]:  # no other size, which would take long
            found.append(assert_same(sealed(b"".join(parts), n_pixels)))
    assert any(isinstance(one, str) for one in found)
    assert not isinstance(found[0], str)


@pytest.mark.parametrize("how", ["dct, range", "dct, huffman", "stacked_ae", "rnn"])
def test_mutants_of_two_layers(how):
    rng = np.random.default_rng(52)
    head, first, second = _layers(how)
    found = [assert_same(in_parts(head, (first, second), 0xF1))]
    for _ in range(12):
        broken = (mutant(rng, first), second) if rng.random() < 0.5 else (first, mutant(rng, second))
        found.append(assert_same(in_parts(head, broken, 0xF1)))
    assert any(isinstance(one, str) for one in found)
    assert not isinstance(found[0], str)


def _layers(how):
    """The head of a file without its directory, and its two segments."""
    image = drawn("rgb", 17, 12)
    head, _, _ = taken_apart(apercu.encode(image, layers=1, quality=70, **HOW[how]))
    whole = apercu.encode(image, layers=2, quality=70, **HOW[how])
    header = read_header(whole)
    return head, *read_segments(whole, header)


@pytest.mark.parametrize("how", HOW)
def test_tiles_and_layers(how):
    layers = 1 if how == "predictive" else 2
    data = apercu.encode(drawn("rgb", 34, 33), tile=32, layers=layers, quality=60, **HOW[how])
    assert not isinstance(assert_same(data), str)
