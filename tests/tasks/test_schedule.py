"""Learning rates: the standard schedule, others by class path, and the share of the encoder under all of them."""

import pytest
import torch
from killed import Trace, whole_and_resumed
from lightning.pytorch.cli import ReduceLROnPlateau
from tiny import TinyPolymers, fit, gine, same
from torch.optim import lr_scheduler

from gnn_sim2real.records.keys import numbers_only
from gnn_sim2real.tasks import SourcePretraining, TargetFineTuning

STEPS, RATE, SHARE = 12, 0.1, 0.3


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=RATE)


def never_better(optimizer, **settings):
    """Halves the rate after every validation."""
    return ReduceLROnPlateau(optimizer, "val/loss", **{"factor": 0.5, "patience": 0, "threshold": 1e9} | settings)


BY_STEP = {
    "step": lambda optimizer: lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5),
    "one cycle": lambda optimizer: lr_scheduler.OneCycleLR(optimizer, max_lr=0.7, total_steps=STEPS),
    "cosine with a floor": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, STEPS, eta_min=0.05),
}


def rates(schedule, **settings):
    """Rates of encoder and head at every step of a fine-tuning from scratch in four epochs."""
    trace, data = Trace(), TinyPolymers(validation_fraction=0.25, batch_size=11)
    make = lambda: TargetFineTuning(gine(), encoder_rate=SHARE, optimizer=sgd, schedule=schedule)  # noqa: E731
    fit(make, data, 4, callbacks=[trace], **settings)
    assert len(trace.steps) == STEPS
    return [pair for _, _, pair in trace.steps]


@pytest.mark.parametrize("name", BY_STEP)
def test_a_schedule_is_stepped_every_step_and_the_encoder_keeps_its_share(name):
    optimizer = sgd([torch.nn.Parameter(torch.zeros(()))])
    schedule, alone = BY_STEP[name](optimizer), []
    for _ in range(STEPS):
        alone.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert len(set(alone)) > STEPS / 2
    found = rates(BY_STEP[name])
    assert [head for _, head in found] == alone
    assert [encoder for encoder, _ in found] == [SHARE * rate for rate in alone]


def test_a_plateau_is_looked_for_after_every_validation():
    found = rates(lambda optimizer: never_better(optimizer, min_lr=RATE / 3))
    expected = [RATE, RATE / 2, RATE / 3, RATE / 3]  # the floor is that of the schedule, not of its share
    assert [head for _, head in found[::3]] == pytest.approx(expected)
    assert [encoder for encoder, _ in found[::3]] == pytest.approx([SHARE * rate for rate in expected])


def test_a_plateau_is_looked_for_only_where_something_validated():
    found = rates(never_better, check_val_every_n_epoch=2)
    assert [head for _, head in found[::3]] == pytest.approx([RATE, RATE, RATE / 2, RATE / 2])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("one cycle", {"epochs": 4}),
        ("cosine with a floor", {"epochs": -1, "max_steps": 11}),
        ("plateau", {"epochs": 4}),
    ],
)
def test_a_resumed_training_ends_with_the_same_digits(tmp_path, name, settings):
    schedule = (BY_STEP | {"plateau": never_better})[name]
    data = TinyPolymers(validation_fraction=0.25, batch_size=11)
    whole, resumed = whole_and_resumed(
        tmp_path,
        (1, 3),
        lambda: TargetFineTuning(gine(dropout=0.2), encoder_rate=SHARE, optimizer=sgd, schedule=schedule),
        data,
        **settings,
    )
    assert resumed[1] == whole[1][9:]
    assert same(whole[0], resumed[0])


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"limit_val_batches": 0}, {}], ids=["nothing validates", "validates"])
def test_a_fixed_number_of_steps_is_resumed_digit_for_digit(tmp_path, settings):
    data = TinyPolymers(validation_fraction=0.25, batch_size=11)
    make = lambda: SourcePretraining(gine(dropout=0.2))  # noqa: E731
    whole, resumed = whole_and_resumed(tmp_path, (1, 2, "end"), make, data, epochs=-1, max_steps=8, **settings)
    assert resumed[1] == []
    assert same(whole[0], resumed[0])
    whole, resumed = whole_and_resumed(tmp_path / "again", (1, 2), make, data, epochs=-1, max_steps=8, **settings)
    assert resumed[1] == whole[1][6:]
    assert same(whole[0], resumed[0])


@pytest.mark.parametrize(
    ("schedule", "fraction", "values"),
    [
        (never_better, 0, r"ReduceLROnPlateau.*`data\.init_args\.validation_fraction`"),
        (lambda each: ReduceLROnPlateau(each, "train/loss"), 0.25, "`monitor`.*'val/loss'.*'train/loss'"),
    ],
)
def test_what_a_plateau_cannot_watch_is_refused(schedule, fraction, values):
    with pytest.raises(ValueError, match=values):
        fit(lambda: SourcePretraining(gine(), schedule=schedule), TinyPolymers(validation_fraction=fraction))


def test_options_at_their_defaults_change_no_key():
    def content(**settings):
        model = {"class_path": "gnn_sim2real.tasks.SourcePretraining", "init_args": {"loss": "mse"} | settings}
        return numbers_only({"model": model})

    assert content(schedule=None, compile=False) == content()
    cosine = {"class_path": "torch.optim.lr_scheduler.CosineAnnealingLR", "init_args": {"T_max": 9, "eta_min": 0.0}}
    assert content(schedule=cosine)["model"]["init_args"] == {"schedule": cosine | {"init_args": {"T_max": 9}}}
