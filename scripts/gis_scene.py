"""A scene of four bands that the project draws: fields, a wood, a river, a town, and a wedge without data.

    python -m scripts.gis_scene OUT.tif

docs/scenes.md walks through it.
"""

import sys
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine

from apercu.bench.tasks import drawing
from apercu.bench.tasks.drawing import Values

SIDE = 640
NODATA = 0
CRS, TRANSFORM = "EPSG:32632", Affine(10, 0, 399960, 0, -10, 4900020)
BANDS = ("blue", "green", "red", "nir")
CROPS = np.array(
    [
        (420, 700, 480, 3600),  # blue, green, red, near infrared: of a meadow
        (380, 620, 360, 4300),  # maize
        (560, 900, 820, 2900),  # barley
        (760, 1080, 1250, 2300),  # stubble
        (900, 1180, 1500, 1950),  # bare soil
        (520, 1150, 900, 3300),  # rape
    ],
    float,
)
WOOD, WATER, TOWN, ROOF, ROAD = (
    np.array(of, float)
    for of in (
        (280, 420, 260, 2500),
        (520, 560, 360, 190),
        (950, 1080, 1150, 1700),
        (1150, 1350, 1850, 2200),
        (1250, 1380, 1480, 1750),
    )
)
Places = NDArray[np.bool_]


def rough(rng: np.random.Generator, fall: float) -> Values:
    """Noise of the size of the scene."""
    return drawing.rough(rng, fall, (SIDE, SIDE))


def draw() -> NDArray[np.uint16]:
    """Reflectance times 10,000, (SIDE, SIDE, 4); 0 where there are no data."""
    rng = np.random.default_rng(32)
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    bend = 9 * rough(rng, 2.4)
    across, along = 0.94 * x + 0.34 * y + bend, 0.94 * y - 0.34 * x + bend
    strip = np.floor(across / 74).astype(int)
    length = 34 + 23 * (strip * 7 % 4)
    field = np.floor((along + 29 * strip) / length).astype(int)
    crop = (strip * 31 + field * 17 + strip * field * 5) % len(CROPS)
    out = CROPS[crop] * (1 + 0.06 * np.sin((strip * 13 + field * 7) % 11))[:, :, None]
    out *= 1 + 0.025 * (np.sin(2 * np.pi * along / 5.3) * (crop % 2))[:, :, None]
    wood = rough(rng, 2.0) > 1.05
    out[wood] = WOOD
    lane = (across % 74 < 1.6) | ((along + 29 * strip) % length < 1.2)
    out[lane & ~wood] = ROAD
    _town(out, np.hypot((x - 250) / 1.25, y - 300) + 9 * rough(rng, 1.5), across, along, rng)
    _river(out, x, y)
    texture = 1 + 0.05 * rough(rng, 1.0)[:, :, None] + np.where(wood, 0.13 * rough(rng, 0.6), 0)[:, :, None]
    out = out * texture * (1 + 0.05 * rough(rng, 2.6)[:, :, None]) + rng.normal(0, 9, out.shape)
    samples: NDArray[np.uint16] = np.clip(np.rint(out), 1, 65535).astype(np.uint16)
    samples[_outside(x, y)] = NODATA
    return samples


def _town(out: Values, distance: Values, across: Values, along: Values, rng: np.random.Generator) -> None:
    """Blocks of roofs between streets, close in the middle, with gardens outside."""
    town = distance < 92
    out[town] = TOWN
    block = np.floor(across / 9).astype(int) * 97 + np.floor(along / 7).astype(int)
    height = rng.random(4096)[block % 4096]
    out[town & (height < 0.45)] = ROOF
    out[town & (height > 0.82)] = CROPS[0]
    out[town] *= (0.75 + 0.5 * height[town])[:, None]
    out[town & ((across % 27 < 2.2) | (along % 21 < 2.0))] = 0.8 * ROAD
    out[(np.abs(along - 150) < 2) & ~town] = ROAD


def _river(out: Values, x: Values, y: Values) -> None:
    """A river, its bank, and one that flows into it."""
    middle = 405 + 46 * np.sin(x / 78) + 19 * np.sin(x / 31 + 2) - 0.16 * x
    brook = 420 + 22 * np.sin(y / 37) + 9 * np.sin(y / 14) + 0.12 * y
    for distance, half in ((np.abs(y - middle), 9 + x / 110), (np.where(y < middle, np.abs(x - brook), 99), 2.6)):
        out[distance < half + 4] = WOOD * 1.25
        out[distance < half] = WATER


def _outside(x: Values, y: Values) -> Places:
    """Left of and above a pass that is turned, and below its modules, which end one after another."""
    ends = SIDE - 22 - 26 * (np.floor((x + 0.2 * y) / 150) % 2)
    outside: Places = (x - 92 + 0.2 * y < 0) | (y < 34 + 0.09 * x) | (x > 610 - 0.2 * (y - SIDE) - 110) | (y > ends)
    return outside


def write(path: Path, samples: NDArray[np.uint16], nodata: int | None) -> None:
    """A GeoTIFF of a scene, with or without its no-data value."""
    made = {"crs": CRS, "transform": TRANSFORM, "nodata": nodata, "photometric": "minisblack", "compress": "deflate"}
    size = {"height": SIDE, "width": SIDE, "count": len(BANDS), "dtype": "uint16"}
    with rasterio.open(path, "w", driver="GTiff", **size, **made) as dataset:
        dataset.write(np.moveaxis(samples, -1, 0))
        dataset.descriptions = BANDS
        dataset.update_tags(ACQUISITIONDATETIME="2026-06-01T10:20:31Z")


if __name__ == "__main__":
    write(Path(sys.argv[1]), draw(), NODATA)
