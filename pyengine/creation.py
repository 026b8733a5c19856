"""Making tensors."""

from typing import Any

import numpy as np

from . import dtypes
from .backend import Device
from .backend import device as find_device
from .memory import HOST, is_gpu_array
from .tape import kernels_of, wrap
from .tensor import Tensor


def tensor(data: Any, dtype: Any = None, device: "str | Device | None" = None, requires_grad: bool = False) -> Tensor:
    """A tensor holding a copy of `data`: a number, nested list, NumPy array or tensor.

    dtype  float32 for Python floats, int64 for ints, bool for bools, an array's own dtype; or the one given
    TypeError for what holds no numbers or has a dtype that tensors do not have, ValueError for a ragged list.

    >>> tensor([[1, 2], [3, 4]]).dtype
    dtype('int64')
    """
    try:
        return Tensor(data, dtype, device, requires_grad)
    except TypeError as error:
        if dtype is None and not isinstance(data, np.ndarray) and np.asarray(data).dtype.kind in "OUS":
            raise TypeError(f"tensor: is made of numbers or bools, not of {_culprit(data)!r}") from error
        raise
    except ValueError as error:
        if "inhomogeneous" in str(error):
            raise ValueError("tensor: the nested lists are ragged; each level needs equal lengths") from None
        raise


def _culprit(data: Any) -> Any:
    """The first part of nested lists that is no number, or a number too large for int64."""
    if isinstance(data, list | tuple):
        return next((found for found in map(_culprit, data) if found is not None), None)
    return None if np.asarray(data).dtype.kind in "bif" else data


def full(
    shape: int | tuple[int, ...],
    fill_value: float,
    dtype: Any = None,
    device: "str | Device | None" = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor with every element `fill_value`; its dtype follows the value unless given.

    ValueError for a negative length, TypeError for a dtype that tensors do not have.

    >>> full((2, 2), 7.0)
    tensor([[7., 7.],
            [7., 7.]])
    """
    kind = dtypes.of_python(fill_value) if dtype is None else dtype
    return _filled("full", (shape,), fill_value, kind, device, requires_grad)


def _filled(
    name: str,
    shape: tuple[Any, ...],
    value: float,
    dtype: Any,
    device: "str | Device | None" = None,
    requires_grad: bool = False,
) -> Tensor:
    lengths, place = checked_lengths(name, shape), find_device(device)
    out: Tensor = wrap(kernels_of(place).full(lengths, float(value), dtypes.check(dtype)), place)
    return out.requires_grad_(requires_grad)


def checked_lengths(name: str, shape: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape from arguments: lengths, or one tuple or list of them.

    TypeError for what is no whole number, ValueError for a negative one, both in the name of `name`.
    """
    lengths = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    if not all(isinstance(n, int | np.integer) for n in lengths):
        raise TypeError(f"{name}: a shape is made of whole numbers, not {lengths}")
    if any(n < 0 for n in lengths):
        raise ValueError(f"{name}: shape {lengths} has a negative length")
    return tuple(int(n) for n in lengths)


def zeros(*shape: Any, dtype: Any = dtypes.float32, **options: Any) -> Tensor:
    """A tensor of zeros; options and errors (ValueError, TypeError) as in `full`.

    >>> zeros(2, 3).shape
    (2, 3)
    """
    return _filled("zeros", shape, 0.0, dtype, **options)


def ones(*shape: Any, dtype: Any = dtypes.float32, **options: Any) -> Tensor:
    """A tensor of ones; options and errors (ValueError, TypeError) as in `full`.

    >>> ones(2)
    tensor([1., 1.])
    """
    return _filled("ones", shape, 1.0, dtype, **options)


def arange(
    start: float,
    end: float | None = None,
    step: float = 1,
    dtype: Any = None,
    device: "str | Device | None" = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start+step, … below `end`; with one argument 0 up to it. ValueError for a step of 0.

    int64 where all three are integers, else float32, unless given. TypeError for integers that require a gradient.

    >>> arange(3)
    tensor([0, 1, 2])
    >>> arange(1.0, 2.0, 0.5)
    tensor([1. , 1.5])
    """
    first, last = (0, start) if end is None else (start, end)
    if step == 0:
        raise ValueError("arange: a step of 0 never arrives")
    kind = dtypes.of_python([first, last, step]) if dtype is None else dtype
    return Tensor(np.arange(first, last, step), kind, device, requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: "str | Device | None" = None) -> Tensor:
    """`data` as a tensor, sharing memory where that is possible: a tensor is returned as it is, a NumPy array aliased,
    and so is a GPU's array of any library that says where it lies (`__cuda_array_interface__`).

    >>> import numpy as np
    >>> a = np.zeros(2, np.float32)
    >>> t = as_tensor(a)
    >>> a[0] = 7
    >>> t
    tensor([7., 0.])
    """
    if isinstance(data, Tensor):
        targets = [target for target in (dtype, device) if target is not None]
        return data.to(*targets)
    if isinstance(data, np.ndarray) and (dtype is None or dtypes.check(dtype) == data.dtype):
        return from_numpy(data, device)
    if is_gpu_array(data):
        return _from_gpu(data).to(*(target for target in (dtype, device) if target is not None))
    return tensor(data, dtype, device)


def from_dlpack(array: Any) -> Tensor:
    """A tensor over the memory of any library's array or tensor, on the CPU or a GPU, by the DLPack protocol.

    A write to either is seen by both. TypeError for what does not speak the protocol, ValueError for a device that
    there is not here, BufferError for bfloat16 on the CPU.

    >>> import numpy as np
    >>> from_dlpack(np.arange(3))
    tensor([0, 1, 2])
    """
    if not hasattr(array, "__dlpack_device__"):
        raise TypeError(f"from_dlpack: a {type(array).__name__} does not speak DLPack; use pe.tensor")
    kind, _ = array.__dlpack_device__()
    if int(kind) in _DLPACK_CPU:
        try:
            return from_numpy(np.from_dlpack(array))
        except (BufferError, RuntimeError) as error:
            if not str(getattr(array, "dtype", "")).endswith("bfloat16"):
                raise
            raise BufferError(
                "from_dlpack: NumPy, whose arrays hold the elements, takes no bfloat16 by DLPack; hand over the bits: "
                "of a torch tensor t, pe.from_numpy(t.view(torch.int16).numpy().view(pe.bfloat16))"
            ) from error
    return _from_gpu(array)


_DLPACK_CPU = (1, 3)  # ordinary memory, and pinned


def _from_gpu(array: Any) -> Tensor:
    """A tensor over a GPU's array of whatever library."""
    place = find_device("cuda")
    taken = place.memory.take_over(array)
    dtypes.check(taken.dtype)
    out: Tensor = wrap(taken, place)
    return out


def from_numpy(array: np.ndarray[Any, Any], device: "str | Device | None" = None) -> Tensor:
    """A tensor over the memory of `array`: a write to either is seen by both.

    Read-only, byte-swapped and unaligned arrays, and those whose strides are not whole elements, are copied instead:
    a kernel must not write to the first and cannot read the others. TypeError for what is no array, or has a dtype
    that tensors do not have.

    >>> import numpy as np
    >>> from_numpy(np.arange(3))
    tensor([0, 1, 2])
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: needs a numpy.ndarray, not {type(array).__name__}; use pe.tensor")
    if device is not None and find_device(device).memory is not HOST:
        return Tensor(array, device=device)
    kind = dtypes.check(array.dtype)
    whole = all(stride % array.itemsize == 0 for stride in array.strides)
    if not (array.flags.writeable and array.flags.aligned and array.dtype.isnative and whole):
        return Tensor(array, kind, device)
    out: Tensor = wrap(array, find_device(device))
    return out


def linspace(
    start: float,
    end: float,
    steps: int,
    dtype: Any = dtypes.float32,
    device: "str | Device | None" = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers from `start` to `end`, both included, at equal distances. ValueError for negative `steps`.

    >>> linspace(0, 1, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    if steps < 0:
        raise ValueError(f"linspace: steps is {steps}; it cannot be negative")
    return Tensor(np.linspace(start, end, steps), dtype, device, requires_grad)


def eye(
    n: int,
    m: int | None = None,
    dtype: Any = dtypes.float32,
    device: "str | Device | None" = None,
    requires_grad: bool = False,
) -> Tensor:
    """The matrix of n rows and m (default n) columns with ones on its diagonal. ValueError for a negative length.

    >>> eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    if n < 0 or (m is not None and m < 0):
        raise ValueError(f"eye: the shape {(n, n if m is None else m)} has a negative length")
    return Tensor(np.eye(n, m), dtype, device, requires_grad)


def tril_indices(row: int, col: int, offset: int = 0, device: "str | Device | None" = None) -> Tensor:
    """The positions on and below a diagonal of a (row, col) matrix, as int64 of shape (2, count): rows, columns.

    ValueError for a negative length.

    >>> tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _triangle("tril_indices", np.tril_indices, row, col, offset, device)


def triu_indices(row: int, col: int, offset: int = 0, device: "str | Device | None" = None) -> Tensor:
    """The positions on and above a diagonal of a (row, col) matrix, as int64 of shape (2, count): rows, columns.

    ValueError for a negative length.

    >>> triu_indices(2, 2, 1)
    tensor([[0],
            [1]])
    """
    return _triangle("triu_indices", np.triu_indices, row, col, offset, device)


def _triangle(name: str, find: Any, row: int, col: int, offset: int, device: "str | Device | None") -> Tensor:
    if row < 0 or col < 0:
        raise ValueError(f"{name}: the shape {(row, col)} has a negative length")
    return Tensor(np.stack(find(row, offset, col)), dtypes.int64, device)


def empty(*shape: Any, dtype: Any = dtypes.float32, device: "str | Device | None" = None) -> Tensor:
    """A tensor whose elements are whatever the memory held.

    ValueError for a negative length, TypeError for one that is no whole number.

    >>> empty(2, 3).shape
    (2, 3)
    """
    place = find_device(device)
    out: Tensor = wrap(place.memory.empty(checked_lengths("empty", shape), dtypes.check(dtype)), place)
    return out


def full_like(like: Tensor, fill_value: float, dtype: Any = None, device: "str | Device | None" = None) -> Tensor:
    """A tensor of `fill_value` with the shape, dtype and device of `like`, unless given.

    >>> full_like(ones(2), 5.0)
    tensor([5., 5.])
    """
    return full(like.shape, fill_value, dtype or like.dtype, device or like.device)


def zeros_like(like: Tensor, dtype: Any = None, device: "str | Device | None" = None) -> Tensor:
    """Zeros with the shape, dtype and device of `like`, unless given.

    >>> zeros_like(ones(2))
    tensor([0., 0.])
    """
    return full_like(like, 0.0, dtype, device)


def ones_like(like: Tensor, dtype: Any = None, device: "str | Device | None" = None) -> Tensor:
    """Ones with the shape, dtype and device of `like`, unless given.

    >>> ones_like(zeros(2))
    tensor([1., 1.])
    """
    return full_like(like, 1.0, dtype, device)


def empty_like(like: Tensor, dtype: Any = None, device: "str | Device | None" = None) -> Tensor:
    """An uninitialised tensor with the shape, dtype and device of `like`, unless given.

    >>> empty_like(ones(2)).shape
    (2,)
    """
    return empty(like.shape, dtype=dtype or like.dtype, device=device or like.device)
