"""What the steps of every training of a network have in common: the rate, the average of weights, checkpoints."""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from apercu.errors import OptionError

CPU = torch.device("cpu")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
"""Where the networks of generative restorers are trained."""
SLOW_IN_BFLOAT16 = "AVX2", "NO AVX"
"""Processors, as PyTorch calls them, on which a convolution in bfloat16 takes eight times as long as in float32
(PyTorch 2.13, AVX2). With AVX-512 or AMX it takes less."""
WARM = 100
EVERY = 200
"""Steps after which there is a line of the log and a checkpoint."""

Said = dict[str, float]
"""Numbers of a step by their names."""
Losses = Mapping[str, float | Tensor]
"""The same, maybe as tensors: to read one waits for a GPU."""
Log = Callable[[str], None]


class Part(Protocol):
    """What a checkpoint keeps: networks and optimisers."""

    def state_dict(self) -> dict[str, Any]:
        """Its state."""

    def load_state_dict(self, state: Any) -> object:
        """Goes back to a state."""


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 quickly."""
    return device.type != "cpu" or torch.backends.cpu.get_cpu_capability() not in SLOW_IN_BFLOAT16


def quickly(device: torch.device = CPU) -> torch.autocast:
    """A context for networks: bfloat16 where the device has it, float32 elsewhere."""
    return torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device))


def share_of_rate(step: int, steps: int, warm: float | None = None) -> float:
    """Of the full rate: it rises for `warm` steps, or WARM, and falls to zero like a cosine."""
    return min((step + 1) / (warm or WARM), 0.5 * (1 + math.cos(math.pi * step / steps)))


def average(mean: nn.Module, network: nn.Module, kept: float) -> None:
    """Moves the weights of `mean` towards those of a network, of which it takes a share of 1 - `kept`."""
    with torch.no_grad():
        for averaged, current in zip(mean.parameters(), network.parameters(), strict=True):
            averaged.lerp_(current, 1 - kept)


def save(state: dict[str, object], checkpoint: Path) -> None:
    """Writes a checkpoint whole or not at all."""
    torch.save(state, checkpoint.with_suffix(".new"))
    checkpoint.with_suffix(".new").replace(checkpoint)


def run(
    parts: Mapping[str, Part],
    steps: int,
    step_of: Callable[[int], Losses],
    held_out: Callable[[], Said],
    checkpoint: Path,
    log: Log,
    made_by: Mapping[str, object],
) -> list[Said]:
    """Makes the steps of a training, from `checkpoint` on where there is one. Returns the lines of the log: means of
    what `step_of` says, what `held_out` says after the last of them, and seconds.

    `made_by`: the recipe and the seed. Raises OptionError where those of the checkpoint are others."""
    rows: list[Said] = []
    if checkpoint.exists():
        state = torch.load(checkpoint, "cpu", weights_only=True)
        if state["made_by"] != dict(made_by):
            raise OptionError(f"{checkpoint} was begun by another recipe or seed: move it away to begin again")
        for name, part in parts.items():
            part.load_state_dict(state[name])
        rows = state["rows"]
    start, seconds_before = (int(rows[-1]["step"]), rows[-1]["seconds"]) if rows else (0, 0.0)
    begin, told = time.monotonic(), list[Losses]()
    for step in range(start, steps):
        told.append(step_of(step))
        if (step + 1) % EVERY and step + 1 < steps:
            continue
        row = {"step": step + 1, **mean_of(told)}
        row |= {f"held_out_{name}": value for name, value in held_out().items()}
        rows.append(row | {"seconds": round(seconds_before + time.monotonic() - begin, 1)})
        log(json.dumps(rows[-1]))
        told.clear()
        save(
            {name: part.state_dict() for name, part in parts.items()} | {"rows": rows, "made_by": dict(made_by)},
            checkpoint,
        )
    return rows


def mean_of(told: Sequence[Losses]) -> Said:
    """Of each number over the steps that tell it."""
    names = dict.fromkeys(name for each in told for name in each)
    return {name: round(float(np.mean([float(each[name]) for each in told if name in each])), 4) for name in names}
