"""A table of blends or copolymers of your own."""

from pathlib import Path
from typing import Any

from datamodules.files.mixture_file import conditions_of, read_mixture_file
from gnn_sim2real.data.mixtures import MixtureDataModule
from gnn_sim2real.tables.mixture_columns import MixtureColumns
from gnn_sim2real.tables.table import CleanTable, Property


class BlendTable(MixtureDataModule):
    """One property of blends or copolymers from a table with a column for each component and one for its weight.

    A component is a repeat unit (PSMILES with two `*`) or a molecule (SMILES). An empty component, or one of weight 0,
    is absent; the order has no meaning; a row of one component is the pure material. Use it with the encoder
    `gnn_sim2real.nn.Blend`, with `linkage: true` for copolymers whose `linkage` is known.

    ```yaml
    data:
      class_path: BlendTable
      init_args:
        {path: copolymers.csv, components: [first, second], weights: [share_1, share_2], property: density,
         column: density_g_cm3, unit: g/cm3}
    ```

    Args:
        path: The file: CSV, TSV, JSONL or parquet; absolute, or relative to the working folder or GNN_SIM2REAL_DATA.
        components: Columns with the components.
        property: Name of the property, the same word as in the source, e.g. density.
        column: Column with its values.
        unit: Unit of the model's predictions, e.g. g/cm3.
        weights: Columns with the shares of the components, in their order, all of the same kind (mass or mole); equal
            shares unless given.
        temperature: Column with the temperature, if the property is measured at several.
        temperature_unit: Its unit in the file, e.g. K or degC; that in the heading (`T (degC)`), else K, unless given.
        file_unit: Unit of the property in the file, if it is another one; a unit in the heading is read.
        lower: Values at or below this are excluded as impossible.
        upper: Values at or above this are excluded as impossible.
        at: Which rows are used, by the column of a condition: those at one value (`{T: 298}`, in the unit of the
            column), between two (`{T: [293, 303]}`), or `all`, merged by median. Needed where rows of one material
            differ in a temperature, pressure, frequency or humidity.
        linkage: Column that says how the units of a copolymer are linked: alternating, random or block (with mole
            shares in `weights`), or the share of the bonds between units that join unlike ones, as of dyads; empty for
            a blend.
        where: The same in words, as in `T = 298 +- 5`.
        conditions: What a model sees beside the materials, by name, as in `{pressure: {column: p, unit: bar}}`; see
            `datamodules.Table`.
        settings: See `gnn_sim2real.data.mixtures.MixtureSettings`.

    Raises:
        ValueError: If there is no component, or another number of weights.
    """

    def __init__(
        self,
        path: str,
        components: list[str],
        property: str,  # noqa: A002 (the word users know)
        column: str,
        unit: str,
        weights: list[str] | None = None,
        temperature: str | None = None,
        temperature_unit: str | None = None,
        file_unit: str | None = None,
        lower: float | None = None,
        upper: float | None = None,
        at: dict[str, Any] | None = None,
        linkage: str | None = None,
        where: str | None = None,
        conditions: dict[str, str | dict[str, str]] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if not components or (weights is not None and len(weights) != len(components)):
            raise ValueError(
                f"a BlendTable needs at least one column in `components`, and as many in `weights` if it is given, "
                f"got {len(components)} and {len(weights or [])}"
            )
        self.path, self.at, self.where = path, at, where
        self.property = Property(property, unit, column=column, file_unit=file_unit, lower=lower, upper=upper)
        found = conditions_of(temperature, temperature_unit, conditions)
        self.condition_units = found.units
        self.input_columns = MixtureColumns(components, weights, found.columns, linkage)

    @property
    def title(self) -> str:
        """Name in messages: of the file."""
        return Path(self.path).name

    def load_table(self) -> CleanTable:
        """Read and clean the file.

        Raises:
            ConditionsVaryError: If a condition varies that neither `at` nor `temperature` names.
        """
        return read_mixture_file(self, self.path, self.property, self.at, self.where)
