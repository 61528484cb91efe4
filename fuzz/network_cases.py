"""Networks for restorers from anyone: built to be hostile, and mutants of those and of the shipped ones.

A case is a byte that tells the restorer, and the network.
"""

import ctypes
import os
import random
import struct
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

with suppress(ImportError):  # there are no networks then: see seeds
    from onnx import TensorProto, helper

import apercu
from apercu.errors import ModelError
from apercu.restore import diffusion, gan, networks, rnn, squares, told
from calls import call
from mutate import havoc
from scripts.pictures import scene

SHIPPED = Path(networks.__file__).parent.parent / "weights"
CHANNELS = {
    "cnn": (squares.OUT + told.n_told("apercu"), squares.OUT),
    "rnn": (rnn.GIVEN + rnn.FOUND, rnn.FOUND),
    "gan": (gan.CHANNELS, squares.OUT),
    "diffusion": (diffusion.GIVEN + diffusion.NOISE, diffusion.BANDS),
}
"""Of what the network of each restorer takes and gives."""
RESTORERS = tuple(CHANNELS)
CANARY = b"\0\0\x80\x3f" * max(found * given for given, found in CHANNELS.values())
"""At least of the size of a layer's weights, so that a runtime that reads it goes on."""
PLACES = (
    "canary.bin", "./canary.bin", "../canary.bin", "link.bin", "sub/../canary.bin", "{folder}/canary.bin",
    "sub/canary.bin", "no-such-file", "", "/dev/zero", "/etc/passwd", "canary.bin\0", "//{folder}/canary.bin", "fifo",
)  # fmt: skip


class Ends(NamedTuple):
    """Names of a network's input and output, and their channels."""

    given: str
    found: str
    n_given: int
    n_found: int


class Watch:
    """Files in a folder, and in those around it, that anything in this process opens: also where no Python does."""

    OPENED, IS_FOLDER = 0x20, 0x40000000  # IN_OPEN, IN_ISDIR

    def __init__(self, folder: Path) -> None:
        for place in (folder.parent, folder, folder / "sub"):
            place.mkdir(exist_ok=True)
            (place / "canary.bin").write_bytes(CANARY)
        self.folder = folder
        link, fifo = folder / "link.bin", folder / "fifo"
        link.unlink(missing_ok=True)
        link.symlink_to(folder.parent / "canary.bin")
        if not fifo.exists():
            os.mkfifo(fifo)
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.queue = self.libc.inotify_init1(os.O_NONBLOCK)
        if self.queue < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        for place in (folder.parent, folder, folder / "sub"):
            self.libc.inotify_add_watch(self.queue, os.fsencode(place), self.OPENED)

    def opened(self) -> set[str]:
        """Names of the files that were opened since the last call, not of folders, which any search opens."""
        found = set()
        while True:
            try:
                events = os.read(self.queue, 1 << 16)
            except BlockingIOError:
                return found
            at = 0
            while at < len(events):
                mask, _, length = struct.unpack_from("III", events, at + 4)
                if not mask & self.IS_FOLDER:
                    found.add(events[at + 16 : at + 16 + length].rstrip(b"\0").decode())
                at += 16 + length


def seeds() -> list[bytes]:
    """Networks that serve, to be mutated; nothing where a package is missing that makes or runs them."""
    if find_spec("onnx") is None or find_spec("onnxruntime") is None:
        return []
    shipped = [bytes([RESTORERS.index(name)]) + (SHIPPED / f"{name}.onnx").read_bytes() for name in RESTORERS]
    return [*shipped, *(_plain_case(name) for name in RESTORERS)]


def _plain_case(restorer: str) -> bytes:
    """A network of one layer that serves."""
    ends = Ends(networks.INPUT, networks.OUTPUT, *CHANNELS[restorer])
    shapes = [1, ends.n_given, "h", "w"], [1, ends.n_found, "h", "w"]
    return _case(restorer, ends, shapes, TensorProto.FLOAT, _plain(random.Random(0), ends, Path(), (None,)))


def mutant(rng: random.Random, networks: list[bytes], folder: Path) -> bytes:
    """One hostile network."""
    if rng.random() < 0.7:
        data = _network(rng, rng.choice(tuple(BODIES)), folder)
        return havoc(rng, data, data) if rng.random() < 0.15 else data
    data = rng.choice(networks)
    at = rng.choice((rng.randrange(1, len(data)), rng.randrange(1, min(len(data), 300)), max(len(data) - 300, 1)))
    return data[:at] + havoc(rng, data[at : at + 400], data[:300]) + data[at + 400 :]


def run(
    rng: random.Random, data: bytes, faults: list[str], count: Callable[[str], None], watch: Watch, file: bytes
) -> None:
    """Restores with a network: an image, or a ModelError; no other file is opened."""
    path = watch.folder / "network.onnx"
    path.write_bytes(data[1:])
    how = {"restore": RESTORERS[data[0] % len(RESTORERS)], "network": path}
    watch.opened()
    image = call(faults, "decode (network)", ModelError, apercu.decode, file, **how, seconds=10.0)
    opened = watch.opened() - {"network.onnx"}
    if opened:
        faults.append(f"a network opened {sorted(opened)}")
    if not isinstance(image, Exception) and (image.shape, image.dtype) != ((96, 128, 3), np.uint8):
        faults.append(f"restored as {image.shape} {image.dtype}")
    count("restored" if not isinstance(image, Exception) else type(image).__name__)


def picture() -> bytes:
    """A file whose blocks the network is trusted with."""
    return apercu.encode(scene(96, 128, 3), quality=35)


def _network(rng: random.Random, kind: str, folder: Path = Path("/nowhere")) -> bytes:
    """A case; most networks take and give what `apercu train` makes for the restorer."""
    restorer = rng.choice(("cnn", "cnn", *RESTORERS))  # most faults that are looked for are of this one
    ends = Ends(networks.INPUT, networks.OUTPUT, *CHANNELS[restorer])
    shape_in, shape_out = [1, ends.n_given, "h", "w"], [1, ends.n_found, "h", "w"]
    element = TensorProto.FLOAT
    if rng.random() < 0.1:
        shape_in = rng.choice(([1, ends.n_given, 8, 8], shape_in[:2], [1, 3, "h", "w"], [0, ends.n_given, 0, 0], []))
    if rng.random() < 0.1:
        shape_out = rng.choice(
            ([*shape_out[:2], 1, 1], [1], shape_out[:2], [1 << 40, *shape_out[1:]], ["n", *shape_out[1:]])
        )
    if rng.random() < 0.05:
        given, found = rng.choice((("x", "y"), ("", ""), (networks.INPUT, networks.INPUT)))
        ends = ends._replace(given=given, found=found)
    if rng.random() < 0.05:
        element = rng.choice(
            (TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.INT8, TensorProto.STRING, TensorProto.BOOL)
        )
    opset = 17 if rng.random() < 0.95 else rng.choice((9, 999))
    version = 8 if rng.random() < 0.95 else rng.choice((3, 99))
    parts = BODIES[kind](rng, ends, folder)
    return _case(restorer, ends, (shape_in, shape_out), element, parts, opset, version)


def _case(
    restorer: str, ends: Ends, shapes: tuple[Any, Any], element: Any, parts: "Parts", opset: int = 17, version: int = 8
) -> bytes:
    tensors = [helper.make_tensor_value_info(name, element, of) for name, of in zip(ends[:2], shapes, strict=True)]
    nodes, initialisers = parts
    graph = helper.make_graph(nodes, "g", tensors[:1], tensors[1:], initialisers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=version)
    return bytes([RESTORERS.index(restorer)]) + bytes(model.SerializeToString())


Parts = tuple[list[Any], list[Any]]
"""Nodes and initialisers."""
Body = Callable[[random.Random, Ends, Path], Parts]


SPECIAL = (None, None, np.nan, np.inf, 3e38, 0)


def _weights(rng: random.Random, ends: Ends, special: tuple[float | None, ...] = SPECIAL) -> Any:
    values = np.random.default_rng(rng.randrange(1 << 30)).standard_normal(ends.n_found * ends.n_given) * 0.01
    found = rng.choice(special)
    if found is not None:
        values[:: rng.choice((1, 7))] = found
    raw = values.astype(np.float32).tobytes()
    return helper.make_tensor("w", TensorProto.FLOAT, [ends.n_found, ends.n_given, 1, 1], raw, raw=True)


def _plain(rng: random.Random, ends: Ends, folder: Path, special: tuple[float | None, ...] = SPECIAL) -> Parts:
    return [helper.make_node("Conv", [ends.given, "w"], [ends.found])], [_weights(rng, ends, special)]


def _external(rng: random.Random, ends: Ends, folder: Path) -> Parts:
    """Weights that lie in another file: as an initialiser, in a constant, in a branch."""
    tensor = TensorProto(
        name="w",
        data_type=TensorProto.FLOAT,
        dims=[ends.n_found, ends.n_given, 1, 1],
        data_location=TensorProto.EXTERNAL,
    )
    whole = str(4 * ends.n_found * ends.n_given)
    entries = {
        "location": rng.choice(PLACES).format(folder=folder),
        "offset": rng.choice(("0", "0", "4", "-1", "x")),
        "length": rng.choice((whole, whole, "1", str(1 << 50))),
    }
    for key, value in entries.items():
        if rng.random() < 0.9:
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value
    kind = rng.randrange(3)
    conv = helper.make_node("Conv", [ends.given, "w"], [ends.found])
    if kind == 0:
        return [conv], [tensor]
    if kind == 1:
        return [helper.make_node("Constant", [], ["w"], value=tensor), conv], []
    inner = helper.make_graph(
        [helper.make_node("Conv", [ends.given, "w"], ["inner"])], "branch", [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [1, ends.n_found, "h", "w"])], [tensor],
    )  # fmt: skip
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    return [helper.make_node("If", ["yes"], [ends.found], then_branch=inner, else_branch=inner)], [yes]


def _loop(rng: random.Random, ends: Ends, folder: Path) -> Parts:
    """A loop of some turns, within a loop perhaps; endless ones would only show that they can be interrupted."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Mul", ["x", "x"], ["x2"])],
        "body",
        [value("turn", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("x", TensorProto.FLOAT, None)],
        [value("on", TensorProto.BOOL, []), value("x2", TensorProto.FLOAT, None)],
    )
    turns = helper.make_tensor("turns", TensorProto.INT64, [], [rng.choice((0, 1, 50, -1, -(1 << 63)))])
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    conv = helper.make_node("Conv", [ends.given, "w"], ["first"])
    loop = helper.make_node("Loop", ["turns", "yes", "first"], [ends.found], body=body)
    return [conv, loop], [_weights(rng, ends), turns, yes]


def _other_result(rng: random.Random, ends: Ends, folder: Path) -> Parts:
    """Something that is no tensor of the right shape and type comes out."""
    conv = helper.make_node("Conv", [ends.given, "w"], ["first"])
    kind = rng.choice((TensorProto.DOUBLE, TensorProto.STRING, TensorProto.INT8))
    last = rng.choice((
        helper.make_node("SequenceConstruct", ["first"], [ends.found]),
        helper.make_node("Shape", ["first"], [ends.found]),
        helper.make_node("Transpose", ["first"], [ends.found], perm=[0, 1, 3, 2]),
        helper.make_node("Cast", ["first"], [ends.found], to=kind),
        helper.make_node("ReduceSum", ["first"], [ends.found]),
        helper.make_node("Optional", ["first"], [ends.found]),
        helper.make_node("Identity", ["nothing"], [ends.found]),
        helper.make_node("NoSuchOperator", ["first"], [ends.found]),
        helper.make_node("Log", ["first"], [ends.found]),
        helper.make_node("Gather", ["first", "turns"], [ends.found], axis=rng.choice((0, 1, 3, 9))),
    ))  # fmt: skip
    turns = helper.make_tensor("turns", TensorProto.INT64, [1], [rng.choice((0, 5, -1, 1 << 62))])
    return [conv, last], [_weights(rng, ends), turns]


def _large(rng: random.Random, ends: Ends, folder: Path) -> Parts:
    """Few bytes that ask for much."""
    side = rng.choice((1, 1 << 16, 1 << 31, 1 << 40, -1))
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [side, rng.choice((side, 3))])
    made = helper.make_node("ConstantOfShape", ["shape"], ["much"])
    conv = helper.make_node("Conv", [ends.given, "w"], ["first"])
    end = helper.make_node("ReduceMax", ["much"], ["one"], keepdims=0)
    return [made, conv, end, helper.make_node("Add", ["first", "one"], [ends.found])], [
        _weights(rng, ends),
        shape,
    ]


def _long(rng: random.Random, ends: Ends, folder: Path) -> Parts:
    """A long chain, a circle, or the same name twice."""
    n = rng.choice((1, 30, 700))
    chain = [helper.make_node("Relu", [f"v{i}"], [f"v{i + 1}"]) for i in range(n)]
    kind = rng.randrange(4)
    if kind == 0:
        chain.append(helper.make_node("Relu", [f"v{n}"], ["v0"]))
    if kind == 1:
        chain.append(helper.make_node("Relu", ["v0"], [f"v{n}"]))
    first, last = helper.make_node("Conv", [ends.given, "w"], ["v0"]), helper.make_node("Relu", [f"v{n}"], [ends.found])
    return [*([first] if kind else []), *chain, last], [_weights(rng, ends)]


def _deep(rng: random.Random, ends: Ends, folder: Path) -> Parts:
    """Branches within branches."""
    out = helper.make_tensor_value_info("r", TensorProto.FLOAT, None)
    inner = helper.make_graph([helper.make_node("Conv", [ends.given, "w"], ["r"])], "leaf", [], [out])
    for level in range(rng.choice((1, 10, 30))):
        branches = {"then_branch": inner, "else_branch": inner} if level < 8 else {"then_branch": inner}
        inner = helper.make_graph([helper.make_node("If", ["yes"], ["r"], **branches)], "b", [], [out])
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [rng.random() < 0.5])
    node = helper.make_node("If", ["yes"], [ends.found], then_branch=inner, else_branch=inner)
    return [node], [_weights(rng, ends), yes]


def _division(rng: random.Random, ends: Ends, folder: Path) -> Parts:
    """Of integers that are known when it is run only: by 0, or of the least one by -1, which traps."""
    element, bits = rng.choice(((TensorProto.INT32, 32), (TensorProto.INT64, 64), (TensorProto.INT8, 8)))
    numbers = {"a": rng.choice((-1 << (bits - 1), -1 << (bits - 1), 7)), "b": rng.choice((-1, -1, 0, 3))}
    nodes = [
        helper.make_node("Conv", [ends.given, "w"], ["first"]),
        helper.make_node("Shape", ["first"], ["sides"]),
        helper.make_node("Gather", ["sides", "place"], ["one64"]),
        helper.make_node("Cast", ["one64"], ["one"], to=element),
        *(helper.make_node("Mul", ["one", name], [2 * name]) for name in numbers),
        helper.make_node(rng.choice(("Div", "Div", "Mod")), ["aa", "bb"], ["c"]),
        helper.make_node("Cast", ["c"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["first", "float"], [ends.found]),
    ]
    tensors = [helper.make_tensor(name, element, [1], [value]) for name, value in numbers.items()]
    return nodes, [_weights(rng, ends), helper.make_tensor("place", TensorProto.INT64, [1], [0]), *tensors]


def _odd(rng: random.Random, ends: Ends, folder: Path) -> Parts:
    """Attributes out of their range, and inputs that are left out: some of these end the process that runs them."""
    number = rng.choice((0, 1, -1, -2, 7, -128, 1 << 31, -1 << 31, 1 << 62, -1 << 63))
    several = [rng.choice((0, 1, 1, -1, 3, number)) for _ in range(rng.choice((2, 2, 4)))]
    x, places = "first", "places"
    odd = rng.choice((
        helper.make_node("GatherND", [x, places], ["odd"], batch_dims=number),
        helper.make_node("GatherElements", [x, places], ["odd"], axis=number),
        helper.make_node("LayerNormalization", [x, "", x], ["odd"], axis=number),
        helper.make_node(rng.choice(("Min", "Max", "Sum")), [x, x, ""], ["odd"]),
        helper.make_node(rng.choice(("Concat", "Concat", "Split")), [x], ["odd"], axis=number),
        helper.make_node("MaxPool", [x], ["odd"], kernel_shape=several, strides=several[::-1]),
        helper.make_node("Conv", [x, "w"], ["odd"], group=number, dilations=several, pads=several * 2),
        helper.make_node("DepthToSpace", [x], ["odd"], blocksize=number),
        helper.make_node("Slice", [x, places, places, places, places], ["odd"]),
        helper.make_node("Pad", [x, places], ["odd"]),
        helper.make_node("Reshape", [x, places], ["odd"], allowzero=number),
    ))  # fmt: skip
    values = helper.make_tensor("places", TensorProto.INT64, [len(several)], several)
    nodes = [
        helper.make_node("Conv", [ends.given, "w"], ["first"]),
        odd,
        helper.make_node("ReduceMax", ["odd"], ["m"], keepdims=0),
        helper.make_node("Add", ["first", "m"], [ends.found]),
    ]
    return nodes, [_weights(rng, ends), values]


BODIES: dict[str, Body] = {
    "plain": _plain, "external": _external, "loop": _loop, "other result": _other_result, "large": _large,
    "long": _long, "deep": _deep, "division": _division, "odd": _odd,
}  # fmt: skip
