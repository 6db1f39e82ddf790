import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mixtures import PAIRS, blends, pairs

from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.featurize.mixture import Mixture, MixtureTable, mixture_identity, normalize
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.store.mixtures import MixtureStore, store_of

NUM_GRAPHS = 6


@pytest.fixture(scope="module")
def graphs(random_graph):
    return [random_graph(size, 2 * size, size) for size in range(1, NUM_GRAPHS + 1)]


members_of_mixtures = st.lists(
    st.lists(st.integers(0, NUM_GRAPHS - 1), min_size=1, max_size=3, unique=True), min_size=1, max_size=8
)


@given(mixtures=members_of_mixtures, data=st.data())
def test_a_batch_holds_each_component_once_and_gives_back_each_mixture(graphs, mixtures, data):
    members = np.full((len(mixtures), 3), -1, np.int32)
    for row, each in enumerate(mixtures):
        members[row, : len(each)] = each
    weights = np.random.default_rng(0).random(members.shape, dtype=np.float32) * (members >= 0)
    conditions = np.arange(2 * len(mixtures), dtype=np.float32).reshape(-1, 2)
    store = MixtureStore(GraphStore.from_graphs(graphs), members, weights, conditions)
    rows = torch.tensor(data.draw(st.lists(st.integers(0, len(mixtures) - 1), min_size=1, max_size=12)))
    batch = store.select(rows, torch.ones(len(rows), 1))
    assert sorted(set(batch.component_row.tolist())) == batch.component_row.tolist()
    assert batch.component_row.tolist() == sorted({each for row in rows.tolist() for each in mixtures[row]})
    assert len(batch.atomic_number) == sum(graphs[row].num_nodes for row in batch.component_row.tolist())
    back = torch.where(batch.members >= 0, batch.component_row[batch.members.clamp_min(0)], -1)
    assert torch.equal(back, torch.from_numpy(members)[rows].long())
    assert torch.equal(batch.weights, torch.from_numpy(weights)[rows])
    assert torch.equal(batch.conditions, torch.from_numpy(conditions)[rows])
    taken = store.take(rows.numpy()).select(torch.arange(len(rows)))
    assert torch.equal(taken.members, batch.members)
    assert torch.equal(taken.atomic_number, batch.atomic_number)


@given(wanted=st.sets(st.integers(0, NUM_GRAPHS - 1), min_size=1))
def test_some_components_of_a_batch(graphs, wanted):
    store = GraphStore.from_graphs(graphs)
    which = torch.tensor(sorted(wanted))
    taken = store.select(torch.arange(NUM_GRAPHS)).take(which)
    expected = store.select(which)
    for name in ("atomic_number", "edge_index", "batch_index", "atom_codes", "bond_codes", "edge_vector", "row"):
        assert torch.equal(getattr(taken, name), getattr(expected, name)), name


def test_nothing_is_stored_twice():
    """The tensors of a hundred thousand pairs of 300 molecules are those of 300 molecules and the index."""
    components = [f"{'C' * length}{end}" for length in range(1, 101) for end in ("O", "N", "Cl")]
    featurizer = get_featurizer("mixture", roles=["solute", "solvent"])
    rng = np.random.default_rng(0)
    members = rng.integers(0, len(components), (100_000, 2), dtype=np.int32)
    graphs = GraphStore.from_graphs([featurizer.featurize(each) for each in components])
    table = MixtureTable(
        components,
        members,
        np.ones(members.shape, np.float32),
        np.empty((len(members), 0)),
        roles=("solute", "solvent"),
    )
    store = MixtureStore.of_table(table, graphs)
    assert store.components is graphs
    assert store.members is members
    atoms = sum(len(each) - (each[-2:] == "Cl") for each in components)
    assert len(graphs.tensors["atomic_number"]) == atoms
    rows = torch.arange(len(members))
    batch = store.select(rows)
    assert len(batch.component_row) == len(components)
    assert len(batch.atomic_number) == atoms
    assert table[7] == Mixture((components[members[7, 0]], components[members[7, 1]]))


def test_a_batch_of_mixtures_moves_whole():
    moved = pairs(*PAIRS, temperature=[300.0] * len(PAIRS)).to("meta")
    assert all(each.is_meta for each in (moved.members, moved.weights, moved.conditions, moved.component_row))


def test_a_row_or_a_member_that_is_not_there(graphs):
    store = MixtureStore(GraphStore.from_graphs(graphs), np.array([[0, 1]], np.int32), np.ones((1, 2), np.float32))
    with pytest.raises(IndexError, match=r"\b0\b.*\b0\b.*\b1\b.*\b1\b"):
        store.select(torch.tensor([1]))
    with pytest.raises(ValueError, match=r"-1\b.*\b5\b.*\b0\b.*\b6\b"):
        MixtureStore(GraphStore.from_graphs(graphs), np.array([[0, 6]], np.int32), np.ones((1, 2), np.float32))
    with pytest.raises(ValueError, match=r"`members`.*`weights`.*`conditions`"):
        MixtureStore(GraphStore.from_graphs(graphs), np.zeros((1, 2), np.int32), np.ones((2, 2), np.float32))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Mixture(("*CCO*", "*CC*"), (3, 1)), Mixture(("*CC*", "*OCC*"), (0.25, 0.75))),
        (Mixture(("*CCO*", "*COC*"), (0.4, 0.6)), Mixture(("*CCO*",))),
        (Mixture(("*CCO*", "*CC*"), (1, 0)), Mixture(("*CCO*",), (7,))),
        (Mixture(("*CCO*", "*CC*")), Mixture(("*CC*", "*CCO*"), (2, 2))),
    ],
)
def test_equal_blends(one, other):
    identities = {mixture_identity(normalize(each), ordered=False) for each in (one, other)}
    assert len(identities) == 1


def test_unequal_mixtures():
    blend = [Mixture(("*CCO*", "*CC*"), weights) for weights in ((1, 2), (2, 1), (1, 1))]
    assert len({mixture_identity(normalize(each), ordered=False) for each in blend}) == 3
    roles = ("solute", "solvent")
    water, ethanol = (normalize(Mixture(each), roles) for each in (("O", "CCO"), ("CCO", "O")))
    assert mixture_identity(water, ordered=True) != mixture_identity(ethanol, ordered=True)
    warm = [normalize(Mixture(("O", "CCO"), None, {"temperature": t}), roles, ["temperature"]) for t in (300, 301)]
    assert len({mixture_identity(each, ordered=True) for each in warm}) == 2


@pytest.mark.parametrize(
    ("mixture", "settings", "values"),
    [
        (Mixture(("O",)), {"roles": ("solute", "solvent")}, r"\bsolute\b.*\bsolvent\b.*'O'"),
        (Mixture(("O", "C"), (1, 2)), {"roles": ("solute", "solvent")}, r"weights.*\(1, 2\)"),
        (Mixture(("O", "C"), (1,)), {}, r"weight.*\b1\b.*\b2\b"),
        (Mixture(("O", "C"), (1, -1)), {}, "weights.* 1, -1"),
        (Mixture(("O", "C"), (0, 0)), {}, r"weight.*\b0\b"),
        (Mixture(("O", "C")), {"conditions": ("temperature",)}, "temperature"),
        (Mixture(("O",), None, {"temperature": 0.0}), {"conditions": ("temperature",)}, r"\b0 K\b.*\b0 K\b"),
        (Mixture(("O",), None, {"temperature": float("nan")}), {"conditions": ("temperature",)}, "temperature"),
        (Mixture(("O", "no")), {}, "'no'"),
    ],
)
def test_refused_mixtures(mixture, settings, values):
    with pytest.raises(ValueError, match=values):
        normalize(mixture, **settings)


def test_only_mixtures_can_be_asked_of_a_model_of_mixtures():
    with pytest.raises(ValueError, match=r"\bMixture\(.*'\*CC\*'"):
        store_of(["*CC*"], get_featurizer("mixture"))


def test_descriptors_of_mixtures():
    featurizer = get_featurizer("mixture", roles=["solute", "solvent"])
    alone = get_featurizer("molecule").descriptors
    made = [normalize(Mixture(each), ("solute", "solvent")) for each in (("CCO", "O"), ("O", "CCO"), ("CCO", "C"))]
    rows = featurizer.descriptors(MixtureTable.from_mixtures(made, ("solute", "solvent")))
    half = rows.shape[1] // 2
    np.testing.assert_array_equal(rows[:, :half], alone(["CCO", "O", "CCO"]))
    np.testing.assert_array_equal(rows[:, half:], alone(["O", "CCO", "C"]))
    blend = [Mixture(("*CCO*", "*CC*"), (1, 3)), Mixture(("*CCO*",)), Mixture(("*CC*",))]
    mixed, first, second = get_featurizer("mixture").descriptors(
        MixtureTable.from_mixtures([normalize(each) for each in blend])
    )
    np.testing.assert_allclose(mixed, first / 4 + 3 * second / 4, rtol=1e-6)
    np.testing.assert_array_equal(first, get_featurizer("repeat_unit").descriptors(["*CCO*"])[0])


def test_blends_drop_what_is_absent():
    batch = blends({"*CCO*": 1, "*CC*": 0}, {"*CCO*": 1, "*C*": 2})
    assert len(batch.component_row) == 2
    assert batch.members.tolist()[0][1:] == [-1]
