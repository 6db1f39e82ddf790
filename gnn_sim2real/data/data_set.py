"""A cleaned table and its graphs, made once for all variants of a data module."""

import logging
from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnn_sim2real.data.simulated import Found, SimulatedSettings
from gnn_sim2real.data.transforms import Transforms, transforms_of
from gnn_sim2real.data.variants import Made, Shared, settings_of
from gnn_sim2real.featurize.conditions import pure_materials
from gnn_sim2real.featurize.featurizer import Featurizer
from gnn_sim2real.featurize.identity import identity_hash
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.renamed import current_property
from gnn_sim2real.scales import to_scale
from gnn_sim2real.store.mixtures import AnyStore
from gnn_sim2real.store.vocabulary import Vocabulary, find_unseen
from gnn_sim2real.tables.conditions import ConditionsVaryError
from gnn_sim2real.tables.simulated import keep_simulated, read_simulated_column, with_simulated
from gnn_sim2real.tables.table import CleanTable, Property
from gnn_sim2real.tables.transforms import with_transforms
from gnn_sim2real.units import convert

logger = logging.getLogger(__name__)

_NOT_ASKED = SimulatedSettings()


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
        simulated: Which simulated values the table gets beside those that its reader knows.
        transforms: Scale on which a property is learned, by its name; `TransformSettings.transforms`.
        simulated_in: Another data set, in which they are looked up.
    """

    def __init__(
        self,
        reader: Reader,
        shared: Shared | None = None,
        of_table: tuple[Hashable, ...] = (),
        of_graphs: tuple[Hashable, ...] = (),
        simulated: SimulatedSettings = _NOT_ASKED,
        simulated_in: "DataSet | None" = None,
        transforms: Transforms = (),
    ) -> None:
        self.reader, self.shared = reader, Shared() if shared is None else shared
        self.of_table, self.of_graphs = of_table, of_graphs
        self.simulated_settings, self.simulated_in, self.transforms = simulated, simulated_in, transforms

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
        """Read the table, with its simulated values."""
        table, asked = self._load(), self.simulated_settings
        if self.transforms:
            wanted = transforms_of(self.transforms, [each.name for each in table.properties])
            table = with_transforms(table, wanted, title_of(self.reader))
        if asked.simulated_column is not None:
            table = read_simulated_column(table, asked.simulated_column, asked.simulated_unit)
        elif self.simulated_in is not None:
            table = self._with_found(table, self.simulated_in)
        if table.simulated_origin and table.simulated is not None:
            logger.info(
                "%s: %d of %d materials have a simulated %s, from %s",
                title_of(self.reader),
                int(np.isfinite(table.simulated[:, 0]).sum()),
                len(table.identities),
                table.properties[0].name,
                table.simulated_origin,
            )
        return keep_simulated(table) if asked.require_simulated else table

    def _with_found(self, table: CleanTable, source: "DataSet") -> CleanTable:
        """Add the values of the first property that another data set has for the same materials.

        Raises:
            ValueError: If it has none of them.
        """
        prop = table.properties[0]
        found = self.look_up(source, prop, self.names_elsewhere(table), table.materials)
        if not np.isfinite(found.values).any():
            raise ValueError(
                f"none of the {len(table.identities):,} materials of {title_of(self.reader)} has a {prop.name} in "
                f"{title_of(source.reader)}, looked up by {found.by}; give another `simulated_from`"
            )
        return with_simulated(table, found.values, f"{title_of(source.reader)} by {found.by}")

    def names_elsewhere(self, table: CleanTable) -> list[str]:
        """The name by which each material is looked for in other data sets.

        Args:
            table: The table.
        """
        return table.identities

    def name_of(self, material: Any) -> str:
        """The name by which a material that is not in the table is looked for in other data sets.

        Args:
            material: The material.
        """
        return self.featurizer.identity(material)

    def look_up(self, source: "DataSet", prop: Property, names: Sequence[str], materials: Sequence[Any]) -> Found:
        """Find the simulated values of materials in a data set that has them.

        Args:
            source: The data set.
            prop: The property, with the unit of the result.
            names: As `names_elsewhere` or `name_of` gives them.
            materials: The materials; only crystals are looked at.

        Raises:
            ValueError: If it does not have the property.
        """
        known, by = source.values_by_name(prop, self.featurizer.name)
        return Found(np.array([known.get(name, np.nan) for name in names]), by)

    def values_by_name(self, prop: Property, kind: str) -> tuple[dict[str, float], str]:
        """Values of a property for other data sets: all rows, also those that no training may use.

        Args:
            prop: The property, with the unit of the result.
            kind: Kind of the materials that are looked for.

        Returns:
            The values by the name of the material, and what that name is.
        """
        values = self.values_of(prop)
        return dict(zip(self.table.identities, values.tolist(), strict=True)), "identity"

    def values_of(self, prop: Property) -> NDArray[np.float64]:
        """Values (num_materials,) of a property.

        Args:
            prop: The property, with the unit of the result.

        Raises:
            ValueError: If it is not there.
        """
        names = [current_property(each.name) for each in self.table.properties]
        if current_property(prop.name) not in names:
            raise ValueError(
                f"{title_of(self.reader)} has no {prop.name!r} to look up, only {', '.join(names)}; give another "
                "`simulated_from`"
            )
        column = names.index(current_property(prop.name))
        return convert(self.table.values[:, column], self.table.properties[column].unit, prop.unit)

    def _load(self) -> CleanTable:
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

    @property
    def one_sided(self) -> Tensor | None:
        """On which side of each value the true one is, int64, see `GraphBatch.censored`; None unless one is `tobit`."""
        sides, asked = self.table.censored, [each.censored == "tobit" for each in self.table.properties]
        if sides is None or not any(asked):
            return None
        return self.once("one-sided", lambda: torch.from_numpy(sides.astype(np.int64) * np.array(asked)))

    @property
    def loss_weights(self) -> Tensor | None:
        """Weight of each value in a loss, float32, (num_materials, num_properties); None where all count alike.

        It is that of a value with the variance of its measurement and that of a typical measurement, which stands for
        all other errors; so the most precise values count no more than twice as much as a typical one. A value of
        which nothing is said is typical. The mean is 1.
        """
        said = self.table.uncertainty
        if said is None:
            return None

        def make() -> Tensor:
            typical = np.array([np.nanmedian(each) if np.isfinite(each).any() else 1.0 for each in said.T])
            known = np.where(np.isfinite(said), said, typical)
            weights = 1 / (np.square(known) + np.square(typical))
            present = np.isfinite(self.table.values)
            mean = (weights * present).sum(axis=0) / np.maximum(present.sum(axis=0), 1)
            return torch.from_numpy(weights / mean).float()

        return self.once("loss weights", make)

    def measured(self, rows: NDArray[np.int64], column: int = 0) -> NDArray[np.float64]:
        """Values of some materials with which predictions are compared: limits of detection are scored apart.

        Args:
            rows: (num_materials,); rows of the table.
            column: Number of the property.

        Returns:
            (num_materials,); NaN for limits, unless there is nothing else.
        """
        values: NDArray[np.float64] = self.table.values[rows, column]
        sides = self.table.censored
        if sides is None or (sides[rows, column] != 0).all():
            return values
        return np.where(sides[rows, column] != 0, np.nan, values)

    def to_scale(self, values: NDArray[np.float64], column: int = 0) -> NDArray[np.float64]:
        """Values of a property on the scale on which it is learned.

        Args:
            values: In physical units, NaN where missing.
            column: Number of the property.
        """
        return to_scale(values, self.table.properties[column].transform)

    def error_groups(self, rows: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
        """Materials whose errors are told apart, by the name of their group; none unless there are several.

        Args:
            rows: (num_materials,); rows of the table.
        """
        return {}

    def group_errors(
        self, rows: NDArray[np.int64], prediction: NDArray[np.float64], column: int = 0
    ) -> dict[str, dict[str, float]]:
        """Number and mean absolute error of the materials of each group, and of those known by a limit.

        A prediction on the right side of a limit has no error. Errors are on the scale on which the property is
        learned.

        Args:
            rows: (num_materials,); rows of the table.
            prediction: (num_materials,), in physical units.
            column: Number of the property.
        """
        found, prediction = dict[str, dict[str, float]](), self.to_scale(prediction, column)
        error = np.abs(prediction - self.to_scale(self.measured(rows, column), column))
        for name, where in self.error_groups(rows).items():
            if (kept := where & np.isfinite(error)).any():
                found[name] = {"num": float(kept.sum()), "mae": float(error[kept].mean())}
        sides = None if self.table.censored is None else self.table.censored[rows, column]
        if sides is not None and sides.any():
            limits = self.to_scale(self.table.values[rows, column], column)
            beyond = np.maximum(-sides * (prediction - limits), 0)[sides != 0]
            found["limits"] = {"num": float(len(beyond)), "mae": float(beyond.mean())}
        return found

    @cached_property
    def properties(self) -> list[PropertySpec]:
        """Name and unit of each property."""
        return [PropertySpec(each.name, each.unit, transform=each.transform) for each in self.table.properties]

    @property
    def num_atoms(self) -> NDArray[np.int64]:
        """(num_materials,); atoms of each material, of the unit as written."""
        counts: NDArray[np.int64] = self.store.num_nodes  # type: ignore[union-attr]
        return counts

    @property
    def spellings(self) -> Sequence[Any]:
        """The text of each material from which its family is found."""
        return pure_materials(self.table.materials)

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

    def by_identity(self, rows: NDArray[np.int64], numbers: NDArray[np.float64]) -> dict[str, float]:
        """Numbers of materials by hashed identity, without spellings.

        Args:
            rows: (num_materials,); rows of the table.
            numbers: (num_materials,).
        """
        names = [identity_hash(self.table.identities[row]) for row in rows]
        return dict(zip(names, numbers.tolist(), strict=True))

    def absolute_errors(self, rows: NDArray[np.int64], prediction: NDArray[np.float64]) -> dict[str, float]:
        """Absolute error of predictions of the first property by hashed identity, without spellings or measured values.

        Args:
            rows: (num_materials,); rows of the table.
            prediction: (num_materials,), in physical units.

        Returns:
            The errors on the scale on which the property is learned.
        """
        error = self.to_scale(prediction) - self.to_scale(self.table.values[rows, 0])
        return self.by_identity(rows, np.abs(error))


def title_of(data: object) -> str:
    """Name of a data module in messages: that of the data set, or of the file that a user brings.

    Args:
        data: A data module; the reader of a user's file has the attribute `title`.
    """
    return str(getattr(data, "title", type(data).__name__))
