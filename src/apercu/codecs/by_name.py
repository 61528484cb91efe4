"""The codecs by name. The module of one is loaded when it is first used."""

from functools import cache
from importlib import import_module
from typing import cast

from apercu.codecs.protocol import AnyCodec
from apercu.format.ids import CODECS


@cache
def codec_of(name: str) -> AnyCodec:
    """The codec of a name in `apercu.format.ids.CODECS`."""
    return cast(AnyCodec, import_module(f"apercu.codecs.{name}"))


def options_by_codec() -> dict[str, type]:
    """The class of options of every codec."""
    return {name: codec_of(name).Options for name in CODECS}
