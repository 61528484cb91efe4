"""Cases of placeholders (spec/PLACEHOLDER.md): bytes, and the pictures that they are, or why they are none."""

import random
from dataclasses import dataclass
from functools import cache

import numpy as np

import apercu
from apercu.codecs import apercu as codec
from apercu.codecs.placeholder import MOST_BYTES, Head, layout_of_head, write_head
from apercu.codecs.tables import of_placeholders
from scripts.pictures import noise, scene

SMALL, LARGE = ((1, 1), (11, 17), (40, 3)), (200, 133)
"""Sizes of pictures, height and width: for every case, and for those that this is not too slow for."""


@dataclass(frozen=True)
class Sent:
    """A placeholder; or what is refused with `error`."""

    about: str
    data: bytes
    error: str | None = None


@cache
def placeholder_cases() -> dict[str, Sent]:
    """All cases by name."""
    return _encoded() | _by_hand() | _refused()


def _encoded() -> dict[str, Sent]:
    """As this release makes them."""
    colour = scene(120, 180, 3, seed=4)
    alpha = np.where(np.arange(180) < 70, 0, 255)[None].repeat(120, 0).astype(np.uint8)
    faded = np.add.outer(np.arange(120), np.arange(180)).astype(np.uint8) // 2 * 2
    flat = np.full((90, 160, 3), (200, 40, 90), np.uint8)
    found = {}
    for n_bytes in (16, 21, 32, 64, 128, 300):
        for name, image in (("grey", colour[:, :, 0]), ("rgb", colour), ("rgba", np.dstack([colour, alpha]))):
            found[f"placeholder-{name}-{n_bytes}"] = Sent(
                f"{name} in {n_bytes} bytes or less", apercu.placeholder(image, n_bytes)
            )
    others = {
        "flat": ("one colour: no symbol but zeros", flat, 16),
        "alpha-slope": ("alpha of all values", np.dstack([colour, faded]), 100),
        "square": ("as high as wide", scene(77, 77, 3, 2), 48),
        "portrait": ("higher than wide", scene(150, 84, 3, 6), 48),
        "wide": ("1 : 16", scene(10, 160, 3, 3), 40),
        "high": ("16 : 1, one band", scene(160, 10, 1, 5)[:, :, 0], 40),
        "noise": ("detail in every band", (noise((64, 64, 3), 9) >> 8).astype(np.uint8), 300),
        "ends": ("black and white: samples beyond both ends", scene(64, 96, 3) // 128 * 255, 200),
        "16-bits": ("of samples of 16 bits", scene(50, 70, 3, 8).astype(np.uint16) * 257, 60),
        "half": ("1 : 2", scene(40, 80, 3, 7), 27),
        "pixel": ("of one pixel", np.full((1, 1, 3), 90, np.uint8), 32),
    }
    found["placeholder-head-alone"] = Sent("no body: all symbols are zeros", found["placeholder-rgb-32"].data[:4])
    return found | {
        f"placeholder-{name}": Sent(about, apercu.placeholder(image, n_bytes))
        for name, (about, image, n_bytes) in others.items()
    }


def _by_hand() -> dict[str, Sent]:
    """What no encoder makes: every field at its ends, spikes."""
    heads = {
        "least": ("every field 0", Head("grey", False, 0, 0, 0, (0, 0, 0))),
        "most": ("every field at its most", Head("rgba", True, 15, 15, 63, (31, 31, 31))),
        "thin": ("one sample high", Head("rgb", False, 15, 0, 40, (31, 0, 31))),
        "small-square": ("4 × 4", Head("rgb", False, 0, 0, 63, (0, 31, 0))),
        "large-square": ("128 × 128, few symbols", Head("rgb", False, 0, 15, 5, (16, 16, 16))),
        "odd": ("13 × 20", Head("rgba", False, 6, 4, 20, (9, 3, 27))),
        "grey-chroma": ("grey: chroma is not used", Head("grey", True, 3, 7, 33, (20, 31, 0))),
        "steps": ("the coarsest step", Head("rgb", True, 5, 9, 0, (12, 14, 19))),
    }
    return {
        f"placeholder-by-hand-{name}": Sent(f"{about}; spikes of all sizes", _spiked(head, seed))
        for seed, (name, (about, head)) in enumerate(heads.items())
    }


def _spiked(head: Head, seed: int, most: int = MOST_BYTES) -> bytes:
    """With this head, and as many spikes in its planes, up to the largest that there can be, as fit `most` bytes."""
    layout, tables, body = layout_of_head(head), of_placeholders(), b""
    for log2 in range(16):
        planes = []
        for index, of in enumerate(layout.planes):
            values = noise((of.height, of.width), 100 * seed + index).astype(np.int64)
            spikes = np.where(values % (1 << log2) == 0, values // 7 % 8161 - 4080, 0)
            planes.append((spikes + of.centre).astype(np.int16))
        body = codec.code(codec.analyse(planes, layout, head.setting, tables), head.setting, tables, 1)[0]
        if len(body) + 4 <= most:
            break
    return write_head(head) + body


def _error(data: bytes) -> str | None:
    try:
        apercu.placeholder_image(data, (1, 1))
    except apercu.FormatError as error:
        return type(error).__name__
    return None


def _refused() -> dict[str, Sent]:
    colour = apercu.placeholder(scene(120, 180, 3, seed=4), 64)
    long = _spiked(Head("rgb", False, 5, 10, 30, (15, 15, 15)), 9, 2 * MOST_BYTES)
    assert len(long) > MOST_BYTES
    head = write_head(Head("rgb", False, 5, 6, 30, (15, 15, 15)))
    random_bodies = (head + random.Random(seed).randbytes(60) for seed in range(1000))
    corrupt = next(data for data in random_bodies if _error(data) == "CorruptStream")
    found = {
        "empty": ("no byte", b"", "Truncated"),
        "cut-in-head": ("three bytes", colour[:3], "Truncated"),
        "cut-in-body": ("half of a body", colour[:34], "Truncated"),
        "kind-3": ("of a kind that there is not", b"\xc0" + colour[1:], "NotApercu"),
        "kind-3-long": ("of a later kind, and longer than one of this version", b"\xc0" + long[1:], "NotApercu"),
        "long": ("sound, but longer than a placeholder is", long, "CorruptStream"),
        "byte-after-the-end": ("a byte that the body does not need", colour + b"1", "CorruptStream"),
        "corrupt": ("a body that breaks a rule", corrupt, "CorruptStream"),
        "no-room": (
            "fewer bytes than 128 × 128 samples have",
            write_head(Head("rgba", False, 0, 15, 63, (8, 8, 8))) + bytes(1),
            "Truncated",
        ),
    }
    return {f"placeholder-{name}": Sent(*case) for name, case in found.items()}
