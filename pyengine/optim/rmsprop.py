"""RMSprop."""

from ..tape import kernels_of
from .optimizer import Bucket, Group, Optimizer, Params


class RMSprop(Optimizer):
    """Step against the gradient, each element divided by the root of a running mean of its square.

    params        what to optimize, usually `model.parameters()`
    lr            the learning rate: about the length of a step in each element, whatever the size of its gradient
    alpha         how much of the running mean of g² each step keeps
    eps           keeps the divisor from 0
    weight_decay  g += weight_decay · p, which pulls parameters towards 0
    momentum      b = momentum · b + step, and p -= lr · b; 0 switches it off
    centered      divide by the standard deviation of g instead: g² less the square of g's running mean

    T. Tieleman, G. Hinton, "Lecture 6.5: RMSProp" (Coursera, 2012); centered: A. Graves, "Generating Sequences With
    Recurrent Neural Networks" (2013). As in PyTorch, eps is added to the root, and there is no correction of the start.

    >>> import pyengine as pe
    >>> w = pe.tensor([1.0, -200.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> RMSprop([w], lr=0.5, alpha=0.75).step()  # the mean square starts at 0: √0.25 g² is half of g
    >>> w.detach()
    tensor([   0., -199.])
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        settings = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**settings, "momentum": momentum, "centered": centered})

    def check(self, group: Group) -> None:
        """Raise ValueError for settings out of range."""
        super().check(group)
        for name in ("alpha", "momentum"):
            if not 0 <= group[name] < 1:
                raise ValueError(f"RMSprop: {name} must lie in [0, 1), not {group[name]}")
        for name in ("eps", "weight_decay"):
            if not group[name] >= 0:
                raise ValueError(f"RMSprop: {name} must be ≥ 0, not {group[name]}")

    def update(self, group: Group, bucket: Bucket) -> None:
        """One step, by one kernel call."""
        steps = self.step_arrays(bucket)
        kernels_of(bucket.device).rmsprop_step(
            bucket.arrays,
            bucket.grads,
            self.state_arrays("square_avg", bucket),
            self.state_arrays("grad_avg", bucket) if group["centered"] else [],
            self.state_arrays("momentum_buffer", bucket) if group["momentum"] else [],
            steps,
            self.scalar(group, "lr", bucket),
            self.scalar(group, "momentum", bucket),
            alpha=group["alpha"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
        )
