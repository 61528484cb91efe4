"""restore="diffusion": texture that a network samples by denoising, coarse to fine, in a few steps.

It works in the wavelet bands of luma of levels 3, 2 and 1: the hierarchical pixel diffusion of the survey of Baskar et
al. (its section E), as we read it. At each level it begins with noise. A step takes a *sample* of what is missing,
given the noisy bands and what is known (De Bortoli et al. 2025, "Distributional diffusion models with scoring rules"),
and goes on towards it, as DDIM does (Song, Meng and Ermon 2021); the next level is told what came out. Noise and what
is missing are mixed by the time, from 1, all noise, to 0. What becomes of what is made is in
`apercu.restore.generated`; layers and training are in `apercu.lab.diffusion`.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from apercu.options import network_option, seed_option, steps_option, strength_option
from apercu.restore import generated, networks, squares
from apercu.restore.noise import gaussian
from apercu.restore.protocol import Kind, Restorer
from apercu.restore.runtime import Network, Values
from apercu.restore.squares import HALF, SQUARE
from apercu.restore.told import told_of_step
from apercu.restore.wavelet import analysed, steps_of, synthesised
from apercu.stages.blocks import Window, absolute
from apercu.stages.colour import Plane
from apercu.stages.layout import Restore

NAME = "diffusion"
KIND: Kind = "generative"
CODECS = generated.CODECS
NETWORK = "diffusion"
BANDS = 3
"""HL, LH and HH."""
SHARP = 10, 6, 4
"""Of levels 1, 2 and 3: what is missing is denoised in 1/SHARP of a quantiser's step, in which it deviates by 1 or
less."""
LEVELS = len(SHARP)
NOISE = 4
"""Channels of noise for a step, a multiple of 4."""
CONDITION, NUMBERS = 2 + 3 * BANDS, 4
"""Channels of what is known, and of numbers: step, level, time, and 1 (0 where training leaves out what is known)."""
GIVEN = CONDITION + BANDS + NUMBERS
"""Channels but for noise."""
UNIT = 4 << LEVELS
"""Sides of the input, and the corners of squares with their margin, are multiples of this number of pixels."""
STEPS, MOST_STEPS = 4, 16
LIMIT = 32
"""Of a sample, either way, in the unit in which it is denoised: a user's network may give any finite numbers."""
TIME = GIVEN - 2
"""The channel of time."""


@dataclass(frozen=True)
class Options:
    """`strength`: from 0, the picture of restore="cnn", to 1 (default), all that the network makes up.

    `steps`: of denoising, at each of three levels, 1 to 16 (default: 4); time is in proportion, and more steps make
    texture whose statistics are nearer to the original's. `seed`: which of many
    pictures, 0 (default) to 2^63 - 1; the same seed gives the same picture. `network`: the file of a user's own
    network, as `apercu train diffusion` writes it, or the name of a shipped one.
    """

    strength: float | None = strength_option()
    steps: int | None = steps_option(STEPS, MOST_STEPS)
    seed: int | None = seed_option()
    network: str | Path | None = network_option()


class Known(NamedTuple):
    """Of a level: LL of the planes of "cnn", in the unit of `analysed`; bands of these planes and as they were decoded,
    in steps; and the steps."""

    low: Values
    faithful: Values
    decoded: Values
    unit: Values


def load(codec: str, options: Options, square: int = SQUARE) -> Restore:
    """See `apercu.restore.generated.load`."""
    network = networks.network_of(options.network, NETWORK, codec, GIVEN + NOISE, BANDS)
    make = partial(_make, network, options.steps or STEPS, generated.seed_of(options))
    return generated.load(make, codec, options, square)


def provenance(codec: str, options: Options) -> dict[str, object]:
    """See `apercu.restore.generated.provenance`; and the steps."""
    return {**generated.provenance(codec, NETWORK, options), "steps": options.steps or STEPS}


def _make(
    network: Network, steps: int, seed: int, decoded: list[Plane], faithful: list[Plane], step_q8: int, place: Window
) -> generated.Found:
    return partial(_run, network, steps, seed, decoded, faithful, step_q8, place)


def _run(
    network: Network,
    steps: int,
    seed: int,
    decoded: list[Plane],
    faithful: list[Plane],
    step_q8: int,
    place: Window,
    seen: Window,
) -> list[Values]:
    """What is made up for a square with its margin; nothing for chroma."""
    lumas = [_padded(squares.part(planes[0], seen, 1)) for planes in (faithful, decoded)]
    top, left, _, _ = absolute(seen, place)
    levels, low = levels_of(lumas[0], lumas[1], step_q8)
    added = np.zeros_like(low)
    for level in range(LEVELS, 0, -1):
        known = levels[level - 1]
        window = Window(top >> level, left >> level, *known.low.shape)
        condition = given(known, known.low + added, level, step_q8)
        found = _sampled(network, steps, seed, level, window, condition)
        added = synthesised(added, found / np.float32(SHARP[level - 1]) * known.unit)
    chroma = [np.zeros(squares.part(plane, seen, 2).shape, np.float32) for plane in faithful[1:]]
    return [added, *chroma]


def _padded(plane: Plane) -> Values:
    """In -1 to 1, of sides that are multiples of UNIT; the edge is repeated."""
    height, width = plane.shape
    more = ((0, -height % UNIT), (0, -width % UNIT))
    found: Values = np.pad(plane.astype(np.float32) / np.float32(HALF) - 1, more, mode="edge")
    return found


def levels_of(faithful: Values, decoded: Values, step_q8: int) -> tuple[list[Known], Values]:
    """What is known of each level, finest first; and LL of the coarsest one of the planes of "cnn"."""
    found = []
    for level in range(1, LEVELS + 1):
        unit = (steps_of(level) * np.float32(step_q8 / 256))[:, None, None]
        (faithful, bands), (decoded, sent) = analysed(faithful), analysed(decoded)
        found.append(Known(faithful, bands / unit, sent / unit, unit))
    return found, faithful


def given(known: Known, low: Values, level: int, step_q8: int) -> Values:
    """What the network is told of a level whose LL is `low` by now, (GIVEN, h, w); noisy bands and time are 0 here, and
    for the caller to write."""
    bright = low / np.float32(2**level)
    padded = np.pad(bright, 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    around = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / np.float32(9)
    fine = compressed((bright - around) * np.float32(4 * 127.5 * 256 / step_q8))
    sent = np.abs(known.decoded) > 0.5
    condition = [np.stack([bright, fine]), compressed(known.decoded), 2 * (known.faithful - known.decoded), sent]
    noisy = np.zeros_like(known.decoded)
    numbers = [np.full((1, *low.shape), number) for number in (told_of_step(step_q8), level - 2, 0, 1)]
    return np.concatenate([*condition, noisy, *numbers], dtype=np.float32)


def compressed(values: Values) -> Values:
    """On a scale that large ones do not fill."""
    found: Values = np.sign(values) * np.log1p(np.abs(values))
    return found


def _sampled(network: Network, steps: int, seed: int, level: int, window: Window, condition: Values) -> Values:
    """A sample of what is missing of a level's bands, (BANDS, h, w), after so many steps. Raises ModelError."""
    values = np.concatenate([condition, np.empty((NOISE, *condition.shape[1:]), np.float32)])[np.newaxis]
    noise = partial(gaussian, seed, window, NOISE)
    noisy: Values = noise(NOISE * (LEVELS - level))[:BANDS]
    for k in range(steps):
        time, next_time = 1 - k / steps, 1 - (k + 1) / steps
        values[0, CONDITION : CONDITION + BANDS] = noisy
        values[0, TIME] = time
        values[0, GIVEN:] = noise(NOISE * (LEVELS * (k + 1) + LEVELS - level))
        found = np.clip(network(values)[0], -LIMIT, LIMIT)
        kept = next_time / time  # of the noise that this step saw
        noisy = np.float32(kept) * noisy + np.float32(1 - next_time - kept * (1 - time)) * found
    return noisy


if TYPE_CHECKING:
    from apercu.restore import diffusion

    _: Restorer[Options] = diffusion
