"""restore="gan": texture where the sender had no bits for any, made up by a network. Its pixels are generated.

The generator looks at the decoded planes, at the residual that restore="cnn" adds to them, and at noise of a seed. What
it makes is multiplied by the factors of `apercu.restore.trust` and `strokes` and by the strength, and added to the
planes of "cnn": the straight line between a faithful picture and a perfect-looking one is optimal in Wasserstein space
(Freirich, Michaeli and Meir 2021). What contradicts the symbols that were sent is undone (`apercu.restore.projection`).
Where nothing is learnt of what is missing, in drawings, letters and finely coded files, nothing is added. Layers and
training are in `apercu.lab.gan`.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from apercu.options import network_option, seed_option, strength_option
from apercu.restore import cnn, networks, projection, squares
from apercu.restore.noise import gaussian
from apercu.restore.protocol import Kind, Restorer
from apercu.restore.runtime import Network, Values
from apercu.restore.squares import OUT, SQUARE
from apercu.restore.strokes import strokes
from apercu.restore.told import told_of_step
from apercu.restore.trust import Factors, log_ramp, trust
from apercu.stages.blocks import Window, absolute, n_blocks
from apercu.stages.colour import Plane
from apercu.stages.layout import Evidence, Layout, Restore

NAME = "gan"
KIND: Kind = "generative"
CODECS: tuple[str, ...] = ("apercu",)
NETWORK = "gan"
NOISE = 16
"""Channels of noise: a number for each pixel."""
CHANNELS = 2 * OUT + 1 + NOISE
"""Of the input: decoded planes, the residual of "cnn", the step, noise."""
RESIDUAL = 4
"""What the residual is multiplied by, which is small beside planes."""
MARGIN = 64
"""Pixels around a square that the network sees, inside the tile."""
UNIT = 16
"""Sides of the input, and the corners of squares with their margin, are multiples of this number of pixels."""
FINE, COARSE = (20, 32), (350, 680)
"""Steps between which the generator's part rises from 0 to 1, and those between which it falls again, linearly in the
logarithm of the step. It has learnt from files of 0.03 to 0.15 bits a pixel: one in a hundred has a step below 19, and
one in a hundred above 346; none is above 683."""


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
    """`restore` with these options. Raises MissingExtra or ModelError."""
    network = networks.network_of(options.network, NETWORK, codec, CHANNELS, OUT)
    strength, seed = _dials(options)
    if not strength:
        return cnn.load(codec, cnn.Options(), square)
    faithful = networks.shipped(cnn.NETWORK_OF[codec])
    return partial(restore, network, faithful, codec, square, strength, seed)


def provenance(codec: str, options: Options) -> dict[str, object]:
    """What a picture with these options is made by: SHA-256 of the network's file, strength and seed. At strength 0
    that is the network of "cnn". Raises ModelError."""
    strength, seed = _dials(options)
    own = networks.digest_of(options.network, NETWORK, codec)
    network = own if strength else networks.digest_of(None, cnn.NETWORK_OF[codec], codec)
    return {"network": network, "strength": strength, "seed": seed}


def _dials(options: Options) -> tuple[float, int]:
    """Strength and seed, which have defaults."""
    return 1.0 if options.strength is None else abs(options.strength), options.seed or 0  # -0.0 is 0


def restore(
    network: Network,
    faithful: Network,
    codec: str,
    square: int,
    strength: float,
    seed: int,
    planes: list[Plane],
    layout: Layout,
    step_q8: int,
    evidence: Evidence,
    place: Window,
    wanted: Window,
) -> None:
    """Brings the planes of a tile closer to what was encoded by the network `faithful`, see `apercu.restore.cnn`, adds
    what `network` makes up, and brings that back to the symbols that were sent; in place.

    `place`: of the tile in the image; noise depends on it. `wanted`: the pixels of the tile whose planes must be right;
    the rest may be anything. Raises ModelError.
    """
    share = strength * learnt(step_q8 / 256)
    kept: list[list[Factors]] = []

    def keep(planes: list[Plane], evidence: Evidence, step_q8: int) -> list[Factors]:
        kept.append(trust(planes, evidence, step_q8))
        return kept[-1]

    shown = [plane[: of.height, : of.width] for plane, of in zip(planes, layout.planes, strict=True)]
    decoded = [plane.copy() for plane in shown]
    made = projection.seen(layout, wanted)
    seen = squares.seen_for(made, layout, square, MARGIN) if share else wanted
    cnn.restore(faithful, codec, square, keep, planes, layout, step_q8, evidence, place, seen)
    if not share:
        return
    for group, factors in zip(squares.groups(layout), kept, strict=True):
        if not any(of.any() for of in factors):
            continue
        free = np.float32(share) * (1 - strokes(decoded[group][0], evidence[group][0], step_q8))
        of_share = [free * of for of in factors]
        run = partial(_run, network, seed, step_q8, decoded[group], shown[group], place)
        squares.add(shown[group], of_share, made, square, MARGIN, run)
        of_group = layout._replace(planes=layout.planes[group])
        projection.project(shown[group], of_group, step_q8, evidence[group], wanted)


def learnt(step: float) -> float:
    """The part of what is made up that is added at a step."""
    return log_ramp(step, *FINE) * (1 - log_ramp(step, *COARSE))


def _run(
    network: Network, seed: int, step_q8: int, decoded: list[Plane], faithful: list[Plane], place: Window, seen: Window
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
