"""The figures of docs/recurrent.md, restore="rnn": what each step brings, and how a photograph changes.

    python -m scripts.figure_refined IMAGES [OUT]

IMAGES: a folder, of which the means are taken. OUT: the folder, by default docs/images. It prints the numbers, too. The
photograph comes with scikit-image and is in the public domain.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import skimage.data
from matplotlib.figure import Figure
from numpy.typing import NDArray

import apercu
from apercu.lab.images import files_below, read_rgb
from apercu.restore.rnn import MOST_STEPS

RATES = {0.05: "#6e3dbf", 0.1: "#1a80f1", 0.2: "#ec6622"}
SHOWN, WINDOW = (0, 1, 2, 4, 8), np.s_[110:270, 130:290]

Picture = NDArray[np.uint8]


def psnr(image: Picture, other: Picture) -> float:
    """In dB."""
    error = np.square(image.astype(float) - other).mean()
    return float(10 * np.log10(255**2 / error))


def decodes(data: bytes) -> Iterator[Picture]:
    """Exact, by "cnn", and after all numbers of steps."""
    yield apercu.decode(data)
    yield apercu.decode(data, restore="cnn")
    for steps in range(1, MOST_STEPS + 1):
        yield apercu.decode(data, restore="rnn", steps=steps)


def gains(bpp: float, path: Path) -> list[float]:
    """PSNR over that of "none" of all other ways, in dB."""
    image, _ = read_rgb(path)
    data = apercu.encode(image, bpp=bpp)
    plain, *others = (psnr(image, found) for found in decodes(data))
    return [one - plain for one in others]


def curves(folder: Path, out: Path) -> None:
    """Gains by step at three rates, with those of cnn beside them."""
    figure = Figure((6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    files, steps = files_below(folder), range(1, MOST_STEPS + 1)
    with ProcessPoolExecutor() as pool:
        for bpp, colour in RATES.items():
            every = np.array(list(pool.map(partial(gains, bpp), files)))
            cnn, *rnn = every.mean(0)
            changes = np.diff(every[:, 1:5])
            print(f"{bpp}: cnn {cnn:+.3f}, rnn {' '.join(f'{one:+.3f}' for one in rnn)}")
            print(f"    least change of an image to step 4: {changes.min():+.3f}; step 8 beside 4, least:", end=" ")
            print(f"{(every[:, 8] - every[:, 4]).min():+.3f}; least gain at 4: {every[:, 4].min():+.3f}")
            axes.plot(steps, rnn, "o-", color=colour, label=f"rnn, {bpp} bpp")
            axes.axhline(cnn, color=colour, ls="--", lw=1, label=f"cnn, {bpp} bpp")
    axes.set(xlabel="steps", ylabel="PSNR over restore=“none”, dB", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(ncols=3, fontsize=8, loc="lower center")
    figure.savefig(out / "refined-gain.svg", metadata={"Date": None})


def pictures(out: Path) -> None:
    """A part of a photograph after some of the steps, beside the original."""
    image: Picture = skimage.data.astronaut()
    data = apercu.encode(image, bpp=0.1)
    shown = {"original": image}
    for steps in SHOWN:
        title = f"{steps} step{'s' if steps > 1 else ''}" if steps else "exact"
        found = apercu.decode(data, restore="rnn", steps=steps) if steps else apercu.decode(data)
        shown[f"{title}, {psnr(image, found):.2f} dB"] = found
    figure = Figure((9.6, 6.8), layout="constrained")
    for axes, (title, picture) in zip(figure.subplots(2, 3).flat, shown.items(), strict=True):
        axes.imshow(picture[WINDOW], interpolation="nearest")
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    path = out / "refined.webp"
    figure.savefig(path, dpi=100, pil_kwargs={"quality": 90})
    print(path, *shown, sep="\n    ")


if __name__ == "__main__":
    where = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("docs/images")
    pictures(where)
    curves(Path(sys.argv[1]), where)
