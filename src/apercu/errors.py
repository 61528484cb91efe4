"""Every error that apercu raises on purpose.

ApercuError
├── ImageError           (ValueError)   the array cannot be encoded: dtype, shape, NaN, size
├── OptionError          (ValueError)   an argument or a combination of arguments makes no sense
├── TargetUnreachable    (ValueError)   no setting meets the size or quality asked for
├── ModelError           (ValueError)   weights are missing, damaged or of the wrong shape
├── FileFormatError      (ValueError)   a picture file cannot be read or written without loss of bits
├── MissingExtra         (ImportError)  an optional dependency is not installed
└── FormatError          (ValueError)   the bytes are not a sound apercu file
    ├── NotApercu            the first bytes are not those of an apercu file
    ├── UnsupportedVersion   a version of the format that this release does not read
    ├── UnknownModel         a model id that this release does not know
    ├── UnknownChunk         a chunk that this release does not know, and without which the image cannot be understood
    ├── TooLarge             declared size above apercu.MAX_PIXELS
    ├── Truncated            the file ends before its header says
    ├── ChecksumError        a checksum does not match: the bytes are damaged
    └── CorruptStream        the checksums match, but the content breaks a rule of the format
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager


class ApercuError(Exception):
    """Base of all errors that apercu raises on purpose."""


class ImageError(ApercuError, ValueError):
    """The array cannot be encoded: wrong dtype, shape or size."""


class OptionError(ApercuError, ValueError):
    """An argument, or a combination of arguments, makes no sense."""


class TargetUnreachable(ApercuError, ValueError):
    """No setting of the codec meets the target; the message names the nearest value that can be met."""


class ModelError(ApercuError, ValueError):
    """Weights are missing, damaged or of the wrong shape."""


class FileFormatError(ApercuError, ValueError):
    """A picture file cannot be read or written without losing bits, or is of no known kind."""


class MissingExtra(ApercuError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class FormatError(ApercuError, ValueError):
    """The bytes are not a sound apercu file."""

    layer = 0
    """From a codec that reads the layers of a tile: which of them has the fault, from 0."""


class NotApercu(FormatError):
    """The first bytes are not those of an apercu file."""


class UnsupportedVersion(FormatError):
    """The file is of a version of the format that this release does not read."""


class UnknownModel(FormatError):
    """The file names a model id that this release does not know."""


class UnknownChunk(FormatError):
    """The prefix has a critical chunk that this release does not know."""


class TooLarge(FormatError):
    """The declared image is larger than `apercu.MAX_PIXELS` allows."""


class Truncated(FormatError):
    """The file ends before its header says it does."""


class ChecksumError(FormatError):
    """A checksum does not match: the bytes are damaged."""


class CorruptStream(FormatError):
    """The content breaks a rule of the format."""


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Put the name of the file at the beginning of an ApercuError, as `printable` shows it."""
    try:
        yield
    except ApercuError as error:
        raise type(error)(f"{printable(name)}: {error}") from error


@contextmanager
def naming_file(path: str | os.PathLike[str]) -> Iterator[None]:
    """Let an OSError that names no file name this one."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = os.fspath(path)
        raise


def size_of(width: int, height: int, n_bands: int) -> str:
    """How messages tell the size of an image: `640 × 480 pixels of 3 bands`."""
    return f"{width} × {height} pixel{'s' * (width * height != 1)} of {n_bands} band{'s' * (n_bands != 1)}"


def printable(text: str, keep: str = "") -> str:
    """Text from anyone, such as the name of a file, as it may go to a terminal, a log or a page.

    What acts on a terminal, or is not seen there, becomes its escape sequence: control characters (`\\x1b`), marks that
    turn the direction of text (`\\u202e`), line separators, and bytes of a name that are no characters (`\\xff`).
    The characters of `keep` stay.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    if "\udc80" <= char <= "\udcff":  # how Python holds a byte of a name that it cannot decode
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode()
