"""Adam and AdamW."""

from ..tape import kernels_of
from .optimizer import Bucket, Group, Optimizer, Params


class Adam(Optimizer):
    """Step along a running mean of gradients, each element scaled by a running mean of its gradient's square.

    params        what to optimize, usually `model.parameters()`
    lr            the learning rate: about the length of a step in each element, whatever the size of its gradient
    betas         how much of the running means of g and of g² each step keeps
    eps           keeps the divisor from 0
    weight_decay  g += weight_decay · p, which pulls parameters towards 0; AdamW decays them apart from the gradient
    amsgrad       divide by the largest mean square so far, so that steps never grow again

    With t counted from 1: m = β₁ m + (1 - β₁) g, v = β₂ v + (1 - β₂) g², and
    p -= lr · m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + eps). The divisors 1 - βᵗ make up for means that start at 0.
    D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization" (ICLR 2015); amsgrad: S. Reddi, S. Kale, S. Kumar,
    "On the Convergence of Adam and Beyond" (ICLR 2018).

    >>> import pyengine as pe
    >>> w = pe.tensor([1.0, -200.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> Adam([w], lr=0.5).step()
    >>> w.detach()
    tensor([   0.5, -199.5])
    """

    decoupled = False  # whether weight decay is apart from the gradient

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
        super().__init__(params, settings)

    def check(self, group: Group) -> None:
        """Raise ValueError for settings out of range."""
        super().check(group)
        betas = group["betas"]
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"{self._name}: betas are two numbers in [0, 1), not {betas}")
        if not group["eps"] >= 0:
            raise ValueError(f"{self._name}: eps must be ≥ 0, not {group['eps']}")
        if not group["weight_decay"] >= 0:
            raise ValueError(f"{self._name}: weight_decay must be ≥ 0, not {group['weight_decay']}")

    def update(self, group: Group, bucket: Bucket) -> None:
        """One step, by one kernel call."""
        steps = self.step_arrays(bucket)
        kernels_of(bucket.device).adam_step(
            bucket.arrays,
            bucket.grads,
            self.state_arrays("exp_avg", bucket),
            self.state_arrays("exp_avg_sq", bucket),
            self.state_arrays("max_exp_avg_sq", bucket) if group["amsgrad"] else [],
            steps,
            self.scalar(group, "lr", bucket),
            self.scalar(group, "betas", bucket),
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled=self.decoupled,
        )


class AdamW(Adam):
    """Adam with weight decay that is not part of the gradient: first p -= lr · weight_decay · p, then Adam's step.

    So the decay is as strong for elements with large gradients as for others. Parameters as in `Adam`.
    I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization" (ICLR 2019).

    >>> import pyengine as pe
    >>> w = pe.tensor([8.0], requires_grad=True)
    >>> (w * 3).sum().backward()
    >>> AdamW([w], lr=0.5, weight_decay=0.5).step()  # 8 · (1 - 0.25) - 0.5
    >>> w.detach()
    tensor([5.5])
    """

    decoupled = True

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)
