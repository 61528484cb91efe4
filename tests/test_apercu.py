"""The codec apercu: symbols come back, layers and windows agree with the whole, damage costs its own part alone."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import apercu
from apercu.codecs.apercu import at_quality, stages_of
from apercu.codecs.tables import shipped
from apercu.errors import CorruptStream, OptionError, TargetUnreachable, Truncated
from apercu.format.container import Header, pack, read_header, read_segments
from apercu.stages.bands import STAGES, BandCoder, BandPlane
from scripts.pictures import noise, scene, wide

ROOT = Path(__file__).parents[1]


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def encode(image, **options):
    return apercu.encode(image, codec="apercu", **options)


def layered(image, **options):
    """In three layers, and tiles of 64 pixels."""
    return encode(image, tile=64, layers=3, **options)


SHAPES = [(1, 1), (1, 40), (37, 1), (5, 3), (64, 64), (33, 70)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kinds", [[(0, -1)], [(0, -1), (1, 0), (1, 1)], [(0, -1), (0, 0)]], ids=str)
@pytest.mark.parametrize("step_q8", [64, 4000, 100_000])
def test_symbols_come_back(shape, kinds, step_q8):
    height, width = shape
    planes = [BandPlane(*((width + c) >> c, (height + c) >> c), c, k) for c, k in kinds]
    size = sum(p.width * p.height for p in planes)
    coefficients = np.random.default_rng(2).laplace(0, 400, size).clip(-32768, 32767).astype(np.int16)
    writer, reader = (BandCoder(planes, shipped(2)) for _ in range(2))
    written, read = (np.zeros(size, np.int16) for _ in range(2))
    for first, last in ((5, 4), (3, 1)):
        reader.decode(writer.encode(coefficients, step_q8, first, last, written), 0, first, last, read)
    assert np.array_equal(read, written)
    assert written.any() or step_q8 == 100_000


def test_extreme_coefficients_come_back():
    plane = BandPlane(20, 20, 0, -1)
    coefficients = np.array([-32768, 32767] * 200, np.int16)
    writer, reader = (BandCoder([plane], shipped(2)) for _ in range(2))
    written, read = (np.zeros(400, np.int16) for _ in range(2))
    reader.decode(writer.encode(coefficients, 1, 5, 1, written), 0, 5, 1, read)
    assert np.array_equal(read, written)
    assert abs(int(read.min())) == read.max() == 32767


@pytest.mark.parametrize(
    "image",
    [
        scene(90, 70)[:, :, 0],
        scene(90, 71, 3),
        scene(40, 50, 4),
        scene(40, 50, 6),
        wide(scene(60, 41), 300, 4000)[:, :, 0],
        wide(scene(60, 41, 3), 0, 65535),
    ],
    ids=["grey", "rgb", "rgba", "spectral", "grey16", "rgb16"],
)
def test_quality_grows(image):
    sizes, errors = [], []
    for quality in (0, 30, 60, 100):
        data = encode(image, quality=quality)
        decoded = apercu.decode(data)
        assert (decoded.shape, decoded.dtype) == (image.shape, image.dtype)
        assert apercu.check(data) == []
        assert apercu.info(data)["quality"] == quality
        sizes.append(len(data))
        errors.append(np.mean((decoded.astype(float) - image) ** 2))
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)


def test_better_than_taha2025_at_equal_size():
    image = scene(128, 128)[:, :, 0]
    data = encode(image, bpp=0.3)
    older = apercu.encode(image, codec="taha2025", bpp=0.3)
    assert psnr(image, apercu.decode(data)) > psnr(image, apercu.decode(older)) + 1


@given(st.integers(0, 3), st.integers(10, 4000))
def test_budgets(seed, n_bytes):
    image = [scene(60, 75, 3), (noise((40, 60), 1) >> 8).astype(np.uint8), np.full((50, 50), 9, np.uint8)]
    image = [*image, scene(1, 1)[:, :, 0]][seed]
    try:
        data = encode(image, n_bytes=n_bytes)
    except TargetUnreachable:
        assert len(encode(image, quality=0)) > n_bytes
        return
    assert len(data) <= n_bytes
    assert len(data) >= n_bytes - max(16, 0.02 * n_bytes) or data == encode(image, quality=100)
    assert encode(image, quality=apercu.info(data)["quality"]) == data


@pytest.mark.parametrize("side", [1, 2, 5, 9])
@pytest.mark.parametrize("bands", [1, 3])
def test_quality_100_where_it_fits(side, bands):
    """Sizes of the smallest images ripple by as much as they grow."""
    for image in (np.full((side, side, bands), 77, np.uint8), noise((side, side, bands), 1).astype(np.uint8)):
        best = encode(image, quality=100)
        assert all(encode(image, n_bytes=len(best) + more) == best for more in range(4))


def test_psnr_is_met():
    image = scene(100, 120, 3)
    for wanted in (26.0, 31.5, 38.0):
        assert abs(psnr(image, apercu.decode(encode(image, psnr=wanted))) - wanted) <= 0.05


def test_path():
    steps = [at_quality(quality).step_q8 for quality in range(25_601)]
    assert steps == sorted(steps, reverse=True)
    assert (steps[0], steps[6400], steps[-1]) == (262_144, 65_536, 256)


def test_stages_of_layers():
    for layers in range(1, STAGES + 1):
        stages = [stage for layer in range(layers) for stage in range(*_downwards(stages_of(layer, layers)))]
        assert stages == [5, 4, 3, 2, 1]


def _downwards(stages):
    first, last = stages
    return first, last - 1, -1


def test_every_layer_adds_detail():
    image = scene(100, 150, 3)
    data = layered(image, quality=60)
    assert apercu.info(data)["layers"] == 3
    quality = [psnr(image, apercu.decode(data, layers=layers)) for layers in (1, 2, 3, 9)]
    assert quality[0] < quality[1] < quality[2] == quality[3]


def test_a_prefix_is_a_preview():
    image = scene(100, 150, 3)
    data = layered(image, quality=60)
    header = read_header(data)
    ends = np.cumsum(np.add(header.lengths, 4)) + header.head_size
    before = 0.0
    for end in ends:
        if end < len(data):
            with pytest.raises(Truncated):
                apercu.decode(data[:end])
        shown = psnr(image, apercu.decode(data[:end], damaged="conceal"))
        assert shown >= before - 0.02
        assert np.array_equal(
            apercu.decode(data[:end], damaged="conceal"), apercu.decode(data[: end + 3], damaged="conceal")
        )
        before = shown
    for end in (*range(0, ends[0], 7), ends[0] - 1):
        with pytest.raises(apercu.FormatError):
            apercu.decode(data[:end], damaged="conceal")


def test_windows_are_crops():
    for image in (scene(100, 150, 3), scene(130, 70)[:, :, 0]):
        data = layered(image, quality=55)
        whole = apercu.decode(data)
        for top, left, height, width in ((0, 0, *image.shape[:2]), (64, 0, 30, 60), (10, 20, 80, 50), (99, 69, 1, 1)):
            part = apercu.decode(data, window=(top, left, height, width))
            assert np.array_equal(part, whole[top : top + height, left : left + width])


def test_a_window_needs_its_own_tiles_alone():
    grain = (noise((100, 180, 3), 4) >> 8).astype(np.uint8)
    data = bytearray(layered(grain, quality=60))
    whole = apercu.decode(bytes(data))
    data[-6] ^= 1  # of the last tile's last layer
    assert np.array_equal(apercu.decode(bytes(data), window=(0, 0, 64, 64)), whole[:64, :64])
    with pytest.raises(apercu.ChecksumError):
        apercu.decode(bytes(data), window=(0, 0, 65, 180))
    shown = apercu.decode(bytes(data), damaged="conceal")
    different = np.any(shown != whole, axis=2)
    assert different[64:, 128:].any()
    assert not different[:64].any()
    assert not different[:, :128].any()


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
    ],
)
def test_options_of_decode(options, said):
    with pytest.raises(OptionError, match=said):
        apercu.decode(encode(scene(20, 24)[:, :, 0]), **options)


def test_options_of_other_codecs():
    with pytest.raises(OptionError, match="taha2025"):
        encode(scene(8, 8)[:, :, 0], tables="group")
    with pytest.raises(OptionError, match="taha2025"):
        encode(scene(8, 8)[:, :, 0], threshold=5, step=5)


def test_heads_that_no_encoder_writes():
    header = Header(8, 8, 1, "grey", codec="apercu", model_id=2, quality_q8=99)
    for changes in ({"n_layers": 6}, {"quality_q8": None}):
        header = Header(8, 8, 1, "grey", codec="apercu", model_id=2, **({"quality_q8": 99} | changes))
        with pytest.raises(CorruptStream):
            apercu.decode(pack(header, [b""] * header.n_layers))


def test_a_segment_has_neither_more_nor_less():
    data = encode(scene(60, 75, 3), quality=60)
    header = read_header(data)
    (segment,) = read_segments(data, header)
    with pytest.raises(CorruptStream):
        apercu.decode(pack(header, [segment + b"\1\2\3\4\5\6\7\x08\x09"]))
    with pytest.raises(Truncated):
        apercu.decode(pack(header, [segment[:-20]]))


DIGESTS = """
import hashlib, sys
from concurrent.futures import ThreadPoolExecutor
import apercu
from scripts.pictures import scene, wide
images = [scene(70, 90)[:, :, 0], scene(400, 380, 3, 2), wide(scene(50, 60, 5), 30, 9000)]
jobs = [(image, how) for image in images for how in ({"bpp": 0.4}, {"quality": 62.5}, {"psnr": 27})]
def digest(job):
    data = apercu.encode(job[0], **job[1])
    return hashlib.sha256(data + apercu.decode(data).tobytes()).hexdigest()
with ThreadPoolExecutor(int(sys.argv[1])) as pool:
    print(*pool.map(digest, jobs))
"""


def test_same_bytes_and_pixels_on_any_machine():
    """With 1, 2 and 8 threads, and as OpenBLAS runs on an old processor and on a new one; each in a fresh process."""
    found = set()
    for threads, core in (("1", "Prescott"), ("2", "Haswell"), ("8", "SkylakeX")):
        settings = {"OPENBLAS_CORETYPE": core, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        call = [sys.executable, "-c", DIGESTS, threads]
        done = subprocess.run(call, env=os.environ | settings, cwd=ROOT, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1
    assert len(set(found.pop().split())) == 9


@pytest.mark.parametrize("quality", [0, 5, 12, 20])
def test_flat_colours_come_back_flat_and_within_half_a_step(quality):
    """A step of LL is 1/33 of an orthonormal one; chroma has a fifth more, and 1.772 times that in blue."""
    rng = np.random.default_rng(4)
    step = at_quality(quality * 256).step_q8 / 256
    for _ in range(12):
        colour = rng.integers(0, 256, 3)
        image = np.broadcast_to(colour.astype(np.uint8), (96, 96, 3))
        decoded = apercu.decode(encode(image, quality=quality)).astype(int)
        assert np.abs(decoded - image).max() <= step / 66 * (1 + 1.2 * 1.772) + 4
        assert np.ptp(decoded, axis=(0, 1)).max() <= 4
