"""Tables 3 to 5 and the curves of an image: which weights, which settings, in which order."""

from collections.abc import Callable, Mapping
from pathlib import Path

from apercu.bench.paper import published
from apercu.bench.paper.claim import RIVALS, Curve, codec_curve, jpeg_curve
from apercu.bench.paper.page import FITTED, PATH, PER_LATENT, PUBLISHED
from apercu.bench.paper.points import (
    Image,
    Options,
    Point,
    by_hand,
    measure,
    near_by_hand,
    near_on_path,
    on_path,
    smallest,
)

Found = dict[tuple[str, int], list[Point | None]]
EIGHT = published.OUTPUTS[-1]


def measure_image(
    name: str,
    image: Image,
    models: Mapping[int, Path],
    fitted: Path,
    grid: tuple[int, int, int],
    log: Callable[[str], None],
) -> tuple[Found, dict[str, Curve]]:
    """The smallest files at the paper's PSNRs, by way and outputs, and the curves of the codec and of JPEG.

    models: weights by outputs, `fitted`: those fitted to the image itself. grid: how many steps and thresholds are
    tried, and how many places of the path.
    """
    ways: list[tuple[str, int, list[Options]]] = [
        (PUBLISHED, EIGHT, by_hand("group", models[EIGHT], *grid[:2])),
        (PATH, EIGHT, on_path(grid[2])),
        (FITTED, EIGHT, by_hand("group", fitted, *grid[:2])),
        *((PER_LATENT, outputs, by_hand("latent", models[outputs], *grid[:2])) for outputs in published.OUTPUTS),
    ]
    found: Found = {}
    curves: dict[str, Curve] = {}
    for way, outputs, settings in ways:
        points = [measure(image, options) for options in settings]
        near = near_on_path if way == PATH else near_by_hand
        column = 1 + published.OUTPUTS.index(outputs)
        # The paper's column of fewer outputs ends where it saturates; what it does not print is not searched for.
        found[way, outputs] = [
            smallest(image, points, row[0], near) if row[column] is not None else None for row in published.SIZES[name]
        ]
        if way == PUBLISHED:
            curves["taha2025, as published"] = codec_curve(image, points)
        if way == PATH:
            curves["taha2025, default path"] = codec_curve(image, points)
        log(f"{name}: {way}, {outputs} outputs: {len(points)} files and those near the best")
    for rival, label in RIVALS.items():
        curves[label] = jpeg_curve(image, rival)
    return found, curves
