"""`apercu bench`: speed, arithmetic, memory and start-up, as ratios and as a table."""

import argparse
import json
import platform
from dataclasses import asdict
from typing import Any

import numpy as np
import PIL
from PIL import features

import apercu
from apercu.bench import arithmetic, memory, speed, start_up
from apercu.bench.images import default_images
from apercu.cli import messages, streams
from apercu.errors import OptionError, size_of
from apercu.replacing import check_target, replacing
from apercu.stages.colour import Samples

DESCRIPTION = """\
Measure on this machine: how long apercu takes beside JPEG and WebP at the same file size, on one core and in turn; how
many multiply-accumulates that is; how much memory a picture of 20 megapixels takes; and how long the command and
`import apercu` take to start, beside `import numpy`.
"""

EXAMPLES = """\
examples:
  apercu bench                                   on photographs of scikit-image, or on drawings
  apercu bench --image a.png b.png --bpp 0.1     on pictures of your own, grey or RGB of 8 bits
  apercu bench --only speed --json out.json      one part; the numbers as JSON as well

Ratios are apercu's time divided by the other's: below 1, apercu is faster.
"""

PARTS = ("speed", "memory", "start-up")
_MB = 1_000_000
_MOST_STARTS = 15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("--image", metavar="FILE", nargs="+", default=[], help="pictures to measure on")
    parser.add_argument("--bpp", type=float, default=0.15, metavar="R", help="bits per pixel (default: 0.15)")
    parser.add_argument("--repeat", type=int, default=31, metavar="N", help="runs of each codec (default: 31)")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="parts to measure (default: all)")
    parser.add_argument("--json", metavar="OUT", help="write the numbers to a file, or to - in place of the tables")


def run(arguments: argparse.Namespace) -> int:
    """Measure, and print tables or JSON; returns the exit code."""
    if arguments.repeat < 1 or not arguments.bpp > 0:
        raise OptionError("--repeat is at least 1, and --bpp above 0")
    to_file = arguments.json is not None and arguments.json != streams.STANDARD
    if to_file:
        check_target(arguments.json)
    say = _say_nothing if arguments.json == streams.STANDARD else _say
    report: dict[str, Any] = {"machine": _machine(), "repeat": arguments.repeat}
    say(", ".join(f"{name} {value}" for name, value in report["machine"].items()))
    if "speed" in arguments.only:
        images, report["images_from"] = _images(arguments.image)
        say(f"Pictures: {report['images_from']}. Ratios: apercu's time / the other's")
        report["speed"] = []
        for name, image in images.items():
            report["speed"].append(_speed(name, image, arguments))
            say(_speed_table(report["speed"][-1]))
    if "memory" in arguments.only:
        report["memory"] = [asdict(memory.measure(job)) for job in memory.JOBS]
        say(_memory_table(report["memory"]))
    if "start-up" in arguments.only:
        report["start_up"] = asdict(start_up.measure(min(arguments.repeat, _MOST_STARTS)))
        say(_start_up_table(report["start_up"]))
    content = json.dumps(report, indent=2) + "\n"
    if to_file:
        with replacing(arguments.json) as target:
            target.write(content.encode())
    elif arguments.json is not None:
        messages.say(content, end="")
    return 0


def _say(table: str) -> None:
    messages.say(table, end="\n\n")
    messages.flush_output()


def _say_nothing(_: str) -> None:
    pass


def _machine() -> dict[str, str]:
    return {
        "apercu": apercu.__version__,
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "Pillow": PIL.__version__,
        "libjpeg-turbo": str(features.version("libjpeg_turbo")),
        "on": f"{platform.system()} {platform.machine()}",
    }


def _images(names: list[str]) -> tuple[dict[str, Samples], str]:
    """Pictures by name, and where they are from."""
    if not names:
        pictures, origin = default_images()
        return dict(pictures), origin
    return {streams.label(name): streams.read_picture(name)[0] for name in names}, "as given"


def _speed(name: str, image: Samples, arguments: argparse.Namespace) -> dict[str, Any]:
    codecs = speed.compare(image, arguments.bpp, arguments.repeat)
    file = apercu.encode(image, quality=codecs[0].quality)
    return {
        "image": name,
        "shape": image.shape,
        "bpp_asked": arguments.bpp,
        "codecs": [asdict(codec) for codec in codecs],
        "arithmetic": asdict(arithmetic.count(image, file)),
    }


def _speed_table(entry: dict[str, Any]) -> str:
    height, width = entry["shape"][:2]
    title = f"{entry['image']}, {width} × {height} {'RGB' if len(entry['shape']) == 3 else 'grey'}"
    lines = [
        f"{title:34}{'quality':>8}{'bytes':>9}{'bpp':>8}{'encode':>12}{'decode':>12}{'ratios':>14}{'all cores':>14}"
    ]
    for codec in entry["codecs"]:
        ratios = (
            ""
            if codec["codec"] == "apercu"
            else "".join(
                f"{codec[f'encode{where}_ratio']:8.2f}{codec[f'decode{where}_ratio']:6.2f}" for where in ("", "_all")
            )
        )
        lines.append(
            f"  {codec['codec']:32}{codec['quality']:8.4g}{codec['n_bytes']:9,}{codec['bpp']:8.3f}"
            f"{1000 * codec['encode_s']:9.2f} ms{1000 * codec['decode_s']:9.2f} ms{ratios}"
            + ("" if codec["same_size"] else "  (sizes differ)")
        )
    work = entry["arithmetic"]
    lines.append(
        "  multiply-accumulates per pixel, transform + colour + contexts (+ choice, at most): "
        f"encoder {work['encoder_transform']:.2f} + {work['encoder_colour']:.1f} + {work['encoder_contexts']:.1f} "
        f"+ {work['encoder_choice']:.1f}, "
        f"decoder {work['decoder_transform']:.2f} + {work['decoder_colour']:.1f} + {work['decoder_contexts']:.1f}"
    )
    return "\n".join(lines)


def _memory_table(peaks: list[dict[str, Any]]) -> str:
    height, width, n_bands = peaks[0]["shape"]
    lines = [f"Memory above picture and file, {size_of(width, height, n_bands)}"]
    for peak in peaks:
        lines.append(
            f"  {peak['job']:10}{peak['n_bytes'] / _MB:8.1f} MB, of {peak['limit'] / _MB:.0f} MB at most"
            f"{peak['seconds']:10.2f} s"
        )
    return "\n".join(lines)


def _start_up_table(times: dict[str, float]) -> str:
    return (
        f"Start-up, where import numpy takes 1 ({1000 * times['numpy_s']:.0f} ms)\n"
        f"  import apercu   {times['import_ratio']:.2f}\n"
        f"  apercu --help   {times['help_ratio']:.2f}"
    )
