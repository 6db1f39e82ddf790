"""Trainer settings that every training must bear: steps, clipping, precision, a compiled forward pass."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import compiled
import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import LambdaCallback
from tiny import CHAINS, TinyPolymers, copied, fit, gine, quiet_trainer, same

from gnn_sim2real.tasks import BestWeights, SourcePretraining, TargetFineTuning

MANY = [
    f"*{'C' * left}{middle}{'C' * right}{end}*"
    for left in range(1, 9)
    for right in range(8)
    for middle in ("O", "S", "N", "C(=O)")
    for end in ("C(F)", "C(Cl)", "C(C)O", "C(=O)N", "C(=O)O")
]


@pytest.fixture(scope="module")
def many():
    """More than a thousand materials."""
    data = TinyPolymers(materials=MANY, batch_size=64)
    _ = data.store
    return data


class BatchSizes(Callback):
    def __init__(self):
        self.seen = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.seen.append(len(batch.row))


@pytest.mark.slow
@pytest.mark.parametrize("size", [10, 1000])
def test_small_and_large_sources_are_trained_for_the_same_number_of_steps(many, size):
    sizes = BatchSizes()
    trainer, _ = fit(lambda: SourcePretraining(gine()), many.variant(size=size), -1, max_steps=20, callbacks=[sizes])
    assert (trainer.global_step, len(sizes.seen)) == (20, 20)
    assert max(sizes.seen) == min(size, 63)


@pytest.mark.parametrize("limit", [None, 1e-3])
def test_gradients_are_clipped(limit):
    before = []
    keep = LambdaCallback(on_train_start=lambda trainer, module: before.append(copied(module)))
    descend = lambda parameters: torch.optim.SGD(parameters, lr=1.0)  # noqa: E731
    make = lambda: SourcePretraining(gine(), optimizer=descend, warmup_fraction=0)  # noqa: E731
    _, module = fit(make, TinyPolymers(), -1, max_steps=1, callbacks=[keep], gradient_clip_val=limit)
    moved = [(each.detach() - before[0][name]).flatten() for name, each in module.named_parameters()]
    length = float(torch.cat(moved).norm())
    assert length == pytest.approx(limit, rel=1e-3) if limit else length > 0.01


def test_mixed_precision_rounds_neither_the_properties_nor_the_predictions():
    columns = {("Cp", "J/(kg K)"): [1000.123 + len(each) for each in CHAINS]}
    data = TinyPolymers(columns, test_fraction=0.3)
    found = {}
    for precision in ("32-true", "bf16-mixed"):
        trainer, module = fit(lambda: SourcePretraining(gine()), data, 3, precision=precision)
        trainer.test(module, datamodule=data, verbose=False)
        predicted = torch.cat(trainer.predict(module, data.test_dataloader()))
        assert predicted.dtype == torch.float32
        assert module.test_result()[1] == pytest.approx(predicted[:, 0].double().numpy(), rel=1e-6)
        assert all(each.dtype in (torch.float32, torch.int64) for each in module.state_dict().values())
        found[precision] = predicted, module.network.scaler.mean.item()
    (single, mean), (mixed, mixed_mean) = found.values()
    assert mixed_mean == mean == pytest.approx(data.part("train").present_targets.mean().item(), rel=1e-6)
    assert not torch.equal(single, mixed)
    assert (single - mixed).abs().max() < 0.05 * data.part("train").present_targets.std()
    assert not torch.equal(mixed, mixed.bfloat16().float())  # in which numbers near 1000 are 4 apart


@pytest.mark.parametrize("precision", ["bf16-true", "64-true"])
def test_other_precisions_are_refused(precision):
    with pytest.raises(ValueError, match=rf"`trainer\.precision`.*32-true, bf16-mixed.*16-mixed.*{precision}"):
        fit(lambda: SourcePretraining(gine()), TinyPolymers(), precision=precision)


def test_compile_without_a_compiler_is_refused(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ValueError, match=r"`compile`.* no-such-compiler"):
        fit(lambda: SourcePretraining(gine(), compile=True), TinyPolymers())


@pytest.mark.release
@pytest.mark.skipif(not shutil.which("g++"), reason="there is no g++, which torch.compile takes")
def test_compiled_or_not_the_result_and_the_checkpoint_are_alike(tmp_path):
    words = [sys.executable, str(Path(compiled.__file__)), str(tmp_path)]
    folders = os.pathsep.join([str(Path(compiled.__file__).parent), str(Path(__file__).parents[2])])
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": folders})
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    eager, fast = found["eager"], found["compiled"]
    assert fast["names"] == eager["names"]
    assert fast["mae"] == pytest.approx(eager["mae"], rel=1e-3)
    assert found["breaks"] == {}
    # Graphs of all sizes go through the same few programs: training, validation and test.
    assert 0 < found["graphs"] <= 4
    assert fast["predicted"] == [pytest.approx(each, rel=1e-3) for each in eager["predicted"]]


def test_a_task_is_loaded_from_a_checkpoint_without_a_trainer(tmp_path):
    make = lambda: TargetFineTuning(gine())  # noqa: E731
    trainer, module = fit(make, TinyPolymers(validation_fraction=0.25), callbacks=[BestWeights()])
    trainer.save_checkpoint(tmp_path / "tuned.ckpt")
    loaded = TargetFineTuning.load_from_checkpoint(tmp_path / "tuned.ckpt", weights_only=True)
    assert same(copied(loaded), copied(module))


@pytest.mark.parametrize("verb", ["test", "predict"])
def test_a_test_in_several_processes_is_refused(verb):
    trainer = quiet_trainer(1, strategy="ddp", devices=2)
    with pytest.raises(ValueError, match=rf"{verb} .*\b2\b.*`--trainer\.devices 1`"):
        SourcePretraining(gine()).check_trainer(trainer, verb)


def test_a_fine_tuning_in_several_processes_is_refused():
    with pytest.raises(ValueError, match=r"fine-tuning .*\b2\b.*`--trainer\.devices 1`"):
        TargetFineTuning(gine()).check_trainer(quiet_trainer(1, strategy="ddp", devices=2), "fit")
