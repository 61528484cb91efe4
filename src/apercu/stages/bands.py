"""Symbols of wavelet bands to bytes and back: context modelling, range coding, the encoder's choice, dequantisation.

The planes of a tile go together, stage by stage, coarse to fine: stage t holds level t of planes of class 0 (luma,
alpha, bands) and level t - 1 of chroma, which is at half size and has one level less. Each stage may use all that came
before it (spec/FORMAT.md, "Bands").
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.kernel import address, checked, function
from apercu.kernel.memory import borrow, give_back

_step = function("apercu_band_step", "iiii")
_start = function("apercu_bands_start", "aa")
_workspace = function("apercu_bands_workspace", "as")
_encode = function("apercu_bands_encode", "asiaiiaasaaas")
_decode = function("apercu_bands_decode", "asiaiiaasasaa")

STAGES = 5
N_BANDS, N_WEIGHTS = 30, 9
N_CONTEXTS = 11_166


class BandPlane(NamedTuple):
    """A plane of a tile: its size in samples, whether it is chroma at half size (1, else 0), and its companion, the
    place of an earlier plane whose bands foretell its own (-1: none)."""

    width: int
    height: int
    chroma: int
    companion: int


class BandTables(NamedTuple):
    """What both sides know beforehand.

    weights: (30, 9) uint8, for each class, stage and orientation those of nine neighbours, in 1/16.
    contexts: (11166,) uint64, what each context begins with, as the kernel has it; see `start_contexts`.
    """

    weights: NDArray[np.uint8]
    contexts: NDArray[np.uint64]


def start_contexts(starts: NDArray[np.uint16]) -> NDArray[np.uint64]:
    """Contexts that begin with `starts` (11166, 2): the probability of a 0 in 1/65536, 1 to 65,535, and the bits that
    it is trusted for, 2 to 128."""
    contexts = np.empty(N_CONTEXTS, np.uint64)  # range_context has 8 bytes
    checked(_start(address(starts), address(contexts)))
    return contexts


def band_step(step_q8: int, chroma: int, level: int, orientation: int) -> float:
    """Step of a band (orientation 0 HL, 1 LH, 2 HH) in units of its coefficients."""
    return checked(_step(step_q8, chroma, level, orientation)) / 64


def low_step_q6(step_q8: int) -> int:
    """Step of LL of a plane that is not chroma, in units of its coefficients, with 6 fraction bits."""
    return checked(_step(step_q8, 0, STAGES, -1))


class BandCoder:
    """The state that goes from one stage of a tile to the next: symbols so far, contexts, magnitudes.

    `symbols`: int16, the planes one after the other, each as `wavelet_analyse` orders it; zero where nothing has been
    coded. `coefficients`: what they stand for, where they were decoded. `contexts`: what has been learnt so far. One
    object either encodes or decodes.
    """

    def __init__(self, planes: list[BandPlane], tables: BandTables) -> None:
        self.planes = planes
        self._described = np.array(planes, np.int32)
        self.tables = tables
        self.contexts = tables.contexts.copy()
        n_samples = sum(plane.width * plane.height for plane in planes)
        self._n_workspace = checked(_workspace(address(self._described), len(planes)))
        self._memory = [borrow(2 * n_samples), borrow(2 * n_samples), borrow(self._n_workspace)]
        for block, n_bytes in zip(self._memory, (2 * n_samples, 2 * n_samples, self._n_workspace), strict=True):
            block[: -(-n_bytes // 8)] = 0
        self.symbols, self.coefficients = (block.view(np.int16)[:n_samples] for block in self._memory[:2])

    def close(self) -> None:
        """Gives the memory back, and the arrays with it."""
        for block in self._memory:
            give_back(block)
        del self._memory, self.symbols, self.coefficients

    def encode(self, coefficients: NDArray[np.int16], step_q8: int, first: int, last: int) -> bytes:
        """Stages `first` down to `last` as one stream; `coefficients` has the shape of `symbols`, which are filled in.

        `step_q8`: quantiser step of an orthonormal transform, in samples of 8 bits, with 8 fraction bits.
        """
        capacity = 64 + 4 * self.symbols.size  # a symbol takes 16 bits and its contexts' at the most
        out = borrow(capacity)
        fixed, state = self._arguments(step_q8, first, last)
        n_bytes = _encode(*fixed, *state, address(coefficients), address(self.symbols), address(out), capacity)
        data = out.view(np.uint8)[: checked(n_bytes)].tobytes()
        give_back(out)
        return data

    def decode(self, data: bytes, step_q8: int, first: int, last: int) -> None:
        """The inverse: fills in `symbols` and `coefficients`. Raises CorruptStream or Truncated."""
        source = np.frombuffer(data, np.uint8)
        fixed, state = self._arguments(step_q8, first, last)
        outputs = (address(self.symbols), address(self.coefficients))
        checked(_decode(*fixed, *state, address(source), source.size, *outputs))

    def _arguments(self, step_q8: int, first: int, last: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        fixed = (address(self._described), len(self.planes), step_q8, address(self.tables.weights), first, last)
        return fixed, (address(self.contexts), address(self._memory[2]), self._n_workspace)
