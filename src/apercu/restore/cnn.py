"""restore="cnn": a residual network for fidelity on the planes of a tile, run by ONNX Runtime.

The network sees one square of a fixed grid at a time, with a margin, so that its pixels hang on nothing but the tile.
`apercu.lab.cnn` has its layers and its training.
"""

from collections.abc import Callable
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from apercu.errors import MissingExtra, ModelError
from apercu.format.ids import NETWORKS
from apercu.stages.colour import FULL, Plane

if TYPE_CHECKING:
    import onnxruntime

NAME = "cnn"
SQUARE, MARGIN = 512, 32
"""Pixels a side of a square, and around it where the tile goes on."""
IN, OUT = 25, 24
"""Channels that the network takes and gives."""
UNIT = 8
"""The network takes multiples of so many pixels; beyond the tile its edge is repeated."""
HALF = FULL // 2
"""Of the range of a plane, which becomes -1 to 1."""

Values = NDArray[np.float32]


def restorer(network: str | Path | None = None) -> Callable[[list[Plane], list[bool], int], list[Plane]]:
    """`restore` by the shipped network, or by one that `apercu train cnn` wrote. Raises MissingExtra or ModelError."""
    return partial(restore, _shipped() if network is None else _of_user(network))


def restore(
    network: "onnxruntime.InferenceSession", planes: list[Plane], chroma: list[bool], step_q8: int
) -> list[Plane]:
    """The planes of a tile, closer to what was encoded: same shapes, int16 with 5 fraction bits.

    `chroma` says which are Cb and Cr at half size: they go through the network with the plane before them, every other
    plane by itself. `step_q8`: the quantiser's step. Raises ModelError.
    """
    restored: list[Plane] = []
    for index, plane in enumerate(planes):
        if chroma[index]:
            continue
        pair = planes[index + 1 : index + 3] if chroma[index + 1 : index + 2] == [True] else []
        restored += _restore_group(network, plane, pair, step_q8)
    return restored


def _restore_group(
    network: "onnxruntime.InferenceSession", luma: Plane, pair: list[Plane], step_q8: int
) -> list[Plane]:
    out = [np.empty_like(plane) for plane in (luma, *pair)]
    height, width = luma.shape
    for top in range(0, height, SQUARE):
        for left in range(0, width, SQUARE):
            bottom, right = min(top + SQUARE, height), min(left + SQUARE, width)
            seen = max(top - MARGIN, 0), max(left - MARGIN, 0), min(bottom + MARGIN, height), min(right + MARGIN, width)
            values = _run(network, _part(luma, *seen), [_part(c, *map(_half, seen)) for c in pair], step_q8)
            for index, target in enumerate(out):
                where = (top, left, bottom, right) if index == 0 else tuple(map(_half, (top, left, bottom, right)))
                origin = seen[:2] if index == 0 else tuple(map(_half, seen[:2]))
                y, x = where[0] - origin[0], where[1] - origin[1]
                part = _part(target, *where)
                part[:] = values[index][y : y + part.shape[0], x : x + part.shape[1]]
    return out


def _half(pixels: int) -> int:
    return -(-pixels // 2)


def _part(plane: Plane, top: int, left: int, bottom: int, right: int) -> Plane:
    return plane[top:bottom, left:right]


def _run(network: "onnxruntime.InferenceSession", luma: Plane, pair: list[Plane], step_q8: int) -> list[Plane]:
    """One square with its margin."""
    height, width = (-(-side // UNIT) * UNIT for side in luma.shape)
    shape = (1, IN, height // 4, width // 4)
    values: Values = np.zeros(shape, np.float32)
    _split(luma.astype(np.float32) / np.float32(HALF) - 1, height, width, 4, values[0, :16])
    for index, plane in enumerate(pair):
        start = 16 + 4 * index
        _split(plane.astype(np.float32) / np.float32(HALF), height // 2, width // 2, 2, values[0, start : start + 4])
    values[0, 24] = (np.log2(step_q8 / 256) - 6) / 3
    (lack,) = network.run(None, {"planes": values})
    if lack.shape != (1, OUT, *shape[2:]) or not np.isfinite(lack).all():
        raise ModelError("the network gives no planes that could be added")
    found = [_add(luma, _joined(lack[0, :16], 4))]
    for index, plane in enumerate(pair):
        found.append(_add(plane, _joined(lack[0, 16 + 4 * index : 20 + 4 * index], 2)))
    return found


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


def _add(plane: Plane, lack: Values) -> Plane:
    height, width = plane.shape
    found: Plane = np.clip(np.rint(plane + HALF * lack[:height, :width]), -FULL, FULL).astype(np.int16)
    return found


@cache
def _shipped() -> "onnxruntime.InferenceSession":
    known = NETWORKS[NAME]
    data = _read(Path(__file__).parent.parent / "weights" / known.file)
    if sha256(data).hexdigest() != known.sha256:
        raise ModelError(f"{known.file} is not the file that was shipped: its SHA-256 differs")
    return _loaded(data)


def _of_user(file: str | Path) -> "onnxruntime.InferenceSession":
    try:
        path = Path(file)
    except TypeError:
        raise ModelError(f"a network is the path of a file, not {file!r}") from None
    data = _read(path)
    try:
        network = _loaded(data)
        (given,), (found,) = network.get_inputs(), network.get_outputs()
    except MissingExtra:
        raise
    except Exception as error:  # of ONNX Runtime, whose errors have no common class
        raise ModelError(f"{path} holds no network that can be run: {error}") from error
    if (given.name, given.shape[:2], found.name, found.shape[:2]) != ("planes", [1, IN], "lack", [1, OUT]):
        raise ModelError(f"{path} holds another network than `apercu train cnn` makes")
    return network


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read the network {path}: {error}") from error


def _loaded(data: bytes) -> "onnxruntime.InferenceSession":
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtra("restore='cnn' needs onnxruntime: pip install 'apercu[restore]'") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
