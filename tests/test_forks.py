"""Children of fork while other threads use the codec: each does its work and ends.

In processes of their own, because Python warns of forks beside threads, and a warning fails a test.
"""

import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")

PROGRAM = """
import os, signal, sys, threading, time
import apercu
from apercu.kernel import memory
from scripts.pictures import scene

sys.setswitchinterval(1e-5)
restore, codec, n_children, busy = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "busy"
image = scene(80, 80, 3, 3) if restore != "none" else scene(24, 40, 3)

def work():
    data = apercu.encode(image, quality=45, codec=codec)
    return data, apercu.decode(data, restore=restore).tobytes()

wanted, over = work(), threading.Event()

def go_on():
    while not over.is_set():
        work()
        for _ in range(1000):  # the part that threads share, as often as in many encodings
            memory.give_back(memory.borrow(1000))

threads = [threading.Thread(target=go_on) for _ in range(3 if busy else 0)]
for thread in threads:
    thread.start()
hung = wrong = 0
for _ in range(n_children):
    child = os.fork()
    if child == 0:
        sys.exit(0 if work() == wanted else 3)  # an end with all that Python does at its end
    until = time.monotonic() + 60  # a child that hangs hangs for ever; a busy machine is no fault
    while (found := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < until:
        time.sleep(0.001)
    if found[0] == 0:
        hung += 1
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        break
    wrong += found[1] != 0
over.set()
for thread in threads:
    thread.join()
print(hung, wrong)
"""


def children(*arguments):
    call = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM, *map(str, arguments)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=200)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(("codec", "n_children"), [("apercu", 25), ("taha2025", 8)])
def test_children_end_while_threads_encode_and_decode(codec, n_children):
    assert children("none", codec, n_children, "busy") == ["0", "0"]


@pytest.mark.parametrize(
    ("restore", "threads"), [("cnn", "busy"), ("cnn", "idle"), ("rnn", "busy"), ("gan", "busy"), ("diffusion", "busy")]
)
def test_children_restore_what_their_parent_has_restored(restore, threads):
    pytest.importorskip("onnxruntime")
    assert children(restore, "apercu", 3, threads) == ["0", "0"]


SIGNALS = """
import signal
import apercu
from apercu.kernel import memory
from scripts.pictures import scene
image = scene(24, 40, 3)
apercu.encode(image)
n = 0
def work(*_):
    global n
    n += 1
    apercu.decode(apercu.encode(image, quality=45))
    signal.setitimer(signal.ITIMER_REAL, 0.001)
signal.signal(signal.SIGALRM, work)
signal.setitimer(signal.ITIMER_REAL, 0.001)
while n < 100:
    memory.give_back(memory.borrow(1000))
signal.setitimer(signal.ITIMER_REAL, 0)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer")
def test_a_signal_handler_may_use_the_codec_in_the_middle_of_its_use():
    subprocess.run([sys.executable, "-c", SIGNALS], check=True, timeout=30)
