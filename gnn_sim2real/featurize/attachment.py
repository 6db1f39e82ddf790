"""Ends of repeat units that a table marks by a pair of rare atoms instead of two `*`."""

import re
from collections import Counter
from collections.abc import Sequence

from gnn_sim2real.featurize.chain import read_smiles

_ATOM = re.compile(r"\[([A-Z][a-z]?)\]|\b(I)(?![a-z])|(?<=[\])(=#A-Za-z0-9%])(I)(?![a-z])")
"""An atom in brackets without charge, mass or hydrogens; iodine also without brackets."""

_COMMON = frozenset(
    ["H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "I", "Na", "K", "Mg", "Ca", "Al", "Zn", "Sn"]
)
"""Elements that are no mark by themselves, since molecules have them at their ends."""

_SHARE = 0.8
"""Share of the rows that must have the pair: some rows of a table are wrong for other reasons."""

_LOOKED_AT, _TRIED = 5_000, 20


def find_attachment(texts: Sequence[str]) -> tuple[str, str] | None:
    """Find the pair of atoms that each SMILES of a table has once each, or one rare atom that each has twice.

    Args:
        texts: The SMILES; empty ones do not count.

    Returns:
        The two as written, e.g. `("[Ce]", "[Th]")`; None if there is no such pair, or fewer than two SMILES.
    """
    texts = [text for text in texts[:_LOOKED_AT] if text]
    if len(set(texts)) < 2 or sum("*" in text for text in texts) > (1 - _SHARE) * len(texts):
        return None
    pairs: Counter[tuple[str, str]] = Counter()
    for text in texts:
        counts = Counter(_atoms(text))
        once = sorted(atom for atom, count in counts.items() if count == 1)
        pairs.update((atom, atom) for atom, count in counts.items() if count == 2 and atom not in _COMMON)
        pairs.update(
            (first, second)
            for place, first in enumerate(once)
            for second in once[place + 1 :]
            if not {first, second} <= _COMMON
        )
    if not pairs:
        return None
    pair, count = pairs.most_common(1)[0]
    if count < _SHARE * len(texts) or not any(_is_at_ends(text, pair) for text in texts[:_TRIED]):
        return None
    return f"[{pair[0]}]", f"[{pair[1]}]"


def require_no_marks(texts: Sequence[str], source: str) -> None:
    """Refuse SMILES whose ends are marked by rare atoms, which would be taken for atoms of the material.

    Args:
        texts: The SMILES of a table.
        source: Name of the file, for messages.

    Raises:
        ValueError: If they are; the message names the atoms and the setting.
    """
    if (pair := find_attachment(texts)) is not None:
        marks = " and ".join(dict.fromkeys(pair))
        each = "once each" if pair[0] != pair[1] else "twice"
        raise ValueError(
            f"every SMILES of {source} holds {marks} {each}, as marks of the ends of a repeat unit: set `attachment: "
            f"'{','.join(pair)}'` to read them as `*`, or `attachment: none` if they are atoms"
        )


def _is_at_ends(text: str, pair: tuple[str, str]) -> bool:
    try:
        atoms = [atom for atom in read_smiles(text).GetAtoms() if atom.GetSymbol() in pair]
    except ValueError:
        return False
    return len(atoms) == 2 and all(atom.GetDegree() == 1 for atom in atoms)


def _atoms(text: str) -> list[str]:
    return [next(filter(None, groups)) for groups in _ATOM.findall(text)]


def read_marks(setting: str) -> tuple[str, str]:
    """The two marks of a setting such as `[Ce],[Th]`.

    Args:
        setting: Two atoms as written in the SMILES, with a comma between.

    Raises:
        ValueError: If it is something else.
    """
    marks = [mark.strip() for mark in setting.split(",")]
    if len(marks) != 2 or not all(re.fullmatch(r"\[[^\[\]]+\]|[A-Z][a-z]?", mark) for mark in marks):
        raise ValueError(f"`attachment` must be two atoms as in '[Ce],[Th]', got {setting!r}")
    return marks[0], marks[1]


def replace_marks(text: str, marks: tuple[str, str]) -> str:
    """Write `*` for the two marks of a repeat unit.

    Args:
        text: SMILES.
        marks: The marks, from `read_marks`.

    Returns:
        The SMILES with two `*`; as it is if it does not have each mark once, so that it is refused later with its
        reason, or has `*` already.
    """
    found = text
    for mark in dict.fromkeys(marks):
        pattern = re.escape(mark) if mark.startswith("[") else rf"{mark}(?![a-z])"
        if mark == "[I]":
            pattern = r"\[I\]|I(?![a-z])"
        found, count = re.subn(pattern, "*", found)
        if count != (1 if marks[0] != marks[1] else 2):
            return text
    return found
