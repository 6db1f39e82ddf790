"""CHGNet: a potential of crystals with magnetic moments, whose weights are in its wheel."""

import contextlib
import io
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from gnn_sim2real.foundation.crystals import CrystalEncoder
from gnn_sim2real.foundation.encoder import Floats


class CHGNet(CrystalEncoder):
    """Means over the sites of a crystal, of CHGNet 0.3.0.

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
    layers = ("readout", "third_convolution")
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
            return Model.load(use_device="cpu", verbose=False).eval()

    def prepare(self, structure: Any) -> Any:
        """The graph of a structure."""
        try:
            return self._model.graph_converter(structure)
        except ValueError as error:
            raise ValueError("an atom without a neighbor within 6 angstrom") from error

    def encode(self, prepared: Sequence[Any]) -> dict[str, Floats]:
        """Means over the sites: after the last convolution, and before it."""
        import torch

        with torch.no_grad():
            found = self._model(list(prepared), task="e", return_atom_feas=True, return_crystal_feas=True)
        count = found["atoms_per_graph"].numpy()[:, None]
        sites = np.stack([each.mean(dim=0).numpy() for each in found["atom_fea"]])
        return {"readout": found["crystal_fea"].numpy() / count, "third_convolution": sites}
