"""DataLoader: a data set in batches."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from ..random import Generator, default_generator, derived
from ..tape import wrap
from ..tensor import Tensor
from .collate import default_collate, fetch
from .prefetch import prefetched
from .sampling import BatchSampler, RandomSampler, SequentialSampler, pick_generator
from .transforms import Transform


class DataLoader:
    """Walks through a data set in batches: `for images, labels in loader: …`, once through for each `for`.

    dataset        what to load: a `Dataset`, or an `IterableDataset`, whose samples come in its own order
    batch_size     samples in a batch; the last batch may be smaller
    shuffle        a new random order each time through
    drop_last      leave the last batch out where it is smaller
    seed           fixes the orders; without one, and without a generator, they come from the default generator, so
                   that `pe.manual_seed` fixes them
    collate_fn     makes a batch of a list of samples; by default `default_collate`
    sampler        gives the numbers of the samples in their order, instead of shuffle
    batch_sampler  gives the numbers of each batch, instead of batch_size, shuffle, sampler and drop_last
    prefetch       how many batches a thread prepares ahead; 0 is none, right where the data are in memory
    num_workers    as scripts have it: above 0, one background thread prepares at least two batches ahead
    transform      changes the inputs of each batch, the batch itself or its first entry: `transform(array, generator)`,
                   as in `data.transforms`; what it draws follows from seed, walk and number of the batch alone
    ValueError where there is nothing to load: an empty data set, or drop_last with too few samples for one batch; for a
    batch_size below 1; and for two sources of order at once. TypeError where an iterable data set is given one, and
    for a transform of a batch that does not begin with a tensor.

    `state_dict()` between two batches, and `load_state_dict()` in another process, continue with the very next batch.

    >>> import numpy as np
    >>> from pyengine.data import TensorDataset
    >>> for (x,) in DataLoader(TensorDataset(np.arange(5)), batch_size=2):
    ...     print(x)
    tensor([0, 1])
    tensor([2, 3])
    tensor([4])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int | None = None,
        generator: Generator | None = None,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[Iterable[int]] | None = None,
        prefetch: int = 0,
        num_workers: int = 0,
        transform: Transform | None = None,
    ) -> None:
        if not isinstance(batch_size, int | np.integer) or isinstance(batch_size, bool) or batch_size < 1:
            raise ValueError(f"DataLoader: batch_size is a number of samples, an int from 1 on, not {batch_size!r}")
        if not isinstance(prefetch, int) or isinstance(prefetch, bool) or prefetch < 0:
            raise ValueError(f"DataLoader: prefetch is a number of batches, an int from 0 on, not {prefetch!r}")
        if not isinstance(num_workers, int) or isinstance(num_workers, bool) or num_workers < 0:
            raise ValueError(f"DataLoader: num_workers is a number from 0 on, not {num_workers!r}")
        orders = {"shuffle": shuffle, "sampler": sampler is not None, "batch_sampler": batch_sampler is not None}
        _check_order(dataset, [name for name, given in orders.items() if given])
        if batch_sampler is not None and (batch_size != 1 or drop_last):
            raise ValueError("DataLoader: batch_sampler makes the batches; leave out batch_size and drop_last")
        self.dataset = dataset
        self.batch_size = int(batch_size)
        self.drop_last = drop_last
        self.generator = pick_generator("DataLoader", seed, generator)
        self.collate_fn = collate_fn
        self.transform = transform
        self.prefetch = max(prefetch, 2) if num_workers else prefetch
        self.batch_sampler: Any = batch_sampler
        if batch_sampler is None and hasattr(dataset, "__getitem__"):
            if sampler is None:
                sampler = RandomSampler(dataset, generator=self.generator) if shuffle else SequentialSampler(dataset)
            self.batch_sampler = BatchSampler(sampler, self.batch_size, drop_last)
            self._check_size()
        self._walk: dict[str, Any] = _no_walk()
        self._resumed: dict[str, Any] | None = None

    def _check_size(self) -> None:
        if len(self.dataset) == 0:
            raise ValueError("DataLoader: the data set is empty")
        if len(self) == 0:
            raise ValueError(
                f"DataLoader: {len(self.batch_sampler.sampler)} samples make no batch of {self.batch_size}"
                + (", and drop_last=True leaves out smaller ones" if self.drop_last else "")
            )

    def __len__(self) -> int:
        """The number of batches; TypeError for an iterable data set, which does not know."""
        if self.batch_sampler is None:
            raise TypeError("DataLoader: an iterable data set has no known number of batches")
        return len(self.batch_sampler)

    # --- walking

    def __iter__(self) -> Iterator[Any]:
        resumed, self._resumed = self._resumed, None
        if resumed is None:
            noise = None if self.transform is None or self._drawn is None else self._drawn.take(1).tolist()
            order = None if self._source is None else self._source.state.tolist()
            self._walk = {"walking": True, "batches": 0, "order": order, "noise": noise}
            jobs: Iterator[tuple[int, Any]] = enumerate(self._jobs())
        else:
            self._walk = resumed
            jobs = islice(enumerate(self._redrawn_jobs(resumed["order"])), resumed["batches"], None)
        make = partial(self._make, self._walk["noise"])
        batches = prefetched(make, jobs, self.prefetch) if self.prefetch else map(make, jobs)
        return self._deliver(batches, self._walk)

    def _deliver(self, batches: Iterator[Any], walk: dict[str, Any]) -> Iterator[Any]:
        for batch in batches:
            walk["batches"] += 1
            yield batch
        if walk["batches"] == 0:
            raise ValueError("DataLoader: the data set gave no sample")
        walk.update(_no_walk())

    def _make(self, noise: list[int] | None, numbered: tuple[int, Any]) -> Any:
        number, job = numbered
        if self.batch_sampler is None:
            batch = (self.collate_fn or default_collate)(job)
        else:
            batch = fetch(self.dataset, np.asarray(job, np.int64), self.collate_fn)
        if self.transform is None or noise is None:
            return batch
        return _transformed(batch, self.transform, derived(*noise, number))

    def _jobs(self) -> Iterator[Any]:
        """For each batch the numbers of its samples, all drawn at once; or the samples themselves, of a stream."""
        return self._streamed() if self.batch_sampler is None else iter(list(self.batch_sampler))

    def _redrawn_jobs(self, order: list[int] | None) -> Iterator[Any]:
        """The jobs of a walk whose order was drawn from the state `order`; the generator stays where it is now."""
        source = self._source
        if source is None:
            return self._jobs()
        now, source.state = source.state, np.array(order, np.int64)
        try:
            return self._jobs()
        finally:
            source.state = now

    def _streamed(self) -> Iterator[list[Any]]:
        stream = iter(self.dataset)
        while batch := list(islice(stream, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    @property
    def _source(self) -> Generator | None:
        """The generator that the order is drawn from, if any."""
        found = getattr(getattr(self.batch_sampler, "sampler", self.batch_sampler), "generator", None)
        return found if isinstance(found, Generator) else None

    @property
    def _drawn(self) -> Generator | None:
        """The generator that orders and transforms are drawn from, if any are."""
        return self._source or (self.generator if self.transform is not None else None)

    # --- position

    def state_dict(self) -> dict[str, Any]:
        """Where the walk begun last has come to, as plain numbers: to be saved between two batches.

        A generator of its own is saved with it; the default generator is not the loader's to save.
        """
        own = self._drawn if self._drawn is not default_generator else None
        length = None if self.batch_sampler is None else len(self)
        return {
            **(self._resumed or self._walk),
            "length": length,
            "generator": None if own is None else own.state.tolist(),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Let the next walk go on where `state_dict()` was taken. ValueError where it is of another kind of loader."""
        length = None if self.batch_sampler is None else len(self)
        if state_dict["length"] != length:
            raise ValueError(
                f"DataLoader.load_state_dict: it walked through {state_dict['length']} batches, this one has {length}; "
                f"data set, batch_size and drop_last must be the same"
            )
        walk = {name: state_dict.get(name) for name in _no_walk()}
        if walk["walking"] and (walk["noise"] is None) != (self.transform is None):
            raise ValueError(
                "DataLoader.load_state_dict: one of the two loaders has a transform and the other has none"
            )
        if state_dict["generator"] is not None and self._drawn is not None:
            self._drawn.state = np.array(state_dict["generator"], np.int64)
        self._resumed = walk if walk["walking"] else None


def _no_walk() -> dict[str, Any]:
    return {"walking": False, "batches": 0, "order": None, "noise": None}


def _transformed(batch: Any, transform: Transform, generator: Generator) -> Any:
    """The batch with its inputs changed: the tensor that it is or begins with."""
    first = batch[0] if isinstance(batch, tuple | list) and batch else batch
    if not isinstance(first, Tensor):
        raise TypeError(
            f"DataLoader: transform changes a tensor; the batch is or begins with a {type(first).__name__}; leave "
            f"transform out, or make the change in collate_fn"
        )
    memory = first.device.memory
    changed = np.ascontiguousarray(transform(memory.get(first.data), generator))
    inputs: Tensor = wrap(memory.at(changed), first.device)
    return inputs if first is batch else (inputs, *batch[1:])


def _check_order(dataset: Any, chosen: list[str]) -> None:
    if len(chosen) > 1:
        raise ValueError(f"DataLoader: {' and '.join(chosen)} each fix the order; give one of them")
    if not hasattr(dataset, "__getitem__"):
        if not hasattr(dataset, "__iter__"):
            raise TypeError(f"DataLoader: a {type(dataset).__name__} is no data set: no __getitem__, no __iter__")
        if chosen:
            raise ValueError(f"DataLoader: an iterable data set comes in its own order; leave out {chosen[0]}")
