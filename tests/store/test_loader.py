import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import RandomSampler

from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.store.loader import BatchSampler, MaterialSet, make_loader

NUM_GRAPHS = 23


@pytest.fixture(scope="module")
def store(random_graph):
    return GraphStore.from_graphs([random_graph(1 + seed % 4, seed % 5, seed) for seed in range(NUM_GRAPHS)])


@pytest.fixture(scope="module")
def targets():
    return torch.arange(NUM_GRAPHS, dtype=torch.float32).unsqueeze(1) * 10


def rows_of(loader, epoch):
    loader.sampler.set_epoch(epoch)
    return [batch.row.tolist() for batch in loader]


sizes = st.integers(1, 200)


@given(num_materials=sizes, batch_size=sizes, seed=st.none() | st.integers(0, 2**63), epoch=st.integers(0, 10**6))
def test_every_material_once_in_batches_of_like_size(num_materials, batch_size, seed, epoch):
    sampler = BatchSampler(num_materials, batch_size, seed)
    sampler.set_epoch(epoch)
    batches = list(sampler)
    assert sorted(torch.cat(batches).tolist()) == list(range(num_materials))
    lengths = [len(batch) for batch in batches]
    assert len(batches) == len(sampler)
    assert max(lengths) <= batch_size
    assert max(lengths) - min(lengths) <= 1
    assert len(batches) == -(-num_materials // batch_size)  # no more batches than needed


@given(
    num_materials=sizes,
    batch_size=sizes,
    seed=st.none() | st.integers(0, 2**63),
    epoch=st.integers(0, 10**6),
    num_ranks=st.integers(2, 8),
)
def test_processes_share_every_batch_of_one_process(num_materials, batch_size, seed, epoch, num_ranks):
    whole = BatchSampler(num_materials, batch_size, seed)
    if min(map(len, whole)) < 2 * num_ranks:
        with pytest.raises(ValueError, match=rf"\b{num_materials} .* {batch_size} .* {num_ranks} "):
            BatchSampler(num_materials, batch_size, seed, num_ranks, 1)
        return
    shares = [BatchSampler(num_materials, batch_size, seed, num_ranks, rank) for rank in range(num_ranks)]
    for sampler in (whole, *shares):
        sampler.set_epoch(epoch)
        assert len(sampler) == len(whole)
    for batch, *parts in zip(whole, *shares, strict=True):
        assert torch.equal(torch.cat(parts), batch)
        lengths = [len(part) for part in parts]
        assert min(lengths) >= 2
        assert max(lengths) - min(lengths) <= 1


@given(num_materials=sizes, seed=st.integers(0, 10**6), epoch=st.integers(0, 100), noise=st.integers(0, 99))
def test_the_order_depends_on_seed_and_epoch_only(num_materials, seed, epoch, noise):
    def order(sampler):
        sampler.set_epoch(epoch)
        return torch.cat(list(sampler))

    before = BatchSampler(num_materials, 7, seed)
    for _ in range(noise % 3):
        before.set_epoch(epoch + 1)
        list(before)
    first = order(before)
    torch.manual_seed(noise)
    torch.rand(noise)
    assert torch.equal(order(BatchSampler(num_materials, 13, seed)), first)


def test_other_seeds_and_epochs_are_other_orders(store, targets):
    loaders = [make_loader(MaterialSet(store, torch.arange(NUM_GRAPHS), targets), 5, seed=seed) for seed in range(4)]
    orders = {str(rows_of(loader, epoch)) for loader in loaders for epoch in range(5)}
    assert len(orders) == 20


def test_without_a_seed_the_given_order_stays(store, targets):
    rows = torch.tensor([7, 3, 22, 0, 3])
    loader = make_loader(MaterialSet(store, rows, targets), 2)
    assert rows_of(loader, 0) == rows_of(loader, 5) == [[7, 3], [22, 0], [3]]


def test_batches_carry_graphs_and_targets_of_their_rows(store, targets):
    rows = torch.tensor([20, 4, 9, 11, 2])
    materials = MaterialSet(store, rows, targets)
    assert torch.equal(materials.present_targets, targets[rows])
    for batch in make_loader(materials, 2, seed=3):
        assert torch.equal(batch.targets, batch.row.unsqueeze(1) * 10.0)
        assert torch.equal(batch.atomic_number, store.select(batch.row).atomic_number)


def test_a_set_for_prediction_has_no_targets(store):
    materials = MaterialSet(store, torch.arange(3), None)
    assert all(batch.targets is None for batch in make_loader(materials, 2))
    with pytest.raises(ValueError, match="targets"):
        _ = materials.present_targets


def test_loading_leaves_torchs_random_numbers_alone(store, targets):
    loader = make_loader(MaterialSet(store, torch.arange(NUM_GRAPHS), targets), 5, seed=1)
    before = torch.get_rng_state()
    list(loader)
    assert torch.equal(torch.get_rng_state(), before)


class Recorder(LightningModule):
    """Keeps the rows of each epoch."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.epochs = {}

    def training_step(self, batch, batch_number):
        self.epochs.setdefault(self.current_epoch, []).append(batch.row.tolist())
        return self.weight * len(batch.row)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def train(loader, max_epochs, folder, checkpoint=None):
    module = Recorder()
    options = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    trainer = Trainer(max_epochs=max_epochs, enable_checkpointing=False, **options)
    trainer.fit(module, loader, ckpt_path=checkpoint, weights_only=True)
    trainer.save_checkpoint(folder / f"{max_epochs}.ckpt")
    return module.epochs


def test_lightning_sets_the_epoch_also_of_a_resumed_training(store, targets, tmp_path):
    def loader():
        return make_loader(MaterialSet(store, torch.arange(NUM_GRAPHS), targets), 5, seed=1)

    expected = {epoch: rows_of(loader(), epoch) for epoch in range(4)}
    assert train(loader(), 4, tmp_path) == expected
    assert not isinstance(loader().sampler, RandomSampler)
    train(loader(), 2, tmp_path)
    resumed = train(loader(), 4, tmp_path, checkpoint=tmp_path / "2.ckpt")
    assert resumed == {epoch: expected[epoch] for epoch in (2, 3)}
