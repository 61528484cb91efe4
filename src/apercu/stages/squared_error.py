"""How far decoded samples are from those that were encoded."""

from apercu.errors import OptionError
from apercu.kernel import address, checked, function
from apercu.stages.arguments import check_samples
from apercu.stages.colour import Samples, plain_rows

_of_u8 = function("apercu_squared_error_u8", "asasss")
_of_u16 = function("apercu_squared_error_u16", "asasss")

_AT_ONCE = 1 << 25  # samples, after which Ctrl-C is heard


def squared_error(samples: Samples, decoded: Samples) -> int:
    """The sum of the squared differences of two images (H, W, B) of uint8, or of uint16.

    Raises OptionError for arrays of another kind, or that differ in kind.
    """
    check_samples("samples", samples)
    check_samples("decoded", decoded)
    if samples.shape != decoded.shape or samples.itemsize != decoded.itemsize:
        raise OptionError(f"{samples.dtype} of {samples.shape} is compared with {decoded.dtype} of {decoded.shape}")
    a, b = plain_rows(samples), plain_rows(decoded)
    (a_pitch, *_), (b_pitch, *_) = a.strides, b.strides
    height, width, n_bands = samples.shape
    n_rows = max(_AT_ONCE // (width * n_bands), 1)
    of = _of_u16 if samples.itemsize == 2 else _of_u8
    total = 0
    for top in range(0, height, n_rows):
        images = (address(a) + top * a_pitch, a_pitch // a.itemsize, address(b) + top * b_pitch, b_pitch // b.itemsize)
        total += checked(of(*images, width * n_bands, min(n_rows, height - top)))
    return total
