"""The search for a size or a PSNR with forecasts, good and bad ones, on numbers made up for it."""

import numpy as np
import pytest

from apercu.codecs.rate import _highest, nearest_psnr
from apercu.errors import TargetUnreachable
from test_rate import EVEN, LAST, QUALITIES, VARIANTS, Sizes, nasty, of_places, psnrs, slack

FORECASTS = {
    "right": lambda sizes: lambda quality: float(sizes[quality]),
    "half": lambda sizes: lambda quality: sizes[quality] / 2,
    "steeper": lambda sizes: lambda quality: float(sizes[quality]) ** 2 / 900,
    "flat": lambda sizes: lambda quality: 900.0,
    "falling": lambda sizes: lambda quality: float(sizes[LAST - quality]),
    "leap": lambda sizes: lambda quality: 1.0 if quality < 9001 else 1e9,
    "tiny": lambda sizes: lambda quality: 1e-6 * quality,
    "huge": lambda sizes: lambda quality: 1e12 + quality,
}
"""What is said of sizes before they are known."""


@pytest.mark.parametrize("name", FORECASTS)
@pytest.mark.parametrize("variants", [1, 8])
@pytest.mark.parametrize("ripple", [0, 3, 60])
def test_a_size_is_met_whatever_is_forecast(name, variants, ripple):
    rng = np.random.default_rng([6, ripple])
    smooth = 60 * 1.0004**QUALITIES
    sizes = np.maximum(smooth + rng.integers(-ripple, ripple + 1, LAST + 1) * smooth / 9000, 60).astype(int)
    sizes[0], sizes[-1] = sizes.min(), sizes.max()
    made = []
    for n_bytes in Sizes(sizes).budgets(25):
        case = Sizes(sizes)
        found = sizes[case.search(n_bytes, FORECASTS[name](smooth), variants)]
        assert n_bytes - slack(n_bytes) <= found <= n_bytes
        assert case.n_codings <= 39
        made.append(case.n_codings)
    assert variants > 1 or np.mean(made) <= (3 if name in ("right", "half") and ripple < 60 else 16)


@pytest.mark.parametrize("name", FORECASTS)
def test_the_ends_of_the_path_are_kept_whatever_is_forecast(name):
    forecast = FORECASTS[name](EVEN.repeat(VARIANTS))
    case = Sizes(of_places(EVEN))
    for n_bytes in (EVEN[-1], 10**12):
        assert case.search(n_bytes, forecast) == LAST
    for n_bytes in (EVEN[0] - 1, 1, 0, -5):
        with pytest.raises(TargetUnreachable, match=rf"quality 0 takes {EVEN[0]} bytes"):
            case.search(n_bytes, forecast)
    assert case.search(EVEN[0], forecast) // VARIANTS == 0


def test_a_budget_below_quality_0_is_refused_where_sizes_fall_at_first():
    sizes = 4000 + QUALITIES
    sizes[0] = 4500
    with pytest.raises(TargetUnreachable, match="quality 0 takes 4500 bytes"):
        Sizes(sizes).search(4499, lambda quality: 1000 + 7.0 * quality, variants=1)


def test_quality_100_is_taken_where_all_sizes_are_nearly_one():
    sizes = 5000 + QUALITIES // 12_000
    for n_bytes in (5002, 5005):
        assert Sizes(sizes).search(n_bytes, lambda quality: 4000 + quality / 50, variants=1) == LAST


def test_what_leaves_a_thousandth_is_not_improved():
    """The guess is that near; without a forecast the last byte is looked for."""
    sizes = 1000 + QUALITIES
    case = Sizes(sizes)
    found = case.search(15_000, lambda quality: 1001 + quality, variants=1)
    assert 14_985 <= sizes[found] < 15_000
    assert len(case.made) == 1
    assert case.search(15_000, variants=1) == 14_000


@pytest.mark.parametrize("shift", [-4.0, 0.0, 4.0])
def test_a_psnr_is_met_soon_with_a_forecast(shift):
    values = psnrs()
    for psnr in np.linspace(values[0] + 3, values[-1] - 1, 50):
        made = []
        found = nearest_psnr(psnr, lambda q, m=made: m.append(q) or values[q], LAST, 1, lambda q: values[q] + shift)
        assert abs(values[found] - psnr) <= 0.05
        assert len(set(made)) <= 6


@pytest.mark.parametrize("name", nasty())
@pytest.mark.parametrize("said", [0.0, 30.0, 1000.0])
def test_a_psnr_is_as_near_as_without_a_forecast(name, said):
    """Or nearly: the few tries that a forecast has are missed at the end."""
    values = nasty()[name]
    for psnr in np.linspace(20.5, 70, 30):
        misses = []
        for forecast in (None, lambda quality: said + quality / 1000):
            made = []
            try:
                found = nearest_psnr(psnr, lambda q, m=made: m.append(q) or float(values[q]), LAST, 1, forecast)
            except TargetUnreachable:
                found = LAST
            assert len(set(made)) <= 39
            misses.append(min(abs(values[found] - psnr), 99))
        assert misses[1] <= max(misses[0] + 0.1, 0.05)


def test_quality_0_is_taken_where_a_low_quality_is_no_better():
    """Though more and more is expected."""
    values = np.maximum(psnrs(), 24)
    assert nearest_psnr(24, lambda q: values[q], LAST, 1, lambda quality: 22 + quality / 1000) == 0


@pytest.mark.parametrize("expected", [lambda place: 10.0 * (place - 1500), lambda _: -1.0, lambda place: -place])
def test_crossings_where_another_is_expected(expected):
    """A few more than a bisection would take, since the first steps are longer and longer."""
    for leap in (1, 2, 7, 1279, 1500, 1501, 1502, 2048, 3199, 3200, 3201):
        asked = set()

        def excess(place, leap=leap, asked=asked):
            asked.add(place)
            return -1.0 if place < leap else 1.0

        assert _highest(3201, excess, 0, expected) == leap - 1
        assert len(asked) <= 20
