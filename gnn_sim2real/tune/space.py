"""The values that are tried: the section `tune` of a YAML, by dotted names of settings."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gnn_sim2real.config.errors import format_unreadable, read_yaml

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

SECTION = "tune"
"""The only entry of a YAML with a space."""

_STAGE = ("trainer", "model", "data")
_RANGE = ("low", "high", "log", "step")
_LARGEST = 3.4e38
"""About the largest number of single precision, with which models compute."""


@dataclass(frozen=True)
class Range:
    """Numbers from one end to the other, both included.

    Attributes:
        low: Lower end.
        high: Upper end.
        log: Whether the logarithm is tried evenly.
        step: Distance of the numbers that are tried; None for all.
        whole: Whether they are whole numbers.
    """

    low: float
    high: float
    log: bool
    step: float | None
    whole: bool

    @property
    def extremes(self) -> list[Any]:
        """Values that must all fit their setting."""
        if self.step is None:
            return [self.low, self.high]
        # In decimals, as a YAML has them: three steps of 0.1 are 0.3.
        low, high, step = (Decimal(str(each)) for each in (self.low, self.high, self.step))
        return [self.low, type(self.high)(low + (high - low) // step * step)]

    def contains(self, value: Any) -> bool:
        """Whether a value of a YAML is one of those that are tried."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        if self.whole and value != int(value):
            return False
        steps = (value - self.low) / self.step if self.step else 0.0
        return abs(steps - round(steps)) < 1e-9

    def distribution(self) -> "BaseDistribution":
        """As Optuna has it."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.extremes[1]), self.log, int(self.step or 1))
        return FloatDistribution(float(self.low), float(self.extremes[1]), self.log, self.step)

    def decode(self, value: Any) -> Any:
        """The value of a setting that Optuna's stands for."""
        return value

    encode = decode

    def plain(self) -> dict[str, Any]:
        """In plain types."""
        return {name: getattr(self, name) for name in (*_RANGE, "whole")}


@dataclass(frozen=True)
class Choices:
    """Values that have no order.

    Attributes:
        values: The values; classes with their settings are mappings, as in a YAML.
    """

    values: tuple[Any, ...]

    @property
    def extremes(self) -> list[Any]:
        """Values that must all fit their setting."""
        return list(self.values)

    def contains(self, value: Any) -> bool:
        """Whether a value of a YAML is one of those that are tried."""
        return self.encode(value) in [self.encode(each) for each in self.values]

    def distribution(self) -> "BaseDistribution":
        """As Optuna has it."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution([self.encode(each) for each in self.values])

    def encode(self, value: Any) -> Any:
        """What Optuna has in place of a value: text for a mapping or a list."""
        return json.dumps(value, sort_keys=True) if isinstance(value, Mapping | list) else value

    def decode(self, value: Any) -> Any:
        """The value of a setting that Optuna's stands for."""
        return next(each for each in self.values if self.encode(each) == value)

    def plain(self) -> dict[str, Any]:
        """In plain types."""
        return {"choices": list(self.values)}


Space = dict[str, Range | Choices]
"""What is tried, by the dotted name of the setting, without `init_args`."""


def read_files(files: Sequence[str]) -> tuple[list[str], Space]:
    """Tell the YAMLs of the training from those of the space, and read the latter.

    Args:
        files: Paths, in the order of the command line; of two spaces the later one replaces settings of the earlier,
            and takes one away by `null`.

    Returns:
        The YAMLs of the training, and the space.

    Raises:
        ValueError: If a file is missing, is not YAML or has both, there is no space, or one of its entries is wrong.
    """
    stages, given = [], dict[str, Any]()
    for file in files:
        content = _read(file)
        if SECTION not in content:
            stages.append(file)
            continue
        if others := sorted(content.keys() - {SECTION}):
            raise ValueError(
                f"{file} has `{SECTION}` and `{others[0]}`; put what is tried into a YAML of its own, with `{SECTION}` "
                "alone"
            )
        if not isinstance(content[SECTION], Mapping):
            raise ValueError(f"`{SECTION}` of {file} must have settings with what is tried of each, see `tune --help`")
        given |= {str(key).replace(".init_args", ""): (file, value) for key, value in content[SECTION].items()}
    space = {key: _parse(key, value, file) for key, (file, value) in given.items() if value is not None}
    if not space:
        raise ValueError(
            f"nothing is to be tuned: give a YAML with `{SECTION}`, such as `-c configs:tune/finetune.yaml`, or a copy "
            "of it (`gnn-sim2real configs copy tune`)"
        )
    return stages, space


def _read(file: str) -> dict[str, Any]:
    """The content of a YAML; nothing of what has no names, which the parser of the settings explains better."""
    try:
        content = read_yaml(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}; `-c` takes a YAML") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(format_unreadable([Path(file)])) from error
    return content if isinstance(content, dict) else {}


def _parse(key: str, given: Any, file: str) -> Range | Choices:
    where = f"`{key}` in {file}"
    if key.partition(".")[0] not in _STAGE or "." not in key:
        near = get_close_matches(key.partition(".")[0], _STAGE, n=1)
        guess = f"; did you mean `{near[0]}`?" if near else ";"
        raise ValueError(
            f"{where} is not a setting that can be tuned{guess} its name begins with trainer., model. or data., as "
            "model.optimizer.lr"
        )
    if isinstance(given, list):
        given = {"choices": given}
    if not isinstance(given, Mapping):
        raise ValueError(
            f"{where} must be a list of choices, or a range as {{low: 1.0e-4, high: 1.0e-2, log: true}}, got {given!r}"
        )
    if "choices" in given:
        return _parse_choices(where, given)
    return _parse_range(where, given)


def _parse_choices(where: str, given: Mapping[str, Any]) -> Choices:
    choices = given["choices"]
    if len(given) > 1:
        raise ValueError(f"{where} has `choices` and {', '.join(sorted(given.keys() - {'choices'}))}; give one of them")
    if not isinstance(choices, list) or len(choices) < 2:
        raise ValueError(f"{where} must have a list of at least 2 `choices`, got {choices!r}")
    if large := [each for each in choices if isinstance(each, int | float) and not abs(each) <= _LARGEST]:
        raise ValueError(f"{where} has the choice {large[0]:.4g}; a number must be at most {_LARGEST:g} in size")
    found = Choices(tuple(choices))
    spelled = [json.dumps(found.encode(each)) for each in choices]
    if repeated := [each for each in spelled if spelled.count(each) > 1]:
        raise ValueError(f"{where} has the choice {repeated[0]} twice")
    return found


def _parse_range(where: str, given: Mapping[str, Any]) -> Range:
    if unknown := sorted(map(str, given.keys() - {*_RANGE})):
        near = get_close_matches(unknown[0], [*_RANGE, "choices"], n=1)
        guess = f"; did you mean `{near[0]}`?" if near else ";"
        raise ValueError(f"{where} has no {unknown[0]!r}{guess} a range has low, high, log and step, a list choices")
    for name in ("low", "high", "step"):
        if name in given or name != "step":
            _require_number(where, name, given)
    low, high, step, log = given["low"], given["high"], given.get("step"), given.get("log", False)
    if not isinstance(log, bool):
        raise ValueError(f"`log` of {where} must be true or false, got {log!r}")
    if not low < high:
        raise ValueError(f"`low` of {where} must be below `high`, got {low} and {high}")
    if log and low <= 0:
        raise ValueError(f"`low` of {where} must be above 0 where `log` is true, got {low}")
    if step is not None and log:
        raise ValueError(f"{where} has `log` and `step`; give one of them")
    if step is not None and not 0 < step <= (high - low) * (1 + 1e-9):
        raise ValueError(f"`step` of {where} must be above 0 and at most {high - low:g}, got {step}")
    whole = all(isinstance(each, int) for each in (low, high, 1 if step is None else step))
    return Range(low, high, log, step, whole)


def _require_number(where: str, name: str, given: Mapping[str, Any]) -> None:
    if name not in given:
        raise ValueError(f"{where} has no `{name}`; a range has `low` and `high`")
    number = given[name]
    if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) <= _LARGEST:
        raise ValueError(f"`{name}` of {where} must be a number of at most {_LARGEST:g} in size, got {number!r}")


def as_options(values: Mapping[str, Any]) -> list[str]:
    """Values as arguments of the command line.

    Args:
        values: Values by the name of the setting.
    """
    return [f"--{key}={_spell(value)}" for key, value in values.items()]


def _spell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def value_at(config: Mapping[str, Any], key: str) -> Any:
    """The value that a setting has in a configuration.

    Args:
        config: In plain types.
        key: Dotted name, without `init_args`.

    Raises:
        ValueError: If there is no such setting; the message names the nearest one.
    """
    place: Any = config
    for depth, name in enumerate(key.split(".")):
        if isinstance(place, Mapping) and name not in place and "init_args" in place:
            place = place["init_args"]
        if not isinstance(place, Mapping) or name not in place:
            where = ".".join(key.split(".")[:depth])
            known = sorted(map(str, place)) if isinstance(place, Mapping) else []
            near = get_close_matches(name, known, n=1)
            guess = f"; did you mean `{where}.{near[0]}`?" if near else ""
            raise ValueError(f"`{key}` cannot be tuned: there is no setting `{name}` in `{where}`{guess}")
        place = place[name]
    return place
