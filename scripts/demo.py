"""The main job on a real photograph: 0.1 bits per pixel with apercu and with JPEG, side by side in one PNG.

Usage: demo.py [IMAGE]. Without IMAGE the photograph is SpaceX's of a Falcon 9 at night (public domain), which comes
with scikit-image. Both codecs get the same budget of bytes, headers counted. JPEG is Pillow's, optimised and
progressive, at its best within the budget: at full size, or halved or quartered first where that gives more PSNR or is
the only way to be so small. Where those are two, both are shown. Everything is written under build/demo.
"""

import argparse
import io
import math
import sys
import timeit
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from skimage.metrics import structural_similarity

import apercu
from apercu.bridges import files

BPP = 0.1
FOLDER = Path("build/demo")
SIZES = {1: "full size", 2: "halved", 4: "quartered"}
SUBSAMPLING = (0, 2)  # Pillow's numbers of 4:4:4 and 4:2:0
SSIM_WINDOW = 7  # samples, the default of scikit-image
PANEL_WIDTH, ZOOM_SIDE, MARGIN = 512, 128, 24  # pixels of the figure; ZOOM_SIDE of the picture
PAPER, INK, FAINT = (255, 255, 255), (24, 24, 27), (113, 113, 122)

Picture = NDArray[np.uint8]  # (H, W) or (H, W, 3)
T = TypeVar("T")


@dataclass(frozen=True)
class Result:
    """What a codec made of the picture; the times are seconds, without the search for the budget."""

    name: str
    detail: str
    n_bytes: int
    picture: Picture
    encode_s: float
    decode_s: float


def to_picture(image: NDArray[np.generic], bands: str) -> tuple[Picture, str]:
    """An 8-bit grey or RGB picture, which JPEG too can hold, and a sentence on what had to go ("" if nothing).

    `image`: uint8 or uint16, (H, W) or (H, W, B); `bands`: as `apercu.bridges.files.read` names them.
    """
    lost = []
    if image.ndim == 3:
        n_bands = image.shape[2]
        kept = 3 if n_bands >= 3 else 1
        if kept < n_bands:
            lost.append(f"{kept} of its {n_bands} bands ({bands})")
        image = image[..., :kept] if kept == 3 else image[..., 0]
    if image.dtype != np.uint8:
        low, high = int(image.min()), int(image.max())
        image = ((image.astype(np.float64) - low) * (255 / max(high - low, 1))).round()
        lost.append("8 bits of each sample")
    note = f"Of this image both codecs get {' and '.join(lost)}: JPEG holds no more." if lost else ""
    return np.ascontiguousarray(image, dtype=np.uint8), note


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """The result of `work()`, and the least of three times that it takes, in seconds."""
    return work(), min(timeit.repeat(work, number=1, repeat=3))


def psnr(a: Picture, b: Picture) -> float:
    """Peak signal-to-noise ratio over all samples, in dB, peak 255."""
    mse = float(np.mean((a.astype(np.float32) - b) ** 2, dtype=np.float64))
    return 10 * math.log10(255**2 / mse) if mse else math.inf


def ssim(a: Picture, b: Picture) -> float:
    """Structural similarity of the luma (Pillow's mode "L"), or NaN where the picture is smaller than its window."""
    if min(a.shape[:2]) < SSIM_WINDOW:
        return math.nan
    luma_a, luma_b = (np.asarray(Image.fromarray(x).convert("L")) for x in (a, b))
    return float(structural_similarity(luma_a, luma_b, win_size=SSIM_WINDOW, data_range=255))


def encode_jpeg(picture: Picture, shrink: int, quality: int, subsampling: int) -> bytes:
    """`picture` as a JPEG file, made smaller by the factor `shrink` (Lanczos) first."""
    image = Image.fromarray(picture)
    if shrink > 1:
        image = image.resize([max(1, -(-side // shrink)) for side in image.size], Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling=subsampling, optimize=True, progressive=True)
    return file.getvalue()


def decode_jpeg(data: bytes, like: Picture) -> Picture:
    """The picture in a JPEG file, at the size of `like` (Lanczos)."""
    image = Image.open(io.BytesIO(data))
    size = (like.shape[1], like.shape[0])
    return np.asarray(image if image.size == size else image.resize(size, Image.Resampling.LANCZOS))


def best_jpeg(picture: Picture, n_bytes: int, sizes: Iterable[int]) -> Result | None:
    """The JPEG of at most `n_bytes` with the highest PSNR, or None where none of the `sizes` goes so low.

    For every size and chroma subsampling the highest quality that fits is found by bisection, since both the length
    of the file and its PSNR grow with it.
    """
    found: list[tuple[float, int, int, int]] = []
    for shrink in sizes:
        for subsampling in SUBSAMPLING if picture.ndim == 3 else (0,):
            fits, above = 0, 96  # 0: none; Pillow advises against qualities above 95
            while above - fits > 1:
                middle = (fits + above) // 2
                if len(encode_jpeg(picture, shrink, middle, subsampling)) <= n_bytes:
                    fits = middle
                else:
                    above = middle
            if fits:
                decoded = decode_jpeg(encode_jpeg(picture, shrink, fits, subsampling), picture)
                found.append((psnr(picture, decoded), shrink, fits, subsampling))
    if not found:
        return None
    _, shrink, quality, subsampling = max(found)
    data, encode_s = timed(lambda: encode_jpeg(picture, shrink, quality, subsampling))
    decoded, decode_s = timed(lambda: decode_jpeg(data, picture))
    return Result("JPEG", f"{SIZES[shrink]}, quality {quality}", len(data), decoded, encode_s, decode_s)


def run_apercu(picture: Picture, path: Path) -> list[Result]:
    """`picture` through apercu at `BPP`, by both decoders; the file is left at `path`."""
    data = apercu.encode(picture, bpp=BPP)
    quality = float(str(apercu.info(data)["quality"]))
    _, encode_s = timed(lambda: apercu.encode(picture, quality=quality))
    path.write_bytes(data)
    found = []
    for restore, detail in (("none", "exact"), ("cnn", "the same file, restored")):
        decoded, decode_s = timed(partial(apercu.decode, data, restore=restore))
        found.append(Result("apercu", detail, len(data), decoded.astype(np.uint8), encode_s, decode_s))
    return found


def busiest(picture: Picture) -> tuple[int, int, int, int]:
    """The square of `ZOOM_SIDE` pixels, or less in a small picture, with the most edges: left, upper, right, lower."""
    luma = np.asarray(Image.fromarray(picture).convert("L"), dtype=np.float32)
    height, width = luma.shape
    side = min(ZOOM_SIDE, height, width)
    edges = np.zeros((height + 1, width + 1))
    edges[1:height, 1:width] = np.abs(np.diff(luma, axis=0))[:, 1:] + np.abs(np.diff(luma, axis=1))[1:]
    sums = edges.cumsum(0).cumsum(1)
    windows = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    top, left = np.unravel_index(int(windows.argmax()), windows.shape)
    return int(left), int(top), int(left) + side, int(top) + side


def draw(original: Picture, results: list[Result]) -> Image.Image:
    """A panel for the original and each result: the whole picture, and below it its busiest square, enlarged."""
    height, width = original.shape[:2]
    size = (PANEL_WIDTH, max(1, round(height * PANEL_WIDTH / width)))
    box = busiest(original)
    bold, plain = ImageFont.load_default(22), ImageFont.load_default(16)
    titles = [("original", f"{original.nbytes:,} bytes as samples of 8 bits")]
    for result in results:
        figures = f"{result.n_bytes:,} bytes   {psnr(original, result.picture):.2f} dB"
        titles.append((f"{result.name}  ({result.detail})", f"{figures}   SSIM {ssim(original, result.picture):.3f}"))

    caption = 64
    sheet = Image.new(
        "RGB",
        (len(titles) * (PANEL_WIDTH + MARGIN) + MARGIN, caption + size[1] + PANEL_WIDTH + 3 * MARGIN),
        PAPER,
    )
    pen = ImageDraw.Draw(sheet)
    for i, ((title, figures), pixels) in enumerate(
        zip(titles, [original, *(result.picture for result in results)], strict=True)
    ):
        left = MARGIN + i * (PANEL_WIDTH + MARGIN)
        pen.text((left, MARGIN - 6), title, INK, bold)
        pen.text((left, MARGIN + 24), figures, FAINT, plain)
        image = Image.fromarray(pixels).convert("RGB")
        sheet.paste(image.resize(size, Image.Resampling.LANCZOS), (left, caption + MARGIN))
        zoom = image.crop(box).resize((PANEL_WIDTH, PANEL_WIDTH), Image.Resampling.BICUBIC)
        sheet.paste(zoom, (left, caption + size[1] + 2 * MARGIN))
        scale = PANEL_WIDTH / width
        frame = [left + box[0] * scale, box[1] * scale, left + box[2] * scale - 1, box[3] * scale - 1]
        frame[1] += caption + MARGIN
        frame[3] += caption + MARGIN
        pen.rectangle(frame, outline=PAPER, width=2)
    return sheet


def table(original: Picture, results: list[Result]) -> str:
    """The results as text, a line each."""
    height, width = original.shape[:2]
    lines = [f"{'':34}{'bytes':>9}{'bpp':>8}{'PSNR':>10}{'SSIM':>7}{'encode':>10}{'decode':>10}"]
    for result in results:
        lines.append(
            f"{result.name + ': ' + result.detail:34}{result.n_bytes:9,}{8 * result.n_bytes / (width * height):8.4f}"
            f"{psnr(original, result.picture):7.2f} dB{ssim(original, result.picture):7.3f}"
            f"{1000 * result.encode_s:7.1f} ms{1000 * result.decode_s:7.1f} ms"
        )
    return "\n".join(lines)


def main() -> int:
    """Reads the arguments, does the job, prints and draws what came out."""
    parser = argparse.ArgumentParser(description="Compress a photograph to 0.1 bits per pixel, beside JPEG.")
    parser.add_argument("image", nargs="?", help="any image that apercu reads (default: a rocket on its pad)")
    arguments = parser.parse_args()
    try:
        if arguments.image is None:
            name, picture, note = "rocket", skimage.data.rocket(), ""
        else:
            name = Path(arguments.image).stem
            picture, note = to_picture(*files.read(arguments.image))
        FOLDER.mkdir(parents=True, exist_ok=True)
        results = run_apercu(picture, FOLDER / f"{name}.apc")
    except (apercu.ApercuError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    height, width = picture.shape[:2]
    budget = int(BPP * width * height / 8)
    jpeg = best_jpeg(picture, budget, SIZES)
    full_size = best_jpeg(picture, budget, [1])
    results += [] if jpeg is None else [jpeg]
    if full_size is not None and full_size.detail != results[-1].detail:
        results.append(full_size)

    print(f"{name}, {width} × {height} pixels, {picture.nbytes:,} bytes of samples, at most {budget:,} bytes to keep")
    print(*([note] if note else []), table(picture, results), sep="\n")
    if full_size is None:
        least = min(len(encode_jpeg(picture, 1, 1, subsampling)) for subsampling in SUBSAMPLING)
        print(f"JPEG at full size takes {least:,} bytes at least{'' if jpeg else ', and too many even quartered'}.")
    print("Times are those at a known setting, on this machine; the search for the budget is not in them.")
    draw(picture, results).save(FOLDER / f"{name}.png")
    print(f"Side by side: {FOLDER / name}.png   The file itself: {FOLDER / name}.apc")
    return 0


if __name__ == "__main__":
    sys.exit(main())
