"""Figures 7, 9 and 11 (curves) and 8, 10 and 12 (pictures side by side) of the paper, as PNG."""

from pathlib import Path

import numpy as np
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

import apercu
from apercu.bench.metrics import bpp, psnr, ssim
from apercu.bench.paper import published
from apercu.bench.paper.claim import DRAWN, QUALITIES, Curve
from apercu.bench.paper.points import Image
from apercu.bench.peers import PEERS

SHOWN_BPP = (0.125, 0.2)  # rates of the rows of pictures, as near below as JPEG's qualities come
_CAPTION = 34  # pixels above each picture
_GAP = 8
_FONT_SIZE = 17
_STYLES = {
    "taha2025, as published": {"color": "#b2182b", "linestyle": "-"},
    "taha2025, default path": {"color": "#2166ac", "linestyle": "-"},
    "baseline JPEG": {"color": "#777777", "linestyle": "--"},
    "optimised progressive JPEG": {"color": "#111111", "linestyle": "--"},
}


def draw_curves(name: str, curves: dict[str, Curve], path: Path) -> None:
    """PSNR and SSIM against rate, the paper's points among them (it tells no SSIM in numbers). Needs Matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    for axes, measure, label in zip(figure.subplots(1, 2), ("psnr", "ssim"), ("PSNR, dB", "SSIM"), strict=True):
        for which, curve in curves.items():
            shown = [point for point in curve if DRAWN[0] <= point.bpp <= DRAWN[1]]
            values = [getattr(point, measure) for point in shown]
            axes.plot([point.bpp for point in shown], values, label=which, **_STYLES[which])
        if measure == "psnr":
            rates = [row[-1] / (published.SIZE[0] * published.SIZE[1]) for row in published.SIZES[name]]
            axes.plot(
                rates, [row[0] for row in published.SIZES[name]], "o", color="#ef8a62", label="the paper, 8 outputs"
            )
            axes.legend(loc="lower right", fontsize=9)
        axes.axvline(published.CLAIMED_BPP, color="#cccccc", linewidth=1, zorder=0)
        axes.set_xlim(*DRAWN)
        axes.set_xlabel("bits per pixel")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    figure.suptitle(f"Figure {published.FIGURES[name][0]}: {name}, 512 × 512 grey, all codecs at full size")
    figure.savefig(path, dpi=110)


def draw_pictures(image: Image, path: Path) -> list[str]:
    """Original, apercu and optimised progressive JPEG at equal size, a row for each rate; returns a line for each.

    The JPEG comes first, as its qualities are coarse; apercu gets as many bytes and no more.
    """
    height, width = image.shape
    sheet = Pictures.new("L", (3 * width + 2 * _GAP, len(SHOWN_BPP) * (height + _CAPTION)), 255)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT_SIZE)
    said = []
    for row, rate in enumerate(SHOWN_BPP):
        peer = PEERS["jpeg-prog"]
        files = [peer.encode(image, quality) for quality in QUALITIES]
        jpeg = max((file for file in files if bpp(file, image) <= rate), key=len, default=min(files, key=len))
        ours = apercu.encode(image, codec="taha2025", n_bytes=len(jpeg))
        shown = {
            "original": (image, None),
            "taha2025": (apercu.decode(ours), ours),
            "JPEG, optimised progressive": (peer.decode(jpeg, image.shape), jpeg),
        }
        captions = []
        for column, (label, (pixels, data)) in enumerate(shown.items()):
            caption = label
            if data is not None:
                caption += f": {len(data):,} bytes, {psnr(image, pixels):.2f} dB, SSIM {ssim(image, pixels):.3f}"
                captions.append(caption)
            left, top = column * (width + _GAP), row * (height + _CAPTION)
            draw.text((left + 2, top + 7), caption, fill=0, font=font)
            sheet.paste(Pictures.fromarray(np.ascontiguousarray(pixels)), (left, top + _CAPTION))
        said.append("; ".join(captions))
    sheet.save(path)
    return said
