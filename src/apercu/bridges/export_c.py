"""The encoder as C for a microcontroller: sources, tables and memory for images of one kind, in a folder of its own."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apercu import kernel
from apercu.bridges.tables_c import source_of
from apercu.codecs.apercu import band_planes
from apercu.errors import OptionError
from apercu.format.ids import DEFAULT_MODEL_IDS, MODELS, NAMED_MODELS
from apercu.format.weights import FOLDER, load
from apercu.replacing import replacing
from apercu.stages.arguments import check_number
from apercu.stages.band_contexts import N_REACHED
from apercu.stages.bands import N_BANDS, N_CONTEXTS, N_WEIGHTS, STAGES, workspace_bytes
from apercu.stages.layout import Layout, layout_of

TILES = 32, 64, 128, 256, 512, 1024
LIBRARY = "encode.c", "tile.c", "planes.c", "segments.c", "head.c", "checksums.c", "apercu.h", "inside.h"
KERNEL = "band_code.c", "band_step.c", "wavelet.c", "wavelet_border.c", "samples.c"
TEMPLATES = "encoder.h", "encoder.c", "example.c", "Makefile"
CONTEXT_BYTES, PLANE_BYTES, ENCODER_BYTES, LENGTH_BYTES = 5, 24, 320, 4
"""In C: a context, a plane of a tile, at most the encoder's own state, the length of a segment."""
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
    words = _words(layout, bits, layers, most_tiles, ram) | _of_tables(number, tables)
    names = defines(bands, bits, model)
    words["defines"] = " ".join(f"-D{name}" for name in names)
    words["undefined"] = " || ".join(f"!defined({name.partition('=')[0]})" for name in names)
    folder, sources = Path(out), _sources()
    (folder / "src").mkdir(parents=True, exist_ok=True)
    for name in TEMPLATES:
        text = (sources / "flying" / f"{name}.in").read_text(encoding="utf-8")
        _write(folder / name, text.format(**words))
    _write(folder / "tables.c", source_of(tables, number))
    for name in LIBRARY:
        _write(folder / "src" / name, (sources / name).read_text(encoding="utf-8"))
    of_kernel = Path(kernel.__file__).parent
    for path in (*map(of_kernel.joinpath, KERNEL), *of_kernel.glob("*.h")):
        _write(folder / "src" / path.name, path.read_text(encoding="utf-8"))
    return ram


def defines(bands: str | int = "rgb", bits: int = 8, model: str | None = None, **_: object) -> list[str]:
    """What the sources are compiled with, for the arguments of `export_c`."""
    kind = str(bands) if bands in ("grey", "rgb") else "spectral"
    found = ["APERCU_SMALL_ENCODER", f"APERCU_KIND=APC_{kind.upper()}", f"APERCU_WIDE={int(bits == 16)}"]
    return [*found, "APERCU_SMALL_TABLES"] if model else found


def ram_of(layout: Layout, n_segments: int) -> int:
    """Bytes of RAM that an encoder takes for tiles of this layout: what apc_encode_memory (c/) asks for on a machine of
    64 bits, and its own state."""
    planes = band_planes(layout, fitted=True)
    width = layout.width
    together = layout.planes[:3] if layout.interpretation == "rgb" else layout.planes[:1]
    rows = 8 * width if layout.interpretation == "rgb" else width
    samples = 2 * (rows + sum(_wavelet(plane.height, plane.width) for plane in together))
    parts = (
        CONTEXT_BYTES * N_CONTEXTS,
        PLANE_BYTES * len(planes),
        2 * layout.n_samples,
        max(workspace_bytes(planes), samples),
        LENGTH_BYTES * n_segments + 2 * (layout.n_bands if layout.wide else 0),
        ENCODER_BYTES,
    )
    return sum(-(-n // 8) * 8 for n in parts)


def _wavelet(height: int, width: int) -> int:
    """Numbers of 16 bits that wavelet_workspace (kernel/wavelet.c) asks for."""
    h, w = -(-height // 2), -(-width // 2)
    return 8 * (width + 12) + h * w + -(-h // 2) * -(-w // 2)


def _words(layout: Layout, bits: int, layers: int, most_tiles: int, ram: int) -> dict[str, Any]:
    """What stands in braces in the templates (c/flying)."""
    wide = bits == 16
    kinds = {"grey": "grey", "rgb": "red, green and blue"}
    kind = kinds.get(layout.interpretation, f"{layout.n_bands} bands")
    levels = "; levels: an offset code and a range code\n * for each band (all colours share one), as apc_level_codes "
    made = "of src/apercu.h makes them, or NULL; they are read until apercu_end"
    return {
        "kind": f"{kind} of {bits} bits",
        "tile": layout.height,
        "layers": "one layer" if layers == 1 else f"{layers} layers",
        "n_layers": int(layers),
        "bands": layout.n_bands,
        "interpretation": f"APC_{layout.interpretation.upper()}",
        "wide": int(wide),
        "sample": f"uint{bits}_t",
        "ram": ram,
        "most_tiles": most_tiles,
        "room": "\n * A file of several tiles is put in order at its end, for which `file` needs room for it twice."
        if layers > 1
        else "",
        "levels": levels + made if wide else "",
        "levels_argument": ", const uint8_t *levels" if wide else "",
        "levels_given": "levels" if wide else "NULL",
        "levels_null": ", NULL" if wide else "",
        "too_many": f": more than {most_tiles} tiles" if most_tiles < 1 << 16 else "",
    }


def _of_tables(number: int, tables: NDArray[np.generic]) -> dict[str, Any]:
    small = tables.dtype == np.uint8
    size = N_REACHED if small else 4 * N_CONTEXTS
    return {"model": number, "table_bytes": N_BANDS * N_WEIGHTS + size}


def _sources() -> Path:
    """The C library: beside the package where it is installed, else in the tree that this file stands in."""
    installed = Path(__file__).parents[1] / "c"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "c"


def _write(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())
