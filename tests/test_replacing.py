"""How a file takes the place of another: whole or not at all, whatever ends the process, and private until then."""

import errno
import os
import signal
import stat
import struct
import sys
import threading

import pytest
from PIL import Image

from apercu.replacing import check_target, replacing, replacing_by_name

COMMAND = [sys.executable, "-m", "apercu"]
POSIX = pytest.mark.skipif(os.name != "posix", reason="permissions and signals of POSIX")
ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")

needs_unnamed = pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="no files without a name")


@pytest.fixture(params=["unnamed", "named"])
def way(request, monkeypatch):
    """Both ways to write: without a name until the file is whole, and with one where the system has no such files."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    elif not hasattr(os, "O_TMPFILE"):
        pytest.skip("no files without a name")
    return request.param


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_file_takes_its_place_only_when_it_is_whole(tmp_path):
    def write_half(error):
        with replacing(path) as stream:
            stream.write(b"half")
            stream.flush()
            assert path.read_bytes() == b"before"
            raise error

    path = tmp_path / "a"
    path.write_bytes(b"before")
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error):
            write_half(error)
        assert path.read_bytes() == b"before"
        assert os.listdir(tmp_path) == ["a"]
    with replacing(path) as stream:
        stream.write(b"after")
    assert path.read_bytes() == b"after"
    assert os.listdir(tmp_path) == ["a"]


def test_permissions_are_those_of_any_other_file(tmp_path):
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "new"):
            pass
        assert mode(tmp_path / "new") == 0o640
        os.chmod(tmp_path / "new", 0o604)
        with replacing(tmp_path / "new"):
            pass
        assert mode(tmp_path / "new") == 0o604
    finally:
        os.umask(before)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    with replacing(tmp_path / "link") as stream:
        stream.write(b"content")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "file").read_bytes() == b"content"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    # Not with /dev/null: where this fails and root runs it, the machine would lose its own.
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        with replacing(tmp_path / "pipe") as stream:
            stream.write(b"content")
        assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)
        assert os.read(reader, 99) == b"content"
    finally:
        os.close(reader)


def test_targets_that_cannot_be_written(tmp_path):
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        check_target(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"), replacing(tmp_path / "nowhere" / "a"):
        pass
    too_long = tmp_path / ("a" * 300)
    with pytest.raises(OSError, match="a" * 300) as caught, replacing(too_long):
        pass
    assert (caught.value.filename, caught.value.filename2) == (str(too_long), None)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write to everything")
def test_a_protected_file_is_left_alone(tmp_path):
    (tmp_path / "a").touch(0o400)
    with pytest.raises(PermissionError):
        check_target(tmp_path / "a")


@POSIX
@pytest.mark.parametrize("before", [None, 0o644, 0o666, 0o600])
def test_nobody_else_reads_a_file_until_it_is_whole(tmp_path, way, before):
    path = tmp_path / "a"
    if before is not None:
        path.write_bytes(b"before")
        path.chmod(before)
    with replacing(path) as stream:
        stream.write(b"half")
        stream.flush()
        assert mode(stream.fileno()) == 0o600
        others = [tmp_path / name for name in os.listdir(tmp_path) if name != "a"]
        assert [mode(other) for other in others] == ([0o600] if way == "named" else [])
    umask = os.umask(0o022)
    os.umask(umask)
    assert mode(path) == (0o666 & ~umask if before is None else before)
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"half", ["a"])


@POSIX
@pytest.mark.parametrize("before", [0o4755, 0o2755, 0o1644, 0o7777])
def test_the_bits_that_lend_rights_are_not_copied(tmp_path, way, before):
    path = tmp_path / "a"
    path.write_bytes(b"before")
    path.chmod(before)
    with replacing(path) as stream:
        stream.write(b"after")
    assert mode(path) == before & 0o777


@needs_unnamed
def test_a_file_system_that_gives_no_name_later(tmp_path, monkeypatch):
    def refuse(*places, **options):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    for mode_before in (None, 0o604):
        path = tmp_path / str(mode_before)
        if mode_before is not None:
            path.touch()
            path.chmod(mode_before)
        umask = os.umask(0o022)
        try:
            with replacing(path) as stream:
                stream.write(b"content" * 100_000)
        finally:
            os.umask(umask)
        assert path.read_bytes() == b"content" * 100_000
        assert mode(path) == (0o644 if mode_before is None else 0o604)
    assert len(os.listdir(tmp_path)) == 2


@ROOT
def test_the_owner_stays(tmp_path, way):
    path = tmp_path / "a"
    path.write_bytes(b"before")
    os.chown(path, 12345, 23456)
    path.chmod(0o4640)
    with replacing(path) as stream:
        stream.write(b"after")
    found = path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 23456, 0o640)


def access(*entries):
    """A list of access as Linux keeps it: (kind, rights, number of a user or group)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


USER, NAMED, GROUP, MOST, OTHER, NOBODY = 1, 2, 4, 16, 32, 0xFFFFFFFF
LIST = access((USER, 6, NOBODY), (NAMED, 6, 12345), (GROUP, 0, NOBODY), (MOST, 6, NOBODY), (OTHER, 0, NOBODY))


def refused(*_, **__):
    raise PermissionError(errno.EPERM, "Operation not permitted")


def set_list(path, name, value):
    try:
        os.setxattr(path, name, value)
    except (OSError, AttributeError):
        pytest.skip("no lists of access here")


def test_a_list_of_access_stays_and_its_mask_is_not_given_to_the_group(tmp_path, way, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"before")
    set_list(path, "system.posix_acl_access", LIST)
    assert mode(path) == 0o660
    for link in (os.link, None):
        if link is None:  # a file system that gives no name later
            monkeypatch.setattr(os, "link", refused)
        with replacing(path) as stream:
            stream.write(b"after")
        assert os.getxattr(path, "system.posix_acl_access") == LIST
    monkeypatch.setattr(os, "setxattr", refused)
    with replacing(path) as stream:
        stream.write(b"after")
    assert mode(path) == 0o600


def test_a_list_that_a_folder_gives_does_not_open_a_file_that_was_there(tmp_path, way):
    path = tmp_path / "a"
    path.write_bytes(b"before")
    path.chmod(0o640)
    set_list(tmp_path, "system.posix_acl_default", LIST)
    with replacing(path) as stream:
        stream.write(b"after")
    assert (mode(path), os.listxattr(path)) == (0o640, [])


@POSIX
def test_the_rights_of_a_group_are_not_given_to_another(tmp_path, way, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"before")
    path.chmod(0o664)
    status = os.stat(path)
    other = os.stat_result([*status[:5], status.st_gid + 1, *status[6:10]])
    monkeypatch.setattr("apercu.replacing._rights", lambda _: (other, None))
    monkeypatch.setattr(os, "chown", refused)
    with replacing(path) as stream:
        stream.write(b"after")
    assert mode(path) == 0o644


@ROOT
def test_a_group_stays_where_the_owner_cannot(tmp_path, way, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"before")
    os.chown(path, 12345, 23456)
    change = os.chown

    def as_a_user(place, owner, group):
        if owner != -1:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        change(place, owner, group)

    monkeypatch.setattr(os, "chown", as_a_user)
    with replacing(path) as stream:
        stream.write(b"after")
    assert path.stat().st_gid == 23456


def test_the_umask_is_not_touched(tmp_path, way, monkeypatch):
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("changed for all threads"))
    with replacing(tmp_path / "a") as stream:
        stream.write(b"after")


def test_the_command_in_a_thread_needs_no_handlers(tmp_path):
    from apercu.cli.main import main

    Image.new("L", (20, 20)).save(tmp_path / "a.png")
    codes = []
    call = ["encode", str(tmp_path / "a.png"), str(tmp_path / "a.apc"), "--quiet"]
    thread = threading.Thread(target=lambda: codes.append(main(call)))
    thread.start()
    thread.join(20)
    assert codes == [0]


def test_names_as_long_as_a_folder_holds(tmp_path, way):
    path = tmp_path / ("n" * 255)
    for content in (b"one", b"two"):
        with replacing(path) as stream:
            stream.write(content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == [path.name]


@POSIX
def test_a_file_that_is_written_by_name_takes_its_place_with_what_is_beside_it(tmp_path):
    def write_half(error):
        with replacing_by_name(path) as name, open(name, "wb") as stream:
            stream.write(b"half")
            raise error

    path = tmp_path / ("a" * 240)
    path.write_bytes(b"before")
    path.chmod(0o640)
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error):
            write_half(error)
        assert os.listdir(tmp_path) == [path.name]
    with replacing_by_name(path) as name:
        assert mode(os.path.dirname(name)) == 0o700
        for suffix in ("", ".aux.xml"):
            with open(name + suffix, "wb") as stream:
                stream.write(b"after")
    assert sorted(os.listdir(tmp_path)) == [path.name, f"{path.name}.aux.xml"]
    assert (path.read_bytes(), mode(path)) == (b"after", 0o640)
    with replacing_by_name("/dev/null") as name, open(name, "wb") as stream:
        stream.write(b"gone")
    with pytest.raises(FileNotFoundError, match="absent"), replacing_by_name(tmp_path / "absent" / "a"):
        pass


def test_links_to_nowhere_and_other_names_of_the_same_file(tmp_path, way):
    (tmp_path / "link").symlink_to("target")
    with replacing(tmp_path / "link") as stream:
        stream.write(b"one")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"one"
    os.link(tmp_path / "target", tmp_path / "second")
    with replacing(tmp_path / "second") as stream:
        stream.write(b"two")
    assert [(tmp_path / name).read_bytes() for name in ("target", "second")] == [b"one", b"two"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write to every folder")
def test_a_folder_that_is_protected_is_told_before_the_work(tmp_path):
    (tmp_path / "a").write_bytes(b"before")
    tmp_path.chmod(0o500)
    try:
        for name in ("a", "new"):
            with pytest.raises(PermissionError, match=name):
                check_target(tmp_path / name)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_device_without_room():
    with pytest.raises(OSError, match="No space left") as caught, replacing("/dev/full") as stream:
        stream.write(b"content")
    assert caught.value.filename == "/dev/full"


@POSIX
def test_a_disk_without_room_leaves_the_old_file(tmp_path, way):
    resource = pytest.importorskip("resource")
    path = tmp_path / "a"
    path.write_bytes(b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(OSError, match="too large") as caught, replacing(path) as stream:
            stream.write(bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.filename == str(path)
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"before", ["a"])
