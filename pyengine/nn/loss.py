"""Losses: one number that says how wrong a guess is. All take reduction="mean", "sum" or "none"."""

import math

from ..creation import tensor
from ..tensor import Tensor
from . import loss_functions as functions
from . import pair_losses
from .functional import normalize
from .module import Module
from .parameter import Parameter


class _Loss(Module):
    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            name = type(self).__name__
            raise ValueError(f'{name}: reduction is "mean", "sum" or "none", not {reduction!r}')
        self.reduction = reduction

    def extra_repr(self) -> str:
        """The reduction, where it is not the mean."""
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


class CrossEntropyLoss(_Loss):
    """The loss of a classifier, from logits and class numbers or probabilities; see `functional.cross_entropy`.

    >>> import pyengine as pe
    >>> logits = pe.tensor([[9.0, 0.0], [0.0, 9.0]])
    >>> round(CrossEntropyLoss()(logits, pe.tensor([0, 1])).item(), 5)
    0.00012
    >>> CrossEntropyLoss()(logits, pe.tensor([0, 2]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: cross_entropy: labels[1] is 2, outside the 2 classes
    in ...
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Logits (rows, classes) and class numbers (rows,) to a single number."""
        return functions.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(_Loss):
    """The loss of a classifier, from log-probabilities and class numbers; see `functional.nll_loss`.

    >>> import pyengine as pe
    >>> NLLLoss()(pe.tensor([[-0.5, -2.0]]), pe.tensor([0]))
    tensor(0.5)
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Log-probabilities (rows, classes) and class numbers (rows,) to a single number."""
        return functions.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class MSELoss(_Loss):
    """The mean squared error; see `functional.mse_loss`. ValueError for an unknown reduction.

    >>> import pyengine as pe
    >>> MSELoss(reduction="sum")(pe.tensor([1.0, 2.0]), pe.tensor([1.0, 5.0]))
    tensor(9.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Two tensors of one shape to a single number."""
        return functions.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """The mean absolute error; see `functional.l1_loss`. ValueError for an unknown reduction.

    >>> import pyengine as pe
    >>> L1Loss()(pe.tensor([1.0, 2.0]), pe.tensor([1.0, 5.0]))
    tensor(1.5)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Two tensors of one shape to a single number."""
        return functions.l1_loss(input, target, reduction=self.reduction)


class HuberLoss(_Loss):
    """Squared error near the target, absolute error beyond a distance of `delta`; see `functional.huber_loss`.

    >>> import pyengine as pe
    >>> HuberLoss()(pe.tensor([0.5, 3.0]), pe.zeros(2))
    tensor(1.3125)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Two tensors of one shape to a single number."""
        return functions.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class SmoothL1Loss(_Loss):
    """The absolute error with its kink rounded off within ±beta; see `functional.smooth_l1_loss`.

    >>> import pyengine as pe
    >>> SmoothL1Loss(beta=2.0)(pe.tensor([3.0]), pe.zeros(1))
    tensor(2.)
    """

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Two tensors of one shape to a single number."""
        return functions.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class KLDivLoss(_Loss):
    """How far a distribution is from the model's log-probabilities; see `functional.kl_div`. Also "batchmean".

    >>> import pyengine as pe
    >>> KLDivLoss(reduction="batchmean")(pe.tensor([[0.5, 0.5]]).log(), pe.tensor([[0.5, 0.5]]))
    tensor(0.)
    """

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__("mean" if reduction == "batchmean" else reduction)
        self.reduction = reduction
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Log-probabilities and probabilities of one shape to a single number."""
        return functions.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class BCELoss(_Loss):
    """The loss of yes-or-no answers, from probabilities; see `functional.binary_cross_entropy`.

    >>> import pyengine as pe
    >>> BCELoss()(pe.tensor([0.5]), pe.ones(1))
    tensor(0.6931472)
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Probabilities and targets of one shape to a single number."""
        return functions.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """The loss of yes-or-no answers, from logits; see `functional.binary_cross_entropy_with_logits`.

    >>> import pyengine as pe
    >>> BCEWithLogitsLoss(pos_weight=pe.tensor(3.0))(pe.zeros(1), pe.ones(1))
    tensor(2.0794415)
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self, weight: Tensor | None = None, *, reduction: str = "mean", pos_weight: Tensor | None = None
    ) -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Logits and targets of one shape to a single number."""
        return functions.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class ContrastiveLoss(_Loss):
    """Pairs that belong together come close, others at least `margin` apart; see `functional.contrastive_loss`.

    >>> import pyengine as pe
    >>> loss = ContrastiveLoss(margin=2.0)
    >>> loss(pe.tensor([[0.0, 0.0]]), pe.tensor([[0.0, 1.0]]), pe.tensor([0]))
    tensor(0.5)
    """

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, x1: Tensor, x2: Tensor, label: Tensor) -> Tensor:
        """Pairs (n, features) and labels (n,), 1 for those that belong together, to a single number."""
        return pair_losses.contrastive_loss(x1, x2, label, margin=self.margin, reduction=self.reduction)


class TripletMarginLoss(_Loss):
    """An anchor comes nearer to a positive than to a negative, by `margin`; see `functional.triplet_margin_loss`.

    >>> import pyengine as pe
    >>> TripletMarginLoss()(pe.zeros(1, 2), pe.zeros(1, 2), pe.tensor([[3.0, 4.0]]))
    tensor(0.)
    """

    def __init__(
        self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False, *, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Three tensors of one shape (n, features) to a single number."""
        return pair_losses.triplet_margin_loss(
            anchor, positive, negative, margin=self.margin, p=self.p, eps=self.eps, swap=self.swap,
            reduction=self.reduction,
        )  # fmt: skip


class InfoNCELoss(_Loss):
    """Row i of one tensor finds row i of another among all its rows, by their cosines: CLIP's loss; `info_nce_loss`.

    scale  what cosines are multiplied by before the softmax. It is learned, as exp(logit_scale), and at most 100: hand
           the loss's parameters to the optimizer with the model's
    ValueError for a scale that is not above 0.

    >>> import pyengine as pe
    >>> loss = InfoNCELoss(scale=10.0)
    >>> print(f"{loss(pe.eye(2), 3.0 * pe.eye(2)).item():.6f}")  # lengths do not matter
    0.000045
    """

    MOST = math.log(100.0)

    def __init__(self, scale: float = 1 / 0.07, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        if not scale > 0:
            raise ValueError(f"InfoNCELoss: scale is a factor greater than 0, not {scale}")
        self.logit_scale = Parameter(tensor(math.log(scale)))

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Two tensors (n, features) to a single number."""
        scale = self.logit_scale.clamp(max=self.MOST).exp()
        return pair_losses.info_nce_loss(normalize(x1), normalize(x2), scale, reduction=self.reduction)
