"""`apercu train`: weights from one's own images."""

import argparse
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from apercu.errors import MissingExtra, OptionError

DESCRIPTION = """\
Train a codec's weights, or the network of `decode --restore cnn`, on the images below a folder. A codec's file is used
with `--model FILE` by `encode` and `decode`, a network with `--network FILE` by `decode`. The recipe (seed, losses,
SHA-256 of every image) is written beside it, ending in .json. Training of the network takes hours, and goes on where
it was cut off."""

EXAMPLES = """\
examples:
  apercu train apercu --images photos --out mine.npy
  apercu train cnn --images photos --out mine.onnx
  apercu encode scene.png scene.apc --bpp 0.1 --model mine.npy
  apercu decode scene.apc back.png --model mine.npy
  apercu decode photo.apc back.png --restore cnn --network mine.onnx
"""

TRAINERS = {"apercu": "apercu.lab.apercu", "cnn": "apercu.lab.cnn_training", "taha2025": "apercu.lab.taha2025"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("what", choices=TRAINERS, help="codec or restorer whose weights to train")
    parser.add_argument("--images", metavar="DIR", type=Path, required=True, help="folder of images, searched through")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, required=True, help="file to write: tables as .npy, a network as .onnx"
    )
    parser.add_argument("--seed", type=int, default=None, help="of the random start (the recipe's own by default)")


def run(arguments: argparse.Namespace) -> int:
    """Train and write; returns the exit code."""
    if find_spec("torch") is None:
        raise MissingExtra("training needs PyTorch: pip install 'apercu[train]'")
    if not arguments.images.is_dir():
        raise OptionError(f"{arguments.images} is no folder")
    if not arguments.out.parent.is_dir():
        raise OptionError(f"{arguments.out.parent} is no folder to write to")
    trainer = import_module(TRAINERS[arguments.what])
    trainer.train(arguments.images, arguments.out, trainer.SEED if arguments.seed is None else arguments.seed)
    return 0
