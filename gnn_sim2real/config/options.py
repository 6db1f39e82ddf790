"""Options of a command that stand beside those of its configuration."""

from collections.abc import Sequence


def take_option(words: Sequence[str], name: str) -> tuple[str | None, list[str]]:
    """Take an option that is not one of the configuration.

    Args:
        words: Of the command line.
        name: Of the option, e.g. `--publish`; its value follows, or stands behind an equals sign.

    Returns:
        Its value, None where it is not there, and the other words.

    Raises:
        ValueError: If the value is missing.
    """
    value, rest = None, []
    words = list(words)
    while words:
        word, equals, given = words.pop(0).partition("=")
        if word != name:
            rest.append(f"{word}{equals}{given}")
        elif equals or words:
            value = given if equals else words.pop(0)
        else:
            raise ValueError(f"`{name}` needs a value")
    return value, rest
