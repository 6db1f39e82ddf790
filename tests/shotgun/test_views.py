"""Models of one kind of material asked about another: molecules, polymers, mixtures, crystals with other neighbors."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from crystals import PEROVSKITE, ROCK_SALT, random_crystal
from tiny import CHAINS, TinyPolymers, density

from gnn_sim2real.data.mixtures import MixtureDataModule
from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.library import TrainedModel
from gnn_sim2real.nn import CGCNN, DMPNN, GINE, Blend, FingerprintMLP, Pair, PropertyModel, Roost
from gnn_sim2real.nn.conditions import ConditionSpec
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.shotgun.answer import UNSEEN_WIDENING, Outside, find_left_out_outside, find_measured, find_new
from gnn_sim2real.shotgun.features import Skipped, features_of
from gnn_sim2real.shotgun.finetune import predict
from gnn_sim2real.shotgun.probe import PREDICTION, Probe
from gnn_sim2real.shotgun.saved import describe_outside
from gnn_sim2real.shotgun.start import make_start
from gnn_sim2real.shotgun.target import Target, select_rows
from gnn_sim2real.store.vocabulary import find_vocabulary
from gnn_sim2real.tables.mixture_columns import MixtureColumns
from gnn_sim2real.tables.table import CleanTable, Property


class TinyChi(MixtureDataModule):
    """Pairs at two temperatures."""

    roles = ("polymer", "solvent")
    condition_units = {"temperature": "K"}  # noqa: RUF012

    def load_table(self):
        rows = [(a, b, t) for a in CHAINS[:5] for b in ("O", "CC#N", "CCCCCC") for t in (25.0, 60.0)]
        frame = pd.DataFrame(rows, columns=["polymer", "solvent", "t"])
        frame["energy"] = [0.1 * len(a) - 0.2 * len(b) + 100.0 * ("O" in a) / (t + 273.15) for a, b, t in rows]
        columns = MixtureColumns(["polymer", "solvent"], conditions={"temperature": ("t", "degC")})
        return self.clean_mixtures(frame, columns, [Property("energy", "eV")], "tiny")


def model(encoder, kind, **settings):
    torch.manual_seed(0)
    network = PropertyModel(encoder, [PropertySpec("density", "g/cm3")]).eval()
    return TrainedModel(network, get_featurizer(kind, **settings), {})


@pytest.fixture(scope="module")
def polymers():
    return Target.of_data(TinyPolymers())


@pytest.fixture(scope="module")
def crystals():
    made = [ROCK_SALT, PEROVSKITE, *(random_crystal(seed) for seed in range(8))]
    names = [f"c{number}" for number in range(len(made))]
    table = CleanTable(
        materials=made,
        identities=names,
        values=np.arange(1.0, 11.0)[:, None],
        spread=np.full((10, 1), np.nan),
        num_merged=np.ones(10, np.int64),
        num_values=np.ones((10, 1), np.int64),
        properties=(Property("k", "W/(m K)"),),
        quarantine=pd.DataFrame(),
        num_rows_read=10,
    )
    rows = np.arange(10)
    return Target(table, get_featurizer("crystal"), [], rows, rows[:0])


@pytest.mark.parametrize(
    "source",
    [
        lambda: model(GINE(hidden_dim=8, num_layers=2), "molecule"),
        lambda: model(DMPNN(hidden_dim=8), "molecule"),
        lambda: model(FingerprintMLP(hidden_dim=8, num_bits=64, descriptors=True), "molecule", atom_descriptors=True),
        lambda: model(Roost(hidden_dim=8, num_layers=1, num_heads=1, mlp_dim=8), "composition"),
        lambda: model(Blend(GINE(hidden_dim=8, num_layers=1)), "mixture"),
    ],
    ids=["GINE", "D-MPNN", "descriptors", "Roost", "Blend"],
)
def test_polymers_are_read_by_models_of_other_materials(polymers, source):
    features = features_of(source(), polymers)
    assert all(len(each) == len(CHAINS) for each in features.layers)
    assert features.source is not None  # they say that they predict a density
    start = make_start(source(), polymers, polymers.train, Probe(len(features.layers) - 1))
    assert start.featurizer.describe() == get_featurizer("repeat_unit", atom_descriptors=True).describe()
    assert start.predict(CHAINS[:3]).values.shape == (3, 1)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (lambda: model(CGCNN(hidden_dim=8), "crystal"), "`edge_vector`"),
        (lambda: model(Pair(GINE(hidden_dim=8, num_layers=1)), "mixture"), "these materials are pure ones"),
    ],
    ids=["crystals", "pairs"],
)
def test_polymers_are_not_read_by_these(polymers, source, reason):
    with pytest.raises(ValueError, match=reason):
        features_of(source(), polymers)


def test_a_reason_is_known_for_the_next_model_of_the_same_architecture():
    skipped, first = Skipped(), model(CGCNN(hidden_dim=8), "crystal")
    described = first.featurizer.describe()
    assert skipped.known("CGCNN", described) is None
    skipped.add("no", first)
    assert skipped.known("CGCNN", described) == "no"
    blend = model(Blend(GINE(hidden_dim=8, num_layers=1)), "mixture")
    skipped.add("no", blend)
    assert skipped.known("Blend", blend.featurizer.describe()) is None  # another may hold another encoder


def test_crystals_have_the_neighbors_that_the_model_knows(crystals):
    few, many = (model(CGCNN(hidden_dim=8), "crystal", max_neighbors=count) for count in (4, 12))
    views = [crystals.view(each.featurizer) for each in (few, many, few)]
    assert views[0] is views[2]
    assert views[0].batches[0].edge_index.shape[1] < views[1].batches[0].edge_index.shape[1]
    roost = model(Roost(hidden_dim=8, num_layers=1, num_heads=1, mlp_dim=8), "repeat_unit")
    assert len(features_of(roost, crystals).layers[-1]) == 10
    with pytest.raises(ValueError, match="bonds"):
        features_of(model(GINE(hidden_dim=8, num_layers=1), "molecule"), crystals)


def test_an_answer_by_the_temperature_is_laid_on_a_line():
    """A source of chi as A + B / T: the line goes through its values at each temperature."""
    target = Target.of_data(TinyChi())
    encoder = Pair(GINE(hidden_dim=8, num_layers=1))
    spec, conditions = PropertySpec("energy", "eV", "inverse_temperature"), [ConditionSpec("temperature", "K")]
    source = TrainedModel(PropertyModel(encoder, [spec], conditions=conditions).eval(), target.own, {})
    features = features_of(source, target)
    start = make_start(source, target, target.train, PREDICTION)
    line = np.polynomial.Polynomial.fit(features.source, target.values, 1)
    np.testing.assert_allclose(
        predict(start, target, np.arange(len(features.source))), line(features.source), atol=1e-4
    )
    ridge = make_start(source, target, target.train, Probe(0))
    assert np.isfinite(predict(ridge, target, target.train)).all()
    assert features.layers[0].shape[1] == ridge.network.head.mlp[0].in_features


def test_some_rows_of_a_table(polymers):
    some = select_rows(polymers.table, np.array([5, 2]))
    assert some.identities == [polymers.table.identities[row] for row in (5, 2)]
    assert some.values[0, 0] == pytest.approx(density(some.materials[0]))


def test_without_its_fold_a_row_is_as_far_from_the_others_as_a_new_one():
    materials = [*CHAINS[:5], *CHAINS[6:10], "*C[Si](C)(C)*", "*C[Si](CC)(C)*", "*CC(Cl)*"]
    target = Target.of_data(TinyPolymers({("density", "g/cm3"): [1.0] * 12}, materials=materials))
    table = np.linspace(0, 1, 12)[:, None]
    table[0] = 9.0
    silicon, chlorine = (
        [row for row in range(12) if symbol in target.table.identities[target.train[row]]] for symbol in ("Si", "Cl")
    )
    assert (len(silicon), len(chlorine)) == (2, 1)
    alone = find_left_out_outside(target, table, [np.array([row]) for row in range(12)]).wider
    assert alone[0] > 2
    assert alone[chlorine] >= UNSEEN_WIDENING
    assert (np.delete(alone, [0, *chlorine]) == 1).all()
    both = find_left_out_outside(target, table, [np.array(silicon), np.delete(np.arange(12), silicon)]).wider
    assert (both[silicon] >= UNSEEN_WIDENING).all()


def test_missing_values_are_left_out():
    values = [density(each) if number % 3 else np.nan for number, each in enumerate(CHAINS)]
    data = TinyPolymers({("density", "g/cm3"): values, ("other", "K"): [1.0] * len(CHAINS)}, test_fraction=0.2)
    target = Target.of_data(data)
    assert len(target.train) + len(target.test) == sum(np.isfinite(values))
    assert np.isfinite(target.values).all()
    assert target.table.values.shape[1] == 1


def test_too_few_measurements_or_no_logarithm():
    with pytest.raises(ValueError, match=r"\b6 measured materials, got 3\b"):
        Target.of_data(TinyPolymers(materials=CHAINS[:3]))
    with pytest.raises(ValueError, match=r"`log: true`.* above zero"):
        Target.of_data(TinyPolymers({("x", "K"): [float(n) for n in range(len(CHAINS))]}), log=True)


def test_a_disordered_crystal_is_new_only_where_no_measured_one_is_disordered(crystals):
    ordered, others = crystals.table.materials[:2], crystals.table.materials[2:]
    halves = [
        Crystal.of_sites(one.lattice, [{n: 0.5} for n in one.atomic_number.tolist()], one.fractional) for one in others
    ]
    table = replace(crystals.table, materials=[*ordered, *halves])
    target = Target(table, get_featurizer("crystal", disorder="average"), [], crystals.train, crystals.train[:0])
    asked = np.array([9])
    for train, disordered in ((np.arange(9), False), (np.arange(2), True)):
        measured = find_measured(target, train)
        assert find_new(target.own_store, {**measured, "elements": []}, asked)[0].all()
        measured |= {"elements": find_vocabulary(target.own_store)["elements"]}
        new = find_new(target.own_store, measured, asked)
        assert [each.tolist() for each in new] == [[False], [disordered]]
        outside = Outside(np.zeros(1), *new)
        assert ("disordered" in describe_outside(outside, np.zeros(1, np.bool_))[0]) == disordered
        assert outside.wider.tolist() == [UNSEEN_WIDENING if disordered else 1.0]


def test_disordered_crystals_are_read_as_the_target_has_them(crystals):
    own = get_featurizer("crystal", disorder="average")
    target = Target(crystals.table, own, [], crystals.train, crystals.train[:0])
    of_model = get_featurizer("crystal", cutoff=4.0, max_neighbors=None)
    assert target.view(of_model).featurizer.settings == {"cutoff": 4.0, "max_neighbors": None, "disorder": "average"}
    order = get_featurizer("crystal", disorder="order")
    assert crystals.view(order).featurizer.describe() == crystals.own.describe()
