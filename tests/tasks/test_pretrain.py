"""Loss, metrics and reproducibility, which pretraining shares with fine-tuning."""

import numpy as np
import pytest
import torch
from tiny import CHAINS, TinyPolymers, copied, density, fit, gine, quiet_trainer, same, table_values, trained_model

from gnn_sim2real.nn.model import PropertyModel
from gnn_sim2real.tasks import SourcePretraining

TWO = {
    ("density", "g/cm3"): [density(each) for each in CHAINS],
    ("Cp", "J/(kg K)"): [1000.0 + len(each) for each in CHAINS],
}


def with_holes(every=3):
    columns = {key: list(values) for key, values in TWO.items()}
    columns["Cp", "J/(kg K)"] = [np.nan if number % every else v for number, v in enumerate(TWO["Cp", "J/(kg K)"])]
    return columns


def module_and_batch(loss, rows=8):
    data = TinyPolymers(with_holes())
    module = SourcePretraining(gine(), loss=loss)
    module.network = PropertyModel(module.given_encoder[0], data.properties)
    module.network.scaler.fit(data.data_set.targets)
    return module.eval(), data.part("train")[torch.arange(rows)]


@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_masked_loss_by_hand(loss):
    module, batch = module_and_batch(loss)
    mean, std = (each.numpy() for each in (module.network.scaler.mean, module.network.scaler.std))
    with torch.no_grad():
        error = module.network(batch).numpy() - (batch.targets.numpy() - mean) / std
        found, count = module.masked_loss(batch)
    error = error[~np.isnan(error)]
    assert 8 < len(error) < 16
    quadratic = np.minimum(np.abs(error), 0.5)
    by_hand = error**2 if loss == "mse" else 0.5 * quadratic**2 + 0.5 * (np.abs(error) - quadratic)
    assert count == len(error)
    assert float(found) == pytest.approx(by_hand.mean(), rel=1e-5)


@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_missing_values_give_no_gradient(loss):
    module, batch = module_and_batch(loss)
    batch.targets[:, 1] = torch.nan
    module.masked_loss(batch)[0].backward()
    gradient = module.network.head.mlp[2].weight.grad
    assert gradient[0].abs().sum() > 0
    assert torch.equal(gradient[1], torch.zeros_like(gradient[1]))
    module.zero_grad()
    batch.targets[:] = torch.nan
    value, count = module.masked_loss(batch)
    value.backward()
    assert value.item() == 0
    assert count == 0
    assert all(torch.equal(each.grad, torch.zeros_like(each)) for each in module.parameters() if each.grad is not None)


def test_data_for_prediction_cannot_be_trained_on():
    module, batch = module_and_batch("mse")
    object.__setattr__(batch, "targets", None)
    with pytest.raises(ValueError, match="prediction"):
        module.masked_loss(batch)


def test_validation_loss_is_over_the_whole_part():
    data = TinyPolymers(with_holes(), validation_fraction=0.25)
    trainer, module = fit(lambda: SourcePretraining(gine()), data, epochs=1)
    part = data.part("validation")
    assert len(part) % data.evaluation_batch
    with torch.no_grad():
        whole, _ = module.eval().masked_loss(part[torch.arange(len(part))])
    assert float(trainer.callback_metrics["val/loss"]) == pytest.approx(float(whole), rel=1e-5)


def test_scales_are_those_of_the_training_part():
    data = TinyPolymers(validation_fraction=0.25, test_fraction=0.25)
    _, module = fit(lambda: SourcePretraining(gine()), data, epochs=1)
    _, values = table_values(data, "train")
    scaler = module.network.scaler
    assert (float(scaler.mean), float(scaler.std)) == pytest.approx((values.mean(), values.std()), rel=1e-5)


def test_test_metrics_are_over_the_whole_part():
    data = TinyPolymers(with_holes(), test_fraction=0.3)
    trainer, module = fit(lambda: SourcePretraining(gine()), data)
    (metrics,) = trainer.test(module, datamodule=data, verbose=False)
    model = trained_model(module, data)
    assert len(data.parts.test) % data.evaluation_batch
    for column, name in enumerate(("density", "Cp")):
        materials, truth = table_values(data, "test", column)
        error = model.predict(materials).values[:, column] - truth
        present = error[~np.isnan(error)]
        assert metrics[f"test/{name}/mae"] == pytest.approx(np.abs(present).mean(), rel=1e-4)
        assert metrics[f"test/{name}/rmse"] == pytest.approx(np.sqrt((present**2).mean()), rel=1e-4)
        assert metrics[f"test/{name}/num_test"] == len(present)


def test_a_second_test_forgets_the_first():
    data = TinyPolymers(test_fraction=0.3)
    trainer, module = fit(lambda: SourcePretraining(gine()), data, epochs=1)
    first, second = (trainer.test(module, datamodule=data, verbose=False) for _ in range(2))
    assert first == second
    assert first[0]["test/num_test"] == len(data.parts.test)


def test_one_seed_one_result_another_seed_another():
    data = TinyPolymers(test_fraction=0.2)

    def run(seed):
        trainer, module = fit(lambda: SourcePretraining(gine(dropout=0.2)), data.variant(seed=seed), seed=seed)
        return copied(module), trainer.test(module, datamodule=data, verbose=False)

    (weights, metrics), (again, metrics_again), (other, _) = run(0), run(0), run(1)
    assert same(weights, again)
    assert metrics == metrics_again
    assert not same(weights, other)


def test_training_lowers_the_loss():
    data = TinyPolymers()
    losses = [
        float(fit(lambda: SourcePretraining(gine()), data, epochs)[0].callback_metrics["train/loss"])
        for epochs in (1, 40)
    ]
    assert losses[1] < 0.5 * losses[0]


def test_rate_rises_and_falls_to_zero():
    data, rates = TinyPolymers(batch_size=len(CHAINS)), []
    module = SourcePretraining(gine(), optimizer=lambda each: torch.optim.SGD(each, lr=0.1), warmup_fraction=0.25)
    step = module.training_step
    module.training_step = lambda *given: (rates.append(module.optimizers().param_groups[0]["lr"]), step(*given))[1]
    quiet_trainer(8).fit(module, datamodule=data, weights_only=True)
    assert rates[0] == pytest.approx(0.05)
    assert rates[1] == max(rates)
    assert rates[1:] == sorted(rates[1:], reverse=True)
    assert 0 < rates[-1] < 0.01


@pytest.mark.parametrize("stage", ["test", "validate"])
def test_an_untrained_model_is_refused(stage):
    data = TinyPolymers(test_fraction=0.3, validation_fraction=0.2)
    with pytest.raises(ValueError, match=f"{stage}.*--ckpt_path"):
        getattr(quiet_trainer(1), stage)(SourcePretraining(gine()), datamodule=data)


def test_a_model_that_was_just_trained_can_be_tested():
    data = TinyPolymers(test_fraction=0.3, validation_fraction=0)
    trainer, module = quiet_trainer(1), SourcePretraining(gine())
    trainer.fit(module, datamodule=data)
    (metrics,) = trainer.test(module, datamodule=data, verbose=False)
    assert np.isfinite(metrics["test/mae"])


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        ({"loss": "mape"}, "`loss`.*mse, huber, mae.*'mape'$"),
        ({"warmup_fraction": 1.0}, r"`warmup_fraction`.*1\.0$"),
    ],
)
def test_wrong_settings_are_refused(settings, values):
    with pytest.raises(ValueError, match=values):
        SourcePretraining(gine(), **settings)


def test_a_property_without_values_is_refused():
    columns = TWO | {("Cp", "J/(kg K)"): [np.nan] * len(CHAINS)}
    with pytest.raises(ValueError, match=r"\bproperty\b.*\b2\b"):
        fit(lambda: SourcePretraining(gine()), TinyPolymers(columns))
