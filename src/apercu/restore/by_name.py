"""The restorers by name. The module of one is loaded when it is first used."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any, cast

from apercu.errors import OptionError
from apercu.format.container import read_header
from apercu.format.prefix import read_prefix
from apercu.options import made, owners
from apercu.restore.protocol import AnyRestorer
from apercu.stages.layout import Restore

RESTORERS = ("cnn", "rnn", "gan", "diffusion")
"""Each a module of this package."""


@cache
def restorer_of(name: str) -> AnyRestorer:
    """The restorer of a name in RESTORERS."""
    return cast(AnyRestorer, import_module(f"apercu.restore.{name}"))


def options_by_restorer() -> dict[str, type]:
    """The class of options of every restorer."""
    return {name: restorer_of(name).Options for name in RESTORERS}


def ways_of(codec: str) -> list[str]:
    """How the files of a codec can be restored, "none" first."""
    return ["none", *(name for name in RESTORERS if codec in restorer_of(name).CODECS)]


def check_options(name: str, given: Mapping[str, object], asked: str = "decode") -> None:
    """Raises OptionError for a name that is neither "none" nor a restorer's, and for options that it does not have.
    `asked`: the function that they were given to."""
    if name not in (names := ("none", *RESTORERS)):
        raise OptionError(f"restore must be {' or '.join(map(repr, names))}, not {name!r}")
    has = owners(options_by_restorer()) if given else {}
    for option, value in given.items():
        if option not in has:
            raise OptionError(f"{asked} has no option {option}")
        if value is not None and name not in has[option][1]:
            raise OptionError(f"{option} goes with restore={' or '.join(map(repr, has[option][1]))}")


def restorer_for(name: str, codec: str, given: Mapping[str, object]) -> Restore:
    """The restorer of a name for files of a codec, with the options that were given.

    Raises OptionError for a codec that it has not learnt, before a package is asked for that would not help; and
    MissingExtra or ModelError.
    """
    restorer = _that_has_learnt(codec, name)
    return restorer.load(codec, made(restorer.Options, given))


def restorer_for_placeholders(name: str, given: Mapping[str, object]) -> Restore | None:
    """The restorer of a name for placeholders; None for "none". Raises as `check_options` and `restorer_for`."""
    check_options(name, given)
    if name == "none":
        return None
    restorer = restorer_of(name)
    options = made(restorer.Options, given)
    if restorer.KIND == "generative":
        return restorer.load("apercu", options)
    from apercu.restore.trust import trust_of_placeholder

    return cast(Restore, cast(Any, restorer).load("apercu", options, trust=trust_of_placeholder))


def _that_has_learnt(codec: str, name: str) -> AnyRestorer:
    if name not in (ways := ways_of(codec)):
        have = " or ".join(map(repr, ways))
        raise OptionError(f"restore must be {have} for a file of the codec {codec}, not {name!r}")
    return restorer_of(name)


def restorer_for_file(name: str, data: bytes, given: Mapping[str, object]) -> Restore | None:
    """The restorer of a name for a file; None for "none". Raises as `check_options`, before the file is looked at, and
    `restorer_for`, and a FormatError."""
    check_options(name, given)
    if name == "none":
        return None
    return restorer_for(name, _codec_of(data), given)


def of_restoring(how: Mapping[str, Any]) -> dict[str, Any]:
    """Of the keywords of `apercu.decode`, those that say how to restore: the ones of `apercu.provenance`."""
    known = {"restore", *owners(options_by_restorer())}
    return {name: value for name, value in how.items() if name in known}


def provenance(name: str, data: bytes, given: Mapping[str, object]) -> dict[str, object]:
    """See `apercu.provenance`; without the software. Raises as `restorer_for_file`, but asks for no extra."""
    check_options(name, given, "provenance")
    return provenance_for(name, _codec_of(data), given)


def provenance_for(name: str, codec: str, given: Mapping[str, object]) -> dict[str, object]:
    """The same for files of a codec."""
    if name == "none":
        return {"restore": name, "kind": "exact"}
    restorer = _that_has_learnt(codec, name)
    found = restorer.provenance(codec, made(restorer.Options, given))
    # At strength 0 nothing is added to what a restorer of fidelity makes.
    return {"restore": name, "kind": "fidelity" if found.get("strength") == 0 else restorer.KIND, **found}


def _codec_of(data: bytes) -> str:
    return read_header(data[read_prefix(data)[1] :]).codec
