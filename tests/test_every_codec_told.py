"""Every codec: what `info`, `check` and `progress` tell, options and limits, tables of a user's own."""

import hashlib
import re
from dataclasses import fields

import numpy as np
import pytest

import apercu
from apercu.codecs.by_name import options_by_codec
from apercu.format.container import read_header
from every_codec import (
    CODECS,
    EVERY_CODEC,
    EVERY_KIND,
    KINDS,
    drawn,
    encode,
    most_layers,
    shipped_tables,
    tiled,
)
from scripts.pictures import scene

# --- info


@EVERY_CODEC
@EVERY_KIND
def test_info_tells_the_header(codec, kind, dtype):
    for size, quality, options, tiles, layers in (
        ((40, 70), 0, {"tile": 32}, 6, 1),
        ((33, 1), 33, {"tile": 64}, 1, 1),
        ((40, 70), 100, {"tile": 32, "layers": most_layers(codec)}, 6, most_layers(codec)),
    ):
        data = encode(drawn(kind, *size, dtype), codec, quality=quality, **{"layers": 1} | options)
        told = apercu.info(data)
        wanted = {
            "width": size[1],
            "height": size[0],
            "bands": KINDS[kind],
            "interpretation": re.search(r"grey|rgba|rgb|spectral", kind)[0],
            "dtype": np.dtype(dtype).name,
            "codec": CODECS[codec]["codec"],
            "version": 1,
            "quality": quality,
            "n_bytes": len(data),
            "bpp": 8 * len(data) / (size[0] * size[1]),
            "tiles": tiles,
            "layers": layers,
        }
        assert {key: told[key] for key in wanted} == wanted


@EVERY_CODEC
def test_bands_may_be_named(codec):
    image = scene(20, 30, 3)
    told = apercu.info(data := encode(image, codec, bands="spectral"))
    assert (told["interpretation"], told["bands"]) == ("spectral", 3)
    assert apercu.decode(data).shape == image.shape
    with pytest.raises(apercu.OptionError, match="does not fit"):
        encode(image, codec, bands="rgba")


X, Y = np.meshgrid(np.arange(40), np.arange(30))
SMALL = np.dstack([6 * X, 8 * Y, 3 * (X + Y)]).astype(np.uint8)
LARGE = np.tile(SMALL, (5, 30, 1))


@EVERY_CODEC
@pytest.mark.parametrize(
    ("image", "options"), [(SMALL, {"tile": 64, "layers": 1}), (LARGE, {"tile": 64})], ids=["small", "large"]
)
def test_info_needs_the_header_alone(codec, image, options):
    """What follows may be damaged or missing: what is counted there is None, all else stays."""
    data = encode(image, codec, quality=60, **options)
    sound = apercu.info(data)
    head = read_header(data).head_size
    assert bool(read_header(data).lengths) == (image is LARGE)
    assert None not in sound.values()

    def same(told, **lost):
        assert told.keys() == sound.keys()
        assert all(told[key] in (sound[key], None) if key not in lost else told[key] == lost[key] for key in told)
        assert None not in (told[key] for key in ("width", "height", "bands", "dtype", "codec", "quality", "model"))

    step = 7 if image is SMALL else len(data) // 40
    flipped = bytearray(data)
    for at in range(head, len(data), step):
        flipped[at] ^= 16
        same(apercu.info(bytes(flipped)))
        flipped[at] ^= 16
    for length in range(head, len(data), step):
        same(apercu.info(data[:length]), n_bytes=length, bpp=8 * length / (image.shape[0] * image.shape[1]))
    for length in range(head):
        with pytest.raises(apercu.FormatError):
            apercu.info(data[:length])


# --- Limits of size


@EVERY_CODEC
def test_the_limit_counts_pixels_and_a_quarter_of_the_samples(codec, monkeypatch):
    for shape, fits in (((10, 10, 1), True), ((10, 10, 4), True), ((10, 10, 5), False), ((1, 101, 1), False)):
        data = encode(scene(*shape), codec)
        monkeypatch.setattr(apercu, "MAX_PIXELS", 100)
        if fits:
            assert apercu.decode(data).shape == shape
            assert apercu.info(data)["bands"] == shape[2]
            assert apercu.check(data) == []
        else:
            for function in (apercu.decode, apercu.info):
                with pytest.raises(apercu.TooLarge, match="raise it, or set it to None"):
                    function(data)
            assert [type(fault) for fault in apercu.check(data)] == [apercu.TooLarge]
        monkeypatch.setattr(apercu, "MAX_PIXELS", None)
        assert apercu.decode(data).shape == shape
        monkeypatch.undo()


# --- Progress


@EVERY_CODEC
@pytest.mark.parametrize("target", ["quality", "n_bytes", "psnr", "quality in tiles"])
def test_progress_goes_from_0_to_1_and_never_back(codec, target):
    for image in (scene(100, 130, 3), np.zeros((1, 3000), np.uint8)):
        options = {
            "quality": {"quality": 20},
            "n_bytes": {"n_bytes": len(encode(image, codec, quality=40)) + 9},
            "psnr": {"psnr": 24},
            "quality in tiles": {"quality": 80, "tile": 32},
        }[target]
        seen = []
        data = encode(image, codec, progress=seen.append, **options)
        assert (seen[0], seen[-1]) == (0, 1)
        assert seen == sorted(set(seen))
        assert encode(image, codec, **options) == data


@EVERY_CODEC
def test_progress_of_decoding_is_told_tile_by_tile(codec):
    _, data = tiled(codec)
    seen = []
    apercu.decode(data, progress=seen.append)
    assert seen == [tile / 12 for tile in range(13)]
    seen = []
    apercu.decode(data, window=(33, 1, 9, 60), progress=seen.append)  # in two tiles
    assert seen == [0, 1 / 2, 1]


# --- Options


@EVERY_CODEC
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"window": 5}, "window"),
        ({"window": (0, 0, 10)}, "window"),
        ({"window": (0, 0, 0, 5)}, "window"),
        ({"window": (-1, 0, 5, 5)}, "window"),
        ({"window": (0, 0, 10, 25)}, "window"),
        ({"window": (0, 0.5, 10, 5)}, "window"),
        ({"layers": 0}, "layers"),
        ({"layers": 1.5}, "layers"),
        ({"restore": "texture"}, "restore"),
        ({"restore": None}, "restore"),
        ({"damaged": "ignore"}, "damaged"),
        ({"damaged": []}, "damaged"),
        ({"network": "own.onnx"}, "network"),
    ],
    ids=str,
)
def test_options_of_decode_that_make_no_sense(codec, options, said):
    with pytest.raises(apercu.OptionError, match=said):
        apercu.decode(encode(scene(20, 24)[:, :, 0], codec), **options)


@EVERY_CODEC
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layers": 0}, "1 or more"),
        ({"layers": 17}, "layer"),
        ({"layers": 1.5}, "whole number"),
        ({"tile": 100}, "power of two"),
        ({"tile": 16}, "power of two"),
        ({"tile": 1 << 17}, "power of two"),
        ({"tile": -32}, "1 or more"),
        ({"tile": "64"}, "whole number"),
    ],
    ids=str,
)
def test_tiles_and_layers_that_make_no_sense(codec, options, said):
    with pytest.raises(apercu.OptionError, match=said):
        encode(scene(8, 8), codec, **options)


HAVING = {codec: {field.name for field in fields(options)} for codec, options in options_by_codec().items()}
"""The options of each codec that others need not have."""


@pytest.mark.parametrize("option", sorted(set().union(*HAVING.values())))
def test_an_option_of_other_codecs_is_refused_by_their_names(option):
    having = [codec for codec in HAVING if option in HAVING[codec]]
    for codec in HAVING:
        with pytest.raises(apercu.OptionError) as caught:  # a value that no codec takes
            apercu.encode(scene(8, 8), codec=codec, **{option: object()})
        said = str(caught.value)
        if codec in having:
            assert "has no" not in said
        else:
            assert said.startswith(f"the codec {codec} has no {option}; the codec")
            assert all(re.search(rf"; .*\b{other}\b.* ha(s|ve)$", said) for other in having)


# --- Tables of a user's own


@pytest.fixture(scope="module")
def own_tables(tmp_path_factory):
    """By codec: a file of tables that differ from the shipped ones in one number, and a file of the shipped ones."""
    made = {}
    for codec in CODECS:
        shipped, folder = shipped_tables(codec), tmp_path_factory.mktemp("tables")
        if shipped is not None:
            np.save(folder / "shipped.npy", shipped)
            for at in range(shipped.size):
                own = shipped.copy()
                own.flat[at] -= 1
                np.save(folder / "own.npy", own)
                try:
                    encode(scene(8, 8), codec, model=folder / "own.npy")
                    break
                except apercu.ModelError:  # a number out of its range
                    continue
            made[codec] = folder / "own.npy", folder / "shipped.npy"
    return made


@pytest.mark.parametrize("codec", [codec for codec in CODECS if shipped_tables(codec) is not None])
def test_tables_of_a_users_own(codec, own_tables):
    """The file names them by their hash and is read with them alone; without them its bytes can be checked."""
    own, shipped = own_tables[codec]
    for kind, dtype in (("rgb", np.uint8), ("flat grey", np.uint16)):
        image = drawn(kind, 90, 120, dtype)
        data = encode(image, codec, model=own, quality=60, tile=64)
        tables = np.load(own)
        little_endian = tables.astype(tables.dtype.newbyteorder("<")).tobytes()
        assert apercu.info(data)["model"] == hashlib.sha256(little_endian).hexdigest()[:16]
        decoded = apercu.decode(data, model=own)
        assert (decoded.shape, decoded.dtype) == (image.shape, image.dtype)
        assert np.array_equal(apercu.decode(data, model=str(own), window=(60, 3, 20, 70)), decoded[60:80, 3:73])
        assert apercu.check(data) == apercu.check(data, model=own) == []
        with pytest.raises(apercu.ModelError, match="--model"):
            apercu.decode(data)
        with pytest.raises(apercu.ModelError, match="not the model of this file"):
            apercu.decode(data, model=shipped)
        assert [type(fault) for fault in apercu.check(data, model=shipped)] == [apercu.ModelError]
        broken = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
        assert [type(fault) for fault in apercu.check(broken)] == [apercu.ChecksumError]


@pytest.mark.parametrize("codec", [codec for codec in CODECS if shipped_tables(codec) is not None])
def test_the_shipped_tables_code_the_same_from_a_file(codec, own_tables):
    image = drawn("rgb", 60, 70)
    own, shipped = own_tables[codec]
    data, named = encode(image, codec, model=shipped), encode(image, codec)
    assert np.array_equal(apercu.decode(data, model=shipped), apercu.decode(named))
    assert len(data) == len(named) + 9  # the codec's id, eight bytes of the hash
    assert encode(image, codec, model=own) != data


@EVERY_CODEC
@pytest.mark.parametrize("path", ["/no/such/file", "", ".", 3, [], "\0"])
def test_paths_that_lead_to_no_tables_are_refused(codec, path):
    with pytest.raises(apercu.ModelError):
        encode(scene(9, 9), codec, model=path)


@EVERY_CODEC
@pytest.mark.parametrize("content", [b"", b"no array", np.zeros((3, 5), np.float32)], ids=["empty", "text", "array"])
def test_a_file_of_no_tables_is_refused(codec, content, tmp_path):
    path = tmp_path / "model.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    with pytest.raises(apercu.ModelError, match=r"model\.npy"):
        encode(scene(9, 9), codec, model=path)
