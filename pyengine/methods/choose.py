"""Methods that choose one of several elements, or put a value where a mask says so."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import dtypes, tape
from ..ops.choose import CLAMP, MAXIMUM, MINIMUM, WHERE
from ..tape import apply, kernels_of, located, wrap
from .inplace import InplaceMethods

if TYPE_CHECKING:
    from ..tensor import Tensor


class ChooseMethods(InplaceMethods):
    """Elements chosen by a condition or by their order."""

    __slots__ = ()

    def where(self, condition: "Tensor", other: Any) -> "Tensor":
        """This tensor's elements where the bools of `condition` are true, those of `other` elsewhere; all broadcast.

        The gradient goes where the element came from, and is 0 elsewhere, whatever the other side holds.

        >>> import pyengine as pe
        >>> x = pe.tensor([1.0, -2.0, 3.0])
        >>> x.where(x > 0, 0.0)
        tensor([1., 0., 3.])
        """
        return apply(WHERE, (condition, *_promoted(self, self._operand(other))))

    def maximum(self, other: Any) -> "Tensor":
        """The greater of two elements, NaN where one is. Equals share the gradient by halves.

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 5.0]).maximum(pe.tensor([3.0, 2.0]))
        tensor([3., 5.])
        """
        return apply(MAXIMUM, (self, self._operand(other)))

    def minimum(self, other: Any) -> "Tensor":
        """The lesser of two elements, NaN where one is. Equals share the gradient by halves.

        >>> import pyengine as pe
        >>> pe.tensor([1.0, 5.0]).minimum(2)
        tensor([1., 2.])
        """
        return apply(MINIMUM, (self, self._operand(other)))

    def clamp(self, min: Any = None, max: Any = None) -> "Tensor":
        """Each element brought within limits, numbers or tensors that broadcast; `max` where `min` is above it.

        The gradient passes where an element is within the limits or equals one; beyond, it goes to the limit.
        ValueError where neither limit is given.

        >>> import pyengine as pe
        >>> pe.tensor([-2.0, 0.5, 2.0]).clamp(-1, 1)
        tensor([-1. ,  0.5,  1. ])
        >>> pe.tensor([1, 5]).clamp(max=3)
        tensor([1, 3])
        """
        if min is None and max is None:
            raise located(ValueError("clamp: give min, max or both"))
        limits = [None if limit is None else self._operand(limit) for limit in (min, max)]
        found = iter(_promoted(self, *(limit for limit in limits if limit is not None)))
        a = next(found)
        low, high = (_end(a, end) if limit is None else next(found) for limit, end in zip(limits, (-1, 1), strict=True))
        return apply(CLAMP, (a, low, high))

    clip = clamp

    def masked_fill(self, mask: "Tensor", value: Any) -> "Tensor":
        """A copy with `value` where the bools of `mask`, which broadcasts, are true; no gradient flows there.

        >>> import pyengine as pe
        >>> pe.zeros(2, 2).masked_fill(pe.tensor([True, False]), float("-inf"))
        tensor([[-inf,   0.],
                [-inf,   0.]])
        """
        return apply(WHERE, (mask, self._operand(value).to(self.dtype), self))

    # --- in place

    def masked_fill_(self, mask: "Tensor", value: Any) -> "Tensor":
        """`masked_fill` into this tensor.

        >>> import pyengine as pe
        >>> pe.tensor([1, 2, 3]).masked_fill_(pe.tensor([False, True, False]), 9)
        tensor([1, 9, 3])
        """
        return self._overwrite("masked_fill_", lambda x: x.masked_fill(mask, value))

    def clamp_(self, min: Any = None, max: Any = None) -> "Tensor":
        """`clamp` into this tensor.

        >>> import pyengine as pe
        >>> pe.tensor([-2.0, 2.0]).clamp_(min=0)
        tensor([0., 2.])
        """
        return self._overwrite("clamp_", lambda x: x.clamp(min, max))

    clip_ = clamp_

    def tril_(self, diagonal: int = 0) -> "Tensor":
        """Put 0 above the diagonal of the last two axes; see `tril`.

        >>> import pyengine as pe
        >>> pe.ones(2, 2).tril_()
        tensor([[1., 0.],
                [1., 1.]])
        """
        return self._overwrite("tril_", lambda x: x.tril(diagonal))

    def triu_(self, diagonal: int = 0) -> "Tensor":
        """Put 0 below the diagonal of the last two axes; see `triu`.

        >>> import pyengine as pe
        >>> pe.ones(2, 2).triu_(1)
        tensor([[0., 1.],
                [0., 0.]])
        """
        return self._overwrite("triu_", lambda x: x.triu(diagonal))

    def _overwrite(self, name: str, compute: Callable[[Any], "Tensor"]) -> "Tensor":
        """Take over the elements of `compute(self)`, and its history where it is tracked."""
        me: Any = self
        # what the operation saves must outlive the write: it works on a copy
        result = compute(me.clone() if tape.state.grad_enabled and self.requires_grad else me)
        if result.requires_grad:
            return self._adopt(name, result)
        self._check_fits(name, result)
        kernels_of(self.device).copy(result.data, self.dtype, out=self.data)
        return self._written()


def _promoted(*tensors: Any) -> tuple[Any, ...]:
    """The tensors in their common dtype."""
    common = tensors[0].dtype
    for t in tensors[1:]:
        common = dtypes.promote(common, t.dtype)
    return tuple(t.to(common) for t in tensors)


def _end(a: Any, sign: int) -> Any:
    """The least or the greatest number that the dtype of `a` has: a limit that none is beyond."""
    if dtypes.is_float(a.dtype):
        end: float = sign * float("inf")
    else:
        info = np.iinfo(np.int64 if a.dtype == dtypes.bool_ else a.dtype)
        end = info.min if sign < 0 else info.max
    return wrap(a.device.kernels.scalar(end, a.dtype), a.device)
