"""The results page: runs the commands that measure, and writes their output to docs/results.md.

    python scripts/results.py [--data ../shared/data/test] [--train ../shared/data/train/photo] [--quick]

Needs the test images, which are not part of the project. Measurements and trained networks are kept, so that an
interrupted run continues. Pictures remain under build/results; only curves, which contain nothing of the images, go
into docs.
"""

import argparse
import io
import platform
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from apercu.cli.main import main as apercu_command

BUILD = Path("build/results")
PAGE = Path("docs/results.md")
CURVES = Path("docs/images")
PEERS = ("jpeg-prog", "jpeg2000", "webp", "avif", "avif-psnr")


@dataclass(frozen=True)
class Set:
    """A folder of test images."""

    folder: str
    title: str
    grey: bool


SETS = (
    Set("classic", "14 grey photographs, 512 × 512", grey=True),
    Set("kodak", "Kodak: 24 RGB photographs, 768 × 512", grey=False),
    Set("aerial", "12 overhead RGB images", grey=False),
)


def command(*arguments: str) -> str:
    """What `apercu` prints; its messages go to the terminal."""
    print("apercu", *arguments, file=sys.stderr, flush=True)
    said = io.StringIO()
    with redirect_stdout(said):  # in this process, so that its end is the end of the work
        code = apercu_command(arguments)
    if code:
        sys.exit(code)
    return said.getvalue().rstrip()


def comparison(images: Set, data: Path) -> str:
    """A section: the tables of `apercu compare`, and its curves."""
    out = BUILD / images.folder
    grey = ["--grey"] if images.grey else []
    options = [
        *grey,
        "--restore",
        "none",
        "cnn",
        "--peers",
        *PEERS,
        "--repeat",
        "1",
        "--out",
        str(out),
    ]  # times are for `apercu bench` to tell
    said = command("compare", str(data / images.folder), *options)
    tables = said.rpartition("\n\n")[0]  # the last line says where the page is
    sections = [f"## {images.title}\n"]
    for metric in ("psnr", "ssim"):
        picture = f"results-{images.folder}-{metric}.svg"
        shutil.copy(out / f"curves-{metric}.svg", CURVES / picture)
        sections.append(f"![{metric} against rate](images/{picture})\n")
    return "\n".join([*sections, f"```text\n{tables}\n```\n"])


def paper_section(page: str) -> str:
    """The page of `apercu reproduce` as a section: a level down, without the figures, which show test images."""
    body = page.partition("\n## Figures")[0].partition("\n")[2].rstrip()
    lowered = "\n".join(f"#{line}" if line.startswith("#") else line for line in body.splitlines())
    return f"## The paper of Taha et al. 2025, again\n{lowered}\n"


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


def main() -> None:
    """Measures, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/test"), help="folder of the test sets")
    parser.add_argument("--train", type=Path, default=Path("../shared/data/train/photo"), help="training images")
    parser.add_argument("--quick", action="store_true", help="reproduce the paper with less training")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        parser.error(f"{arguments.data} is no folder: the results are those of the test images")
    measured = commit()  # before curves are written over those that are in it
    BUILD.mkdir(parents=True, exist_ok=True)
    CURVES.mkdir(parents=True, exist_ok=True)
    sets = [images for images in SETS if (arguments.data / images.folder).is_dir()]
    sections = [comparison(images, arguments.data) for images in sets]
    sections.append(f"## Speed, memory and start-up\n\n```text\n{command('bench')}\n```\n")
    options = ["--images", str(arguments.data / "classic"), "--train", str(arguments.train)]
    quick = ["--quick"] if arguments.quick else []
    paper = command("reproduce", "taha2025", *options, *quick, "--out", str(BUILD / "reproduction"))
    sections.append(paper_section(paper))
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    head = (
        "# Results\n\n"
        f"Made by `make results` on {when} from commit {measured}, on {processor()}, {platform.system()}, Python "
        f"{platform.python_version()}. Rates count whole files. Of every other codec the best of full, half and "
        "quarter size is taken at each rate.\n"
    )
    PAGE.write_text("\n".join([head, *sections]))
    print(PAGE)


if __name__ == "__main__":
    main()
