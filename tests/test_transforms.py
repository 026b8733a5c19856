"""Transforms of image batches: what each does, and that loaders draw the same for the same seed, resumed or not."""

import json
from collections import Counter

import numpy as np
import pytest

import pyengine as pe
from pyengine.data import DataLoader, IterableDataset, PixelDataset, TensorDataset, random_split
from pyengine.data.transforms import (
    Compose,
    Normalize,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    channel_mean_std,
)

KINDS = [np.uint8, np.float32, np.float64]


def pictures(n=40, channels=3, height=8, width=6, kind=np.uint8, seed=0):
    drawn = np.random.default_rng(seed).integers(1, 256, (n, channels, height, width), dtype=np.uint8)
    return drawn if kind == np.uint8 else (drawn / 255).astype(kind)


def photos(n=40, **options):
    return PixelDataset(pictures(n, **options), np.arange(n), flatten=False)


# --- what each does


@pytest.mark.parametrize("kind", KINDS)
def test_normalize(kind):
    images, mean, std = pictures(kind=kind), [0.2, 0.5, 0.7], [0.1, 0.2, 0.4]
    before = images.copy()
    out = Normalize(mean, std)(images)
    white = 255 if kind == np.uint8 else 1
    exact = (images / white - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    assert out.dtype == np.float32
    # float32: a product and a sum of numbers up to 10
    np.testing.assert_allclose(out, exact, atol=3e-6)
    np.testing.assert_array_equal(images, before)


def test_mean_and_deviation_are_those_of_the_part_alone():
    dataset = photos(200)
    train, _ = random_split(dataset, [150, 50], seed=1)
    mean, std = channel_mean_std(train)
    pixels = dataset.images[train.indices] / 255
    np.testing.assert_allclose(mean, pixels.mean((0, 2, 3)), rtol=1e-6)  # the images are float32
    np.testing.assert_allclose(std, pixels.std((0, 2, 3)), rtol=1e-6)
    # float32 images of size 2 at most, and some 7,000 of them in a mean
    out = Normalize(mean, std)(pixels.astype(np.float32)).astype(np.float64)
    np.testing.assert_allclose(out.mean((0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(out.std((0, 2, 3)), 1, atol=1e-6)
    whole, _ = channel_mean_std(dataset)
    assert mean != whole
    assert channel_mean_std(TensorDataset(np.ones((3, 1, 2, 2), np.float32))) == ([1.0], [0.0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_crop_is_a_window_of_the_padded_image(kind):
    images = pictures(200, kind=kind)
    out = RandomCrop((7, 6), padding=2, fill=0)(images, pe.Generator(0))
    padded = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)))
    places = Counter()
    for image, crop in zip(padded, out, strict=True):
        found = [
            (y, x) for y in range(6) for x in range(5) if np.array_equal(image[:, y : y + 7, x : x + 6], crop)
        ]  # fmt: skip
        assert len(found) == 1
        places[found[0]] += 1
    assert len(places) > 25  # of 30: 200 draws leave out one place in 900 on average
    assert (out.dtype, out.shape) == (images.dtype, (200, 3, 7, 6))


@pytest.mark.parametrize("kind", KINDS)
def test_a_flip_mirrors_left_and_right(kind):
    images = pictures(1000, height=2, width=3, kind=kind)
    out = RandomHorizontalFlip(0.3)(images, pe.Generator(0))
    flipped = (out == images[..., ::-1]).all(axis=(1, 2, 3))
    np.testing.assert_array_equal(out[~flipped], images[~flipped])
    assert 0.25 < flipped.mean() < 0.35  # a standard deviation is 0.0145
    assert not np.shares_memory(out, images)


def test_an_erased_part_is_a_rectangle_of_that_share():
    images = pictures(500, height=20, width=20)
    out = RandomErasing(p=0.5, scale=(0.1, 0.2), ratio=(0.5, 2.0), value=0)(images, pe.Generator(0))
    erased = out == 0  # no pixel of the images is
    np.testing.assert_array_equal(out[~erased], images[~erased])
    shares = []
    for mask in erased:
        np.testing.assert_array_equal(mask[0], mask[1])
        rows, columns = np.flatnonzero(mask[0].any(1)), np.flatnonzero(mask[0].any(0))
        if rows.size:
            assert mask[0][np.ix_(rows, columns)].all()
            assert len(rows) == rows[-1] - rows[0] + 1
            assert len(columns) == columns[-1] - columns[0] + 1
            assert 0.4 < len(rows) / len(columns) < 2.5  # 0.5 to 2, and sides rounded to whole pixels
            shares.append(mask[0].mean())
    assert 0.42 < len(shares) / 500 < 0.58
    assert 0.08 < min(shares) < 0.12
    assert 0.18 < max(shares) < 0.23


def test_what_sticks_out_is_cut_off():
    images = np.ones((50, 1, 2, 30), np.float32)
    out = RandomErasing(p=1.0, scale=(0.5, 0.5), ratio=(0.9, 1.1), value=2)(images, pe.Generator(0))
    assert ((out == 2).sum(axis=(1, 2, 3)) <= 2 * 6).all()
    assert out.max() == 2


def test_no_images():
    none = pictures(0)
    every = Compose([RandomCrop(4), RandomHorizontalFlip(), RandomErasing(), Normalize(0.5, 0.5)])
    assert every(none).shape == (0, 3, 4, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normalize([0.5], [0.0]), r"Normalize: std must be above 0, not \[0.0\]"),
        (lambda: Normalize([np.nan], [1.0]), "Normalize: mean is a number for each channel"),
        (lambda: Normalize([0.5, 0.5], 1)(pictures()), r"mean has 2 channels, images of shape \(40, 3, 8, 6\) have 3"),
        (lambda: Normalize(0, 1)(pictures()[0]), r"Normalize: needs a batch of images .* not \(3, 8, 6\)"),
        (lambda: RandomCrop(0), "RandomCrop: size is pixels from 1 on"),
        (lambda: RandomCrop(9)(pictures()), r"9 x 9 pixels is larger than images of 8 x 6 with a border of 0, 8 x 6"),
        (lambda: RandomHorizontalFlip(2), "RandomHorizontalFlip: p is a probability, from 0 to 1, not 2"),
        (lambda: RandomErasing(-1), "RandomErasing: p is a probability"),
        (lambda: RandomErasing(scale=(0.5, 0.1)), "RandomErasing: scale is a range in"),
        (lambda: channel_mean_std(TensorDataset(np.ones((3, 4)))), r"needs a batch of images .* not \(3, 4\)"),
        (lambda: channel_mean_std([]), "channel_mean_std: the data set is empty"),
    ],
)
def test_mistakes(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- in a loader


AUGMENT = Compose([RandomCrop((8, 6), padding=1), RandomHorizontalFlip(), RandomErasing(), Normalize(0.5, 0.25)])


def loader(seed=0, shuffle=True, **options):
    return DataLoader(photos(), 7, shuffle=shuffle, seed=seed, transform=AUGMENT, **options)


def walk(batches):
    return [(images.numpy().copy(), labels.numpy().tolist()) for images, labels in batches]


def same(a, b):
    assert [labels for _, labels in a] == [labels for _, labels in b]
    for (x, _), (y, _) in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_same_seed_gives_the_same_batches_and_each_epoch_other_ones(shuffle):
    a, b = loader(shuffle=shuffle), loader(shuffle=shuffle, prefetch=2)
    first, second = walk(a), walk(a)
    same(first, walk(b))
    same(second, walk(b))
    assert not np.array_equal(first[0][0], second[0][0])
    assert not np.array_equal(first[0][0], walk(loader(1, shuffle))[0][0])
    images, labels = first[2]
    assert (images.dtype, images.shape, len(labels)) == (np.float32, (7, 3, 8, 6), 7)


def test_manual_seed_decides_where_there_is_no_seed():
    both = []
    for _ in range(2):
        pe.manual_seed(3)
        both.append(walk(DataLoader(photos(), 7, transform=AUGMENT)))
    same(*both)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("done", [1, 5, 6, 8])
def test_a_walk_goes_on_where_it_was(done, shuffle):
    """Six batches an epoch: at the first, before the last, between two epochs, in the second."""
    straight = loader(shuffle=shuffle)
    whole = walk(straight) + walk(straight)
    stopped, batches = loader(shuffle=shuffle), []
    for _ in range(2):
        for batch in stopped:
            batches.append(batch)
            if len(batches) == done:
                break
        if len(batches) == done:
            break
    state = json.loads(json.dumps(stopped.state_dict()))
    again = loader(seed=99, shuffle=shuffle)
    again.load_state_dict(state)
    # after the sixth batch the first walk still has to end: it gives no more, then comes the second
    rest = walk(again) + (walk(again) if done <= 6 else [])
    assert len(rest) == 12 - done
    same(whole[done:], rest)


def test_a_state_of_a_loader_without_transform_is_refused():
    plain = DataLoader(photos(), 7, shuffle=True, seed=0)
    next(iter(plain))
    with pytest.raises(ValueError, match="one of the two loaders has a transform and the other has none"):
        loader().load_state_dict(plain.state_dict())


def test_transforms_get_batches_of_any_make():
    def double(array, generator):
        return array * 2

    (x,) = next(iter(DataLoader(TensorDataset(np.arange(3.0)), 3, transform=double)))
    assert x.tolist() == [0.0, 2.0, 4.0]
    assert next(iter(DataLoader([1.0, 2.0], 2, transform=double))).tolist() == [2.0, 4.0]

    class Stream(IterableDataset):
        def __iter__(self):
            return iter([(1.0, "a"), (2.0, "b")])

    x, names = next(iter(DataLoader(Stream(), 2, transform=double)))
    assert (x.tolist(), names) == ([2.0, 4.0], ["a", "b"])
    with pytest.raises(TypeError, match="transform changes a tensor; the batch is or begins with a dict"):
        next(iter(DataLoader([{"x": 1.0}], transform=double)))
