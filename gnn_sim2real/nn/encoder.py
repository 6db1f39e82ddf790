"""The contract of an encoder, and how one is rebuilt from its description."""

import importlib
import inspect
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.readout import weighted_mean
from gnn_sim2real.renamed_paths import current_paths


class Encoder(nn.Module, ABC):
    """Turns each material of a batch into a vector.

    The atoms of one `batch_index` are one material, and `component` is not read: who reads mixtures
    (`reads_mixtures`) encodes every component as a material of its own, with an encoder of pure materials.

    A subclass takes plain types only, and for inner encoders encoders, whose `describe()` stands for them. It hands all
    of them to `super().__init__`, sets `output_dim`, and names in
    `layers` the submodules from input to output, which is the order in which `gradual` unfreezing goes back.
    """

    numerics_version: ClassVar[int] = 1
    """Increased by hand if the same weights would give other numbers; part of every record's key."""

    reads_mixtures: ClassVar[bool] = False
    """Whether it reads batches with `members`."""

    reads_composition_only: ClassVar[bool] = False
    """Whether it reads which atoms there are and nothing else, and so materials of any kind."""

    output_dim: int

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._settings = settings
        self._noted: list[Tensor] | None = None

    @property
    def name(self) -> str:
        """Name of the class, with those of the encoders inside of it, as in `Pair(GINE)`."""
        inner = dict.fromkeys(each.name for each in self.children() if isinstance(each, Encoder))
        return f"{type(self).__name__}({', '.join(inner)})" if inner else type(self).__name__

    @property
    def reads_atom_descriptors(self) -> bool:
        """Whether it, or an encoder inside of it, reads `GraphBatch.atom_descriptors`."""
        return any(isinstance(each, Encoder) and each.reads_atom_descriptors for each in self.children())

    @abstractmethod
    def forward(self, batch: GraphBatch) -> Float[Tensor, "num_graphs output_dim"]:
        """Encode a batch."""

    @property
    @abstractmethod
    def layers(self) -> list[nn.Module]:
        """Submodules that hold all parameters, from input to output."""

    def layer_features(self, batch: GraphBatch) -> list[Float[Tensor, "num_graphs layer_dim"]]:
        """Features of each material after each layer, from input to output; the last are those of `forward`.

        Vectors of atoms are read out as their mean.
        """
        self._noted = []
        try:
            output = self(batch)
        finally:
            noted, self._noted = self._noted, None
        return [*noted, output]

    @property
    def is_noting(self) -> bool:
        """Whether `layer_features` asks: what only `note` needs is else not computed."""
        return self._noted is not None

    def note(self, vectors: Float[Tensor, "num_items layer_dim"], batch: GraphBatch | None = None) -> None:
        """Let `layer_features` have what a layer is given; `forward` calls it in front of each layer.

        Args:
            vectors: Of the atoms, or of the materials.
            batch: Whose atoms they are; None for vectors of materials.
        """
        if self._noted is not None:
            self._noted.append(vectors if batch is None else weighted_mean(vectors, batch))

    def describe(self) -> dict[str, Any]:
        """Plain types from which `build_encoder` makes the same architecture."""
        return {
            "class_path": f"{type(self).__module__}.{type(self).__qualname__}",
            "init_args": self._settings,
        }


def encoder_class(class_path: str) -> type[Encoder]:
    """Find an encoder by its dotted path.

    Raises:
        CheckpointError: If there is no such class, or it is not an encoder.
    """
    module_name, _, name = str(current_paths(class_path)).rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise CheckpointError(
            f"the encoder {class_path!r} is not installed here; install the package that has it"
        ) from error
    if not (inspect.isclass(found) and issubclass(found, Encoder)):
        raise CheckpointError(f"{class_path!r} is not a gnn_sim2real.nn.Encoder")
    return found


def build_encoder(description: dict[str, Any]) -> Encoder:
    """Make an encoder from its description, with fresh weights.

    Raises:
        CheckpointError: If the class is unknown, is not an encoder, or does not take these settings.
    """
    found = encoder_class(str(description.get("class_path")))
    try:
        settings = {name: _build_inner(value) for name, value in description["init_args"].items()}
        return found(**settings)
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{found.__name__} does not take the settings {description.get('init_args')} ({error}); was the file made "
            "by another version of gnn_sim2real?"
        ) from error


def _build_inner(value: Any) -> Any:
    """An inner encoder where a setting describes one, else the setting."""
    return build_encoder(value) if isinstance(value, dict) and "class_path" in value else value
