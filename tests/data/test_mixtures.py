import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import fit, gine, quiet_trainer

from gnn_sim2real.data.mixtures import MixtureDataModule
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.featurize.identity import molecule_identity
from gnn_sim2real.featurize.mixture import Mixture
from gnn_sim2real.library import TrainedModel, load_model, save_model
from gnn_sim2real.nn import Pair
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.mixture_columns import MixtureColumns, read_mixtures
from gnn_sim2real.tables.table import Property
from gnn_sim2real.tasks import SourcePretraining, TargetFineTuning
from gnn_sim2real.tasks.prediction import PredictionWriter
from gnn_sim2real.tasks.seen import SeenMaterials
from gnn_sim2real.uncertainty.ensemble import Ensemble

SOLUTES = [f"{'C' * length}{end}" for length in range(1, 8) for end in ("O", "N")]
SOLVENTS = ["O", "CC#N", "CCCCCC", "c1ccccc1"]
COLUMNS = MixtureColumns(["solute", "solvent"], conditions={"temperature": ("t", "degC")})


def energy(solute, solvent, kelvin):
    return 0.3 * len(solute) - 0.2 * len(solvent) + 100.0 * ("O" in solute) / kelvin


class TinyPairs(MixtureDataModule):
    """Every third pair of solutes and solvents, each at two temperatures."""

    roles = ("solute", "solvent")
    input_columns = COLUMNS
    condition_units = {"temperature": "K"}  # noqa: RUF012

    def __init__(self, shift=0.0, simulated=None, require_simulated=False, every=1, **settings):
        super().__init__(**{"validation_fraction": 0, "batch_size": 16} | settings)
        self.shift, self.simulated_by, self.required, self.every = shift, simulated, require_simulated, every

    def load_table(self):
        rows = [(a, b, t) for a in SOLUTES for b in SOLVENTS for t in (25.0, 60.0)][:: self.every]
        frame = pd.DataFrame(rows, columns=["solute", "solvent", "t"])
        frame["energy"] = [energy(a, b, t + 273.15) + self.shift for a, b, t in rows]
        return self.clean_mixtures(
            frame,
            COLUMNS,
            [Property("energy", "eV")],
            "tiny",
            simulated=self.simulated_by,
            require_simulated=self.required,
        )


WHOLE = {group: TinyPairs(group_by=group) for group in ("mixture", "solute", "solvent")}
for module in WHOLE.values():
    _ = module.table


def names_of(data, rows, group_by):
    """What a person would call the group of each row, from its spelling."""
    place = {"solute": 0, "solvent": 1}
    mixtures = [data.data_set.mixtures[row] for row in rows.tolist()]
    return {each.components if group_by == "mixture" else each.components[place[group_by]] for each in mixtures}


@settings(max_examples=40)
@given(
    group_by=st.sampled_from(["mixture", "solute", "solvent"]),
    own=st.sampled_from(["mixture", "solute", "solvent"]),
    split=st.integers(0, 3),
    seed=st.integers(0, 3),
    size_by=st.sampled_from(["rows", "groups"]),
    remove=st.sampled_from(["test", "all"]),
)
def test_no_group_stands_on_two_sides(group_by, own, split, seed, size_by, remove):
    changes = {"test_fraction": 0.3, "split": split, "seed": seed, "size_by": size_by, "validation_fraction": 0.5}
    target = WHOLE[group_by].variant(**changes)
    tested = names_of(target, target.parts.test, group_by)
    assert tested
    for part in ("train", "validation"):
        assert not names_of(target, getattr(target.parts, part), group_by) & tested
    if size_by == "groups":
        used = [names_of(target, getattr(target.parts, part), group_by) for part in ("train", "validation")]
        assert not used[0] & used[1]
    source = WHOLE[own].variant(exclude=target, remove=remove)
    if remove == "all":
        assert len(source.removed_rows()) == len(source.table.identities)
    else:
        assert not names_of(source, source.parts.train, group_by) & tested
        left = set(range(len(source.table.identities))) - set(source.parts.train.tolist())
        assert names_of(source, np.array(sorted(left)), group_by) == tested


@pytest.mark.parametrize("place", [0, 1])
def test_a_pure_material_that_is_tested_leaves_the_pairs_in_any_role(place):
    class Pure(PropertyDataModule):
        kind = "molecule"

        def load_table(self):
            names = (SOLUTES, SOLVENTS)[place]
            frame = pd.DataFrame({"smiles": names, "density": [1.0 + len(name) for name in names]})
            properties = [Property("density", "g/cm3")]
            return clean_table(
                frame, material_column="smiles", properties=properties, identity=self.featurizer.identity, source="pure"
            )

    target = Pure(test_fraction=0.4, validation_fraction=0)
    source = WHOLE["mixture"].variant(exclude=target)
    removed = source.removed_rows()
    assert 0 < len(removed) < len(source.table.identities)
    assert set(removed.tolist()) == {
        row
        for row, mixture in enumerate(source.data_set.mixtures)
        if any(molecule_identity(each) in target.splitter.test_groups for each in mixture.components)
    }
    assert not source.seen_identities() & target.tested_identities()
    assert WHOLE["mixture"].seen_identities() >= target.tested_identities()


@pytest.mark.parametrize("group_by", ["mixture", "solute", "solvent"])
def test_a_model_of_pairs_has_seen_what_is_tested_unless_it_was_removed(group_by):
    target = WHOLE[group_by].variant(test_fraction=0.3)
    tested = target.tested_identities()
    assert len(tested) == len(target.splitter.test_groups)
    for own in WHOLE.values():
        assert own.seen_identities() >= tested
        assert not own.variant(exclude=target).seen_identities() & tested
        assert own.seen_identities() == WHOLE["mixture"].seen_identities()


def test_a_size_in_groups_takes_all_their_mixtures():
    data = WHOLE["solute"].variant(size=5, size_by="groups", test_fraction=0.2, split=1)
    assert data.parts.size == 5
    assert len(data.parts.train) == 5 * len(SOLVENTS) * 2
    smaller = data.variant(size=3)
    assert set(smaller.parts.train.tolist()) < set(data.parts.train.tolist())
    with pytest.raises(ValueError, match=r"`size`.* 11 .*12$"):
        _ = data.variant(size=12).parts


def test_simulated_values_are_those_of_the_same_temperature():
    simulated = TinyPairs(shift=-1.0, every=3).table
    target = TinyPairs(simulated=simulated)
    there = np.isfinite(target.table.simulated)
    assert there.sum() == len(simulated.identities)
    np.testing.assert_allclose(target.table.simulated[there] + 1.0, target.table.values[there])
    only = TinyPairs(simulated=simulated, require_simulated=True)
    assert np.isfinite(only.table.simulated).all()
    assert only.table.identities == simulated.identities
    refused = only.table.quarantine["reason"].tolist()
    assert refused == ["no simulated energy"] * (len(target.table.identities) - len(simulated.identities))


def test_other_roles_cannot_be_removed():
    class Other(TinyPairs):
        roles = ("solvent", "solute")

    target = Other(test_fraction=0.3)
    with pytest.raises(ValueError, match=r"Other.* solvent, solute.*TinyPairs.* solute, solvent"):
        TinyPairs(exclude=target).removed_rows()


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"`group_by`.*mixture, solute, solvent.*'polymer'"):
        TinyPairs(group_by="polymer")
    with pytest.raises(ValueError, match=r"`size_by`.*rows.*groups.*'pairs'"):
        TinyPairs(size_by="pairs")
    frame = pd.DataFrame({"solute": ["O", "C"], "solvent": ["C", None], "t": [-300.0, 20.0], "energy": [1.0, 2.0]})
    with pytest.raises(ValueError, match=r"row 2 \(O \| C @ temperature -26\.85\).* 0 K.*-26\.85 K"):
        WHOLE["solute"].clean_mixtures(frame, COLUMNS, [Property("energy", "eV")], "wrong")
    with pytest.raises(ValueError, match=r"tiny.*'t'.*solute, solvent"):
        next(read_mixtures(frame[["solute", "solvent"]], COLUMNS, {"temperature": "K"}, True, "tiny"))


def test_keys_know_groups():
    target = WHOLE["solute"].variant(test_fraction=0.3)
    other = WHOLE["solute"].variant(test_fraction=0.3, size_by="groups")
    assert target.key_content() != other.key_content()
    source = WHOLE["mixture"]
    keys = [
        source.variant(exclude=each).key_content() for each in (target, WHOLE["mixture"].variant(test_fraction=0.3))
    ]
    assert keys[0] != keys[1]


def test_a_pair_is_pretrained_stored_fine_tuned_and_predicted(tmp_path):
    source, target = TinyPairs(shift=-0.5), TinyPairs(group_by="solute", test_fraction=0.3)
    forms = {"energy": "inverse_temperature"}
    _, module = fit(lambda: SourcePretraining(Pair(gine(), hidden_dim=8), forms=forms), source, epochs=3)
    save_model(TrainedModel(module.network.eval(), source.featurizer, {"data": source.card()}), tmp_path / "model")
    model = load_model(tmp_path / "model")
    temperatures = [280.0, 300.0, 350.0]
    made = [Mixture(("CCO", "O"), None, {"temperature": each}) for each in temperatures]
    values, inverse = model.predict(made).values[:, 0], 1 / np.array(temperatures)
    slope = (values[1:] - values[0]) / (inverse[1:] - inverse[0])
    assert slope[0] == pytest.approx(slope[1], rel=1e-2)
    trainer, tuned = fit(lambda: TargetFineTuning(pretrained=str(tmp_path / "model")), target, epochs=1)
    assert tuned.network.properties[0].form == "inverse_temperature"
    assert torch.equal(tuned.network.conditions.mean, model.network.conditions.mean)
    table = tmp_path / "asked.csv"
    table.write_text("solute,solvent,t\nCCO,O,25\nCCO,O,-280\nno,O,25\nCCN,O,50\n")
    asked = target.variant(predict_path=str(table))
    predictions = torch.cat(quiet_trainer(1).predict(tuned, datamodule=asked))
    assert predictions.shape == (2, 3)
    assert tuned.network.terms == [("energy A", "eV"), ("energy B", "eV K")]
    value, a, b = predictions.T
    torch.testing.assert_close(value, a + b / torch.tensor([298.15, 323.15]), rtol=1e-5, atol=1e-5)
    writer = PredictionWriter(str(tmp_path / "answers.csv"))
    quiet_trainer(1, callbacks=[writer]).predict(tuned, datamodule=asked, return_predictions=False)
    rows = pd.read_csv(tmp_path / "answers.csv")
    assert list(rows) == [
        "solute | solvent",
        "energy [eV]",
        "energy A [eV]",
        "energy B [eV K]",
        "reason",
        "solute",
        "solvent",
        "t",
    ]
    np.testing.assert_allclose(rows["energy B [eV K]"].dropna(), b, rtol=1e-6)
    reasons = [reason for _, reason in asked.predictor.materials]
    assert [reason is None for reason in reasons] == [True, False, False, True]
    assert "above 0 K" in reasons[1]
    assert trainer.callback_metrics["train/loss"].isfinite()


def test_an_ensemble_of_pairs_says_a_and_b(tmp_path):
    """Mean and spread of A and B are those over the models, and the mean of the property is that of A + B / T."""
    source = TinyPairs()
    models = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        encoder = Pair(gine(), hidden_dim=8)
        _, module = fit(
            lambda encoder=encoder: SourcePretraining(encoder, forms={"energy": "inverse_temperature"}),
            source,
            epochs=1,
        )
        models.append(TrainedModel(module.network.eval(), source.featurizer, {}))
    made = [Mixture(("CCO", "O"), None, {"temperature": 300.0}), Mixture(("CCN", "O"), None, {"temperature": 350.0})]
    found = Ensemble(tuple(models)).predict(made)
    assert found.names == ("energy", "energy A", "energy B")
    assert found.units == ("eV", "eV", "eV K")
    value, a, b = found.mean.T
    np.testing.assert_allclose(value, a + b / np.array([300.0, 350.0]), rtol=1e-4)
    each = np.stack([model.predict(made).values[:, 0] for model in models])
    np.testing.assert_allclose(found.mean[:, 0], each.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.std[:, 0], each.std(axis=0, ddof=1), rtol=1e-4)
    assert (found.std > 0).all()


@pytest.mark.parametrize("group_by", ["mixture", "solute", "solvent"])
def test_a_model_of_mixtures_has_seen_what_trains_and_not_what_tests(group_by):
    data = WHOLE[group_by].variant(test_fraction=0.25, validation_fraction=0.34)
    seen = SeenMaterials.of_training(data)
    assert not len(seen.known_rows(data, "test"))
    assert not len(seen.known_rows(data, "validation"))
    other = data.variant(split=1)
    assert len(seen.known_rows(other, "test")) == len(other.parts.test)  # all that is not tested trains


def test_a_model_that_has_seen_a_solute_is_not_tested_by_solute():
    seen = SeenMaterials.of_training(WHOLE["mixture"].variant(test_fraction=0.25))
    other = WHOLE["solute"].variant(test_fraction=0.25)
    assert len(seen.known_rows(other, "test")) == len(other.parts.test)
