"""Files and pipes that never end, or are not what they seem: no more is read than what they hold can need."""

import ctypes
import io
import os
import random
import signal
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bridges import bounded, files, piped
from apercu.bridges import pillow as _  # noqa: F401  # registers the plugin
from apercu.cli.main import main
from apercu.errors import CorruptStream, FileFormatError, FormatError, NotApercu, TooLarge, Truncated
from apercu.format.container import Header, pack
from apercu.lab.images import files_below
from limits import at_most, within
from scripts.pictures import scene
from tests.pipes import meanwhile

pytestmark = pytest.mark.skipif(os.name != "posix", reason="no such pipes and devices")

GREY = scene(60, 90)[:, :, 0]
NOISE = np.random.default_rng(0).integers(0, 65536, (128, 64, 5), np.uint16)
EDGE = np.random.default_rng(0).integers(0, 2, (1, 1, 999)).astype(np.uint16) * 65535
KINDS = {
    "apercu": apercu.encode(scene(60, 90, 3), quality=30),
    "apercu, layers": apercu.encode(scene(60, 90, 3), quality=30, layers=5),
    "apercu, tiles": apercu.encode(GREY, quality=50, tile=32, layers=2),
    "taha2025": apercu.encode(GREY, quality=50, codec="taha2025"),
    "taha2025, tiles": apercu.encode(GREY, quality=50, codec="taha2025", tile=32),
    "noise": apercu.encode(NOISE, quality=100, bands="spectral"),
    "noise in one segment": apercu.encode(NOISE, quality=100, bands="spectral", layers=1),
    "one pixel, many bands": apercu.encode(EDGE, quality=100, bands="spectral"),
    "one pixel, many bands, taha2025": apercu.encode(EDGE, quality=100, bands="spectral", codec="taha2025"),
    "one sample": apercu.encode(NOISE[:1, :1, 0], quality=100),
}


class Endless(io.RawIOBase):
    """Some bytes, and then the same byte for ever; it counts what is read, and gives up where that is too much."""

    def __init__(self, data, then=b"\0", most=200_000_000):
        self.data, self.then, self.most, self.n_read = data, then, most, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        buffer[:] = (self.data[self.n_read :][: len(buffer)]).ljust(len(buffer), self.then)
        self.n_read += len(buffer)
        assert self.n_read < self.most, "no end to what is read"
        return len(buffer)


class Trickle(io.BytesIO):
    """Gives a few bytes at a time, as a pipe may."""

    def read(self, n_bytes=-1):
        return super().read(min(n_bytes, random.Random(self.tell()).randint(1, 999)))


@pytest.fixture(autouse=True)
def soon():
    """Every test here is about calls that have to end soon."""
    with at_most(10):
        yield


@pytest.fixture
def in_little_memory():
    with within(16_000_000):
        yield


# --- apercu files


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_file_is_read_whole(kind):
    data = KINDS[kind]
    for stream in (io.BytesIO(data), Trickle(data)):
        assert bounded.read_apercu(stream) == data
    for stream in (io.BytesIO(data), Trickle(data)):
        head, n_bytes = bounded.read_head(stream)
        assert apercu.info(head) | {"n_bytes": n_bytes, "bpp": apercu.info(data)["bpp"]} == apercu.info(data)
        assert data.startswith(head)
        if not kind.endswith(("taha2025", "taha2025, tiles")):  # of which `info` counts blocks
            assert len(head) <= 65538


@pytest.mark.parametrize("kind", KINDS)
def test_the_beginning_of_a_file_is_read_as_it_is(kind):
    data = KINDS[kind]
    for n_bytes in {*range(min(len(data), 40)), len(data) // 2, len(data) - 1}:
        cut = data[:n_bytes]
        try:
            apercu.info(cut)
        except FormatError as error:
            for read in (bounded.read_apercu, bounded.read_head):
                with pytest.raises(type(error)):
                    read(io.BytesIO(cut))
        else:
            assert bounded.read_apercu(io.BytesIO(cut)) == cut
            assert bounded.read_head(io.BytesIO(cut))[1] == n_bytes


@pytest.mark.parametrize("first", [b"", b"\xae", b"\x89PNG\r\n\x1a\n", b"\xaeq", b"p\xae", b"\xae\x00"])
@pytest.mark.usefixtures("in_little_memory")
def test_what_is_no_apercu_file_is_left_after_two_bytes(first):
    for read in (bounded.read_apercu, bounded.read_head):
        stream = Endless(first)
        with pytest.raises(NotApercu):
            read(stream)
        assert stream.n_read == 2


@pytest.mark.parametrize("then", [b"\0", b"\xff", b"\x80"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("in_little_memory")
def test_a_file_that_goes_on_for_ever_is_left(kind, then):
    data = KINDS[kind]
    for read in (bounded.read_apercu, bounded.read_head):
        stream = Endless(data, then)
        with pytest.raises(CorruptStream, match="more than a file with this head can have"):
            read(stream)
        assert stream.n_read < len(data) + 1_100_000 + 16 * 128 * 64 * 5
    found = bounded.read_apercu(Endless(data, then), cut=True)
    assert found.startswith(data)


@pytest.mark.parametrize(
    ("head", "error"),
    [
        (b"\xae\x70", FormatError),
        (KINDS["apercu"][:4], FormatError),
        (b"\xae\x70\x10\xff", FormatError),  # a model that is not known
        (b"\xae\x70\x20\x02", FormatError),  # a version to come
        (pack(Header(65535, 65535, 1, "grey", quality_q8=0, codec="apercu", model_id=2), [b""])[:-4], TooLarge),
        (pack(Header(9999, 9999, 1, "grey", quality_q8=0, tile_log2=5, n_layers=1), [b""] * 2)[:10], FormatError),
        (pack(Header(65535, 65535, 9, "spectral", quality_q8=0, tile_log2=5), [b""] * 2)[:13], TooLarge),
        (b"\xae\x70\x1b\x02" + b"\xfe\xff\x03" * 3, FormatError),  # 65,535 bands of 16 bits
    ],
)
@pytest.mark.parametrize("then", [b"\0", b"\xff", b"\x01"])
def test_a_head_that_goes_on_for_ever_is_left(head, error, then):
    for read in (bounded.read_apercu, bounded.read_head):
        stream = Endless(head, then)
        with pytest.raises(error):
            read(stream)
        assert stream.n_read < (200_000 if error is TooLarge else 30_000_000)


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A sound file of layers, and one with 3 GB after its end, which take no room on a disk."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sound.apc").write_bytes(KINDS["apercu, layers"])
    (tmp_path / "large.apc").write_bytes(KINDS["apercu, layers"])
    (tmp_path / "none.apc").write_bytes(b"")
    try:
        os.truncate("large.apc", 3_000_000_000)
        os.truncate("none.apc", 3_000_000_000)
    except OSError as error:
        pytest.skip(f"no file of 3 GB: {error}")
    return tmp_path


@pytest.mark.usefixtures("large", "in_little_memory")
def test_three_gigabytes_are_not_read(capsys):
    assert main(["info", "sound.apc", "large.apc"]) == 0
    said = capsys.readouterr().out
    assert "n_bytes         3000000000" in said
    assert "bpp             4444444" in said
    assert main(["check", "large.apc", "none.apc"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "large.apc: CorruptStream: goes on after "
        f"{len(KINDS['apercu, layers']) + 65536} bytes, more than a file with this head can have",
        "none.apc: NotApercu: not an apercu file: the first bytes are not those of the format",
    ]
    for arguments in (["decode", "large.apc", "a.png"], ["decode", "large.apc", "--out", "b"], ["view", "large.apc"]):
        assert main(arguments) == 2
        assert capsys.readouterr().err.startswith("apercu: large.apc: goes on after")
    assert main(["decode", "large.apc", "a.png", "--damaged", "conceal"]) == 0
    assert np.array_equal(Image.open("a.png"), apercu.decode(KINDS["apercu, layers"]))
    capsys.readouterr()
    assert main(["encode", "none.apc", "a.apc"]) == 2
    assert capsys.readouterr().err == "apercu: none.apc: no picture of a kind that is known\n"
    with pytest.raises(OSError, match="goes on after"), Image.open("large.apc") as image:
        image.load()


def test_a_pipe_that_waits_is_judged_by_its_first_bytes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for arguments, says in (
        (["info", "PIPE"], "not an apercu file"),
        (["check", "PIPE"], "NotApercu"),
        (["decode", "PIPE", "a.png"], "not an apercu file"),
        (["decode", "PIPE", "--out", "a"], "not an apercu file"),
        (["view", "PIPE", "--no-open"], "not an apercu file"),
    ):
        reader, writer = os.pipe()
        os.write(writer, b"hello")
        found = meanwhile(lambda: main([part.replace("PIPE", f"/dev/fd/{reader}") for part in arguments]))  # noqa: B023
        assert found.get(timeout=30) in (1, 2)
        os.close(writer)
        os.close(reader)
        said = capsys.readouterr()
        assert says in said.out + said.err


def test_bytes_of_a_pipe_are_counted_to_its_end(capsys, tmp_path):
    data = KINDS["apercu, layers"] + bytes(1000)
    os.mkfifo(tmp_path / "pipe")
    meanwhile(lambda: (tmp_path / "pipe").write_bytes(data))
    assert main(["info", str(tmp_path / "pipe")]) == 0
    assert f"n_bytes         {len(data)}\n" in capsys.readouterr().out


# --- Pictures


def file_of(kind, image=None, **options):
    buffer = io.BytesIO()
    (image or Image.fromarray(scene(60, 90, 3))).save(buffer, kind, **options)
    return buffer.getvalue()


PICTURES = ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "TGA", "JPEG2000", "PCX", "SGI"]


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_from_a_pipe_is_what_it_is_in_a_file(kind, tmp_path):
    data = file_of(kind)
    (tmp_path / "a").write_bytes(data)
    expected, bands = files.read(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    meanwhile(lambda: (tmp_path / "pipe").write_bytes(data))
    found = files.read(tmp_path / "pipe")
    assert np.array_equal(found[0], expected)
    assert found[1] == bands
    assert piped.read_picture(Trickle(data)).getvalue() == data


@pytest.mark.parametrize("first", [b"", b"hello\n", b"\xff", b"%", KINDS["apercu"]])
@pytest.mark.parametrize("then", [b"\0", b"\xff", b"y"])
@pytest.mark.usefixtures("in_little_memory")
def test_what_is_no_picture_is_left_after_a_few_bytes(first, then):
    stream = Endless(first, then)
    picture = piped.read_picture(stream)
    assert stream.n_read < 70_000
    with pytest.raises(FileFormatError, match=r"no picture of a kind that is known|an apercu file already"):
        files.read(picture)


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_that_goes_on_for_ever_is_left(kind, monkeypatch):
    monkeypatch.setattr(apercu, "MAX_PIXELS", 90 * 60)
    with pytest.raises(FileFormatError, match=r"^goes on after \d+ bytes, more than a picture of 5400 pixels takes$"):
        piped.read_picture(Endless(file_of(kind)))


def test_a_known_picture_is_bounded_by_its_own_size():
    stream = Endless(file_of("PNG"))
    with pytest.raises(FileFormatError, match="of 5400 pixels"):
        piped.read_picture(stream)
    assert stream.n_read < 80_000_000


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no such devices")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full", "/dev/urandom", "/dev/null", "/proc/self/mem", "."])
def test_devices_and_folders(device, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(os, "getcwd", lambda: str(tmp_path))
    (tmp_path / "a.apc").write_bytes(KINDS["apercu"])
    for arguments in (
        ["info", device],
        ["decode", device, str(tmp_path / "a.png")],
        ["decode", device, "--out", str(tmp_path / "out")],
        ["encode", device, str(tmp_path / "b.apc")],
        ["encode", device, "--out", str(tmp_path / "out")],
        ["view", device, "--no-open", "--out", str(tmp_path / "a.html")],
        ["view", str(tmp_path / "a.apc"), "--against", device, "--no-open", "--out", str(tmp_path / "a.html")],
        ["bench", "--only", "speed", "--image", device],
    ):
        if device != "." or "bench" not in arguments:
            assert main(arguments) == 2
            said = capsys.readouterr().err
            assert said.startswith(f"apercu: {device}: "), arguments
            assert said.count("\n") == 1
    assert main(["check", device]) in (1, 2)
    assert sorted(os.listdir(tmp_path)) == ["a.apc"]
    for option in (["--model", f"m={device}"], ["--points", device]):
        assert main(["compare", str(tmp_path / "a.apc"), "--out", str(tmp_path / "out"), *option]) == 2


def test_a_comparison_takes_no_pipe(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.png")
    assert main(["compare", str(tmp_path / "pipe.png"), "--out", str(tmp_path / "out")]) == 2
    assert "not a file; pictures are read more than once" in capsys.readouterr().err


def test_a_pipe_below_a_folder_is_no_picture(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "a.png").write_bytes(file_of("PNG"))
    assert files_below(tmp_path) == [tmp_path / "a.png"]
    os.mkfifo(tmp_path / "lena.png")
    assert main(["reproduce", "taha2025", "--images", str(tmp_path), "--out", str(tmp_path / "out")]) == 2


def test_a_pipe_that_does_not_wait(tmp_path):
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.write(writer, KINDS["apercu"][:2])
    with open(reader, "rb") as stream:
        for read in (bounded.read_apercu, bounded.read_head, piped.read_picture):
            with pytest.raises(BlockingIOError):
                read(stream)
    os.close(writer)


def test_nothing_is_no_file():
    for read in (bounded.read_apercu, bounded.read_head):
        with pytest.raises(Truncated):
            read(io.BytesIO())
    assert piped.read_picture(io.BytesIO()).getvalue() == b""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the C library by name")
def test_an_interrupt_that_comes_with_the_first_bytes_is_heard_before_more_is_waited_for():
    # By PyDLL, which keeps the lock of the interpreter: the reader has its bytes and cannot go on before the signal.
    libc = ctypes.PyDLL(None)
    reader, writer = os.pipe()
    main_thread = threading.main_thread().ident
    before = sys.getswitchinterval(), signal.signal(signal.SIGINT, signal.default_int_handler)

    def send():
        time.sleep(0.2)  # until it waits
        libc.write(writer, b"P5 16 16", 8)
        libc.usleep(100_000)
        libc.pthread_kill(ctypes.c_ulong(main_thread), int(signal.SIGINT))
        time.sleep(2)
        os.close(writer)

    try:
        sys.setswitchinterval(60)
        sender = threading.Thread(target=send)
        sender.start()
        begun = time.monotonic()
        with open(reader, "rb") as stream, pytest.raises(KeyboardInterrupt):
            bounded.up_to(stream, 16)
        assert time.monotonic() - begun < 1.5
    finally:
        sys.setswitchinterval(before[0])
        sender.join()
        signal.signal(signal.SIGINT, before[1])
