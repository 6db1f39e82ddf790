"""How a command explains its words and options, each with its unit and default."""

import textwrap
from argparse import SUPPRESS, Action, _HelpAction
from typing import Any

from jsonargparse import DefaultHelpFormatter

from gnn_sim2real.config.help import help_width, last_word

_COLUMN = 24
"""Where the explanation of an option begins [characters]."""


class StageFormatter(DefaultHelpFormatter):
    """Options of LightningCLI, in its own spelling, below a usage of one line."""

    def __init__(self, prog: str, **settings: Any) -> None:
        super().__init__(prog, max_help_position=_COLUMN, width=help_width())  # type: ignore[no-untyped-call]

    def _format_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None) -> str:
        prefix = "usage: " if prefix is None else prefix
        named = any("-c" in each.option_strings for each in actions)
        # The parser of a command takes the usage of `gnn-sim2real`, asked for without a prefix, as its name.
        return f"{prefix}{self._prog.replace(' [options]', '')}{' -c FILE' if named else ''} [options]\n\n"


def _in_usage(word: str, nargs: Any) -> str:
    """A word of the command line as the usage has it; of several, unless it says itself how they stand together."""
    if nargs == "?":
        return f"[{word}]"
    return f"[{word} ...]" if nargs == "*" and " " not in word else word


class HelpFormatter(DefaultHelpFormatter):
    """Words first; options with dashes, each with its default where it has one."""

    def __init__(self, prog: str, **settings: Any) -> None:
        super().__init__(prog, max_help_position=_COLUMN, width=help_width())  # type: ignore[no-untyped-call]

    def _format_usage(self, usage: Any, actions: Any, *args: Any, **kwargs: Any) -> str:
        words, needed = [], []
        for each in actions:
            if not each.option_strings:
                words.append(_in_usage(str(each.metavar), each.nargs))
            elif "-c" in each.option_strings:
                needed = ["-c FILE"]  # which has all that is required
            elif each.required and needed != ["-c FILE"]:
                needed.append(f"{each.option_strings[0]} {each.metavar}")
        if needed == ["-c FILE"] and words and words[0].startswith("["):  # a word in place of the YAML
            words, needed = [f"({words[0].strip('[]')} | -c FILE)", *words[1:]], []
        return " ".join(["usage:", self._prog, *words, *needed, "[options]"]) + "\n\n"

    def _format_action_invocation(self, action: Action) -> str:
        if not action.option_strings:
            return str(action.metavar)
        names = [each for each in action.option_strings if not each.endswith("+")]
        shown = [names[0], *(each for each in names[1:] if names[0].startswith("--") is False)]
        text = ", ".join(each if each == "--print_config" else each.replace("_", "-") for each in shown)
        return text if action.nargs == 0 else f"{text} {action.metavar or last_word(action.dest)}"

    def _get_help_string(self, action: Action) -> str:
        if isinstance(action, _HelpAction):
            return "Show this help"
        if action.option_strings[:1] == ["--print_config"]:
            return "Print all settings, as a YAML, and exit"
        text = (action.help or "").strip().rstrip(".")
        text = text[:1].upper() + text[1:]
        default = action.default
        if action.required and action.option_strings:
            return f"{text} (required)"
        if default is None or default in ("", [], {}, SUPPRESS) or action.nargs == 0:
            return text
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        return f"{text} (default: {shown})"

    def start_section(self, heading: str | None) -> None:
        """Begin a part of the help, the one of the words by a shorter heading than that of argparse."""
        super().start_section("arguments" if heading == "positional arguments" else heading)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.split("\n\n")
        return "\n\n".join(textwrap.fill(" ".join(each.split()), width, break_on_hyphens=False) for each in paragraphs)
