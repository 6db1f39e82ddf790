"""Options on the command line: their spelling, and those that are not settings of a configuration."""

import ast
import re
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gnn_sim2real.config.wording import find_wrong, in_one_sentence

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "list": "a list",
    "Iterable": "a list",
    "Sequence": "a list",
    "dict": "a mapping of names to values",
    "Mapping": "a mapping of names to values",
    "NoneType": "",
}

_SETTING = re.compile(r"`(?:data\.init_args\.)?([a-z_]+)(?:: ([^`]+))?`")
"""A setting in a message, with or without a value."""


def spell_type(text: str) -> str:
    """A type as people call it; empty for nothing at all.

    Args:
        text: As Python shows it: `<class 'int'>`, `Literal['a', 'b']`.
    """
    if text.startswith("Literal["):
        try:
            return " or ".join(map(str, ast.literal_eval(text.removeprefix("Literal"))))
        except (ValueError, SyntaxError):
            return text
    name = text.removeprefix("<class '").removesuffix("'>").rpartition(".")[2]
    return _WORDS.get(name, name)


def respell(argv: Sequence[str], *parsers: "ArgumentParser") -> list[str]:
    """Spell options as the parsers do: `--target_size` becomes `--target-size`.

    Commands list their options with dashes. Options with a dot are settings of a class, which are Python names and so
    have underscores. Both are read in either spelling.

    Args:
        argv: Arguments of the command line.
        parsers: Parsers of the command, which know its options.

    Returns:
        The arguments; a flag with a value, `--overwrite true`, has become the flag alone, or nothing.

    Raises:
        ValueError: If a flag has a value that is neither true nor false.
    """
    # argparse has no public list of the spellings that a parser knows.
    known = {option: action for parser in parsers for option, action in parser._option_string_actions.items()}
    spelled, left = list[str](), [_respell(word, known) for word in argv]
    while left:
        word = left.pop(0)
        if word == "--":
            return [*spelled, word, *left]
        option, equals, value = word.partition("=")
        action = known.get(option)
        if action is None or action.nargs != 0 or action.const is not True:
            spelled.append(word)
            continue
        if not equals and left and left[0].lower() in _TRUTH:
            value = left.pop(0)
        elif not equals:
            value = "true"
        if value.lower() not in _TRUTH:
            raise ValueError(f"`{option}` is a flag: give it alone, or leave it out, got {word}")
        spelled += [option] if _TRUTH[value.lower()] else []
    return spelled


_TRUTH = {"true": True, "false": False}


def _respell(word: str, known: Container[str]) -> str:
    option, equals, value = word.partition("=")
    name = option.removeprefix("--")
    if not option.startswith("--") or not name or option in known:
        return word
    dashes, underscores = "--" + name.replace("_", "-"), "--" + name.replace("-", "_")
    spelled = dashes if dashes in known else underscores if underscores in known or "." in name else option
    return f"{spelled}{equals}{value}"


@contextmanager
def settings_as_options(spell: Callable[[str], str | None]) -> Iterator[None]:
    """Have errors speak of options of the command line in place of settings of a YAML, which the user did not write.

    Args:
        spell: The option of a setting, e.g. `--file-unit`; None if it has none, or is not a setting.

    Raises:
        ValueError: The one that was raised, in other words: `file_unit: degC` has become `--file-unit degC`.
    """

    def as_option(found: re.Match[str]) -> str:
        option = spell(found[1])
        if option is None or found[2] is None:
            return found[0] if option is None else f"`{option}`"
        quote = "'" if found[2].startswith("{") else ""
        return f"`{option} {quote}{found[2]}{quote}`"

    try:
        yield
    except ValueError as error:
        if len(error.args) == 1 and isinstance(error.args[0], str):
            error.args = (_SETTING.sub(as_option, error.args[0]),)
        raise


def format_wrong_option(message: str, parser: "ArgumentParser") -> str:
    """One sentence about the value of an option, of the tree of attempts that jsonargparse lists.

    Args:
        message: Message of jsonargparse.
        parser: Parser of the command.
    """
    wrong = find_wrong(message)
    wanted = list(filter(None, dict.fromkeys(map(spell_type, wrong.types)))) if wrong else []
    if wrong is None or not wrong.given or not wanted:
        return f"{in_one_sentence(message)}; `{parser.prog} --help` lists the options"
    known = parser._option_string_actions
    option = wrong.where if f"--{wrong.where}" in known else wrong.where.replace("_", "-")
    return f"`--{option}` must be {' or '.join(wanted)}, got {wrong.given}"


def take_option(argv: Sequence[str], name: str) -> tuple[str | None, list[str]]:
    """Remove an option that is not a setting of the configuration.

    Args:
        argv: Arguments of the command line.
        name: Name of the option, e.g. `--publish`; its value follows, or stands after an equals sign.

    Returns:
        The value, None if the option is absent, and the remaining arguments.

    Raises:
        ValueError: If the value is missing.
    """
    values, rest = take_options(argv, name)
    return (values[-1] if values else None), rest


def take_options(argv: Sequence[str], *names: str) -> tuple[list[str], list[str]]:
    """Remove an option that may be given several times.

    Args:
        argv: Arguments of the command line.
        names: Names of the option, e.g. `-c` and `--config`; a value follows each, or stands after an equals sign.

    Returns:
        The values, and the remaining arguments.

    Raises:
        ValueError: If a value is missing.
    """
    values, rest = [], []
    left = list(argv)
    while left:
        word = left.pop(0)
        option, equals, given = word.partition("=")
        if option not in names:
            rest.append(word)
        elif equals or left:
            values.append(given if equals else left.pop(0))
        else:
            raise ValueError(f"`{option}` needs a value")
    return values, rest
