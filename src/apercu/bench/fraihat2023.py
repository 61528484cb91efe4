"""Compression rates as in Figure 3 of the survey that tells of Fraihat and Al-Betar 2023, each beside its distortion.

A rate is 1 − compressed / original. It says nothing without two things that the figure leaves out: what the original
is, pixels or files that were compressed already, and how far the decoded pictures are from it. Here the original is the
raw pixels, and every lossy row has its PSNR, over all samples of the set.
"""

import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import apercu
from apercu.codecs.stacked_ae import TILE
from apercu.format.weights import FOLDER

Picture = NDArray[np.uint8]
SURVEY = {
    "digits": ("5,866,822 bytes", -26.55, 85.37, 65.91),
    "grey": ("not stated", 0.40, 86.31, 85.51),
    "colour": ("not stated", -1.44, 68.54, 66.39),
}
"""By set: its size, and the rates of Zip, of the authors' method and of JPEG, in per cent."""
DIGITS_MODEL = FOLDER / "stacked_digits.npy"
LOW_QUALITIES = (1, 5, 10, 25)
BEST = 100.0
EVERY, FEWEST = 20, 5
"""A quality is looked for on one picture of so many, and on so many at least."""
CLOSE, TRIES = 0.05, 12
"""dB above what is wanted that are near enough in a search; and codings of it."""
ENOUGH, TIMES = 0.15, 5
"""The same for all pictures; and searches."""
SURVEY_DIGITS, SURVEY_BYTES = 10_000, 5_866_822
AS_FILES = 96
"""The quality at which the 10,000 test digits of MNIST are JPEG files of 5.87 million bytes, as the survey's are."""
NAMES = "mnist_jpg/testing/digits/{:05d}.jpg"


class Row(NamedTuple):
    """A way to store a set: its bytes, the PSNR in dB over all samples, infinite where nothing is lost, and the bytes
    of the pixels that it stores."""

    name: str
    n_bytes: int
    psnr: float
    n_raw: int


Coded = tuple[list[bytes], list[Picture]]
"""Files, and what they decode to."""


def raw(pictures: Sequence[Picture]) -> int:
    """The bytes of the pixels alone."""
    return sum(picture.size for picture in pictures)


def zipped(files: Sequence[bytes], names: Callable[[int], str] = "{:05d}".format) -> int:
    """The bytes of a zip archive of some files."""
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for index, data in enumerate(files):
            target.writestr(zipfile.ZipInfo(names(index)), data, zipfile.ZIP_DEFLATED)
    return len(archive.getvalue())


def saved(picture: Picture, kind: str, **options: object) -> bytes:
    """A picture as Pillow saves it."""
    file = BytesIO()
    Image.fromarray(picture).save(file, kind, **options)
    return file.getvalue()


def jpeg(pictures: Sequence[Picture], quality: int) -> Coded:
    """JPEG with optimised Huffman tables, a file for each picture."""
    files = [saved(picture, "JPEG", quality=quality, optimize=True) for picture in pictures]
    return files, [np.asarray(Image.open(BytesIO(data)), np.uint8) for data in files]


def own(pictures: Sequence[Picture], quality: float, model: Path | None) -> Coded:
    """`stacked_ae` at a quality, a file for each picture."""
    files = [apercu.encode(picture, quality=quality, codec="stacked_ae", model=model) for picture in pictures]
    return files, [apercu.decode(data, model=model).astype(np.uint8) for data in files]


def psnr_of(pictures: Sequence[Picture], decoded: Sequence[Picture]) -> float:
    """PSNR in dB over all samples of a set."""
    pairs = zip(pictures, decoded, strict=True)
    error = sum(float(((a.astype(np.float64) - b) ** 2).sum()) for a, b in pairs) / raw(pictures)
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def row(name: str, pictures: Sequence[Picture], coded: Coded) -> Row:
    """A row of what files take and lose."""
    files, decoded = coded
    return Row(name, sum(map(len, files)), psnr_of(pictures, decoded), raw(pictures))


def at_psnr(pictures: Sequence[Picture], wanted: float, model: Path | None) -> tuple[float, Coded] | None:
    """The quality of `stacked_ae`, one for all pictures, at which the set just reaches a PSNR; None where none does.

    It is looked for on some of the pictures, and then held against all: by how much these are off counts in the next
    search.
    """
    few = pictures[:: min(max(len(pictures) // FEWEST, 1), EVERY)]
    below, best = 0.0, None
    for _ in range(TIMES):
        quality, coded = _searched(few, wanted + below, model)
        if len(few) < len(pictures):
            coded = own(pictures, quality, model)
        over = psnr_of(pictures, coded[1]) - wanted
        if over >= 0 and (best is None or quality < best[0]):
            best = quality, coded
        if 0 <= over <= ENOUGH or quality == (0 if over > 0 else BEST) or len(few) == len(pictures):
            break
        below -= over - ENOUGH / 2
    return best


def _searched(pictures: Sequence[Picture], wanted: float, model: Path | None) -> tuple[float, Coded]:
    """The quality, and what it codes, that reaches a PSNR by at most CLOSE more; the best where none does. Between the
    ends of an interval it tries where a straight line reaches what is wanted, or the middle if that moved the same end
    twice."""
    low, high = 0.0, BEST
    least, found = (own(pictures, quality, model) for quality in (low, high))
    at_low, at_high = (psnr_of(pictures, decoded) for _, decoded in (least, found))
    if at_low >= wanted:
        return low, least
    moved = ""
    for _ in range(TRIES):
        if at_high < wanted + CLOSE:
            break
        share = (wanted + CLOSE / 2 - at_low) / (at_high - at_low) if moved != "twice" else 0.5
        middle = low + share * (high - low)
        coded = own(pictures, middle, model)
        reached = psnr_of(pictures, coded[1])
        end = "high" if reached >= wanted else "low"
        if end == "high":
            high, at_high, found = middle, reached, coded
        else:
            low, at_low = middle, reached
        moved = "twice" if moved == end else end
    return high, found


def lossless_rows(pictures: Sequence[Picture]) -> list[Row]:
    """Raw pixels, a zip of them as one and as many files, PNG files and a zip of these."""
    whole = b"".join(picture.tobytes() for picture in pictures)
    png = [saved(picture, "PNG", optimize=True) for picture in pictures]
    sizes = {
        "raw pixels": len(whole),
        "zip of the raw pixels, one file": zipped([whole]),
        "zip of the raw pixels, a file each": zipped([picture.tobytes() for picture in pictures]),
        "PNG, a file each": sum(map(len, png)),
        "zip of the PNG files": zipped(png),
    }
    return [Row(name, n_bytes, math.inf, len(whole)) for name, n_bytes in sizes.items()]


def lossy_rows(
    pictures: Sequence[Picture],
    model: Path | None,
    qualities: Sequence[int],
    log: Callable[[str], None],
    whole: str = "",
) -> list[Row]:
    """JPEG at some qualities, and `stacked_ae` at the PSNR of each. whole: what is said of one picture for all."""
    rows = []
    for quality in qualities:
        coded = jpeg(pictures, quality)
        rows.append(row(f"JPEG {whole or 'a file each'}, quality {quality}", pictures, coded))
        found = at_psnr(pictures, rows[-1].psnr, model)
        if found is None:
            coded = own(pictures, 100, model)
            rows.append(
                row(f"stacked_ae {whole or 'a file each'}, quality 100, which does not reach that", pictures, coded)
            )
        else:
            rows.append(row(f"stacked_ae {whole or 'a file each'}, quality {found[0]:.1f}", pictures, found[1]))
        for one in rows[-2:]:
            log(f"{one.name}: {one.n_bytes} bytes, {one.psnr:.2f} dB")
    return rows


def compressed_already(digits: Sequence[Picture]) -> list[str]:
    """What the survey's numbers for digits are the sizes of, as lines of a list.

    digits: all of the file, the survey's being 10,000; of fewer, the survey's original is taken in proportion.
    """
    original = SURVEY_BYTES * len(digits) / SURVEY_DIGITS
    files, _ = jpeg(digits, AS_FILES)
    least, decoded = jpeg(digits, 1)
    n, n_least = sum(map(len, files)), sum(map(len, least))
    length = len(NAMES.format(0))
    return [
        f"- original {SURVEY_BYTES:,} bytes for {SURVEY_DIGITS:,}: {len(digits):,} JPEG files of quality {AS_FILES} "
        f"have {n:,} bytes, their raw pixels {raw(digits):,}.",
        f"- Zip {percent(SURVEY['digits'][1])}: a zip archive of these JPEG files, with names of {length} characters: "
        f"{percent(100 - 100 * zipped(files, NAMES.format) / n)}. Each character more takes "
        f"{percent(100 * 2 * len(digits) / n)} off.",
        f"- JPEG {percent(SURVEY['digits'][3])}: JPEG files of quality 1 have {n_least:,} bytes, at "
        f"{psnr_of(digits, decoded):.2f} dB: 1 − {n_least:,} / {original:,.0f} = "
        f"{percent(100 - 100 * n_least / original)}.",
        "",
        "So the survey's original is very probably a set of small JPEG files, most of each its head. A rate against it "
        "is none against pixels.",
        "",
    ]


def report(
    sets: Mapping[str, Sequence[Picture]],
    all_digits: Sequence[Picture],
    mosaic: Callable[[Picture, int], Picture],
    log: Callable[[str], None],
) -> str:
    """The page: a table for each set that has pictures, and what the survey's digits are.

    sets: by the names of SURVEY. Of digits, only those that the shipped tables were not trained on may be among them.
    all_digits: those that the survey's sizes are compared with.
    mosaic: puts pictures (n, height, width) side by side, so many across.
    """
    parts = ["# Compression rates of Fraihat and Al-Betar 2023, as the survey prints them, and ours", ""]
    for kind, pictures in sets.items():
        if not pictures:
            continue
        log(f"{kind}: {len(pictures)} pictures")
        digits = kind == "digits"
        model = DIGITS_MODEL if digits else None
        rows = lossless_rows(pictures) + lossy_rows(pictures, model, LOW_QUALITIES, log)
        if digits:
            across = min(math.isqrt(len(pictures)), TILE // pictures[0].shape[1])  # a tile, whose blocks are digits
            whole = [mosaic(np.stack(pictures[: across**2]), across)]
            rows += lossy_rows(whole, model, LOW_QUALITIES, log, f"of one mosaic of {across**2}")
        n = f"{len(pictures):,} picture{'s' * (len(pictures) > 1)}"
        parts.append(table(f"{kind.capitalize()}: {n}", kind, rows))
        if digits:
            parts.append("What the survey's numbers for digits are sizes of:\n")
            parts.append("\n".join(compressed_already(all_digits)))
    return "\n".join(parts)


def percent(rate: float) -> str:
    """A rate with the sign of the text."""
    return f"{rate:.2f} %".replace("-", "−")


def table(title: str, kind: str, rows: Sequence[Row]) -> str:
    """Rows as Markdown, beside what the survey prints."""
    size, of_zip, theirs, of_jpeg = SURVEY[kind]
    printed = {"zip": percent(of_zip), "JPEG": percent(of_jpeg), "stacked_ae": percent(theirs)}
    lines = [
        f"## {title}",
        "",
        f"The survey's rates are against an original of its own: {size}. It names no quality and no distortion.",
        "",
        "| | bytes | rate against raw pixels | PSNR | the survey |",
        "|---|---|---|---|---|",
    ]
    for one in rows:
        shown = "exact" if math.isinf(one.psnr) else f"{one.psnr:.2f} dB"
        rate = percent(100 - 100 * one.n_bytes / one.n_raw)
        lines.append(f"| {one.name} | {one.n_bytes:,} | {rate} | {shown} | {printed.get(one.name.split()[0], '')} |")
    return "\n".join([*lines, ""])
