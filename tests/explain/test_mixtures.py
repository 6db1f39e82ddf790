"""Explanations of pairs, blends and copolymers: the atoms of each component, which add up to the prediction."""

import csv
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from gnn_sim2real import load_model, nn
from gnn_sim2real.cli.main import main
from gnn_sim2real.explain import explain
from gnn_sim2real.explain.run import run_explain
from gnn_sim2real.explain.settings import ExplainSettings
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.featurize.mixture import Mixture
from gnn_sim2real.library import TrainedModel
from gnn_sim2real.nn.conditions import ConditionSpec
from gnn_sim2real.nn.model import PropertyModel, PropertySpec

OF_BONDS = [nn.GINE, nn.GATv2, nn.DMPNN, nn.AttentiveFP, nn.GPS, nn.FingerprintMLP]


PAIR = "*CCO* | CCO @ temperature 300"


def made(encoder, roles=(), conditions=()):
    specs = [ConditionSpec(each, "K") for each in conditions]
    network = PropertyModel(encoder, [PropertySpec("chi", "")], conditions=specs)
    network.scaler.mean[:], network.scaler.std[:] = 5.0, 2.0
    return TrainedModel(network.eval(), get_featurizer("mixture", roles=roles, conditions=conditions), {})


def check(found, model, mixture):
    assert found.remainder == pytest.approx(0, abs=1e-5)
    assert found.base == pytest.approx(5)
    assert found.prediction == pytest.approx(model.predict([mixture]).values[0, 0], rel=1e-5)
    assert len(found.components) == len(found.parts)
    assert sum(found.component_contributions.values()) == pytest.approx(found.contributions.sum())
    assert sorted(part for _, parts in found.fragments for part in parts) == list(range(len(found.parts)))
    ElementTree.fromstring(found.svg())  # noqa: S314 (our own)


@pytest.mark.parametrize("encoder", OF_BONDS)
@pytest.mark.parametrize("both", [False, True])
def test_any_pair(encoder, both):
    first = encoder(hidden_dim=8)
    second = encoder(hidden_dim=8) if both else None
    model = made(nn.Pair(first, second, hidden_dim=8), ("polymer", "solvent"))
    mixture = Mixture(("*CC(C)*", "CCO"))
    (found,) = explain([("*CC(C)*", "CCO")], model, evaluations=60)
    check(found, model, mixture)
    assert list(found.component_contributions) == ["polymer *CC(C)*", "solvent CCO"]
    assert found.elements == ["C", "C", "C", "C", "C", "O"]


@pytest.mark.parametrize("linkage", [None, 1.0])
def test_blends_and_copolymers(linkage):
    encoder = nn.Blend(nn.GINE(hidden_dim=8, num_layers=2), linkage=linkage is not None)
    if encoder.bond is not None:  # which starts from nothing
        nn_weight = encoder.bond.outer.weight
        nn_weight.data.normal_(0, 0.5)
    model = made(encoder)
    mixture = Mixture(("*CC*", "*CCO*", "*CC(*)F"), (0.5, 0.3, 0.2), {}, linkage)
    (found,) = explain([mixture], model, evaluations=120)
    check(found, model, mixture)
    assert len(found.component_contributions) == 3
    (alone,) = explain([Mixture(("*CCO*",))], model)
    pure = TrainedModel(model.network, get_featurizer("repeat_unit"), {})
    (same,) = explain(["*CCO*"], pure)
    np.testing.assert_allclose(alone.contributions, same.contributions, atol=1e-5)


def test_a_pair_at_a_temperature():
    model = made(nn.Pair(nn.GINE(hidden_dim=8), hidden_dim=8), ("polymer", "solvent"), ("temperature",))
    model.network.conditions.mean[:] = 300.0
    mixture = Mixture(("*CC*", "CO"), None, {"temperature": 350.0})
    (found,) = explain([mixture], model)
    check(found, model, mixture)


def test_symmetry_of_equal_components():
    """Two equal components of equal roles: each atom of one contributes what its twin does."""
    model = made(nn.Blend(nn.GINE(hidden_dim=8)))
    (found,) = explain([Mixture(("*CCO*", "*CCS*"), (0.5, 0.5))], model)
    (swapped,) = explain([Mixture(("*CCS*", "*CCO*"), (0.5, 0.5))], model)
    assert sorted(found.component_contributions.values()) == pytest.approx(
        sorted(swapped.component_contributions.values()), abs=1e-6
    )


def test_the_command_explains_a_pair_and_a_table_of_pairs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["explain", "starter:mixture/chi", PAIR, "--output", "one", "--evaluations", "20"]) == 0
    with open("one/contributions.csv") as file:  # noqa: PTH123
        rows = list(csv.DictReader(file))
    assert {row["component"] for row in rows} == {"polymer *CCO*", "solvent CCO"}
    rows = ["polymer,solvent,T [K],note", "*CC*,CO,300,a", "*CCO*,O,350,b", "*CCO*,no molecule,300,c"]
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    assert main(["explain", "starter:mixture/chi", "pairs.csv", "--output", "two", "--evaluations", "20"]) == 0
    page = (tmp_path / "two/report.html").read_text()
    assert "no molecule" in page
    twice, unknown, nameless = f"{PAIR} @ temperature 350", f"{PAIR} @ pressure 1", "*CCO* | CCO @ 300"
    for wrong in ("*CCO* | CCO @ hot", "*CCO* | CCO", twice, unknown, nameless):
        assert main(["explain", "starter:mixture/chi", wrong, "--output", "three"]) != 0
    assert load_model("starter:mixture/chi").featurizer.settings["roles"] == ["polymer", "solvent"]


ROWS = ["first,second,share,other,how,note", "*CC*,*CCO*,3,1,random,a", "*CCO*,,1,,,b", "*CC*,no unit,1,1,block,c"]
HEADED = ["component_1,component_2,weight_1,weight_2,linkage,note", *ROWS[1:]]


@pytest.mark.parametrize("is_trained_so", [False, True])
def test_a_table_of_blends_is_explained(tmp_path, monkeypatch, is_trained_so):
    """In the columns of the training, or in those whose headings say it."""
    monkeypatch.chdir(tmp_path)
    said = {"components": ["first", "second"], "weights": ["share", "other"], "linkage": "how"}
    model = made(nn.Blend(nn.GINE(hidden_dim=8, num_layers=2), linkage=True))
    if is_trained_so:
        described = {"class_path": "datamodules.BlendTable", "init_args": said}
        model = replace(model, card={"data_settings": described})
    (tmp_path / "blends.csv").write_text("\n".join(ROWS if is_trained_so else HEADED))
    monkeypatch.setattr("gnn_sim2real.explain.explanation.load_model", lambda _: model)
    result = run_explain(["a model"], "blends.csv", ExplainSettings("out", evaluations=60))
    mixtures = [Mixture(("*CC*", "*CCO*"), (0.75, 0.25), {}, 0.375), Mixture(("*CCO*",))]
    for entry, mixture in zip(result.entries, mixtures, strict=True):
        check(entry.after, model, mixture)
    assert any("no unit" in each for each in result.notes)
    frame = pd.read_csv("blends.csv")[:2]
    same = explain(frame, model, evaluations=60)
    assert [each.prediction for each in same] == [entry.after.prediction for entry in result.entries]
    (tmp_path / "other.csv").write_text("smiles\n*CC*\n")
    with pytest.raises(ValueError, match="component_1"):
        run_explain(["a model"], "other.csv", ExplainSettings("again"))
