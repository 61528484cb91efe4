"""`apercu reproduce`: the tables and figures of the paper that a codec comes from, ours beside the paper's."""

import argparse
import json
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apercu.cli.messages import remark, say
from apercu.errors import MissingExtra, OptionError

if TYPE_CHECKING:
    from apercu.bench.paper_page import Start
    from apercu.bench.paper_points import Image
    from apercu.bench.paper_table import Table

DESCRIPTION = """\
Make Tables 1 to 5 and Figures 7 to 12 of Taha et al. 2025 again: the paper's number, ours and the difference; curves
beside JPEG; pictures side by side. Tables are printed, and everything goes into the folder OUT: reproduction.md,
tables.json, a CSV file for each table, and PNG files. Trained networks are kept there, so that a run that was
interrupted goes on where it was.
"""

EXAMPLES = """\
examples:
  apercu reproduce taha2025 --images classic --train photographs --out reproduction
  apercu reproduce taha2025 --images classic --quick --out reproduction    minutes in place of half an hour

The images are lena, boat and goldhill, grey and of 512 × 512 pixels, of any kind of picture file. Training images
(--train) have to be others; without them, Tables 1 and 2 are left out, and Tables 3 to 5 take the shipped weights.
"""


@dataclass(frozen=True)
class Effort:
    """How much work is put in.

    every: one of so many training images is taken. per_image: blocks of each for Tables 1 and 2. steps, starts: of the
    training of a network. grid: steps, thresholds and places of the path in the search for the smallest file.
    """

    every: int
    per_image: int
    steps: int
    starts: int
    grid: tuple[int, int, int]


FULL = Effort(1, 600, 12_000, 3, (40, 36, 201))
QUICK = Effort(8, 400, 1_000, 1, (20, 16, 81))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("codec", choices=["taha2025"], help="codec whose paper to reproduce")
    parser.add_argument("--images", metavar="DIR", type=Path, required=True, help="folder of the three images")
    parser.add_argument("--train", metavar="DIR", type=Path, help="folder of training images")
    parser.add_argument("--quick", action="store_true", help="less training and a coarser search; says so")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder to write to")


def run(arguments: argparse.Namespace) -> int:
    """Make everything again; returns the exit code."""
    if find_spec("matplotlib") is None:
        raise MissingExtra("the figures need Matplotlib: pip install 'apercu[bench]'")
    from apercu.bench import paper, paper_figures, paper_page
    from apercu.bench.paper_bounds import blocks_of, own_weights, write_model
    from apercu.bench.paper_measure import measure_image

    begun = time.monotonic()
    effort = QUICK if arguments.quick else FULL
    images = _images(arguments.images)
    files, missing = _training_files(arguments.train, arguments.images, effort)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    head = _head(arguments.quick, effort, list(images), len(files))
    if missing:
        head.append(f"Tables 1 and 2 are left out: {missing}")
    tables = _networks(images, files, effort, out / "networks") if files else []
    models = _models(files, out / "networks")
    curves, sizes, figures = {}, [], []
    for name, image in images.items():
        fitted = write_model(own_weights(blocks_of(image)), out / "networks" / f"fitted-to-{name}.npy")
        found, curves[name] = measure_image(name, image, models, fitted, effort.grid, _say)
        sizes.append(paper_page.sizes_table(name, found))
        drawn, shown = paper.FIGURES[name]
        paper_figures.draw_curves(name, curves[name], out / f"figure{drawn}.png")
        figures.append((f"Figure {drawn}: {name}, PSNR and SSIM against rate", "", f"figure{drawn}.png"))
        captions = paper_figures.draw_pictures(image, out / f"figure{shown}.png")
        figures.append((f"Figure {shown}: {name}, at equal size", ". ".join(captions) + ".", f"figure{shown}.png"))
    claim, own = paper_claim_tables = paper_page.claim_table(curves), paper_page.paper_claim_table(curves)
    tables += [*sizes, *paper_claim_tables]
    answers = paper_page.answer(claim, own)
    head.append(f"Made in {(time.monotonic() - begun) / 60:.1f} minutes, less what was taken from networks/.")
    page = paper_page.page(head, tables, answers, figures)
    (out / "reproduction.md").write_text(page, encoding="utf-8")
    for table in tables:
        (out / f"{table.name}.csv").write_text(table.csv(), encoding="utf-8")
    record: dict[str, Any] = {"tables": [table.record() for table in tables], "answers": answers, "notes": head}
    record["curves"] = {
        name: {codec: [vars(point) for point in curve] for codec, curve in of_image.items()}
        for name, of_image in curves.items()
    }
    (out / "tables.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    say(page)
    return 0


def _say(line: str) -> None:
    remark(f"[{time.strftime('%H:%M:%S')}] {line}")


def _images(folder: Path) -> dict[str, "Image"]:
    """Those of the paper's images that the folder holds; raises OptionError for one of another size or kind."""
    import numpy as np

    from apercu.bench import paper
    from apercu.bridges import files

    found = {}
    for name in paper.IMAGES:
        for path in sorted(folder.glob(f"{name}.*")):
            if path.suffix.lower() in files.PICTURE_SUFFIXES and path.is_file():
                image, bands = files.read(path)
                if bands != "grey" or image.dtype.itemsize != 1 or image.shape != paper.SIZE:
                    raise OptionError(f"{path}: the paper measures on grey images of 512 × 512 pixels of 8 bits")
                found[name] = image.astype(np.uint8)
                break
    if not found:
        raise OptionError(f"none of {', '.join(paper.IMAGES)} in {folder}: name their folder with --images")
    return found


def _training_files(folder: Path | None, images: Path, effort: Effort) -> tuple[list[Path], str]:
    """Images to train on, or none and the reason."""
    if find_spec("torch") is None:
        if folder is not None:
            raise MissingExtra("training needs PyTorch: pip install 'apercu[train]'")
        return [], "they need PyTorch (pip install 'apercu[train]') and training images (--train)."
    if folder is None:
        return [], "they need training images (--train)."
    from apercu.lab.images import files_below

    found = files_below(folder)
    if images.resolve() in (path.resolve().parent for path in found):
        raise OptionError(f"{folder} holds the images that are measured on: train on others")
    return found[:: effort.every], ""


def _head(quick: bool, effort: Effort, names: list[str], n_files: int) -> list[str]:
    """What the page says of how it was made, and of what the paper leaves open."""
    lines = ["A quick run: little training, a coarse search. The numbers of a full run are better."] if quick else []
    lines.append(f"Measured on {', '.join(names)}: grey, 512 × 512.")
    if n_files:
        lines.append(
            f"Trained on {n_files} other photographs. The paper trains on the Waterloo set, which holds its three test "
            "images."
        )
        lines.append(
            f"The paper leaves training open. Taken here for Tables 1 and 2: {effort.per_image} blocks of each image, "
            f"samples from 0 to 1, Adam from 0.01 down a cosine, batches of 1024, {effort.steps:,} steps, float32, "
            f"Glorot's start, no biases (the parameter counts leave no room for any), activation after every layer but "
            f"the last; of {effort.starts} starts the one of least training error is shown."
        )
    lines.append(
        "The paper leaves open the quantiser, the cost of the Huffman tables and how threshold and step are chosen. "
        "Taken here: whole files of the codec, headers and tables included; the smallest of "
        f"{effort.grid[0] * effort.grid[1]:,} pairs of step and threshold, and of finer ones around the best, that "
        "reaches the PSNR."
    )
    lines.append(
        '"As published": nearest multiples of the step, one Huffman code for each autoencoder. "Table per latent": a '
        'Huffman code for each of the latents. "Default path": what `encode(quality=)` does, with symbols chosen for '
        'rate and error together. "Fitted to the image": as published, with the principal subspaces of the very image '
        "that is measured: a bound, no codec."
    )
    lines.append(
        "Files with 4 and 6 outputs are made with weights whose last rows are zero. A latent that is always zero takes "
        "no bits where it has a table of its own, and one bit a block where it shares one: hence no numbers as "
        "published there."
    )
    return lines


def _networks(images: dict[str, "Image"], files: list[Path], effort: Effort, kept: Path) -> list["Table"]:
    """Tables 1 and 2."""
    from apercu.bench import paper, paper_page
    from apercu.bench.paper_bounds import blocks_of, errors, subspace
    from apercu.lab import paper_networks as lab

    blocks = lab.sampled_blocks(files, effort.per_image)
    measured = {name: blocks_of(image) for name, image in images.items()}
    _say(f"Tables 1 and 2: {len(blocks):,} blocks of {len(files)} images")

    def starts(activation: str, layers: int, latents: int) -> list["Start"]:
        seeds = range(lab.SEED, lab.SEED + effort.starts)
        networks = [lab.Network(activation, layers, latents, seed, effort.steps) for seed in seeds]
        trained = lab.starts(networks, blocks, measured, kept, _say)
        return [paper_page.Start(one.on_training, one.on_images) for one in trained]

    def bounds(latents: int) -> dict[str, dict[str, float]]:
        rows = subspace(blocks, latents)
        return {
            "best linear, same training blocks": {name: float(errors(b, rows).mean()) for name, b in measured.items()},
            "best linear, the image itself": {
                name: float(errors(b, subspace(b, latents)).mean()) for name, b in measured.items()
            },
        }

    names = list(images)
    first = {activation: starts(activation, 4, 4) for activation in paper.TABLE_1}
    title = "Table 1: mean squared error by activation, four layers, four latents (64-8-4-8-64)"
    one = paper_page.networks_table("table1", title, paper.TABLE_1, first, limits := bounds(4), names)
    one.notes = [
        "linear and none are one function, and so one network; that the paper's differ says how far two trainings of "
        "one network lie apart there.",
        *paper_page.dead_latents({k: float(errors(blocks, subspace(blocks, k)).mean()) for k in range(1, 5)}),
        *paper_page.beyond_bound(paper.TABLE_1, ["linear", "none"], limits["best linear, the image itself"]),
    ]
    second, counted = {}, {}
    for layers, n_parameters in paper.TABLE_2_PARAMETERS.items():
        widths = lab.Network("none", layers, 1, 0, 0)
        label = f"{layers} layers"
        second[label] = starts("none", layers, 1)
        counted[label] = f"{'-'.join(map(str, widths.widths))}: {widths.n_parameters} (the paper: {n_parameters})"
    printed = {f"{layers} layers": row for layers, row in paper.TABLE_2.items()}
    title = "Table 2: mean squared error by number of layers, one latent, no activation"
    two = paper_page.networks_table("table2", title, printed, second, limits := bounds(1), names)
    two.notes = [
        f"Parameters: {'; '.join(counted.values())}.",
        "Without activations every depth is the same function class; what differs is how far training gets.",
        *paper_page.beyond_bound(printed, list(printed), limits["best linear, the image itself"]),
    ]
    return [one, two]


def _models(files: list[Path], kept: Path) -> dict[int, Path]:
    """Weights by outputs: trained, or the shipped ones, whose rows stand in principal order, cut off."""
    from apercu.bench import paper
    from apercu.bench.paper_bounds import write_model
    from apercu.codecs.tables import shipped

    if files:
        from apercu.lab import paper_networks as lab

        weights = lab.pairs(files, paper.OUTPUTS, kept, _say)
    else:
        weights = {outputs: shipped(1)[:, : 1 + outputs] for outputs in paper.OUTPUTS}
    return {outputs: write_model(of, kept / f"model-64-{outputs}.npy") for outputs, of in weights.items()}
