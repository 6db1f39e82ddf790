"""Settings in YAMLs and on the command line: parsed, or refused with a message that names the place and the choices."""

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

from gnn_sim2real.config.options import respell
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
"""Lists longer than this are not shown beside a guess."""


def parse_settings(parser: ArgumentParser, argv: Sequence[str], of_command: ArgumentParser | None = None) -> Namespace:
    """Parse settings from the command line and from the files that it names.

    Args:
        parser: Parser of the command line.
        argv: Arguments of the command line.
        of_command: Parser of the command, where it is another one.

    Returns:
        The settings.

    Raises:
        ValueError: If a setting or class does not exist, or a file is not a YAML of settings.
        ArgumentError: If a value does not fit its setting.
    """
    spelled = respell(argv, parser, of_command or parser)
    try:
        parsed: Namespace = parser.parse_args([_current_path(word) for word in spelled])
    except (ArgumentError, UnicodeDecodeError) as error:
        files = [path for path in _files(argv) if path.exists()]
        sentence = _format_unreadable(files) or format_misspelled(str(error), of_command or parser, files)
        if sentence is None:
            raise
        raise ValueError(sentence) from error
    return parsed


def format_misspelled(message: str, parser: ArgumentParser, files: Sequence[Path] = ()) -> str | None:
    """Name the setting or class that does not exist; None if the message is about something else.

    Args:
        message: Error message of jsonargparse.
        parser: Parser with the settings that do not depend on the user's choice of classes.
        files: YAMLs in which to look for the line.

    Returns:
        One sentence.
    """
    if missing := _NO_CLASS.search(message):
        module, name = missing.groups()
        classes = [each for each, kind in vars(pydoc.locate(module)).items() if inspect.isclass(kind)]
        return f"there is no `{name}` in `{module}`{_place(name, files)}{_offer(name, classes)}"
    if beside := _beside_a_class(message):
        key = ".".join(_KEY.findall(message))
        return f"move `{beside}` of `{key}`{_place(beside, files)} from beside `class_path` to below `init_args`"
    if found := list(_OPTION.finditer(message)):
        return _format_option(message, found[-1], parser, files)
    return None


def _format_option(message: str, found: re.Match[str], parser: ArgumentParser, files: Sequence[Path]) -> str:
    """The sentence about an option that was found in the message."""
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
    """Where a dotted name leaves the settings: the part that exists, the first that does not, and the alternatives."""
    parts, known = name.split("."), [key.split(".") for key in keys]
    for depth, part in enumerate(parts):
        rivals = {key[depth] for key in known if key[:depth] == parts[:depth] and len(key) > depth}
        if part not in rivals:
            break
    return ".".join(parts[:depth]), part, sorted(rivals)


def _beside_a_class(message: str) -> str | None:
    """The first key that a class has beside `class_path` and `init_args`."""
    for given in _GIVEN.findall(message):
        try:
            value = ast.literal_eval(given)
        except (ValueError, SyntaxError):  # the repr of an object
            continue
        beside = [key for key in value if key not in ("class_path", "init_args", "dict_kwargs")]
        if "class_path" in value and beside:
            return str(beside[0])
    return None


def _options_of(class_path: str) -> list[str]:
    """Settings of a function, or of a class including those that it passes to its bases."""
    kind: Any = pydoc.locate(class_path)
    if not inspect.isclass(kind):
        return sorted(ArgumentParser().add_function_arguments(kind, fail_untyped=False))
    given = {1} if issubclass(kind, Optimizer | LRScheduler) else set()
    return sorted(ArgumentParser().add_class_arguments(kind, skip=given, fail_untyped=False))


def _offer(name: str, options: Iterable[str]) -> str:
    """The likely spelling; the whole list if none is close or the list is short."""
    options = sorted(options)
    near = get_close_matches(name, options, n=1)
    guess = f"; did you mean `{near[0]}`?" if near else ""
    return guess if near and len(options) > _SHORT else f"{guess or ';'} choose from {', '.join(options)}"


def _format_unreadable(files: Sequence[Path]) -> str | None:
    """What is wrong with the first file that is not a YAML of settings."""
    for path in files:
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            return f"{path} is not UTF-8 text; settings are written in YAML"
        except yaml.MarkedYAMLError as error:
            line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
            return f"{path}{line} is not valid YAML: {error.problem}; check the indentation, brackets and colons there"
        except yaml.YAMLError as error:
            return f"{path} is not valid YAML: {error}"
        if not isinstance(content, dict):
            return f"{path} has no settings; write them as `name: value`, one per line"
    return None


def _current_path(word: str) -> str:
    """An argument with the class path of an earlier version replaced by the current one."""
    name, equals, value = word.rpartition("=")
    return f"{name}{equals}{RENAMED.get(value, value)}"


def _files(argv: Sequence[str]) -> list[Path]:
    """YAMLs among the arguments of a command line."""
    return [Path(part) for word in argv for part in word.split("=")[-1:] if part.endswith((".yaml", ".yml"))]


def _place(name: str, files: Sequence[Path]) -> str:
    """File and line of a name, if it occurs only once."""
    key = re.compile(rf"(^|[\s.{{,-]){re.escape(name)}\s*(:|$)")
    found = [
        (path, number)
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if key.search(line.partition("#")[0])
    ]
    return f" ({found[0][0]}, line {found[0][1]})" if len(found) == 1 else ""
