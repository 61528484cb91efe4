"""Freezes conformance vectors: what this release makes of a case becomes what every release has to make of it.

    python -m scripts.freeze_vectors              every case that does not stand yet
    python -m scripts.freeze_vectors NAME …       these cases, none of which may stand
    python -m scripts.freeze_vectors --into DIR

An existing case is never written again, even if this release would give another result. See vectors/README.md.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import apercu
from apercu.bridges.packets import assemble
from apercu.bridges.packets.packet import read as read_packet
from apercu.bridges.packets.records import packets_in
from apercu.format.ids import VERSION
from scripts.vector_case import Case, Encoded, Fault, encode
from scripts.vector_cases import cases, faults, user_models
from scripts.vector_files import write_pixels, write_symbols, write_words
from scripts.vector_packets import Received, packet_cases
from scripts.vector_placeholders import LARGE, SMALL, Sent, placeholder_cases

Files = dict[str, bytes]
"""Contents by path under vectors/."""
Models = dict[str, Path]
"""User-trained weights by codec."""


TOLERANCES = {"uint8": 1, "uint16": 24}
"""By which a restored sample may differ. Sums of float32 in another order now and then round a sample of a plane to the
next value. That is 1/32 of a level of uint8, or 8 levels of uint16, and up to three times as much in a colour, which is
made of several planes."""


def valid_case(name: str, case: Case, models: Models) -> Files:
    """The files of a sound case."""
    needs_model = isinstance(case, Encoded) and case.user_model
    model = models[case.codec] if isinstance(case, Encoded) and needs_model else None
    data = encode(case, str(model)) if isinstance(case, Encoded) else case.data
    image = apercu.decode(data, model=model)
    kind, pixels = write_pixels(image)
    symbols = write_symbols(data, model)
    restored: dict[str, object] = {"none": {"file": f"plain.{kind}", "tolerance": 0}}
    about: dict[str, object] = {
        "about": case.about,
        "shape": image.shape,
        "dtype": str(image.dtype),
        "interpretation": apercu.info(data)["interpretation"],
        "model": "model.npy" if needs_model else None,
        "symbols": "symbols" if symbols else None,
        "restore": restored,
    }
    files = {"in.apc": data, f"plain.{kind}": pixels} | ({"symbols": symbols.encode()} if symbols else {})
    if words := write_words(data):
        about["says"] = words
    if apercu.info(data).get("reduced"):
        full = apercu.decode(data, full_size=True)
        kind, pixels = write_pixels(full)
        files[f"full.{kind}"] = pixels
        about["full_size"] = {"file": f"full.{kind}", "shape": full.shape}
    if isinstance(case, Encoded):
        source, files_source = write_pixels(case.image)
        files[f"source.{source}"] = files_source
        about["encode"] = {
            "file": f"source.{source}",
            "options": case.options,
            "tile_log2": case.tile_log2,
            "layers": case.layers,
        }
        if case.restored:
            found = apercu.decode(data, restore=case.restored)
            if np.array_equal(found, image):
                raise AssertionError(f"{name}: there is nothing to restore")
            kind, files_restored = write_pixels(found)
            files[f"{case.restored}.{kind}"] = files_restored
            how = apercu.provenance(data, restore=case.restored)
            entry: dict[str, object] = {
                "file": f"{case.restored}.{kind}",
                "tolerance": TOLERANCES[str(image.dtype)],
                "network": how["network"],
            }
            if "steps" in how:
                entry["steps"] = how["steps"]
            restored[case.restored] = entry
    if model:
        files["model.npy"] = model.read_bytes()
    files["test.json"] = _json(about)
    return {f"valid/{name}/{file}": content for file, content in files.items()}


def invalid_case(name: str, fault: Fault, models: Models) -> Files:
    """The files of a damaged case; raises AssertionError where this release does not refuse it as the case says."""
    try:
        apercu.decode(fault.data, model=None if fault.model is None else models[_codec_of(fault.model)])
    except apercu.ApercuError as error:
        found = error
    else:
        raise AssertionError(f"{name} is not refused")
    if type(found).__name__ != fault.error or fault.says not in str(found):
        raise AssertionError(f"{name} is refused by {type(found).__name__}: {found}")
    about = {"about": fault.about, "error": fault.error, "model": fault.model}
    return {f"invalid/{name}.apc": fault.data, f"invalid/{name}.json": _json(about)}


def packet_case(name: str, case: Received) -> Files:
    """The files of a case of packets; raises AssertionError where this release does not make of them what it says."""
    data, error = None, None
    try:
        if case.one:
            read_packet(case.data)
        else:
            data = assemble(packets_in(case.data), case.image_id)
    except apercu.FormatError as found:
        error = type(found).__name__
    if error != case.error or data != case.file:
        raise AssertionError(f"{name} becomes {error or 'another file'}")
    about = {"about": case.about, "image_id": case.image_id, "one": case.one, "error": error}
    files = {f"packets/{name}.pkt": case.data, f"packets/{name}.json": _json(about)}
    return files if data is None else files | {f"packets/{name}.apc": data}


def placeholder_case(name: str, case: Sent) -> Files:
    """The file of a placeholder; raises AssertionError where this release does not make of it what it says."""
    about: dict[str, object] = {"about": case.about, "data": case.data.hex()}
    try:
        shown = [apercu.placeholder_image(case.data, size) for size in (*SMALL, LARGE)]
    except apercu.FormatError as error:
        if type(error).__name__ != case.error:
            raise AssertionError(f"{name} is refused by {type(error).__name__}: {error}") from None
        about["error"] = case.error
    else:
        if case.error:
            raise AssertionError(f"{name} is not refused")
        about["info"] = apercu.placeholder_info(case.data)
        about["pictures"] = [
            {"shape": image.shape, "sha256": hashlib.sha256(image.tobytes()).hexdigest()} for image in shown
        ]
    return {f"placeholders/{name}.json": _json(about)}


def _codec_of(model: str) -> str:
    """The codec of the case that a model under vectors/ belongs to."""
    case = cases()[Path(model).parent.name]
    return case.codec if isinstance(case, Encoded) else ""


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def freeze(root: Path, names: list[str]) -> list[str]:
    """Writes the cases `names`, or all that do not stand, and returns what was written.

    Raises FileExistsError for a name that stands, and KeyError for one that no case has.
    """
    manifest = root / "manifest.json"
    frozen: dict[str, str] = json.loads(manifest.read_text())["files"] if manifest.exists() else {}
    written: Files = {}
    with tempfile.TemporaryDirectory() as scratch:
        models = {}
        for codec, weights in user_models().items():
            models[codec] = Path(scratch) / f"{codec}.npy"
            np.save(models[codec], weights)
        for make in _chosen(root, names, frozen, models):
            written |= make()
    for path, content in written.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
        frozen[path] = hashlib.sha256(content).hexdigest()
    if written:
        manifest.write_bytes(_json({"format_version": VERSION, "files": dict(sorted(frozen.items()))}))
    return sorted(written)


def _chosen(root: Path, names: list[str], frozen: dict[str, str], models: Models) -> list[Callable[[], Files]]:
    """Functions that make the cases of `freeze`."""
    sound, damaged = cases(), faults({codec: str(path) for codec, path in models.items()})
    received, sent = packet_cases(), placeholder_cases()
    if unknown := set(names) - set(sound) - set(damaged) - set(received) - set(sent):
        raise KeyError(f"no case is called {', '.join(sorted(unknown))}")

    def stands(name: str) -> bool:
        begun = f"valid/{name}/", f"invalid/{name}.", f"packets/{name}.", f"placeholders/{name}."
        ends = "", "apc", "pkt", "json"
        places = [root / f"{start}{end}" for start, end in zip(begun, ends, strict=True)]
        listed = any(path.startswith(begun) for path in frozen)
        return listed or any(place.exists() for place in places)

    if standing := sorted(filter(stands, names)):
        raise FileExistsError(f"{', '.join(standing)}: frozen; a new case takes a name of its own")
    makers: dict[str, Callable[[], Files]] = {
        **{name: partial(valid_case, name, case, models) for name, case in sound.items()},
        **{name: partial(invalid_case, name, fault, models) for name, fault in damaged.items()},
        **{name: partial(packet_case, name, case) for name, case in received.items()},
        **{name: partial(placeholder_case, name, case) for name, case in sent.items()},
    }
    return [makers[name] for name in names or makers if names or not stands(name)]


def main() -> int:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--into", type=Path, default=Path(__file__).resolve().parents[1] / "vectors", metavar="DIR")
    options = parser.parse_args()
    try:
        written = freeze(options.into, options.names)
    except (FileExistsError, KeyError) as error:
        print(f"nothing was written: {error.args[0]}", file=sys.stderr)
        return 1
    print("\n".join(written) or "nothing to freeze: every case stands")
    return 0


if __name__ == "__main__":
    sys.exit(main())
