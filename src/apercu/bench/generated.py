"""Generated pictures beside what they have to be better than, in one file's bytes.

Of an image at a rate there are: the file as it decodes exactly; restored by "cnn"; by every generative restorer; with
noise that knows nothing of pictures (`noise_filler`), also at the PSNR of each of these; and AVIF in as many bytes.
AVIF gets a little more than that, up to the next of its settings, and in each metric counts the best of full, half and
quarter size.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import apercu
from apercu.bench import noise_filler, peers
from apercu.bench.agreement import Agreement, agreement, worst
from apercu.bench.cache import Cache
from apercu.bench.measure import Reader, Subject, code_of, metric_of, metric_version, own_version, subject
from apercu.bench.metrics import psnr
from apercu.bench.plan import Plan
from apercu.bench.planes import LUMA
from apercu.codecs import decoding
from apercu.errors import OptionError
from apercu.options import about
from apercu.restore import by_name
from apercu.stages.blocks import Window
from apercu.stages.colour import Plane, Samples
from apercu.stages.layout import Evidence, Layout

METRICS = ("psnr", "ms_ssim", "ssimulacra2", "gmsd", "spectrum", "swd", "wasserstein", "deep", "deep_unseen")
BESIDE = ("flat", "seeds_flat", "seeds", "kept", "same")
"""What else is measured. In samples of luma: the deviation of what is added to "cnn" where the original is flat; and
the deviation between two seeds, there and elsewhere. In per cent: the symbols that a picture has again, of those that
are not 0 and of all, in the plane and stage that is worst (`agreement`)."""
_COUNTS = "{} of plane {}, stage {}"
CODEC, PEER = "apercu", "avif"
NOISE, NOISE_AS = "noise", "noise as {}"
STRONGEST, HALVINGS = 4.0, 11
"""Of the noise, in deviations of what is left; and how often its range is halved for one PSNR."""
MOST_OVER = 1.1
"""How many times the bytes AVIF may have; a size whose smallest file is larger does not take part."""
SIDE, FLAT = 16, 1.0
"""Pixels a side of windows, and the deviation of luma below which one is flat."""

Values = dict[str, float | None]


def generative() -> list[str]:
    """The restorers that make up what a file does not say, of those that have learnt the default codec."""
    known = {name: by_name.restorer_of(name) for name in by_name.RESTORERS}
    return [name for name, one in known.items() if one.KIND == "generative" and CODEC in one.CODECS]


def made_by(steps: Sequence[int] = ()) -> dict[str, dict[str, Any]]:
    """Each of them with its defaults, and those that work in steps with so many, too: name -> keywords of `decode`."""
    found: dict[str, dict[str, Any]] = {}
    for name in generative():
        found[name] = {"restore": name}
        if "steps" in about(by_name.restorer_of(name).Options):
            found |= {f"{name}, {n} step{'s' * (n > 1)}": {"restore": name, "steps": n} for n in steps}
    return found


def ways(steps: Sequence[int] = ()) -> list[str]:
    """What is compared, in the order of tables."""
    made = made_by(steps)
    return ["none", "cnn", *made, NOISE, *map(NOISE_AS.format, made), PEER]


def of_image(name: str, path: str, read: Reader, bpp: float, steps: Sequence[int], store: Cache) -> dict[str, Values]:
    """What `ways` come to on one image at a rate: way -> metric -> value, with `n_bytes`.

    A metric that cannot be measured on the image, or AVIF where it has no file so small, is None. Values are kept in
    `store` by the pictures that they are of. Raises what `read` raises, TargetUnreachable, MissingExtra, OptionError.
    """
    this = subject(name, path, read, Plan((), (), ()))
    if this.bands not in ("grey", "rgb"):
        raise OptionError(f"{name}: generated pictures are compared on grey and RGB, not on {this.bands}")
    key = [
        this.digest,
        bpp,
        ways(steps),
        own_version(),
        {metric: metric_version(metric) for metric in METRICS},
        _code(),
    ]
    found: dict[str, Values] = _kept(store, key, lambda: _of_file(this, bpp, steps, store))
    return found


def _code() -> list[str]:
    table = hashlib.sha256(noise_filler.shipped().tobytes()).hexdigest()
    return [code_of("generated", "noise_filler", "peers"), table, peers.PEERS[PEER].version]


def _of_file(this: Subject, bpp: float, steps: Sequence[int], store: Cache) -> dict[str, Values]:
    data = apercu.encode(this.image, bands=this.bands, codec=CODEC, bpp=bpp)
    made, with_noise, strengths = made_by(steps), noisy(data), {NOISE: noise_filler.STRENGTH}
    pictures = {way: apercu.decode(data, restore=way) for way in ("none", "cnn")}
    pictures |= {way: apercu.decode(data, **how) for way, how in made.items()}
    for way in made:
        strengths[NOISE_AS.format(way)] = strength_at(with_noise, this.image, psnr(this.image, pictures[way]))
    pictures |= {way: with_noise(strength) for way, strength in strengths.items()}
    found = {}
    for way, picture in pictures.items():
        found[way] = values_of(this, picture, store) | symbols(data, picture) | {"n_bytes": len(data)}
        if way not in ("none", "cnn"):
            found[way]["flat"] = deviation(this.image, picture, pictures["cnn"], flat=True)
        if way in strengths:
            found[way]["strength"] = strengths[way]
        if way in made and "seed" in about(by_name.restorer_of(made[way]["restore"]).Options):
            pair = this.image, picture, apercu.decode(data, seed=1, **made[way])
            found[way] |= {"seeds_flat": deviation(*pair, flat=True), "seeds": deviation(*pair, flat=False)}
    avif_key = [this.digest, len(data), *_code(), {metric: metric_version(metric) for metric in METRICS}]
    return found | {PEER: _kept(store, avif_key, lambda: _of_avif(this, len(data), store))}


def values_of(this: Subject, picture: Samples, store: Cache) -> Values:
    """Every metric of a picture; None where one cannot be measured."""
    digest = hashlib.sha256(np.ascontiguousarray(picture).data).hexdigest()
    found: Values = {}
    for name in METRICS:
        metric = metric_of(name)
        if metric.refusal(this.image):
            found[name] = None
        else:
            key = [this.digest, digest, name, metric_version(name)]
            found[name] = float(_kept(store, key, partial(metric.function, this.image, picture)))
    return found


def _kept(store: Cache, key: Sequence[Any], make: Callable[[], Any]) -> Any:
    """What was made under a key before, or what is made now."""
    found = store.load(key)
    if found is None:
        store.save(key, make())
        found = store.load(key)
    return found


def noisy(data: bytes, seed: int = 0) -> Callable[[float], Samples]:
    """A file restored by "cnn", with so many times the noise of `noise_filler`."""
    better, table = by_name.restorer_for("cnn", CODEC, {}), noise_filler.shipped()
    tiles: list[tuple[list[Plane], NDArray[np.float64]]] = []

    def learn(planes: list[Plane], layout: Layout, step_q8: int, evidence: Evidence, *where: Window) -> None:
        better(planes, layout, step_q8, evidence, *where)
        luma = planes[0][: layout.planes[0].height, : layout.planes[0].width]
        tiles.append(([plane.copy() for plane in planes], noise_filler.noise(luma, step_q8 / 256, table, seed)))

    def picture(strength: float) -> Samples:
        left = iter(tiles)  # which come in the order in which they were learnt

        def fill(planes: list[Plane], layout: Layout, step_q8: int, evidence: Evidence, *where: Window) -> None:
            restored, noise = next(left)
            for plane, values in zip(planes, restored, strict=True):
                plane[:] = values
            luma = planes[0][: noise.shape[0], : noise.shape[1]]
            luma[:] = noise_filler.filled(luma, noise, strength)

        return decoding.decode(data, decoding.How(restorer=fill))

    decoding.decode(data, decoding.How(restorer=learn))
    return picture


def strength_at(picture: Callable[[float], Samples], original: Samples, wanted: float) -> float:
    """The strength of noise at which the PSNR falls to `wanted` dB: 0 where it is no higher without noise."""
    low, high = 0.0, STRONGEST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if psnr(original, picture(middle)) > wanted else (low, middle)
    return low


def symbols(data: bytes, picture: Samples) -> Values:
    """The counts of `agreement`, each under a name."""
    return {
        _COUNTS.format(name, plane, stage): float(count)
        for (plane, stage), counts in agreement(data, picture).items()
        for name, count in counts._asdict().items()
    }


def _shares(values: Values) -> Values:
    """What counts of symbols come to, in place of them: `kept` and `same`."""
    found = {}
    for plane in range(3):
        for stage in range(1, 7):
            named = [values.pop(_COUNTS.format(name, plane, stage), None) for name in Agreement._fields]
            counts = [count for count in named if count is not None]
            if len(counts) == len(named):
                found[plane, stage] = Agreement(*counts)  # type: ignore[arg-type]  # means, whose ratio is the same
    kept, same = worst(found)
    return values | ({"kept": 100 * kept, "same": 100 * same} if found else {})


def _of_avif(this: Subject, n_bytes: int, store: Cache) -> Values:
    """The best value of each metric over the sizes that the picture is coded at."""
    peer, found = peers.PEERS[PEER], []
    for scale in peers.SCALES:
        data = avif_file(this.image, n_bytes, scale)
        if data is not None:
            values = values_of(this, peers.array_of(peer, data, this.image.shape, scale), store)
            found.append(values | {"n_bytes": len(data)})
    best: Values = {}
    for name in METRICS if found else ():
        choice = max if metric_of(name).higher_is_better else min
        of_name = [value for values in found if (value := values[name]) is not None]
        best[name] = choice(of_name) if of_name else None
    return best | {"n_bytes": found[0]["n_bytes"] if found else None}


def avif_file(image: Samples, n_bytes: int, scale: int = 1) -> bytes | None:
    """The smallest AVIF file that is no smaller than `n_bytes`, of an image that is reduced `scale` times first.

    None where that has more than MOST_OVER times the bytes.
    """
    peer = peers.PEERS[PEER]
    low, high, found = 0, 100, None
    while low <= high:
        middle = (low + high) // 2
        data = peers.file_of(peer, image, middle, scale)
        if len(data) >= n_bytes:
            found, high = data, middle - 1
        else:
            low = middle + 1
    return found if found is not None and len(found) <= MOST_OVER * n_bytes else None


def deviation(original: Samples, first: Samples, second: Samples, flat: bool) -> float | None:
    """The mean over windows of the deviation of the difference of luma of two pictures, in 8-bit samples.

    Of those windows whose original is flat, or of the others; None where there is no such window.
    """
    shown = [_luma(image) for image in (original, first, second)]
    windows = _deviations(shown[0]) < FLAT
    here = _deviations(shown[1] - shown[2])[windows == flat]
    return float(here.mean()) if here.size else None


def _luma(image: Samples) -> NDArray[np.float64]:
    values: NDArray[np.float64] = image.astype(np.float64) @ LUMA if image.ndim == 3 else image.astype(np.float64)
    return values


def _deviations(luma: NDArray[np.float64]) -> NDArray[np.float64]:
    """The standard deviation of each whole window of SIDE x SIDE pixels."""
    down, across = (side // SIDE for side in luma.shape)
    windows = luma[: down * SIDE, : across * SIDE].reshape(down, SIDE, across, SIDE)
    found: NDArray[np.float64] = windows.std((1, 3))
    return found


def means(by_image: Sequence[Mapping[str, Values]]) -> dict[str, Values]:
    """way -> metric -> mean over the images that have a value; symbols are counted over all images together."""
    found: dict[str, Values] = {}
    for way in dict.fromkeys(way for image in by_image for way in image):
        names = dict.fromkeys(name for image in by_image for name in image.get(way, {}))
        found[way] = {}
        for name in names:
            values = [value for image in by_image if (value := image.get(way, {}).get(name)) is not None]
            found[way][name] = sum(values) / len(values) if values else None
    return {way: _shares(values) for way, values in found.items()}
