"""Tables 1 and 2: what the paper's networks leave of an error, trained again, beside the least that any linear one can.

Training is the lab's; whoever calls hands it in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from apercu.bench.paper import published
from apercu.bench.paper.bounds import Blocks, errors, subspace
from apercu.bench.paper.table import Cell, Table

_ITSELF = "best linear, the image itself"


@dataclass(frozen=True)
class Start:
    """One trained network: error on the training blocks and on each image, in 8-bit units squared."""

    on_training: float
    on_images: Mapping[str, float]


def networks_table(
    name: str,
    title: str,
    printed: Mapping[str, Sequence[float]],
    ours: Mapping[str, Sequence[Start]],
    bounds: Mapping[str, Mapping[str, float]],
    images: Sequence[str],
) -> Table:
    """Table 1 or 2: for each network the paper's errors (three images, average) beside ours, the best start first."""
    complete = tuple(images) == published.IMAGES
    shown = [*images, "average"] if complete else list(images)
    columns = [("network", "")]
    for image in shown:
        columns += [(f"{image}: paper", ".2f"), (f"{image}: ours", ".2f"), (f"{image}: ±", "+.2f")]
    columns += [("training error", ".2f"), ("average of each start" if complete else "first image, each start", "")]
    table = Table(name, title, columns)
    for label, starts in ours.items():
        cells: list[Cell] = [label]
        for image in shown:
            theirs = printed[label][-1 if image == "average" else published.IMAGES.index(image)]
            mine = _error(starts[0].on_images, image)
            cells += [theirs, mine, mine - theirs]
        every = [f"{_error(start.on_images, shown[-1] if complete else shown[0]):.1f}" for start in starts]
        table.rows.append([*cells, starts[0].on_training, " / ".join(every)])
    for label, of_bound in bounds.items():
        cells = [label]
        for image in shown:
            cells += [None, _error(of_bound, image), None]
        table.rows.append([*cells, None, None])
    return table


def _error(of_images: Mapping[str, float], image: str) -> float:
    return float(np.mean(list(of_images.values()))) if image == "average" else of_images[image]


def beyond_bound(
    printed: Mapping[str, Sequence[float]], linear: Sequence[str], bound: Mapping[str, float]
) -> list[str]:
    """A note for each of the paper's errors that no linear network can have on our copy of the image."""
    notes = []
    for image, least in bound.items():
        column = published.IMAGES.index(image)
        values = {label: printed[label][column] for label in linear if printed[label][column] < least}
        if values:
            told = ", ".join(f"{value:.2f} ({label})" for label, value in values.items())
            notes.append(
                f"{image}: the paper's {told} is below {least:.2f}, the least that any linear network of so many "
                "latents can reach on this image, even one fitted to it alone. Its copy of the image is another one."
            )
    return notes


def dead_latents(plateaus: Mapping[int, float]) -> list[str]:
    """Notes on Table 1's activations; `plateaus`: the least training error of a linear network by latents."""
    told = ", ".join(f"{error:.1f} ({latents})" for latents, error in plateaus.items())
    relu = published.TABLE_1["relu"]
    return [
        f"The least training error of a linear network by number of latents: {told}. Starts with an activation that "
        "end near one of the larger have lost latents, which is luck of the start and length of training, of which "
        "the paper says nothing.",
        f"The paper's relu has lost them as well, and not the same for each image: {relu[0]} on lena is the error of a "
        f"single latent ({published.TABLE_2[2][0]} in its Table 2), {relu[1]} on boat less than half of a single "
        f"latent's ({published.TABLE_2[2][1]}). One network cannot do both: it seems to have been trained for each "
        "image anew.",
    ]


Train = Callable[[str, int, int], list[Start]]
"""Activation, layers and latents to networks trained from several starts, that of least training error first."""


def networks_tables(
    blocks: Blocks, images: Mapping[str, Blocks], train: Train, shapes: Mapping[int, tuple[Sequence[int], int]]
) -> list[Table]:
    """Tables 1 and 2, each with the bounds of linear networks below it, and notes.

    blocks: those trained on; images: the blocks of each image to measure on; shapes: by the number of layers
    their widths and how many parameters they have.
    """
    first = {activation: train(activation, 4, 4) for activation in published.TABLE_1}
    title = "Table 1: mean squared error by activation, four layers, four latents (64-8-4-8-64)"
    limits = _linear_bounds(blocks, images, 4)
    one = networks_table("table1", title, published.TABLE_1, first, limits, list(images))
    one.notes = [
        "linear and none are one function, and so one network; that the paper's differ says how far two trainings of "
        "one network lie apart there.",
        *dead_latents({k: float(errors(blocks, subspace(blocks, k)).mean()) for k in range(1, 5)}),
        *beyond_bound(published.TABLE_1, ["linear", "none"], limits[_ITSELF]),
    ]
    second = {f"{layers} layers": train("none", layers, 1) for layers in published.TABLE_2}
    counted = [
        f"{'-'.join(map(str, shapes[layers][0]))}: {shapes[layers][1]} (the paper: {told})"
        for layers, told in published.TABLE_2_PARAMETERS.items()
    ]
    printed = {f"{layers} layers": row for layers, row in published.TABLE_2.items()}
    title = "Table 2: mean squared error by number of layers, one latent, no activation"
    limits = _linear_bounds(blocks, images, 1)
    two = networks_table("table2", title, printed, second, limits, list(images))
    two.notes = [
        f"Parameters: {'; '.join(counted)}.",
        "Without activations every depth is the same function class; what differs is how far training gets.",
        *beyond_bound(printed, list(printed), limits[_ITSELF]),
    ]
    return [one, two]


def _linear_bounds(blocks: Blocks, images: Mapping[str, Blocks], latents: int) -> dict[str, dict[str, float]]:
    rows = subspace(blocks, latents)
    return {
        "best linear, same training blocks": {name: float(errors(b, rows).mean()) for name, b in images.items()},
        _ITSELF: {name: float(errors(b, subspace(b, latents)).mean()) for name, b in images.items()},
    }
