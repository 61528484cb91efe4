"""Cost in proportion where no codec decides it: restored files, many files; and a long stream in several calls."""

import numpy as np
import pytest

import apercu
from apercu.cli.main import main
from apercu.stages import bands
from limits import assert_in_proportion, of_files, textured
from scripts.pictures import scene


@pytest.mark.parametrize("name", ["bands", "tiles"])
def test_restored(name):
    pytest.importorskip("onnxruntime")
    files = []
    for n in (4, 32):
        repeated = (1, n, 1) if name == "tiles" else (1, 1, n)
        picture = np.tile(scene(64, 64), repeated)
        options = {"tile": 64} if name == "tiles" else {"bands": "spectral"}
        files.append(apercu.encode(picture, quality=35, **options))
        assert not np.array_equal(apercu.decode(files[-1], restore="cnn"), apercu.decode(files[-1]))  # the network runs
    assert_in_proportion(*of_files(files, lambda data: apercu.decode(data, restore="cnn")))


@pytest.mark.parametrize("command", ["encode", "decode", "info", "check"])
def test_commands_with_many_files(command, tmp_path, capsys):
    from PIL import Image

    names = []
    for number in range(80):
        picture = textured(16, 16, 3) + np.uint8(number)
        if command == "encode":
            names.append(tmp_path / f"{number}.png")
            Image.fromarray(picture).save(names[-1])
        else:
            names.append(tmp_path / f"{number}.apc")
            names[-1].write_bytes(apercu.encode(picture))

    def run(n):
        out = ["--out", tmp_path / "out"] if command in ("encode", "decode") else []
        assert main(list(map(str, [command, *names[:n], *out]))) == 0

    run(1)
    assert_in_proportion(lambda: run(10), lambda: run(80))


@pytest.mark.parametrize(
    ("shape", "layers", "runs"), [((90, 120, 3), 1, 3), ((64, 64, 40), 3, 40), ((33, 47, 4), 5, 2)]
)
def test_a_long_stream_is_coded_in_several_calls(shape, layers, runs, monkeypatch):
    """Between two calls of the kernel Python can be interrupted. The bytes and the pixels are the same."""
    calls = []
    for name in ("_encode", "_decode"):
        inner = getattr(bands, name)
        monkeypatch.setattr(bands, name, lambda *given, inner=inner: calls.append(given[6:8]) or inner(*given))
    assert bands.AT_A_TIME == 33_554_432  # about a quarter of a second
    data = apercu.encode(textured(*shape), quality=60, layers=layers)
    picture = apercu.decode(data)
    assert len(calls) == 2 * layers
    for at_a_time in (1, 2000):
        monkeypatch.setattr(bands, "AT_A_TIME", at_a_time)
        del calls[:]
        assert apercu.encode(textured(*shape), quality=60, layers=layers) == data
        assert np.array_equal(apercu.decode(data), picture)
        assert apercu.check(data) == []
        assert len(calls) == 3 * 5 * (shape[2] if at_a_time == 1 else runs)
