"""The store of mixtures: the graphs of their distinct components, and an index; nothing is stored twice."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnn_sim2real.featurize.conditions import ConditionTable
from gnn_sim2real.featurize.featurizer import Featurizer
from gnn_sim2real.featurize.mixture import Mixture, MixtureTable, normalize
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.store.graphs import GraphStore


class MixtureStore:
    """Mixtures of the graphs of a store.

    A million pairs of a thousand molecules need a thousand graphs and two million numbers. A batch has every distinct
    component once, however many of its mixtures contain it.

    Args:
        components: Graphs of the distinct components.
        members: int32, (num_mixtures, max_components); rows of `components`, -1 for none.
        weights: float32, (num_mixtures, max_components); 0 for no component.
        conditions: float32, (num_mixtures, num_conditions); None without conditions.
        linkage: float32, (num_mixtures,); share of the bonds that join unlike units, 0 for a blend; None for blends
            alone.

    Raises:
        ValueError: If the shapes do not fit, or a member is not in the store.
    """

    def __init__(
        self,
        components: GraphStore,
        members: NDArray[np.int32],
        weights: NDArray[np.float32],
        conditions: NDArray[np.float32] | None = None,
        linkage: NDArray[np.float32] | None = None,
    ) -> None:
        if members.shape != weights.shape or (conditions is not None and len(conditions) != len(members)):
            raise ValueError("`members`, `weights` and `conditions` must have the same number of mixtures")
        if members.size and not -1 <= int(members.min()) <= int(members.max()) < len(components):
            raise ValueError(
                f"members must be from -1 to {len(components) - 1}, got {members.min()} to {members.max()}"
            )
        self.components, self.members, self.weights, self.conditions = components, members, weights, conditions
        self.linkage = linkage

    def __len__(self) -> int:
        return len(self.members)

    @classmethod
    def of_table(cls, table: MixtureTable, components: GraphStore) -> "MixtureStore":
        """The mixtures of a table.

        Args:
            table: The mixtures.
            components: Graphs of its components, in their order.
        """
        conditions = table.conditions.astype(np.float32) if table.condition_names else None
        linkage = None if table.linkage is None else np.nan_to_num(table.linkage)
        return cls(components, table.members, table.weights, conditions, linkage)

    def take(self, rows: NDArray[np.int64]) -> "MixtureStore":
        """The store of some of the mixtures; the graphs are shared."""
        conditions = None if self.conditions is None else self.conditions[rows]
        linkage = None if self.linkage is None else self.linkage[rows]
        return MixtureStore(self.components, self.members[rows], self.weights[rows], conditions, linkage)

    def conditions_of(self, rows: Tensor) -> Tensor | None:
        """Conditions of some of the mixtures, (num_rows, num_conditions); None without conditions."""
        return None if self.conditions is None else torch.from_numpy(self.conditions[rows.numpy()])

    def select(self, rows: Tensor, targets: Tensor | None = None, simulated: Tensor | None = None) -> GraphBatch:
        """Gather a batch; the arguments are those of `GraphStore.select`.

        Raises:
            IndexError: If a row is not there.
        """
        wanted = rows.numpy()
        if len(wanted) and not 0 <= int(wanted.min()) <= int(wanted.max()) < len(self):
            raise IndexError(f"rows must be from 0 to {len(self) - 1}, got {wanted.min()} to {wanted.max()}")
        members = self.members[wanted]
        there = members >= 0
        distinct, number = np.unique(members[there], return_inverse=True)
        local = np.full(members.shape, -1, np.int64)
        local[there] = number
        graphs = self.components.select(torch.from_numpy(distinct.astype(np.int64)))
        fields = {name: value for name in _GRAPH_FIELDS if (value := getattr(graphs, name)) is not None}
        return GraphBatch(
            **fields,
            row=rows,
            targets=targets,
            simulated=simulated,
            component_row=graphs.row,
            members=torch.from_numpy(local),
            weights=torch.from_numpy(self.weights[wanted]),
            linkage=None if self.linkage is None else torch.from_numpy(self.linkage[wanted]),
            conditions=self.conditions_of(rows),
        )


_GRAPH_FIELDS = (
    "atomic_number",
    "edge_index",
    "node_weight",
    "component",
    "batch_index",
    "atom_codes",
    "bond_codes",
    "crosses_cell",
    "edge_vector",
    "atom_descriptors",
)

AnyStore = GraphStore | MixtureStore
"""Graphs of pure materials, or mixtures of them."""


def store_of(materials: Sequence[Any], featurizer: Featurizer) -> AnyStore:
    """Make a store of materials in memory.

    Args:
        materials: Materials as `featurizer` reads them; a `Mixture` each for the kind `mixture`.
        featurizer: Makes their graphs.

    Raises:
        ValueError: If one cannot be read.
    """
    if featurizer.name != "mixture":
        if names := featurizer.settings.get("conditions"):
            rows = ConditionTable.of(materials, names)
            graphs = GraphStore.from_graphs([featurizer.featurize(material) for material in rows.materials])
            return graphs.at_conditions(rows.members, rows.conditions)
        return GraphStore.from_graphs([featurizer.featurize(material) for material in materials])
    roles, conditions = featurizer.settings["roles"], featurizer.settings["conditions"]
    other = next((each for each in materials if not isinstance(each, Mixture)), None)
    if other is not None:
        raise ValueError(f"this model reads mixtures, e.g. Mixture(('*CCO*', 'O')), got {other!r}")
    mixtures = [normalize(each, roles, conditions) for each in materials]
    table = MixtureTable.from_mixtures(mixtures, roles, conditions)
    graphs = GraphStore.from_graphs([featurizer.featurize(each) for each in table.components])
    return MixtureStore.of_table(table, graphs)
