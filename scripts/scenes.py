"""Real scenes: PSNR beside JPEG 2000 and JPEG XL, and the errors at the border of no-data. Writes a page.

    python -m scripts.scenes [FOLDER] [--out docs/scenes-measured.md] [--only NAME …] [--bpp 0.1 0.2]

FOLDER has GeoTIFFs (../shared/data/test/geo by default), which are not part of the project. All get the same bytes; in
ours are mask and rotation. Samples that do not count are filled for the other codecs as they are for ours.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

import apercu
from apercu.bench.peers import PEERS, resize
from apercu.codecs import encoding, scenes
from apercu.codecs.content import full_levels_of
from apercu.codecs.target import Target
from apercu.format import chunks
from apercu.stages.colour import Samples
from apercu.stages.fill import Mask, filled, grown

GEOREFERENCE = 40
"""Bytes, more than that of any of the scenes takes; left out of all files here."""
BORDER = 2
"""Pixels from no-data that are its border."""
TRIES = 14
"""Of a search for the level of another codec."""
SHIFT = 32768
"""Makes uint16 of int16."""


class Scene(NamedTuple):
    """A file: samples (H, W, B) of uint8 or uint16, and which of them do not count."""

    name: str
    samples: Samples
    mask: Mask

    @property
    def lows(self) -> NDArray[np.float64]:
        """The least sample of each band that counts."""
        return np.array([band.min() for band in self._counted()], np.float64)

    @property
    def ranges(self) -> NDArray[np.float64]:
        """How far from it the greatest is."""
        return np.array([band.max() for band in self._counted()], np.float64) - self.lows

    def _counted(self) -> list[Samples]:
        return [self.samples[:, :, b][~self.mask[:, :, b]] for b in range(self.samples.shape[2])]


Coded = tuple[int, NDArray[np.float64]]
"""The bytes of a file, and what is decoded of it."""
Coding = Callable[[Scene, int], Coded | None]
"""From a scene and a budget in bytes; None where there is no file as small."""


def read(path: Path) -> Scene:
    """A GeoTIFF; int16 shifted to uint16."""
    import rasterio

    with rasterio.open(path) as file:
        samples, mask = np.moveaxis(file.read(), 0, -1), np.moveaxis(file.read_masks(), 0, -1) == 0
    if samples.dtype == np.int16:
        samples = (samples.astype(np.int32) + SHIFT).astype(np.uint16)
    return Scene(path.stem, np.ascontiguousarray(samples), mask)


def measures(scene: Scene, decoded: NDArray[np.float64]) -> list[float]:
    """The columns of PSNR in dB, of samples that count (see PAGE)."""
    squared = (decoded - scene.samples) ** 2
    errors = np.array([np.mean(squared[~scene.mask[:, :, b], b]) for b in range(squared.shape[2])])
    shares = (~scene.mask).sum(axis=(0, 1)) / (~scene.mask).sum()
    ranges, of_all = scene.ranges, np.ptp(scene.samples.astype(np.float64), axis=(0, 1))
    peak = np.iinfo(scene.samples.dtype).max
    return [
        -10 * np.log10(np.sum(shares * errors / ranges**2)),
        float(np.mean(-10 * np.log10(errors / ranges**2))),
        float(np.mean(-10 * np.log10(errors / of_all**2))),
        -10 * np.log10(np.sum(shares * errors) / peak**2),
    ]


def border_ratio(scene: Scene, decoded: NDArray[np.float64]) -> float:
    """RMSE of the samples within BORDER pixels of no-data, over that of the others."""
    near = scene.mask
    for _ in range(BORDER):
        near = np.stack([grown(near[:, :, b]) for b in range(near.shape[2])], axis=2)
    squared = (decoded - scene.samples) ** 2
    return float(np.sqrt(np.mean(squared[near & ~scene.mask]) / np.mean(squared[~near])))


def ours(bands: str, rotate: bool, restore: str, scene: Scene, most: int) -> Coded:
    """A file of ours, with its mask and its rotation."""
    image = np.ma.masked_array(scene.samples, scene.mask) if scene.mask.any() else scene.samples
    target, how = Target(n_bytes=most), encoding.How("apercu", bands=bands)
    data = scenes.encode(image, chunks.Scene(), target, how, mask_kind="nodata", rotate=rotate)
    return len(data), apercu.decode(data, restore=restore).astype(np.float64)


def peer(name: str, stretched: bool, scene: Scene, most: int) -> Coded | None:
    """Another codec, at full or half size, whichever is better. `stretched`: bands are brought to the range of 16 bits
    first, each by its own."""
    levels = full_levels_of("spectral", scene.samples.shape[2]) if scene.samples.itemsize == 2 else ()
    samples = filled(scene.samples, "spectral", levels, scene.mask)
    if stretched:
        scaled = np.rint((samples - scene.lows) / scene.ranges * 65535)
        samples = np.clip(scaled, 0, 65535).astype(np.uint16)
    height, width = samples.shape[:2]
    found = []
    for size in ((height, width), (height // 2, width // 2)):
        small = samples if size == (height, width) else resize(samples, size)
        for n, decoded in searched(name, small, most):
            whole = decoded if size == (height, width) else resize(decoded, (height, width))
            values = whole.astype(np.float64)
            found.append((n, np.rint(values / 65535 * scene.ranges + scene.lows) if stretched else values))
    return max(found, key=lambda one: measures(scene, one[1])[0], default=None)


def searched(name: str, samples: Samples, most: int) -> Iterator[tuple[int, Samples]]:
    """The largest file that is small enough, if there is one: its bytes, and what is decoded. JPEG XL of four bands is
    two files, of three bands and of one."""
    codec = PEERS[name]
    n_bands = samples.shape[2]
    parts = [samples] if name == "jpeg2000" or n_bands <= 3 else [samples[:, :, :3], samples[:, :, 3]]
    coarse, fine = (10.0, 70.0) if name == "jpeg2000" else (25.0, 0.2)
    best: list[bytes] = []
    for _ in range(TRIES):
        middle = (coarse + fine) / 2
        files = [codec.encode(part.copy(), middle) for part in parts]
        if sum(map(len, files)) <= most:
            best, coarse = files, middle
        else:
            fine = middle
    if best:
        pairs = zip(best, parts, strict=True)
        decoded = [codec.decode(data, part.shape).reshape(*part.shape[:2], -1) for data, part in pairs]
        yield sum(map(len, best)), cast("Samples", np.concatenate(decoded, axis=2))


CODINGS: dict[str, Coding] = {
    "rotated": partial(ours, "spectral", True, "none"),
    "rotated, cnn": partial(ours, "spectral", True, "cnn"),
    "spectral": partial(ours, "spectral", False, "none"),
    "rgb": partial(ours, "rgb", False, "none"),
    "JPEG 2000": partial(peer, "jpeg2000", False),
    "JPEG 2000, stretched": partial(peer, "jpeg2000", True),
    "JPEG XL": partial(peer, "jpegxl", False),
    "JPEG XL, stretched": partial(peer, "jpegxl", True),
}


def rows_of(scene: Scene, bpp: float) -> Iterator[list[str]]:
    """A row of the table for each way to code a scene."""
    height, width, n_bands = scene.samples.shape
    most = int(bpp * height * width / 8) - GEOREFERENCE
    for name, coding in CODINGS.items():
        if name == "rgb" and n_bands != 3:
            continue
        if (coded := coding(scene, most)) is None:
            continue
        n, decoded = coded
        ratio = f"{border_ratio(scene, decoded):.2f}" if scene.mask.any() else ""
        values = [f"{value:.2f}" for value in measures(scene, decoded)]
        yield [scene.name, f"{bpp:g}", name, f"{n + GEOREFERENCE:,}", *values, ratio]


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("../shared/data/test/geo"))
    parser.add_argument("--out", type=Path, default=Path("docs/scenes-measured.md"))
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME")
    parser.add_argument("--bpp", type=float, nargs="+", default=[0.1, 0.2])
    arguments = parser.parse_args()
    rows = []
    for path in sorted(arguments.folder.glob("*.tif")):
        if not any(name in path.stem for name in arguments.only) or (scene := read(path)).samples.shape[2] < 2:
            continue
        for bpp in arguments.bpp:
            for row in rows_of(scene, bpp):
                print(*row, sep="\t", flush=True)
                rows.append(row)
    head = ["scene", "bpp", "codec", "bytes", "by range", "mean of bands", "with no-data", "by peak", "border"]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    arguments.out.write_text(PAGE + "\n".join(lines) + "\n")


PAGE = f"""# Scenes, measured

[A walk through a scene](scenes.md) says what is kept of one, and how. This page is made by `python -m scripts.scenes`.

PSNR in dB of the samples that count, decoded exactly (*cnn*: restored):

- *by range*: of the mean of squared errors, each relative to the range of its band, that is of its samples that count;
- *mean of bands*: the mean of the PSNR of each band, by its range;
- *with no-data*: the same, by the range of all samples of the band, those of no-data too;
- *by peak*: of a peak of 255 or 65,535.

*Border*: RMSE of the first {BORDER} pixels beside no-data over that of the others. Bytes are of whole files,
{GEOREFERENCE} of them for a georeference; ours have the mask, too. The other codecs get the same bytes, no-data filled
as for ours, at full or half size, whichever is better; JPEG 2000 with its transform of three components.
*Stretched*: each band is brought to the range of 16 bits first.

"""

if __name__ == "__main__":
    main()
