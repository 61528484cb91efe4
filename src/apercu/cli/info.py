"""`apercu info`: what apercu files say of themselves."""

import argparse
import json
import math
from typing import Any

import apercu
from apercu.cli import streams
from apercu.cli.messages import EXIT_MISTAKE, complain, describe, say
from apercu.errors import ApercuError, printable

DESCRIPTION = """\
Show what apercu files hold: size, kind of samples, codec, quality, rate, tiles and layers; of scenes also where they
lie, their bands, tags and mask. Size and georeference are those that are coded; the full size is under "reduced". bpp
counts pixels of the full size. Only the head is needed, and what is said of a scene before it, so that this works for
damaged files and for the beginning of a file too; apercu check looks for damage.
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
                for line in _shown(key, value):
                    say(f"  {key:15} {printable(line)}")
    return code


def _shown(key: str, value: Any) -> list[str]:
    """A fact in lines that people read; none of what is not known."""
    if value is None:
        return []
    if key == "geo":
        return _place(value)
    if key == "tags":
        return [
            " ".join(
                filter(None, (f"band {group['band']}:" if group["band"] else "", group["namespace"], f"{name}={text}"))
            )
            for group in value
            for name, text in group["tags"].items()
        ]
    if isinstance(value, dict):
        return [", ".join(f"{name} {_plain(each)}" for name, each in value.items())]
    if isinstance(value, tuple):
        return [_plain(value[0]) if len(set(map(str, value))) == 1 else ", ".join(map(_plain, value))]
    return [_plain(value)]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)


def _place(geo: dict[str, Any]) -> list[str]:
    """The reference system, by its code or its name, then what rows and columns are in it."""
    crs: str = geo["crs"] or "no reference system"
    lines = [crs if '"' not in crs else crs.split('"')[1]]
    if geo["transform"]:
        a, b, c, d, e, f = map(_plain, geo["transform"])
        plain = not any(geo["transform"][place] for place in (1, 3))
        lines.append(f"x = {c} + {a} column" + ("" if plain else f" + {b} row"))
        lines.append(f"y = {f} + " + (f"{e} row" if plain else f"{d} column + {e} row"))
    if geo["point"]:
        lines.append("a sample is the value at the middle of its pixel")
    return [line.replace("+ -", "- ") for line in lines]


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
