"""OpenCV, which `faces` and `text` need: how it is loaded, and what is said where it cannot be."""

from apercu.errors import MissingExtra

_EXTRA = "pip install 'apercu[machine]'"


def one_thread() -> None:
    """Load OpenCV, and let it work in one thread. Raises ImportError, which `missing` puts in words."""
    import cv2

    cv2.setNumThreads(1)


def missing(doing: str, error: ImportError, hint: str = "") -> MissingExtra:
    """What to raise where an import failed: a package that is not there, or one whose libraries the system lacks.

    OpenCV's wheel opens windows, and so needs libraries of a desktop, which servers do not have.
    """
    if isinstance(error, ModuleNotFoundError):
        return MissingExtra(f"{doing} needs {error.name}: {_EXTRA}{hint}")
    what = f"{doing} needs {error.name or 'a package'}, which is installed, but cannot be loaded: {error}"
    return MissingExtra(what + ("; on Debian and Ubuntu: apt-get install libgl1 libglib2.0-0" * (error.name == "cv2")))
