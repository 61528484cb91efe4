"""restore="gan": texture that a network makes up in one pass, after Wu, Huang and Shen (WACV 2020).

The generator looks at the decoded planes, at the residual that restore="cnn" adds to them, and at noise of a seed. What
becomes of what it makes is in `apercu.restore.generated`; layers and training are in `apercu.lab.gan`.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from apercu.options import network_option, seed_option, strength_option
from apercu.restore import generated, networks, squares
from apercu.restore.noise import gaussian
from apercu.restore.protocol import Kind, Restorer
from apercu.restore.runtime import Network, Values
from apercu.restore.squares import OUT, SQUARE
from apercu.restore.told import told_of_step
from apercu.stages.blocks import Window, absolute, n_blocks
from apercu.stages.colour import Plane
from apercu.stages.layout import Restore

NAME = "gan"
KIND: Kind = "generative"
CODECS = generated.CODECS
NETWORK = "gan"
NOISE = 16
"""Channels of noise: a number for each pixel."""
CHANNELS = 2 * OUT + 1 + NOISE
"""Of the input: decoded planes, the residual of "cnn", the step, noise."""
RESIDUAL = 4
"""What the residual is multiplied by, which is small beside planes."""
UNIT = 16
"""Sides of the input, and the corners of squares with their margin, are multiples of this number of pixels."""


@dataclass(frozen=True)
class Options:
    """`strength`: from 0, the picture of restore="cnn", to 1 (default), all that the network makes up.

    `seed`: which of many pictures, 0 (default) to 2^63 - 1; the same seed gives the same picture. `network`: the file
    of a user's own network, as `apercu train gan` writes it, or the name of a shipped one.
    """

    strength: float | None = strength_option()
    seed: int | None = seed_option()
    network: str | Path | None = network_option()


def load(codec: str, options: Options, square: int = SQUARE) -> Restore:
    """See `apercu.restore.generated.load`."""
    network = networks.network_of(options.network, NETWORK, codec, CHANNELS, OUT)
    return generated.load(partial(_make, network, generated.seed_of(options)), codec, options, square)


def provenance(codec: str, options: Options) -> dict[str, object]:
    """See `apercu.restore.generated.provenance`."""
    return generated.provenance(codec, NETWORK, options)


def _make(
    network: Network, seed: int, decoded: list[Plane], faithful: list[Plane], step_q8: int, place: Window
) -> generated.Found:
    return partial(_run, network, seed, decoded, faithful, step_q8, place)


def _run(
    network: Network, seed: int, decoded: list[Plane], faithful: list[Plane], step_q8: int, place: Window, seen: Window
) -> list[Values]:
    """What the network makes up for a square with its margin."""
    down, across = (n_blocks(side, UNIT) * UNIT // 4 for side in seen[2:])
    values: Values = np.zeros((1, CHANNELS, down, across), np.float32)
    plain, residual, told, noise = np.split(values[0], np.cumsum([OUT, OUT, 1]))
    squares.channels(squares.parts(decoded, seen), plain)
    squares.channels(squares.parts(faithful, seen), residual)
    residual -= plain
    residual *= RESIDUAL
    told[:] = told_of_step(step_q8)
    top, left, _, _ = absolute(seen, place)
    noise[:] = gaussian(seed, Window(top // 4, left // 4, down, across), NOISE)
    return squares.run(network, values, len(decoded))


if TYPE_CHECKING:
    from apercu.restore import gan

    _: Restorer[Options] = gan
