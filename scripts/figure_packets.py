"""The picture of docs/packets.md: a photograph over a link that loses a fifth of the packets, with and without parity.

    python -m scripts.figure_packets [OUT] [--ssdv PROGRAM]

OUT: the folder, by default docs/images. PROGRAM: see scripts/packets.py; without it there is no panel of SSDV. The
photograph comes with scikit-image and is in the public domain.
"""

import argparse
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

import apercu
from apercu.bridges.packets import assemble, packetise
from scripts.figure_families import sheet
from scripts.packets import Picture, psnr, ssdv_packets, ssdv_picture

PACKET, N_BYTES, LOSS, SEED = 128, 512 * 512 // 80, 0.2, 3
SIDE = 256
"""Pixels of a panel."""


def small(image: Picture) -> Picture:
    """At the size of a panel."""
    return np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", default=Path(__file__).parents[1] / "docs" / "images")
    parser.add_argument("--ssdv")
    given = parser.parse_args()
    image: Picture = skimage.data.astronaut()
    panels = [("original", f"{image.nbytes:,} bytes", small(image))]

    def add(title: str, packets: list[bytes], shown: Picture) -> None:
        n_bytes = sum(map(len, packets))
        panels.append((title, f"{n_bytes:,} bytes sent   {psnr(image, shown):.1f} dB", small(shown)))

    def arrived(packets: list[bytes]) -> list[bytes]:
        lost = np.random.default_rng(SEED).permutation(len(packets))[: round(LOSS * len(packets))]
        return [packet for number, packet in enumerate(packets) if number not in set(lost.tolist())]

    data = apercu.encode(image, n_bytes=int(N_BYTES * 0.69), layers=5)
    packets = packetise(data, PACKET, 0.3)
    add("a fifth lost, parity 30 %", packets, apercu.decode(assemble(arrived(packets)), damaged="fill"))
    data = apercu.encode(image, n_bytes=int(N_BYTES * 0.84), tile=64, layers=1)
    packets = packetise(data, PACKET, 0)
    for title, damaged in (("no parity, “conceal”", "conceal"), ("no parity, “fill”", "fill")):
        add(title, packets, apercu.decode(assemble(arrived(packets)), damaged=damaged))
    if given.ssdv:
        _, packets = ssdv_packets(image, given.ssdv, N_BYTES // PACKET, PACKET)
        made = ssdv_picture(given.ssdv, arrived(packets), image.shape[:2], PACKET)
        assert made is not None
        add("SSDV, no parity", packets, made)
    sheet(panels, len(panels)).save(given.out / "packets.webp", quality=60, method=6)
    for title, figures, _ in panels:
        print(f"{title}: {figures}")


if __name__ == "__main__":
    main()
