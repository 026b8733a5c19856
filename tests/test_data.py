"""Data sets, splits and loaders."""

import json
import threading
import time

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import pyengine as pe
from pyengine.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    load_digits,
    permutation,
    random_split,
)


def numbers(n):
    return TensorDataset(np.arange(n))


def seen(loader):
    return [int(x) for (batch,) in loader for x in batch.numpy()]


class Squares:
    """A data set that is only a length and a way to get sample i."""

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return {"x": float(index), "square": index * index}


# --- data sets


def test_tensor_dataset_samples_are_rows():
    x, y = np.arange(6, dtype=np.float32).reshape(3, 2), np.arange(3)
    dataset = TensorDataset(x, pe.tensor(y))
    image, label = dataset[1]
    assert image.numpy().tolist() == [2.0, 3.0]
    assert (label.shape, label.item()) == ((), 1)
    assert dataset[-1][1].item() == 2
    assert dataset[np.int64(2)][1].item() == 2
    assert isinstance(dataset, Dataset)
    assert dataset.tensors[0].data is x


def test_tensor_dataset_takes_foreign_byte_orders():
    dataset = TensorDataset(np.arange(3, dtype=">i4"), np.arange(3, dtype=">f8"))
    assert [str(t.dtype) for t in dataset.tensors] == ["int32", "float64"]
    assert dataset.tensors[0].numpy().tolist() == [0, 1, 2]


def test_tensor_dataset_errors():
    with pytest.raises(ValueError, match=r"tensor 0 has 3 samples \(shape \(3, 2\)\), tensor 1 has 4 \(shape \(4,\)\)"):
        TensorDataset(np.zeros((3, 2)), np.zeros(4))
    with pytest.raises(ValueError, match="needs at least one tensor"):
        TensorDataset()
    with pytest.raises(ValueError, match="tensor 1 has no axes"):
        TensorDataset(np.zeros(1), np.array(1.0))
    with pytest.raises(TypeError, match="dtype <U1 is not supported"):
        TensorDataset(np.array(["a"]))
    for index in (3, -4):
        with pytest.raises(IndexError, match=f"TensorDataset: there is no sample {index}; it has 3"):
            numbers(3)[index]


def test_subset_of_subset():
    inner = Subset(numbers(10), [9, 7, 5, 3])
    outer = Subset(inner, [2, 0])
    assert [x.item() for (x,) in outer] == [5, 9]
    assert seen(DataLoader(outer, batch_size=2)) == [5, 9]
    with pytest.raises(IndexError, match="Subset: there is no sample 2; it has 2"):
        outer[2]
    with pytest.raises(IndexError, match=r"Subset: indices\[1\] is 10; the data set has samples 0 to 9"):
        Subset(numbers(10), [0, 10])
    with pytest.raises(IndexError, match=r"indices\[0\] is -1"):
        Subset(numbers(10), [-1])
    with pytest.raises(ValueError, match=r"not of shape \(1, 2\)"):
        Subset(numbers(10), [[0, 1]])
    with pytest.raises(TypeError, match="whole numbers, not float64"):
        Subset(numbers(10), [0.5])
    with pytest.raises(TypeError, match="whole numbers, not bool"):
        Subset(numbers(2), [True, False])


# --- digits


def test_digits_are_the_real_ones():
    images, labels = load_digits().tensors
    assert (images.shape, images.dtype) == ((1797, 64), pe.float32)
    assert (labels.shape, labels.dtype) == ((1797,), pe.int64)
    assert (images.numpy().min(), images.numpy().max()) == (0.0, 1.0)
    assert np.bincount(labels.numpy()).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    # in sixteenths, so that the values are exact; the sum is that of the published data
    assert (images.numpy().astype(np.float64) * 16).sum() == 561718
    square = load_digits(flatten=False).tensors[0]
    assert square.shape == (1797, 1, 8, 8)
    np.testing.assert_array_equal(square.numpy().reshape(1797, 64), images.numpy())


def test_the_first_digit_is_a_ring():
    images, labels = load_digits().tensors
    picture = images.numpy()[0].reshape(8, 8)
    assert labels.numpy()[0] == 0
    assert picture[3:5, 3:5].max() == 0.0
    assert picture[3:5, [2, 5]].min() >= 0.25


# --- orders and splits


@given(st.integers(0, 200), st.integers(0, 2**63 - 1))
def test_permutation_holds_each_number_once_and_depends_on_the_seed_only(n, seed):
    order = permutation(n, pe.Generator(seed))
    assert sorted(order) == list(range(n))
    assert order.dtype == np.int64
    np.testing.assert_array_equal(order, permutation(n, pe.Generator(seed)))


def test_permutation_of_a_seed_never_changes():
    assert permutation(8, pe.Generator(0)).tolist() == [4, 5, 0, 7, 3, 1, 6, 2]


def test_permutations_are_even():
    """Each of the 6 orders of 3 comes up equally often."""
    generator = pe.Generator(0)
    counts = {}
    for _ in range(6000):
        order = tuple(permutation(3, generator).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    # 1000 each, with a standard deviation of 29: five of them
    assert all(abs(c - 1000) < 145 for c in counts.values())


@given(st.integers(1, 300), st.lists(st.integers(1, 20), min_size=1, max_size=5), st.integers(0, 100))
def test_random_split_by_fractions_covers_each_sample_once(n, shares, seed):
    fractions = [share / sum(shares) for share in shares]
    assume(all(n * fraction >= 1 for fraction in fractions))
    parts = random_split(numbers(n), fractions, seed=seed)
    assert sorted(i for part in parts for i in part.indices) == list(range(n))
    assert all(abs(len(part) - n * f) < len(shares) for part, f in zip(parts, fractions, strict=True))


def test_random_split_by_lengths():
    a, b = random_split(numbers(10), [7, 3], seed=0)
    assert (len(a), len(b)) == (7, 3)
    assert sorted([*seen(DataLoader(a)), *seen(DataLoader(b))]) == list(range(10))
    a, b = random_split(numbers(10), [10, 0])
    assert (len(a), len(b)) == (10, 0)


def test_random_split_rounds_like_torch():
    torch = pytest.importorskip("torch")
    for n in (10, 97, 1797):
        for fractions in ([0.7, 0.15, 0.15], [0.3, 0.3, 0.4], [0.5, 0.5], [0.1] * 10):
            theirs = torch.utils.data.random_split(range(n), fractions)
            assert [len(p) for p in random_split(numbers(n), fractions)] == [len(p) for p in theirs]


def test_random_split_is_reproducible():
    def first(**options):
        return random_split(numbers(50), [0.5, 0.5], **options)[0].indices.tolist()

    assert first(seed=3) == first(seed=3) == first(generator=pe.Generator(3))
    assert first(seed=3) != first(seed=4)
    pe.manual_seed(7)
    drawn = first()
    assert drawn != first()
    pe.manual_seed(7)
    assert drawn == first()


def test_random_split_errors():
    with pytest.raises(ValueError, match=r"the lengths \[7, 2\] add up to 9, the data set has 10 samples"):
        random_split(numbers(10), [7, 2])
    with pytest.raises(ValueError, match=r"the fractions \[0.7, 0.2\] add up to 0.9, not to 1"):
        random_split(numbers(10), [0.7, 0.2])
    with pytest.raises(ValueError, match=r"\[11, -1\] holds a negative length"):
        random_split(numbers(10), [11, -1])
    with pytest.raises(ValueError, match=r"the fraction 0.1 of 3 samples leaves a part empty: \[3, 0\]"):
        random_split(numbers(3), [0.9, 0.1])
    with pytest.raises(ValueError, match="random_split: no lengths"):
        random_split(numbers(3), [])
    with pytest.raises(ValueError, match="give a seed or a generator, not both"):
        random_split(numbers(3), [3], seed=0, generator=pe.Generator(0))


# --- loaders


@given(st.integers(1, 60), st.integers(1, 70), st.booleans(), st.booleans())
def test_a_loader_covers_each_sample_exactly_once(n, batch_size, shuffle, drop_last):
    if drop_last and n < batch_size:
        return
    loader = DataLoader(numbers(n), batch_size, shuffle=shuffle, drop_last=drop_last, seed=1)
    batches = [batch.numpy().tolist() for (batch,) in loader]
    assert len(batches) == len(loader)
    assert all(len(b) == batch_size for b in batches[: None if drop_last else -1])
    got = [x for b in batches for x in b]
    assert len(set(got)) == len(got) == (n - n % batch_size if drop_last else n)
    assert set(got) <= set(range(n))
    if not shuffle:
        assert got == list(range(len(got)))


def test_the_same_seed_gives_the_same_orders_and_each_epoch_another():
    a = DataLoader(numbers(100), 10, shuffle=True, seed=5)
    b = DataLoader(numbers(100), 10, shuffle=True, seed=5)
    epochs = [seen(a), seen(a)]
    assert epochs == [seen(b), seen(b)]
    assert epochs[0] != epochs[1]
    assert epochs[0] != seen(DataLoader(numbers(100), 10, shuffle=True, seed=6))


def test_manual_seed_fixes_the_order_of_a_loader_without_seed():
    def go():
        pe.manual_seed(3)
        return [seen(DataLoader(numbers(30), 7, shuffle=True)) for _ in range(2)]

    first, second = go()
    assert go() == [first, second]
    assert first != second


def test_batches_keep_dtypes_and_own_their_memory():
    x = np.arange(8, dtype=np.float32).reshape(4, 2)
    loader = DataLoader(TensorDataset(x, np.arange(4)), batch_size=4)
    images, labels = next(iter(loader))
    assert (images.dtype, labels.dtype) == (pe.float32, pe.int64)
    assert not np.may_share_memory(images.numpy(), x)
    assert not images.requires_grad


def test_batches_stay_on_the_device_of_their_tensors():
    dataset = TensorDataset(pe.ones(3, 2, device="numpy"), pe.arange(3, device="numpy"))
    assert [t.device.name for t in next(iter(DataLoader(dataset)))] == ["numpy", "numpy"]


def test_gathering_agrees_with_collating_samples():
    rng = np.random.default_rng(0)
    # strided on purpose: neither C-ordered nor contiguous
    dataset = TensorDataset(rng.standard_normal((9, 4, 3)).transpose(0, 2, 1)[:, ::-1], np.arange(18)[::2])
    part = Subset(dataset, [8, 1, 1, 4, 0])
    for a, b in zip(DataLoader(part, 2), DataLoader(part, 2, collate_fn=default_collate), strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x.numpy(), y.numpy())
            assert x.dtype == y.dtype


def test_a_loader_over_any_class_with_len_and_getitem():
    batch = next(iter(DataLoader(Squares(), batch_size=3)))
    assert batch["x"].numpy().tolist() == [0.0, 1.0, 2.0]
    assert (batch["square"].dtype, batch["square"].numpy().tolist()) == (pe.int64, [0, 1, 4])
    assert isinstance(Squares(), Dataset)


def test_collate_functions_are_used():
    loader = DataLoader(numbers(4), batch_size=2, collate_fn=lambda samples: [x.item() for (x,) in samples])
    assert list(loader) == [[0, 1], [2, 3]]


def test_default_collate():
    x, label, name = default_collate([(np.ones(2, np.float32), 1, "a"), (np.zeros(2, np.float32), 2, "b")])
    assert (x.dtype, x.shape, label.dtype, name) == (pe.float32, (2, 2), pe.int64, ["a", "b"])
    assert default_collate([pe.tensor(1.0), pe.tensor(2.0)]).numpy().tolist() == [1.0, 2.0]
    assert default_collate([True, False]).dtype == pe.bool
    with pytest.raises(ValueError, match=r"samples of shapes \(2,\) and \(3,\) \(numbers 0 and 1 of a batch\)"):
        default_collate([np.zeros(2), np.zeros(3)])
    with pytest.raises(ValueError, match="samples of 1 and of 2 entries make no batch"):
        default_collate([(1, 2), (1,)])


def test_loader_errors():
    for bad in (0, -1, 2.0, True, None):
        with pytest.raises(ValueError, match="batch_size is a number of samples, an int from 1 on"):
            DataLoader(numbers(3), batch_size=bad)
    with pytest.raises(ValueError, match="DataLoader: the data set is empty"):
        DataLoader(numbers(0))
    with pytest.raises(ValueError, match="3 samples make no batch of 4, and drop_last=True leaves out smaller ones"):
        DataLoader(numbers(3), batch_size=4, drop_last=True)
    with pytest.raises(ValueError, match="give a seed or a generator, not both"):
        DataLoader(numbers(3), seed=0, generator=pe.Generator(0))


def test_two_walks_through_one_loader_do_not_disturb_each_other():
    loader = DataLoader(numbers(6), batch_size=2)
    pairs = [(a.numpy().tolist(), b.numpy().tolist()) for (a,) in loader for (b,) in loader]
    assert len(pairs) == 9
    assert pairs[1] == ([0, 1], [2, 3])


# --- joined and iterable data sets


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4))
def test_concat_numbers_through(lengths):
    starts = np.cumsum([0, *lengths[:-1]])
    joined = ConcatDataset([TensorDataset(np.arange(a, a + n)) for a, n in zip(starts, lengths, strict=True)])
    n = sum(lengths)
    assert len(joined) == n
    assert [joined[i][0].item() for i in range(n)] == list(range(n))
    assert [joined[i - n][0].item() for i in range(n)] == list(range(n))
    with pytest.raises(IndexError, match=f"ConcatDataset: there is no sample {n}; it has {n}"):
        joined[n]
    if n:
        assert sorted(seen(DataLoader(joined, batch_size=3, shuffle=True, seed=0))) == list(range(n))


def test_concat_of_nothing():
    with pytest.raises(ValueError, match="there are no data sets to join"):
        ConcatDataset([])


class Stream:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return ((i, i * 0.5) for i in range(self.n))


def test_an_iterable_data_set_in_batches():
    assert isinstance(Stream(1), IterableDataset)
    loader = DataLoader(Stream(5), batch_size=2)
    for _ in range(2):
        assert [(a.numpy().tolist(), b.numpy().tolist()) for a, b in loader] == [
            ([0, 1], [0.0, 0.5]), ([2, 3], [1.0, 1.5]), ([4], [2.0])
        ]  # fmt: skip
    assert len(list(DataLoader(Stream(5), batch_size=2, drop_last=True))) == 2
    with pytest.raises(TypeError, match="an iterable data set has no known number of batches"):
        len(loader)
    with pytest.raises(ValueError, match="comes in its own order; leave out shuffle"):
        DataLoader(Stream(5), shuffle=True)
    with pytest.raises(ValueError, match="the data set gave no sample"):
        list(DataLoader(Stream(0)))
    with pytest.raises(TypeError, match="a int is no data set"):
        DataLoader(5)


# --- samplers


def test_samplers_agree_with_shuffle():
    by_hand = DataLoader(numbers(20), 3, sampler=RandomSampler(range(20), seed=4))
    assert seen(by_hand) == seen(DataLoader(numbers(20), 3, shuffle=True, seed=4))
    assert seen(DataLoader(numbers(20), 3, sampler=SequentialSampler(range(20)))) == list(range(20))
    assert seen(DataLoader(numbers(5), batch_sampler=[[4, 0], [2]])) == [4, 0, 2]
    batches = BatchSampler(SequentialSampler(range(7)), 3, drop_last=True)
    assert len(batches) == 2
    assert [b.numpy().tolist() for (b,) in DataLoader(numbers(7), batch_sampler=batches)] == [[0, 1, 2], [3, 4, 5]]


def test_random_sampler_with_and_without_replacement():
    some = list(RandomSampler(range(10), num_samples=6, seed=0))
    assert len(set(some)) == 6
    drawn = list(RandomSampler(range(10), replacement=True, num_samples=10_000, seed=0))
    # 1000 each with a standard deviation of 30: five of them
    assert all(abs(c - 1000) < 150 for c in np.bincount(drawn, minlength=10))
    with pytest.raises(ValueError, match="cannot draw 11 of 10 samples without replacement"):
        RandomSampler(range(10), num_samples=11)


def test_weighted_sampler_follows_its_weights():
    drawn = list(WeightedRandomSampler([1.0, 0.0, 3.0], 8000, seed=0))
    counts = np.bincount(drawn, minlength=3)
    assert counts[1] == 0
    assert abs(counts[0] - 2000) < 5 * np.sqrt(8000 * 0.25 * 0.75)
    for weights in ([], [0.0], [1.0, -1.0], [float("nan")], [float("inf")], [[1.0]]):
        with pytest.raises(ValueError, match="weights are finite numbers ≥ 0, one for each sample, not all 0"):
            WeightedRandomSampler(weights, 1)


def test_one_order_only():
    with pytest.raises(ValueError, match="shuffle and sampler each fix the order"):
        DataLoader(numbers(3), shuffle=True, sampler=[0])
    with pytest.raises(ValueError, match="sampler and batch_sampler each fix the order"):
        DataLoader(numbers(3), sampler=[0], batch_sampler=[[0]])
    with pytest.raises(ValueError, match="batch_sampler makes the batches; leave out batch_size and drop_last"):
        DataLoader(numbers(3), batch_size=2, batch_sampler=[[0]])
    with pytest.raises(ValueError, match="0 samples make no batch of 1"):
        DataLoader(numbers(3), sampler=[])


@pytest.mark.parametrize("bad", [[3], [-1]])
def test_a_sampler_that_names_no_sample(bad):
    with pytest.raises(IndexError, match=f"the sampler asks for sample {bad[0]}; the data set has 3"):
        list(DataLoader(numbers(3), sampler=bad))


# --- prefetching


@given(st.integers(1, 30), st.integers(1, 8), st.integers(1, 4))
def test_prefetching_changes_nothing(n, batch_size, prefetch):
    plain = DataLoader(numbers(n), batch_size, shuffle=True, seed=2)
    ahead = DataLoader(numbers(n), batch_size, shuffle=True, seed=2, prefetch=prefetch)
    assert [seen(plain), seen(plain)] == [seen(ahead), seen(ahead)]


def prefetch_threads():
    return [t for t in threading.enumerate() if t.name == "pyengine-prefetch"]


def test_the_thread_works_ahead_but_no_further_than_asked_and_ends_with_the_walk():
    made = []

    class Noting(Squares):
        def __getitem__(self, index):
            made.append(index)
            return index

    walk = iter(DataLoader(Noting(), batch_size=1, prefetch=2))
    next(walk)
    deadline = time.monotonic() + 10
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert len(made) == 4  # one handed out, two in the queue, one in the thread's hands
    walk.close()
    assert not prefetch_threads()
    list(DataLoader(Noting(), batch_size=1, prefetch=2))
    assert not prefetch_threads()


def test_a_mistake_in_the_thread_comes_out_where_its_batch_would_have():
    class Broken(Squares):
        def __getitem__(self, index):
            if index == 3:
                raise OSError("unreadable")
            return index

    walk = iter(DataLoader(Broken(), batch_size=1, prefetch=4))
    assert [next(walk).item() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="unreadable"):
        next(walk)
    assert not prefetch_threads()


# --- resuming


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("options", [{}, {"shuffle": True, "seed": 3}, {"shuffle": True}], ids=str)
def test_a_resumed_loader_goes_on_with_the_next_batch(options, prefetch):
    def loader():
        return DataLoader(numbers(11), batch_size=3, prefetch=prefetch, **options)

    def walk_on(loader, start, batches):
        walk, got = start or iter(loader), []
        while len(got) < batches:
            batch = next(walk, None)
            if batch is None:
                got.append("end")
                walk = iter(loader)
            else:
                got.append(batch[0].numpy().tolist())
        return got

    for stop in range(9):
        pe.manual_seed(1)
        straight = loader()
        walk, states = iter(straight), []
        for _ in range(stop):
            if next(walk, None) is None:
                walk = iter(straight)
        state = json.loads(json.dumps(straight.state_dict()))
        states.append(pe.random.default_generator.state.copy())
        expected = walk_on(straight, walk, 9)
        pe.manual_seed(99)
        resumed = loader()
        resumed.load_state_dict(state)
        pe.random.default_generator.state = states[0]
        assert walk_on(resumed, None, 9) == expected


def test_a_state_between_two_walks_starts_a_new_one():
    a = DataLoader(numbers(9), 2, shuffle=True, seed=0)
    seen(a)
    state = a.state_dict()
    assert (state["walking"], state["batches"]) == (False, 0)
    b = DataLoader(numbers(9), 2, shuffle=True, seed=7)
    b.load_state_dict(state)
    assert seen(a) == seen(b)


def test_a_state_saved_right_after_loading_is_the_loaded_one():
    a = DataLoader(numbers(9), 2, shuffle=True, seed=0)
    next(iter(a))
    b = DataLoader(numbers(9), 2, shuffle=True, seed=7)
    b.load_state_dict(a.state_dict())
    assert b.state_dict() == a.state_dict()
    assert len(list(b)) == 4


def test_an_iterable_data_set_resumes_by_skipping():
    a = DataLoader(Stream(7), batch_size=2)
    walk = iter(a)
    next(walk)
    next(walk)
    b = DataLoader(Stream(7), batch_size=2)
    b.load_state_dict(a.state_dict())
    assert [x.numpy().tolist() for x, _ in b] == [[4, 5], [6]]
    assert len(list(b)) == 4


def test_a_state_of_another_loader_is_refused():
    state = DataLoader(numbers(9), 2).state_dict()
    with pytest.raises(ValueError, match="it walked through 5 batches, this one has 3; data set, batch_size"):
        DataLoader(numbers(9), 3).load_state_dict(state)
