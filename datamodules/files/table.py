"""A table of your own: polymers, molecules and formulas in columns of text, or crystals in files."""

from pathlib import Path
from typing import Any, Literal

from datamodules.files.crystal_folder import CrystalFolder
from datamodules.registry import find_file, find_table
from gnn_sim2real.data.data_set import DataSet
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.prediction import Material, PredictionSettings, Predictor, at_conditions
from gnn_sim2real.featurize.attachment import read_marks, replace_marks, require_no_marks
from gnn_sim2real.files import expand
from gnn_sim2real.tables.at_conditions import clean_table_at_conditions
from gnn_sim2real.tables.censored import Censored
from gnn_sim2real.tables.columns import in_table, plain_heading, read_heading
from gnn_sim2real.tables.condition_columns import read_settings
from gnn_sim2real.tables.conditions import ConditionsVaryError, join_at
from gnn_sim2real.tables.crystal_columns import holds_crystals
from gnn_sim2real.tables.material_column import SpelledKind, find_column_of_kind, find_kind, find_material_column
from gnn_sim2real.tables.properties import check_property_unit
from gnn_sim2real.tables.table import CleanTable, Property, read_table
from gnn_sim2real.tables.texts import to_texts

MaterialKind = SpelledKind


class MaterialTable(PropertyDataModule):
    """One property of materials that a column of text spells: repeat units, molecules or formulas.

    Args:
        path: The file: CSV, TSV, XLSX, JSONL or parquet; absolute, or relative to the working folder or
            GNN_SIM2REAL_DATA.
        property: Name of the property, the same word as in the source, e.g. density.
        unit: Unit of the model's predictions, e.g. g/cm3. A property of a known name must have a unit that fits it.
        column: Column with its values; the one whose heading is the name of the property unless given. Several rows of
            one material become their median.
        file_unit: Unit in the file, if it is another one; a unit in the heading (`density [kg/m3]`) is read.
        unit_column: Column with the unit of each row, if the rows have several.
        material: What the spellings are; PSMILES with two `*`, SMILES, or formulas; by the first of them unless given.
        material_column: Column with them; `smiles`, `psmiles`, `formula` and the like unless given.
        name: A table of the registry, in place of `path`.
        lower: Values at or below this are excluded as impossible.
        upper: Values at or above this are excluded as impossible.
        censored: What becomes of values below or above a limit of detection, such as `<1E-10`: refused (`drop`), taken
            for the limit (`bound`), or in `tobit` known to networks as being on one side of it, so that predictions
            there have no loss; other methods take the limit. They are counted, and scored apart.
        at: Which rows are used, by the column of a condition: those at one value (`{T: 298}`, in the unit of the
            column), between two (`{T: [293, 303]}`), or `all`, merged by median. Needed where rows of one material
            differ in a temperature, pressure, frequency or humidity that is none of the `conditions`.
        where: The same in words: `T = 298 +- 5`, with a unit where the heading of the column says one (`T = 25 +- 5
            degC`), several with `and` between them.
        conditions: What a model sees beside the material, by name: the column of each, and its unit where the heading
            does not say it, as in `{temperature: {column: T, unit: K}, frequency: {column: "f [Hz]"}}`. Rows of one
            material at several of them stay apart, and train, validate or test together. A temperature is in K in the
            model.
        further: More properties of the same table, by name, as in `{melting_point: {column: Tm, unit: K}}`: one model
            learns all of them, each from the materials that have it. `lower`, `upper`, `unit_column`, `censored` and
            `uncertainty_column` are of the first one alone.
        uncertainty_column: Column with the standard deviation of each value, in the unit of the values: precise values
            count more in the loss of a network, at most twice as much as typical ones.
        attachment: The two atoms that mark the ends of repeat units in place of `*`, e.g. '[Ce],[Th]'; `none` if such a
            pair, which is refused otherwise, are atoms of the material.
        settings: See `gnn_sim2real.data.module.DataSettings`.

    Raises:
        ValueError: If there is neither `path` nor `name`, or the unit does not fit the property.
    """

    def __init__(
        self,
        path: str | None,
        property: str,  # noqa: A002 (the word users know)
        unit: str,
        column: str | None = None,
        file_unit: str | None = None,
        unit_column: str | None = None,
        material: MaterialKind | None = None,
        material_column: str | None = None,
        name: str | None = None,
        lower: float | None = None,
        upper: float | None = None,
        at: dict[str, Any] | None = None,
        attachment: str | None = None,
        censored: Censored = "drop",
        conditions: dict[str, str | dict[str, str]] | None = None,
        where: str | None = None,
        uncertainty_column: str | None = None,
        further: dict[str, dict[str, str]] | None = None,
        **settings: Any,
    ) -> None:
        # Before all else, since what reads and describes the materials depends on them.
        self.condition_columns = read_settings(conditions)
        self.condition_units = self.condition_columns.units
        super().__init__(**settings)
        if path is None and name is None:
            raise ValueError(
                f"a {type(self).__name__} needs `path` (a file) or `name` (a table of the registry); got neither"
            )
        check_property_unit(property, unit)
        self.property = Property(
            property,
            unit,
            column=column,
            file_unit=file_unit,
            lower=lower,
            upper=upper,
            unit_column=unit_column,
            censored=censored,
            uncertainty_column=uncertainty_column,
        )
        self.further = [self._more(each, said) for each, said in (further or {}).items()]
        self.path, self.name, self.material_column = path, name, material_column
        self.material: MaterialKind | None = material
        self.at, self.where = at, where
        self.may_be_marked = attachment is None
        self.marks = None if attachment in (None, "none") else read_marks(attachment)

    def _more(self, name: str, said: dict[str, str]) -> Property:
        """A property beside the first one.

        Raises:
            ValueError: If a setting of it is another one, or its unit does not fit.
        """
        if set(said) - {"column", "unit", "file_unit"} or "unit" not in said:
            raise ValueError(
                f"{name!r} of `further` needs its `unit`, and may have `column` and `file_unit`, got {said}"
            )
        check_property_unit(name, said["unit"])
        return Property(name, said["unit"], said.get("column"), said.get("file_unit"))

    @property
    def title(self) -> str:
        """Name in messages: of the table of the registry, or of the file."""
        return self.name or Path(str(self.path)).name

    @property
    def kind(self) -> str:  # type: ignore[override]
        """Name of the featurizer of the materials."""
        return self.material or self.data_set.shared.once("kind", self._find_material)

    def _find_material(self) -> MaterialKind:
        """What the first spellings of the table are."""
        file = self._find_file()
        frame = read_table(file)
        column = find_material_column(frame, file.name, self.material_column)
        return "repeat_unit" if self.marks is not None else find_kind(frame, column)

    def _find_file(self) -> Path:
        return find_file(self.name, self.path) if self.name else find_table(str(self.path))

    def load_table(self) -> CleanTable:
        """Read and clean the file.

        Raises:
            ConditionsVaryError: If rows of one material differ in a condition that no setting names.
        """
        file = self._find_file()
        frame = read_table(file)
        column = self.material_column
        if column is None:
            column = find_column_of_kind(list(map(str, frame)), self.kind, file.name, "material_column")
        if self.kind != "composition" and column in frame:
            frame = frame.assign(**{column: self.plain_spellings(to_texts(frame[column]), file.name)})
        headings = [str(each) for each in frame]
        try:
            return clean_table_at_conditions(
                frame,
                self.condition_columns,
                material_column=column,
                properties=[
                    self.settings.on_scale(in_table(each, headings, file.name))
                    for each in (self.property, *self.further)
                ],
                identity=self.featurizer.identity,
                source=file.name,
                at=join_at(self.at, self.where, headings, file.name),
            )
        except ConditionsVaryError as error:
            named = ", ".join(f"{plain_heading(read_heading(each).name)}: {{column: {each}}}" for each in error.columns)
            more = f"or set `conditions: {{{named}}}` to make the model see them"
            raise ConditionsVaryError(error.found, f"{error.advice}; {more}", error.columns) from error

    def plain_spellings(self, texts: list[str], source: str) -> list[str]:
        """Spellings with `*` at the ends of repeat units.

        Args:
            texts: As in the file.
            source: Name of the file, for messages.

        Raises:
            ValueError: If their ends are marked by rare atoms, and `attachment` says nothing of them.
        """
        if self.marks is not None:
            return [replace_marks(text, self.marks) for text in texts]
        if self.may_be_marked:
            require_no_marks(texts, source)
        return texts

    def make_predictor(self) -> Predictor:
        """Make the reader of the materials to predict, which are spelled as in the table."""
        return _TablePredictor(self.settings, self.data_set, self)


class _TablePredictor(Predictor):
    """Materials to predict, spelled as in a table.

    Args:
        settings: Where they are.
        data: Turns them into graphs.
        reader: The table.
    """

    def __init__(self, settings: PredictionSettings, data: DataSet, reader: MaterialTable) -> None:
        super().__init__(settings, data)
        self.reader = reader

    @property
    def accepts(self) -> str:
        """What `predict_path` may be."""
        columns = [column for column, _ in self.reader.condition_columns.columns.values()]
        return super().accepts + (f" and {', '.join(map(repr, columns))}" if columns else "")

    def read(self, path: Path) -> list[Material]:
        """Read the materials, at the conditions that their rows say."""
        found = super().read(path)
        if self.reader.kind != "composition":
            spellings = self.reader.plain_spellings([each.content for each in found], path.name)
            found = [each._replace(content=text) for each, text in zip(found, spellings, strict=True)]
        columns = self.reader.condition_columns
        if not columns.units or self._has_crystals:  # whose conditions are read with them
            return found
        return at_conditions(found, self._table, columns, path.name, self.given_conditions)


def Table(  # noqa: N802 (a class path in a YAML)
    path: str,
    property: str,  # noqa: A002 (the word users know)
    unit: str,
    column: str | None = None,
    file_unit: str | None = None,
    lower: float | None = None,
    upper: float | None = None,
    material: MaterialKind | Literal["crystal"] | None = None,
    **settings: Any,
) -> PropertyDataModule:
    """One property from a file of your own, whatever it is.

    CSV, TSV, XLSX, JSONL and parquet with a column of PSMILES, SMILES or formulas, or with a column `cif` or
    `structure` that holds the text of a CIF or a structure as JSON; extxyz, an ASE database, JSON or a parquet table of
    cells with the values inside; a folder of CIFs or POSCARs with a table of values beside them.

    ```yaml
    data:
      class_path: datamodules.Table
      init_args: {path: my_polymers.xlsx, property: density, unit: g/cm3}
    ```

    Args:
        path: The file or folder; absolute, or relative to the working folder or GNN_SIM2REAL_DATA.
        property: Name of the property, the same word as in the source, e.g. density.
        unit: Unit of the model's predictions, e.g. g/cm3. A property of a known name must have a unit that fits it.
        column: Column with its values; the one whose heading is the name of the property unless given.
        file_unit: Unit in the file, if it is another one; a unit in the heading (`density [kg/m3]`) is read.
        lower: Values at or below this are excluded as impossible.
        upper: Values at or above this are excluded as impossible.
        material: What the materials are, which the file shows unless given.
        settings: Of text, see `datamodules.files.table.MaterialTable`; of crystals, see `datamodules.CrystalFolder`.

    Raises:
        ValueError: If there is a way to read disordered crystals, and the file has materials in a column of text.
    """
    given = expand(path)
    spelled = material is not None or "material_column" in settings
    if material == "crystal" or (not spelled and holds_crystals(given if given.is_dir() else find_table(path))):
        return CrystalFolder(path, property, column, unit, file_unit=file_unit, lower=lower, upper=upper, **settings)
    if "disorder" in settings:
        raise ValueError(f"`disorder` ({settings['disorder']}) is for crystals, and {path} holds none; leave it out")
    return MaterialTable(
        path, property, unit, column, file_unit, material=material, lower=lower, upper=upper, **settings
    )
