import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polymers import POLYMERS

from gnn_sim2real.featurize.chain import build_chain, build_short_chain
from gnn_sim2real.featurize.repeat_unit import chain_graph, featurize_molecule, featurize_repeat_unit
from gnn_sim2real.graph import ATOM_CODES, BOND_CODES, Graph

DEGREE, HYDROGENS, CHARGE, HYBRIDIZATION, AROMATIC, RING_SIZE = range(len(ATOM_CODES))
ORDER, CONJUGATED, IN_RING = range(len(BOND_CODES))
SP2, SP3 = 3, 4


def as_networkx(graph: Graph) -> nx.MultiGraph:
    multigraph = nx.MultiGraph()
    for node, (number, codes) in enumerate(zip(graph.atomic_number, graph.atom_codes, strict=True)):
        multigraph.add_node(node, label=(int(number), *codes.tolist()))
    pairs = graph.edge_index.T.tolist()[::2]
    for (begin, end), codes in zip(pairs, graph.bond_codes.tolist()[::2], strict=True):
        multigraph.add_edge(begin, end, label=tuple(codes))
    return multigraph


def same_graph(first: Graph, second: Graph) -> bool:
    return nx.is_isomorphic(
        as_networkx(first),
        as_networkx(second),
        node_match=nx.isomorphism.categorical_node_match("label", None),
        edge_match=nx.isomorphism.categorical_multiedge_match("label", None),
    )


def atoms_and_bonds(graph: Graph) -> tuple[list, list]:
    """Features as sorted lists; those of a bond with the features of its atoms."""
    atoms = [(number, *codes) for number, codes in zip(graph.atomic_number, graph.atom_codes.tolist(), strict=True)]
    ends = zip(*graph.edge_index.tolist(), graph.bond_codes.tolist(), strict=True)
    bonds = [(atoms[source], atoms[destination], tuple(codes)) for source, destination, codes in ends]
    return sorted(atoms), sorted(bonds)


@pytest.mark.parametrize("psmiles", POLYMERS.values(), ids=POLYMERS)
def test_graph_does_not_depend_on_the_cut(psmiles, cut_everywhere):
    graph = featurize_repeat_unit(psmiles)
    for spelling in cut_everywhere(psmiles):
        assert same_graph(featurize_repeat_unit(spelling), graph), spelling


def test_nylon_is_cut_at_each_of_its_seven_bonds_and_its_amide_stays_conjugated(cut_everywhere):
    spellings = cut_everywhere(POLYMERS["nylon 6"])
    assert len(set(spellings)) == 8  # the given one and seven cuts, one of which writes it in another order
    for spelling in spellings:
        graph = featurize_repeat_unit(spelling)
        (nitrogen,) = np.flatnonzero(graph.atomic_number == 7)
        assert graph.atom_codes[nitrogen, HYBRIDIZATION] == SP2
        assert sorted(graph.bond_codes[graph.edge_index[0] == nitrogen, CONJUGATED]) == [0, 1]


def test_graph_comparison_of_these_tests_notices_a_difference():
    assert not same_graph(featurize_repeat_unit("*CCO*"), featurize_repeat_unit("*CCS*"))
    assert not same_graph(featurize_repeat_unit("*C=C*"), featurize_repeat_unit("*CC*"))
    assert not same_graph(featurize_repeat_unit("*CC(C)C(C)C*"), featurize_repeat_unit("*CC(C)CC(C)*"))


def same_arrays(first: Graph, second: Graph) -> bool:
    names = ("atomic_number", "edge_index", "atom_codes", "bond_codes", "crosses_cell", "node_weight", "component")
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)


@pytest.mark.parametrize("psmiles", POLYMERS.values(), ids=POLYMERS)
def test_one_copy_cut_at_a_saturated_carbon_tells_what_the_oligomer_tells(psmiles, cut_everywhere):
    for spelling in cut_everywhere(psmiles):
        whole = chain_graph(build_chain(spelling))
        assert same_arrays(chain_graph(build_short_chain(spelling)), whole), spelling


@pytest.mark.parametrize(
    ("psmiles", "num_atoms"),
    [
        ("*CC(*)c1ccccc1", 8 + 2),  # cut where the SMILES cuts it
        ("*NC(=O)CCCCC*", 8 + 2),
        ("*C(=O)CCCCCN*", 8 + 2),  # closed there, and cut elsewhere
        ("*OC1CCC(CC1)C(=O)*", 9 + 2),
        ("*c1ccc(cc1)C1CC(C1)c1ccc(*)o1", 15 + 2),
        ("*C*", 1 + 2),
        ("*OC*", 2 + 2),
        ("*O[CH2]c1ccc(*)cc1", 3 * 8 + 2),  # a bracket atom is not counted on
        ("*c1ccc(s1)*", 5 * 5 + 2),  # no saturated carbon at all
        ("*c1ccc2c(c1)Cc1cc(*)ccc1-2", 3 * 13 + 2),  # only one whose bonds are in a ring
        ("*=CCC=*", 5 * 3 + 2),  # a double bond from unit to unit
    ],
)
def test_where_one_copy_is_enough(psmiles, num_atoms):
    chain = build_short_chain(psmiles)
    assert chain.mol.GetNumAtoms() == num_atoms
    assert same_arrays(chain_graph(chain), chain_graph(build_chain(psmiles)))


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("psmiles", POLYMERS.values(), ids=POLYMERS)
def test_multiple_of_a_unit_covers_the_graph_of_the_unit(psmiles, count, multiply):
    single = atoms_and_bonds(featurize_repeat_unit(psmiles))
    multiple = atoms_and_bonds(featurize_repeat_unit(multiply(psmiles, count)))
    for few, many in zip(single, multiple, strict=True):
        assert many == sorted(few * count)


@settings(max_examples=60, deadline=None)
@given(psmiles=st.sampled_from(sorted(POLYMERS.values())), seed=st.integers(0, 10**6))
def test_graph_does_not_depend_on_the_order_of_atoms(psmiles, seed, respell):
    assert same_graph(featurize_repeat_unit(respell(psmiles, seed)), featurize_repeat_unit(psmiles))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("*CC(*)c1ccccc1", "*CC(*)C1=CC=CC=C1"),
        ("*CC(*)C(=O)OC", "COC(=O)C(*)C*"),
        ("*CCO*", "[*]CCO[*]"),
        ("*=CC=*", "*C=C*"),
        ("*CC(*)[N+](=O)[O-]", "*CC(*)N(=O)=O"),
        ("*C/C=C/C*", "*CC=CC*"),
        ("*C[C@H](*)C(C)CC", "*CC(*)C(C)CC"),
        ("*C([H])([H])C(*)/N=C(/[H])C", "*CC(*)N=CC"),
        ("*c1ccc(*)n1C", "*C1=CC=C(*)N1C"),
        ("*[CH2:1][CH2:2]O*", "*CCO*"),
    ],
)
def test_two_notations_give_one_graph(first, second):
    assert same_graph(featurize_repeat_unit(first), featurize_repeat_unit(second))


def test_single_atom_is_bonded_to_itself_in_both_directions():
    graph = featurize_repeat_unit("*C*")
    assert graph.edge_index.tolist() == [[0, 0], [0, 0]]
    assert graph.crosses_cell.all()
    assert graph.atom_codes[0, [DEGREE, HYDROGENS]].tolist() == [2, 2]


def test_two_atoms_share_two_bonds():
    graph = featurize_repeat_unit("*CO*")
    assert graph.edge_index.tolist() == [[0, 1, 1, 0], [1, 0, 0, 1]]
    assert graph.crosses_cell.tolist() == [False, False, True, True]
    assert graph.atom_codes[:, DEGREE].tolist() == [2, 2]


def test_double_bond_crosses_the_cell():
    graph = featurize_repeat_unit("*=CC=*")
    assert graph.bond_codes[:, ORDER].tolist() == [1, 1, 2, 2]
    assert graph.bond_codes[:, CONJUGATED].all()
    assert (graph.atom_codes[:, HYBRIDIZATION] == SP2).all()


def test_polystyrene_by_hand():
    graph = featurize_repeat_unit("*CC(*)c1ccccc1")
    assert graph.atomic_number.tolist() == [6] * 8
    assert graph.atom_codes.tolist() == [
        [2, 2, 3, SP3, 0, 0],
        [3, 1, 3, SP3, 0, 0],
        [3, 0, 3, SP2, 1, 6],
        *[[2, 1, 3, SP2, 1, 6]] * 5,
    ]
    assert graph.bond_codes.tolist() == [[1, 0, 0]] * 4 + [[4, 1, 1]] * 12 + [[1, 0, 0]] * 2
    assert graph.edge_index[:, -2:].tolist() == [[1, 0], [0, 1]]
    np.testing.assert_array_equal(graph.crosses_cell, [False] * 16 + [True] * 2)
    np.testing.assert_array_equal(graph.node_weight, np.ones(8))
    np.testing.assert_array_equal(graph.component, np.zeros(8))


@pytest.mark.parametrize("smiles", [*POLYMERS.values(), "*CC([U])(*)S(F)(F)(F)(F)F", "*C1CCCCCCCCCC1*", "*CC(*)[Co+3]"])
def test_fields_have_the_types_and_sizes_of_a_graph(smiles):
    graph = featurize_repeat_unit(smiles)
    num_nodes, num_edges = graph.num_nodes, graph.num_edges
    for name, dtype, shape in [
        ("atomic_number", np.uint8, (num_nodes,)),
        ("atom_codes", np.uint8, (num_nodes, len(ATOM_CODES))),
        ("edge_index", np.int32, (2, num_edges)),
        ("bond_codes", np.uint8, (num_edges, len(BOND_CODES))),
        ("crosses_cell", np.bool_, (num_edges,)),
        ("node_weight", np.float32, (num_nodes,)),
        ("component", np.uint8, (num_nodes,)),
    ]:
        array = getattr(graph, name)
        assert (array.dtype, array.shape) == (dtype, shape), name
        assert array.flags.c_contiguous, name
    assert (graph.atom_codes < list(ATOM_CODES.values())).all()
    assert (graph.bond_codes < list(BOND_CODES.values())).all()
    np.testing.assert_array_equal(graph.edge_index[:, ::2], graph.edge_index[::-1, 1::2])
    np.testing.assert_array_equal(np.bincount(graph.edge_index[0]), graph.atom_codes[:, DEGREE])


def test_ring_sizes_and_charges_have_their_codes():
    def codes(smiles: str, column: int) -> list[int]:
        return featurize_molecule(smiles).atom_codes[:, column].tolist()

    assert codes("C1CC1", RING_SIZE) == [3, 3, 3]
    assert codes("C1CCCCCCC1", RING_SIZE) == [8] * 8
    assert codes("C1CCCCCCCCCCC1", RING_SIZE) == [9] * 12
    assert codes("C1CC2CCCCC12", RING_SIZE) == [4, 4, 4, 6, 6, 6, 6, 4]
    assert codes("[Fe+4].[O-]C.[Ti+2].[N-3]", CHARGE) == [6, 2, 3, 5, 0]
    assert featurize_molecule("[NH3]->[Cu]Cl").bond_codes[:, ORDER].tolist() == [5, 5, 1, 1]


def test_macrocycle_of_the_repetition_is_no_ring():
    graph = featurize_repeat_unit("*CCC*")
    assert not graph.bond_codes[:, IN_RING].any()
    assert not graph.atom_codes[:, RING_SIZE].any()


def test_deuterium_stays_an_atom_and_hydrogen_does_not():
    graph = featurize_repeat_unit("*C([2H])([2H])C(*)[H]")
    assert sorted(graph.atomic_number) == [1, 1, 6, 6]
    assert graph.atom_codes[graph.atomic_number == 6][:, [DEGREE, HYDROGENS]].tolist() == [[4, 0], [2, 2]]


def test_molecules():
    ethanol = featurize_molecule("CCO")
    assert ethanol.atomic_number.tolist() == [6, 6, 8]
    assert ethanol.edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert not ethanol.crosses_cell.any()
    water = featurize_molecule("O")
    assert (water.num_nodes, water.num_edges) == (1, 0)
    assert water.bond_codes.shape == (0, len(BOND_CODES))
    assert featurize_molecule("[Na+].[Cl-]").num_nodes == 2
    assert same_graph(featurize_molecule("c1ccccc1C"), featurize_molecule("CC1=CC=CC=C1"))
    assert same_graph(featurize_molecule("C/C=C\\C"), featurize_molecule("C/C=C/C"))


@pytest.mark.parametrize(
    ("psmiles", "values"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("*CC(*", "valid"),
        ("hello", "valid"),
        ("*CCO* PEO", "spaces"),
        ("CCO", r"`\*`.* 0\b"),
        ("*CCO", r"`\*`.* 1\b"),
        ("*CC(*)C*", r"`\*`.* 3\b"),
        ("*c1c(*)cc(*)c(*)c1", r"`\*`.* 4\b"),
        ("*CC(*)C(=O)[O-].[Na+]", "parts"),
        ("**", "bonded"),
        ("C*C*", r"\bone\b"),
        ("*=CC*", r"\bdouble\b.*\bsingle\b"),
        ("*:c1ccc(:*)cc1", r"\bsingle\b.*\bdouble\b.*\btriple\b"),
        ("*CC(*)(C)(C)C", "valence"),
        ("*CC(*)c1cccc1", "Kekulé"),
        ("*cO*", "Kekulé"),
    ],
)
def test_refused_repeat_units(psmiles, values, capfd):
    with pytest.raises(ValueError, match=values) as refusal:
        featurize_repeat_unit(psmiles)
    assert repr(psmiles) in str(refusal.value)
    assert capfd.readouterr().err == ""  # rdkit does not add its own


@pytest.mark.parametrize(
    ("smiles", "values"),
    [("", "empty"), ("C1CC", "valid"), ("*CCO", r"`\*`"), ("CC(C)(C)(C)C", "valence")],
)
def test_refused_molecules(smiles, values):
    with pytest.raises(ValueError, match=values) as refusal:
        featurize_molecule(smiles)
    assert repr(smiles) in str(refusal.value)


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.parametrize("every", [25, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "table", ["radonpy_pi1070/PI1070.csv", "measured/density.csv", "measured/tg.csv", "md_tg/md_tg.csv"]
)
def test_all_rows_of_real_tables_become_graphs(real_data, table, every):
    import pandas as pd

    rows = pd.read_csv(real_data / "polymer" / table, keep_default_na=False, na_values=[""])["smiles"]
    assert len(rows) > 500
    for psmiles in rows[::every]:
        graph = featurize_repeat_unit(psmiles)
        assert (graph.atom_codes < list(ATOM_CODES.values())).all(), psmiles
        assert same_arrays(graph, chain_graph(build_chain(psmiles))), psmiles
