"""Processes that are ended while a file takes the place of another: what they leave."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from picture_bytes import file_of

COMMAND = [sys.executable, "-m", "apercu"]
POSIX = pytest.mark.skipif(os.name != "posix", reason="permissions and signals of POSIX")
needs_unnamed = pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="no files without a name")

# Writes half a file and waits; `named` as where the system has no files without a name.
WAITS = """
import os, sys, time
from apercu.replacing import replacing
from apercu.cli.ending import orderly_end
if "named" in sys.argv: del os.O_TMPFILE
@orderly_end()
def main():
    with replacing(sys.argv[1]) as stream:
        stream.write(b"half")
        stream.flush()
        print(oct(os.stat(stream.fileno()).st_mode & 0o7777), flush=True)
        time.sleep(60)
main()
"""
PLAIN = WAITS.replace("@orderly_end()\n", "")


def ended(path, code, number, *arguments):
    """What a process that is ended while it writes has said, its exit code, and the names that it leaves."""
    with subprocess.Popen([sys.executable, "-c", code, path, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            said = process.stdout.readline()
            process.send_signal(number)
            process.wait(20)
        finally:
            process.kill()
    return said, process.returncode, sorted(os.listdir(path.parent))


@POSIX
@pytest.mark.parametrize("number", [15, 1, 2])
@pytest.mark.parametrize("kept", [[], ["a"]])
@pytest.mark.parametrize("how", ["unnamed", "named"])
def test_a_signal_leaves_nothing_half_written(tmp_path, number, kept, how):
    for name in kept:
        (tmp_path / name).write_bytes(b"before")
    said, code, left = ended(tmp_path / "a", WAITS, number, how)
    assert (said, code, left) == ("0o600\n", -number, kept)
    assert [(tmp_path / name).read_bytes() for name in left] == [b"before"] * len(kept)


@POSIX
@needs_unnamed
@pytest.mark.parametrize("number", [15, 1, 9])
def test_even_a_process_that_is_killed_leaves_nothing(tmp_path, number):
    assert ended(tmp_path / "a", PLAIN, number) == ("0o600\n", -number, [])


@POSIX
def test_a_signal_that_is_ignored_stays_so(tmp_path):
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + WAITS.replace("sleep(60)", "sleep(1)")
    said, code, left = ended(tmp_path / "a", code, signal.SIGHUP)
    assert (said, code, left) == ("0o600\n", 0, ["a"])


@POSIX
@pytest.mark.parametrize("number", [15, 1])
def test_the_command_on_many_files_ends_by_the_signal(tmp_path, number):
    (tmp_path / "out").mkdir()
    smooth = np.add.outer(np.arange(600), np.arange(600)) // 5
    picture = file_of(np.dstack([smooth, smooth[::-1], smooth.T]).astype(np.uint8))
    sources = [f"{name:03}.png" for name in range(200)]
    for name in sources:
        (tmp_path / name).write_bytes(picture)
    call = [*COMMAND, "encode", *sources, "--out", "out", "--bpp", "0.2"]
    with subprocess.Popen(call, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        try:
            while not os.listdir(tmp_path / "out") and process.poll() is None:
                time.sleep(0.01)
            time.sleep(1)  # long enough for other processes to be at work
            process.send_signal(number)
            assert process.stdout.read() == b""  # comes when nobody has it open any more
            assert process.wait(20) == -number
        finally:
            process.kill()
    made = os.listdir(tmp_path / "out")
    assert 0 < len(made) < 200
    assert all(name.endswith(".apc") for name in made)
