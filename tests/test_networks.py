"""Networks from strangers: refused before ONNX Runtime sees them, or held within limits of memory and of time."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pytest

import apercu
from apercu.errors import ModelError
from apercu.restore import onnx_file, runtime
from scripts.pictures import scene

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper  # noqa: E402  # after the check that it is there

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
PICTURE = np.tile(scene(80, 80, 3, 3), (2, 2, 1))
DATA = apercu.encode(PICTURE, quality=45)
CHANNELS = [
    helper.make_tensor("from", INT64, [1], [0]),
    helper.make_tensor("to", INT64, [1], [24]),
    helper.make_tensor("axis", INT64, [1], [1]),
]
FIRST_24 = helper.make_node("Slice", ["planes", "from", "to", "axis"], ["first"])


def ints(name, values):
    return helper.make_tensor(name, INT64, [len(values)], values)


def model(nodes, tensors=(), **more):
    """An ONNX file; the nodes make `lack` of `planes`, and of `first`, 24 of its channels."""
    sides = ["down", "across"]
    graph = helper.make_graph(
        [FIRST_24, *nodes],
        "drawn",
        [helper.make_tensor_value_info("planes", FLOAT, [1, 25, *sides])],
        [helper.make_tensor_value_info("lack", FLOAT, [1, 24, *sides])],
        [*CHANNELS, *tensors],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9, **more)


def decoded(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    return apercu.decode(DATA, restore="cnn", network=path)


def refused(path, content):
    """The message, which is one line and begins with the path."""
    with pytest.raises(ModelError) as caught:
        decoded(path, content)
    said = str(caught.value)
    assert said.startswith(f"{path} ")
    assert said.isprintable()
    assert len(said) < len(str(path)) + 300
    return said.removeprefix(f"{path} ")


def halved():
    """A sound network of 0.01 times its input."""
    return model([helper.make_node("Mul", ["first", "a"], ["lack"])], [helper.make_tensor("a", FLOAT, [1], [0.01])])


def test_a_sound_one_runs(tmp_path):
    assert not np.array_equal(decoded(tmp_path / "a.onnx", halved()), apercu.decode(DATA))


# --- Data outside the file


def outside(tensor, location):
    """The tensor with its data in another file."""
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "4")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return tensor


def in_initializer(tensor):
    return model([helper.make_node("Add", ["first", tensor.name], ["lack"])], [tensor])


def in_constant(tensor):
    constant = helper.make_node("Constant", [], ["c"], value=tensor)
    return model([constant, helper.make_node("Add", ["first", "c"], ["lack"])])


def in_list(tensor):
    odd = helper.make_node("Identity", ["first"], ["lack"])
    odd.attribute.append(helper.make_attribute("tensors", [tensor]))
    return model([odd])


def in_branch(tensor):
    """Three conditions deep."""
    output = helper.make_tensor_value_info("out", FLOAT, None)
    graph = helper.make_graph([helper.make_node("Add", ["first", tensor.name], ["out"])], "g", [], [output], [tensor])
    for depth in range(3):
        node = helper.make_node("If", ["yes"], ["out"], then_branch=graph, else_branch=graph)
        graph = helper.make_graph([node], f"g{depth}", [], [output])
    node = helper.make_node("If", ["yes"], ["lack"], then_branch=graph, else_branch=graph)
    return model([node], [helper.make_tensor("yes", TensorProto.BOOL, [1], [True])])


@pytest.mark.parametrize("where", [in_initializer, in_constant, in_list, in_branch])
@pytest.mark.parametrize("location", ["/etc/passwd", "../secret", "secret", "link", ""])
def test_data_outside_the_file_are_refused(tmp_path, monkeypatch, where, location):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_bytes(b"\0\0\x80\x3f")
    os.symlink("/etc/passwd", "link")
    tensor = outside(helper.make_tensor("t", FLOAT, [1], [1.0]), location)
    monkeypatch.setattr(runtime, "_imported", lambda: pytest.fail("ONNX Runtime has seen it"))
    assert refused(tmp_path / "a.onnx", where(tensor)) == "holds data outside the file"


def test_data_outside_in_other_words(tmp_path):
    """As protobuf allows: a place of data in ten bytes, whose lowest 32 bits count; and no description of the data."""
    for value in (b"\x01", b"\x81\x80\x80\x80\x10", b"\x81\x80\x80\x80\x80\x80\x80\x80\x80\x01"):
        tensor = b"\x08\x01\x10\x01" + b"\x70" + value + b"\x42\x01t"
        graph = b"\x2a" + bytes([len(tensor)]) + tensor
        data = b"\x08\x09\x3a" + bytes([len(graph)]) + graph
        assert refused(tmp_path / "a.onnx", data) == "holds data outside the file"


# --- What else is refused before ONNX Runtime sees it


def of_domain(domain):
    return model([helper.make_node("FusedConv", ["first", "w\x1b[31m"], ["lack"], domain=domain)])


def with_function():
    made = halved()
    body = [helper.make_node("Add", ["x", "x"], ["y"])]
    made.functions.append(helper.make_function("own", "Twice", ["x"], ["y"], body, [helper.make_opsetid("", 18)]))
    return made


def with_sparse():
    made = halved()
    values, places = helper.make_tensor("s", FLOAT, [1], [1.0]), helper.make_tensor("p", INT64, [1], [0])
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [1 << 40]))
    return made


def with_training():
    made = halved()
    made.training_info.add().algorithm.name = "a"
    return made


def with_text():
    text = helper.make_tensor("text", TensorProto.STRING, [1], [b"x"])
    return model([helper.make_node("Identity", ["first"], ["lack"])], [text])


def as_text():
    nodes = [helper.make_node("Cast", ["first"], ["s"], to=TensorProto.STRING)]
    return model([*nodes, helper.make_node("Cast", ["s"], ["lack"], to=FLOAT)])


def constant_text():
    return model([helper.make_node("Constant", [], ["s"], value_strings=["x"]), *halved().graph.node[1:]])


def many_nodes():
    chain = [helper.make_node("Relu", [f"x{i}" if i else "first"], [f"x{i + 1}"]) for i in range(6000)]
    return model([*chain, helper.make_node("Identity", ["x6000"], ["lack"])])


def deep():
    graph = b""
    for _ in range(100):  # an attribute that holds a graph, in a node
        for key in (b"\x32", b"\x2a", b"\x0a"):
            graph = key + varint(len(graph)) + graph
    return b"\x3a" + varint(len(graph)) + graph


def varint(number):
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def too_large():
    tensor = helper.make_tensor("huge", FLOAT, [1], [1.0])
    tensor.dims[:] = [1 << 20, 1 << 20]
    return model([helper.make_node("Add", ["first", "huge"], ["lack"])], [tensor])


def negative():
    tensor = helper.make_tensor("odd", FLOAT, [1], [1.0])
    tensor.dims[:] = [-1]
    return model([helper.make_node("Add", ["first", "odd"], ["lack"])], [tensor])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (of_domain("com.microsoft"), "not ONNX's own: FusedConv"),
        (of_domain("ai.onnx.ml"), "not ONNX's own"),
        (with_function(), "holds functions"),
        (with_sparse(), "sparse tensors"),
        (with_training(), "what training needs"),
        (with_text(), "holds text"),
        (as_text(), "holds text"),
        (constant_text(), "holds text"),
        (many_nodes(), "more than 5000 nodes"),
        (deep(), "20 graphs within each other"),
        (too_large(), "larger than its data"),
        (negative(), "larger than its data"),
        (b"\x08\x09" * 500_001, "more than 500000 parts"),
        (b"\x08\x09\x00\x00ORTM" + bytes(100), "own format"),
        (b"\x08\x09\xba\x0f\x00", "newer than what is known"),
        (b"\x08\x09\x38\x07", "is not ONNX"),  # a number where the graph should be
        (b"\x08\x09\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "is not ONNX"),
        (b"\x08" + b"\xff" * 12, "is not ONNX"),
        (b"\x0b\x0c", "is not ONNX"),  # a group
        (b"", "no network"),
    ],
)
def test_refused_by_name(tmp_path, content, words):
    begun = time.monotonic()
    assert words in refused(tmp_path / "a.onnx", content)
    assert time.monotonic() - begun < 20


def test_a_file_that_does_not_end_is_refused():
    if not os.path.exists("/dev/zero"):
        pytest.skip("no /dev/zero")
    with pytest.raises(ModelError, match="more than 256 MiB"):
        apercu.decode(DATA, restore="cnn", network="/dev/zero")


def test_every_cut_and_many_changes_are_refused_or_run(tmp_path, capfd):
    """No other error, and no crash, whatever the bytes are."""
    whole = halved().SerializeToString()
    rng = np.random.default_rng(1)
    contents = [whole[:n] for n in range(0, len(whole), 7)]
    for _ in range(150):
        changed = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 4)):
            changed[place] = rng.integers(256)
        contents.append(bytes(changed))
    for content in contents:
        with suppress(ModelError):
            decoded(tmp_path / "a.onnx", content)
    assert capfd.readouterr() == ("", "")


def test_the_shipped_network_would_pass():
    from apercu.format.weights import FOLDER

    onnx_file.check((FOLDER / "cnn.onnx").read_bytes())


# --- What a run may take


def outer(n):
    """A sum of n² numbers out of 2 n."""
    ramp = helper.make_node("Range", ["zero", "n", "one"], ["r"])
    nodes = [
        ramp,
        helper.make_node("Unsqueeze", ["r", "axis"], ["column"]),
        helper.make_node("Add", ["r", "column"], ["s"]),
    ]
    nodes += [
        helper.make_node("ReduceMean", ["s"], ["m"], keepdims=0),
        helper.make_node("Add", ["first", "m"], ["lack"]),
    ]
    return model(nodes, [helper.make_tensor(k, FLOAT, [], [v]) for k, v in (("zero", 0), ("n", n), ("one", 1))])


def shaped(kind, **more):
    """A node whose output is as large as a few bytes say."""
    n = ints("n", [1 << 17, 1 << 17])
    inputs = {"ConstantOfShape": ["n"], "Expand": ["one", "n"], "Tile": ["grid", "n"]}[kind]
    tensors = [n, helper.make_tensor("one", FLOAT, [1], [1]), helper.make_tensor("grid", FLOAT, [1, 1], [1])]
    nodes = [
        helper.make_node(kind, inputs, ["big"], **more),
        helper.make_node("ReduceMean", ["big"], ["m"], keepdims=0),
    ]
    return model([*nodes, helper.make_node("Add", ["first", "m"], ["lack"])], tensors)


@pytest.mark.parametrize("kind", ["ConstantOfShape", "Expand", "Tile", "outer"])
def test_a_small_file_cannot_ask_for_much_memory(tmp_path, kind):
    """64 GiB in one tensor; 10 GB in a sum."""
    made = outer(50_000) if kind == "outer" else shaped(kind)
    assert "cannot be run" in refused(tmp_path / "a.onnx", made)


def test_what_is_refused_once_does_not_spoil_what_follows(tmp_path):
    refused(tmp_path / "a.onnx", shaped("Expand"))
    assert not np.array_equal(decoded(tmp_path / "b.onnx", halved()), apercu.decode(DATA))


def looping():
    """A loop whose condition is always true."""
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["again"]), helper.make_node("Neg", ["x"], ["y"])],
        "body",
        [info("i", INT64, []), info("c", TensorProto.BOOL, []), info("x", FLOAT, None)],
        [info("again", TensorProto.BOOL, []), info("y", FLOAT, None)],
    )
    loop = helper.make_node("Loop", ["", "yes", "first"], ["lack"], body=body)
    return model([loop], [helper.make_tensor("yes", TensorProto.BOOL, [], [True])])


def test_a_loop_without_an_end_has_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "TRIAL_SECONDS", 0.5)
    assert "takes more than 0.5 seconds" in refused(tmp_path / "a.onnx", looping())


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process")
def test_ctrl_c_ends_a_loop_without_an_end(tmp_path):
    (tmp_path / "a.onnx").write_bytes(looping().SerializeToString())
    (tmp_path / "a.apc").write_bytes(DATA)
    call = (
        "import sys; from apercu.cli.main import main; from apercu.restore import runtime; "
        "run = runtime._stoppable; "
        "runtime._stoppable = lambda *a: (print('runs', flush=True), run(*a))[1]; sys.exit(main())"
    )
    call = [sys.executable, "-c", call, "decode", "a.apc", "a.png", "--restore", "cnn", "--network", "a.onnx"]
    with subprocess.Popen(call, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"runs\n"
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            begun = time.monotonic()
            assert process.wait(30) == 130
            assert time.monotonic() - begun < 8
            assert process.stderr.read() == b"apercu: interrupted\n"
        finally:
            process.kill()
    assert not (tmp_path / "a.png").exists()


def pairs(nodes, tensors=()):
    return model([*nodes], [helper.make_tensor("zero", FLOAT, [1], [0.0]), *tensors])


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([("Div", ["first", "zero"], "lack", {})], "not finite"),
        ([("Exp", ["first"], "e", {}), ("Log", ["zero"], "l", {}), ("Mul", ["e", "l"], "lack", {})], "not finite"),
        ([("Gather", ["first", "far"], "g", {"axis": 1}), ("Add", ["first", "g"], "lack", {})], "cannot be run"),
        (
            [
                ("Cast", ["first"], "i", {"to": TensorProto.INT32}),
                ("Sub", ["i", "i"], "none", {}),
                ("Div", ["i", "none"], "d", {}),
                ("Cast", ["d"], "lack", {"to": FLOAT}),
            ],
            "cannot be run",
        ),
        ([("Transpose", ["first"], "t", {"perm": [0, 1, 3, 2]}), ("MaxPool", ["t"], "lack", {"kernel_shape": [2, 2]})],
         "another size"),
        ([("NoSuchThing", ["first"], "lack", {})], "no network that can be run"),
    ],
)  # fmt: skip
def test_every_failure_is_a_model_error(tmp_path, capfd, nodes, words):
    made = pairs([helper.make_node(kind, given, [out], **how) for kind, given, out, how in nodes], [ints("far", [99])])
    assert words in refused(tmp_path / "a.onnx", made)
    assert capfd.readouterr().err == ""


def test_a_failure_in_the_middle_is_one_as_well(tmp_path):
    """Sound on the square of the trial, of 64 pixels a side, and not on a larger one."""
    nodes = [
        helper.make_node("Slice", ["first", "low", "high", "across"], ["part"]),
        helper.make_node("Add", ["first", "part"], ["lack"]),
    ]
    made = model(nodes, [ints("low", [0]), ints("high", [16]), ints("across", [3])])
    assert "cannot be run" in refused(tmp_path / "a.onnx", made)
