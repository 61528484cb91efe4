"""Arrays whose chunks are apercu files: the codecs of Zarr and of numcodecs."""

import asyncio
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

import apercu
from apercu.format.chunks import Reduced, Scene
from apercu.format.prefix import pack_prefix
from scripts.pictures import scene, wide

zarr = pytest.importorskip("zarr")
numcodecs = pytest.importorskip("numcodecs")

from apercu.bridges import numcodecs as bridge_v2  # noqa: E402 - what needs the packages
from apercu.bridges.zarr import Apercu  # noqa: E402

GREY, RGB = scene(100, 90, 1, 1)[..., 0], scene(100, 90, 3, 2)
WIDE = wide(scene(100, 90, 1, 3)[..., 0], 900, 9000)
SPECTRAL = np.concatenate([RGB, RGB[:, ::-1, :2]], axis=-1)
ON_DISK = {"shape": (100, 90), "chunks": (50, 45), "compressors": None}


def made(values, chunks, serializer, **more):
    array = zarr.create_array(
        zarr.storage.MemoryStore(), shape=values.shape, dtype=values.dtype, chunks=chunks, serializer=serializer,
        compressors=None, **more,
    )  # fmt: skip
    array[...] = values
    return array


def stored(array, key):
    return asyncio.run(array.store.get(key, zarr.core.buffer.default_buffer_prototype())).to_bytes()


def coded(image, **options):
    return apercu.decode(apercu.encode(image, **options))


@pytest.mark.parametrize("sharded", [False, True], ids=["chunks", "shards"])
@pytest.mark.parametrize(
    ("axes", "image", "to_array"),
    [
        ("yx", WIDE, lambda image: image),
        ("yxb", RGB, lambda image: image),
        ("yxb", GREY[..., None], lambda image: image),
        ("byx", SPECTRAL, lambda image: np.moveaxis(image, -1, 0)),
        ("...yx", GREY, lambda image: image[None, None]),
        ("...byx", RGB, lambda image: np.moveaxis(image, -1, 0)[None]),
    ],
)
def test_a_chunk_is_the_image_that_encode_makes_of_it(axes, image, to_array, sharded):
    values = to_array(image)
    side = {100: (40, 80), 90: (30, 60)}  # of chunks and of shards; other axes are whole
    chunk, shard = (tuple(side.get(n, (n, n))[k] for n in values.shape) for k in (0, 1))
    array = made(values, chunk, Apercu(axes=axes, bpp=0.8), **({"shards": shard} if sharded else {}))
    expected = np.empty_like(image)
    for top in range(0, 100, 40):
        for left in range(0, 90, 30):
            part = image[top : top + 40, left : left + 30]
            whole = np.zeros((40, 30, *image.shape[2:]), image.dtype)  # at the border the rest is the fill value
            whole[: len(part)] = part
            expected[top : top + 40, left : left + 30] = coded(whole, bpp=0.8)[: len(part)]
    assert array[...].dtype == values.dtype
    assert np.array_equal(array[...], to_array(expected))


def test_what_is_stored_is_an_apercu_file_within_the_budget():
    array = made(WIDE, (50, 90), Apercu(n_bytes=600))
    assert stored(array, "c/1/0") == apercu.encode(WIDE[50:], n_bytes=600)
    with pytest.raises(apercu.TargetUnreachable, match="20 bytes are too few"):
        made(WIDE, (50, 90), Apercu(n_bytes=20))


def test_a_part_of_a_chunk_can_be_written_and_the_others_stay_the_fill_value():
    array = made(np.full((64, 64), 9, np.uint8), (32, 32), Apercu(codec="predictive", max_error=0), fill_value=9)
    assert array.nchunks_initialized == 0
    array[10:20, 10:20] = 77
    assert array.nchunks_initialized == 1
    assert np.all(array[10:20, 10:20] == 77)
    assert np.count_nonzero(array[...] == 9) == 64 * 64 - 100


def test_arrays_are_written_and_read_asynchronously():
    async def through():
        store = zarr.storage.MemoryStore()
        array = await zarr.api.asynchronous.create_array(store, dtype="uint8", serializer=Apercu(quality=60), **ON_DISK)
        await array.setitem((slice(None), slice(None)), GREY)
        again = await zarr.api.asynchronous.open_array(store=store)
        return await again.getitem((slice(0, 50), slice(45, 90)))

    assert np.array_equal(asyncio.run(through()), coded(GREY[:50, 45:], quality=60))


def test_arrays_are_opened_where_nobody_imported_apercu(tmp_path):
    options = {"bpp": np.float64(0.5), "codec": "dct"}
    third = zarr.create_array(tmp_path / "3", dtype="uint8", shards=(100, 90), serializer=Apercu(**options), **ON_DISK)
    second = {**ON_DISK, "compressors": bridge_v2.Apercu(n_bytes=400)}
    second = zarr.create_array(tmp_path / "2", dtype="uint16", zarr_format=2, **second)
    third[...], second[...] = GREY, WIDE
    code = (
        "import sys, zarr; assert 'apercu' not in sys.modules; "
        f"print(*(int(zarr.open({str(tmp_path)!r} + part)[...].sum()) for part in ('/3', '/2')))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.split() == [str(third[...].sum()), str(second[...].sum())]
    assert np.array_equal(third[:50, :45], coded(GREY[:50, :45], bpp=0.5, codec="dct"))
    assert np.array_equal(second[50:, 45:], coded(WIDE[50:, 45:], n_bytes=400))
    assert "'configuration': {'axes': 'yx', 'bpp': 0.5, 'codec': 'dct'}" in str(third.metadata.to_dict()["codecs"])


def test_codecs_are_the_same_after_metadata_and_pickling():
    codec = Apercu(axes="...byx", bands="spectral", psnr=np.float32(30), tile=64)
    assert codec.to_dict()["configuration"] == {"axes": "...byx", "bands": "spectral", "psnr": 30.0, "tile": 64}
    assert Apercu.from_dict(codec.to_dict()) == pickle.loads(pickle.dumps(codec)) == codec
    assert hash(codec) != hash(Apercu())
    second = bridge_v2.Apercu(axes="yxb", quality=7)
    assert numcodecs.get_codec(second.get_config()) == pickle.loads(pickle.dumps(second)) == second
    assert repr(second) == "Apercu(axes='yxb', quality=7)"


@pytest.mark.parametrize("kind", [Apercu, bridge_v2.Apercu])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"axes": "xy"}, "axes must be one of 'yx', 'yxb', 'byx', '...yx', '...yxb', '...byx', not 'xy'"),
        ({"axes": ["y", "x"]}, "axes must be one of"),
        ({"bits": 3}, "no option bits; it has axes, n_bytes, bpp"),
        ({"model": "mine.npy"}, "no option model"),
        ({"bpp": 0.2, "quality": 3}, "one target at a time"),
        ({"bpp": -1}, "bpp must be"),
        ({"codec": "jpeg"}, "codec must be one of"),
        ({"max_error": 2}, "max_error"),
        ({"tile": [64]}, r"tile must be a number or a text to be stored with an array, not \[64\]"),
        ({"bands": "cmyk"}, "bands must be"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_when_it_is_made(kind, options, message):
    with pytest.raises(apercu.OptionError, match=message):
        kind(**options)


@pytest.mark.parametrize(
    ("values", "chunks", "options", "message"),
    [
        (RGB, (50, 45, 3), {}, "chunks of 3 dimensions cannot have the axes 'yx': give axes='yxb'"),
        (GREY, (50, 45), {"axes": "byx"}, "chunks of 2 dimensions cannot have the axes 'byx'"),
        (GREY[None], (1, 50, 45), {"axes": "yx"}, "give .* '...yx'"),
        (np.stack([GREY] * 2), (2, 50, 45), {"axes": "...yx"}, "set the chunks .* to 1 along the first 1 axes"),
        (GREY.astype(np.int16), (50, 45), {}, "uint8 or uint16, not int16: .* scale_factor"),
        (GREY.astype(np.float32), (50, 45), {}, "not float32"),
        (np.stack([GREY] * 4), (4, 50, 45), {"axes": "byx"}, "give bands='rgba' or bands='spectral'"),
    ],
)
def test_chunks_that_are_no_images_are_refused(values, chunks, options, message):
    with pytest.raises(apercu.ImageError, match=message):
        made(values, chunks, Apercu(**options))
    with pytest.raises(apercu.ImageError, match=message):
        bridge_v2.Apercu(**options).encode(np.ascontiguousarray(values[tuple(map(slice, chunks))]))


def test_the_dimensions_are_looked_at_when_the_array_is_made():
    shape = {"shape": (100, 90, 3), "chunks": (50, 45, 3), "dtype": "uint8", "serializer": Apercu()}
    for more in ({}, {"shards": (100, 90, 3)}):
        with pytest.raises(apercu.ImageError, match="3 dimensions"):
            zarr.create_array(zarr.storage.MemoryStore(), **shape, **more)


def test_a_chunk_that_is_not_what_the_metadata_say_is_refused_before_it_is_decoded(monkeypatch):
    array = made(GREY, (50, 45), Apercu())
    put = zarr.core.buffer.default_buffer_prototype().buffer.from_bytes
    monkeypatch.setattr(apercu, "decode", None)
    for other in (GREY, RGB[:50, :45], WIDE[:50, :45]):
        asyncio.run(array.store.set("c/0/0", put(apercu.encode(other))))
        with pytest.raises(apercu.FormatError, match="chunk of"):
            array[:10, :10]


def test_samples_without_data_stay_so_and_no_others_do():
    values = np.where(np.add.outer(np.arange(100), np.arange(90)) < 70, 7, np.maximum(GREY, 8))
    for codec in (Apercu(quality=10, nodata=7), bridge_v2.Apercu(quality=10, nodata=7)):
        if isinstance(codec, Apercu):
            got = made(values.astype(np.uint8), (60, 60), codec, fill_value=7)[...]
        else:
            got = codec.decode(codec.encode(values.astype(np.uint8)))
        assert np.array_equal(got == 7, values == 7)
        assert abs(got.astype(int) - values).mean() < 10
    bands = np.stack([values, values[::-1], values], axis=-1).astype(np.uint16)
    assert np.array_equal(made(bands, (50, 45, 3), Apercu(axes="yxb", quality=50, nodata=7))[...] == 7, bands == 7)
    for wrong in (-1, 65536, 0.5, "0"):
        with pytest.raises(apercu.OptionError, match="nodata must be"):
            Apercu(nodata=wrong)


def test_the_byte_order_of_the_array_is_kept():
    array = made(WIDE.astype(">u2"), WIDE.shape, Apercu(quality=70))
    assert np.array_equal(array[...], coded(WIDE, quality=70))


def test_how_chunks_are_decoded_is_a_setting_of_the_process():
    pytest.importorskip("onnxruntime")
    array, second = made(GREY, GREY.shape, Apercu(quality=40, layers=3)), bridge_v2.Apercu(quality=40, layers=3)
    data = apercu.encode(GREY, quality=40, layers=3)
    plain = apercu.decode(data)
    for settings in ({"layers": 1}, {"restore": "cnn"}):
        expected = apercu.decode(data, **settings)
        assert not np.array_equal(expected, plain)
        with zarr.config.set({"apercu": settings}):
            assert np.array_equal(array[...], expected)
            assert np.array_equal(second.decode(data), expected)
    assert np.array_equal(array[...], plain)
    exact = made(GREY, GREY.shape, Apercu(codec="predictive", max_error=0))
    with zarr.config.set({"apercu": {"restore": "cnn", "layers": 1}}):
        assert np.array_equal(exact[...], GREY)
    with zarr.config.set({"apercu.restore": "vae"}), pytest.raises(apercu.OptionError, match="restore must be"):
        exact[...]
    with zarr.config.set({"apercu.window": (0, 0, 2, 2)}), pytest.raises(apercu.OptionError, match="restore, layers"):
        array[...]


def test_numcodecs_decodes_to_what_the_file_says_or_into_out():
    data = apercu.encode(RGB, bpp=0.5)
    codec, expected = bridge_v2.Apercu(axes="yxb", bpp=0.5), apercu.decode(data)
    assert codec.encode(RGB) == data
    assert np.array_equal(codec.decode(np.frombuffer(data, np.uint8)), expected)
    out = np.zeros_like(RGB)
    assert codec.decode(data, out=out) is out
    assert np.array_equal(out, expected)
    flat = bytearray(RGB.size)
    codec.decode(data, out=flat)
    assert bytes(flat) == expected.tobytes()
    assert np.array_equal(bridge_v2.Apercu(axes="byx").decode(data), np.moveaxis(expected, -1, 0))
    with pytest.raises(apercu.FormatError, match="3 bands"):
        bridge_v2.Apercu().decode(data)
    with pytest.raises(ValueError, match="reshape"):
        codec.decode(data, out=np.zeros((2, 2), np.uint8))


def test_files_that_are_there_become_an_array(tmp_path):
    """As reference file systems make one of them; a chunk that is coded at a reduced size has its full one."""
    half = pack_prefix(Scene(reduced=Reduced(1, 64, 48))) + apercu.encode(scene(32, 24, 3, 2), quality=60)
    files = [apercu.encode(scene(64, 48, 3, 1), bpp=0.5, layers=2), half]
    for number, data in enumerate(files):
        (tmp_path / f"0.{number}.0").write_bytes(data)
    metadata = {
        "zarr_format": 2, "shape": [64, 96, 3], "chunks": [64, 48, 3], "dtype": "|u1", "fill_value": 0, "order": "C",
        "filters": None, "compressor": {"id": "apercu", "axes": "yxb"},
    }  # fmt: skip
    (tmp_path / ".zarray").write_text(json.dumps(metadata), "utf-8")
    expected = np.concatenate([apercu.decode(data, full_size=True) for data in files], axis=1)
    assert np.array_equal(zarr.open_array(tmp_path, mode="r")[...], expected)


def test_numcodecs_refuses_orders_that_zarr_would_mix_up():
    second = {**ON_DISK, "dtype": "uint8", "order": "F", "zarr_format": 2, "compressors": bridge_v2.Apercu()}
    with pytest.raises(apercu.ImageError, match="row order"):
        zarr.create_array(zarr.storage.MemoryStore(), **second)[...] = GREY
    with pytest.raises(apercu.ImageError, match="byte order"):
        bridge_v2.Apercu().encode(WIDE.astype(WIDE.dtype.newbyteorder("S")))
