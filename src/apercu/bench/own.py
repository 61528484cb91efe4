"""The codecs of apercu as they are compared: with which restorer, and with whose tables and network.

`apercu:CODEC/RESTORE` is the name in comparison.json and points.csv, `apercu:CODEC+LABEL/RESTORE+LABEL` where tables or
a network of the user's take the place of the shipped ones. CODEC is a codec, or one with one of its entropy coders, as
in `dct-huffman`. `label` is the name that people read.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import apercu
from apercu.codecs import tables as tables_of
from apercu.errors import ModelError, OptionError
from apercu.format.ids import CODECS
from apercu.restore import by_name
from apercu.stages.colour import Samples

OURS = "apercu:"
_LABEL = re.compile(r"[\w. -]*\w[\w. -]*")  # nothing that a name is put together with


@dataclass(frozen=True)
class Given:
    """A file of tables or a network of the user's: its label, its path, and the SHA-256 of its bytes."""

    label: str
    path: str
    digest: str


@dataclass(frozen=True)
class Own:
    """A codec of apercu, and what it is used with; None stands for what is shipped, and for the codec's default."""

    codec: str
    restore: str = "none"
    model: Given | None = None
    network: Given | None = None
    entropy: str | None = None

    @property
    def name(self) -> str:
        """As it stands in files."""
        model, network = (f"+{given.label}" if given else "" for given in (self.model, self.network))
        return f"{OURS}{self.codec}{f'-{self.entropy}' if self.entropy else ''}{model}/{self.restore}{network}"

    @property
    def key(self) -> list[str]:
        """What its numbers depend on, without the labels."""
        digests = [given.digest if given else "" for given in (self.model, self.network)]
        return [self.codec, self.restore, *digests, self.entropy or ""]

    def encode(self, image: Samples, bands: str, **target: Any) -> bytes:
        """`apercu.encode` with this codec; one target as there."""
        options: dict[str, Any] = {"model": self.model.path} if self.model else {}
        if self.entropy:
            options["entropy"] = self.entropy
        return apercu.encode(image, bands=bands, codec=self.codec, **options, **target)

    def decode(self, data: bytes) -> Samples:
        """`apercu.decode` with this codec's restorer, tables and network."""
        options = {"model": self.model, "network": self.network}
        paths: dict[str, Any] = {option: given.path for option, given in options.items() if given}
        return apercu.decode(data, restore=self.restore, **paths)

    def decode_exactly(self, data: bytes) -> Samples:
        """The same without a restorer."""
        return replace(self, restore="none", network=None).decode(data)

    @property
    def provenance(self) -> dict[str, object]:
        """What `apercu.provenance` tells of its pictures."""
        given = {"network": self.network.path} if self.network else {}
        software = f"apercu {apercu.__version__}"
        return {**by_name.provenance_for(self.restore, self.codec, given), "software": software}


def parsed(name: str, models: Iterable[Given] = (), networks: Iterable[Given] = ()) -> Own:
    """The codec of a name, its files among those given. Raises OptionError."""
    (codec, model), (restore, network) = (part.partition("+")[::2] for part in _parts(name))
    codec, _, entropy = codec.partition("-")
    return Own(codec, restore, _find(model, models), _find(network, networks), entropy or None)


def _parts(name: str) -> tuple[str, str]:
    codec, _, restore = name.removeprefix(OURS).partition("/")
    return codec, restore


def _find(label: str, among: Iterable[Given]) -> Given | None:
    if not label:
        return None
    found = next((given for given in among if given.label == label), None)
    if found is None:
        raise OptionError(f"no file is labelled {label!r}")
    return found


def label(name: str, kind: str | None = None) -> str:
    """A codec's name for people: "apercu, exact", "apercu (mine), restored (cnn)", "generated" where parts of its
    pictures are; a peer's is as it is. `kind`: of a restorer with other options than its default, see
    `apercu.provenance`."""
    if not name.startswith(OURS):
        return name
    (codec, model), (restore, network) = (part.partition("+")[::2] for part in _parts(name))
    if kind is None and restore in by_name.RESTORERS:
        kind = by_name.restorer_of(restore).KIND
    done = "generated" if kind == "generative" else "restored"
    how = "exact" if restore == "none" else f"{done} ({restore}{f', {network}' if network else ''})"
    return f"{codec}{f' ({model})' if model else ''}, {how}"


def names() -> list[str]:
    """What `contestants` takes as codecs: each, and those with several entropy coders with each of these as well."""
    return [*CODECS, *(f"{codec}-{one}" for codec, coders in CODECS.items() if len(coders) > 1 for one in coders)]


def given(texts: Sequence[str], option: str) -> list[Given]:
    """Files as LABEL=FILE, or as FILE, which is its own label. Raises OptionError and OSError."""
    found: list[Given] = []
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals or Path(text).is_file():
            name, path = Path(text).stem, text
        if not _LABEL.fullmatch(name):
            raise OptionError(f"{option} {text}: a label is of letters, digits, spaces, '.', '_' and '-'")
        if any(name == other.label for other in found):
            raise OptionError(f"{option} {text}: the label {name!r} is taken; write LABEL=FILE")
        if Path(path).exists() and not Path(path).is_file():
            raise OptionError(f"{option} {text}: not a file")
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found.append(Given(name, str(Path(path).resolve()), digest))
    return found


def contestants(
    codecs: Sequence[str], restorers: Sequence[str], models: Sequence[Given], networks: Sequence[Given]
) -> list[Own]:
    """Every codec with the shipped tables and with each of the user's, in each way it can be restored.

    codecs: some of `names`. Raises OptionError, ModelError and MissingExtra for what could not be run.
    """
    called = {name: parsed(f"{OURS}{name}/none") for name in codecs}
    ways_by_codec = {name: by_name.ways_of(one.codec) for name, one in called.items()}
    if networks and not any("cnn" in ways for ways in ways_by_codec.values()):
        raise OptionError(f"--network: {' and '.join(codecs)} cannot be restored by a network")
    if strangers := [how for how in restorers if not any(how in ways for ways in ways_by_codec.values())]:
        raise OptionError(f"restore must be a way that {' or '.join(codecs)} has, not {strangers[0]!r}")
    own = []
    networks_of = _networks_of([one.codec for name, one in called.items() if "cnn" in ways_by_codec[name]], networks)
    of_models = {model: _codec_of(model, [one.codec for one in called.values()]) for model in models}
    for name, plain in called.items():
        ways: list[tuple[str, Given | None]] = [(how, None) for how in restorers if how in ways_by_codec[name]]
        ways += [("cnn", network) for network in networks_of.get(plain.codec, ())]
        tables = [None, *(model for model, codec in of_models.items() if codec == plain.codec)]
        own += [replace(plain, restore=how, model=model, network=network) for model in tables for how, network in ways]
    for codec, how in {(one.codec, one.restore) for one in own if one.restore != "none" and not one.network}:
        by_name.restorer_for(how, codec, {})  # reports what would be missing later
    return own


def _networks_of(codecs: Sequence[str], networks: Sequence[Given]) -> dict[str, list[Given]]:
    """Those that fit each codec; raises ModelError for one that fits none of them."""
    found: dict[str, list[Given]] = {codec: [] for codec in codecs}
    for network in networks:
        faults = []
        for codec in found:
            try:
                by_name.restorer_for("cnn", codec, {"network": network.path})
            except ModelError as fault:
                faults.append(fault)
            else:
                found[codec].append(network)
        if len(faults) == len(found):
            raise faults[0]
    return found


def _codec_of(model: Given, codecs: Sequence[str]) -> str:
    """The codec that a file of tables belongs to, one of those compared."""
    faults = {}
    for codec in CODECS:
        try:
            tables_of.of_user(codec, model.path)
        except ModelError as fault:
            faults[codec] = fault
        else:
            if codec not in codecs:
                raise OptionError(f"--model {model.label}: tables of {codec}, which is not compared (--codecs)")
            return codec
    raise ModelError(f"--model {model.label}: {faults[codecs[0]]}")
