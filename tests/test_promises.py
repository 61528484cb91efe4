"""What `encode` promises of qualities and of the smallest files; the numbers are those of the documents."""

import numpy as np
import pytest

import apercu
from scripts.pictures import scene


@pytest.mark.parametrize("shape", [(16, 16), (32, 32), (32, 48, 3), (64, 64, 3)])
def test_a_placeholder_takes_30_bytes(shape):
    """With a header of 10, the checksum in it."""
    image = scene(*shape[:2], *shape[2:], seed=5).reshape(shape)
    data = apercu.encode(image, n_bytes=30)
    assert 14 <= len(data) <= 30
    assert np.std(apercu.decode(data)) > 5


@pytest.mark.parametrize(
    ("codec", "given", "taken"),
    [
        ("apercu", 0, 0),
        ("apercu", 100, 100),
        ("apercu", 33 + 7 / 256, 33 + 7 / 256),
        ("apercu", 33 + 7.49 / 256, 33 + 7 / 256),
        ("apercu", 33 + 7.51 / 256, 33 + 8 / 256),
        ("apercu", 99.9999, 100),
        ("taha2025", 0, 0),
        ("taha2025", 100, 100),
        ("taha2025", 33 + 7 / 256, 33 + 7 / 256),  # a variant
        ("taha2025", 33 + 7.49 / 256, 33 + 8 / 256),  # to 1/32
        ("taha2025", 33 + 3.99 / 256, 33),
        ("taha2025", 33 + 11.99 / 256, 33 + 8 / 256),
        ("taha2025", 99.9999, 100),
    ],
)
def test_qualities_between_the_steps(codec, given, taken):
    image = scene(70, 60, 3, 2)
    data = apercu.encode(image, codec=codec, quality=given)
    assert apercu.info(data)["quality"] == taken
    assert data == apercu.encode(image, codec=codec, quality=taken)


def test_one_target_at_a_time():
    image = scene(20, 18)
    targets = {"n_bytes": 900, "bpp": 0.9, "psnr": 30, "quality": 50}
    for first in targets:
        for second in targets:
            if first != second:
                with pytest.raises(apercu.OptionError, match="one target"):
                    apercu.encode(image, **{first: targets[first], second: targets[second]})
