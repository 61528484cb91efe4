"""Pictures as they arrive: each codec's file of at most a rate, and what is decoded from it.

As in a comparison, a codec of apercu is asked for the rate, and a peer is taken at its best: of all its levels, at full
size and reduced, the file with the highest PSNR that is not larger. `measure.points` keeps an entry for every setting,
for curves; here there are thousands of pictures and a few rates, so that only the file that was chosen is kept, and the
levels far above the highest rate are not tried.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from apercu.bench import means, peers
from apercu.bench.cache import Cache
from apercu.bench.measure import Subject, key_of, subject_of
from apercu.bench.metrics import psnr
from apercu.bench.own import OURS
from apercu.bench.plan import Ceiling, Plan
from apercu.errors import ApercuError, TargetUnreachable
from apercu.stages.colour import Samples

NOTHING = 128
"""The grey of a picture that stands for one of which nothing arrived, since the codec has no file so small."""
_VERSION = 1  # of what is kept; where another file is chosen, raise that of `units` too
_BEYOND = 1.5  # times the largest size wanted: a level whose file is larger is the last that is tried
_FALLING = ("jpegxl", "jpegxr", "avif-psnr")  # whose sizes fall by more than that from a level to some finer one
_QUICK = 1  # zlib's level, for pictures that are kept


@dataclass(frozen=True)
class Coded:
    """What became of one picture at one rate.

    n_bytes: the length of the file; None where the codec has none so small. psnr: in dB; None where there is no file,
    or no error. scale: how many times the picture was reduced first. data: the file, or the restored picture as PNG.
    """

    n_bytes: int | None
    psnr: float | None = None
    scale: int = 1
    data: bytes = b""

    def pack(self) -> bytes:
        """As it is kept."""
        head = {"n_bytes": self.n_bytes, "psnr": self.psnr, "scale": self.scale}
        return json.dumps(head).encode() + b"\n" + self.data

    @staticmethod
    def unpack(packed: bytes) -> "Coded":
        """What was kept."""
        head, _, data = packed.partition(b"\n")
        return Coded(**json.loads(head), data=data)


def of_picture(image: Samples) -> Subject:
    """A picture, uint8 (H, W) or (H, W, 3), as the codecs take it."""
    return subject_of("", image, "grey" if image.ndim == 2 else "rgb")


def coded(this: Subject, codec: str, rates: Sequence[float], plan: Plan, store: Cache) -> dict[float, Coded]:
    """What becomes of a picture at each of some rates of the plan; from the store, or made now and kept.

    A codec that fails at all levels has no file either, as for pictures of a few pixels. That is not kept.
    """
    found = {rate: Coded.unpack(kept) for rate in rates if (kept := store.get(_key(this, codec, rate, plan)))}
    if wanted := [rate for rate in rates if rate not in found]:
        made = (_of_ours if codec.startswith(OURS) else _of_peer)(this, codec, wanted, plan, store)
        for rate, one in made.items():
            store.put(_key(this, codec, rate, plan), one.pack())
        found |= made
    return {rate: found.get(rate, Coded(None)) for rate in rates}


def decoded(image: Samples, codec: str, rate: float, plan: Plan, store: Cache) -> Samples:
    """The picture that arrives: uint8, of the shape of the original."""
    one = coded(of_picture(image), codec, [rate], plan, store)[rate]
    if one.n_bytes is None:
        return np.full_like(image, NOTHING)
    if not codec.startswith(OURS):
        return peers.array_of(peers.PEERS[codec], one.data, image.shape, one.scale)
    own = plan.own(codec)
    if own.restore == "none":
        return own.decode(one.data)
    with Image.open(BytesIO(one.data)) as picture:
        return np.array(picture)


def summary(image: Samples, codec: str, plan: Plan, store: Cache) -> list[tuple[int | None, float | None]]:
    """(bytes, PSNR) of a picture at each rate of the plan, in order, for whoever counts. See `Coded`."""
    found = coded(of_picture(image), codec, plan.rates, plan, store)
    return [(found[rate].n_bytes, found[rate].psnr) for rate in plan.rates]


def _key(this: Subject, codec: str, rate: float, plan: Plan) -> list[Any]:
    return ["machine", _VERSION, *key_of(this, codec, plan, {}), rate]


def _of_ours(this: Subject, codec: str, rates: Sequence[float], plan: Plan, store: Cache) -> dict[float, Coded]:
    own = plan.own(codec)
    if own.restore == "none":
        found = {}
        for rate in rates:
            try:
                data = own.encode(this.image, this.bands, bpp=rate)
            except TargetUnreachable:
                found[rate] = Coded(None)
            else:
                found[rate] = Coded(len(data), _psnr(this, own.decode(data)), data=data)
        return found
    # The exact decode has the same file. To restore takes long, and is done once; a PNG is quick to read.
    sent = coded(this, replace(own, restore="none", network=None).name, rates, plan, store)
    return {
        rate: one if one.n_bytes is None else _restored(this, own.decode(one.data), one) for rate, one in sent.items()
    }


def _restored(this: Subject, picture: Samples, sent: Coded) -> Coded:
    file = BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=_QUICK)
    return Coded(sent.n_bytes, _psnr(this, picture), data=file.getvalue())


def _of_peer(this: Subject, codec: str, rates: Sequence[float], plan: Plan, _: Cache) -> dict[float, Coded]:
    peer = peers.PEERS[codec]
    limits = {rate: Ceiling(bpp=rate).bytes_of(this.n_pixels) for rate in rates}
    most = max(limits.values())
    tried: list[Mapping[str, Any]] = []
    answered = False
    for scale in peer.scales:
        for level in peer.levels_for(this.image, scale):
            try:
                data = peers.file_of(peer, this.image, level, scale)
                answered = True
                if len(data) > _BEYOND * most and codec not in _FALLING:
                    break  # what is finer is larger, or nearly as large
                if len(data) > most:
                    continue
                value = _psnr(this, peers.array_of(peer, data, this.image.shape, scale))
            except (ApercuError, MemoryError):
                raise
            except Exception:  # other codecs raise almost any exception, as for pictures of a few pixels
                continue
            tried.append({"n_bytes": len(data), "metrics": {"psnr": value}, "scale": scale, "data": data})
    if not answered:
        return {}
    chosen = {rate: means.best(tried, limit, "psnr", True) for rate, limit in limits.items()}
    return {
        rate: Coded(one["n_bytes"], one["metrics"]["psnr"], one["scale"], one["data"]) if one else Coded(None)
        for rate, one in chosen.items()
    }


def _psnr(this: Subject, picture: Samples) -> float | None:
    value = psnr(this.image, picture)
    return value if math.isfinite(value) else None
