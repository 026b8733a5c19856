"""Stochastic gradient descent."""

from ..tape import kernels_of
from .optimizer import Bucket, Group, Optimizer, Params


class SGD(Optimizer):
    """Step against the gradient, p -= lr · g; with momentum along a running sum of gradients, which evens out noise.

    params        what to optimize, usually `model.parameters()`
    lr            the learning rate, the length of a step
    momentum      b = momentum · b + g, and p -= lr · b; 0.9 is usual, 0 switches it off
    weight_decay  g += weight_decay · p, which pulls parameters towards 0
    nesterov      p -= lr · (g + momentum · b): looks one step ahead

    As in Sutskever et al., "On the importance of initialization and momentum in deep learning" (ICML 2013), but with
    lr outside of the running sum, as PyTorch has it, so that a new lr acts at once.

    >>> import pyengine as pe
    >>> w = pe.tensor([1.0, -2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> SGD([w], lr=0.25).step()
    >>> w.detach()
    tensor([ 0.5, -1. ])
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        *,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "nesterov": nesterov})

    def check(self, group: Group) -> None:
        """Raise ValueError for settings out of range."""
        super().check(group)
        if not 0 <= group["momentum"] < 1:
            raise ValueError(f"SGD: momentum must lie in [0, 1), not {group['momentum']}")
        if not group["weight_decay"] >= 0:
            raise ValueError(f"SGD: weight_decay must be ≥ 0, not {group['weight_decay']}")
        if group["nesterov"] and not group["momentum"]:
            raise ValueError("SGD: nesterov looks ahead along the momentum, so it needs momentum > 0")

    def update(self, group: Group, bucket: Bucket) -> None:
        """One step, by one kernel call."""
        kernels_of(bucket.device).sgd_step(
            bucket.arrays,
            bucket.grads,
            self.state_arrays("momentum_buffer", bucket) if group["momentum"] else [],
            self.scalar(group, "lr", bucket),
            self.scalar(group, "momentum", bucket),
            weight_decay=group["weight_decay"],
            nesterov=group["nesterov"],
        )
