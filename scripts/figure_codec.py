"""The figure of docs/apercu.md: from a tile to the layers of a file.

python -m scripts.figure_codec [OUT.svg]
"""

import sys
from pathlib import Path

OUT = Path("docs/images/codec.svg")
WIDTH, HEIGHT = 800, 500
INK, SOFT, LINE, PAPER = "#1d2126", "#5b6168", "#8a9097", "#ffffff"
STAGES = ("#0f4c81", "#2f76b5", "#5f9fd3", "#9cc6e8", "#d6e8f6")  # stage 5, the coarsest, to stage 1
FLAG = "#e07b39"
SYMBOLS = ((0, 2, 0, 0), (-1, 3, 0, 0), (0, 1, 0, 0), (0, 0, 0, 0))
SET = {(0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (3, 0), (3, 1), (4, 0)}  # groups with a symbol: column, row
Parts = list[str]


def box(x: float, y: float, w: float, h: float, fill: str = "none", stroke: str = LINE, more: str = "") -> str:
    """A rectangle."""
    return f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" fill="{fill}" stroke="{stroke}" {more}/>'


def line(x1: float, y1: float, x2: float, y2: float, stroke: str = LINE, more: str = "") -> str:
    """A line."""
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{stroke}" {more}/>'


def text(x: float, y: float, words: str, size: float = 12, fill: str = INK, more: str = "") -> str:
    """A line of text; `y` is its base."""
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{fill}" {more}>{words}</text>'


def middle(x: float, y: float, words: str, size: float = 12, fill: str = INK, more: str = "") -> str:
    """The same, centred."""
    return text(x, y, words, size, fill, f'text-anchor="middle" {more}')


def arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    """An arrow."""
    return line(x1, y1, x2, y2, SOFT, 'stroke-width="1.5" marker-end="url(#head)"')


def titled(x: float, y: float, title: str, *notes: str) -> Parts:
    """A title with what it means below it."""
    parts = [text(x, y, title, 15, INK, 'font-weight="600"')]
    return parts + [text(x, y + 17 + 15 * at, note, 12, SOFT) for at, note in enumerate(notes)]


def tiles(x: float, y: float) -> Parts:
    """An image, cut into tiles."""
    parts = titled(x, y, "tiles", "coded each by itself")
    parts.append(box(x, y + 45, 150, 112, "#f2f3f4"))
    parts.append(box(x, y + 45, 64, 64, STAGES[3], INK, 'stroke-width="1.5"'))
    parts += [line(x + at, y + 45, x + at, y + 157) for at in (64, 128)]
    parts.append(line(x, y + 109, x + 150, y + 109))
    return parts


def planes(x: float, y: float) -> Parts:
    """The planes of a tile."""
    parts = titled(x, y, "planes", "brightness Y, and colour", "Cb, Cr at half the size")
    parts += [box(x, y + 45, 112, 112, STAGES[3], INK), middle(x + 56, y + 106, "Y", 15)]
    for at, name in ((45, "Cb"), (101, "Cr")):
        parts += [box(x + 120, y + at, 56, 56, STAGES[4], INK), middle(x + 148, y + at + 33, name, 13)]
    return parts


def bands(x: float, y: float) -> Parts:
    """The bands of a plane, in the colours of their stages."""
    parts = titled(
        x,
        y,
        "bands",
        "each of five levels of the wavelet splits what it is given into",
        "a smaller LL and the bands HL, LH, HH (chroma: four levels)",
    )
    side, top = 160.0, y + 54
    for stage in range(5):
        half = side / 2
        colour = STAGES[4 - stage]
        for dx, dy, name in ((half, 0, "HL"), (0, half, "LH"), (half, half, "HH")):
            parts.append(box(x + dx, top + dy, half, half, colour, INK, 'stroke-width="0.8"'))
            if stage < 2:
                parts.append(middle(x + dx + half / 2, top + dy + half / 2 + 4, f"{name} {stage + 1}", 13 - 2 * stage))
        side = half
    parts.append(box(x, top, side, side, INK, INK))
    parts.append(f'<path d="M{x + side / 2:g} {top:g} V{top - 5:g} H{x + 176:g}" fill="none" stroke="{SOFT}"/>')
    parts.append(text(x + 180, top + 3, "LL of level 5", 12, SOFT))
    for stage, colour in enumerate(STAGES):
        parts.append(box(x + 180, top + 40 + 23 * stage, 15, 15, colour, INK, 'stroke-width="0.8"'))
        name = f"stage {5 - stage}"
        parts.append(text(x + 201, top + 52 + 23 * stage, name + (", with LL" if stage == 0 else ""), 12, SOFT))
    return parts


def groups(x: float, y: float) -> Parts:
    """The groups of a band, and one of them with its symbols."""
    parts = titled(
        x, y, "groups", "4 × 4 coefficients of a band; in stages 1 and 2", "a flag says whether all of them are zero"
    )
    top, cell = y + 48, 24
    for row in range(5):
        for column in range(6):
            is_set = (column, row) in SET
            parts.append(box(x + cell * column, top + cell * row, cell, cell, "#f6d9c4" if is_set else PAPER))
            place = x + cell * (column + 0.5), top + cell * row + 16
            parts.append(middle(*place, str(int(is_set)), 12, FLAG if is_set else LINE))
    parts.append(box(x + cell, top + 2 * cell, cell, cell, "none", INK, 'stroke-width="1.8"'))
    zoom, unit = x + 6 * cell + 34, 28
    parts += [
        line(x + 2 * cell, top + 2 * cell, zoom, top + 4, SOFT),
        line(x + 2 * cell, top + 3 * cell, zoom, top + 4 + 4 * unit, SOFT),
    ]
    for row, values in enumerate(SYMBOLS):
        for column, value in enumerate(values):
            parts.append(
                box(zoom + unit * column, top + 4 + unit * row, unit, unit, PAPER if value == 0 else "#f6d9c4")
            )
            parts.append(middle(zoom + unit * (column + 0.5), top + 22 + unit * row, str(value).replace("-", "−"), 12))
    parts.append(text(zoom, top + 4 + 4 * unit + 17, "symbols", 12, SOFT))
    return parts


def layers(x: float, y: float) -> Parts:
    """The file: stages one after the other, in layers."""
    parts = titled(
        x,
        y,
        "layers",
        "one stage or several of all planes, the coarsest first:",
        "a file that is cut short is a coarser picture",
    )
    top, at = y + 52, x
    parts.append(box(at, top, 36, 40, "#f2f3f4", INK))
    parts += [middle(at + 18, top + 25, "head", 11, SOFT)]
    at += 36
    starts = [at]
    for stage, (colour, width) in enumerate(zip(STAGES, (34, 46, 66, 86, 92), strict=True)):
        parts.append(box(at, top, width, 40, colour, INK))
        parts.append(middle(at + width / 2, top + 25, str(5 - stage), 13, PAPER if stage < 2 else INK))
        at += width
        starts.append(at)
    for number, (begin, end) in enumerate(((0, 2), (2, 3), (3, 4), (4, 5)), 1):
        left, right = starts[begin] + 2, starts[end] - 2
        parts.append(f'<path d="M{left:g} {top + 47} v6 H{right:g} v-6" fill="none" stroke="{SOFT}"/>')
        parts.append(middle((left + right) / 2, top + 68, f"layer {number}", 12, SOFT))
    cut = starts[3]
    parts.append(line(cut, top - 8, cut, top + 44, FLAG, 'stroke-width="2" stroke-dasharray="4 3"'))
    parts.append(middle(x + 180, top + 100, "cut at the dashed line, this file shows stages 5 to 3", 12, SOFT))
    return parts


def figure() -> str:
    """The whole figure as SVG."""
    parts: Parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'role="img" font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">',
        "<title>From a tile to the layers of a file: tiles, planes, bands, groups, layers</title>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{SOFT}"/></marker></defs>',
        box(0, 0, WIDTH, HEIGHT, PAPER, "none"),
        *tiles(24, 34),
        arrow(180, 135, 204, 135),
        *planes(214, 34),
        arrow(398, 135, 422, 135),
        *bands(434, 34),
        arrow(514, 254, 300, 284),
        *groups(24, 300),
        arrow(338, 400, 362, 400),
        *layers(400, 300),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    (Path(sys.argv[1]) if len(sys.argv) > 1 else OUT).write_text(figure(), encoding="utf-8")
