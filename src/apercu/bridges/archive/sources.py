"""What an archive consists of: files, folders and patterns of any file system that fsspec reaches, and lists of names.

Sources are listed folder by folder and line by line, so that no more than one folder's names are held in memory.
"""

import os
import posixpath
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, NamedTuple
from urllib.parse import unquote

from fsspec.core import url_to_fs
from fsspec.utils import glob_translate

from apercu.errors import OptionError

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".pgm", ".ppm", ".pnm", ".avif"),
    *(".jp2", ".j2k"),
)
"""In small letters: the files of a folder that are taken. Patterns and lists take every file that they name."""

STANDARD = "-"
_MAGIC = re.compile(r"[*?\[]")
_MOST_NAME = 1024  # bytes of an object's name, as S3 has it
_MARKS = (
    *("ETag", "etag", "md5Hash", "content_md5", "mtime", "LastModified", "last_modified", "Last-Modified"),
    *("updated", "created"),
)


class Listed(NamedTuple):
    """A source, and what is to become of it."""

    source: str
    """The URL or path by which the manifest knows it; without the query of a URL, which may hold credentials."""
    url: str
    """What is opened."""
    target: str
    """The object's name below the destination: that of the source below its folder, and `.apc`."""
    identity: str | None
    """What the listing says of its content, see `identity`."""
    share: float
    """Of all that is to be listed, the part that lies before it, 0 to 1."""
    fault: str = ""
    """Why it cannot be a source."""


class Shard(NamedTuple):
    """One of `of` parts of an archive, from 1."""

    number: int
    of: int

    def has(self, name: str) -> bool:
        """Whether it has the source of this name. By a checksum (CRC-32), so that a name is always in the same part."""
        return zlib.crc32(name.encode("utf-8", "surrogateescape")) % self.of == self.number - 1


def listed(sources: Sequence[str], names: str | None = None, shard: Shard | None = None) -> Iterator[Listed]:
    """The sources, as far as they are in this shard.

    sources: files, folders (with all below them), patterns (`*`, `?`, `[]`, `**` for any folders).
    names: a file with a name in each line, relative to the one folder in `sources`; `-` is standard input.

    Raises:
        OptionError: a source is not there, or names go with several folders.
        OSError: a folder or the list cannot be read.
    """
    if names is not None:
        if len(sources) != 1:
            raise OptionError(f"names of a list are relative to one folder, and {len(sources)} sources are given")
        found = _of_list(sources[0], names)
    else:
        found = (one for place, source in enumerate(sources) for one in _of(source, place, len(sources)))
    return (one for one in found if shard is None or shard.has(one.target))


def identity(info: dict[str, Any]) -> str | None:
    """What a file system says of a file that changes with its content: its size, and the first that is known of ETag,
    checksum and time. None where it says nothing of the kind."""
    mark = next((info[name] for name in _MARKS if info.get(name) is not None), None)
    return None if mark is None else f"{info.get('size')} {mark}"


def is_local(fs: Any) -> bool:
    """Whether a file system is the machine's own."""
    return "file" in _protocols(fs)


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


def _is_web(fs: Any) -> bool:
    return "http" in _protocols(fs)


def _of(source: str, place: int, n_sources: int) -> Iterator[Listed]:
    fs, path = url_to_fs(source)
    low, high = place / n_sources, (place + 1) / n_sources
    is_there = is_local(fs) and os.path.lexists(path)  # whose name may hold what else is a pattern
    if not is_there and _MAGIC.search(path.partition("?")[0] if _is_web(fs) else path):
        yield from _matching(fs, path, low, high)
    elif source.endswith("/") if _is_web(fs) else fs.isdir(path):
        yield from _below(fs, path, "", low, high, SUFFIXES)
    else:
        try:
            info = fs.info(path)
        except FileNotFoundError:
            raise OptionError(f"{source}: no such file or folder") from None
        yield _described(fs, path, posixpath.basename(_plain(fs, path).rstrip("/")), identity(info), low)


def _matching(fs: Any, pattern: str, low: float, high: float) -> Iterator[Listed]:
    parts = pattern.split("/")
    n_plain = next(number for number, part in enumerate(parts) if _MAGIC.search(part))
    root = "/".join(parts[:n_plain]) or ("/" if pattern.startswith("/") else "")
    depth = None if "**" in pattern else len(parts) - n_plain
    matches = re.compile(glob_translate(pattern))
    for one in _below(fs, root, "", low, high, None, depth):
        if matches.match(_path(fs, one.url)):
            yield one


def _below(
    fs: Any, folder: str, name: str, low: float, high: float, suffixes: tuple[str, ...] | None, depth: int | None = None
) -> Iterator[Listed]:
    """The files below a folder, whose name below the source is `name`; each entry has an equal share of low to high."""
    prefix = folder if folder.endswith("/") else f"{folder}/" if folder else ""
    entries = sorted(fs.ls(folder, detail=True), key=lambda entry: str(entry["name"]))
    fs.invalidate_cache()  # which would hold the names of all folders
    for number, entry in enumerate(entries):
        path = entry["name"].rstrip("/") if entry["type"] == "directory" else entry["name"]
        # A page may link to anywhere, and a store may list the folder itself.
        rest = path.removeprefix(prefix)
        if not path.startswith(prefix) or not rest or "/" in rest:
            continue
        at, then = (low + (high - low) * place / len(entries) for place in (number, number + 1))
        if entry.get("islink"):  # a folder behind it could be one above
            entry = _behind(fs, path)
        if entry["type"] == "directory":
            if depth is None or depth > 1:
                yield from _below(fs, path, f"{name}{rest}/", at, then, suffixes, depth and depth - 1)
        elif entry["type"] == "file" and (suffixes is None or _suffix(fs, path) in suffixes):
            yield _described(fs, path, name + _plain(fs, rest), identity(entry), at)


def _behind(fs: Any, path: str) -> dict[str, Any]:
    """What a link leads to, if it is a file."""
    real = os.path.realpath(path)
    return fs.info(real) if os.path.isfile(real) else {"type": "other"}


def _of_list(folder: str, names: str) -> Iterator[Listed]:
    fs, root = url_to_fs(folder)
    root = root.rstrip("/")
    with _lines(names) as (stream, n_bytes):
        done = 0
        for line in stream:
            share = done / n_bytes if n_bytes else 0.0
            done += len(line)
            text = os.fsdecode(line).rstrip("\r\n")
            if text:
                yield _named(fs, root, text, share)


def _named(fs: Any, root: str, text: str, share: float) -> Listed:
    """The source of a line of a list."""
    whole = "://" in text or text.startswith("/")
    path = _path(fs, text) if whole else f"{root}/{text.removeprefix('./')}"
    name = _plain(fs, path.removeprefix(f"{root}/"))
    if not path.startswith(f"{root}/") or ".." in name.split("/"):
        return Listed(text, text, text, None, share, f"lies outside {root or '/'}")
    return _described(fs, path, name, None, share)


@contextmanager
def _lines(names: str) -> Iterator[tuple[IO[bytes], int]]:
    """A list, and how many bytes it has, 0 where that is not known."""
    if names == STANDARD:
        if sys.stdin is None:
            raise OptionError("standard input is closed")
        yield sys.stdin.buffer, 0
        return
    fs, path = url_to_fs(names)
    with fs.open(path, "rb") as stream:
        yield stream, fs.size(path) or 0


def _described(fs: Any, path: str, name: str, found: str | None, share: float) -> Listed:
    url = path if is_local(fs) else fs.unstrip_protocol(path)
    name = unquote(name) if _is_web(fs) else name
    target = posixpath.normpath(name) + ".apc"
    fault = ""
    if target.startswith(("/", "../")) or "\0" in target:
        fault = f"{target} would be no name below the destination"
    elif len(target.encode("utf-8", "surrogateescape")) > _MOST_NAME:
        fault = f"a name of more than {_MOST_NAME} bytes"
    return Listed(_plain(fs, url), url, target, found, share, fault)


def _plain(fs: Any, url: str) -> str:
    """Without the query of a web address."""
    return re.split(r"[?#]", url, maxsplit=1)[0] if _is_web(fs) else url


def _suffix(fs: Any, path: str) -> str:
    return posixpath.splitext(_plain(fs, path))[1].lower()


def _path(fs: Any, url: str) -> str:
    """How the file system itself calls a URL."""
    name: str = fs._strip_protocol(url)  # a class method that fsspec's documentation names
    return name
