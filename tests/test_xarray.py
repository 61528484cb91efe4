"""apercu files as arrays of xarray: lazy windows, indexing, Dask, sources."""

import io
import itertools
import pickle

import numpy as np
import pytest

import apercu
from apercu.errors import MissingExtra
from apercu.format.chunks import Bands, Geo, MaskBits, Reduced, SampleType, Scene
from apercu.format.prefix import pack_prefix
from apercu.stages.colour import Levels
from apercu.stages.mask import encode_mask
from apercu.stages.rotation import Rotation
from scripts.pictures import scene, wide
from tests import made_up

xr = pytest.importorskip("xarray")

RGB, GREY = scene(100, 90, 3, 2), wide(scene(100, 90, 1, 1)[..., 0], 900, 9000)


@pytest.fixture(scope="module")
def data():
    return apercu.encode(RGB, quality=50, tile=32, layers=3)


@pytest.fixture(scope="module")
def truth(data):
    return np.moveaxis(apercu.decode(data), -1, 0)


@pytest.fixture
def path(data, tmp_path):
    (tmp_path / "a.apc").write_bytes(data)
    return tmp_path / "a.apc"


def opened(source, **options):
    return xr.open_dataarray(source, engine="apercu", cache=False, **options)


def test_a_file_is_opened_by_its_name(path, truth):
    with xr.open_dataset(path) as dataset:
        assert list(dataset) == ["band_data"]
        assert dataset.band_data.dims == ("band", "y", "x")
        assert dataset.band_data.dtype == np.uint8
        assert dataset.band_data.encoding["preferred_chunks"] == {"band": 3, "y": 32, "x": 32}
        assert np.array_equal(dataset.band_data.values, truth)
    assert not xr.open_dataset(path, drop_variables="band_data")


def test_a_grey_image_has_two_dimensions_and_bands_that_were_an_axis_stay_one():
    flat = opened(apercu.encode(GREY, quality=50))
    assert flat.dims == ("y", "x")
    assert flat.dtype == np.uint16
    assert flat.encoding["preferred_chunks"] == {"y": 100, "x": 90}
    assert np.array_equal(flat.values, apercu.decode(apercu.encode(GREY, quality=50)))
    assert opened(apercu.encode(GREY[..., None], quality=50)).shape == (1, 100, 90)


KEYS = [
    slice(None), slice(None, None, -1), 1, -1, slice(1, None, 2), slice(70, 0, -13), slice(40, 40),
    np.array([2, 0, 0]), np.array([1, -1]), [0],
]  # fmt: skip


def test_every_way_to_index_gives_what_numpy_gives(data, truth):
    array = opened(data)
    for keys in itertools.product(KEYS[:4], KEYS, KEYS):
        expected = truth
        for axis in (2, 1, 0):  # so that an axis that is dropped moves none that is still to be indexed
            expected = expected[(slice(None),) * axis + (keys[axis],)]
        got = array.isel(dict(zip(array.dims, keys, strict=True))).values
        assert got.shape == expected.shape, keys
        assert np.array_equal(got, expected), keys
    points = {name: xr.DataArray(at, dims="point") for name, at in (("y", [1, 99, 40]), ("x", [5, 0, 89]))}
    assert np.array_equal(array.isel(points).values, truth[:, [1, 99, 40], [5, 0, 89]])
    with pytest.raises(IndexError):
        array.isel(y=100).load()


def test_only_what_is_looked_at_is_decoded(data, monkeypatch):
    windows, decode = [], apercu.decode
    array = opened(data)
    monkeypatch.setattr(apercu, "decode", lambda *given, window, **more: windows.append(window) or decode(
        *given, window=window, **more
    ))  # fmt: skip
    array.isel(y=slice(40, 50), x=[70, 60])
    assert windows == []
    array.isel(y=slice(40, 50), x=[70, 60])[1, 2:4].load()
    assert windows == [(42, 60, 2, 11)]
    windows.clear()
    array[:, ::33, :5].load()  # tile row by tile row
    assert windows == [(0, 0, 1, 5), (33, 0, 1, 5), (66, 0, 1, 5), (99, 0, 1, 5)]


def test_options_of_decode(data):
    pytest.importorskip("onnxruntime")
    for options in ({"layers": 1}, {"restore": "cnn"}):
        expected = np.moveaxis(apercu.decode(data, **options), -1, 0)
        assert np.array_equal(opened(data, **options).values, expected)
        assert not np.array_equal(opened(data).values, expected)
    model = apercu.encode(RGB, codec="predictive", max_error=9)
    for source, options, message in (
        (data, {"restore": "vae"}, "restore must be"),
        (data, {"layers": 0}, "layers must be"),
        (model, {"restore": "cnn"}, "restore must be 'none' for a file of the codec predictive"),
        (data, {"restore": "cnn", "seed": 1}, "seed goes with restore="),
        (data, {"decode_times": True}, "has no option decode_times"),
    ):
        with pytest.raises(apercu.OptionError, match=message):
            opened(source, **options)


def test_sources(path, data, truth):
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").pipe("/apercu/a.apc", data)
    with open(path, "rb") as stream:
        for source in (str(path), path, data, io.BytesIO(data), stream, "memory://apercu/a.apc", f"file://{path}"):
            array = opened(source)
            assert np.array_equal(array[1, 50:60].values, truth[1, 50:60])
            again = pickle.loads(pickle.dumps(array))
            assert np.array_equal(again[2, :9].values, truth[2, :9])
    assert np.array_equal(xr.open_dataset(io.BytesIO(data)).band_data.values, truth)  # by its first bytes
    fsspec.filesystem("memory").rm("/apercu", recursive=True)


def test_faults_are_raised(path, data, tmp_path, monkeypatch):
    with pytest.raises(apercu.NotApercu):
        opened(b"PNG" + data)
    (tmp_path / "picture.apc").write_bytes(b"PNG" + data)
    with pytest.raises(apercu.NotApercu, match=r"/picture\.apc: not an apercu file"):
        opened(tmp_path / "picture.apc")
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "none.apc")
    with pytest.raises(apercu.OptionError, match="not int"):
        opened(3)
    with pytest.raises(apercu.Truncated):
        opened(data[:20])
    cut = opened(data[:-9])  # the last tile
    assert cut[:, :50].load().shape == (3, 50, 90)
    with pytest.raises(apercu.Truncated):
        cut.load()
    monkeypatch.setattr(apercu, "MAX_PIXELS", 5000)
    with pytest.raises(apercu.TooLarge):
        opened(path)
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(MissingExtra, match="fsspec"):
        opened("memory://apercu/a.apc")


def test_a_process_reads_a_file_once(path, truth):
    array = opened(path)
    again = pickle.loads(pickle.dumps(array))
    path.unlink()
    assert np.array_equal(again.values, truth)


def scene_of(image, quality=60, **said):
    return pack_prefix(Scene(**said)) + apercu.encode(image, quality=quality, tile=32)


def test_a_scene_has_coordinates_and_attributes():
    geo, bands = Geo(32632, (10.0, 0.0, 399960.0, 0.0, -10.0, 4900020.0)), Bands(("pan",), None, None, (0.5,), (3.0,))
    data = scene_of(
        GREY, geo=geo, bands=bands, tags={(0, ""): {"when": "now"}}, samples=SampleType("uint16", None, (0,))
    )
    with xr.open_dataset(data, engine="apercu", mask_and_scale=False) as stored:
        assert stored.attrs == {"when": "now"}
        assert (float(stored.x[1]), float(stored.y[99])) == (399975.0, 4899025.0)
        assert stored.band_data.attrs == {"_FillValue": 0, "scale_factor": 0.5, "add_offset": 3.0, "long_name": "pan"}
        assert stored.band_data.encoding["grid_mapping"] == "spatial_ref"
        assert np.array_equal(stored.band_data.values, apercu.decode(data))
    decoded = opened(data)
    assert decoded.attrs == {"long_name": "pan"}
    assert decoded.encoding["_FillValue"] == 0
    assert np.array_equal(decoded.values, apercu.decode(data) * 0.5 + 3)
    assert np.array_equal(decoded.sel(x=399985, y=slice(4900000, 4899980)).values, decoded.values[2:4, 2])


def test_samples_have_the_type_that_they_had():
    data = scene_of(GREY, samples=SampleType("int16", ((-9000.0, 2.0),)))
    assert opened(data).dtype == np.int16
    assert np.array_equal(opened(data)[10:20].values, apercu.decode(data)[10:20])
    rotation = Rotation(((64, 0), (0, 64)), (Levels(0, 60),) * 2, wide=False)
    data = scene_of(np.dstack([GREY] * 2), rotation=rotation)  # components are of uint16, bands of uint8
    assert opened(data).dtype == opened(data).values.dtype == apercu.decode(data).dtype == np.uint8


def test_samples_that_do_not_count_are_nan():
    hidden = np.zeros(RGB.shape[:2], bool)
    hidden[:64, :64] = True
    data = scene_of(RGB, mask=MaskBits("band", 0, 1, encode_mask(hidden)))
    array = opened(data)
    assert array.dtype == np.float32
    assert np.array_equal(np.isnan(array[:, 40:80, 50:].values), np.stack([hidden[40:80, 50:]] * 3))
    assert np.array_equal(array[:, 70:].values, np.moveaxis(apercu.decode(data)[70:], -1, 0))
    assert opened(data, mask_and_scale=False).dtype == np.uint8


def test_a_reduced_image_has_its_full_size_on_request():
    transform = (10.0, 0.0, 0.0, 0.0, -10.0, 0.0)
    data = scene_of(RGB, geo=Geo(None, transform), reduced=Reduced(1, 199, 180))
    small, full = opened(data), opened(data, full_size=True)
    assert (small.shape, full.shape) == ((3, 100, 90), (3, 199, 180))
    assert (float(small.x[0]), float(full.x[0])) == (10.0, 5.0)
    assert full.encoding["preferred_chunks"] == {"band": 3, "y": 64, "x": 64}
    expected = np.moveaxis(apercu.decode(data, full_size=True), -1, 0)
    assert np.array_equal(full[1:, 190:, ::7].values, expected[1:, 190:, ::7])


def test_a_full_size_above_the_limit_is_refused_before_there_are_coordinates():
    inner = apercu.encode(np.zeros((8, 8), np.uint8), quality=50)
    data = pack_prefix(Scene(reduced=Reduced(15, 8 << 15, 8 << 15))) + inner
    with pytest.raises(apercu.TooLarge):
        opened(data, full_size=True)
    assert opened(data).shape == (8, 8)


def test_dask_takes_the_tiles_as_chunks(path, truth):
    pytest.importorskip("dask")
    array = opened(path, chunks={})
    assert array.chunks == ((3,), (32, 32, 32, 4), (32, 32, 26))
    assert np.array_equal(array.compute(scheduler="synchronous").values, truth)
    assert np.array_equal(array[:, ::-1, 40].compute(scheduler="synchronous").values, truth[:, ::-1, 40])


def test_a_no_data_value_that_no_sample_can_have_is_not_said():
    said = Scene(samples=SampleType("float32", ((0, 1),), (1e300,)))
    from apercu.bridges import coordinates  # which needs xarray

    assert coordinates.attributes(said, np.dtype(np.float32), 1) == {}


def test_the_options_of_any_restorer_are_taken_and_attributes_say_how_samples_were_restored():
    data = apercu.encode(scene(48, 64, 3), quality=40)
    plain = xr.open_dataset(data, engine="apercu")["band_data"].attrs
    how = {"restore": "made_up", "amount": 0.5, "draw": 3}
    with made_up.known():
        array = opened(data, **how)
        assert np.array_equal(array.values, np.moveaxis(apercu.decode(data, **how), -1, 0))
        assert not np.array_equal(array.values, opened(data, restore="made_up").values)
        attributes = array.attrs
    added = {name: value for name, value in attributes.items() if name not in plain}
    assert added.pop("comment").startswith("Parts of this picture are generated")
    assert added == {
        "apercu_restore": "made_up",
        "apercu_kind": "generative",
        "apercu_network": "0123456789abcdef" * 4,
        "apercu_strength": 0.5,
        "apercu_seed": 3,
        "apercu_software": f"apercu {apercu.__version__}",
    }
    assert not any(name.startswith("apercu") for name in plain)
