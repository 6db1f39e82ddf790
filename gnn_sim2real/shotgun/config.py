"""Settings of shotgun transfer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
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
from gnn_sim2real.shotgun.table_argument import read_table_argument
from gnn_sim2real.tables.crystal_columns import holds_crystals
from gnn_sim2real.tables.table import read_table


@dataclass
class ShotgunConfig:
    """Rank a model library for a target, and make an ensemble of the best models and of simple methods.

    Args:
        data: The measurements, any data module: models are trained on its training part, and tested once, at the end,
            on its test part, if there is one.
        test: Further measurements of the same property, which are tested once, at the end, and take part in no choice;
            materials that are in both leave the training. In place of a test part of `data`.
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
    test: PropertyDataModule | None = None
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
            --simulated-column COLUMN` as its headings do not say; then `--test TABLE`, `--for PURPOSE` and any setting.

    Returns:
        The configuration, and the same in plain types, with absolute paths: what `-c` reads.

    Raises:
        ValueError: If a setting does not fit, or it cannot be said how a table is read.
    """
    argv = _of_purpose(argv)
    if argv and not argv[0].startswith("-"):
        argv = _of_table(argv)
    parser = shotgun_parser()
    test, argv = _take_test(argv)
    found = parse_settings(parser, argv)
    if test is not None:
        found = parse_settings(parser, [*argv, f"--test={json.dumps(_like(plain(found)['data'], test))}"])
    described = plain(found)
    described.pop("config", None)
    made = parser.instantiate(found)
    settings = {name: made[name] for name in ShotgunConfig.__dataclass_fields__}
    return ShotgunConfig(**settings), _with_absolute_paths(described)


def _take_test(argv: Sequence[str]) -> tuple[str | None, list[str]]:
    """Take `--test TABLE` out of the options; what names a data module stays a setting."""
    value, others = take_option(list(argv), "--test")
    if value is None or value.startswith("{") or Path(value).suffix in (".yaml", ".yml"):
        return None, list(argv)
    return value, others


_OF_THE_TABLE = ("column", "material_column", "simulated_column", "name_column", "unit_column")
_OF_THE_SPLIT = ("size", "test_fraction", "development_fraction", "split_file", "exclude")


def _like(data: dict[str, Any], path: str) -> dict[str, Any]:
    """The data module of another table, which is read like the first one as far as it has the same columns.

    Raises:
        ValueError: If the first one does not read a file, or there is no such table.
    """
    settings = dict(data.get("init_args") or {})
    where = next((name for name in ("path", "structures") if settings.get(name)), None)
    if where is None:
        raise ValueError("`--test TABLE` goes with a table of measurements; give `test`, a data module, in the YAML")
    file = expand(path)
    if not file.exists():
        raise ValueError(f"there is no file {path} to test on: check the path")
    settings = {name: value for name, value in settings.items() if name not in _OF_THE_SPLIT} | {where: path}
    if not holds_crystals(file):
        headings = set(map(str, read_table(file)))
        settings = {name: value for name, value in settings.items() if name not in _OF_THE_TABLE or value in headings}
        if "simulated_column" not in settings:
            settings.pop("simulated_unit", None)
    return {**data, "init_args": settings}


_PATHS = (
    "path",
    "structures",
    "table",
    "predict_path",
    "predict_simulated",
    "split_file",
    "library",
    "predict",
    "cache",
    "output",
)


def _with_absolute_paths(content: Any, name: str = "") -> Any:
    """Plain types in which files and folders are found from any working folder; others stay as they are."""
    if isinstance(content, dict):
        return {key: _with_absolute_paths(value, key) for key, value in content.items()}
    if isinstance(content, list):
        return [_with_absolute_paths(each, name) for each in content]
    if name not in _PATHS or not isinstance(content, str) or not content:
        return content
    path = expand(content)
    return str(path.absolute()) if path.exists() or name in ("cache", "output") else content


def _of_purpose(argv: Sequence[str]) -> list[str]:
    """Turn `--for extrapolation` into its setting."""
    return ["--ranking.purpose" + word[len("--for") :] if word.partition("=")[0] == "--for" else word for word in argv]


def _of_table(argv: Sequence[str]) -> list[str]:
    """Turn a table, and what is said of its columns, into the data module that reads it."""
    found = read_table_argument(argv)
    reader = find_table_reader("PairTable" if "components" in found.settings else "Table")
    settings = [f"--data.init_args.{name}={_spell(value)}" for name, value in found.settings.items()]
    with_validation = any(word.startswith("--data.init_args.validation_fraction") for word in found.others)
    settings += [] if with_validation else ["--data.init_args.validation_fraction=0"]
    return [f"--data={reader.__module__}.{reader.__qualname__}", *settings, *found.others]


def _spell(value: str | dict[str, str]) -> str:
    return value if isinstance(value, str) else json.dumps(value)
