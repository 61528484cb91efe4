"""The paper's authors are named rightly wherever they are named."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
AUTHORS = {"Taha": "H.", "Elrefaei": "L. A.", "Akah": "H.", "Abdelrasoul": "M."}


def test_initials():
    texts = [
        path for kind in ("*.md", "*.py") for folder in ("src", "docs", "spec") for path in (ROOT / folder).rglob(kind)
    ]
    if not texts:
        pytest.skip("no sources beside the tests")
    found = 0
    for path in texts:
        for initials, name in re.findall(rf"((?:[A-Z]\. )+)({'|'.join(AUTHORS)})", path.read_text(encoding="utf-8")):
            assert initials.strip() == AUTHORS[name], f"{path}: {initials}{name}"
            found += 1
    assert found >= 16
