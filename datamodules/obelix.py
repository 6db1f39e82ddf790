"""OBELiX: measured ionic conductivities of lithium solid electrolytes, most of whose crystals are disordered."""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from datamodules.registry import find_file, sheet
from gnn_sim2real.data.crystals import CrystalDataModule, Structures
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.featurize.composition import read_formula
from gnn_sim2real.featurize.crystal_entries import Entry, attempt
from gnn_sim2real.featurize.crystal_files import as_crystal, crystal_formula
from gnn_sim2real.featurize.crystal_table import CrystalTable
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.featurize.site_species import symbol_of
from gnn_sim2real.tables.censored import Censored, read_limit
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import CleanTable, Property, read_table

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)

_COLUMN, _LOG = "ionic_conductivity_S_cm", "log_ionic_conductivity"
_TEXTS = ["id", "part", "composition", _COLUMN, "family", "doi", "cif"]


class OBELiX(CrystalDataModule):
    """The decimal logarithm of 599 ionic conductivities [S/cm] at room temperature, with their official split.

    The table comes with the package. Each row is a material of its own, also those of one formula. By `representation:
    composition` all 599 are read, by structure the 317 whose CIF is a crystal; most of these are disordered, so
    `disorder` is `average` or `order`. No paper has rows in both parts of the official split. Therrien et al., Digital
    Discovery (2026), arXiv 2502.14234; CC BY 4.0.

    ```yaml
    data:
      class_path: OBELiX
      init_args: {disorder: average, split_by: official, split_column: part, validation_fraction: 0}
    ```

    Args:
        path: Your own copy of the table, with the columns of the one in the package.
        censored: What becomes of the 37 values below a limit of detection, see `datamodules.CrystalFolder`.
        settings: See `gnn_sim2real.data.crystals.CrystalSettings`.
    """

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return (
            sheet(
                "obelix",
                "crystal",
                599,
                {_LOG: ""},
                {"disorder": "average", "split_by": "official", "split_column": "part"},
            ),
        )

    def __init__(self, path: str | None = None, censored: Censored = "bound", **settings: Any) -> None:
        super().__init__(**settings)
        self.path = path
        self.property = Property(_LOG, "", censored=censored)

    @property
    def title(self) -> str:
        """Name in messages."""
        return "obelix"

    @cached_property
    def frame(self) -> "pandas.DataFrame":
        """The table, with the logarithm of the conductivities as text, since some are limits."""
        frame = read_table(find_file("obelix", self.path), texts=_TEXTS)
        return frame.assign(**{_LOG: [_logarithm(cell) for cell in frame[_COLUMN]]})

    @cached_property
    def entries(self) -> list[Entry]:
        """The crystals of the rows that have a CIF, read or refused."""
        rows = zip(self.frame["id"], self.frame["cif"], strict=True)
        return [attempt(name, partial(as_crystal, text, disordered=True)) for name, text in rows if _is_given(text)]

    def load_structures(self) -> Structures:
        """Read the CIFs."""
        read = [(each.name, each.crystal) for each in self.entries if each.crystal is not None]
        crystals = CrystalTable.from_crystals([crystal for _, crystal in read])
        num_sites = np.diff(crystals.pointer)
        return Structures(
            crystals=crystals,
            names=[name for name, _ in read],
            formulas=[crystal_formula(crystal) for _, crystal in read],
            num_sites=num_sites,
            volumes=np.abs(np.linalg.det(crystals.lattice)) / num_sites,
        )

    def load_table(self) -> CleanTable:
        """Read the conductivities; by structure, rows without a CIF that can be read are refused."""
        frame, by_formula = self.frame, self.settings.representation == "composition"
        names = frame["id"].tolist()
        reasons = {} if by_formula else self.data_set.refuse(names)
        unread = {each.name: each.reason for each in self.entries if each.crystal is None} if reasons else {}
        reasons |= {row: f"unreadable crystal: {unread[name]}" for row, name in enumerate(names) if name in unread}
        table = clean_table(
            frame.drop(columns="cif"),
            material_column="id",
            properties=[self.property],
            identity=str,
            source=self.title,
            refused_before=reasons,
        )
        if not by_formula:
            self._warn_of_missing_elements(table.identities)
            return self.data_set.with_structures(table)
        identity = get_featurizer("composition").identity
        formulas = {name: identity(text) for name, text in zip(names, frame["composition"], strict=True)}
        of_rows = [formulas[name] for name in table.identities]
        return replace(table, materials=of_rows, own_groups=of_rows)

    def _warn_of_missing_elements(self, names: Sequence[str]) -> None:
        """Say whose CIF lacks an element of what was measured, such as lithium that diffraction did not locate.

        Args:
            names: Materials whose CIF is read.
        """
        spelled = dict(zip(self.frame["id"], self.frame["composition"], strict=True))
        held = {each.name: each.crystal.amounts for each in self.entries if each.crystal is not None}
        lacking = {name: read_formula(spelled[name]).keys() - held[name].keys() for name in names}
        found = [f"{name}: {', '.join(map(symbol_of, sorted(each)))}" for name, each in lacking.items() if each]
        if found:
            logger.warning(
                "%s: %d of %d CIFs lack an element of the measured composition, and models of structures see them "
                "without it (%s)",
                self.title,
                len(found),
                len(names),
                "; ".join(found),
            )


def _is_given(text: object) -> bool:
    return isinstance(text, str) and bool(text.strip())


def _logarithm(cell: str) -> str:
    """The decimal logarithm of a conductivity, with the sign of a limit before it."""
    value, side = read_limit(cell)
    try:
        logarithm = math.log10(float(str(value)))
    except ValueError:  # not a number, or not above zero: refused as it is written
        return f"log10 of {cell}"
    return f"{'<>'[side > 0] if side else ''}{logarithm:.12g}"
