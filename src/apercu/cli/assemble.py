"""`apercu assemble`: packets that arrived to apercu files."""

import argparse
import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from apercu.cli import many, streams
from apercu.cli.messages import EXIT_MISTAKE, complain, remark
from apercu.errors import FormatError, OptionError, naming_file, printable

if TYPE_CHECKING:
    from apercu.bridges.packets import Assembled

_MOST_BYTES = 1 << 28
"""Of a file of packets."""

DESCRIPTION = """\
Make apercu files of packets: in any order, some of them twice, damaged or missing, or between other traffic. IN are
files that hold packets, and folders of such files. They are found by their checksums, so that a dump of all that a
radio has received will do. With --out FOLDER the packets of several images may be mixed, and each becomes ID.apc.

If too many packets are lost, the file has zeros in place of what could not be made: `apercu check` names the faults,
and `apercu decode --damaged fill` shows the rest.
"""

EXAMPLES = """\
examples:
  apercu assemble received.pkt photo.apc
  apercu assemble received.pkt photo.apc --id 7           image 7 of several
  apercu assemble monday.log tuesday/ --out images/       all of them
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    what = (
        "files or folders of packets, then the apercu file (- for standard input or output); with --out, packets only"
    )
    many.add_files(parser, "IN ... OUT.apc", "IN ... --out FOLDER", what)
    parser.add_argument("--id", metavar="N", type=int, help="the number of the image that is wanted")


def run(arguments: argparse.Namespace) -> int:
    """Write the files, and say on standard error what is missing; returns the exit code."""
    from apercu.bridges.packets import assemble_each

    if arguments.out is None and len(arguments.files) < 2:
        raise OptionError(f"give {arguments.ways}")
    *sources, target = arguments.files if arguments.out is None else (*many.inputs(arguments), arguments.out)
    if arguments.out is None:
        for source in sources:
            streams.check_output(source, target)
        if streams.holds_apercu(target) is False:
            raise OptionError(f"{streams.label(target)} is there, and no apercu file; name another for the output")
    found = assemble_each(_packets(sources), arguments.id)
    if (first := next(found, None)) is None:
        of_id = "" if arguments.id is None else f" of image {arguments.id}"
        raise OptionError(f"there is no packet{of_id} in {', '.join(map(streams.label, sources))}")
    if arguments.out is None and (others := [image_id for image_id, _ in found]):
        names = ", ".join(map(str, (first[0], *others)))
        raise OptionError(f"packets of images {names} are mixed: name one with --id, or give --out FOLDER")
    if arguments.out is not None:
        with naming_file(target):
            os.makedirs(target, exist_ok=True)
    code = 0
    for image_id, made in chain([first], found):
        if isinstance(made, FormatError):
            complain(f"image {image_id}: {made}")
            code = EXIT_MISTAKE
            continue
        name = target if arguments.out is None else os.path.join(target, f"{image_id}.apc")
        streams.write_bytes(name, made.data)
        _say(name, image_id, made)
    return code


def _say(name: str, image_id: int, made: "Assembled") -> None:
    from apercu.bridges.packets.stream import fault_of

    arrived = f"image {image_id}, {made.n_arrived:,} of {made.n_sent:,} packets"
    name = streams.label(name, "output")
    if made.n_missing:
        missing = f"{made.n_missing:,} of {len(made.data):,} bytes are missing (apercu check names the faults)"
        complain(f"{name}: {arrived}; {missing}")
    elif fault := fault_of(made.data):
        complain(f"{name}: {arrived}, but no sound file: {fault} (are they of two files with one number?)")
    else:
        remark(f"{name}: {arrived}; whole, {len(made.data):,} bytes")


def _packets(sources: Sequence[str]) -> Iterator[bytes]:
    """The packets in files, and in all files of folders."""
    from apercu.bridges.packets.records import packets_in

    for source in sources:
        if source == streams.STANDARD or not os.path.isdir(source):
            yield from packets_in(streams.read_some(source, _MOST_BYTES))
            continue
        with naming_file(source):
            paths = sorted(str(path) for path in Path(source).rglob("*") if path.is_file())
        if not paths:
            raise OptionError(f"{printable(source)} holds no files")
        for path in paths:
            yield from packets_in(streams.read_some(path, _MOST_BYTES))
