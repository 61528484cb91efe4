"""What tasks share that name a picture's class: the check of what is true, the score, and a linear head on features."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from apercu.errors import OptionError
from apercu.lab.tasks import learning
from apercu.stages.colour import Samples

Features = NDArray[np.float32]
"""(N, D): what a network says of each of N pictures."""
FLAT = 1e-12
"""A total variance of features of about 1 that is due to rounding."""
Numbers = NDArray[np.int64]
"""(N,): classes, from 0."""
PENALTIES = 2.0 ** np.arange(-7, 6)
"""Those tried, where features have a total variance of 1."""


class Head(NamedTuple):
    """A linear map of features, of which the greatest output tells the class."""

    weights: NDArray[np.float32]
    """(D, classes)."""
    bias: NDArray[np.float32]
    """(classes,)."""


def fit(features: NDArray[np.float32], numbers: Numbers, parts: Sequence[int]) -> Head:
    """A head on features (N, copies, D) of N pictures, each in a few copies: mirrored, turned.

    By ridge regression on a column of 0 and 1 for each class. Features come in `parts` of so many, each of which counts
    the same: less its mean, over the root of its total variance. The penalty is the one with the least squared error
    where each picture in turn is left out, with all its copies.
    """
    rows = features.reshape(-1, features.shape[2]).astype(np.float64)
    mean = rows.mean(0)
    rows -= mean
    scale = np.concatenate([np.full(len(part), _share(part)) for part in np.split(rows.var(0), np.cumsum(parts)[:-1])])
    rows *= scale / np.sqrt(len(parts))
    targets = np.repeat(np.eye(numbers.max() + 1)[numbers], features.shape[1], 0)
    errors = unseen(rows, targets, features.shape[1])
    squares = rows.T @ rows + PENALTIES[int(np.argmin(errors))] * np.eye(rows.shape[1])
    weights = np.linalg.solve(squares, rows.T @ targets) * scale[:, np.newaxis] / np.sqrt(len(parts))
    return Head(weights.astype(np.float32), (targets.mean(0) - mean @ weights).astype(np.float32))


def unseen(rows: NDArray[np.float64], targets: NDArray[np.float64], copies: int) -> list[float]:
    """For each of PENALTIES, the mean squared error of ridge regression on rows that it has not seen, (N × copies, D),
    of mean 0: each picture in turn is left out.

    That follows from one decomposition, without another fit: Golub, Heath and Wahba 1979; for more than one row at a
    time, with the matrix of their leverages: Cook and Weisberg 1982.
    """
    away = targets - targets.mean(0)
    u, s, _ = np.linalg.svd(rows, full_matrices=False)
    parts, of_picture, errors = u.T @ away, u.reshape(-1, copies, u.shape[1]), list[float]()
    for penalty in PENALTIES:
        kept = s**2 / (s**2 + penalty)
        residuals = (away - u @ (kept[:, np.newaxis] * parts)).reshape(len(of_picture), copies, -1)
        leverages = 1 / len(rows) + of_picture * kept @ of_picture.transpose(0, 2, 1)
        errors.append(float((np.linalg.solve(np.eye(copies) - leverages, residuals) ** 2).mean()))
    return errors


def _share(variances: NDArray[np.float64]) -> float:
    """By what a part counts for 1; nothing where it is the same for all pictures."""
    total = float(variances.sum())
    return total**-0.5 if total > FLAT else 0.0


def named(head: Head, features: Features) -> Numbers:
    """The class that a head finds in each picture."""
    found: Numbers = (features @ head.weights + head.bias).argmax(1)
    return found


def numbers_of(images: Sequence[Samples], truth: Sequence[Any], n_classes: int | None = None) -> Numbers:
    """The classes of pictures, checked; `n_classes`: how many a network has learnt, None where it is about to.

    Raises OptionError for pictures without a class or the reverse, what is no class's number, a class that was not
    learnt; and where it is about to learn, for one class only, and for one without a picture. ImageError for a picture
    that is not uint8, (H, W) or (H, W, 3).
    """
    if len(images) != len(truth):
        raise OptionError(f"there are {len(images)} pictures, and classes of {len(truth)}")
    if not len(images):
        raise OptionError("there are no pictures")
    for image in images:
        learning.check_picture(image)
    for number in truth:
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 0:
            raise OptionError(f"a class is a whole number from 0, not {number!r}")
    numbers = np.array(truth, np.int64)
    if n_classes is None:
        missing = set(range(int(numbers.max()))) - set(numbers.tolist())
        if not numbers.max() or missing:
            raise OptionError(
                "two classes or more are needed" if not missing else f"no picture of class {min(missing)}"
            )
    elif numbers.max() >= n_classes:
        raise OptionError(f"class {numbers.max()} is none of the {n_classes} that were learnt")
    return numbers


def right(found: Numbers, truth: Numbers) -> list[int]:
    """For each picture 1 where its class was found, else 0."""
    return [int(hit) for hit in found == truth]


def accuracy(tallies: Sequence[int]) -> float:
    """The share of pictures whose class was found."""
    return sum(tallies) / len(tallies)
