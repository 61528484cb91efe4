"""Intervals over networks and pictures: by hand, and whether they hold what they say in a simulation."""

from statistics import NormalDist

import numpy as np
import pytest

from apercu.bench.tasks.intervals import Scores, interval, jackknife, ratio


def of(values):
    """Scores that are means of values (R, C), by leaving each picture out."""
    values = np.array(values, np.float64)
    n = values.shape[1]
    without = (values.sum(axis=1, keepdims=True) - values) / (n - 1)
    return jackknife(values.mean(axis=1).tolist(), without.tolist())


def test_pseudovalues_of_a_mean_are_the_values_themselves():
    values = [[1, 0, 1, 1], [0, 0, 1, 1]]
    assert np.allclose(of(values).pseudovalues, values)


def test_one_network_has_students_interval_over_pictures():
    """Of 1, 1, 1, 0: standard deviation 1/2, error 1/4, and t of three degrees of freedom is 3.182446."""
    found = interval(of([[1, 1, 1, 0]]))
    assert found["mean"] == 0.75
    assert found["high"] - 0.75 == pytest.approx(3.182446 / 4)
    assert 0.75 - found["low"] == pytest.approx(3.182446 / 4)


def test_an_interval_ends_where_scores_do():
    found = interval(of([[1, 1, 1, 0]]), (0.0, 1.0))
    assert found["high"] == 1
    assert found["low"] == 0 == max(0, 0.75 - 3.182446 / 4)
    assert interval(of([[1, 2, 3, 2]]), (0.0, 9.0)) == interval(of([[1, 2, 3, 2]]))


def test_two_networks_on_three_pictures_by_hand():
    """Rows 1 2 3 and 3 3 6: mean 3, of seeds 2 and 4, of pictures 2, 2.5, 4.5. Mean squares: of seeds
    3 (1 + 1) / 1 = 6, of pictures 2 (1 + 1/4 + 9/4) / 2 = 3.5, the rest (4 / 4) / 2 = 0.5. So the variance of the
    mean is (6 + 3.5 - 0.5) / 6 = 1.5, of 9^2 / 6^2 = 2.25 degrees, which become 2, those of three pictures."""
    found = interval(of([[1, 2, 3], [3, 3, 6]]))
    assert found["mean"] == 3
    assert found["by_seed"] == [2, 4]
    assert found["high"] - 3 == pytest.approx(4.302653 * 1.5**0.5, rel=1e-6)


def test_networks_that_agree_have_the_interval_of_one():
    one, five = interval(of([[1, 0, 1, 1, 0]])), interval(of([[1, 0, 1, 1, 0]] * 5))
    assert (five["low"], five["high"]) == pytest.approx((one["low"], one["high"]))


def test_one_picture_leaves_the_networks_and_one_of_each_nothing():
    """Of 1, 2, 3: error 1/sqrt(3), t of two degrees 4.302653."""
    assert interval(jackknife([1, 2, 3], [[], [], []]))["high"] - 2 == pytest.approx(4.302653 / 3**0.5)
    assert interval(jackknife([0.5], [[]])) == {"mean": 0.5, "low": None, "high": None, "by_seed": [0.5]}


def test_pairs_are_narrower_than_what_they_are_the_difference_of():
    draw = np.random.default_rng(1)
    shared = draw.normal(0, 1, (1, 40)) + draw.normal(0, 1, (5, 1))
    first, second = (of(shared + mean + draw.normal(0, 0.1, (5, 40))) for mean in (1.0, 0.5))
    found = interval(first - second)
    assert found["high"] - found["low"] < 0.2 * (interval(first)["high"] - interval(first)["low"])
    assert found["low"] < 0.5 < found["high"]


def test_a_share_that_is_the_same_everywhere_is_exact_and_none_of_nothing():
    whole = of(np.random.default_rng(2).uniform(0.5, 1.5, (5, 20)))
    found = ratio(Scores(0.3 * whole.by_seed, 0.3 * whole.pseudovalues), whole)
    assert (found["mean"], found["low"], found["high"]) == pytest.approx((0.3, 0.3, 0.3))
    assert found["by_seed"] == pytest.approx([0.3] * 5)
    assert ratio(whole, of(np.zeros((5, 20)))) is None
    assert ratio(whole, whole - whole - whole) is None
    unsure = of(np.random.default_rng(3).normal(0.1, 2, (5, 20)) + 0.05)
    assert interval(unsure)["low"] < 0 < interval(unsure)["mean"]
    assert ratio(whole, unsure)["low"] is None


@pytest.mark.parametrize(("of_seeds", "of_pictures", "of_both"), [(1, 1, 1), (1, 0, 0.5), (0, 1, 1), (0.3, 2, 1)])
def test_nineteen_of_twenty_intervals_hold_the_truth(of_seeds, of_pictures, of_both):
    """500 studies of 5 networks on 30 pictures, with the variances of the parameters; where networks do not vary, or
    pictures do not, the method errs on the side of too wide."""
    draw, held = np.random.default_rng(4), 0
    for _ in range(500):
        values = of_seeds * draw.normal(size=(5, 1)) + of_pictures * draw.normal(size=(1, 30))
        found = interval(of(0.7 + values + of_both * draw.normal(size=(5, 30))))
        held += found["low"] < 0.7 < found["high"]
    assert 0.93 <= held / 500 <= 0.99


@pytest.mark.parametrize(
    ("score", "n_pictures", "least", "most"), [(0.5, 60, 92, 97), (0.96, 60, 90, 95), (0.98, 20, 70, 85)]
)
def test_intervals_of_right_answers_hold_the_truth_less_often_near_the_end(score, n_pictures, least, most):
    """400 studies of 5 networks whose answers are right or wrong; docs/tasks.md gives these figures."""
    draw, held, deviations = np.random.default_rng(6), 0, (0.2, 1, 1)
    limit = NormalDist(0, np.hypot.reduce(deviations)).inv_cdf(score)
    for _ in range(400):
        of_seeds, of_pictures, of_both = (
            one * draw.normal(size=shape)
            for one, shape in zip(deviations, ((5, 1), (1, n_pictures), (5, n_pictures)), strict=True)
        )
        found = interval(of(limit + of_seeds + of_pictures + of_both > 0), (0.0, 1.0))
        held += found["low"] <= score <= found["high"]
    assert least <= 100 * held / 400 <= most


def test_nineteen_of_twenty_shares_hold_the_truth():
    """A loss of 1 on average, of which 0.6 comes back: 400 studies."""
    draw, held = np.random.default_rng(5), 0
    for _ in range(400):
        loss = 1 + 0.1 * draw.normal(size=(5, 1)) + 0.7 * draw.normal(size=(1, 40)) + 0.5 * draw.normal(size=(5, 40))
        back = 0.6 * loss + 0.1 * draw.normal(size=(5, 1)) + 0.4 * draw.normal(size=(5, 40))
        found = ratio(of(back), of(loss))
        held += found["low"] is not None and found["low"] < 0.6 < found["high"]
    assert 0.92 <= held / 400 <= 0.99
