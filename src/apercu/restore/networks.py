"""The networks of restorers: those that were shipped, by name and SHA-256, and those of users, from files."""

import os
from functools import cache
from hashlib import sha256
from pathlib import Path

from apercu.errors import ModelError
from apercu.format.ids import NETWORKS
from apercu.format.weights import naming
from apercu.restore import runtime
from apercu.restore.onnx_file import MOST_BYTES
from apercu.restore.runtime import Network, Values

INPUT, OUTPUT = "planes", "lack"
"""The names of input and output in an ONNX file. `lack` is the residual: networks that are in use have it under this
name."""


def network_of(given: str | Path | None, own: str, codec: str, n_channels: int, n_found: int) -> Network:
    """The shipped network `own`; or one that it took the place of (cnn-1), or a user's file, with so many channels of
    input and output. Raises MissingExtra or ModelError."""
    name = _shipped_name(given, own, codec)
    return shipped(name) if name else _of_user(given, n_channels, n_found)


def digest_of(given: str | Path | None, own: str, codec: str) -> str:
    """SHA-256 of the file of the network that `network_of` gives. Raises ModelError."""
    name = _shipped_name(given, own, codec)
    return NETWORKS[name].sha256 if name else sha256(_read(_path(given))).hexdigest()


def _shipped_name(given: str | Path | None, own: str, codec: str) -> str | None:
    """Of the network that is chosen; None for one of the user's."""
    name = own if given is None else given
    if not (isinstance(name, str) and name in NETWORKS):
        return None
    if name.partition("-")[0] != own:
        raise ModelError(f"the network of this restorer for files of the codec {codec} is {own}, not {name}")
    return name


def shipped_file(name: str) -> bytes:
    """The file of a network of `apercu.format.ids.NETWORKS`. Raises ModelError."""
    known = NETWORKS[name]
    data = _read(Path(__file__).parent.parent / "weights" / known.file)
    if sha256(data).hexdigest() != known.sha256:
        raise ModelError(f"{known.file} is not the file that was shipped: its SHA-256 differs")
    return data


@cache
def shipped(name: str) -> Network:
    """The network of a name in `apercu.format.ids.NETWORKS`, loaded once. Raises MissingExtra or ModelError."""
    return runtime.of_shipped(shipped_file(name))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=shipped.cache_clear)  # the threads of a session do not come along


def _of_user(file: object, n_channels: int, n_found: int) -> Network:
    path = _path(file)
    from apercu.restore.network_process import of_user  # which loads what starts processes

    data = _read(path)
    with naming(path):
        network = of_user(data, [(INPUT, [1, n_channels]), (OUTPUT, [1, n_found])])

    def run(values: Values) -> Values:
        with naming(path):
            return network(values)

    return run


def _path(file: object) -> Path:
    try:
        return Path(file)  # type: ignore[arg-type]  # which says whether it is one
    except TypeError:
        raise ModelError(f"a network is the path of a file, not {file!r}") from None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read the network {path}: {error}") from error
