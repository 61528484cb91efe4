"""Frozen placeholders, by the package and by the second reader; by the engines of web/: tests/web_files.py."""

import hashlib
import json
from pathlib import Path

import pytest

import apercu
import reference_placeholder
from reference_bytes import Refused

VECTORS = Path(__file__).parents[1] / "vectors" / "placeholders"
NAMES = sorted(path.stem for path in VECTORS.glob("*.json"))
LEAST = 45  # as many as were frozen with version 1
SLOW = 10_000
"""Pixels that the second reader, which is to be read, does not make."""


def test_none_is_missing():
    assert len(NAMES) >= LEAST
    about = [json.loads((VECTORS / f"{name}.json").read_text()) for name in NAMES]
    assert {each["error"] for each in about if "error" in each} == {"Truncated", "NotApercu", "CorruptStream"}
    assert {each["info"]["kind"] for each in about if "info" in each} == {"grey", "rgb", "rgba"}


def faults(test, read, error, most=1 << 20):
    """What a reader makes of a case that it should not."""
    data = bytes.fromhex(test["data"])
    if "error" in test:
        try:
            read(data, (3, 4))
        except error as found:
            return [] if type(found).__name__ == test["error"] else [type(found).__name__]
        return ["is not refused"]
    found = []
    for picture in test["pictures"]:
        height, width, *_ = picture["shape"]
        if height * width <= most:
            shown = read(data, (height, width))
            digest = hashlib.sha256(shown.tobytes()).hexdigest()
            if [*shown.shape] != picture["shape"] or digest != picture["sha256"]:
                found.append(f"the picture of {height} x {width}")
    return found


@pytest.mark.parametrize("name", NAMES)
def test_case(name):
    test = json.loads((VECTORS / f"{name}.json").read_text())
    assert faults(test, apercu.placeholder_image, apercu.FormatError) == []
    assert faults(test, reference_placeholder.decode, Refused, SLOW) == []
    if "info" in test:
        data = bytes.fromhex(test["data"])
        assert json.loads(json.dumps(apercu.placeholder_info(data[:4]))) == test["info"]


def test_a_wrong_picture_and_a_wrong_error_are_found():
    sound, refused = (json.loads((VECTORS / f"placeholder-{name}.json").read_text()) for name in ("rgb-32", "kind-3"))
    data = sound["data"]
    for other in (data[:-1] + ("0" if data[-1] != "0" else "1"), data[:6] + "00" + data[8:]):
        assert _faults_of({**sound, "data": other})
    assert faults({**refused, "error": "Truncated"}, apercu.placeholder_image, apercu.FormatError) == ["NotApercu"]
    assert faults({**refused, "data": data}, apercu.placeholder_image, apercu.FormatError) == ["is not refused"]


def _faults_of(test):
    try:
        return faults(test, apercu.placeholder_image, apercu.FormatError)
    except apercu.FormatError:
        return ["is refused"]
