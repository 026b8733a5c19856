"""The operations: one record each, found by name in `OPS`."""

from . import (
    activations,
    avg_pool,
    batch_norm,
    choose,
    compare,
    conv2d,
    copy,
    cross_entropy,
    cross_entropy_rows,
    cumsum,
    dropout,
    elementwise,
    extremum,
    index,
    join,
    layer_norm,
    log_softmax,
    losses,
    matmul,
    max_pool,
    moments,
    power,
    quotient,
    reduce,
    softmax,
    sort,
    unary,
    upsample,
    views,
)
from .op import Op, Spec

OPS: dict[str, Op] = {
    op.name: op
    for module in (
        elementwise,
        activations,
        copy,
        reduce,
        extremum,
        cumsum,
        moments,
        views,
        matmul,
        conv2d,
        softmax,
        log_softmax,
        cross_entropy,
        cross_entropy_rows,
        losses,
        layer_norm,
        max_pool,
        avg_pool,
        batch_norm,
        upsample,
        index,
        join,
        sort,
        dropout,
        unary,
        compare,
        choose,
        power,
        quotient,
    )
    for op in module.OPS
}

__all__ = ["OPS", "Op", "Spec"]
