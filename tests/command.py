"""The command as a process, what it says of a mistake, and small pictures for it."""

import subprocess
import sys

import numpy as np

X, Y = np.meshgrid(np.arange(96), np.arange(64))
GREY = (X + 2 * Y).astype(np.uint8)
RGB = np.dstack([2 * X, 255 - 2 * X, X + Y]).astype(np.uint8)
RGBA = np.dstack([RGB, 255 - Y]).astype(np.uint8)


def run(*arguments, stdin=b""):
    """The command as a process of its own."""
    call = [sys.executable, "-m", "apercu", *map(str, arguments)]
    return subprocess.run(call, input=stdin, capture_output=True, timeout=60, check=False)


def is_one_line(text):
    return text.startswith("apercu: ") and text.count("\n") == 1 and text.endswith("\n")
