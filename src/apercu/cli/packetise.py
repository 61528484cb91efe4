"""`apercu packetise`: an apercu file as packets."""

import argparse
import os

from apercu.cli import many, streams
from apercu.cli.messages import remark
from apercu.errors import OptionError, naming, naming_file

SUFFIX = ".pkt"

DESCRIPTION = """\
Cut an apercu file into packets for a link that loses some, such as a radio's. With the default parity a fifth of them
may be lost, whichever: `apercu assemble` makes the same file of the rest. If more are lost, the finest layers go first.

OUT, by default the name of the file with .pkt, holds the packets one after another, all of one size, as they are best
sent: what modems and loggers of frames take and write. --out FOLDER makes a file of each instead. Every packet has 12
bytes that are not payload (14, where there are more than 255), and can be told from other traffic by its checksum.

It needs reedsolo: pip install 'apercu[packets]'.
"""

EXAMPLES = """\
examples:
  apercu packetise photo.apc                              photo.pkt: packets of 256 bytes, with parity of a quarter
  apercu packetise photo.apc photo.pkt --parity 50%       a third of them may be lost
  apercu packetise photo.apc photo.pkt --size 48 --id 7   for LoRa or the like; as image 7
  apercu packetise photo.apc --out packets/               a file a packet

For a file to be cut, `apercu encode --layers 5` is best, so that little is lost with many packets. --tile 512 as well
keeps more of a picture where losses come in long bursts, and costs about 0.1 dB.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    what = "the apercu file, and the file of packets to write (- for standard input or output)"
    many.add_files(parser, "IN.apc [OUT]", "IN.apc --out FOLDER", what)
    said = "bytes of a packet, 48 to 1024 (default: 256)"
    parser.add_argument("--size", metavar="N", type=int, default=256, help=said)
    parser.add_argument(
        "--parity",
        metavar="P",
        type=_share,
        default=0.25,
        help="how many more packets than the file takes, 0 to 100%% (default: 25%%)",
    )
    parser.add_argument(
        "--id", metavar="N", type=int, help="number of the image, 0 to 65535 (default: made of its bytes)"
    )


def _share(text: str) -> float:
    """`25%`, or `0.25`."""
    digits = text.removesuffix("%")
    try:
        return float(digits) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no share, such as 25%") from None


def run(arguments: argparse.Namespace) -> int:
    """Write the packets, and say on standard error what they are; returns the exit code."""
    from apercu.bridges.packets import packetise
    from apercu.bridges.packets.packet import read

    if arguments.out is None:
        if len(arguments.files) == 1 and arguments.files[0] != streams.STANDARD:
            arguments.files.append(os.path.splitext(arguments.files[0])[0] + SUFFIX)
        source, target = many.in_and_out(arguments)
        streams.check_output(source, target)
    else:
        source, *others = many.inputs(arguments)
        target = arguments.out
        if others:
            raise OptionError("packetise takes one file at a time, since packets are numbered for each")
    with naming(streams.label(source)):
        packets = packetise(streams.read_apercu(source), arguments.size, arguments.parity, arguments.id)
    if arguments.out is None:
        streams.write_bytes(target, b"".join(packets))
    else:
        _write_each(packets, os.path.splitext(os.path.basename(source))[0], target)
    first = read(packets[0])
    n_spare = first.layout.n - max(first.layout.strong, first.layout.weak)
    of_each = "" if first.layout.n_blocks == 1 else f" of each {first.layout.n}"
    sizes = f"{len(packets):,} packets of {len(packets[0])} bytes, {sum(map(len, packets)):,} in all"
    remark(f"{streams.label(target, 'output')}: image {first.image_id}, {sizes}; {n_spare}{of_each} may be lost")
    return 0


def _write_each(packets: list[bytes], name: str, folder: str) -> None:
    with naming_file(folder):
        os.makedirs(folder, exist_ok=True)
    digits = len(str(len(packets)))
    for number, packet in enumerate(packets, 1):
        streams.write_bytes(os.path.join(folder, f"{name}-{number:0{digits}}{SUFFIX}"), packet)
