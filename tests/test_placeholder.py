"""Placeholders: sizes, heads, colours, pixels that are the same everywhere, and bytes of any kind."""

import base64
import hashlib
import json
import random
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

import apercu
import reference_placeholder
from apercu.cli.main import main
from apercu.errors import printable
from apercu.restore.trust import LEAST_SIDE, SMALL_SIDE, trust, trust_of_placeholder
from apercu.stages.area import FITTING_BITS, FRACTION_BITS, area_weights, cubic_weights, enlarge, fit, fitting_weights
from reference_bytes import Refused
from scripts.pictures import scene


def picture(height=96, width=144, n_bands=3):
    """Slopes and a bright square."""
    y, x = np.mgrid[:height, :width]
    bands = [x * 255 // width, y * 255 // height, 255 - x * 200 // width, 100 + y * 100 // height]
    image = np.stack(bands[:n_bands], axis=-1).astype(np.uint8)
    image[height // 4 : height // 2, width // 4 : width // 2] = 230
    return image if n_bands > 1 else image[:, :, 0]


@pytest.mark.parametrize("n_bytes", [16, 32, 300])
@pytest.mark.parametrize("n_bands", [1, 3, 4])
def test_size_and_shape(n_bands, n_bytes):
    image = picture(n_bands=n_bands)
    data = apercu.placeholder(image, n_bytes)
    assert len(data) <= n_bytes
    shown = apercu.placeholder_image(data, image.shape[:2])
    assert shown.shape == image.shape
    assert shown.dtype == np.uint8
    error = np.mean((shown.astype(float) - image) ** 2)
    assert error < np.var(image.astype(float), axis=(0, 1)).mean() / 2


def test_more_bytes_are_closer():
    image = picture()
    shown = [apercu.placeholder_image(apercu.placeholder(image, n), image.shape[:2]) for n in (16, 48, 300)]
    errors = [np.mean((each.astype(float) - image) ** 2) for each in shown]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 900, 3), (900, 1, 3), (2, 3, 3), (3000, 40, 3), (5, 4)])
def test_any_shape(shape):
    image = np.random.default_rng(7).integers(0, 256, shape, np.uint8)
    assert apercu.placeholder_image(apercu.placeholder(image), shape[:2]).shape == shape


def test_head():
    data = apercu.placeholder(picture(200, 100))
    told = apercu.placeholder_info(data[:4])
    assert told["kind"] == "rgb"
    assert told["aspect"] == 0.5
    assert np.abs(np.array(told["colour"]) - picture(200, 100).mean(axis=(0, 1))).max() < 12
    assert apercu.placeholder_image(data).shape == (256, 128, 3)


def test_hidden_colours_do_not_count():
    """In a large picture too, which is reduced first."""
    for width in (64, 2500):
        image = np.full((20, width, 4), 200, np.uint8)
        image[:, ::2] = 0
        told = apercu.placeholder_info(apercu.placeholder(image, 40))
        assert min(told["colour"]) > 190


def test_wide_samples():
    image = picture()
    assert apercu.placeholder(image.astype(np.uint16) * 16).startswith(apercu.placeholder(image)[:1])


def test_wide_samples_that_are_all_equal_are_not_black():
    for value, shown in ((65535, 255), (32896, 128), (0, 0)):
        small = apercu.placeholder(np.full((20, 30), value, np.uint16), 32)
        assert np.abs(apercu.placeholder_image(small).astype(int) - shown).max() <= 1


def test_hidden_wide_samples_do_not_count():
    """Neither the brightest nor the darkest of them."""
    image = np.concatenate([picture(48, 60).astype(np.uint16), np.full((48, 60, 1), 65535, np.uint16)], axis=2)
    image[:10, :, 3] = 0
    image[:5], image[5:10, :, :3] = 0, 60_000
    other = image.copy()
    other[:10, :, :3] = image[10, 0, :3]
    assert apercu.placeholder(image, 64) == apercu.placeholder(other, 64)


def test_pixels_are_the_same_everywhere():
    data = apercu.placeholder(picture(), 64)
    assert apercu.placeholder(picture(), 64) == data
    shown = apercu.placeholder_image(data, (75, 113))
    assert (data.hex(), hashlib.sha256(shown.tobytes()).hexdigest()) == (DATA, PIXELS)


DATA = (
    "4b8ac650f562adb9bced115c666420c805eb28926ba9b1ad0cc00d8ce8340aa9"
    "2e035bf97d9ab8dd20bba627a67f3fcb38dacb4e09a5d08fc610bf2f5feb22b5"
)
PIXELS = "b08509d6b432c0586ec722a75c7e41fee2f8ab9cf4d0ab9a74dd0f36744f5a9e"


@pytest.mark.parametrize("given", [15, 301, 32.0, True, "32"])
def test_refuses_sizes(given):
    with pytest.raises(apercu.OptionError):
        apercu.placeholder(picture(), given)


@pytest.mark.parametrize(
    "size",
    [(0, 5), (70000, 1), (60000, 60000), 5, (1, 2, 3), ("a", 1), ("4", "5"), "12", (4.5, 5), (float("inf"), 3)],
)
def test_refuses_sizes_of_pictures(size):
    with pytest.raises(apercu.OptionError):
        apercu.placeholder_image(apercu.placeholder(picture()), size)


def test_refuses_what_is_no_placeholder():
    with pytest.raises(apercu.ImageError):
        apercu.placeholder(np.zeros((8, 8, 2), np.uint8))
    with pytest.raises(apercu.Truncated):
        apercu.placeholder_image(b"abc")
    with pytest.raises(apercu.NotApercu):
        apercu.placeholder_image(b"\xff" * 20)
    with pytest.raises(apercu.CorruptStream):
        apercu.placeholder_image(apercu.placeholder(picture()) + bytes(300))


def test_any_bytes_end_well():
    random = np.random.default_rng(3)
    sound = apercu.placeholder(picture(), 40)
    n_shown = 0
    for _ in range(300):
        data = bytearray(sound[: random.integers(4, len(sound) + 1)])
        for place in random.integers(0, len(data), 3):
            data[place] = random.integers(0, 256)
        with suppress(apercu.FormatError):
            n_shown += apercu.placeholder_image(bytes(data), (8, 8)).shape[0] == 8
    assert n_shown > 10


@pytest.mark.parametrize(("n", "to"), [(1, 7), (3, 2), (16, 16), (5, 33), (128, 1000)])
def test_weights_add_up(n, to):
    assert (area_weights(n, to).sum(axis=1) == n).all()
    assert (cubic_weights(n, to).sum(axis=1) == 1 << FRACTION_BITS).all()


@pytest.mark.parametrize(("n", "to"), [(192, 24), (192, 5), (60, 12)])
def test_fitted_samples_are_closer_than_means_of_areas(n, to):
    weights = fitting_weights(n, to)
    np.testing.assert_allclose(weights.sum(axis=1) / (1 << FITTING_BITS), 1, atol=1e-3)
    wave = (4000 + 3000 * np.sin(np.arange(n) / n * to * 1.7))[:, None].astype(np.int16)
    one = np.array([[1 << FITTING_BITS]], np.float64), np.array([[1 << FRACTION_BITS]], np.float64)
    means = np.rint(area_weights(n, to) @ wave / n)
    off = [
        np.square(enlarge(small, cubic_weights(to, n), one[1]) - wave.astype(np.int64)).sum()
        for small in (fit(wave, weights, one[0]), means)
    ]
    assert off[0] < 0.9 * off[1]


def test_what_is_not_made_smaller_stays():
    np.testing.assert_array_equal(fitting_weights(16, 16), np.eye(16) * (1 << FITTING_BITS))
    assert (fitting_weights(5, 10).reshape(5, 2, 5).argmax(axis=2) == np.arange(5)[:, None]).all()


def test_networks_are_trusted_with_small_pictures_where_the_step_is_coarse():
    """A slope is left as it is."""
    small = [np.zeros((20, 30), np.int16), *(np.zeros((10, 15), np.int16) for _ in range(2))]
    bands = [np.zeros(plane.size, np.int16) for plane in small]
    factors = [trust_of_placeholder(small, bands, 256 * step)[1] for step in (30, 48, 68)]
    assert [of.shape for of in factors] == [(3, 4)] * 3
    assert factors[0].max() == 0 < factors[1].min() == factors[1].max() < factors[2].min() == 1
    assert not trust(small, bands, 256 * 68)[0].any()
    large = [np.zeros((SMALL_SIDE, SMALL_SIDE), np.int16)]
    bands = [np.arange(SMALL_SIDE**2, dtype=np.int16) % 7 // 6 * 900]
    np.testing.assert_array_equal(trust_of_placeholder(large, bands, 9000), trust(large, bands, 9000))


@pytest.mark.parametrize("way", ["cnn", "rnn"])
def test_a_small_picture_is_restored(way):
    pytest.importorskip("onnxruntime")
    image = scene(120, 180, 3, seed=3)
    data = apercu.placeholder(image, 24)
    assert apercu.placeholder_info(data)["height"] < LEAST_SIDE
    plain, restored = (apercu.placeholder_image(data, (120, 180), how).astype(int) for how in ("none", way))
    assert np.square(restored - image).mean() < 0.97 * np.square(plain - image).mean()


def test_cubic_keeps_slopes():
    slope = cubic_weights(32, 128) @ np.arange(32.0) / (1 << FRACTION_BITS)
    assert np.abs(slope - (np.arange(128) + 0.5) / 4 + 0.5)[12:-12].max() < 0.01


def test_command(tmp_path, capfdbinary):
    for name in ("b.png", "a.png"):
        Image.fromarray(picture()).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    data = apercu.placeholder(picture(), 40)
    one = str(tmp_path / "a.png")
    assert main(["placeholder", one, "--bytes", "40", "--format", "raw"]) == 0
    assert capfdbinary.readouterr().out == data
    assert main(["placeholder", one, "--bytes", "40"]) == 0
    assert capfdbinary.readouterr().out == base64.b64encode(data) + b"\n"
    assert main(["placeholder", one, "--bytes", "40", "--format", "data-uri"]) == 0
    assert capfdbinary.readouterr().out.endswith(b";base64," + base64.b64encode(data) + b"\n")
    assert main(["placeholder", str(tmp_path), "--bytes", "40", "--format", "json"]) == 0
    found = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [each["file"] for each in found] == [str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    assert all(base64.b64decode(each["placeholder"]) == data for each in found)


def test_command_names_several_files(tmp_path, capfd):
    """Before a tab, and whatever a name has in it, a line stays a line and JSON."""
    names = [str(tmp_path / name) for name in ("a.png", "b\t\x7f.png", "c\n\x1b.png")]
    for name in names:
        Image.fromarray(picture()).save(name)
    data = base64.b64encode(apercu.placeholder(picture(), 40)).decode()
    assert main(["placeholder", *names, "--bytes", "40"]) == 0
    lines = [line.split("\t") for line in capfd.readouterr().out.splitlines()]
    assert lines == [[printable(name), data] for name in names]
    assert main(["placeholder", *names, "--format", "json"]) == 0
    assert [json.loads(line)["file"] for line in capfd.readouterr().out.splitlines()] == names


def test_command_goes_on_after_a_bad_file(tmp_path, capfd):
    (tmp_path / "a.png").write_bytes(b"no picture")
    Image.fromarray(picture()).save(tmp_path / "b.png")
    assert main(["placeholder", str(tmp_path)]) == 2
    said = capfd.readouterr()
    assert said.out.count("\n") == 1
    assert "a.png" in said.err
    assert main(["placeholder", str(tmp_path), "--bytes", "3"]) == 2
    assert main(["placeholder", str(tmp_path), "--format", "raw"]) == 2


# --- A second reader ------------------------------------------------------------------------------
def kinds():
    """Pictures of every kind, of several proportions."""
    colour = scene(60, 90, 3, seed=4)
    clear = np.dstack([colour, np.where(np.arange(90) < 40, 0, 255)[None].repeat(60, 0).astype(np.uint8)])
    return colour, colour[:, :, 0], clear, scene(70, 31, 3), scene(9, 200, 1)[:, :, 0]


@pytest.mark.parametrize("n_bytes", [16, 32, 100, 300])
def test_a_reader_written_from_the_specification_agrees(n_bytes):
    for image in kinds():
        data = apercu.placeholder(image, n_bytes)
        for size in ((11, 17), (40, 3)):
            found = reference_placeholder.decode(data, size)
            np.testing.assert_array_equal(found, apercu.placeholder_image(data, size), strict=True)


def test_both_readers_make_the_same_of_damage():
    names = set()
    for seed in range(300):
        rng = random.Random(seed)
        data = bytearray(apercu.placeholder(kinds()[seed % 3], 24)) if seed < 3 else bytearray(rng.randbytes(24))
        data[4:] = rng.randbytes(rng.randrange(40))
        data = bytes(data[: rng.choice((2, 20, 40))])
        wanted, found = outcomes(data)
        assert found == wanted, data.hex()
        names.add(wanted if isinstance(wanted, str) else "shown")
    assert names == {"shown", "Truncated", "CorruptStream", "NotApercu"}


def outcomes(data):
    """Bytes of pixels, or the name of the error, of both."""
    made = []
    for read, error in ((apercu.placeholder_image, apercu.FormatError), (reference_placeholder.decode, Refused)):
        try:
            made.append(read(data, (3, 4)).tobytes())
        except error as fault:
            made.append(type(fault).__name__)
    return made
