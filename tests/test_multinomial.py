"""Draws of classes: their shares, that none comes twice where it must not, and what mistakes are told."""

import numpy as np
import pytest
from harness import DEVICE_NAMES

import pyengine as pe


@pytest.mark.parametrize("replacement", [False, True])
def test_multinomial_draws_in_proportion(replacement) -> None:
    weights = np.array([0.0, 1.0, 2.0, 5.0, 0.0])
    rows = 20_000
    drawn = pe.multinomial(
        pe.tensor(weights).broadcast_to((rows, 5)), 1, replacement, generator=pe.Generator(3)
    ).numpy()
    assert drawn.shape == (rows, 1)
    share = weights / weights.sum()
    expected, counts = rows * share, np.bincount(drawn[:, 0], minlength=5)
    assert (counts[share == 0] == 0).all()
    # five standard deviations of a binomial count
    assert (np.abs(counts - expected) <= 5 * np.sqrt(rows * share * (1 - share))).all()


def test_multinomial_without_replacement_draws_no_class_twice() -> None:
    weights = pe.tensor([[1.0, 0.0, 9.0, 0.5], [1.0, 1.0, 1.0, 0.0]])
    drawn = pe.multinomial(weights, 3, generator=pe.Generator(1)).numpy()
    assert np.array_equal(np.sort(drawn, axis=1), [[0, 2, 3], [0, 1, 2]])
    # of the first of two draws the chances are the weights', of the second those of what is left
    pairs = pe.multinomial(pe.tensor([1.0, 3.0]).broadcast_to((8_000, 2)), 2, generator=pe.Generator(2)).numpy()
    first = (pairs[:, 0] == 1).mean()
    assert abs(first - 0.75) < 5 * np.sqrt(0.75 * 0.25 / 8_000)
    assert (pairs.sum(1) == 1).all()


def test_multinomial_is_the_same_on_every_device() -> None:
    weights = np.random.default_rng(0).random((50, 33))
    for replacement in (False, True):
        drawn = [
            pe.multinomial(pe.tensor(weights, device=d), 4, replacement, generator=pe.Generator(5)).numpy()
            for d in DEVICE_NAMES
        ]
        assert drawn[0].shape == (50, 4)
        assert all(np.array_equal(drawn[0], other) for other in drawn)


def test_multinomial_says_what_is_wrong() -> None:
    with pytest.raises(TypeError, match="float32 or float64, not int64"):
        pe.multinomial(pe.tensor([1, 2]), 1)
    for bad in ([1.0, -1.0], [1.0, float("nan")], [1.0, float("inf")]):
        with pytest.raises(ValueError, match="negative, infinite or NaN"):
            pe.multinomial(pe.tensor(bad), 1)
    with pytest.raises(ValueError, match="fewer than 1 weights above 0"):
        pe.multinomial(pe.zeros(2, 3), 1)
    with pytest.raises(ValueError, match="fewer than 3 weights above 0; draw fewer, or with replacement=True"):
        pe.multinomial(pe.tensor([1.0, 0.0, 2.0]), 3)
    with pytest.raises(ValueError, match="num_samples is a number of draws"):
        pe.multinomial(pe.ones(3), 0)
    with pytest.raises(ValueError, match=r"\(classes,\) or \(rows, classes\), not \(1, 2, 3\)"):
        pe.multinomial(pe.ones(1, 2, 3), 1)
