"""What each layer of a file of `rnn` brings: PSNR and bits after each, on every image of a folder.

    python -m scripts.progressive [--images ../shared/data/test/kodak] [--quality 100]

Bytes are those of the file up to the end of the layer.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np

import apercu
from apercu.bench.metrics import psnr
from apercu.bridges import files
from apercu.codecs.rnn import MOST_LAYERS
from apercu.format.container import read_header
from apercu.stages.colour import Samples

QUALITY = 100.0

Point = tuple[int, float]
"""Bytes of a prefix, and its PSNR in dB."""


def after_each_layer(image: Samples, quality: float = QUALITY) -> list[Point]:
    """Of all layers of the image's file, from the first on: the bytes of the file so far, and its PSNR."""
    data = apercu.encode(image, codec="rnn", quality=quality, layers=MOST_LAYERS)
    shown = (apercu.decode(data, layers=n + 1) for n in range(MOST_LAYERS))
    return [(end, psnr(image, one)) for end, one in zip(prefix_bytes(data), shown, strict=True)]


def prefix_bytes(data: bytes) -> list[int]:
    """How many bytes a file has up to the end of each layer; with checksums, and its head."""
    header = read_header(data)
    per_layer = np.add(header.lengths, 4).reshape(header.n_layers, header.n_tiles).sum(1)
    return [int(end) for end in header.head_size + np.cumsum(per_layer)]


def images(folder: Path) -> Iterable[tuple[str, Samples]]:
    """The pictures of a folder by name."""
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in files.PICTURE_SUFFIXES:
            yield path.name, files.read(path)[0]


def report(folder: Path, quality: float = QUALITY) -> str:
    """A table: of each layer the mean of bits a pixel and of PSNR; and what it brings to an image, at least and at the
    most. Below it, how often a layer makes an image no better."""
    names, rates, values = [], [], []
    for name, image in images(folder):
        points = after_each_layer(image, quality)
        names.append(name)
        rates.append([8 * n_bytes / (image.shape[0] * image.shape[1]) for n_bytes, _ in points])
        values.append([value for _, value in points])
    gains = np.diff(values, axis=1)
    lines = ["| layer | bpp | PSNR | gain: least, image | most |", "|---|---|---|---|---|"]
    for layer, (bpp, value) in enumerate(zip(np.mean(rates, 0), np.mean(values, 0), strict=True)):
        of_layer = gains[:, layer - 1] if layer else None
        least = f"{of_layer.min():.2f} dB, {names[int(of_layer.argmin())]}" if of_layer is not None else ""
        most = f"{of_layer.max():.2f} dB" if of_layer is not None else ""
        what = f"step {layer}" if layer else "means"
        lines.append(f"| {what} | {bpp:.4f} | {value:.2f} dB | {least} | {most} |")
    no_better = int((gains <= 0).sum())
    count = f"{len(names)} images, {gains.size} layers after the first; {no_better} of them make an image no better."
    return "\n".join([*lines, "", count])


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=Path("../shared/data/test/kodak"), help="folder of images")
    parser.add_argument("--quality", type=float, default=QUALITY, help="0 to 100")
    arguments = parser.parse_args()
    print(report(arguments.images, arguments.quality))


if __name__ == "__main__":
    main()
