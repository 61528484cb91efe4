"""Checks for what a comparison needs, before the work begins."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from apercu.errors import MissingExtra, OptionError

COMPARING = ("bjontegaard", "matplotlib")
"""What a comparison needs last: for BD-rate and curves."""


def check_packages(doing: str, packages: Sequence[str], extra: str = "bench") -> None:
    """Raises MissingExtra, naming all packages that are missing, and the extra that brings them."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"{doing} needs {' and '.join(missing)}: pip install 'apercu[{extra}]'")


def check_folder(option: str, folder: Path) -> None:
    """Raises OptionError where a folder cannot be written to, or made."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise OptionError(f"{option} {folder}: {nearest} is no folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OptionError(f"{option} {folder}: {nearest} cannot be written to")
