"""`check` of files that need tables of one's own."""

import numpy as np
import pytest

import apercu
from scripts.pictures import scene, user_tables, walsh_weights


@pytest.mark.parametrize(("codec", "weights"), [("apercu", user_tables), ("taha2025", walsh_weights)])
def test_a_sound_file_is_sound_without_its_tables(tmp_path, codec, weights):
    model = tmp_path / "mine.npy"
    np.save(model, weights())
    for quality in (20, 50, 80):
        data = apercu.encode(scene(90, 120, 3), codec=codec, model=model, quality=quality, tile=64)
        assert apercu.check(data) == []
        assert apercu.check(data, model=model) == []
        with pytest.raises(apercu.ModelError, match="--model"):
            apercu.decode(data)
        broken = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
        assert [type(fault) for fault in apercu.check(broken)] == [apercu.ChecksumError]
