"""Recipes, which stand beside what they made, and lists of the images it was made from, which recipes share."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apercu.lab.images import manifest

ESCAPES = {"\\": "\\\\", "\n": "\\n"}
"""What a name cannot have in a line, as `sha256sum` writes it; such a line begins with a backslash."""


def write(out: Path, recipe: Mapping[str, Any], files: list[Path], folder: Path) -> None:
    """Writes the recipe of `out` beside it, ending in .json, and a list of its images, `files` below `folder`.

    The recipe ends with the list's name, its SHA-256 and its number of images. The name is that of the content, so that
    what was made from the same images shares a list.
    """
    lines = "".join(map(_line, *zip(*manifest(files, folder).items(), strict=True)))
    content = lines.encode("utf-8", "surrogateescape")  # names that are not UTF-8 stay what they are
    digest = hashlib.sha256(content).hexdigest()
    name = f"images-{digest[:8]}.sha256"
    out.with_name(name).write_bytes(content)
    images = {"list": name, "sha256": digest, "n_images": len(files)}
    out.with_suffix(".json").write_text(json.dumps({**recipe, "images": images}, indent=1) + "\n")


def images_of(recipe: Path) -> dict[str, str]:
    """SHA-256 of each image by its path below the folder, from the list that a recipe names. Raises ValueError where
    the list is another one."""
    named = json.loads(recipe.read_text())["images"]
    content = recipe.with_name(named["list"]).read_bytes()
    if hashlib.sha256(content).hexdigest() != named["sha256"]:
        raise ValueError(f"{named['list']} is not the list of {recipe}")
    found = dict(map(_entry, content.decode("utf-8", "surrogateescape").split("\n")[:-1]))
    if len(found) != named["n_images"]:
        raise ValueError(f"{named['list']} has {len(found)} images, not {named['n_images']}")
    return found


def _line(name: str, digest: str) -> str:
    """A line as `sha256sum --check` takes it."""
    escaped = "".join(ESCAPES.get(char, char) for char in name)
    return f"{'' if escaped == name else chr(92)}{digest}  {escaped}\n"


def _entry(line: str) -> tuple[str, str]:
    """What `_line` was given."""
    escaped = line.startswith("\\")
    digest, name = line.removeprefix("\\").split("  ", 1)
    if escaped:
        back = {code: char for char, code in ESCAPES.items()}
        name = re.sub(r"\\.", lambda match: back[match[0]], name)
    return name, digest
