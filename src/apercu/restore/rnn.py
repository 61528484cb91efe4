"""restore="rnn": a network that refines the residual of the planes step by step, run by ONNX Runtime.

Each step is the same network: a convolutional GRU (`apercu.lab.rnn`). It is given what the network of restore="cnn" is
given, the residual by now and its state, and finds a better residual and its next state; both begin at 0. From the
third step on the picture has the mean of their residuals. Few steps are quick, more come nearer to the original.
Squares of the grid are refined each by itself, so windows are crops; their margin and the factors of
`apercu.restore.trust` are those of "cnn".
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from apercu.options import network_option, steps_option
from apercu.restore import cnn, networks
from apercu.restore.protocol import Kind, Restorer
from apercu.restore.runtime import Network, Values
from apercu.restore.squares import OUT, SQUARE
from apercu.restore.told import n_told
from apercu.restore.trust import trust
from apercu.stages.layout import Restore

NAME = "rnn"
KIND: Kind = "fidelity"
CODECS: tuple[str, ...] = ("apercu",)
NETWORK = "rnn"
STATE = 64
"""Channels of the state."""
GIVEN = OUT + n_told("apercu")
"""Channels of the planes and of what is told of them: the same at every step."""
FOUND = OUT + STATE
"""Channels that a step finds, and the next one is given after these: the residual and the state."""
STEPS, MOST_STEPS = 4, 8
AVERAGED_FROM = 3
"""The step from which on the residuals of steps are averaged: late ones have errors of their own, which cancel out."""
LIMIT = 32
"""Of what a step finds, either way: a user's network may give any finite numbers."""


@dataclass(frozen=True)
class Options:
    """`steps`: 1 to 8 (default: 4); time is in proportion, and each of the first four comes nearer to the original.

    `network`: the file of a user's own network, as `apercu train rnn` writes it, or the name of a shipped one.
    """

    steps: int | None = steps_option(STEPS, MOST_STEPS)
    network: str | Path | None = network_option()


def load(codec: str, options: Options, square: int = SQUARE, trust: cnn.Trust = trust) -> Restore:
    """`restore` of "cnn" by as many steps of the shipped network, or of a user's. Raises MissingExtra or ModelError."""
    step = networks.network_of(options.network, NETWORK, codec, GIVEN + FOUND, FOUND)
    return partial(cnn.restore, partial(refined, step, options.steps or STEPS), codec, square, trust)


def provenance(codec: str, options: Options) -> dict[str, object]:
    """See `apercu.restore.protocol`."""
    return {"network": networks.digest_of(options.network, NETWORK, codec), "steps": options.steps or STEPS}


def refined(step: Network, steps: int, given: Values) -> Values:
    """The residual (1, OUT, h, w) after so many steps, for planes and what is told of them (1, GIVEN, h, w): that of
    the last step, or from AVERAGED_FROM on the mean of all since then. Raises ModelError."""
    _, _, down, across = given.shape
    values = np.concatenate([given, np.zeros((1, FOUND, down, across), np.float32)], 1)
    residual = values[:, GIVEN : GIVEN + OUT]
    mean = residual.copy()
    for number in range(1, steps + 1):
        values[:, GIVEN:] = np.clip(step(values), -LIMIT, LIMIT)
        mean += (residual - mean) / max(number - AVERAGED_FROM + 1, 1)
    return mean


if TYPE_CHECKING:
    from apercu.restore import rnn

    _: Restorer[Options] = rnn
