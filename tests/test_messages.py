"""What messages say: sizes, what is no number, suffixes that do not fit, empty names, a limit that is none."""

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bench.metrics import gmsd
from apercu.bridges import files
from apercu.cli.main import main
from apercu.errors import FileFormatError, ImageError, OptionError, TooLarge, size_of
from scripts.pictures import noise, scene


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, with a grey and a colour picture and their files, and a grey one of 16 bits."""
    monkeypatch.chdir(tmp_path)
    colour = scene(48, 64, 3)
    deep = noise((48, 64), 1).astype(np.uint16)
    pictures = {"grey": np.ascontiguousarray(colour[..., 1]), "colour": colour, "deep": deep}
    for name, image in pictures.items():
        (tmp_path / f"{name}.apc").write_bytes(apercu.encode(image, quality=30))
    Image.fromarray(pictures["grey"]).save("grey.png")
    return tmp_path


@pytest.fixture
def said(folder, capsys):
    """What the command says of a mistake, in one line; it leaves no file."""

    def call(*arguments):
        before = sorted(folder.rglob("*"))
        assert main(list(arguments)) == 2
        assert sorted(folder.rglob("*")) == before
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        return err.removeprefix("apercu: ").rstrip()

    return call


# --- Sizes


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ((640, 480, 3), "640 × 480 pixels of 3 bands"),
        ((640, 480, 1), "640 × 480 pixels of 1 band"),
        ((1, 1, 2), "1 × 1 pixel of 2 bands"),
    ],
)
def test_sizes(size, told):
    assert size_of(*size) == told


def test_too_large_tells_the_size(folder, monkeypatch):
    monkeypatch.setattr(apercu, "MAX_PIXELS", 9)
    with pytest.raises(TooLarge, match=r"^64 × 48 pixels of 1 band are more"):
        apercu.decode((folder / "grey.apc").read_bytes())
    with pytest.raises(FileFormatError, match=r": 64 × 48 pixels of 1 band are more"):
        files.read(folder / "grey.png")


def test_sizes_are_written_with_one_sign():
    with pytest.raises(ImageError, match="65535 × 65535 pixels"):
        apercu.encode(np.zeros((1, 65536), np.uint8))
    with pytest.raises(OptionError, match="2 × 2 pixels are too few"):
        gmsd(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8))


# --- Numbers


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("encode", "grey.png", "a.apc", "--bytes", "many"), "argument --bytes/--n-bytes: 'many' is no whole number"),
        (("encode", "grey.png", "a.apc", "--bytes", "1.5"), "argument --bytes/--n-bytes: '1.5' is no whole number"),
        (("encode", "grey.png", "a.apc", "--quality", "good"), "argument --quality: 'good' is no number"),
        (("decode", "grey.apc", "a.png", "--layers", "two"), "argument --layers: 'two' is no whole number"),
        (("info", "grey.apc", "--max-pixels", "1e6"), "argument --max-pixels: '1e6' is no whole number"),
        (("bench", "--bpp", "x"), "argument --bpp: 'x' is no number"),
    ],
)
def test_what_is_no_number_is_said_in_plain_words(said, arguments, words):
    assert said(*arguments) == f"{words} (see apercu {arguments[0]} --help)"


# --- Suffixes: the output is what is wrong, not the input


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("grey.apc", "out.foo"), "out.foo: no picture format is known by the suffix '.foo'; use .png or .tif or "),
        (("grey.apc", "out"), "out: no picture format is known without a suffix; use .png or .tif or "),
        (("colour.apc", "out.pgm"), "out.pgm: 8-bit rgb samples cannot be written as .pgm; use .png or .tif or "),
        (("deep.apc", "out.bmp"), "out.bmp: 16-bit grey samples cannot be written as .bmp; use .png or .tif or "),
        (
            ("grey.apc", "-", "--format", "foo"),
            "standard output: no picture format is known by the suffix '.foo'",
        ),
        (("none.apc", "out.foo"), "out.foo: no picture format is known by the suffix '.foo'; use .png or "),
        (("grey.apc", "--out", "shown", "--format", "foo"), "no picture format is known by the suffix '.foo'; use "),
        (("none.apc", "out.png"), "none.apc: No such file or directory"),
    ],
)
def test_a_suffix_that_does_not_fit_is_the_outputs(said, arguments, words):
    assert said("decode", *arguments).startswith(words)


def test_of_many_files_the_one_that_does_not_fit_is_named(folder, capsys):
    assert main(["decode", "grey.apc", "deep.apc", "--out", "shown", "--format", "bmp"]) == 2
    assert capsys.readouterr().err.startswith("apercu: deep.apc: 16-bit grey samples cannot be written as .bmp; use ")
    assert sorted(path.name for path in (folder / "shown").iterdir()) == ["grey.bmp"]


# --- Names


@pytest.mark.parametrize(
    "arguments",
    [
        ("info", ""),
        ("encode", "", "a.apc"),
        ("encode", "grey.png", ""),
        ("encode", "grey.png", "--out", ""),
        ("encode", "grey.png", "--out="),
        ("decode", "grey.apc", "a.png", "--restore", "cnn", "--network", ""),
        ("train", "apercu", "--images", "", "--out", "a.npy"),
        ("compare", "", "--out", "report"),
    ],
)
def test_an_empty_name_is_no_folder_and_no_file(said, arguments):
    words = "an argument is empty, perhaps by a variable of the shell that is not set"
    assert said(*arguments) == f"{words} (see apercu {arguments[0]} --help)"


# --- The limit


@pytest.mark.parametrize("limit", ["x", "1000", b"9", [1], float("nan"), 1j])
def test_a_limit_that_is_none_is_refused(folder, monkeypatch, limit):
    data = (folder / "grey.apc").read_bytes()
    monkeypatch.setattr(apercu, "MAX_PIXELS", limit)
    for call in (apercu.decode, apercu.info, apercu.check):
        with pytest.raises(OptionError, match=r"^apercu\.MAX_PIXELS must be a number, or None for no limit, not "):
            call(data)
    with pytest.raises(OptionError, match=r"apercu\.MAX_PIXELS must be a number, or None for no limit, not "):
        files.read(folder / "grey.png")


@pytest.mark.parametrize("limit", [None, 3072, 3e3 + 72, np.int64(3072), float("inf")])
def test_limits_of_any_kind_of_number(folder, monkeypatch, limit):
    data = (folder / "grey.apc").read_bytes()
    monkeypatch.setattr(apercu, "MAX_PIXELS", limit)
    assert apercu.decode(data).shape == (48, 64)
    assert files.read(folder / "grey.png")[0].shape == (48, 64)


# --- Head


def test_what_is_before_the_segments_is_called_head(capsys):
    assert main(["info", "--help"]) == 0
    text = capsys.readouterr().out
    assert "Only the head is needed" in text
    assert "header" not in text + str(apercu.info.__doc__) + str(apercu.check.__doc__)
