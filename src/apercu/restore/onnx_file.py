"""What an ONNX file of a stranger may hold, looked at before ONNX Runtime sees it.

ONNX is a protobuf. This walks through its fields without the `onnx` package. It refuses tensors whose data are in other
files, what can grow without a limit of memory (functions that call functions, sparse tensors, text), and operators that
are not ONNX's own. The numbers of fields are those of onnx.proto, IR version 14.
"""

from collections.abc import Callable, Iterator
from math import prod

from apercu.errors import ModelError

MOST_BYTES = 1 << 28
"""Of a file. The shipped network has 2 MB."""
MOST_FIELDS, MOST_NODES, DEEPEST = 500_000, 5_000, 20
"""In a file: fields of protobuf, nodes of all graphs, and graphs within graphs (of loops and conditions)."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types; groups (3, 4) are no part of ONNX
_FIELDS = {
    "model": {1, 2, 3, 4, 5, 6, 7, 8, 14},
    "graph": {1, 2, 5, 10, 11, 12, 13, 14, 16},
    "node": {1, 2, 3, 4, 5, 6, 7, 8, 9},
    "attribute": {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 20, 21},
    "tensor": {1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 14, 16},
}
_INSIDE = {
    ("model", 7): "graph",
    ("graph", 1): "node",
    ("graph", 5): "tensor",
    ("node", 5): "attribute",
    ("attribute", 5): "tensor",
    ("attribute", 6): "graph",
    ("attribute", 10): "tensor",
    ("attribute", 11): "graph",
}
_REFUSED = {
    ("model", 20): "what training needs",
    ("model", 25): "functions",
    ("model", 26): "a configuration of devices",
    ("graph", 15): "sparse tensors",
    ("node", 10): "a configuration of devices",
    ("attribute", 22): "sparse tensors",
    ("attribute", 23): "sparse tensors",
    ("tensor", 3): "tensors in segments",
    ("tensor", 6): "text",
    ("tensor", 13): "data outside the file",
}
_DIMS, _DATA_TYPE, _DATA_LOCATION, _OP_TYPE, _DOMAIN, _NAME, _INTEGER = 1, 2, 14, 4, 7, 1, 3
_TEXT = 8  # the data type
_OWN = (b"", b"ai.onnx")

_Field = tuple[int, int, int | memoryview]


def check(data: bytes) -> None:
    """Raise ModelError where a file holds what no network of a user may, or is not ONNX."""
    if len(data) > MOST_BYTES:
        raise ModelError(f"has more than {MOST_BYTES >> 20} MiB")
    n_fields = n_nodes = 0

    def walk(message: memoryview, kind: str, depth: int) -> None:
        nonlocal n_fields, n_nodes
        n_nodes += kind == "node"
        if depth > 3 * DEEPEST or n_nodes > MOST_NODES:  # a graph, a node and an attribute are three messages
            raise ModelError(f"has more than {MOST_NODES} nodes, or more than {DEEPEST} graphs within each other")
        found: list[_Field] = []
        for field in _fields(message):
            n_fields += 1
            if n_fields > MOST_FIELDS:
                raise ModelError(f"has more than {MOST_FIELDS} parts")
            number, _, value = field
            if what := _REFUSED.get((kind, number)):
                raise ModelError(f"holds {what}")
            if number not in _FIELDS[kind]:
                raise ModelError("is not ONNX, or newer than what is known here")
            if inside := _INSIDE.get((kind, number)):
                if not isinstance(value, memoryview):
                    raise ModelError("is not ONNX")
                walk(value, inside, depth + 1)
            else:
                found.append(field)
        if kind in _CHECKS:
            _CHECKS[kind](found, len(message))

    if data[4:8] == b"ORTM":
        raise ModelError("is of ONNX Runtime's own format, not ONNX")
    walk(memoryview(data), "model", 0)


def _check_node(fields: list[_Field], _: int) -> None:
    for number, _, value in fields:
        if number == _DOMAIN and not (isinstance(value, memoryview) and bytes(value) in _OWN):
            name = b" ".join(bytes(v) for n, _, v in fields if n == _OP_TYPE and isinstance(v, memoryview))
            raise ModelError(f"has an operator that is not ONNX's own: {name[:40].decode(errors='replace')}")


def _check_attribute(fields: list[_Field], _: int) -> None:
    names = [bytes(value) for number, _, value in fields if number == _NAME and isinstance(value, memoryview)]
    numbers = [value & 0xFFFFFFFF for number, _, value in fields if number == _INTEGER and isinstance(value, int)]
    if any(name.startswith(b"value_string") for name in names) or (b"to" in names and _TEXT in numbers):
        raise ModelError("holds text")


def _check_tensor(fields: list[_Field], n_bytes: int) -> None:
    dims: list[int] = []
    for number, wire, value in fields:
        if number == _DIMS:
            dims += list(_varints(value)) if isinstance(value, memoryview) else [value]
        elif number == _DATA_LOCATION and value != 0:
            raise ModelError("holds data outside the file")
        elif number == _DATA_TYPE and (wire != _VARINT or value == _TEXT):
            raise ModelError("holds text")
    if len(dims) > 16 or prod(dims) > 8 * n_bytes:  # elements of one bit are the smallest
        raise ModelError("has a tensor that is larger than its data")


_CHECKS: dict[str, Callable[[list[_Field], int], None]] = {
    "node": _check_node,
    "attribute": _check_attribute,
    "tensor": _check_tensor,
}


def _fields(message: memoryview) -> Iterator[_Field]:
    """(number, wire type, value) of every field of a message; a value is an int or bytes."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, wire, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(wire)
        if wire == _BYTES:
            size, at = _varint(message, at)
        if size is None or number == 0 or size > end - at:
            raise ModelError("is not ONNX")
        part = message[at : at + size]
        yield number, wire, part if wire == _BYTES else int.from_bytes(part, "little")
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of up to ten bytes, and where the next field begins."""
    value = 0
    for place in range(min(10, len(message) - at)):
        byte = message[at + place]
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise ModelError("is not ONNX")


def _varints(packed: memoryview) -> Iterator[int]:
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value
