"""`apercu reproduce taha2025`: the tables and figures of the paper, ours beside the paper's."""

import argparse
import json
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apercu.cli.messages import log, say
from apercu.errors import MissingExtra, OptionError

if TYPE_CHECKING:
    from apercu.bench.paper.effort import Effort
    from apercu.bench.paper.points import Image
    from apercu.bench.paper.table import Table

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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("--images", metavar="DIR", type=Path, required=True, help="folder of the images to measure on")
    parser.add_argument("--train", metavar="DIR", type=Path, help="folder of training images")
    parser.add_argument("--quick", action="store_true", help="less training and a coarser search; says so")


def run(arguments: argparse.Namespace) -> int:
    """Make everything again; returns the exit code."""
    if find_spec("matplotlib") is None:
        raise MissingExtra("the figures need Matplotlib: pip install 'apercu[bench]'")
    from apercu.bench.paper import effort, published
    from apercu.bench.paper import figures as drawings
    from apercu.bench.paper import page as pages
    from apercu.bench.paper.bounds import blocks_of, own_weights, write_model
    from apercu.bench.paper.measure import measure_image

    begun = time.monotonic()
    work = effort.QUICK if arguments.quick else effort.FULL
    images = _images(arguments.images)
    files, missing = _training_files(arguments.train, arguments.images, work)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    head = effort.notes(work, list(images), len(files))
    if missing:
        head.append(f"Tables 1 and 2 are left out: {missing}")
    tables = _networks(images, files, work, out / "networks") if files else []
    models = _models(files, out / "networks")
    curves, sizes, figures = {}, [], []
    for name, image in images.items():
        fitted = write_model(own_weights(blocks_of(image)), out / "networks" / f"fitted-to-{name}.npy")
        found, curves[name] = measure_image(name, image, models, fitted, work.grid, log)
        sizes.append(pages.sizes_table(name, found))
        drawn, shown = published.FIGURES[name]
        drawings.draw_curves(name, curves[name], out / f"figure{drawn}.png")
        figures.append((f"Figure {drawn}: {name}, PSNR and SSIM against rate", "", f"figure{drawn}.png"))
        captions = drawings.draw_pictures(image, out / f"figure{shown}.png")
        figures.append((f"Figure {shown}: {name}, at equal size", ". ".join(captions) + ".", f"figure{shown}.png"))
    claim, own = claims = pages.claim_table(curves), pages.paper_claim_table(curves)
    tables += [*sizes, *claims]
    answers = pages.answer(claim, own)
    head.append(f"Made in {(time.monotonic() - begun) / 60:.1f} minutes, less what was taken from networks/.")
    page = pages.page(head, tables, answers, figures)
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


def _images(folder: Path) -> dict[str, "Image"]:
    """Those of the paper's images that the folder holds; raises OptionError for one of another size or kind."""
    import numpy as np

    from apercu.bench.paper import published
    from apercu.bridges import files

    found = {}
    for name in published.IMAGES:
        for path in sorted(folder.glob(f"{name}.*")):
            if path.suffix.lower() in files.PICTURE_SUFFIXES and path.is_file():
                image, bands = files.read(path)
                if bands != "grey" or image.dtype.itemsize != 1 or image.shape != published.SIZE:
                    raise OptionError(f"{path}: the paper measures on grey images of 512 × 512 pixels of 8 bits")
                found[name] = image.astype(np.uint8)
                break
    if not found:
        raise OptionError(f"none of {', '.join(published.IMAGES)} in {folder}: name their folder with --images")
    return found


def _training_files(folder: Path | None, images: Path, effort: "Effort") -> tuple[list[Path], str]:
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


def _networks(images: dict[str, "Image"], files: list[Path], effort: "Effort", kept: Path) -> list["Table"]:
    """Tables 1 and 2."""
    from apercu.bench.paper.bounds import blocks_of
    from apercu.bench.paper.networks import Start, networks_tables
    from apercu.lab import taha2025_networks as lab

    blocks = lab.sampled_blocks(files, effort.per_image)
    measured = {name: blocks_of(image) for name, image in images.items()}
    log(f"Tables 1 and 2: {len(blocks):,} blocks of {len(files)} images")

    def train(activation: str, layers: int, latents: int) -> list[Start]:
        seeds = range(lab.SEED, lab.SEED + effort.starts)
        networks = [lab.Network(activation, layers, latents, seed, effort.steps) for seed in seeds]
        trained = lab.starts(networks, blocks, measured, kept, log)
        return [Start(one.on_training, one.on_images) for one in trained]

    plain = {layers: lab.Network("none", layers, 1, 0, 0) for layers in lab.WIDTHS}
    shapes = {layers: (network.widths, network.n_parameters) for layers, network in plain.items()}
    return networks_tables(blocks, measured, train, shapes)


def _models(files: list[Path], kept: Path) -> dict[int, Path]:
    """Weights by outputs: trained, or the shipped ones, whose rows stand in principal order, cut off."""
    from apercu.bench.paper import published
    from apercu.bench.paper.bounds import write_model
    from apercu.codecs.tables import shipped

    if files:
        from apercu.lab import taha2025_networks as lab

        weights = lab.pairs(files, published.OUTPUTS, kept, log)
    else:
        weights = {outputs: shipped(1).weights[:, : 1 + outputs] for outputs in published.OUTPUTS}
    return {outputs: write_model(of, kept / f"model-64-{outputs}.npy") for outputs, of in weights.items()}
