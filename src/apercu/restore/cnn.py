"""restore="cnn": a network that predicts the residual of the planes of a tile, run by ONNX Runtime.

The network runs on one square of a fixed grid at a time, with a margin, so that its pixels depend only on the tile. Its
residual is multiplied by the factors of `apercu.restore.trust`. Layers and training are in `apercu.lab.cnn`.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from apercu.errors import ModelError
from apercu.format.ids import NETWORKS
from apercu.format.weights import naming
from apercu.options import anything, option
from apercu.restore import runtime
from apercu.restore.onnx_file import MOST_BYTES
from apercu.restore.protocol import Kind, Restorer
from apercu.restore.runtime import Network, Values
from apercu.restore.trust import Factors, trust
from apercu.stages.blocks import BLOCK, Window, n_blocks
from apercu.stages.colour import FULL, Plane
from apercu.stages.layout import Evidence, Layout, Restore
from apercu.stages.wavelet import Bands

NAME = "cnn"
KIND: Kind = "fidelity"
CODECS: tuple[str, ...] = ("apercu",)
SQUARE, MARGIN = 512, 32
"""Pixels a side of a square, and of the margin around it inside the tile."""
IN, OUT = 25, 24
"""Channels of the network's input and output."""
INPUT, OUTPUT = "planes", "lack"
"""Their names in an ONNX file. `lack` is the residual: networks that are in use have it under this name."""
UNIT = 8
"""Sides of the input are multiples of this number of pixels; beyond the tile its edge is repeated."""
HALF = FULL // 2
"""Half the range of a plane, which is scaled to -1 to 1."""

CHROMA_REACH = 2
"""The colour of a pixel depends on chroma samples up to this many pixels away."""

T = TypeVar("T", bound=np.generic)
Trust = Callable[[list[Plane], list[Bands], int], list[Factors]]


@dataclass(frozen=True)
class Options:
    """`network`: the file of a user's own network, as `apercu train cnn` writes it, in place of the shipped one."""

    network: str | Path | None = option("a network of your own for --restore cnn", "FILE", anything)


def load(_: str, options: Options, square: int = SQUARE, trust: Trust = trust) -> Restore:
    """`restore` by the shipped network, or by a user's. Raises MissingExtra or ModelError."""
    network = _shipped() if options.network is None else _of_user(options.network)
    return partial(restore, network, square, trust)


def restore(
    network: Network,
    square: int,
    trust: Trust,
    planes: list[Plane],
    layout: Layout,
    step_q8: int,
    bands: Evidence,
    wanted: Window,
) -> None:
    """Brings the planes of a tile, int16 with 5 fraction bits, closer to what was encoded; in place.

    Cb and Cr go through the network with luma, alpha does not, every other plane goes by itself. `step_q8`: the
    quantiser's step. `bands`: the coefficients that each plane was made of. `wanted`: the pixels of the tile whose
    planes must be right; the network runs over the squares that they need, `square` pixels a side, and the rest may
    stay as it is. Raises ModelError.
    """
    colour = layout.interpretation in ("rgb", "rgba")
    groups = [slice(0, 3)] if colour else [slice(i, i + 1) for i in range(len(planes))]
    for group in groups:
        factors = trust(planes[group], bands[group], step_q8)
        _restore_group(network, square, planes[group], factors, step_q8, wanted)


def _restore_group(
    network: Network, square: int, planes: list[Plane], factors: list[Factors], step_q8: int, wanted: Window
) -> None:
    """A plane, or luma with its chroma. A row of squares is written once the next one has seen it as it was."""
    height, width = planes[0].shape
    scales = [1, *(2 for _ in planes[1:])]
    ready: list[tuple[Plane, Plane]] = []
    for row in _squares(square, height, width, wanted, len(planes) > 1):
        found: list[tuple[Plane, Plane]] = []
        for place in row:
            of_square = [_part(of, place, BLOCK) for of in factors]
            if not any(of.any() for of in of_square):
                continue
            seen = _grown(place, MARGIN, height, width)
            corrections = _run(
                network, [_part(p, seen, scale) for p, scale in zip(planes, scales, strict=True)], step_q8
            )
            at = place._replace(top=place.top - seen.top, left=place.left - seen.left)
            for plane, correction, of, scale in zip(planes, corrections, of_square, scales, strict=True):
                target = _part(plane, place, scale)
                found.append((target, _add(target, _part(correction, at, scale), of, BLOCK // scale)))
        for target, values in ready:
            target[:] = values
        ready = found
    for target, values in ready:
        target[:] = values


def _squares(side: int, height: int, width: int, wanted: Window, grown: bool) -> Iterator[list[Window]]:
    """The squares of the grid that hold the pixels wanted, by rows; `grown`: and the chroma around them, too."""
    need = _grown(wanted, CHROMA_REACH, height, width) if grown else wanted
    for top in range(need.top // side * side, need.top + need.height, side):
        lefts = range(need.left // side * side, need.left + need.width, side)
        yield [Window(top, left, min(side, height - top), min(side, width - left)) for left in lefts]


def _grown(window: Window, margin: int, height: int, width: int) -> Window:
    """With a margin, as far as the plane goes."""
    top, left = max(window.top - margin, 0), max(window.left - margin, 0)
    bottom = min(window.top + window.height + margin, height)
    right = min(window.left + window.width + margin, width)
    return Window(top, left, bottom - top, right - left)


def _part(plane: NDArray[T], window: Window, scale: int) -> NDArray[T]:
    """The samples of a window whose corner is a multiple of `scale`, of a plane at that part of the size."""
    top, left = window.top // scale, window.left // scale
    return plane[top : top + n_blocks(window.height, scale), left : left + n_blocks(window.width, scale)]


def _run(network: Network, planes: list[Plane], step_q8: int) -> list[Values]:
    """What the network adds to a square with its margin."""
    luma, *pair = planes
    height, width = (-(-side // UNIT) * UNIT for side in luma.shape)
    shape = (1, IN, height // 4, width // 4)
    values: Values = np.zeros(shape, np.float32)
    _split(luma.astype(np.float32) / np.float32(HALF) - 1, height, width, 4, values[0, :16])
    for index, plane in enumerate(pair):
        start = 16 + 4 * index
        _split(plane.astype(np.float32) / np.float32(HALF), height // 2, width // 2, 2, values[0, start : start + 4])
    values[0, 24] = (np.log2(step_q8 / 256) - 6) / 3
    found = network(values)
    if found.shape != (1, OUT, *shape[2:]):
        raise ModelError("the network gives planes of another size than it is given")
    pairs = (_joined(found[0, 16 + 4 * index : 20 + 4 * index], 2) for index in range(len(pair)))
    return [_joined(found[0, :16], 4), *pairs]


def _split(values: Values, height: int, width: int, size: int, out: Values) -> None:
    """Space to depth, (h, w) to (size * size, height / size, width / size); the edge is repeated."""
    padded = np.pad(values, ((0, height - values.shape[0]), (0, width - values.shape[1])), mode="edge")
    squares = padded.reshape(height // size, size, width // size, size)
    out[:] = squares.transpose(1, 3, 0, 2).reshape(out.shape)


def _joined(values: Values, size: int) -> Values:
    """Depth to space: the inverse of `_split`."""
    _, height, width = values.shape
    squares = values.reshape(size, size, height, width).transpose(2, 0, 3, 1)
    return squares.reshape(height * size, width * size)


def _add(plane: Plane, correction: Values, factors: Factors, side: int) -> Plane:
    """Each factor holds for `side` x `side` samples."""
    height, width = plane.shape
    trusted = factors.repeat(side, 0).repeat(side, 1)[:height, :width] * correction
    with np.errstate(over="ignore"):  # a user's network may give any finite numbers; all end within the range
        found: Plane = np.clip(np.rint(plane + HALF * trusted), -FULL, FULL).astype(np.int16)
    return found


@cache
def _shipped() -> Network:
    known = NETWORKS[NAME]
    data = _read(Path(__file__).parent.parent / "weights" / known.file)
    if sha256(data).hexdigest() != known.sha256:
        raise ModelError(f"{known.file} is not the file that was shipped: its SHA-256 differs")
    return runtime.of_shipped(data)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shipped.cache_clear)  # the threads of a session do not come along


def _of_user(file: str | Path) -> Network:
    try:
        path = Path(file)
    except TypeError:
        raise ModelError(f"a network is the path of a file, not {file!r}") from None
    from apercu.restore.network_process import of_user  # which loads what starts processes

    data = _read(path)
    with naming(path):
        network = of_user(data, [(INPUT, [1, IN]), (OUTPUT, [1, OUT])])

    def run(values: Values) -> Values:
        with naming(path):
            return network(values)

    return run


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read the network {path}: {error}") from error


if TYPE_CHECKING:
    from apercu.restore import cnn

    _: Restorer[Options] = cnn
