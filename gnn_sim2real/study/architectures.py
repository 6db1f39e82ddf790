"""The encoders of a grid and their names, which tell apart the settings of one class."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from jsonargparse import ArgumentParser

from gnn_sim2real.config.encoder import EncoderSettings
from gnn_sim2real.config.lightning_cli import plain
from gnn_sim2real.nn.encoder import Encoder, encoder_class, encoder_name, fill_defaults
from gnn_sim2real.nn.registry import encoder_called

_ENTRIES = {"name", "class_path", "init_args"}


@dataclass(frozen=True)
class Architecture:
    """An encoder of a grid.

    Attributes:
        name: Its name in tables, figures and records.
        encoder: Class path and settings; None for the encoder of the YAML.
    """

    name: str
    encoder: EncoderSettings | None = None


def name_architectures(
    axes: Sequence[Sequence[EncoderSettings]], of_yaml: Mapping[str, Any] | None = None
) -> list[list[Architecture]]:
    """Name the encoders of all grids of a study.

    An encoder that is the only one of its class has the name of the class, others also the settings in which these
    differ: `GINE(hidden_dim=16)`. An entry may bring its own `name`.

    Args:
        axes: The axis `architecture` of each grid: class paths with their settings, and possibly a `name`.
        of_yaml: Encoder of the YAML, which grids without such an axis have.

    Returns:
        The encoders of each grid, for one without the axis that of the YAML.

    Raises:
        ValueError: If an entry is none, two of a grid have the same settings, or two encoders the same name.
        CheckpointError: If a class does not exist.
    """
    grids = [[_Entry.read(each) for each in axis] or [_Entry.of_yaml(of_yaml)] for axis in axes]
    for grid in grids:
        _refuse_repeated(grid)
    distinct: list[_Entry] = []
    for entry in (entry for grid in grids for entry in grid):
        known = next((each for each in distinct if each.settings == entry.settings), None)
        if known is None:
            distinct.append(entry)
        elif entry.given and known.given and entry.given != known.given:
            raise ValueError(
                f"the axis `architecture` calls one encoder both {known.given!r} and {entry.given!r}; give it one name"
            )
        elif entry.given:
            distinct[distinct.index(known)] = entry
    names = [each.given or _name(each, distinct) for each in distinct]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise ValueError(
            f"the axis `architecture` has two encoders with the name {repeated[0]!r}; give each a `name` of its own"
        )
    return [
        [
            Architecture(
                next(name for name, each in zip(names, distinct, strict=True) if each.settings == entry.settings),
                entry.encoder,
            )
            for entry in grid
        ]
        for grid in grids
    ]


def join_encoder(
    axis: Sequence[EncoderSettings], encoder: str | EncoderSettings, of_yaml: EncoderSettings | None, *, alone: bool
) -> list[EncoderSettings]:
    """The axis `architecture` with one more encoder.

    One of single materials goes into the pair or blend of the study, in the place of each encoder inside of it.

    Args:
        axis: The axis.
        encoder: Its class path, or that with settings.
        of_yaml: Encoder of the YAML, which a grid without such an axis has.
        alone: Whether it replaces the others.

    Raises:
        CheckpointError: If the class does not exist.
    """
    there = [*axis] or ([of_yaml] if of_yaml else [])
    added: EncoderSettings = {"class_path": encoder} if isinstance(encoder, str) else encoder
    if there and not _kind(added).reads_mixtures and _kind(there[0]).reads_mixtures:
        outer: Any = there[0]
        inner: Any = {name: added if isinstance(each, Mapping) else each for name, each in outer["init_args"].items()}
        added = {"class_path": outer["class_path"], "init_args": inner}
    return [added] if alone else [*there, added]


def _kind(entry: EncoderSettings) -> type[Encoder]:
    path = str(entry["class_path"])
    return encoder_class(path, trusted=True) if "." in path else encoder_called(path)


@dataclass(frozen=True)
class _Entry:
    """An encoder.

    Attributes:
        given: The name that the user gave it; may be empty.
        encoder: Class path and settings as given; None for that of the YAML.
        plain: Name without settings.
        settings: All its settings, those of inner encoders after a dot.
    """

    given: str
    encoder: EncoderSettings | None
    plain: str
    settings: dict[str, Any]

    @classmethod
    def read(cls, entry: EncoderSettings) -> "_Entry":
        if unknown := entry.keys() - _ENTRIES:
            raise ValueError(
                f"an entry of the axis `architecture` has `class_path`, `init_args` and `name`, got `{min(unknown)}`"
            )
        given = entry.get("name", "")
        if not isinstance(given, str) or ("name" in entry and not given.strip()):
            raise ValueError(f"the `name` of an entry of the axis `architecture` must be text, got {given!r}")
        if "class_path" not in entry:
            raise ValueError("an entry of the axis `architecture` needs a `class_path`, such as gnn_sim2real.nn.GINE")
        encoder = _with_paths({name: value for name, value in entry.items() if name != "name"})
        return cls(given.strip(), encoder, encoder_name(encoder), encoder_settings(encoder))

    @classmethod
    def of_yaml(cls, encoder: Mapping[str, Any] | None) -> "_Entry":
        if encoder is None:
            return cls("", None, "", {})
        return cls("", None, encoder_name(encoder), encoder_settings(encoder))


def encoder_settings(encoder: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of an encoder, those of inner encoders after a dot.

    Args:
        encoder: Class path and settings, from a YAML of the user's.

    Raises:
        CheckpointError: If a class does not exist.
    """
    kind = encoder_class(encoder["class_path"], trusted=True)
    flat: dict[str, Any] = {"class_path": f"{kind.__module__}.{kind.__qualname__}"}
    for name, value in fill_defaults(encoder)["init_args"].items():
        if isinstance(value, Mapping):
            flat[name] = encoder_name(value)
            flat |= {f"{name}.{inner}": each for inner, each in encoder_settings(value).items()}
        else:
            flat[name] = value
    return flat


def _with_paths(encoder: Mapping[str, Any]) -> dict[str, Any]:
    """An encoder whose class, and those of inner encoders, may be called by their names alone, as in other YAMLs."""
    settings = dict(encoder)
    if isinstance(inner := encoder.get("init_args"), Mapping):
        settings["init_args"] = {
            name: _with_paths(value) if isinstance(value, Mapping) and "class_path" in value else value
            for name, value in inner.items()
        }
    if "." not in str(encoder["class_path"]):
        kind = encoder_called(str(encoder["class_path"]))
        settings["class_path"] = f"{_exporting_package(kind)}.{kind.__qualname__}"
    return settings


def _refuse_repeated(grid: Sequence[_Entry]) -> None:
    for number, entry in enumerate(grid, start=1):
        for earlier, other in enumerate(grid[: number - 1], start=1):
            if entry.settings == other.settings:
                raise ValueError(
                    f"entries {earlier} and {number} of the axis `architecture` are the same {entry.plain} with the "
                    "same settings; remove one of them"
                )


def _name(entry: _Entry, all_entries: Sequence[_Entry]) -> str:
    """Name of the class, with the settings that other encoders of it do not have."""
    others = [each.settings for each in all_entries if each.plain == entry.plain and each is not entry]
    differing = {
        name: value
        for name, value in entry.settings.items()
        if any(name not in other or other[name] != value for other in others)
    }
    listed = [
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in differing.items()
        if not name.endswith(".class_path") or name.removesuffix(".class_path") not in differing
    ]
    if not listed:
        return entry.plain
    start = f"{entry.plain[:-1]}, " if entry.plain.endswith(")") else f"{entry.plain}("
    return f"{start}{', '.join(listed)})"


def spellings(encoder: Mapping[str, Any]) -> list[EncoderSettings]:
    """An encoder as studies may have it: read from a YAML, its class by the package that exports it or by its module.

    Args:
        encoder: Class path and settings.
    """
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--encoder", type=Encoder)
    as_in_yaml = plain(parser.parse_object({"encoder": dict(encoder)}))["encoder"]
    return [_respell(as_in_yaml, place) for place in (_exporting_package, attrgetter("__module__"))]


def _respell(encoder: Mapping[str, Any], place: Callable[[type], str]) -> dict[str, Any]:
    kind = encoder_class(encoder["class_path"], trusted=True)
    settings = {
        name: _respell(value, place) if isinstance(value, Mapping) else value
        for name, value in encoder["init_args"].items()
    }
    return {"class_path": f"{place(kind)}.{kind.__qualname__}", "init_args": settings}


def _exporting_package(kind: type) -> str:
    """The outermost package from which a class can be imported."""
    parts = kind.__module__.split(".")
    packages = [".".join(parts[:number]) for number in range(1, len(parts) + 1)]
    return next(each for each in packages if getattr(sys.modules[each], kind.__name__, None) is kind)
