"""Rules of learning against each other: exact ones to the last digits, unbiased ones by their mean over many seeds."""

import pytest
import torch
from torch.func import vmap

from apercu.errors import OptionError
from apercu.lab import online_rules
from apercu.lab.online_rules import (
    RankOne,
    _balance,
    kf_rtrl,
    one_product,
    random_signs,
    rtrl,
    snap1,
    units_fed,
    uoro,
)
from apercu.lab.recurrent_cells import LinearCell, gru_cell, initial
from apercu.lab.rules import Learnt, bptt, read, sab, tbptt
from recurrent import CELLS, estimates, noise, problem, readout, signs_for, with_attention, z_scores

N_SEEDS = 20_000
EVERY_CELL = pytest.mark.parametrize("name", CELLS)


def close(found, wanted, tolerance=1e-10):
    torch.testing.assert_close(found, wanted, rtol=0, atol=tolerance)


def by_autograd(given, step=None):
    """Loss and gradient by plain back-propagation, no `torch.func` in it; step(theta, state, x, past) -> state."""
    cell, loss, parameters, inputs, targets, state = given
    theta = parameters.clone().requires_grad_()
    total, past = 0.0, []
    for x, target in zip(inputs, targets, strict=True):
        state = step(theta, state, x, past) if step else cell(theta, state, x)
        past.append(state)
        total = total + loss(theta, state, target)
    return Learnt(total.detach(), torch.autograd.grad(total, theta)[0], state.detach())


@EVERY_CELL
def test_bptt_is_the_gradient(name):
    given = problem(name)
    learnt, wanted = bptt(*given), by_autograd(given)
    for found, right in zip(learnt[:3], wanted[:3], strict=True):
        close(found, right)
    assert learnt.carry == ()


@EVERY_CELL
def test_rtrl_is_bptt(name):
    for seed in range(3):
        given = problem(name, 5, 12, seed)
        forward, backward = rtrl(*given), bptt(*given)
        assert backward.gradient.abs().max() > 0.1
        for found, right in zip(forward[:3], backward[:3], strict=True):
            close(found, right)


@EVERY_CELL
def test_tbptt_of_the_whole_length_is_bptt(name):
    given = problem(name)
    exact = bptt(*given).gradient
    close(tbptt(*given, 8).gradient, exact, 0)
    close(tbptt(*given, 100).gradient, exact, 0)
    assert (tbptt(*given, 4).gradient - exact).norm() > 0.01 * exact.norm()


def test_tbptt_is_bptt_of_pieces():
    given = problem("gru")
    state, pieces = given.state, []
    for piece in (slice(0, 3), slice(3, 6), slice(6, 8)):
        part = given._replace(inputs=given.inputs[piece], targets=given.targets[piece], state=state)
        pieces.append(by_autograd(part))
        state = pieces[-1].state
    found = tbptt(*given, 3)
    close(found.gradient, sum(piece.gradient for piece in pieces))
    close(found.loss, sum(piece.loss for piece in pieces))
    close(found.state, state)


@EVERY_CELL
@pytest.mark.parametrize("top", [2, 100])
def test_sab_is_back_propagation_through_the_attentive_network(name, top):
    """All of it where nothing is truncated, whatever is selected; with top = 100 everything is kept."""
    given, attend = with_attention(problem(name, n_steps=12))

    def network(length):
        """By plain tensors; no gradient passes a step that `length` divides, but by memories."""

        def step(theta, state, x, past):
            state = given.cell(theta, state if len(past) % length else state.detach(), x)
            memories = past[1::2]
            if not memories:
                return state
            scores = torch.stack([attend(theta, state, memory[None])[0] for memory in memories])
            ranked = scores.sort(descending=True).values
            least = ranked[top] if len(memories) > top else ranked[-1] - 1
            weights = [torch.relu(score - least) for score in scores]
            return state + sum(w * m for w, m in zip(weights, memories, strict=True)) / (sum(weights) + 1e-7)

        return by_autograd(given, step)

    wanted = network(length=12)
    for length, right in ((12, wanted), (3, network(length=3))):
        found = sab(*given, attend, every=2, top=top, length=length)
        for one, other in zip(found[:3], right[:3], strict=True):
            close(one, other)
    assert (found.gradient - wanted.gradient).norm() > 0.01 * wanted.gradient.norm()


@EVERY_CELL
def test_sab_without_memories_is_tbptt(name):
    given, attend = with_attention(problem(name))
    for length in (3, 8):
        close(sab(*given, attend, every=9, top=1, length=length).gradient, tbptt(*given, length).gradient)


def test_sab_reaches_far_by_memories():
    """What only the first of 30 steps sees matters for the last one's loss; TBPTT(1) does not learn from it."""
    given, attend = with_attention(problem("tanh", n_steps=30))
    inputs = torch.zeros_like(given.inputs)
    inputs[0, 1] = 1.0

    def loss(theta, state, target, own=given.loss):
        return torch.where(target.isnan(), 0.0, own(theta, state, target.nan_to_num()))

    targets = torch.full_like(given.targets, torch.nan)
    targets[-1] = 1.0
    given = given._replace(loss=loss, inputs=inputs, targets=targets)
    columns = given.cell.shapes[0][1]
    weight = len(given.state) + 1  # of the second input, in each row
    by_sab = sab(*given, attend, every=1, top=100, length=1).gradient
    assert by_sab[: 4 * columns].view(4, columns)[:, weight].abs().max() > 1e-4
    by_tbptt = tbptt(*given, 1).gradient
    assert (by_tbptt[: 4 * columns].view(4, columns)[:, weight] == 0).all()


def test_a_read_is_of_those_that_stand_out():
    memories = torch.eye(4)
    close(read(torch.tensor([3.0, 1.0, 2.0, -1.0]), memories, 2), torch.tensor([2 / 3, 0, 1 / 3, 0]), 1e-6)
    close(read(torch.tensor([5.0]), memories[:1], 2), memories[0], 1e-6)
    assert (read(torch.ones(4), memories, 2) == 0).all()


def test_the_gru_is_torchs():
    draw = torch.Generator().manual_seed(3)
    cell = gru_cell(2, 4)
    theta = initial(cell, draw)
    gates, of_input, of_state = cell.weights(theta)
    module = torch.nn.GRUCell(2, 4)
    zero = torch.zeros(8)
    module.load_state_dict(
        {
            "weight_ih": torch.cat([gates[:, 4:6], of_input[:, :2]]),
            "bias_ih": torch.cat([gates[:, 6], of_input[:, 2]]),
            "weight_hh": torch.cat([gates[:, :4], of_state[:, :4]]),
            "bias_hh": torch.cat([zero, of_state[:, 4]]),
        }
    )
    state, x = torch.randn(4, generator=draw), torch.randn(2, generator=draw)
    close(cell(theta, state, x), module(x[None], state[None])[0].detach(), 1e-6)


# Unbiased rules


@EVERY_CELL
@pytest.mark.parametrize("rule", [uoro, kf_rtrl])
def test_the_mean_of_estimates_is_the_gradient(rule, name):
    given = problem(name)
    z = z_scores(estimates(rule, given, N_SEEDS), bptt(*given).gradient)
    assert len(z) == given.cell.n_parameters
    assert z.abs().max() < 5


def wrong_at_the_first(f, theta, nu, c):
    rho_0, rho_1 = _balance(theta, f), _balance(c, nu)
    return RankOne(rho_0 * f + rho_1 * nu, theta + c / rho_1)


def wrong_at_the_second(f, theta, nu, c):
    rho_0, rho_1 = _balance(theta, f), _balance(c, nu)
    return RankOne(rho_0 * f + rho_1 * nu, theta / rho_0 + c)


def not_balanced(f, theta, nu, c):
    return RankOne(f + nu, theta + c)


@EVERY_CELL
@pytest.mark.parametrize(
    ("other", "is_biased"), [(wrong_at_the_first, True), (wrong_at_the_second, True), (not_balanced, False)]
)
def test_what_has_another_mean_is_found_out(other, is_biased, name, monkeypatch):
    """1/ρ₀ or 1/ρ₁ left out is biased; ρ = 1 has more noise, and the right mean."""
    given = problem(name)
    exact = bptt(*given).gradient
    monkeypatch.setattr(online_rules, "one_product", other)
    worst = z_scores(estimates(uoro, given, N_SEEDS), exact).abs().max()
    assert worst > 10 if is_biased else worst < 5


def test_the_balance_makes_products_of_equal_vectors():
    draw = torch.Generator().manual_seed(2)
    f, nu = 100 * torch.randn(5, generator=draw), random_signs(5, generator=draw)
    theta, c = torch.randn(9, generator=draw), 0.01 * torch.randn(9, generator=draw)
    nothing, none = torch.zeros(5), torch.zeros(9)
    for parts in ((f, theta, nothing, none), (nothing, none, nu, c)):
        of_state, of_parameters = one_product(*parts)
        close(of_state.norm(), of_parameters.norm(), 1e-2 * float(of_state.norm()))
        close(torch.outer(of_state, of_parameters), torch.outer(*(p for p in parts if p.abs().sum())), 1e-3)


def test_noise_grows_with_the_number_of_units():
    few, many = (noise(uoro, problem("tanh", n_units, 16)) for n_units in (4, 32))
    assert many > 3 * few
    assert noise(kf_rtrl, problem("tanh", 32, 16)) < many / 3


# SnAp-1


def units_apart(n_units=4):
    """s' = tanh(a ∘ s + b x₀ + c x₁): no unit feeds another."""

    def features(state, x):
        return torch.cat([state, x]), torch.ones(1, dtype=state.dtype)

    def cell(theta, state, x):
        own, first, second = theta[: 3 * n_units].view(3, n_units)
        return torch.tanh(own * state + first * x[0] + second * x[1])

    return cell, 3 * n_units


def test_snap1_is_rtrl_where_units_are_apart():
    cell, n_cell = units_apart()
    given = problem("tanh", n_steps=12)
    draw = torch.Generator().manual_seed(4)
    parameters = torch.randn(n_cell + 4, generator=draw, dtype=torch.float64)
    given = given._replace(cell=cell, loss=readout(n_cell), parameters=parameters)
    fed = units_fed(cell, parameters, given.state, given.inputs[0])
    assert fed.tolist() == [0, 1, 2, 3] * 3 + [0] * 4
    close(snap1(*given, fed).gradient, bptt(*given).gradient)


@EVERY_CELL
def test_snap1_keeps_one_entry_of_each_column(name):
    """By the full matrices: what is outside the pattern of I is taken out after every step."""
    given = problem(name)
    fed = units_fed(given.cell, given.parameters, given.state, given.inputs[0])
    pattern = torch.nn.functional.one_hot(fed, len(given.state)).T  # (n, p)
    influence = torch.zeros(pattern.shape, dtype=torch.float64)
    state, gradient = given.state, torch.zeros_like(given.parameters)
    for x, target in zip(given.inputs, given.targets, strict=True):
        here = given.parameters, state, x
        direct, through, _ = torch.autograd.functional.jacobian(given.cell, here)
        assert (direct * (1 - pattern) == 0).all()
        influence = pattern * (through @ influence + direct)
        state = given.cell(*here)
        of_theta, of_state, _ = torch.autograd.functional.jacobian(given.loss, (given.parameters, state, target))
        gradient += of_theta + of_state @ influence
    found = snap1(*given, fed).gradient
    close(found, gradient)
    exact = bptt(*given).gradient
    assert 1e-3 < (found - exact).norm() / exact.norm() < 0.5


# The contract


def leaves(carry):
    """The tensors of nested tuples."""
    return [carry] if isinstance(carry, torch.Tensor) else [leaf for part in carry for leaf in leaves(part)]


@pytest.mark.parametrize("rule", [rtrl, snap1, uoro, kf_rtrl])
def test_steps_one_by_one_are_the_whole(rule):
    """Of each rule that carries something."""
    given = problem("gru")
    signs = signs_for(rule, given) if rule in (uoro, kf_rtrl) else None
    fed = units_fed(given.cell, given.parameters, given.state, given.inputs[0])

    def more(part):
        """What the rule takes after the state, for some steps."""
        return (fed,) if rule is snap1 else () if signs is None else (signs[part],)

    whole = rule(*given, *more(slice(None)))
    state, carry, gradient, total = given.state, None, 0.0, 0.0
    for step in range(len(given.inputs)):
        part = slice(step, step + 1)
        given_part = given._replace(inputs=given.inputs[part], targets=given.targets[part], state=state)
        learnt = rule(*given_part, *more(part), carry)
        state, carry = learnt.state, learnt.carry
        gradient, total = gradient + learnt.gradient, total + learnt.loss
    close(gradient, whole.gradient)
    close(total, whole.loss)
    close(state, whole.state)
    for found, right in zip(leaves(carry), leaves(whole.carry), strict=True):
        close(found, right)


def test_a_batch_is_one_vmap():
    given = problem("gru")
    inputs = torch.stack([given.inputs, given.inputs.flip(0)])

    def by(rule, *more):
        of_one = lambda x: rule(*given._replace(inputs=x), *more).gradient  # noqa: E731
        close(vmap(of_one)(inputs), torch.stack([of_one(x) for x in inputs]))

    fed = units_fed(given.cell, given.parameters, given.state, given.inputs[0])
    for rule, *more in (
        (bptt,),
        (tbptt, 3),
        (rtrl,),
        (snap1, fed),
        *((rule, signs_for(rule, given)) for rule in (uoro, kf_rtrl)),
    ):
        by(rule, *more)
    given, attend = with_attention(given)
    by(sab, attend, 1, 2, 3)


def test_mistakes_have_their_error():
    given = problem("tanh")
    with pytest.raises(OptionError, match="8 inputs and 7 targets"):
        bptt(*given._replace(targets=given.targets[:7]))
    with pytest.raises(OptionError, match="0 inputs"):
        rtrl(*given._replace(inputs=given.inputs[:0], targets=given.targets[:0]))
    with pytest.raises(OptionError, match="length=0"):
        tbptt(*given, 0)
    with pytest.raises(OptionError, match="top=0"):
        sab(*given, None, 1, 0, 3)
    with pytest.raises(OptionError, match=r"signs of shape \(8, 1, 2\), not \(8, 4\)"):
        uoro(*given, signs_for(kf_rtrl, given))
    with pytest.raises(OptionError, match="LinearCell"):
        kf_rtrl(*given._replace(cell=lambda *all_of: given.cell(*all_of)), signs_for(kf_rtrl, given))
    with pytest.raises(OptionError, match="has 28 parameters, not 9"):
        bptt(*given._replace(parameters=given.parameters[:9]))

    def mixed(theta, state, x):
        return given.cell(theta, state, x).cumsum(0)

    with pytest.raises(OptionError, match="feeds several units"):
        units_fed(mixed, given.parameters, given.state, given.inputs[0])
    assert isinstance(given.cell, LinearCell)
