"""restore="cnn": a network that predicts the residual of the planes of a tile, run by ONNX Runtime.

There is one network for the wavelet and one for the codecs of blocks. It runs on one square of a fixed grid at a time,
with a margin (`apercu.restore.squares`). Beside the planes it has what `apercu.restore.told` says. Its residual is
multiplied by the factors of `apercu.restore.trust` or `block_trust`. Layers and training are in `apercu.lab.cnn`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from apercu.options import network_option
from apercu.restore import networks, squares
from apercu.restore.block_trust import block_trust
from apercu.restore.protocol import Kind, Restorer
from apercu.restore.runtime import Network, Values
from apercu.restore.squares import OUT, SQUARE
from apercu.restore.told import BLOCK_CODECS, TOLD, n_told, places, told
from apercu.restore.trust import Factors, trust
from apercu.stages.blocks import Window, n_blocks
from apercu.stages.colour import Plane
from apercu.stages.layout import Evidence, Layout, Restore

NAME = "cnn"
KIND: Kind = "fidelity"
NETWORK_OF = {"apercu": "cnn", **dict.fromkeys(BLOCK_CODECS, "cnn_blocks")}
"""The shipped network for files of each codec."""
CODECS: tuple[str, ...] = (*NETWORK_OF,)
MARGIN = 32
"""Pixels around a square that the network sees, inside the tile."""
UNIT = 8
"""Sides of the input are multiples of this number of pixels; beyond the tile its edge is repeated."""

Trust = Callable[[list[Plane], Evidence, int], list[Factors]]


@dataclass(frozen=True)
class Options:
    """`network`: the file of a user's own network, as `apercu train cnn` writes it, in place of the shipped one; or the
    name of a shipped one in `apercu.format.ids.NETWORKS`."""

    network: str | Path | None = network_option()


def load(codec: str, options: Options, square: int = SQUARE, trust: Trust | None = None) -> Restore:
    """`restore` by the shipped network, by another one that was shipped, or by a user's. Raises MissingExtra or
    ModelError."""
    network = networks.network_of(options.network, NETWORK_OF[codec], codec, OUT + n_told(codec), OUT)
    return partial(restore, network, codec, square, trust or _trust_in(codec))


def _trust_in(codec: str) -> Trust:
    return partial(block_trust, codec) if codec in BLOCK_CODECS else trust


def restore(
    network: Network,
    codec: str,
    square: int,
    trust: Trust,
    planes: list[Plane],
    layout: Layout,
    step_q8: int,
    evidence: Evidence,
    _place: Window,
    wanted: Window,
) -> None:
    """Brings the planes of a tile, int16 with 5 fraction bits, closer to what was encoded; in place.

    `step_q8`: the quantiser's step. `evidence`: of what each plane was made. `wanted`: the pixels of the tile whose
    planes must be right; the network runs over the squares that they need, `square` pixels a side, a multiple of 32,
    and the rest may stay as it is. Raises ModelError.
    """
    shown = [plane[: of.height, : of.width] for plane, of in zip(planes, layout.planes, strict=True)]
    for group in squares.groups(layout):
        beside = told(codec, step_q8, evidence[group], *shown[group][0].shape)
        factors = trust(shown[group], evidence[group], step_q8)
        squares.add(shown[group], factors, wanted, square, MARGIN, partial(_run, network, shown[group], beside))


def _run(network: Network, planes: list[Plane], told: Values, seen: Window) -> list[Values]:
    """What the network adds to a square with its margin."""
    down, across = (n_blocks(side, UNIT) * UNIT // 4 for side in seen[2:])
    where = places(down, across) if len(told) == TOLD else ()
    values: Values = np.zeros((1, OUT + len(told) + len(where), down, across), np.float32)
    squares.channels(squares.parts(planes, seen), values[0, :OUT])
    for index, channel in enumerate(told):
        squares.split(squares.part(channel, seen, 4), down, across, 1, values[0, OUT + index : OUT + index + 1])
    if len(where):
        values[0, -len(where) :] = where
    return squares.run(network, values, len(planes))


if TYPE_CHECKING:
    from apercu.restore import cnn

    _: Restorer[Options] = cnn
