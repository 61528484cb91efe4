"""The command `info`."""

import json

import numpy as np

import apercu
from apercu.cli.main import main

X, Y = np.meshgrid(np.arange(40), np.arange(30))
SMALL = np.dstack([6 * X, 8 * Y, 3 * (X + Y)]).astype(np.uint8)


def test_the_command_leaves_out_what_cannot_be_told(tmp_path, capsys):
    data = bytearray(apercu.encode(SMALL, codec="taha2025"))
    data[-3] ^= 1
    (tmp_path / "a.apc").write_bytes(data)
    assert main(["info", str(tmp_path / "a.apc")]) == 0
    said = capsys.readouterr().out
    assert "threshold" in said
    assert "g1_share" not in said
    assert main(["info", "--json", str(tmp_path / "a.apc")]) == 0
    assert json.loads(capsys.readouterr().out)["g2_share"] is None


def test_the_limit_can_be_lifted_here_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(apercu, "MAX_PIXELS", 9)
    (tmp_path / "a.apc").write_bytes(apercu.encode(SMALL))
    assert main(["info", str(tmp_path / "a.apc")]) == 2
    assert main(["info", str(tmp_path / "a.apc"), "--max-pixels", "0"]) == 0
    assert capsys.readouterr().out.startswith(str(tmp_path / "a.apc"))
