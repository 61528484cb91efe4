"""The files of the codec `predictive` among the conformance vectors."""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

import apercu
from apercu.errors import CorruptStream, Truncated
from apercu.format.container import Header, pack, put_varint
from apercu.stages.colour import Levels, Samples
from scripts.pictures import noise, scene, wide
from scripts.vector_case import KERNEL, Case, Encoded, Fault, Written

GREY = scene(14, 19)[:, :, 0]
RGB = scene(13, 11, 3)


def user_model() -> NDArray[np.uint16]:
    """Taps whose sizes add up to as much as they may, and starts of any probability and age."""
    taps = (noise((24, 16), 1) % 1025).astype(np.int64) - 512
    taps[::3, 0] = 0
    taps[::3, 0] = 8192 - np.abs(taps[::3]).sum(1)
    starts = np.stack([1 + noise((25080,), 2) % 65535, 2 + noise((25080,), 3) % 127], 1)
    return np.concatenate([taps.ravel() % 65536, starts.ravel()]).astype(np.uint16)


def cases() -> dict[str, Case]:
    """All of them by name."""
    sizes: dict[str, Case] = {}
    for height, width in ((1, 1), (1, 9), (9, 1), (2, 2), (3, 17)):
        sizes[f"predictive-{height}x{width}"] = _case("grey of this size", scene(height, width)[:, :, 0], max_error=0)
        sizes[f"predictive-rgb-{height}x{width}"] = _case("colour of this size", scene(height, width, 3), max_error=1)
    return sizes | _kinds() | _settings() | _maps() | _written()


def _case(about: str, image: Samples, tile_log2: int = 10, user: bool = False, **options: object) -> Encoded:
    return Encoded(about, image, {"codec": "predictive", **options}, tile_log2, user)


def _holes(samples: Samples) -> Samples:
    """With areas of 0 and of the most."""
    y, x = np.mgrid[: samples.shape[0], : samples.shape[1]]
    out = samples.copy()
    out[(y - 4) ** 2 + (x - 5) ** 2 < 12] = 0
    out[(y - 9) ** 2 + (x - 12) ** 2 < 16] = np.iinfo(out.dtype).max
    return out


def _rgba(dtype: type[np.unsignedinteger]) -> Samples:
    """A picture whose alpha is clear, opaque and soft."""
    image = scene(13, 18, 4) if dtype == np.uint8 else wide(scene(13, 18, 4), 0, 65535)
    image[:, :, 3] = _holes(image)[:, :, 3]
    image[10:, :, 3] = image[10:, :1, 3]
    return image


def _kinds() -> dict[str, Case]:
    found: dict[str, Case] = {}
    images: dict[str, Samples] = {
        "grey": GREY,
        "axis": scene(9, 12),
        "rgb": RGB,
        "rgba": _rgba(np.uint8),
        "spectral-2": scene(10, 11, 2),
        "spectral-5": scene(7, 8, 5),
        "grey16": wide(scene(12, 17), 300, 4000)[:, :, 0],
        "rgb16": wide(scene(11, 9, 3), 100, 50000),
        "rgba16": _rgba(np.uint16),
        "spectral16-4": np.dstack([wide(scene(8, 9, 1, band), 900 * band, 9000 * band + 300) for band in range(4)]),
        "holes": _holes(GREY),
        "holes16": _holes(wide(scene(14, 18), 2000, 30000)[:, :, 0]),
        "flat": np.full((20, 24, 3), 77, np.uint8),
        "chequered": np.indices((12, 13)).sum(0).astype(np.uint8) % 2 * 255,
        "steps": (np.indices((14, 21)).sum(0) // 7 * 40).astype(np.uint8),
        "noise": (noise((9, 11, 3), 5) >> 8).astype(np.uint8),
        "noise16": noise((9, 11, 3), 6).astype(np.uint16),
    }
    for name, image in images.items():
        found[f"predictive-{name}"] = _case("without loss", image, max_error=0)
        found[f"predictive-{name}-2"] = _case("off by 2 at most", image, max_error=2)
    found["predictive-spectral-130"] = _case("a number of bands that takes two bytes", scene(2, 2, 130), max_error=1)
    return found


def _settings() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for max_error in (7, 40, 127, 255, 65535):
        about = "a largest error"
        found[f"predictive-error-{max_error}"] = _case(about, GREY, max_error=max_error)
        found[f"predictive16-error-{max_error}"] = _case(
            about, wide(GREY[:, :, np.newaxis], 0, 65535), max_error=max_error
        )
    for quality in (0, 9.5, 41.3, 56.25, 77, 91.9, 98.2, 99.9, 100):
        name = f"{quality:g}".replace(".", "-")
        found[f"predictive-quality-{name}"] = _case("a place on the path", GREY, quality=quality)
        found[f"predictive16-quality-{name}"] = _case(
            "a place on the path, of a range of the levels", wide(scene(12, 10, 2), 50, 4000), quality=quality
        )
    found["predictive16-narrow"] = _case("a range below 255", wide(scene(12, 10), 7, 90)[:, :, 0], quality=30)
    found["predictive-rgba-quality-20"] = _case("alpha at a low quality", _rgba(np.uint8), quality=20)
    found["predictive-tiles"] = _case("tiles of 32, cut at both edges", scene(35, 40)[:, :, 0], 5, max_error=3)
    found["predictive-tiles-rgb"] = _case("tiles of one pixel's width and height", scene(33, 33, 3), 5, quality=73.7)
    found["predictive-user-model"] = _case(
        "tables of the user's own, the largest taps", _steep(), user=True, max_error=3
    )
    return found


def _steep() -> Samples:
    """Noise of 0 and 65,535, and slopes."""
    image = noise((9, 12, 3), 8).astype(np.uint16) % 2 * 65535
    image[4:] = wide(scene(5, 12, 3), 0, 65535)
    return image


def _maps() -> dict[str, Case]:
    """Images of few values, smooth so that their files stay small."""
    y, x = np.mgrid[:64, :64]
    few = ((y // 16 + x // 16) * 9 + 3).astype(np.uint8)
    uneven = np.array([5, 7, 9, 300, 5000, 5002, 65535], np.uint16)[(y // 20 + x // 24)]
    return {
        "predictive-map": _case("a list of values in one run", few, max_error=0),
        "predictive-map-bands": _case(
            "the second of three bands has a list of values", np.dstack([x // 8, few, y // 8]).astype(np.uint8),
            max_error=0, bands="spectral",
        ),
        "predictive-map-16": _case("a list of values in several runs", uneven, max_error=0),
        "predictive-map-one": _case("a list of one value", np.full((64, 64), 200, np.uint8), max_error=0),
    }  # fmt: skip


def _found(header: Header, start: bytes, seed: int) -> bytes:
    """A file whose segment is `start` and as much noise as it takes."""
    bytes_ = (noise((20_000,), seed) >> 8).astype(np.uint8).tobytes()
    low, high = 1, len(bytes_)
    while low < high:  # the fewest bytes that do not end early
        middle = (low + high) // 2
        try:
            apercu.decode(pack(header, [start + bytes_[:middle]]))
            low, high = middle, middle
        except Truncated:
            low = middle + 1
        except CorruptStream:
            high = middle
    apercu.decode(data := pack(header, [start + bytes_[:low]]))
    return data


def _header(**changes: object) -> Header:
    lossless = Header(9, 10, 1, "grey", codec="predictive", model_id=5, quality_q8=None, parameters=b"\0")
    return replace(lossless, **changes)  # type: ignore[arg-type]  # fields of Header


def _written() -> dict[str, Case]:
    """Files that keep the rules and that no encoder of this release writes."""
    colour = {"interpretation": "rgb", "n_bands": 3}
    levels = {"wide": True, "levels": (Levels(0, 200),)}
    maps, one = _map(0, 3, (9, 4), (1, 2), (60, 3)), _map(2, 255)
    return {
        "predictive-made": Written("residuals that no image has", _found(_header(), b"\0", 1)),
        "predictive-made-16": Written("the same of 16 bits", _found(_header(**levels), b"\0", 2)),
        "predictive-made-rgb": Written(
            "the same in colour, off by 9", _found(_header(**colour, parameters=b"\x09"), b"", 3)
        ),
        "predictive-made-rgb16": Written(
            "the same of 16 bits, off by 3000",
            _found(_header(**colour, **levels, parameters=put_varint(3000)), b"", 4),
        ),
        "predictive-made-quality": Written(
            "the same at a place on the path", _found(_header(quality_q8=3000, parameters=b"", **levels), b"", 5)
        ),
        "predictive-made-map": Written("a list of values for a small image", _found(_header(), _start(maps), 6)),
        "predictive-made-maps": Written(
            "a list for the first and the third band, the latter of one value",
            _found(_header(**colour), _start(maps, one), 7),
        ),
    }


def _map(position: int, lowest: int, *runs: tuple[int, int]) -> list[int]:
    """A map of a band."""
    return [position, lowest, len(runs), *(number for run in runs for number in run)]


def _start(*maps: list[int]) -> bytes:
    """The maps of a segment."""
    return b"\1" + np.array([len(maps) - 1, *(number for one in maps for number in one)], "<u2").tobytes()


def faults(user_file: bytes) -> dict[str, Fault]:
    """Damaged files; `user_file` is a sound one that needs tables of the user's."""
    header = _header()
    sound = apercu.encode(noise((9, 10), 3).astype(np.uint8), codec="predictive", max_error=0)[10:-2]
    lossy = apercu.encode(noise((9, 10), 3).astype(np.uint8), codec="predictive", max_error=4)[10:-2]
    of_lossy = partial(_header, parameters=b"\x04")
    rest = bytes(40)

    def corrupt(about: str, says: str, segment: bytes, **changes: object) -> Fault:
        return Fault(about, "CorruptStream", says, pack(_header(**changes), [segment]))

    def cut(about: str, says: str, segment: bytes, **changes: object) -> Fault:
        return Fault(about, "Truncated", says, pack(_header(**changes), [segment]))

    wide = {"wide": True, "levels": (Levels(0, 9),)}
    of_rgb = {"interpretation": "rgb", "n_bands": 3}
    second = _map(1, 3, (9, 2))
    return {
        "predictive-parameters-none": corrupt("no largest error", "short", sound, parameters=b""),
        "predictive-parameters-cut": corrupt("half of a largest error", "short", sound, parameters=b"\x80"),
        "predictive-parameters-padded": corrupt("one byte too many for it", "long", sound, parameters=b"\x80\x00"),
        "predictive-parameters-long": corrupt("a second parameter", "long", sound, parameters=b"\x00\x00"),
        "predictive-error-65536": corrupt("a largest error above 65,535", "range", sound, parameters=put_varint(65536)),
        "predictive-two-layers": Fault(
            "a second layer", "CorruptStream", "layer", pack(replace(header, n_layers=2), [sound, sound])
        ),
        "predictive-mapped-2": corrupt("neither maps nor none", "neither", b"\2" + sound[1:]),
        "predictive-map-of-no-band": corrupt("a map of a band that is not there", "in order", _start(second) + rest),
        "predictive-maps-swapped": corrupt(
            "a map of an earlier band after one of a later", "in order", _start(second, _map(0, 9)) + rest, **of_rgb
        ),
        "predictive-maps-twice": corrupt("two maps of a band", "in order", _start(second, second) + rest, **of_rgb),
        "predictive-map-gap-0": corrupt("the same value twice", "twice", _start(_map(0, 3, (0, 2))) + rest),
        "predictive-map-times-0": corrupt("a run of no values", "twice", _start(_map(0, 3, (2, 0))) + rest),
        "predictive-map-256": corrupt("a value above 255", "too large", _start(_map(0, 3, (23, 11))) + rest),
        "predictive-map-lowest-256": corrupt("a first value above 255", "too large", _start(_map(0, 256)) + rest),
        "predictive-map-65536": corrupt(
            "a value above 65,535", "too large", _start(_map(0, 6, (65530, 1))) + rest, **wide
        ),
        "predictive-maps-none": cut("no byte for the maps", "maps", b""),
        "predictive-maps-cut": cut("maps without their number", "maps", b"\1\0"),
        "predictive-map-cut": cut("a map without its runs", "maps", _start(_map(0, 3, (2, 5)))[:-1]),
        "predictive-runs-cut": cut("fewer runs than it says", "maps", _start(_map(0, 3, (2, 5), (3, 3)))[:-4]),
        "predictive-cut": cut("samples of some rows", "end before", sound[: len(sound) // 2]),
        "predictive-lossy-cut": Fault(
            "the same, off by 4", "Truncated", "end before", pack(of_lossy(), [lossy[: len(lossy) // 2]])
        ),
        "predictive-byte-too-many": corrupt("bytes after the last sample", KERNEL, sound + b"\1\2\3\4\5\6"),
        "predictive-lossy-byte-too-many": Fault(
            "the same, off by 4", "CorruptStream", KERNEL, pack(of_lossy(), [lossy + b"\1\2\3\4\5\6"])
        ),
        "predictive-too-few-bytes": cut("more samples than the bytes can hold", "", b"\0" * 7, height=1000, width=1000),
        "predictive-model-missing": Fault("tables of the user's, not at hand", "ModelError", "needs a user", user_file),
        "predictive-model-of-another-codec": Fault(
            "weights of taha2025", "ModelError", "holds no", user_file, "valid/user-model/model.npy"
        ),
    }  # fmt: skip
