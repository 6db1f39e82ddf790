"""Which materials a database of a given size has, if they are not drawn at random."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.splits.acquisition.formula import names_in
from gnn_sim2real.splits.acquisition.order import NUMERICS_VERSION, ORDERS
from gnn_sim2real.splits.parts import Rows

if TYPE_CHECKING:
    from gnn_sim2real.data.data_set import DataSet
    from gnn_sim2real.library import TrainedModel

    GrowBy = str
else:
    GrowBy = Literal[*ORDERS.names()]


@dataclass(frozen=True)
class AcquisitionSettings:
    """Which materials a database of a given size has.

    Args:
        grow_by: Which materials are used at a `size`: any (`random`), those farthest apart (`diversity`, farthest
            point), one chemical family after the other (`family`), or the `cheapest`; see
            `gnn_sim2real.splits.acquisition`.
        cost: Cost for `cheapest`: a column, or a formula of columns and `num_atoms`, such as num_atoms^3.
        diversity_model: Model whose frozen features measure distances; null for the descriptors of extra trees.
    """

    grow_by: GrowBy = "random"
    cost: str | None = None
    diversity_model: str | None = None

    def check_acquisition(self) -> None:
        """Reject settings that do not go together; an unused cost is allowed, since a study may need it.

        Raises:
            ValueError: If a cost is needed but not given, or is not a formula, or the order is unknown.
        """
        if self.grow_by != "random" and ORDERS.find(self.grow_by).needs_cost and self.cost is None:
            raise ValueError(f"`grow_by: {self.grow_by}` needs a `cost`: a column, or a formula such as num_atoms^3")
        if self.cost is not None:
            names_in(self.cost)


class Acquisition:
    """The materials of a database of a given size, in an order that is not random.

    Args:
        settings: The order; not `random`.
        data: The materials.
    """

    def __init__(self, settings: AcquisitionSettings, data: "DataSet") -> None:
        self.settings, self.data, self.order = settings, data, ORDERS.find(settings.grow_by)()

    def first(self, rows: Rows, size: int, seed: int) -> Rows:
        """The first materials of the database; a larger database contains them all.

        Args:
            rows: Rows that may be used, ascending.
            size: Number of materials.
            seed: Seed of the order.
        """
        settings = self.settings
        key = (settings.grow_by, settings.cost, settings.diversity_model, self.data.of_graphs)
        found = self.data.once(key, lambda: self.order.find(self))
        return rows[self.order.order(found[rows], size, seed)[:size]]

    def content(self) -> dict[str, Any]:
        """What determines the order, for keys; plain types."""
        return {"by": self.settings.grow_by, "version": NUMERICS_VERSION, **self.order.content(self)}

    # What an order may use, see `gnn_sim2real.splits.acquisition.order.Candidates`.

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.data.name

    @property
    def kind(self) -> str:
        """Kind of the materials."""
        return self.data.kind

    @property
    def cost(self) -> str | None:
        """Formula of the cost of each material."""
        return self.settings.cost

    @property
    def spellings(self) -> Sequence[Any]:
        """Spelling of each material; of crystals the formula."""
        return self.data.spellings

    @property
    def num_atoms(self) -> NDArray[np.int64]:
        """(num_materials,); atoms of each material."""
        return self.data.num_atoms

    @property
    def texts(self) -> Mapping[str, Sequence[str]]:
        """Text of each material in the columns of its table."""
        return self.data.table.texts

    @property
    def features(self) -> NDArray[np.float64]:
        """(num_materials, num_features); from a frozen encoder, else the descriptors of the tabular baselines."""
        if self._model is not None:
            return np.asarray(self._model.encode_graphs(self.data.store), np.float64)
        return self.data.featurizer.descriptors(self.data.table.materials)

    @property
    def model_fingerprint(self) -> str | None:
        """Fingerprint of the frozen model; None without one."""
        return None if self._model is None else self._model.fingerprint

    @cached_property
    def _model(self) -> "TrainedModel | None":
        from gnn_sim2real.library import load_model  # here, since settings of a grid are read without torch

        path = self.settings.diversity_model
        return None if path is None else self.data.shared.once(("model", path), lambda: load_model(Path(path)))
