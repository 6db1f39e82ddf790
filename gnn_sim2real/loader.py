"""Shuffled batches of a store for Lightning, the same in every run with the same seed."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.store import GraphStore


class MaterialSet(Dataset[GraphBatch]):
    """Rows of a store with their targets; indexed by whole batches.

    Args:
        store: The graphs.
        rows: int64, (num_materials,); which of them.
        targets: float32, (len(store), num_properties) in physical units, NaN where missing; None in prediction.
    """

    def __init__(self, store: GraphStore, rows: Tensor, targets: Tensor | None) -> None:
        self.store, self.rows, self.targets = store, rows, targets

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, positions: Tensor) -> GraphBatch:
        """Gather the batch at these positions of `rows`."""
        rows = self.rows[positions]
        return self.store.select(rows, None if self.targets is None else self.targets[rows])

    @property
    def present_targets(self) -> Tensor:
        """Targets of exactly these rows."""
        if self.targets is None:
            raise ValueError("this set has no targets: it is for prediction only")
        return self.targets[self.rows]


class BatchSampler(Sampler[Tensor]):
    """Positions of each batch. The order depends on nothing but `seed` and the epoch.

    Batches differ by one material at most: no last batch so small that BatchNorm would choke on it.

    Args:
        num_materials: Number of materials in an epoch.
        batch_size: Most materials in one batch.
        seed: Fixes the order of all epochs; None keeps the given order.
    """

    def __init__(self, num_materials: int, batch_size: int, seed: int | None) -> None:
        self.num_materials, self.seed, self.epoch = num_materials, seed, 0
        self.num_batches = -(-num_materials // batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[Tensor]:
        # A generator, since Lightning takes the iterator of a resumed training before it sets the epoch.
        if self.seed is None:
            order = torch.arange(self.num_materials)
        else:
            generator = torch.Generator().manual_seed((self.seed * 1_000_003 + self.epoch) % 2**63)
            order = torch.randperm(self.num_materials, generator=generator)
        yield from order.tensor_split(self.num_batches)


def make_loader(materials: MaterialSet, batch_size: int, seed: int | None = None, **options: Any) -> DataLoader[Any]:
    """A torch `DataLoader` whose items are whole `GraphBatch`es.

    Args:
        materials: What to load.
        batch_size: Most materials in one batch.
        seed: Shuffles when given.
        options: Further arguments of `DataLoader`, e.g. `num_workers`.
    """
    sampler = BatchSampler(len(materials), batch_size, seed)
    # A generator of its own: else a loader draws from torch's global one, and dropout would depend on how often loaders
    # were made, which differs between a whole and a resumed training.
    return DataLoader(materials, sampler=sampler, batch_size=None, generator=torch.Generator(), **options)
