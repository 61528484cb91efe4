"""Generated planes held to what was sent: symbols stay, windows are crops, what was not generated is not touched."""

import tracemalloc

import numpy as np
import pytest

import apercu
from apercu.bench.agreement import Agreement, agreement, total, worst
from apercu.codecs import decoding
from apercu.errors import ChecksumError, OptionError
from apercu.restore import projection
from apercu.stages.bands import band_step
from apercu.stages.blocks import Window
from apercu.stages.colour import from_planes
from apercu.stages.wavelet import places_with_low, wavelet_analyse, wavelet_synthesise
from scripts.pictures import scene, wide


def drawn(height, width, n_bands, seed=7):
    """Edges, grain and colours that no rounding clips."""
    rng = np.random.default_rng(seed)
    across = -(-width // 160)
    image = np.tile(scene(160, 160, n_bands, 3), (-(-height // 160), across, 1))[:height, :width] * 0.4 + 75
    return (image + rng.normal(0, 5, image.shape)).clip(60, 190).astype(np.uint8)


class Decoded:
    """A file and what a restorer is given of it, and that with noise of so many steps."""

    def __init__(self, image, quality, steps=0.35, n_layers=4, n_read=4):
        self.image = image
        self.data = apercu.encode(image, codec="apercu", quality=quality, layers=n_layers)
        seen = []
        how = decoding.How(layers=n_read, restorer=lambda *given: seen.append(given))
        self.plain = decoding.decode(self.data, how)
        (given,) = seen
        self.planes, self.layout, self.step_q8, self.evidence = given[:4]
        self.decoded = [plane.copy() for plane in self.planes]
        rng = np.random.default_rng(3)
        self.noisy = [
            np.clip(plane + rng.normal(0, steps * self.step_q8 / 8 / (1 + of.chroma), plane.shape), -8160, 8160).astype(
                np.int16
            )
            for plane, of in zip(self.decoded, self.layout.planes, strict=True)
        ]

    def projected(self, planes, wanted=None):
        planes = [plane.copy() for plane in planes]
        whole = Window(0, 0, self.layout.height, self.layout.width)
        projection.project(planes, self.layout, self.step_q8, self.evidence, wanted or whole)
        return planes

    def picture(self, planes):
        """Of planes of an image of 8 bits."""
        out = np.empty((*self.image.shape[:2], self.layout.n_bands), np.uint8)
        from_planes(planes, self.layout.interpretation, [], out)
        return out[:, :, 0] if self.image.ndim == 2 else out


@pytest.fixture(scope="module")
def large():
    """Larger than what a window depends on."""
    return Decoded(drawn(701, 830, 3), quality=50)


@pytest.fixture(scope="module")
def small():
    return Decoded(drawn(161, 190, 3), quality=50)


IMAGES = {
    "grey": drawn(150, 131, 1)[:, :, 0],
    "rgb": drawn(149, 182, 3),
    "rgba": drawn(150, 120, 4),
    "spectral": drawn(97, 131, 5),
    "one row": drawn(1, 200, 3),
    "one column": drawn(200, 1, 1)[:, :, 0],
}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("quality", [45, 55])
def test_a_picture_with_noise_keeps_its_symbols(name, quality):
    of = Decoded(IMAGES[name], quality=quality)
    generated = [*of.noisy[:3], *of.decoded[3:]] if name == "rgba" else of.noisy
    kept, same = worst(agreement(of.data, of.picture(generated)))
    assert kept < 0.97
    assert same < 0.97
    kept, same = worst(agreement(of.data, of.picture(of.projected(generated))))
    assert kept >= 0.995
    assert same >= 0.999


def test_noise_stays_as_far_as_symbols_allow(large):
    """Where nothing was sent, noise may be as strong as before: at the finest level, where steps are large."""
    noise = large.noisy[0].astype(int) - large.decoded[0]
    left = large.projected(large.noisy)[0].astype(int) - large.decoded[0]
    assert 0.6 * noise.std() < left.std() < 0.9 * noise.std()


@pytest.mark.parametrize(
    ("plane", "level", "orientation"), [(0, 5, -1), (0, 4, 1), (0, 2, 0), (0, 1, 2), (1, 4, -1), (2, 3, 1), (1, 1, 0)]
)
def test_a_band_that_is_shifted_comes_back(small, plane, level, orientation):
    """By 0.7 steps: half a step is where a symbol becomes another one. Of the finest chroma less than that comes back
    from its full size."""
    of = small.layout.planes[plane]
    bands = np.concatenate([small.evidence[plane]])
    start, height, width = places_with_low(bands, of.height, of.width, 5 - of.chroma)[level, orientation]
    steps = 1.8 if of.chroma and level == 1 else 0.7
    bands[start : start + height * width] += round(steps * band_step(small.step_q8, of.chroma, level, orientation))
    planes = [samples.copy() for samples in small.decoded]
    wavelet_synthesise(bands, planes[plane], 5 - of.chroma, of.centre)
    stage = level + of.chroma
    before = agreement(small.data, small.picture(planes))[plane, stage]
    assert before.same < 0.85 * before.symbols
    after = agreement(small.data, small.picture(small.projected(planes)))
    assert min(worst(after)) >= 0.995


def test_windows_are_crops(large):
    rng = np.random.default_rng(1)
    whole = large.picture(large.projected(large.noisy))
    rest = large.picture(large.noisy)
    assert np.mean(whole != rest) > 0.5
    windows = [(0, 0, 701, 830), (350, 415, 1, 1), (0, 829, 701, 1), (300, 288, 64, 96), (353, 417, 9, 5)]
    windows += [(*rng.integers(0, (620, 740)), *rng.integers(1, 80, 2)) for _ in range(4)]
    for top, left, height, width in windows:
        inside = np.s_[top : top + height, left : left + width]
        planes = large.projected(large.noisy, Window(top, left, height, width))
        found = large.picture(planes)
        assert np.array_equal(found[inside], whole[inside])
        found[max(top - 4, 0) : top + height + 4, max(left - 4, 0) : left + width + 4] = 0
        assert np.array_equal(found[found > 0], rest[found > 0])  # what is not wanted stays


def test_what_lies_farther_off_does_not_count(large):
    """A restorer need not make more than what `seen` says."""
    wanted = Window(352, 390, 40, 70)
    assert projection.seen(large.layout, wanted) == (96, 128, 576, 608)
    planes = [np.zeros_like(plane) for plane in large.noisy]
    for plane, noisy, scale in zip(planes, large.noisy, (1, 2, 2), strict=True):
        inside = np.s_[96 // scale : 672 // scale, 128 // scale : 736 // scale]
        plane[inside] = noisy[inside]
    found = large.picture(large.projected(planes, wanted))[352:392, 390:460]
    assert np.array_equal(found, large.picture(large.projected(large.noisy))[352:392, 390:460])


def test_memory_is_that_of_the_part(large):
    def most(wanted):
        planes = [plane.copy() for plane in large.noisy]
        tracemalloc.start()
        projection.project(planes, large.layout, large.step_q8, large.evidence, wanted)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    most(Window(0, 0, 701, 830))
    assert most(Window(0, 0, 20, 20)) < 14 * 288 * 288 < most(Window(0, 0, 701, 830)) < 14 * 701 * 830


def test_twice_is_once(large):
    once = large.projected(large.noisy)
    twice = large.projected(once)
    first, second = large.picture(once).astype(int), large.picture(twice).astype(int)
    assert np.abs(first - second).mean() < 0.3  # what the wavelet rounds
    assert np.mean(np.abs(first - second) > 1) < 0.02


@pytest.mark.parametrize("name", IMAGES)
def test_what_was_not_generated_stays(name):
    of = Decoded(IMAGES[name], quality=45)
    assert all(map(np.array_equal, of.projected(of.decoded), of.decoded))


def test_where_nothing_contradicts_what_was_sent_samples_stay(large):
    planes = [(15 * plane.astype(int) + noisy) // 16 for plane, noisy in zip(large.decoded, large.noisy, strict=True)]
    planes = [plane.astype(np.int16) for plane in planes]
    assert all(map(np.array_equal, large.projected(planes), planes))
    planes[0][:60, :60] = large.noisy[0][:60, :60]
    found = large.projected(planes)
    assert not np.array_equal(found[0][:60, :60], planes[0][:60, :60])
    assert np.array_equal(found[0][60 + 256 :], planes[0][60 + 256 :])
    assert np.array_equal(found[0][:, 60 + 256 :], planes[0][:, 60 + 256 :])
    assert all(map(np.array_equal, found[1:], planes[1:]))


def test_alpha_stays():
    of = Decoded(drawn(60, 70, 4), quality=40)
    found = of.projected(of.noisy)
    assert np.array_equal(found[3], of.noisy[3])
    assert not np.array_equal(found[0], of.noisy[0])


@pytest.mark.parametrize(("layers", "known"), [(1, 2), (2, 3), (3, 4), (4, 5)])
def test_layers_that_are_missing_allow_everything(layers, known):
    """Of four layers the first has stages 5 and 4."""
    of = Decoded(drawn(224, 256, 3), quality=45, n_read=layers)
    sizes = {2: 28 * 32, 3: 56 * 64, 4: 112 * 128, 5: 224 * 256}
    chroma = {2: 28 * 32, 3: 56 * 64, 4: 112 * 128, 5: 112 * 128}
    assert [values.size for values in of.evidence] == [sizes[known], chroma[known], chroma[known]]
    planes = of.projected(of.noisy)
    was, now = (np.empty(224 * 256, np.int16) for _ in range(2))
    wavelet_analyse(of.noisy[0], 224, 256, 5, 4080, was)
    wavelet_analyse(planes[0], 224, 256, 5, 4080, now)
    free = np.abs(was.astype(int) - now)[sizes[known] :]
    assert not free.size or (free <= 8).mean() > 0.99
    found = agreement(of.data, of.picture(planes), layers)
    assert min(stage for _, stage in found) == 6 - known
    assert min(worst(found)) >= 0.995


def test_a_file_that_is_cut_says_nothing_of_what_is_gone(small):
    seen = []
    how = decoding.How(damaged="conceal", restorer=lambda *given: seen.append(given[3]))
    decoding.decode(small.data[: len(small.data) * 2 // 3], how)
    assert [values.size for values in seen[0]] == [21 * 24, 21 * 24, 21 * 24]


def test_samples_of_16_bits():
    """Of a part of their range, so that none is clipped."""
    image = wide(drawn(90, 101, 3), 100, 30000)
    image[0, 0], image[0, 1] = 0, 40000
    of = Decoded(image, quality=45)
    out = np.empty(image.shape, np.uint16)
    levels = list(decoding.opened(of.data, None).header.levels)
    from_planes(of.projected(of.noisy), "rgb", levels, out)
    assert min(worst(agreement(of.data, out))) >= 0.995


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (3, 5), (33, 17)])
@pytest.mark.parametrize("n_bands", [1, 3, 5])
def test_tiny_images(size, n_bands):
    image = drawn(*size, n_bands)
    of = Decoded(image[:, :, 0] if n_bands == 1 else image, quality=55)
    assert min(worst(agreement(of.data, of.picture(of.projected(of.noisy))))) == 1


def test_agreement_is_counted_by_plane_and_stage(small):
    found = agreement(small.data, small.plain)
    assert sorted(found) == [(0, s) for s in (1, 2, 3, 4, 5)] + [(p, s) for p in (1, 2) for s in (2, 3, 4, 5)]
    assert [sum(found[p, s].symbols for q, s in found if q == p) for p in (0, 1, 2)] == [161 * 190, 81 * 95, 81 * 95]
    sent = sum(counts.sent for counts in found.values())
    assert sent == sum(np.count_nonzero(bands) for bands in small.evidence)
    assert worst(found)[1] >= 0.999
    opposite = agreement(small.data, 255 - small.plain)
    assert sum(counts.kept for counts in opposite.values()) < 0.1 * sent
    assert total([found, found])[0, 5] == tuple(2 * n for n in found[0, 5])
    assert worst({(0, 5): Agreement(10, 9, 100, 99), (0, 4): Agreement(0, 0, 100, 98)}) == (0.9, 0.98)


def test_agreement_over_tiles():
    image = drawn(300, 200, 3)
    data = apercu.encode(image, quality=45, tile=128)
    found = agreement(data, apercu.decode(data))
    assert sum(counts.symbols for counts in found.values()) == 300 * 200 * 3 // 2
    assert worst(found)[1] >= 0.999


def test_agreement_refuses(small):
    with pytest.raises(OptionError, match="161, 190, 3"):
        agreement(small.data, small.plain[:-1])
    with pytest.raises(OptionError, match="uint16"):
        agreement(small.data, small.plain.astype(np.uint16))
    with pytest.raises(OptionError, match="codec apercu"):
        agreement(apercu.encode(small.image, codec="dct", quality=40), small.plain)
    broken = bytearray(small.data)
    broken[-9] ^= 4
    with pytest.raises(ChecksumError):
        agreement(bytes(broken), small.plain)
