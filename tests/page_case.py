"""A small comparison, made up, and how to read its page in a browser."""

import base64
import re

import numpy as np

from apercu.bench import shown

CODECS = ["apercu:taha2025/none", "</script><b>jpeg", "webp"]
RATES = [0.1, 0.2, 0.4]
NAMES = ["boat", "</script><b>", 'a "b" & <c>']
METRICS = {"psnr": {"unit": "dB", "higher_is_better": True}, "gmsd": {"unit": "", "higher_is_better": False}}
SIZE = (96, 128)  # rows, columns


def original(i, shape=SIZE):
    """A slope, a square and a disc: different for every image."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    picture = 40 + 7 * i + (x + 2 * y) // 4 + 60 * ((x // 16 + y // 16 + i) % 2)
    if i == 1:
        picture = np.dstack([picture, picture[:, ::-1], 255 - picture])
    return picture.astype(np.uint8)


def decoded(image, codec, rate):
    """The image on as many grey levels as the place of the rate allows, each codec with an error of its own."""
    step = 32 >> rate
    return (image // step * step + step // 2 + 3 * codec).astype(np.uint8)


def record(image, codec, rate):
    """A point that no two of (image, codec, rate) share, all given by their places."""
    bpp = RATES[rate] * (0.97 - 0.02 * codec)
    return {
        "image": NAMES[image],
        "codec": CODECS[codec],
        "scale": 2 if rate == 0 else 1,
        "level": f"q{10 * (rate + 1)}",
        "n_bytes": round(bpp * SIZE[0] * SIZE[1] / 8),
        "bpp": bpp,
        "metrics": {"psnr": 25 + 3 * rate - codec + 0.25 * image, "gmsd": 0.2 - 0.05 * rate},
        "encode_s": 0.012,
        "decode_s": 0.003,
        "external": False,
    }


def comparison():
    """Three images, three codecs and three rates, of which webp does not reach the lowest; and a curve from outside."""
    places = [(i, c, r) for i in range(3) for c in range(3) for r in range(3) if (c, r) != (2, 0)]
    points = [record(*place) for place in places]
    points += [{**record(i, 0, r), "codec": "learned", "external": True} for i in range(3) for r in range(3)]
    contents = {
        "version": 1,
        "codecs": CODECS,
        "rates": RATES,
        "metrics": METRICS,
        "images": [{"name": n, "width": 256, "height": 192, "bands": 1, "dtype": "uint8"} for n in NAMES],
        "points": points,
        "bd_rate": {"psnr": {CODECS[0]: {CODECS[2]: {"mean": -8.14, "images": 3, "overlap": 0.9}}}},
        "environment": {"apercu": "0.1.0"},
    }
    originals = {
        name: {"webp": shown.lossless(original(i)), "window": (48, 64, *SIZE), "note": "a note" if i == 2 else ""}
        for i, name in enumerate(NAMES)
    }
    pictures = {
        (NAMES[i], CODECS[c], RATES[r]): {
            "webp": shown.lossless(decoded(original(i), c, r)),
            "point": record(i, c, r),
        }
        for i, c, r in places
    }
    return contents, pictures, originals


def looked_at(tab, file, width, height):
    """A page, newly opened in a window of this size; nothing may have gone wrong in it when the test is over."""
    tab.size(width, height)
    tab.requests.clear()
    tab.complaints.clear()
    tab.open(file)
    yield tab
    assert tab.js("1") == 1  # so that what came last has been noted
    assert tab.complaints == []
    assert {re.match(r"file:|data:image/webp;", address) is not None for address in tab.requests} == {True}


def pixels(tab):
    """What the canvas shows, (H, W, 4) uint8."""
    width, height, data = tab.js(
        "(() => { const c = document.querySelector('canvas'), copy = new OffscreenCanvas(c.width, c.height);"
        "const context = copy.getContext('2d', {willReadFrequently: true}); context.drawImage(c, 0, 0);"
        "const d = context.getImageData(0, 0, c.width, c.height).data; let s = '';"
        "for (let i = 0; i < d.length; i += 8192) s += String.fromCharCode(...d.subarray(i, i + 8192));"
        "return [c.width, c.height, btoa(s)]; })()"
    )
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)


def picture(tab, scale):
    """What the canvas shows of a picture that is in its middle, a pixel for a pixel, (H, W, 3)."""
    seen = pixels(tab)
    rows, columns = SIZE[0] * scale, SIZE[1] * scale
    top, left = (seen.shape[0] - rows + 1) // 2, (seen.shape[1] - columns + 1) // 2  # as Math.round has it
    return seen[top : top + rows : scale, left : left + columns : scale, :3]


def colour(image):
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def numbers(tab):
    """The table of numbers: measure -> what stands left and right."""
    rows = tab.js(
        "[...document.querySelectorAll('#numbers tbody tr')].map(r => [...r.children].map(c => c.textContent))"
    )
    return {name: (left, right) for name, left, right in rows}


def pressed(tab, group):
    return tab.js(f"[...document.querySelectorAll('#{group} [aria-pressed=true]')].map(b => b.textContent)")


def split(tab):
    return int(tab.js("document.querySelector('#divider').getAttribute('aria-valuenow')"))
