"""The search for a size or a PSNR, on sizes made up for it."""

import itertools

import numpy as np
import pytest

from apercu.codecs.rate import _highest, best_within, nearest_psnr
from apercu.errors import TargetUnreachable

LAST = 25600
VARIANTS = 8
PLACES = np.arange(LAST // VARIANTS + 1)
QUALITIES = np.arange(LAST + 1)


class Sizes:
    """A size and an error for each quality; counts the files that a search makes."""

    def __init__(self, sizes, errors=None):
        self.sizes = np.asarray(sizes)
        self.errors = -self.sizes if errors is None else np.asarray(errors)
        self.made, self.decoded = set(), set()

    @property
    def n_codings(self):
        return len(self.made) + len(self.decoded)

    def size_at(self, quality):
        self.made.add(quality)
        return int(self.sizes[quality])

    def error_at(self, quality):
        self.decoded.add(quality)
        return int(self.errors[quality])

    def search(self, n_bytes, forecast=None, variants=VARIANTS):
        return best_within(n_bytes, self.size_at, self.error_at, LAST, variants, forecast)

    def budgets(self, n=60):
        low, high = int(self.sizes[0]), int(self.sizes[-1])
        return {low, low + 1, high - 1, *np.geomspace(low, high - 1, n).astype(int).tolist()}


def of_places(sizes, variants=(0,) * VARIANTS):
    """Sizes of all qualities from those of places; each variant adds its own bytes."""
    return (np.asarray(sizes)[:, None] + np.asarray(variants)).reshape(-1)[: LAST + 1]


def slack(n_bytes):
    """What is promised: a budget is met within 2 % or 16 bytes, whichever is more."""
    return max(16, 0.02 * n_bytes)


def highest_that_fits(sizes, n_bytes, variant):
    qualities = QUALITIES[variant:LAST:VARIANTS]
    return max(qualities[sizes[qualities] <= n_bytes], default=None)


EVEN = 100 + 3 * PLACES
GROWING = (60 * 1.003**PLACES).astype(int)
VARIED = (0, 9, -7, 4, 40, 200, -30, 1)


@pytest.mark.parametrize("places", [EVEN, GROWING], ids=["even", "growing"])
@pytest.mark.parametrize("variants", [(0,) * 8, VARIED], ids=["alike", "varied"])
def test_the_best_of_what_comes_near(places, variants):
    """Better than the first variant at its highest place that fits, as a rule, and never worse."""
    rng = np.random.default_rng(1)
    sizes = of_places(places, variants)
    errors = 10**9 - 10 * sizes + rng.integers(-200, 200, sizes.size)  # grows smaller with the size, but for a few
    made, best = [], 0
    for n_bytes in Sizes(sizes).budgets():
        case = Sizes(sizes, errors)
        found = case.search(n_bytes)
        highest = [highest_that_fits(sizes, n_bytes, variant) for variant in range(VARIANTS)]
        near = [q for q in highest if q is not None and sizes[q] >= n_bytes - slack(n_bytes)]
        assert near
        assert n_bytes - slack(n_bytes) <= sizes[found] <= n_bytes
        assert highest[0] not in near or errors[found] <= errors[highest[0]]
        made.append(case.n_codings)
        best += errors[found] <= min(errors[near]) + 40
    assert max(made) <= 39
    assert best >= 0.8 * len(made)


def test_extremes():
    case = Sizes(of_places(EVEN))
    assert case.search(EVEN[-1]) == LAST
    assert case.search(10**12) == LAST
    assert len(case.made) <= 6
    assert case.search(EVEN[-1] - 1) // VARIANTS == PLACES[-2]
    assert case.search(EVEN[0]) // VARIANTS == 0
    for n_bytes in (EVEN[0] - 1, 1, 0, -5):
        with pytest.raises(TargetUnreachable, match=rf"quality 0 takes {EVEN[0]} bytes"):
            case.search(n_bytes)


def test_one_size_for_all():
    assert Sizes(np.full(LAST + 1, 50)).search(50) == LAST
    with pytest.raises(TargetUnreachable):
        Sizes(np.full(LAST + 1, 50)).search(49)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("amplitude", [2, 8, 60])
def test_ripples(amplitude, seed):
    rng = np.random.default_rng([2, seed])
    places = 200 + 4 * PLACES + rng.integers(-amplitude, amplitude + 1, PLACES.size)
    sizes = of_places(places, rng.integers(-50, 50, VARIANTS))
    sizes[0], sizes[-1] = sizes.min(), sizes.max()
    for n_bytes in Sizes(sizes).budgets():
        found = sizes[Sizes(sizes).search(n_bytes)]
        assert found <= n_bytes
        assert found >= n_bytes - slack(n_bytes) or (amplitude == 60 and n_bytes < 1400)


def test_leaps():
    # At place 1000 all variants leap over sizes but one, which alone comes near.
    places = 100 + PLACES + 5000 * (PLACES >= 1000)
    variants = (0, -20, -40, -60, 0, -10, -30, 0)
    leaping = Sizes(of_places(places, variants))
    for n_bytes in (1101, 3000, 6000):
        found = leaping.search(n_bytes)
        assert leaping.sizes[found] == max(leaping.sizes[leaping.sizes <= n_bytes])


def test_a_variant_beyond_a_leap():
    """Where one variant alone comes near, at places far from those of the others."""
    sizes = of_places(100 + PLACES + 5000 * (PLACES >= 1000), (0, -20, -40, -60, 0, -10, -30, 0))
    sizes[1::VARIANTS] = 100 + np.minimum(3 * PLACES, 6000 + PLACES)[: sizes[1::VARIANTS].size]
    for n_bytes in (2900, 3500):
        found = Sizes(sizes).search(n_bytes)
        assert found % VARIANTS == 1
        assert n_bytes - slack(n_bytes) <= sizes[found] <= n_bytes


def test_places_around_are_tried():
    # A bump where the search looks: it ends before the bump, and sizes that come near lie behind it.
    for first_of_bump, reached in ((545, True), (480, False)):
        places = 1000 + 10 * PLACES
        places[first_of_bump:566] += 4000
        n_bytes = int(places[575])
        found = Sizes(of_places(places)).search(n_bytes)
        assert (found // VARIANTS > 565) == reached
        assert (places[found // VARIANTS] >= n_bytes - slack(n_bytes)) == reached
        assert reached or found // VARIANTS == first_of_bump - 1


@pytest.mark.parametrize("low", [-1e-9, -1.0, -1e9])
@pytest.mark.parametrize("high", [0.0, 1e-9, 1e9])
def test_crossings_without_a_slope(low, high):
    """Where interpolation leads astray, no more is asked than a stride or two and bisection would take."""
    top = 3201
    for leap in (1, 2, 7, 1279, 1280, 1281, 2048, 3199, 3200, top):
        asked = set()

        def excess(place, leap=leap, asked=asked):
            asked.add(place)
            return low if place < leap else high

        assert _highest(top, excess, 1280) == leap - 1
        assert top not in asked
        assert len(asked) <= 4 + 2 + np.log2(top) + 1


def psnrs(seed=None, ripple=0.0):
    """A PSNR for each quality, the same in all variants."""
    values = 20 + 25 * (PLACES / PLACES[-1]) ** 0.7
    if seed is not None:
        values = values + np.random.default_rng(seed).uniform(-ripple, ripple, values.size)
    return np.repeat(values, VARIANTS)[: LAST + 1]


def nearest(psnr, values):
    """The PSNR found, and how many were computed."""
    made = set()

    def psnr_at(quality):
        made.add(quality)
        return float(values[quality])

    return values[nearest_psnr(psnr, psnr_at, LAST, VARIANTS)], len(made)


def test_nearest_psnr():
    values = psnrs()
    for psnr in (*np.linspace(values[0], values[-1], 300), *values[:-VARIANTS:400] + 1e-4):
        found, n_made = nearest(psnr, values)
        assert abs(found - psnr) <= 0.05
        assert n_made <= 16


def test_psnr_beyond_the_ends():
    values = psnrs()
    assert nearest(values[0] - 10, values)[0] == values[0]
    assert nearest(values[0], values)[0] == values[0]
    assert nearest(values[-1], values)[0] == values[-1]
    assert nearest(values[-1] + 0.0495, values)[0] == values[-1]
    with pytest.raises(TargetUnreachable, match=f"quality 100 gives {values[-1]:.2f} dB"):
        nearest(values[-1] + 0.0505, values)


@pytest.mark.parametrize("end", [500, 4300, 11_000, 19_000])
@pytest.mark.parametrize("rise", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("variants", [1, VARIANTS])
def test_a_psnr_just_beyond_what_many_qualities_make_is_met(end, rise, variants):
    """Small pictures have the same file up to an end, and one that is a little better beyond it."""
    values = 20 + np.interp(QUALITIES, [0, end, end + 4300, LAST + 1], [0, 0, rise, 12])
    for above in (0.0505, 0.053, 0.06, 0.09):
        made = set()
        found = nearest_psnr(20 + above, lambda q, m=made, v=values: m.add(q) or float(v[q]), LAST, variants)
        assert abs(values[found] - 20 - above) <= 0.05
        assert len(made) <= 39


def falling_at_last(peak, fall):
    """PSNRs that are best before quality 100."""
    return np.interp(QUALITIES, [0, peak, LAST], [20, 41, 41 - fall])


@pytest.mark.parametrize("peak", [9000, 23_000, 24_900])
@pytest.mark.parametrize("fall", [0.1, 0.9])
@pytest.mark.parametrize("variants", [1, VARIANTS])
def test_a_psnr_that_a_quality_below_100_alone_meets(peak, fall, variants):
    """Whatever is expected, the best is found, and named where it is too low."""
    values = falling_at_last(peak, fall)
    for forecast in (None, lambda quality: float(values[quality]), lambda quality: 19 + quality / 1000):
        for psnr in (41 - fall + 0.06, 41.0, 41.04):
            found = nearest_psnr(psnr, lambda q: float(values[q]), LAST, variants, forecast)
            assert abs(values[found] - psnr) <= 0.05
        made = set()
        text = rf"gives {41 - fall:.2f} dB, (40\.9[5-9]|41\.00) dB is the most of those tried$"
        with pytest.raises(TargetUnreachable, match=text):
            nearest_psnr(41.0555, lambda q, m=made: m.add(q) or float(values[q]), LAST, variants, forecast)
        assert len(made) <= 39


def test_what_is_beyond_quality_100_and_leapt_over_is_refused():
    """From 0.05 dB on, though lower qualities are better."""
    values = np.where((QUALITIES > 18_000) & (QUALITIES < 23_000), 40.5, np.linspace(20, 40, LAST + 1))
    assert nearest_psnr(40.045, lambda q: float(values[q]), LAST, 1) == LAST
    with pytest.raises(TargetUnreachable, match=r"gives 40.00 dB, 40.50 dB is the most of those tried$"):
        nearest_psnr(40.055, lambda q: float(values[q]), LAST, 1)
    assert 18_000 < nearest_psnr(40.455, lambda q: float(values[q]), LAST, 1) < 23_000


def test_what_is_far_beyond_quality_100_is_refused_soon():
    values = psnrs()
    made = set()
    with pytest.raises(TargetUnreachable, match=rf"gives {values[-1]:.2f} dB, the most of those tried$"):
        nearest_psnr(values[-1] + 2, lambda q: made.add(q) or float(values[q]), LAST, VARIANTS)
    assert len(made) <= 6


@pytest.mark.parametrize("seed", range(3))
def test_psnr_with_ripples(seed):
    values = psnrs(seed, ripple=0.02)
    for psnr in np.linspace(values[0] + 0.1, values[-1] - 0.1, 200):
        assert abs(nearest(psnr, values)[0] - psnr) <= 0.05


def test_psnr_where_variants_leap():
    # From place 1000 on all are 2 dB better, but for variant 3, which goes up evenly.
    values = psnrs()
    values[VARIANTS * 1000 :] += 2
    before, after = values[VARIANTS * 1000 - 1], values[VARIANTS * 1000]
    for psnr in np.linspace(before, after, 20):
        assert abs(nearest(psnr, values)[0] - psnr) == pytest.approx(min(psnr - before, after - psnr), abs=0.05)
    values[3::VARIANTS] = np.linspace(values[0], values[-1], values[3::VARIANTS].size)
    for psnr in np.linspace(before, after, 20):
        assert abs(nearest(psnr, values)[0] - psnr) <= 0.05


def nasty():
    """PSNRs by quality that lead a search astray, by name."""
    rng = np.random.default_rng(9)
    even = np.linspace(20, 50, LAST + 1)
    waves = np.sin(QUALITIES / (40 + QUALITIES / 300))
    return {
        "two plateaus": np.where(QUALITIES < 9000, 20.0, 60.0),
        "plateaus": np.floor(even / 3) * 3,
        "lossless from a place on": np.where(QUALITIES < 9001, even, np.inf),
        "noise": even + rng.uniform(-3, 3, LAST + 1),
        "waves": even + 6 * waves,
        "falling": np.concatenate([[20.0], even[:0:-1]]),
        "flat at last": np.minimum(even, 41),
        "lossless here and there": np.where(rng.random(LAST + 1) < 0.1, np.inf, even + 4 * waves),
    }


@pytest.mark.parametrize("name", nasty())
@pytest.mark.parametrize("variants", [1, 8])
def test_a_psnr_takes_39_codings_at_most(name, variants):
    values = nasty()[name]
    for psnr in np.linspace(20.5, 70, 60):
        made = []
        try:
            found = nearest_psnr(psnr, lambda q, m=made: m.append(q) or float(values[q]), LAST, variants)
        except TargetUnreachable:
            found = LAST
        assert 0 <= found <= LAST
        assert len(made) <= 39
        made = set(made)
        miss = misses(values, psnr)
        assert miss[found] <= max(miss[sorted(made)].min(), 0.05) or found == LAST


def misses(values, psnr):
    """In dB. No error at all is as far off as twice the error."""
    return np.where(np.isinf(values), 3, np.abs(values - psnr))


def test_lossless_is_nearer_than_what_is_far_below():
    """Between an error in one sample and none there is no file."""
    for most, lossless in ((88.0, True), (98.0, False)):
        values = np.where(QUALITIES % 500 > 400, np.inf, np.minimum(np.linspace(20, 140, LAST + 1), most))
        values[-1] = np.inf
        assert np.isinf(values[nearest_psnr(99, lambda q, v=values: float(v[q]), LAST, 1)]) == lossless


def test_the_end_of_the_path_is_tried_where_others_leap_over_the_target():
    """In a picture of few blocks: a better one on the way, and nothing near it."""
    values = np.select([QUALITIES < 9000, QUALITIES < 20_000, QUALITIES < LAST], [39.0, 43.0, 40.0], 41.0)
    for variants in (1, VARIANTS):
        made = []
        found = nearest_psnr(41.04, lambda q, m=made: m.append(q) or float(values[q]), LAST, variants)
        assert found == LAST
        assert len(made) <= 39


def test_places_that_make_the_same_file_are_passed():
    sizes = np.select([QUALITIES < 9950, QUALITIES < 9960, QUALITIES < 10_000], [400, 990, 900], 1100)
    assert best_within(1000, lambda q: int(sizes[q]), lambda _: 0, LAST, 1) in range(9950, 9960)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ripple", [2, 60, 2000])
def test_a_size_takes_39_codings_at_most(ripple, seed):
    rng = np.random.default_rng([5, seed])
    sizes = 3000 + 20 * QUALITIES // 8 + rng.integers(-ripple, ripple + 1, LAST + 1)
    for n_bytes in Sizes(sizes).budgets():
        if n_bytes >= sizes[0]:
            case = Sizes(sizes, rng.integers(1, 1000, LAST + 1))
            assert sizes[case.search(n_bytes)] <= n_bytes
            assert case.n_codings <= 39


def test_sizes_of_the_path_are_not_searched_twice():
    for n_bytes, places in itertools.product((500, 2000), (EVEN, GROWING)):
        case = Sizes(of_places(places, VARIED))
        asked = []
        best_within(n_bytes, lambda q, c=case, a=asked: a.append(q) or c.size_at(q), case.error_at, LAST, VARIANTS)
        assert len(asked) < 4 * len(case.made)


@pytest.mark.parametrize(("n_bytes", "slack"), [(10_000, 200), (500, 16)])
def test_the_best_is_taken_of_what_leaves_2_percent_or_16_bytes(n_bytes, slack):
    """One variant meets the budget at the price of a larger error, another leaves some bytes, all others the most."""
    for left in (slack, slack + 1):
        sizes = of_places(np.where(PLACES < 1000, n_bytes // 2, 3 * n_bytes))
        sizes[3 : VARIANTS * 1000 : VARIANTS] = n_bytes - 1
        sizes[5 : VARIANTS * 1000 : VARIANTS] = n_bytes - left
        errors = np.full(sizes.size, 9)
        errors[5::VARIANTS] = 1
        assert Sizes(sizes, errors).search(n_bytes) % VARIANTS == (5 if left == slack else 3)


def test_the_last_quality_is_taken_where_its_file_alone_fits():
    places = np.where(PLACES < 1000, 100 + PLACES, 200_000)
    sizes = of_places(places)
    sizes[LAST] = 95_000
    assert Sizes(sizes).search(100_000) == LAST
