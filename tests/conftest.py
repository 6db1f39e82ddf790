"""What all tests share: a cache of their own, one thread, no network, known random numbers, spellings of polymers."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

from gnn_sim2real.graph import ATOM_CODES, BOND_CODES, NUM_ELEMENTS, Graph

# A shared machine is slow at times; that is no finding.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")

REPEAT_UNITS = (
    "*C*",
    "*CC*",
    "*CC(*)c1ccccc1",
    "*NCCCCCC(=O)*",
    "*O[Si](*)(C)C",
    "*CC(*)(C)C(=O)OC",
    "*C(=O)c1ccc(cc1)C(=O)OCCO*",
)


@pytest.fixture(scope="session", autouse=True)
def _own_surroundings(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["GNN_SIM2REAL_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["WANDB_MODE"] = "offline"
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _known_random_numbers() -> None:
    torch.manual_seed(0)


@pytest.fixture
def real_data() -> Path:
    """Folder of the real data sets."""
    folder = os.environ.get("GNN_SIM2REAL_DATA")
    if not folder:
        pytest.skip("set GNN_SIM2REAL_DATA to the folder that holds the real data")
    return Path(folder)


@pytest.fixture(scope="session")
def repeat_units() -> tuple[str, ...]:
    """Polymethylene twice, polystyrene, nylon 6, PDMS, PMMA, PET."""
    return REPEAT_UNITS


@pytest.fixture(scope="session")
def random_graph() -> Callable[[int, int, int], Graph]:
    """A graph of no chemistry: `random_graph(num_nodes, num_edges, seed)`."""

    def make(num_nodes: int, num_edges: int, seed: int) -> Graph:
        rng = np.random.default_rng([num_nodes, num_edges, seed])

        def codes(count: int, sizes: dict[str, int]) -> np.ndarray:
            return rng.integers(0, list(sizes.values()), (count, len(sizes)), dtype=np.uint8)

        return Graph(
            atomic_number=rng.integers(1, NUM_ELEMENTS, num_nodes, dtype=np.uint8),
            atom_codes=codes(num_nodes, ATOM_CODES),
            edge_index=rng.integers(0, num_nodes, (2, num_edges), dtype=np.int32),
            bond_codes=codes(num_edges, BOND_CODES),
            crosses_cell=rng.random(num_edges) < 0.5,
            node_weight=rng.random(num_nodes, dtype=np.float32),
            component=rng.integers(0, 3, num_nodes, dtype=np.uint8),
        )

    return make
