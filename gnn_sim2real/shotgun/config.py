"""Settings of shotgun transfer."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jsonargparse import ArgumentParser

from gnn_sim2real.config.errors import parse_settings
from gnn_sim2real.config.lightning_cli import plain
from gnn_sim2real.config.options import take_option
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.registry import find_datasets, find_table_reader
from gnn_sim2real.files import expand
from gnn_sim2real.shotgun.finetune import TuningSettings
from gnn_sim2real.shotgun.foundation import AUTO
from gnn_sim2real.shotgun.models import IfSeen
from gnn_sim2real.shotgun.ranking import RankingSettings
from gnn_sim2real.tables.crystal_columns import holds_crystals
from gnn_sim2real.tables.measured_column import find_measured_column
from gnn_sim2real.units import check_unit

logger = logging.getLogger(__name__)


@dataclass
class ShotgunConfig:
    """Rank a model library for a target, and make an ensemble of the best models and of simple methods.

    Args:
        data: The measurements, any data module: models are trained on its training part, and tested once, at the end,
            on its test part, if there is one.
        library: Folder of the model library, beside the starter library; $GNN_SIM2REAL_LIBRARY, or runs/library,
            unless given.
        starter: Whether the models that come with the package, the starter library, are ranked as well.
        filters: Which models are used, with the filters of `gnn-sim2real models list`, e.g. {domain: crystal}; all
            unless given.
        seen: What to do with models that were trained on simulations of test materials: `skip` or `warn`.
        log: Whether errors are those of the decimal logarithm, for values that span orders of magnitude.
        ranking: How models are ranked.
        tuning: How the best models are fine-tuned.
        folds: Folds for the weights and for the error, at least 3; 8 up to 30 measurements and 5 beyond unless given.
        minutes: Time for the trainings; what does not fit in is left out, networks first. No limit unless given.
        foundation: Foundation encoder whose features are descriptors for members: its name, or its `name` with settings
            and a `layer`; `auto` for all that are installed and read the materials, `none` for none.
        predict: Table of materials to predict with the ensemble; none unless given.
        cache: Folder of scores and predictions of the library that later runs reuse; in the output folder unless given.
        output: Folder for ranking, figures and ensemble.
        title: Title of the figure.
    """

    data: PropertyDataModule
    library: str = ""
    starter: bool = True
    filters: dict[str, Any] = field(default_factory=dict)
    seen: IfSeen = "skip"
    log: bool = False
    ranking: RankingSettings = field(default_factory=RankingSettings)
    tuning: TuningSettings = field(default_factory=TuningSettings)
    folds: int | None = None
    minutes: float | None = None
    foundation: str | dict[str, Any] = AUTO
    predict: str = ""
    cache: str = ""
    output: str = "runs/shotgun"
    title: str = ""


def shotgun_parser() -> ArgumentParser:
    """Parser of the YAML and of the options that override it."""
    find_datasets()
    parser = ArgumentParser(
        prog="gnn-sim2real shotgun",
        description="Find the pretrained models that suit a target, and make an ensemble of them.",
        exit_on_error=False,
    )
    parser.add_argument("-c", "--config", action="config", help="the YAML")
    parser.add_class_arguments(ShotgunConfig, sub_configs=True)
    return parser


def read_shotgun(argv: Sequence[str]) -> tuple[ShotgunConfig, dict[str, Any]]:
    """Read the settings from the command line.

    Args:
        argv: A YAML with `-c`, or a table with as much of `--smiles COLUMN --target COLUMN --property NAME --unit UNIT
            --simulated-column COLUMN` as its headings do not say; then `--for PURPOSE` and any setting.

    Returns:
        The configuration, and the settings of its data in plain types.
    """
    argv = _of_purpose(argv)
    if argv and not argv[0].startswith("-"):
        argv = _of_table(argv)
    parser = shotgun_parser()
    found = parse_settings(parser, argv)
    described = plain(found)["data"]
    made = parser.instantiate(found)
    settings = {name: made[name] for name in ShotgunConfig.__dataclass_fields__}
    return ShotgunConfig(**settings), described


def _of_purpose(argv: Sequence[str]) -> list[str]:
    """Turn `--for extrapolation` into its setting."""
    return ["--ranking.purpose" + word[len("--for") :] if word.partition("=")[0] == "--for" else word for word in argv]


_SHORT = {
    "--smiles": "material_column",
    "--target": "column",
    "--property": "property",
    "--unit": "unit",
    "--simulated-column": "simulated_column",
}


def _of_table(argv: Sequence[str]) -> list[str]:
    """Turn a table, and what is said of its columns, into the data module that reads it."""
    path, *others = argv
    given = {"path": path}
    for name, setting in _SHORT.items():
        value, others = take_option(others, name)
        if value is not None:
            given[setting] = value
    if not {"column", "property", "unit"} <= given.keys():
        given |= _find_target(path, given)
    check_unit(given["unit"])
    reader = find_table_reader()
    settings = [f"--data.init_args.{name}={value}" for name, value in given.items()]
    defaults = [] if any(word.startswith("--data.init_args.validation_fraction") for word in others) else ["0"]
    settings += [f"--data.init_args.validation_fraction={value}" for value in defaults]
    return [f"--data={reader.__module__}.{reader.__qualname__}", *settings, *others]


def _find_target(path: str, given: Mapping[str, str]) -> dict[str, str]:
    """What the user did not say of the measured property, by the headings of the file."""
    file = expand(path)
    if not file.exists() or holds_crystals(file):  # a path below the data folder, or values beside crystals
        lacking = [f"--{name}" for name in ("property", "unit") if name not in given]
        if lacking:
            raise ValueError(f"add {' and '.join(lacking)} to say what was measured in {path}, e.g. band_gap in eV")
        return {}
    found = find_measured_column(file, given.get("property"), given.get("column"), given.get("unit"))
    if not {"column", "unit"} <= given.keys():
        unit = found.unit or "no unit"
        logger.info("%s: what was measured is %s in %s, in column %r", file.name, found.property, unit, found.column)
    return found._asdict()
