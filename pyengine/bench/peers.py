"""The same work by the libraries that a user would take instead, as fast as their public interface allows.

Results go into a given `out` where the library can do that: then no side pays for memory that the other one reuses.
"""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array

# library, operands, outs -> one call of the kernel of that name
Function = Callable[..., Any]


class Peer(NamedTuple):
    """Another library.

    convert    from a NumPy array to the library's, with memory of its own
    back       and back again
    functions  by the name of the kernel: function(library, *operands, out=[array or arrays])
    """

    name: str
    library: Any
    convert: Callable[[Array], Any]
    back: Callable[[Any], Array]
    functions: dict[str, Function]

    def version(self) -> str:
        """The library's version."""
        return str(self.library.__version__)


def find(name: str, threads: int) -> Peer | None:
    """The peer of that name, set to so many threads; None where it is not installed."""
    try:
        return _FIND[name](threads)
    except ModuleNotFoundError:
        return None


def _numpy(threads: int) -> Peer:
    return Peer("numpy", np, np.copy, np.asarray, NUMPY)


def _torch(threads: int) -> Peer:
    torch = importlib.import_module("torch")
    torch.set_num_threads(threads)
    return Peer("torch", torch, lambda a: torch.from_numpy(np.copy(a, order="K")), lambda t: t.numpy(), TORCH)


def _jax(threads: int) -> Peer:
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)  # else float64 would silently be float32
    return Peer("jax", jax, jax.numpy.asarray, np.asarray, {name: _compiled(f) for name, f in JAX.items()})


_FIND = {"numpy": _numpy, "torch": _torch, "jax": _jax}
NAMES = tuple(_FIND)


# --- NumPy: as somebody would write it who minds the speed, with no needless temporary


def _np_softmax(np: Any, a: Any, out: Any) -> None:
    np.subtract(a, a.max(axis=-1, keepdims=True), out=out)
    np.exp(out, out=out)
    np.divide(out, out.sum(axis=-1, keepdims=True), out=out)


def _np_softmax_backward(np: Any, grad: Any, y: Any, out: Any) -> None:
    np.multiply(grad, y, out=out)
    total = out.sum(axis=-1, keepdims=True)
    np.subtract(grad, total, out=out)
    np.multiply(out, y, out=out)


def _np_layer_norm(np: Any, a: Any, weight: Any, bias: Any, out: Any) -> None:
    np.subtract(a, a.mean(axis=-1, keepdims=True), out=out[0])
    variance = np.einsum("...i,...i->...", out[0], out[0])[..., None] / a.shape[-1]
    np.multiply(out[0], 1 / np.sqrt(variance + 1e-5), out=out[0])
    np.multiply(out[0], weight, out=out[0])
    np.add(out[0], bias, out=out[0])


def _np_rms_norm(np: Any, a: Any, weight: Any, out: Any) -> None:
    square = np.einsum("...i,...i->...", a, a)[..., None] / a.shape[-1]
    np.multiply(a, 1 / np.sqrt(square + 1e-5), out=out[0])
    np.multiply(out[0], weight, out=out[0])


NUMPY: dict[str, Function] = {
    "matmul": lambda np, a, b, out: np.matmul(a, b, out=out),
    "add": lambda np, a, b, out: np.add(a, b, out=out),
    "mul": lambda np, a, b, out: np.multiply(a, b, out=out),
    "relu": lambda np, a, out: np.maximum(a, 0, out=out),
    "exp": lambda np, a, out: np.exp(a, out=out),
    "log": lambda np, a, out: np.log(a, out=out),
    "tanh": lambda np, a, out: np.tanh(a, out=out),
    "sqrt": lambda np, a, out: np.sqrt(a, out=out),
    "sum": lambda np, a, out: np.sum(a, axis=-1, out=out),
    "copy": lambda np, a, out: np.copyto(out, a),
    "sin": lambda np, a, out: np.sin(a, out=out),
    "pow": lambda np, a, b, out: np.power(a, b, out=out),
    "remainder": lambda np, a, b, out: np.remainder(a, b, out=out),
    "floor_divide": lambda np, a, b, out: np.floor_divide(a, b, out=out),
    "where": lambda np, condition, a, b, out: np.where(condition, a, b),
    "lt": lambda np, a, b, out: np.less(a, b, out=out),
    "cumsum": lambda np, a, out: np.cumsum(a, axis=-1, out=out),
    "gather": lambda np, a, index, out: np.take_along_axis(a, index, axis=1),
    "softmax": _np_softmax,
    "softmax_backward": _np_softmax_backward,
    "layer_norm": _np_layer_norm,
    "rms_norm": _np_rms_norm,
}

# --- torch: `aten` has the functions with `out=` that its modules lack


def _torch_layer_norm_backward(torch: Any, grad: Any, a: Any, weight: Any, out: Any) -> Any:
    """With mean and rstd given, which torch keeps from the forward pass: computed at the first call, not timed."""
    saved = getattr(a, "mean_and_rstd", None)
    if saved is None:
        saved = a.mean_and_rstd = torch.native_layer_norm(a, weight.shape, weight, weight, 1e-5)[1:]
    backward = torch.ops.aten.native_layer_norm_backward
    return backward(grad, a, weight.shape, *saved, weight, weight, [True, True, True])


def _zeros_like(torch: Any, a: Any) -> Any:
    zeros = getattr(a, "zeros", None)
    if zeros is None:
        zeros = a.zeros = torch.zeros_like(a)
    return zeros


TORCH: dict[str, Function] = {
    "matmul": lambda torch, a, b, out: torch.matmul(a, b, out=out),
    "add": lambda torch, a, b, out: torch.add(a, b, out=out),
    "mul": lambda torch, a, b, out: torch.mul(a, b, out=out),
    "relu": lambda torch, a, out: torch.clamp_min(a, 0, out=out),
    "relu_backward": lambda torch, grad, a, out: torch.ops.aten.threshold_backward.grad_input(
        grad, a, 0, grad_input=out
    ),
    "exp": lambda torch, a, out: torch.exp(a, out=out),
    "log": lambda torch, a, out: torch.log(a, out=out),
    "tanh": lambda torch, a, out: torch.tanh(a, out=out),
    "erf": lambda torch, a, out: torch.erf(a, out=out),
    "sigmoid": lambda torch, a, out: torch.sigmoid(a, out=out),
    "sqrt": lambda torch, a, out: torch.sqrt(a, out=out),
    "gelu": lambda torch, a, out: torch.ops.aten.gelu.out(a, out=out),
    "gelu_backward": lambda torch, grad, a, out: torch.ops.aten.gelu_backward.grad_input(grad, a, grad_input=out),
    "sum": lambda torch, a, out: torch.sum(a, -1, out=out),
    "max": lambda torch, a, out: torch.max(a, -1, out=tuple(out)),
    "copy": lambda torch, a, out: out.copy_(a),
    "silu": lambda torch, a, out: torch.ops.aten.silu.out(a, out=out),
    "sin": lambda torch, a, out: torch.sin(a, out=out),
    "pow": lambda torch, a, b, out: torch.pow(a, b, out=out),
    "remainder": lambda torch, a, b, out: torch.remainder(a, b, out=out),
    "floor_divide": lambda torch, a, b, out: torch.floor_divide(a, b, out=out),
    "where": lambda torch, condition, a, b, out: torch.where(condition, a, b, out=out),
    "lt": lambda torch, a, b, out: torch.lt(a, b, out=out),
    "huber": lambda torch, a, out: torch.nn.functional.huber_loss(a, _zeros_like(torch, a), reduction="none"),
    "cumsum": lambda torch, a, out: torch.cumsum(a, -1, out=out),
    "var": lambda torch, a, out: torch.var_mean(a, -1),
    "log_softmax_backward": lambda torch, grad, y, out: torch.ops.aten._log_softmax_backward_data.out(
        grad, y, -1, y.dtype, out=out
    ),
    "sort": lambda torch, a, out: torch.sort(a, dim=1, stable=True, out=tuple(out)),
    "topk": lambda torch, a, out: torch.topk(a, 5, dim=1, out=tuple(out)),
    "gather": lambda torch, a, index, out: torch.gather(a, 1, index, out=out),
    "softmax": lambda torch, a, out: torch.softmax(a, -1, out=out),
    "softmax_backward": lambda torch, grad, y, out: torch.ops.aten._softmax_backward_data.out(
        grad, y, -1, y.dtype, grad_input=out
    ),
    "log_softmax": lambda torch, a, out: torch.log_softmax(a, -1, out=out),
    "layer_norm": lambda torch, a, weight, bias, out: torch.nn.functional.layer_norm(a, weight.shape, weight, bias),
    "layer_norm_backward": _torch_layer_norm_backward,
    "rms_norm": lambda torch, a, weight, out: torch.nn.functional.rms_norm(a, weight.shape, weight, 1e-5),
}


# --- jax: compiled functions that return their result; jax has no `out=`

JAX: dict[str, Function] = {
    "matmul": lambda jax, a, b: jax.numpy.matmul(a, b),
    "add": lambda jax, a, b: a + b,
    "mul": lambda jax, a, b: a * b,
    "relu": lambda jax, a: jax.nn.relu(a),
    "exp": lambda jax, a: jax.numpy.exp(a),
    "log": lambda jax, a: jax.numpy.log(a),
    "tanh": lambda jax, a: jax.numpy.tanh(a),
    "erf": lambda jax, a: jax.scipy.special.erf(a),
    "sigmoid": lambda jax, a: jax.nn.sigmoid(a),
    "sqrt": lambda jax, a: jax.numpy.sqrt(a),
    "gelu": lambda jax, a: jax.nn.gelu(a, approximate=False),
    "sum": lambda jax, a: a.sum(-1),
    "softmax": lambda jax, a: jax.nn.softmax(a, -1),
    "log_softmax": lambda jax, a: jax.nn.log_softmax(a, -1),
}


def _compiled(function: Function) -> Function:
    ready: dict[str, Any] = {}

    def call(jax: Any, *operands: Any, out: Any) -> Any:
        if not ready:
            ready["run"] = jax.jit(lambda *given: function(jax, *given))
        return ready["run"](*operands).block_until_ready()

    return call
