"""What `encode` and `decode` share: one file to another, or many files to a folder (`--out`)."""

import argparse
import os
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from apercu.cli import streams
from apercu.cli.messages import EXIT_MISTAKE, describe
from apercu.errors import ApercuError, OptionError, printable

if TYPE_CHECKING:
    from apercu.bridges.batch import Outcome

GENERATED = (
    "parts of the output are generated: a network made up detail that the file does not hold; the output says so"
)
"""The remark on pictures that a generative restorer made, said once."""


def add_files(parser: argparse.ArgumentParser, one: str, many: str, what: str) -> None:
    """Add the files; `one` and `many` show the two ways to call the command, `what` says what files are meant."""
    parser.usage = f"{parser.prog} {one} [options]\n       {parser.prog} {many} [options]"
    parser.add_argument("files", metavar="FILE", nargs="*", help=what)
    parser.add_argument(
        "--out", metavar="FOLDER", help="write a file for each input to this folder, which is made if it is not there"
    )
    parser.set_defaults(ways=f"{one}, or {many}")


def in_and_out(arguments: argparse.Namespace) -> tuple[str, str]:
    """The two files of a call without --out. Raises OptionError."""
    if arguments.files and os.path.isdir(folder := arguments.files[-1]):
        raise OptionError(f"{printable(folder)} is a folder; to write to it, put --out before it")
    if len(arguments.files) != 2:
        n_files = len(arguments.files)
        given = "1 file was given" if n_files == 1 else f"{n_files or 'no'} files were given, and no --out"
        raise OptionError(f"give {arguments.ways}; {given}")
    source, target = arguments.files
    return source, target


def inputs(arguments: argparse.Namespace) -> Sequence[str]:
    """The files of a call with --out. Raises OptionError."""
    files: Sequence[str] = arguments.files
    if not files:
        raise OptionError(f"give {arguments.ways}; no files were given")
    if streams.STANDARD in (*files, arguments.out):
        raise OptionError("--out FOLDER goes with files that have names, not with -")
    return files


def report(doing: str, outcomes: "Generator[Outcome, None, None]", n_files: int) -> "tuple[list[Outcome], int]":
    """Work through many files, with a progress bar and a line for each that fails.

    Returns the outcomes of those that did not fail, and the exit code.
    """
    done: list[Outcome] = []
    n_failed = 0
    with closing(outcomes), streams.progress_bar(doing) as progress:
        while len(done) + n_failed < n_files:
            with streams.muted():
                outcome = next(outcomes)
            if outcome.error is None:
                done.append(outcome)
            else:
                n_failed += 1
            if remark := _remark(outcome):
                streams.complain_above(progress, remark)
            if progress:
                progress((len(done) + n_failed) / n_files)
    return done, EXIT_MISTAKE if n_failed else 0


def _remark(outcome: "Outcome") -> str:
    if outcome.n_concealed:
        return concealed(printable(outcome.source), outcome.n_concealed)
    error = outcome.error
    if error is None:
        return ""
    named = isinstance(error, ApercuError) or getattr(error, "filename", None) is not None
    return describe(error) if named else f"{printable(outcome.source)}: {describe(error)}"


def concealed(name: str, n_faults: int) -> str:
    """The remark on a picture of what is intact of a damaged file."""
    return f"{name}: damaged, faults concealed: {n_faults} (apercu check names them)"
