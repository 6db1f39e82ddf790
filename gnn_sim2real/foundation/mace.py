"""MACE models by the path of the user: of MACE there are many, some not free for all uses, and none is in a wheel."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np

from gnn_sim2real.files import expand, file_sha256
from gnn_sim2real.foundation.crystals import CrystalEncoder, over_sites
from gnn_sim2real.foundation.encoder import Floats


class MACE(CrystalEncoder):
    """Invariant descriptors of a MACE model over the sites of a crystal: mean, largest and least.

    I. Batatia et al., Advances in Neural Information Processing Systems 35 (2022), arXiv 2206.07697

    A file of a MACE model is a whole pickle, which can run any code when it is opened, and `mace-torch` opens no other.

    Args:
        path: The file of the model.
        trusted: Whether you trust whoever made the file as you would trust a script.
        max_sites: Largest number of sites in a cell.

    Raises:
        ValueError: If there is no such file, or it is not said to be trusted.
    """

    name = "mace"
    version = "1"
    licence = "that of the file of the model"
    kinds = ("crystal",)
    has_seen = "trained on what its makers say: look whether that includes these crystals or these measurements"
    layers = ("descriptors", "mean")
    distributions = ("mace-torch",)

    def __init__(self, path: str, trusted: bool = False, max_sites: int = 200) -> None:
        self.path = expand(path)
        if not self.path.is_file():
            raise ValueError(f"`path` of `{self.name}` must be the file of a MACE model, there is no file {path}")
        if not trusted:
            raise ValueError(
                f"{path} is a pickle, which can run any code when MACE opens it; add `trusted: true` if you trust "
                "whoever made it"
            )
        super().__init__(max_sites=max_sites)

    def describe(self) -> dict[str, Any]:
        """The content of the file instead of its path."""
        return super().describe() | {"file": file_sha256(self.path)}

    @property
    def elements(self) -> frozenset[int]:
        """Elements of the model."""
        return frozenset(self._calculator.models[0].atomic_numbers.tolist())

    @cached_property
    def _calculator(self) -> Any:
        import torch

        with environment_restored():
            from mace.calculators import MACECalculator
        model = torch.load(self.path, map_location="cpu", weights_only=False)
        return MACECalculator(models=model, device="cpu")

    def prepare(self, structure: Any) -> Any:
        """The structure as atoms of ASE."""
        return structure.to_ase_atoms()

    def encode(self, prepared: Sequence[Any]) -> dict[str, Floats]:
        """Descriptors over the sites, one structure at a time, as `get_descriptors` takes them."""
        found = [self._calculator.get_descriptors(atoms, invariants_only=True) for atoms in prepared]
        return {
            "descriptors": np.stack([over_sites(each) for each in found]),
            "mean": np.stack([each.mean(axis=0) for each in found]),
        }


@contextmanager
def environment_restored() -> Iterator[None]:
    """Undo what an import sets: MACE tells torch to open every file as a whole pickle from then on."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
