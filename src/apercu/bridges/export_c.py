"""The encoder as C for a microcontroller: sources, tables and memory for images of one kind, in a folder of its own."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apercu import kernel
from apercu.bridges.tables_c import arrays_of
from apercu.codecs.apercu import band_planes
from apercu.errors import OptionError
from apercu.format.ids import DEFAULT_MODEL_IDS, INTERPRETATION_IDS, MODELS, NAMED_MODELS
from apercu.format.weights import FOLDER, load
from apercu.replacing import replacing
from apercu.stages.arguments import check_number
from apercu.stages.band_contexts import N_REACHED
from apercu.stages.bands import N_BANDS, N_CONTEXTS, N_WEIGHTS, STAGES, workspace_bytes
from apercu.stages.layout import Layout, layout_of

TILES = 32, 64, 128, 256, 512, 1024
SOURCES = "encoder.c", "tile.c", "bands.c", "contexts.c", "inside.h"
KERNEL = (
    *("band_step.c", "wavelet.c", "wavelet_border.c"),
    *("api.h", "band_around.h", "band_bits.h", "band_border.h", "band_choice.h", "band_grids.h", "band_low.h"),
    *("band_model.h", "band_small.h", "band_step.h", "band_symbols.h", "choice.h", "magnitudes.h", "range_coder.h"),
    *("range_context.h", "samples.h", "samples_scale.h", "wavelet.h", "wavelet_border.h", "wavelet_lift.h"),
)
FIRST = "api.h"
"""Which every source of the kernel includes before all else: there it learns what it is compiled for."""
TEMPLATES = {"encoder.h": "encoder.h", "kind.h": "src/kind.h", "example.c": "example.c", "Makefile": "Makefile"}
LEVEL_CODES = """\
/* The codes of the narrowest levels from `low` or less up to `high` or more. */
void apercu_level_codes(uint16_t low, uint16_t high, uint8_t codes[2]);
"""
CONTEXT_BYTES, COST_BYTES, LENGTH_BYTES, GRID_BYTES = 5, 512, 4, 96
"""In C, on a machine of 32 bits: a context, what bits cost, the length of a segment, where the magnitudes of a plane's
bands are."""
FILE_BYTES, CODER_BYTES = 45, 156
"""What encoder.c remembers of a file besides levels, and bands.c of a band."""
MOST_RAM = (1 << 31) - 1


def export_c(
    out: str | os.PathLike[str], *, bands: str | int = "rgb", tile: int = 128, layers: int = 1, bits: int = 8,
    most_tiles: int = 256, model: str | None = None,
) -> int:  # fmt: skip
    """Write the encoder for images of one kind into a folder, which may exist: files of the same names are replaced.

    bands: "grey", "rgb", or the number of bands of a spectral image, 1 to 65,535. tile: pixels a side, a power of two
        from 32 to 1,024. layers: 1 to 5. bits: 8 or 16 a sample. most_tiles: of a file, 1 to 65,536. model: shipped
        tables by name: "apercu_small" takes a fifth of the flash; by default those of `apercu.encode`.

    Returns the bytes of RAM, without the pixels of a row of tiles and the file. Raises OptionError for other values,
    and for kinds that take 2 GiB or more.
    """
    if type(tile) is not int or tile not in TILES:
        raise OptionError(f"tile must be one of {', '.join(map(str, TILES))}, not {tile!r}")
    if type(bits) is not int or bits not in (8, 16):
        raise OptionError(f"bits must be 8 or 16, not {bits!r}")
    check_number("layers", layers, 1, STAGES)
    check_number("most_tiles", most_tiles, 1, 1 << 16)
    interpretation, n_bands = bands if bands in ("grey", "rgb") else "spectral", {"grey": 1, "rgb": 3}.get(str(bands))
    if n_bands is None:
        if type(bands) is not int:
            raise OptionError(f'bands must be "grey", "rgb" or a number, not {bands!r}')
        check_number("bands", n_bands := bands, 1, 65_535)
    layout = layout_of(str(interpretation), n_bands, tile, tile, bits == 16)
    ram = ram_of(layout, layers * most_tiles)
    if ram > MOST_RAM:
        raise OptionError(
            f"such an encoder takes {ram:,} bytes of RAM, more than a machine of 32 bits has: make tile smaller"
        )
    number = DEFAULT_MODEL_IDS["apercu", "range"] if model is None else NAMED_MODELS.get(str(model))
    if number is None:
        raise OptionError(f"model must be one of {', '.join(NAMED_MODELS)}, not {model!r}")
    tables = load(FOLDER / MODELS[number].file)
    words = _words(layout, layers, most_tiles) | _of_tables(number, tables)
    folder, sources = Path(out), _sources() / "flying"
    (folder / "src").mkdir(parents=True, exist_ok=True)
    for name, to in TEMPLATES.items():
        _write(folder / to, (sources / f"{name}.in").read_text(encoding="utf-8").format(**words))
    _write(folder / "tables.c", arrays_of(tables, number))
    for path in (*map(sources.joinpath, SOURCES), *map(Path(kernel.__file__).parent.joinpath, KERNEL)):
        kind = '#include "kind.h"\n' if path.name == FIRST else ""
        _write(folder / "src" / path.name, kind + path.read_text(encoding="utf-8"))
    return ram


def ram_of(layout: Layout, n_segments: int) -> int:
    """Bytes of static memory of an encoder for tiles of this layout and files of so many segments, on a machine of 32
    bits."""
    parts = (
        CONTEXT_BYTES * N_CONTEXTS,
        2 * layout.n_samples,
        _work(layout),
        COST_BYTES,
        LENGTH_BYTES * n_segments,
        GRID_BYTES * layout.n_bands,
        FILE_BYTES + _level_bytes(layout),
        CODER_BYTES,
    )
    return sum(-(-n // 8) * 8 for n in parts)


def _work(layout: Layout) -> int:
    """Bytes of the coder, or of the wavelet before it: all components of colour go through theirs side by side."""
    together = layout.planes[:3] if layout.interpretation == "rgb" else layout.planes[:1]
    wavelets = 2 * sum(_wavelet(plane.height, plane.width) for plane in together)
    return -(-max(workspace_bytes(band_planes(layout, fitted=True)), wavelets) // 8) * 8


def _level_bytes(layout: Layout) -> int:
    return 2 * (1 if layout.interpretation == "rgb" else layout.n_bands) if layout.wide else 0


def _wavelet(height: int, width: int) -> int:
    """Numbers of 16 bits that wavelet_workspace (kernel/wavelet.c) asks for."""
    h, w = -(-height // 2), -(-width // 2)
    return 8 * (width + 12) + h * w + -(-h // 2) * -(-w // 2)


def _words(layout: Layout, layers: int, most_tiles: int) -> dict[str, Any]:
    """What stands in braces in the templates (c/flying)."""
    wide, bits = layout.wide, 16 if layout.wide else 8
    kinds = {"grey": "grey", "rgb": "red, green and blue"}
    kind = kinds.get(layout.interpretation, f"{layout.n_bands} bands")
    levels = "; levels: an offset code and a range\n * code for each band (all colours share one); NULL: the full range"
    return {
        "kind": f"{kind} of {bits} bits",
        "tile": layout.height,
        "layers": "one layer" if layers == 1 else f"{layers} layers",
        "n_layers": int(layers),
        "bands": layout.n_bands,
        "interpretation": INTERPRETATION_IDS[layout.interpretation],
        "colour": int(layout.interpretation == "rgb"),
        "wide": int(wide),
        "tile_code": layout.height.bit_length() - TILES[0].bit_length(),
        "n_samples": layout.n_samples,
        "n_work": _work(layout),
        "sample": f"uint{bits}_t",
        "ram": ram_of(layout, layers * most_tiles),
        "most_tiles": most_tiles,
        "room": "\n * A file of several tiles is put in order at its end, for which `file` needs room for it twice."
        if layers > 1
        else "",
        "levels": levels if wide else "",
        "level_codes": LEVEL_CODES if wide else "",
        "levels_argument": ", const uint8_t *levels" if wide else "",
        "levels_null": ", NULL" if wide else "",
        "too_many": f": more than {most_tiles} tiles" if most_tiles < 1 << 16 else "",
    }


def _of_tables(number: int, tables: NDArray[np.generic]) -> dict[str, Any]:
    small = tables.dtype == np.uint8
    size = N_REACHED if small else 4 * N_CONTEXTS
    define = "#define APERCU_SMALL_TABLES\n" if small else ""
    return {"model": number, "small_tables": define, "table_bytes": N_BANDS * N_WEIGHTS + size}


def _sources() -> Path:
    """The C library: beside the package where it is installed, else in the tree that this file stands in."""
    installed = Path(__file__).parents[1] / "c"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "c"


def _write(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())
