"""The ablation page: every part of the codec apercu left out in turn, measured, and put into docs/ablation.md.

    python -m scripts.ablation [--data ../shared/data/test] [--train ../shared/data/train] [--only NAME ...]

A variant is the package with an edit of its kernel, built below build/ablation, or with another transform. Its tables
are trained for it, on one in eight of the training images, as are those of the unchanged codec, with which it is
compared. Sides of images are cut to multiples of 64, which block transforms need. Measurements are kept.
"""

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import apercu
from apercu.bench.curves import at_rate, bd_rate
from apercu.bench.metrics import psnr, ssim
from apercu.codecs import apercu as codec
from apercu.codecs import encoding
from apercu.codecs.encoding import Target
from apercu.stages.bands import N_CONTEXTS
from scripts.ablation_variants import VARIANTS, Variant

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/ablation"
PAGE = ROOT / "docs/ablation.md"
HEAD = ROOT / "scripts/ablation_head.md"
SETS = {"kodak": "RGB", "classic": "L"}
QUALITIES = (22, 26, 30, 34, 38, 42, 46, 50, 54, 58)  # 0.03 to 0.5 bpp
EVERY, UNIT = 8, 64
TIMED, REPEAT = 0.15, 7  # bits per pixel at which times are taken; times that an image is coded


# --- In a process with the variant's package ------------------------------------------------------
def image_of(path: Path, mode: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """As an array, its sides cut to multiples of UNIT."""
    with Image.open(path) as picture:
        image = np.asarray(picture.convert(mode))
    height, width = (side // UNIT * UNIT for side in image.shape[:2])
    return np.ascontiguousarray(image[:height, :width])


def put_in(name: str, train: Path) -> Callable[[], int] | None:
    """Puts a variant's stages in the place of the codec's, in this process; see `Patch`."""
    patch = VARIANTS[name].patch
    return patch(train) if patch else None


def measure(name: str, folder: Path, data: Path, train: Path) -> None:
    """Trains the tables of a variant, and writes its points and times to `folder`/points.json."""
    from apercu.lab import apercu as lab

    variant = VARIANTS[name]
    beside = put_in(name, train)
    tables = BUILD / (variant.tables or name) / "tables.npy"
    if not tables.exists():
        lab.train(few_of(train), tables, setup=partial(put_in, name, train))
    if variant.ignorant:
        array = np.load(tables)
        array[-2 * N_CONTEXTS :] = lab.NEW * N_CONTEXTS
        tables = folder / "tables.npy"
        np.save(tables, array)
    found: dict[str, Any] = {}
    for images, mode in SETS.items():
        rows = []
        for path in sorted(p for p in (data / images).iterdir() if p.suffix in (".png", ".webp")):
            rows.append(_points(image_of(path, mode), tables, mode, variant.layers, beside or (lambda: 0)))
        found[images] = rows
    (folder / "points.json").write_text(json.dumps(found))


def _points(image: Any, tables: Path, mode: str, layers: int | None, beside: Callable[[], int]) -> dict[str, Any]:
    plan = codec.plan("rgb" if mode == "RGB" else "grey", len(mode), *image.shape[:2])
    if layers:
        plan = plan._replace(layers=layers, most_layers=layers)

    def encode(quality: float) -> bytes:
        return encoding.encode(image, Target(quality=quality), encoding.How("apercu", model=tables), plan)

    points = []
    for quality in QUALITIES:
        data = encode(quality)
        decoded = apercu.decode(data, model=tables)
        n_bits, n_pixels = 8 * (len(data) + beside()), image.size // (3 if mode == "RGB" else 1)
        points.append((n_bits / n_pixels, psnr(image, decoded), ssim(image, decoded)))
    quality = min(zip(QUALITIES, points, strict=True), key=lambda pair: abs(pair[1][0] - TIMED))[0]
    data = encode(quality)
    times = [_median(lambda: encode(quality)),
             _median(lambda: apercu.decode(data, model=tables))]  # fmt: skip
    yardstick = _median(
        lambda: Image.fromarray(image).save(io.BytesIO(), "JPEG", quality=8, optimize=True, progressive=True)
    )
    return {"points": points, "times": [t / yardstick for t in times]}


def _median(run: Callable[[], object]) -> float:
    seconds = []
    for _ in range(REPEAT):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


# --- In the process that was started --------------------------------------------------------------
def package_of(name: str, variant: Variant) -> Path:
    """Builds the package with the variant's kernel; returns the folder to put on PYTHONPATH."""
    cmake = shutil.which("cmake") or shutil.which("cmake", path=str(Path(sys.executable).parent))
    if not cmake:
        raise SystemExit("the ablation needs cmake: pip install cmake")
    folder = BUILD / name
    source = folder / "source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "_kernel.*"))
    shutil.copy(ROOT / "CMakeLists.txt", source)
    for file, old, new in variant.edits:
        path = source / "src/apercu/kernel" / file
        text = path.read_text()
        if text.count(old) != 1:
            raise SystemExit(f"{name}: {file} does not hold this once, as the variant expects: {old!r}")
        path.write_text(text.replace(old, new))
    for step in (["-S", str(source), "-B", str(folder / "objects"), f"-DCMAKE_INSTALL_PREFIX={source / 'src'}"],
                 ["--build", str(folder / "objects")], ["--install", str(folder / "objects")]):  # fmt: skip
        subprocess.run([cmake, *step], check=True, capture_output=True)
    return source / "src"


def few_of(train: Path) -> Path:
    """A folder of one in EVERY of the training images, cut as the test images are."""
    folder = BUILD / "train"
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        partial.mkdir(parents=True, exist_ok=True)
        for number, path in enumerate(sorted(p for p in train.rglob("*") if p.suffix in (".webp", ".png"))[::EVERY]):
            Image.fromarray(image_of(path, "RGB")).save(partial / f"{number:03d}.png", compress_level=1)
        partial.rename(folder)
    return folder


def row(variant: Variant, whole: dict[str, Any], own: dict[str, Any]) -> str:
    """A line of the table: mean BD-rates of the images, and ratios of times."""
    cells = [variant.part, variant.instead]
    for images in SETS:
        for metric in (1, 2):
            rates = []
            for before, after in zip(whole[images], own[images], strict=True):
                first, second = ([(point[0], point[metric]) for point in side["points"]] for side in (before, after))
                rate = bd_rate(first, second, limits=(0, 2)).percent
                if rate is not None:
                    rates.append(rate)
            cells.append(f"{statistics.mean(rates):+.1f}" if rates else "–")
    cells.append(f"{_at_rate(own['kodak']) - _at_rate(whole['kodak']):+.2f}")
    for which in (0, 1):
        ratios = [statistics.median(side["times"][which] for side in images["kodak"]) for images in (whole, own)]
        cells.append("" if variant.patch else f"× {ratios[1] / ratios[0]:.2f}")
    return "| " + " | ".join(cells) + " |"


def _at_rate(images: list[dict[str, Any]]) -> float:
    """Mean PSNR at TIMED bits per pixel."""
    values = (at_rate([(point[0], point[1]) for point in side["points"]], TIMED) for side in images)
    return statistics.mean(value for value in values if value is not None)


def page(found: dict[str, dict[str, Any]]) -> str:
    """docs/ablation.md."""
    titles = (
        "part",
        "instead",
        "Kodak PSNR",
        "Kodak SSIM",
        "grey PSNR",
        "grey SSIM",
        "Kodak dB",
        "encoding",
        "decoding",
    )
    lines = [HEAD.read_text(), "| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    lines += [row(VARIANTS[name], found["whole"], own) for name, own in found.items() if name != "whole"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measures, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data/test", help="folder of the test sets")
    parser.add_argument("--train", type=Path, default=ROOT / "../shared/data/train", help="training images")
    parser.add_argument("--only", nargs="*", choices=VARIANTS, help="measure these alone, and write no page")
    parser.add_argument("--measure", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        name, folder = arguments.measure
        measure(name, Path(folder), arguments.data, arguments.train)
        return
    if not arguments.data.is_dir() or not arguments.train.is_dir():
        parser.error("the ablation is that of the test images: there are none")
    few_of(arguments.train)
    for name in arguments.only or VARIANTS:
        folder = BUILD / name
        if (folder / "points.json").exists():
            continue
        package = package_of(name, VARIANTS[name])
        print(name, file=sys.stderr, flush=True)
        call = [
            "-m",
            "scripts.ablation",
            "--measure",
            name,
            str(folder),
            "--data",
            str(arguments.data),
            "--train",
            str(arguments.train),
        ]
        env = dict(os.environ, PYTHONPATH=f"{package}{os.pathsep}{ROOT}")
        subprocess.run([sys.executable, *call], check=True, cwd=ROOT, env=env)
    if not arguments.only:
        PAGE.write_text(page({name: json.loads((BUILD / name / "points.json").read_text()) for name in VARIANTS}))
        print(PAGE)


if __name__ == "__main__":
    main()
