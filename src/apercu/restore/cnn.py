"""restore="cnn": a network that predicts the residual of the planes of a tile, run by ONNX Runtime.

There is one network for the wavelet and one for the codecs of blocks. It runs on one square of a fixed grid at a time,
with a margin, so that its pixels depend only on the tile. Beside the planes it has what `apercu.restore.told` says. Its
residual is multiplied by the factors of `apercu.restore.trust` or `block_trust`. Layers and training are in
`apercu.lab.cnn`.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from apercu.errors import ModelError
from apercu.format.ids import NETWORKS
from apercu.format.weights import naming
from apercu.options import anything, option
from apercu.restore import runtime
from apercu.restore.block_trust import block_trust
from apercu.restore.onnx_file import MOST_BYTES
from apercu.restore.protocol import Kind, Restorer
from apercu.restore.runtime import Network, Values
from apercu.restore.told import BLOCK_CODECS, TOLD, n_told, places, told
from apercu.restore.trust import Factors, trust
from apercu.stages.blocks import BLOCK, Window, n_blocks
from apercu.stages.colour import FULL, Plane
from apercu.stages.layout import Evidence, Layout, Restore

NAME = "cnn"
KIND: Kind = "fidelity"
NETWORK_OF = {"apercu": "cnn", **dict.fromkeys(BLOCK_CODECS, "cnn_blocks")}
"""The shipped network for files of each codec."""
CODECS: tuple[str, ...] = (*NETWORK_OF,)
SQUARE, MARGIN = 512, 32
"""Pixels a side of a square, and of the margin around it inside the tile."""
OUT = 24
"""Channels of the network's output, and of its input before what it is told: 16 of luma, and 4 each of Cb and Cr."""
INPUT, OUTPUT = "planes", "lack"
"""Their names in an ONNX file. `lack` is the residual: networks that are in use have it under this name."""
UNIT = 8
"""Sides of the input are multiples of this number of pixels; beyond the tile its edge is repeated."""
HALF = FULL // 2
"""Half the range of a plane, which is scaled to -1 to 1."""

CHROMA_REACH = 2
"""The colour of a pixel depends on chroma samples up to this many pixels away."""

T = TypeVar("T", bound=np.generic)
Trust = Callable[[list[Plane], Evidence, int], list[Factors]]


@dataclass(frozen=True)
class Options:
    """`network`: the file of a user's own network, as `apercu train cnn` writes it, in place of the shipped one; or the
    name of a shipped one in `apercu.format.ids.NETWORKS`."""

    network: str | Path | None = option("a network of your own for --restore cnn", "FILE", anything)


def load(codec: str, options: Options, square: int = SQUARE, trust: Trust | None = None) -> Restore:
    """`restore` by the shipped network, by another one that was shipped, or by a user's. Raises MissingExtra or
    ModelError."""
    shipped = _shipped_name(codec, options)
    network = _shipped(shipped) if shipped else _of_user(options.network, OUT + n_told(codec))
    return partial(restore, network, codec, square, trust or _trust_in(codec))


def provenance(codec: str, options: Options) -> dict[str, object]:
    """See `apercu.restore.protocol`."""
    shipped = _shipped_name(codec, options)
    return {"network": NETWORKS[shipped].sha256 if shipped else sha256(_read(_path(options.network))).hexdigest()}


def _shipped_name(codec: str, options: Options) -> str | None:
    """The network of `apercu.format.ids.NETWORKS` that is chosen; None for one of the user's. Raises ModelError."""
    own = NETWORK_OF[codec]
    name = own if options.network is None else options.network
    if not (isinstance(name, str) and name in NETWORKS):
        return None
    if name.partition("-")[0] != own:  # cnn-1 is one that cnn took the place of
        raise ModelError(f"the network {name} is not for files of the codec {codec}")
    return name


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
    wanted: Window,
) -> None:
    """Brings the planes of a tile, int16 with 5 fraction bits, closer to what was encoded; in place.

    Cb and Cr go through the network with luma, alpha does not, every other plane goes by itself. `step_q8`: the
    quantiser's step. `evidence`: of what each plane was made. `wanted`: the pixels of the tile whose planes must be
    right; the network runs over the squares that they need, `square` pixels a side, a multiple of 32, and the rest may
    stay as it is. Raises ModelError.
    """
    shown = [plane[: of.height, : of.width] for plane, of in zip(planes, layout.planes, strict=True)]
    colour = layout.interpretation in ("rgb", "rgba")
    groups = [slice(0, 3)] if colour else [slice(i, i + 1) for i in range(len(planes))]
    for group in groups:
        beside = told(codec, step_q8, evidence[group], *shown[group][0].shape)
        factors = trust(shown[group], evidence[group], step_q8)
        _restore_group(network, square, shown[group], factors, beside, wanted)


def _restore_group(
    network: Network, square: int, planes: list[Plane], factors: list[Factors], told: Values, wanted: Window
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
            parts = [_part(plane, seen, scale) for plane, scale in zip(planes, scales, strict=True)]
            corrections = _run(network, parts, [_part(channel, seen, 4) for channel in told])
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


def _run(network: Network, planes: list[Plane], told: list[Values]) -> list[Values]:
    """What the network adds to a square with its margin."""
    luma, *pair = planes
    height, width = (-(-side // UNIT) * UNIT for side in luma.shape)
    down, across = height // 4, width // 4
    where = places(down, across) if len(told) == TOLD else ()
    values: Values = np.zeros((1, OUT + len(told) + len(where), down, across), np.float32)
    _split(luma.astype(np.float32) / np.float32(HALF) - 1, height, width, 4, values[0, :16])
    for index, plane in enumerate(pair):
        start = 16 + 4 * index
        _split(plane.astype(np.float32) / np.float32(HALF), height // 2, width // 2, 2, values[0, start : start + 4])
    for index, channel in enumerate(told):
        _split(channel, down, across, 1, values[0, OUT + index : OUT + index + 1])
    if len(where):
        values[0, -len(where) :] = where
    found = network(values)
    if found.shape != (1, OUT, down, across):
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


def shipped_file(name: str) -> bytes:
    """The file of a network of `apercu.format.ids.NETWORKS`. Raises ModelError."""
    known = NETWORKS[name]
    data = _read(Path(__file__).parent.parent / "weights" / known.file)
    if sha256(data).hexdigest() != known.sha256:
        raise ModelError(f"{known.file} is not the file that was shipped: its SHA-256 differs")
    return data


@cache
def _shipped(name: str) -> Network:
    return runtime.of_shipped(shipped_file(name))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shipped.cache_clear)  # the threads of a session do not come along


def _path(file: Any) -> Path:
    try:
        return Path(file)
    except TypeError:
        raise ModelError(f"a network is the path of a file, not {file!r}") from None


def _of_user(file: Any, n_channels: int) -> Network:
    path = _path(file)
    from apercu.restore.network_process import of_user  # which loads what starts processes

    data = _read(path)
    with naming(path):
        network = of_user(data, [(INPUT, [1, n_channels]), (OUTPUT, [1, OUT])])

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
