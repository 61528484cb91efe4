"""What all tests share."""

import os
import signal

from hypothesis import settings

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # for tests that import onnxruntime before apercu does

# A thread for each process, those that tests start among them: beside others on all processors, threads mostly wait for
# each other, busily. What may not depend on threads is tested with several.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Trainings take a GPU where there is one; tests build what they compare with on the processor.
os.environ["CUDA_VISIBLE_DEVICES"] = ""

# A shell ignores Ctrl-C in what it runs in the background, nohup SIGHUP; so would the commands that tests interrupt.
for name, usual in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
        signal.signal(getattr(signal, name), usual)

# The same examples every time; no deadline, since a busy machine is no fault.
settings.register_profile("apercu", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("apercu")
