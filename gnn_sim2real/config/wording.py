"""What jsonargparse says of settings that do not fit, taken apart: its errors carry nothing but their words.

No other file depends on how the library words its messages. `tests/config/test_wording.py` provokes each of them, and
fails with the name of the function whose pattern has to follow when a version of the library says it otherwise.
"""

import ast
import re
from typing import NamedTuple


class Unknown(NamedTuple):
    """A setting that does not exist.

    Attributes:
        name: Its name, dotted if it is nested.
        where: The setting that it is in; empty at the top.
        of: Dotted path of the class or function that does not have it; empty if there is none.
    """

    name: str
    where: str
    of: str


class Lacking(NamedTuple):
    """Settings of a class that have no default, and are not given.

    Attributes:
        where: The setting that takes the class.
        of: Dotted path of the class; empty if it is not said.
        names: The settings.
    """

    where: str
    of: str
    names: list[str]


class Foreign(NamedTuple):
    """A class that is not of the kind that a setting takes.

    Attributes:
        where: The setting.
        given: Dotted path of the class; empty if it is not said.
        base: Name of the kind.
    """

    where: str
    given: str
    base: str


class Wrong(NamedTuple):
    """A value that does not fit its setting.

    Attributes:
        where: The setting.
        given: The value; empty if it is not said.
        types: What would fit, as Python shows types.
        is_class: Whether the name of a class would fit.
        classes: Dotted paths of the kinds of classes that would fit.
    """

    where: str
    given: str
    types: list[str]
    is_class: bool
    classes: set[str]


_KEY = re.compile(r"""(?:Parser key "|Group ')([\w.]+)""")
_PARSER_KEY = re.compile(r'Parser key "([\w.]+)"')
_OPTION = re.compile(r"(?:(?:Option|does not accept option) '|unrecognized arguments: --)([\w.-]+)")
_BUILT_OF_A_FUNCTION = re.compile(r"' is not accepted\. Got value: Namespace\(class_path='([\w.]+)'")
_CLASS = re.compile(r"class_path '([\w.]+)'")
_CHOSEN = re.compile(r"class_path='([\w.]+)'")
_NO_CLASS = re.compile(r"module '([\w.]+)' has no attribute '(\w+)'")
_FOREIGN = re.compile(r"Import path (?:([\w.]+) )?does not correspond to a subclass of (\w+)")
_LACKING = re.compile(r"(?:class_path '([\w.]+)':\s+|callable class: )the following arguments are required: ([\w., ]+)")
_REQUIRED = re.compile(r"the following arguments are required: ([\w., ]+)")
_NO_OPTION = re.compile(r"unrecognized arguments: (.*)", re.DOTALL)
_GIVEN = re.compile(r"(?:Given|Got) value: (.*)$", re.MULTILINE)
_GIVEN_PATH = re.compile(r"Given value: ([\w.]+)$", re.MULTILINE)
_NO_PATH = re.compile(r"Expected a dot import path string: (.+)$", re.MULTILINE)
_EXPECTED = re.compile(r"Expected (?:a )?(?:typing\.)?(<class .+?>|\w+\[.*?\])")
_NESTED = re.compile(r"NestedArg\(key='[\w.]+', val='(.*)'\)")
_NO_CLASS_GIVEN = re.compile(
    "Expected a dot import path string|Not a valid subclass of|expects a function or a callable class|"
    "Unexpected import path format|Expected an instantiatable class"
)
_CLASS_WANTED = re.compile(r"<class '([\w.]+)'>|\b(torch\.optim\.\w+\.(?:Optimizer|LRScheduler))\b")
_ITS_OWN = {"jsonargparse._namespace.Namespace"}
_NO_HELP = re.compile(r'--([\w.]+)\.help: (?:Expected a dot import path string: (\S+)|"(\S+)" is not a subclass)')

_ATTEMPTS = (
    "Does not validate against any of the Union subtypes",
    "Subtypes: ",
    "Errors:",
    "Expected a <class 'NoneType'>",
    "Given value type: ",
    "Given value: {",
    "Given value: Namespace(",
)


def find_absent_class(message: str) -> tuple[str, str] | None:
    """The module in which a class was looked for, and the name that it does not have.

    Args:
        message: Message of jsonargparse, here and below.
    """
    found = _NO_CLASS.search(message)
    return (found[1], found[2]) if found else None


def find_beside_class(message: str) -> tuple[str, str] | None:
    """The setting of a class, and the first key that stands beside its `class_path` and `init_args`."""
    for given in _GIVEN.findall(message):
        try:
            value = ast.literal_eval(given)
        except (ValueError, SyntaxError):  # the repr of an object
            continue
        if not isinstance(value, dict) or "class_path" not in value:
            continue
        beside = [key for key in value if key not in ("class_path", "init_args", "dict_kwargs")]
        if beside:
            return ".".join(_KEY.findall(message)), str(beside[0])
    return None


def find_unknown(message: str) -> Unknown | None:
    """The setting that does not exist."""
    found = list(_OPTION.finditer(message))
    if not found:
        return None
    name, before = found[-1][1], message[: found[-1].start()]
    built = _BUILT_OF_A_FUNCTION.match(message, found[-1].end())
    classes = [built[1]] if built else _CLASS.findall(before)
    return Unknown(name, ".".join(_KEY.findall(before)), classes[-1] if classes else "")


def find_absent_help(message: str) -> tuple[str, str] | None:
    """The setting, and the class of which a help was asked for, but which there is not."""
    found = _NO_HELP.search(message)
    return (found[1], found[2] or found[3]) if found else None


def find_lacking(message: str) -> Lacking | None:
    """The settings of a class that are not given and have no default."""
    where, end = _find_where(message)
    found = _LACKING.search(message, end) if where else None
    if found is None:
        return None
    chosen = _CHOSEN.search(message, found.end())
    return Lacking(where, found[1] or (chosen[1] if chosen else ""), found[2].split(", "))


def find_required(message: str) -> list[str]:
    """The settings of a command that are not given and have no default."""
    found = _REQUIRED.fullmatch(message)
    return [each.rpartition(".")[2] for each in found[1].split(", ")] if found else []


def find_word(message: str) -> str | None:
    """The words that are not options; None if the message is about something else."""
    found = _NO_OPTION.fullmatch(message)
    return found[1] if found else None


def find_foreign(message: str) -> Foreign | None:
    """The class that is not of the kind that its setting takes."""
    where, end = _find_where(message)
    found = _FOREIGN.search(message, end) if where else None
    if found is None:
        return None
    given = _GIVEN_PATH.search(message[found.end() :])
    return Foreign(where, found[1] or (given[1] if given else ""), found[2])


def find_wrong(message: str) -> Wrong | None:
    """The value that does not fit, and what would."""
    where, end = _find_where(message)
    if not where:
        return None
    text = message[end:]
    values = [each.strip() for each in _GIVEN.findall(text)] or _NO_PATH.findall(text)
    nested = _NESTED.fullmatch(values[0]) if values else None
    return Wrong(
        where=where,
        given=(nested[1] if nested else values[0]) or "nothing" if values else "",
        types=list(dict.fromkeys(_EXPECTED.findall(text))),
        is_class=bool(_NO_CLASS_GIVEN.search(text)),
        classes={path for found in _CLASS_WANTED.findall(text) for path in found if "." in path} - _ITS_OWN,
    )


def _find_where(message: str) -> tuple[str, int]:
    """The setting that a message is about, empty if it is about none, and where the rest of the message begins."""
    keys = list(_PARSER_KEY.finditer(message))
    return ".".join(dict.fromkeys(each[1] for each in keys)), keys[-1].end() if keys else 0


def in_one_sentence(message: str) -> str:
    """Extract the cause from the tree of attempts that jsonargparse lists; other messages stay as they are."""
    lines = [line.strip().removeprefix("- ") for line in message.splitlines()]
    causes = [line for line in lines if line and not line.startswith(_ATTEMPTS)]
    return " ".join(causes or lines).replace(" Given value: ", ", got ")
