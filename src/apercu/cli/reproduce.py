"""`apercu reproduce`: what a paper reports, measured again and set beside what the paper says."""

import argparse
from importlib import import_module
from pathlib import Path

DESCRIPTION = """\
Make the tables and figures of a paper again. Each paper has its own options: apercu reproduce PAPER --help.
"""

EXAMPLES = """\
examples:
  apercu reproduce taha2025 --images classic --train photographs --out reproduction
  apercu reproduce fraihat2023 --images photographs --digits t10k-images-idx3-ubyte.gz --out rates
  apercu reproduce tallec2017 --out balancing
  apercu reproduce mali2021 --images photographs --transfer aerial --out decoders
  apercu reproduce pohl2022 --out breathing
"""

# Each module offers DESCRIPTION, EXAMPLES, add_arguments(parser) and run(arguments) -> exit code.
PAPERS = {
    "taha2025": ("apercu.cli.papers.taha2025", "two linear autoencoders: Tables 1 to 5, Figures 7 to 12"),
    "fraihat2023": ("apercu.cli.papers.fraihat2023", "stacked autoencoders: compression rates, each with its PSNR"),
    "tallec2017": ("apercu.cli.papers.tallec2017", "recurrent networks: influence balancing by TBPTT, RTRL and UORO"),
    "mali2021": ("apercu.cli.papers.mali2021", "recurrent decoders of blocks, by rule of learning and optimiser"),
    "pohl2022": ("apercu.cli.papers.pohl2022", "prediction of breathing by UORO, RTRL, LMS and linear regression"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    papers = parser.add_subparsers(dest="paper", metavar="PAPER", required=True, title="papers")
    for name, (path, does) in PAPERS.items():
        module = import_module(path)
        of_paper = papers.add_parser(name, help=does, description=module.DESCRIPTION, epilogue=module.EXAMPLES)
        module.add_arguments(of_paper)
        of_paper.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder to write to")


def run(arguments: argparse.Namespace) -> int:
    """Make a paper again; returns the exit code."""
    code: int = import_module(PAPERS[arguments.paper][0]).run(arguments)
    return code
