"""The results page: runs the commands that measure, and writes their output to docs/results.md, and that of
`apercu reproduce fraihat2023` to docs/stacked_ae.md. What `rnn` brings goes to docs/rnn.md.

    python -m scripts.results [--only kodak lossless …] [--data ../shared/data/test] [--jobs 1]

Each part is a section of the page. With --only, the other sections stay as they are; each says when, where and from
which commit it was measured. Needs the test images, which are not part of the project. Measurements and trained
networks are kept, so that an interrupted run continues. Pictures remain under build/results; only curves, which contain
nothing of the images, go into docs.
"""

import argparse
import io
import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from apercu.bench import plots
from apercu.cli.main import main as apercu_command
from apercu.processes import n_cores
from scripts import figure_families, figure_generated, figure_rnn, generated, lossless, progressive

BUILD = Path("build/results")
PAGE = Path("docs/results.md")
CURVES = Path("docs/images")
CODECS = ("apercu", "dct", "dct-huffman", "rnn", "stacked_ae", "taha2025", "taha2025-range")
PEERS = ("jpeg-prog", "jpeg2000", "webp", "avif", "avif-psnr")
OF_A_PAGE = {"dct": ("dct", "dct-huffman"), "stacked_ae": ("stacked_ae",), "taha2025": ("taha2025", "taha2025-range")}
"""Codecs whose curves the page of a family shows, beside those of `apercu` and of JPEG."""
NEAR_LOSSLESS_BPP = ("0.5", "1", "2", "3", "4", "6", "8")
NEAR_LOSSLESS_EVERY = 8
HEAD = """# Results

Made by `make results`; `make results ARGS="--only kodak"` measures a part again. Each part says when and from which
commit it was measured. Rates count whole files. Of every other codec the best of full, half and quarter size is taken
at each rate.
"""


@dataclass(frozen=True)
class Inputs:
    """Where the images are, and how much is done. jobs: processes of a comparison; empty: one for each core."""

    data: Path
    train: Path
    digits: Path
    quick: list[str]
    jobs: list[str]


def command(*arguments: str) -> str:
    """What `apercu` prints; its messages go to the terminal."""
    print("apercu", *arguments, file=sys.stderr, flush=True)
    said = io.StringIO()
    with redirect_stdout(said):  # in this process, so that its end is the end of the work
        code = apercu_command(arguments)
    if code:
        sys.exit(code)
    return said.getvalue().rstrip()


def compare(images: Sequence[Path], out: Path, *options: str) -> str:
    """The tables of `apercu compare`."""
    repeat = ("--repeat", "1")  # times are for `apercu bench` to tell
    said = command("compare", *map(str, images), *options, *repeat, "--out", str(out))
    return said.rpartition("\n\n")[0]  # the last line says where the page is


def comparison(inputs: Inputs, folder: str, *options: str) -> str:
    """The tables of a test set, and its curves."""
    out = BUILD / folder
    options = ("--codecs", *CODECS, "--restore", "none", "cnn", "--peers", *PEERS, *options, *inputs.jobs)
    tables = compare([inputs.data / folder], out, *options)
    sections = []
    for metric in ("psnr", "ssim"):
        picture = f"results-{folder}-{metric}.svg"
        shutil.copy(out / f"curves-{metric}.svg", CURVES / picture)
        sections.append(f"![{metric} against rate](images/{picture})\n")
    for page, codecs in OF_A_PAGE.items():
        curves_of_page(out, codecs, f"{page}-{folder}")
    return "\n".join([*sections, f"```text\n{tables}\n```"])


def curves_of_page(out: Path, codecs: Sequence[str], name: str) -> None:
    """Draws the PSNR of some codecs of a comparison, exact, with that of `apercu` and of JPEG."""
    report = json.loads((out / "comparison.json").read_text("utf-8"))
    shown = [*(f"apercu:{codec}/none" for codec in ("apercu", *codecs)), "jpeg-prog"]
    points = [point for point in report["points"] if point["codec"] in shown]
    metrics = {"psnr": report["metrics"]["psnr"]}
    drawn = plots.draw({**report, "codecs": shown, "points": points, "metrics": metrics})
    (CURVES / f"{name}-psnr.svg").write_bytes(drawn["curves-psnr.svg"])


def near_lossless(inputs: Inputs) -> str:
    """Bytes without loss and within a largest error; and curves up to high rates."""
    images = sorted((inputs.data / "kodak").glob("*.png"))[::NEAR_LOSSLESS_EVERY]
    out = BUILD / "near-lossless"
    codecs = ("apercu", "dct", "predictive")
    options = ("--codecs", *codecs, "--peers", "jpeg-prog", "jpeg2000", "--metric", "psnr", "--bpp", *NEAR_LOSSLESS_BPP)
    tables = compare(images, out, *options, *inputs.jobs)
    curves_of_page(out, ["predictive"], "predictive-kodak")
    sections = [
        lossless.report(inputs.data),
        f"### High rates: every {NEAR_LOSSLESS_EVERY}th image of Kodak\n",
        "![psnr against rate](images/predictive-kodak-psnr.svg)\n",
        f"```text\n{tables}\n```",
    ]
    return "\n".join(sections)


def steps(inputs: Inputs) -> str:
    """What `rnn` brings on Kodak: after each layer, and beside other codecs."""
    out = BUILD / "rnn"
    others = ("dct", "stacked_ae")
    options = ("--codecs", "rnn", "apercu", *others, "--peers", "jpeg-prog", *inputs.jobs)
    tables = compare([inputs.data / "kodak"], out, *options)
    curves_of_page(out, ["rnn", *others], "rnn-kodak")
    sections = [
        "### After each layer\n",
        f"{progressive.report(inputs.data / 'kodak')}\n",
        "### Beside other codecs\n",
        "![PSNR against rate, Kodak](images/rnn-kodak-psnr.svg)\n",
        f"```text\n{tables}\n```",
    ]
    return "\n".join(sections)


def pictures(_: Inputs) -> str:
    """A drawn scene by every codec, and the other pictures of the documents."""
    figure_families.draw(CURVES)
    figure_rnn.draw(CURVES)
    return "![A drawn scene by every codec at 0.25 bpp, part of it enlarged](images/families.webp)"


def generated_pictures(inputs: Inputs) -> str:
    """Generated pictures beside others; and those that the page shows."""
    figure_generated.draw(CURVES)
    jobs = int(inputs.jobs[-1]) if inputs.jobs else n_cores()
    return generated.report(inputs.data, generated.SETS, generated.RATES, 1, (), generated.STORE, jobs)


def speed(_: Inputs) -> str:
    """The output of `apercu bench`."""
    return f"```text\n{command('bench')}\n```"


def paper(inputs: Inputs) -> str:
    """The page of `apercu reproduce taha2025`, without the figures, which show test images."""
    options = ["--images", str(inputs.data / "classic"), "--train", str(inputs.train), *inputs.quick]
    page = command("reproduce", "taha2025", *options, "--out", str(BUILD / "reproduction"))
    return lowered(page.partition("\n## Figures")[0])


def rates(inputs: Inputs) -> str:
    """The page of `apercu reproduce fraihat2023`."""
    options = ["--images", str(inputs.data), "--digits", str(inputs.digits), *inputs.quick]
    return lowered(command("reproduce", "fraihat2023", *options, "--out", str(BUILD / "rates")))


def lowered(page: str) -> str:
    """A page as part of a section: without its title, its headings a level down."""
    body = page.partition("\n")[2].strip()
    return "\n".join(f"#{line}" if line.startswith("#") else line for line in body.splitlines())


class Part(NamedTuple):
    """A heading, what makes the text below it, and the page that has it."""

    heading: str
    measure: Callable[[Inputs], str]
    page: Path = PAGE


PARTS = {
    "classic": Part("14 grey photographs, 512 × 512", lambda inputs: comparison(inputs, "classic", "--grey")),
    "kodak": Part("Kodak: 24 RGB photographs, 768 × 512", lambda inputs: comparison(inputs, "kodak")),
    "aerial": Part("12 overhead RGB images", lambda inputs: comparison(inputs, "aerial")),
    "lossless": Part("Without loss, and within a largest error", near_lossless),
    "pictures": Part("A drawn scene by every codec", pictures),
    "generated": Part("Measured on the test sets", generated_pictures, Path("docs/generated.md")),
    "speed": Part("Speed, memory and start-up", speed),
    "taha2025": Part("The paper of Taha et al. 2025, again", paper),
    "rnn": Part("Measured on Kodak", steps, Path("docs/rnn.md")),
    "fraihat2023": Part("The survey's Figure 3, and ours", rates, Path("docs/stacked_ae.md")),
}
"""By the name for --only, in the order of the page."""


def commit() -> str:
    """The commit that is measured."""
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(asked, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def processor() -> str:
    """The processor by name, where Linux tells."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.machine()


def told(measured: str) -> str:
    """When and from which commit something was measured, and on what."""
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    machine = f"{processor()}, {platform.system()}, Python {platform.python_version()}"
    return f"Measured on {when} from commit {measured}, on {machine}."


def put(page: Path, heading: str, text: str, order: Sequence[str] = (), head: str = "") -> None:
    """Writes a text below its heading, and leaves all else on the page as it stands.

    order: of all headings; without it, a new one is the last. head: how a page begins that is not there yet.
    """
    pieces = re.split(r"^## (.+)\n", page.read_text("utf-8") if page.exists() else head, flags=re.MULTILINE)
    found = dict(zip(pieces[1::2], pieces[2::2], strict=True)) | {heading: text}
    ordered = [one for one in order if one in found] or list(found)
    sections = [f"## {one}\n\n{found[one].strip()}\n" for one in ordered]
    page.write_text("\n".join([f"{pieces[0].strip()}\n", *sections]), "utf-8")


def main() -> None:
    """Measures, and writes a page after each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="parts to measure (default: all)")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/test"), help="folder of the test sets")
    parser.add_argument("--train", type=Path, default=Path("../shared/data/train/photo"), help="training images")
    digits = Path("../shared/data/machine/digits/t10k-images-idx3-ubyte.gz")
    parser.add_argument("--digits", type=Path, default=digits, help="10,000 digits, a gzipped IDX file")
    parser.add_argument("--quick", action="store_true", help="reproduce the papers with less work")
    parser.add_argument("--jobs", help="processes of a comparison (default: one for each core)")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        parser.error(f"{arguments.data} is no folder: the results are those of the test images")
    quick, jobs = ["--quick"] if arguments.quick else [], ["--jobs", arguments.jobs] if arguments.jobs else []
    inputs = Inputs(arguments.data, arguments.train, arguments.digits, quick, jobs)
    measured = commit()  # before curves are written over those that are in it
    BUILD.mkdir(parents=True, exist_ok=True)
    CURVES.mkdir(parents=True, exist_ok=True)
    for name in arguments.only:
        part = PARTS[name]
        text = f"{told(measured)}\n\n{part.measure(inputs)}"
        if part.page == PAGE:
            put(PAGE, part.heading, text, [one.heading for one in PARTS.values()], HEAD)
        else:
            put(part.page, part.heading, text)
    print(PAGE)


if __name__ == "__main__":
    main()
