"""`apercu packetise`: an apercu file as packets."""

import argparse
import os
import re

from apercu.cli import many, streams
from apercu.cli.messages import remark
from apercu.errors import OptionError, naming, naming_file, printable

SUFFIX = ".pkt"

DESCRIPTION = """\
Cut apercu files into packets for a link that loses some, such as a radio's. With the default parity a seventh of them
may be lost, whichever: `apercu assemble` makes the same file of the rest. If more are lost, the finest layers go first;
two thirds still show a picture.

OUT, by default the name of the file with .pkt, holds the packets one after another, as they are best sent: what modems
and loggers of frames take and write. --out FOLDER makes a file of each instead. Packets of several files are sent in
turn, so that a burst of losses takes a little of each. 9 bytes of a packet are not payload (11, where there are more
than 255). It can be told from other traffic by its checksum.
"""

EXAMPLES = """\
examples:
  apercu packetise photo.apc                              photo.pkt: packets of 256 bytes, with parity of a quarter
  apercu packetise photo.apc photo.pkt --parity 50%       three tenths of them may be lost
  apercu packetise photo.apc photo.pkt --size 48 --id 7   for LoRa or the like; as image 7
  apercu packetise photo.apc --out packets/               a file a packet
  apercu packetise a.apc b.apc c.apc pass.pkt             three pictures in turn

For a file to be cut, `apercu encode --layers 5` is best, so that little is lost with many packets.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    what = "the apercu file, or several, and the file of packets to write (- for standard input or output)"
    many.add_files(parser, "IN.apc [... OUT]", "IN.apc --out FOLDER", what)
    said = "bytes of a packet, 48 to 1024 (default: 256)"
    parser.add_argument("--size", metavar="N", type=int, default=256, help=said)
    parser.add_argument(
        "--parity",
        metavar="P",
        type=_share,
        default=0.25,
        help="how many bytes more than the file has, 0 to 100%% (default: 25%%)",
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
    from apercu.bridges.packets import in_turn

    sources, target = _files(arguments)
    if len(sources) > 1 and arguments.id is not None:
        raise OptionError("--id is the number of one image; of several, each has its own")
    images: dict[int, list[bytes]] = {}
    said = []
    for source in sources:
        with naming(streams.label(source)):
            image_id, packets, of_image = _packets(source, arguments)
        if image_id in images:
            raise OptionError(
                f"{streams.label(source)} has the number {image_id} of another; send it by itself, with --id"
            )
        images[image_id] = packets
        said.append(of_image)
    if arguments.out is None:
        streams.write_bytes(target, b"".join(in_turn(*images.values())))
    else:
        (packets,) = images.values()
        _write_each(packets, os.path.splitext(os.path.basename(sources[0]))[0], target)
    for of_image in said:
        remark(f"{streams.label(target, 'output')}: {of_image}")
    return 0


def _files(arguments: argparse.Namespace) -> tuple[list[str], str]:
    """The files to read, and the file or folder to write."""
    if arguments.out is not None:
        sources = list(many.inputs(arguments))
        if len(sources) > 1:
            raise OptionError("with --out, packetise takes one file at a time, since packets are numbered for each")
        return sources, arguments.out
    if len(arguments.files) == 1 and arguments.files[0] != streams.STANDARD:
        arguments.files.append(os.path.splitext(arguments.files[0])[0] + SUFFIX)
    if len(arguments.files) > 2:
        *sources, target = arguments.files
    else:
        source, target = many.in_and_out(arguments)
        sources = [source]
    for source in sources:
        streams.check_output(source, target)
    if streams.holds_apercu(target):
        raise OptionError(f"{streams.label(target)} is an apercu file; name another for the packets")
    return sources, target


def _packets(source: str, arguments: argparse.Namespace) -> tuple[int, list[bytes], str]:
    """The number of an image, its packets, and what is said of them."""
    from apercu.bridges.packets import packetise
    from apercu.bridges.packets.packet import read
    from apercu.bridges.packets.stream import plan_for, to_stream

    data = streams.read_apercu(source)
    packets = packetise(data, arguments.size, arguments.parity, arguments.id)
    stream, head = to_stream(data)
    plan = plan_for(len(stream), head, arguments.size, arguments.parity)
    image_id = read(packets[0]).image_id
    n_spare = plan.n - max(plan.layout.strong, plan.weak)
    of_each = "" if plan.layout.n_blocks == 1 else f" of each {plan.n}"
    n_packets = f"{len(packets):,} packet{'s' * (len(packets) != 1)}"
    sizes = f"{n_packets} of {len(packets[0])} bytes, {sum(map(len, packets)):,} in all"
    return image_id, packets, f"image {image_id}, {sizes}; {n_spare}{of_each} may be lost"


def _write_each(packets: list[bytes], name: str, folder: str) -> None:
    digits = len(str(len(packets)))
    names = [f"{name}-{number:0{digits}}{SUFFIX}" for number in range(1, len(packets) + 1)]
    with naming_file(folder):
        os.makedirs(folder, exist_ok=True)
        there = re.compile(re.escape(name) + r"-\d+" + re.escape(SUFFIX))
        others = sorted(set(filter(there.fullmatch, os.listdir(folder))).difference(names))
    if others:  # more of them than of these, as it may be, and then they would count
        said = f"{streams.label(folder)} holds packets from before, such as {printable(others[0])}"
        raise OptionError(f"{said}; delete them, or name another folder")
    for of_file, packet in zip(names, packets, strict=True):
        streams.write_bytes(os.path.join(folder, of_file), packet)
