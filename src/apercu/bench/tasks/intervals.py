"""How sure a score is: intervals of 95 % over networks (seeds) and pictures, each of which is a sample of many.

Scores of the same pictures by networks of different seeds are neither independent nor equal. The method is the one of
studies in which several readers judge the same cases: jackknife pseudovalues over pictures, and a two-way layout of
seeds and pictures with both random (D. D. Dorfman, K. S. Berbaum, C. E. Metz, "Receiver operating characteristic rating
analysis", Investigative Radiology 27, 1992), with the degrees of freedom of S. L. Hillis, "A comparison of denominator
degrees of freedom methods for multiple observer ROC analysis", Statistics in Medicine 26, 2007. So an interval speaks
of another network trained in the same way, on other pictures of the same kind. With one seed it speaks of other
pictures alone.

A jackknife sees no variance where all networks are right on all pictures: the interval is a point then.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Scores of some networks on the same pictures.

    by_seed: (R,). pseudovalues: (R, C), of C units, which are pictures or groups of them; C may be 0 where there is but
    one picture. Sums and multiples of scores are such scores again, whose intervals are those of paired samples.
    """

    by_seed: Values
    pseudovalues: Values

    def __sub__(self, other: "Scores") -> "Scores":
        """The difference on the same seeds and pictures."""
        return Scores(self.by_seed - other.by_seed, self.pseudovalues - other.pseudovalues)


def jackknife(by_seed: list[float], without: list[list[float]]) -> Scores:
    """Scores, one for each seed, and for each seed the scores without each of C units, or none for fewer than two."""
    scores, left = np.array(by_seed, np.float64), np.array(without, np.float64).reshape(len(by_seed), -1)
    n_units = left.shape[1]
    return Scores(scores, n_units * scores[:, None] - (n_units - 1) * left)


def interval(scores: Scores, bounds: tuple[float, float] = (-math.inf, math.inf)) -> dict[str, Any]:
    """{"mean", "low", "high", "by_seed"}: the mean over seeds and its interval, None where there is nothing to tell.

    bounds: the lowest and the highest that a score can be. An interval ends there, and holds as often as without.
    """
    mean = float(scores.by_seed.mean())
    half = _half_width(scores)
    return {
        "mean": mean,
        "low": None if half is None else max(mean - half, bounds[0]),
        "high": None if half is None else min(mean + half, bounds[1]),
        "by_seed": scores.by_seed.tolist(),
    }


def ratio(part: Scores, whole: Scores) -> dict[str, Any] | None:
    """The interval of a share, the mean of the part over the mean of the whole, by its linear terms.

    None where the whole is not above 0, so that there is nothing to have a share of. Where its own interval reaches 0,
    a share could be any: it has no interval then. `by_seed` is None for seeds whose whole is not above 0.
    """
    mean = float(whole.by_seed.mean())
    if mean <= 0:
        return None
    share = float(part.by_seed.mean()) / mean
    linear = Scores(
        (part.by_seed - share * whole.by_seed) / mean, (part.pseudovalues - share * whole.pseudovalues) / mean
    )
    of_whole, half = _half_width(whole), _half_width(linear)
    known = of_whole is not None and half is not None and of_whole < mean
    by_seed = [a / b if b > 0 else None for a, b in zip(part.by_seed.tolist(), whole.by_seed.tolist(), strict=True)]
    return {
        "mean": share,
        "low": share - half if known and half is not None else None,
        "high": share + half if known and half is not None else None,
        "by_seed": by_seed,
    }


def _half_width(scores: Scores) -> float | None:
    found = _error(scores)
    if found is None:
        return None
    error, freedom = found
    if error == 0:
        return 0.0
    from scipy.special import stdtrit  # Student's t, without the second that scipy.stats takes to import

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error


def _error(scores: Scores) -> tuple[float, float] | None:
    """(standard error, degrees of freedom) of the mean over seeds and pictures."""
    values = scores.pseudovalues
    n_seeds, n_units = values.shape
    if n_units < 2:
        if n_seeds < 2:
            return None
        return float(scores.by_seed.std(ddof=1)) / math.sqrt(n_seeds), n_seeds - 1
    if n_seeds < 2:
        return float(values.std(ddof=1)) / math.sqrt(n_units), n_units - 1
    of_seeds, of_units, mean = values.mean(axis=1), values.mean(axis=0), values.mean()
    seeds = n_units * float(((of_seeds - mean) ** 2).sum()) / (n_seeds - 1)
    units = n_seeds * float(((of_units - mean) ** 2).sum()) / (n_units - 1)
    rest = values - of_seeds[:, None] - of_units[None, :] + mean
    both = float((rest**2).sum()) / ((n_seeds - 1) * (n_units - 1))
    square = seeds + max(units - both, 0.0)  # the mean squares whose expectation is that of the mean's variance
    # Hillis takes the pictures to be many. Ten groups are not: no more freedom than over them alone.
    freedom = min(square**2 / (seeds**2 / (n_seeds - 1)), n_units - 1) if seeds > 0 else n_units - 1
    return math.sqrt(square / (n_seeds * n_units)), freedom
