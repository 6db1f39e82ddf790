"""What every encoder of crystals must hold to on disordered ones."""

import inspect

import numpy as np
import pytest
import torch

from gnn_sim2real.featurize.crystal import Crystal, crystal_graph
from gnn_sim2real.nn.embedding import ElementEmbedding
from gnn_sim2real.nn.registry import own_encoders
from gnn_sim2real.store.graphs import GraphStore

CUTOFF = 5.0
LATTICE = np.array([[5.1, 0.2, -0.1], [0.4, 5.6, 0.3], [-0.2, 0.5, 6.1]])
PLACES = np.array([[0.02, 0.11, 0.05], [0.47, 0.52, 0.08], [0.51, 0.03, 0.55], [0.06, 0.55, 0.49]])
SODIUM, POTASSIUM, CHLORINE, LITHIUM = 11, 19, 17, 3


def crystal(*sites, lattice=LATTICE, places=PLACES):
    return Crystal.of_sites(lattice, sites, places[: len(sites)])


MIXED = crystal({SODIUM: 0.3, POTASSIUM: 0.5}, {CHLORINE: 1.0}, {CHLORINE: 0.25, LITHIUM: 0.75}, {LITHIUM: 0.4})
ORDERED = crystal({SODIUM: 1.0}, {CHLORINE: 1.0}, {LITHIUM: 1.0}, {CHLORINE: 1.0})


def encode(encoder, *crystals):
    store = GraphStore.from_graphs([crystal_graph(each, CUTOFF, 8) for each in crystals])
    with torch.inference_mode():
        return encoder(store.select(torch.arange(len(store))))


def reads_crystals(kind):
    try:
        encode(make(kind), ORDERED)
    except ValueError:
        return False
    return True


def make(kind):
    parameters = inspect.signature(kind).parameters
    settings = {"hidden_dim": 12} | ({"cutoff": CUTOFF} if "cutoff" in parameters else {})
    torch.manual_seed(0)
    return kind(**settings).eval()


FOUND = {
    name: kind
    for name, kind in own_encoders().items()
    if {
        each.annotation.__name__
        for each in inspect.signature(kind).parameters.values()
        if isinstance(each.annotation, type)
    }
    <= {"int", "float", "bool"}
    and reads_crystals(kind)
}


def test_all_encoders_of_crystals_are_tested():
    assert {"ALIGNN", "CGCNN", "MEGNet", "PaiNN", "Roost", "SchNet"} <= FOUND.keys()


@pytest.fixture(params=FOUND)
def encoder(request):
    return make(FOUND[request.param])


def test_occupancies_of_one_are_the_ordered_crystal_digit_for_digit(encoder):
    alone = encode(encoder, ORDERED, ORDERED)
    beside = encode(encoder, ORDERED, ORDERED, MIXED)
    assert torch.equal(
        encode(encoder, ORDERED, crystal({SODIUM: 1.0}, {CHLORINE: 1.0}, {LITHIUM: 1.0}, {CHLORINE: 1.0})), alone
    )
    store = GraphStore.from_graphs([crystal_graph(each, CUTOFF, 8) for each in (ORDERED, MIXED, ORDERED)])
    assert "species_share" in store.tensors
    with torch.inference_mode():
        assert torch.equal(encoder(store.select(torch.tensor([0, 2]))), alone)
    torch.testing.assert_close(beside[:2], alone)


def test_disorder_is_seen(encoder):
    (mixed, main) = encode(encoder, MIXED, crystal({POTASSIUM: 1.0}, {CHLORINE: 1.0}, {LITHIUM: 1.0}, {LITHIUM: 1.0}))
    assert (mixed - main).abs().max() > 1e-3 * main.abs().max()


def test_one_element_becomes_another_without_a_jump(encoder):
    others = ({CHLORINE: 1.0}, {LITHIUM: 1.0}, {CHLORINE: 1.0})
    shares = np.array([0, 1e-5, 0.2, 0.2 + 1e-5, 0.5, 0.5 + 1e-5, 1 - 1e-5, 1])
    sites = [{n: x for n, x in ((SODIUM, 1 - share), (POTASSIUM, share)) if x > 0} for share in shares.tolist()]
    found = encode(encoder, *(crystal(site, *others) for site in sites))
    change = (found[1:] - found[:-1]).abs().max(dim=1).values
    assert change[[0, 2, 4, 6]].max() < 1e-2 * (found[0] - found[-1]).abs().max()
    assert change[[1, 3, 5]].min() > 1e-2 * (found[0] - found[-1]).abs().max()


def turned(made):
    angle = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    return Crystal(made.lattice @ angle.T, made.atomic_number, made.fractional, species=made.species)


def moved(made):
    return Crystal(
        made.lattice, made.atomic_number, made.fractional + np.array([0.31, 0.72, -0.4]), species=made.species
    )


def reordered(made):
    rows = np.array([2, 0, 3, 1])
    return Crystal(made.lattice, made.atomic_number[rows], made.fractional[rows], species=made.species.take(rows))


def doubled(made):
    places = np.concatenate([made.fractional, made.fractional + np.array([1, 0, 0])]) / [2, 1, 1]
    rows = np.tile(np.arange(4), 2)
    lattice = made.lattice * np.array([[2], [1], [1]])
    return Crystal(lattice, made.atomic_number[rows], places, species=made.species.take(rows))


def other_order_of_elements(made):
    sites = [dict(reversed(made.species.of_site(site).items())) for site in range(4)]
    return Crystal.of_sites(made.lattice, sites, made.fractional)


@pytest.mark.parametrize("change", [turned, moved, reordered, doubled, other_order_of_elements])
def test_another_description_of_a_disordered_crystal(encoder, change):
    first, second = encode(encoder, MIXED, change(MIXED))
    torch.testing.assert_close(first, second, atol=2e-5, rtol=2e-4)


def test_a_site_that_is_always_vacant_is_none(encoder):
    three = ({SODIUM: 0.5, POTASSIUM: 0.5}, {CHLORINE: 1.0}, {LITHIUM: 0.5})
    assert torch.equal(encode(encoder, crystal(*three)), encode(encoder, crystal(*three, {})))


def test_a_vacancy_has_no_vector():
    embedding = ElementEmbedding(4)
    store = GraphStore.from_graphs([crystal_graph(MIXED, CUTOFF, 8)])
    found = embedding(store.select(torch.tensor([0])))
    weight = embedding.weight.detach()
    torch.testing.assert_close(found[0].detach(), 0.3 * weight[SODIUM] + 0.5 * weight[POTASSIUM])
    torch.testing.assert_close(found[3].detach(), 0.4 * weight[LITHIUM])
