"""A command is a function: its parameters are the words and options of the command line, its docstring is the help."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from gnn_sim2real.config.help import fill, fill_command, format_list, last_word
from gnn_sim2real.config.options import format_wrong_option, respell

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

Function = Callable[..., int | None]

OTHERS = "others"
"""Name of the parameter that takes the words which are no option of the command, as they stand."""


@dataclass(frozen=True)
class Command:
    """What a file of `gnn_sim2real/cli/` adds to the command line, under the name of the file.

    A parameter of a function that may stand without a name is a word of the command line, one after `*` an option,
    spelled with dashes; a flag is a `bool` that is False. A parameter that is a dataclass adds its fields as options. A
    parameter `others` takes all options that are none of these, such as the settings of a YAML.

    Args:
        section: Heading under which `gnn-sim2real --help` lists it.
        about: What it does, in a line.
        run: The function, which returns the exit code (0 for None); or the functions by the name of the subcommand, ""
            for what is not the name of one.
        examples: Command lines without `gnn-sim2real`, each with what it does.
        settings: What adds to the parser of a help the options that `others` takes, by the name of the subcommand (""
            if there is none).
        notes: What the help says below the options, by the name of the subcommand; called when it is printed.
    """

    section: str
    about: str
    run: Function | Mapping[str, Function]
    examples: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Callable[["ArgumentParser"], None]] = field(default_factory=dict)
    notes: Mapping[str, Callable[[], str]] = field(default_factory=dict)

    def __call__(self, name: str, argv: Sequence[str]) -> int:
        """Run it.

        Args:
            name: Name of the command.
            argv: Arguments after the name.

        Returns:
            Exit code.

        Raises:
            ValueError: If there is no such subcommand or option, or a value does not fit.
        """
        if callable(self.run):
            return self._run_function(name, "", self.run, argv)
        if "" in self.run and (not argv or argv[0] not in self.run):
            return self._run_function(name, "", self.run[""], argv)
        if argv[:1] in ([], ["-h"], ["--help"]):
            _write(self._format_group(name, self.run))
            return 0
        subcommand, *rest = argv
        if subcommand not in self.run:
            near = get_close_matches(subcommand, self.run, n=1)
            guess = f"; did you mean `{name} {near[0]}`?" if near else ";"
            *most, last = self.run
            raise ValueError(f"there is no command `{name} {subcommand}`{guess} choose {', '.join(most)} or {last}")
        return self._run_function(name, subcommand, self.run[subcommand], rest)

    def _run_function(self, name: str, subcommand: str, function: Function, argv: Sequence[str]) -> int:
        parser = make_parser(function, f"gnn-sim2real {name} {subcommand}".rstrip())
        if {"-h", "--help"} & {*takewhile("--".__ne__, argv)} or (
            not argv and not subcommand and OTHERS in inspect.signature(function).parameters
        ):
            _write(self._format_function(name, subcommand, parser))
            return 0
        return call(function, parser, argv)

    def _format_group(self, name: str, functions: Mapping[str, Function]) -> str:
        usage = f"usage: gnn-sim2real {name} COMMAND [options]\n\n{fill(_sentence(self.about))}\n\ncommands:"
        listed = format_list({each: first_sentence(function) for each, function in functions.items()})
        more = f"`gnn-sim2real {name} COMMAND --help` lists the options of a command."
        return f"{usage}\n{listed}\n{self._format_notes('')}{self._format_examples(name, '')}\n{fill(more)}"

    def _format_function(self, name: str, subcommand: str, parser: "ArgumentParser") -> str:
        if subcommand in self.settings:
            self.settings[subcommand](parser)
        return (
            f"{parser.format_help()}{self._format_notes(subcommand)}{self._format_examples(name, subcommand)}".rstrip()
        )

    def _format_notes(self, subcommand: str) -> str:
        return f"\n{self.notes[subcommand]()}\n" if subcommand in self.notes else ""

    def _format_examples(self, name: str, subcommand: str) -> str:
        start = f"{name} {subcommand} ".replace("  ", " ")
        found = {line: about for line, about in self.examples.items() if line.startswith(start)}
        lines = [f"{fill(about, 2)}\n{fill_command(f'gnn-sim2real {line}')}\n" for line, about in found.items()]
        return "\nexamples:\n" + "".join(lines) if lines else ""


def _write(text: str) -> None:
    import sys

    sys.stdout.write(text.rstrip() + "\n")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def first_sentence(function: Function) -> str:
    """The first sentence of a docstring, as a list of commands has it."""
    sentence = " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")
    return sentence[:1].lower() + sentence[1:] if sentence[1:2].islower() else sentence


def make_parser(function: Function, prog: str) -> "ArgumentParser":
    """The parser of a command.

    Args:
        function: The function, see `Command`.
        prog: Name of the command.
    """
    from jsonargparse import ArgumentParser

    from gnn_sim2real.config.formatter import HelpFormatter

    text, docs = read_docstring(function)
    parser = ArgumentParser(prog=prog, description=text, exit_on_error=False, formatter_class=HelpFormatter)
    for each in inspect.signature(function).parameters.values():
        if is_dataclass(each.annotation):
            add_options(parser, each.annotation)
        elif each.name != OTHERS:
            _add(parser, each.name.rstrip("_"), each.annotation, each.default, docs[each.name], kind=each.kind)
    return parser


def add_options(parser: "ArgumentParser", kind: Any) -> None:
    """Add the fields of a dataclass as options.

    Args:
        parser: The parser.
        kind: The dataclass.
    """
    _, docs = read_docstring(kind)
    for each in fields(kind):
        _add(parser, each.name, each.type, _default(each), docs[each.name])


def describe_settings(
    parser: "ArgumentParser", kind: Any, prefix: str = "", title: str = "settings of the YAML"
) -> None:
    """Add the settings of a YAML to a help; nothing is parsed by them, so that no type needs to be imported.

    Args:
        parser: The parser that prints the help.
        kind: Dataclass of the settings.
        prefix: What stands before the names.
        title: Heading.
    """
    _, docs = read_docstring(kind)
    group, nested = parser.add_argument_group(title), []
    own = vars(kind).get("__annotations__", {})
    for each in sorted(fields(kind), key=lambda each: each.name not in own):  # those of its bases come after its own
        default = _default(each)
        inner = each.type if is_dataclass(each.type) else type(default) if is_dataclass(default) else None
        if inner is not None:
            nested.append((inner, f"{prefix}{each.name}.", docs[each.name]))
            continue
        help_text = docs[each.name] + " Required." * (default is inspect.Parameter.empty)
        default = None if default is inspect.Parameter.empty else default
        group.add_argument(
            f"--{prefix}{each.name}", default=default, help=help_text, metavar=_metavar(each.type, each.name)
        )
    for inner, start, about in nested:
        describe_settings(parser, inner, start, f"{about.rstrip('.')} ({start.replace('_', '-')}*)")


def _default(of: Any) -> Any:
    if of.default is not MISSING:
        return of.default
    return of.default_factory() if of.default_factory is not MISSING else inspect.Parameter.empty


def read_docstring(of: Any) -> tuple[str, dict[str, str]]:
    """What a docstring says of all, and of each parameter or field; a class has those of its bases as well.

    Args:
        of: A function or class.
    """
    from docstring_parser import DocstringStyle, parse

    chain = [each for each in reversed(of.__mro__) if each is not object] if inspect.isclass(of) else [of]
    found: dict[str, str] = {}
    text = ""
    for each in chain:
        parsed = parse(each.__doc__ or "", style=DocstringStyle.GOOGLE)
        found |= {param.arg_name: " ".join((param.description or "").split()) for param in parsed.params}
        text = "\n\n".join(filter(None, (parsed.short_description, parsed.long_description)))
    return text, found


def _add(
    parser: "ArgumentParser",
    name: str,
    annotation: Any,
    default: Any,
    about: str,
    kind: Any = inspect.Parameter.KEYWORD_ONLY,
) -> None:
    """Add a word or an option."""
    required = default is inspect.Parameter.empty
    metavar = _metavar(annotation, name)
    if kind is inspect.Parameter.VAR_POSITIONAL:
        words, _, rest = about.partition(": ")  # `MODEL [MODEL ...] FILE: what they are` is how they stand together
        metavar, about = (words, rest) if words.isupper() else (name.upper(), about)
        parser.add_argument(name, type=annotation, nargs="*", help=about, metavar=metavar)
    elif kind is not inspect.Parameter.KEYWORD_ONLY:
        optional: dict[str, Any] = {} if required else {"nargs": "?", "default": default}
        parser.add_argument(name, type=annotation, help=about, metavar=name.upper(), **optional)
    elif annotation is bool:
        parser.add_argument(f"--{name.replace('_', '-')}", action="store_true", help=about)
    elif get_origin(annotation) in (list, tuple, Sequence):
        each = get_args(annotation)[0]
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=each, action="append", default=[], help=about, metavar=metavar
        )
    else:
        settings: dict[str, Any] = {"required": True} if required else {"default": default}
        parser.add_argument(f"--{name.replace('_', '-')}", type=annotation, help=about, metavar=metavar, **settings)


_METAVARS = {"int": "N", "float": "X", "bool": "{true,false}", "Path": "PATH", "list": "[A,B]", "dict": "{A: B}"}


def _metavar(annotation: Any, name: str) -> str:
    """What stands for the value of an option: its choices, or a word by its type."""
    if get_origin(annotation) is Literal:
        return f"{{{','.join(map(str, get_args(annotation)))}}}"
    kinds = [each for each in get_args(annotation) if each is not type(None)] or [annotation]
    if get_origin(annotation) in (list, dict):
        return _METAVARS[get_origin(annotation).__name__]
    if get_origin(kinds[0]) is Literal and len(kinds) == 1:
        return f"{{{','.join(map(str, get_args(kinds[0])))}}}"
    return _METAVARS.get(getattr(kinds[0], "__name__", ""), last_word(name.rstrip("_")))


def call(function: Function, parser: "ArgumentParser", argv: Sequence[str]) -> int:
    """Parse the command line and call the function.

    Args:
        function: The function, see `Command`.
        parser: From `make_parser`.
        argv: Arguments of the command line.

    Returns:
        Exit code.

    Raises:
        ValueError: If an option does not exist, is missing, or has a value that it cannot have.
    """
    parameters = inspect.signature(function).parameters
    if [*parameters] == [OTHERS]:
        return function(others=argv) or 0
    words, own, others = _separate(respell(argv, parser), parser)
    if others and OTHERS not in parameters:
        raise ValueError(_format_unknown(others[0], parser))
    _require(parser, words, own)
    _refuse_empty(parser, words, own)
    parsed = parse(parser, [*own, "--", *words] if words else own)
    values, options = list[Any](), dict[str, Any]()
    for each in parameters.values():
        name = each.name.rstrip("_")
        if each.name == OTHERS:
            options[OTHERS] = others
        elif is_dataclass(kind := each.annotation) and isinstance(kind, type):
            options[each.name] = kind(**{one.name: parsed[one.name] for one in fields(kind)})
        elif each.kind is inspect.Parameter.VAR_POSITIONAL:
            values += parsed[name]
        elif each.kind is inspect.Parameter.KEYWORD_ONLY:
            options[each.name] = parsed[name]
        else:
            values.append(parsed[name])
    return function(*values, **options) or 0


def parse(parser: "ArgumentParser", argv: Sequence[str]) -> "Namespace":
    """Parse options.

    Args:
        parser: The parser.
        argv: Arguments of the command line.

    Raises:
        ValueError: If an option is missing, or has a value that it cannot have.
    """
    from argparse import ArgumentError

    try:
        parsed: Namespace = parser.parse_args(list(argv))
    except ArgumentError as error:
        raise ValueError(format_wrong_option(str(error), parser)) from error
    return parsed


def _separate(argv: Sequence[str], parser: "ArgumentParser") -> tuple[list[str], list[str], list[str]]:
    """The words, the options that a parser knows, and the other options, each with its value."""
    words, options, others, left = list[str](), list[str](), list[str](), list(argv)
    while left:
        word = left.pop(0)
        if word == "--":
            words += left
            break
        if not word.startswith("-") or _is_number(word):
            words.append(word)
            continue
        option, equals, _ = word.partition("=")
        action = parser._option_string_actions.get(option)
        found = others if action is None else options
        found.append(word)
        has_value = left and (not left[0].startswith("-") or _is_number(left[0]) or left[0] == "-")
        if equals or (action is not None and action.nargs == 0):
            continue
        if has_value:
            found.append(left.pop(0))
        elif action is not None:
            raise ValueError(f"`{option}` needs a value")
    return words, options, others


def _require(parser: "ArgumentParser", words: Sequence[str], options: Sequence[str]) -> None:
    """Refuse a command line without a word or an option that has no default."""
    given, count = {word.partition("=")[0] for word in options}, len(words)
    for each in parser._actions:
        if not each.option_strings:
            lacks = each.nargs is None and count == 0
            count -= 1
        else:
            lacks = each.required and not given & {*each.option_strings}
        if lacks:
            name = each.option_strings[0] if each.option_strings else each.dest
            about = (each.help or "").rstrip(".").removesuffix(", see below")
            raise ValueError(
                f"`{parser.prog}` needs {name} ({about[:1].lower()}{about[1:]}); `{parser.prog} --help` explains it"
            )
    if count > 0 and not any(each.nargs == "*" for each in parser._actions):
        raise ValueError(f"`{parser.prog}` takes no word {words[-1]!r}; `{parser.prog} --help` explains it")


def _refuse_empty(parser: "ArgumentParser", words: Sequence[str], options: Sequence[str]) -> None:
    """Refuse empty words, and empty values but for texts: an empty path would be the working folder."""
    if not all(words):
        raise ValueError(f"an empty word is given to `{parser.prog}`; `{parser.prog} --help` explains its words")
    for place, word in enumerate(options):
        option, equals, value = word.partition("=")
        action = parser._option_string_actions.get(option) if word.startswith("-") else None
        if action is None or action.nargs == 0:
            continue
        given = value if equals else options[place + 1]
        kind = getattr(action, "_typehint", action.type)
        if not given and kind is not str and str not in get_args(kind):
            raise ValueError(f"`{option}` needs a value, got an empty one")


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _format_unknown(word: str, parser: "ArgumentParser") -> str:
    """The sentence about an option that does not exist."""
    option = word.partition("=")[0]
    known = [each for each in parser._option_string_actions if each.startswith("--")]
    near = get_close_matches(option, known, n=1)
    guess = f"; did you mean `{near[0]}`?" if near else ";"
    return f"there is no option `{option}`{guess} `{parser.prog} --help` lists the options"
