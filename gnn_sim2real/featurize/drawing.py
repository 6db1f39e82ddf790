"""Pictures of materials for tables that people look at."""

from io import BytesIO
from typing import TYPE_CHECKING, Any

from gnn_sim2real.featurize.crystal import Crystal
from gnn_sim2real.featurize.mixture import Mixture

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDE = 240  # pixels


def draw_material(material: Any) -> "Image | None":
    """Draw a repeat unit, a molecule, the components of a mixture side by side, or the cell of a crystal.

    Args:
        material: SMILES, a mixture or a crystal, as in the table of a data module.

    Returns:
        The picture; None of a composition and of what cannot be drawn.
    """
    if isinstance(material, Crystal):
        return _draw_crystal(material)
    components = material.components if isinstance(material, Mixture) else [str(material)]
    return _draw_bonds(".".join(components), len(components))


def _draw_bonds(smiles: str, count: int) -> "Image | None":
    from rdkit import Chem, rdBase
    from rdkit.Chem import Draw

    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)  # None of a formula
    if mol is None:
        return None
    picture: Image = Draw.MolToImage(mol, size=(_SIDE * count, _SIDE))  # type: ignore[no-untyped-call]
    return picture


def _draw_crystal(crystal: Crystal) -> "Image":
    from ase import Atoms
    from ase.visualize.plot import plot_atoms
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    atoms = Atoms(crystal.atomic_number, scaled_positions=crystal.fractional, cell=crystal.lattice, pbc=True)
    figure = Figure(figsize=(2.4, 2.4))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    plot_atoms(atoms, axes, rotation="10x,-20y,0z")
    axes.set_axis_off()
    content = BytesIO()
    figure.savefig(content, format="png", dpi=_SIDE / 2.4)
    content.seek(0)
    return Image.open(content)
