"""What surrounds the calls of a replay: Watch asks whether all is as it was, Replay passes arguments and results."""

import gc
import weakref

import numpy as np
import pytest

import pyengine as pe
from pyengine import nn
from pyengine._core import Plan, Replay, Watch


class Thing:
    """Something with attributes."""


# --- Watch


def test_watch_sees_each_kind_of_change() -> None:
    thing, inner, options, steps, made = Thing(), Thing(), {"a": 1.5}, [Thing(), Thing()], []
    thing.inner, inner.data = inner, object()
    watch = Watch()
    watch.attribute(thing, "inner")
    watch.attribute(thing, "inner.data")
    watch.item(options, "a")
    watch.item(options, "b")
    watch.members(options)
    watch.members(steps)
    watch.members(lambda: tuple(made))
    assert len(watch) == 7

    def seen(change, undo):
        assert watch.broken() is None
        change()
        found = watch.broken()
        undo()
        return found

    before, value = inner.data, options["a"]
    other = Thing()
    other.data = before
    assert seen(lambda: setattr(thing, "inner", other), lambda: setattr(thing, "inner", inner)) == 0
    assert seen(lambda: setattr(inner, "data", 1), lambda: setattr(inner, "data", before)) == 1
    assert seen(lambda: options.update(a=float("1.5")), lambda: options.update(a=value)) == 2  # equal, another object
    assert seen(lambda: options.update(b=None), lambda: options.pop("b")) == 4  # None is as good as nothing
    assert seen(lambda: options.update(b=2), lambda: options.pop("b")) == 3
    assert seen(lambda: options.update(c=2), lambda: options.pop("c")) == 4
    assert seen(steps.reverse, steps.reverse) == 5
    last = steps[-1]
    assert seen(steps.pop, lambda: steps.append(last)) == 5
    assert seen(lambda: made.append(1), made.clear) == 6
    assert watch.broken() is None


def test_a_path_ends_at_none() -> None:
    thing, watch = Thing(), Watch()
    thing.grad = None
    watch.attribute(thing, "grad.data")
    assert watch.broken() is None
    thing.grad = Thing()
    thing.grad.data = 3
    assert watch.broken() == 0
    thing.grad.data = None
    assert watch.broken() is None


def test_watch_refuses_what_it_cannot_see() -> None:
    watch = Watch()
    with pytest.raises(TypeError, match="a dict, list or tuple, or a function that returns one, not a set"):
        watch.members({1, 2})
    with pytest.raises(TypeError, match="not a int"):
        watch.members(lambda: 3)
    with pytest.raises(AttributeError, match="lost"):
        watch.attribute(Thing(), "lost")
    with pytest.raises(TypeError, match="unhashable"):
        watch.item({}, [])
    assert len(watch) == 0


def test_an_error_while_looking_is_raised() -> None:
    thing, watch = Thing(), Watch()
    thing.data = 1
    watch.attribute(thing, "data")
    del thing.data
    with pytest.raises(AttributeError, match="data"):
        watch.broken()


def test_a_watch_in_a_cycle_is_collected() -> None:
    thing = Thing()
    thing.watch = Watch()
    thing.watch.members(vars(thing))
    thing.watch.attribute(thing, "watch")
    gone = weakref.ref(thing)
    del thing
    gc.collect()
    assert gone() is None


# --- Replay, through captured steps


def replayed(step, *args):
    """A captured step that has been recorded with these arguments."""
    captured = pe.capture(step)
    for _ in range(3):
        captured(*args)
    (recording,) = captured.recordings
    return captured, recording


def test_arguments_are_read_where_they_lie_and_results_written_where_they_stay() -> None:
    x = pe.randn(1000)
    captured, recording = replayed(lambda x: (x * 2).exp(), x)
    home, place = recording._inputs[0].data, recording._outputs[0]
    home[:], place[:] = 0, 0
    out = captured(x)
    np.testing.assert_array_equal(out.numpy(), (x * 2).exp().numpy())
    assert not home.any()
    assert not place.any()


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(lambda: pe.randn(8, 6).T[:6:2, ::2], id="strided"),
        pytest.param(lambda: pe.randn(3, 8)[:, ::2], id="columns"),
        pytest.param(lambda: pe.randn(3, 4).flip(0), id="flipped"),
        pytest.param(lambda: pe.zeros(1, 4).expand(3, 4), id="repeated"),
        pytest.param(lambda: pe.randn(3, 4), id="dense"),
    ],
)
def test_any_layout_of_an_argument(given) -> None:
    def step(x):
        return x.T @ x, x.sum(0)

    captured, _ = replayed(step, pe.randn(3, 4))
    x = given()
    for mine, plain in zip(captured(x), step(x.contiguous()), strict=True):
        np.testing.assert_array_equal(mine.numpy(), plain.numpy())


def test_one_tensor_for_several_arguments() -> None:
    captured, _ = replayed(lambda a, b: a * 2 + b, pe.ones(4), pe.zeros(4))
    x = pe.tensor([1.0, 2.0, 3.0, 4.0])
    assert captured(x, x).tolist() == [3.0, 6.0, 9.0, 12.0]
    assert captured(x, x[:4]).tolist() == [3.0, 6.0, 9.0, 12.0]
    assert captured(pe.ones(4), pe.zeros(4)).tolist() == [2.0] * 4


def test_an_argument_that_the_step_changes_or_returns_is_copied() -> None:
    def step(x, y):
        x.add_(1)
        return x * 2, y

    captured, _ = replayed(step, pe.ones(3), pe.ones(3))
    x, y = pe.full(3, fill_value=5.0), pe.full(3, fill_value=7.0)
    doubled, same = captured(x, y)
    assert doubled.tolist() == [12.0] * 3
    y.fill_(0.0)
    assert same.tolist() == [7.0] * 3


def test_an_argument_that_is_a_weight_is_read_before_it_is_changed() -> None:
    w = pe.ones(3)

    def step(x):
        w.add_(1.0)
        return x * 10

    captured, _ = replayed(step, pe.ones(3))
    for x in (w, w[:3]):
        before = w.tolist()
        assert captured(x).tolist() == [10.0 * value for value in before]
        assert w.tolist() == [value + 1.0 for value in before]


def test_an_argument_in_memory_of_the_plan_is_copied() -> None:
    captured = pe.capture(lambda x: (x * 2).cumsum(0) + x, passes=())
    for _ in range(3):
        captured(pe.ones(4))
    made = [done.written[0] for done in captured.plan.step(pe.ones(4)) if done.written[0].shape == (4,)]
    for array in made:
        array[:] = [1.0, 2.0, 3.0, 4.0]
        assert captured(pe.from_numpy(array)).tolist() == [3.0, 8.0, 15.0, 24.0]


def test_results_that_share_memory_are_told_apart() -> None:
    def step(x):
        y = x * 2
        return y, y[1:], y.reshape(2, 2).T, y

    captured, _ = replayed(step, pe.ones(4))
    x = pe.arange(4).to("float32")
    results = captured(x)
    captured(pe.zeros(4))
    for mine, plain in zip(results, step(x), strict=True):
        np.testing.assert_array_equal(mine.numpy(), plain.numpy())


def test_results_without_elements() -> None:
    captured, _ = replayed(lambda x: (x * 2, x.sum()), pe.ones(0, 3))
    doubled, total = captured(pe.ones(0, 3))
    assert doubled.shape == (0, 3)
    assert total.item() == 0


def test_a_returned_gradient_is_a_copy() -> None:
    w = pe.ones(3, requires_grad=True)

    def step(x):
        w.grad = None
        (w * x).sum().backward()
        return w.grad

    captured, _ = replayed(step, pe.ones(3))
    first = captured(pe.full(3, fill_value=2.0))
    captured(pe.full(3, fill_value=3.0))
    assert first.tolist() == [2.0] * 3
    assert w.grad.tolist() == [3.0] * 3


def test_a_plan_can_be_looked_at_when_the_arguments_are_gone() -> None:
    x = pe.randn(50_000)
    captured, _ = replayed(lambda x: (x * 2).sum(), x)
    expected = captured(x).item()
    captured(pe.zeros(50_000))
    gc.collect()
    pe.empty_cache()
    *_, last = captured.plan.step()
    assert last.written[0] == expected  # with the arguments of the recording
    *_, last = captured.plan.step(pe.ones(50_000))
    assert last.written[0] == 100_000
    with pytest.raises(ValueError, match=r"recorded with float32\[50000\], not float32\[2\]"):
        next(captured.plan.step(pe.ones(2)))


def test_an_error_leaves_the_memory_of_the_plan_in_order() -> None:
    table = nn.Embedding(4, 2)
    captured, recording = replayed(lambda ids: table(ids) * 2, pe.tensor([1, 2]))
    views = [recording.plan.views(i) for i in range(len(recording.plan))]
    kept = captured(pe.tensor([3, 0]))
    values = kept.tolist()
    with pytest.raises(IndexError):
        captured(pe.tensor([9, 0]))
    assert [recording.plan.views(i) for i in range(len(recording.plan))] == views
    assert kept.tolist() == values
    assert captured(pe.tensor([3, 0])).tolist() == values


def test_arguments_that_fit_need_no_second_look() -> None:
    x, y = pe.ones(2, 3), pe.tensor([1, 2])
    _, recording = replayed(lambda x, scale, y: x * scale + y.sum(), x, 2.0, y)
    scale = next(part for part in recording._arguments if isinstance(part, float))
    assert recording.match((x, scale, y)) == (x, y)
    assert recording.match((pe.zeros(2, 3), scale, pe.tensor([5, 6]))) is not None
    for other in (
        (x, y),
        (x, scale, y, y),
        (x, float("2.5"), y),
        (pe.ones(3, 2), scale, y),
        (pe.ones(2, 3, dtype="float64"), scale, y),
        (x, scale, y.to("int32")),
        (pe.ones(2, 3, requires_grad=True), scale, y),
        (pe.ones(2, 3, device="cudasim"), scale, y),
        (nn.Parameter(x, requires_grad=False), scale, y),
        (x.numpy(), scale, y),
        (x, scale, 3),
        (x, x, y),
    ):
        assert recording.match(other) is None


def test_a_step_that_is_its_own_argument_is_collected() -> None:
    layer = nn.Linear(3, 2)
    layer.step = pe.capture(lambda layer, x: layer.weight * x)
    for _ in range(4):
        layer.step(layer, pe.ones(3))
    assert layer.step.recordings
    gone = weakref.ref(layer)
    del layer
    gc.collect()
    assert gone() is None


def test_numbers_are_told_apart_by_sign_and_nan_is_itself() -> None:
    captured = pe.capture(lambda x, factor: x * factor)
    for _ in range(3):
        assert np.signbit(captured(pe.ones(1), -0.0).item())
        assert not np.signbit(captured(pe.ones(1), 0.0).item())
        assert np.isnan(captured(pe.ones(1), float("nan")).item())
    assert len(captured.recordings) == 3


def test_replay_refuses_what_it_was_not_made_for() -> None:
    replay = Replay(Plan([]), None, [], [], [])
    assert replay.match(()) is None
    assert replay.run([]) == []
    with pytest.raises(ValueError, match="as many tensors as were recorded"):
        replay.run([pe.ones(1)])
    with pytest.raises(TypeError, match="NumPy's arrays"):
        Replay(Plan([]), None, [(3, None)], [], [])
