"""What a head may declare, before memory is set aside for it."""

from apercu.codecs.by_name import codec_of
from apercu.codecs.protocol import Setting
from apercu.errors import CorruptStream, TooLarge, size_of
from apercu.format.container import Header
from apercu.stages.arguments import check_limit

_LARGEST_BLOCK = 16
"""Pixels a side: of places of `rnn`, and of what any codec codes of luma and chroma together."""
_FEW_SAMPLES = 1 << 24
"""Samples of whole blocks that any limit allows."""


def check_head(header: Header, max_pixels: int | None) -> Setting:
    """The setting of a file; raises TooLarge for an image above the limit, before memory is allocated for it,
    CorruptStream for layers or settings that its codec does not have, and OptionError for a limit that is none."""
    check_size(header.height, header.width, header.n_bands, max_pixels)
    codec = codec_of(header.codec)
    if codec.DOMAIN == "planes":
        _check_blocks(header, max_pixels)
    if header.n_layers > codec.MOST_LAYERS:
        most = "one layer" if codec.MOST_LAYERS == 1 else f"{codec.MOST_LAYERS} layers at most"
        raise CorruptStream(f"{header.codec} has {most}, not {header.n_layers}")
    setting: Setting = codec.setting_of(header)
    return setting


def _check_blocks(header: Header, max_pixels: int | None) -> None:
    """Raises TooLarge where whole blocks make far more samples than the limit allows: a row of one pixel takes the time
    and the memory of a row of blocks."""
    down, across = -(-header.height // _LARGEST_BLOCK), -(-header.width // _LARGEST_BLOCK)
    n_samples = _LARGEST_BLOCK**2 * down * across * header.n_bands
    if max_pixels is not None and n_samples > max(8 * max_pixels, _FEW_SAMPLES):
        raise TooLarge(
            f"{size_of(header.width, header.height, header.n_bands)} take {n_samples} samples in whole blocks, more "
            f"than apercu.MAX_PIXELS = {max_pixels} allows; raise it, or set it to None, for a file that you trust"
        )


def check_size(height: int, width: int, n_bands: int, max_pixels: int | None) -> None:
    """Raises TooLarge for an image above the limit, and OptionError for a limit that is none."""
    check_limit("apercu.MAX_PIXELS", max_pixels)
    if max_pixels is not None and (height * width > max_pixels or height * width * n_bands > 4 * max_pixels):
        raise TooLarge(
            f"{size_of(width, height, n_bands)} are more than apercu.MAX_PIXELS = {max_pixels} allows; raise it, or "
            "set it to None, for a file that you trust"
        )
