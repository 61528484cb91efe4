"""`apercu info`: what apercu files say of themselves."""

import argparse
import json

import apercu
from apercu.cli import streams
from apercu.cli.messages import EXIT_MISTAKE, complain, describe
from apercu.errors import ApercuError

DESCRIPTION = "Tell what apercu files say of themselves: size, codec, quality, rate, and how their blocks were coded."

EXAMPLES = """\
examples:
  apercu info photo.apc
  apercu info --json *.apc        one JSON object a line
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="apercu file, or - for standard input")
    parser.add_argument("--json", action="store_true", help="print one JSON object a file, each on a line of its own")


def run(arguments: argparse.Namespace) -> int:
    """Print the facts of each file; returns the exit code. A file that cannot be read does not keep back the others."""
    code = 0
    for name in arguments.files:
        try:
            facts = apercu.info(streams.read_bytes(name))
        except (ApercuError, OSError) as error:
            complain(describe(error) if isinstance(error, OSError) else f"{streams.label(name)}: {error}")
            code = EXIT_MISTAKE
            continue
        if arguments.json:
            print(json.dumps({"file": name, **facts}))
        else:
            print(streams.printable(name))
            for key, value in facts.items():
                print(f"  {key:15} {f'{value:.7g}' if isinstance(value, float) else value}")
    return code
