"""`info` needs the header alone, whatever became of the rest, for every codec."""

import json

import numpy as np
import pytest

import apercu
from apercu.cli.main import main
from apercu.format.container import read_header

X, Y = np.meshgrid(np.arange(40), np.arange(30))
SMALL = np.dstack([6 * X, 8 * Y, 3 * (X + Y)]).astype(np.uint8)
LARGE = np.tile(SMALL, (5, 30, 1))
SHARES = ("g1_share", "g2_share")


@pytest.mark.parametrize("codec", ["apercu", "taha2025"])
@pytest.mark.parametrize("image", [SMALL, LARGE], ids=["small", "large"])
def test_what_follows_the_header_may_be_damaged_or_missing(codec, image):
    data = apercu.encode(image, quality=60, codec=codec)
    sound = apercu.info(data)
    head = read_header(data).head_size
    assert bool(read_header(data).lengths) == (image is LARGE)
    lost = {key: None for key in SHARES if key in sound}
    assert all(sound[key] is not None for key in lost)

    flipped = bytearray(data)
    for at in range(head, len(data), 7 if image is SMALL else 97):
        flipped[at] ^= 16
        assert apercu.info(bytes(flipped)) == sound | lost
        flipped[at] ^= 16
    for length in range(head, len(data), 7 if image is SMALL else 97):
        cut = {"n_bytes": length, "bpp": 8 * length / (image.shape[0] * image.shape[1])}
        assert apercu.info(data[:length]) == sound | lost | cut
    for length in range(head):
        with pytest.raises(apercu.FormatError):
            apercu.info(data[:length])


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
