"""The codec `rnn`, with drawn networks: any picture, alpha, layers, and what is refused."""

import re
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import apercu
import reference_rnn
from apercu.codecs import rnn as codec
from apercu.errors import CorruptStream, ModelError, OptionError, Truncated
from apercu.format.container import read_header, read_segments
from apercu.stages.layout import layout_of
from apercu.stages.rnn import stop_map
from apercu.stages.rnn_tables import STEPS
from apercu.stages.symbol_maps import MapCoder, as_they_are
from rnn_case import HEAD, file_of, useful_numbers
from scripts.pictures import scene

BITS = HEAD[-1]


@pytest.fixture(scope="module", params=["drawn", "by hand"])
def model(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "model.npy"
    np.save(path, file_of() if request.param == "drawn" else USEFUL)
    return path


@pytest.fixture(scope="module")
def useful(tmp_path_factory):
    """Networks that make errors smaller."""
    path = tmp_path_factory.mktemp("tables") / "useful.npy"
    np.save(path, USEFUL)
    return path


USEFUL = file_of(*useful_numbers())
TABLES = codec.read_tables(USEFUL, "range")


def encode(image, model, **options):
    return apercu.encode(image, codec="rnn", model=model, **options)


def squared_error(image, decoded):
    return float(((image.astype(float) - decoded) ** 2).mean())


def test_any_picture_comes_back(model):
    """Its size and dtype stay; what a higher quality spends makes nothing worse."""
    for n_bands, wide in ((1, False), (3, False), (4, False), (3, True), (6, True)):
        image = scene(45, 70, n_bands)
        image = image.astype(np.uint16) * 200 + 900 if wide else image
        errors = []
        for quality in (0, 60, 100):
            data = encode(image, model, quality=quality)
            decoded = apercu.decode(data, model=model)
            assert (decoded.shape, decoded.dtype) == (image.shape, image.dtype)
            assert apercu.check(data, model=model) == []
            assert apercu.info(data)["codec"] == "rnn"
            errors.append(squared_error(image, decoded))
        assert errors[2] <= errors[0]


def test_pictures_smaller_than_a_place(model):
    for shape in ((1, 1), (3, 5), (1, 40), (17, 2, 3)):
        image = np.full(shape, 77, np.uint8)
        assert np.abs(apercu.decode(encode(image, model, quality=60), model=model).astype(int) - 77).max() <= 3


def test_alpha_that_is_the_same_all_over_stays(model):
    image = scene(60, 90, 4)
    for alpha in (0, 255):
        image[:, :, 3] = alpha
        for quality in (0, 50, 100):
            assert np.all(apercu.decode(encode(image, model, quality=quality), model=model)[:, :, 3] == alpha)


def test_each_step_is_a_layer(useful):
    """A prefix shows the means, and then what each step adds; the last layer of a few has all further steps."""
    image = scene(64, 80, 1)[:, :, 0]
    files = {layers: encode(image, useful, quality=100, layers=layers) for layers in (1, 2, 4, 11)}
    whole = apercu.decode(files[1], model=useful)
    header = read_header(files[11])
    symbols = codec.read(list(read_segments(files[11], header)), layout_of("grey", 1, 64, 80), None, TABLES, 11)[0]
    reached = int(sum(not symbols[stop_map(TABLES.networks, step)].all() for step in range(STEPS)))
    assert reached >= 4
    shown = [apercu.decode(files[11], model=useful, layers=n) for n in range(1, 12)]
    errors = [squared_error(image, one) for one in shown]
    assert len(set(errors)) == reached + 1
    assert errors[0] > errors[1] > errors[2] > errors[-1]
    assert errors[-1] < 0.7 * errors[0]
    for layers, data in files.items():
        assert apercu.info(data)["layers"] == layers
        assert np.array_equal(apercu.decode(data, model=useful), whole)
        for n in range(1, layers):
            assert np.array_equal(apercu.decode(data, model=useful, layers=n), shown[n - 1])
    with pytest.raises(OptionError, match=r"^rnn has 1 to 11 layers, not 12$"):
        encode(image, useful, layers=12)


def test_a_place_stops_where_error_and_bits_are_least():
    """By trying all depths of each place by hand, from the errors of the analysis."""
    layout = layout_of("rgb", 3, 50, 70)
    planes = [np.ascontiguousarray(np.pad(scene(64, 80)[:, :, 0], 0)).astype(np.int16) * 32]
    planes += [(planes[0][::2, ::2] - 4000) // 3] * 2
    analysis = codec.analyse(planes, layout, None, TABLES)
    setting = codec.at_quality(17_000)
    found = codec.symbols_of(analysis, setting, TABLES)
    errors = [analysis.errors[0][:, 0], *(analysis.errors[1][:, k] for k in range(2))]
    depths = set()
    for symbols, of_plane, chroma in zip(found, errors, (0, 1, 1), strict=True):
        price = 38 / 256 * (setting.step_q5 / (2 if chroma else 1)) ** 2 * (BITS + 1)
        stops = [symbols[stop_map(TABLES.networks, step)] for step in range(STEPS)]
        for y, x in np.ndindex(symbols.shape[1:]):
            depth = int(sum(1 - stop[y, x] for stop in stops))
            costs = [float(of_plane[d, y, x]) + d * price for d in range(STEPS + 1)]
            assert costs[depth] <= min(costs) * (1 + 1e-6)
            assert all(stop[y, x] == (step >= depth) for step, stop in enumerate(stops))
            depths.add(depth)
    assert len(depths) > 2


def test_every_quality_has_the_step_of_the_specification():
    """In a straight line between the knots of the table."""
    text = (Path(__file__).parents[1] / "spec" / "rnn.md").read_text("utf-8")
    for quality in range(0, 25_601, 7):
        assert codec.at_quality(quality).step_q5 == reference_rnn.setting(quality, None, text)
    steps = [codec.at_quality(quality).step_q5 for quality in range(25_601)]
    assert all(a >= b for a, b in pairwise(steps))


def test_maps_are_those_of_the_specification():
    of_codec = [(one.kind, one.group, one.present and set(one.present), one.earlier) for one in TABLES.maps]
    assert of_codec == reference_rnn.maps_of(BITS)
    text = (Path(__file__).parents[1] / "spec" / "rnn.md").read_text("utf-8")
    assert re.search(r"2 ≤ n ≤ 11", text)
    assert codec.MOST_LAYERS == 11


@pytest.mark.parametrize("layers", [1, 3, 11])
def test_the_second_decoder_reads_the_same_symbols(useful, layers):
    """Of any number of the layers: places stop before the steps that are missing."""
    tables, image = reference_rnn.tables(USEFUL, None), scene(40, 60, 3)
    layout = layout_of("rgb", 3, 40, 60)
    planes = [
        SimpleNamespace(height=of.height, width=of.width, of_class=of.chroma, companion=None if beside < 0 else beside)
        for of in layout.planes
        for beside in (of.companion,)
    ]
    data = encode(image, useful, quality=70, layers=layers)
    segments = list(read_segments(data, read_header(data)))
    for n in range(1, layers + 1):
        found = codec.read(segments[:n], layout, None, TABLES, layers)
        head, tile = SimpleNamespace(n_layers=layers), SimpleNamespace(segments=segments[:n])
        second = reference_rnn.read(head, tile, planes, tables)
        for of_codec, of_second in zip(found, second, strict=True):
            assert np.array_equal(of_codec, of_second)
            assert np.all(of_codec[stop_map(TABLES.networks, n - 1) :: 1 + BITS]) or n == layers


@pytest.mark.parametrize("layers", [1, 11])
def test_a_stream_that_is_cut_is_refused(useful, layers):
    """Zeros after its end are bits of places that go on, and take more data. What is not seen is what any stream of the
    range coder may lose, a few bytes."""
    layout = layout_of("grey", 1, 160, 200)
    data = encode(scene(160, 200, 1), useful, quality=85, layers=layers)
    segments = list(read_segments(data, read_header(data)))
    longest = 0
    for index, segment in enumerate(segments):
        for n_cut in range(1, len(segment) + 1):
            cut = [*segments[:index], segment[: len(segment) - n_cut], *segments[index + 1 :]]
            try:
                codec.read(cut, layout, None, TABLES, layers)
            except (Truncated, CorruptStream):
                continue
            longest = max(longest, n_cut)
    assert len(data) > 240
    assert longest <= 16


@pytest.mark.parametrize(("index", "value"), [(1, 2), (2, 2), (2, -1), (1 + (1 + BITS), 3)])
def test_what_is_no_bit_is_refused(index, value):
    layout = layout_of("grey", 1, 32, 32)
    maps = codec.map_layout(layout, TABLES)
    values = np.zeros(maps.n_symbols, np.int16)
    maps.part(values, 0, index)[0, 1] = value
    coder = MapCoder(maps, TABLES.coding)
    symbols, segments = np.zeros_like(values), []
    for part in codec.parts(TABLES.networks, 11):
        segments.append(coder.encode(values, *as_they_are(maps.maps), *part, symbols))
    coder.close()
    with pytest.raises(CorruptStream, match="bit") as fault:
        codec.read(segments, layout, None, TABLES, 11)
    assert fault.value.layer == 1 + (index - 1) // (1 + BITS)


def test_segments_too_short_for_their_places_are_refused(useful):
    """Before memory is set aside: a place takes a bit in a context, and a byte holds 2^19 of them at most."""
    layout = layout_of("grey", 1, 65535, 65535)
    for layer, layers, bits in ((0, 1, 2), (0, 11, 1), (1, 11, 1), (2, 11, 0)):
        least = codec.least_bytes(layout, layer, layers, "range", False)
        assert least == max(-(-(bits * 4096 * 4096) // 2**19) - 5, 1 - min(layer, 1))
    data = bytearray(encode(scene(20, 20), useful, quality=50, layers=2))
    with pytest.raises(Truncated):
        apercu.decode(bytes(data[:-3]), model=useful)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda array: array.astype(np.uint16), "int16"),
        (lambda array: array[:-1], "after its networks"),
        (lambda array: np.append(array, np.int16(1)), "after its networks"),
        (lambda array: np.concatenate([array[:4], array[4:5] + np.int16(6), array[5:]]), "9 bits"),
        (lambda array: np.concatenate([array[:-2], np.array([0, 3], np.int16)]), "out of range"),
    ],
)
def test_other_tables_are_refused(change, said, tmp_path):
    path = tmp_path / "other.npy"
    np.save(path, change(file_of()))
    with pytest.raises(ModelError, match=said):
        encode(scene(16, 16, 3), path, quality=50)


def test_a_plane_that_steps_make_worse_has_its_means_alone():
    """By the shipped tables: the windows of places that go on reach over those that do not."""
    for image in (scene(40, 40, 1) // 16, scene(64, 50, 1) // 20):
        data = apercu.encode(image, codec="rnn", quality=100, layers=11)
        means, whole = (((apercu.decode(data, layers=n).astype(int) - image) ** 2).sum() for n in (1, 11))
        assert whole <= means
