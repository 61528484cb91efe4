"""The tables of a codec, shipped ones and a user's: found by id or by path, and checked by the codec itself."""

from functools import cache
from pathlib import Path
from typing import Any

from apercu.codecs.by_name import codec_of
from apercu.errors import ModelError
from apercu.format import weights
from apercu.format.container import Header
from apercu.format.ids import CODECS, MODELS, NAMED_MODELS, PLACEHOLDER_TABLES, USER_MODEL, Model


@cache
def shipped(model_id: int) -> Any:
    """The tables that the registry names; raises ModelError when the file is not the one that was shipped."""
    return _of(MODELS[model_id], f"model {model_id}")


def _of(model: Model, of: str) -> Any:
    path = weights.FOLDER / model.file
    array = weights.load(path)
    if weights.digest(array).hex() != model.sha256:
        raise ModelError(f"{model.file} is not the file that belongs to {of}: its SHA-256 differs")
    with weights.naming(path):
        return codec_of(model.codec).read_tables(array, model.entropy)


@cache
def of_placeholders() -> Any:
    """The tables of placeholders (spec/PLACEHOLDER.md); raises ModelError as `shipped`."""
    return _of(PLACEHOLDER_TABLES, "placeholders")


def named(model: str | Path, codec: str, entropy: str) -> int | None:
    """The id of shipped tables, where `model` is their name; None for a path. Raises ModelError for those of another
    codec or entropy coder."""
    if not (isinstance(model, str) and model in NAMED_MODELS):
        return None
    found = MODELS[model_id := NAMED_MODELS[model]]
    if (found.codec, found.entropy) != (codec, entropy):
        raise ModelError(f"the model {model} is not for the codec {codec} with {entropy}")
    return model_id


def of_user(codec: str, path: str | Path, entropy: str = "") -> tuple[Any, bytes]:
    """Tables from a file that `apercu train` wrote, and the first eight bytes of their SHA-256. They are for the
    default entropy coder of the codec unless another is named."""
    try:
        path = Path(path)
    except TypeError:
        raise ModelError(f"a model is the path of a file, not {path!r}") from None
    array = weights.load(path)
    with weights.naming(path):
        return codec_of(codec).read_tables(array, entropy or CODECS[codec][0]), weights.digest(array)[:8]


def of_file(header: Header, path: str | Path | None) -> Any:
    """The tables that a file names; `path` leads to those of a user. Raises ModelError."""
    if header.model_id != USER_MODEL:
        return shipped(header.model_id)
    if path is None:
        raise ModelError(
            f"the file needs a user-trained model, SHA-256 {header.model_hash.hex()}…: pass it as model= (--model)"
        )
    tables, found = of_user(header.codec, path, header.entropy)
    if found != header.model_hash:
        raise ModelError(f"{path} is not the model of this file: {found.hex()}…, wanted {header.model_hash.hex()}…")
    return tables
