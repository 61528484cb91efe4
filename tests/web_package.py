"""The npm package of web/, built for tests."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).parents[1] / "web"
TOOLS = "clang", "wasm-ld", "node", "npm", "make"
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
LEAST_NODE = 20
if "node" not in MISSING:
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout  # v20.1.0
    if int(version.strip().lstrip("v").split(".")[0]) < LEAST_NODE:
        MISSING.append(f"node {LEAST_NODE}")
NEEDED = pytest.mark.skipif(bool(MISSING), reason=f"not here: {', '.join(MISSING)}")


def build():
    """The folder of the package, which is made first where it is not what its sources say."""
    folder = WEB.parent / "build" / "web"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several processes test at once
        made = subprocess.run(["make", "-s", "-C", str(WEB)], capture_output=True, text=True)
    if "npm.stamp" in made.stderr:
        pytest.skip("npm cannot fetch what the package is built with")
    assert made.returncode == 0, made.stderr
    return WEB / "dist"
