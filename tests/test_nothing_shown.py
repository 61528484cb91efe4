"""A file of which nothing can be shown is refused before its image takes memory, however large that is said to be.

`tracemalloc` counts memory that is set aside, the system that which is touched. So the system is asked, in a process of
its own.
"""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apercu.codecs.by_name import codec_of
from apercu.codecs.content import layout_of_tile
from apercu.format.container import Header, pack
from apercu.format.ids import DEFAULT_MODEL_IDS
from every_codec import CODECS
from scripts.pictures import noise

MOST_BYTES, MOST_SECONDS = 32 << 20, 3
"""The samples of the image alone are 1 GiB."""
WAYS = {
    "conceal": "apercu.decode(data, damaged='conceal')",
    "fill": "apercu.decode(data, damaged='fill')",
    "window": "apercu.decode(data, damaged='conceal', window=(5, 9, 16_000, 16_001))",
    "part by part": "list(windows(data, How('conceal')))",
}
PROGRAM = f"""if True:
    import json, sys, time
    import apercu
    from apercu.bench.memory import peak, peak_from_here
    from apercu.codecs.decoding import How, windows
    told = {{}}
    for name, text in json.load(sys.stdin).items():
        data = bytes.fromhex(text)
        for way, job in {WAYS!r}.items():
            before, begun = peak_from_here(), time.process_time()
            try:
                eval(job)
            except apercu.FormatError as fault:
                told[f"{{name}} {{way}}"] = type(fault).__name__, time.process_time() - begun, peak() - before
    print(json.dumps(told))
"""


def largest(codec, entropy=""):
    """A file of one segment, as short as its codec allows and without sense: it has to be read to be refused."""
    header = Header(16_384, 16_384, 4, "spectral", codec=codec, quality_q8=25_600, other_entropy=entropy)
    layout = layout_of_tile(header, header.height, header.width)
    least = codec_of(codec).least_bytes(layout, 0, 1, header.entropy, False)
    segment = (noise((max(least, 1),), 7) >> 8).astype(np.uint8).tobytes()
    return pack(replace(header, model_id=DEFAULT_MODEL_IDS[codec, header.entropy]), [segment])


@pytest.fixture(scope="module")
def told():
    """By file and way: the error, seconds, and bytes at the peak."""
    files = {name: largest(**options) for name, options in CODECS.items()}
    vector = Path(__file__).parent.parent / "vectors/invalid/rnn-second-layer-too-few-bytes.apc"
    given = json.dumps({name: data.hex() for name, data in (files | {"vector": vector.read_bytes()}).items()})
    answer = subprocess.run([sys.executable, "-c", PROGRAM], input=given.encode(), stdout=subprocess.PIPE, check=True)
    return json.loads(answer.stdout)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [*CODECS, "vector"])
def test_a_file_of_which_nothing_can_be_shown_costs_little(told, name, way):
    error, n_seconds, n_bytes = told[f"{name} {way}"]
    assert error in ("Truncated", "CorruptStream")
    assert n_seconds < MOST_SECONDS
    assert n_bytes < MOST_BYTES
