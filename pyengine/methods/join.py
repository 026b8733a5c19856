"""Methods that change a shape without changing the order of elements, or repeat, turn and cut it."""

from typing import TYPE_CHECKING, Any

from ..backend import encode_index
from ..ops.join import SPLIT, TRIL, TRIU
from ..ops.op import size
from ..ops.reduce import normalize_axes
from ..ops.views import GETITEM, GETITEM_BACKWARD
from ..tape import apply
from .views import ViewMethods

if TYPE_CHECKING:
    from ..tensor import Tensor


def _ints(values: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(values[0]) if len(values) == 1 and not isinstance(values[0], int) else values


class JoinMethods(ViewMethods):
    """Shapes of a tensor: views where strides allow it, unless a method says that it copies."""

    __slots__ = ()

    def _select(self, axis: int, *entries: Any) -> Any:
        """Entries of a basic index from an axis on."""
        return self._view(GETITEM, {"index": encode_index((*(slice(None),) * axis, *entries))})

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> "Tensor":
        """The axes start_dim to end_dim (included) as one. ValueError where they are the wrong way round.

        >>> import pyengine as pe
        >>> pe.zeros(2, 3, 4).flatten(1).shape
        (2, 12)
        """
        if self.ndim == 0:
            return self.reshape(1)
        first, last = (normalize_axes("flatten", d, self.ndim)[0] for d in (start_dim, end_dim))
        if first > last:
            raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
        return self.reshape(*self.shape[:first], size(self.shape[first : last + 1]), *self.shape[last + 1 :])

    def ravel(self) -> "Tensor":
        """All axes as one.

        >>> import pyengine as pe
        >>> pe.tensor([[1, 2], [3, 4]]).ravel()
        tensor([1, 2, 3, 4])
        """
        return self.reshape(-1)

    def unflatten(self, dim: int, sizes: tuple[int, ...]) -> "Tensor":
        """One axis as several of these lengths, one of which may be -1. ValueError where they do not fit.

        >>> import pyengine as pe
        >>> pe.zeros(2, 12).unflatten(1, (3, -1)).shape
        (2, 3, 4)
        """
        (axis,) = normalize_axes("unflatten", dim, self.ndim)
        lengths = tuple(sizes)
        if -1 in lengths:
            known = size(tuple(n for n in lengths if n != -1))
            lengths = tuple(self.shape[axis] // max(known, 1) if n == -1 else n for n in lengths)
        if size(lengths) != self.shape[axis]:
            raise ValueError(f"unflatten: axis {dim} of length {self.shape[axis]} does not split into {tuple(sizes)}")
        return self.reshape(*self.shape[:axis], *lengths, *self.shape[axis + 1 :])

    def squeeze(self, dim: int | tuple[int, ...] | None = None) -> "Tensor":
        """Without its axes of length 1, or without those named that have it.

        >>> import pyengine as pe
        >>> pe.zeros(1, 2, 1).squeeze().shape, pe.zeros(1, 2, 1).squeeze(0).shape
        ((2,), (2, 1))
        """
        axes = normalize_axes("squeeze", dim, self.ndim)
        return self.reshape([n for axis, n in enumerate(self.shape) if n != 1 or axis not in axes])

    def unsqueeze(self, dim: int) -> "Tensor":
        """With a new axis of length 1 at `dim`.

        >>> import pyengine as pe
        >>> pe.zeros(2, 3).unsqueeze(1).shape
        (2, 1, 3)
        """
        (axis,) = normalize_axes("unsqueeze", dim, self.ndim + 1)
        return self.reshape([*self.shape[:axis], 1, *self.shape[axis:]])

    def movedim(self, source: int | tuple[int, ...], destination: int | tuple[int, ...]) -> "Tensor":
        """Axes moved to other places; the others keep their order. ValueError for unequal numbers.

        >>> import pyengine as pe
        >>> pe.zeros(2, 3, 4).movedim(0, -1).shape
        (3, 4, 2)
        """
        pairs = [(s,) if isinstance(s, int) else tuple(s) for s in (source, destination)]
        moved = [[normalize_axes("movedim", axis, self.ndim)[0] for axis in axes] for axes in pairs]
        if len(moved[0]) != len(moved[1]):
            raise ValueError(f"movedim: {len(moved[0])} axes cannot move to {len(moved[1])} places")
        order = [axis for axis in range(self.ndim) if axis not in moved[0]]
        for place, axis in sorted(zip(moved[1], moved[0], strict=True)):
            order.insert(place, axis)
        return self.permute(order)

    def swapaxes(self, axis0: int, axis1: int) -> "Tensor":
        """Two axes exchanged; `transpose` by NumPy's name.

        >>> import pyengine as pe
        >>> pe.zeros(2, 3, 4).swapaxes(0, 2).shape
        (4, 3, 2)
        """
        return self.transpose(axis0, axis1)

    def t(self) -> "Tensor":
        """A matrix transposed; `T` as PyTorch has it. ValueError for more than two axes.

        >>> import pyengine as pe
        >>> pe.tensor([[1, 2], [3, 4]]).t()
        tensor([[1, 3],
                [2, 4]])
        """
        return self.T

    def expand_as(self, other: "Tensor") -> "Tensor":
        """`expand` to the shape of `other`.

        >>> import pyengine as pe
        >>> pe.tensor([1, 2]).expand_as(pe.zeros(2, 2))
        tensor([[1, 2],
                [1, 2]])
        """
        return self.expand(other.shape)

    def view_as(self, other: "Tensor") -> "Tensor":
        """`reshape` to the shape of `other`.

        >>> import pyengine as pe
        >>> pe.arange(4).view_as(pe.zeros(2, 2))
        tensor([[0, 1],
                [2, 3]])
        """
        return self.reshape(other.shape)

    reshape_as = view_as

    def contiguous(self) -> "Tensor":
        """The same elements in the order of the indices in memory: itself where they are so already, else a copy.

        >>> import pyengine as pe
        >>> x = pe.zeros(2, 3)
        >>> x.contiguous() is x, x.T.contiguous().stride()
        (True, (2, 1))
        """
        return self if self.data.flags.c_contiguous else self.clone()  # type: ignore[return-value]

    def narrow(self, dim: int, start: int, length: int) -> "Tensor":
        """`length` elements along `dim` from `start` on. IndexError where there are not so many.

        >>> import pyengine as pe
        >>> pe.arange(5).narrow(0, 1, 3)
        tensor([1, 2, 3])
        """
        (axis,) = normalize_axes("narrow", dim, self.ndim)
        first = start + self.shape[axis] if start < 0 else start
        if not 0 <= first <= first + length <= self.shape[axis]:
            raise IndexError(f"narrow: {start} to {start + length} is not within the {self.shape[axis]} of axis {dim}")
        return self._select(axis, slice(first, first + length))

    def select(self, dim: int, index: int) -> "Tensor":
        """The part at one position of an axis, which goes away. IndexError for a position outside.

        >>> import pyengine as pe
        >>> pe.tensor([[1, 2], [3, 4]]).select(1, 0)
        tensor([1, 3])
        """
        return self._select(normalize_axes("select", dim, self.ndim)[0], index)

    def unbind(self, dim: int = 0) -> tuple["Tensor", ...]:
        """The parts at all positions of an axis.

        >>> import pyengine as pe
        >>> pe.tensor([[1, 2], [3, 4]]).unbind(1)
        (tensor([1, 3]), tensor([2, 4]))
        """
        (axis,) = normalize_axes("unbind", dim, self.ndim)
        shape = (*self.shape[:axis], *self.shape[axis + 1 :])
        return tuple(part.reshape(shape) for part in self.split(1, dim)) if self.shape[axis] else ()

    def split(self, split_size: int | list[int] | tuple[int, ...], dim: int = 0) -> tuple["Tensor", ...]:
        """Parts along `dim`: of `split_size` each, the last maybe shorter, or of the given lengths.

        ValueError where lengths do not add up to the axis, or a size is below 1.

        >>> import pyengine as pe
        >>> pe.arange(5).split(2)
        (tensor([0, 1]), tensor([2, 3]), tensor([4]))
        """
        (axis,) = normalize_axes("split", dim, self.ndim)
        n = self.shape[axis]
        if isinstance(split_size, int):
            if split_size < 1:
                raise ValueError(f"split: parts have a length from 1 on, not {split_size}")
            lengths = [min(split_size, n - start) for start in range(0, n, split_size)] or [0]
        else:
            lengths = list(split_size)
        return self._views(SPLIT, {"lengths": tuple(lengths), "axis": axis})

    def chunk(self, chunks: int, dim: int = 0) -> tuple["Tensor", ...]:
        """`chunks` parts along `dim` of one length, the last maybe shorter; fewer where there is not enough.

        ValueError for fewer than one part.

        >>> import pyengine as pe
        >>> [len(part) for part in pe.arange(7).chunk(3)]
        [3, 3, 1]
        """
        if chunks < 1:
            raise ValueError(f"chunk: needs a number of parts from 1 on, not {chunks}")
        n = self.shape[normalize_axes("chunk", dim, self.ndim)[0]]
        return self.split(max(1, -(-n // chunks)), dim)

    def repeat(self, *sizes: Any) -> "Tensor":
        """A copy laid out so many times along each axis; more counts than axes put new axes in front.

        ValueError for fewer counts than axes, or a negative one.

        >>> import pyengine as pe
        >>> pe.tensor([1, 2]).repeat(2, 2)
        tensor([[1, 2, 1, 2],
                [1, 2, 1, 2]])
        """
        counts = _ints(sizes)
        if len(counts) < self.ndim or any(c < 0 for c in counts):
            raise ValueError(f"repeat: needs a count from 0 on for each axis of {self.shape}, not {counts}")
        shape = (*(1,) * (len(counts) - self.ndim), *self.shape)
        apart = self.reshape([m for n in shape for m in (1, n)])
        wide = apart.expand([m for c, n in zip(counts, shape, strict=True) for m in (c, n)])
        return wide.clone().reshape([c * n for c, n in zip(counts, shape, strict=True)])

    def tile(self, *sizes: Any) -> "Tensor":
        """`repeat` that repeats the first axes once where there are fewer counts than axes.

        >>> import pyengine as pe
        >>> pe.tensor([[1], [2]]).tile(2)
        tensor([[1, 1],
                [2, 2]])
        """
        counts = _ints(sizes)
        return self.repeat((*(1,) * (self.ndim - len(counts)), *counts))

    def repeat_interleave(self, repeats: int, dim: int | None = None) -> "Tensor":
        """A copy with each element along `dim` (of all, as one axis, by default) so many times in a row.

        ValueError for a negative count.

        >>> import pyengine as pe
        >>> pe.tensor([1, 2]).repeat_interleave(2)
        tensor([1, 1, 2, 2])
        """
        if repeats < 0:
            raise ValueError(f"repeat_interleave: repeats is a count from 0 on, not {repeats}")
        if dim is None:
            return self.reshape(-1).repeat_interleave(repeats, 0)
        (axis,) = normalize_axes("repeat_interleave", dim, self.ndim)
        before, n, after = self.shape[:axis], self.shape[axis], self.shape[axis + 1 :]
        wide = self.reshape([*before, n, 1, *after]).expand([*before, n, repeats, *after])
        return wide.clone().reshape([*before, n * repeats, *after])

    def flip(self, *dims: Any) -> "Tensor":
        """A copy with the order along these axes turned around.

        >>> import pyengine as pe
        >>> pe.tensor([1, 2, 3]).flip(0)
        tensor([3, 2, 1])
        """
        axes = normalize_axes("flip", _ints(dims), self.ndim)
        turned: Any = self._select(0, *(slice(None, None, -1 if i in axes else None) for i in range(self.ndim)))
        return turned.clone()

    def tril(self, diagonal: int = 0) -> "Tensor":
        """The last two axes with 0 above the diagonal; `diagonal` moves it up.

        >>> import pyengine as pe
        >>> pe.ones(2, 3).tril()
        tensor([[1., 0., 0.],
                [1., 1., 0.]])
        """
        return apply(TRIL, (self,), {"diagonal": diagonal})

    def triu(self, diagonal: int = 0) -> "Tensor":
        """The last two axes with 0 below the diagonal; `diagonal` moves it up.

        >>> import pyengine as pe
        >>> pe.ones(3, 3, dtype=pe.bool).triu(1)
        tensor([[False,  True,  True],
                [False, False,  True],
                [False, False, False]])
        """
        return apply(TRIU, (self,), {"diagonal": diagonal})

    def diagonal(self, offset: int = 0) -> "Tensor":
        """The diagonal of the last two axes; a view of contiguous tensors. ValueError for fewer axes.

        >>> import pyengine as pe
        >>> pe.tensor([[1, 2], [3, 4]]).diagonal()
        tensor([1, 4])
        """
        if self.ndim < 2:
            raise ValueError(f"diagonal: needs at least two axes, not shape {self.shape}")
        rows, columns = self.shape[-2:]
        count = max(0, min(rows - max(-offset, 0), columns - max(offset, 0)))
        start = offset if offset >= 0 else -offset * columns
        flat: Any = self.reshape([*self.shape[:-2], rows * columns])
        stop = start + (count - 1) * (columns + 1) + 1 if count else start
        return flat._select(self.ndim - 2, slice(start, stop, columns + 1))

    def diag(self) -> "Tensor":
        """The diagonal of a matrix, or of a vector the matrix with it on its diagonal.

        >>> import pyengine as pe
        >>> pe.tensor([1, 2]).diag()
        tensor([[1, 0],
                [0, 2]])
        """
        if self.ndim != 1:
            return self.diagonal()
        n = self.shape[0]
        attrs = {"index": encode_index((slice(None, None, n + 1),)), "shape": (n * n,)}
        return apply(GETITEM_BACKWARD, (self,), attrs).reshape(n, n)
