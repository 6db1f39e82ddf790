"""A table of pairs of your own, whose components have different roles."""

from pathlib import Path
from typing import Any

from datamodules.files.mixture_file import conditions_of, read_mixture_file
from gnn_sim2real.data.mixtures import MixtureDataModule
from gnn_sim2real.tables.mixture_columns import MixtureColumns
from gnn_sim2real.tables.table import CleanTable, Property


class PairTable(MixtureDataModule):
    """One property of pairs such as polymer and solvent, or solute and solvent, from a table with a column for each.

    Both components are repeat units (PSMILES with two `*`) or molecules (SMILES), each column of one kind, and none is
    empty. Use it with the encoder `gnn_sim2real.nn.Pair`. Source and target need the same roles.

    ```yaml
    data:
      class_path: datamodules.PairTable
      init_args:
        {path: pairs.csv, components: {polymer: unit, solvent: smiles}, property: chi, column: chi, unit: "",
         temperature: T_K}
    ```

    Args:
        path: The file: CSV, TSV, XLSX, JSONL or parquet; absolute, or relative to the working folder or
            GNN_SIM2REAL_DATA.
        components: Column of each component, by its role, e.g. `{polymer: unit, solvent: smiles}`.
        property: Name of the property, the same word as in the source, e.g. chi.
        column: Column with its values.
        unit: Unit of the model's predictions, e.g. kcal/mol; empty if it has none.
        temperature: Column with the temperature, if the property is measured at several.
        temperature_unit: Its unit in the file, e.g. K or degC; that in the heading (`T (degC)`), else K, unless given.
        file_unit: Unit of the property in the file, if it is another one; a unit in the heading is read.
        lower: Values at or below this are excluded as impossible.
        upper: Values at or above this are excluded as impossible.
        at: Which rows are used, by the column of a condition: those at one value (`{pressure: 1}`, in the unit of the
            column), between two (`{T: [293, 303]}`), or `all`, merged by median. Needed where rows of one pair differ
            in a pressure, frequency, humidity, or in a temperature that is not an input.
        where: The same in words, as in `T = 298 +- 5`.
        conditions: What a model sees beside the materials, by name, as in `{pressure: {column: p, unit: bar}}`; see
            `datamodules.Table`.
        settings: See `gnn_sim2real.data.mixtures.MixtureSettings`; `group_by` is mixture (the pair at all
            temperatures), or a role.

    Raises:
        ValueError: If there are not two components.
    """

    def __init__(
        self,
        path: str,
        components: dict[str, str],
        property: str,  # noqa: A002 (the word users know)
        column: str,
        unit: str,
        temperature: str | None = None,
        temperature_unit: str | None = None,
        file_unit: str | None = None,
        lower: float | None = None,
        upper: float | None = None,
        at: dict[str, Any] | None = None,
        where: str | None = None,
        conditions: dict[str, str | dict[str, str]] | None = None,
        **settings: Any,
    ) -> None:
        if len(components) != 2:
            raise ValueError(
                f"a PairTable needs two `components`, a role and its column each, as in "
                f"{{polymer: unit, solvent: smiles}}, got {components}"
            )
        self.roles = tuple(components)
        super().__init__(**settings)
        self.path, self.at, self.where = path, at, where
        self.property = Property(property, unit, column=column, file_unit=file_unit, lower=lower, upper=upper)
        found = conditions_of(temperature, temperature_unit, conditions)
        self.condition_units = found.units
        self.input_columns = MixtureColumns(list(components.values()), conditions=found.columns)

    @property
    def title(self) -> str:
        """Name in messages: of the file."""
        return Path(self.path).name

    def load_table(self) -> CleanTable:
        """Read and clean the file."""
        return read_mixture_file(self, self.path, self.property, self.at, self.where)
