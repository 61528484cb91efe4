"""Symbols of wavelet bands to bytes and back: context modelling, range coding, the encoder's choice, dequantisation.

The planes of a tile go together, stage by stage, coarse to fine: stage t holds level t of planes of class 0 (luma,
alpha, bands) and level t - 1 of chroma, which is at half size and has one level less. Each stage may use all that came
before it (spec/apercu.md, "Bands").
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.errors import OptionError, Truncated
from apercu.kernel import address, checked, function
from apercu.kernel.memory import borrow, borrow_zeros, give_back
from apercu.stages.arguments import (
    INT16,
    LARGEST_STEP_Q8,
    UINT8,
    UINT16,
    UINT64,
    check_array,
    check_bytes,
    check_number,
)
from apercu.stages.layout import AT_A_TIME, runs_of_planes
from apercu.stages.wavelet import band_places

_step = function("apercu_band_step", "iiii")
_start = function("apercu_bands_start", "aa")
_workspace = function("apercu_bands_workspace", "as")
_encode = function("apercu_bands_encode", "asiaaiissaasaaasai")
_decode = function("apercu_bands_decode", "asiaiissaasasaai")
_dequantise = function("apercu_bands_dequantise", "asiaa")

STAGES, FLAGGED_STAGES, GROUP = 5, 2, 4
N_BANDS, N_WEIGHTS = 30, 9
N_CONTEXTS = 11_166
SYMBOL_BYTES, CONTEXT_BYTES = 7, 8
"""Room in the stream for each symbol and, besides, for each context, in bytes. A symbol is 16 bits with contexts and 30
others at the most. A bit with a context costs less than 1.5 bits in the mean, whatever comes, once the context has left
its start; a wrong start costs no more than 64 bits (34 in the worst case known)."""


class BandPlane(NamedTuple):
    """A plane of a tile: its size in samples, whether it is chroma at half size (1, else 0), and its companion, the
    index of an earlier plane whose bands predict its own (-1: none). For an encoder also whether its coefficients are
    fitted (1, else 0): `wavelet_analyse` computed them for the step of the coder, which corrects them at the border;
    and whether a bit has one price in all stages (1, else 0), which is best for PSNR: else it is lower for edges and
    textures, for similarity."""

    width: int
    height: int
    chroma: int
    companion: int
    fitted: int = 0
    one_price: int = 0


def workspace_bytes(planes: list[BandPlane]) -> int:
    """Bytes that coding the planes of a tile takes, besides contexts and coefficients."""
    described = _described(planes)
    return checked(_workspace(address(described), len(planes)))


class BandTables(NamedTuple):
    """The trained tables, which encoder and decoder share.

    weights: (30, 9) uint8, for each class, stage and orientation the weights of nine neighbours, in 1/16.
    contexts: (11166,) uint64, the start of each context, as the kernel stores it: what `start_contexts` returns.
    """

    weights: NDArray[np.uint8]
    contexts: NDArray[np.uint64]


def start_contexts(starts: NDArray[np.uint16]) -> NDArray[np.uint64]:
    """Contexts with `starts` (11166, 2): the probability of a 0 in 1/65536, 1 to 65,535, and the number of bits that it
    counts for, 2 to 128. They cannot be written to: a coder takes a copy. Raises OptionError for other starts."""
    check_array("starts", starts, UINT16, (N_CONTEXTS, 2))
    contexts = np.empty(N_CONTEXTS, np.uint64)  # range_context has 8 bytes
    checked(_start(address(starts), address(contexts)))
    contexts.flags.writeable = False
    return contexts


def band_step(step_q8: int, chroma: int, level: int, orientation: int) -> float:
    """Step of a band (orientation 0 HL, 1 LH, 2 HH; -1: LL, of the last level) in units of its coefficients. Raises
    OptionError for a band that there is not."""
    return band_step_q6(step_q8, chroma, level, orientation) / 64


def band_step_q6(step_q8: int, chroma: int, level: int, orientation: int) -> int:
    """The same with 6 fraction bits."""
    check_number("step_q8", step_q8, 1, LARGEST_STEP_Q8)
    for name, number in (("chroma", chroma), ("level", level)):
        check_number(name, number, 0, STAGES)
    check_number("orientation", orientation, -1, 2)
    return checked(_step(step_q8, chroma, level, orientation))


def low_step_q6(step_q8: int) -> int:
    """Step of LL of a plane that is not chroma, in units of its coefficients, with 6 fraction bits."""
    return band_step_q6(step_q8, 0, STAGES, -1)


def _check_tables(tables: BandTables) -> None:
    check_array("weights", tables.weights, UINT8, (N_BANDS, N_WEIGHTS))
    check_array("contexts", tables.contexts, UINT64, (N_CONTEXTS,))
    if tables.contexts.flags.writeable:
        raise OptionError("contexts must be what start_contexts returned")


def least_bits(height: int, width: int, chroma: int, first: int, last: int) -> int:
    """The fewest bits in contexts that a plane takes in stages `first` down to `last`: one for each group that has a
    flag, elsewhere one for each sample."""
    places = band_places(height, width, STAGES - chroma)
    n_bits = 0
    if first == STAGES:
        n_bits, _, _ = places[STAGES - chroma, 0]  # LL stands before it
    for (level, _), (_, h, w) in places.items():
        stage = level + chroma
        if last <= stage <= first:
            n_bits += h * w if stage > FLAGGED_STAGES else -(-h // GROUP) * -(-w // GROUP)
    return n_bits


def n_pooled(height: int, width: int) -> int:
    """The places of all stages of a tile: the length of what `pooled` returns."""
    return sum(-(-height >> stage) * -(-width >> stage) for stage in range(1, STAGES + 1))


LEAST_IMPORTANCE = 0, 0, 0, 7, 15
"""What errors of each stage count for at least, from fine to coarse, in 1/256, less 1. Without the coarsest detail,
blocks and streaks would show."""


def pooled(importance: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What errors count for at the places of all stages, the coarsest first, as an encoder takes it, from that of the
    pixels of a tile (H, W): in 1/256, less 1. That of a place is the mean over the pixels that it stands for."""
    found = []
    for least in LEAST_IMPORTANCE:
        h, w = importance.shape
        if h % 2 or w % 2:
            importance = np.pad(importance, ((0, h % 2), (0, w % 2)), "edge")
        rows = importance[::2].astype(np.uint16) + importance[1::2]
        importance = ((rows[:, ::2] + rows[:, 1::2] + 2) >> 2).astype(np.uint8)
        found.append(np.maximum(importance, least).ravel())
    return np.concatenate(found[::-1])


def of_stages(importance: NDArray[np.uint8], height: int, width: int) -> dict[int, NDArray[np.uint8]]:
    """What `pooled` returned of a tile of this size, by stage: an array (rows, columns) of its places."""
    found, at = {}, 0
    for stage in range(STAGES, 0, -1):
        shape = -(-height >> stage), -(-width >> stage)
        found[stage] = importance[at : at + shape[0] * shape[1]].reshape(shape)
        at += shape[0] * shape[1]
    return found


def _described(planes: list[BandPlane]) -> NDArray[np.int32]:
    """Planes as the kernel takes them."""
    try:
        described = np.array(planes, np.int32)
    except (TypeError, ValueError, OverflowError):
        raise OptionError(f"planes must be a list of BandPlane, not {planes!r}") from None
    if described.ndim != 2 or described.shape[1] != len(BandPlane._fields):
        raise OptionError(f"planes must be a list of BandPlane, one or more, not {planes!r}")
    return described


def _n_samples(planes: list[BandPlane]) -> int:
    return sum(int(plane[0]) * int(plane[1]) for plane in planes)


def dequantise(symbols: NDArray[np.int16], planes: list[BandPlane], step_q8: int) -> NDArray[np.int16]:
    """Symbols of all stages, as `BandCoder.encode` gives them, to the coefficients that `decode` makes of them. Raises
    OptionError for arguments of another kind."""
    described = _described(planes)
    check_array("symbols", symbols, INT16, (_n_samples(planes),))
    check_number("step_q8", step_q8, 1, LARGEST_STEP_Q8)
    coefficients = np.empty(symbols.size, np.int16)
    checked(_dequantise(address(described), len(described), step_q8, address(symbols), address(coefficients)))
    return coefficients


class BandCoder:
    """The state that one stage of a tile passes to the next: contexts and magnitudes.

    `contexts`: as adapted so far. One object either encodes or decodes. Arrays of coefficients and of symbols
    are int16, the planes one after the other, each as `wavelet_analyse` orders it; `n_samples` is their length. An
    encoder may have an `importance`, what errors count for at each place (`pooled`). Raises OptionError for arguments
    of another kind.
    """

    def __init__(
        self, planes: list[BandPlane], tables: BandTables, importance: NDArray[np.uint8] | None = None
    ) -> None:
        self._described = _described(planes)
        _check_tables(tables)
        if importance is not None:
            check_array("importance", importance, UINT8, (n_pooled(planes[0].height, planes[0].width),))
        self.importance = importance
        self.planes = planes
        self.tables = tables
        self.contexts = self._contexts = tables.contexts.copy()
        self.n_samples = _n_samples(planes)
        self._n_workspace = checked(_workspace(address(self._described), len(planes)))
        self._workspace = borrow_zeros(self._n_workspace)
        self._state = np.zeros(3, np.uint64)
        self._weights = tables.weights
        # Once, since a small picture takes little longer than finding them. What they lead to is kept above.
        self._what = (address(self._described), len(self._described))
        self._where = (address(self._contexts), address(self._workspace), self._n_workspace)
        self._addresses = (address(self._weights), address(self._state))

    def close(self) -> None:
        """Gives the memory back."""
        give_back(self._workspace)
        del self._workspace, self._where

    def encode(
        self,
        coefficients: NDArray[np.int16],
        step_q8: int,
        first: int,
        last: int,
        symbols: NDArray[np.int16] | None = None,
    ) -> bytes:
        """Stages `first` down to `last` as one stream.

        `step_q8`: quantiser step of an orthonormal transform, in samples of 8 bits, with 8 fraction bits, 1 or more.
        `symbols` receives the symbols, and begins as zeros; without it those of LL replace its
        coefficients. Fitted coefficients change at the border.
        """
        self._check(coefficients, step_q8, first, last, least_step=1)
        if symbols is not None:
            check_array("symbols", symbols, INT16, (self.n_samples,), written=True)
        capacity = 64 + SYMBOL_BYTES * self.n_samples + CONTEXT_BYTES * N_CONTEXTS
        out = borrow(capacity)
        chosen = 0 if symbols is None else address(symbols)
        buffers = (address(coefficients), chosen, address(out), capacity)
        n_bytes = 0
        importance = 0 if self.importance is None else address(self.importance)
        for (*planes, weights), part, state in self._parts(step_q8, first, last):
            n_bytes = checked(_encode(*planes, weights, importance, *part, *buffers, *state))
        data = out.view(np.uint8)[:n_bytes].tobytes()
        give_back(out)
        return data

    def decode(self, data: bytes, step_q8: int, first: int, last: int, coefficients: NDArray[np.int16]) -> None:
        """The inverse: fills in `coefficients`, which begin as zeros; where `step_q8` is 0, with the symbols
        themselves. Raises CorruptStream or Truncated."""
        check_bytes("data", data)
        self._check(coefficients, step_q8, first, last, least_step=0)
        source = np.frombuffer(data, np.uint8)
        buffers = (address(source), source.size, address(coefficients))
        for what, part, state in self._parts(step_q8, first, last):
            checked(_decode(*what, *part, *buffers, *state))

    def decode_by_plane(
        self, data: bytes, step_q8: int, first: int, last: int, coefficients: NDArray[np.int16]
    ) -> Iterator[bool]:
        """The same, plane by plane of each stage, of data that may end too soon or be longer: yields whether these have
        ended, after which there is no more to come."""
        check_bytes("data", data)
        self._check(coefficients, step_q8, first, last, least_step=0)
        source = np.frombuffer(data, np.uint8)
        weights, state = self._addresses
        self._state[:] = 0
        buffers = (address(source), source.size, address(coefficients), state, 0)
        for stage in range(first, last - 1, -1):
            for plane in range(len(self._described)):
                part = (stage, stage, plane, plane + 1, *self._where)
                try:
                    checked(_decode(*self._what, step_q8, weights, *part, *buffers))
                except Truncated:
                    yield True
                    return
                yield False

    def _check(self, coefficients: NDArray[np.int16], step_q8: int, first: int, last: int, least_step: int) -> None:
        check_array("coefficients", coefficients, INT16, (self.n_samples,), written=True)
        check_number("step_q8", step_q8, least_step, LARGEST_STEP_Q8)
        check_number("first", first, 1, STAGES)
        check_number("last", last, 1, first)

    def _parts(
        self, step_q8: int, first: int, last: int
    ) -> Iterable[tuple[tuple[int, ...], tuple[int, ...], tuple[int, int]]]:
        """Arguments of a call for each part of a stream, those of all, those before the buffers and those after them:
        one call for all, or where that would take long, one for some planes of a stage."""
        weights, state = self._addresses
        self._state[:] = 0
        whole = (*self._what, step_q8, weights)
        if self.n_samples <= AT_A_TIME:
            return [(whole, (first, last, 0, len(self._described), *self._where), (state, 1))]
        runs = runs_of_planes([width * height for width, height, *_ in self._described.tolist()], AT_A_TIME)
        calls = [(stage, run) for stage in range(first, last - 1, -1) for run in runs]
        return [
            (whole, (stage, stage, *run, *self._where), (state, int((stage, run) == calls[-1]))) for stage, run in calls
        ]
