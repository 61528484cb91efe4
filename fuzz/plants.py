"""Faults that are planted in the package while it runs, one for each reach of the fuzzer: each has to be found.

The overflow in the kernel is a fault of its own (build.py).
"""

import functools
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import apercu
from apercu.codecs import decoding, tables
from apercu.errors import ApercuError, ModelError
from apercu.format.container import read_header
from apercu.stages.bands import BandCoder

UNUSUAL = ("window", "layers", "damaged")
HELD: list[np.ndarray] = []
Install = Callable[[], None]


def plant(faults: dict[str, tuple[str, Install]]) -> dict[str, str]:
    """Installs them; returns the pattern of the finding that proves each."""
    for _, install in faults.values():
        install()
    return {name: pattern for name, (pattern, _) in faults.items()}


def wrapped(owner: Any, name: str) -> Callable[[Callable[..., Any]], None]:
    """Replaces a function by one that gets the old one as its first argument."""

    def replace(new: Callable[..., Any]) -> None:
        old = getattr(owner, name)

        @functools.wraps(old)
        def call(*arguments: Any, **options: Any) -> Any:
            return new(old, *arguments, **options)

        setattr(owner, name, call)

    return replace


def _bands() -> None:
    @wrapped(BandCoder, "decode")
    def decode(old, self, *arguments):
        if len(self.planes) >= 1000:
            raise RuntimeError("planted: bands")
        return old(self, *arguments)


def _tiles() -> None:
    @wrapped(apercu, "info")
    def info(old, data):
        told = old(data)
        if told["tiles"] >= 500:
            raise KeyError("planted: tiles")
        return told


def _single() -> None:
    @wrapped(apercu, "decode")
    def decode(old, data, **options):
        image = old(data, **options)
        if image.shape[:2] == (1, 1) and image.ndim == 3 and not any(map(options.get, UNUSUAL)):
            raise IndexError("planted: 1x1")
        return image


def _window() -> None:
    @wrapped(apercu, "decode")
    def decode(old, data, window=None, **options):
        image = old(data, window=window, **options)
        return image[:, ::-1] if window and window[1] and read_header(data).n_tiles > 1 else image


def _layers() -> None:
    @wrapped(apercu, "decode")
    def decode(old, data, layers=None, **options):
        return old(data, layers=1 if layers == 2 else layers, **options)


def _bands_model() -> None:
    @wrapped(BandCoder, "encode")
    def encode(old, self, *arguments):
        if self.tables.weights.min() == self.tables.weights.max():
            raise RuntimeError("planted: model of apercu")
        return old(self, *arguments)


def _dual_model() -> None:
    from apercu.codecs import taha2025

    @wrapped(taha2025, "dual_synthesise")
    def synthesise(old, groups, symbols, blocks, weights, step_q3):
        if weights.max() == 32767:
            raise RuntimeError("planted: model of taha2025")
        return old(groups, symbols, blocks, weights, step_q3)


def _rnn_model() -> None:
    from apercu.codecs import rnn

    @wrapped(rnn, "rnn_synthesise")
    def synthesise(old, symbols, networks, chroma):
        if networks.scales.max() == 16383:
            raise RuntimeError("planted: model of rnn")
        return old(symbols, networks, chroma)


def _options() -> None:
    @wrapped(apercu, "encode")
    def encode(old, image, **options):
        data = old(image, **options)
        return data + b"\0" if isinstance(image, np.ma.MaskedArray) and options.get("tile") else data


def _told() -> None:
    @wrapped(apercu, "info")
    def info(old, data):
        told = old(data)
        return told | {"bands": told["bands"] + (told["bands"] > 4 and told["dtype"] == "uint16")}


def _slow() -> None:
    slowed: list[int] = []

    @wrapped(apercu, "info")
    def info(old, data):
        told = old(data)
        if told["layers"] == 5 and not slowed:
            slowed.append(1)
            begin = time.process_time()
            while time.process_time() - begin < 3.2:
                pass
        return told


def _memory() -> None:
    @wrapped(decoding, "check")
    def check(old, data, *arguments):
        if len(data) > 900 and not HELD:
            HELD.extend(np.ones(60 << 20, np.uint8) for _ in range(6))
        return old(data, *arguments)


def _hidden() -> None:
    @wrapped(tables, "of_user")
    def of_user(old, codec, path, *entropy):
        if Path(path).name == "broken.npy":
            try:
                return old(codec, path, *entropy)
            except ModelError as error:
                raise ModelError("hidden") from RecursionError(f"planted: {error}")
        return old(codec, path, *entropy)


def _warning() -> None:
    @wrapped(apercu, "check")
    def check(old, data, **options):
        found: list[ApercuError] = old(data, **options)
        if len(found) > 2:
            warnings.warn("planted", stacklevel=2)
        return found


def _packets() -> None:
    from apercu.bridges import packets

    @wrapped(packets, "from_stream")
    def from_stream(old, *arguments):
        data, n_missing = old(*arguments)
        return data[:-1] + bytes([data[-1] ^ (len(data) > 1000)]), n_missing


def _filled() -> None:
    @wrapped(apercu, "damage")
    def damage(old, data, **options):
        lost = old(data, **options)
        return lost * (lost < lost.max())


OF_FILES: dict[str, tuple[str, Install]] = {
    "bands": ("RuntimeError.*planted: bands", _bands),
    "tiles": ("KeyError.*planted: tiles", _tiles),
    "1x1": ("planted: 1x1", _single),
    "window": ("is not the crop of the whole", _window),
    "layers": ("layers=2 is not what a file shows", _layers),
    "model of apercu": ("RuntimeError.*planted: model of apercu", _bands_model),
    "model of taha2025": ("RuntimeError.*planted: model of taha2025", _dual_model),
    "model of rnn": ("RuntimeError.*planted: model of rnn", _rnn_model),
    "options": ("images raised (ChecksumError|CorruptStream)", _options),
    "info": ("info tells of", _told),
    "packets": (r"bytes differ, \d+ are missing", _packets),
    "filled": ("what is sound is filled", _filled),
    "slow": (r"took \d\.\d s, more than", _slow),
    "memory": ("MB of memory", _memory),
    "hidden": ("RecursionError.*planted", _hidden),
    "warning": ("UserWarning.*planted", _warning),
}


def _picture_error() -> None:
    from apercu.bridges import files

    @wrapped(files, "read")
    def read(old, source, *arguments, page=None, **options):
        found = old(source, *arguments, page=page, **options)
        if page == 1 and source.getbuffer()[:2] == b"II":
            raise RuntimeError("planted: picture")
        return found


def _picture_memory() -> None:
    from apercu.bridges import files

    @wrapped(files, "read")
    def read(old, source, *arguments, **options):
        if bytes(source.getbuffer()[:3]) == b"GIF" and not HELD:
            HELD.append(np.ones(400 << 20, np.uint8))
            HELD.clear()
            HELD.append(np.zeros(1, np.uint8))
        return old(source, *arguments, **options)


def _picture_settings() -> None:
    from PIL import Image

    from apercu.bridges import files

    @wrapped(files, "read")
    def read(old, source, *arguments, **options):
        if bytes(source.getbuffer()[:2]) == b"BM":
            Image.MAX_IMAGE_PIXELS = 4711
        return old(source, *arguments, **options)


def _network_error() -> None:
    from apercu.restore import cnn

    @wrapped(cnn, "load")
    def load(old, codec, options, *more):
        if options.network and b"Loop" in Path(options.network).read_bytes():
            raise ValueError("planted: network")
        return old(codec, options, *more)


def _network_opens() -> None:
    from apercu.restore import cnn

    @wrapped(cnn, "load")
    def load(old, codec, options, *more):
        if options.network and b"canary" in Path(options.network).read_bytes():
            (Path(options.network).parent / "canary.bin").read_bytes()
        return old(codec, options, *more)


def _told_of_blocks() -> None:
    from apercu.restore import cnn

    @wrapped(cnn, "told")
    def told(old, codec, step_q8, evidence, height, width):
        if codec == "stacked_ae" and len(evidence) == 3 and not evidence[1].any():
            raise RuntimeError("planted: told")
        return old(codec, step_q8, evidence, height, width)


def _trust_in_blocks() -> None:
    from apercu.restore import cnn

    @wrapped(cnn, "block_trust")
    def block_trust(old, codec, planes, evidence, step_q8):
        factors = old(codec, planes, evidence, step_q8)
        return [of[:-1] for of in factors] if codec == "taha2025" and step_q8 > 1 << 15 else factors


def _restored_window() -> None:
    from apercu.restore import squares

    @wrapped(squares, "squares")
    def last_row(old, *arguments):
        return list(old(*arguments))[-1:]


OF_OTHERS: dict[str, tuple[str, Install]] = {
    "picture": ("RuntimeError.*planted: picture", _picture_error),
    "memory of a picture": ("MB of memory", _picture_memory),
    "settings": ("MAX_IMAGE_PIXELS", _picture_settings),
    "network": ("ValueError.*planted: network", _network_error),
    "external data": ("opened", _network_opens),
    "told": ("RuntimeError.*planted: told", _told_of_blocks),
    "trust": (r"decode \(restored.*raised", _trust_in_blocks),
    "restored window": ("restored, the Window.* is not the crop", _restored_window),
}
