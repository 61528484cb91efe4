"""What is compared: codecs, and how large their files may be."""

from dataclasses import dataclass

from apercu.bench.own import Given, Own, parsed
from apercu.bench.planes import Peak

MOST_BPP = 0.6
"""A peer's files above it are not decoded, unless higher rates are to be shown."""


def in_bytes(n_bytes: int) -> str:
    """A size as text."""
    return f"{n_bytes:,} bytes"


@dataclass(frozen=True)
class Ceiling:
    """What a file may be as large as: so many bits per pixel, or so many bytes."""

    bpp: float | None = None
    n_bytes: int | None = None

    def bytes_of(self, n_pixels: int) -> float:
        """Bytes for an image of so many pixels."""
        if self.n_bytes is not None:
            return self.n_bytes
        assert self.bpp is not None  # the other of the two
        return self.bpp * n_pixels / 8

    @property
    def key(self) -> float | str:
        """Its place among pictures: the rate as a number, a size as text."""
        return str(self) if self.bpp is None else self.bpp

    def __str__(self) -> str:
        return f"{self.bpp:g} bpp" if self.n_bytes is None else in_bytes(self.n_bytes)


@dataclass(frozen=True)
class Plan:
    """What is compared, apart from the images.

    codecs: names, of `apercu.bench.own` or of `peers.PEERS`. rates: the bpp to be shown. metrics: names. repeat: how
    often what is shown is encoded and decoded, for the median of the times. budgets: the sizes in bytes to be shown.
    models, networks: files that names of codecs refer to. peak: of the metrics, see `apercu.bench.planes.peak_of`.
    """

    codecs: tuple[str, ...]
    rates: tuple[float, ...]
    metrics: tuple[str, ...]
    grey: bool = False
    repeat: int = 3
    budgets: tuple[int, ...] = ()
    models: tuple[Given, ...] = ()
    networks: tuple[Given, ...] = ()
    peak: Peak = None

    @property
    def ceilings(self) -> list[Ceiling]:
        """What files may be as large as: the rates, then the budgets."""
        return [*(Ceiling(bpp=rate) for rate in self.rates), *(Ceiling(n_bytes=n) for n in self.budgets)]

    def most_bytes(self, n_pixels: int) -> float:
        """The largest files of peers that are looked at, of an image of so many pixels."""
        wanted = max(ceiling.bytes_of(n_pixels) for ceiling in self.ceilings)
        return max(MOST_BPP * n_pixels / 8, 1.25 * wanted)

    def own(self, codec: str) -> Own:
        """A codec of apercu by name."""
        return parsed(codec, self.models, self.networks)
