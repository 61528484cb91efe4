"""EXIF that cannot be read is no reason to refuse a sound picture."""

import io
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from apercu.bridges import files
from apercu.errors import FileFormatError
from picture_bytes import chunk, file_of, read, tiff_of, with_chunks

RGB = np.random.default_rng(6).integers(0, 256, (12, 20, 3), dtype=np.uint8)
RGB16 = RGB.astype(np.uint16) * 257
NEEDS_AVIF = pytest.mark.skipif("AVIF" not in Image.registered_extensions().values(), reason="no AVIF in this Pillow")


def exif():
    """A record of orientation 6 (turn to the right) and a few more tags, with its six bytes in front."""
    record = Image.Exif()
    record[0x010F], record[0x011A], record[0x0112] = "A maker of cameras", 72.0, 6
    record[0x8769] = {0x9003: "2020:01:01 00:00:00"}
    return record.tobytes()


def as_text(record):
    """The record as ImageMagick puts it into a text chunk."""
    return zlib.compress(f"\nexif\n{len(record):8}\n{record.hex()}\n".encode())


def avif_with(record):
    """An AVIF with another record of the same length in place of the one that Pillow wrote."""
    stream = io.BytesIO()
    written = Image.Exif()
    written[0x010F] = "x" * 150
    Image.fromarray(RGB).save(stream, "AVIF", exif=written, quality=95)
    data, old = stream.getvalue(), written.tobytes()[6:]
    at = data.index(old)
    return data[:at] + record[6:].ljust(len(old), b"\0")[: len(old)] + data[at + len(old) :]


FILES = {
    "JPEG": lambda record: file_of(RGB, "JPEG", exif=record, quality=95),
    "WEBP": lambda record: file_of(RGB, "WEBP", exif=record, lossless=True),
    "PNG": lambda record: with_chunks(file_of(RGB), (b"eXIf", record[6:])),
    "PNG text": lambda record: with_chunks(file_of(RGB), (b"zTXt", b"Raw profile type exif\0\0" + as_text(record))),
    "PNG 16": lambda record: with_chunks(imagecodecs.png_encode(RGB16), (b"eXIf", record[6:])),
    "PNG 16 text": lambda record: with_chunks(
        imagecodecs.png_encode(RGB16), (b"zTXt", b"Raw profile type exif\0\0" + as_text(record))
    ),
    "AVIF": avif_with,
}
KINDS = [pytest.param(kind, marks=NEEDS_AVIF) if kind == "AVIF" else kind for kind in FILES]
BROKEN = {
    "cut in its header": exif()[:10],
    "one byte": exif()[:7],
    "all zeros": b"Exif\0\0" + bytes(40),
    "no TIFF": b"Exif\0\0" + b"nothing of the kind" * 3,
    "a directory beyond its end": b"Exif\0\0II*\0" + struct.pack("<I", 2**31) + bytes(40),
    "a directory that never ends": b"Exif\0\0II*\0" + struct.pack("<IH", 8, 65535) + b"\xff" * 40,
    "BigTIFF": b"Exif\0\0II+\0\x08\0\0\0",
    "text for an orientation": b"Exif\0\0II*\0" + struct.pack("<IHHHI4sI", 8, 1, 274, 2, 4, b"six\0", 0),
    "orientation 9": b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 274, 3, 1, 9, 0, 0),
    "orientation 0": b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 274, 3, 1, 0, 0, 0),
    "no orientation at all": b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 274, 3, 0, 6, 0, 0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_record_turns_the_picture(kind):
    # An AVIF is turned by its own properties, not by EXIF (ISO/IEC 23008-12).
    assert read(FILES[kind](exif()))[0].shape == ((12, 20, 3) if kind == "AVIF" else (20, 12, 3))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_record_counts_as_none(kind, what, capfd):
    stored = FILES[kind](BROKEN[what])
    found, bands = read(stored)
    expected = RGB16 if "16" in kind else RGB
    assert (bands, found.shape, found.dtype) == ("rgb", expected.shape, expected.dtype)
    if kind in ("JPEG", "AVIF"):
        assert np.abs(found.astype(int) - expected).mean() < 50  # of noise that was coded with loss
    else:
        np.testing.assert_array_equal(found, expected)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", KINDS)
def test_any_change_of_a_record_leaves_the_picture(kind):
    rng = np.random.default_rng(7)
    for _ in range(40):
        record = bytearray(exif())
        for at in rng.integers(6, len(record), 4):
            record[at] = rng.integers(256)
        found, _ = read(FILES[kind](bytes(record[: rng.integers(7, len(record) + 1)])))
        assert sorted(found.shape) == [3, 12, 20]


@pytest.mark.parametrize("png", [file_of(RGB), imagecodecs.png_encode(RGB16)], ids=["8", "16"])
@pytest.mark.parametrize(
    "broken",
    [
        chunk(b"eXIf", exif()[6:])[:-4] + b"none",  # a wrong checksum
        chunk(b"tEXt", b"Comment\0hello")[:-4] + b"none",
        chunk(b"gAMA", (100000).to_bytes(4))[:-4] + b"none",
        chunk(b"gAMA", b"\0"),
        chunk(b"cHRM", bytes(7)),
        chunk(b"sRGB", b""),
        chunk(b"iCCP", b"a name alone"),
        chunk(b"cICP", b"\x09\x10"),
        chunk(b"pHYs", b"\1\2\3"),
        chunk(b"zTXt", b"\0\7"),
    ],
    ids=lambda chunk: chunk[4:8].decode(),
)
def test_broken_metadata_of_a_png_counts_as_none(png, broken):
    np.testing.assert_array_equal(read(png[:33] + broken + png[33:])[0], RGB16 if png[24] == 16 else RGB)


def test_what_the_samples_of_a_png_need_is_not_passed_over():
    png = file_of(np.full((4, 4), 7, np.uint8))
    for kind, content in ((b"tRNS", b"\0\7"), (b"PLTE", bytes(6)), (b"acTL", b"\0\0\0\2\0\0\0\0")):
        with pytest.raises(FileFormatError):
            read(png[:33] + chunk(kind, content)[:-4] + b"none" + png[33:])


@NEEDS_AVIF
def test_an_avif_with_broken_exif_is_still_turned_by_its_own_properties():
    record = Image.Exif()
    record[0x0112], record[0x010F] = 6, "x" * 60
    data = file_of(RGB, "AVIF", exif=record, quality=95)
    at = data.index(b"x" * 60) - 30
    whole, _ = read(data)
    assert whole.shape == (20, 12, 3)
    np.testing.assert_array_equal(read(data[:at] + bytes(90) + data[at + 90 :])[0], whole)


@pytest.mark.parametrize("array", [RGB, RGB16], ids=["8", "16"])
@pytest.mark.parametrize("tag", [34665, 34853, 40965], ids=["EXIF", "GPS", "interoperability"])
@pytest.mark.parametrize(
    "pointer", [(4, 1, 4), (4, 1, 2**32 - 1), (9, 1, -1), (2, 4, b"abc\0"), (12, 1, 1.5), (4, 2, (8, 8))]
)
def test_broken_directories_in_a_tiff(array, tag, pointer):
    tags = [(tag, *pointer, True), (274, 3, 1, 3, True)]
    np.testing.assert_array_equal(read(tiff_of(array, photometric="rgb", extratags=tags))[0], array[::-1, ::-1])


@pytest.mark.parametrize("array", [RGB, RGB16], ids=["8", "16"])
@pytest.mark.parametrize("orientation", [(3, 1, 0), (3, 1, 9), (9, 1, -1), (2, 4, b"six\0")])
def test_an_orientation_that_is_none_in_a_tiff(array, orientation):
    tags = [(274, *orientation, True)]
    np.testing.assert_array_equal(read(tiff_of(array, photometric="rgb", extratags=tags))[0], array)


CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"


@pytest.mark.skipif(not CASES.exists(), reason="../shared, with the cases, is not beside this checkout")
@pytest.mark.parametrize("name", ["jpeg_exif_cut.jpg", "jpeg_exif_zeros.jpg"])
def test_the_cases(name):
    with Image.open(CASES / name) as image:
        np.testing.assert_array_equal(files.read(CASES / name)[0], np.asarray(image))
