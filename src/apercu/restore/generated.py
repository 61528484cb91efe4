"""What restorers have in common that make up texture for which the sender had no bits. Their pixels are generated.

What a network makes up is multiplied by the factors of `apercu.restore.trust` and `strokes` and by the strength, and
added to the planes of restore="cnn": the straight line between a faithful picture and a perfect-looking one is optimal
in Wasserstein space (Freirich, Michaeli and Meir 2021). What contradicts the symbols that were sent is undone
(`apercu.restore.projection`). Where nothing is learnt of what is missing, in drawings, letters and finely coded files,
nothing is added.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from apercu.restore import cnn, networks, projection, squares
from apercu.restore.runtime import Network, Values
from apercu.restore.strokes import strokes
from apercu.restore.trust import Factors, log_ramp, trust
from apercu.stages.blocks import BLOCK, Window
from apercu.stages.colour import Plane
from apercu.stages.layout import Evidence, Layout, Restore

CODECS: tuple[str, ...] = ("apercu",)
MARGIN = 64
"""Pixels around a square that a network sees, inside the tile."""
FINE, COARSE = (20, 32), (350, 680)
"""Steps between which the part that is made up rises from 0 to 1, and those between which it falls again, linearly in
the logarithm of the step. Networks have learnt from files of 0.03 to 0.15 bits a pixel: one in a hundred has a step
below 19, and one in a hundred above 346; none is above 683."""

GREY_LEVELS = 127.5
"""In the unit of luma as networks see it."""
MOST = np.float32(32)
"""Of what is made up, either way, in that unit: a user's network may give any finite numbers."""
FAINT = 0.8
"""What deviates in luma by less than so many 8-bit samples is not seen as texture, and is left out."""
AROUND = 3
"""Blocks a side over which the deviation is taken."""

Found: TypeAlias = Callable[[Window], list[Values]]
Make: TypeAlias = Callable[[list[Plane], list[Plane], int, Window], Found]
"""Of planes that go together as they were decoded and as "cnn" restored them, the quantiser's step in 1/256 and the
place of the tile in the image, to what is made up for a square with its margin, for each of the planes: luma of sides
that are multiples of BLOCK, and so maybe more than the square."""


class Dials(Protocol):
    """The options that all of them have."""

    @property
    def strength(self) -> float | None:
        """From 0, the picture of restore="cnn", to 1 (default), all that is made up."""

    @property
    def seed(self) -> int | None:
        """Which of many pictures."""

    @property
    def network(self) -> str | Path | None:
        """The file of a user's own network, or the name of a shipped one."""


def strength_of(options: Dials) -> float:
    """Which has a default."""
    return 1.0 if options.strength is None else abs(options.strength)  # -0.0 is 0


def seed_of(options: Dials) -> int:
    """Which has a default."""
    return options.seed or 0


def provenance(codec: str, own: str, options: Dials) -> dict[str, object]:
    """What a picture with these options is made by: SHA-256 of the network's file, strength and seed. At strength 0
    the network is that of "cnn". `own`: the shipped network. Raises ModelError."""
    digest, strength = networks.digest_of(options.network, own, codec), strength_of(options)
    network = digest if strength else networks.digest_of(None, cnn.NETWORK_OF[codec], codec)
    return {"network": network, "strength": strength, "seed": seed_of(options)}


def load(make: Make, codec: str, options: Dials, square: int) -> Restore:
    """`restore` with these options; at strength 0 that of "cnn". Raises MissingExtra or ModelError."""
    strength = strength_of(options)
    if not strength:
        return cnn.load(codec, cnn.Options(), square)
    return partial(restore, make, networks.shipped(cnn.NETWORK_OF[codec]), codec, square, strength)


def restore(
    make: Make,
    faithful: Network,
    codec: str,
    square: int,
    strength: float,
    planes: list[Plane],
    layout: Layout,
    step_q8: int,
    evidence: Evidence,
    place: Window,
    wanted: Window,
) -> None:
    """Brings the planes of a tile closer to what was encoded by the network `faithful`, see `apercu.restore.cnn`, adds
    what `make` makes up, and brings that back to the symbols that were sent; in place.

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
        found = partial(_seen, make(decoded[group], shown[group], step_q8, place))
        squares.add(shown[group], of_share, made, square, MARGIN, found)
        of_group = layout._replace(planes=layout.planes[group])
        projection.project(shown[group], of_group, step_q8, evidence[group], wanted)


def _seen(found: Found, place: Window) -> list[Values]:
    """Of what is found for a square, luma without what is too faint."""
    luma, *chroma = (np.clip(of, -MOST, MOST) for of in found(place))
    return [luma * audible(luma), *chroma]


def audible(luma: Values) -> Values:
    """A factor for each sample of what is made up: 0 where around its block that deviates by FAINT or less, and near 1
    where it deviates by much more."""
    down, across = (side // BLOCK for side in luma.shape)
    blocks = (luma * np.float32(GREY_LEVELS)).reshape(down, BLOCK, across, BLOCK)
    power = np.square(blocks).mean((1, 3))
    around = sliding_window_view(np.pad(power, AROUND // 2, mode="edge"), (AROUND, AROUND)).mean((2, 3))
    factors = 1 - np.float32(FAINT**2) / np.maximum(around, np.float32(FAINT**2))
    found: Values = factors.repeat(BLOCK, 0).repeat(BLOCK, 1)
    return found


def learnt(step: float) -> float:
    """The part of what is made up that is added at a step."""
    return log_ramp(step, *FINE) * (1 - log_ramp(step, *COARSE))
