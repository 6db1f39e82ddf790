"""SevenNet: an equivariant potential of crystals, whose weights are in its wheel."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from gnn_sim2real.foundation.crystals import CrystalEncoder, over_sites
from gnn_sim2real.foundation.encoder import Floats

_LAST = "4_equivariant_gate"
"""Its last layer with features of the atoms, 128 scalars."""


class SevenNet(CrystalEncoder):
    """Scalars of the atoms of SevenNet-0 (11 July 2024) over the sites of a crystal: mean, largest and least.

    It needs another version of e3nn than `mace-torch`: both cannot be installed in one environment.

    Y. Park et al., J. Chem. Theory Comput. 20, 4857 (2024), doi 10.1021/acs.jctc.4c00190

    Args:
        max_sites: Largest number of sites in a cell.
    """

    name = "sevenn"
    version = "0_11July2024-1"
    licence = "MIT"
    kinds = ("crystal",)
    has_seen = (
        "trained on DFT of the Materials Project (energies, forces, stresses): it has seen these crystals, not these "
        "measurements"
    )
    layers = ("readout", "readout_mean")
    distributions = ("sevenn",)
    extra = "foundation-sevenn"

    def __init__(self, max_sites: int = 200) -> None:
        super().__init__(max_sites=max_sites)

    @cached_property
    def _model(self) -> Any:
        from sevenn._const import SEVENNET_0_11Jul2024
        from sevenn.util import model_from_checkpoint

        model, _ = model_from_checkpoint(SEVENNET_0_11Jul2024)
        del model._modules["force_output"]  # derivatives, which nobody needs
        model.set_is_batch_data(False)
        model._modules[_LAST].register_forward_hook(self._keep)
        return model.eval()

    def _keep(self, module: Any, given: Any, output: Any) -> None:
        """Keep the features of all atoms."""
        self._atoms = output["x"].numpy()

    @property
    def elements(self) -> frozenset[int]:
        """Elements of its training."""
        return frozenset(self._model.type_map)

    def prepare(self, structure: Any) -> Any:
        """The structure as atoms of ASE.

        Args:
            structure: A pymatgen `Structure`.
        """
        return structure.to_ase_atoms()

    def encode(self, prepared: Sequence[Any]) -> dict[str, Floats]:
        """Features after the last layer of the atoms."""
        found = [self._features(atoms) for atoms in prepared]
        return {
            "readout": np.stack([over_sites(each) for each in found]),
            "readout_mean": np.stack([each.mean(axis=0) for each in found]),
        }

    def _features(self, atoms: Any) -> Floats:
        import torch
        from sevenn.util import unlabeled_atoms_to_input

        given = unlabeled_atoms_to_input(atoms, self._model.cutoff)
        with torch.no_grad():
            self._model(given)
        features: Floats = self._atoms
        return features
