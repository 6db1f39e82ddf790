"""Settings in YAMLs and on the command line: parsed, or refused in a sentence that says where and what there is."""

import ast
import inspect
import pydoc
import re
from argparse import ArgumentError
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser, Namespace, get_loader, set_loader
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from gnn_sim2real.renamed_paths import RENAMED, current_paths

_OPTION = re.compile(r"(?:(?:Option|does not accept option) '|unrecognized arguments: --)([\w.-]+)")
_BUILT_OF_A_FUNCTION = re.compile(r"' is not accepted\. Got value: Namespace\(class_path='([\w.]+)'")
_CLASS = re.compile(r"class_path '([\w.]+)'")
_KEY = re.compile(r"""(?:Parser key "|Group ')([\w.]+)""")
_NO_CLASS = re.compile(r"module '([\w.]+)' has no attribute '(\w+)'")
_GIVEN = re.compile(r"(?:Given|Got) value: (\{.*\})$", re.MULTILINE)

_load_yaml = get_loader("yaml")
set_loader("yaml", lambda text: current_paths(_load_yaml(text)), exceptions=(yaml.YAMLError,))

_SHORT = 12
"""Longer lists are not shown beside a guess."""


def parse_settings(parser: ArgumentParser, words: Sequence[str], of_command: ArgumentParser | None = None) -> Namespace:
    """Parse words, among them files.

    Args:
        parser: Of the command line.
        words: Of the command line.
        of_command: The parser of its command, where that is another one.

    Returns:
        What was parsed.

    Raises:
        ValueError: If there is no such setting or class, or a file is no YAML of settings.
        ArgumentError: If a value is not what its setting takes.
    """
    try:
        parsed: Namespace = parser.parse_args([_current_word(word) for word in words])
    except (ArgumentError, UnicodeDecodeError) as error:
        files = [path for path in _files(words) if path.exists()]
        sentence = _say_unreadable(files) or say_misspelled(str(error), of_command or parser, files)
        if sentence is None:
            raise
        raise ValueError(sentence) from error
    return parsed


def say_misspelled(message: str, parser: ArgumentParser, files: Sequence[Path] = ()) -> str | None:
    """Say in one sentence which setting nothing takes; None where the parser complains of something else.

    Args:
        message: Of jsonargparse.
        parser: Which knows the settings that belong to no class of the user's choice.
        files: YAMLs in which to look for the line.
    """
    if missing := _NO_CLASS.search(message):
        module, name = missing.groups()
        classes = [each for each, kind in vars(pydoc.locate(module)).items() if inspect.isclass(kind)]
        return f"there is no `{name}` in `{module}`{_place(name, files)}{_offer(name, classes)}"
    if beside := _beside_a_class(message):
        key = ".".join(_KEY.findall(message))
        return f"`{beside}` of `{key}`{_place(beside, files)} stands beside `class_path`; it belongs below `init_args`"
    if found := list(_OPTION.finditer(message)):
        return _say_option(message, found[-1], parser, files)
    return None


def _say_option(message: str, found: re.Match[str], parser: ArgumentParser, files: Sequence[Path]) -> str:
    """The sentence on an option that was found in the message."""
    name, before = found[1], message[: found.start()]
    where = ".".join(_KEY.findall(before))
    built = _BUILT_OF_A_FUNCTION.match(message, found.end())
    classes = [built[1]] if built else _CLASS.findall(before)
    if classes:
        name, options = name.partition(".")[0], _options_of(classes[-1])
        of = f" of {classes[-1]}" + (f" in `{where}`" if where else "")
    else:
        where, name, options = _level(f"{where}.{name}" if where else name, parser.get_defaults().keys())
        of = f" in `{where}`" if where else ""
    return f"there is no setting `{name}`{of}{_place(name, files)}{_offer(name, options)}"


def _level(name: str, keys: Iterable[str]) -> tuple[str, str, list[str]]:
    """Where a name with dots leaves the settings: the part that is there, the first that is not, and what there is."""
    parts, known = name.split("."), [key.split(".") for key in keys]
    for depth, part in enumerate(parts):
        rivals = {key[depth] for key in known if key[:depth] == parts[:depth] and len(key) > depth}
        if part not in rivals:
            break
    return ".".join(parts[:depth]), part, sorted(rivals)


def _beside_a_class(message: str) -> str | None:
    """The first key that a class has beside its path and its settings."""
    for given in _GIVEN.findall(message):
        try:
            value = ast.literal_eval(given)
        except (ValueError, SyntaxError):  # the print of an object
            continue
        beside = [key for key in value if key not in ("class_path", "init_args", "dict_kwargs")]
        if "class_path" in value and beside:
            return str(beside[0])
    return None


def _options_of(class_path: str) -> list[str]:
    """Settings of a class, those that it hands to its bases among them, or of a function."""
    kind: Any = pydoc.locate(class_path)
    if not inspect.isclass(kind):
        return sorted(ArgumentParser().add_function_arguments(kind, fail_untyped=False))
    given = {1} if issubclass(kind, Optimizer | LRScheduler) else set()
    return sorted(ArgumentParser().add_class_arguments(kind, skip=given, fail_untyped=False))


def _offer(name: str, options: Iterable[str]) -> str:
    """What was perhaps meant; all that there is where nothing is near, or the list is short."""
    options = sorted(options)
    near = get_close_matches(name, options, n=1)
    guess = f"; did you mean `{near[0]}`?" if near else ""
    return guess if near and len(options) > _SHORT else f"{guess or ';'} there are {', '.join(options)}"


def _say_unreadable(files: Sequence[Path]) -> str | None:
    """The first file that is no YAML of settings."""
    for path in files:
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            return f"{path} is not text (UTF-8); settings are a YAML"
        except yaml.MarkedYAMLError as error:
            line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
            return (
                f"{path}{line} is not valid YAML: {error.problem}; look at the indentation, brackets and colons there"
            )
        except yaml.YAMLError as error:
            return f"{path} is not valid YAML: {error}"
        if not isinstance(content, dict):
            return f"{path} has no settings; they are written as `name: value`, one a line"
    return None


def _current_word(word: str) -> str:
    """A word that gives a class by the path of an earlier version, with that of today."""
    name, equals, value = word.rpartition("=")
    return f"{name}{equals}{RENAMED.get(value, value)}"


def _files(words: Sequence[str]) -> list[Path]:
    """YAMLs among the words of a command line."""
    return [Path(part) for word in words for part in word.split("=")[-1:] if part.endswith((".yaml", ".yml"))]


def _place(name: str, files: Sequence[Path]) -> str:
    """File and line of a name, where it stands in one place only."""
    key = re.compile(rf"(^|[\s.{{,-]){re.escape(name)}\s*(:|$)")
    found = [
        (path, number)
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if key.search(line.partition("#")[0])
    ]
    return f" ({found[0][0]}, line {found[0][1]})" if len(found) == 1 else ""
