"""The letters of a spelling: ASCII only, since what looks alike can be another letter."""

import re
import unicodedata

_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
"""Marks without width that copying from a page leaves at the ends of a text; the last is the byte order mark."""

_AT_ENDS = re.compile(rf"\A[\s{_INVISIBLE}]+|[\s{_INVISIBLE}]+\Z")


def plain_text(smiles: str) -> str:
    """A SMILES without blanks and marks without width at its ends.

    Other letters that are not ASCII are not read: some versions of rdkit drop them, or all that follows, silently.

    Args:
        smiles: The text.

    Raises:
        ValueError: If it holds a letter that is not ASCII, or a control character; the message names it.
    """
    text = _AT_ENDS.sub("", smiles)
    for place, letter in enumerate(text, start=1):
        if not letter.isascii() or not (letter.isprintable() or letter.isspace()):
            raise ValueError(
                f"cannot read {smiles!r}: letter {place} is {name_letter(letter)}, but a SMILES has ASCII letters "
                "only; type it again"
            )
    return text


def name_letter(letter: str) -> str:
    """A letter with its code point and name, e.g. `'О' (U+041E, CYRILLIC CAPITAL LETTER O)`.

    Args:
        letter: A single letter.
    """
    name = unicodedata.name(letter, "a control character")
    shown = letter if letter.isprintable() else ascii(letter)[1:-1]
    return f"'{shown}' (U+{ord(letter):04X}, {name})"
