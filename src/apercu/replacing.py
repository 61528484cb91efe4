"""Files that take the place of others: whole or not at all, and for nobody else to see until they are whole."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from apercu.errors import naming_file

_MOST_LINKS = 40  # as many as Linux follows
_ACCESS_LIST = "system.posix_acl_access"  # of Linux; where a file has one, its group's bits are the most of that list


def check_target(path: str | os.PathLike[str]) -> None:
    """Raise the OSError that writing to `path` would meet, as far as it can be told before the work is done."""
    if (number := descriptor_of(path)) is not None:
        with naming_file(path):
            os.write(number, b"")
        return
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "No such folder", folder)
    is_there = os.path.exists(path)
    is_replaced = not is_there or os.path.isfile(path)
    if (is_there and not os.access(path, os.W_OK)) or (is_replaced and not os.access(folder, os.W_OK | os.X_OK)):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` when the block ends well, and leaves no trace when it does not.

    It is written in the folder of its target, so that taking its place is one step on one file system. Where the system
    can (Linux), it has no name until it is whole: even a process that is killed leaves nothing. Nobody else may read or
    write it until it is whole. Links are followed. A file that was there leaves its permissions (not the bits set-uid,
    set-gid and sticky) and, as far as the system lets it, its owners and its list of access (ACL); a new one has what
    the umask leaves. A device or a
    pipe is written to as it is, and so is what the process has open already (/dev/stdout, /dev/fd/3), at the place
    where it stands.

    Raises:
        OSError: naming `path`, never the temporary file.
    """
    check_target(path)
    number = descriptor_of(path)
    is_file = number is None and os.path.isfile(path)
    if number is not None or (os.path.exists(path) and not is_file):
        with naming_file(path), open(path if number is None else os.dup(number), "wb") as stream:
            yield stream
        return
    target = os.path.realpath(path)
    temporary = os.path.join(os.path.dirname(target), f".apercu-{os.urandom(8).hex()}.part")
    try:
        with naming_file(path), _temporary(temporary, _rights(target) if is_file else None) as stream:
            yield stream
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename in (temporary, os.path.dirname(target)):
            raise type(error)(error.errno, error.strerror, os.fspath(path)) from error
        raise


@contextmanager
def replacing_by_name(path: str | os.PathLike[str]) -> Iterator[str]:
    """As `replacing`, for writers that want a name, and may write more files beside theirs (GDAL: NAME.aux.xml).

    Yields a name in a new folder beside the target, for its owner alone. All files there take the places of those of
    their names when the block ends well. To a device or a pipe the content of the one file is copied.
    """
    import tempfile  # not needed by most, and slow to import

    check_target(path)
    if descriptor_of(path) is not None or (os.path.exists(path) and not os.path.isfile(path)):
        with tempfile.TemporaryDirectory(prefix="apercu-") as folder:
            name = os.path.join(folder, os.path.basename(path) or "out")
            yield name
            with replacing(path) as stream, open(name, "rb") as written:
                shutil.copyfileobj(written, stream)
        return
    target = os.path.realpath(path)
    before = _rights(target) if os.path.isfile(target) else None
    with tempfile.TemporaryDirectory(prefix=".apercu-", suffix=".part", dir=os.path.dirname(target)) as folder:
        name = os.path.join(folder, os.path.basename(target))
        yield name
        with naming_file(path):
            if before is not None:
                _give_rights(name, os.stat(name).st_mode, before)
            for more in sorted(os.listdir(folder), key=lambda found: found == os.path.basename(name)):  # it comes last
                os.replace(os.path.join(folder, more), os.path.join(os.path.dirname(target), more))


@contextmanager
def _temporary(name: str, before: tuple[os.stat_result, bytes | None] | None) -> Iterator[BinaryIO]:
    """A file for its owner alone, which has a name, and the permissions of the one `before` it, when the block ends."""
    unnamed = _unnamed(os.path.dirname(name))
    # The block below closes it, which the linter does not see.
    stream, mode = _named(name) if unnamed is None else (open(unnamed, "wb"), os.stat(unnamed).st_mode)  # noqa: SIM115
    place = name if unnamed is None else unnamed
    with stream:
        os.chmod(place, 0o600)
        yield stream
        stream.flush()
        _give_rights(place, mode, before)
        if unnamed is not None:
            _give_name(unnamed, name, mode, before)


def _rights(path: str) -> tuple[os.stat_result, bytes | None]:
    """The owners and permissions of a file, and its list of access, where it has one."""
    with suppress(OSError, AttributeError):  # there is none, or the system has none
        return os.stat(path), os.getxattr(path, _ACCESS_LIST)
    return os.stat(path), None


def _give_rights(place: str | int, mode: int, before: tuple[os.stat_result, bytes | None] | None) -> None:
    """Those of the file `before`, as far as the system lets it, and never more to anybody; else `mode`."""
    if before is None:
        os.chmod(place, mode & 0o777)
        return
    found, access = before
    for owner in (found.st_uid, -1):  # only root may give a file away, but its group others may give too
        with suppress(OSError, AttributeError):
            os.chown(place, owner, found.st_gid)
            break
    with suppress(OSError, AttributeError):  # a folder may have given it a list of its own
        os.removexattr(place, _ACCESS_LIST)
    is_of_group = os.stat(place).st_gid == found.st_gid
    of_others = found.st_mode & 0o707 | (found.st_mode & 0o007) << 3  # what another group may have had
    os.chmod(place, found.st_mode & 0o777 if access is None and is_of_group else of_others)
    if access is not None and is_of_group:
        with suppress(OSError):
            os.setxattr(place, _ACCESS_LIST, access)


def _give_name(unnamed: int, name: str, mode: int, before: tuple[os.stat_result, bytes | None] | None) -> None:
    folder = os.open(os.path.dirname(name), os.O_RDONLY)  # given, or Python would link to the link in /proc
    try:
        os.link(f"/proc/self/fd/{unnamed}", os.path.basename(name), dst_dir_fd=folder, follow_symlinks=True)
    except OSError:  # a file system that has files without a name, and gives them none later
        with _private(name) as copy, open(os.dup(unnamed), "rb") as written:
            written.seek(0)
            shutil.copyfileobj(written, copy)
            _give_rights(name, mode, before)
    finally:
        os.close(folder)


def _private(name: str) -> BinaryIO:
    return open(name, "xb", opener=lambda path, flags: os.open(path, flags, 0o600))


def _named(name: str) -> tuple[BinaryIO, int]:
    """A new file for its owner alone, and the permissions that the umask would leave it."""
    with open(name, "xb") as probe:  # to ask for the umask would be to change it, for all threads
        mode = os.stat(probe.fileno()).st_mode
    os.unlink(name)
    return _private(name), mode


def _unnamed(folder: str) -> int | None:
    """A new file in a folder without a name, with the permissions that the umask leaves; None where there are none."""
    if not hasattr(os, "O_TMPFILE") or not os.path.exists("/proc/self/fd"):
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666)
    except OSError:  # many file systems have none; what else is wrong shows when one with a name is made
        return None


def descriptor_of(path: str | os.PathLike[str]) -> int | None:
    """The number of the open file that a path stands for, as /dev/stdout and /dev/fd/3 do; None for any other path.

    Such a path leads to no name in a folder: what it is resolved to (`pipe:[4711]`) exists nowhere, and where a file is
    behind it, opening that anew would forget the place in it.
    """
    path = os.fspath(path)
    for _ in range(_MOST_LINKS):
        folder, name = os.path.split(path)
        if os.path.realpath(folder) in ("/dev/fd", f"/proc/{os.getpid()}/fd") and name.isdecimal():
            return int(name)
        if not os.path.islink(path):
            return None
        path = os.path.join(folder, os.readlink(path))
    return None
