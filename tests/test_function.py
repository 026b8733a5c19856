"""Functions with gradients of the user's, hooks, checkpoints, anomaly detection and writes in place."""

import gc
import weakref

import numpy as np
import pytest

import pyengine as pe


def leaf(*values, dtype="float64"):
    return pe.tensor(list(values), dtype=dtype, requires_grad=True)


class Cube(pe.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * x * x * 3.0


class SplitScaled(pe.Function):
    """Two outputs, and an argument that is no tensor."""

    @staticmethod
    def forward(ctx, x, factor, y):
        ctx.factor = factor
        return x * factor, y * 1.0

    @staticmethod
    def backward(ctx, gx, gy):
        return gx * ctx.factor, None, gy


def test_function_gradient_and_second_derivative():
    x = leaf(1.0, -2.0, 0.5)
    assert pe.gradcheck(Cube.apply, [x])
    (first,) = pe.grad(Cube.apply(x).sum(), x, create_graph=True)
    (second,) = pe.grad(first.sum(), x)
    np.testing.assert_array_equal(second.numpy(), 6 * x.detach().numpy())


def test_function_of_several_outputs_gets_zeros_for_the_unused():
    x, y = leaf(1.0, 2.0), leaf(3.0)
    a, _ = SplitScaled.apply(x, 4.0, y)
    a.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [4.0, 4.0])
    np.testing.assert_array_equal(y.grad.numpy(), [0.0])


def test_function_untracked_leaves_no_node():
    with pe.no_grad():
        assert Cube.apply(leaf(1.0)).node is None


def test_function_mistakes_are_named():
    class TooMany(Cube):
        @staticmethod
        def backward(ctx, grad):
            return grad, grad

    class WrongShape(Cube):
        @staticmethod
        def backward(ctx, grad):
            return grad.sum()

    class NoTensor(pe.Function):
        @staticmethod
        def forward(ctx, x):
            return 3.0

    with pytest.raises(ValueError, match="TooMany: backward returned 2 gradients, forward has 1"):
        TooMany.apply(leaf(1.0)).backward()
    with pytest.raises(ValueError, match=r"WrongShape: .* shape \(\) for tensor argument 0 of shape \(2,\)"):
        WrongShape.apply(leaf(1.0, 2.0)).sum().backward()
    with pytest.raises(TypeError, match="NoTensor: forward returned a float"):
        NoTensor.apply(leaf(1.0))


def test_function_without_its_methods_says_which_to_write():
    class Neither(pe.Function):
        pass

    class NoWayBack(pe.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2.0

    with pytest.raises(NotImplementedError, match=r"static method forward\(ctx, \*args\) that returns a tensor"):
        Neither.apply(leaf(1.0))
    out = NoWayBack.apply(leaf(1.0))
    with pytest.raises(NotImplementedError, match=r"static method backward\(ctx, \*grads\) that returns a gradient"):
        out.backward()
    with pytest.raises(NotImplementedError, match="a Function of your own has no rule for shapes"):
        out.node.op.cost([], {})


def test_function_saved_value_changed_in_place():
    x = leaf(1.0)
    y = x * 1.0
    z = Cube.apply(y)
    with pe.no_grad():
        y.add_(1.0)
    with pytest.raises(RuntimeError, match=r"saved_tensors\[0\] was changed in place"):
        z.backward()


def test_hook_sees_the_whole_gradient_and_may_replace_it():
    x = leaf(2.0)
    seen = []
    handle = x.register_hook(lambda g: seen.append(g.item()))
    (x * 3.0 + x * 4.0).backward()
    assert seen == [7.0]
    handle.remove()
    (x * 3.0).backward()
    assert seen == [7.0]

    y = x * 2.0
    y.register_hook(lambda g: g * 10.0)
    x.grad = None
    (y * 5.0).backward()
    assert x.grad.item() == 100.0


def test_hook_of_the_wrong_shape_raises():
    x = leaf(2.0, 3.0)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(ValueError, match="hook: returned"):
        x.sum().backward()


def test_hooks_go_with_their_tensor():
    x = leaf(1.0)
    x.register_hook(lambda g: None)
    before = len(pe.tape.hooks)
    del x
    gc.collect()
    assert len(pe.tape.hooks) == before - 1


def test_retain_grad():
    x = leaf(3.0)
    y = x * x
    y.retain_grad()
    (y * 5.0).backward()
    assert y.grad.item() == 5.0
    assert x.grad.item() == 30.0


def test_checkpoint_gives_the_same_gradients_and_keeps_less():
    rng = np.random.default_rng(0)
    w = pe.tensor(rng.standard_normal((4, 4)), requires_grad=True)
    x = pe.tensor(rng.standard_normal((3, 4)), requires_grad=True)

    def block(x):
        return (x @ w).relu() @ w

    block(x).sum().backward()
    expected = x.grad.numpy().copy(), w.grad.numpy().copy()
    x.grad = w.grad = None
    out = pe.checkpoint(block, x)
    assert out.node.saved == ()
    out.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), expected[0])
    np.testing.assert_array_equal(w.grad.numpy(), expected[1])
    (by_grad,) = pe.grad(pe.checkpoint(block, x).sum(), w)
    np.testing.assert_array_equal(by_grad.numpy(), expected[1])


def test_checkpoint_draws_the_same_random_numbers_again():
    x = leaf(1.0, 1.0, 1.0)
    drawn = []

    def noisy(x):
        noise = pe.rand(3, dtype="float64")
        drawn.append(noise.numpy().copy())
        return x * noise

    pe.manual_seed(3)
    out = pe.checkpoint(noisy, x)
    after_forward = pe.rand(1).item()
    pe.manual_seed(3)
    pe.rand(3, dtype="float64")
    assert pe.rand(1).item() == after_forward
    out.sum().backward()
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(x.grad.numpy(), drawn[0])


def test_checkpoint_refuses_second_derivatives():
    x = leaf(1.0)
    with pytest.raises(NotImplementedError, match="checkpoint: has no second derivatives; call the function directly"):
        pe.grad(pe.checkpoint(lambda x: x * x, x).sum(), x, create_graph=True)


def test_anomaly_names_operation_and_line():
    x = leaf(0.0)
    with (
        pytest.raises(RuntimeError, match=r"div: the result holds a NaN; called in .*test_function.py, line \d+"),
        pe.detect_anomaly(),
    ):
        x / x


def test_anomaly_in_backward_names_the_forward_line():
    x = leaf(0.0)
    with pe.detect_anomaly():
        y = (x * 0.0) / 1.0
        root = y * y
        with pytest.raises(RuntimeError, match=r"mul: the gradient of input 0 holds a NaN; .*test_function.py"):
            root.backward(pe.tensor([np.inf], dtype="float64"))
    assert pe.tape.tracer is None


@pytest.mark.parametrize(
    ("method", "operator", "expected"),
    [("add_", "__iadd__", 5.0), ("sub_", "__isub__", 1.0), ("mul_", "__imul__", 6.0), ("div_", "__itruediv__", 1.5)],
)
def test_inplace_arithmetic_keeps_the_memory(method, operator, expected):
    for name in (method, operator):
        x = pe.tensor([3.0, 3.0])
        memory = x.data
        out = getattr(x, name)(2.0)
        assert out is x
        assert x.data is memory
        assert x.numpy().tolist() == [expected, expected]


def test_inplace_broadcasts_into_but_never_grows():
    x = pe.zeros(2, 3)
    x += pe.tensor([1.0, 2.0, 3.0])
    assert x.numpy().tolist() == [[1.0, 2.0, 3.0]] * 2
    with pytest.raises(ValueError, match=r"add_: the result is float32\(2, 3\) and does not fit"):
        pe.zeros(3).add_(x)
    with pytest.raises(TypeError, match="does not fit into this tensor, int64"):
        pe.tensor([1, 2]).add_(1.5)


def test_inplace_is_differentiable_on_what_was_computed():
    x = leaf(2.0, 3.0)
    y = x * 1.0
    y *= x
    y += 1.0
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [4.0, 6.0])


def test_inplace_operand_that_is_tracked():
    w = leaf(2.0, 3.0)
    total = pe.zeros(2, dtype="float64")
    total += w * w
    total.sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [4.0, 6.0])


def test_inplace_on_a_leaf_or_a_tracked_view_is_refused():
    w = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="add_: a leaf that requires a gradient"):
        w += 1.0
    y = w * 2.0
    with pytest.raises(RuntimeError, match="mul_: a write to a view is not tracked"):
        y[0:1].mul_(2.0)
    with pe.no_grad():
        w += 1.0
    assert w.detach().numpy().tolist() == [2.0, 3.0]


def test_inplace_write_to_a_saved_value_is_found():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    z = y * y
    with pe.no_grad():
        y.zero_()
    with pytest.raises(RuntimeError, match="mul: input 0 was changed in place"):
        z.sum().backward()


def test_inplace_write_through_a_view_is_found():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    z = y * y
    y.detach()[0:1].fill_(9.0)
    with pytest.raises(RuntimeError, match="mul: input 0 was changed in place"):
        z.sum().backward()


def test_inplace_overlapping_operand():
    x = pe.arange(5).to(pe.float32)
    x[1:].add_(x[:-1])
    assert x.numpy().tolist() == [0.0, 1.0, 3.0, 5.0, 7.0]


def test_copy_casts_and_broadcasts():
    x = pe.zeros(2, 2, dtype="int64")
    x.copy_(pe.tensor([1.9, -1.9]))
    assert x.numpy().tolist() == [[1, -1], [1, -1]]


def test_graph_of_a_function_is_freed():
    x = leaf(1.0)
    y = Cube.apply(x)
    node = weakref.ref(y.node)
    del y
    gc.collect()
    assert node() is None
