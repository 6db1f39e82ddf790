"""Pictures of contributions: atoms in color by RDKit, bars by matplotlib."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from gnn_sim2real.figures import GRAY, HAIR, TEXT, clear_frame, new_figure
from gnn_sim2real.graph import Graph
from gnn_sim2real.units import format_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

RAISES, LOWERS = (0.90, 0.45, 0.10), (0.10, 0.45, 0.80)
"""Colors of what raises and what lowers the property, which color-blind people can tell apart."""

DRAWN = ("repeat_unit", "molecule", "mixture")
"""Kinds of materials that have a structure formula."""

_MOST_BARS = 40
_LONGEST_NAME = 30


class Parts(Protocol):
    """What is drawn: an `Explanation`, which says what its attributes are."""

    @property
    def name(self) -> str:
        """How the material is written."""

    @property
    def spelling(self) -> str:
        """Its SMILES, of a mixture those of all components with a dot between them."""

    @property
    def kind(self) -> str:
        """What it is."""

    @property
    def property_name(self) -> str:
        """Name of the property."""

    @property
    def unit(self) -> str:
        """Its unit."""

    @property
    def parts(self) -> list[str]:
        """Name of each part."""

    @property
    def elements(self) -> list[str]:
        """What each part holds, see `elements_of`."""

    @property
    def fragments(self) -> list[tuple[str, list[int]]]:
        """Name and parts of each fragment."""

    @property
    def contributions(self) -> NDArray[np.float64]:
        """Contribution of each part."""

    @property
    def spread(self) -> NDArray[np.float64]:
        """Their standard deviations over the models."""

    @property
    def fragment_contributions(self) -> NDArray[np.float64]:
        """Contribution of each fragment."""

    @property
    def fragment_spread(self) -> NDArray[np.float64]:
        """Their standard deviations over the models."""


def elements_of(graph: Graph) -> list[str]:
    """Symbol of each atom of a graph; of a site that is shared or vacant in part all that it holds: `Na0.5K0.25`.

    Args:
        graph: The graph.
    """
    from rdkit import Chem

    table = Chem.GetPeriodicTable()
    if graph.species_count is None or graph.species_number is None or graph.species_share is None:
        return [str(table.GetElementSymbol(number)) for number in graph.atomic_number.tolist()]
    held = [
        f"{table.GetElementSymbol(number)}{'' if share == 1 else f'{share:g}'}"
        for number, share in zip(graph.species_number.tolist(), graph.species_share.tolist(), strict=True)
    ]
    ends = np.cumsum(graph.species_count, dtype=np.int64).tolist()
    return ["".join(held[end - count : end]) for end, count in zip(ends, graph.species_count.tolist(), strict=True)]


def name_parts(elements: list[str], kind: str) -> list[str]:
    """Name of each part: the element with the number of the atom, `(Na0.5K0.25)3` of a site that several share.

    Args:
        elements: See `elements_of`.
        kind: What the material is; the parts of a formula are its elements.
    """
    if kind == "composition":
        return elements
    return [f"{each if each.isalpha() else f'({each})'}{1 + row}" for row, each in enumerate(elements)]


def find_fragments(spelling: str, kind: str, elements: list[str]) -> list[tuple[str, list[int]]]:
    """Fragments of a material, with the parts of each.

    Molecules and repeat units are cut where BRICS would cut them: J. Degen, C. Wegscheid-Gerlach, A. Zaliani, M. Rarey,
    ChemMedChem 3, 1503 (2008), doi 10.1002/cmdc.200800178. The sites of a crystal belong together by what they hold.

    Args:
        spelling: SMILES of a molecule or repeat unit; empty for others.
        kind: What the material is.
        elements: See `elements_of`.

    Returns:
        Name and parts of each fragment; nothing for formulas, whose parts are the elements.
    """
    if kind == "composition":
        return []
    if not spelling:
        return [
            (each, [row for row, other in enumerate(elements) if other == each]) for each in dict.fromkeys(elements)
        ]
    from rdkit import Chem
    from rdkit.Chem import BRICS

    mol, atoms = _read(spelling, elements)
    bonds = [mol.GetBondBetweenAtoms(*ends).GetIdx() for ends, _ in BRICS.FindBRICSBonds(mol)]  # type: ignore[no-untyped-call]
    pieces = Chem.FragmentOnBonds(mol, bonds, addDummies=False) if bonds else mol
    found = []
    number = {atom: part for part, atom in enumerate(atoms)}
    for piece in Chem.GetMolFrags(pieces):
        parts = [number[atom] for atom in piece if atom in number]
        if parts:
            text = Chem.MolFragmentToSmiles(mol, [atoms[part] for part in parts])
            found.append((str(text), parts))
    return found


def _read(spelling: str, elements: list[str]) -> tuple[Any, list[int]]:
    """The molecule, and its atom of each part: all but the `*`, in the order of the spelling."""
    from gnn_sim2real.featurize.chain import read_smiles

    mol = read_smiles(spelling)
    from rdkit import Chem

    Chem.SanitizeMol(mol)
    atoms = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum()]
    if [mol.GetAtomWithIdx(atom).GetSymbol() for atom in atoms] != elements:
        raise ValueError(f"the atoms of {spelling} are not those of its graph")
    return mol, atoms


def draw_structure(explanation: Parts, width: int, height: int, form: Literal["svg", "png"]) -> bytes | None:
    """Draw a molecule or repeat unit, each atom colored by its contribution.

    Args:
        explanation: What to draw.
        width: In pixels.
        height: In pixels.
        form: Format of the picture.

    Returns:
        The picture; None for what has no structure formula.
    """
    if explanation.kind not in DRAWN:
        return None
    from rdkit.Chem.Draw import rdMolDraw2D

    mol, atoms = _read(explanation.spelling, explanation.elements)
    values = explanation.contributions
    largest = float(np.abs(values).max()) or 1.0
    colors = {atom: _color(value / largest) for atom, value in zip(atoms, values.tolist(), strict=True)}
    drawer = (rdMolDraw2D.MolDraw2DSVG if form == "svg" else rdMolDraw2D.MolDraw2DCairo)(width, height)
    options: Any = drawer.drawOptions()  # rdkit's own types are wrong
    options.useBWAtomPalette()
    options.fillHighlights = True
    options.highlightRadius = 0.4
    drawer.DrawMolecule(
        rdMolDraw2D.PrepareMolForDrawing(mol), highlightAtoms=atoms, highlightAtomColors=colors, highlightBonds=[]
    )
    drawer.FinishDrawing()
    found = drawer.GetDrawingText()
    return found if isinstance(found, bytes) else found[found.index("<svg") :].encode()


def _color(share: float) -> tuple[float, float, float]:
    """From white, for nothing, to the full color."""
    strongest = RAISES if share > 0 else LOWERS
    red, green, blue = (1 - min(abs(share), 1) * (1 - each) for each in strongest)
    return red, green, blue


def bars(explanation: Parts, axes: Axes) -> None:
    """Draw a bar for each part, with its spread over the models, below it one for each element of a crystal.

    Args:
        explanation: What to draw.
        axes: Where to draw.
    """
    values, spread = explanation.contributions, np.nan_to_num(explanation.spread)
    names = list(explanation.parts)
    if explanation.kind == "crystal" and len(names) > 1:
        sums = explanation.fragment_contributions
        names = [*names, *(f"all {name}" for name, _ in explanation.fragments)]
        values, spread = np.append(values, sums), np.append(spread, np.nan_to_num(explanation.fragment_spread))
    some = np.sort(np.argsort(-np.abs(values))[:_MOST_BARS])
    place = np.arange(len(some))[::-1]
    axes.barh(
        place,
        values[some],
        xerr=spread[some] if spread.any() else None,
        color=[RAISES if each > 0 else LOWERS for each in values[some]],
        ecolor=GRAY,
    )
    axes.set_yticks(place, [_shorten(names[row]) for row in some], fontsize=TEXT - 1)
    axes.axvline(0.0, color=GRAY, linewidth=HAIR)
    unit = f" [{format_unit(explanation.unit)}]" if explanation.unit else ""
    axes.set_xlabel(f"contribution to {explanation.property_name.replace('_', ' ')}{unit}", fontsize=TEXT)
    clear_frame(axes)


def _shorten(name: str) -> str:
    """A name beside its bar, the middle of a long one left out: a site of many elements leaves room for the bars."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 8]}...{name[-5:]}"


def draw_bars(explanation: Parts, width: int, height: int, form: Literal["svg", "png"]) -> bytes:
    """Draw `bars` as a picture.

    Args:
        explanation: What to draw.
        width: In pixels.
        height: In pixels.
        form: Format of the picture.
    """
    count = min(len(explanation.parts) + len(explanation.fragments), _MOST_BARS)
    figure = new_figure(width / 80, max(height / 80, 0.25 * count + 1))
    bars(explanation, figure.subplots())
    content = BytesIO()
    figure.savefig(content, format=form, bbox_inches="tight")
    if form == "png":
        return content.getvalue()
    text = content.getvalue()
    return text[text.index(b"<svg") :]
