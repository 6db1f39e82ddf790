"""How a data set is read, in plain types: saved with a model, so that it can read other tables without its YAML."""

import inspect
import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.prediction import PredictionSettings
from gnn_sim2real.data.registry import find_datasets, find_table_reader


def describe(data: PropertyDataModule) -> dict[str, Any] | None:
    """Class and settings of a data module, but for what it predicts.

    Args:
        data: The data module.

    Returns:
        `{"class_path": ..., "init_args": ...}`, plain types; None if a setting is none.
    """
    asked = {each.name for each in fields(PredictionSettings)}
    settings = {name: value for name, value in data.given.items() if name not in asked}
    if "material" in inspect.signature(type(data).__init__).parameters:
        settings["material"] = data.kind  # which was found in the table, and that need not be there again
    try:
        plain: dict[str, Any] = json.loads(json.dumps(settings, default=_describe_other, allow_nan=False))
    except (TypeError, ValueError):
        return None
    return {"class_path": f"{type(data).__module__}.{type(data).__qualname__}", "init_args": plain}


def _describe_other(value: object) -> Any:
    if not isinstance(value, PropertyDataModule):
        raise TypeError(f"{value!r} is not a plain type")
    return describe(value)


def require_installed(described: Any) -> None:
    """Refuse a description of a data module that would import anything: a model may come from anyone.

    Args:
        described: Result of `describe`, read from a file.

    Raises:
        ValueError: If it is none, or names a class that is not installed as a data set.
    """
    if not isinstance(described, dict) or not isinstance(described.get("class_path"), str):
        raise ValueError("does not say how its table is read")
    installed: set[Any] = {*find_datasets().values(), find_table_reader()}
    places = {each.__module__ for each in installed} | {each.__module__.partition(".")[0] for each in installed}
    paths = {f"{place}.{each.__name__}" for place in places for each in installed}
    for each in _class_paths(described):
        if each not in paths:
            raise ValueError(f"has its table read by {each!r}, which is not an installed data set")


def with_material(described: Any, kind: str) -> Any:
    """A description in which a table of a user says what its materials are, so that its file need not be there.

    Args:
        described: Settings of a data module as a YAML has them.
        kind: What its materials are.
    """
    if isinstance(described, list):
        return [with_material(each, kind) for each in described]
    if not isinstance(described, dict):
        return described
    content = {name: with_material(each, kind) for name, each in described.items()}
    if str(content.get("class_path")).rpartition(".")[2] == find_table_reader().__name__:
        content["init_args"] = {**(content.get("init_args") or {}), "material": kind}
    return content


def _class_paths(content: Any) -> Iterator[Any]:
    """All classes named in plain types, at every depth."""
    if isinstance(content, dict) and "class_path" in content:
        yield content["class_path"]
    for each in content.values() if isinstance(content, dict) else content if isinstance(content, list) else ():
        yield from _class_paths(each)
