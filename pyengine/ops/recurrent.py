"""Recurrent layers over whole sequences: rnn, lstm and gru, one kernel call for all steps of a layer in one direction.

The rows of all steps lie below each other (csrc/kernels/recurrent.h): `gates` is input · W_ihᵀ with its biases, one
product for all steps, made before; the gradients of the weights are such products behind the kernel's own. An int64
vector `batch_sizes`, how many sequences still go on at each step, may follow the other operands. Their vjps call
kernels that are no operations themselves, so these three have no second derivatives.
"""

from collections.abc import Callable, Sequence
from typing import Any

from ..backend import Kernels
from .op import Attrs, Op, Spec, nbytes, require_float, size


def _infer_layer(
    op: str, specs: Sequence[Spec], gates: int, states: int, carried: int, biased: bool = False
) -> list[Spec]:
    """What a layer makes of `specs`: gates, h0 and c0 as far as there is one, weight, bias, batch_sizes."""
    rows, (weight, *rest) = specs[0], specs[1 + carried :]
    require_float(op, rows)
    expected = 2 + carried + biased
    for spec in specs[:expected]:
        if spec.dtype != rows.dtype:
            raise TypeError(f"{op}: the inputs are {rows.dtype}, a state or weight {spec.dtype}; cast one with .to(…)")
    hidden = weight.shape[-1] if weight.shape else 0
    if weight.shape != (gates * hidden, hidden):
        raise ValueError(f"{op}: the weight of the hidden state is ({gates} · hidden, hidden), not {weight.shape}")
    if len(rows.shape) != 2 or rows.shape[1] != gates * hidden:
        raise ValueError(f"{op}: inputs of shape {rows.shape} do not go with {gates} gates of {hidden} features each")
    for state in specs[1 : 1 + carried]:
        if len(state.shape) != 2 or state.shape != (specs[1].shape[0], hidden):
            raise ValueError(f"{op}: states are (sequences, {hidden}), all of one shape, not {state.shape}")
    if biased and rest[0].shape != (gates * hidden,):
        raise ValueError(f"{op}: the weight {weight.shape} needs a bias of {gates * hidden}, not {rest[0].shape}")
    batch, sizes = specs[1].shape[0], specs[expected:]
    if sizes and (sizes[0].dtype.name != "int64" or len(sizes[0].shape) != 1):
        raise ValueError(f"{op}: batch_sizes is one int64 a step, not {sizes[0]}")
    if not sizes and (rows.shape[0] % batch if batch else rows.shape[0]):
        raise ValueError(f"{op}: {rows.shape[0]} rows are no whole number of steps of {batch} sequences")
    ends = [Spec((batch, hidden), rows.dtype)] * carried
    kept = [Spec((rows.shape[0], states * hidden), rows.dtype)] if states else []
    return [Spec((rows.shape[0], hidden), rows.dtype), *ends, *kept]


def _of_weight(k: Kernels, dhidden: Any, previous: Any) -> Any:
    return k.matmul(k.permute(dhidden, axes=(1, 0)), previous)


def _wanted(needs: Sequence[bool], *gradients: Callable[[], Any]) -> Any:
    """The gradients that are needed; None for the others, and for batch_sizes."""
    made = [make() if need else None for make, need in zip(gradients, needs, strict=False)]
    return (*made, *([None] * (len(needs) - len(made))))


def _infer_rnn(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    return _infer_layer("rnn", specs, gates=1, states=0, carried=1)


def _rnn(k: Kernels, gates: Any, h0: Any, weight: Any, sizes: Any = None, **attrs: Any) -> Any:
    out, last = k.rnn(gates, h0, weight, sizes, **attrs)
    return (out, last), (out, h0, weight, sizes)


def _rnn_vjp(k: Kernels, saved: Any, dout: Any, dlast: Any, *, needs: Sequence[bool], **attrs: Any) -> Any:
    out, h0, weight, sizes = saved
    dgates, dh0, previous = k.rnn_backward(dout, dlast, out, h0, weight, sizes, **attrs)
    return _wanted(needs, lambda: dgates, lambda: dh0, lambda: _of_weight(k, dgates, previous))


def _infer_lstm(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    return _infer_layer("lstm", specs, gates=4, states=5, carried=2)


def _lstm(k: Kernels, gates: Any, h0: Any, c0: Any, weight: Any, sizes: Any = None, **attrs: Any) -> Any:
    outputs = k.lstm(gates, h0, c0, weight, sizes, **attrs)
    return outputs, (outputs[3], outputs[0], h0, c0, weight, sizes)


def _lstm_vjp(k: Kernels, saved: Any, *grads: Any, needs: Sequence[bool], **attrs: Any) -> Any:
    dgates, dh0, dc0, previous = k.lstm_backward(*grads, *saved, **attrs)
    return _wanted(needs, lambda: dgates, lambda: dh0, lambda: dc0, lambda: _of_weight(k, dgates, previous))


def _infer_gru(specs: Sequence[Spec], attrs: Attrs) -> list[Spec]:
    return _infer_layer("gru", specs, gates=3, states=4, carried=1, biased=True)


def _gru(k: Kernels, gates: Any, h0: Any, weight: Any, bias: Any, sizes: Any = None, **attrs: Any) -> Any:
    outputs = k.gru(gates, h0, weight, bias, sizes, **attrs)
    return outputs, (outputs[2], outputs[0], h0, weight, sizes)


def _gru_vjp(k: Kernels, saved: Any, *grads: Any, needs: Sequence[bool], **attrs: Any) -> Any:
    dgates, dhidden, dh0, previous = k.gru_backward(*grads, *saved, **attrs)
    return _wanted(
        needs,
        lambda: dgates,
        lambda: dh0,
        lambda: _of_weight(k, dhidden, previous),
        lambda: k.sum(dhidden, axis=(0,)),
    )


def _cost_of(infer: Callable[..., list[Spec]]) -> Callable[[Sequence[Spec], Attrs], tuple[int, int]]:
    def cost(specs: Sequence[Spec], attrs: Attrs) -> tuple[int, int]:
        outputs = infer(specs, attrs)
        hidden = outputs[0].shape[1]
        # the product with the hidden state, and some thirty operations for a gate's exponential and division
        return size(specs[0].shape) * (2 * hidden + 30), nbytes(*specs, *outputs)

    return cost


RNN = Op("rnn", _infer_rnn, _rnn, _rnn_vjp, _cost_of(_infer_rnn), saves=(~0, 1, 2, 3))
LSTM = Op("lstm", _infer_lstm, _lstm, _lstm_vjp, _cost_of(_infer_lstm), saves=(~3, ~0, 1, 2, 3, 4))
GRU = Op("gru", _infer_gru, _gru, _gru_vjp, _cost_of(_infer_gru), saves=(~2, ~0, 1, 2, 4))

OPS = (RNN, LSTM, GRU)
