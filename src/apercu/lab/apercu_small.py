"""Training of the small tables of codec `apercu`: those of a byte for each context (spec/apercu.md, "Small tables").

Pictures of all sizes are coded at all steps: whole ones, tiles, and ones shrunk as placeholders are. Then the bits of
each context are coded with every start near the one it has, as the range coder would, and the start that takes the
fewest wins.

What is best for placeholders is not what is best for photographs. Files of a kind and of about a rate are a group, in
which a file counts by its share of its own bits. Each group could gain so much on the tables that training began with,
if it were alone. How much groups count is learnt by multiplicative weights (Arora, Hazan, Kale, Theory of Computing 8,
2012), until the group that comes the least near to its gain comes as near as it can.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.codecs import apercu as codec
from apercu.codecs import placeholder
from apercu.codecs.placeholder import QUALITY_0, QUALITY_STEP, SIDES, shrink
from apercu.format import weights as weight_files
from apercu.format.ids import DEFAULT_MODEL_IDS, MODELS
from apercu.lab import recipes
from apercu.lab.band_bits import bits_of
from apercu.lab.images import Reader, fault_of, files_below, read_rgb, sound
from apercu.processes import in_order, n_cores, pool
from apercu.stages.band_contexts import AGES, N_LOGITS, PROBABILITIES, packed, reached, unpacked
from apercu.stages.bands import N_BANDS, N_CONTEXTS, N_WEIGHTS, STAGES, BandCoder, BandTables, start_contexts
from apercu.stages.colour import Plane, Samples, to_planes
from apercu.stages.layout import Layout, layout_of

SEED = 2026
WHOLE = (1, 2, 3, 4)
"""Files of each image that are whole: by the stratum of their step, 4^n to 4^(n + 1) samples of 8 bits."""
TILES = {256: (0, 1, 2, 3, 4), 128: (1, 2, 3), 64: (0, 1, 2, 3, 4)}
"""Tiles by their side and stratum."""
BANDS, GREY = (1, 2, 3), (2, 3, 4)
"""Tiles of 256 with red, green and blue as bands; whole ones without colour."""
SHRUNK = 8
"""Files as placeholders have them."""
PLACEHOLDERS = 8
"""Of each image, for tables of placeholders alone."""
PASSES = {"apercu-small": 1, "placeholder": 2}
"""Of training. Which bits a placeholder has depends much on the tables that it is coded with."""
SIZES = 28, 60, 124, 296
"""Groups of these, by the most bytes; the last is what a placeholder can have."""
SEEN = 256
"""Bits of a context in a file, from the first on, that its start matters for."""
NEAR = 6
"""Logits on either side of that of a context, in steps, that are tried."""
ROUNDS, RATE = 100, 1.0
"""Of a choice, in which the price of a byte follows from how many contexts have it; and of learning."""
PRICE = 5e-8
"""Of a bit of the tables, as a share of the bits of a file in the mean."""
MOST_BITS_A_BYTE = 28_000
LEAST_GAIN = 1e-6
AT_ONCE = 16
"""Images whose bits are held in memory at a time."""
HEAD = 16
"""Bytes of a file besides its stream, about."""
BLOCK = 512
"""Sequences at a time, so that the states of all starts that are tried stay in the cache."""
UNIT = 1 << 12
"""Costs are whole numbers of 1/UNIT bits."""

Real = NDArray[np.float64]
Codes = NDArray[np.uint8]


class Seen(NamedTuple):
    """The bits of a file, which is of a group, by context: `contexts` (S,), how many bits each has, `lengths` (S,), and
    the bits of one after the other; `n_bytes`: the size of the file."""

    group: str
    contexts: NDArray[np.uint16]
    lengths: NDArray[np.int64]
    bits: NDArray[np.uint8]
    n_bytes: int


class Content(NamedTuple):
    """What is coded, and at which step; and its group."""

    group: str
    planes: list[Plane]
    layout: Layout
    step_q8: int


Contents = Callable[[Samples, int, int, BandTables], Iterator[Content]]


def contents_of(image: Samples, seed: int, number: int, _tables: BandTables) -> Iterator[Content]:
    """What is coded of an image (H, W, 3)."""
    rng = np.random.default_rng((seed, number))

    def content(name: str, stratum: int, samples: Samples, kind: str) -> Content:
        step_q8 = int(256 * 4 ** (stratum + rng.random()))
        return _content(f"{name}, {4**stratum} and more", samples, kind, step_q8)

    for stratum in WHOLE:
        yield content("whole", stratum, image, "rgb")
    for stratum in GREY:
        yield content("grey", stratum, image[:, :, 1:2], "grey")
    of_kinds = [(side, stratum, "rgb") for side, strata in TILES.items() for stratum in strata]
    for side, stratum, kind in [*of_kinds, *((256, stratum, "spectral") for stratum in BANDS)]:
        top, left = (int(rng.integers(max(length - side, 0) + 1)) for length in image.shape[:2])
        yield content(f"{kind} of {side}", stratum, image[top : top + side, left : left + side], kind)
    for _ in range(SHRUNK):
        yield _shrunk(image, int(rng.choice(SIDES)), int(rng.integers(64)))


def placeholders_of(image: Samples, seed: int, number: int, tables: BandTables) -> Iterator[Content]:
    """The same for tables that placeholders alone are coded with: as the encoder makes them, of all sizes."""
    rng = np.random.default_rng((seed, number))
    head, truth = placeholder.measured(image, "rgb")
    targets = placeholder.planes_at_full_size(truth, "rgb")
    least, most = placeholder.LEAST_BYTES, placeholder.MOST_BYTES
    for _ in range(PLACEHOLDERS):
        n_bytes = int(least * np.exp(rng.random() * np.log(most / least)))
        sides = placeholder.sides_to_try(n_bytes)
        of_side = head._replace(side=int(rng.integers(sides.start, sides.stop)))
        layout = placeholder.layout_of_head(of_side)._replace(one_price=bool(rng.integers(2)))
        planes = placeholder.fitted_planes(targets, of_side)
        yield _fitting(Content("shrunk", planes, layout, 1), n_bytes - placeholder.HEAD_BYTES, tables)


def _fitting(content: Content, n_bytes: int, tables: BandTables) -> Content:
    """At the highest quality whose stream fits, with these tables."""
    analysis = codec.analyse(content.planes, content.layout, None, tables)
    low, high = 0, 63
    while low < high:
        middle = (low + high + 1) // 2
        setting = codec.at_quality(QUALITY_0 + QUALITY_STEP * middle)
        fits = len(codec.code(analysis, setting, tables, 1)[0]) <= n_bytes
        low, high = (middle, high) if fits else (low, middle - 1)
    return content._replace(step_q8=codec.at_quality(QUALITY_0 + QUALITY_STEP * low).step_q8)


def _shrunk(image: Samples, side: int, quality: int) -> Content:
    height, width = (max(side * length // max(image.shape[:2]), 1) for length in image.shape[:2])
    step_q8 = codec.at_quality(QUALITY_0 + QUALITY_STEP * quality).step_q8
    small = _content("shrunk", shrink(image, height, width), "rgb", step_q8)
    for plane, of in zip(small.planes, small.layout.planes, strict=True):
        plane -= np.int16(int(plane.mean()) - of.centre)  # about as a placeholder does
    return small


def _content(group: str, image: Samples, kind: str, step_q8: int) -> Content:
    return Content(group, to_planes(image.copy(), kind, []), layout_of(kind, image.shape[2], *image.shape[:2]), step_q8)


def _group(name: str, n_bytes: int) -> str | None:
    """Of a file; None for a placeholder that would be too large."""
    if name != "shrunk":
        return name
    return next((f"shrunk, up to {most} bytes" for most in SIZES if n_bytes <= most), None)


def seen_of(content: Content, tables: BandTables) -> Seen | None:
    """The bits that coding with these tables makes of it; None for a placeholder that would be too large."""
    setting = codec.Setting(0, content.step_q8)
    analysis = codec.analyse(content.planes, content.layout, setting, tables)
    assert analysis.coefficients is not None
    coder = BandCoder(analysis.planes, tables)
    symbols = np.zeros(coder.n_samples, np.int16)
    n_bytes = len(coder.encode(analysis.coefficients, content.step_q8, STAGES, 1, symbols))
    coder.close()
    if (group := _group(content.group, n_bytes)) is None:
        return None
    found = bits_of(symbols, analysis.planes, tables.weights)
    n_bits = np.count_nonzero(found.contexts < N_CONTEXTS)  # bypass bits come last
    order = np.argsort(found.contexts, kind="stable")[:n_bits]
    contexts, bits = found.contexts[order], found.bits[order]
    known, firsts, lengths = np.unique(contexts, return_index=True, return_counts=True)
    early = np.arange(len(bits)) - np.repeat(firsts, lengths) < SEEN
    return Seen(group, known, np.minimum(lengths, SEEN), bits[early], n_bytes)


def _seen(
    contents: Contents, read: Reader, weights: NDArray[np.uint8], starts: NDArray[np.uint16], seed: int,
    job: tuple[int, Path],
) -> list[Seen]:  # fmt: skip
    """Of an image."""
    number, path = job
    tables = BandTables(weights, start_contexts(starts))
    found = (seen_of(content, tables) for content in contents(read(path)[0], seed, number, tables))
    return [file for file in found if file]


# --- What the bits cost -----------------------------------------------------------------------------
@cache
def _costs() -> NDArray[np.int32]:
    """Of a bit, 0 or 1, by the probability of a 0, in 1/UNIT bits, (2 * 65536,)."""
    p = np.arange(65536)
    p[0] = 1
    of_zero = -np.log2(p / 65536)
    costs: NDArray[np.int32] = np.rint(UNIT * np.concatenate([of_zero, of_zero[:1], of_zero[:0:-1]])).astype(np.int32)
    return costs


def costs_of(
    bits: NDArray[np.uint8], lengths: NDArray[np.int64], p0: NDArray[np.int32], ages: NDArray[np.int32]
) -> Real:
    """What sequences of bits, (S, SEEN), longest first, cost with each of their starts `p0` and `ages`, (S, K), in
    bits: (S, K)."""
    fast, slow = p0.copy(), p0.copy()
    log2 = np.log2(np.arange(2, 129)).astype(np.int32)
    total = np.zeros(p0.shape, np.int64)
    costs = _costs()
    for at in range(lengths[0]):
        n = np.count_nonzero(lengths > at)
        bit = bits[:n, at, None].astype(np.int32)
        f, s = fast[:n], slow[:n]
        total[:n] += costs[((f + s) >> 1) + (bit << 16)]
        shift = log2[np.minimum(ages[:n] + (at - 2), 126)]
        sign, end = 1 - 2 * bit, (1 - bit) << 16
        f += sign * ((end - sign * f) >> np.minimum(shift, 4))
        s += sign * ((end - sign * s) >> np.minimum(shift, 7))
    return total / UNIT


LANES = (2 * NEAR + 1) * len(AGES)
"""Starts that are tried; one more is that of the beginning."""


def costs_near(files: list[Seen], starts: NDArray[np.uint16]) -> dict[str, Real]:
    """What the bits of each context cost in the files of each group, (N_CONTEXTS, LANES + 1), where a file's bits count
    by their share of it: with starts whose logits are near those of `starts`, at all ages, and, last, with these
    themselves."""
    contexts = np.concatenate([file.contexts for file in files]).astype(np.int64)
    lengths = np.concatenate([file.lengths for file in files])
    groups = {group: index for index, group in enumerate(sorted({file.group for file in files}))}
    n_each = [len(file.contexts) for file in files]
    shares = np.repeat([1 / (8 * (file.n_bytes + HEAD)) for file in files], n_each)
    of_group = np.repeat([groups[file.group] for file in files], n_each)
    bits = np.zeros((len(contexts), SEEN), np.uint8)
    bits[np.arange(SEEN) < lengths[:, None]] = np.concatenate([file.bits for file in files])
    p0 = np.hstack([np.repeat(PROBABILITIES[_logits(nearest(starts[:, 0]))], len(AGES), 1), starts[:, :1]]).astype(
        np.int32
    )
    ages = np.hstack([np.tile(np.tile(AGES, 2 * NEAR + 1), (N_CONTEXTS, 1)), starts[:, 1:]]).astype(np.int32)
    found = np.zeros((len(groups), N_CONTEXTS, LANES + 1))
    longest_first = np.argsort(-lengths, kind="stable")
    for at in range(0, len(longest_first), BLOCK):
        these = longest_first[at : at + BLOCK]
        own = contexts[these]
        cost = costs_of(bits[these], lengths[these], p0[own], ages[own])
        np.add.at(found, (of_group[these], own), shares[these, None] * cost)
    return {group: found[index] for group, index in groups.items()}


def _logits(centres: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the starts that are tried, (N_CONTEXTS, 2 NEAR + 1)."""
    logits: NDArray[np.int64] = np.clip(centres[:, None] + np.arange(-NEAR, NEAR + 1), 0, N_LOGITS - 1)
    return logits


@cache
def _too_likely() -> NDArray[np.bool_]:
    """Of each byte, whether zeros alone can make zeros likelier than a segment of the shipped tables may have them
    (spec/apercu.md, "What a segment can hold")."""
    p0, age = (
        PROBABILITIES[np.arange(256) % N_LOGITS].astype(np.int64),
        AGES[np.arange(256) // N_LOGITS].astype(np.int64),
    )
    fast, slow, most = p0.copy(), p0.copy(), p0.copy()
    for _ in range(1000):
        shift = np.log2(age).astype(np.int64)
        fast += (65536 - fast) >> np.minimum(shift, 4)
        slow += (65536 - slow) >> np.minimum(shift, 7)
        age = np.minimum(age + 1, 128)
        most = np.maximum(most, (fast + slow) >> 1)
    found: NDArray[np.bool_] = 8 / -np.log2(most / 65536) > MOST_BITS_A_BYTE
    return found


# --- The choice -------------------------------------------------------------------------------------
def chosen(
    costs: dict[str, Real], centres: NDArray[np.int64], n_files: dict[str, int]
) -> tuple[Codes, dict[str, float]]:
    """The byte of each context, (N_CONTEXTS,); and what each group gains on its beginning, as a share of its files.
    `costs`: of `costs_near`."""
    codes = (_logits(centres)[:, :, None] + N_LOGITS * np.arange(len(AGES))).reshape(N_CONTEXTS, LANES)
    used = np.flatnonzero(sum(cost[:, LANES] for cost in costs.values()))
    before = np.array([cost[:, LANES].sum() / n_files[group] for group, cost in costs.items()])
    each = [cost[used, :LANES] / n_files[group] for group, cost in costs.items()]
    alone = np.maximum(before - [cost.min(1).sum() for cost in each], LEAST_GAIN)
    total = np.zeros((N_CONTEXTS, LANES))
    too_likely = np.where(_too_likely()[codes], np.inf, 0)
    worst, best, gains_of_best = -np.inf, np.zeros(N_CONTEXTS, np.uint8), before
    counts_for, bits = np.ones(len(each)), np.zeros(256)
    for _ in range(ROUNDS):
        counts_for /= counts_for.sum()
        factors = counts_for / alone * alone.mean()
        total[used] = sum(factor * cost for factor, cost in zip(factors, each, strict=True))
        lanes = (total + PRICE * bits[codes] + too_likely).argmin(1)
        gains = before - [cost[np.arange(len(used)), lanes[used]].sum() for cost in each]
        found = codes[np.arange(N_CONTEXTS), lanes]
        if (gains / alone).min() > worst:
            worst, best, gains_of_best = (gains / alone).min(), found.astype(np.uint8), gains
        counts_for *= np.exp(-RATE * gains / alone)
        counts = np.bincount(found[reached()], minlength=256) + 1
        bits = -np.log2(counts / counts.sum())
    return best, dict(zip(costs, gains_of_best.tolist(), strict=True))


CONTENTS: dict[str, Contents] = {"apercu-small": contents_of, "placeholder": placeholders_of}


# --- The recipe -------------------------------------------------------------------------------------
def train(
    folder: Path,
    out: Path,
    seed: int = SEED,
    log: Callable[[str], None] = print,
    weights: Path | None = None,
    every: int = 1,
    what: str = "apercu-small",
) -> None:
    """Trains small tables on every `every`-th of the images below `folder`; writes them to `out` (.npy, uint8) and the
    recipe beside them.

    weights: tables to begin with, whose weights of neighbours are kept: those of `apercu train apercu`, or small ones;
        by default the shipped ones of the first kind. what: "placeholder" for tables of placeholders alone.

    Raises OptionError where there is nothing to train on, ModelError for other tables.
    """
    begun_with = weights or weight_files.FOLDER / MODELS[DEFAULT_MODEL_IDS["apercu", "range"]].file
    of_neighbours, starts = _beginning(begun_with)
    files = files_below(folder)[::every]
    with pool(n_cores(), None, how=None) as run:
        files = sound(files, in_order(run, partial(fault_of, read_rgb), files), log)
        passes: list[tuple[Codes, dict[str, float]]] = []
        for _ in range(PASSES[what]):
            work = partial(_seen, CONTENTS[what], read_rgb, of_neighbours, starts, seed)
            codes, gain = _better(in_order(run, work, enumerate(files)), starts, log)
            array = packed(of_neighbours, codes)
            _, starts = unpacked(array)
            passes.append((array, {group: round(100 * share, 3) for group, share in gain.items()}))
    array, gains = passes[-1][0], [gain for _, gain in passes]
    recipe = {
        "codec": "apercu",
        "command": f"apercu train {what} --images {folder.name} --seed {seed} --every {every} --out {out.name}",
        "seed": seed,
        "begun_with": {"file": begun_with.name, "sha256": weight_files.digest(weight_files.load(begun_with)).hex()},
        "gains_in_per_cent": gains if len(gains) > 1 else gains[0],
        "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
    }
    with out.open("wb") as file:  # np.save would add an ending of its own
        np.save(file, array)
    recipes.write(out, recipe, files, folder)


def _beginning(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Weights (30, 9) and starts (N_CONTEXTS, 2) of tables of either form."""
    array = weight_files.load(path)
    with weight_files.naming(path):
        codec.read_tables(array, "range")  # which says what is wrong with others
    if array.dtype == np.uint8:
        return unpacked(np.ascontiguousarray(array, np.uint8))
    n_weights = N_BANDS * N_WEIGHTS
    weights = array[:n_weights].astype(np.uint8).reshape(N_BANDS, N_WEIGHTS)
    return weights, np.ascontiguousarray(array[n_weights:], np.uint16).reshape(N_CONTEXTS, 2)


def _better(
    images: Iterator[list[Seen]], starts: NDArray[np.uint16], log: Callable[[str], None]
) -> tuple[Codes, dict[str, float]]:
    """For the files of all images, which were coded with `starts`: the bytes of better ones, and what groups gain."""
    costs: dict[str, Real] = {}
    n_files: Counter[str] = Counter()
    while of_images := list(islice(images, AT_ONCE)):
        files = [file for of_image in of_images for file in of_image]
        for group, cost in costs_near(files, starts).items():
            costs[group] = costs.get(group, 0) + cost
        n_files.update(file.group for file in files)
        log(f"{n_files.total()} files")
    return chosen(costs, nearest(starts[:, 0]), n_files)


def nearest(p0: NDArray[np.integer]) -> NDArray[np.int64]:
    """The index of the probability whose logit is the nearest to that of each, (n,)."""
    of_logits, of_p0 = (np.log(p / (65536.0 - p)) for p in (PROBABILITIES, p0))
    found: NDArray[np.int64] = np.abs(of_p0[:, None] - of_logits).argmin(1)
    return found
