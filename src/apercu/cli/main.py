"""The command `apercu`: finds the subcommand, runs it, and turns errors into one line and an exit code.

It uses argparse because NumPy and Pillow are to be the only hard dependencies. The module of a subcommand is imported
when that subcommand is called, so that `apercu --help` is quick.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from apercu import ApercuError, __version__
from apercu.cli import messages
from apercu.cli.ending import orderly_end
from apercu.cli.messages import EXIT_BROKEN_PIPE, EXIT_CRASH, EXIT_INTERRUPTED, EXIT_MISTAKE, complain, describe
from apercu.cli.terminal import prepare, warnings_in_one_line

# Each module offers DESCRIPTION, EXAMPLES, add_arguments(parser) and run(arguments) -> exit code.
COMMANDS = {
    "encode": ("apercu.cli.encode", "compress pictures into apercu files"),
    "decode": ("apercu.cli.decode", "turn apercu files back into pictures"),
    "info": ("apercu.cli.info", "show what apercu files hold: size, codec, quality, rate"),
    "check": ("apercu.cli.check", "look for faults in apercu files"),
    "packetise": ("apercu.cli.packetise", "cut an apercu file into packets for a link that loses some"),
    "assemble": ("apercu.cli.assemble", "make apercu files of the packets that arrived"),
    "vrt": ("apercu.cli.vrt", "show an apercu file to GDAL, rasterio and QGIS"),
    "stac": ("apercu.cli.stac", "describe an apercu file as a STAC item, with a thumbnail"),
    "placeholder": ("apercu.cli.placeholder", "make placeholders of 16 to 300 bytes for pages and databases"),
    "export-c": ("apercu.cli.export_c", "write the encoder as C for a microcontroller"),
    "view": ("apercu.cli.view", "look at an apercu file in a browser, beside its original"),
    "batch": ("apercu.cli.batch", "make previews of whole archives, on this machine or a cluster"),
    "train": ("apercu.cli.train", "train weights on images of your own"),
    "compare": ("apercu.cli.compare", "compare with other codecs on pictures of your own"),
    "machine": ("apercu.cli.machine", "measure what a network makes of compressed pictures"),
    "reproduce": ("apercu.cli.reproduce", "make the tables and figures of a paper again"),
    "bench": ("apercu.cli.bench", "measure speed, memory and start-up on this machine"),
}
_INTERMIXED = "encode", "decode", "batch", "packetise", "assemble"  # options may stand between their files
_SILENT = "encode", "decode", "batch", "packetise", "assemble"  # all others have something to say on standard output

_DESCRIPTION = "Lossy image compression at very low bit rates: the preview that must get through."
_EPILOGUE = """\
examples:
  apercu encode photo.jpg photo.apc --bpp 0.1     a tenth of a bit per pixel
  apercu encode scene.tif scene.apc --bytes 4000  at most 4,000 bytes
  apercu encode *.png --out previews/             many pictures at once
  apercu decode photo.apc photo.png
  apercu info photo.apc
  apercu COMMAND --help                           options and more examples

exit codes:
  0  done              2    a mistake in the call, or a file that cannot be read or written
  1  check: faults     130  interrupted (Ctrl-C)
                       141  nobody reads standard output any more
                       70   a fault of apercu's own, which is shown for a report
"""


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the call, where argparse would print the usage above it."""

    def __init__(self, prog: str, description: str, epilogue: str, usage: str | None = None, **others: Any) -> None:
        """others: what argparse itself gives to the parsers below this one, which depends on the version of Python."""
        super().__init__(
            **others,
            prog=prog,
            usage=usage,
            description=description,
            epilog=epilogue,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,  # an abbreviation in a script would break with the next option
        )
        self.register("type", int, _whole_number)  # of which argparse would say "invalid int value"
        self.register("type", float, _number)

    def error(self, message: str) -> NoReturn:
        """Leave with the message on one line."""
        complain(f"{message} (see {self.prog} --help)")
        self.exit(EXIT_MISTAKE)

    def _print_message(self, message: str, file: object = None) -> None:
        """What argparse prints on standard output, the help and the version; it would pass over an OSError."""
        messages.say(message, end="")


@orderly_end()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: the arguments after the command's name; by default those of the process.

    Returns:
        0 when all went well, 1 when `check` found faults, 2 for a mistake in the call and for files that cannot be read
        or written, 130 after Ctrl-C, and 141, as a shell has it, when nobody reads standard output any more. A line on
        standard error says what was wrong with 2. 70 is a fault of apercu's own, whose traceback is printed.
    """
    try:
        prepare()
        with warnings_in_one_line():
            code = _run(list(sys.argv[1:] if argv is None else argv))
        messages.flush_output()
        return code
    except KeyboardInterrupt:
        complain("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        messages.give_up_output()
        return EXIT_BROKEN_PIPE
    except (ApercuError, OSError, MemoryError) as error:
        complain(describe(error))
        messages.give_up_output()
        return EXIT_MISTAKE
    except Exception:
        import traceback  # not needed for any other end

        messages.remark(traceback.format_exc())
        complain("this is a fault of apercu's own; please report it, with the lines above")
        messages.give_up_output()
        return EXIT_CRASH


def _without_dashes(given: list[str]) -> list[str]:
    """Arguments whose `--` is taken away, which argparse forgets where options may stand between files."""
    if "--" not in given:
        return given
    place = given.index("--")
    names = given[place + 1 :]
    return given[:place] + [os.path.join(".", name) if name.startswith("-") and name != "-" else name for name in names]


def _run(argv: list[str]) -> int:
    try:
        if argv and argv[0] in COMMANDS:
            module = import_module(COMMANDS[argv[0]][0])
            parser = Parser(f"apercu {argv[0]}", module.DESCRIPTION, module.EXAMPLES)
            module.add_arguments(parser)
            if argv[0] not in _SILENT:
                messages.open_output()  # closed: said before there is work that would be lost
            given = argv[1:]
            if any(re.fullmatch(r"(--[\w-]+=)?", one) for one in given):
                parser.error("an argument is empty, perhaps by a variable of the shell that is not set")
            if argv[0] in _INTERMIXED:
                code: int = module.run(parser.parse_intermixed_args(_without_dashes(given)))
            else:
                code = module.run(parser.parse_args(given))
            return code
        commands = "commands:\n" + "".join(f"  {name:12}{does}\n" for name, (_, does) in COMMANDS.items())
        parser = Parser("apercu", _DESCRIPTION, f"{commands}\n{_EPILOGUE}", usage="apercu COMMAND ...")
        parser.add_argument("--version", action="version", version=f"apercu {__version__}")
        _, rest = parser.parse_known_args(argv)
        names = ", ".join(COMMANDS)
        parser.error(f"no command {rest[0]!r}; there are {names}" if rest else f"name a command: {names}")
    except SystemExit as stop:  # argparse has printed help, or what is wrong
        return stop.code if isinstance(stop.code, int) else EXIT_MISTAKE
