"""The list of mistakes whose messages are promised, and for each the test that reads the message.

Those without a test of their own elsewhere are tried here: a call, the exception, and what its message must say.
"""

import ast
from pathlib import Path

import numpy as np
import pytest

import pyengine as pe
from pyengine import nn, optim
from pyengine.data import transforms
from pyengine.nn import functional as F
from pyengine.train import Trainer

ELSEWHERE = {
    "shape": "test_errors.py::test_wrong_shapes",
    "dtype": "test_errors.py::test_wrong_dtypes",
    "device mismatch": "test_errors.py::test_devices_do_not_mix",
    "label outside the classes": "test_errors.py::test_a_label_outside_the_classes_is_named",
    "empty loader": "test_train.py::test_empty_loaders",
    "empty data set": "test_data.py::test_loader_errors",
    "negative size": "test_errors.py::test_negative_lengths",
    "NaN in the data": "test_train.py::test_nan_in_the_data",
    "NaN in the weights": "test_train.py::test_loss_that_overflows_names_the_cause",
    "NaN out of a layer": "test_train.py::test_overflow_names_the_layer",
    "NaN in the backward pass": "test_function.py::test_anomaly_in_backward_names_the_forward_line",
    "softmax before cross-entropy": "test_nn.py::test_a_softmax_before_cross_entropy_is_pointed_out",
    "backward twice": "test_errors.py::test_backward_twice",
    "in-place on a saved value": "test_errors.py::test_a_saved_value_changed_in_place",
    "unknown file kind": "test_tables.py::test_files_that_are_not_there_or_unknown",
    "ragged CSV": "test_tables.py::test_what_is_no_table_is_refused",
    "missing column": "test_tables.py::test_errors",
    "corrupt IDX": "test_formats.py::test_corrupt_idx",
    "wrong checksum": "test_formats.py::test_wrong_checksum",
    "interrupted download": "test_formats.py::test_interrupted_download_goes_on",
}


@pytest.mark.parametrize("mistake", ELSEWHERE)
def test_it_is_tested_elsewhere(mistake) -> None:
    file, name = ELSEWHERE[mistake].split("::")
    tree = ast.parse((Path(__file__).parent / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def whole(*shape: int) -> pe.Tensor:
    return pe.zeros(*shape, dtype="int64")


def tracked(*shape: int) -> pe.Tensor:
    return pe.randn(*shape, requires_grad=True)


def fit_empty_batch() -> None:
    model = nn.Linear(2, 3)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1))
    trainer.fit([(pe.zeros(4, 2), whole(4)), (pe.zeros(0, 2), whole(0))], epochs=1)


IMAGES = pe.zeros(2, 3, 8, 8)

MESSAGES = {
    "empty batch": (fit_empty_batch, FloatingPointError, "the loss is nan in epoch 1, batch 2 .* has no samples"),
    "batch of no samples": (lambda: pe.data.default_collate([]), ValueError, "DataLoader: a batch of no samples"),
    "empty training part": (
        lambda: pe.data.random_split(pe.data.TensorDataset(np.zeros(3)), [0.9, 0.1], seed=0),
        ValueError,
        "leaves a part empty",
    ),
    "softmax module before cross-entropy": (
        lambda: nn.CrossEntropyLoss()(nn.Sequential(nn.Linear(3, 3), nn.Softmax())(pe.zeros(2, 3)), whole(2)),
        ValueError,
        "cross_entropy: its input comes out of a softmax, and it takes the softmax itself; hand it the scores",
    ),
    "softmax before nll_loss": (
        lambda: F.nll_loss(tracked(4, 3).softmax(1), whole(4)),
        ValueError,
        "nll_loss: its input comes out of a softmax, and it takes log-probabilities; use log_softmax",
    ),
    "sigmoid before its loss": (
        lambda: F.binary_cross_entropy_with_logits(tracked(4).sigmoid(), pe.zeros(4)),
        ValueError,
        "binary_cross_entropy_with_logits: its input comes out of a sigmoid, and it takes the sigmoid itself",
    ),
    "labels in a list": (
        lambda: F.cross_entropy(pe.zeros(2, 3), [0, 1]),
        TypeError,
        r"cross_entropy: the target is a list; make it a tensor: pe\.tensor",
    ),
    "model and data on different devices": (
        lambda: nn.Linear(3, 2)(pe.zeros(1, 3, device="numpy")),
        ValueError,
        r"linear: operands live on different devices \(numpy, cpu, cpu\); move them to one with \.to",
    ),
    "labels on another device": (
        lambda: F.cross_entropy(pe.zeros(2, 3), whole(2).to("numpy")),
        ValueError,
        r"cross_entropy: operands live on different devices \(cpu, numpy\)",
    ),
    "negative features": (lambda: nn.Linear(-1, 3), ValueError, "Linear: in_features is .* from 1 on, not -1"),
    "negative randn": (lambda: pe.randn(-2), ValueError, r"randn: shape \(-2,\) has a negative length"),
    "negative randint": (lambda: pe.randint(5, (-1,)), ValueError, r"randint: shape \(-1,\) has a negative length"),
    "negative randperm": (lambda: pe.randperm(-1), ValueError, "randperm: n is .* from 0 on, not -1"),
    "negative eye": (lambda: pe.eye(2, -1), ValueError, r"eye: the shape \(2, -1\) has a negative length"),
    "negative linspace": (lambda: pe.linspace(0, 1, -1), ValueError, "linspace: steps is -1"),
    "negative expand": (lambda: pe.zeros(2).expand(-2, 2), ValueError, r"expand: shape \(-2, 2\) has a negative"),
    "negative repeat": (lambda: pe.zeros(2).repeat(-1), ValueError, "repeat: needs a count from 0 on"),
    "negative interleave": (lambda: pe.zeros(2).repeat_interleave(-1), ValueError, "repeat_interleave: repeats is"),
    "negative narrow": (lambda: pe.zeros(2).narrow(0, 1, -1), IndexError, "narrow: 1 to 0 is not within the 2"),
    "negative split": (lambda: pe.zeros(2).split(-1), ValueError, "split: parts have a length from 1 on, not -1"),
    "negative topk": (lambda: pe.zeros(2).topk(-1), ValueError, r"topk: k is -1, but axis 0 of \(2,\) has 2"),
    "a length of 2.5": (lambda: pe.zeros(2.5), TypeError, r"a shape is made of whole numbers, not \(2\.5,\)"),
    "in-place on a leaf": (lambda: tracked(2).mul_(2.0), RuntimeError, r"mul_: a leaf .* use pe\.no_grad\(\)"),
    "in-place on a view": (lambda: tracked(2, 2)[0].mul_(2.0), RuntimeError, r"mul_: a write to a view .*x\.clone\(\)"),
    "conv2d of nothing": (lambda: F.conv2d(IMAGES, None), TypeError, "conv2d: operand 1 is a NoneType, not a tensor"),
    "conv1d of an array": (lambda: nn.Conv1d(3, 2, 3)(np.ones((3, 8))), TypeError, "conv1d: operand 0 is a ndarray"),
    "conv_transpose2d of a list": (
        lambda: nn.ConvTranspose2d(3, 2, 3)([1.0]),
        TypeError,
        "conv_transpose2d: operand 0 is a list, not a tensor; wrap it",
    ),
    "groups as text": (
        lambda: F.conv2d(IMAGES, pe.zeros(2, 3, 3, 3), groups="2"),
        ValueError,
        "conv2d: groups is '2'; it is an int from 1 on",
    ),
    "output_size with text": (
        lambda: nn.ConvTranspose2d(3, 2, 3)(IMAGES, output_size=(10, "10")),
        ValueError,
        r"ConvTranspose2d: output_size is one int, or 2 for height and width, not \(10, '10'\)",
    ),
    "pooling nothing": (lambda: nn.MaxPool2d(2)(None), TypeError, "max_pool2d: operand 0 is a NoneType"),
    "adaptive pooling of an array": (
        lambda: nn.AdaptiveAvgPool2d(1)(np.ones((1, 3, 4, 4))),
        TypeError,
        "adaptive_avg_pool2d: operand 0 is a ndarray",
    ),
    "adaptive pooling of integers": (
        lambda: nn.AdaptiveAvgPool2d(1)(whole(1, 3, 4, 4)),
        TypeError,
        "adaptive_avg_pool2d: computes in float32 or float64, not int64",
    ),
    "divisor as text": (
        lambda: F.avg_pool2d(IMAGES, 2, divisor_override="4"),
        TypeError,
        "avg_pool2d: divisor_override is a number or None, not '4'",
    ),
    "batch norm of nothing": (lambda: nn.BatchNorm2d(3)(None), TypeError, "BatchNorm2d: operand 0 is a NoneType"),
    "batch norm's momentum": (
        lambda: nn.BatchNorm2d(3, momentum="0.1")(IMAGES),
        TypeError,
        "batch_norm: momentum is a number, not '0.1'",
    ),
    "batch norm's eps": (lambda: nn.BatchNorm2d(3, eps=None)(IMAGES), TypeError, "batch_norm: eps is a number"),
    "interpolating nothing": (lambda: nn.Upsample(2)(None), TypeError, "interpolate: operand 0 is a NoneType"),
    "size as text": (
        lambda: F.interpolate(IMAGES, size="ab"),
        TypeError,
        "interpolate: size is a number, or one for each axis, not 'ab'",
    ),
    "crop of no size": (lambda: transforms.RandomCrop("28"), ValueError, "RandomCrop: size is .* not '28' and 0"),
    "composed of numbers": (lambda: transforms.Compose([1, 2]), TypeError, r"Compose: is called as Compose\(\[first"),
    "composed of one": (lambda: transforms.Compose(3), TypeError, "Compose: is called as .* not 3"),
    "so many drawings": (
        lambda: pe.data.draw_glasses_rings("5"),
        ValueError,
        "draw_glasses_rings: n is a number from 0 on .* not '5' and 32",
    ),
    "no parameters": (lambda: optim.SGD([], lr=0.1), ValueError, r"SGD: there are no parameters .* list\("),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MESSAGES)
def test_the_message_teaches(mistake) -> None:
    call, error, message = MESSAGES[mistake]
    with pytest.raises(error, match=message):
        call()
