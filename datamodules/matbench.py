"""Matbench's measured sets: the band gaps come with the package, others by matminer's loader."""

import contextlib
import importlib.util
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from datamodules.open_data import OPEN_TABLES
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.errors import DatasetNotFoundError
from gnn_sim2real.files import default_cache_folder
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import CleanTable, Property, read_table

if TYPE_CHECKING:
    import pandas as pd


class _Set(NamedTuple):
    """A measured set: its property, column and unit, the number of its rows, and who measured."""

    property: str
    column: str
    unit: str
    num_rows: int
    citation: str


SETS = {
    "matbench_expt_gap": _Set(
        "band_gap", "gap expt", "eV", 4604, "Zhuo, Mansouri Tehrani, Brgoch, J. Phys. Chem. Lett. 9, 1668 (2018)"
    ),
    "matbench_steels": _Set(
        "yield_strength", "yield strength", "MPa", 312, "Citrine Informatics, https://citrination.com/datasets/153092"
    ),
}
"""The measured quantities of Matbench; its other measured sets are of classes, its remaining ones computed."""


class Matbench(PropertyDataModule):
    """Measured properties of formulas as Matbench has them: 4,604 band gaps, or the yield strength of 312 steels.

    They have no structures, so the model is one of compositions (`gnn_sim2real.nn.Roost`). The band gaps come with the
    package, with the simulated gap of the formula in the column `mp_gap_eV` where the Materials Project has one, for
    `simulated_column`; what is simulated is not part of Matbench. The file of the steels is fetched at first use into
    `$GNN_SIM2REAL_CACHE/matminer`. The folds are not those of Matbench: here one split has one test
    part. Dunn et al., npj Comput. Mater. 6, 138 (2020), doi 10.1038/s41524-020-00406-3.

    ```yaml
    data:
      class_path: datamodules.Matbench
      init_args: {dataset: matbench_expt_gap}
    ```

    Args:
        dataset: `matbench_expt_gap` or `matbench_steels`.
        folder: Folder of matminer's files, from which the band gaps are read as well if it is given; MATMINER_DATA or
            the cache unless given.
        settings: See `gnn_sim2real.data.module.DataSettings`.

    Raises:
        ValueError: If there is no such set.
    """

    kind = "composition"

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """The sheets of the tables that it reads."""
        return tuple(
            DataSheet(
                name,
                "composition",
                each.num_rows,
                {each.property: each.unit},
                "MIT (Matbench)",
                f"{each.citation}; Dunn et al., npj Comput. Mater. 6, 138 (2020)",
                "in the package" if name in OPEN_TABLES else "matminer's loader (pip install 'gnn-sim2real[matbench]')",
                {"dataset": name},
            )
            for name, each in SETS.items()
        )

    def __init__(
        self,
        dataset: Literal["matbench_expt_gap", "matbench_steels"] = "matbench_expt_gap",
        folder: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if dataset not in SETS:
            raise ValueError(f"`dataset` must be one of {', '.join(SETS)}, got {dataset!r}")
        self.dataset, self.folder = dataset, folder

    @property
    def sheet(self) -> DataSheet | None:
        """The sheet of the set."""
        return next((each for each in self.sheets() if each.name == self.dataset), None)

    def load_table(self) -> CleanTable:
        """Read and clean the set."""
        chosen = SETS[self.dataset]
        return clean_table(
            self._load(),
            material_column="composition",
            properties=[Property(chosen.property, chosen.unit, column=chosen.column)],
            identity=self.featurizer.identity,
            source=self.dataset,
        )

    def _load(self) -> "pd.DataFrame":
        if self.folder is None and self.dataset in OPEN_TABLES:
            return read_table(OPEN_TABLES[self.dataset].file).rename(columns={"gap_eV": "gap expt"})
        if importlib.util.find_spec("matminer") is None:
            raise ValueError("the package matminer is not installed: pip install 'gnn-sim2real[matbench]'")
        from matminer.datasets import load_dataset

        folder = self.folder or os.environ.get("MATMINER_DATA") or default_cache_folder() / "matminer"
        said = io.StringIO()  # matminer prints to the standard output
        try:
            with contextlib.redirect_stdout(said):
                frame: pd.DataFrame = load_dataset(self.dataset, data_home=str(folder), pbar=False)
        except (OSError, UserWarning) as error:  # of the network; of a file that is not the registered one
            raise DatasetNotFoundError(
                f"{self.dataset} is not in {Path(folder).absolute()} and could not be fetched "
                f"({type(error).__name__}); go online once, or put the file of matminer there"
            ) from error
        except ValueError as error:  # of a file that is cut off
            file = Path(folder) / f"{self.dataset}.json.gz"
            raise DatasetNotFoundError(f"{file} is damaged ({error}); delete it to fetch it again") from error
        return frame
