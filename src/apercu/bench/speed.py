"""How long encoding and decoding take, beside other codecs, at the same file size.

All run on the same array, in one process, in turn, so that other work of the machine affects all of them alike; the
result is the ratio of the medians. The order is drawn anew for every round, since each codec finds the caches as the
one before it left them. Every codec starts from an array and ends with one. Its setting was found before and is not
searched for while time is measured. First all run on one core; then on all cores, where as many threads as there are
cores each take pictures of their own and the time is taken for each picture, as on a server, Python's lock included.
"""

import gc
import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import apercu
from apercu.errors import ImageError
from apercu.processes import n_cores
from apercu.stages.colour import Samples

REFERENCE = "JPEG, optimised progressive"
"""The peer whose file size every other codec comes as near to as it can."""
SIZE_TOLERANCE = 0.1
"""Files whose sizes differ by more than this share are not compared on equal terms, and the table says so."""
_WARM_UP = 3  # rounds that are not counted
_PICTURES = 4  # that each thread takes in a round on all cores

Picture = NDArray[np.uint8]
Jobs = dict[str, tuple[Callable[[], object], Callable[[], object]]]


@dataclass(frozen=True)
class Peer:
    """A codec to compare with: a picture and a quality to bytes, bytes to a picture; sizes grow with quality."""

    encode: Callable[[Picture, int], bytes]
    decode: Callable[[bytes], Picture]
    qualities: range


@dataclass(frozen=True)
class Timing:
    """A codec's medians on one picture, in seconds, and apercu's divided by them: below 1, apercu is faster."""

    codec: str
    quality: float
    n_bytes: int
    bpp: float
    same_size: bool
    """Within `SIZE_TOLERANCE` of the reference's file."""
    encode_s: float
    decode_s: float
    encode_ratio: float
    decode_ratio: float
    encode_all_s: float
    """On all cores, by picture; as are the next three."""
    decode_all_s: float
    encode_all_ratio: float
    decode_all_ratio: float


def _through_pillow(kind: str, **options: Any) -> Callable[[Picture, int], bytes]:
    def encode(image: Picture, quality: int) -> bytes:
        file = BytesIO()
        Image.fromarray(image).save(file, kind, quality=quality, **options)
        return file.getvalue()

    return encode


def _decode_with_pillow(data: bytes) -> Picture:
    return np.asarray(Image.open(BytesIO(data)))


PEERS = {
    REFERENCE: Peer(_through_pillow("JPEG", optimize=True, progressive=True), _decode_with_pillow, range(1, 96)),
    "JPEG, baseline": Peer(_through_pillow("JPEG"), _decode_with_pillow, range(1, 96)),
    "WebP": Peer(_through_pillow("WEBP"), _decode_with_pillow, range(101)),
}


def compare(image: Samples, bpp: float, repeat: int) -> list[Timing]:
    """Timings of apercu, the first, and of every peer on a picture, (H, W) or (H, W, 3) uint8.

    bpp: bits per pixel that the reference's setting comes nearest to; the others come nearest to its file, which tiny
    pictures may make larger than asked, since JPEG's headers alone take hundreds of bytes. repeat: runs of each codec.
    Raises ImageError for a picture that JPEG cannot hold, and TargetUnreachable.
    """
    if image.dtype != np.uint8 or image.shape[2:] not in ((), (3,)):
        raise ImageError(f"codecs are compared on grey or RGB pictures of 8 bits, not on {image.dtype} {image.shape}")
    picture = image.astype(np.uint8, copy=False)
    n_pixels = picture.shape[0] * picture.shape[1]
    n_bytes = round(bpp * n_pixels / 8)
    qualities: dict[str, float] = {}
    for name in sorted(PEERS, key=lambda name: name != REFERENCE):
        qualities[name] = nearest(PEERS[name], picture, n_bytes)
        if name == REFERENCE:
            n_bytes = len(PEERS[name].encode(picture, int(qualities[name])))
    ours = apercu.info(apercu.encode(picture, n_bytes=n_bytes))["quality"]
    assert isinstance(ours, float)  # a search ends on the path
    work: dict[str, tuple[Callable[[], bytes], Callable[[bytes], Picture]]] = {
        "apercu": (
            lambda: apercu.encode(picture, quality=ours),
            lambda data: apercu.decode(data).astype(np.uint8, copy=False),
        )
    }
    for name, peer in PEERS.items():
        work[name] = (_bound(peer, picture, int(qualities[name])), peer.decode)
    qualities["apercu"] = ours
    sizes, times = _run_in_turn(work, repeat)
    ours_s = times["apercu"]
    return [
        Timing(
            codec=name,
            quality=qualities[name],
            n_bytes=sizes[name],
            bpp=8 * sizes[name] / n_pixels,
            same_size=abs(sizes[name] - n_bytes) <= SIZE_TOLERANCE * n_bytes,
            encode_s=taken[0],
            decode_s=taken[1],
            encode_ratio=ours_s[0] / taken[0],
            decode_ratio=ours_s[1] / taken[1],
            encode_all_s=taken[2],
            decode_all_s=taken[3],
            encode_all_ratio=ours_s[2] / taken[2],
            decode_all_ratio=ours_s[3] / taken[3],
        )
        for name, taken in times.items()
    ]


def _bound(peer: Peer, image: Picture, quality: int) -> Callable[[], bytes]:
    return lambda: peer.encode(image, quality)


def nearest(peer: Peer, image: Picture, n_bytes: int) -> int:
    """The quality whose file is nearest in size to `n_bytes`, by bisection."""
    low, high = 0, len(peer.qualities) - 1
    while low < high:
        middle = (low + high) // 2
        if len(peer.encode(image, peer.qualities[middle])) < n_bytes:
            low = middle + 1
        else:
            high = middle
    around = peer.qualities[max(low - 1, 0) : low + 1]
    return min(around, key=lambda quality: abs(len(peer.encode(image, quality)) - n_bytes))


def _run_in_turn(
    work: dict[str, tuple[Callable[[], bytes], Callable[[bytes], Picture]]], repeat: int
) -> tuple[dict[str, int], dict[str, list[float]]]:
    """File sizes, and median times to encode and to decode on one core, and by picture on all, of every codec."""
    files = {name: encode() for name, (encode, _) in work.items()}
    jobs: Jobs = {name: (encode, partial(decode, files[name])) for name, (encode, decode) in work.items()}
    with one_core():
        alone = _medians(jobs, repeat, _seconds)
    n_threads = n_cores()
    with ThreadPoolExecutor(n_threads) as pool:
        together = _medians(jobs, repeat, partial(_seconds_a_picture, pool, n_threads))
    return {name: len(data) for name, data in files.items()}, {name: alone[name] + together[name] for name in jobs}


def _medians(jobs: Jobs, repeat: int, seconds: Callable[[Callable[[], object]], float]) -> dict[str, list[float]]:
    """Medians of the seconds that each of a codec's two jobs takes."""
    spent: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in jobs}
    order, draw = list(jobs), random.Random(0)
    for _ in range(_WARM_UP + repeat):
        draw.shuffle(order)
        for name in order:
            for times, job in zip(spent[name], jobs[name], strict=True):
                times.append(seconds(job))
    return {name: [median(times[_WARM_UP:]) for times in both] for name, both in spent.items()}


def _seconds(job: Callable[[], object]) -> float:
    begun = perf_counter()
    job()
    return perf_counter() - begun


def _seconds_a_picture(pool: ThreadPoolExecutor, n_threads: int, job: Callable[[], object]) -> float:
    n_pictures = _PICTURES * n_threads
    begun = perf_counter()
    for done in [pool.submit(job) for _ in range(n_pictures)]:
        done.result()
    return (perf_counter() - begun) / n_pictures


@contextmanager
def one_core() -> Iterator[None]:
    """Holds the process to one core, where the system can, and keeps the garbage collector out."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    collecting = gc.isenabled()
    gc.disable()
    if cores:
        os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        if cores:
            os.sched_setaffinity(0, cores)
        if collecting:
            gc.enable()
