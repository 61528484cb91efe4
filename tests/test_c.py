"""Whole files in C: version 1, held to the vectors and to the package."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess

import numpy as np
import pytest

import apercu
from apercu.format.container import BY_HAND, read_header
from apercu.format.ids import CODEC_IDS
from scripts import c_library, encoded
from scripts.pictures import scene, wide
from scripts.vector_case import Encoded, encode
from scripts.vector_files import read_pixels
from test_conformance import INVALID, VALID, VECTORS

pytestmark = pytest.mark.skipif(not c_library.HAS_COMPILER, reason="no C compiler here")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What is built takes 17 CPU-seconds: processes that test at once share it, whose folders lie in one."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "c"
    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return c_library.build(folder, "-O2")  # the second time, make finds that all is there


@pytest.fixture(scope="module")
def c(built):
    return c_library.Decoder(built)


def same(found, wanted):
    """Pixels, or the names of errors."""
    if isinstance(found, str) or isinstance(wanted, str):
        return isinstance(found, str) and isinstance(wanted, str) and found == wanted
    return found.dtype == wanted.dtype and np.array_equal(found, wanted)


def valid(name):
    folder = VECTORS / "valid" / name
    return folder, (folder / "in.apc").read_bytes(), json.loads((folder / "test.json").read_text())


@pytest.mark.parametrize("name", VALID)
def test_bytes_become_the_pixels_of_the_vector_or_are_refused_as_not_read(c, name):
    folder, data, test = valid(name)
    model = folder / test["model"] if test["model"] else None
    if refused := c_library.expected(data, ""):
        assert c_library.outcome(c.decode, data, model=model) == refused
        return
    wanted = test["restore"]["none"]
    pixels = read_pixels((folder / wanted["file"]).read_bytes(), wanted["file"], test["shape"])
    assert same(c.decode(data, model=model), pixels)
    assert same(c.decode(data, model=model, damaged="conceal"), pixels)
    quality = apercu.info(data)["quality"]
    assert c.opened(data).quality_q8 == (BY_HAND if quality is None else 256 * quality)


@pytest.mark.parametrize("name", INVALID)
def test_damage_is_refused_by_name(c, name):
    file = VECTORS / "invalid" / f"{name}.apc"
    data, test = file.read_bytes(), json.loads(file.with_suffix(".json").read_text())
    model = VECTORS / test["model"] if test["model"] else None
    error = c_library.expected(data, test["error"])
    assert c_library.outcome(c.decode, data, model=model) == error
    shown = c_library.outcome(c.decode, data, model=model, damaged="conceal")
    if not same(shown, error):
        assert same(shown, apercu.decode(data, model=model, damaged="conceal"))


def test_all_vectors_of_version_1_are_read():
    """That the two tests above do not pass by refusing all."""
    old = [name for name in VALID if valid(name)[1][2] >> 4 == 1]
    assert len(old) > 300
    assert [name for name in old if c_library.expected(valid(name)[1], "")] == []
    invalid = [(VECTORS / "invalid" / f"{name}.apc").read_bytes() for name in INVALID]
    assert sum(c_library.expected(data, "its own") == "its own" for data in invalid) >= 100


# --- Parts of files -------------------------------------------------------------------------------
LAYERED = "bands-layers-of-tiles", "bands-layers-5", "bands-tiles-rgb"


@pytest.mark.parametrize(
    "name", [*LAYERED, "dct-range-layers", "dct-huffman-layers", "stacked-layers-rgb", "rnn-layers"]
)
@pytest.mark.parametrize("layers", [1, 2, 4, 9])
def test_the_first_layers(c, name, layers):
    _, data, _ = valid(name)
    assert same(c.decode(data, layers=layers), apercu.decode(data, layers=layers))


@pytest.mark.parametrize("name", [*LAYERED, "dct-range-layers-rgb", "stacked-layers", "rnn-layers"])
def test_a_file_that_is_still_on_its_way(c, name):
    """What has arrived is shown; before that, why not is said."""
    _, data, _ = valid(name)
    names = set()
    for n in {*range(0, len(data), 23), *range(12)}:
        found = c_library.outcome(c.decode, data[:n], damaged="conceal")
        try:
            wanted = apercu.decode(data[:n], damaged="conceal")
        except apercu.ApercuError as error:
            wanted = type(error).__name__
            names.add(wanted)
        assert same(found, wanted), n
        assert c_library.outcome(c.decode, data[:n]) == "Truncated"
    assert names == {"Truncated"}


def test_each_tile_has_as_many_layers_as_are_sound(c):
    _, data, _ = valid("bands-layers-of-tiles")
    told = apercu.info(data)
    n_tiles, n_layers = told["tiles"], told["layers"]
    lengths = [c.segment(data, tile, layer)[1] for layer in range(n_layers) for tile in range(n_tiles)]
    end = len(data) - lengths[-1] - 4
    damaged = bytearray(data)
    damaged[end - 1] ^= 1  # the checksum of the last tile but one, its last layer
    assert same(c.decode(bytes(damaged[:-1]), damaged="conceal"), apercu.decode(bytes(damaged[:-1]), damaged="conceal"))
    assert c.shown.tolist() == [n_layers] * (n_tiles - 2) + [n_layers - 1] * 2
    assert c.segment(bytes(damaged), n_tiles - 2, n_layers - 1)[0] == "ChecksumError"
    assert c.segment(bytes(damaged[:-1]), n_tiles - 1, n_layers - 1)[0] == "Truncated"
    assert c.segment(data, n_tiles - 1, n_layers - 1)[0] is None


@pytest.mark.parametrize("name", ["bands-tiles", "bands-tiles-rgb", "bands-layers-of-tiles", "bands-rgba"])
def test_tiles_one_by_one(c, name):
    _, data, _ = valid(name)
    image = apercu.decode(data)
    image = image if image.ndim == 3 else image[:, :, None]
    for tile in range(apercu.info(data)["tiles"]):
        found = c.tile(data, tile)
        top, left = found.place.top, found.place.left
        assert same(found.pixels, image[top : top + found.place.height, left : left + found.place.width])
        assert (found.shown, found.fault) == (apercu.info(data)["layers"], None)


def test_a_tile_that_is_lost_says_why_and_is_grey(c):
    _, data, _ = valid("bands-tiles-rgb")
    damaged = bytearray(data)
    damaged[-1] ^= 1
    found = c.tile(bytes(damaged), apercu.info(data)["tiles"] - 1)
    assert (found.shown, found.fault) == (0, "ChecksumError")
    assert np.ptp(found.pixels) == 0
    assert 127 <= found.pixels[0, 0, 0] <= 128


# --- Limits and tables ----------------------------------------------------------------------------
def test_more_pixels_than_allowed(c):
    _, data, _ = valid("bands-33x31")
    assert c_library.outcome(c.decode, data, limit=33 * 31 - 1) == "TooLarge"
    assert not isinstance(c_library.outcome(c.decode, data, limit=33 * 31), str)


@pytest.mark.parametrize("data", [b"", bytes(99), b"\xae\x70\x10\x02\x05\x05\x00\xff", None])
def test_of_a_refused_file_nothing_can_be_decoded(c, data):
    """Also where the caller overlooks what apc_open has returned, as it may look at the last fault alone."""
    data = valid("bands-tiles")[1] if data is None else data  # too large here
    file, pixels = c_library.File(), np.zeros(999, np.uint8)
    at = c_library.ctypes.byref(file)
    told = [at, c_library.ctypes.byref(c_library.Model.in_dll(c.functions, "apc_model_2")), c_library.address(pixels)]
    assert c.functions.apc_open(at, data, c_library.ctypes.c_size_t(len(data)), c_library.ctypes.c_uint64(99)) < 0
    assert c.functions.apc_memory(at) == c_library.ctypes.c_size_t(-1).value
    for decode in (c.functions.apc_decode, c.functions.apc_decode_damaged):
        found = decode(*told, told[2], c_library.ctypes.c_size_t(0), c_library.ctypes.c_uint32(0), None)
        assert c.functions.apc_error_name(found) == b"a bad argument"


def test_tables_out_of_range_are_refused(c, tmp_path):
    folder, data, test = valid("bands-user-model")
    numbers = np.load(folder / test["model"]).copy()
    for at, number in ((0, 65), (270, 0), (271, 1), (271, 129)):
        wrong = numbers.copy()
        wrong.flat[at] = number
        np.save(tmp_path / "wrong.npy", wrong)
        digest = c_library.hash_of(wrong)
        made = data[:5] + digest + data[13:-2]
        made += apercu.format.container._crc16(made)
        assert c_library.outcome(c.decode, made, model=tmp_path / "wrong.npy") == "ModelError"


def test_memory_is_of_one_tile(c):
    """A file of many tiles takes no more than the largest alone: of 32 x 32 here, and 89 kB of contexts."""
    _, data, _ = valid("bands-tiles")
    file = c.opened(data)
    assert (file.tile, file.n_tiles > 1) == (32, True)
    assert c.functions.apc_memory(c_library.ctypes.byref(file)) < 110_000


# --- The other way --------------------------------------------------------------------------------
def is_written(name):
    header = read_header(valid(name)[1])
    return CODEC_IDS[header.codec, header.entropy] in c_library.WRITTEN


ENCODED = [name for name in encoded.names() if not c_library.expected(valid(name)[1], "") and is_written(name)]


@pytest.mark.parametrize("name", ENCODED)
def test_the_encoder_writes_the_bytes_of_the_package(c, name):
    folder, _, test = valid(name)
    how, model = test["encode"], folder / test["model"] if test["model"] else None
    image = read_pixels((folder / how["file"]).read_bytes(), how["file"], test["shape"])
    case = Encoded("", image, how["options"], how["tile_log2"], model is not None, how["layers"])
    wanted = encode(case, str(model))
    assert hashlib.sha256(wanted).hexdigest() == json.loads(encoded.NOTED.read_text())[name]
    assert c.encode(image, read_header(wanted), model, tables=how["options"].get("tables")) == wanted


def drawn(rng, seed):
    """A picture of some kind; of RGBA with soft, clear and opaque places, of 16 bits some with places without data."""
    n_bands = int(rng.choice([1, 3, 4, 4, 2, 6]))
    height, width = (int(side) for side in rng.integers(1, 100, 2))
    image = scene(height, width, n_bands, seed=seed)
    is_wide = seed % 3 == 0
    if n_bands == 4:
        kind, x = seed % 5, np.arange(width)[None, :]
        soft = np.clip(128 + 6 * (x - width // 2) + 4 * (np.arange(height)[:, None] - height // 2), 0, 255)
        image[:, :, 3] = (soft, 255, 0, image[:, :, 3], np.where(x % 40 < 20, 255, 3))[kind]
    if is_wide:
        image = wide(image, int(rng.integers(500)), int(rng.integers(600, 65535)))
        if seed % 2:
            top, left = rng.integers(0, [height, width])
            image[top : top + 30, left : left + 20, 0] = 65535
            image[rng.random(image.shape) < 0.01] = 65535
    return image


@pytest.mark.parametrize("codec", ["apercu", "taha2025"])
@pytest.mark.parametrize("seed", range(60))
def test_pictures_of_all_kinds_are_encoded_as_by_the_package(c, seed, codec):
    rng = np.random.default_rng(seed)
    image = drawn(rng, seed)
    how = {"tile": int(rng.choice([32, 64, 1024])), "codec": codec}
    if codec == "apercu":
        how |= {"layers": int(rng.integers(1, 6)), "model": "apercu_small" if seed % 4 == 1 else None}
    else:
        how |= {"tables": (None, "group", "latent")[seed % 3]}
    data = apercu.encode(image, quality=int(rng.integers(25601)) / 256, **how)
    assert c.encode(image, read_header(data), tables=how.get("tables")) == data
    assert same(c.decode(data), apercu.decode(data))


def test_a_file_fits_exactly_or_is_refused(c):
    image = scene(70, 90, 3)
    for layers in (1, 3):
        data = apercu.encode(image, quality=40, tile=32, layers=layers)
        header = read_header(data)
        sizes = [n for n in range(len(data) - 60, 3 * len(data), 7) if fits(c, image, header, n, data)]
        assert sizes
        assert sizes == list(range(sizes[0], 3 * len(data), 7))  # what fits once fits with more room
        room = 32 + 4 * header.n_tiles * layers  # as apercu.h says, beside the file once or twice
        assert fits(c, image, header, (1 if layers == 1 else 2) * len(data) + room, data)


@pytest.mark.parametrize("capacity", [0, 40, 120, 1500, 2500])
def test_after_an_error_nothing_is_touched_and_the_last_call_tells_it(c, capacity):
    """A caller may look at what apc_encode_end returns alone."""
    image = np.random.default_rng(4).integers(0, 256, (150, 200), np.uint8)
    about = c_library.Image(200, 150, 1, 0, 0, 0, 1, 60 * 256, 64, None)
    memory = np.zeros(c.functions.apc_encode_memory(c_library.ctypes.byref(about)), np.uint8)
    out = np.full(capacity + 60_000, c_library.GUARD, np.uint8)
    encoder = c_library.Encoder(c)
    encoder.begin(about, memory, out, capacity)
    for top in range(0, 150, 64):
        strip = np.ascontiguousarray(image[top : top + 64])
        encoder.strip(strip)
    assert encoder.end() == "a buffer is too small"
    assert (out[capacity:] == c_library.GUARD).all()


def test_what_was_not_begun_or_has_ended_is_refused(c):
    encoder, image = c_library.Encoder(c), scene(20, 30, 1)[:, :, 0]
    assert encoder.strip(image) == encoder.end() == "a bad argument"
    about = c_library.Image(30, 20, 1, 0, 0, 0, 1, 60 * 256, 64, None)
    memory, out = np.zeros(1 << 18, np.uint8), np.zeros(5000, np.uint8)
    for _ in range(2):  # an encoder may be used again
        assert encoder.begin(about, memory, out, out.size) == 0
        assert encoder.end() == "a bad argument"
        assert encoder.strip(np.ascontiguousarray(image)) == 0
        assert encoder.strip(np.ascontiguousarray(image)) == "a bad argument"
        assert out[: encoder.end()].tobytes() == apercu.encode(image, quality=60, tile=64, layers=1)
        assert encoder.end() == encoder.strip(image) == "a bad argument"


def test_the_levels_that_the_package_measures(c):
    rng = np.random.default_rng(1)
    codes = np.zeros(2, np.uint8)
    extremes = [(0, 0), (0, 65535), (65535, 65535), (15, 17), (63487, 63489)]
    for low, high in [*extremes, *np.sort(rng.integers(0, 65536, (100, 2)) >> rng.integers(0, 16, (100, 1))).tolist()]:
        c.functions.apc_level_codes(*map(c_library.ctypes.c_uint16, (low, high)), c_library.address(codes))
        data = apercu.encode(np.array([[low, high]], np.uint16), quality=1)
        assert tuple(codes) == tuple(read_header(data).levels[0])


def fits(c, image, header, capacity, data):
    try:
        assert c.encode(image, header, capacity=capacity) == data
    except c_library.Refused as error:
        if str(error) != "a buffer is too small":
            raise
        return False
    return True


# --- What the linker sees -------------------------------------------------------------------------
@pytest.mark.skipif(shutil.which("nm") is None, reason="no nm here")
def test_names_are_those_of_the_library(built):
    """A program may have functions of its own that are called `even` or `crc32_of`."""
    listed = subprocess.run(
        ["nm", "-g", "-P", built / "libapercu.a"], capture_output=True, text=True, check=True
    ).stdout
    found = {
        words[0].lstrip("_") for words in map(str.split, listed.splitlines()) if len(words) > 2 and words[1] in "TDRB"
    }
    assert len(found) > 40
    assert {
        name for name in found if not name.startswith(("apc_", "apercu_", "wavelet_", "band_", "huffman_"))
    } == set()


# --- The example ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "head"), [("bands-33x31", b"P5\n31 33\n255\n"), ("bands-rgb-33x31", b"P6\n31 33\n255\n")]
)
def test_the_example_writes_a_picture(built, name, head):
    _, data, _ = valid(name)
    done = subprocess.run([built / "apc2ppm", VECTORS / "valid" / name / "in.apc"], capture_output=True, check=True)
    assert done.stdout == head + apercu.decode(data).tobytes()


def test_the_example_says_what_is_wrong(built, tmp_path):
    missing = subprocess.run([built / "apc2ppm", tmp_path / "x.apc"], capture_output=True, text=True, check=False)
    assert (missing.returncode, missing.stderr) == (2, f"{tmp_path}/x.apc: cannot be read\n")
    done = subprocess.run(
        [built / "apc2ppm", VECTORS / "invalid" / "bands-cut.apc"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("bands-cut.apc: Truncated\n")


@pytest.mark.parametrize("name", ["bands-rgb-33x31", "bands-rgb16"])
def test_the_program_of_the_documentation(built, tmp_path, name):
    text = (c_library.ROOT / "docs/c.md").read_text("utf-8")
    (tmp_path / "viewer.c").write_text(re.search(r"```c\n(#include.*?)```", text, re.DOTALL)[1], "utf-8")
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{c_library.ROOT / 'c'}"]
    sources = [tmp_path / "viewer.c", built / "libapercu.a", "-o", tmp_path / "viewer"]
    subprocess.run([*c_library.COMPILER.split(), *flags, *sources], check=True)
    _, data, _ = valid(name)
    done = subprocess.run([tmp_path / "viewer", VECTORS / "valid" / name / "in.apc"], capture_output=True, check=True)
    assert done.stdout == apercu.decode(data).tobytes()
