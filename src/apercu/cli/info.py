"""`apercu info`: what apercu files say of themselves."""

import argparse
import json
import math
from typing import Any

import apercu
from apercu.cli import streams
from apercu.cli.messages import EXIT_MISTAKE, complain, describe, say
from apercu.errors import ApercuError

DESCRIPTION = """\
Show what apercu files hold: size, kind of samples, codec, quality, rate, tiles and layers. Only the head is needed,
so that this works for damaged files and for the beginning of a file too; apercu check looks for damage.
"""

EXAMPLES = """\
examples:
  apercu info photo.apc
  apercu info --json *.apc        one JSON object on each line
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="apercu file, or - for standard input")
    parser.add_argument("--json", action="store_true", help="print one JSON object per file, each on a line of its own")
    streams.add_limit(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the facts of each file; returns the exit code. A file that cannot be read does not keep back the others."""
    streams.set_limit(arguments)
    code = 0
    for name in arguments.files:
        try:
            facts = _facts(name)
        except (ApercuError, OSError) as error:
            complain(describe(error) if isinstance(error, OSError) else f"{streams.label(name)}: {error}")
            code = EXIT_MISTAKE
            continue
        if arguments.json:
            say(json.dumps(_as_json({"file": name, **facts}), allow_nan=False).replace("\x7f", "\\u007f"))
        else:
            say(streams.label(name))
            for key, value in facts.items():
                if value is not None:
                    say(f"  {key:15} {f'{value:.10g}' if isinstance(value, float) else value}")
    return code


def _facts(name: str) -> dict[str, Any]:
    """What `apercu.info` says of the whole file, of which no more is kept than that takes."""
    data, n_bytes = streams.read_head(name)
    facts: dict[str, Any] = apercu.info(data)
    return facts | {"n_bytes": n_bytes, "bpp": facts["bpp"] * n_bytes / facts["n_bytes"]}


def _as_json(value: Any) -> Any:
    """Numbers that JSON has not, such as a no-data value, by name."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {name: _as_json(item) for name, item in value.items()}
    return [_as_json(item) for item in value] if isinstance(value, list | tuple) else value
