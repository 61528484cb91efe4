"""Every way to read a file of apercu's, each held against the others."""

import collections
import random
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import apercu
import apercu.bridges.pillow
from apercu.codecs import scenes
from apercu.codecs.by_name import codec_of
from apercu.errors import ApercuError, ChecksumError, FormatError, ModelError, OptionError, Truncated
from apercu.format.container import Header, read_segments
from apercu.format.ids import CODECS
from apercu.kernel import memory
from calls import MAX_SECONDS, call
from scripts import c_library

SECONDS_A_PLANE = 2e-4
"""More time for each plane of each tile: what is cut into thousands may take as many steps."""
PARTS_ONE_IN, PILLOW_ONE_IN = 3, 8


class Judge:
    """Runs calls on damaged files; keeps outcomes and findings."""

    def __init__(self, model: Path) -> None:
        self.model = model
        folder = model.parent / "c"
        self.c = c_library.Decoder(folder, guard=0) if folder.exists() else None
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.counts: collections.Counter[str] = collections.Counter()
        self.faults: list[str] = []
        self._reached = False
        self._watch_entropy_decoder()
        memory.MOST_BLOCKS = 0  # a block that was larger once would hide what is written behind its end

    def _watch_entropy_decoder(self) -> None:
        """Counts calls of the entropy decoders, and hands them arrays of their own."""
        for name in CODECS:
            codec = codec_of(name)
            codec.read = self._watched(codec.read)
            codec.tell = self._told(codec.tell)

    def _watched(self, read):
        def call(segments, *arguments):
            self._reached = True
            return read([_alone(segment) for segment in segments], *arguments)

        return call

    def _told(self, tell):
        def call(setting, tiles):
            return tell(setting, ((_alone(found) if isinstance(found, bytes) else found, of) for found, of in tiles))

        return call

    def call(self, what, function, *arguments, expected=(FormatError, ModelError), **options):
        """The result, or the error; one that damaged files may not raise is a finding."""
        return call(self.faults, what, expected, function, *arguments, seconds=self._seconds, **options)

    def file(self, data: bytes, rng: random.Random, model: Path | None = None) -> None:
        """Every way to read a file, each held against the others."""
        self._reached, self._seconds = False, MAX_SECONDS
        model = model or self.model
        opened = self.call("opened", scenes.opened, data, apercu.MAX_PIXELS, with_mask=False)
        header = opened.header if isinstance(opened, scenes.Opened) else opened
        if isinstance(header, Header):
            self._seconds += SECONDS_A_PLANE * header.n_bands * min(header.n_tiles, len(data))
        image = self.call("decode", apercu.decode, data, model=model)
        shown = self.call("decode (conceal)", apercu.decode, data, damaged="conceal", model=model)
        found = self.call("check", apercu.check, data, model=model)
        told = self.call("info", apercu.info, data)
        self.outcomes["decoded" if isinstance(image, np.ndarray) else type(image).__name__] += 1
        if isinstance(header, Exception):
            for why, result in (("decode", image), ("conceal", shown), ("info", told)):
                self._agree(why, result, header)
        elif isinstance(image, np.ndarray) or isinstance(shown, np.ndarray):
            shape, dtype = _declared(opened)
            for result in (image, shown):
                if not isinstance(result, Exception) and (result.shape, result.dtype) != (shape, dtype):
                    self.faults.append(f"decoded as {result.shape} {result.dtype}, declared as {shape} {dtype}")
            if isinstance(told, dict) and (told["height"], told["width"]) != shape[:2]:
                self.faults.append(f"info tells of {told['height']} rows and {told['width']} columns, not of {shape}")
        if not isinstance(image, Exception):
            if isinstance(shown, Exception) or not _same(image, shown):
                self.faults.append("damaged='conceal' changes a sound file")
            if found or isinstance(told, Exception):
                self.faults.append(f"decode took what check or info refuse: {found}, {told}")
        elif isinstance(found, Exception) or type(image) not in map(type, found):
            self.faults.append(f"decode raised {image!r}, and check found {found}")
        if not isinstance(header, Exception):
            broken = [s for s in read_segments(opened.inner.data, header) if isinstance(s, ChecksumError | Truncated)]
            self.counts["good checksums"] += not broken
            if rng.randrange(PARTS_ONE_IN) == 0 and self._reached:
                self._window(data, rng, header, image, shown, model)
                if header.n_layers > 1:
                    self._layers(data, rng, header, image, model, len(data) - len(opened.inner.data))
                if len(opened.inner.data) < len(data):
                    self._scene(data, opened, image, model)
        if rng.randrange(PILLOW_ONE_IN) == 0:
            self._pillow(data, image)
        if self.c:
            self._in_c(data, image, shown, model)
        self.counts["reached the entropy decoder"] += self._reached

    def _window(self, data: bytes, rng: random.Random, header: Header, image: Any, shown: Any, model: Path) -> None:
        """A window is the crop of the whole, and reads no more of the file than it needs."""
        window = random_window(rng, header)
        rows, columns = slice(window[0], window[0] + window[2]), slice(window[1], window[1] + window[3])
        part = self.call("decode (window)", apercu.decode, data, window=window, model=model)
        kept = self.call("decode (window, conceal)", apercu.decode, data, window=window, damaged="conceal", model=model)
        for what, whole, found in (("window", image, part), ("window (conceal)", shown, kept)):
            if isinstance(whole, np.ndarray) and isinstance(found, np.ndarray):
                if not _same(whole[rows, columns], found):
                    self.faults.append(f"{what} {window} is not the crop of the whole")
            elif isinstance(whole, np.ndarray) and (header.n_tiles == 1 or what == "window"):
                self.faults.append(f"{what} {window} raised {found!r}, and the whole can be decoded")
            elif isinstance(found, np.ndarray) and header.n_tiles == 1:
                self.faults.append(f"{what} {window} was decoded, and the whole raised {whole!r}")
        self.counts["windows"] += 1
        outside = (window[0], window[1], window[2], header.width + 1 - window[1])
        refused = self.call("decode (window outside)", apercu.decode, data, window=outside, model=model,
                            expected=(FormatError, ModelError, OptionError))  # fmt: skip
        if not isinstance(refused, ApercuError):
            self.faults.append(f"the window {outside} does not lie within the image, and was decoded")

    def _scene(self, data: bytes, opened: scenes.Opened, image: Any, model: Path) -> None:
        """A mask has the size of the image, and both the full size where it is asked for."""
        shape = opened.size(), opened.size(full_size=True)
        hidden = self.call("mask", apercu.mask, data)
        full = self.call("decode (full size)", apercu.decode, data, full_size=True, model=model)
        of_full = self.call("mask (full size)", apercu.mask, data, full_size=True)
        for what, found, wanted in (("mask", hidden, shape[0]), ("image", full, shape[1]), ("mask", of_full, shape[1])):
            if isinstance(found, np.ndarray) and found.shape[:2] != wanted:
                self.faults.append(f"{what} of {found.shape}, declared as {wanted}")
        if isinstance(image, np.ndarray) and not isinstance(hidden, np.ndarray):
            self.faults.append(f"the image can be decoded, and its mask raised {hidden!r}")
        self.counts["scenes"] += 1

    def _layers(self, data: bytes, rng: random.Random, header: Header, image: Any, model: Path, start: int) -> None:
        """The first layers are what a file shows that ends behind them."""
        layers = rng.randrange(1, header.n_layers + 2)
        end = start + header.head_size + sum(length + 4 for length in header.lengths[: layers * header.n_tiles])
        first = self.call("decode (layers)", apercu.decode, data, layers=layers, model=model)
        prefix = self.call("decode (prefix)", apercu.decode, data[:end], damaged="conceal", model=model)
        if isinstance(first, np.ndarray) and not _same(first, prefix):
            self.faults.append(f"layers={layers} is not what a file shows that ends behind them")
        if isinstance(image, np.ndarray):
            if isinstance(first, Exception):
                self.faults.append(f"layers={layers} raised {first!r}, and the whole can be decoded")
            elif layers >= header.n_layers and not _same(first, image):
                self.faults.append(f"all {layers} layers are not the image")
        self.counts["layers"] += 1

    def _in_c(self, data: bytes, image: Any, shown: Any, model: Path) -> None:
        """The C library shows the same pixels or refuses by the same name, in as much memory as it asks for."""
        how = {"model": model, "limit": apercu.MAX_PIXELS}
        for damaged, wanted in (("raise", image), ("conceal", shown)):
            found = self.call("C", c_library.outcome, self.c.decode, data, damaged=damaged, **how)
            refused = c_library.expected(data, type(wanted).__name__ if isinstance(wanted, Exception) else "")
            if isinstance(found, str) and found != refused:
                self.faults.append(f"C refuses by {found} what gives {wanted!r} (damaged={damaged!r})")
            if not isinstance(found, str | Exception) and (refused or not _same(found, wanted)):
                self.faults.append(
                    f"C shows what is refused by {refused or 'nothing'} (damaged={damaged!r}), or other pixels"
                )
        self.counts["in C"] += not isinstance(found, str)

    def _pillow(self, data: bytes, image: Any) -> None:
        """As a file that Pillow opens; the errors of its plugins are OSErrors, and it has a limit of its own for the
        pixels of a picture. It has no user's models."""
        opened = self.call("Image.open", _load, data, expected=(OSError, Image.DecompressionBombError))
        if isinstance(opened, np.ndarray) and isinstance(image, np.ndarray):
            if not _same(opened, image.reshape(opened.shape)):
                self.faults.append("Pillow loads other pixels")
            self.counts["loaded by Pillow"] += 1

    def writing(self, what: str, case, *arguments) -> None:
        """Runs a case of `encoding`, which returns what it found; here no error is one that may be raised."""
        self.counts[what] += 1
        found = call(self.faults, what, (), case, *arguments, seconds=60.0)
        self.faults += found if isinstance(found, list) else []

    def _agree(self, why, result, header):
        if type(result) is not type(header):
            self.faults.append(f"{why}: read_header raised {header!r}, decode gave {result!r}")


def random_window(rng: random.Random, header: Header) -> tuple[int, int, int, int]:
    """Within the image; as a rule around a corner of a tile."""
    place = []
    for side in (header.height, header.width):
        begin = rng.randrange(side)
        if header.tile < side and rng.random() < 0.7:
            begin = max(rng.randrange(1, -(-side // header.tile)) * header.tile - rng.randrange(4), 0)
        place.append((begin, rng.choice((1, side - begin, rng.randrange(1, min(side - begin, 70) + 1)))))
    (top, height), (left, width) = place
    return top, left, height, width


def _alone(segment: bytes) -> memoryview:
    """In an array of its own: what lies behind it is out of bounds, which the end of a `bytes` object, with its zero
    beyond, is not."""
    return np.frombuffer(segment, np.uint8).copy().data


def _load(data: bytes) -> np.ndarray:
    with Image.open(BytesIO(data)) as image:
        image.load()
        return np.asarray(image)


def _declared(opened):
    header = opened.header
    shape = (header.height, header.width, header.n_bands)
    flat = header.interpretation == "grey" and header.flat
    return shape[:2] if flat else shape, np.dtype(opened.dtype())


def _same(some: np.ndarray, others: Any) -> bool:
    return isinstance(others, np.ndarray) and np.array_equal(some, others, equal_nan=some.dtype.kind == "f")
