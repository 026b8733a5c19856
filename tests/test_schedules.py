"""Learning-rate schedules: their formulas, agreement with PyTorch, resuming, errors."""

import json
import math

import pytest

import pyengine as pe
from pyengine import nn, optim

SCHEDULES = {
    "step": ("StepLR", {"step_size": 3, "gamma": 0.5}),
    "multi-step": ("MultiStepLR", {"milestones": [2, 5, 5, 9], "gamma": 0.1}),
    "exponential": ("ExponentialLR", {"gamma": 0.9}),
    "cosine": ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}),
    "warm-up": ("LinearLR", {"start_factor": 0.25, "total_iters": 4}),
    "cool-down": ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 6}),
    "lambda": ("LambdaLR", {"lr_lambda": lambda t: 1 / (1 + t)}),
    "one-cycle": ("OneCycleLR", {"max_lr": 1.0, "total_steps": 16}),
    "one-cycle, straight": (
        "OneCycleLR",
        {"max_lr": [1.0, 0.5], "total_steps": 20, "pct_start": 0.4, "anneal_strategy": "linear", "div_factor": 10.0},
    ),
}


def optimizer_of(framework, layer, **settings):
    weight, bias = layer.weight, layer.bias
    return framework.SGD([{"params": [weight]}, {"params": [bias], "lr": 0.02}], lr=0.1, momentum=0.9, **settings)


def make(name, optimizer, framework=optim):
    kind, options = SCHEDULES[name]
    return getattr(framework.lr_scheduler, kind)(optimizer, **options)


def rates(optimizer):
    return [(group["lr"], group["momentum"]) for group in optimizer.param_groups]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")  # torch wants its optimizer stepped as well
def test_rates_agree_with_torch(name):
    torch = pytest.importorskip("torch")
    ours, theirs = optimizer_of(optim, nn.Linear(2, 2)), optimizer_of(torch.optim, torch.nn.Linear(2, 2))
    a, b = make(name, ours), make(name, theirs, torch.optim)
    for _ in range(15):
        for mine, other in zip(rates(ours), rates(theirs), strict=True):
            assert mine == pytest.approx(other, rel=1e-12, abs=1e-15)
        assert a.get_last_lr() == pytest.approx(b.get_last_lr(), rel=1e-12, abs=1e-15)
        a.step()
        b.step()


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_resumed_schedule_gives_the_same_bits(name):
    straight = optimizer_of(optim, nn.Linear(2, 2))
    schedule = make(name, straight)
    for _ in range(5):
        schedule.step()
    state = json.loads(json.dumps([schedule.state_dict(), settings(straight)]))
    resumed = optimizer_of(optim, nn.Linear(2, 2))
    for group, saved in zip(resumed.param_groups, state[1], strict=True):
        group.update(saved)
    resumed_schedule = make(name, resumed)
    resumed_schedule.load_state_dict(state[0])
    for _ in range(6):
        assert rates(straight) == rates(resumed)
        schedule.step()
        resumed_schedule.step()


def settings(optimizer):
    return [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]


def test_the_first_and_last_rates_of_one_cycle():
    optimizer = optim.SGD(nn.Linear(2, 2).parameters(), lr=0.5, momentum=0.9)
    schedule = optim.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    seen = []
    for _ in range(10):
        seen.append(rates(optimizer)[0])
        schedule.step()
    assert seen[0] == (pytest.approx(1 / 25), 0.95)
    assert seen[2] == (pytest.approx(1.0), pytest.approx(0.85))  # the turn: step 0.3 · 10 - 1
    assert seen[9] == (pytest.approx(1 / 25 / 1e4), pytest.approx(0.95))
    assert rates(optimizer)[0] == pytest.approx(seen[9])  # one step more than there are batches stays there
    with pytest.raises(ValueError, match="OneCycleLR: stepped 11 times, but total_steps is 10"):
        schedule.step()


def test_one_cycle_leaves_the_momentum_alone_if_told_to():
    optimizer = optim.SGD(nn.Linear(2, 2).parameters(), lr=0.5, momentum=0.9)
    schedule = optim.OneCycleLR(optimizer, max_lr=1.0, total_steps=10, cycle_momentum=False)
    schedule.step()
    assert optimizer.param_groups[0]["momentum"] == 0.9


def test_one_cycle_counts_epochs_of_so_many_steps():
    optimizer = optim.SGD(nn.Linear(2, 2).parameters(), lr=0.5, momentum=0.9)
    schedule = optim.OneCycleLR(optimizer, max_lr=1.0, epochs=2, steps_per_epoch=5)
    assert schedule.total_steps == 10
    with pytest.raises(ValueError, match="give total_steps, or both epochs and steps_per_epoch"):
        optim.OneCycleLR(optimizer, max_lr=1.0, epochs=2)


def test_the_shortest_schedules():
    optimizer = optim.SGD(nn.Linear(2, 2).parameters(), lr=1.0)
    for schedule, after in (
        (optim.CosineAnnealingLR(optimizer, T_max=1, eta_min=0.25), 0.25),
        (optim.StepLR(optimizer, step_size=1, gamma=0.5), 0.5),
        (optim.LinearLR(optimizer, start_factor=0.5, total_iters=1), 1.0),
    ):
        schedule.step()
        assert optimizer.param_groups[0]["lr"] == pytest.approx(after)
    once = optim.OneCycleLR(optimizer, max_lr=1.0, total_steps=1, pct_start=1.0, cycle_momentum=False)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1 / 25)
    once.step()


class WithBetas(optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 0.1, "betas": (0.9, 0.999)})


class WithNothing(optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 0.1})


def test_one_cycle_moves_the_first_of_the_betas():
    optimizer = WithBetas(nn.Linear(2, 2).parameters())
    schedule = optim.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    assert optimizer.param_groups[0]["betas"] == (0.95, 0.999)
    schedule.step()
    schedule.step()
    assert optimizer.param_groups[0]["betas"] == pytest.approx((0.85, 0.999))
    with pytest.raises(ValueError, match="there is no momentum to cycle; pass cycle_momentum=False"):
        optim.OneCycleLR(WithNothing(nn.Linear(2, 2).parameters()), max_lr=1.0, total_steps=10)


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
def test_warm_up_then_cosine_agrees_with_torch():
    torch = pytest.importorskip("torch")

    def chained(framework, optimizer):
        s = framework.lr_scheduler
        parts = [
            s.LinearLR(optimizer, 0.1, total_iters=4),
            s.CosineAnnealingLR(optimizer, T_max=6),
            s.StepLR(optimizer, 2),
        ]
        return s.SequentialLR(optimizer, parts, milestones=[4, 10])

    ours, theirs = optimizer_of(optim, nn.Linear(2, 2)), optimizer_of(torch.optim, torch.nn.Linear(2, 2))
    a, b = chained(optim, ours), chained(torch.optim, theirs)
    for _ in range(14):
        assert a.get_last_lr() == pytest.approx(b.get_last_lr(), rel=1e-12, abs=1e-15)
        a.step()
        b.step()


def test_the_rate_acts_on_the_next_step():
    p = nn.Parameter(pe.tensor([0.0], dtype=pe.float64))
    optimizer = optim.SGD([p], lr=1.0)
    schedule = optim.ExponentialLR(optimizer, gamma=0.5)
    for _ in range(3):
        p.grad = pe.tensor([1.0], dtype=pe.float64)
        optimizer.step()
        schedule.step()
    assert p.item() == -1.75


METRICS = [5.0, 4.0, 4.0, 4.0, 3.9999, 3.0, math.nan, math.nan, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    "options",
    [
        {"patience": 1, "factor": 0.5},
        {"patience": 0, "factor": 0.5, "threshold": 0.3},
        {"patience": 1, "factor": 0.5, "threshold": 0.5, "threshold_mode": "abs"},
        {"patience": 1, "factor": 0.1, "cooldown": 2},
        {"patience": 0, "factor": 0.1, "min_lr": 0.01},
        {"patience": 0, "factor": 0.9, "eps": 0.005},
        {"patience": 2, "factor": 0.5, "mode": "max"},
        {"patience": 0, "factor": 0.5, "mode": "max", "threshold_mode": "abs"},
    ],
    ids=str,
)
def test_plateau_agrees_with_torch(options):
    torch = pytest.importorskip("torch")
    ours, theirs = optimizer_of(optim, nn.Linear(2, 2)), optimizer_of(torch.optim, torch.nn.Linear(2, 2))
    a = optim.ReduceLROnPlateau(ours, **options)
    b = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    for metric in METRICS:
        a.step(metric)
        b.step(metric)
        assert a.get_last_lr() == pytest.approx(b.get_last_lr(), rel=1e-12)


def test_plateau_resumes():
    straight = optim.SGD(nn.Linear(2, 2).parameters(), lr=1.0)
    schedule = optim.ReduceLROnPlateau(straight, patience=2, cooldown=1)
    seen = []
    for metric in METRICS:
        schedule.step(pe.tensor(metric))
        seen.append(straight.param_groups[0]["lr"])
    for stop in range(len(METRICS)):
        optimizer = optim.SGD(nn.Linear(2, 2).parameters(), lr=1.0)
        first = optim.ReduceLROnPlateau(optimizer, patience=2, cooldown=1)
        for metric in METRICS[:stop]:
            first.step(metric)
        second = optim.ReduceLROnPlateau(optimizer, patience=2, cooldown=1)
        second.load_state_dict(json.loads(json.dumps(first.state_dict())))
        for metric, expected in zip(METRICS[stop:], seen[stop:], strict=True):
            second.step(metric)
            assert optimizer.param_groups[0]["lr"] == expected


def test_plateau_of_a_negative_metric():
    """Staying the same is no improvement below zero either."""
    optimizer = optim.SGD(nn.Linear(2, 2).parameters(), lr=1.0)
    schedule = optim.ReduceLROnPlateau(optimizer, patience=1)
    for _ in range(3):
        schedule.step(-5.0)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("StepLR", {"step_size": 0}, "StepLR: step_size counts steps, from 1 on, not 0"),
        ("MultiStepLR", {"milestones": [3, 2]}, r"MultiStepLR: milestones must rise, not be \[3, 2\]"),
        ("CosineAnnealingLR", {"T_max": 0}, "CosineAnnealingLR: T_max counts steps, from 1 on, not 0"),
        ("LinearLR", {"start_factor": 0.0}, r"LinearLR: start_factor must lie in \(0, 1\], not be 0.0"),
        ("LinearLR", {"end_factor": 1.5}, r"LinearLR: end_factor must lie in \[0, 1\], not be 1.5"),
        ("LinearLR", {"total_iters": 0}, "LinearLR: total_iters counts steps, from 1 on, not 0"),
        ("OneCycleLR", {"max_lr": 1.0, "total_steps": 0}, "total_steps counts steps, from 1 on, not 0"),
        (
            "OneCycleLR",
            {"max_lr": 1.0, "total_steps": 9, "pct_start": 2.0},
            r"pct_start is a share, in \[0, 1\], not 2.0",
        ),
        ("OneCycleLR", {"max_lr": 1.0, "total_steps": 9, "anneal_strategy": "exp"}, "'cos' or 'linear', not 'exp'"),
        ("OneCycleLR", {"max_lr": [1.0, 2.0], "total_steps": 9}, "2 values of max_lr for 1 parameter groups"),
        ("ReduceLROnPlateau", {"mode": "least"}, "mode is 'min' or 'max', not 'least'"),
        ("ReduceLROnPlateau", {"threshold_mode": "x"}, "threshold_mode is 'rel' or 'abs', not 'x'"),
        ("ReduceLROnPlateau", {"factor": 1.0}, r"factor must lie in \(0, 1\), not be 1.0"),
        ("SequentialLR", {"schedulers": [], "milestones": []}, "there are no schedules to join"),
    ],
)
def test_settings_out_of_range(kind, options, message):
    optimizer = optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1, momentum=0.9)
    with pytest.raises(ValueError, match=message):
        getattr(optim, kind)(optimizer, **options)


def test_what_cannot_be_scheduled():
    optimizer = optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    other = optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    with pytest.raises(TypeError, match="StepLR: needs an optimizer, not a float"):
        optim.StepLR(0.1, 2)
    with pytest.raises(ValueError, match="1 schedules need 0 milestones, not 1"):
        optim.SequentialLR(optimizer, [optim.ExponentialLR(optimizer, 0.9)], [3])
    with pytest.raises(ValueError, match="must all be of the optimizer given"):
        optim.SequentialLR(optimizer, [optim.ExponentialLR(other, 0.9)], [])
    with pytest.raises(ValueError, match="not OneCycleLR"):
        optim.SequentialLR(optimizer, [optim.OneCycleLR(optimizer, 1.0, 5)], [])
    with pytest.raises(NotImplementedError, match=r"LRScheduler does not define lr_at\(\)"):
        optim.LRScheduler(optimizer)


def test_groups_that_came_later():
    optimizer = optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    schedule = optim.ExponentialLR(optimizer, 0.9)
    state = schedule.state_dict()
    optimizer.add_param_group({"params": nn.Linear(1, 1).parameters()})
    with pytest.raises(ValueError, match="made for 1 parameter groups, but there are 2 now; make a new schedule"):
        schedule.step()
    with pytest.raises(ValueError, match="it holds the rates of 1 parameter groups, the optimizer has 2"):
        optim.ExponentialLR(optimizer, 0.9).load_state_dict(state)
