"""The pictures of a comparison's page: what a codec makes of an image at a setting, with its times, and the image."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from apercu.bench import arithmetic, peers
from apercu.bench.cache import Cache
from apercu.bench.measure import Record, Subject, code_of, key_of
from apercu.bench.own import OURS, label
from apercu.bench.plan import Ceiling, Plan
from apercu.bench.shown import centred, cut, lossless, show, view_of
from apercu.errors import ImageError
from apercu.stages.colour import Samples

_COUNTING = sorted(f"arithmetic/{path.stem}" for path in Path(arithmetic.__file__).parent.glob("*.py"))


def decoded_pictures(
    this: Subject, codec: str, chosen: dict[Ceiling, Record], plan: Plan, store: Cache
) -> dict[Ceiling, dict[str, Any]]:
    """What one codec makes of one image below each ceiling: lossless WebP of a window, the times, and the arithmetic;
    where parts of it are generated also WebP of the exact decode, `sent`.

    chosen: ceiling -> the record to show. Each is encoded and decoded again, `plan.repeat` times, and its times
    become the medians. Raises ImageError when the file is not the one that was measured.
    """
    found: dict[Ceiling, dict[str, Any]] = {}
    made: dict[tuple[int, str], dict[str, Any]] = {}
    for ceiling, record in chosen.items():
        setting = record["scale"], record["level"]
        if setting not in made:
            made[setting] = _picture(this, codec, record, plan, store)
        found[ceiling] = made[setting]
    return found


def _picture(this: Subject, codec: str, record: Record, plan: Plan, store: Cache) -> dict[str, Any]:
    key = [
        "picture",
        code_of("shown", *_COUNTING),
        *key_of(this, codec, plan, {}),
        record["scale"],
        record["level"],
        plan.repeat,
    ]
    webp, sent, facts = store.get([*key, "webp"]), store.get([*key, "sent"]), store.load([*key, "facts"])
    own = plan.own(codec) if codec.startswith(OURS) else None
    is_generated = own is not None and own.provenance["kind"] == "generative"
    if webp is None or facts is None or (is_generated and sent is None):
        encode, decode = _at_setting(this, codec, plan, record)
        seconds: tuple[list[float], list[float]] = ([], [])
        data, decoded = b"", this.image
        for _ in range(plan.repeat):
            begun = perf_counter()
            data = encode()
            encoded = perf_counter()
            decoded = decode(data)
            seconds[1].append(perf_counter() - encoded)
            seconds[0].append(encoded - begun)
        facts = {"n_bytes": len(data), "encode_s": median(seconds[0]), "decode_s": median(seconds[1])}
        if own and arithmetic.is_counted(own.codec):
            work = arithmetic.count(this.image, data, own.model.path if own.model else None)
            facts["encoder"], facts["decoder"] = work.encoder, work.decoder
        webp = _shown(this, decoded)
        store.put([*key, "webp"], webp)
        if own and is_generated:
            sent = _shown(this, own.decode_exactly(data))
            store.put([*key, "sent"], sent)
        store.save([*key, "facts"], facts)
    if facts["n_bytes"] != record["n_bytes"]:
        raise ImageError(f"{this.name}: {label(codec)} at {record['level']} does not repeat its file")
    return {"webp": webp, **({"sent": sent} if sent else {}), **facts}


def _shown(this: Subject, decoded: Samples) -> bytes:
    """Lossless WebP of the window of a decoded image that the page shows."""
    return lossless(show(cut(decoded, centred(*this.image.shape[:2])), view_of(this.image, this.bands)))


def _at_setting(
    this: Subject, codec: str, plan: Plan, record: Record
) -> tuple[Callable[[], bytes], Callable[[bytes], Samples]]:
    """How a record's file is made again, without a search, and read."""
    if codec.startswith(OURS):
        own = plan.own(codec)
        return lambda: own.encode(this.image, this.bands, quality=record["quality"]), own.decode
    peer, scale = peers.PEERS[codec], record["scale"]
    level = next(level for level in peer.levels_for(this.image, scale) if peer.name_of(level) == record["level"])
    return (
        lambda: peers.file_of(peer, this.image, level, scale),
        lambda data: peers.array_of(peer, data, this.image.shape, scale),
    )


def original_picture(this: Subject) -> dict[str, Any]:
    """The image itself, as the page shows it."""
    window = centred(*this.image.shape[:2])
    view = view_of(this.image, this.bands)
    return {"webp": lossless(show(cut(this.image, window), view)), "window": window, "note": str(view)}
