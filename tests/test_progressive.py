"""What each layer of a file of `rnn` brings, as the results say."""

import re

import numpy as np
import pytest
from PIL import Image

import apercu
from scripts import progressive
from scripts.pictures import scene


def test_layers_are_those_of_the_file(tmp_path):
    """Bytes of a prefix show as much with `damaged="conceal"`; and layers that bring nothing are counted."""
    image = scene(64, 80, 3)
    data = apercu.encode(image, codec="rnn", quality=100, layers=11)
    points = progressive.after_each_layer(image)
    assert points[-1][0] == len(data)
    for n, (n_bytes, value) in enumerate(points):
        begun = apercu.decode(data[:n_bytes], damaged="conceal").astype(float)
        assert value == pytest.approx(10 * np.log10(255**2 / np.mean((begun - image) ** 2)))
        assert n == 0 or value >= points[n - 1][1]
    for name, picture in (("a.png", image), ("b.png", image[:40, :40] // 16)):
        Image.fromarray(picture).save(tmp_path / name)
    lines = progressive.report(tmp_path).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:13]] == ["means", *(f"step {n}" for n in range(1, 11))]
    least = lines[3].split("|")[4].strip()
    assert re.fullmatch(r"-?[0-9.]+ dB, [ab]\.png", least)
    assert float(least.split()[0]) <= points[1][1] - points[0][1] + 0.005
    none = progressive.report(tmp_path, quality=0).splitlines()[-1]
    assert none == "2 images, 20 layers after the first; 19 of them make an image no better."
