"""The encoder that `apercu export-c` writes, on emulated Cortex-M4 and M7: bytes, instructions, RAM, stack, code.

    python -m scripts.flying            the tables of docs/c.md, for images drawn here or of --images DIR

Needs arm-none-eabi-gcc with newlib, and qemu-system-arm.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import apercu
from apercu.bridges import files
from apercu.bridges.export_c import EXPORTED, export_c
from apercu.format.ids import MODELS, NAMED_MODELS
from scripts.pictures import scene

BOARDS = {"cortex-m4": "mps2-an386", "cortex-m7": "mps2-an500"}
COMPILER, EMULATOR = "arm-none-eabi-gcc", "qemu-system-arm"
SCRIPT = """\
MEMORY
{
  FLASH (rx) : ORIGIN = 0x00000000, LENGTH = 4M
  RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 4M
}
ENTRY(reset)
data_in_flash = LOADADDR(.data);
SECTIONS
{
  .text : { KEEP(*(.vectors)) *(.text*) *(.rodata*) . = ALIGN(4); } >FLASH
  .ARM.exidx : { *(.ARM.exidx*) } >FLASH
  .data : { data_begins = .; *(.data*) . = ALIGN(4); data_ends = .; } >RAM AT>FLASH
  .bss : { bss_begins = .; *(.bss*) *(COMMON) . = ALIGN(8); bss_ends = .; end = .; } >RAM
  stack_top = ORIGIN(RAM) + LENGTH(RAM);
}
"""
MAIN = """\
#include "encoder.h"
#include <stdio.h>
#include <stdlib.h>

/* What stands in memory before main, and the timer: with -icount shift=0 an instruction takes 1 ns, a tick 40. */
extern uint32_t stack_top, data_in_flash, data_begins, data_ends, bss_begins, bss_ends;
extern void initialise_monitor_handles(void);
int main(void);
static volatile uint32_t *const TIMER = (volatile uint32_t *)0xE000E010;
enum { STACK_WORDS = 4096, PAINT = 0x5A5A5A5A };

void reset(void)
{
    uint32_t *from = &data_in_flash;
    for (uint32_t *to = &data_begins; to < &data_ends;)
        *to++ = *from++;
    for (uint32_t *to = &bss_begins; to < &bss_ends;)
        *to++ = 0;
    initialise_monitor_handles();
    exit(main());
}

static void hang(void)
{
    for (;;)
        ;
}

__attribute__((section(".vectors"), used)) static void *const VECTORS[] = {
    &stack_top, reset, hang, hang, hang, hang, hang};

static uint64_t ticks;

static void begin(void)
{
    TIMER[1] = 0xFFFFFF, TIMER[2] = 0, TIMER[0] = 5;
}

static void stop(void)
{
    ticks += 0xFFFFFF - (TIMER[2] & 0xFFFFFF);
}

static apercu_sample strip[APERCU_TILE * 1024 * APERCU_BANDS];
static uint8_t out[1 << 18];

static int32_t encode(FILE *in, const uint32_t *head, const uint8_t *levels)
{
    uint32_t width = head[0], height = head[1];
    (void)levels;
    begin();
    int fault = apercu_begin(width, height, (uint16_t)head[2], out, sizeof out LEVELS);
    stop();
    for (uint32_t top = 0; top < height && !fault; top += APERCU_TILE) {
        uint32_t rows = height - top < APERCU_TILE ? height - top : APERCU_TILE;
        if (fread(strip, sizeof *strip * width * APERCU_BANDS, rows, in) != rows)
            return -100;
        begin();
        fault = apercu_strip(strip, 0);
        stop();
    }
    begin();
    int32_t size = fault ? fault : apercu_end();
    stop();
    return size;
}

int main(void)
{
    uint32_t head[3];
    uint8_t levels[64];
    FILE *in = fopen("in.bin", "rb");
    if (!in || fread(head, sizeof head, 1, in) != 1 || fread(levels, sizeof levels, 1, in) != 1)
        return 1;
    volatile uint32_t *here = (volatile uint32_t *)__builtin_frame_address(0);
    for (int i = 64; i < STACK_WORDS; i++)
        here[-i] = PAINT;
    int32_t size = encode(in, head, levels);
    int deepest = STACK_WORDS - 1;
    while (deepest > 64 && here[-deepest] == PAINT)
        deepest--;
    FILE *file = fopen("out.apc", "wb");
    if (!file || (size > 0 && fwrite(out, 1, (size_t)size, file) != (size_t)size))
        return 1;
    fclose(file);
    printf("size %ld ticks %lu stack %d\\n", (long)size, (unsigned long)ticks, 4 * deepest);
    return 0;
}
"""


class Flight(NamedTuple):
    """What a board says: the file, instructions of the encoder in all, bytes of stack."""

    data: bytes
    instructions: int
    stack: int


def is_here() -> bool:
    """Whether a compiler and an emulator are."""
    return shutil.which(COMPILER) is not None and shutil.which(EMULATOR) is not None


def build(folder: Path, core: str, optimise: str = "-O2", **kind: Any) -> Path:
    """The exported encoder for a board, as a program below `folder`; `kind`: of `export_c`."""
    export_c(folder / "encoder", **kind)
    (folder / "board.ld").write_text(SCRIPT)
    levels = ", levels" if kind.get("bits") == 16 else ""
    (folder / "main.c").write_text(MAIN.replace(" LEVELS", levels))
    target, source = folder / f"{core}{optimise}.elf", folder / "encoder"
    machine = [f"-mcpu={core}", "-mthumb"]
    archive = [f"CC={COMPILER}", f"AR={COMPILER.replace('gcc', 'ar')}", "encoder.a"]
    flags = [*machine, optimise, "-ffunction-sections", "-fdata-sections"]
    made = ["make", "-s", "-B", "-C", str(source), *archive, f"CFLAGS={' '.join(flags)}"]
    linked = [COMPILER, *flags, f"-I{source}", str(folder / "main.c"), str(source / "encoder.a"), "-Wl,--gc-sections"]
    linked += [
        "-T",
        str(folder / "board.ld"),
        "--specs=rdimon.specs",
        "-nostartfiles",
        "-o",
        str(target),
        f"-Wl,-Map={target.with_suffix('.map')}",
    ]
    for command in made, linked:
        subprocess.run(command, check=True, capture_output=True)
    return target


def fly(program: Path, core: str, image: "np.ndarray[Any, Any]", quality: float, levels: bytes = b"") -> Flight:
    """Encodes an image on an emulated board."""
    with tempfile.TemporaryDirectory() as place:
        head = np.array([image.shape[1], image.shape[0], round(256 * quality)], "<u4").tobytes()
        samples = image.astype(image.dtype.newbyteorder("<")).tobytes()
        Path(place, "in.bin").write_bytes(head + levels.ljust(64, b"\0") + samples)
        command = [EMULATOR, "-M", BOARDS[core], "-nographic", "-icount", "shift=0", "-kernel", str(program)]
        command += ["-semihosting-config", "enable=on,target=native"]
        done = subprocess.run(command, cwd=place, check=True, capture_output=True, text=True, timeout=120)
        found = re.search(r"size (-?\d+) ticks (\d+) stack (\d+)", done.stdout)
        if not found or int(found[1]) < 0:
            raise RuntimeError(f"the board says {done.stdout!r} {done.stderr!r}")
        return Flight(Path(place, "out.apc").read_bytes(), 40 * int(found[2]), int(found[3]))


def quality_at(image: "np.ndarray[Any, Any]", bpp: float, tile: int, codec: str = "apercu") -> float:
    """That makes a file of this rate, in one layer."""
    told: Any = apercu.info(apercu.encode(image, bpp=bpp, tile=tile, layers=1, codec=codec))
    return float(told["quality"])


def code_size(program: Path) -> tuple[int, int]:
    """Bytes of the encoder's code and constants, and of its tables: what of its archive is in the program."""
    placed = program.with_suffix(".map").read_text().partition("Linker script and memory map")[2]
    sections = re.findall(r"^ \.(?:text|rodata)\S*\s+0x\w+\s+0x(\w+) \S*encoder\.a\((\w+)\.o\)$", placed, re.MULTILINE)
    sizes = {
        of_tables: sum(int(n, 16) for n, name in sections if (name == "tables") == of_tables) for of_tables in (0, 1)
    }
    return sizes[0], sizes[1]


def static_memory(program: Path) -> int:
    """Bytes of RAM of the encoder, without its stack."""
    placed = program.with_suffix(".map").read_text().partition("Linker script and memory map")[2]
    sections = re.findall(r"^ \.(?:bss|data)\S*\s+0x\w+\s+0x(\w+) \S*encoder\.a\(\w+\.o\)$", placed, re.MULTILINE)
    return sum(int(n, 16) for n in sections)


def needs(program: Path) -> set[str]:
    """Functions that the encoder has not, which its code does not count."""
    archive = program.parent / "encoder" / "encoder.a"
    command = [COMPILER.replace("gcc", "nm"), str(archive)]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return set(re.findall(r" U (\w+)", listed)) - set(re.findall(r" [A-TV-Zbdrt] (\w+)", listed))


def row(image: "np.ndarray[Any, Any]", core: str, tile: int, bpp: float, place: Path, codec: str) -> str:
    """A row of the table."""
    bands = "rgb" if image.ndim == 3 else "grey"
    quality = quality_at(image, bpp, tile, codec)
    shutil.rmtree(place / "encoder", ignore_errors=True)  # of another codec
    ram = export_c(place / "encoder", bands=bands, tile=tile, codec=codec)
    program = build(place, core, bands=bands, tile=tile, codec=codec)
    flight = fly(program, core, image, quality)
    same = flight.data == apercu.encode(image, quality=quality, tile=tile, layers=1, codec=codec)
    n_pixels, bits = image.shape[0] * image.shape[1], 8 * len(flight.data)
    error = np.mean((apercu.decode(flight.data).astype(float) - image) ** 2)
    psnr = 10 * np.log10(255**2 / error)
    return (
        f"| {codec} | {core} | {bands} | {tile} | {ram:,} | {flight.stack:,} | {flight.instructions / n_pixels:.0f} | "
        f"{bits / n_pixels:.3f} | {psnr:.2f} | {'yes' if same else 'NO'} |"
    )


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="folder of pictures; by default one is drawn")
    parser.add_argument("--bpp", type=float, default=0.1)
    parser.add_argument("--codec", choices=EXPORTED, action="append", help="one alone, or some")
    options = parser.parse_args()
    images: list[Any] = [scene(256, 384, 3)]
    if options.images:
        images = [files.read(path)[0] for path in sorted(options.images.glob("*.png"))]
    print(
        "| codec | core | bands | tile | RAM | stack | instructions a pixel | bits a pixel | dB | the package's bytes |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        for codec in options.codec or EXPORTED:
            for core in BOARDS:
                for tile in (64, 128, 256):
                    for image in images:
                        for samples in (image, np.ascontiguousarray(image[:, :, 1])):
                            print(row(samples, core, tile, options.bpp, Path(place), codec), flush=True)
        print("\n| codec | bands | tables | code, -Os | code, -O2 | tables, bytes |\n|---|---|---|---|---|---|")
        for codec in options.codec or EXPORTED:
            for bands in ("rgb", "grey"):
                for model in (None, *(name for name, number in NAMED_MODELS.items() if MODELS[number].codec == codec)):
                    shutil.rmtree(Path(place) / "encoder", ignore_errors=True)
                    kind = {"bands": bands, "model": model, "codec": codec}
                    sizes = [code_size(build(Path(place), "cortex-m4", how, **kind)) for how in ("-Os", "-O2")]
                    told = f"{sizes[0][0]:,} | {sizes[1][0]:,} | {sizes[0][1]:,}"
                    print(f"| {codec} | {bands} | {model or codec} | {told} |")


if __name__ == "__main__":
    main()
