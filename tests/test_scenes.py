"""Files with a prefix, read: what it says is done to the image after it, in whole, in windows, in layers, restored."""

import io
import json
import math

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bridges import batch, bounded, files
from apercu.bridges import pillow as _  # noqa: F401  # registers the plugin
from apercu.cli.main import main
from apercu.errors import ChecksumError, CorruptStream, FileFormatError, FormatError, OptionError, Truncated
from apercu.format.chunks import Bands, Geo, Reduced, SampleType, Scene
from apercu.format.container import read_header
from apercu.format.prefix import pack_prefix
from apercu.stages.sample_types import mapping_for, set_nodata, to_codes, to_values
from limits import within
from scripts.pictures import scene, wide

GEO = Geo(32632, (10.0, 0.0, 399960.0, 0.0, -10.0, 4900020.0))
PLACED = pack_prefix(Scene(geo=GEO, bands=Bands(names=("red", "green", "blue"))))
RGB = scene(70, 90, 3)
INNER = apercu.encode(RGB, quality=40, tile=32, layers=3)
SPECTRAL = wide(RGB, 0, 65535)
MAPPED = pack_prefix(Scene(samples=SampleType("int16", ((-300.0, 1.0), (-300.0, 0.5), (7.0, -0.25)), (-300, None, 7))))
WIDE = apercu.encode(SPECTRAL, quality=40, tile=32, layers=3, bands="spectral")


# --- What is only said ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "options",
    [{}, {"window": (20, 30, 33, 40)}, {"layers": 1}, {"damaged": "conceal"}, {"full_size": True}],
)
def test_what_says_nothing_of_pixels_leaves_them(options):
    inner = {name: value for name, value in options.items() if name != "full_size"}
    assert np.array_equal(apercu.decode(PLACED + INNER, **options), apercu.decode(INNER, **inner))


def test_a_restored_image_is_that_of_the_inner_file():
    pytest.importorskip("onnxruntime")
    found = apercu.decode(PLACED + INNER, restore="cnn")
    assert np.array_equal(found, apercu.decode(INNER, restore="cnn"))


def test_damage_in_the_inner_file_is_that_of_the_inner_file():
    damaged = INNER[:-9] + bytes([INNER[-9] ^ 1]) + INNER[-8:]
    for data in (damaged, INNER[:-9]):
        assert [*map(repr, apercu.check(PLACED + data))] == [*map(repr, apercu.check(data))]
        shown = apercu.decode(PLACED + data, damaged="conceal")
        assert np.array_equal(shown, apercu.decode(data, damaged="conceal"))


@pytest.mark.parametrize("damaged", ["raise", "conceal"])
def test_damage_in_the_prefix_cannot_be_concealed(damaged):
    for at in range(4, len(PLACED)):
        data = PLACED[:at] + bytes([PLACED[at] ^ 0x10]) + PLACED[at + 1 :] + INNER
        with pytest.raises(ChecksumError, match="prefix"):
            apercu.decode(data, damaged=damaged)
        with pytest.raises(ChecksumError, match="prefix"):
            apercu.info(data)
        assert [type(fault) for fault in apercu.check(data)] == [ChecksumError]
    for at in (3, 4, 20, len(PLACED) - 1):
        with pytest.raises(Truncated, match="prefix"):
            apercu.decode(PLACED[:at], damaged=damaged)


def test_what_a_file_says_of_itself():
    told = apercu.info(PLACED + INNER)
    inner = apercu.info(INNER)
    assert told["geo"] == {"crs": "EPSG:32632", "transform": GEO.transform, "point": False}
    assert told["names"] == ("red", "green", "blue")
    assert (told["version"], inner["version"]) == (2, 1)
    assert (told["n_bytes"], told["bpp"]) == (len(PLACED) + len(INNER), 8 * (len(PLACED) + len(INNER)) / 6300)
    assert [*told][len(inner) :] == [
        *("geo", "gcps", "rpcs", "names", "units", "colours", "scales", "offsets", "tags"),
        *("nodata", "mask", "rotated", "reduced"),
    ]
    assert {name: told[name] for name in inner if name not in ("version", "n_bytes", "bpp")}.items() <= inner.items()
    assert apercu.info(PLACED + INNER[: read_header(INNER).head_size])["width"] == 90


def test_all_samples_count_where_there_is_no_mask():
    for data in (INNER, PLACED + INNER):
        assert np.array_equal(apercu.mask(data), np.zeros((70, 90), np.bool_))
        assert apercu.mask(data, window=(1, 2, 3, 4)).shape == (3, 4)
        with pytest.raises(OptionError, match="window"):
            apercu.mask(data, window=(1, 2, 70, 4))


# --- What samples were ----------------------------------------------------------------------------
def test_samples_become_values():
    codes, found = apercu.decode(WIDE).astype(float), apercu.decode(MAPPED + WIDE)
    wanted = np.clip(np.rint([-300, -300, 7] + codes * [1, 0.5, -0.25]), -32768, 32767)
    assert found.dtype == np.int16
    assert apercu.info(MAPPED + WIDE)["dtype"] == "int16"
    moved = wanted.copy()
    moved[..., 0][wanted[..., 0] == -300] = -299
    moved[..., 2][wanted[..., 2] == 7] = 6
    assert np.array_equal(found, moved)
    window = found[20:53, 30:70]
    assert np.array_equal(apercu.decode(MAPPED + WIDE, window=(20, 30, 33, 40)), window)
    assert apercu.decode(MAPPED + WIDE, layers=1).dtype == np.int16


@pytest.mark.parametrize(
    ("dtype", "least", "most"),
    [
        ("int8", -100, 90),
        ("uint8", 0, 255),
        ("int16", -32768, 32767),
        ("uint32", 3_000_000_000, 3_000_065_535),
        ("int32", -1e9, 1e9),
        ("int64", -1e12, 3e12),
        ("float16", -100, 90),
        ("float32", 1e-3, 2e-3),
        ("float32", -1e9, 1e9),
        ("float64", -1e300, 1.5e300),
    ],
)
def test_values_to_codes_and_back(dtype, least, most):
    whole = np.dtype(dtype).kind in "iu"
    values = np.linspace(least, most, 5000).astype(dtype).reshape(50, 100, 1)
    least, most = values.min(), values.max()
    mapping = [mapping_for(least, most, dtype)]
    codes = to_codes(values, mapping)
    found = to_values(codes, mapping, dtype)
    assert found.dtype == values.dtype
    error = np.abs(found.astype(float) - values.astype(float)).max()
    if whole and float(most) - float(least) <= 65535:
        assert error == 0
        assert mapping[0][1] == 1
    else:
        step = (float(most) - float(least)) / 131070
        assert error <= step + (0.5 if whole else np.spacing(np.abs(values).max()).astype(float))
        assert (codes.min(), codes.max()) == (0, 65535)


def test_all_values_alike_and_not_finite():
    assert mapping_for(5.5, 5.5, "float32") == (5.5, 1.0)
    values = np.array([[[math.nan], [math.inf], [-math.inf], [3.0]]])
    assert to_codes(values, [(0.0, 1.0)]).ravel().tolist() == [0, 65535, 0, 3]
    with np.errstate(all="raise"):
        assert to_values(np.full((1, 1, 1), 65535, np.uint16), [(0.0, 1e308)], "float32")[0, 0, 0] == math.inf
        assert to_values(np.full((1, 1, 1), 65535, np.uint16), [(0.0, -1e308)], "int64")[0, 0, 0] == -(2**63)


@pytest.mark.parametrize(
    ("dtype", "nodata", "before", "after"),
    [
        ("uint8", 0, [0, 1, 255], [1, 1, 255]),
        ("uint8", 255, [0, 254, 255], [0, 254, 254]),
        ("uint8", 127, [127], [128]),
        ("uint8", 128, [128], [127]),
        ("uint8", 128.5, [128, 129], [128, 129]),
        ("uint8", 256, [0, 255], [0, 255]),
        ("uint8", -9999.0, [0, 241], [0, 241]),
        ("int16", 0, [0, 1, -1], [-1, 1, -1]),
        ("int16", -32768.0, [-32768], [-32767]),
        ("uint64", 2**64 - 1, [2**64 - 1], [2**64 - 2]),
        ("uint64", 1.8446744073709552e19, [2**64 - 1], [2**64 - 1]),
        ("float32", 0.0, [0.0, -0.0], [1e-45, 1e-45]),
        ("float32", -9999.0, [-9999.0], [-9998.999]),
        ("float32", -3.4028234663852886e38, [-3.4028235e38], [-3.4028233e38]),
        ("float32", -1e40, [-3.4028235e38, -math.inf], [-3.4028235e38, -math.inf]),
        ("float64", math.nan, [0.0, 1.0], [0.0, 1.0]),
        ("float16", math.inf, [math.inf, 65504.0], [65504.0, 65504.0]),
        ("int16", math.nan, [0, -1], [0, -1]),
        ("int16", None, [0, -1], [0, -1]),
    ],
)
def test_a_sample_that_counts_is_moved_off_the_no_data_value(dtype, nodata, before, after):
    values = np.array(before, dtype).reshape(1, -1, 1)
    set_nodata(values, [nodata], None)
    assert np.array_equal(values.ravel(), np.array(after, dtype))


def test_samples_that_do_not_count_have_the_no_data_value():
    values = np.arange(24, dtype=np.int16).reshape(3, 4, 2)
    mask = np.zeros((3, 4, 1), np.bool_)
    mask[1, 2:] = True
    set_nodata(values, [3, 4], mask)
    assert values[..., 0].tolist() == [[0, 2, 4, 6], [8, 10, 3, 3], [16, 18, 20, 22]]
    assert values[..., 1].tolist() == [[1, 3, 5, 7], [9, 11, 4, 4], [17, 19, 21, 23]]
    each = np.zeros((3, 4, 2), np.bool_)
    each[0, 0, 0] = each[2, 3, 1] = True
    set_nodata(values, [-1, math.nan], each)
    assert values[0, 0].tolist() == [-1, 1]
    assert values[2, 3].tolist() == [22, 23]


# --- Sizes ----------------------------------------------------------------------------------------
def test_a_full_size_that_is_too_large_is_refused_if_it_is_asked_for():
    data = pack_prefix(Scene(reduced=Reduced(15, 70 << 15, 90 << 15))) + INNER
    assert apercu.decode(data).shape == (70, 90, 3)
    with within(10_000_000), pytest.raises(apercu.TooLarge, match="2949120 × 2293760"):
        apercu.decode(data, full_size=True)
    with within(10_000_000), pytest.raises(apercu.TooLarge):
        apercu.mask(data, full_size=True)
    assert apercu.info(data)["reduced"] == {"factor": 32768, "height": 70 << 15, "width": 90 << 15}


def test_the_georeference_that_is_told_is_that_of_the_coded_size():
    told = apercu.info(pack_prefix(Scene(geo=GEO, reduced=Reduced(2, 277, 360))) + INNER)
    assert told["geo"]["transform"] == (40.0, 0.0, 399960.0, 0.0, -40.0, 4900020.0)
    assert told["bpp"] == 8 * told["n_bytes"] / (277 * 360)


# --- Streams, files, commands ---------------------------------------------------------------------
class Trickle(io.BytesIO):
    """Gives a few bytes at a time, as a pipe may."""

    def readinto1(self, room):
        return super().readinto1(memoryview(room)[: 1 + self.tell() % 7])


@pytest.mark.parametrize("inner", [INNER, WIDE], ids=["narrow", "wide"])
def test_a_stream_is_read_by_its_head(inner):
    data = (PLACED if inner is INNER else MAPPED) + inner
    assert bounded.read_apercu(Trickle(data)) == data
    head, n_bytes = bounded.read_head(Trickle(data))
    assert n_bytes == len(data)
    assert apercu.info(head)["width"] == 90
    with pytest.raises(CorruptStream, match="goes on"):
        bounded.read_apercu(io.BytesIO(data + bytes(100_000)))
    assert bounded.read_apercu(io.BytesIO(data + bytes(100_000)), cut=True)[: len(data)] == data
    with pytest.raises(ChecksumError, match="prefix"):
        bounded.read_apercu(io.BytesIO(data[:6] + b"\xff" + data[7:]))
    for n in (3, 8, len(data) - len(inner) + 4):
        with pytest.raises(Truncated):
            bounded.read_apercu(io.BytesIO(data[:n]))


def test_a_stream_that_never_ends_is_given_up_soon():
    endless = io.BytesIO(b"\xae\x70\x20\xff\xff\xff\x07" + bytes(40_000_000))
    with within(60_000_000), pytest.raises(FormatError):
        bounded.read_apercu(endless)
    assert endless.tell() < 34_000_000


def test_pillow_opens_what_it_has_a_mode_for():
    with Image.open(io.BytesIO(PLACED + INNER)) as image:
        assert (image.mode, image.size) == ("RGB", (90, 70))
        assert np.array_equal(np.asarray(image), apercu.decode(INNER))
    grey = pack_prefix(Scene(geo=GEO)) + apercu.encode(SPECTRAL[..., 0], quality=30)
    with Image.open(io.BytesIO(grey)) as image:
        assert image.mode == "I;16"
    mapped = pack_prefix(Scene(samples=SampleType("int16", ((0.0, 1.0),)))) + apercu.encode(SPECTRAL[..., 0])
    with pytest.raises(OSError, match="int16"):
        Image.open(io.BytesIO(mapped))
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(io.BytesIO(PLACED[:-1] + b"\0" + INNER))


def test_the_command_reads_scenes(tmp_path, capsys):
    source = tmp_path / "a.apc"
    source.write_bytes(PLACED + INNER)
    assert main(["info", "--json", str(source)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["geo"]["crs"] == "EPSG:32632"
    assert told["bpp"] == apercu.info(PLACED + INNER)["bpp"]
    assert main(["info", str(source)]) == 0
    assert "EPSG:32632" in capsys.readouterr().out
    assert main(["check", str(source)]) == 0
    assert main(["decode", str(source), str(tmp_path / "a.png")]) == 0
    assert np.array_equal(files.read(tmp_path / "a.png")[0], apercu.decode(INNER))
    source.write_bytes(PLACED[:9])
    assert main(["check", str(source)]) == 1
    assert "Truncated" in capsys.readouterr().out


def test_pictures_that_no_file_holds_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match="int16"):
        batch.decoded(MAPPED + WIDE, "a.apc", ".png", {})
    with pytest.raises(FileFormatError, match="int16"):
        files.write(tmp_path / "a.tif", np.zeros((3, 3), np.int16), "grey")
    assert not (tmp_path / "a.tif").exists()


def test_not_a_number_is_no_json(tmp_path, capsys):
    source = tmp_path / "a.apc"
    said = Scene(samples=SampleType("float32", ((0.0, 1.0),), (math.nan,)))
    source.write_bytes(pack_prefix(said) + apercu.encode(SPECTRAL[..., 0]))
    assert main(["info", "--json", str(source)]) == 0

    def no_constant(name):
        raise AssertionError(name)

    assert json.loads(capsys.readouterr().out, parse_constant=no_constant)["nodata"] == ["nan"]
