"""Options, in one list: a field of a frozen dataclass is a keyword in Python and a flag of the command.

Each codec and each restorer has such a class, `Options`. The fields are made by `option`, and are None where nothing
was given.
"""

import dataclasses
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from apercu.errors import OptionError

Check = Callable[[str, Any], object]
"""Takes name and value of an option; returns the value as it is to be, or raises OptionError."""
Made = TypeVar("Made")


class About(NamedTuple):
    """What is said of an option: in the help of the command, and for its value there."""

    help: str
    metavar: str
    kind: Callable[[str], object]
    check: Check
    is_target: bool
    """Whether it takes the place of a target, such as the quality."""
    several: bool
    """Whether its flag may be given several times, which makes a list of values."""
    of_places: bool
    """Whether it speaks of places in an image, and so may fit images of one size alone."""


def option(
    help: str,
    metavar: str,
    check: Check,
    kind: Callable[[str], object] = str,
    is_target: bool = False,
    several: bool = False,
    of_places: bool = False,
) -> Any:
    """A field of a class of options. `kind` makes a value of the text of the command."""
    said = About(help, metavar, kind, check, is_target, several, of_places)
    return dataclasses.field(default=None, metadata={"about": said})


def about(options: type) -> dict[str, About]:
    """What is said of each option of a class, in order."""
    return {field.name: field.metadata["about"] for field in dataclasses.fields(options)}


def made(options: type[Made], given: Mapping[str, object]) -> Made:
    """Options of a class from those of its fields that were given. Raises OptionError."""
    known = about(options)
    return options(**{name: known[name].check(name, value) for name, value in given.items() if value is not None})


def targets(options: object) -> list[str]:
    """The options that were given and take the place of a target."""
    known = about(type(options))
    return [name for name, what in known.items() if what.is_target and getattr(options, name) is not None]


def owners(by_name: Mapping[str, type]) -> dict[str, tuple[About, list[str]]]:
    """All options of some classes, each with the names of those that have it; it means the same in all of them."""
    found: dict[str, tuple[About, list[str]]] = {}
    for owner, options in by_name.items():
        for name, what in about(options).items():
            found.setdefault(name, (what, []))[1].append(owner)
    return found


def entropy_option(coders: Sequence[str]) -> Any:
    """The field `entropy` of a codec that has several coders, its default first."""
    return option("how symbols become bits", "NAME", one_of(coders))


def network_option() -> Any:
    """The field `network` of a restorer: the path of a file, or the name of a shipped network."""
    return option("a network of your own in place of the shipped one", "FILE", anything)


def strength_option() -> Any:
    """The field `strength` of a restorer that makes things up."""
    return option("how much of what is made up is added, 0 to 1 (default: 1)", "S", share, float)


def seed_option() -> Any:
    """The field `seed` of a restorer that makes things up."""
    return option("which of many pictures is made up (default: 0)", "N", seed, int)


def steps_option(default: int, most: int) -> Any:
    """The field `steps` of a restorer that works in steps, which has 1 to `most` of them."""
    return option(f"how many steps are made; time is in proportion (default: {default})", "N", at_most(most), int)


def anything(_: str, value: object) -> object:
    """A check of nothing."""
    return value


def one_of(choices: Sequence[object]) -> Check:
    """A check for one of these values."""

    def check(name: str, value: object) -> object:
        if value not in tuple(choices):  # a tuple, since values that cannot be hashed are to be refused too
            raise OptionError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")
        return value

    return check


def number(name: str, value: Any, which: str = "", fits: Callable[[float], bool] = math.isfinite) -> float:
    """A finite number for which `fits` is true; `which` states that condition for the message."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise OptionError(f"{name} must be a number{which}, not {value!r}") from None
    except OverflowError:
        raise OptionError(f"{name} is too large") from None
    if not (math.isfinite(number) and fits(number)):
        raise OptionError(f"{name} must be a finite number{which}, not {value}")
    return number


def peak_or_range(name: str, value: Any) -> float | str:
    """The peak that errors are measured against: a number above 0, or "range"."""
    if isinstance(value, str) and value == "range":
        return value
    if isinstance(value, str):
        raise OptionError(f'{name} must be a number above 0 or "range", not {value!r}')
    return number(name, value, ' above 0, or "range"', lambda found: found > 0)


def share(name: str, value: Any) -> float:
    """A number from 0 to 1."""
    return number(name, value, " from 0 to 1", lambda found: 0 <= found <= 1)


def seed(name: str, value: Any) -> int:
    """A whole number from 0 to 2^63 - 1."""
    if not 0 <= (found := whole(name, value)) < 1 << 63:
        raise OptionError(f"{name} must be from 0 to 2^63 - 1, not {found}")
    return found


def whole(name: str, value: Any) -> int:
    """A whole number."""
    try:
        return operator.index(value)
    except TypeError:
        raise OptionError(f"{name} must be a whole number, not {value!r}") from None


def positive(name: str, value: object) -> int:
    """A whole number, 1 or more."""
    if (number := whole(name, value)) < 1:
        raise OptionError(f"{name} must be 1 or more, not {number}")
    return number


def at_most(most: int) -> Check:
    """A check for a whole number from 1 to `most`."""

    def check(name: str, value: object) -> int:
        if (number := positive(name, value)) > most:
            raise OptionError(f"{name} must be at most {most}, not {number}")
        return number

    return check


def positive_if_given(name: str, value: object) -> int | None:
    """A whole number, 1 or more, or None."""
    return None if value is None else positive(name, value)
