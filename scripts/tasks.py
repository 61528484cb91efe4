"""What networks make of compressed pictures: runs `apercu machine` on real data and on drawn ones, and writes what it
found to docs/tasks.md.

    python -m scripts.tasks [--only scenes road …] [--data ../shared/data] [--jobs 1]

Each part is a section of the page, which says when and from which commit it was measured; with --only, the others stay
as they are. What was measured is kept below build/tasks, so that an interrupted run goes on: the whole takes some hours
of one core, of which segmentation takes most. Of the pictures nothing goes into the page but curves.
"""

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from apercu.bench.tasks import faces
from apercu.bridges import files
from scripts.results import CURVES, command, commit, put, told

BUILD = Path("build/tasks")
PAGE = Path("docs/tasks.md")
RATES = ("0.05", "0.1", "0.2")
CODECS = ("--codecs", "apercu", "taha2025", "--restore", "none", "cnn", "gan", "--peers", "jpeg-prog", "avif")
RETRAINED = ("--retrain", "same", "mixed")
MIXED = ("--retrain", "mixed", "--bpp", *RATES)
PHOTOGRAPHS = ("kodak", "classic")
"""Folders for the task of faces. No codec or network of apercu has learnt from them."""
SAME_AGAIN = "lena_green.png"
"""One channel of another picture, which would count twice."""


@dataclass(frozen=True)
class Run:
    """A section of the page: its heading, the task, the folder of its pictures (None: drawn ones), and flags."""

    heading: str
    task: str
    folder: str | None
    options: Sequence[str]


RUNS = {
    "scenes": Run("Scenes: seven classes of land", "classification", "machine/scenes", (*RETRAINED, "--bpp", *RATES)),
    "scenes-small": Run("Scenes, by a small network", "classification-small", "machine/scenes", MIXED),
    "road": Run("Road: a class for each pixel", "segmentation", "machine/road", MIXED),
    "road-same": Run(
        "Road at 0.1 bpp, retrained at that rate",
        "segmentation",
        "machine/road",
        ("--codecs", "apercu", "--peers", "jpeg-prog", "--retrain", "same", "--bpp", "0.1"),
    ),
    "road-high": Run(
        "Road at a twentieth of the storage, and at 85 % compression",
        "segmentation",
        "machine/road",
        ("--codecs", "apercu", "--restore", "none", "--peers", "jpeg-prog", "--bpp", "1.2", "3.6"),
    ),
    "digits": Run(
        "Digits of 28 × 28 pixels",
        "digits",
        "machine/digits",
        ("--restore", "none", "cnn", "--retrain", "same", "--bpp", "0.3", "0.5", "1"),
    ),
    "faces": Run("Faces in photographs that show some", "faces", "test", ("--bpp", *RATES)),
    "text": Run("Text on drawn signs", "text", None, ("--bpp", *RATES)),
    "depth": Run("Depth of drawn scenes", "depth", None, MIXED),
    "action": Run("Actions of drawn figures", "action", None, MIXED),
}
"""By the name for --only, in the order of the page."""


def measured(name: str, data: Path, jobs: Sequence[str]) -> str:
    """The tables of a run, and its curves."""
    run = RUNS[name]
    out = BUILD / name
    folder = data / run.folder if run.folder else None
    if folder and run.task == "faces":
        folder = with_faces(folder, BUILD / "with-faces")
    images = ["--images", str(folder)] if folder else []
    given = [run.task, *images, *CODECS, *run.options]
    said = command("machine", *given, *jobs, "--cache", str(BUILD / "cache"), "--out", str(out))
    picture = f"tasks-{name}.svg"
    shutil.copy(out / "curves.svg", CURVES / picture)
    tables = said.rpartition("\n\n")[0]  # the last line says where the page is
    return f"![Score against rate](images/{picture})\n\n```text\n{tables}\n```"


def with_faces(folder: Path, out: Path) -> Path:
    """A folder of links to the photographs in which a face is found: others would change nothing."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for path in sorted(path for name in PHOTOGRAPHS for path in (folder / name).iterdir()):
        if path.name != SAME_AGAIN and path.suffix in files.PICTURE_SUFFIXES and faces.found(files.read(str(path))[0]):
            (out / path.name).symlink_to(path.resolve())
    return out


def main() -> None:
    """Measures, and writes the page after each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=RUNS, nargs="+", default=RUNS, help="parts to measure (default: all)")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the images")
    parser.add_argument("--jobs", help="processes (default: one for each core)")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        parser.error(f"{arguments.data} is no folder")
    state = commit()
    CURVES.mkdir(parents=True, exist_ok=True)
    for name in arguments.only:
        text = measured(name, arguments.data, ["--jobs", arguments.jobs] if arguments.jobs else [])
        put(PAGE, RUNS[name].heading, f"{told(state)}\n\n{text}")
    print(PAGE)


if __name__ == "__main__":
    main()
