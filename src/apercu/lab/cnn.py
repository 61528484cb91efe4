"""The network behind restore="cnn": a residual U of two scales on the planes that a decoder has.

Its input is luma in squares of 4×4 samples, chroma in squares of 2×2 (space to depth), and the quantiser step. It
predicts the residual: the original planes minus the decoded ones.
"""

import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from apercu.restore.cnn import IN, INPUT, OUT, OUTPUT

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
    """(N, 25, H / 4, W / 4) to (N, 24, H / 4, W / 4); H and W are multiples of 8. 38,000 products a pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(IN, NEAR, 3, padding=1)
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


def to_input(luma: Tensor, chroma: Tensor, step: Tensor) -> Tensor:
    """Luma (N, 1, H, W), chroma (N, 2, H / 2, W / 2), both in -1 .. 1, and steps (N,), to (N, 25, H / 4, W / 4)."""
    near = functional.pixel_unshuffle(luma, 4)
    colour = functional.pixel_unshuffle(chroma, 2)
    plane = ((torch.log2(step) - 6) / 3)[:, None, None, None].expand(-1, 1, *near.shape[2:])
    return torch.cat([near, colour, plane], 1)


def export(network: Network, path: Path) -> None:
    """Writes an ONNX file: INPUT (1, 25, H / 4, W / 4) to OUTPUT (1, 24, H / 4, W / 4).

    Weights have 16 bits, which halves the file and is far finer than the rounding of pixels; sums have 32.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    shapes = ({2: 2 * torch.export.Dim("down", min=1), 3: 2 * torch.export.Dim("across", min=1)},)
    # Warnings of torch about its own parts and torchvision do not help here.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network.eval(),
            (torch.zeros(1, IN, 32, 32),),
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
