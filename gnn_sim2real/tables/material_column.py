"""Which column of a user's table spells the materials, and what they are, where the user does not say it."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from gnn_sim2real.tables.columns import (
    MATERIAL_HEADINGS,
    PURE_HEADINGS,
    as_written,
    find_column,
    plain_heading,
    read_heading,
)

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
_COMPONENT = r"component|monomer|unit|repeat_unit|polymer|p?smiles"
_COMPONENT = rf"(?:{_COMPONENT})(?:_p?smiles)?"
_SHARE = r"(?:(?:weight|mass|mole|mol|molar|volume|vol)_)?(?:fraction|share|ratio)|weight|wt"
_MARK = r"[1-9]|[a-d]"
_SMILES_ALONE = re.compile(r"[=#@\\]|(?<![A-Z])[cnos]\d")
"""What stands in SMILES and in no formula: bonds, chirality, atoms of an aromatic ring (and not Cs2O or In2O3)."""
_LINKAGE = ("linkage", "architecture")
BLEND_HEADINGS = (
    "component_1, weight_1, component_2, weight_2 and so on, of copolymers also `linkage` (monomer_a, fraction_a and "
    "the like are understood as well)"
)
"""How the columns of blends and copolymers are headed, for messages."""


class Blend(NamedTuple):
    """The columns of blends or copolymers in a table.

    Attributes:
        components: Column of each component.
        weights: Column of the share of each, in the same order; empty where the shares are equal.
        linkage: Column that says how the units of copolymers are linked; None if there is none.
    """

    components: tuple[str, ...]
    weights: tuple[str, ...] = ()
    linkage: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.components, *self.weights, *([] if self.linkage is None else [self.linkage]))

    @property
    def settings(self) -> dict[str, str | list[str]]:
        """Those of `BlendTable` that name the columns."""
        found: dict[str, str | list[str]] = {"components": [*self.components]}
        found |= {"weights": [*self.weights]} if self.weights else {}
        return found | ({} if self.linkage is None else {"linkage": self.linkage})

    def describe(self) -> str:
        """The columns, for people."""
        shares = f"shares in {', '.join(map(repr, self.weights))}" if self.weights else "in equal shares"
        linked = "" if self.linkage is None else f", linked as in {self.linkage!r}"
        return f"components in {', '.join(map(repr, self.components))}, {shares}{linked}"


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
        return find_column(list(map(str, frame)), PURE_HEADINGS, "the materials", source, "material_column").column
    found = as_written(column, map(str, frame))
    if found is None:
        raise ValueError(f"{source} has no column {column!r}: its columns are {', '.join(map(str, frame))}")
    return found


def find_column_of_kind(columns: Sequence[str], kind: str, source: str, setting: str) -> str:
    """Find the column of materials of which it is known what they are.

    The headings of repeat units and of molecules are taken for each other, since what is spelled there tells them
    apart. Formulas are found under their own headings alone: `CCO` is a formula as well.

    Args:
        columns: Headings of the table.
        kind: What the materials are.
        source: Name of the file, for messages.
        setting: Setting by which a user chooses the column, for messages.

    Raises:
        ValueError: If no column fits, or several do.
    """
    own = MATERIAL_HEADINGS.get(kind, ("smiles",))
    others = () if kind == "composition" else (*MATERIAL_HEADINGS["repeat_unit"], *MATERIAL_HEADINGS["molecule"])
    more = () if kind == "composition" else ("compound",)
    return find_column(columns, dict.fromkeys((*own, *others, *more)), "the materials", source, setting).column


def find_kind(frame: "pandas.DataFrame", column: str) -> SpelledKind:
    """What the first spellings of a column are.

    Args:
        frame: The table.
        column: Column of the materials.
    """
    texts = [str(text) for text in frame[column].dropna().head(_LOOKED_AT)]
    if sum("*" in text for text in texts) > len(texts) / 2:
        return "repeat_unit"
    is_formula = read_heading(column).name in MATERIAL_HEADINGS["composition"]
    return "composition" if is_formula and not any(map(_SMILES_ALONE.search, texts)) else "molecule"


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


def find_blend(columns: Sequence[str]) -> Blend | None:
    """The columns of blends or copolymers: numbered or lettered components, with a share each or a linkage.

    Args:
        columns: Headings of the table.

    Returns:
        The columns; None if there are none, a share is missing, or a heading is there twice.
    """
    parts, shares = _numbered(columns, _COMPONENT), _numbered(columns, _SHARE)
    linkage = next((each for name in _LINKAGE for each in columns if plain_heading(each) == name), None)
    if parts is None or shares is None or len(parts) < 2 or not (shares or linkage):
        return None
    if shares and shares.keys() != parts.keys():
        return None
    return Blend(tuple(parts.values()), tuple(shares[mark] for mark in parts if shares), linkage)


def find_blends_alone(columns: Sequence[str]) -> Blend | None:
    """The columns of blends or copolymers, where no other one is headed as materials are.

    Args:
        columns: Headings of the table.
    """
    return None if {*PURE_HEADINGS} & {*map(plain_heading, columns)} else find_blend(columns)


def _numbered(columns: Sequence[str], stem: str) -> dict[str, str] | None:
    """Columns by their number or letter, in order: `monomer_1`, `monomer A`, `a_smiles`; None if one is there twice."""
    pattern = re.compile(rf"(?:{stem})_?(?P<mark>{_MARK})|(?P<before>{_MARK})_(?:{stem})")
    found: dict[str, str] = {}
    for column in columns:
        match = pattern.fullmatch(read_heading(column).name)
        if match is None:
            continue
        mark = match["mark"] or match["before"]
        if mark in found:
            return None
        found[mark] = column
    return dict(sorted(found.items()))


def find_temperature(columns: Sequence[str]) -> str | None:
    """The column with the temperature of each row; None if there is none.

    Args:
        columns: Headings of the table.
    """
    names = {read_heading(column, "K").name: column for column in reversed(columns)}
    return next((names[name] for name in _TEMPERATURE if name in names), None)
