"""The networks behind restore="cnn": a residual U of two scales on the planes that a decoder has.

The input is luma in squares of 4×4 samples, chroma in squares of 2×2 (space to depth), and what `apercu.restore.told`
has to say, of which the quantiser's step is the first. A network predicts the residual: the original planes minus the
decoded ones.
"""

import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from apercu.restore.networks import INPUT, OUTPUT
from apercu.restore.squares import OUT

NEAR, FAR = 64, 96  # channels at a quarter and at an eighth of the size


class Block(nn.Module):
    """x + conv(relu(conv(x))), (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        more: Tensor = self.second(functional.relu(self.first(x)))
        return x + more


class Network(nn.Module):
    """(N, C, H / 4, W / 4) to (N, 24, H / 4, W / 4); H and W are multiples of 8. 38,000 products a pixel for C = 25."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(channels, NEAR, 3, padding=1)
        self.before = nn.Sequential(Block(NEAR), Block(NEAR), Block(NEAR))
        self.down = nn.Conv2d(NEAR, FAR, 2, stride=2)
        self.far = nn.Sequential(Block(FAR), Block(FAR), Block(FAR))
        self.up = nn.Conv2d(FAR, 4 * NEAR, 1)
        self.after = nn.Sequential(Block(NEAR), Block(NEAR), Block(NEAR))
        self.tail = nn.Conv2d(NEAR, OUT, 3, padding=1)
        nn.init.zeros_(self.tail.weight)

    def forward(self, x: Tensor) -> Tensor:
        """The residual, in the unit of the planes."""
        near = self.before(self.head(x))
        far = functional.pixel_shuffle(self.up(self.far(self.down(near))), 2)
        residual: Tensor = 0.1 * self.tail(self.after(near + far))
        return residual


def to_input(luma: Tensor, chroma: Tensor, told: Tensor) -> Tensor:
    """Luma (N, 1, H, W), chroma (N, 2, H / 2, W / 2), both in -1 .. 1, and what the network is told beside them,
    (N, n, H / 4, W / 4), to (N, 24 + n, H / 4, W / 4)."""
    return torch.cat([functional.pixel_unshuffle(luma, 4), functional.pixel_unshuffle(chroma, 2), told], 1)


def start_from(network: Network, data: bytes) -> None:
    """Takes over the weights of a network that `export` wrote. Of more channels that this one has as its input, the
    weights begin at 0."""
    import onnx
    from onnx import numpy_helper

    known = {one.name: numpy_helper.to_array(one) for one in onnx.load_from_string(data).graph.initializer}
    state = network.state_dict()
    for name, tensor in state.items():
        values = torch.from_numpy(known[name + "_16"].astype(np.float32))
        if name == "head.weight":
            values = functional.pad(values, (0, 0, 0, 0, 0, tensor.shape[1] - values.shape[1]))
        tensor.copy_(values)
    network.load_state_dict(state)


def export(network: nn.Module, channels: int, path: Path, multiple: int = 2) -> None:
    """Writes an ONNX file: INPUT (1, C, h, w) to OUTPUT, of as many places; the last two dimensions are
    multiples of `multiple`.

    Weights have 16 bits, which halves the file and is far finer than the rounding of pixels; sums have 32.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    shapes = ({2: multiple * torch.export.Dim("down", min=1), 3: multiple * torch.export.Dim("across", min=1)},)
    # Warnings of torch about its own parts and torchvision do not help here.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network.eval(),
            (torch.zeros(1, channels, 32, 32),),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=shapes,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    casts = []
    for tensor in list(model.graph.initializer):
        if tensor.data_type != TensorProto.FLOAT:
            continue
        small = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name + "_16")
        casts.append(helper.make_node("Cast", [small.name], [tensor.name], to=TensorProto.FLOAT))
        model.graph.initializer.remove(tensor)
        model.graph.initializer.append(small)
    nodes = casts + list(model.graph.node)
    del model.graph.node[:], model.graph.value_info[:], model.metadata_props[:]
    for node in nodes:
        del node.metadata_props[:]
        node.doc_string = ""
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))
