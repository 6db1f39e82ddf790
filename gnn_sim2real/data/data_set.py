"""A cleaned table and its graphs, made once for all variants of a data module."""

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnn_sim2real.data.variants import Made, Shared, settings_of
from gnn_sim2real.featurize.featurizer import Featurizer
from gnn_sim2real.featurize.identity import identity_hash
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.store.mixtures import AnyStore
from gnn_sim2real.store.vocabulary import Vocabulary, find_unseen
from gnn_sim2real.tables.conditions import ConditionsVaryError
from gnn_sim2real.tables.table import CleanTable


class Reader(Protocol):
    """What reads a data set: a data module."""

    @property
    def kind(self) -> str:
        """Kind of the materials."""

    def load_table(self) -> CleanTable:
        """Read and clean the table."""

    def make_featurizer(self) -> Featurizer:
        """Choose how the materials become graphs."""

    def make_store(self) -> AnyStore:
        """Make the graphs of the materials of the table."""


class DataSet:
    """The table of a data module and its graphs.

    Args:
        reader: Reads the table and makes the graphs.
        shared: What was made for other variants.
        of_table: Values of the settings that the table depends on.
        of_graphs: Values of the settings that the graphs depend on in addition.
    """

    def __init__(
        self,
        reader: Reader,
        shared: Shared | None = None,
        of_table: tuple[Hashable, ...] = (),
        of_graphs: tuple[Hashable, ...] = (),
    ) -> None:
        self.reader, self.shared = reader, Shared() if shared is None else shared
        self.of_table, self.of_graphs = of_table, of_graphs

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Compute something about the table, unless it is known.

        Args:
            key: What it is, with all that it depends on besides the table.
            make: Computes it.
        """
        return self.shared.once((key, self.of_table), make)

    @property
    def name(self) -> str:
        """Name of the data module."""
        return type(self.reader).__name__

    @property
    def kind(self) -> str:
        """Kind of the materials, such as `repeat_unit`."""
        return self.reader.kind

    @property
    def table(self) -> CleanTable:
        """One row per material."""
        return self.once("table", self._read)

    def _read(self) -> CleanTable:
        """Read the table; what it lacks is not told in settings that this reader does not have."""
        try:
            return self.reader.load_table()
        except ConditionsVaryError as error:
            if "at" in settings_of(type(self.reader)):
                raise
            advice = (
                f"{self.name} has no setting that chooses rows: keep those at one value in a table of your own, or "
                "read it with `datamodules.Table` or `datamodules.BlendTable`, which have `at`"
            )
            raise ConditionsVaryError(error.found, advice, error.columns) from error

    @property
    def fingerprint(self) -> str:
        """Hash of the table's content."""
        return self.once("fingerprint", self.table.fingerprint)

    @property
    def featurizer(self) -> Featurizer:
        """How the materials become graphs."""
        return self.once(("featurizer", self.of_graphs), self.reader.make_featurizer)

    @property
    def store(self) -> AnyStore:
        """The graphs of all materials of the table."""
        return self.once(("store", self.of_graphs), self.reader.make_store)

    @property
    def targets(self) -> Tensor:
        """Properties of all materials, float32, NaN where missing."""
        return self.once("targets", lambda: torch.from_numpy(self.table.values).float())

    @property
    def simulated(self) -> Tensor | None:
        """Simulated values of the properties of all materials, float32, NaN where missing; None if not known."""
        values = self.table.simulated
        return None if values is None else self.once("simulated", lambda: torch.from_numpy(values).float())

    @cached_property
    def properties(self) -> list[PropertySpec]:
        """Name and unit of each property."""
        return [PropertySpec(each.name, each.unit) for each in self.table.properties]

    @property
    def num_atoms(self) -> NDArray[np.int64]:
        """(num_materials,); atoms of each material, of the unit as written."""
        counts: NDArray[np.int64] = self.store.num_nodes  # type: ignore[union-attr]
        return counts

    @property
    def spellings(self) -> Sequence[Any]:
        """The text of each material from which its family is found."""
        return self.table.materials

    def unseen_materials(self, seen: Vocabulary, rows: NDArray[np.int64]) -> dict[str, Any]:
        """Materials with an element, bond or charge that a model has never seen, in plain types.

        Args:
            seen: What the model has seen.
            rows: (num_materials,); rows of the table.

        Returns:
            `counts` by what was not seen, and the hashed identities of the `materials`.
        """
        found = find_unseen(self.store, seen, rows)
        names = [identity_hash(self.table.identities[row]) for row in rows[found.rows]]
        return {"counts": found.counts, "materials": names}

    def absolute_errors(self, rows: NDArray[np.int64], prediction: NDArray[np.float64]) -> dict[str, float]:
        """Absolute error of predictions of the first property by hashed identity, without spellings or measured values.

        Args:
            rows: (num_materials,); rows of the table.
            prediction: (num_materials,), in physical units.
        """
        names = [identity_hash(self.table.identities[row]) for row in rows]
        return dict(zip(names, np.abs(prediction - self.table.values[rows, 0]).tolist(), strict=True))


def title_of(data: object) -> str:
    """Name of a data module in messages: that of the data set, or of the file that a user brings.

    Args:
        data: A data module; the reader of a user's file has the attribute `title`.
    """
    return str(getattr(data, "title", type(data).__name__))
