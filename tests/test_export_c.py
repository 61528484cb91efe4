"""The encoder for microcontrollers that `apercu export-c` writes: its files are the package's, byte for byte."""

import itertools
import shutil
import subprocess

import numpy as np
import pytest

import apercu
from apercu.bridges.export_c import EXPORTED, export_c, ram_of
from apercu.cli.main import main
from apercu.errors import OptionError
from apercu.format.container import read_header
from apercu.stages.layout import layout_of
from scripts import c_library, flying
from scripts.pictures import scene, wide

needs_compiler = pytest.mark.skipif(not c_library.HAS_COMPILER, reason="no C compiler here")
DRIVER = """\
#include "encoder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 50000 };

/* driver WIDTH HEIGHT QUALITY_Q8 CAPACITY [LEVELS...] < samples > file; errors are looked at once, at the end */
int main(int argc, char **argv)
{
    uint32_t width = (uint32_t)atoi(argv[1]), height = (uint32_t)atoi(argv[2]), rows;
    size_t capacity = (size_t)atoi(argv[4]), row = (size_t)width * APERCU_BANDS * sizeof(apercu_sample);
    uint8_t levels[64], *out = malloc(capacity + GUARD), *strip = malloc(row * APERCU_TILE);
    memset(out, 0xA5, capacity + GUARD);
    for (int i = 5; i < argc; i++)
        levels[i - 5] = (uint8_t)atoi(argv[i]);
    (void)levels;
    static uint8_t other[5000]; /* of an image that is given up */
    apercu_begin(1, 1, 0, other, sizeof other LEVELS);
    apercu_begin(width, height, (uint16_t)atoi(argv[3]), out, capacity LEVELS);
    for (uint32_t top = 0; top < height; top += rows) {
        rows = height - top < APERCU_TILE ? height - top : APERCU_TILE;
        if (fread(strip, row, rows, stdin) != rows)
            return 9;
        apercu_strip((const apercu_sample *)(void *)strip, 0);
    }
    int32_t size = apercu_end();
    for (size_t i = 0; i < GUARD; i++)
        if (out[capacity + i] != 0xA5)
            return 99;
    if (size < 0)
        return (int)-size;
    return fwrite(out, 1, (size_t)size, stdout) != (size_t)size;
}
"""
KINDS = {
    "grey": {"bands": "grey", "tile": 64, "layers": 1, "bits": 8, "most_tiles": 12},
    "rgb": {"bands": "rgb", "tile": 32, "layers": 3, "bits": 8, "most_tiles": 20},
    "small": {"bands": "rgb", "tile": 64, "layers": 1, "bits": 8, "most_tiles": 12, "model": "apercu_small"},
    "bands16": {"bands": 4, "tile": 64, "layers": 2, "bits": 16, "most_tiles": 6},
    "taha-rgb": {"bands": "rgb", "tile": 64, "layers": 1, "bits": 8, "most_tiles": 12, "codec": "taha2025"},
    "taha-grey": {"bands": "grey", "tile": 32, "layers": 1, "bits": 8, "most_tiles": 42, "codec": "taha2025"},
    "taha-bands16": {"bands": 4, "tile": 64, "layers": 1, "bits": 16, "most_tiles": 6, "codec": "taha2025"},
}
SIZES = {"grey": (150, 201), "rgb": (77, 99), "small": (100, 140), "bands16": (70, 130), "taha-rgb": (101, 139)}
SIZES |= {"taha-grey": (150, 201), "taha-bands16": (70, 130)}


def picture(kind):
    height, width = SIZES[kind]
    n_bands = {"grey": 1, "rgb": 3}.get(KINDS[kind]["bands"], 4)
    samples = scene(height, width, n_bands, seed=3)
    return wide(samples, 200, 5000) if KINDS[kind]["bits"] == 16 else samples[:, :, 0] if n_bands == 1 else samples


def encoded(kind, image, quality):
    how = KINDS[kind]
    bands = how["bands"] if isinstance(how["bands"], str) else "spectral"
    like = {name: how.get(name) for name in ("tile", "layers", "model")} | {"codec": how.get("codec", "apercu")}
    return apercu.encode(image, quality=quality, bands=bands, **like)


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """Compiles the exported encoder of a kind, once; what C leaves undefined ends it where the compiler can."""
    made = {}

    def build(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            export_c(folder, **KINDS[kind])
            levels = ", levels" if KINDS[kind]["bits"] == 16 else ""
            (folder / "example.c").write_text(DRIVER.replace(" LEVELS", levels))
            flags = f"CFLAGS=-O1 {' '.join(c_library.trapping())}"
            subprocess.run(["make", "-s", "-C", folder, f"CC={c_library.COMPILER}", flags], check=True)
            made[kind] = folder / "example"
        return made[kind]

    return build


def run(program, image, quality, data, capacity=1 << 16):
    levels = [str(code) for codes in read_header(data).levels for code in codes]
    words = [image.shape[1], image.shape[0], round(256 * quality), capacity]
    samples = np.ascontiguousarray(image).tobytes()
    return subprocess.run([program, *map(str, words), *levels], input=samples, capture_output=True, check=False)


@needs_compiler
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quality", [0.0, 31.5, 100.0])
def test_the_bytes_of_the_package(driver, kind, quality):
    image = picture(kind)
    wanted = encoded(kind, image, quality)
    done = run(driver(kind), image, quality, wanted, 4 * len(wanted) + 4096)
    assert done.returncode == 0
    assert done.stdout == wanted


@needs_compiler
@pytest.mark.parametrize("kind", ["grey", "taha-grey", "taha-rgb"])
def test_a_small_part_and_one_pixel(driver, kind):
    for image in (picture(kind)[:50, :40], picture(kind)[:1, :1], picture(kind)[:1]):
        wanted = encoded(kind, image, 40.0)
        assert run(driver(kind), image, 40.0, wanted).stdout == wanted


@needs_compiler
@pytest.mark.parametrize("kind", ["grey", "taha-grey"])
def test_what_does_not_fit_is_refused(driver, kind):
    image = picture(kind)
    wanted = encoded(kind, image, 60.0)
    assert run(driver(kind), image, 60.0, wanted, len(wanted) + 200).returncode == 0
    for capacity in (0, 20, 100, 700, len(wanted) // 2, len(wanted) - 1):
        assert run(driver(kind), image, 60.0, wanted, capacity).returncode == 1  # APERCU_TOO_SMALL
    larger = np.tile(image, (2, 2))  # more tiles than were asked for
    assert run(driver(kind), larger, 60.0, wanted).returncode == 4  # APERCU_BAD_CALL


@needs_compiler
@pytest.mark.parametrize("codec", EXPORTED)
def test_the_example_compiles_without_a_warning_and_writes_a_file(tmp_path, capsys, codec):
    out = str(tmp_path / "encoder")
    assert main(["export-c", "--codec", codec, "--tile", "64", "--bands", "rgb", "--out", out]) == 0
    assert "bytes of RAM" in capsys.readouterr().out
    subprocess.run(["make", "-s", "-C", tmp_path / "encoder", f"CC={c_library.COMPILER}"], check=True)
    done = subprocess.run([tmp_path / "encoder" / "example"], capture_output=True, check=True)
    assert (apercu.info(done.stdout)["codec"], apercu.info(done.stdout)["tiles"]) == (codec, 9)
    assert apercu.check(done.stdout) == []
    assert len((tmp_path / "encoder" / "example.c").read_text().splitlines()) <= 45


@needs_compiler
def test_the_example_of_large_tiles(tmp_path):
    export_c(tmp_path, bands="rgb", tile=512, layers=5)
    subprocess.run(["make", "-s", "-C", tmp_path, f"CC={c_library.COMPILER}", "CFLAGS=-O1"], check=True)
    done = subprocess.run([tmp_path / "example"], capture_output=True, check=True)
    assert apercu.check(done.stdout) == []


@needs_compiler
def test_a_program_in_other_words(tmp_path):
    """Sources need no options of the compiler, and a program in C++ can call them."""
    export_c(tmp_path, model="apercu_small")
    strict = [c_library.COMPILER, "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{tmp_path}", "-O1", "-c"]
    sources = [*sorted((tmp_path / "src").glob("*.c")), tmp_path / "tables.c"]
    subprocess.run([*strict, *sources], cwd=tmp_path, check=True)
    if shutil.which("c++"):
        (tmp_path / "main.cpp").write_text('#include "encoder.h"\nint32_t size() { return apercu_end(); }\n')
        command = ["c++", "-Wall", "-Wextra", "-Werror", "-pedantic", "-c", "main.cpp", "-o", "main.o"]
        subprocess.run(command, cwd=tmp_path, check=True)
        assert b"apercu_endv" not in (tmp_path / "main.o").read_bytes()  # its name in C++


@needs_compiler
def test_the_codes_of_levels(tmp_path):
    """Those of the package, for the least and the greatest sample."""
    export_c(tmp_path, bands="grey", bits=16)
    (tmp_path / "example.c").write_text(
        '#include "encoder.h"\n#include <stdio.h>\n#include <stdlib.h>\n'
        "int main(int n, char **words)\n{\n    uint8_t codes[2];\n    (void)n;\n"
        "    apercu_level_codes((uint16_t)atoi(words[1]), (uint16_t)atoi(words[2]), codes);\n"
        '    return printf("%d %d", codes[0], codes[1]) < 0;\n}\n'
    )
    subprocess.run(["make", "-s", "-C", tmp_path, f"CC={c_library.COMPILER}", "CFLAGS=-O1"], check=True)
    for low, high in ((0, 65_535), (200, 5_000), (7, 7), (15, 17), (65_535, 65_535)):
        image = np.linspace(low, high, 64).astype(np.uint16).reshape(8, 8)
        wanted = read_header(apercu.encode(image, quality=50.0)).levels[0]
        done = subprocess.run([tmp_path / "example", str(low), str(high)], capture_output=True, text=True, check=True)
        assert tuple(map(int, done.stdout.split())) == tuple(wanted)


@pytest.mark.skipif(shutil.which(flying.COMPILER) is None, reason="no compiler for Arm here")
@pytest.mark.parametrize(
    ("bands", "model", "optimise", "most"),
    [
        ("rgb", None, "-Os", 8_192),
        ("rgb", "apercu_small", "-Os", 8_192),
        ("grey", None, "-Os", 7_680),
        pytest.param("grey", "apercu_small", "-Os", 7_680, marks=pytest.mark.slow),
        ("rgb", "apercu_small", "-O2", 12_288),
        pytest.param("rgb", None, "-O2", 12_288, marks=pytest.mark.slow),
        pytest.param("grey", None, "-O2", 12_288, marks=pytest.mark.slow),
    ],
)
def test_code_and_memory_for_a_board(tmp_path, bands, model, optimise, most):
    """Code and constants, in bytes, by the GCC of docs/c.md; nothing of a library but what every one has; RAM as the
    header states it."""
    version = subprocess.run([flying.COMPILER, "-dumpversion"], capture_output=True, text=True, check=True).stdout
    most += 0 if version.startswith("12.") else most // 20
    program = flying.build(tmp_path, "cortex-m4", optimise, bands=bands, model=model)
    code, tables = flying.code_size(program)
    assert 4_096 < code <= most
    assert 8_000 < tables <= (12_288 if model else 46_080)
    assert flying.needs(program) <= {"memcpy", "memmove", "memset"}
    stated = export_c(tmp_path / "encoder", bands=bands, model=model)
    assert stated - 32 <= flying.static_memory(program) <= stated


def test_ram_is_as_stated():
    """The bars of a tile in colours."""
    for codec, bars in (("apercu", (90_000, 150_000, 400_000)), ("taha2025", (22_000, 80_000, 310_000))):
        for tile, most in zip((64, 128, 256), bars, strict=True):
            for bands in ("grey", "rgb"):
                n_bands = 3 if bands == "rgb" else 1
                assert ram_of(layout_of(bands, n_bands, tile, tile), 256, codec) <= most


@pytest.mark.parametrize(
    "wrong",
    [
        {"tile": 96},
        {"tile": 64.0},  # neither they nor True are written as C has them
        {"tile": np.int64(64)},
        {"bits": 8.0},
        {"bands": True},
        {"bits": 12},
        {"layers": 0},
        {"layers": 6},
        {"bands": "rgba"},
        {"bands": 0},
        {"bands": 2000, "tile": 1024},  # RAM that no machine of 32 bits has
        {"most_tiles": 0},
        {"model": "x"},
        {"codec": "dct"},
        {"codec": "taha2025", "layers": 2},
        {"codec": "taha2025", "model": "apercu_small"},
    ],
)
def test_what_is_no_kind_of_image_is_refused(tmp_path, wrong):
    with pytest.raises(OptionError):
        export_c(tmp_path / "encoder", **wrong)
    assert not (tmp_path / "encoder").exists()


def test_a_number_of_bands_in_other_digits_is_refused_by_name(tmp_path, capsys):
    assert main(["export-c", "--bands", "²", "--out", str(tmp_path / "encoder")]) == 2
    assert "--bands must be grey, rgb or a number, not ²" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not flying.is_here(), reason="no compiler for Arm or no emulator here")
@pytest.mark.parametrize(("kind", "core"), list(zip(KINDS, itertools.cycle(flying.BOARDS), strict=False)))  # by turns
def test_on_a_board(tmp_path, core, kind):
    """Bytes, and of the usual kinds instructions, stack and code."""
    image = picture(kind)
    wanted = encoded(kind, image, 30.0)
    program = flying.build(tmp_path, core, **KINDS[kind])
    levels = b"".join(bytes(codes) for codes in read_header(wanted).levels)
    flight = flying.fly(program, core, image, 30.0, levels)
    assert flight.data == wanted
    assert flight.stack <= (2048 if KINDS[kind].get("codec") == "taha2025" else 1024)


@pytest.mark.slow
@pytest.mark.skipif(not flying.is_here(), reason="no compiler for Arm or no emulator here")
@pytest.mark.parametrize(("bands", "most"), [("rgb", 350), ("grey", 195)])
def test_instructions_a_pixel_on_a_board(tmp_path, bands, most):
    image = scene(256, 256, 3, seed=5)
    image = image if bands == "rgb" else np.ascontiguousarray(image[:, :, 1])
    quality = flying.quality_at(image, 0.1, 128)
    program = flying.build(tmp_path, "cortex-m4", bands=bands, tile=128)
    flight = flying.fly(program, "cortex-m4", image, quality)
    assert flight.instructions / 256**2 <= most
    assert flight.stack <= 1024
