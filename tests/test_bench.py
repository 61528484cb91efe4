"""The bench: settings of one size, ratios the right way round, arithmetic that can be counted by hand, JSON.

No time is held to a limit here: machines differ, and loaded ones more so.
"""

import gc
import json
import os
import time

import numpy as np
import pytest
from PIL import Image

import apercu
from apercu.bench import arithmetic, speed, start_up
from apercu.bench.images import default_images, drawn
from apercu.cli.main import main
from apercu.format.ids import CODECS

GREY, RGB = drawn(480, 360), drawn(480, 360, 3)


@pytest.mark.parametrize("image", [GREY, RGB], ids=["grey", "rgb"])
def test_codecs_are_compared_at_one_size(image):
    found = {timing.codec: timing for timing in speed.compare(image, 0.25, 2)}
    assert list(found) == ["apercu", *speed.PEERS]
    size = found[speed.REFERENCE].n_bytes
    assert found["apercu"].same_size
    assert abs(found["apercu"].n_bytes - size) <= 0.1 * size
    assert len(apercu.encode(image, quality=found["apercu"].quality)) == found["apercu"].n_bytes
    for name, timing in found.items():
        assert timing.same_size == (abs(timing.n_bytes - size) <= 0.1 * size)
        assert timing.bpp == pytest.approx(8 * timing.n_bytes / (480 * 360))
        assert timing.encode_ratio == pytest.approx(found["apercu"].encode_s / timing.encode_s)
        assert timing.decode_ratio == pytest.approx(found["apercu"].decode_s / timing.decode_s)
        if name in speed.PEERS:
            assert len(speed.PEERS[name].encode(image, timing.quality)) == timing.n_bytes


def test_the_reference_is_as_near_to_the_rate_asked_as_it_can_be():
    peer = speed.PEERS[speed.REFERENCE]
    quality = speed.nearest(peer, RGB, 2000)
    distances = {q: abs(len(peer.encode(RGB, q)) - 2000) for q in peer.qualities}
    assert distances[quality] == min(distances.values())


@pytest.mark.parametrize(("n_bytes", "quality"), [(0, 0), (4, 0), (6, 1), (994, 99), (996, 100), (5000, 100)])
def test_nearest_of_known_sizes(n_bytes, quality):
    peer = speed.Peer(lambda _, quality: bytes(10 * quality), lambda _: GREY, range(101))
    assert speed.nearest(peer, GREY, n_bytes) == quality


def test_a_slow_peer_gives_a_small_ratio_and_another_size_is_told(monkeypatch):
    def slow(image, quality):
        time.sleep(0.05)
        return bytes(10)

    monkeypatch.setitem(speed.PEERS, "slow", speed.Peer(slow, lambda _: time.sleep(0.05), range(3)))
    found = {timing.codec: timing for timing in speed.compare(GREY, 0.25, 1)}
    assert 0 < found["slow"].encode_ratio < 1
    assert 0 < found["slow"].decode_ratio < 1
    assert found["slow"].encode_all_ratio > 0
    if (os.cpu_count() or 1) > 1:  # sleepers sleep side by side
        assert found["slow"].decode_all_s < 0.8 * found["slow"].decode_s
    assert not found["slow"].same_size


def test_one_size_is_a_tenth_more_or_less(monkeypatch):
    size = len(speed.PEERS[speed.REFERENCE].encode(GREY, speed.nearest(speed.PEERS[speed.REFERENCE], GREY, 5400)))
    monkeypatch.setattr(speed, "PEERS", {speed.REFERENCE: speed.PEERS[speed.REFERENCE]})
    for share in (0.89, 0.91, 1.09, 1.11):
        peer = speed.Peer(lambda *_, share=share: bytes(round(share * size)), lambda _: GREY, range(1))
        monkeypatch.setitem(speed.PEERS, f"{share}", peer)
    found = {timing.codec: timing.same_size for timing in speed.compare(GREY, 8 * 5400 / GREY.size, 1)}
    assert [found[name] for name in ("0.89", "0.91", "1.09", "1.11")] == [False, True, True, False]


@pytest.mark.parametrize("image", [RGB.astype(np.uint16), np.dstack([RGB, GREY])], ids=["uint16", "rgba"])
def test_what_jpeg_cannot_hold_is_refused(image):
    with pytest.raises(apercu.ImageError, match="grey or RGB"):
        speed.compare(image, 0.25, 1)


def test_one_core_and_everything_as_it_was_afterwards():
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None

    def fail():
        with speed.one_core():
            assert not gc.isenabled()
            assert cores is None or len(os.sched_getaffinity(0)) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert gc.isenabled()
    assert cores is None or os.sched_getaffinity(0) == cores


NOISE = np.random.default_rng(1).integers(0, 256, (64, 128), np.uint8)


@pytest.mark.parametrize(
    ("image", "options", "expected"),
    [
        (np.full((64, 128), 200, np.uint8), {"quality": 50}, (3, 0, 1, 0)),  # G1 alone; one latent a block
        (np.zeros((64, 128), np.uint8), {"quality": 50}, (3, 0, 0, 0)),  # and that is zero
        (NOISE, {"threshold": 1, "step": 0.5}, (11, 0, 8, 0)),  # G2 everywhere
        (NOISE, {"threshold": 1e5, "step": 0.5}, (3, 0, 1, 0)),
        (np.full((64, 128, 3), 200, np.uint8), {"quality": 50}, (4.5, 3.5, 1, 4)),  # chroma, at half size, is zero
        (np.tile(NOISE, (20, 9)), {"threshold": 1, "step": 0.5}, (11, 0, 8, 0)),  # of several tiles
    ],
)
def test_multiply_accumulates_counted_by_hand(image, options, expected):
    count = arithmetic.count(image, apercu.encode(image, codec="taha2025", **options))
    found = (count.encoder_transform, count.encoder_colour, count.decoder_transform, count.decoder_colour)
    assert found == pytest.approx(expected, rel=0.03)  # in noise, a latent may be zero


@pytest.mark.parametrize(
    ("image", "expected"),
    # Of the transform 4 and a quarter of a sample that enters a level, of contexts 8 a coefficient, of the choice 12 in
    # two stages and 7 in the others. Chroma has half as many samples, a level less, and luma to look at. On the way
    # there all levels but the finest are joined again, and every end of a row or column takes 4 a few times.
    [(NOISE, (7.80, 0, 7.99, 11.68)), (np.dstack([NOISE] * 3), (12.02, 3.5, 12.47, 17.04))],
)
def test_multiply_accumulates_of_apercu(image, expected):
    count = arithmetic.count(image, apercu.encode(image, codec="apercu"))
    found = (count.encoder_transform, count.encoder_colour, count.encoder_contexts, count.encoder_choice)
    assert found == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("image", "entropy", "expected"),
    # Of a sample 8 for the DCT and 1 for its step, of a block 27 for what is expected and 32 for its edges, of contexts
    # 6 within the map and 9.2 around it, 2 more where there is a companion, of the choice 7 either way.
    [
        (NOISE, "range", (9.42, 9.92, 15.22, 7)),
        (np.dstack([NOISE] * 3), "range", (14.13, 14.88, 23.83, 10.5)),
        (np.dstack([NOISE] * 3), "huffman", (14.13, 14.88, 0, 10.5)),
    ],
)
def test_multiply_accumulates_of_dct(image, entropy, expected):
    count = arithmetic.count(image, apercu.encode(image, codec="dct", entropy=entropy))
    found = (count.encoder_transform, count.decoder_transform, count.decoder_contexts, count.encoder_choice)
    assert found == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("image", "max_error", "expected"),
    # Of a sample 9 predictions from 11 inputs and what they learn (22 and 1), of the nine 3 and 2 to blend them; from
    # 16 inputs in the other bands. With loss 5 more and 1 to quantise.
    [
        (NOISE, 0, (151, 0, 0)),
        (np.dstack([NOISE] * 3), 0, (151 + 2 * 206, 0, 0)),
        (NOISE, 2, (151, 5, 1)),
    ],
)
def test_multiply_accumulates_of_predictive(image, max_error, expected):
    count = arithmetic.count(image, apercu.encode(image, codec="predictive", max_error=max_error))
    assert (count.encoder_transform, count.encoder_contexts, count.encoder_choice) == pytest.approx(expected)
    assert (count.decoder_transform, count.decoder_contexts) == pytest.approx(expected[:2])
    assert count.encoder_colour == count.decoder_colour == 0


def test_multiply_accumulates_of_stacked_ae():
    """Of eight experts with 0, 1, 2, 4, 4, 8, 8 and 16 latents, 74-32-16-m and (m + 10)-16-32-64 and straight layers of
    74 m and (m + 10) 64. A flat picture is drawn by the first."""
    latents = (0, 1, 2, 4, 4, 8, 8, 16)
    there = [74 * 32 + 32 * 16 + 16 * m + 74 * m for m in latents if m]
    back = [(m + 10) * 16 + 16 * 32 + 32 * 64 + (m + 10) * 64 for m in latents]
    flat = np.full((64, 128), 200, np.uint8)
    count = arithmetic.count(flat, apercu.encode(flat, codec="stacked_ae", quality=50))
    assert count.encoder_transform == pytest.approx(sum(there) / 64 + 1)
    assert count.encoder_choice == pytest.approx(sum(back) / 64 + 8)
    assert count.decoder_transform == pytest.approx(back[0] / 64 + 1)
    noisy = arithmetic.count(NOISE, apercu.encode(NOISE, codec="stacked_ae", quality=90))
    assert back[0] / 64 < noisy.decoder_transform <= back[-1] / 64 + 1
    assert noisy.encoder_choice > count.encoder_choice
    # 17 maps that are no choice: of each 6 + 2, 2 from the second on; of earlier ones 1 to 4 and 2 beside at the most.
    assert noisy.encoder_contexts == pytest.approx(251 / 64)
    colour = np.dstack([NOISE] * 3)
    count = arithmetic.count(colour, apercu.encode(colour, codec="stacked_ae", quality=90))
    assert (count.encoder_colour, count.decoder_colour) == (3.5, 4)
    assert count.encoder_transform == pytest.approx(1.5 * (sum(there) / 64 + 1))


def test_multiply_accumulates_of_rnn():
    """Of a place and step 576 · 128, 128 · 192, 136 · 192 and 192 · 8 on the way there, 72 · 216, 648 · 216, 72 · 160,
    8 · 160 and 160 · 576 on the way back; of each unit 2, of a sample of a window 1. A flat picture is its means."""
    there = 576 * 128 + 128 * 192 + 136 * 192 + 192 * 8 + 2 * 64 + 576
    back = 72 * 216 + 648 * 216 + 72 * 160 + 8 * 160 + 160 * 576 + 2 * 72 + 576
    flat = np.full((64, 128), 200, np.uint8)
    count = arithmetic.count(flat, apercu.encode(flat, codec="rnn", quality=50))
    means, error = 2 + 2 / 16, 1
    assert count.encoder_transform == pytest.approx(means + error + 10 * ((there + back) / 256 + error))
    assert count.encoder_choice == pytest.approx(means + error)
    assert count.decoder_transform == pytest.approx(means)
    noisy = arithmetic.count(NOISE, apercu.encode(NOISE, codec="rnn", quality=100))
    assert back / 256 < noisy.decoder_transform <= 10 * back / 256 + means
    assert noisy.encoder_choice > there / 256
    # The mean 6 + 2; of ten steps the flag and eight bits, 2 more each from the second map on; of earlier ones at the
    # first step 0, 0 and then 1 to 3, at the others 1, 1 and then 2 to 4; and of these two at the most beside.
    assert noisy.encoder_contexts == pytest.approx((8 + 90 * 10 + 2 + 4 + 5 * 5 + 9 * (2 + 2 + 4 + 5 + 5 * 6)) / 256)
    colour = np.dstack([NOISE] * 3)
    count = arithmetic.count(colour, apercu.encode(colour, codec="rnn", quality=30))
    assert count.encoder_transform == pytest.approx(1.5 * noisy.encoder_transform)


def test_a_codec_without_a_count_is_not_counted():
    assert [name for name in (*CODECS, "wavelet") if not arithmetic.is_counted(name)] == ["wavelet"]


def test_start_up_ratios_belong_to_their_times():
    found = start_up.measure(1)
    assert min(found.numpy_s, found.import_s, found.help_s) > 0
    assert found.import_ratio == pytest.approx(found.import_s / found.numpy_s)
    assert found.help_ratio == pytest.approx(found.help_s / found.numpy_s)


def test_pictures_to_measure_on():
    images, origin = default_images()
    assert sorted((image.shape[0], image.ndim) for image in images.values()) == [(64, 2), (64, 3), (512, 2), (512, 3)]
    assert all(image.dtype == np.uint8 and image.std() > 20 for image in images.values())
    assert "scikit-image" in origin
    assert np.array_equal(drawn(700, 600, 3)[512:, 512:], drawn(188, 88, 3))


@pytest.fixture
def picture(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    return str(tmp_path / "a.png")


def test_command_prints_a_table_and_writes_json(picture, tmp_path, capsys):
    out = tmp_path / "bench.json"
    options = ["--only", "speed", "--image", picture, "--bpp", "0.25", "--repeat", "1", "--json", str(out)]
    assert main(["bench", *options]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("a.png, 360 × 480 RGB", "apercu", *speed.PEERS, "as given"))
    report = json.loads(out.read_text())
    assert set(report) == {"machine", "repeat", "images_from", "speed"}
    (entry,) = report["speed"]
    assert (entry["image"], entry["shape"], entry["bpp_asked"]) == (picture, [480, 360, 3], 0.25)
    assert [codec["codec"] for codec in entry["codecs"]] == ["apercu", *speed.PEERS]
    for codec in entry["codecs"]:
        assert set(codec) == set(speed.Timing.__dataclass_fields__)
        assert min(codec["encode_s"], codec["decode_s"], codec["encode_ratio"], codec["decode_ratio"]) > 0
    assert set(entry["arithmetic"]) == set(arithmetic.Arithmetic.__dataclass_fields__)


def test_command_prints_json_and_nothing_else(picture, capsys):
    options = ["--only", "speed", "start-up", "--image", picture, "--repeat", "1", "--json", "-"]
    assert main(["bench", *options]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["start_up"]) == set(start_up.StartUp.__dataclass_fields__)


@pytest.mark.parametrize(
    "options",
    [["--repeat", "0"], ["--bpp", "0"], ["--bpp", "nan"], ["--only", "all"], ["--image", "there-is-none.png"]],
)
def test_mistakes_are_told_in_a_line(options, capsys):
    assert main(["bench", *options]) == 2
    assert capsys.readouterr().err.count("\n") == 1
