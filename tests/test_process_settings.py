"""What belongs to the process stays as it was: reading and writing files changes no setting that others share."""

import io
import locale
import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, ImageFile

import apercu
from apercu.bridges import files
from apercu.errors import ApercuError
from picture_bytes import file_of, png_of, tiff_by_hand, tiff_of

RGB = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
EXIF = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(40)  # of which Pillow warns
ICON = b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0" + len(file_of(RGB)).to_bytes(4, "little") + b"\x16\0\0\0" + file_of(RGB)
FILES = [
    *(file_of(RGB, kind) for kind in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "JPEG2000")),
    file_of(RGB, "JPEG", exif=EXIF),
    file_of(RGB, "WEBP", exif=EXIF),
    tiff_of(RGB.astype(np.uint16), photometric="rgb"),
    tiff_of(RGB.astype(np.uint16), photometric="rgb", extratags=[(34665, 4, 1, 2**32 - 1, True)]),
    ICON,
    png_of(20000, 20000, 8, 2, b""),
    tiff_by_hand(bytes(9), *((256 + at, 3, (3,)) for at in (0, 1)), (258, 3, (8,)), (262, 3, (1,)), (700, 4, (1, 2))),
    file_of(RGB)[:300],
    b"no picture",
]


def settings():
    """All that libraries are known to change for the whole process."""
    umask = os.umask(0o022)
    os.umask(umask)
    loggers = ("", "tifffile", "PIL", *(name for name in logging.root.manager.loggerDict if "PIL" in name))
    return {
        "pillow": (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, ImageFile.MAXBLOCK),
        "warnings": (list(warnings.filters), warnings.showwarning, warnings._showwarnmsg_impl),
        "numpy": (np.geterr(), np.geterrcall()),
        "environment": dict(os.environ),
        "process": (umask, os.getcwd(), list(sys.path), sys.getrecursionlimit(), locale.setlocale(locale.LC_ALL)),
        "signals": {number: signal.getsignal(number) for number in (2, 10, 13, 15)},
        "loggers": {name: (logging.getLogger(name).level, logging.getLogger(name).handlers[:]) for name in loggers},
        "hooks": (sys.excepthook, threading.excepthook, sys.stdout, sys.stderr),
        "limit": apercu.MAX_PIXELS,
    }


def read_or_fail(data):
    try:
        return files.read(io.BytesIO(data))[0].shape
    except ApercuError as error:
        return type(error)


def test_reads_in_threads_change_no_setting():
    alone = [read_or_fail(data) for data in FILES]
    assert alone.count((40, 60, 3)) == 12
    before = settings()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read_or_fail, FILES * 12)) == alone * 12
    assert settings() == before


def test_no_setting_is_other_while_a_file_is_read():
    class Stream(io.BytesIO):
        def read(self, *size):
            found.append(settings())
            return super().read(*size)

    before, found = settings(), []
    for data in FILES:
        with suppress(ApercuError):
            files.read(Stream(data))
    assert len(found) > 30
    assert all(each == before for each in found)


def test_writes_in_threads_change_no_setting(tmp_path):
    def write(number):
        for suffix in (".png", ".tif", ".webp"):
            files.write(tmp_path / f"{number}{suffix}", RGB, "rgb")
        files.write(tmp_path / f"{number}.tif", RGB.astype(np.uint16), "rgb")
        return (tmp_path / f"{number}.tif").stat().st_mode

    before = settings()
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(write, range(24)))) == 1
    assert settings() == before


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_the_limit_of_pillow_is_not_ours(kind, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    data = file_of(RGB, kind)
    assert files.read(io.BytesIO(data))[0].shape == (40, 60, 3)
    monkeypatch.setattr(apercu, "MAX_PIXELS", 2399)
    with pytest.raises(ApercuError, match="limit of 2399 pixels"):
        files.read(io.BytesIO(data))


def test_a_large_picture_is_read_without_a_remark():
    # Pillow alone would warn from 90 megapixels on, and refuse from 180.
    code = "import io, sys; from PIL import Image; from apercu.bridges import files; "
    code += "stream = io.BytesIO(); Image.new('1', (14000, 14000)).save(stream, sys.argv[1]); "
    code += "print(files.read(stream)[0].shape)"
    for kind in ("PNG", "TIFF"):
        run = subprocess.run([sys.executable, "-c", code, kind], capture_output=True, text=True, timeout=100)
        assert (run.stdout, run.stderr) == ("(14000, 14000)\n", "")


def test_the_command_leaves_the_handlers_of_signals(tmp_path):
    from apercu.cli.main import main

    (tmp_path / "a.png").write_bytes(file_of(RGB))
    before = settings()
    assert main(["encode", str(tmp_path / "a.png"), str(tmp_path / "a.apc"), "--quiet"]) == 0
    assert main(["encode", str(tmp_path / "none.png"), str(tmp_path / "a.apc")]) == 2
    assert settings() == before
