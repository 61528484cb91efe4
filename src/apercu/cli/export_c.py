"""`apercu export-c`: the encoder as C for a microcontroller."""

import argparse

from apercu.bridges.export_c import EXPORTED, TILES, export_c
from apercu.cli.messages import say
from apercu.errors import OptionError
from apercu.format.ids import NAMED_MODELS

DESCRIPTION = """\
Write the encoder of a codec, apercu or taha2025, as C99 for a microcontroller, for images of one kind: sources,
tables, a header that states the RAM, a Makefile and an example. It uses integers only and allocates nothing. The files
that it makes are those of `apercu encode --codec NAME --quality Q --tile N --layers L`, byte for byte.
"""

EXAMPLES = """\
examples:
  apercu export-c --tile 128 --bands rgb --out encoder/       colours in tiles of 128 x 128
  apercu export-c --tile 64 --bands grey --out encoder/       the least RAM
  apercu export-c --codec taha2025 --tile 64 --out encoder/   the codec with the fewest instructions
  apercu export-c --bands 4 --bits 16 --layers 3 --out encoder/
"""


def _bands(text: str) -> str | int:
    return int(text) if text.isdecimal() else text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("--out", metavar="DIR", required=True, help="folder to write to; it is made if need be")
    parser.add_argument("--codec", choices=EXPORTED, default="apercu", help="the codec (default: apercu)")
    parser.add_argument("--tile", type=int, choices=TILES, default=128, help="pixels a side of a tile (default: 128)")
    parser.add_argument(
        "--bands", metavar="KIND", type=_bands, default="rgb", help="grey, rgb, or a number of bands (default: rgb)"
    )
    parser.add_argument("--bits", type=int, choices=(8, 16), default=8, help="bits of a sample (default: 8)")
    parser.add_argument("--layers", metavar="N", type=int, default=1, help="layers of a file, 1 to 5 (default: 1)")
    parser.add_argument(
        "--most-tiles", metavar="N", type=int, default=256, help="the most tiles of a file, for the RAM (default: 256)"
    )
    parser.add_argument(
        "--model", choices=tuple(NAMED_MODELS), help="tables by name: apercu_small takes a fifth of the flash"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the folder and say how much RAM it takes; returns the exit code."""
    kind = {
        name: getattr(arguments, name) for name in ("bands", "tile", "layers", "bits", "most_tiles", "model", "codec")
    }
    if isinstance(arguments.bands, str) and arguments.bands not in ("grey", "rgb"):
        raise OptionError(f"--bands must be grey, rgb or a number, not {arguments.bands}")
    ram = export_c(arguments.out, **kind)
    say(f"{arguments.out}: {ram:,} bytes of RAM, and those of a row of tiles and of the file")
    return 0
