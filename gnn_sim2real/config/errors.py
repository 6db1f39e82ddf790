"""Settings in YAMLs and on the command line: parsed, or refused with a message that names the place and the choices."""

import inspect
import pydoc
import re
from argparse import ArgumentError
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser, Namespace, get_loader, set_loader

from gnn_sim2real.config.misread import MisreadError, refuse_misread
from gnn_sim2real.config.options import respell, spell_type
from gnn_sim2real.config.wording import (
    Foreign,
    Unknown,
    Wrong,
    find_absent_class,
    find_absent_help,
    find_beside_class,
    find_foreign,
    find_lacking,
    find_required,
    find_unknown,
    find_word,
    find_wrong,
)
from gnn_sim2real.renamed import current_paths, renamed_settings

_load_yaml = get_loader("yaml")


def read_yaml(text: str) -> Any:
    """Read YAML as LightningCLI does: `1e-3` is a number, and a date a text. Classes are called as they are today.

    Args:
        text: The YAML.

    Raises:
        yaml.YAMLError: If it is not YAML, or says another thing than it seems to, see `misread`.
    """
    refuse_misread(text)
    return current_paths(_load_yaml(text))


set_loader("yaml", read_yaml, exceptions=(yaml.YAMLError,))

_BASES = {
    "data": "gnn_sim2real.data.module.PropertyDataModule",
    "model": "gnn_sim2real.tasks.base.PropertyRegression",
    "encoder": "gnn_sim2real.nn.encoder.Encoder",
    "optimizer": "torch.optim.Optimizer",
    "schedule": "torch.optim.lr_scheduler.LRScheduler",
}
"""Class that each setting with a class takes."""
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
        parsed: Namespace = parser.parse_args(_current_names(spelled))
    except (ArgumentError, UnicodeDecodeError) as error:
        files = [path for path in _files(argv) if path.is_file()]
        sentence = (
            format_unreadable(files)
            or format_misspelled(str(error), of_command or parser, files)
            or format_wrong_value(str(error), files)
            or _format_words(str(error))
        )
        if sentence is None:
            raise
        raise ValueError(sentence) from error
    from gnn_sim2real.data.snapshots import hide_logins  # here, with all that it loads, since a help needs none of it

    hide_logins(parsed)
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
    if absent := find_absent_class(message):
        module, name = absent
        classes = [each for each, kind in vars(pydoc.locate(module)).items() if inspect.isclass(kind)]
        return f"there is no `{name}` in `{module}`{_place(name, files)}{_offer(name, classes)}"
    if found := find_beside_class(message):
        key, beside = found
        return f"move `{beside}` of `{key}`{_place(beside, files)} from beside `class_path` to below `init_args`"
    if unknown := find_unknown(message):
        return _format_unknown(unknown, parser, files)
    return None


def format_wrong_value(message: str, files: Sequence[Path] = ()) -> str | None:
    """Say what a setting accepts, of the tree of attempts that jsonargparse lists; None if it has none.

    Args:
        message: Error message of jsonargparse.
        files: YAMLs in which to look for the line.

    Returns:
        One sentence.
    """
    if absent := find_absent_help(message):
        setting, name = absent
        return f"there is no class {name!r} for `{setting}`{_offer(name, _classes_of(setting))}"
    if lacking := find_lacking(message):
        path, names = lacking.of or "the class", " and ".join(f"`{each}`" for each in lacking.names)
        place = _place(path, files)
        return f"`{lacking.where}`{place} needs {names} of {path}, below `init_args`: there is no default"
    if foreign := find_foreign(message):
        return _format_foreign(foreign, files)
    wrong = find_wrong(message)
    return None if wrong is None else _format_wrong(wrong, files)


def _format_words(message: str) -> str | None:
    """What to write where required settings are missing, or words stand that are no options."""
    if lacking := find_required(message):
        return f"there is no {' and no '.join(f'`{each}`' for each in lacking)}: give a YAML that has them by `-c FILE`"
    if (word := find_word(message)) is not None:
        return f"{word!r} is not an option; a YAML is given by `-c FILE`, a setting by `--setting value`"
    return None


def _format_wrong(wrong: Wrong, files: Sequence[Path]) -> str | None:
    """The sentence about a value, if it is known what would fit."""
    name = wrong.where.rpartition(".")[2]
    wanted = list(dict.fromkeys(filter(None, map(spell_type, wrong.types))))
    if wrong.is_class:
        classes = sorted({name for path in wrong.classes for name in _subclasses(path)}) or _classes_of(name)
        listed = f" ({', '.join(classes)})" if classes else ""
        wanted.insert(0, f"the name of a class{listed}")
    if not wrong.given or not wanted:
        return None
    got = wrong.given
    if got in ("True", "False") and spell_type("str") in wanted:
        got = f"{got} (for YAML, yes, no, on and off are true or false; put them in quotes where they are texts)"
    return f"`{wrong.where}`{_place(name, files)} must be {' or '.join(wanted)}, got {got}"


def _format_foreign(foreign: Foreign, files: Sequence[Path]) -> str:
    """The sentence about a class that is not of the kind that a setting takes."""
    from lightning.pytorch import LightningModule

    where, given = foreign.where, foreign.given or "another"
    name = where.rpartition(".")[2]
    classes = _classes_of(name)
    listed = f" ({', '.join(classes)})" if classes else ""
    kind: Any = pydoc.locate(given)
    advice = ""
    if where == "model" and inspect.isclass(kind) and issubclass(kind, LightningModule):
        advice = (
            "; to train a LightningModule of your own, derive it from one of these, or write a script with Lightning's "
            "Trainer, where `gnn_sim2real.ScalingLawCallback` works as well (docs/lightning.md)"
        )
    place = _place(name, [path for path in files if given in path.read_text()])
    return f"`{where}`{place} must be the name of a subclass of {foreign.base}{listed}, got {given}{advice}"


def _subclasses(class_path: str) -> list[str]:
    """Names of the classes that may stand in place of one, of those that were imported."""
    kind: Any = pydoc.locate(class_path)
    if not inspect.isclass(kind) or kind.__module__ in ("builtins", "collections.abc"):
        return []
    found, left = set(), [kind]
    while left:
        for each in left.pop().__subclasses__():
            left.append(each)
            if not inspect.isabstract(each) and not each.__name__.startswith("_"):
                found.add(each.__name__)
    return sorted(found)


def _classes_of(setting: str) -> list[str]:
    """Names of the classes that the settings of a stage take."""
    from gnn_sim2real.data.registry import find_table_reader

    base = _BASES.get(setting)
    found = _subclasses(base) if base else []
    return [*found, f"datamodules.{find_table_reader().__name__}"] if setting == "data" else found


def _format_unknown(unknown: Unknown, parser: ArgumentParser, files: Sequence[Path]) -> str:
    """The sentence about a setting that does not exist."""
    name, where = unknown.name, unknown.where
    if unknown.of:
        name, options = name.partition(".")[0], _options_of(unknown.of)
        of = f" of {unknown.of}" + (f" in `{where}`" if where else "")
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


def _options_of(class_path: str) -> list[str]:
    """Settings of a function, or of a class including those that it passes to its bases."""
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

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


def format_unreadable(files: Sequence[Path]) -> str | None:
    """What is wrong with the first file that is not a YAML of settings; None if all of them are.

    Args:
        files: The files, which exist.

    Returns:
        One sentence.
    """
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
            content = read_yaml(text)
        except UnicodeDecodeError:
            return f"{path} is not UTF-8 text; settings are written in YAML"
        except yaml.MarkedYAMLError as error:
            line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
            said = f" is not valid YAML: {error.problem}; check the indentation, brackets and colons there"
            if isinstance(error, MisreadError):
                said = f": {error.problem}"
            elif isinstance(error, yaml.constructor.ConstructorError):
                said = f": {error.problem}; settings are numbers, texts, lists and mappings of names"
            return f"{path}{line}{said}"
        except yaml.YAMLError as error:
            return f"{path} is not valid YAML: {error}"
        if not isinstance(content, dict):
            return f"{path} has no settings; write them as `name: value`, one per line"
    return None


def _current_names(argv: Sequence[str]) -> list[str]:
    """The arguments with classes, and the settings of these classes, called as they are today."""
    found = []
    renamed: dict[tuple[str, str], str] = {}  # by the option that takes the class, and the earlier name of the setting
    option = ""
    for word in argv:
        if word.startswith("--"):
            option, equals, value = word.partition("=")
            owner, dot, setting = option.rpartition(".")
            setting = renamed.get((owner.removesuffix(".init_args"), setting), setting)
            before_value = f"{owner}{dot}{setting}{equals}"
        else:  # the value of the option before it
            before_value, value = "", word
        value = current_paths(value)
        renamed |= {(option.rstrip("+"), old): new for old, new in renamed_settings(value).items()}
        found.append(before_value + value)
    return found


def _files(argv: Sequence[str]) -> list[Path]:
    """YAMLs among the arguments of a command line, and whatever else is given as one."""
    words = [part for word in argv for part in word.split("=")[-1:] if part.endswith((".yaml", ".yml"))]
    given = [after for word, after in pairwise(argv) if word in ("-c", "--config")]
    return [Path(word) for word in dict.fromkeys([*words, *given])]


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
