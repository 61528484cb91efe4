"""Rules of learning as what they are for: the loss falls by each of them, and not by noise."""

import re
from pathlib import Path

import pytest
import torch
from torch.func import vmap

from apercu.lab.online_rules import kf_rtrl, rtrl, snap1, units_fed, uoro
from apercu.lab.recurrent_cells import additive_attention
from apercu.lab.rules import bptt, sab, tbptt
from recurrent import problem, signs_for, with_attention

FALLS = dict.fromkeys(("bptt", "tbptt", "sab", "rtrl", "kf_rtrl", "snap1"), 6) | {"uoro": 4}
"""How many times smaller the loss gets at least, in 40 updates."""


def learns(of_batch, given, n_updates=40):
    """How many times smaller the loss gets by Adam; of_batch(parameters, update) -> losses (B,), gradients (B, p)."""
    parameters = given.parameters.clone()
    adam = torch.optim.Adam([parameters], 0.05)
    losses = []
    for update in range(n_updates):
        loss, gradient = of_batch(parameters, update)
        losses.append(float(loss.mean()))
        parameters.grad = gradient.mean(0)
        adam.step()
    return losses[0] / min(losses[-5:])


def follow(n_units=5, n_steps=6, batch=16):
    """The input of the step before is to be told: no state, no way."""
    given = problem("gru", n_units, n_steps)
    inputs = torch.randn(batch, n_steps, 2, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    targets = torch.nn.functional.pad(inputs[:, :-1, 0], (1, 0))
    return given._replace(state=torch.zeros_like(given.state)), inputs, targets


LEARNERS = {
    "bptt": (bptt, lambda given, update: ()),
    "tbptt": (tbptt, lambda given, update: (4,)),
    "sab": (sab, lambda given, update: (attention_at_the_end(given), 1, 2, 3)),
    "rtrl": (rtrl, lambda given, update: ()),
    "uoro": (uoro, lambda given, update: (signs_for(uoro, given, 16, seed=update),)),
    "kf_rtrl": (kf_rtrl, lambda given, update: (signs_for(kf_rtrl, given, 16, seed=update),)),
    "snap1": (snap1, lambda given, update: (units_fed(*(given[i] for i in (0, 2, 5)), given.inputs[0]),)),
}


def learner(name, given, inputs, targets):
    """What `learns` takes, for a rule."""
    rule, more = LEARNERS[name]

    def of_batch(parameters, update):
        extra = more(given, update)

        def of_one(x, y, *signs):
            learnt = rule(given.cell, given.loss, parameters, x, y, given.state, *(signs or extra))
            return learnt.loss, learnt.gradient

        return vmap(of_one)(inputs, targets, *(extra if name in ("uoro", "kf_rtrl") else ()))

    return of_batch


def attention_at_the_end(given):
    n_units, n_hidden = len(given.state), 3
    n_more = n_hidden * (2 * n_units + 1)
    return additive_attention(n_units, n_hidden, len(given.parameters) - n_more)[0]


@pytest.mark.parametrize("name", LEARNERS)
def test_the_loss_falls(name):
    given, inputs, targets = follow()
    if name == "sab":
        given, _ = with_attention(given)
    of_batch = learner(name, given, inputs, targets)
    assert learns(of_batch, given) > FALLS[name]


def test_noise_in_place_of_a_gradient_teaches_nothing():
    given, inputs, targets = follow()
    of_batch = learner("bptt", given, inputs, targets)
    draw = torch.Generator().manual_seed(9)

    def replaced(parameters, update):
        loss, gradient = of_batch(parameters, update)
        other = torch.randn(gradient.shape, generator=draw, dtype=gradient.dtype)
        return loss, other * gradient.norm() / other.norm()

    assert learns(replaced, given) < min(FALLS.values()) / 2


def test_the_example_of_the_docs_runs(capsys):
    """With fewer steps."""
    page = (Path(__file__).parents[1] / "docs/recurrent.md").read_text("utf-8")
    whole, seeds = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {}
    exec(whole.replace("(2000,", "(300,").replace("[:500]) / 500", "[:50]) / 50"), names)
    exec(seeds, names)
    first, last = map(float, capsys.readouterr().out.split())
    assert len(names["losses"]) == 300
    assert first > 0
    assert last > 0
    assert names["gradients"].shape == (20_000, len(names["theta"]))
