"""How the database of a data module grows: which materials are there at a size."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.console import track
from gnn_sim2real.featurize.featurizer import Featurizer
from gnn_sim2real.library import TrainedModel, load_model
from gnn_sim2real.splits.acquisition import (
    NUMERICS_VERSION,
    GrowBy,
    Rows,
    evaluate,
    grow_by_diversity,
    grow_by_family,
    grow_from_cheapest,
    names_in,
)
from gnn_sim2real.tables.table import CleanTable

NUM_ATOMS = "num_atoms"
"""What every data set has for a formula of costs."""


class GrowMaterials(ABC):
    """What a data module does to choose its materials where they are not drawn at random."""

    kind: ClassVar[str]
    seed: int
    grow_by: GrowBy
    cost: str | None
    diversity_model: str | None

    @property
    @abstractmethod
    def table(self) -> CleanTable:
        """The cleaned data set, one row a material."""

    @property
    @abstractmethod
    def featurizer(self) -> Featurizer:
        """How this data set's materials become graphs."""

    @property
    @abstractmethod
    def store(self) -> Any:
        """The graphs of all materials of the table."""

    @property
    def num_atoms(self) -> NDArray[np.int64]:
        """(num_materials,); atoms of each material, of the unit or cell that was written."""
        counts: NDArray[np.int64] = self.store.num_nodes
        return counts

    @property
    def spellings(self) -> Sequence[Any]:
        """What the family of each material is found from."""
        return self.table.materials

    def check_growth(self) -> None:
        """Refuse settings that do not go together; a cost that is not used may stand there for a study.

        Raises:
            ValueError: If a cost is needed and not given, or no formula.
        """
        if self.grow_by == "cheapest" and self.cost is None:
            raise ValueError("`grow_by: cheapest` needs a `cost`: a column, or a formula such as num_atoms^3")
        if self.cost is not None:
            names_in(self.cost)

    @property
    def cost_columns(self) -> list[str]:
        """Columns of the file that the table has to keep for the cost."""
        return sorted(set(names_in(self.cost)) - {NUM_ATOMS}) if self.cost else []

    def prepare_growth(self) -> None:
        """Find what the order takes, once for all variants of a data set."""
        if self.grow_by == "diversity":
            _ = self._diversity_features
        elif self.grow_by == "family":
            _ = self._families_to_grow

    def first_materials(self, rows: Rows, size: int) -> Rows:
        """The materials of a database of some size, in the order in which it grew; a larger one holds them all.

        Args:
            rows: Rows that may be used, ascending.
            size: How many.
        """
        self.check_growth()  # a variant was not
        if self.grow_by == "diversity":
            order = grow_by_diversity(self._diversity_features[rows], size, self.seed)
        elif self.grow_by == "family":
            order = grow_by_family([self._families_to_grow[row] for row in rows.tolist()], self.seed)
        else:
            order = grow_from_cheapest(self._costs[rows], self.seed)
        return rows[order[:size]]

    def growth_content(self) -> dict[str, Any]:
        """What determines the order, for keys and cards; empty at random."""
        if self.grow_by == "random":
            return {}
        content: dict[str, Any] = {"by": self.grow_by, "version": NUMERICS_VERSION}
        if self.grow_by == "cheapest":
            content["cost"] = self.cost
        if self.grow_by == "diversity" and self._frozen is not None:
            content["model"] = self._frozen.fingerprint
        return {"growth": content}

    @cached_property
    def _frozen(self) -> TrainedModel | None:
        return None if self.diversity_model is None else load_model(Path(self.diversity_model))

    @cached_property
    def _diversity_features(self) -> NDArray[np.float64]:
        """(num_materials, num_features); of a frozen encoder, else the descriptors of the tabular baselines."""
        if self._frozen is not None:
            return np.asarray(self._frozen.encode_graphs(self.store), np.float64)
        return self.featurizer.descriptors(self.table.materials)

    @cached_property
    def _families_to_grow(self) -> list[str]:
        from gnn_sim2real.featurize.families import family_of

        find = family_of(self.kind)
        return [find(material) for material in track(self.spellings, "Finding families")]

    @cached_property
    def _costs(self) -> NDArray[np.float64]:
        columns = {NUM_ATOMS: self.num_atoms.astype(np.float64)}
        for name in self.cost_columns:
            if name not in self.table.labels:
                known = ", ".join([NUM_ATOMS, *self.table.labels])
                raise ValueError(f"{type(self).__name__} has no column {name!r} for a cost; it has {known}")
            columns[name] = np.array([_number(text, name) for text in self.table.labels[name]])
        return evaluate(str(self.cost), columns)


def _number(text: str, column: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"the cost {text!r} in column {column!r} is no number; give every material one") from None
