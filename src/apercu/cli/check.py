"""`apercu check`: every fault of apercu files."""

import argparse

import apercu
from apercu.cli import streams
from apercu.cli.messages import EXIT_FAULTS, EXIT_MISTAKE, complain, describe, say
from apercu.errors import ApercuError, FormatError, printable

DESCRIPTION = (
    "Look for faults in apercu files and name each: what is damaged, missing, or against the rules of the format."
)

EXAMPLES = """\
examples:
  apercu check photo.apc
  apercu check *.apc && echo all sound

The exit code is 0 when every file is sound, 1 when any has a fault, 2 when any could not be read at all.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="apercu file, or - for standard input")
    parser.add_argument("--model", metavar="FILE", help="weights of your own that the files were encoded with")
    streams.add_limit(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print every fault of each file, or that it is sound; returns the exit code."""
    streams.set_limit(arguments)
    any_fault = any_unread = False
    for name in arguments.files:
        try:
            faults = _faults(name, arguments.model)
        except OSError as error:
            complain(describe(error))
            any_unread = True
            continue
        for fault in faults:
            say(f"{streams.label(name)}: {type(fault).__name__}: {printable(str(fault))}")
        if not faults:
            say(f"{streams.label(name)}: sound")
        any_fault |= bool(faults)
    return EXIT_MISTAKE if any_unread else EXIT_FAULTS if any_fault else 0


def _faults(name: str, model: str | None) -> list[ApercuError]:
    try:
        data = streams.read_apercu(name)
    except FormatError as fault:  # found before all of the file was read
        return [fault]
    return apercu.check(data, model=model)
