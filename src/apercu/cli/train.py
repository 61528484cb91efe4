"""`apercu train`: weights from one's own images."""

import argparse
import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from apercu.cli import streams
from apercu.cli.messages import flush_output, say
from apercu.errors import MissingExtra, OptionError
from apercu.format.ids import CODECS, NETWORKS
from apercu.replacing import check_target

DESCRIPTION = """\
Train a codec's weights, or the network of `decode --restore cnn`, on the images below a folder. A codec's file is used
with `--model FILE` by `encode` and `decode`, a network with `--network FILE` by `decode`. The recipe (seed, losses,
SHA-256 of every image) is written beside it, ending in .json.

apercu    takes seconds to minutes, and needs no PyTorch. It takes the pictures that `encode` takes: grey, colour,
          16 bits, many bands; what cannot be read is passed over and named. Only the middle of a picture of more
          than 33 million samples is used.
dct       takes minutes to hours, and needs no PyTorch. It takes pictures of 8 bits, as RGB; --goal says whether PSNR or
          SSIM shall be high.
cnn       takes hours, and goes on where it was cut off. It needs PyTorch: pip install 'apercu[train]'.
cnn_blocks
          is the network for the codecs of 8 × 8 blocks, taha2025, dct and stacked_ae; it begins with the shipped cnn,
          and learns from pictures that are drawn, too.
stacked_ae
          takes half an hour, goes on where it was cut off, and needs PyTorch. From pictures it makes tables for blocks
          of 8 × 8; from a folder with digits as MNIST has them (...images-idx3-ubyte.gz), for blocks of 28 × 28.
taha2025, predictive  take minutes, and need PyTorch as well. The file of taha2025 is for Huffman codes; --weights
          FILE makes one of it that is for range coding too, and decodes to the same pixels."""

EXAMPLES = """\
examples:
  apercu train apercu --images photos --out mine.npy
  apercu compare others --model mine=mine.npy --out report/   what they bring, on other pictures
  apercu train dct --images photos --goal ssim --out mine-dct.npy
  apercu train cnn --images photos --out mine.onnx
  apercu encode scene.png scene.apc --bpp 0.1 --model mine.npy
  apercu decode scene.apc back.png --model mine.npy
  apercu decode photo.apc back.png --restore cnn --network mine.onnx
"""

TRAINERS = {codec: f"apercu.lab.{codec}" for codec in CODECS} | dict.fromkeys(NETWORKS, "apercu.lab.cnn_training")
"""Modules that have `train`."""
WITHOUT_TORCH = ("apercu", "dct")
NEEDS_OF_NETWORKS = ("torch", "onnx", "onnxscript", "matplotlib")
"""Of these, some come at the end of hours."""
GOALS = ("psnr", "ssim", "none")
OPTIONS = {"goal": "dct", "every": "dct", "weights": "taha2025"}
"""Options of one codec, and which."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("what", choices=TRAINERS, help="codec or restorer whose weights to train")
    parser.add_argument("--images", metavar="DIR", type=Path, required=True, help="folder of images, searched through")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, required=True, help="file to write: tables as .npy, a network as .onnx"
    )
    parser.add_argument("--seed", type=int, default=None, help="of the random start (the recipe's own by default)")
    parser.add_argument("--goal", choices=GOALS, help="dct: what its steps are for (psnr by default)")
    parser.add_argument(
        "--weights", metavar="FILE", type=Path, help="taha2025: keep these weights, and train what range coding needs"
    )
    parser.add_argument("--every", metavar="N", type=int, help="dct: take one of every N images (all by default)")


def run(arguments: argparse.Namespace) -> int:
    """Train and write; returns the exit code."""
    packages = NEEDS_OF_NETWORKS if arguments.what in NETWORKS else ("torch",) * (arguments.what not in WITHOUT_TORCH)
    if missing := [name for name in packages if find_spec(name) is None]:
        raise MissingExtra(f"train {arguments.what} needs {' and '.join(missing)}: pip install 'apercu[train]'")
    if not arguments.images.is_dir():
        raise OptionError(f"{arguments.images}: no such folder")
    if arguments.out.suffix == ".json":
        raise OptionError(f"--out {arguments.out}: the recipe, which is written beside it, has this name")
    check_target(arguments.out)
    options = {name: value for name in OPTIONS if (value := getattr(arguments, name)) is not None}
    if strange := [name for name in options if OPTIONS[name] != arguments.what]:
        raise OptionError(f"train {arguments.what} takes no --{strange[0]}")
    if arguments.what == "apercu":
        options["read"] = streams.read_picture
    if arguments.what in NETWORKS:
        options["what"] = arguments.what
    trainer = import_module(TRAINERS[arguments.what])
    trainer.train(
        arguments.images, arguments.out, trainer.SEED if arguments.seed is None else arguments.seed, log=_log, **options
    )
    names = (streams.label(os.fspath(path)) for path in (arguments.out, arguments.out.with_suffix(".json")))
    say("wrote {}, and the recipe {}".format(*names))
    return 0


def _log(line: str) -> None:
    say(line)
    flush_output()
