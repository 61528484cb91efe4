"""A small recurrent network for tests: one layer, whose step changes residual and state everywhere."""

import numpy as np

from apercu.restore import networks
from apercu.restore.rnn import FOUND, GIVEN


def step_file(channels=(GIVEN + FOUND, FOUND)):
    """An ONNX file: what a step has found by now, and a little of all that it is given, in squares of 3 × 3."""
    from onnx import TensorProto, helper

    n_given, n_found = channels
    weights = np.random.default_rng(4).normal(size=(n_found, n_given, 3, 3)).astype(np.float32) * np.float32(0.005)
    weights[np.arange(n_found), np.arange(n_given)[-n_found:], 1, 1] += 1
    sides = ["down", "across"]
    graph = helper.make_graph(
        [helper.make_node("Conv", [networks.INPUT, "weights"], [networks.OUTPUT], pads=[1, 1, 1, 1])],
        "step",
        [helper.make_tensor_value_info(networks.INPUT, TensorProto.FLOAT, [1, n_given, *sides])],
        [helper.make_tensor_value_info(networks.OUTPUT, TensorProto.FLOAT, [1, n_found, *sides])],
        [helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.tobytes(), raw=True)],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return made.SerializeToString()
