"""One source to one object, in whatever process; a source that fails does not keep the others from being done."""

import errno
import hashlib
import os
import posixpath
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from fsspec.core import url_to_fs

import apercu
from apercu.bridges.archive import previews
from apercu.bridges.archive.sources import identity, is_local
from apercu.errors import ApercuError, OptionError, printable
from apercu.replacing import replacing

STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
"""Protocols of stores where one request writes an object whole or not at all."""

_OF_NAMES = (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EINVAL, errno.EILSEQ)  # faults of one name alone
_WRITES, _PAUSE = 3, 0.5  # how often an object is written before that counts as a fault; seconds, doubled each time
_BLOCK = 1 << 16  # bytes read at once
_MOST_SAID = 500  # characters of an error that the manifest keeps


class Job(NamedTuple):
    """What is the same for all sources."""

    destination: str
    options: Mapping[str, Any]
    """Those of `apercu.encode`."""
    page: int | None
    is_measured: bool
    """Whether previews are decoded, to measure their error."""
    max_pixels: int | None
    version: str
    """Of the package, which has to be the same everywhere."""


class Task(NamedTuple):
    """A source that may have to be done."""

    source: str
    url: str
    target: str
    identity: str | None
    before: tuple[str | None, bytes] | None
    """Identity and SHA-256 of the content that the object was made of by the same settings."""


class Outcome(NamedTuple):
    """What became of a source: a row of the manifest."""

    source: str
    target: str
    state: str
    """"done", "failed" or "refused"; "same": what was done before still holds."""
    identity: str | None
    sha256: bytes | None
    """Of the source's content."""
    n_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    bands: int | None = None
    dtype: str | None = None
    reduced: int | None = None
    """1 for a preview of the full size, 2 for one of half of it, and so on."""
    quality: float | None = None
    rmse: float | None = None
    mapping_error: float | None = None
    """See `previews.Preview`."""
    seconds: float = 0.0
    """Processor time."""
    message: str = ""


class Unwritten(OSError):
    """An object cannot be written, which is no fault of its source: the work ends, to be gone on with later."""


def check_destination(destination: str) -> None:
    """Raise the error that writing there would meet, as far as it can be told before.

    Raises:
        OptionError: nothing can be written there in one step.
        OSError: it is protected.
    """
    fs, path = url_to_fs(destination)
    if is_local(fs):
        there = path
        while not os.path.exists(there):
            there = os.path.dirname(there)
        if not os.path.isdir(there):
            raise OptionError(f"{there} is a file; name a folder to write to")
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), there)
    elif not {fs.protocol} & {*STORES} if isinstance(fs.protocol, str) else not {*fs.protocol} & {*STORES}:
        raise OptionError(f"{destination}: objects are written to folders of this machine, or to {', '.join(STORES)}")


def done(tasks: Sequence[Task], job: Job) -> list[Outcome]:
    """Do some sources, one after the other. Raises Unwritten, and OptionError where this is another version."""
    if job.version != apercu.__version__:
        raise OptionError(f"a worker has apercu {apercu.__version__}, and this is {job.version}")
    apercu.MAX_PIXELS = job.max_pixels
    store, folder = url_to_fs(job.destination)
    found = []
    for task in tasks:
        begun = time.process_time()
        outcome, data = _made(task, job)
        if data is not None:
            try:
                _write(store, posixpath.join(folder, task.target), data)
            except Unwritten as error:
                if error.errno not in _OF_NAMES:
                    raise
                outcome = failed(task, error, outcome.sha256)
        found.append(outcome._replace(seconds=time.process_time() - begun))
    return found


def failed(task: Task, error: Exception | str, sha256: bytes | None = None, local: str | None = None) -> Outcome:
    """The outcome of a source that cannot be done; `local`: the file that it was read from."""
    if isinstance(error, MemoryError):
        said = f"not enough memory: {error}"
    elif isinstance(error, OSError) and error.strerror:
        said = error.strerror
    else:
        said = str(error) if isinstance(error, ApercuError | str) else f"{type(error).__name__}: {error}"
    name = printable(local or task.source)
    said = said.removeprefix(f"{name}: ").replace(name, printable(task.source))
    said = " ".join(said[:_MOST_SAID].split())
    return Outcome(task.source, task.target, "failed", task.identity, sha256, message=printable(said))


def _made(task: Task, job: Job) -> tuple[Outcome, bytes | None]:
    """What becomes of a source, and the object that is to be written, if one is."""
    sha256 = None
    try:
        fs, path = url_to_fs(task.url)
        if task.identity is None:  # asked for before the content, which may change meanwhile
            task = task._replace(identity=identity(fs.info(path)))
        was = task.before
        if was and task.identity is not None and was[0] == task.identity:
            return _same(task, was[1]), None
        with _as_file(fs, path) as local:
            sha256 = _sha256(local)
            if was and was[1] == sha256:
                return _same(task, sha256), None
            try:
                made = previews.make(local, job.page, job.is_measured, job.options)
            except Exception as error:  # decoders raise almost any exception for damaged files
                return failed(task, error, sha256, local), None
            return _done(task, sha256, made), made.data
    except Exception as error:
        return failed(task, error, sha256), None


def _sha256(path: str) -> bytes:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(_BLOCK):  # `hashlib.file_digest` has larger ones, which cost small files more
            digest.update(block)
    return digest.digest()


def _same(task: Task, sha256: bytes) -> Outcome:
    return Outcome(task.source, task.target, "same", task.identity, sha256)


def _done(task: Task, sha256: bytes, made: previews.Preview) -> Outcome:
    facts = made.facts
    full = facts.get("reduced") or {"factor": 1, **facts}
    return Outcome(
        *(task.source, task.target, "done", task.identity, sha256, len(made.data)),
        *(full["width"], full["height"], facts["bands"], facts["dtype"], full["factor"], facts["quality"]),
        *(made.rmse, made.mapping_error),
        message=made.remark,
    )


@contextmanager
def _as_file(fs: Any, path: str) -> Iterator[str]:
    """A source as a file of this machine, as which GDAL reads it too; a copy, if it is none, fetched by one request."""
    if is_local(fs):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="apercu-") as folder:
        # The name says what kind of file it is, where its content does not.
        local = os.path.join(folder, f"source{posixpath.splitext(path.partition('?')[0])[1]}")
        if getattr(fs, "max_concurrency", 1) > 1:
            fs.max_concurrency = 1  # or s3fs would ask again for each part
        fs.get_file(path, local)
        yield local


def _write(fs: Any, path: str, data: bytes) -> None:
    """Put an object in its place in one step. Raises Unwritten."""
    for n_tries in range(1, _WRITES + 1):
        try:
            if is_local(fs):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with replacing(path) as stream:
                    stream.write(data)
            else:
                fs.pipe_file(path, data)
            return
        except Exception as error:
            number = getattr(error, "errno", None)
            if n_tries == _WRITES or number in (*_OF_NAMES, errno.ENOSPC, errno.EACCES, errno.EROFS):
                what = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
                raise Unwritten(number or errno.EIO, what, path) from error
            time.sleep(_PAUSE * 2 ** (n_tries - 1))
