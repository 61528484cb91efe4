"""Exit codes, and what goes to standard error."""

import os
import sys

EXIT_FAULTS, EXIT_MISTAKE, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 1, 2, 130, 141


def complain(message: str) -> None:
    """Print one line on standard error, as the command's own."""
    print("apercu:", " ".join(message.split()), file=sys.stderr)


def describe(error: Exception) -> str:
    """What an error says; for an OSError `file: what is wrong`, without its number."""
    if isinstance(error, OSError):
        what = error.strerror or str(error)
        return what if error.filename is None else f"{os.fsdecode(error.filename)}: {what}"
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}" if str(error) else "not enough memory"
    return str(error)
