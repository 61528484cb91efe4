"""Curves: the envelope, values at a rate, BD-rate against arithmetic and another program, points from outside."""

import importlib.util
import math
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apercu.bench import curves, measure, plan
from apercu.bench.curves import at_rate, bd_rate, bd_table, envelope, read_points
from apercu.errors import OptionError

RATES = np.geomspace(0.04, 0.35, 12)
JUDGE = Path(__file__).parents[1] / "../shared/judge/judge.py"
CLASSIC = Path(__file__).parents[1] / "../shared/data/test/classic"


def curve(factor=1.0, rates=RATES, gain=5.0):
    """A codec that needs `factor` times the bits."""
    return [(float(rate), 30 + gain * math.log2(rate / factor)) for rate in rates]


def test_an_envelope_is_what_nothing_beats_for_as_few_bits():
    points = [(0.2, 30.0), (0.1, 28.0), (0.3, 29.0), (0.1, 27.0), (0.25, 30.0), (0.4, 31.0), (0.5, math.inf)]
    assert envelope(points) == [(0.1, 28.0), (0.2, 30.0), (0.4, 31.0)]
    worse_is_less = [(rate, -value) for rate, value in points]
    assert envelope(worse_is_less, higher_is_better=False) == [(0.1, -28.0), (0.2, -30.0), (0.4, -31.0)]
    assert envelope([]) == []


def test_an_envelope_does_not_depend_on_the_order_of_points():
    points = [(rate, value) for rate in (0.1, 0.2, 0.3) for value in (20.0, 25.0, 30.0 + rate)]
    for seed in range(5):
        shuffled = points.copy()
        random.Random(seed).shuffle(shuffled)
        assert envelope(shuffled) == envelope(points) == [(0.1, 30.1), (0.2, 30.2), (0.3, 30.3)]


def test_a_value_at_a_rate_is_linear_in_the_logarithm_of_the_rate_and_none_outside():
    line = [(0.1, 20.0), (0.4, 30.0)]
    assert at_rate(line, 0.2) == pytest.approx(25)
    assert at_rate(line, 0.1) == 20
    assert at_rate(line, 0.4) == 30
    assert at_rate(line, 0.09) is None
    assert at_rate(line, 0.41) is None
    assert at_rate([], 0.1) is None


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_bd_rate_is_the_share_of_bits_that_is_needed_more(factor):
    result = bd_rate(curve(), curve(factor))
    assert result.percent == pytest.approx(100 * (factor - 1), abs=0.01)
    assert result.refused is None
    assert result.overlap == pytest.approx(1 - abs(math.log(factor)) / math.log(0.35 / 0.04), abs=1e-6)


def test_bd_rate_of_a_metric_that_is_better_when_lower():
    flipped = [[(rate, -value) for rate, value in line] for line in (curve(), curve(0.8))]
    assert bd_rate(*flipped, higher_is_better=False).percent == pytest.approx(-20, abs=0.01)


def test_bd_rate_looks_at_its_range_of_rates_only():
    wild = [(0.001, 3.0), *curve(0.8), (0.6, 90.0)]
    assert bd_rate(curve(), wild).percent == pytest.approx(-20, abs=0.01)
    assert bd_rate(curve(), curve(0.8), limits=(0.05, 0.3)).percent == pytest.approx(-20, abs=0.01)


def test_bd_rate_is_refused_below_eight_points():
    assert bd_rate(curve(), curve(0.9, RATES[:8])).refused is None
    few = bd_rate(curve(), curve(0.9, RATES[:7]))
    assert few.percent is None
    assert few.refused == "7 points from 0.04 to 0.35 bpp, 8 are needed"
    assert bd_rate([], curve()).refused == "0 points from 0.04 to 0.35 bpp, 8 are needed"
    settings_that_lose = [(rate, 1.0) for rate in np.linspace(0.05, 0.3, 50)]
    assert bd_rate(curve(), [*curve(0.9, RATES[:7]), *settings_that_lose]).refused == few.refused


def test_bd_rate_is_refused_where_curves_share_too_few_values_and_says_how_many():
    apart = bd_rate(curve(), [(rate, value + 50) for rate, value in curve()])
    assert (apart.percent, apart.overlap) == (None, 0.0)
    assert apart.refused == "the curves share 0% of their values, 50% are needed"
    some = bd_rate(curve(), [(rate, value + 9) for rate, value in curve()])
    assert some.percent is None
    assert some.overlap == pytest.approx(1 - 9 / (5 * math.log2(0.35 / 0.04)))
    assert some.refused == "the curves share 42% of their values, 50% are needed"
    flat = bd_rate(curve(), [(rate, 25.0) for rate in RATES])
    assert flat.percent is None


def test_the_table_has_means_over_images_and_what_was_refused():
    table = bd_table(
        {
            "a": {"one": curve(), "two": curve(), "three": curve()},
            "b": {"one": curve(0.8), "two": curve(0.9), "three": curve(0.9, RATES[:5])},
            "c": {"four": curve()},
        },
        higher_is_better=True,
    )
    entry = table["b"]["a"]
    assert entry["mean"] == pytest.approx(-15, abs=0.01)
    assert entry["images"] == 2
    assert entry["refused"] == {"5 points from 0.04 to 0.35 bpp, 8 are needed": 1}
    assert table["a"]["b"]["mean"] == pytest.approx((25 + 100 / 9) / 2, abs=0.01)
    assert table["a"]["c"] == {"mean": None, "images": 0, "overlap": None, "refused": {}}
    assert "a" not in table["a"]


def test_bd_rate_agrees_with_a_program_that_shares_no_code():
    """To 2 points of a per cent, from the same points, with the same images allowed and refused."""
    if not (JUDGE.exists() and CLASSIC.exists()):
        pytest.skip("../shared/judge is not on this machine")
    spec = importlib.util.spec_from_file_location("judge", JUDGE)
    assert spec
    assert spec.loader
    judge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    codecs = ("jpeg", "webp", "jpeg2000", "avif-psnr")
    for name in ("boat", "lena", "mandrill"):
        image = np.array(Image.open(CLASSIC / f"{name}.png").convert("L"))
        points = {codec: judge.peer_points(codec, image) for codec in codecs}
        for column in (1, 2):
            for row in codecs:
                for reference in codecs:
                    lines = [[(p[0], p[column]) for p in points[codec]] for codec in (reference, row)]
                    clipped = [judge.clip_curve(judge.envelope(points[c], column)) for c in (reference, row)]
                    expected = judge.bd_rate(*clipped)
                    found = bd_rate(*lines).percent
                    assert (found is None) == math.isnan(expected)
                    assert found is None or found == pytest.approx(expected, abs=2)


def written(tmp_path, text):
    path = tmp_path / "peers.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_points_from_outside_become_records(tmp_path):
    path = written(tmp_path, "\ufeffcodec,image,bpp,ssim,psnr,paper\nelic,boat,0.1,0.8,29.5,x\nelic,boat,0.2,,31,y\n")
    first, second = read_points(path, {"boat": 512 * 512}, ["psnr", "ssim", "gmsd"])
    assert first == {
        "image": "boat",
        "codec": "elic",
        "scale": 1,
        "level": "",
        "n_bytes": 3277,
        "bpp": 0.1,
        "metrics": {"psnr": 29.5, "ssim": 0.8},
        "encode_s": None,
        "decode_s": None,
        "external": True,
    }
    assert second["metrics"] == {"psnr": 31.0}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("image,codec,psnr\n", "no column bpp"),
        ("", "no column image, codec, bpp"),
        ("image,codec,bpp,lpips\n", "no column any of psnr, ssim"),
        ("image,codec,bpp,psnr\nship,elic,0.1,29\n", "line 2: no image 'ship' among those compared: boat"),
        ("image,codec,bpp,psnr\nboat,elic,0.1,29\nboat,,0.1,29\n", "line 3: the codec has no name"),
        ("image,codec,bpp,psnr\nboat,elic,low,29\n", "line 2: bpp is no number: 'low'"),
        ("image,codec,bpp,psnr\nboat,elic,0,29\n", "line 2: bpp is above 0, not 0"),
        ("image,codec,bpp,psnr\nboat,elic,0.1,inf\n", "line 2: psnr is not finite"),
        ("image,codec,bpp,psnr\nboat,elic,0.1\n", None),
        ("image,codec,bpp,psnr\nboat,elic\n", "line 2: bpp is no number: None"),
    ],
)
def test_points_that_make_no_sense_are_refused_by_line(tmp_path, text, what):
    path = written(tmp_path, text)
    if what is None:
        assert read_points(path, {"boat": 100}, ["psnr", "ssim"])[0]["metrics"] == {}
        return
    with pytest.raises(OptionError) as caught:
        read_points(path, {"boat": 100}, ["psnr", "ssim"])
    assert str(caught.value).endswith(what)


def test_points_in_no_text_are_refused(tmp_path):
    path = tmp_path / "peers.csv"
    path.write_bytes(b"image,codec,bpp,psnr\nboat,\xff\xfe,0.1,29\n")
    with pytest.raises(OptionError, match=r"peers\.csv"):
        read_points(path, {"boat": 100}, ["psnr"])


def test_every_limit_is_as_documented():
    assert (curves.BD_RANGE, curves.MIN_POINTS, curves.MIN_OVERLAP) == ((0.04, 0.35), 8, 0.5)


def test_our_curves_reach_over_the_whole_range_of_bd_rates():
    """From below 0.04 to above 0.35 bits per pixel, with points in between; a peer's files are decoded that far."""
    rates = sorted(measure.CURVE_RATES)
    assert rates[0] < 0.04
    assert 0.35 < rates[-1] < plan.MOST_BPP
    assert sum(0.04 <= rate <= 0.35 for rate in rates) >= 8
    assert plan.MOST_BPP >= 0.5
