"""Settings of shotgun transfer."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser

from gnn_sim2real.config.errors import parse_settings
from gnn_sim2real.config.lightning_cli import plain
from gnn_sim2real.config.options import take_option
from gnn_sim2real.data.registry import find_datasets, find_table_reader
from gnn_sim2real.files import expand
from gnn_sim2real.shotgun.settings import ShotgunConfig
from gnn_sim2real.shotgun.table_argument import Setting, read_table_argument
from gnn_sim2real.tables.crystal_columns import holds_crystals
from gnn_sim2real.tables.table import read_table


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
        argv: A YAML with `-c`, or a table with as much of `--material-column COLUMN --column COLUMN --property NAME
            --unit UNIT --simulated-column COLUMN` as its headings do not say; then `--test TABLE`, `--for PURPOSE` and
            any setting.

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
    reader = find_table_reader(found.reader)
    settings = [f"--data.init_args.{name}={_spell(value)}" for name, value in found.settings.items()]
    with_validation = any(word.startswith("--data.init_args.validation_fraction") for word in found.others)
    settings += [] if with_validation else ["--data.init_args.validation_fraction=0"]
    return [f"--data={reader.__module__}.{reader.__qualname__}", *settings, *found.others]


def _spell(value: Setting) -> str:
    return value if isinstance(value, str) else json.dumps(value)
