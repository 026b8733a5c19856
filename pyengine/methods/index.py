"""Indexing in NumPy's way, and choosing elements by position."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes, tape
from ..backend import encode_index
from ..ops import Spec
from ..ops.index import GATHER, INDEX, INDEX_ADD, INDEX_PUT, SCATTER, SCATTER_ADD, chosen_shape
from ..ops.reduce import normalize_axes
from ..ops.views import GETITEM, SETITEM
from ..tape import Value, apply, kernels_of, wrap
from .inplace import InplaceMethods
from .views import ViewMethods

if TYPE_CHECKING:
    from ..tensor import Tensor

_BASIC = (int, slice, type(None), type(Ellipsis), np.integer)


class IndexMethods(InplaceMethods, ViewMethods):
    """What `x[…]` means, and its relatives."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> "Tensor":
        """The elements that an index chooses, as in NumPy.

        Ints, slices of any step, None and ... give a view. Arrays of positions (tensors, NumPy arrays, lists) broadcast
        together and give a copy, as do boolean masks, for which the program waits until their data is there.
        IndexError where a position is outside of its axis, a mask does not fit, or there are too many indices.

        >>> import pyengine as pe
        >>> x = pe.tensor([[1, 2, 3], [4, 5, 6]])
        >>> x[:, ::-1]
        tensor([[3, 2, 1],
                [6, 5, 4]])
        >>> x[[0, 1, 1], [2, 0, -1]]
        tensor([3, 4, 6])
        """
        entries = index if isinstance(index, tuple) else (index,)
        if _is_basic(entries):
            return self._view(GETITEM, {"index": encode_index(entries)})
        basic, axes, positions = self._split_index(entries)
        source: Any = self if _takes_all(basic) else self._view(GETITEM, {"index": encode_index(basic)})
        return apply(INDEX, (source, *positions), {"axes": axes})

    def __setitem__(self, index: Any, value: Any) -> None:
        """Write `value`, cast and broadcast, to what an index chooses; for one place the last of several stays.

        Tracked where this tensor or `value` requires a gradient, which a view and a leaf refuse.

        >>> import pyengine as pe
        >>> x = pe.zeros(4)
        >>> x[[0, 2]] = pe.tensor([1.0, 2.0])
        >>> x[-1] = 7
        >>> x
        tensor([1., 0., 2., 7.])
        """
        entries = index if isinstance(index, tuple) else (index,)
        source = self._operand(value)
        source = source if source.dtype == self.dtype else source.to(self.dtype)
        basic, axes, positions = (entries, (), []) if _is_basic(entries) else self._split_index(entries)
        attrs = {"index": encode_index(basic)}
        if tape.state.grad_enabled and (self.requires_grad or source.requires_grad):
            base = self if self.requires_grad else wrap(self.data, self.device)
            place = apply(GETITEM, (base,), attrs)
            if positions:
                source = _fit(source, _chosen(place, positions, axes))
                source = apply(INDEX_PUT, (place, source, *positions), {"axes": axes})
            self._adopt("x[…] = …", apply(SETITEM, (base, _fit(source, place.shape)), attrs))
            return
        place = apply(GETITEM, (wrap(self.data, self.device),), attrs)
        k = kernels_of(self.device)
        values = _fit(source, _chosen(place, positions, axes) if positions else place.shape).data
        if self.device.memory.may_share(values, self.data):
            values = k.copy(values, self.dtype)
        if positions:
            arrays = [p.data for p in positions]
            try:
                k.index_put(place.data, values, arrays, axes=axes, out=place.data)
            except IndexError as error:
                raise tape.located(error) from None
        else:
            k.copy(values, self.dtype, out=place.data)
        self._written()

    def gather(self, dim: int, index: "Tensor") -> "Tensor":
        """Along each line of the axis `dim` the elements at `index`: out[i][j] = x[i][index[i][j]] where dim is 1.

        index  int64, as many axes as this tensor, none longer but `dim`; positions from 0 on

        >>> import pyengine as pe
        >>> pe.tensor([[1.0, 2.0], [3.0, 4.0]]).gather(1, pe.tensor([[1], [0]]))
        tensor([[2.],
                [3.]])
        """
        return apply(GATHER, (self, index), {"axis": dim})

    def scatter(self, dim: int, index: "Tensor", src: Any) -> "Tensor":
        """A copy with `src`, a tensor or a number, at the positions `index` along `dim`: the reverse of `gather`.

        Of several values for one place the last one stays.

        >>> import pyengine as pe
        >>> pe.zeros(2, 3).scatter(1, pe.tensor([[2], [0]]), 5.0)
        tensor([[0., 0., 5.],
                [5., 0., 0.]])
        """
        return apply(SCATTER, (self, _source(self, src, index), index), {"axis": dim})

    def scatter_(self, dim: int, index: "Tensor", src: Any) -> "Tensor":
        """`scatter` in place.

        >>> import pyengine as pe
        >>> pe.zeros(2, 2).scatter_(0, pe.tensor([[1, 0]]), 1.0)
        tensor([[0., 1.],
                [1., 0.]])
        """
        return self._replace("scatter_", self.scatter(dim, index, src))

    def scatter_add(self, dim: int, index: "Tensor", src: "Tensor") -> "Tensor":
        """A copy with `src` added at the positions `index` along the axis `dim`; the same bits on every run.

        >>> import pyengine as pe
        >>> pe.zeros(3).scatter_add(0, pe.tensor([0, 2, 2]), pe.tensor([1.0, 2.0, 3.0]))
        tensor([1., 0., 5.])
        """
        sums: Tensor = apply(SCATTER_ADD, (_source(self, src, index), index), {"axis": dim, "shape": self.shape})
        return self._operand(self) + sums

    def scatter_add_(self, dim: int, index: "Tensor", src: "Tensor") -> "Tensor":
        """`scatter_add` in place.

        >>> import pyengine as pe
        >>> pe.ones(2).scatter_add_(0, pe.tensor([1, 1]), pe.tensor([1.0, 2.0]))
        tensor([1., 4.])
        """
        return self._replace("scatter_add_", self.scatter_add(dim, index, src))

    def index_select(self, dim: int, index: "Tensor") -> "Tensor":
        """The slices along `dim` at the positions `index`, one axis of int64; ValueError for more.

        >>> import pyengine as pe
        >>> pe.tensor([[1, 2], [3, 4], [5, 6]]).index_select(0, pe.tensor([2, 0]))
        tensor([[5, 6],
                [1, 2]])
        """
        if index.ndim > 1:
            raise ValueError(f"index_select: the index has one axis, not shape {index.shape}")
        return apply(INDEX, (self, index.reshape(-1)), {"axes": normalize_axes("index_select", dim, self.ndim)})

    def index_add(self, dim: int, index: "Tensor", source: "Tensor") -> "Tensor":
        """A copy with the slices of `source` along `dim` added at the positions `index`, one axis of int64.

        >>> import pyengine as pe
        >>> pe.zeros(3, 2).index_add(0, pe.tensor([2, 2]), pe.ones(2, 2))
        tensor([[0., 0.],
                [0., 0.],
                [2., 2.]])
        """
        attrs = {"axes": normalize_axes("index_add", dim, self.ndim), "shape": self.shape}
        sums: Tensor = apply(INDEX_ADD, (source, index), attrs)
        return self._operand(self) + sums

    def index_copy_(self, dim: int, index: "Tensor", source: "Tensor") -> "Tensor":
        """Overwrite the slices along `dim` at the positions `index`, one axis of int64, with those of `source`.

        ValueError for shapes that do not fit and for a `source` that shares memory with this tensor. RuntimeError where
        gradients are tracked: x[…] = … is for that.

        >>> import pyengine as pe
        >>> pe.zeros(2, 3).index_copy_(1, pe.tensor([2, 0]), pe.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor([[2., 0., 1.],
                [4., 0., 3.]])
        """
        if tape.state.grad_enabled and (self.requires_grad or source.requires_grad):
            raise tape.located(
                RuntimeError("index_copy_: is not tracked; write x[:, index] = source, or use no_grad()")
            )
        if index.ndim != 1:
            raise tape.located(ValueError(f"index_copy_: the index has one axis, not shape {index.shape}"))
        axes = normalize_axes("index_copy_", dim, self.ndim)
        try:
            kernels_of(self.device).index_put(self.data, source.data, [index.data], axes=axes, out=self.data)
        except (ValueError, TypeError, IndexError) as error:
            raise tape.located(error) from None
        return self._written()

    def take(self, index: "Tensor") -> "Tensor":
        """The elements at positions of the tensor made one axis.

        >>> import pyengine as pe
        >>> pe.tensor([[1, 2], [3, 4]]).take(pe.tensor([3, 0]))
        tensor([4, 1])
        """
        return apply(INDEX, (self.reshape(-1), index), {"axes": (0,)})

    def masked_select(self, mask: "Tensor") -> "Tensor":
        """The elements where `mask` is true, as one axis; the two broadcast. Waits for the mask's data.

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 2.0, 3.0]).masked_select(pe.tensor([True, False, True]))
        tensor([1., 3.])
        """
        shape = np.broadcast_shapes(self.shape, mask.shape)
        return self.expand(shape)[mask.expand(shape)]

    def nonzero(self) -> "Tensor":
        """The positions of all elements that are not 0, a row each: (count, axes), int64. Waits for the data.

        ValueError for a tensor without axes.

        >>> import pyengine as pe
        >>> pe.tensor([[0.0, 3.0], [4.0, 0.0]]).nonzero()
        tensor([[0, 1],
                [1, 0]])
        """
        if self.ndim == 0:
            raise ValueError("nonzero: a tensor without axes has no positions; reshape it to (1,)")
        k = kernels_of(self.device)
        return wrap(k.concat([p.reshape((-1, 1)) for p in k.nonzero(self.data)], axis=1), self.device)

    def _replace(self, name: str, result: "Tensor") -> "Tensor":
        """Take over the elements of `result`, and its history where it has one."""
        if tape.state.grad_enabled and result.requires_grad:
            return self._adopt(name, result)
        kernels_of(self.device).copy(result.data, self.dtype, out=self.data)
        return self._written()

    def _split_index(self, entries: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[int, ...], list[Any]]:
        """An index with arrays as a basic one, and then positions along some axes of what that gives."""
        parts = [self._index_entry(e) for e in entries]
        used = [_axes_of(p) for p in parts]
        if sum(used) > self.ndim:
            raise IndexError(f"indexing: {sum(used)} indices for a tensor of shape {self.shape}")
        if sum(p is Ellipsis for p in parts) > 1:
            raise IndexError("indexing: more than one ... in an index")
        basic: list[Any] = []
        axes: list[int] = []
        positions: list[Any] = []
        axis = 0
        for part, count in zip(parts, used, strict=True):
            if part is Ellipsis:
                count = self.ndim - sum(used)
                basic += [slice(None)] * count
            elif part is None or isinstance(part, slice):
                basic.append(part)
            else:
                found = self._positions(part, axis)
                axes += range(len(basic), len(basic) + len(found))
                basic += [slice(None)] * len(found) if count else [None]
                positions += found
            axis += count
        return tuple(basic), tuple(axes), positions

    def _index_entry(self, entry: Any) -> Any:
        """An entry of an index, arrays as tensors of int64 or bool."""
        if entry is None or entry is Ellipsis or isinstance(entry, slice):
            return entry
        if not isinstance(entry, Value | np.ndarray | np.generic | list | bool | int):
            raise TypeError(
                f"indexing: ints, slices, None, ..., and arrays of ints or bools are understood, not "
                f"{type(entry).__name__}"
            )
        tensor: Any = entry if isinstance(entry, Value) else self._array(entry)
        if tensor.dtype == dtypes.bool_:
            return tensor
        if dtypes.is_float(tensor.dtype):
            raise IndexError(f"indexing: positions are integers, not {tensor.dtype}; cast with .to(pe.int64)")
        return tensor if tensor.dtype == dtypes.int64 else tensor.to(dtypes.int64)

    def _array(self, values: Any) -> "Tensor":
        found = np.asarray(values)
        if found.size == 0 and isinstance(values, list):
            found = found.astype(np.int64)
        found = found.astype(np.int64) if found.dtype.kind in "iu" else found
        return wrap(self.device.memory.at(found), self.device)

    def _positions(self, part: Any, axis: int) -> list[Any]:
        """The arrays of positions that an entry stands for: itself, or where a mask is true."""
        if part.dtype != dtypes.bool_:
            return [part]
        covered = self.shape[axis : axis + part.ndim]
        if part.shape != covered:
            raise IndexError(f"indexing: the mask has shape {part.shape}, what it masks {covered}")
        k = kernels_of(part.device)
        found = k.nonzero(part.data) if part.ndim else (part.device.memory.at(np.zeros(int(part), np.int64)),)
        return [wrap(positions, part.device) for positions in found]


def _is_basic(entries: tuple[Any, ...]) -> bool:
    return all(isinstance(e, _BASIC) and not isinstance(e, bool) for e in entries)


def _takes_all(basic: tuple[Any, ...]) -> bool:
    return all(isinstance(e, slice) and e == slice(None) for e in basic)


def _axes_of(part: Any) -> int:
    """How many axes of the indexed tensor an entry uses up."""
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if not isinstance(part, slice) and part.dtype == dtypes.bool_ else 1


def _chosen(place: Any, positions: list[Any], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what positions choose."""
    return chosen_shape("indexing", place.shape, [Spec(p.shape, p.dtype) for p in positions], axes)


def _fit(value: "Tensor", shape: tuple[int, ...]) -> "Tensor":
    """`value` broadcast to the shape of its place; leading axes of length 1 that the place lacks are dropped."""
    extra = value.ndim - len(shape)
    if extra > 0 and value.shape[:extra] == (1,) * extra:
        value = value.reshape(value.shape[extra:])
    try:
        return value if value.shape == shape else value.expand(shape)
    except ValueError:
        raise tape.located(
            ValueError(f"assignment: a value of shape {value.shape} does not broadcast to the place {shape}")
        ) from None


def _source(tensor: Any, src: Any, index: "Tensor") -> Any:
    """What is put at the positions `index`: a number for each of them, or the part of a tensor that they cover."""
    if not isinstance(src, Value):
        return tensor._operand(src).to(tensor.dtype).expand(index.shape)
    source: Any = src
    if source.shape == index.shape or source.ndim != index.ndim:
        return source
    return source[tuple(slice(n) for n in index.shape)]
