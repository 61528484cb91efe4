"""An image on its way to a file: what is done tile by tile, once for each setting that is tried."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from apercu.codecs import made
from apercu.codecs.content import content_of, filled_tile, from_content, layout_of_tile
from apercu.codecs.forecast import Counts, Forecast, forecast
from apercu.codecs.forecast import shipped as shipped_weights
from apercu.codecs.importance import Importance
from apercu.codecs.made import Read
from apercu.codecs.plan import Plan
from apercu.codecs.protocol import AnyCodec, Progress, Setting
from apercu.codecs.source import Source
from apercu.errors import ImageError
from apercu.format.container import Header, pack, read_header
from apercu.format.ids import DEFAULT_MODEL_IDS
from apercu.kernel.memory import LARGEST, trim
from apercu.stages.blocks import Window, tiles
from apercu.stages.colour import Samples, ends
from apercu.stages.fill import Mask, hidden
from apercu.stages.layout import Layout

_LARGE = 1 << 17  # pixels; smaller images are tried in one layer first, larger ones in several
_MOST_FOR_LAYERS = 64  # an upper bound of what layers cost, in bytes for each tile


@dataclass
class Job:
    """An image to be encoded, with everything that its encoding needs."""

    source: Source
    header: Header
    codec: AnyCodec
    tables: Any
    plan: Plan
    progress: Progress
    one_price: bool = False
    """Whether symbols are chosen for PSNR alone (`Layout.one_price`)."""
    importance: Importance | None = None
    """What errors count for."""
    kept: list[Any] | None = None
    """The analyses of all tiles, if they are kept."""
    reads: dict[bytes, list[Read]] = field(default_factory=dict)
    """Of the files that were made for the last setting, what is known of each tile, where that is wanted."""

    windows: list[Window] = field(init=False)
    """The tiles."""

    def __post_init__(self) -> None:
        self.windows = list(tiles(self.header.height, self.header.width, self.header.tile))

    def read(self, window: Window) -> tuple[Samples, Mask | None]:
        """The samples of a tile, and which of them do not count."""
        samples, mask = self.source.read(window)
        shape = window.height, window.width, self.header.n_bands
        if samples.shape != shape or samples.dtype != self.source.dtype:
            raise ImageError(f"a source gave {samples.dtype} of {samples.shape} for {self.source.dtype} of {shape}")
        return samples, mask

    def filled(self, window: Window) -> Samples:
        """The samples of a tile, those that do not count filled."""
        self.trim()
        samples, mask = self.read(window)
        self.trim()
        return filled_tile(samples, self.header, mask)

    def trim(self) -> None:
        """Between the steps of a tile, so that what one has left is not there beside what the next takes. Not for an
        image that is kept, or that is one tile: it is quicker without."""
        if self.kept is None and self.header.n_tiles > 1:
            trim()

    def content(self, window: Window) -> tuple[Any, Layout]:
        """Of a tile. Functions of their own, so that nothing is kept that is not needed any more."""
        content, layout = content_of(self.filled(window), self.header)
        self.trim()
        if self.importance:
            layout = layout._replace(importance=self.importance(window, content, layout))
        return content, layout._replace(one_price=self.one_price) if self.one_price else layout

    def analysis(self, tile: int, setting: Setting | None) -> Any:
        """Of a tile. Whoever takes it lets go of it before the next: memory is for one."""
        if self.kept is not None:
            return self.kept[tile]
        return self.codec.analyse(*self.content(self.windows[tile]), setting, self.tables)

    def code(self, tile: int, setting: Setting, layers: int) -> list[bytes]:
        """The segments of a tile."""
        analysis = self.analysis(tile, setting)
        self.trim()
        return self.codec.code(analysis, setting, self.tables, layers)

    def file(self, setting: Setting) -> bytes:
        """The file, in as many layers as the plan has for one of its size."""
        self.reads = {}
        plan = self.plan
        if n_layers := self.n_layers:
            return self.pack(setting, n_layers)
        large = self.header.height * self.header.width >= _LARGE
        if not large and len(plain := self.pack(setting, 1)) < plan.layered_from:
            return plain
        data = self.pack(setting, plan.layers)
        doubtful = large and len(data) < plan.layered_from + _MOST_FOR_LAYERS * self.header.n_tiles
        if doubtful and len(plain := self.pack(setting, 1)) < plan.layered_from:
            return plain
        small = plan.layers == plan.most_layers or _first_layer_end(data) <= plan.first_share * len(data)
        return data if small else self.pack(setting, plan.most_layers)

    @property
    def n_layers(self) -> int | None:
        """How many layers the file has, whatever its size; None where its size decides. To find that out, an image that
        is not kept would have to be read again."""
        return self.plan.n_layers or (self.plan.most_layers if self.kept is None else None)

    def pack(self, setting: Setting, layers: int) -> bytes:
        """The file in this many layers."""
        by_tile, reads = [], []
        code_and_read = self.codec.code_and_read if self._is_read else None
        for tile in range(self.header.n_tiles):
            self.progress(tile / self.header.n_tiles)
            if code_and_read is None:
                by_tile.append(self.code(tile, setting, layers))
            else:
                segments, read = code_and_read(self.analysis(tile, setting), setting, self.tables, layers)
                by_tile.append(segments)
                reads.append(read)
        data = self.joined(by_tile, setting)
        if reads:
            self.reads[data] = reads
        return data

    @property
    def _is_read(self) -> bool:
        """Whether what is known of the file is wanted, and takes no new pages from the system in each try, which would
        cost more than reading."""
        header = self.header
        return made.is_kept() and 2 * header.height * header.width * header.n_bands <= LARGEST

    def joined(self, by_tile: list[list[bytes]], setting: Setting) -> bytes:
        """The file of the segments of each tile."""
        parameters, n_layers = self.codec.parameters(setting), len(by_tile[0])
        header = replace(self.header, quality_q8=setting.quality_q8, parameters=parameters, n_layers=n_layers)
        return pack(header, [segment for layer in zip(*by_tile, strict=True) for segment in layer])

    def counts(self) -> Counts | None:
        """Of the whole image; None where the codec counts nothing."""
        if (count := self.codec.counts) is None:
            return None
        counted = count
        return reduce(add, (counted(self.analysis(tile, None), self.tables) for tile in range(self.header.n_tiles)))

    def forecasts(self, variants: Iterable[int]) -> dict[int, Forecast]:
        """What to expect of the file with each of these variants: its size, and the error of its samples. Empty where
        the codec counts nothing."""
        return {} if (counts := self.counts()) is None else self.expected(counts, variants)

    def expected(self, counts: Counts, variants: Iterable[int]) -> dict[int, Forecast]:
        """What to expect of an image, or of a part of it, with these counts."""
        header = self.header
        weights = shipped_weights(DEFAULT_MODEL_IDS[header.codec, header.entropy])
        n_bands = header.n_bands
        scales = [(high - low) / 255 for low, high in ends(header.interpretation, n_bands, header.levels)]
        n_full_size = n_bands - 2 if header.interpretation in ("rgb", "rgba") else n_bands
        share = sum(scale * scale for scale in scales) / n_full_size
        return {variant: forecast(counts, weights[variant], share) for variant in variants}

    def squared_error(self, setting: Setting) -> int:
        """Summed over all samples of the image that count, as decoded with restore="none"."""
        total = 0
        for tile in range(self.header.n_tiles):
            self.progress(tile / self.header.n_tiles)
            total += self.tile_error(tile, self.code(tile, setting, 1), setting)
        return total

    def tile_error(self, tile: int, segments: list[bytes], setting: Setting) -> int:
        """Of a tile that was coded in these segments, one for each layer; see `squared_error`."""
        self.trim()
        header, window = self.header, self.windows[tile]
        layout = layout_of_tile(header, window.height, window.width)
        symbols = self.codec.read(list(segments), layout, setting, self.tables, len(segments))
        content = self.codec.synthesise(symbols, layout, setting, self.tables)
        del symbols  # which take as much memory as the samples
        decoded = np.empty((window.height, window.width, header.n_bands), self.source.dtype.newbyteorder("="))
        from_content(content, header, decoded)
        del content
        self.trim()
        if header.interpretation == "rgba":
            self.settle_hidden(window, decoded)
        return self.source.squared_error(window, decoded)

    def settle_hidden(self, window: Window, decoded: Samples) -> None:
        """Gives a decoded tile with alpha the samples of the image where they do not count."""
        samples, mask = self.read(window)
        out = hidden(samples, "rgba", mask)
        if out is not None:
            np.copyto(decoded, samples, where=out)


def _first_layer_end(data: bytes) -> int:
    """Bytes of a file in layers up to the end of its first one."""
    header = read_header(data)
    return header.head_size + sum(length + 4 for length in header.lengths[: header.n_tiles])
