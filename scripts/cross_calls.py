"""The functions of the kernel as its headers declare them, and the C code that calls them by number."""

import re
from pathlib import Path
from typing import NamedTuple

KERNEL = Path(__file__).resolve().parents[1] / "src" / "apercu" / "kernel"
WIDTHS = {"uint8_t": 1, "int8_t": 1, "uint16_t": 2, "int16_t": 2, "uint32_t": 4, "int32_t": 4, "void": 1}
WIDTHS |= {"int64_t": 8, "uint64_t": 8, "band_plane": 4, "map_plane": 4, "map_kind": 4, "range_context": 12}
WIDTHS |= {"predict_tile": 4}
"""Bytes of a number, by type of C; a `band_plane` is six of them, a `map_plane` four, a `map_kind` seven, a
`predict_tile` five. 12 stands for a `range_context`: two numbers of 2 bytes and four of 1."""
LETTERS = {"size_t": "s", "int32_t": "i", "int": "i", "int64_t": "l", "uint64_t": "l"}
"""As `apercu.kernel.function` has them; "a" is an address."""


class Parameter(NamedTuple):
    """`role`: "n" number, "c" constant array, "m" array that changes, "w" workspace of any content, "t" workspace whose
    content goes on from call to call."""

    name: str
    c_type: str
    role: str


class Function(NamedTuple):
    """A function and its parameters; all return int64_t."""

    name: str
    parameters: tuple[Parameter, ...]

    @property
    def letters(self) -> str:
        """What Python says of its arguments."""
        return "".join(LETTERS[p.c_type] if p.role == "n" else "a" for p in self.parameters)


def functions(kernel: Path = KERNEL) -> list[Function]:
    """Every function that the kernel exports, by name."""
    found = []
    for header in sorted(kernel.glob("*.h")):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.DOTALL)
        for name, arguments in re.findall(r"^APERCU_API int64_t (\w+)\(([^)]*)\);", text, re.MULTILINE):
            parts = [] if arguments == "void" else [" ".join(part.split()) for part in arguments.split(",")]
            found.append(Function(name, tuple(_parameter(name, part) for part in parts)))
    return sorted(found)


def _parameter(function: str, text: str) -> Parameter:
    match = re.fullmatch(r"(const )?(\w+) (\*?)(\w+)", text)
    if not match:
        raise ValueError(f"{function}: the parameter {text!r} is none that this tool knows")
    constant, c_type, star, name = match.groups()
    if not star:
        return Parameter(name, c_type, "n")
    if constant:
        return Parameter(name, c_type, "c")
    if name == "workspace" and function.startswith(("apercu_bands_", "apercu_maps_", "apercu_predict_")):
        return Parameter(name, c_type, "t")
    # Of range contexts, the content is compared though it is called a workspace: it is an array like others.
    is_room = name in ("workspace", "scratch") and c_type != "range_context"
    return Parameter(name, c_type, "w" if is_room else "m")


def c_code(found: list[Function]) -> str:
    """A table of the functions and one that calls them, for cross_replay.c."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(KERNEL.glob("*.h"))}
    headers = "".join(f'#include "{name}"\n' for name, text in texts.items() if "\nAPERCU_API int64_t" in text)
    most = max(len(parameters) for _, parameters in found)
    table = ""
    calls = ""
    for number, (name, parameters) in enumerate(found):
        roles = "".join(p.role for p in parameters)
        table += f'    {{"{name}", "{roles}"}},\n'
        arguments = ", ".join(
            f"({p.c_type})a[{i}].number" if p.role == "n" else f"({p.c_type} *)a[{i}].at"
            for i, p in enumerate(parameters)
        )
        calls += f"    case {number}:\n        return {name}({arguments});\n"
    return (
        f"{headers}\nenum {{ N_FUNCTIONS = {len(found)}, MOST_PARAMETERS = {most} }};\n"
        f"static const struct {{\n    const char *name, *roles;\n}} FUNCTIONS[N_FUNCTIONS] = {{\n{table}}};\n\n"
        "static int64_t call(int number, const argument *a)\n{\n    switch (number) {\n"
        f"{calls}    }}\n    return INT64_MIN;\n}}\n"
    )
