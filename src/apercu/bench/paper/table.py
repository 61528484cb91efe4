"""Tables that are printed, and kept as Markdown, CSV and JSON, from the same cells."""

import csv
import io
from dataclasses import asdict, dataclass, field
from typing import Any

Cell = str | float | int | None


@dataclass
class Table:
    """A table with its notes.

    columns: heading and format of each, as of `format()`; a cell of None is printed as a dash, a text as it is.
    """

    name: str
    title: str
    columns: list[tuple[str, str]]
    rows: list[list[Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Aligned, so that it reads as well on a terminal."""
        cells = [[heading for heading, _ in self.columns]]
        cells += [[_text(cell, how) for cell, (_, how) in zip(row, self.columns, strict=True)] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "| "
            + " | ".join(c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
            + " |"
            for row in cells
        ]
        rule = "|" + "|".join("-" * (w + 1) + (":" if i else "-") for i, w in enumerate(widths)) + "|"
        return "\n".join(
            [f"### {self.title}", "", lines[0], rule, *lines[1:], "", *(f"- {note}" for note in self.notes)]
        )

    def csv(self) -> str:
        """Numbers in full; None is empty."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([heading for heading, _ in self.columns])
        writer.writerows(self.rows)
        return out.getvalue()

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"columns": [heading for heading, _ in self.columns]}


def _text(cell: Cell, how: str) -> str:
    if cell is None:
        return "–"
    return cell if isinstance(cell, str) else format(cell, how)
