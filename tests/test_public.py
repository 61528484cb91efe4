"""What the world may rely on: names, signatures, and how little an import costs."""

import inspect
import json
import subprocess
import sys
import time

import numpy as np

import apercu

NAMES = {
    "MAX_PIXELS",
    "ApercuError",
    "ChecksumError",
    "CorruptStream",
    "FileFormatError",
    "FormatError",
    "ImageError",
    "MissingExtra",
    "ModelError",
    "NotApercu",
    "OptionError",
    "TargetUnreachable",
    "TooLarge",
    "Truncated",
    "UnknownChunk",
    "UnknownModel",
    "UnsupportedVersion",
    "__version__",
    "check",
    "damage",
    "decode",
    "encode",
    "info",
    "mask",
    "placeholder",
    "placeholder_image",
    "placeholder_info",
    "provenance",
}
INFO = {
    "width",
    "height",
    "bands",
    "interpretation",
    "dtype",
    "codec",
    "entropy",
    "model",
    "version",
    "layers",
    "quality",
    "step",
    "threshold",
    "n_bytes",
    "bpp",
    "tiles",
    "g1_share",
    "g2_share",
}


def parameters(function):
    """Names and defaults; a star stands before those that are given by name only."""
    found = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in found:
            found.append("*")
        default = parameter.default
        found.append(parameter.name if default is parameter.empty else f"{parameter.name}={default!r}")
    return ", ".join(found)


def test_names():
    assert set(apercu.__all__) == NAMES
    assert len(apercu.__all__) == len(NAMES)
    assert all(hasattr(apercu, name) for name in NAMES)


def test_signatures():
    assert parameters(apercu.encode) == (
        "image, *, n_bytes=None, bpp=None, psnr=None, quality=None, codec='apercu', bands=None, model=None, "
        "tile=None, layers=None, reduce=None, peak=None, progress=None, options"
    )
    assert parameters(apercu.decode) == (
        "data, *, restore='none', damaged='raise', window=None, layers=None, full_size=False, model=None, "
        "progress=None, options"
    )
    assert parameters(apercu.info) == "data"
    assert parameters(apercu.mask) == "data, *, window=None, full_size=False"
    assert parameters(apercu.provenance) == "data, *, restore='none', options"
    assert parameters(apercu.check) == "data, *, model=None"


def test_keys_of_info():
    black = np.zeros((8, 8), np.uint8)
    assert set(apercu.info(apercu.encode(black, codec="taha2025"))) == INFO
    assert set(apercu.info(apercu.encode(black))) == INFO - {"threshold", "g1_share", "g2_share"}


def test_errors_are_a_tree():
    format_errors = {
        "NotApercu",
        "UnsupportedVersion",
        "UnknownModel",
        "UnknownChunk",
        "TooLarge",
        "Truncated",
        "ChecksumError",
    }
    for name in NAMES:
        thing = getattr(apercu, name)
        if not isinstance(thing, type):
            continue
        assert issubclass(thing, apercu.ApercuError)
        assert thing.__doc__
        assert issubclass(thing, apercu.FormatError) == (name in format_errors | {"CorruptStream", "FormatError"})
        if name not in ("ApercuError", "MissingExtra"):
            assert issubclass(thing, ValueError)
    assert issubclass(apercu.MissingExtra, ImportError)


def fresh(code):
    """What a new Python process prints as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_an_import_loads_numpy_and_the_kernel_alone():
    loaded = fresh(
        "import sys, json, numpy; before = set(sys.modules); import apercu;"
        "print(json.dumps(sorted({m.split('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names))))"
    )
    assert loaded == ["apercu", "numpy"]  # numpy.typing
    modules = fresh("import sys, json, apercu; print(json.dumps([m for m in sys.modules if m.startswith('apercu.')]))")
    assert {module.split(".")[1] for module in modules} == {"codecs", "errors", "format", "kernel", "options", "stages"}


def test_an_import_takes_little_longer_than_that_of_numpy():
    """The promise is half as long again; a test on a busy machine allows three times, and takes the best of five."""

    def best(module):
        times = []
        for _ in range(5):
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
            times.append(time.perf_counter() - begin)
        return min(times)

    assert best("apercu") < 3 * best("numpy")
