"""Graphs of materials with bonds whose atoms also carry their shares of common molecular descriptors.

The shares are RDKit's, some of them sums over patterns, and take as long as the graph itself, so a data module makes
them only if an encoder reads them.
"""

from dataclasses import replace

import numpy as np

from gnn_sim2real.featurize.chain import build_chain
from gnn_sim2real.featurize.descriptors import atom_contributions
from gnn_sim2real.featurize.mixture import is_repeat_unit
from gnn_sim2real.featurize.repeat_unit import chain_graph, molecule_graph, read_molecule
from gnn_sim2real.graph import Graph


def describe_repeat_unit(psmiles: str) -> Graph:
    """`featurize_repeat_unit` with descriptors; an atom has those that it has in the infinite chain.

    Args:
        psmiles: Repeat-unit SMILES with exactly two `*`.

    Raises:
        ValueError: If it cannot be read.
    """
    chain = build_chain(psmiles)
    shares = atom_contributions(chain.mol, chain.atoms)
    return replace(chain_graph(chain), atom_descriptors=shares.astype(np.float32))


def describe_molecule(smiles: str) -> Graph:
    """`featurize_molecule` with descriptors.

    Args:
        smiles: SMILES without `*`.

    Raises:
        ValueError: If it cannot be read.
    """
    mol = read_molecule(smiles)
    shares = atom_contributions(mol, range(mol.GetNumAtoms()))
    return replace(molecule_graph(mol), atom_descriptors=shares.astype(np.float32))


def describe_component(spelling: str) -> Graph:
    """`featurize.mixture.component_graph` with descriptors.

    Args:
        spelling: Repeat-unit SMILES with two `*`, or SMILES without.

    Raises:
        ValueError: If it can be read as neither.
    """
    return describe_repeat_unit(spelling) if is_repeat_unit(spelling) else describe_molecule(spelling)
