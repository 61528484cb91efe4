"""What this release's encoder makes of the sources among the conformance vectors, by SHA-256.

    python -m scripts.encoded        writes tests/encoded.json, for a better encoder

The vectors themselves stay: decoders have to take what any release wrote.
"""

import hashlib
import json
from pathlib import Path

from scripts.vector_case import Encoded, encode
from scripts.vector_files import read_pixels

ROOT = Path(__file__).resolve().parents[1]
NOTED = ROOT / "tests" / "encoded.json"


def names() -> list[str]:
    """Cases that an encoder wrote."""
    return sorted(path.parent.name for path in (ROOT / "vectors" / "valid").glob("*/source.*"))


def digest(name: str) -> str:
    """SHA-256 of what the encoder makes of a case's source."""
    folder = ROOT / "vectors" / "valid" / name
    test = json.loads((folder / "test.json").read_text())
    how = test["encode"]
    image = read_pixels((folder / how["file"]).read_bytes(), how["file"], test["shape"])
    case = Encoded("", image, how["options"], how["tile_log2"], test["model"] is not None, how["layers"])
    return hashlib.sha256(encode(case, str(folder / "model.npy"))).hexdigest()


if __name__ == "__main__":
    NOTED.write_text(json.dumps({name: digest(name) for name in names()}, indent=1) + "\n")
