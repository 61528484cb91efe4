"""Checks for what a comparison needs, before the work begins."""

import os
from importlib.util import find_spec
from pathlib import Path

from apercu.errors import MissingExtra, OptionError

_PACKAGES = ("bjontegaard", "matplotlib")  # of BD-rate and of curves, which come last


def check_packages() -> None:
    """Raises MissingExtra, naming all packages that are missing."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"compare needs {' and '.join(missing)}: pip install 'apercu[bench]'")


def check_folder(option: str, folder: Path) -> None:
    """Raises OptionError where a folder cannot be written to, or made."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise OptionError(f"{option} {folder}: {nearest} is no folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OptionError(f"{option} {folder}: {nearest} cannot be written to")
