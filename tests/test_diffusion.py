"""restore="diffusion": what a step is, what noise it takes, and what networks may give."""

import numpy as np
import pytest

import apercu
from apercu.errors import OptionError
from apercu.restore import diffusion, generated
from apercu.restore.diffusion import BANDS, CONDITION, GIVEN, LEVELS, NOISE, TIME
from apercu.stages.blocks import Window
from scripts.pictures import scene
from test_generative import HORIZON, meadow

pytest.importorskip("onnxruntime")


def sampled(network, steps, level=2, seed=5):
    condition = np.zeros((GIVEN, 8, 12), np.float32)
    return diffusion._sampled(network, steps, seed, level, Window(16, 24, 8, 12), condition)


@pytest.mark.parametrize("steps", [1, 3, 4])
def test_a_step_goes_from_noise_towards_the_sample(steps):
    """A network that always finds the same: what it is shown is mixed of that and of the first noise, by the time."""
    wanted = np.random.default_rng(1).normal(size=(1, BANDS, 8, 12)).astype(np.float32)
    shown = []

    def network(values):
        shown.append(values[0].copy())
        return wanted

    found = sampled(network, steps)
    assert np.abs(found - wanted[0]).max() < 1e-6
    assert [float(values[TIME, 0, 0]) for values in shown] == pytest.approx([1 - k / steps for k in range(steps)])
    first = shown[0][CONDITION : CONDITION + BANDS]
    assert 0.8 < first.std() < 1.2
    for k, values in enumerate(shown):
        mixed = k / steps * wanted[0] + (1 - k / steps) * first
        assert np.abs(values[CONDITION : CONDITION + BANDS] - mixed).max() < 1e-5


def test_each_step_and_level_has_noise_of_its_own():
    noises = []

    def network(values):
        noises.extend([values[0, GIVEN:].copy(), values[0, CONDITION : CONDITION + BANDS].copy()])
        return np.zeros((1, BANDS, 8, 12), np.float32)

    for level in range(1, LEVELS + 1):
        sampled(network, 2, level)
    first = [noises[k] for k in range(len(noises)) if k % 4 in (0, 1, 2)]  # the second mixture is the first one, halved
    assert {len(noise) for noise in first} == {NOISE, BANDS}
    for k, one in enumerate(first):
        for other in first[:k]:
            assert np.abs(one[0] - other[0]).max() > 0.5


@pytest.mark.parametrize("most", [3e38, -3e38])
def test_networks_that_find_anything(most):
    """No numbers that are too large, and no warnings of them."""
    found = sampled(lambda values: np.full((1, BANDS, 8, 12), most, np.float32), 3)
    assert np.abs(found).max() == diffusion.LIMIT
    (luma,) = generated._seen(lambda place: [np.full((16, 8), most, np.float32)], Window(0, 0, 16, 8))
    assert np.abs(luma).max() <= generated.MOST


def test_what_is_faint_is_left_out():
    noise = np.random.default_rng(2).normal(size=(64, 72)).astype(np.float32)
    for deviation, least, most in ((0.4, 0, 0), (4, 0.93, 0.98)):
        factors = generated.audible(noise * np.float32(deviation / 127.5))
        assert factors.shape == noise.shape
        assert least <= factors.min() <= factors.mean() <= factors.max() <= max(most, 0.98 * bool(most))
        assert least <= factors.mean() <= most


def test_steps():
    """They make another picture with as much texture; wrong ones are refused."""
    data = apercu.encode(meadow(96, 128), quality=40)
    faithful = apercu.decode(data, restore="cnn").astype(float)[HORIZON:]
    one, two = (
        apercu.decode(data, restore="diffusion", steps=steps).astype(float)[HORIZON:] - faithful for steps in (1, 2)
    )
    assert np.abs(one - two).mean() > 0.5
    assert one.std() > 1
    assert 0.8 < two.std() / one.std() < 1.25
    assert apercu.provenance(data, restore="diffusion", steps=2)["steps"] == 2
    for steps, says in ((0, "steps must be 1 or more"), (17, "steps must be at most 16"), (1.5, "a whole number")):
        with pytest.raises(OptionError, match=says):
            apercu.decode(data, restore="diffusion", steps=steps)
    with pytest.raises(OptionError, match="steps goes with restore='rnn' or 'diffusion'"):
        apercu.decode(data, restore="gan", steps=2)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (31, 33), (65, 37)])
def test_odd_sizes(size):
    image = scene(*size, 3, 1)
    shown = apercu.decode(apercu.encode(image, quality=40), restore="diffusion", steps=1)
    assert shown.shape == image.shape
