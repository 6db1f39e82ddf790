"""Shuffled batches of a store for Lightning, the same in every run with the same seed."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Sampler, SequentialSampler

from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.store.mixtures import AnyStore


class MaterialSet(Dataset[GraphBatch]):
    """Rows of a store with their targets; indexed by whole batches.

    Args:
        store: The graphs.
        rows: int64, (num_materials,); which of them.
        targets: float32, (len(store), num_properties) in physical units, NaN where missing; None in prediction.
        simulated: float32, (len(store), num_properties); simulated values of the same properties; None if unknown.
        censored: int64, (len(store), num_properties); on which side of a target the true value is, see `GraphBatch`.
        loss_weights: float32, (len(store), num_properties); weight of each value in a loss; None for equal ones.
    """

    def __init__(
        self,
        store: AnyStore,
        rows: Tensor,
        targets: Tensor | None,
        simulated: Tensor | None = None,
        censored: Tensor | None = None,
        loss_weights: Tensor | None = None,
    ) -> None:
        self.store, self.rows, self.targets, self.simulated = store, rows, targets, simulated
        self.censored, self.loss_weights = censored, loss_weights

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, positions: Tensor) -> GraphBatch:
        """Gather the batch at these positions of `rows`."""
        rows = self.rows[positions]
        targets, simulated = (None if values is None else values[rows] for values in (self.targets, self.simulated))
        batch = self.store.select(rows, targets, simulated)
        given = {"censored": self.censored, "loss_weights": self.loss_weights}
        more = {name: values[rows] for name, values in given.items() if values is not None}
        return replace(batch, **more) if more else batch

    @property
    def present_targets(self) -> Tensor:
        """Targets of exactly these rows.

        Raises:
            ValueError: If the set is for prediction only.
        """
        if self.targets is None:
            raise ValueError("this set has no targets: it is for prediction only")
        return self.targets[self.rows]

    @property
    def present_conditions(self) -> Tensor | None:
        """Conditions of exactly these rows; None where there are none."""
        return self.store.conditions_of(self.rows)

    @property
    def present_simulated(self) -> Tensor | None:
        """Simulated values of exactly these rows; None if unknown."""
        return None if self.simulated is None else self.simulated[self.rows]


class BatchSampler(DistributedSampler[Tensor]):
    """Positions of each batch. The order depends on nothing but `seed` and the epoch.

    Batch sizes differ by at most one material: no last batch is too small for BatchNorm. Several processes (ranks) go
    through the same batches in the same order, each with its own share of every batch, so that a training has the same
    steps on one device and on many. Lightning replaces any sampler that is not a `DistributedSampler`.

    The next epoch leaves out its first `start` batches, once.

    Args:
        num_materials: Number of materials in an epoch.
        batch_size: Largest number of materials in one batch, all processes together.
        seed: Seed of the order of all epochs; None keeps the given order.
        num_ranks: Number of processes.
        rank: Number of this process.

    Raises:
        ValueError: If a process would get fewer than two materials of a batch, too few for BatchNorm.
    """

    def __init__(
        self, num_materials: int, batch_size: int, seed: int | None, num_ranks: int = 1, rank: int = 0
    ) -> None:
        super().__init__(range(num_materials), num_replicas=num_ranks, rank=rank)  # type: ignore[arg-type]
        self.num_materials, self.order_seed, self.start = num_materials, seed, 0
        self.num_batches = -(-num_materials // batch_size)
        smallest = num_materials // max(1, self.num_batches)
        if num_ranks > 1 and smallest < 2 * num_ranks:
            raise ValueError(
                f"{num_materials} materials in batches of at most {batch_size} cannot be shared by {num_ranks} "
                f"processes with at least two of each batch; increase `batch_size` or use fewer devices"
            )

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[Tensor]:
        # A generator, since Lightning creates the iterator of a resumed training before it sets the epoch.
        if self.order_seed is None:
            order = torch.arange(self.num_materials)
        else:
            generator = torch.Generator().manual_seed((self.order_seed * 1_000_003 + self.epoch) % 2**63)
            order = torch.randperm(self.num_materials, generator=generator)
        start, self.start = self.start, 0
        for batch in order.tensor_split(self.num_batches)[start:]:
            yield batch.tensor_split(self.num_replicas)[self.rank]


class SameBatches(SequentialSampler):
    """The same batches in every epoch, for the trainer's `overfit_batches`.

    Lightning replaces any sampler that is not a `SequentialSampler` by one of single materials there.

    Args:
        batches: Those of the first epoch.
    """

    def __init__(self, batches: BatchSampler) -> None:
        super().__init__(batches)
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)


class BatchLoader(DataLoader[Any]):
    """A torch `DataLoader` of batches, which goes on within an epoch: Lightning keeps its state in checkpoints."""

    trainer: Trainer | None = None
    position = 0
    """Number of batches of this epoch that were given out."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # torch has its own kind of iterator
        self.position = self._batches.start
        for batch in super().__iter__():
            self.position += 1
            yield batch

    @property
    def _batches(self) -> BatchSampler:
        sampler: Any = self.sampler
        found: BatchSampler = getattr(sampler, "batches", sampler)
        return found

    def state_dict(self) -> dict[str, int]:
        """The position within the epoch; 0 at its end."""
        last = self.trainer.num_training_batches if self.trainer else len(self)
        return {"position": self.position if self.position < last else 0}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on at this position.

        Args:
            state: From `state_dict`.
        """
        self._batches.start = state["position"]


def make_loader(
    materials: MaterialSet, batch_size: int, seed: int | None = None, trainer: Trainer | None = None, **options: Any
) -> BatchLoader:
    """A torch `DataLoader` whose items are whole `GraphBatch`es.

    Args:
        materials: What to load.
        batch_size: Largest number of materials in one batch, all processes together.
        seed: Seed of the shuffling; no shuffling unless given.
        trainer: Trainer whose processes share every batch; without one, this process gets all materials.
        options: Further arguments of `DataLoader`, e.g. `num_workers`.
    """
    num_ranks, rank = (trainer.world_size, trainer.global_rank) if trainer else (1, 0)
    batches = BatchSampler(len(materials), batch_size, seed, num_ranks, rank)
    sampler: Sampler[Any] = batches
    if trainer is not None and trainer.overfit_batches > 0:  # type: ignore[attr-defined]
        sampler = SameBatches(batches)
    # With its own generator: otherwise a loader draws from torch's global one, and dropout would depend on how many
    # loaders were made, which differs between an uninterrupted and a resumed training.
    loader = BatchLoader(materials, sampler=sampler, batch_size=None, generator=torch.Generator(), **options)
    loader.trainer = trainer
    return loader
