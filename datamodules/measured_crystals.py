"""Measured properties of crystals, each tied to a structure of the Materials Project."""

import logging
from collections import Counter
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from datamodules.crystals_by_id import crystals_by_id, require_database
from datamodules.materials_project import (
    MAX_FORMATION_ENERGY,
    materials_project_labels,
    materials_project_structures,
    padded_cells,
)
from datamodules.registry import find_file, find_table, sheet
from gnn_sim2real.data.crystals import CrystalDataModule, Structures
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.data.snapshots import snapshot_card, structures_of
from gnn_sim2real.databases.passwords import hide_login
from gnn_sim2real.databases.snapshot import Snapshot
from gnn_sim2real.featurize.composition import reduced_formula
from gnn_sim2real.renamed import current_property
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.columns import in_table
from gnn_sim2real.tables.table import CleanTable, Property, Replicates, read_table
from gnn_sim2real.units import convert

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)

KNOWN = {
    "measured_band_gap": Property(
        "band_gap",
        "eV",
        column="expt_gap_eV_median",
        lower=-1e-6,
        replicates=Replicates("expt_gap_min", "expt_gap_max", "n_rows"),
    ),
    "measured_formation_enthalpy": Property(
        "formation_energy",
        "eV/atom",
        column="expt_dHf_eV_atom_median",
        replicates=Replicates("expt_dHf_min", "expt_dHf_max", "n_rows"),
    ),
    "measured_tc": Property("critical_temperature", "K", column="expt_Tc_K_median", lower=-1e-6),
    "measured_thermal_conductivity": Property(
        "thermal_conductivity",
        "W/(m K)",
        column="expt_kappa_W_mK_median",
        lower=0,
        replicates=Replicates("expt_kappa_min", "expt_kappa_max", "n_rows"),
    ),
}
"""Tables of the registry and the property that each holds, by the name that it has in a source."""

FAULTY = {
    ("measured_formation_enthalpy", "LiNbO3"): "known fault: -5.66 eV/atom in the compilation",
    ("measured_thermal_conductivity", "BAs"): "known fault: a prediction, not a measurement",
    ("measured_tc", "CrCuO2"): "known fault: 132 K of a compound with a gap of 1.5 eV",
}

_SIMULATED = {"band_gap": ("band_gap_pbe", "eV"), "formation_energy": ("e_form", "eV/atom")}
"""Column and unit of the labels of the Materials Project that simulate a property."""


class MeasuredCrystals(CrystalDataModule):
    """Measurements with the structure they belong to, and the simulated value of the same crystal beside them.

    A row names its crystal by `material_id`; without such a column, by its formula, which stands for the polymorph of
    lowest energy (`formula_ground`), or for another one where that has no structure (`formula_other`, less sure). The
    kind of match of each row is in `match_kinds`, and counted in the card. Several rows of one crystal are merged by
    their median.

    ```yaml
    data:
      class_path: MeasuredCrystals
      init_args: {name: measured_band_gap, test_fraction: 0.2}
    ```

    Args:
        name: A table of the registry: measured_band_gap [eV], measured_formation_enthalpy [eV/atom], measured_tc [K] or
            measured_thermal_conductivity [W/(m K)].
        path: Your own table in place of it, or your own copy of it.
        property: Name of the property in your own table, the same word as in the source, e.g. band_gap.
        column: Column with its values.
        unit: Unit of the model's predictions, e.g. eV.
        file_unit: Unit in the file, if it is another one.
        formula: Column with the formulas.
        structures_path: Your own copy of `mp_structures.parquet`; else it is looked for below GNN_SIM2REAL_DATA.
        structures_from: In place of that file, the database that the structures of a table with `material_id` are
            downloaded from: mp (the Materials Project, by OPTIMADE), mp_key (the same by `mp-api`, with your key in
            MP_API_KEY), oqmd and the others of `datamodules.Optimade`, or an address. They are the structures of the
            day of the download, which the card names, not those of published results; simulated values of the same
            crystals are then not looked up, unless by `labels_path`.
        labels_path: The same for `mp_labels.parquet`.
        at: Which rows are used, by the column of a condition: those at one value (`{T: 298}`, in the unit of the
            column), between two (`{T: [293, 303]}`), or `all`, merged by median.
        settings: See `gnn_sim2real.data.crystals.CrystalSettings`.

    Raises:
        ValueError: If the settings name no table or more than one, or need a simulated value that does not exist.
    """

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return tuple(
            sheet(name, "crystal", rows, {each.name: each.unit}, {"name": name})
            for (name, each), rows in zip(KNOWN.items(), (3876, 2321, 4181, 176), strict=True)
        )

    def __init__(
        self,
        name: str | None = None,
        path: str | None = None,
        property: str | None = None,  # noqa: A002 (the word users know)
        column: str | None = None,
        unit: str | None = None,
        file_unit: str | None = None,
        formula: str = "reduced_formula",
        structures_path: str | None = None,
        labels_path: str | None = None,
        structures_from: str | None = None,
        at: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if name is not None and name not in KNOWN:
            raise ValueError(f"`name` must be one of {', '.join(KNOWN)}, got {name!r}")
        own = {"property": property, "column": column, "unit": unit, "file_unit": file_unit}
        if name is not None and (given := [each for each, value in own.items() if value is not None]):
            raise ValueError(
                f"`{given[0]}` is for your own table, but {name!r} has its property, column and unit; leave out "
                f"`name` or {', '.join(given)}"
            )
        if name is not None:
            self.property = KNOWN[name]
        elif path is not None and property is not None and unit is not None:
            self.property = Property(property, unit, column=column, file_unit=file_unit)
        else:
            raise ValueError(
                "MeasuredCrystals needs `name` (a table of the registry), or `path`, `property` and `unit`"
            )
        self.name, self.path, self.formula, self.at = name, path, formula, at
        self.structures_path, self.labels_path = structures_path, labels_path
        if structures_from is not None:
            require_database(structures_from)
            self.given["structures_from"] = structures_from = hide_login(structures_from)
            if structures_path is not None:
                raise ValueError("give `structures_path` or `structures_from`, not both")
        self.structures_from = structures_from
        if self._requires_own_simulated and structures_from is not None and labels_path is None:
            raise ValueError(
                "`require_simulated` needs simulated values: beside `structures_from` give `labels_path`, "
                "`simulated_column` or `simulated_from`"
            )
        if self._requires_own_simulated and self._simulated_column is None:
            raise ValueError(
                f"the Materials Project has no simulated {self.property.name!r}, only {', '.join(_SIMULATED)}; leave "
                "out `require_simulated`, or give `simulated_column` or `simulated_from`"
            )

    @property
    def _requires_own_simulated(self) -> bool:
        """Whether the values that are required are those of the Materials Project."""
        settings = self.settings
        return settings.require_simulated and settings.simulated_column is None and settings.simulated_from is None

    @property
    def sheet(self) -> DataSheet | None:
        """The sheet of the table of the registry; None for your own."""
        return next((each for each in self.sheets() if each.name == self.name), None)

    @property
    def title(self) -> str:
        """Name in messages: of the table of the registry, or of the file."""
        return self.name or Path(str(self.path)).name

    @property
    def _has_simulated(self) -> bool:
        """Whether the labels of the Materials Project are read: not beside structures of another day, unless given."""
        is_read = self.structures_from is None or self.labels_path is not None
        return is_read and self._simulated_column is not None

    @property
    def _simulated_column(self) -> tuple[str, str] | None:
        """Column and unit of the labels of the Materials Project, if they simulate the property."""
        return _SIMULATED.get(current_property(self.property.name))

    def load_structures(self) -> Structures:
        """Find the structures of the Materials Project; the graphs are those of `MaterialsProjectTables`."""
        if self.structures_from is not None:
            return structures_of(self.downloaded, self.structures_from)
        return materials_project_structures(self.structures_path)

    @cached_property
    def downloaded(self) -> Snapshot:
        """The snapshot of `structures_from`.

        Raises:
            ValueError: If the table does not name its crystals.
        """
        frame, _ = self._read()
        names = [name for name in self._names(frame, []) if name]
        snapshot = crystals_by_id(str(self.structures_from), names)
        logger.info(
            "%s: structures as the database had them on %s, %s of %s; others than those of earlier results may be "
            "among them",
            *(self.structures_from, snapshot.info["date"], f"{snapshot.info['num_entries']:,}", f"{len({*names}):,}"),
        )
        return snapshot

    def load_table(self) -> CleanTable:
        """Read the measurements, find the crystal of each, and look up its simulated value."""
        frame, source = self._read()
        formulas = self._formulas(frame, source)
        names = self._names(frame, formulas)
        table = clean_table(
            frame.assign(material_id=names),
            material_column="material_id",
            properties=[self._property_in(frame, source)],
            identity=str,
            source=source,
            refused_before=self._refuse_rows(frame, names, formulas),
            at=self.at,
        )
        return self.data_set.with_structures(self._with_simulated(table))

    def _property_in(self, frame: "pandas.DataFrame", source: str) -> Property:
        """The property with its column; without those of replicates where a copy of the table does not have them."""
        if self.name is None:
            return in_table(self.property, [str(column) for column in frame], source)
        if all(column in frame for column in self.property.replicates or ()):
            return self.property
        return replace(self.property, replicates=None)

    def _read(self) -> tuple["pandas.DataFrame", str]:
        file = find_file(self.name, self.path) if self.name else find_table(str(self.path))
        frame = read_table(file)
        if self.structures_from is not None and "material_id" not in frame:
            raise ValueError(
                f"{file.name} has no column `material_id`: `structures_from` finds crystals by their names, such as "
                "mp-149"
            )
        return frame, file.name

    def _names(self, frame: "pandas.DataFrame", formulas: list[str]) -> list[str]:
        """Name of the crystal of each row, empty where there is none."""
        if "material_id" in frame:
            return ["" if isinstance(cell, float) else str(cell) for cell in frame["material_id"]]
        return [self._polymorphs.get(formula, "") for formula in formulas]

    @property
    def match_kinds(self) -> list[str]:
        """How the crystal of each row of the table was found."""
        return self.data_set.once("match kinds", self._find_kinds)

    def _find_kinds(self) -> list[str]:
        frame, source = self._read()
        names = self._names(frame, self._formulas(frame, source))
        kinds = dict(zip(names, self._kinds_of(frame, names), strict=True))
        return [kinds[name] for name in self.table.identities]

    def card(self) -> dict[str, Any]:
        """What a record or a model saves about its data, with the number of matches of each kind."""
        card = super().card() | {"match_kinds": dict(sorted(Counter(self.match_kinds).items()))}
        return card if self.structures_from is None else card | {"snapshot": snapshot_card(self.downloaded)}

    @cached_property
    def _labels(self) -> "pandas.DataFrame":
        """Labels of the crystals that have a structure, by material id."""
        labels = materials_project_labels(self.labels_path)
        labels = labels[~(labels["e_form"] > MAX_FORMATION_ENERGY)].set_index("material_id")
        return labels[labels.index.isin(self.data_set.row_of)]

    @cached_property
    def _polymorphs(self) -> dict[str, str]:
        """The crystal that a formula stands for: the lowest in energy, or the lowest of those that have a structure."""
        ordered = self._labels.sort_values(["is_lowest_polymorph", "e_form"], ascending=[False, True], kind="stable")
        first = ordered.reset_index().drop_duplicates("reduced_formula")
        return dict(zip(first["reduced_formula"], first["material_id"], strict=True))

    def _formulas(self, frame: "pandas.DataFrame", source: str) -> list[str]:
        """Reduced formula of each row, empty where it has none."""
        column = next((name for name in (self.formula, "formula") if name in frame), None)
        if column is None and "material_id" not in frame:
            raise ValueError(f"{source} needs a column `material_id`, or `{self.formula}` with the formulas")
        cells = [""] * len(frame) if column is None else frame[column].tolist()
        formulas = []
        for cell in cells:
            try:
                formulas.append(reduced_formula(cell) if isinstance(cell, str) else "")
            except ValueError:
                formulas.append("")
        return formulas

    def _refuse_rows(self, frame: "pandas.DataFrame", names: list[str], formulas: list[str]) -> dict[int, str]:
        reasons = self.data_set.refuse(names)
        padded = padded_cells(self.data_set.structures)
        simulated = self._simulated(names)
        lowest = frame["is_lowest_polymorph"].tolist() if "is_lowest_polymorph" in frame else [True] * len(frame)
        for position, (name, formula) in enumerate(zip(names, formulas, strict=True)):
            if position in reasons:
                continue
            own = self.data_set.structures.formulas[self.data_set.row_of[name]]
            if name in padded:
                reasons[position] = padded[name]
            elif formula and formula != own:
                reasons[position] = f"formula is not that of the crystal: {formula}, but {own} for {name}"
            elif not lowest[position]:
                reasons[position] = "another polymorph than the lowest"
            elif (str(self.name), formula) in FAULTY:
                reasons[position] = FAULTY[str(self.name), formula]
            elif self._requires_own_simulated and np.isnan(simulated[position]):
                reasons[position] = f"no simulated {self.property.name}"
        return reasons

    def _kinds_of(self, frame: "pandas.DataFrame", names: list[str]) -> list[str]:
        if "match_kind" in frame:
            return [str(kind) for kind in frame["match_kind"]]
        if "material_id" in frame:
            return ["mpid"] * len(frame)
        lowest = set(self._labels.index[self._labels["is_lowest_polymorph"].astype(bool)])
        return ["formula_ground" if name in lowest else "formula_other" for name in names]

    def _with_simulated(self, table: CleanTable) -> CleanTable:
        """Add the simulated value of the same crystal, where the Materials Project has this property."""
        if not self._has_simulated:
            return table
        return replace(table, simulated=self._simulated(table.identities)[:, None])

    def _simulated(self, names: list[str]) -> NDArray[np.float64]:
        """Simulated value of each crystal, NaN where there is none."""
        if not self._has_simulated or self._simulated_column is None:
            return np.full(len(names), np.nan)
        column, unit = self._simulated_column
        return convert(self._labels[column].reindex(names).to_numpy(np.float64), unit, self.property.unit)
