"""What the commands that measure codecs share: which codecs, where results are kept, how much is printed."""

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from apercu.cli.messages import complain
from apercu.errors import MissingExtra, OptionError
from apercu.restore.by_name import RESTORERS

_SHOWN = 8  # reasons that are printed


def add_codecs(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the options that `contestants` reads; `default` names the codecs that are taken without --codecs."""
    parser.add_argument(
        "--codecs",
        metavar="NAME",
        nargs="+",
        help=f"codecs of apercu (default: {default}); with another entropy coder: dct-huffman",
    )
    parser.add_argument(
        "--restore",
        metavar="NAME",
        nargs="+",
        help=f"how apercu restores detail: none, {', '.join(RESTORERS)} (default: none; with --network none and cnn)",
    )
    parser.add_argument(
        "--model",
        metavar="LABEL=FILE",
        nargs="+",
        action="extend",
        default=[],
        help="tables of your own, made by apercu train, beside the shipped ones",
    )
    parser.add_argument(
        "--network",
        metavar="LABEL=FILE",
        nargs="+",
        action="extend",
        default=[],
        help="networks of your own for --restore cnn, beside the shipped one",
    )


def add_work(parser: argparse.ArgumentParser) -> None:
    """Add how many processes work, and where their results are kept."""
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (default: one for each core)")
    parser.add_argument(
        "--cache", metavar="FOLDER", type=Path, help="where measurements are kept (default: the user's cache folder)"
    )


def contestants(arguments: argparse.Namespace, default: Sequence[str]) -> tuple[list[Any], list[Any], list[Any]]:
    """(`own.Own` of each codec, tables, networks) that were asked for. Raises OptionError, ModelError, MissingExtra."""
    from apercu.bench import own

    codecs = listed(arguments.codecs, "--codecs", own.names()) or list(default)
    models, networks = own.given(arguments.model, "--model"), own.given(arguments.network, "--network")
    restorers = arguments.restore or (["none", "cnn"] if networks else ["none"])
    return own.contestants(codecs, list(dict.fromkeys(restorers)), models, networks), models, networks


def check_rates(rates: Sequence[float]) -> None:
    """Raises OptionError where --bpp is no rate."""
    if not all(0 < rate <= 64 for rate in rates):
        raise OptionError("--bpp takes rates above 0, and of 64 at most")


def check_least(**numbers: int | None) -> None:
    """Raises OptionError where an option, by its name, is below 1."""
    for name, value in numbers.items():
        if value is not None and value < 1:
            raise OptionError(f"--{name} is at least 1, not {value}")


def listed(given: Sequence[str] | None, option: str, known: Mapping[str, Any] | Sequence[str]) -> list[str] | None:
    """Names separated by spaces or commas, each once and each known; None where none were given."""
    if given is None:
        return None
    names = list(dict.fromkeys(name for part in given for name in part.split(",") if name))
    for name in names:
        if name not in known:
            raise OptionError(f"{option}: no {name!r}; there are {', '.join(known)}")
    return names


def cache_folder(command: str, extra: str = "bench") -> Path:
    """Where a command keeps its results by default. Raises MissingExtra."""
    try:
        import platformdirs
    except ImportError as error:
        raise MissingExtra(f"{command} needs platformdirs, or --cache: pip install 'apercu[{extra}]'") from error
    return Path(platformdirs.user_cache_path("apercu", appauthor=False)) / command


def width() -> int | None:
    """Characters of a line of the terminal; no limit for what goes to a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def say_reasons(what: str, reasons: Sequence[str], file: str) -> None:
    """Print the first of some reasons on standard error; `file` is where all of them are."""
    for why in reasons[:_SHOWN]:
        complain(f"{what}: {why}")
    if len(reasons) > _SHOWN:
        complain(f"{what}: {len(reasons) - _SHOWN} more, named in {file}")
