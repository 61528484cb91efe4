"""The pictures of docs/scenes.md: a drawn scene as a quicklook, at the border of no-data, beside JPEG 2000, reduced.

    python -m scripts.figure_scene [OUT]

Nothing in them is of a test image. OUT: the folder, by default docs/images.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from rasterio.warp import transform_geom

import apercu
from apercu.bridges import geo, stac
from scripts import scenes
from scripts.demo import Picture
from scripts.figure_families import sheet
from scripts.gis_scene import NODATA, SIDE, draw, write

SHOWN = 400  # pixels of a panel
BPP = 0.05
BUDGET = int(BPP * SIDE * SIDE / 8)
BORDER = (120, 12, 100)  # left, upper, side of the part that shows the border of no-data
PART = (150, 215, 200)  # of the part that is beside JPEG 2000
TINY = 300  # bytes
BLACK = 300  # the sample that is shown black


def colours(samples: NDArray[Any], of: tuple[int, int, int] = (2, 1, 0), white: int = 2300) -> Picture:
    """Three bands of (H, W, B) as red, green and blue, from black to white; the same in all pictures."""
    values = (samples[:, :, list(of)].astype(np.float64) - BLACK) / (white - BLACK)
    return (255 * np.clip(values, 0, 1) ** 0.7).astype(np.uint8)


def part(image: Picture, place: tuple[int, int, int]) -> Picture:
    """A square of a picture, enlarged without smoothing."""
    left, top, side = place
    cut = Image.fromarray(image).crop((left, top, left + side, top + side))
    return np.asarray(cut.resize((SHOWN, SHOWN), Image.Resampling.NEAREST))


def small(image: Picture) -> Picture:
    """A whole picture at the size of a panel."""
    return np.asarray(Image.fromarray(image).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS))


def psnr(scene: scenes.Scene, decoded: NDArray[Any]) -> str:
    """Of the samples that count, by the ranges of their bands."""
    return f"{scenes.measures(scene, decoded.astype(np.float64))[0]:.1f} dB"


def quicklook(scene: scenes.Scene, folder: Path) -> Image.Image:
    """The scene, its quicklook, and mask and footprint of that."""
    data = geo.encode(folder / "scene.tif", n_bytes=BUDGET)
    (folder / "scene.apc").write_bytes(data)
    decoded = apercu.decode(data)
    figures = f"{len(data):,} bytes   {psnr(scene, decoded)}"
    return sheet(
        [
            ("the scene", f"red, green, blue   {scene.samples.nbytes:,} bytes", small(colours(scene.samples))),
            (f"the quicklook, {BPP} bpp", figures, small(colours(decoded))),
            ("the same file", "near infrared, red, green", small(colours(decoded, (3, 2, 1), 5000))),
            ("its mask and its footprint", "white: no data, exactly as in the scene", small(_outlined(data, folder))),
        ],
        2,
    )


def _outlined(data: bytes, folder: Path) -> Picture:
    """The mask of a file, and the footprint that its STAC item has."""
    item = stac.item(folder / "scene.apc", folder / "scene.json", "scene.webp").item
    with rasterio.open(folder / "scene.tif") as dataset:
        ground = transform_geom("EPSG:4326", dataset.crs, item["geometry"])
        corners = [~dataset.transform * point[:2] for point in ground["coordinates"][0]]
    shown = np.where(apercu.mask(data)[:, :, None], 255, (46, 64, 82)).astype(np.uint8)
    image = Image.fromarray(shown)
    ImageDraw.Draw(image).line(corners, (224, 123, 57), 5)
    return np.asarray(image)


def border(scene: scenes.Scene, folder: Path) -> Image.Image:
    """Where the data end, coded with and without what says that they do."""
    panels = [("the scene", "part of it, enlarged", part(colours(scene.samples), BORDER))]
    for name, title in (("silent.tif", "no-data coded as black"), ("scene.tif", "no-data filled, and in a mask")):
        data = geo.encode(folder / name, n_bytes=BUDGET)
        decoded = apercu.decode(data)
        ratio = scenes.border_ratio(scene, decoded.astype(np.float64))
        figures = f"{len(data):,} bytes   {psnr(scene, decoded)}   error at the border: {ratio:.1f}"
        panels.append((title, figures, part(colours(decoded), BORDER)))
    return sheet(panels, 3)


def beside_jpeg2000(scene: scenes.Scene, folder: Path) -> Image.Image:
    """The same number of bytes by JPEG 2000, at the better of full and half size."""
    panels = [("the scene", "part of it, enlarged", part(colours(scene.samples), PART))]
    coded = [scenes.peer("jpeg2000", stretched, scene, BUDGET) for stretched in (False, True)]
    n, decoded = max((one for one in coded if one), key=lambda one: scenes.measures(scene, one[1])[0])
    title, shown = "JPEG 2000, no georeference, no mask", np.where(scene.mask, NODATA, decoded)
    panels.append((title, f"{n:,} bytes   {psnr(scene, decoded)}", part(colours(shown), PART)))
    data = geo.encode(folder / "scene.tif", n_bytes=BUDGET)
    ours = apercu.decode(data)
    panels.append(("apercu, with both", f"{len(data):,} bytes   {psnr(scene, ours)}", part(colours(ours), PART)))
    return sheet(panels, 3)


def reduced(scene: scenes.Scene, folder: Path) -> Image.Image:
    """A tiny budget at full size and at the best, with tags and without, enlarged."""
    panels = []
    for title, how in (
        ("at full size", {"reduce": 1}),
        ('reduce="auto"', {"reduce": "auto"}),
        ('reduce="auto", tags=False', {"reduce": "auto", "tags": False}),
    ):
        data = geo.encode(folder / "scene.tif", n_bytes=TINY, **how)
        whole, hidden = apercu.decode(data, full_size=True), apercu.mask(data, full_size=True)
        shown = scenes.Scene("shown", scene.samples, scene.mask | hidden[:, :, None])
        told: dict[str, Any] = apercu.info(data)
        size = f"coded at {told['width']} x {told['height']}"
        panels.append((title, f"{len(data)} bytes   {size}   {psnr(shown, whole)}", small(colours(whole))))
    return sheet(panels, 3)


def main(folder: Path) -> None:
    """Writes all of them."""
    samples = draw()
    scene = scenes.Scene("drawn", samples, samples == NODATA)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        write(work / "scene.tif", samples, NODATA)
        write(work / "silent.tif", samples, None)
        for make in (quicklook, border, beside_jpeg2000, reduced):
            name = make.__name__.removeprefix("beside_")
            make(scene, work).save(folder / f"scene-{name}.webp", quality=86, method=6)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/images"))
