"""Text in CSV that no spreadsheet takes for a formula: names of images and codecs may come from anyone."""

import re

_FORMULA = re.compile(r"'*\s*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001  # full-width signs begin a formula as well
_MARK = "'"  # what follows is text, to a spreadsheet


def to_cell(text: str) -> str:
    """The text, with an apostrophe before it where it begins like a formula."""
    return _MARK + text if _FORMULA.match(text) else text


def from_cell(cell: str) -> str:
    """The text of a cell that `to_cell` made."""
    return cell[1:] if cell.startswith(_MARK) and _FORMULA.match(cell[1:]) else cell
