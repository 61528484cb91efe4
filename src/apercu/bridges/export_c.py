"""The encoder as C for a microcontroller: sources, tables and memory for images of one kind, in a folder of its own."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apercu import kernel
from apercu.bridges.tables_c import arrays_of, source_of
from apercu.codecs.apercu import band_planes
from apercu.errors import OptionError
from apercu.format.ids import CODEC_IDS, CODECS, DEFAULT_MODEL_IDS, INTERPRETATION_IDS, MODELS, NAMED_MODELS
from apercu.format.weights import FOLDER, load
from apercu.replacing import replacing
from apercu.stages.arguments import check_number
from apercu.stages.band_contexts import N_REACHED
from apercu.stages.bands import N_BANDS, N_CONTEXTS, N_WEIGHTS, STAGES, workspace_bytes
from apercu.stages.dual_code import workspace_bytes as workspace_of_blocks
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
LEVEL_CODES_DEFINED = """
void apercu_level_codes(uint16_t low, uint16_t high, uint8_t codes[2])
{
    apc_level_codes(low, high, codes);
}
"""
CONTEXT_BYTES, COST_BYTES, LENGTH_BYTES, GRID_BYTES = 5, 512, 4, 96
"""In C, on a machine of 32 bits: a context, what bits cost, the length of a segment, where the magnitudes of a plane's
bands are."""
FILE_BYTES, CODER_BYTES = 45, 156
"""What encoder.c remembers of a file besides levels, and bands.c of a band."""
MOST_RAM = (1 << 31) - 1
EXPORTED = "apercu", "taha2025"
LIBRARY = "encode.c", "planes.c", "segments.c", "head.c", "checksums.c", "codec_taha2025.c"
HEADERS = "apercu.h", "inside.h", "codec.h", "codec_taha2025.h", "rows.h"
KERNEL_OF_BLOCKS = "dual_ae.c", "dual_code.c", "huffman.c", "samples.c"
"""Of taha2025, whose encoder is the library's (c/)."""
ENCODER_BYTES, BLOCK_BYTES, CHOICE_BYTES = 320, 39, 17
"""At most the library's own state; a block of taha2025: error, latents, symbols, group; and, of a plane at a time,
other symbols and group."""


def export_c(
    out: str | os.PathLike[str], *, bands: str | int = "rgb", tile: int = 128, layers: int = 1, bits: int = 8,
    most_tiles: int = 256, model: str | None = None, codec: str = "apercu",
) -> int:  # fmt: skip
    """Write the encoder for images of one kind into a folder, which may exist: files of the same names are replaced.

    bands: "grey", "rgb", or the number of bands of a spectral image, 1 to 65,535. tile: pixels a side, a power of two
        from 32 to 1,024. layers: 1 to 5, of taha2025 one. bits: 8 or 16 a sample. most_tiles: of a file, 1 to 65,536.
        model: shipped tables of apercu by name: "apercu_small" takes a fifth of the flash; by default those of
        `apercu.encode`. codec: "apercu", or "taha2025" with Huffman codes.

    Returns the bytes of RAM, without the pixels of a row of tiles and the file. Raises OptionError for other values,
    and for kinds that take 2 GiB or more.
    """
    if type(tile) is not int or tile not in TILES:
        raise OptionError(f"tile must be one of {', '.join(map(str, TILES))}, not {tile!r}")
    if type(bits) is not int or bits not in (8, 16):
        raise OptionError(f"bits must be 8 or 16, not {bits!r}")
    if codec not in EXPORTED:
        raise OptionError(f"codec must be one of {', '.join(EXPORTED)}, not {codec!r}")
    check_number("layers", layers, 1, STAGES if codec == "apercu" else 1)
    check_number("most_tiles", most_tiles, 1, 1 << 16)
    interpretation, n_bands = bands if bands in ("grey", "rgb") else "spectral", {"grey": 1, "rgb": 3}.get(str(bands))
    if n_bands is None:
        if type(bands) is not int:
            raise OptionError(f'bands must be "grey", "rgb" or a number, not {bands!r}')
        check_number("bands", n_bands := bands, 1, 65_535)
    layout = layout_of(str(interpretation), n_bands, tile, tile, bits == 16)
    ram = ram_of(layout, layers * most_tiles, codec)
    if ram > MOST_RAM:
        raise OptionError(
            f"such an encoder takes {ram:,} bytes of RAM, more than a machine of 32 bits has: make tile smaller"
        )
    names = {name: number for name, number in NAMED_MODELS.items() if MODELS[number].codec == codec}
    number = DEFAULT_MODEL_IDS[codec, CODECS[codec][0]] if model is None else names.get(str(model))
    if number is None:
        raise OptionError(f"model must be one of {', '.join(names) or 'none'} for {codec}, not {model!r}")
    tables = load(FOLDER / MODELS[number].file)
    words = _words(layout, layers, most_tiles, codec) | _of_tables(number, tables)
    folder, sources = Path(out), _sources() / "flying"
    (folder / "src").mkdir(parents=True, exist_ok=True)
    if codec == "taha2025":
        _export_taha2025(folder, words, source_of(tables, number))
        return ram
    for name, to in TEMPLATES.items():
        _write(folder / to, (sources / f"{name}.in").read_text(encoding="utf-8").format(**words))
    _write(folder / "tables.c", arrays_of(tables, number))
    for path in (*map(sources.joinpath, SOURCES), *map(Path(kernel.__file__).parent.joinpath, KERNEL)):
        kind = '#include "kind.h"\n' if path.name == FIRST else ""
        _write(folder / "src" / path.name, kind + path.read_text(encoding="utf-8"))
    return ram


def _export_taha2025(folder: Path, words: dict[str, Any], tables: str) -> None:
    """The library's encoder for images of one kind."""
    sources, of_kernel = _sources(), Path(kernel.__file__).parent
    flying = sources / "flying"
    for path in (flying / "encoder.h.in", flying / "example.c.in", *sorted((flying / "taha2025").glob("*.in"))):
        _write(folder / path.stem, path.read_text(encoding="utf-8").format(**words))
    _write(folder / "tables.c", tables)
    for path in (
        *map(sources.joinpath, (*LIBRARY, *HEADERS)),
        *map(of_kernel.joinpath, KERNEL_OF_BLOCKS),
        *of_kernel.glob("*.h"),
    ):
        _write(folder / "src" / path.name, path.read_text(encoding="utf-8"))


def ram_of(layout: Layout, n_segments: int, codec: str = "apercu") -> int:
    """Bytes of static memory of an encoder for tiles of this layout and files of so many segments, on a machine of 32
    bits."""
    if codec == "taha2025":
        return sum(
            -(-n // 8) * 8
            for n in (*_of_blocks(layout), LENGTH_BYTES * n_segments + _level_bytes(layout), ENCODER_BYTES)
        )
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


def _of_blocks(layout: Layout) -> tuple[int, ...]:
    """Of a tile in blocks (c/codec_taha2025.c): what codes a plane, or rows of samples; what is known of all blocks."""
    n_blocks = [down * across for down, across in (plane.blocks for plane in layout.planes)]
    rows = (29 if layout.interpretation == "rgb" else 8) * (-(-layout.width // 16) * 16)
    return max(workspace_of_blocks(max(n_blocks)), 2 * rows), BLOCK_BYTES * sum(n_blocks) + CHOICE_BYTES * max(n_blocks)


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


def _words(layout: Layout, layers: int, most_tiles: int, codec: str) -> dict[str, Any]:
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
        "stack": "1 KB" if codec == "apercu" else "2 KB",
        "bands": layout.n_bands,
        "interpretation": INTERPRETATION_IDS[layout.interpretation],
        "colour": int(layout.interpretation == "rgb"),
        "wide": int(wide),
        "tile_code": layout.height.bit_length() - TILES[0].bit_length(),
        "n_samples": layout.n_samples,
        "n_work": _work(layout),
        "sample": f"uint{bits}_t",
        "ram": ram_of(layout, layers * most_tiles, codec),
        "most_tiles": most_tiles,
        "room": "\n * A file of several tiles is put in order at its end, for which `file` needs room for it twice."
        if layers > 1
        else "",
        "levels": levels if wide else "",
        "level_codes": LEVEL_CODES if wide else "",
        "level_codes_defined": LEVEL_CODES_DEFINED if wide else "",
        "levels_given": "levels" if wide else "NULL",
        "codec_number": CODEC_IDS[codec, CODECS[codec][0]],
        "kind_of_image": f"APC_{layout.interpretation.upper()}",
        "levels_argument": ", const uint8_t *levels" if wide else "",
        "levels_null": ", NULL" if wide else "",
        "too_many": f": more than {most_tiles} tiles" if most_tiles < 1 << 16 else "",
    }


def _of_tables(number: int, tables: NDArray[np.generic]) -> dict[str, Any]:
    small = tables.dtype == np.uint8
    size = N_REACHED if small else 4 * N_CONTEXTS
    define = "#define APERCU_SMALL_TABLES\n" if small else ""
    n_bytes = N_BANDS * N_WEIGHTS + size if MODELS[number].codec == "apercu" else tables.nbytes
    return {"model": number, "small_tables": define, "table_bytes": n_bytes}


def _sources() -> Path:
    """The C library: beside the package where it is installed, else in the tree that this file stands in."""
    installed = Path(__file__).parents[1] / "c"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "c"


def _write(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())
