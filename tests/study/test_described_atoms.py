"""Encoders on an axis of a study: what their data must have, and those that cannot be made."""

import re

import pytest
import yaml
from studies import NUM_FEW, compute, results

from gnn_sim2real.cli.main import main
from gnn_sim2real.library import load_model


@pytest.mark.slow
def test_atoms_are_described_where_the_encoder_reads_it(undisturbed, few):
    study = yaml.safe_load((few / "study.yaml").read_text())
    perceptron = {
        "class_path": "gnn_sim2real.nn.FingerprintMLP",
        "init_args": {"hidden_dim": 8, "num_bits": 64, "descriptors": True},
    }
    study["more_axes"] = [
        {
            "source_size": [0, 20],
            "target_size": [10],
            "seed": [0],
            "policy": ["full", "calibrated_source"],
            "architecture": [perceptron],
        }
    ]
    (few / "study.yaml").write_text(yaml.safe_dump(study))
    compute(few)
    found = results(few / "out")
    others = {key: each for key, each in results(undisturbed).items() if key in found}
    assert len(others) == NUM_FEW
    assert others.items() <= found.items()
    added = sorted((found[key][0].source_size, found[key][0].policy) for key in found.keys() - others.keys())
    assert added == [(0, "full"), (20, "calibrated_source"), (20, "full")]
    models = [load_model(path.parent) for path in (few / "out" / "models").glob("*/card.json")]
    described = {type(each.network.encoder).__name__: dict(each.featurizer.settings) for each in models}
    assert described == {"GINE": {}, "FingerprintMLP": {"atom_descriptors": True}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "values"),
    [
        ({"class_path": "gnn_sim2real.nn.Nope"}, r"gnn_sim2real\.nn\.Nope"),
        ({"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hiden_dim": 8}}, r"GINE .*hiden_dim"),
    ],
)
def test_an_encoder_that_cannot_be_made_is_refused(study_files, capsys, encoder, values):
    study = yaml.safe_load((study_files / "study.yaml").read_text())
    study["axes"]["architecture"] = [encoder]
    (study_files / "study.yaml").write_text(yaml.safe_dump(study))
    assert main(["study", "run", "-c", str(study_files / "study.yaml")]) == 2
    assert re.search(f"`architecture`.*{values}", capsys.readouterr().err)
