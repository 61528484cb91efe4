"""Pictures over links that lose packets, for docs/packets.md: PSNR beside SSDV's, of everything that goes on the air.

    python -m scripts.packets IMAGES [--crop N] [--ssdv PROGRAM] [--draws 200] [--parity 0.25] [--restore cnn] [--turn]

IMAGES: a folder. --crop: its photographs four by four as mosaics, of which the middle N x N pixels are taken. PROGRAM:
that of https://github.com/fsphil/ssdv, as its Makefile builds it. It gets packets of 256 bytes for the same rate,
without its own correction, since here a packet arrives whole or not at all, but with an erasure code over all of them
and the same parity. Its picture is made at the size and quality that are best without losses. --turn: all pictures are
sent together, packets of each in turn.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import apercu
from apercu.bridges.packets import assemble, in_turn, packetise

SIZE, BPP = 256, 0.1
OPTIONS: dict[str, dict[str, Any]] = {"one tile": {"layers": 5}, "tiles": {"tile": 512, "layers": 5}}
SHARES, QUALITIES = (1.0, 0.75, 0.625, 0.5, 0.4, 0.33, 0.25, 0.2), range(1, 8)
"""Of the width and height, and levels of SSDV."""

Picture = NDArray[np.uint8]
Lost = NDArray[np.bool_]


class Channel(NamedTuple):
    """Losses: their share, and the mean length of a burst (Gilbert's model: a packet is lost or not by whether the one
    before it was); 0: each by itself."""

    share: float
    burst: int = 0

    def draw(self, n: int, rng: np.random.Generator) -> Lost:
        """Which of n packets are lost."""
        if not self.burst:
            return rng.random(n) < self.share
        ends, begins = 1 / self.burst, self.share / (1 - self.share) / self.burst
        lost = np.zeros(n, np.bool_)
        state = rng.random() < self.share
        for at, drawn in enumerate(rng.random(n)):
            lost[at] = state
            state = drawn >= ends if state else drawn < begins
        return lost


CHANNELS = {
    "none": Channel(0),
    "5 %": Channel(0.05),
    "5 %, bursts of 2": Channel(0.05, 2),
    "5 %, bursts of 4": Channel(0.05, 4),
    "5 %, bursts of 8": Channel(0.05, 8),
    "20 %": Channel(0.2),
    "20 %, bursts of 4": Channel(0.2, 4),
}


def psnr(image: Picture, other: Picture) -> float:
    """In dB."""
    error = image.astype(np.float32).ravel() - other.ravel()
    return float(10 * np.log10(255**2 * error.size / np.dot(error, error)))


def pictures(folder: Path, crop: int) -> Iterator[Picture]:
    """The photographs of a folder, or the middle of mosaics of four that have one shape."""
    by_shape: dict[tuple[int, ...], list[Picture]] = {}
    for path in sorted(folder.iterdir()):
        image = np.asarray(Image.open(path).convert("RGB"))
        if not crop:
            yield image
            continue
        four = by_shape.setdefault(image.shape, [])
        four.append(image)
        if len(four) == 4:
            whole = np.vstack([np.hstack(four[:2]), np.hstack(four[2:])])
            top, left = (whole.shape[0] - crop) // 2, (whole.shape[1] - crop) // 2
            yield whole[top : top + crop, left : left + crop]
            four.clear()


def sent(image: Picture, parity: float, options: dict[str, Any]) -> list[bytes]:
    """The packets of the largest file for which they fit the rate."""
    budget = int(image.shape[0] * image.shape[1] * BPP / 8)
    most, least = budget, 200
    found: list[bytes] = []
    while most - least > 4:
        middle = (least + most) // 2
        packets = packetise(apercu.encode(image, n_bytes=middle, **options), SIZE, parity)
        if sum(map(len, packets)) <= budget:
            found, least = packets, middle
        else:
            most = middle
    return found


def of_apercu(image: Picture, packets: list[bytes], restore: str) -> Callable[[Lost], float | None]:
    """PSNR of what is shown by the packets that arrive; None where nothing can be."""

    @cache
    def of_data(data: bytes) -> float | None:
        try:
            return psnr(image, apercu.decode(data, damaged="fill", restore=restore))
        except apercu.FormatError:
            return None

    def shown(lost: Lost) -> float | None:
        try:
            return of_data(assemble(packet for packet, gone in zip(packets, lost, strict=True) if not gone))
        except apercu.FormatError:
            return None

    return shown


def _ssdv(program: str, way: list[str], size: int, given: bytes) -> bytes:
    """What SSDV makes of bytes; none where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in"), Path(folder, "out")
        source.write_bytes(given)
        command = [program, *way, "-l", str(size), str(source), str(target)]
        done = subprocess.run(command, capture_output=True, check=False)
        return target.read_bytes() if done.returncode == 0 and target.exists() else b""


def ssdv_picture(program: str, packets: list[bytes], shape: tuple[int, int], size: int = SIZE) -> Picture | None:
    """The picture of SSDV's packets, enlarged to (height, width); None where there is none."""
    try:
        small = Image.open(BytesIO(_ssdv(program, ["-d"], size, b"".join(packets)))).convert("RGB")
    except OSError:
        return None
    return np.asarray(small.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def ssdv_packets(image: Picture, program: str, most: int, size: int = SIZE) -> tuple[str, list[bytes]]:
    """At most so many packets, of the size and quality at which the picture is best; and which these are."""
    best: tuple[float, str, list[bytes]] = (-1.0, "", [])
    for share in SHARES:
        height, width = (max(round(side * share / 16) * 16, 16) for side in image.shape[:2])
        source = BytesIO()
        Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS).save(source, "JPEG", quality=98)
        for quality in QUALITIES:
            made = _ssdv(program, ["-e", "-n", "-c", "TEST", "-i", "1", "-q", str(quality)], size, source.getvalue())
            packets = [made[at : at + size] for at in range(0, len(made), size)]
            if not packets or len(packets) > most:
                break
            if (shown := ssdv_picture(program, packets, image.shape[:2], size)) is not None:
                best = max(best, (psnr(image, shown), f"{width}x{height} q{quality}", packets))
    return best[1:]


def of_ssdv(image: Picture, program: str, n_data: int, n: int) -> tuple[str, Callable[[Lost], float | None]]:
    """What `of_apercu` gives, of n packets of which n_data are SSDV's own; and its picture's size and quality."""
    about, packets = ssdv_packets(image, program, n_data)

    @cache
    def of_arrived(arrived: tuple[int, ...]) -> float | None:
        shown = ssdv_picture(program, [packets[at] for at in arrived], image.shape[:2])
        return None if shown is None else psnr(image, shown)

    def shown(lost: Lost) -> float | None:
        enough = lost.sum() <= n - n_data
        return of_arrived(tuple(at for at in range(len(packets)) if enough or not lost[at]))

    return about, shown


Shown = Callable[[Lost], float | None]
"""PSNR of what is shown of a picture by which of its packets are lost."""


def received(
    channel: Channel, key: list[int], n_draws: int, ways: list[tuple[int, Shown]], turn: bool
) -> Iterator[tuple[int, float | None]]:
    """By the number of a picture, what is shown of it, of which so many packets are sent. One after another, each has
    draws of its own; in turn, they share them."""
    n_draws = n_draws if channel.share else 1
    if not turn:
        for number, (n, shown) in enumerate(ways):
            rng = np.random.default_rng([number, *key])
            for _ in range(n_draws):
                yield number, shown(channel.draw(n, rng))
        return
    sent = in_turn(*([bytes([number])] * n for number, (n, _) in enumerate(ways)))
    owners = np.frombuffer(b"".join(sent), np.uint8)
    rng = np.random.default_rng(key)
    for _ in range(n_draws):
        lost = channel.draw(len(owners), rng)
        for number, (_, shown) in enumerate(ways):
            yield number, shown(lost[owners == number])


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--crop", type=int, default=0)
    parser.add_argument("--ssdv")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--parity", type=float, default=0.25)
    parser.add_argument("--restore", default="none")
    parser.add_argument("--turn", action="store_true")
    parser.add_argument("--ways", nargs="*", default=list(OPTIONS), choices=list(OPTIONS))
    parser.add_argument("--channels", nargs="*", default=list(CHANNELS), choices=list(CHANNELS))
    given = parser.parse_args()
    ways: dict[str, list[tuple[int, Shown]]] = {}
    greys = []
    for number, image in enumerate(pictures(given.images, given.crop)):
        greys.append(psnr(image, np.full_like(image, 128)))
        for name in given.ways:
            packets = sent(image, given.parity, OPTIONS[name])
            ways.setdefault(name, []).append((len(packets), of_apercu(image, packets, given.restore)))
        if given.ssdv:
            n = int(image.shape[0] * image.shape[1] * BPP / 8) // SIZE
            about, shown = of_ssdv(image, given.ssdv, int(n / (1 + given.parity)), n)
            ways.setdefault("SSDV", []).append((n, shown))
            print(number, image.shape, n, about, file=sys.stderr, flush=True)
    print(f"| losses | {' | '.join(f'{name} | blank' for name in ways)} |")
    for channel in given.channels:
        cells = []
        for of_way in ways.values():
            key = [list(CHANNELS).index(channel)]
            found = list(received(CHANNELS[channel], key, given.draws, of_way, given.turn))
            shown_as = [greys[number] if value is None else value for number, value in found]
            cells.append(f"{np.mean(shown_as):.2f} | {sum(value is None for _, value in found)}")
        print(f"| {channel} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
