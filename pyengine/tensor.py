"""Tensor: an array, the device it lives on, and the memory of how it was computed.

Its methods only delegate: arithmetic is in the kernels, rules and errors in the operations, history in the tape. The
named ones are in methods/, by family.
"""

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import dtypes, tape
from .backend import Array, Device, one
from .backend import device as find_device
from .brain_float import is_bfloat16
from .memory import is_gpu_array, is_view
from .methods import (
    ChooseMethods,
    CompareMethods,
    ConvertMethods,
    ElementwiseMethods,
    IndexMethods,
    InplaceMethods,
    JoinMethods,
    MatmulMethods,
    NewMethods,
    PowerMethods,
    ReduceMethods,
    SortMethods,
    UnaryMethods,
    ViewMethods,
)
from .ops.copy import COPY
from .ops.elementwise import ADD, DIV, MUL, NEG, SUB
from .ops.reduce import normalize_axes
from .tape import apply, kernels_of, mark_written, share_version, wrap

Shape = tuple[int, ...]


class Tensor(
    ChooseMethods,
    CompareMethods,
    ConvertMethods,
    ElementwiseMethods,
    IndexMethods,
    InplaceMethods,
    JoinMethods,
    MatmulMethods,
    NewMethods,
    PowerMethods,
    ReduceMethods,
    SortMethods,
    UnaryMethods,
    ViewMethods,
):
    """A multi-dimensional array that can be differentiated. Make one with `pe.tensor`.

    data           the array: `numpy.ndarray` on a CPU; share it at your own risk
    grad           after `backward()`, the gradient with respect to this tensor, a tensor of its shape; None before
    requires_grad  whether operations on it are tracked
    Operations compute in float32 or float64, some in int64 and bool, and raise TypeError for other dtypes, ValueError
    for shapes that do not fit, IndexError for positions that do not exist; the message names all of them.

    >>> import pyengine as pe
    >>> x = pe.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.])
    """

    __slots__ = ()
    # NumPy must not spread `array + tensor` over the elements: it defers to __radd__ here
    __array_priority__ = 1000
    __array_ufunc__ = None

    def __init__(
        self, data: Any, dtype: Any = None, device: "str | Device | None" = None, requires_grad: bool = False
    ) -> None:
        if isinstance(data, Tensor):
            data = data._on_host("pe.Tensor")
        if dtype is not None:
            found = dtypes.check(dtype)
        elif isinstance(data, np.ndarray | np.generic) or is_gpu_array(data):
            found = dtypes.check(data.dtype)
        else:
            found = dtypes.of_python(data)
        if requires_grad and not dtypes.is_float(found):
            raise TypeError(f"requires_grad: only float tensors have gradients, not {found}")
        self.device = find_device(device)
        self.data = self.device.memory.put(data, found)
        self.requires_grad = requires_grad
        self.grad = None
        self.node = None
        self.version = None

    # --- what it is

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user rather than by a tracked operation; only leaves get a `.grad`."""
        return self.node is None

    @property
    def grad_fn(self) -> tape.Node | None:
        """What made this tensor, where that is tracked; None for a leaf."""
        return self.node

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of one axis; ValueError for one that does not exist.

        >>> import pyengine as pe
        >>> pe.zeros(2, 3).size(), pe.zeros(2, 3).size(-1)
        ((2, 3), 3)
        """
        return self.shape if dim is None else self.shape[normalize_axes("size", dim, self.ndim)[0]]

    def numel(self) -> int:
        """The number of elements.

        >>> import pyengine as pe
        >>> pe.zeros(2, 3).numel()
        6
        """
        return self.data.size

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a tensor without axes")
        return self.shape[0]

    def __iter__(self) -> Iterator["Tensor"]:
        if not self.shape:
            raise TypeError("a tensor without axes cannot be iterated over; x.item() is its number")
        return (self[i] for i in range(self.shape[0]))

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        if self.data.ndim:
            raise TypeError(f"the format {spec!r} is for one number; this tensor has shape {self.shape}")
        return format(self.item(), spec)

    def __repr__(self) -> str:
        shown, digits = self._on_host("printing"), np.get_printoptions()["precision"]
        if is_bfloat16(self.dtype):  # 4 digits tell its numbers apart
            shown, digits = shown.astype(np.float32), min(digits, 4)
        body = np.array2string(shown, precision=digits, separator=", ", prefix="tensor(")
        extra = f", shape={self.shape}" if not self.data.size and self.ndim > 1 else ""
        extra += "" if self.dtype in (dtypes.float32, dtypes.int64, dtypes.bool_) else f", dtype={self.dtype}"
        extra += "" if self.device.name == "cpu" else f", device={self.device}"
        if self.node is not None:
            extra += f", made by {self.node.op.name}"
        elif self.requires_grad:
            extra += ", requires_grad=True"
        return f"tensor({body}{extra})"

    # --- leaving the graph

    def _on_host(self, why: str) -> Array:
        """The data as NumPy's, for the host to look at."""
        if tape.recorder is not None:
            tape.recorder.reads(why)
        return self.device.memory.get(self.data)

    def numpy(self) -> Array:
        """The data as a NumPy array, sharing its memory; of a GPU a copy. RuntimeError where gradients would be lost.

        >>> import pyengine as pe
        >>> x = pe.zeros(2)
        >>> x.numpy()[0] = 5.0
        >>> x
        tensor([5., 0.])
        """
        if self.requires_grad:
            raise RuntimeError("numpy(): this tensor is tracked for gradients; use x.detach().numpy()")
        return self._on_host("numpy()")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Where the elements lie on a GPU, for CuPy, torch and others to share; AttributeError elsewhere."""
        if not is_gpu_array(self.data):
            raise AttributeError(f"__cuda_array_interface__: this tensor is on {self.device}, not on a GPU")
        if self.requires_grad:
            raise RuntimeError("this tensor is tracked for gradients; hand over x.detach()")
        found: dict[str, Any] = self.data.__cuda_array_interface__  # type: ignore[attr-defined]
        return found

    def __dlpack__(self, **options: Any) -> Any:
        if self.requires_grad:
            raise RuntimeError("__dlpack__: this tensor is tracked for gradients; hand over x.detach()")
        if is_bfloat16(self.dtype) and not is_gpu_array(self.data):
            raise BufferError(
                "__dlpack__: NumPy's arrays of bfloat16 do not speak DLPack; hand over their bits, "
                "x.numpy().view('int16'), and let the other library view them as bfloat16"
            )
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.data.__dlpack_device__()

    def item(self) -> Any:
        """The one element as a Python number; ValueError where there are more or none.

        >>> import pyengine as pe
        >>> pe.tensor([2.5]).item()
        2.5
        """
        if self.data.size != 1:
            raise ValueError(f"item(): only a tensor of one element is a number; this one has shape {self.shape}")
        return self._on_host("item()").item()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu" or self.data.size != 1:
            raise TypeError(f"only one integer can be an index; this tensor is {self.dtype}{self.shape}")
        return int(self.item())

    def __bool__(self) -> bool:
        if self.data.size != 1:
            raise ValueError(
                f"bool(): a tensor of shape {self.shape} is no single truth value; say x.any() or x.all(), or, to ask "
                f"whether there is a tensor at all, x is not None"
            )
        return bool(self.item())

    def detach(self) -> "Tensor":
        """The same data without history; writes in place are seen by both.

        >>> import pyengine as pe
        >>> x = pe.ones(2, requires_grad=True)
        >>> (x * 2).detach().requires_grad
        False
        """
        out = wrap(self.data, self.device)
        share_version(out, self)
        return out

    def clone(self) -> "Tensor":
        """A copy, in the graph: gradients flow back through it.

        >>> import pyengine as pe
        >>> x = pe.ones(2)
        >>> x.clone().mul_(2.0), x
        (tensor([2., 2.]), tensor([1., 1.]))
        """
        return self._cast(self.dtype)

    # --- arithmetic

    def __add__(self, other: Any) -> "Tensor":
        if other.__class__ is not Tensor:
            other = self._operand(other)
        return apply(ADD, (self, other))

    def __sub__(self, other: Any) -> "Tensor":
        if other.__class__ is not Tensor:
            other = self._operand(other)
        return apply(SUB, (self, other))

    def __mul__(self, other: Any) -> "Tensor":
        if other.__class__ is not Tensor:
            other = self._operand(other)
        return apply(MUL, (self, other))

    def __truediv__(self, other: Any) -> "Tensor":
        other = self._operand(other)
        if not dtypes.is_float(self.dtype) and not dtypes.is_float(other.dtype):
            return apply(DIV, (self.to(dtypes.float32), other.to(dtypes.float32)))
        return apply(DIV, (self, other))

    def __matmul__(self, other: Any) -> "Tensor":
        return self.matmul(self._operand(other))

    def __radd__(self, other: Any) -> "Tensor":
        return self._operand(other) + self

    def __rsub__(self, other: Any) -> "Tensor":
        return self._operand(other) - self

    def __rmul__(self, other: Any) -> "Tensor":
        return self._operand(other) * self

    def __rtruediv__(self, other: Any) -> "Tensor":
        return self._operand(other) / self

    def __rmatmul__(self, other: Any) -> "Tensor":
        return self._operand(other) @ self

    def __neg__(self) -> "Tensor":
        return apply(NEG, (self,))

    def __iadd__(self, other: Any) -> "Tensor":
        return self.add_(other)

    def __isub__(self, other: Any) -> "Tensor":
        return self.sub_(other)

    def __imul__(self, other: Any) -> "Tensor":
        return self.mul_(other)

    def __itruediv__(self, other: Any) -> "Tensor":
        return self.div_(other)

    def _operand(self, other: Any) -> "Tensor":
        """The other side of an operator as a tensor: a Python number takes this tensor's dtype where it fits."""
        if isinstance(other, Tensor):
            return other
        if isinstance(other, bool | int | float):
            weak = dtypes.is_float(self.dtype) or (isinstance(other, int) and self.dtype.kind in "iu")
            dtype = self.dtype if weak else dtypes.of_python(other)
            return wrap(self.device.kernels.scalar(other, dtype), self.device)
        if isinstance(other, np.ndarray | np.generic):
            return Tensor(other, device=self.device)
        raise TypeError(
            f"a tensor cannot be combined with {type(other).__name__}; wrap it in pe.tensor(…) if it holds numbers"
        )

    # --- dtype and device

    def to(self, *targets: Any, dtype: Any = None, device: Any = None) -> "Tensor":
        """This tensor with another dtype and/or on another device, in any order; itself where nothing changes.

        A tensor stands for its own dtype and device. ValueError for a device that there is not.

        >>> import pyengine as pe
        >>> pe.tensor([1.7, -1.7]).to(pe.int64)
        tensor([ 1, -1])
        """
        out = self
        for target in (*targets, *(named for named in (dtype, device) if named is not None)):
            if isinstance(target, Tensor):
                out = out.to(target.dtype, target.device)
            elif isinstance(target, Device) or (isinstance(target, str) and not dtypes.is_name(target)):
                out = out._move(find_device(target))
            else:
                kind = dtypes.check(target)
                out = out if out.dtype == kind else out._cast(kind)
        return out

    def _cast(self, dtype: np.dtype) -> "Tensor":
        return apply(COPY, (self,), {"dtype": dtype})

    def _move(self, device: Device) -> "Tensor":
        if device is self.device:
            return self
        if self.node is not None:
            raise RuntimeError(f"to({device}): gradients do not flow between devices; move the leaves, or x.detach()")
        return Tensor(self._on_host(f"to({device})"), self.dtype, device, self.requires_grad)

    # --- gradients

    def register_hook(self, hook: Callable[["Tensor"], "Tensor | None"]) -> "HookHandle":
        """Call `hook(gradient)` in each backward pass, when this tensor's gradient is complete; it may return another.

        RuntimeError for a tensor that requires no gradient.

        >>> import pyengine as pe
        >>> x = pe.ones(2, requires_grad=True)
        >>> handle = x.register_hook(lambda g: g * 10)
        >>> x.sum().backward()
        >>> handle.remove()
        >>> x.grad
        tensor([10., 10.])
        """
        if not self.requires_grad:
            raise RuntimeError("register_hook(): this tensor gets no gradient; set requires_grad first")
        return HookHandle(self.node or self, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of this computed tensor in `.grad` too; leaves keep theirs anyway.

        RuntimeError for a computed tensor that requires no gradient.

        >>> import pyengine as pe
        >>> y = pe.ones(2, requires_grad=True) * 3.0
        >>> y.retain_grad()
        >>> y.sum().backward()
        >>> y.grad
        tensor([1., 1.])
        """
        if self.node is not None:
            me = weakref.ref(self)

            def keep(gradient: "Tensor") -> None:
                tensor = me()
                if tensor is not None:
                    tensor.grad = gradient.detach()

            self.register_hook(keep)

    def requires_grad_(self, requires_grad: bool = True) -> "Tensor":
        """Start or stop tracking operations on this leaf.

        RuntimeError for a computed tensor, TypeError for one that is not of floats.

        >>> import pyengine as pe
        >>> pe.ones(2).requires_grad_()
        tensor([1., 1.], requires_grad=True)
        """
        if self.node is not None:
            raise RuntimeError("requires_grad_(): only a leaf can be switched; this tensor was computed. Use detach()")
        if requires_grad and not dtypes.is_float(self.dtype):
            raise TypeError(f"requires_grad_(): only float tensors have gradients, not {self.dtype}")
        self.requires_grad = requires_grad
        return self

    def backward(
        self, gradient: "Tensor | None" = None, *, retain_graph: bool | None = None, create_graph: bool = False
    ) -> None:
        """Add d(self)/d(leaf) to the `.grad` of every leaf that this tensor was computed from.

        gradient      the upstream gradient, of this tensor's shape; may be left out for a single number
        retain_graph  keep the saved values for another backward (default: only under create_graph)
        create_graph  make gradients differentiable themselves
        RuntimeError where nothing is tracked, where the graph was freed by an earlier backward, and where a saved value
        was changed in place; ValueError where `gradient` is missing or does not fit.

        >>> import pyengine as pe
        >>> x = pe.tensor(3.0, requires_grad=True)
        >>> (x * x * x).backward()
        >>> x.grad.item()
        27.0
        """
        if not self.requires_grad:
            raise RuntimeError(
                "backward(): nothing to differentiate: no leaf has requires_grad=True, or it ran under no_grad()"
            )
        grad = upstream(self, gradient)
        keep = create_graph if retain_graph is None else retain_graph
        tape.backward(
            [self],
            [grad if create_graph else grad.data],
            _accumulate_tensor if create_graph else _accumulate_array,
            retain_graph=keep,
            create_graph=create_graph,
        )


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a tensor, of whatever shape.

    >>> import pyengine as pe
    >>> is_tensor(pe.ones(2)), is_tensor([1.0])
    (True, False)
    """
    return isinstance(obj, Tensor)


class HookHandle:
    """Takes a hook away again."""

    def __init__(self, target: Any, hook: Callable[[Tensor], Tensor | None]) -> None:
        self._key, self._hook = id(target), hook
        if self._key not in tape.hooks:
            tape.hooks[self._key] = []
            weakref.finalize(target, tape.hooks.pop, self._key, None)
        tape.hooks[self._key].append(hook)

    def remove(self) -> None:
        """Stop calling the hook; a second time does nothing."""
        registered = tape.hooks.get(self._key, [])
        if self._hook in registered:
            registered.remove(self._hook)
            if not registered:
                del tape.hooks[self._key]


def upstream(root: Tensor, gradient: Tensor | None) -> Tensor:
    """The gradient to start from: the given one, checked, or 1 for a single number."""
    if gradient is None:
        if root.data.size != 1:
            raise ValueError(
                f"backward(): a tensor of shape {root.shape} is not one number; reduce it first, as in "
                f"y.sum().backward(), or pass gradient= with its shape"
            )
        if root.shape or tape.hooks:  # a hook may write to what it is shown
            return wrap(kernels_of(root.device).full(root.shape, 1.0, root.dtype), root.device)
        return wrap(one(root.device, root.dtype), root.device)
    if gradient.shape != root.shape or gradient.dtype != root.dtype or gradient.device is not root.device:
        raise ValueError(
            f"backward(): gradient is {gradient.dtype}{gradient.shape} on {gradient.device}, "
            f"the tensor {root.dtype}{root.shape} on {root.device}; they must match"
        )
    return gradient


def _accumulate_array(leaf: Any, grad: Array, shared: bool) -> None:
    k = kernels_of(leaf.device)
    if tape.recorder is not None:
        tape.recorder.grad_read(leaf)
    if leaf.grad is not None:
        k.add(leaf.grad.data, grad, out=leaf.grad.data)
        mark_written(leaf.grad)
        return
    if shared or is_view(grad):  # somebody else's memory, or a view of it
        grad = k.copy(grad, grad.dtype)
    leaf.grad = wrap(grad, leaf.device)


def _accumulate_tensor(leaf: Any, grad: Tensor, shared: bool) -> None:
    if tape.recorder is not None:
        tape.recorder.grad_read(leaf)
    leaf.grad = grad if leaf.grad is None else leaf.grad + grad


tape.result_class = Tensor
