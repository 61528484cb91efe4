"""Pictures to apercu files and back: one file, or many, each to a file of its own in a folder.

    for outcome in batch.encode(["a.png", "b.jpg"], "previews", bpp=0.1):
        print(outcome.target, outcome.error or outcome.facts)

When one file fails the others are still done. Work begins in this process; where much is left after a moment, a process
for each core takes over (spawned: a script of your own needs `if __name__ == "__main__":`). They are processes and not
threads because threads wait for Python's lock most of the time, with pictures of a third of a megapixel. This process
alone writes files, so that the others can be stopped at any moment and leave nothing half-written.
"""

import errno
import os
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np

import apercu
from apercu.bridges import bounded, files, scene_files
from apercu.bridges.geometry import masked
from apercu.bridges.label import is_generated
from apercu.bridges.line_art import is_line_art
from apercu.codecs import encoding
from apercu.codecs.by_name import options_by_codec
from apercu.errors import ApercuError, OptionError, TargetUnreachable, naming
from apercu.options import owners
from apercu.processes import n_cores, pool
from apercu.replacing import replacing
from apercu.restore.by_name import of_restoring
from apercu.stages.colour import Samples

_ALONE = 0.3  # seconds of work in this process, which is about what it takes others to start
_WORTH = 1.5  # seconds that the rest must be expected to take for others to be started

AnyPath = str | os.PathLike[str]


class Made(NamedTuple):
    """The content of a file that is to be written."""

    content: bytes
    facts: dict[str, object]
    """What `apercu.info` says of the apercu file; of an encoded picture also `line_art`, of a scene `left_out`, what is
    not kept."""
    n_concealed: int = 0
    """Faults of the apercu file that damaged="conceal" or "fill" passed over."""
    generated: bool = False
    """Whether parts of the picture are made up by a restorer; it says so itself."""


class Outcome(NamedTuple):
    """What became of one of many files."""

    source: str
    target: str
    error: Exception | None
    """An ApercuError, OSError or MemoryError if no file was written."""
    facts: dict[str, object]
    """What `apercu.info` says of the apercu file; empty after an error."""
    n_concealed: int
    generated: bool = False
    """As in `Made`."""


def encode(
    sources: Sequence[AnyPath], folder: AnyPath, page: int | None = None, **options: Any
) -> Generator[Outcome, None, None]:
    """Encode picture files to `folder`/NAME.apc, NAME being that of each picture without its suffix.

    Args:
        sources: picture files of the kinds that `files.read` takes.
        folder: made when the first file is written, if it is not there.
        page: which frame or page of each file, from 1; see `files.read`.
        options: those of `apercu.encode`; a target holds for each file by itself. Also `tags`, False to leave those of
            scenes out.

    Returns:
        an outcome for each file, in the order in which they are done.

    Raises:
        OptionError, ModelError: before any work: an option is wrong, or two files would be written to one place.
        OSError: likewise: the folder is protected.
    """
    options = check_encoding(options)
    return _outcomes(partial(_encode_file, page=page, options=options), _places(sources, folder, ".apc"), n_cores())


def decode(
    sources: Sequence[AnyPath], folder: AnyPath, suffix: str = ".png", cog: bool = False, **options: Any
) -> Generator[Outcome, None, None]:
    """Decode apercu files to pictures in `folder`; as `encode`, but for:

    Args:
        suffix: one of `files.PICTURE_SUFFIXES`.
        cog: whether to write cloud-optimised GeoTIFF (.tif).
        options: those of `apercu.decode`.
    """
    if suffix not in files.PICTURE_SUFFIXES:
        raise OptionError(files.no_format(suffix))
    known_here = {name: value for name, value in options.items() if name not in ("window", "model")}
    apercu.decode(apercu.encode(np.zeros((8, 8), np.uint8)), **known_here)  # says what is wrong with them
    # A network takes all cores by itself.
    n_workers = n_cores() if options.get("restore", "none") == "none" else 1
    work = partial(_decode_file, suffix=suffix, cog=cog, options=options)
    return _outcomes(work, _places(sources, folder, suffix), n_workers)


def check_encoding(options: Mapping[str, Any]) -> dict[str, Any]:
    """Raise the OptionError or ModelError that options of `apercu.encode` meet with any image, before one is read.

    Returns them, those that speak of places as they were checked: weights as an array, regions as a list.
    """
    given = scene_files.of_picture(options)
    places = [name for name, (what, _) in owners(options_by_codec()).items() if what.of_places]
    known_here = {name: value for name, value in given.items() if name not in ("bands", "progress", *places)}
    of_places = {name: given[name] for name in places if given.get(name) is not None}
    checked = encoding.options_of(given.get("codec", "apercu"), of_places)
    with suppress(TargetUnreachable):
        apercu.encode(np.zeros((8, 8), np.uint8), **known_here)
    return {**options, **{name: getattr(checked, name) for name in of_places}}


def encoded(image: Samples, name: str, options: Mapping[str, Any]) -> Made:
    """A picture as an apercu file; errors begin with `name`."""
    with naming(name):
        data = apercu.encode(image, **scene_files.of_picture(options))
    return Made(data, {**apercu.info(data), "line_art": is_line_art(image)})


def encoded_scene(source: str | BytesIO, options: Mapping[str, Any]) -> Made:
    """A scene, whatever GDAL opens by that name or finds in a stream, as an apercu file; errors begin with its
    name."""
    from apercu.bridges import geo, geo_open, geo_read  # rasterio comes with them

    with geo_read.raster_of(source) as raster, naming(geo_open.name_of(raster.dataset)):
        data, left_out = geo.encode(raster, **options), geo_read.left_out(raster.dataset)
    return Made(data, {**apercu.info(data), "line_art": False, "left_out": left_out})


def decoded(
    data: bytes, name: str, suffix: str, options: Mapping[str, Any], target: str | None = None, cog: bool = False
) -> Made:
    """An apercu file as a picture file of the kind of `suffix`, or a GeoTIFF (see `scene_files.is_geotiff`); errors
    begin with `name`, or, where that kind is what is wrong, with `target`."""
    if scene_files.is_geotiff(data, suffix, cog):
        with tempfile.TemporaryDirectory(prefix="apercu-") as folder:
            path = os.path.join(folder, f"scene{suffix}")
            made = write_scene(data, name, path, cog, options)
            with open(path, "rb") as stream:
                return made._replace(content=stream.read())
    with naming(name):
        facts: dict[str, Any] = apercu.info(data)
        provenance = apercu.provenance(data, **of_restoring(options))
    with naming(target or name):
        files.check_suffix(suffix, facts["interpretation"], facts["dtype"], provenance)
    with naming(name):
        image, bands = apercu.decode(data, **options), facts["interpretation"]
        if facts.get("mask") and files.holds_alpha(suffix, bands, facts["dtype"]):
            of_place = {name: options[name] for name in ("window", "full_size") if name in options}
            hidden = apercu.mask(data, **of_place)
            shown = np.where(hidden.reshape(*hidden.shape[:2], -1).all(axis=2), 0, 1)
            image, bands = masked(image, bands, shown.astype(np.uint8))
    picture = BytesIO()
    with naming(target or name):
        files.write(picture, image, bands, suffix, provenance)
    with naming(name):
        return Made(picture.getvalue(), facts, _n_concealed(data, options), is_generated(provenance))


def write_scene(data: bytes, name: str, target: str, cog: bool, options: Mapping[str, Any]) -> Made:
    """Write an apercu file as a GeoTIFF, tile by tile; what is returned has no content. Errors begin with `name`."""
    from apercu.bridges import geo  # rasterio comes with it

    with naming(name):
        geo.decode(data, target, cog=cog, **options)
        generated = is_generated(apercu.provenance(data, **of_restoring(options)))
        return Made(b"", apercu.info(data), _n_concealed(data, options), generated)


def _n_concealed(data: bytes, options: Mapping[str, Any]) -> int:
    return len(apercu.check(data, model=options.get("model"))) if options.get("damaged", "raise") != "raise" else 0


def _encode_file(source: str, page: int | None, options: Mapping[str, Any]) -> Made:
    if scene_files.is_scene(source, page) and scene_files.can_be_read(source):
        return encoded_scene(source, options)
    image, bands = files.read(source, page=page)
    return encoded(image, source, {"bands": bands, **options})


def _decode_file(source: str, suffix: str, cog: bool, options: Mapping[str, Any]) -> Made:
    with naming(source), open(source, "rb") as stream:
        data = bounded.read_apercu(stream, cut=options.get("damaged", "raise") != "raise")
    return decoded(data, source, suffix, options, cog=cog)


def _places(sources: Sequence[AnyPath], folder: AnyPath, suffix: str) -> list[tuple[str, str]]:
    """Where each file goes; raises OptionError where two would meet, or one would take the place of an input."""
    folder = os.fspath(folder)
    _check_folder(folder)
    found: dict[str, tuple[str, str]] = {}
    for path in sources:
        source = os.fspath(path)
        target = os.path.join(folder, os.path.splitext(os.path.basename(source))[0] + suffix)
        place = target.casefold() if sys.platform in ("darwin", "win32") else target
        if place in found:
            raise OptionError(f"{found[place][0]} and {source} would both be written to {target}")
        found[place] = source, target
    inputs = {_identity(source): source for source, _ in found.values()}
    for _, target in found.values():
        if (same := _identity(target)) is not None and same in inputs:
            raise OptionError(f"{target} would take the place of {inputs[same]}, which is an input")
    return list(found.values())


def _check_folder(folder: str) -> None:
    """Raise the error that writing to a folder would meet, or making it where it is not there."""
    there = folder
    while not os.path.exists(there):
        there = os.path.dirname(there) or "."
    if not os.path.isdir(there):
        raise OptionError(f"{there} is a file; name a folder to write to")
    if there != folder and files.suffix_of(folder) in (".apc", *files.PICTURE_SUFFIXES):
        raise OptionError(f"{folder} is to be a folder, and has the name of a file")
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), there)


def _identity(path: str) -> tuple[int, int] | None:
    with suppress(OSError):
        found = os.stat(path)
        return found.st_dev, found.st_ino
    return None


_Work = Callable[[str], Made]


def _outcomes(work: _Work, places: list[tuple[str, str]], n_workers: int) -> Generator[Outcome, None, None]:
    begun = time.monotonic()
    for done, (source, target) in enumerate(places):
        spent = time.monotonic() - begun
        if done and n_workers > 1 and spent > _ALONE and spent / done * (len(places) - done) > _WORTH:
            yield from _in_processes(work, places[done:], n_workers)
            return
        yield _write(source, target, _try(work, source))


def _in_processes(work: _Work, places: list[tuple[str, str]], n_workers: int) -> Generator[Outcome, None, None]:
    targets = dict(places)
    with pool(n_workers) as run:
        try:
            for source, made in run(partial(_try, work), {source: (source,) for source in targets}):
                yield _write(source, targets.pop(source), made)
        except ChildProcessError as error:
            raise ChildProcessError(f"{error}; {len(targets)} files are not done") from error


def _try(work: _Work, source: str) -> Made | Exception:
    try:
        return work(source)
    except (ApercuError, OSError, MemoryError) as error:
        return error.with_traceback(None)  # which would keep the arrays


def _write(source: str, target: str, made: Made | Exception) -> Outcome:
    if isinstance(made, Exception):
        return Outcome(source, target, made, {}, 0)
    try:
        os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
        with replacing(target) as stream:
            stream.write(made.content)
    except OSError as error:
        return Outcome(source, target, error, {}, 0)
    return Outcome(source, target, None, made.facts, made.n_concealed, made.generated)
