"""Earlier measurements, found by what was measured: a folder of small files, which an interruption does not damage."""

import hashlib
import json
from pathlib import Path
from typing import Any

from apercu.replacing import replacing

_DIGEST = 32  # bytes of SHA-256 ahead of the content


class Cache:
    """Values by key; a key is anything that JSON can hold, and two equal keys are one.

    Every file is complete or not there at all, and a damaged one counts as not there. Several processes may share a
    folder: whoever writes last wins, and all write the same.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: Any) -> bytes | None:
        """The bytes under a key, or None."""
        try:
            content = self._path(key).read_bytes()
        except OSError:
            return None
        digest, data = content[:_DIGEST], content[_DIGEST:]
        return data if hashlib.sha256(data).digest() == digest else None

    def put(self, key: Any, data: bytes) -> None:
        """Keep bytes under a key. Raises OSError."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, hashlib.sha256(data).digest() + data)

    def load(self, key: Any) -> Any:
        """What `save` kept under a key, or None."""
        data = self.get(key)
        return None if data is None else json.loads(data)

    def save(self, key: Any, value: Any) -> None:
        """Keep what JSON can hold under a key. Raises OSError."""
        self.put(key, json.dumps(value).encode())

    def _path(self, key: Any) -> Path:
        name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self.folder / name[:2] / name[2:]


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is complete or not there at all, even after an interruption. Raises OSError."""
    with replacing(path) as stream:
        stream.write(data)
