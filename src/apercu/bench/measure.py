"""One task of a comparison: one codec on one image, at every setting.

Each function takes a `Subject`, an image as it was read, and a codec by name: a peer's, or one of `apercu.bench.own`.
Earlier results come from the cache, whose keys hold the digest of the pixels and the versions of everything that
a number depends on: the codec, its library, the code of the metric.
"""

import hashlib
import inspect
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import apercu
from apercu.bench import metrics as metric_functions
from apercu.bench import peers
from apercu.bench.cache import Cache
from apercu.bench.metrics import MEASURES, METRICS, Metric
from apercu.bench.own import OURS, label
from apercu.bench.plan import Ceiling, Plan
from apercu.bench.planes import Peak
from apercu.errors import ApercuError, ImageError, MissingExtra, OptionError, TargetUnreachable
from apercu.stages.colour import Samples

CURVE_RATES = (0.035, 0.05, 0.065, 0.08, 0.1, 0.125, 0.15, 0.175, 0.2, 0.25, 0.3, 0.38)
"""Ceilings, in bpp, that codecs of apercu are asked to meet beside those to be shown, so that curves have points."""
Reader = Callable[[str], tuple[Samples, str]]
Record = dict[str, Any]
_BESIDE = ("bench", "bridges", "cli", "lab")  # folders that decide nothing about a file
_DECIDING = (".py", ".so", ".dylib", ".dll", ".npy", ".onnx")
_METRICS = METRICS | MEASURES
_SAID = 200  # characters of another library's error


@dataclass(frozen=True)
class Subject:
    """An image: its name, its samples, what its bands are, and the SHA-256 of its pixels, shape and dtype."""

    name: str
    image: Samples
    bands: str
    digest: str

    @property
    def tie(self) -> str:
        """The beginning of the digest, which every record of the image carries."""
        return self.digest[:16]

    @property
    def n_pixels(self) -> int:
        """Height × width."""
        return int(self.image.shape[0] * self.image.shape[1])


@dataclass(frozen=True)
class Found:
    """The results: a record for every point, and what was left out, in words."""

    points: list[Record]
    left_out: list[str]


def subject(name: str, path: str, read: Reader, plan: Plan) -> Subject:
    """Read an image for a task, as grey where the plan says so. Raises what `read` raises, and ImageError."""
    image, bands = read(path)
    if plan.grey and bands != "grey":
        if bands == "spectral":
            raise ImageError(f"{name}: spectral bands have no grey")
        image, bands = _grey(image), "grey"
    return subject_of(name, image, bands)


def subject_of(name: str, image: Samples, bands: str) -> Subject:
    """An image that has been read, for a task."""
    image = image if image.flags.c_contiguous else image.copy()
    digest = hashlib.sha256(repr((image.shape, image.dtype.str, bands)).encode())
    digest.update(image.data)
    return Subject(name, image, bands, digest.hexdigest())


def _grey(image: Samples) -> Samples:
    """Luma of BT.601 in the integers that Pillow uses, for 16 bits as for 8."""
    red, green, blue = (image[..., band].astype(np.uint32) for band in range(3))
    luma = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16
    return luma.astype(np.uint8) if image.dtype == np.uint8 else luma.astype(np.uint16)


def metric_of(name: str, peak: Peak = None) -> Metric:
    """A metric by name, one of the package's, with this peak, or `module:function`.

    Raises OptionError, and MissingExtra where it needs more than is installed.
    """
    if ":" in name:
        return metric_functions.load_metric(name)
    if name not in _METRICS:
        raise OptionError(f"no metric {name!r}; there are {', '.join(_METRICS)}, and module:function")
    metric = _METRICS[name]
    if missing := [package for package in metric.needs if find_spec(package) is None]:
        raise MissingExtra(f"the metric {name} needs {' and '.join(missing)}: pip install 'apercu[measures]'")
    if peak is not None and metric.only_8_bits:
        raise OptionError(f"the metric {name} takes no peak: it is for samples of 8 bits, on their own scale")
    return metric if peak is None else replace(metric, function=partial(metric.function, peak=peak))


def try_metrics(this: Subject, plan: Plan) -> None:
    """Calls the user's own metrics once, before any work goes into files. Raises OptionError where one fails."""
    for name in plan.metrics:
        if ":" in name:
            metric_of(name).function(this.image, this.image)


def points(this: Subject, codec: str, plan: Plan, store: Cache) -> Found:
    """A record for every setting of one codec on one image."""
    found: list[Record] = []
    left_out: list[str] = []
    usable = {}
    for name in plan.metrics:
        metric = metric_of(name, plan.peak)
        if why_not := metric.refusal(this.image):
            left_out.append(f"metric {name} on {this.name}: {why_not}")
        else:
            usable[name] = metric
    each = _of_ours if codec.startswith(OURS) else _of_peer
    for record, why in each(this, codec, plan, usable, store):
        if record is not None:
            found.append(record)
        if why:
            left_out.append(f"{label(codec)} on {this.name}: {why}")
    return Found(found, left_out)


_Attempt = tuple[Record | None, str | None]


def _of_ours(this: Subject, codec: str, plan: Plan, metrics: dict[str, Metric], store: Cache) -> Iterator[_Attempt]:
    own = plan.own(codec)
    missed = []
    wanted = {Ceiling(bpp=rate) for rate in CURVE_RATES}.union(plan.ceilings)
    for ceiling in sorted(wanted, key=lambda ceiling: ceiling.bytes_of(this.n_pixels)):
        key = [*key_of(this, codec, plan, metrics), ceiling.bpp, ceiling.n_bytes]
        known = store.load(key)
        if known is None:
            target = {"bpp": ceiling.bpp} if ceiling.n_bytes is None else {"n_bytes": ceiling.n_bytes}
            try:
                searched = own.encode(this.image, this.bands, **target)
            except TargetUnreachable:
                known = {"unreachable": True}
            else:
                quality = apercu.info(searched)["quality"]
                assert isinstance(quality, float)  # a search ends on the path
                begun = perf_counter()
                data = own.encode(this.image, this.bands, quality=quality)
                encoded = perf_counter()
                decoded = own.decode(data)
                spent = perf_counter() - encoded
                if data != searched:
                    raise ImageError(f"{this.name}: {label(codec)} at quality {quality} does not repeat its file")
                known = _record(this, codec, 1, f"q{quality:.10g}", data, (encoded - begun, spent))
                known["metrics"] = _values(this, decoded, metrics)
                known["quality"] = quality
            store.save(key, known)
        if "unreachable" in known:
            if ceiling in plan.ceilings:
                missed.append(str(ceiling))
        else:
            yield _tied(known, this, codec), None
    if missed:
        yield None, f"no file so small: {', '.join(missed)}"


def _of_peer(this: Subject, codec: str, plan: Plan, metrics: dict[str, Metric], store: Cache) -> Iterator[_Attempt]:
    peer = peers.PEERS[codec]
    refusal = peer.refusal(this.image, this.bands)
    if refusal:
        yield None, refusal
        return
    for scale in peer.scales:
        for level in peer.levels_for(this.image, scale):
            key = [*key_of(this, codec, plan, metrics), scale, peer.name_of(level)]
            known = store.load(key)
            limit = plan.most_bytes(this.n_pixels)
            if known is None or (known.get("not_decoded") and known["n_bytes"] <= limit):
                try:
                    known = _measured(this, codec, scale, level, metrics, limit)
                except (ApercuError, KeyboardInterrupt, MemoryError):
                    raise
                except Exception as error:  # other codecs raise almost any exception
                    yield None, f"1/{scale} {peer.name_of(level)}: {type(error).__name__}: {str(error)[:_SAID]}"
                    continue
                store.save(key, known)
            if known.get("not_decoded"):
                if known["n_bytes"] > 2 * limit:
                    break  # what is finer is larger
                continue
            yield _tied(known, this, codec), None


def _measured(
    this: Subject, codec: str, scale: int, level: peers.Level, metrics: dict[str, Metric], limit: float
) -> Record:
    peer = peers.PEERS[codec]
    begun = perf_counter()
    data = peers.file_of(peer, this.image, level, scale)
    encoded = perf_counter()
    if len(data) > limit:
        return {"not_decoded": True, "n_bytes": len(data)}
    decoded = peers.array_of(peer, data, this.image.shape, scale)
    spent = perf_counter() - encoded
    record = _record(this, codec, scale, peer.name_of(level), data, (encoded - begun, spent))
    record["metrics"] = _values(this, decoded, metrics)
    return record


def _record(this: Subject, codec: str, scale: int, level: str, data: bytes, seconds: tuple[float, float]) -> Record:
    """A point without its metrics. The rate is that of the whole file, over the pixels of the whole image."""
    return {
        "image": this.name,
        "codec": codec,
        "scale": scale,
        "level": level,
        "n_bytes": len(data),
        "bpp": metric_functions.bpp(data, this.image),
        "metrics": {},
        "encode_s": seconds[0],
        "decode_s": seconds[1],
        "external": False,
        "pixels": this.tie,
    }


def _tied(known: Record, this: Subject, codec: str) -> Record:
    """A record out of the cache under the names of now; it holds for the same pixels only."""
    if known["pixels"] != this.tie:
        raise ImageError(f"{this.name}: the cache holds another image's point; remove it (--cache)")
    return {**known, "image": this.name, "codec": codec}


def _values(this: Subject, decoded: Samples, metrics: dict[str, Metric]) -> dict[str, float | None]:
    """The value of every metric; None if it is not finite, as for the PSNR of equal images."""
    if decoded.shape != this.image.shape or decoded.dtype != this.image.dtype:
        raise ImageError(
            f"decoded to {decoded.shape} {decoded.dtype}, where {this.image.shape} {this.image.dtype} went in"
        )
    found = {name: float(metric.function(this.image, decoded)) for name, metric in metrics.items()}
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def key_of(this: Subject, codec: str, plan: Plan, metrics: dict[str, Metric]) -> list[Any]:
    """What the points of a codec on an image are kept under, beside the setting."""
    return [
        this.digest,
        behind(codec, plan),
        {name: metric_version(name) for name in metrics},
        *([plan.peak] if metrics and plan.peak is not None else []),
    ]


def behind(codec: str, plan: Plan) -> list[Any]:
    """What files of a codec, and what is made of them, depend on beside image and setting, as JSON."""
    if codec.startswith(OURS):
        return [*plan.own(codec).key, own_version()]
    return [codec, peers.PEERS[codec].version, code_of("peers", "thumbhash")]


@cache
def own_version() -> str:
    """The package's version with a digest of all that decides what its codecs do."""
    root = Path(apercu.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.relative_to(root).parts[0] not in _BESIDE and path.suffix in _DECIDING:
            digest.update(path.read_bytes())
    return f"{apercu.__version__}-{digest.hexdigest()[:16]}"


@cache
def metric_version(name: str) -> str:
    """A digest of the code behind a metric, as far as one file tells."""
    if ":" not in name:
        own = _METRICS[name]
        behind = [f"{package} {metadata.version(package)}" for package in own.needs]
        return " ".join([code_of("metrics", "planes", own.function.__module__.rpartition(".")[2]), *behind])
    metric_functions.load_metric(name)  # which looks in the current folder too
    spec = find_spec(name.split(":")[0])
    source = spec.origin if spec is not None else None
    return hashlib.sha256(Path(source).read_bytes()).hexdigest() if source and Path(source).is_file() else "unknown"


@cache
def code_of(*modules: str) -> str:
    """A digest of some modules of the bench."""
    folder = Path(inspect.getfile(Subject)).parent
    return hashlib.sha256(b"".join((folder / f"{name}.py").read_bytes() for name in modules)).hexdigest()[:16]
