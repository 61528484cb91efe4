"""A second reader of placeholders, written from spec/PLACEHOLDER.md alone; plain, exact and slow."""

import hashlib
import re
from types import SimpleNamespace

import numpy as np

import reference_wavelet
from reference_bytes import CorruptStream, ModelError, NotApercu, Truncated
from reference_decoder import ROOT, Plane

LONGER = 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128
GREY, RGB, RGBA = range(3)


def model():
    """The tables that the text names."""
    text = (ROOT / "spec" / "PLACEHOLDER.md").read_text(encoding="utf-8")
    path, sha256 = re.search(r"`(src/\S+\.npy)`, SHA-256\s+`(\w{64})`", text).groups()
    array = np.load(ROOT / path)
    if hashlib.sha256(array.tobytes()).hexdigest() != sha256:
        raise ModelError("other tables")
    return reference_wavelet.tables(array, 2)


def read_head(data):
    if len(data) < 4:
        raise Truncated("shorter than a head")
    bits = f"{int.from_bytes(data[:4], 'big'):032b}"
    fields, at = [], 0
    for n in (2, 1, 4, 4, 6, 5, 5, 5):
        fields.append(int(bits[at : at + n], 2))
        at += n
    kind, portrait, aspect, side, quality, y, cb, cr = fields
    if kind == 3:
        raise NotApercu("no such kind")
    if len(data) > 300:
        raise CorruptStream("longer than a placeholder")
    return SimpleNamespace(
        kind=kind, portrait=portrait, aspect=aspect, longer=LONGER[side], q=quality, mean=(y, cb, cr)
    )


def size_of(head, longer):
    """Height and width."""
    shorter = max((longer * (16 - head.aspect) + 8) // 16, 1)
    return (longer, shorter) if head.portrait else (shorter, longer)


def decode(data, size=None):
    """uint8 (H, W) or (H, W, B)."""
    head = read_head(data)
    height, width = size_of(head, head.longer)
    half = (height + 1) // 2, (width + 1) // 2
    planes = [Plane(height, width, 0)]
    if head.kind != GREY:
        planes += [Plane(*half, 1, 0), Plane(*half, 1, 1), Plane(height, width, 0)][: 3 if head.kind == RGBA else 2]
    tile = SimpleNamespace(segments=[data[4:]])
    step_q8 = reference_wavelet.step_of_quality(4800 + 250 * head.q, PATH)
    about = SimpleNamespace(n_layers=1, model=2, setting=step_q8)
    if not reference_wavelet.has_room(about, tile, planes, None):
        raise Truncated("a segment has too few bytes for what it holds")
    array = model()
    values = reference_wavelet.synthesise(about, planes, reference_wavelet.read(about, tile, planes, array), array)
    y, cb, cr = head.mean
    more = ((8160 * y + 15) // 31 - 4080, 192 * (cb - 16), 192 * (cr - 16), 0)
    values = [np.clip(v.astype(np.int64) + m, -8160, 8160) for v, m in zip(values, more, strict=False)]
    shown = [enlarged(v, *(size or size_of(head, 256))) for v in values]
    if head.kind != GREY:
        luma, blue, red = shown[:3]
        shown[:3] = [
            luma + ((22970 * red + 8192) >> 14),
            luma - ((5638 * blue + 11700 * red + 8192) >> 14),
            luma + ((29032 * blue + 8192) >> 14),
        ]
    samples = [((np.clip(v, 0, 8160) + 16) >> 5).astype(np.uint8) for v in shown]
    return samples[0] if head.kind == GREY else np.stack(samples, axis=-1)


PATH = (ROOT / "spec" / "apercu.md").read_text(encoding="utf-8")


def weights(n, to):
    """For each of `to` outputs, {sample: weight}, which add up to 1,024."""
    rows = []
    for r in range(to):
        p, d = (2 * r + 1) * n - to, 2 * to
        i = p // d
        t = p - d * i
        cubic = (
            t * (-(t**2) + 2 * t * d - d**2),
            3 * t**3 - 5 * t**2 * d + 2 * d**3,
            t * (-3 * t**2 + 4 * t * d + d**2),
            t**2 * (t - d),
        )
        whole = [1024 * w // (2 * d**3) for w in cubic]
        whole[2 if 2 * t >= d else 1] += 1024 - sum(whole)
        row = {}
        for k, w in enumerate(whole):
            place = min(max(i + k - 1, 0), n - 1)
            row[place] = row.get(place, 0) + w
        rows.append(row)
    return rows


def enlarged(plane, height, width):
    out = np.zeros((height, width), np.int64)
    down, across = weights(plane.shape[0], height), weights(plane.shape[1], width)
    for y, of_rows in enumerate(down):
        for x, of_columns in enumerate(across):
            total = sum(a * b * int(plane[r, c]) for r, a in of_rows.items() for c, b in of_columns.items())
            out[y, x] = (total + 2**19) // 2**20
    return out
