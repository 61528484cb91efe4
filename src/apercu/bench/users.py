"""What users bring themselves, `"module:function"`: a metric, a task for a network."""

import importlib
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

from apercu.errors import OptionError

_NOT_THEIRS = (str(Path(__file__).parents[1]), *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))
"""Where lines of code lie that a user did not write."""


def load(name: str, what: str) -> Callable[..., Any]:
    """A function by its name, `"module:function"`; `what` is what errors call it.

    The module is looked for where Python looks, and last in the current folder, which stays on `sys.path`.

    Raises OptionError: no such module or function, or an error while the module is imported.
    """
    module_name, colon, path = name.partition(":")
    if not (colon and module_name and path):
        raise OptionError(f"a {what} of one's own is named module:function, not {name!r}")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        function = attrgetter(path)(importlib.import_module(module_name))
    except AttributeError as error:
        raise OptionError(f"{what} {name}: {error}") from error
    except (Exception, SystemExit) as error:  # a user's module can raise anything
        hint = f"; it is named {module_name[:-3]}:{path}, without .py" if module_name.endswith(".py") else ""
        raise OptionError(f"{what} {name}: {module_name} cannot be imported: {said(error)}{hint}") from error
    if not callable(function):
        raise OptionError(f"{what} {name}: {path} is a {type(function).__name__}, not a function")
    found: Callable[..., Any] = function
    return found


def said(error: BaseException) -> str:
    """An error of a user's code, in words, with the last line of theirs that led to it."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [one for one in frames if os.path.isfile(one.filename) and not one.filename.startswith(_NOT_THEIRS)]
    where = f" ({os.path.basename(theirs[-1].filename)}, line {theirs[-1].lineno})" if theirs else ""
    return f"{type(error).__name__}: {error}{where}"
