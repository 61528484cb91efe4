"""The files of the codec `apercu` among the conformance vectors."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from apercu.codecs import apercu
from apercu.codecs.tables import shipped
from apercu.errors import CorruptStream
from apercu.format.container import Header, pack
from apercu.stages.bands import BandCoder, BandPlane
from apercu.stages.colour import Samples
from apercu.stages.layout import layout_of
from scripts.pictures import noise, scene, user_tables, wide
from scripts.segment_writer import by_hand
from scripts.vector_case import KERNEL, Case, Encoded, Fault, Written

GREY = scene(40, 36)[:, :, 0]
RGB = scene(31, 34, 3)
STEP_Q8 = apercu.at_quality(12800).step_q8
user_model = user_tables


def cases() -> dict[str, Case]:
    """All of them by name."""
    sizes: dict[str, Case] = {}
    for height, width in ((1, 1), (1, 2), (2, 1), (1, 40), (40, 1), (3, 5), (16, 16), (33, 31)):
        sizes[f"bands-{height}x{width}"] = _case("grey of this size", scene(height, width)[:, :, 0], quality=70)
        sizes[f"bands-rgb-{height}x{width}"] = _case("colour of this size", scene(height, width, 3), quality=60)
    return sizes | _kinds() | _settings() | _parts() | _small() | _written()


def _case(about: str, image: Samples, tile_log2: int = 10, layers: int = 1, **options: object) -> Encoded:
    return Encoded(about, image, {"codec": "apercu", **options}, tile_log2, layers=layers)


def _kinds() -> dict[str, Case]:
    return {
        "bands-64x64": _case("the most pixels that a CRC-16 guards", scene(64, 64)[:, :, 0], quality=35),
        "bands-axis": _case("an array with an axis of one band", scene(9, 12), quality=50),
        "bands-flat": _case("one value all over", np.full((20, 24, 3), 77, np.uint8), quality=50),
        "bands-black": _case("nothing but 0", np.zeros((20, 20), np.uint8), quality=80),
        "bands-white": _case("nothing but 255", np.full((20, 20), 255, np.uint8), quality=80),
        "bands-chequered": _case("the steepest there is", np.indices((24, 24)).sum(0).astype(np.uint8) % 2 * 255),
        "bands-noise": _case(
            "saturated colours", (noise((19, 21, 3), 5) % 2 * 255).astype(np.uint8), quality=100
        ),
        "bands-rgba": _case("with alpha", scene(29, 22, 4), quality=60),
        "bands-grey16": _case("uint16 in part of its range", wide(scene(30, 27), 300, 4000)[:, :, 0], quality=80),
        "bands-grey16-full": _case("uint16 in all of its range", wide(scene(17, 20), 0, 65535)[:, :, 0], quality=95),
        "bands-rgb16": _case("uint16 in colour", wide(scene(28, 25, 3), 100, 50000), quality=60),
        "bands-spectral-2": _case("two bands", scene(20, 21, 2), quality=50),
        "bands-spectral-5": _case("five bands of uint16", wide(scene(21, 18, 5), 900, 60000), quality=55),
        "bands-restored": Encoded(
            "a restored image", scene(72, 88, 3, 3), {"codec": "apercu", "quality": 40}, 10, restored="cnn"
        ),
        "bands-restored-grey": Encoded(
            "a restored image without colour", scene(70, 61, 1, 2)[:, :, 0], {"codec": "apercu", "quality": 50}, 10,
            restored="cnn",
        ),
        "bands-restored-squares": Encoded(
            "a restored image of two squares of the network's", _discs(), {"codec": "apercu", "quality": 40}, 10,
            restored="cnn",
        ),
    }  # fmt: skip


def _discs() -> Samples:
    """Discs where squares of 512 pixels meet, and of 256, and nothing elsewhere, which costs little."""
    image = np.full((560, 96), 110, np.uint8)
    y, x = np.mgrid[0:560, 0:96]
    for k, (down, across, size, grey) in enumerate(noise((120, 4), 13).astype(np.int64).tolist()):
        row, column, radius = (256, 512)[k % 2] - 40 + (down * 80 >> 16), across * 96 >> 16, 2 + (size >> 13)
        image[(y - row) ** 2 + (x - column) ** 2 < radius**2] = grey >> 8
    return image


def _settings() -> dict[str, Case]:
    found: dict[str, Case] = {
        "bands-user-model": Encoded(
            "tables of the user's own", GREY, {"codec": "apercu", "quality": 60}, 10, user_model=True
        ),
        "bands-user-model-noise": Encoded(
            "the largest sums of neighbours",
            (noise((24, 30, 3), 8) % 2 * 255).astype(np.uint8),
            {"codec": "apercu", "quality": 100},
            10,
            user_model=True,
        ),
        "bands-refined": Encoded(
            "an image refined step by step", scene(72, 88, 3, 5), {"codec": "apercu", "quality": 40}, 10, restored="rnn"
        ),
        "bands-refined-grey": Encoded(
            "an image without colour, of two squares of the network's, refined step by step",
            _discs(),
            {"codec": "apercu", "quality": 40},
            10,
            restored="rnn",
        ),
    }
    for quality in (0, 20, 45.5, 62, 75, 90, 100):
        found[f"bands-quality-{quality:g}".replace(".", "-")] = _case("a place on the path", RGB, quality=quality)
    return found


def _parts() -> dict[str, Case]:
    return {
        "bands-tiles": _case("tiles of 32, cut at both edges", scene(70, 75)[:, :, 0], 5, quality=50),
        "bands-tiles-rgb": _case("tiles of one pixel's width and height", scene(33, 65, 3), 5, quality=50),
        "bands-layers-2": _case("two layers", GREY, layers=2, quality=60),
        "bands-layers-3": _case("three layers in colour", RGB, layers=3, quality=60),
        "bands-layers-5": _case("the most layers", GREY, layers=5, quality=70),
        "bands-layers-of-tiles": _case("tiles of 32 in three layers", scene(40, 50, 3), 5, 3, quality=45),
    }


def _small() -> dict[str, Case]:
    """Files of model 10."""
    saturated = (noise((19, 21, 3), 6) % 2 * 255).astype(np.uint8)
    return {
        "small-tables-rgb": _case("small tables, in colour", RGB, quality=60, model="apercu_small"),
        "small-tables-layers": _case(
            "small tables and the most layers", GREY, layers=5, quality=75, model="apercu_small"
        ),
        "small-tables-spectral": _case(
            "small tables and bands that predict each other",
            scene(18, 23, 3),
            bands="spectral",
            quality=65,
            model="apercu_small",
        ),
        "small-tables-noise": _case(
            "small tables and the largest symbols", saturated, quality=100, model="apercu_small"
        ),
    }


def _written() -> dict[str, Case]:
    """Files that keep the rules and that no encoder of this release writes."""
    grey = Header(24, 20, 1, "grey", codec="apercu", model_id=2, quality_q8=25600)
    rgb = replace(grey, height=21, width=22, interpretation="rgb", n_bands=3)
    wild = noise((3 * 24 * 22,), 3).astype(np.uint16).view(np.int16)
    made = {
        "bands-made-greatest": ("coefficients that no image has, at the least step", grey, wild),
        "bands-made-rgb": ("the same in colour", rgb, wild),
        "bands-made-coarse": ("the largest step there is, far beyond the range", replace(rgb, quality_q8=0), wild),
    }
    return {name: Written(about, _file(header, values)) for name, (about, header, values) in made.items()}


def _file(header: Header, values: NDArray[np.int16]) -> bytes:
    """A file of these coefficients."""
    layout = layout_of(header.interpretation, header.n_bands, header.height, header.width)
    coder = BandCoder(apercu.band_planes(layout), shipped(2))
    coefficients = values[: coder.n_samples].copy()
    return pack(header, [coder.encode(coefficients, apercu.setting_of(header).step_q8, 5, 1)])


def _without_slack(values: NDArray[np.int16]) -> bytes:
    """A segment of these coefficients, or of fewer of them, to which no byte can be added: a stream may end early, and
    then takes one more."""
    for kept in range(len(values), 0, -1):
        coder = BandCoder([BandPlane(20, 24, 0, -1)], shipped(2))
        segment = coder.encode(np.where(np.arange(len(values)) < kept, values, 0), STEP_Q8, 5, 1)
        reader = BandCoder([BandPlane(20, 24, 0, -1)], shipped(2))
        try:
            reader.decode(segment + b"\0", 0, 5, 1, np.zeros_like(values))
        except CorruptStream:
            return segment
    raise AssertionError("every stream takes one more byte")


def faults(user_file: bytes) -> dict[str, Fault]:
    """Damaged files; `user_file` is a sound one that needs tables of the user's."""
    header = Header(24, 20, 1, "grey", codec="apercu", model_id=2, quality_q8=12800)
    values = (noise((24 * 20,), 4) % 2000).astype(np.int16) - 1000
    segment = _without_slack(values)
    layered = replace(header, n_layers=2)
    coder = BandCoder([BandPlane(20, 24, 0, -1)], shipped(2))
    segments = [coder.encode(values.copy(), STEP_Q8, *stages) for stages in ((5, 2), (1, 1))]

    def corrupt(about: str, says: str, data: bytes) -> Fault:
        return Fault(about, "CorruptStream", says, data)

    return {
        "model-of-bands-missing": Fault("user's tables, not at hand", "ModelError", "needs a user", user_file),
        "model-of-another-codec": Fault(
            "weights of taha2025", "ModelError", "does not hold", user_file, "valid/user-model/model.npy"
        ),
        "bands-six-layers": corrupt("a sixth layer", "layers", pack(replace(header, n_layers=6), [segment] * 6)),
        "bands-by-hand": corrupt("settings by hand", "by hand", pack(by_hand(header, 8), [segment])),
        "bands-cut": Fault(
            "symbols of some bands", "Truncated", "end before", pack(header, [segment[: len(segment) // 2]])
        ),
        "bands-byte-too-many": corrupt("a byte after the last symbol", KERNEL, pack(header, [segment + b"\x01"])),
        "bands-zero-too-many": corrupt("a zero after the last symbol", KERNEL, pack(header, [segment + b"\x00"])),
        "bands-second-layer-cut": Fault(
            "a second layer without its end", "Truncated", "end before", pack(layered, [segments[0], segments[1][:3]])
        ),
        "bands-layers-swapped": corrupt("the second layer first", KERNEL, pack(layered, segments[::-1])),
    }
