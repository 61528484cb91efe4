"""The codec predictive beside the second decoder, in whole files: settings, tiles, orders of bands, refusals."""

import itertools

import numpy as np
import pytest

import apercu
import reference_decoder
import reference_predictive
from apercu.codecs import predictive
from apercu.stages.layout import layout_of_bands
from every_codec import drawn
from files_by_hand import sealed
from test_reference import assert_same

HOW = ({"quality": 0}, {"quality": 55.3}, {"quality": 98}, {"quality": 100}, {"max_error": 0}, {"max_error": 7})


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["flat grey", "grey", "rgb", "rgba", "spectral of 2", "spectral of 5"])
def test_encoded_images(kind, dtype):
    for size, how in itertools.product(((1, 1), (1, 9), (9, 8)), HOW):
        image = drawn(kind, *size, dtype, seed=sum(size))
        decoded = assert_same(apercu.encode(image, codec="predictive", **how))
        assert (decoded.shape, decoded.dtype) == (image.shape, image.dtype)


def test_tiles():
    image = drawn("rgb", 33, 34)
    for how in (HOW[1], HOW[4]):
        assert_same(apercu.encode(image, codec="predictive", tile=32, **how))


def test_tables_of_a_users_own(tmp_path):
    tables = np.load(reference_decoder.ROOT / "src/apercu/weights/predictive.npy")
    tables[-1] -= 1
    np.save(tmp_path / "own.npy", tables)
    data = apercu.encode(image := drawn("rgb", 9, 12), codec="predictive", max_error=2, model=tmp_path / "own.npy")
    theirs = reference_decoder.decode(data, tables)
    assert np.array_equal(theirs, apercu.decode(data, model=tmp_path / "own.npy"))
    assert np.abs(theirs.astype(int) - image).max() <= 2


@pytest.mark.parametrize(
    "parameters", [b"", b"\x80", b"\x80\x00", b"\x03\x00", b"\x80\x80\x04", b"\xff\xff\x03", b"\x00"], ids=bytes.hex
)
def test_parameters(parameters):
    """A largest error of 0 to 65,535, and nothing more."""
    data = apercu.encode(drawn("flat grey", 8, 9), codec="predictive", max_error=0)
    assert data[8:10] == b"\x01\x00"
    changed = sealed(data[:8] + bytes([len(parameters)]) + parameters + data[10:-2], 72)
    found = assert_same(changed)
    if parameters not in (b"\x00", b"\xff\xff\x03"):
        assert found == "CorruptStream"


def test_the_path_is_that_of_the_specification():
    for quality_q8 in (*range(0, 25600, 613), *range(25500, 25601)):
        for height, span in ((1, 255), (75, 255), (40, 200), (64, 4096), (9, 65536)):
            layout = layout_of_bands("grey", 1, height, 8, wide=True)._replace(span=span)
            theirs = reference_predictive.errors(quality_q8, None, height, span, reference_decoder.TEXT)
            assert predictive.errors_of(predictive.at_quality(quality_q8), layout) == theirs
