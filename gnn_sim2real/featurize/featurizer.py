"""The kinds of materials that can become graphs, by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.graph import Graph


@dataclass(frozen=True)
class Featurizer:
    """How one kind of material becomes a graph, and when two spellings are the same material.

    Attributes:
        name: Name of the kind.
        version: Raised by hand whenever the graphs change.
        featurize: Makes the graph; raises a `ValueError` with one sentence for a spelling it cannot read.
        identity: Canonical identity, the same for every spelling of a material; raises like `featurize`.
        descriptors: Features of many materials for the tabular baselines, (num_materials, num_features).
        example: A spelling, for messages.
    """

    name: str
    version: int
    featurize: Callable[[str], Graph]
    identity: Callable[[str], str]
    descriptors: Callable[[Sequence[str]], NDArray[np.float64]]
    example: str

    def describe(self) -> dict[str, Any]:
        """Plain types that name the graphs."""
        return {"name": self.name, "version": self.version}


def get_featurizer(name: str) -> Featurizer:
    """Look a featurizer up.

    Args:
        name: `repeat_unit` (PSMILES with two `*`) or `molecule` (SMILES).

    Raises:
        ValueError: If there is none of this name.
    """
    from gnn_sim2real.featurize import descriptors, identity, repeat_unit

    known = {
        "repeat_unit": Featurizer(
            "repeat_unit",
            repeat_unit.FEATURIZER_VERSION,
            repeat_unit.featurize_repeat_unit,
            identity.repeat_unit_identity,
            descriptors.repeat_unit_descriptors,
            "*CC(*)c1ccccc1",
        ),
        "molecule": Featurizer(
            "molecule",
            repeat_unit.FEATURIZER_VERSION,
            repeat_unit.featurize_molecule,
            identity.molecule_identity,
            descriptors.molecule_descriptors,
            "CCO",
        ),
    }
    if name not in known:
        raise ValueError(f"`featurizer` must be one of {', '.join(known)}, got {name!r}")
    return known[name]


def load_featurizer(description: dict[str, Any]) -> Featurizer:
    """Find the featurizer of a stored model.

    Raises:
        CheckpointError: If this version of the package makes other graphs.
    """
    try:
        featurizer = get_featurizer(description["name"])
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"the model's featurizer {description} is not known here") from error
    if featurizer.version != description.get("version"):
        raise CheckpointError(
            f"the model was trained on graphs of {description['name']} version {description.get('version')}, this "
            f"package makes version {featurizer.version}; train it again or install the version that made it"
        )
    return featurizer
