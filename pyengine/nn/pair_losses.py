"""Losses of pairs and triples: what belongs together comes close in a space of vectors, what does not stays apart.

They are made of operations on tensors, so that second derivatives and every device come along.
"""

from ..creation import arange
from ..tape import located, require_tensors
from ..tensor import Tensor
from .loss_functions import cross_entropy, reduced


def contrastive_loss(x1: Tensor, x2: Tensor, label: Tensor, *, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """The mean of d²/2 for pairs that belong together, max(margin - d, 0)²/2 for others, d their Euclidean distance.

    x1, x2  (n, features), the first and the second of each pair, float32 or float64
    label   (n,), 1 where the pair belongs together and 0 where it does not
    margin  how far apart others are pushed; what is farther costs nothing
    Returns a single number, or with reduction="none" one for each pair. ValueError where the shapes do not fit or the
    margin is not above 0. Two equal vectors that do not belong together get no gradient: no direction leads away.

    R. Hadsell, S. Chopra and Y. LeCun, "Dimensionality reduction by learning an invariant mapping" (2006), where the
    label is the other way round.

    >>> import pyengine as pe
    >>> x1, x2 = pe.tensor([[0.0, 0.0], [0.0, 0.0]]), pe.tensor([[0.0, 3.0], [0.0, 0.5]])
    >>> contrastive_loss(x1, x2, pe.tensor([1, 0]), reduction="none")
    tensor([4.5  , 0.125])
    """
    name = "contrastive_loss"
    if not margin > 0:
        raise located(ValueError(f"{name}: margin is a distance greater than 0, not {margin}"))
    _check_rows(name, x1, x2=x2)
    require_tensors(name, label)
    if label.shape != x1.shape[:1]:
        raise located(ValueError(f"{name}: {x1.shape[0]} pairs need labels ({x1.shape[0]},), got {label.shape}"))
    together = label.to(x1.dtype)
    distance = (x1 - x2).norm(2, -1)
    push = (margin - distance).relu()
    return reduced(name, 0.5 * (together * distance.square() + (1.0 - together) * push.square()), reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """The mean of max(d(anchor, positive) - d(anchor, negative) + margin, 0): one is to be nearer than the other.

    anchor, positive, negative  (n, features) or (features,), float32 or float64; d is the p-norm of the difference
    margin  by how much nearer
    eps     added to each difference, so that the norm has a gradient where two vectors are equal
    swap    take the negative's distance to the positive where that is the smaller one
    Returns a single number, or with reduction="none" one for each triple. ValueError where the shapes differ, the
    margin is not above 0, or p is none that `Tensor.norm` takes.

    V. Balntas and others, "Learning shallow convolutional feature descriptors with triplet losses" (2016).

    >>> import pyengine as pe
    >>> anchor, near, far = pe.tensor([[0.0, 0.0]]), pe.tensor([[0.0, 1.0]]), pe.tensor([[0.0, 1.5]])
    >>> print(f"{triplet_margin_loss(anchor, near, far):.4f}")
    0.5000
    """
    name = "triplet_margin_loss"
    if not margin > 0:
        raise located(ValueError(f"{name}: margin is a distance greater than 0, not {margin}"))
    _check_rows(name, anchor, positive=positive, negative=negative)

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return (a - b + eps).norm(p, -1)

    far = distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduced(name, (distance(anchor, positive) - far + margin).relu(), reduction)


def info_nce_loss(x1: Tensor, x2: Tensor, logit_scale: Tensor | float = 1.0, *, reduction: str = "mean") -> Tensor:
    """How badly each row of `x1` finds its own among the rows of `x2`, and the other way round: CLIP's loss.

    x1, x2       (n, features), row i of one belongs to row i of the other, float32 or float64; usually of length 1
                 (`normalize`), so that their products are cosines
    logit_scale  what the n x n products are multiplied by before the softmax, a number or a tensor of one: in CLIP the
                 exponential of a learned parameter, which starts as 1 / 0.07
    Returns the mean of the two cross-entropies, along rows and columns; with reduction="none" one number for each pair.
    ValueError where the shapes differ, or there are no pairs.

    A. van den Oord, Y. Li and O. Vinyals, "Representation learning with contrastive predictive coding" (2018); A.
    Radford and others, "Learning transferable visual models from natural language supervision" (2021).

    >>> import pyengine as pe
    >>> own = pe.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> print(f"{info_nce_loss(own, own, 10.0):.6f}", f"{info_nce_loss(own, own.flip(0), 10.0):.6f}")
    0.000045 10.000046
    """
    name = "info_nce_loss"
    _check_rows(name, x1, x2=x2)
    if x1.ndim != 2:
        raise located(ValueError(f"{name}: x1 and x2 are (n, features), got {x1.shape}"))
    if not len(x1):
        raise located(ValueError(f"{name}: no pairs, x1 is {x1.shape}; leave empty batches out"))
    scores = (x1 @ x2.T) * logit_scale
    own = arange(x1.shape[0], device=x1.device)
    along, across = (cross_entropy(s, own, reduction=reduction) for s in (scores, scores.T))
    return 0.5 * (along + across)


def _check_rows(name: str, first: Tensor, **others: Tensor) -> None:
    require_tensors(name, first, *others.values())
    for other, tensor in others.items():
        if tensor.shape != first.shape or not first.ndim:
            raise located(
                ValueError(f"{name}: vectors of shapes {first.shape} and {tensor.shape} ({other}) do not pair up")
            )
