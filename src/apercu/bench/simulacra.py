"""SSIMULACRA2, by the package of that name."""

from io import BytesIO

import numpy as np
from PIL import Image

from apercu.bench.planes import checked
from apercu.errors import MissingExtra, OptionError
from apercu.stages.colour import Samples

SMALLEST_SSIMULACRA2 = 8


def ssimulacra2(original: Samples, decoded: Samples) -> float:
    """SSIMULACRA2, 100 for equal images, about 70 for high quality, 30 for low, and below 0 for worse.

    Sneyers, "SSIMULACRA 2", 2022 (Cloudinary), as the package `ssimulacra2` has it: structure, artefacts and lost
    detail of XYB at six scales, with weights fitted to people's judgements of images compressed to 0.5 bits a pixel and
    more. Of uint8 alone, (H, W) or RGB. Raises OptionError, also for a side below 8 pixels, and MissingExtra.
    """
    checked(original, decoded, SMALLEST_SSIMULACRA2)
    if not takes(original):
        raise OptionError("SSIMULACRA2 takes grey or RGB images of uint8")
    try:
        from ssimulacra2 import compute_ssimulacra2
    except ImportError:
        raise MissingExtra("the metric ssimulacra2 needs ssimulacra2: pip install 'apercu[measures]'") from None
    return float(compute_ssimulacra2(*(_file(image) for image in (original, decoded))))


def takes(image: Samples) -> bool:
    """Whether an image is grey or RGB, of 8 bits."""
    return image.dtype == np.uint8 and (image.ndim == 2 or image.shape[2] in (1, 3))


def _file(image: Samples) -> BytesIO:
    """What the package reads images from."""
    file = BytesIO()
    Image.fromarray(image.squeeze()).save(file, "PNG", compress_level=0)
    return file
