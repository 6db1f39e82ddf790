"""What all tests share: a cache of their own, one thread, no network, known random numbers, spellings of polymers."""

import gc
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock
from hypothesis import settings

if TYPE_CHECKING:  # the process that only hands out the tests needs none of it, and it takes seconds
    from rdkit import Chem

    from gnn_sim2real.graph import Graph

pytest.register_assert_rewrite("conformance")

# A shared machine is slow at times; that is not a finding. The same code meets the same examples, so that a change is
# never blamed for a case found by chance; `HYPOTHESIS_PROFILE=search` looks for new ones.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session", autouse=True)
def _own_surroundings(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["GNN_SIM2REAL_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["GNN_SIM2REAL_LIBRARY"] = str(tmp_path_factory.mktemp("library"))
    os.environ["WANDB_MODE"] = "offline"
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _known_random_numbers() -> None:
    import torch

    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """The command line sets levels, and handlers that write to this test's stderr; the next test has its own."""
    loggers = [logging.getLogger(name) for name in ("gnn_sim2real", "datamodules")]
    kept = [(logger.handlers, logger.level) for logger in loggers]
    yield
    for logger, (handlers, level) in zip(loggers, kept, strict=True):
        logger.handlers = handlers
        logger.setLevel(level)


@pytest.fixture(autouse=True)
def _no_open_run() -> Iterator[None]:
    """A run of W&B that a test leaves open would listen to what all later tests print."""
    yield
    if (wandb := sys.modules.get("wandb")) and wandb.run is not None:
        wandb.finish()


@pytest.fixture(scope="session")
def made_once(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Callable[[str, Callable[[Path], object]], Path]:
    """A folder that one of pytest's processes makes for all of them: `made_once(name, make)`.

    `make` gets the empty folder. Tests only read what it made: others read it at the same time.
    """
    base = tmp_path_factory.getbasetemp()
    base = base if worker_id == "master" else base.parent

    def once(name: str, make: Callable[[Path], object]) -> Path:
        folder = base / f"made_once_{name}"
        done = folder.with_suffix(".done")
        with FileLock(folder.with_suffix(".lock")):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a worker in which it failed
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return once


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data sets."""
    folder = os.environ.get("GNN_SIM2REAL_DATA")
    if not folder:
        pytest.skip("set GNN_SIM2REAL_DATA to the folder that holds the real data")
    return Path(folder)


@pytest.fixture(scope="session")
def repeat_units() -> tuple[str, ...]:
    """Polymethylene twice, polystyrene, nylon 6, PDMS, PMMA, PET."""
    return (
        "*C*",
        "*CC*",
        "*CC(*)c1ccccc1",
        "*NCCCCCC(=O)*",
        "*O[Si](*)(C)C",
        "*CC(*)(C)C(=O)OC",
        "*C(=O)c1ccc(cc1)C(=O)OCCO*",
    )


@pytest.fixture(scope="session")
def random_graph() -> "Callable[[int, int, int], Graph]":
    """A graph of no chemistry: `random_graph(num_nodes, num_edges, seed)`."""
    import numpy as np

    from gnn_sim2real.graph import ATOM_CODES, ATOM_DESCRIPTORS, BOND_CODES, NUM_ELEMENTS, Graph

    def make(num_nodes: int, num_edges: int, seed: int) -> Graph:
        rng = np.random.default_rng([num_nodes, num_edges, seed])

        def codes(count: int, sizes: dict[str, int]) -> np.ndarray:
            return rng.integers(0, list(sizes.values()), (count, len(sizes)), dtype=np.uint8)

        held = rng.integers(1, 4, num_nodes, dtype=np.uint8)
        return Graph(
            species_count=held,
            species_number=rng.integers(1, NUM_ELEMENTS, held.sum(), dtype=np.uint8),
            species_share=rng.random(held.sum(), dtype=np.float32),
            atomic_number=rng.integers(1, NUM_ELEMENTS, num_nodes, dtype=np.uint8),
            atom_codes=codes(num_nodes, ATOM_CODES),
            edge_index=rng.integers(0, num_nodes, (2, num_edges), dtype=np.int32),
            bond_codes=codes(num_edges, BOND_CODES),
            crosses_cell=rng.random(num_edges) < 0.5,
            node_weight=rng.random(num_nodes, dtype=np.float32),
            component=rng.integers(0, 3, num_nodes, dtype=np.uint8),
            edge_vector=rng.standard_normal((num_edges, 3), dtype=np.float32),
            atom_descriptors=rng.standard_normal((num_nodes, len(ATOM_DESCRIPTORS)), dtype=np.float32),
        )

    return make


# Other spellings of a repeat unit, made without the code under test.


def _respell(mol: "Chem.Mol", seed: int) -> str:
    from rdkit import Chem

    return Chem.MolToRandomSmilesVect(mol, 1, randomSeed=seed + 1)[0]


def _oligomer(psmiles: str, count: int) -> "tuple[Chem.Mol, list[int], list[int]]":
    """Chain of `count` units, first atoms and last atoms of the units (indices)."""
    from rdkit import Chem

    unit = Chem.MolFromSmiles(psmiles)
    Chem.Kekulize(unit, clearAromaticFlags=True)
    stars = [atom.GetIdx() for atom in unit.GetAtoms() if atom.GetAtomicNum() == 0]
    head, tail = (unit.GetAtomWithIdx(star).GetNeighbors()[0].GetIdx() for star in stars)
    order = unit.GetBondBetweenAtoms(stars[0], head).GetBondType()
    size = unit.GetNumAtoms()
    chain = Chem.RWMol(unit)
    for _ in range(count - 1):
        chain.InsertMol(unit)
    chain.BeginBatchEdit()
    for copy in range(count - 1):
        chain.AddBond(copy * size + tail, (copy + 1) * size + head, order)
        chain.RemoveAtom(copy * size + stars[1])
        chain.RemoveAtom((copy + 1) * size + stars[0])
    for atom in chain.GetAtoms():
        atom.SetIntProp("label", atom.GetIdx())
    chain.CommitBatchEdit()
    Chem.SanitizeMol(chain)
    index = {atom.GetIntProp("label"): atom.GetIdx() for atom in chain.GetAtoms()}
    heads = [index[copy * size + head] for copy in range(count)]
    tails = [index[copy * size + tail] for copy in range(count)]
    return chain.GetMol(), heads, tails


@pytest.fixture(scope="session")
def respell() -> Callable[[str, int], str]:
    """The same SMILES with the atoms in a random order: `respell(smiles, seed)`."""
    from rdkit import Chem

    return lambda smiles, seed: _respell(Chem.MolFromSmiles(smiles), seed)


@pytest.fixture(scope="session")
def multiply() -> Callable[[str, int], str]:
    """A multiple of a repeat unit as one unit: `multiply(psmiles, count)`."""
    from rdkit import Chem

    return lambda psmiles, count: Chem.MolToSmiles(_oligomer(psmiles, count)[0])


@pytest.fixture(scope="session")
def cut_everywhere() -> Callable[[str], list[str]]:
    """Every spelling of a repeat unit that cuts the chain at another bond: `cut_everywhere(psmiles)`."""
    from rdkit import Chem

    def cut(psmiles: str) -> list[str]:
        chain, heads, tails = _oligomer(psmiles, 3)

        def path(copy: int) -> list[int]:
            if heads[copy] == tails[copy]:
                return [heads[copy]]
            return list(Chem.GetShortestPath(chain, heads[copy], tails[copy]))

        spellings = [psmiles]
        first, second = ([*path(copy), heads[copy + 1]] for copy in (0, 1))
        for here, there in zip(range(len(first) - 1), range(len(second) - 1), strict=True):
            bonds = [
                chain.GetBondBetweenAtoms(*pair)
                for pair in ((first[here], first[here + 1]), (second[there], second[there + 1]))
            ]
            if bonds[0].IsInRing():
                continue
            pieces = Chem.FragmentOnBonds(chain, [bond.GetIdx() for bond in bonds], dummyLabels=[(0, 0)] * 2)
            fragment_of: list[int] = []
            fragments = Chem.GetMolFrags(pieces, asMols=True, frags=fragment_of)
            spellings.append(_respell(fragments[fragment_of[first[here + 1]]], here))
        return spellings

    return cut


@pytest.fixture
def cluster(monkeypatch):
    """A head that computes nothing, to which a test adds nodes; their GPUs exist in Ray's book-keeping only."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_worker_niceness", "0")  # Ray's 15 would leave them nothing beside other tests
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        yield made
    finally:
        made.shutdown()
        gc.collect()  # what Ray left, before another test is blamed for it
