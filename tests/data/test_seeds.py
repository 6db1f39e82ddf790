"""The order of batches, from the seed of the data and that of the run."""

import pytest
import torch
from lightning.pytorch import seed_everything
from tiny import CHAINS, TinyPolymers

from gnn_sim2real.data.seeds import order_seed
from gnn_sim2real.store.loader import BatchSampler


@pytest.fixture
def no_run_seed(monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "0")  # set here to be taken back
    monkeypatch.delenv("PL_GLOBAL_SEED")


def first_rows(data):
    return next(iter(data.train_dataloader())).row.tolist()


@pytest.mark.parametrize("seed", [0, 3])
def test_equal_seeds_and_no_seed_of_the_run_give_the_order_of_every_earlier_version(no_run_seed, seed):
    data = TinyPolymers(seed=seed, batch_size=len(CHAINS))
    earlier = data.parts.train[torch.randperm(len(CHAINS), generator=torch.Generator().manual_seed(seed * 1_000_003))]
    assert first_rows(data) == earlier.tolist()
    seed_everything(seed, verbose=False)
    assert first_rows(data) == earlier.tolist()


def test_each_seed_of_the_run_is_another_order(no_run_seed):
    for data_seed in (0, 1, 2, 7):
        found = []
        for run_seed in (0, 1, 2, 7, 2**32 - 1):
            seed_everything(run_seed, verbose=False)
            batches = BatchSampler(20, 20, order_seed(data_seed))
            found += [tuple(next(iter(batches)).tolist())]
        assert len(set(found)) == 5
