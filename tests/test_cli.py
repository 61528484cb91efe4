"""The command: what it writes, and what it says."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.cli.main import main
from tests.command import GREY, RGB, RGBA, X, Y, is_one_line, run

SCENE = np.dstack([500 * X, 700 * Y, 300 * (X + Y), 9 * X * Y, 65535 - 99 * X]).astype(np.uint16)


@pytest.fixture
def photo(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def apc(tmp_path):
    path = tmp_path / "photo.apc"
    path.write_bytes(apercu.encode(RGB, quality=40))
    return path


@pytest.fixture
def damaged(tmp_path):
    """A file of two tiles, the second damaged."""
    data = bytearray(apercu.encode(np.tile(GREY, (1, 12)), quality=60, codec="taha2025"))
    assert apercu.info(bytes(data))["tiles"] == 2
    data[-8] ^= 1
    path = tmp_path / "damaged.apc"
    path.write_bytes(data)
    return path


# --- encode and decode


@pytest.mark.parametrize("output", ["-b.apc", "b.apc"])
def test_names_after_two_dashes_are_no_options(photo, monkeypatch, output):
    monkeypatch.chdir(photo.parent)
    photo.rename("-a.png")
    assert main(["encode", "--quality", "40", "--", "-a.png", output]) == 0
    assert main(["decode", "--", output, "-c.png"]) == 0
    with Image.open("-c.png") as shown:
        assert shown.size == (96, 64)


@pytest.mark.parametrize(
    ("image", "name", "bands"),
    [
        (GREY, "a.png", "grey"),
        (RGB, "a.webp", "rgb"),
        (RGBA, "a.png", "rgba"),
        (SCENE, "a.tif", "spectral"),
        (SCENE[..., 0], "a.png", "grey"),
        (SCENE[..., :3], "a.png", "rgb"),
        (SCENE[..., :4], "a.tif", "rgba"),
        (SCENE[..., :3], "a.tif", "spectral"),
    ],
)
def test_there_and_back(tmp_path, image, name, bands):
    from apercu.bridges import files

    paths = [str(tmp_path / name), str(tmp_path / "a.apc"), str(tmp_path / f"b{name[1:]}")]
    files.write(paths[0], image, bands)
    assert main(["encode", *paths[:2], "--quality", "90"]) == 0
    facts = apercu.info((tmp_path / "a.apc").read_bytes())
    assert (facts["interpretation"], facts["dtype"], facts["quality"]) == (bands, str(image.dtype), 90)
    assert main(["decode", *paths[1:]]) == 0
    found, kind = files.read(paths[2])
    assert (kind, found.dtype, found.shape) == (bands, image.dtype, image.shape)
    assert np.abs(found.astype(int) - image).mean() < 0.02 * np.iinfo(image.dtype).max


@pytest.mark.parametrize(
    ("options", "keywords"),
    [
        ((), {}),
        (("--quality", "20.5"), {"quality": 20.5}),
        (("--bpp", "0.4"), {"bpp": 0.4}),
        (("--bytes", "250"), {"n_bytes": 250}),
        (("--psnr", "30"), {"psnr": 30}),
        (
            ("--threshold", "90", "--step", "40", "--codec", "taha2025"),
            {"threshold": 90, "step": 40, "codec": "taha2025"},
        ),
        (
            ("--quality", "30", "--tables", "latent", "--codec", "taha2025"),
            {"quality": 30, "tables": "latent", "codec": "taha2025"},
        ),
        (("--bands", "spectral"), {"bands": "spectral"}),
    ],
)
def test_encode_does_what_the_library_does(photo, tmp_path, options, keywords):
    assert main(["encode", str(photo), str(tmp_path / "a.apc"), *options]) == 0
    assert (tmp_path / "a.apc").read_bytes() == apercu.encode(RGB, **keywords)


def test_encode_says_what_came_of_it(photo, tmp_path, capsys):
    out = tmp_path / "a.apc"
    main(["encode", str(photo), str(out), "--quality", "20.5"])
    said = capsys.readouterr()
    size = out.stat().st_size
    assert said.out == ""
    assert said.err == (
        f"{out}: 96 × 64 rgb uint8, {size} bytes (1/{RGB.size / size:.0f} of the samples), "
        f"{8 * size / GREY.size:.3f} bpp, quality 20.5\n"
    )
    main(["encode", str(photo), str(out), "--codec", "taha2025", "--threshold", "90", "--step", "40"])
    assert capsys.readouterr().err.endswith("threshold 90, step 40\n")
    main(["encode", str(photo), str(out), "--quiet"])
    main(["decode", str(out), str(tmp_path / "a.png")])
    assert capsys.readouterr() == ("", "")


def test_standard_input_and_output(photo):
    encoded = run("encode", "-", "-", "--quality", "40", stdin=photo.read_bytes())
    assert encoded.returncode == 0
    assert encoded.stdout == apercu.encode(RGB, quality=40)
    assert encoded.stderr.startswith(b"standard output: 96")
    expected = apercu.decode(encoded.stdout)
    for options, kind in (((), "PNG"), (("--format", "tif"), "TIFF"), (("--format", ".webp"), "WEBP")):
        decoded = run("decode", "-", "-", *options, stdin=encoded.stdout)
        assert (decoded.returncode, decoded.stderr) == (0, b"")
        with Image.open(io.BytesIO(decoded.stdout)) as image:
            assert image.format == kind
            np.testing.assert_array_equal(np.asarray(image), expected)
    assert run("check", "-", stdin=encoded.stdout).stdout == b"standard input: sound\n"
    spectral = run("decode", "-", "-", stdin=apercu.encode(SCENE))
    assert (spectral.returncode, spectral.stdout) == (2, b"")
    assert b".tif" in spectral.stderr


def test_damage_is_refused_or_concealed(damaged, tmp_path, capsys):
    out = tmp_path / "a.png"
    assert main(["decode", str(damaged), str(out)]) == 2
    assert is_one_line(capsys.readouterr().err)
    assert not out.exists()
    assert main(["decode", str(damaged), str(out), "--damaged", "conceal"]) == 0
    assert "faults concealed: 1" in capsys.readouterr().err
    with Image.open(out) as image:
        np.testing.assert_array_equal(np.asarray(image), apercu.decode(damaged.read_bytes(), damaged="conceal"))


def test_a_window_the_first_layers_and_a_restored_image(tmp_path):
    image = np.tile(RGB, (6, 5, 1))
    data = apercu.encode(image, quality=40, layers=3)
    (tmp_path / "in.apc").write_bytes(data)
    for options, named in (
        (["--window", "10,20,30,40"], {"window": (10, 20, 30, 40)}),
        (["--layers", "1"], {"layers": 1}),
        (["--restore", "cnn"], {"restore": "cnn"}),
    ):
        assert main(["decode", str(tmp_path / "in.apc"), str(tmp_path / "out.png"), *options]) == 0
        assert np.array_equal(Image.open(tmp_path / "out.png"), apercu.decode(data, **named))


def test_a_quality_that_was_printed_makes_the_same_file(tmp_path, capsys):
    """All of its digits: with the last ones another variant of the encoder's choices would go."""
    paths = [str(tmp_path / name) for name in ("a.png", "a.apc", "b.apc")]
    Image.fromarray(RGB).save(paths[0])
    options = ["--codec", "taha2025", "--quality"]
    assert main(["encode", *paths[:2], *options, "40.57421875"]) == 0
    assert main(["info", paths[1]]) == 0
    said = capsys.readouterr().out.split()
    assert main(["encode", paths[0], paths[2], *options, said[said.index("quality") + 1].rstrip(",")]) == 0
    assert (tmp_path / "a.apc").read_bytes() == (tmp_path / "b.apc").read_bytes()
    assert said[len(said) - said[::-1].index("quality")] == "40.57421875"


# --- info and check


def test_info(apc, capsys):
    facts = apercu.info(apc.read_bytes())
    assert main(["info", "--json", str(apc), str(apc)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [{"file": str(apc), **facts}] * 2
    assert main(["info", str(apc)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{apc}\n")
    assert re.findall(r"^  (\w+)", said, re.MULTILINE) == list(facts)
    assert re.search(r"^  quality +40$", said, re.MULTILINE)


def test_info_goes_on_after_a_file_it_cannot_read(apc, photo, capsys):
    assert main(["info", str(photo), str(photo) + "x", str(apc)]) == 2
    said = capsys.readouterr()
    assert said.out.startswith(f"{apc}\n")
    assert re.fullmatch(r"apercu: .*photo\.png: not an apercu file.*\napercu: .*photo\.pngx: No such.*\n", said.err)


def test_check(apc, damaged, photo, tmp_path, capsys):
    assert main(["check", str(apc)]) == 0
    assert capsys.readouterr().out == f"{apc}: sound\n"
    assert main(["check", str(damaged), str(apc), str(photo)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{damaged}: ChecksumError: ")
    assert lines[1] == f"{apc}: sound"
    assert lines[2].startswith(f"{photo}: NotApercu: ")
    assert main(["check", str(damaged), str(tmp_path / "none.apc")]) == 2
    assert "none.apc" in capsys.readouterr().err
