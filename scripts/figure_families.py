"""The pictures of docs/: a drawn scene by every family of codecs at one size; with a largest error; by experts.

    python -m scripts.figure_families [OUT]

Nothing in them is of a test image. OUT: the folder, by default docs/images.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import apercu
from apercu.bench.metrics import psnr
from apercu.bench.tasks.drawing import pixels, rough
from apercu.codecs import stacked_ae, tables
from apercu.codecs.content import layout_of_tile
from apercu.format.container import Segments, read_header
from apercu.stages.blocks import BLOCK
from scripts.demo import FAINT, INK, MARGIN, PAPER, Picture, best_jpeg
from scripts.drawn import sky

H, W = 288, 384
Y, X = np.mgrid[0:H, 0:W].astype(float)
BPP = 0.25
WINDOW = (160, 96, 192, 144)  # of the picture, enlarged: left, upper, width, height
CAPTION = 46
PALETTE = ("#f2f3f4", "#d6e8f6", "#9cc6e8", "#5f9fd3", "#4f8ac7", "#2f76b5", "#1f5f9c", "#0f4c81", "#e07b39")
"""Of experts in order of their latents; the last is for blocks that are their mean alone."""


def picture() -> Picture:
    """Sky, hills, water, a house, a mast and its stays: smooth, rough and sharp parts, (H, W, 3)."""
    rng = np.random.default_rng(7)
    out = sky(H, W) + 5 * rough(rng, 2.2, (H, W))[:, :, None]
    out[(X - 80) ** 2 + (Y - 60) ** 2 < 26**2] = (250, 232, 170)
    for base, height, colour, grain in ((150, 40, (104, 122, 128), 7), (185, 26, (72, 96, 62), 16)):
        ridge = base - height * np.interp(X, np.arange(W), rough(rng, 1.6, (H, W))[100])
        land = np.array(colour) + grain * rough(rng, 0.9, (H, W))[:, :, None]
        out = np.where((ridge < Y)[:, :, None], land, out)
    water = np.array((52, 84, 112)) + (14 * np.sin(Y**1.15 / 3 + 2 * rough(rng, 1.8, (H, W))))[:, :, None]
    out = np.where((Y > 232)[:, :, None], water, out)
    drawn = Image.fromarray(pixels(out))
    pen = ImageDraw.Draw(drawn)
    pen.rectangle((210, 176, 290, 232), (186, 74, 58))
    pen.polygon([(202, 176), (250, 144), (298, 176)], (84, 58, 52))
    for left in (220, 246, 272):
        pen.rectangle((left, 188, left + 10, 202), (244, 236, 200))
    pen.line((330, 90, 330, 236), (40, 40, 44), 2)
    for foot in (306, 354):
        pen.line((330, 92, foot, 236), (60, 60, 66), 1)
    pen.text((214, 210), "HARBOUR 24", (250, 246, 236), ImageFont.load_default(12))
    return np.asarray(drawn)


def sheet(panels: list[tuple[str, str, Picture]], across: int) -> Image.Image:
    """Pictures of one size, so many in a row, each under its title and what is said of it."""
    height, width = panels[0][2].shape[:2]
    bold, plain = ImageFont.load_default(17), ImageFont.load_default(14)
    down = -(-len(panels) // across)
    made = Image.new("RGB", (across * (width + MARGIN) + MARGIN, down * (height + CAPTION + MARGIN) + MARGIN), PAPER)
    pen = ImageDraw.Draw(made)
    for number, (title, figures, image) in enumerate(panels):
        left = MARGIN + number % across * (width + MARGIN)
        top = MARGIN + number // across * (height + CAPTION + MARGIN)
        pen.text((left, top), title, INK, bold)
        pen.text((left, top + 22), figures, FAINT, plain)
        made.paste(Image.fromarray(image), (left, top + CAPTION))
    return made


def enlarged(image: Picture) -> Picture:
    """The window, twice as large."""
    left, top, width, height = WINDOW
    part = Image.fromarray(image).crop((left, top, left + width, top + height))
    return np.asarray(part.resize((2 * width, 2 * height), Image.Resampling.NEAREST))


def families(image: Picture) -> Image.Image:
    """The scene by every family at one size."""
    budget = int(BPP * H * W / 8)
    panels = [("original", f"{image.nbytes:,} bytes", enlarged(image))]
    for title, codec, entropy in (
        ("apercu", "apercu", None),
        ("dct", "dct", None),
        ("dct, Huffman codes", "dct", "huffman"),
        ("stacked_ae", "stacked_ae", None),
        ("rnn", "rnn", None),
        ("taha2025", "taha2025", None),
        ("predictive", "predictive", None),
    ):
        data = apercu.encode(image, n_bytes=budget, codec=codec, entropy=entropy)
        decoded = apercu.decode(data).astype(np.uint8)
        panels.append((title, f"{len(data):,} bytes   {psnr(image, decoded):.2f} dB", enlarged(decoded)))
    jpeg = best_jpeg(image, budget, [1])
    assert jpeg is not None
    figures = f"{jpeg.n_bytes:,} bytes   {psnr(image, jpeg.picture):.2f} dB"
    panels.append(("JPEG, optimised progressive", figures, enlarged(jpeg.picture)))
    return sheet(panels, 4)


def errors(image: Picture) -> Image.Image:
    """The scene within a largest error, and what it is off by."""
    panels, off = [], []
    for max_error in (0, 2, 8, 32):
        data = apercu.encode(image, codec="predictive", max_error=max_error)
        decoded = apercu.decode(data).astype(np.uint8)
        figures = f"{len(data):,} bytes" + (f"   {psnr(image, decoded):.2f} dB" if max_error else "   lossless")
        panels.append((f"max_error {max_error}", figures, enlarged(decoded)))
        error = decoded[..., 1].astype(np.float64) - image[..., 1]
        shown = np.stack([pixels(128 + 127 / max(max_error, 1) * error).astype(np.uint8)] * 3, 2)
        what = f"grey: none; black and white: {max_error}" if max_error else "grey: none"
        off.append(("the error of its green", what, enlarged(shown)))
    return sheet(panels + off, 4)


def experts(image: Picture) -> Image.Image:
    """Which expert draws each block of luma."""
    panels = []
    numbers = [str(one.n_latents) for one in tables.shipped(6).networks.experts]
    for bpp in (0.1, 0.25):
        data = apercu.encode(image, bpp=bpp, codec="stacked_ae")
        header = read_header(data)
        segments, of_codec = Segments(data, header), tables.of_file(header, None)
        content = [segments.content(index) for index in range(len(segments))]
        layout, setting = layout_of_tile(header, H, W), stacked_ae.setting_of(header)
        chosen = stacked_ae.read(content, layout, setting, of_codec, header.n_layers)[0][1]
        colours = np.array([tuple(bytes.fromhex(colour[1:])) for colour in PALETTE], np.uint8)
        shown = colours[chosen].repeat(BLOCK, 0).repeat(BLOCK, 1)
        decoded = apercu.decode(data).astype(np.uint8)
        panels += [
            (f"stacked_ae, {bpp} bpp", f"{len(data):,} bytes   {psnr(image, decoded):.2f} dB", decoded),
            ("latents of each block's expert", f"{', '.join(numbers)}: the darker the more", shown),
        ]
    return sheet(panels, 4)


def draw(folder: Path) -> None:
    """Writes all of them."""
    scene = picture()
    for name, make in (("families", families), ("predictive", errors), ("stacked_ae-experts", experts)):
        make(scene).save(folder / f"{name}.webp", quality=92, method=6)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/images"))
