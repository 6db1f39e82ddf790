"""CHGNet: a potential of crystals with magnetic moments, whose weights are in its wheel."""

import contextlib
import io
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from gnn_sim2real.foundation.crystals import CrystalEncoder, over_sites
from gnn_sim2real.foundation.encoder import Floats


class CHGNet(CrystalEncoder):
    """Atom features of CHGNet 0.3.0 over the sites of a crystal: mean, largest and least.

    B. Deng et al., Nat. Mach. Intell. 5, 1031 (2023), doi 10.1038/s42256-023-00716-3

    Args:
        max_sites: Largest number of sites in a cell; time and memory grow with the number of angles between neighbors.
    """

    name = "chgnet"
    version = "0.3.0-1"
    licence = "BSD-3-Clause"
    kinds = ("crystal",)
    has_seen = (
        "trained on DFT of the Materials Project (energies, forces, stresses, magnetic moments): it has seen these "
        "crystals, not these measurements"
    )
    layers = ("readout", "third_convolution", "readout_mean")
    distributions = ("chgnet",)
    extra = "foundation-crystal"
    elements = frozenset({*range(1, 84), *range(89, 95)})
    """Elements of its training: up to Pu, without Po, At, Rn, Fr and Ra."""

    def __init__(self, max_sites: int = 200) -> None:
        super().__init__(max_sites=max_sites)

    @cached_property
    def _model(self) -> Any:
        from chgnet.model import CHGNet as Model

        with contextlib.redirect_stdout(io.StringIO()):  # it prints its number of parameters
            model = Model.load(use_device="cpu", verbose=False).eval()
        model.readout_norm.register_forward_hook(self._keep)
        return model

    def _keep(self, module: Any, given: Any, output: Any) -> None:
        """Keep the features of all atoms, which the model gives only before its last convolution."""
        self._atoms = output

    def prepare(self, structure: Any) -> Any:
        """The graph of a structure.

        Args:
            structure: A pymatgen `Structure`.

        Raises:
            ValueError: If an atom has no neighbor.
        """
        try:
            return self._model.graph_converter(structure)
        except ValueError as error:
            raise ValueError("an atom without a neighbor within 6 angstrom") from error

    def encode(self, prepared: Sequence[Any]) -> dict[str, Floats]:
        """Features after the last convolution, and before it."""
        import torch

        with torch.no_grad():
            found = self._model(list(prepared), task="e", return_atom_feas=True)
        after = [each.numpy() for each in torch.split(self._atoms, found["atoms_per_graph"].tolist())]
        before = [each.numpy() for each in found["atom_fea"]]
        return {
            "readout": np.stack([over_sites(each) for each in after]),
            "third_convolution": np.stack([over_sites(each) for each in before]),
            "readout_mean": np.stack([each.mean(axis=0) for each in after]),
        }
