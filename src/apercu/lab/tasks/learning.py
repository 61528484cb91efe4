"""What networks that learn a task share: a thread, a seed, the steps of a training, and the file of what was learnt."""

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from apercu.errors import ImageError, MissingExtra, OptionError
from apercu.lab.imagenet import network_of
from apercu.lab.steps import share_of_rate
from apercu.stages.colour import Samples

Arrays = dict[str, NDArray[Any]]
WARM = 0.2
"""The share of the steps in which the rate rises."""
LONGEST = 1.0
"""Longer gradients are shortened to this length: a network begun afresh takes no leap that it does not recover from."""


Learnt = TypeVar("Learnt")


def known(learnt: Learnt | None) -> Learnt:
    """What a task has learnt. Raises OptionError where that is nothing."""
    if learnt is None:
        raise OptionError("this task has learnt nothing yet; retrain it first")
    return learnt


def check_picture(image: Samples) -> None:
    """Raises ImageError where a picture is not uint8, (H, W) or (H, W, 3), or has no pixel."""
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)) or 0 in image.shape:
        raise ImageError(f"a picture is uint8, (H, W) or (H, W, 3), not {image.dtype}, {image.shape}")


def efficientnet() -> Any:
    """EfficientNet-Lite0 with the weights of its package. Raises MissingExtra."""
    try:
        return network_of("lite0")
    except ImportError as error:
        raise MissingExtra(f"this task needs {error.name}: pip install 'apercu[machine]'") from None


@contextmanager
def alone(seed: int) -> Iterator[None]:
    """One thread of torch's, so that its sums are the same on every run. Its random numbers begin with this seed, and
    go on afterwards as if none had been drawn."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)


def fit(network: nn.Module, loss_of: Callable[[], Tensor], steps: int, rate: float, decay: float) -> None:
    """Steps of AdamW (Loshchilov and Hutter 2019), whose rate rises to `rate` and falls to zero like a cosine;
    `loss_of` draws a batch each time. The network is left ready to be used."""
    network.train()
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=decay)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * share_of_rate(step, steps, WARM * steps)
        optimiser.zero_grad()
        loss_of().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), LONGEST)
        optimiser.step()
    network.eval()


def to_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays by their names as a file of NumPy, without pickle; the same arrays make the same bytes."""
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]  # whose option for pickles older NumPy takes for an array
    return file.getvalue()


def from_bytes(data: bytes) -> Arrays:
    """What `to_bytes` wrote. Raises OptionError for other bytes."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, AttributeError, MemoryError, NotImplementedError, zipfile.BadZipFile):
        raise OptionError("these bytes are not what a task has learnt") from None


def weights_of(network: nn.Module) -> Arrays:
    """What a network has learnt, by the names of its parts."""
    return {name: value.numpy(force=True) for name, value in network.state_dict().items()}


def give(network: nn.Module, weights: Mapping[str, NDArray[Any]]) -> None:
    """Puts `weights_of` another network of the same layers into this one. Raises OptionError for other layers."""
    wanted = {name: (tuple(value.shape), value.numpy().dtype) for name, value in network.state_dict().items()}
    if {name: (value.shape, value.dtype) for name, value in weights.items()} != wanted:
        raise OptionError("what was learnt is of a network with other layers")
    network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()})
