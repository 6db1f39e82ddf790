"""Fine-tunings that correct a simulated value, and the one that pays for leaving its start."""

import numpy as np
import pytest
import torch
from killed import whole_and_resumed
from simulated import Simulated
from tiny import CHAINS, TinyPolymers, copied, fit, gine, same, trained_model

from gnn_sim2real.library import load_model, save_model
from gnn_sim2real.tasks import TargetFineTuning


def started(policy, data, **settings):
    _, module = fit(lambda: TargetFineTuning(policy=policy, **settings), data, epochs=0)
    return module.network.eval()


def test_an_affine_correction_starts_on_the_line_through_the_simulated_values():
    data = Simulated()
    line = started("affine", data, encoder=gine()).line
    assert float(line.slope) == pytest.approx(1 / 1.3, rel=1e-4)
    assert float(line.offset) == pytest.approx(0.5 / 1.3, rel=1e-4)
    line = started("delta", data, encoder=gine()).line
    assert (float(line.slope), float(line.offset)) == (1.0, 0.0)


@pytest.mark.parametrize("policy", ["delta", "affine"])
def test_the_simulated_value_enters_the_answer(policy, source_folder):
    network = started(policy, Simulated(), pretrained=str(source_folder))
    data = Simulated()
    rows, simulated = torch.arange(4), data.data_set.simulated[:4]
    low, high = (network.predict(data.store.select(rows, simulated=each)) for each in (simulated, simulated + 1))
    torch.testing.assert_close(high - low, network.line.slope.expand(4, 1))
    assert same(copied(network.encoder), copied(load_model(source_folder).network.encoder))


@pytest.mark.parametrize("form", ["softplus", "exponential", "linear"])
def test_a_correction_can_have_either_sign(form):
    """Also of a property that is above zero."""
    forms = {"density": form}
    (corrected,) = started("delta", Simulated(), encoder=gine(), forms=forms).properties
    (predicted,) = started("full", Simulated(), encoder=gine(), forms=forms).properties
    assert (corrected.form, predicted.form) == ("linear", form)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["delta", "affine"])
def test_learns_what_is_missing(policy, source_folder, tmp_path):
    data = Simulated(test_fraction=0.2)
    trainer, module = fit(lambda: TargetFineTuning(pretrained=str(source_folder), policy=policy), data, epochs=40)
    trainer.test(module, datamodule=data, verbose=False)
    _, prediction, truth = module.test_result()
    raw = np.abs(data.table.simulated[data.parts.test, 0] - truth).mean()
    assert np.abs(prediction - truth).mean() < 0.5 * raw
    save_model(trained_model(module, data), tmp_path / "tuned")
    with pytest.raises(ValueError, match=r"`--data\.predict_simulated TABLE`"):
        load_model(tmp_path / "tuned").predict(CHAINS[:2])


@pytest.mark.parametrize("policy", ["delta", "affine"])
def test_data_without_simulated_values_are_refused(source_folder, policy):
    with pytest.raises(ValueError, match=rf"'{policy}'.*TinyPolymers.*simulated_column.*simulated_from"):
        fit(lambda: TargetFineTuning(pretrained=str(source_folder), policy=policy), TinyPolymers())
    with pytest.raises(ValueError, match=rf"'{policy}'.*\b42\b.*\b0\b"):
        fit(lambda: TargetFineTuning(pretrained=str(source_folder), policy=policy), Simulated(every=100, start=99))


@pytest.mark.parametrize("policy", ["delta", "affine"])
def test_materials_without_a_simulated_value_are_neither_trained_nor_scored(policy, caplog):
    """The line and the weights are those of the materials that have one."""
    caplog.set_level("INFO", logger="gnn_sim2real.tasks.base")  # a study in this process may have quieted it
    some = Simulated(every=2, test_fraction=0.3, validation_fraction=0.2)
    trainer, module = fit(lambda: TargetFineTuning(policy=policy, encoder=gine()), some, epochs=2)
    assert np.isfinite(float(trainer.callback_metrics["val/mae"]))
    trainer.test(module, datamodule=some, verbose=False)
    rows, prediction, truth = module.test_result()
    known = np.isfinite(some.table.simulated[some.parts.test, 0])
    assert 0 < known.sum() < len(known)
    assert rows.tolist() == some.parts.test[known].tolist()
    assert np.isfinite(prediction).all()
    assert np.isfinite(truth).all()
    assert trainer.callback_metrics["test/num_test"] == known.sum()
    assert f"tested on {known.sum()} of {len(known)} materials" in caplog.text
    if policy == "affine":
        assert float(module.network.line.slope) == pytest.approx(1 / 1.3, rel=1e-4)


@torch.no_grad()
def way(module, source_folder):
    start = dict(load_model(source_folder).network.encoder.named_parameters())
    return sum(float((each - start[name]).square().sum()) for name, each in module.network.encoder.named_parameters())


def test_the_price_of_leaving_the_start_keeps_the_weights_near(source_folder):
    ways = []
    for penalty in (0.0, 1.0, 100.0):
        make = lambda: TargetFineTuning(pretrained=str(source_folder), policy="l2_sp", start_penalty=penalty)  # noqa: B023, E731
        ways.append(way(fit(make, TinyPolymers(), epochs=5)[1], source_folder))
    assert ways[0] > 1.5 * ways[1] > 1.5 * ways[2] > 0
    _, free = fit(lambda: TargetFineTuning(pretrained=str(source_folder)), TinyPolymers(), epochs=5)
    assert ways[0] == pytest.approx(way(free, source_folder), rel=1e-4)


def test_a_resumed_training_pays_for_the_way_from_the_same_start(source_folder, tmp_path):
    make = lambda: TargetFineTuning(pretrained=str(source_folder), policy="l2_sp", start_penalty=1.0)  # noqa: E731
    whole, resumed = whole_and_resumed(tmp_path, [1, 3], make, TinyPolymers())
    assert same(whole[0], resumed[0])


def test_simulated_values_reach_the_batches():
    data = Simulated()
    batch = data.part("train")[torch.arange(8)]
    assert torch.equal(batch.simulated, data.data_set.simulated[batch.row])
    torch.testing.assert_close(batch.simulated, 1.3 * batch.targets - 0.5)


def test_predicts_from_a_table_of_simulated_values(source_folder, tmp_path):
    data = Simulated()
    trainer, module = fit(lambda: TargetFineTuning(pretrained=str(source_folder), policy="affine"), data)
    asked, table = tmp_path / "asked.csv", tmp_path / "simulated.csv"
    asked.write_text("smiles\n*CCO*\n*C(\n*CCS*\n")
    table.write_text("smiles,simulated\n*CCS*,1.5\n*CCO*,1.0\n")
    wanted = Simulated(predict_path=str(asked), predict_simulated=str(table))
    (found,) = trainer.predict(module, datamodule=wanted)
    line = module.network.line
    table.write_text("smiles,simulated\n*CCS*,2.5\n*CCO*,2.0\n")
    (more,) = trainer.predict(module, datamodule=Simulated(predict_path=str(asked), predict_simulated=str(table)))
    torch.testing.assert_close(more - found, line.slope.expand(2, 1))
    for content in ("smiles,simulated\n*CCO*,1.0\n", "smiles,simulated\n*CCO*,1.0\n*CCS*,\n"):
        table.write_text(content)
        data = Simulated(predict_path=str(asked), predict_simulated=str(table))
        (some,) = trainer.predict(module, datamodule=data)
        torch.testing.assert_close(some[0], found[0])
        assert some[1].isnan().all()
        assert data.predictor.without_simulated.tolist() == [False, True]
    for content, values in (
        ("smiles,simulated\n*CCO*,1.0\n*CCS*,high\n", r"'\*CCS\*'.*'high'"),
        ("smiles,value\n*CCO*,1.0\n", "'simulated'.* smiles, value; `predict_simulated`"),
    ):
        table.write_text(content)
        with pytest.raises(ValueError, match=values):
            trainer.predict(module, datamodule=Simulated(predict_path=str(asked), predict_simulated=str(table)))
