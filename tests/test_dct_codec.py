"""The codec `dct`: what `tune` chooses."""

import numpy as np
import pytest

import apercu
from apercu.format.weights import FOLDER
from scripts.pictures import scene


@pytest.mark.parametrize(("entropy", "model"), [("range", 9), ("huffman", 10)])
def test_tables_for_ssim_are_named_by_the_file(entropy, model):
    image = scene(64, 80, 3, 5)
    plain, tuned = (
        apercu.encode(image, codec="dct", entropy=entropy, quality=40, tune=tune) for tune in (None, "ssim")
    )
    assert apercu.info(tuned)["model"] == model
    assert tuned[3] == model
    assert not np.array_equal(apercu.decode(tuned), apercu.decode(plain))
    assert apercu.encode(image, codec="dct", entropy=entropy, quality=40, tune="psnr") == plain
    assert len(apercu.encode(image, codec="dct", entropy=entropy, n_bytes=900, tune="ssim")) <= 900


def test_what_tune_does_not_go_with():
    image = scene(16, 16)
    with pytest.raises(apercu.OptionError, match="tune must be one of 'psnr', 'ssim'"):
        apercu.encode(image, codec="dct", tune="sharp")
    with pytest.raises(apercu.OptionError, match="tune"):
        apercu.encode(image, codec="apercu", tune="ssim")
    with pytest.raises(apercu.OptionError, match="a model of your own"):
        apercu.encode(image, codec="dct", tune="ssim", model=FOLDER / "dct.npy")
