"""What fine-tuning keeps, what it moves, and what it refuses."""

import json
import shutil

import numpy as np
import pytest
import torch
from killed import KillAt, Killed
from lightning.pytorch import Callback
from simulated import Simulated
from tiny import CHAINS, DictLogger, TinyPolymers, copied, fit, gine, quiet_trainer, same, table_values

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.library import load_model
from gnn_sim2real.records.training_records import fine_tuning_record
from gnn_sim2real.study.resume import EpochCheckpoint
from gnn_sim2real.tasks import TargetFineTuning

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def by_kind(state):
    statistics = {name: each for name, each in state.items() if name.endswith(STATISTICS)}
    return statistics, {name: each for name, each in state.items() if name not in statistics}


def started(module, data):
    """The module as it is before its first step."""
    fit(lambda: module, data, epochs=0)
    return module.eval()


def test_before_the_first_step_it_answers_the_simulated_value_in_the_unit_of_the_target(source_folder):
    data = TinyPolymers()
    source, network = load_model(source_folder), started(TargetFineTuning(pretrained=str(source_folder)), data).network
    with torch.no_grad():
        found = network.predict(data.store.select(torch.arange(len(data.store)))).squeeze(1).numpy()
    simulated = source.predict(data.table.materials)
    assert simulated.names[1] == "density"
    np.testing.assert_allclose(found, simulated.values[:, 1] / 1000, rtol=1e-5)
    assert same(copied(network.encoder), copied(source.network.encoder))
    assert network.properties == data.properties


@pytest.mark.parametrize("form", ["linear", "softplus", "exponential", "hurdle"])
def test_a_correction_of_a_positive_property_may_be_negative(form):
    """The form of a property that has only positive values is that of the model, unless the model corrects them."""
    plain, delta = (
        started(TargetFineTuning(encoder=gine(), policy=policy, forms={"density": form}), Simulated())
        for policy in ("full", "delta")
    )
    assert [each.form for each in plain.network.properties] == [form]
    assert [each.form for each in delta.network.properties] == ["linear"]


def test_another_property_gets_a_new_head_on_the_old_encoder(source_folder):
    data = TinyPolymers({("Tg", "K"): [300.0 + len(each) for each in CHAINS]})
    source, network = load_model(source_folder), started(TargetFineTuning(pretrained=str(source_folder)), data).network
    assert same(copied(network.encoder), copied(source.network.encoder))
    assert not torch.equal(network.head.mlp[0].weight, source.network.head.mlp[0].weight)
    assert float(network.scaler.mean) == pytest.approx(data.part("train").present_targets.mean().item(), rel=1e-6)


def test_error_before_the_first_step_is_logged_first_and_recorded(source_folder):
    data, logger = TinyPolymers(test_fraction=0.2), DictLogger()
    trainer, module = fit(lambda: TargetFineTuning(pretrained=str(source_folder)), data, epochs=2, logger=logger)
    materials, truth = table_values(data, "train")
    by_hand = np.abs(load_model(source_folder).predict(materials).values[:, 1] / 1000 - truth).mean()
    assert logger.entries[0] == {"start/mae": pytest.approx(by_hand, rel=1e-4)}
    assert len(logger.find("start/mae")) == 1
    trainer.test(module, datamodule=data, verbose=False)
    config = {"model": {"class_path": "gnn_sim2real.tasks.TargetFineTuning", "init_args": {}}}
    record = fine_tuning_record("0" * 32, module, data, config, 0.0)
    assert record.details["start_mae"] == logger.find("start/mae")[0]
    assert record.cell.source_size == len(CHAINS)


def test_policy_encoder_moves_the_head_and_not_one_bit_of_the_encoder(source_folder):
    _, module = fit(lambda: TargetFineTuning(pretrained=str(source_folder), policy="frozen_encoder"), TinyPolymers(), 3)
    source = load_model(source_folder).network
    assert same(copied(module.network.encoder), copied(source.encoder))
    assert not torch.equal(module.network.head.mlp[0].weight, source.head.mlp[0].weight)


def test_statistics_stay_those_of_pretraining_while_weights_move(source_folder):
    _, module = fit(lambda: TargetFineTuning(pretrained=str(source_folder)), TinyPolymers(), 3)
    before, after = (by_kind(copied(each.encoder)) for each in (load_model(source_folder).network, module.network))
    assert same(before[0], after[0])
    assert not any(torch.equal(before[1][name], after[1][name]) for name in before[1] if "norm" in name)


def test_from_scratch_statistics_move():
    encoder = gine()
    before, _ = by_kind(copied(encoder))
    fit(lambda: TargetFineTuning(encoder), TinyPolymers(), 1)
    after, _ = by_kind(copied(encoder))
    assert not any(torch.equal(before[name], after[name]) for name in before)


class Watch(Callback):
    """Which layers of the encoder moved in each epoch, and which were free to."""

    def __init__(self):
        self.free, self.moved = [], []

    def on_train_epoch_start(self, trainer, pl_module):
        self.before = [copied(layer) for layer in pl_module.network.encoder.layers]

    def on_train_epoch_end(self, trainer, pl_module):
        layers = pl_module.network.encoder.layers
        self.free.append([all(each.requires_grad for each in layer.parameters()) for layer in layers])
        self.moved.append([not same(old, copied(new)) for old, new in zip(self.before, layers, strict=True)])


def test_gradual_gives_the_layers_back_from_the_output_to_the_input(source_folder):
    watch = Watch()
    make = lambda: TargetFineTuning(pretrained=str(source_folder), policy="gradual", unfreeze_every=2)  # noqa: E731
    fit(make, TinyPolymers(), 8, callbacks=[watch])
    none, last, two, all_ = [False] * 3, [False, False, True], [False, True, True], [True] * 3
    assert watch.free == [none, none, last, last, two, two, all_, all_]
    assert watch.moved == watch.free


@pytest.mark.slow
@pytest.mark.parametrize("killed_at", [1, 2, 3])
def test_gradual_resumed_equals_undisturbed(source_folder, tmp_path, killed_at):
    def run(name, *callbacks):
        checkpoint, watch = EpochCheckpoint(tmp_path / f"{name}.ckpt", 0), Watch()
        module = TargetFineTuning(pretrained=str(source_folder), policy="gradual", unfreeze_every=1)
        torch.manual_seed(0)
        quiet_trainer(4, callbacks=[checkpoint, watch, *callbacks]).fit(
            module, datamodule=TinyPolymers(), ckpt_path=checkpoint.resume_from(), weights_only=True
        )
        return copied(module), module.start_error, watch.free

    weights, start_error, free = run("whole")
    with pytest.raises(Killed):
        run("killed", KillAt(killed_at))
    resumed, start_error_resumed, free_resumed = run("killed")
    assert same(weights, resumed)
    assert start_error_resumed == start_error
    assert free_resumed == free[killed_at:]


def test_a_dropout_of_its_own_changes_the_training_and_not_the_start(source_folder):
    usual, none, half = (
        fit(lambda dropout=dropout: TargetFineTuning(pretrained=str(source_folder), dropout=dropout), TinyPolymers())[1]
        for dropout in (None, 0.0, 0.5)
    )
    assert usual.start_error == none.start_error == half.start_error
    assert same(copied(usual), copied(none)), "the source has none"
    assert not same(copied(usual), copied(half))
    assert half.network.encoder.describe()["init_args"]["dropout"] == 0.5


def test_encoder_rate_slows_the_encoder_only(source_folder):
    rates = {}

    class Look(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            groups = trainer.optimizers[0].param_groups
            rates.setdefault("pairs", []).append([group["lr"] for group in groups])
            rates["counts"] = [sum(each.numel() for each in group["params"]) for group in groups]

    _, module = fit(
        lambda: TargetFineTuning(pretrained=str(source_folder), encoder_rate=0.1), TinyPolymers(), callbacks=[Look()]
    )
    assert all(encoder == pytest.approx(0.1 * head) for encoder, head in rates["pairs"])
    network = module.network
    assert rates["counts"] == [
        sum(each.numel() for each in part.parameters()) for part in (network.encoder, network.head)
    ]


def test_a_checkpoint_is_tested_without_its_source(source_folder, tmp_path):
    data, source = TinyPolymers(test_fraction=0.2), tmp_path / "source"
    shutil.copytree(source_folder, source)
    trainer, module = fit(lambda: TargetFineTuning(pretrained=str(source)), data)
    wanted = trainer.test(module, datamodule=data, verbose=False)
    trainer.save_checkpoint(tmp_path / "fine.ckpt")
    shutil.rmtree(source)
    alone = TargetFineTuning()
    found = quiet_trainer(1).test(
        alone, datamodule=data, ckpt_path=tmp_path / "fine.ckpt", verbose=False, weights_only=True
    )
    assert found == wanted
    assert (alone.source_card, alone.start_error) == (module.source_card, module.start_error)


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        ({"unfreeze_every": 0}, "`unfreeze_every`.* 1 .* 0$"),
        ({"encoder_rate": 0.0}, r"`encoder_rate`.* 0 .* 1\b.* 0\.0$"),
        ({"encoder_rate": 1.5}, r"`encoder_rate`.* 0 .* 1\b.* 1\.5$"),
        ({"loss": "mape"}, "`loss`.*mse, huber, mae.*'mape'$"),
        ({"start_penalty": -1.0}, r"`start_penalty`.* 0\b.* -1\.0$"),
    ],
)
def test_wrong_settings_are_refused(settings, values):
    with pytest.raises(ValueError, match=values):
        TargetFineTuning(gine(), **settings)


@pytest.mark.parametrize("policy", ["frozen_encoder", "gradual", "l2_sp"])
def test_a_policy_without_its_source_is_refused(policy):
    with pytest.raises(ValueError, match=rf"'{policy}'.*`pretrained`.*`full`"):
        fit(lambda: TargetFineTuning(gine(), policy=policy), TinyPolymers())


def test_neither_encoder_nor_source_is_refused():
    with pytest.raises(ValueError, match=r"`pretrained`.*`encoder`"):
        fit(TargetFineTuning, TinyPolymers())


def test_another_encoder_is_refused(source_folder):
    with pytest.raises(CheckpointError, match=r"'hidden_dim': 8.*'hidden_dim': 16"):
        fit(lambda: TargetFineTuning(gine(hidden_dim=16), pretrained=str(source_folder)), TinyPolymers())


def test_a_source_of_another_kind_of_material_is_refused(source_folder, tmp_path):
    other = tmp_path / "molecules"
    shutil.copytree(source_folder, other)
    description = json.loads((other / "model.json").read_text())
    description["featurizer"]["name"] = "molecule"
    del description["checksum"]
    (other / "model.json").write_text(json.dumps(description))
    with pytest.raises(CheckpointError, match=r"molecules .*'molecule'.*'repeat_unit'"):
        fit(lambda: TargetFineTuning(pretrained=str(other)), TinyPolymers())


def test_a_pretrained_model_is_tested_as_it_is(source_folder):
    data = TinyPolymers(test_fraction=0.3)
    trainer = quiet_trainer(1)
    trainer.test(TargetFineTuning(pretrained=str(source_folder)), datamodule=data, verbose=False)
    materials, truth = table_values(data, "test")
    expected = np.abs(load_model(source_folder).predict(materials).values[:, 1] / 1000 - truth).mean()
    assert float(trainer.callback_metrics["test/mae"]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("seen", "joined"), [({"elements": ["Xe"]}, {"C", "Xe"}), (None, None)])
def test_a_fine_tuned_model_has_seen_what_its_source_has(source_folder, seen, joined):
    _, module = fit(lambda: TargetFineTuning(pretrained=str(source_folder)), TinyPolymers(), 1)
    module.source_card = {"vocabulary": seen}
    found = module.vocabulary()
    assert found is None if joined is None else joined <= set(found["elements"])


def test_one_pretrained_model_and_three_seeds_are_three_models(source_folder):
    data = TinyPolymers(test_fraction=0.2)

    def tuned(seed, of_data=0):
        make = lambda: TargetFineTuning(pretrained=str(source_folder))  # noqa: E731
        return copied(fit(make, data.variant(seed=of_data), seed=seed)[1].network)

    zero, one, two, again = (tuned(seed) for seed in (0, 1, 2, 1))
    assert same(one, again)
    assert not same(zero, one)
    assert not same(zero, two)
    assert not same(one, two)
    assert not same(tuned(0, of_data=1), tuned(1, of_data=1))
