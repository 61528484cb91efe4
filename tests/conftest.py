"""What all tests share."""

import os

from hypothesis import settings

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # for tests that import onnxruntime before apercu does

# The same examples every time; no deadline, since a busy machine is no fault.
settings.register_profile("apercu", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("apercu")
