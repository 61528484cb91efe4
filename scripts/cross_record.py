"""Records every call of the kernel while the conformance vectors are decoded and encoded: what goes in and comes out.

    python -m scripts.cross_record FILE

`cross_replay.c` makes the same calls on another machine and compares. The recorder compares pixels, symbols and coded
bytes with the vectors: where they are right and a machine's every call gives the same as here, they are right there as
well.
All numbers of the file are little-endian:

    "APCALLS1"
    'B' width u8, size u32, bytes       an array, numbered from 0 in the order of the file; see WIDTHS
    'C' function u16, result i64, then for each parameter
         a number: i64
         an array: mode u8 (0 NULL, 1 any content, 2 content, 3 zeros, 4 as the last call left it), size u32, then
                   for 2: array u32 before, and, unless it is constant, array u32 after; for 3 and 4: place u32
    'E' calls u32
"""

import ctypes
import json
import struct
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
from numpy.typing import NDArray

import apercu
import apercu.kernel
import apercu.stages
from apercu.stages import bands as bands_of
from apercu.stages import mask, range_coding, rotation, squared_error
from apercu.stages.colour import Levels
from scripts import encoded
from scripts.cross_calls import WIDTHS, Function, Parameter, functions
from scripts.vector_case import Encoded, encode
from scripts.vector_cases import cases
from scripts.vector_files import NOW, read_pixels, write_symbols

ROOT = Path(__file__).resolve().parents[1]
STAGES = tuple(import_module(f"apercu.stages.{stage.name}") for stage in iter_modules(apercu.stages.__path__))
SIZES = ("capacity", "size", "n_data", "n_workspace", "workspace_size")
"""Names of parameters that say how large the array before them is, in bytes where it is one of bytes."""
NULL, ANY, CONTENT, ZEROS, KEPT = range(5)


class Recorder:
    """What is written, and the arrays that the stages passed."""

    def __init__(self) -> None:
        self.parts: list[bytes] = [b"APCALLS1"]
        self.numbers: dict[tuple[int, bytes], int] = {}
        self.arrays: list[tuple[int, int, NDArray[np.generic]]] = []
        self.kept: dict[int, bytes] = {}
        self.places: dict[int, int] = {}
        self.calls = 0
        self.called: set[str] = set()

    def address(self, array: NDArray[np.generic]) -> int:
        """Stands in for `apercu.kernel.address`, and notes how far the array reaches."""
        start: int = array.__array_interface__["data"][0]
        reach = array.itemsize + sum((n - 1) * step for n, step in zip(array.shape, array.strides, strict=True))
        self.arrays.append((start, start + (reach if array.size else 0), array))
        return start

    def blob(self, width: int, content: bytes) -> bytes:
        """The number of an array, which is written where it is a new one."""
        key = width, content
        if key not in self.numbers:
            self.numbers[key] = len(self.numbers)
            self.parts += [struct.pack("<cBI", b"B", width, len(content)), content]
        return struct.pack("<I", self.numbers[key])

    def size_of(self, start: int, parameter: Parameter, after: list[tuple[Parameter, int]]) -> int:
        """Bytes that belong to an array of which the kernel gets the address."""
        size: int = next(end - start for first, end, _ in reversed(self.arrays) if first <= start <= end)
        if after and after[0][0].name in SIZES and WIDTHS[parameter.c_type] == 1:
            size = min(size, after[0][1])
        return size

    def stand_in(self, number: int, function: Function, entry: Callable[..., int]) -> Callable[..., int]:
        """Calls the kernel and writes it down."""

        def call(*given: int | None) -> int:
            values = [value or 0 for value in given]
            with_values = list(zip(function.parameters, values, strict=True))
            written: list[bytes] = []
            changing: list[tuple[int, Parameter, int, int]] = []
            taken: list[tuple[int, int, bool]] = []
            for place, (parameter, value) in enumerate(with_values):
                if parameter.role == "n":
                    written.append(struct.pack("<q", value))
                    continue
                if not value:
                    written.append(struct.pack("<BI", NULL, 0))
                    continue
                size = self.size_of(value, parameter, with_values[place + 1 :])
                for start, end, constant in taken:
                    if start < value + size and value < end and not (constant and parameter.role == "c"):
                        raise ValueError(f"{function.name}: two arrays share memory")
                taken.append((value, value + size, parameter.role == "c"))
                written.append(self.before(parameter, value, size))
                if parameter.role in "mt":
                    changing.append((len(written), parameter, value, size))
                    written.append(b"")
            result = int(entry(*given))
            for place, parameter, value, size in changing:
                content = ctypes.string_at(value, size)
                if parameter.role == "t":
                    self.kept[value] = content
                else:
                    written[place] = self.blob(WIDTHS[parameter.c_type], content)
            self.parts += [struct.pack("<cHq", b"C", number, result), *written]
            self.calls += 1
            self.called.add(function.name)
            return result

        return call

    def before(self, parameter: Parameter, value: int, size: int) -> bytes:
        """What a machine has to put into an array before the call."""
        if parameter.role == "w":
            return struct.pack("<BI", ANY, size)
        content = ctypes.string_at(value, size)
        if parameter.role != "t":
            return struct.pack("<BI", CONTENT, size) + self.blob(WIDTHS[parameter.c_type], content)
        place = self.places.setdefault(value, len(self.places))
        if not any(content):
            return struct.pack("<BII", ZEROS, size, place)
        if self.kept.get(value) != content:
            raise ValueError("a workspace that goes on is neither zero nor as the last call left it")
        return struct.pack("<BII", KEPT, size, place)

    def rest(self) -> None:
        """After a file: its arrays may go."""
        self.arrays.clear()
        self.kept.clear()


def record() -> bytes:
    """The calls for all vectors. Raises AssertionError where a vector is not met on this machine."""
    if sys.byteorder != "little":
        raise OSError("calls can be recorded on little-endian machines only")
    recorder = Recorder()
    known = functions()
    foreign = type(apercu.kernel.library.apercu_band_step)
    for stage in STAGES:
        names = vars(stage)
        for name, value in list(names.items()):
            if not isinstance(value, foreign):
                continue
            for number, function in enumerate(known):
                if function.name == value.__name__:
                    names[name] = recorder.stand_in(number, function, value)
        if "address" in names:
            names["address"] = recorder.address
    _decode_valid(recorder)
    _decode_invalid(recorder)
    for name, digest in json.loads(encoded.NOTED.read_text()).items():
        assert encoded.digest(name) == digest, f"{name} is coded otherwise on this machine"
        recorder.rest()
    _call_the_rest()
    _call_cases_to_come(recorder)
    missing = {function.name for function in known if function.parameters} - recorder.called
    assert missing <= {"apercu_self_test"}, f"never called: {sorted(missing)}"
    return b"".join([*recorder.parts, struct.pack("<cI", b"E", recorder.calls)])


def _call_the_rest() -> None:
    """What no vector asks for."""
    bits = (np.arange(3000) * 7 % 11 < 3).astype(np.uint8)
    contexts = np.arange(3000) % 5
    data = range_coding.range_encode(bits, contexts, 5)
    assert np.array_equal(range_coding.range_decode(data, contexts, 5), bits)
    rows, columns = np.mgrid[:45, :83]
    slanted, noise = 4 * columns + rows < 90, rows * columns % 3 == 0
    bands = np.stack([slanted, slanted ^ (rows * columns % 200 == 9), slanted, noise], 2)
    assert np.array_equal(mask.decode_mask(mask.encode_mask(bands), 45, 83, 4), bands)
    components = np.stack([rows * 700, columns * 300, 40000 - rows * columns, rows * 0], 2).astype(np.uint16)
    matrix = (64, 9, -30, 0), (-9, 64, 0, 30), (30, 0, 64, -9), (0, -30, 9, 64)
    for is_wide in (True, False):
        found = rotation.to_bands(components, rotation.Rotation(matrix, (Levels(16, 111),) * 4, is_wide))
        assert squared_error.squared_error(found, found[::-1].copy()) > 0
    planes = [bands_of.BandPlane(83, 45, 0, -1)]
    bands_of.dequantise((rows * columns % 99 - 49).astype(np.int16).ravel(), planes, 3000)
    clear = np.where((rows - 20) ** 2 + (columns - 40) ** 2 < 300, 0, 255)
    apercu.encode(np.stack([3 * rows, 2 * columns, rows * columns % 251, clear], 2).astype(np.uint8), quality=40)


def _call_cases_to_come(recorder: Recorder) -> None:
    """Cases of the scripts that no vector has yet."""
    for name, case in cases().items():
        if not (ROOT / "vectors" / "valid" / name).exists() and not (isinstance(case, Encoded) and case.user_model):
            apercu.decode(encode(case, None) if isinstance(case, Encoded) else case.data)
            recorder.rest()


def _decode_valid(recorder: Recorder) -> None:
    for folder in sorted((ROOT / "vectors" / "valid").iterdir()):
        test = json.loads((folder / "test.json").read_text())
        data = (folder / "in.apc").read_bytes()
        wanted = test["restore"]["none"]["file"]
        model = folder / test["model"] if test["model"] else None
        pixels = apercu.decode(data, model=model)
        assert np.array_equal(pixels, read_pixels((folder / wanted).read_bytes(), wanted, test["shape"])), folder.name
        wanted = (folder / test["symbols"]).read_text() if test["symbols"] else ""
        assert write_symbols(data, model) == wanted, folder.name
        recorder.rest()


def _decode_invalid(recorder: Recorder) -> None:
    for file in sorted((ROOT / "vectors" / "invalid").glob("*.apc")):
        test = json.loads(file.with_suffix(".json").read_text())
        model = file.parents[1] / test["model"] if test["model"] else None
        try:
            apercu.decode(file.read_bytes(), model=model)
        except apercu.ApercuError as error:
            found = type(error).__name__
        else:
            found = "none"
        assert found == NOW.get(file.stem, test["error"]), file.name
        recorder.rest()


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(record())
