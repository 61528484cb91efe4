"""`apercu reproduce fraihat2023`: Figure 3 of the survey that tells of Fraihat and Al-Betar 2023."""

import argparse
from pathlib import Path
from typing import Any

from apercu.cli.messages import log, remark, say
from apercu.errors import ApercuError, OptionError

DESCRIPTION = """\
Compression rates as in Figure 3 of the survey of Baskar et al., each with its PSNR, of digits as MNIST has them and of
all grey and colour pictures of 8 bits below --images. Of the digits, only those are measured that the shipped tables
were not trained on. The page is printed and written to OUT/fraihat2023.md.
"""

EXAMPLES = """\
examples:
  apercu reproduce fraihat2023 --images photographs --digits t10k-images-idx3-ubyte.gz --out rates
"""

QUICK_EVERY = 5
"""Digits of which one is measured."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("--images", metavar="DIR", type=Path, required=True, help="folder of the images to measure on")
    parser.add_argument("--digits", metavar="FILE", type=Path, help="digits, a gzipped IDX file")
    parser.add_argument("--quick", action="store_true", help=f"one of {QUICK_EVERY} digits")


def run(arguments: argparse.Namespace) -> int:
    """Measure; returns the exit code."""
    import numpy as np

    from apercu.bench import fraihat2023
    from apercu.bridges import files
    from apercu.lab.stacked_blocks import held_out, mosaic, read_idx

    out: Path = arguments.out
    digits: list[np.ndarray[Any, np.dtype[np.uint8]]] = []
    sets: dict[str, list[np.ndarray[Any, np.dtype[np.uint8]]]] = {"digits": [], "grey": [], "colour": []}
    if arguments.digits is not None:
        digits = list(read_idx(arguments.digits))
        others = [digit for digit, out in zip(digits, held_out(len(digits)), strict=True) if out]
        sets["digits"] = others[:: QUICK_EVERY if arguments.quick else 1]
    for path in sorted(arguments.images.rglob("*")):
        if path.suffix.lower() in files.PICTURE_SUFFIXES and path.is_file():
            try:
                image, bands = files.read(path)
            except ApercuError as error:
                remark(f"passed over: {error}")
                continue
            if bands in ("grey", "rgb") and image.dtype.itemsize == 1:
                sets["grey" if bands == "grey" else "colour"].append(image.astype(np.uint8))
    if not any(sets.values()):
        raise OptionError(f"no grey and no colour pictures of 8 bits in {arguments.images}")
    out.mkdir(parents=True, exist_ok=True)
    page = fraihat2023.report(sets, digits, mosaic, log)
    (out / "fraihat2023.md").write_text(page, encoding="utf-8")
    say(page)
    return 0
