"""No source file above 400 lines: a room too large to know one's place in.

Usage: check_lengths.py. Prints each file that is too long, and exits 1 if there is one.
"""

import sys
from pathlib import Path

MAX_LINES = 400
FOLDERS = ("c", "src", "tests", "fuzz", "scripts", "web")
SUFFIXES = {".py", ".c", ".h", ".js", ".sh"}


def too_long(root: Path) -> list[tuple[Path, int]]:
    """Source files under `root` with more than `MAX_LINES` lines, each with its number of lines."""
    sources = [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.suffix in SUFFIXES]
    sources = [path for path in sources if path.relative_to(root).parts[:2] != ("c", "build")]
    lengths = [(path.relative_to(root), len(path.read_bytes().splitlines())) for path in sorted(sources)]
    return [(path, length) for path, length in lengths if length > MAX_LINES]


if __name__ == "__main__":
    found = too_long(Path(__file__).resolve().parents[1])
    for path, length in found:
        print(f"{path}: {length} lines, above {MAX_LINES}")
    sys.exit(bool(found))
