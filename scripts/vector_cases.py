"""The conformance vectors: images to encode, files put together by hand, and damaged ones.

Those of a codec are in the module `vector_cases_<codec>`, which has `cases()`, `faults(user_file)` and `user_model()`;
those of version 2 are in `vector_cases_scenes` and `vector_faults_scenes`.
"""

from functools import cache
from importlib import import_module
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from apercu.format.ids import CODECS
from scripts import vector_cases_scenes, vector_faults_scenes
from scripts.vector_case import Case, Encoded, Fault, encode

OF_CODECS: dict[str, ModuleType] = {codec: import_module(f"scripts.vector_cases_{codec}") for codec in CODECS}


@cache
def cases() -> dict[str, Case]:
    """All sound ones by name."""
    of_codecs = {name: case for module in OF_CODECS.values() for name, case in module.cases().items()}
    return of_codecs | vector_cases_scenes.cases()


def user_models() -> dict[str, NDArray[np.generic]]:
    """The array of a user's model, by codec."""
    return {codec: module.user_model() for codec, module in OF_CODECS.items()}


def faults(models: dict[str, str]) -> dict[str, Fault]:
    """All damaged ones by name; `models` has the files of `user_models`."""
    found: dict[str, Fault] = {}
    for codec, module in OF_CODECS.items():
        sound = next(case for case in module.cases().values() if isinstance(case, Encoded) and case.user_model)
        found |= module.faults(encode(sound, models[codec]))
    return found | vector_faults_scenes.faults()
