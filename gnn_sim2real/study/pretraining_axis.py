"""The axis `pretraining` of a grid: settings of the pretraining that differ from its YAML, by name."""

import json
from collections.abc import Sequence
from urllib.parse import quote

_Value = bool | int | float | str | None
PretrainingSettings = dict[str, _Value | list[_Value]]
"""Settings as they are spelled on the command line, without the dashes, and possibly a `name`."""

_PRETRAIN = "pretrain"


def name_pretrainings(axes: Sequence[Sequence[PretrainingSettings]]) -> dict[str, list[str]]:
    """The pretrainings of all grids of a study as arguments of the command line, by name.

    Args:
        axes: The axis `pretraining` of each grid.

    Raises:
        ValueError: If an entry has neither settings nor a name, or a name has two meanings, or a grid has one twice.
    """
    found: dict[str, list[str]] = {}
    for axis in axes:
        names = [_name(entry) for entry in axis]
        argv = [_arguments(entry) for entry in axis]
        for number, name in enumerate(names):
            same = name in names[:number] or argv[number] in argv[:number]
            if same or found.setdefault(name, argv[number]) != argv[number]:
                raise ValueError(f"the axis `pretraining` has {name!r} twice; each entry has its own settings and name")
    return found


def _name(entry: PretrainingSettings) -> str:
    """The given name, or the settings by the last part of their names."""
    if "name" in entry:
        name = entry["name"]
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"the `name` of an entry of the axis `pretraining` must be text, got {name!r}")
        return name.strip()
    if not entry:
        raise ValueError("an entry of the axis `pretraining` without settings, the YAML as it is, needs a `name`")
    return ", ".join(f"{key.rpartition('.')[2]}={_spell(value)}" for key, value in entry.items())


def _arguments(entry: PretrainingSettings) -> list[str]:
    return [f"--{key}={_spell(value)}" for key, value in entry.items() if key != "name"]


def _spell(value: _Value | list[_Value]) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def stage_name(pretraining: str) -> str:
    """Name of the stage and its file in the folder of the study.

    Args:
        pretraining: Name of the pretraining; empty for that of the YAML.
    """
    return f"{_PRETRAIN} {quote(pretraining, safe=' =,')}" if pretraining else _PRETRAIN
