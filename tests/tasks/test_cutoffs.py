"""The cutoff of an encoder is that of the graphs, or no training begins."""

import re

import pytest
import yaml
from tiny import fit, gine

from datamodules import DemoMeasuredCrystals
from gnn_sim2real.cli.main import main
from gnn_sim2real.nn import CGCNN, SchNet
from gnn_sim2real.tasks import SourcePretraining, TargetFineTuning
from gnn_sim2real.tasks.checks import require_same_cutoff


@pytest.fixture(scope="module")
def crystals():
    return DemoMeasuredCrystals(validation_fraction=0, test_fraction=0.2, max_neighbors=None)


@pytest.mark.parametrize("task", [SourcePretraining, TargetFineTuning])
@pytest.mark.parametrize("cutoff", [9.0, 4.0])
def test_another_cutoff_than_that_of_the_graphs_is_refused(crystals, task, cutoff):
    with pytest.raises(ValueError, match=f"SchNet .* 6 angstrom, .* {cutoff:g}; .*`data.init_args.cutoff`"):
        fit(lambda: task(SchNet(hidden_dim=8, num_layers=1)), crystals.variant(cutoff=cutoff))


def test_what_agrees_or_has_no_cutoff_is_trained(crystals):
    _, module = fit(
        lambda: TargetFineTuning(SchNet(hidden_dim=8, num_layers=1, cutoff=4.0)), crystals.variant(cutoff=4), epochs=1
    )
    assert module.is_trained
    require_same_cutoff(gine(), crystals.variant(cutoff=9))
    require_same_cutoff(CGCNN(cutoff=9.0), crystals.variant(representation="composition"))


class Around(CGCNN):
    """Has another encoder inside of it."""

    def __init__(self, inner):
        super().__init__(hidden_dim=4)
        self._settings, self.inner = {"inner": inner.describe()}, inner


def test_an_encoder_inside_of_another_is_asked_too():
    assert (Around(SchNet(cutoff=5.0)).graph_cutoff, Around(gine()).graph_cutoff) == (5.0, None)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["pretrain", "scratch", "architecture"])
def test_a_study_is_refused_before_it_computes_anything(tmp_path, capsys, stage):
    task = {"pretrain": "SourcePretraining", "finetune": "TargetFineTuning", "scratch": "TargetFineTuning"}
    for name, kind in task.items():
        encoder = {"class_path": "gnn_sim2real.nn.CGCNN", "init_args": {"cutoff": 6.0 if name == stage else 5.0}}
        settings = {"cutoff": 5, "validation_fraction": 0} | ({} if name == "pretrain" else {"test_fraction": 0.2})
        data = "DemoSimulatedCrystals" if name == "pretrain" else "DemoMeasuredCrystals"
        content = {
            "trainer": {"accelerator": "cpu", "max_epochs": 1},
            "model": {"class_path": kind, "init_args": {"encoder": encoder}},
            "data": {"class_path": data, "init_args": settings},
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
    study = {name: f"{name}.yaml" for name in task} | {"output": "out"}
    study["axes"] = {"source_size": [0, 20], "target_size": [10]}
    if stage == "architecture":
        study["axes"]["architecture"] = [{"class_path": "gnn_sim2real.nn.CGCNN"}]
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    assert main(["study", "run", "-c", str(tmp_path / "study.yaml")]) == 2
    assert re.search("CGCNN .* 6 angstrom, .* 5;", capsys.readouterr().err)
    assert not list(tmp_path.rglob("*.safetensors"))
