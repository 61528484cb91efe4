"""What all tests share."""

import os
import signal

from hypothesis import settings

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # for tests that import onnxruntime before apercu does

# A shell ignores Ctrl-C in what it runs in the background, and so would the commands that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples every time; no deadline, since a busy machine is no fault.
settings.register_profile("apercu", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("apercu")
