"""Which column of a user's table spells the materials, and what they are, where the user does not say it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from gnn_sim2real.tables.columns import MATERIAL_HEADINGS, as_written, find_column, plain_heading, read_heading

if TYPE_CHECKING:
    import pandas

SpelledKind = Literal["repeat_unit", "molecule", "composition"]
"""What a spelling in a column of text can be."""

_LOOKED_AT = 50

_ROLES = (("polymer", "solvent"), ("solute", "solvent"))
_HEADINGS = {
    "polymer": ("polymer", "polymer_smiles", "polymer_psmiles", "psmiles", "repeat_unit", "unit"),
    "solute": ("solute", "solute_smiles", "smiles_solute"),
    "solvent": ("solvent", "solvent_smiles", "smiles_solvent"),
}
_TEMPERATURE = ("temperature", "temp", "t", "temperature_k", "t_k")


def find_material_column(frame: "pandas.DataFrame", source: str, column: str | None = None) -> str:
    """Find the column of the materials.

    Args:
        frame: The table.
        source: Name of the file, for messages.
        column: Column that the user has named.

    Raises:
        ValueError: If there is no such column.
    """
    if column is None:
        names = [name for kind in MATERIAL_HEADINGS.values() for name in kind]
        return find_column(list(map(str, frame)), names, "the materials", source, "material_column").column
    found = as_written(column, map(str, frame))
    if found is None:
        raise ValueError(f"{source} has no column {column!r}: its columns are {', '.join(map(str, frame))}")
    return found


def find_kind(frame: "pandas.DataFrame", column: str) -> SpelledKind:
    """What the first spellings of a column are.

    Args:
        frame: The table.
        column: Column of the materials.
    """
    texts = [str(text) for text in frame[column].dropna().head(_LOOKED_AT)]
    if sum("*" in text for text in texts) > len(texts) / 2:
        return "repeat_unit"
    return "composition" if read_heading(column).name in MATERIAL_HEADINGS["composition"] else "molecule"


def find_pair(columns: Sequence[str]) -> dict[str, str]:
    """The columns of polymer and solvent, or of solute and solvent, by role; none if these are not there.

    Args:
        columns: Headings of the table.
    """
    plain = {plain_heading(column): column for column in reversed(columns)}
    for roles in _ROLES:
        found = {role: next((plain[name] for name in _HEADINGS[role] if name in plain), None) for role in roles}
        if all(found.values()):
            return {role: column for role, column in found.items() if column is not None}
    return {}


def find_temperature(columns: Sequence[str]) -> str | None:
    """The column with the temperature of each row; None if there is none.

    Args:
        columns: Headings of the table.
    """
    names = {read_heading(column, "K").name: column for column in reversed(columns)}
    return next((names[name] for name in _TEMPERATURE if name in names), None)
