"""Which weights a training ends with, in memory and in its checkpoints, undisturbed and resumed."""

import pytest
import torch
from killed import Trace, whole_and_resumed
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import (
    EarlyStopping,
    EMAWeightAveraging,
    ModelCheckpoint,
    StochasticWeightAveraging,
)
from tiny import TinyPolymers, copied, fit, gine, quiet_trainer, same, trained_model

from gnn_sim2real.library import load_model
from gnn_sim2real.tasks import BestWeights, EMAWeights, SourcePretraining, TargetFineTuning

DECAY = 0.6


def stored(checkpoint):
    """Weights of a stored model, named as in a training."""
    return {f"network.{name}": each for name, each in load_model(checkpoint).network.state_dict().items()}


class Validated(Callback):
    """The weights of every validation, with its loss."""

    def __init__(self):
        self.weights, self.losses = [], []

    def on_validation_batch_start(self, trainer, pl_module, batch, batch_idx, dataloader_idx=0):
        if batch_idx == 0 and not trainer.sanity_checking:
            self.weights.append(copied(pl_module))

    def on_validation_end(self, trainer, pl_module):
        if not trainer.sanity_checking:
            self.losses.append(float(trainer.callback_metrics["val/loss"]))

    @property
    def best(self):
        return self.weights[self.losses.index(min(self.losses))]


def restless():
    """A pretraining whose loss goes up and down."""
    return SourcePretraining(gine(), optimizer=lambda each: torch.optim.SGD(each, lr=0.3), warmup_fraction=0)


def restless_with_dropout():
    make_optimizer = lambda each: torch.optim.SGD(each, lr=0.3)  # noqa: E731
    return SourcePretraining(gine(dropout=0.2), optimizer=make_optimizer, warmup_fraction=0)


def validating(**settings):
    return TinyPolymers(validation_fraction=0.25, batch_size=11, **settings)


def stopping(patience=2):
    return EarlyStopping("val/loss", patience=patience)


COMBINATIONS = {
    "best": lambda: [stopping(), BestWeights()],
    "average": lambda: [EMAWeights(DECAY)],
    "best average": lambda: [EMAWeights(DECAY), BestWeights(), stopping()],
    "best average, other order": lambda: [stopping(), BestWeights(), EMAWeights(DECAY)],
}


@pytest.mark.parametrize("evaluation_batch", [4, 256])  # several batches, and a single one
def test_a_training_ends_with_the_weights_of_the_lowest_validation_loss(evaluation_batch):
    seen, data = Validated(), validating(evaluation_batch=evaluation_batch)
    trainer, module = fit(restless, data, 12, callbacks=[BestWeights(), seen])
    assert len(seen.losses) == 12
    assert min(seen.losses) < seen.losses[-1]
    assert same(copied(module), seen.best)
    (metrics,) = trainer.validate(module, datamodule=data, verbose=False)
    assert metrics["val/loss"] == pytest.approx(min(seen.losses), rel=1e-6)


def test_best_weights_forget_an_earlier_training():
    callback = BestWeights()
    fit(restless, validating(), 3, callbacks=[callback])
    callback.loss, seen = -1.0, Validated()
    _, module = fit(lambda: SourcePretraining(gine(hidden_dim=4)), validating(), 3, callbacks=[callback, seen])
    assert same(copied(module), seen.best)


def test_early_stopping_waits_as_long_as_it_was_told():
    seen = Validated()
    trainer, module = fit(restless, validating(), 40, callbacks=[stopping(3), BestWeights(), seen])
    assert len(seen.losses) == seen.losses.index(min(seen.losses)) + 1 + 3 == trainer.current_epoch < 40
    assert same(copied(module), seen.best)


def average_by_hand(weights):
    """The average that is validated after each step, from the weights after each step."""
    average, averages = dict(weights[0]), []
    for number, now in enumerate(weights):
        share = max(1 - DECAY, 9 / (10 + number)) if number else 1.0
        for name, value in now.items():
            moves = value.is_floating_point()
            average[name] = average[name].double() + share * (value.double() - average[name]) if moves else value
        averages.append(dict(average))
    return averages


class AfterSteps(Callback):
    def __init__(self):
        self.weights = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.weights.append(copied(pl_module))


def close(first, second):
    return all(torch.allclose(first[name].double(), second[name].double(), rtol=1e-4, atol=1e-6) for name in first)


@pytest.mark.slow
def test_the_average_is_what_is_validated_tested_and_stored(tmp_path):
    data, seen, after = validating(test_fraction=0.2), Validated(), AfterSteps()
    checkpoint = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
    settings = {"callbacks": [EMAWeights(DECAY), seen, after, checkpoint], "enable_checkpointing": True}
    trainer, module = fit(lambda: SourcePretraining(gine()), data, 8, **settings)
    averages = average_by_hand(after.weights)
    steps = len(averages) // 8
    assert 9 / (10 + len(averages) - steps) < 1 - DECAY  # both regimes of the decay are seen
    for epoch, validated in enumerate(seen.weights):
        expected = averages[steps * (epoch + 1) - 1]
        assert close(validated, expected)
        assert not close(validated, after.weights[steps * (epoch + 1) - 1])
        assert same(stored(tmp_path / f"epoch={epoch}.ckpt"), validated)
    assert same(copied(module), seen.weights[-1])
    materials = [data.table.materials[row] for row in data.parts.test]
    expected = load_model(tmp_path / "epoch=7.ckpt").predict(materials).values
    trainer.test(module, datamodule=data, verbose=False)
    assert module.test_result()[1] == pytest.approx(expected[:, 0], rel=1e-5)
    assert trained_model(module, data).predict(materials).values == pytest.approx(expected, rel=1e-5)


def test_what_stands_still_is_not_moved_by_averaging(source_folder):
    make = lambda: TargetFineTuning(pretrained=str(source_folder), policy="frozen_encoder")  # noqa: E731
    _, module = fit(make, TinyPolymers(), 10, callbacks=[EMAWeights(0.9)])
    source = load_model(source_folder).network
    assert same(copied(module.network.encoder), copied(source.encoder))
    assert not torch.equal(module.network.head.mlp[0].weight, source.head.mlp[0].weight)


@pytest.mark.parametrize("name", ["best average", "best average, other order"])
def test_the_best_average_is_kept_in_whatever_order_the_callbacks_are(name, tmp_path):
    data, seen = validating(), Validated()
    checkpoint = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
    settings = {"callbacks": [*COMBINATIONS[name](), seen, checkpoint], "enable_checkpointing": True}
    trainer, module = fit(restless, data, 40, **settings)
    assert trainer.current_epoch < 40
    assert same(copied(module), seen.best)
    trainer.save_checkpoint(tmp_path / "after.ckpt")
    for epoch in range(trainer.current_epoch):
        best = min(range(epoch + 1), key=lambda number: seen.losses[number])
        assert same(stored(tmp_path / f"epoch={epoch}.ckpt"), seen.weights[best])
    assert same(stored(tmp_path / "after.ckpt"), seen.best)
    losses = list(seen.losses)
    (metrics,) = trainer.validate(module, datamodule=data, verbose=False)
    assert metrics["val/loss"] == pytest.approx(min(losses), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("best", {"epochs": 8}),
        ("average", {"epochs": 8}),
        ("best average", {"epochs": -1, "max_steps": 24}),
        ("best average, other order", {"epochs": 8}),
    ],
)
def test_a_resumed_training_ends_with_the_same_digits(tmp_path, name, settings):
    whole, resumed = whole_and_resumed(
        tmp_path, (1, 2), restless_with_dropout, validating(), COMBINATIONS[name], **settings
    )
    assert resumed[1]
    assert resumed[1] == whole[1][-len(resumed[1]) :]
    assert same(whole[0], resumed[0])
    assert (len(whole[1]) < 24) == (name != "average")  # stopped early


@pytest.mark.slow
@pytest.mark.parametrize("name", ["best", "best average"])
def test_a_training_that_was_killed_when_it_was_over_has_the_same_digits(tmp_path, name):
    given = (restless_with_dropout, validating(), COMBINATIONS[name])
    whole, resumed = whole_and_resumed(tmp_path, (1, "end"), *given, epochs=8)
    assert resumed[1] == []
    assert same(whole[0], resumed[0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Checkpoint directory")  # both trainings write there
@pytest.mark.parametrize("name", COMBINATIONS)
def test_lightnings_own_checkpoints_resume_digit_for_digit(tmp_path, name):
    def train(resume=None):
        trace, data = Trace(), validating()
        checkpoint = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
        torch.manual_seed(0)
        module = restless()
        callbacks = [*COMBINATIONS[name](), trace, checkpoint]
        trainer = quiet_trainer(7, callbacks=callbacks, enable_checkpointing=True)
        trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
        return copied(module), trace.steps

    whole, steps = train()
    resumed, rest = train(tmp_path / "epoch=1.ckpt")
    assert rest == steps[6:]
    assert same(whole, resumed)


@pytest.mark.parametrize(
    ("make", "values"),
    [
        (stopping, r"EarlyStopping.*`data\.init_args\.validation_fraction`"),
        (BestWeights, r"BestWeights.*`data\.init_args\.validation_fraction`"),
        (
            lambda: EarlyStopping("test/mae"),
            "EarlyStopping.*'test/mae'.*val/loss",
        ),
        (
            EMAWeightAveraging,
            r"EMAWeightAveraging.*gnn_sim2real\.tasks\.EMAWeights",
        ),
        (lambda: StochasticWeightAveraging(1e-3), r"StochasticWeightAveraging.*gnn_sim2real\.tasks\.EMAWeights"),
    ],
)
def test_callbacks_that_would_do_nothing_are_refused(make, values):
    with pytest.raises(ValueError, match=values):
        fit(lambda: SourcePretraining(gine()), TinyPolymers(), callbacks=[make()])


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(ValueError, match=rf"`decay`.* 0 .* 1\b.* {decay}$"):
        EMAWeights(decay)
