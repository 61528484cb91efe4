"""What all tests share."""

from hypothesis import settings

# The same examples every time; no deadline, since a busy machine is no fault.
settings.register_profile("apercu", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("apercu")
