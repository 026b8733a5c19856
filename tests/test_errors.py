"""Mistakes of a user: each message names the operation, the shapes or values, and the fix where there is one."""

import numpy as np
import pytest
from harness import DEVICE_NAMES

import pyengine as pe
from pyengine import cases, nn, optim, tape
from pyengine.ops import OPS
from pyengine.ops.cross_entropy import CROSS_ENTROPY

every_device = pytest.mark.parametrize("device", DEVICE_NAMES)


def make(device):
    return lambda *shape, **options: pe.zeros(*shape, device=device, **options)


SHAPES = {
    "matmul inner": (lambda z: z(2, 3) @ z(4, 5), "matmul", ("(2, 3)", "(4, 5)", "3 columns", "4 rows")),
    "matmul second transposed": (lambda z: z(2, 3) @ z(4, 3), "matmul", ("(2, 3)", "(4, 3)", "a @ b.mT")),
    "matmul first transposed": (lambda z: z(3, 2) @ z(3, 4), "matmul", ("(3, 2)", "(3, 4)", "a.mT @ b")),
    "matmul batches": (lambda z: z(2, 3, 4) @ z(5, 4, 6), "matmul", ("batch", "(2,)", "(5,)", "do not broadcast")),
    "mm": (lambda z: z(2, 3).mm(z(2, 3, 4)), "mm", ("(2, 3)", "(2, 3, 4)", "two matrices")),
    "bmm": (lambda z: z(2, 3, 4).bmm(z(4, 5)), "bmm", ("(2, 3, 4)", "(4, 5)", "batches of matrices")),
    "bmm batches": (lambda z: z(2, 3, 4).bmm(z(1, 4, 5)), "bmm", ("2 and 1", "matmul broadcasts")),
    "dot": (lambda z: z(2, 3).dot(z(3)), "dot", ("(2, 3)", "(3,)", "two vectors")),
    "outer": (lambda z: z(2, 3).outer(z(3)), "outer", ("(2, 3)", "(3,)", "two vectors")),
    "matmul number": (lambda z: z() @ z(3), "matmul", ("()", "(3,)", "use *")),
    "add": (lambda z: z(2, 3) + z(2, 4), "add", ("(2, 3)", "(2, 4)", "last axis is 3 and 4")),
    "add rows": (lambda z: z(4, 3) + z(4), "add", ("(4, 3)", "(4,)", "reshape it to (4, 1)")),
    "sub": (lambda z: z(5) - z(6), "sub", ("(5,)", "(6,)")),
    "mul": (lambda z: z(2, 5, 1) * z(3, 1, 2), "mul", ("(2, 5, 1)", "(3, 1, 2)", "axis -3 is 2 and 3")),
    "div": (lambda z: z(2) / z(3), "div", ("(2,)", "(3,)")),
    "linear": (lambda z: nn.functional.linear(z(2, 3), z(5, 4)), "linear", ("(2, 3)", "(5, 4)")),
    "linear unflattened": (lambda z: nn.functional.linear(z(2, 3, 4), z(5, 12)), "linear", ("x.reshape(2, 12)",)),
    "linear bias": (lambda z: nn.functional.linear(z(2, 3), z(5, 3), z(4)), "linear", ("(4,)", "(5, 3)", "(5,)")),
    "softmax": (lambda z: z().softmax(), "softmax", ("without axes",)),
    "softmax axis": (lambda z: z(2, 3).softmax(2), "softmax", ("axis 2 does not exist", "2 axes", "0 to 1")),
    "sum axis": (lambda z: z(2, 3).sum(-3), "sum", ("axis -3 does not exist", "-2 to -1")),
    "sum twice": (lambda z: z(2, 3).sum((0, -2)), "sum", ("named twice", "(0, -2)")),
    "reshape": (lambda z: z(2, 3).reshape(4, 2), "reshape", ("(2, 3) has 6 elements", "(4, 2) asks for 8")),
    "reshape -1": (lambda z: z(2, 3).reshape(4, -1), "reshape", ("6 elements", "multiple of 4")),
    "reshape two -1": (lambda z: z(2, 3).reshape(-1, -1), "reshape", ("one -1", "(-1, -1)")),
    "reshape negative": (lambda z: z(2, 3).reshape(-2, 3), "reshape", ("negative length", "(-2, 3)")),
    "permute": (lambda z: z(2, 3).permute(0, 0), "permute", ("(0, 0)", "(2, 3)", "each axis")),
    "transpose": (lambda z: z(2, 3).transpose(0, 2), "transpose", ("axis 2 does not exist",)),
    "T": (lambda z: z(2, 3, 4).T, "T", ("(2, 3, 4)", "Use mT")),
    "expand": (lambda z: z(2, 3).expand(4, 3), "expand", ("(2, 3)", "(4, 3)")),
    "cross_entropy labels": (
        lambda z: nn.functional.cross_entropy(z(4, 3), z(5, dtype="int64")), "cross_entropy", ("(4, 3)", "(4,)", "(5,)")
    ),
    "cross_entropy column": (
        lambda z: nn.functional.cross_entropy(z(4, 3), z(4, 1, dtype="int64")), "cross_entropy", ("labels.reshape(4)",)
    ),
    "cross_entropy one-hot": (
        lambda z: nn.functional.cross_entropy(z(4, 3), z(4, 3, dtype="int64")), "cross_entropy", ("one-hot", "argmax")
    ),
    "cross_entropy flat": (
        lambda z: nn.functional.cross_entropy(z(4), z(4, dtype="int64")), "cross_entropy", ("(rows, classes)", "(4,)")
    ),
}  # fmt: skip


@every_device
@pytest.mark.parametrize("mistake", SHAPES)
def test_wrong_shapes(device, mistake) -> None:
    call, operation, parts = SHAPES[mistake]
    with pytest.raises(ValueError, match=f"^{operation}") as caught:
        call(make(device))
    for part in parts:
        assert part in str(caught.value), str(caught.value)


@every_device
@pytest.mark.parametrize("index", [(5,), (0, 0, 0), (slice(None), -4), (Ellipsis, Ellipsis)])
def test_an_index_outside_names_the_shape(device, index) -> None:
    with pytest.raises(IndexError, match=r"indexing a tensor of shape \(2, 3\)"):
        make(device)(2, 3)[index]


@pytest.mark.parametrize("index", [1.5, "a", {0: 1}])
def test_an_index_of_a_wrong_kind_is_named(index) -> None:
    with pytest.raises(TypeError, match=f"indexing: .* not {type(index).__name__}"):
        pe.zeros(2, 3)[index]


DTYPES = {
    "matmul mixed": (lambda z: z(2, 2) @ z(2, 2, dtype="float64"), "matmul: .*float32.*float64.*cast"),
    "matmul ints": (lambda z: z(2, 2, dtype="int64") @ z(2, 2, dtype="int64"), "matmul: .*float64, not int64; cast"),
    "add of bools": (lambda z: z(2, dtype="bool") + z(2, dtype="bool"), "add: .*not bool; cast with"),
    "add of bfloat16": (lambda z: z(2, dtype="bfloat16") + 1, "add: .*not bfloat16"),
    "add of float16": (lambda z: z(2, dtype="float16") + 1, "add: .*not float16"),
    "neg of bools": (lambda z: -z(2, dtype="bool"), "neg: .*not bool"),
    "relu of ints": (lambda z: z(2, dtype="int64").relu(), "relu: computes in float32 or float64, not int64; cast"),
    "softmax of ints": (lambda z: z(2, dtype="int64").softmax(), "softmax: .*not int64"),
    "mean of ints": (lambda z: z(2, dtype="int64").mean(), "mean: .*not int64; cast"),
    "linear mixed": (
        lambda z: nn.functional.linear(z(2, 3, dtype="float64"), z(4, 3)), "linear: .*float64, the weight float32; cast"
    ),
    "float labels": (
        lambda z: nn.functional.cross_entropy(z(2, 3), z(2)), "cross_entropy: labels are .*int64, got float32; cast"
    ),
}  # fmt: skip


@every_device
@pytest.mark.parametrize("mistake", DTYPES)
def test_wrong_dtypes(device, mistake) -> None:
    call, message = DTYPES[mistake]
    with pytest.raises(TypeError, match=f"^{message}"):
        call(make(device))


@pytest.mark.parametrize("dtype", ["complex64", "datetime64[s]", "S3", "object", "uint32", "int16", "longdouble"])
def test_unsupported_dtypes_list_the_supported(dtype) -> None:
    with pytest.raises(TypeError, match=r"is not supported; tensors hold float16, bfloat16, float32, float64, int64"):
        pe.zeros(2, dtype=dtype)
    with pytest.raises(TypeError, match="is not supported"):
        pe.tensor(np.zeros(2, dtype))


def test_gradients_of_integers_are_refused() -> None:
    for make_tracked in (
        lambda: pe.tensor([1, 2], requires_grad=True),
        lambda: pe.zeros(2, dtype="int64", requires_grad=True),
        lambda: pe.tensor([1, 2]).requires_grad_(),
    ):
        with pytest.raises(TypeError, match="only float tensors have gradients, not int64"):
            make_tracked()


# --- values


@every_device
@pytest.mark.parametrize(("label", "row"), [(3, 1), (-1, 0), (10**12, 2)])
@pytest.mark.parametrize("tracked", [False, True])
def test_a_label_outside_the_classes_is_named(device, label, row, tracked) -> None:
    labels = np.zeros(4, np.int64)
    labels[row] = label
    logits = pe.zeros(4, 3, device=device, requires_grad=tracked)
    with pytest.raises(ValueError, match=rf"^cross_entropy: labels\[{row}\] is {label}, outside the 3 classes"):
        nn.functional.cross_entropy(logits, pe.tensor(labels, device=device))


@every_device
@pytest.mark.parametrize("function", [pe.zeros, pe.ones, pe.rand, lambda *shape, **o: pe.full(shape, 1.0, **o)])
def test_negative_lengths(device, function) -> None:
    with pytest.raises(ValueError, match=r"shape \(2, -3\) has a negative length"):
        function(2, -3, device=device)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, "7", True, None])
def test_a_bad_seed(seed) -> None:
    with pytest.raises(ValueError, match="seed is an int from 0"):
        pe.manual_seed(seed)


def test_bad_data() -> None:
    with pytest.raises(ValueError, match="tensor: the nested lists are ragged"):
        pe.tensor([[1, 2], [3]])
    with pytest.raises(ValueError, match="arange: a step of 0"):
        pe.arange(0, 3, 0)
    with pytest.raises(TypeError, match="rand: makes float32 or float64, not int64"):
        pe.rand(2, dtype="int64")


@pytest.mark.parametrize("shape", [(2,), (0,), (2, 2)])
def test_only_one_element_is_a_number(shape) -> None:
    for convert in (lambda t: t.item(), float, int):
        with pytest.raises(ValueError, match=rf"one element is a number; this one has shape \({shape[0]},"):
            convert(pe.zeros(shape))


def test_a_tensor_without_axes_has_no_length() -> None:
    with pytest.raises(TypeError, match=r"len\(\) of a tensor without axes"):
        len(pe.tensor(1.0))


@pytest.mark.parametrize("other", ["1", None, [1, 2], {}])
def test_a_tensor_combines_with_numbers_only(other) -> None:
    for combine in (lambda t, o: t + o, lambda t, o: o * t, lambda t, o: t @ o, lambda t, o: t / o):
        with pytest.raises(TypeError, match=rf"cannot be combined with {type(other).__name__}; wrap it in pe.tensor"):
            combine(pe.zeros(2), other)


def test_an_operand_that_is_no_tensor_is_named() -> None:
    with pytest.raises(TypeError, match=r"linear: operand 1 is a ndarray, not a tensor; wrap it: pe.tensor"):
        nn.functional.linear(pe.zeros(2, 3), np.zeros((4, 3), np.float32))


# --- devices


def test_devices_do_not_mix() -> None:
    with pytest.raises(ValueError, match=r"^add: operands live on different devices \(cpu, numpy\); move them .*\.to"):
        pe.ones(2) + pe.ones(2, device="numpy")


def test_an_unknown_device_lists_those_there_are() -> None:
    for call in (lambda: pe.zeros(2, device="tpu"), lambda: pe.zeros(2).to("tpu"), lambda: pe.device("tpu")):
        with pytest.raises(ValueError, match="unknown device 'tpu'; there are cpu, numpy, cudasim, cuda"):
            call()


def test_a_computed_tensor_does_not_move() -> None:
    y = pe.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match=r"to\(numpy\): gradients do not flow between devices"):
        y.to("numpy")


@pytest.mark.parametrize("count", [0, -1])
def test_a_bad_number_of_threads(count) -> None:
    with pytest.raises(ValueError, match="thread"):
        pe.set_num_threads(count)


# --- gradients


@every_device
def test_backward_twice(device) -> None:
    x = pe.tensor([1.0, 2.0], device=device, requires_grad=True)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"^sum: backward\(\) was called a second time .* retain_graph=True"):
        y.backward()


def test_backward_twice_through_a_shared_part() -> None:
    x = pe.tensor([1.0, 2.0], requires_grad=True)
    shared = x * x
    shared.sum().backward()
    with pytest.raises(RuntimeError, match=r"^mul: backward\(\) was called a second time"):
        (shared * 2.0).sum().backward()


def test_backward_of_many_elements_needs_a_gradient() -> None:
    y = pe.ones(2, 3, requires_grad=True) * 2
    with pytest.raises(ValueError, match=r"shape \(2, 3\) is not one number; .*y\.sum\(\)\.backward\(\).*gradient="):
        y.backward()


@pytest.mark.parametrize(
    "gradient", [pe.ones(3), pe.ones(2, dtype="float64"), pe.ones(2, device="numpy")], ids=["shape", "dtype", "device"]
)
def test_the_upstream_gradient_must_match(gradient) -> None:
    y = pe.ones(2, requires_grad=True) * 2
    with pytest.raises(ValueError, match=r"gradient is .* the tensor float32\(2,\) on cpu; they must match"):
        y.backward(gradient)


def test_backward_without_anything_tracked() -> None:
    with pytest.raises(RuntimeError, match="nothing to differentiate: no leaf has requires_grad=True"):
        (pe.ones(2) * 2).sum().backward()
    x = pe.ones(2, requires_grad=True)
    with pe.no_grad():
        y = (x * 2).sum()
    with pytest.raises(RuntimeError, match=r"no_grad\(\)"):
        y.backward()


def test_numpy_of_a_tracked_tensor() -> None:
    x = pe.ones(2, requires_grad=True)
    for convert in (lambda: x.numpy(), lambda: np.asarray(x)):
        with pytest.raises(RuntimeError, match=r"use x\.detach\(\)\.numpy\(\)"):
            convert()


def test_only_a_leaf_can_be_switched() -> None:
    y = pe.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match=r"only a leaf can be switched; .*detach\(\)"):
        y.requires_grad_(False)


def test_grad_wants_tracked_inputs() -> None:
    x = pe.ones(2, requires_grad=True)
    y = x * x
    with pytest.raises(ValueError, match=r"grad: inputs\[1\] does not require a gradient; set requires_grad before"):
        pe.grad(y.sum(), [x, pe.ones(2)])
    with pytest.raises(ValueError, match="1 outputs but 2 grad_outputs"):
        pe.grad(y, [x], [pe.ones(2), pe.ones(2)])


# Each operation that saves a value, with what is overwritten between forward and backward: (number of operands, call,
# which one is changed, or None for the result).
IN_PLACE = {
    "mul": (lambda a, b: a * b, (0, 1)),
    "div": (lambda a, b: a / b, (0, 1)),
    "matmul": (lambda a, b: a @ b, (0, 1)),
    "linear": (lambda a, b: nn.functional.linear(a, b), (0, 1)),
    "relu": (lambda a, b: a.relu(), (None,)),
    "softmax": (lambda a, b: a.softmax(), (None,)),
}


@pytest.mark.parametrize(("name", "changed"), [(name, c) for name, (_, places) in IN_PLACE.items() for c in places])
@pytest.mark.parametrize("through", ["itself", "a view", "detach"])
def test_a_saved_value_changed_in_place(name, changed, through) -> None:
    leaves = [pe.ones(3, 3, requires_grad=True) for _ in range(2)]
    operands = [leaf * 1.0 for leaf in leaves]
    result = IN_PLACE[name][0](*operands)
    total = result.sum()
    victim = result if changed is None else operands[changed]
    with pe.no_grad():
        {"itself": lambda: victim, "a view": lambda: victim[0], "detach": victim.detach}[through]().mul_(2.0)
    what = "the result" if changed is None else f"input {changed}"
    with pytest.raises(RuntimeError, match=rf"^{name}: {what} was changed in place after it was saved .*x\.clone\(\)"):
        total.backward()


@pytest.mark.parametrize("name", ["add", "sub", "neg", "sum"])
def test_what_no_gradient_needs_may_be_overwritten(name) -> None:
    x = pe.ones(2, 2, requires_grad=True)
    y = x * 1.0
    z = {"add": lambda: y + y, "sub": lambda: y - 2.0 * y, "neg": lambda: -y, "sum": lambda: y.sum(0)}[name]()
    if name != "sub":
        with pe.no_grad():
            y.mul_(3.0)
    z.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.full((2, 2), {"add": 2, "sub": -1, "neg": -1, "sum": 1}[name]))


def test_cross_entropy_with_changed_logits() -> None:
    x, labels = pe.zeros(4, 3, requires_grad=True), pe.tensor([0, 1, 2, 0])
    logits = x * 1.0
    loss = tape.apply(CROSS_ENTROPY, (logits, labels), {"with_grad": False})[0]
    with pe.no_grad():
        logits.add_(1.0)
    with pytest.raises(RuntimeError, match=r"^cross_entropy: input 0 was changed in place"):
        loss.backward()


def test_an_optimizer_step_before_backward_is_found() -> None:
    model = nn.Linear(3, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    hidden = model(pe.ones(4, 3, requires_grad=True))
    hidden.sum().backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(RuntimeError, match=r"^linear: input 1 was changed in place after it was saved"):
        hidden.sum().backward()


# --- where


def test_errors_point_at_the_line_of_the_user() -> None:
    for call in (lambda: pe.zeros(2) + pe.zeros(3), lambda: pe.ones(2) + pe.ones(2, device="numpy")):
        with pytest.raises(ValueError, match="add: ") as caught:
            call()
        assert any("test_errors.py, line " in note for note in caught.value.__notes__)


# --- the kernels themselves, called with anything, refuse and do not crash

NONSENSE = [
    None,
    1,
    "text",
    [1.0, 2.0],
    np.float32(1),
    np.zeros(2, object),
    np.zeros(2, complex),
    np.zeros(2, ">f4"),
    np.zeros(2, np.int16),
    np.zeros((1,) * 9, np.float32),
    np.zeros(9, np.uint8)[1:].view(np.float32),  # not aligned
    np.zeros(2, [("a", np.float32)]),
    np.lib.stride_tricks.as_strided(np.zeros(16, np.float32), (2,), (6,)),  # strides between elements
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=lambda n: f"{type(n).__name__}-{getattr(n, 'dtype', '')}")
def test_kernels_refuse_nonsense(backend, nonsense) -> None:
    k, a = backend.kernels, np.zeros((2, 2), np.float32)
    with pytest.raises(TypeError, match=r"^add: b must be"):
        k.add(a, nonsense)
    with pytest.raises(TypeError, match=r"^matmul: a must be"):
        k.matmul(nonsense, a)
    with pytest.raises(TypeError, match=r"^sgd_step: "):
        k.sgd_step([nonsense], [a], [], np.ones(1, np.float32), np.zeros(1, np.float32))
    with pytest.raises(TypeError, match=r"^add: "):
        k.add(a, a, out=nonsense if nonsense is not None else "nothing")


def test_kernels_refuse_wrong_calls(backend) -> None:
    k, a = backend.kernels, np.zeros((2, 2), np.float32)
    for call, message in (
        (lambda: k.add(a), "add: b is missing"),
        (lambda: k.add(a, a, a, a, a), "add: takes 3 arguments, not 5"),
        (lambda: k.add(a, a, wrong=1), "add: has no parameter wrong"),
        (lambda: k.add(a, a, a=a), "add: a is given twice"),
        (lambda: k.matmul(a, a, act="gelu"), "matmul: act must be None or 'relu'"),
        (lambda: k.copy(a, "float32"), r"copy: dtype must be a numpy\.dtype"),
        (lambda: k.sum(a, axis=1.5), "sum: axis must be an int"),
        (lambda: k.full((10**30,), 1.0, a.dtype), "full: shape must be"),
        (lambda: k.full((2,), "x", a.dtype), "full: value must be a number"),
        (lambda: k.full((1,) * 9, 1.0, a.dtype), "full: shape must be .*at most 8"),
    ):
        with pytest.raises(TypeError, match=f"^{message}"):
            call()


def test_more_memory_than_there_is_raises(backend) -> None:
    for shape in ((2**50,), (2**40, 2**40), (2**62, 2**2)):
        with pytest.raises((MemoryError, ValueError), match=r"^full: "):
            backend.kernels.full(shape, 1.0, np.dtype(np.float64))


def test_out_must_not_overlap_an_input_in_part(backend) -> None:
    base = np.zeros(10, np.float32)
    with pytest.raises(ValueError, match=r"^add: out shares memory with an input"):
        backend.kernels.add(base[:8], base[:8], out=base[1:9])
    square = np.zeros((3, 3), np.float32)
    with pytest.raises(ValueError, match=r"^matmul: out shares memory with an input"):
        backend.kernels.matmul(square, square, out=square)


SPOKEN_AS = {"attention": "scaled_dot_product_attention", "getitem": "indexing"}  # what users call it, if not the name


def test_every_kernel_error_is_explained_by_infer(backend) -> None:
    """A mistake that a kernel refuses must be one that `infer` words, or the user reads the kernel's short message."""
    # copy takes any array and any dtype; the other is called by getitem's gradient only
    assert {name for name in OPS if cases.OPS[name].mistake is None} == {"copy", "getitem_backward"}
    for name, mistake in ((name, cases.OPS[name].mistake) for name in OPS):
        if mistake is None:
            continue
        arrays, attrs = mistake.fill(0, np.dtype(np.float32)), dict(mistake.attrs)
        with pytest.raises((ValueError, TypeError, IndexError)):
            OPS[name].forward(backend.kernels, *arrays, **attrs)
        with pytest.raises((ValueError, TypeError, IndexError), match=f"^{SPOKEN_AS.get(name, name)}"):
            tape.apply(OPS[name], [tape.wrap(a, backend.device) for a in arrays], attrs)
