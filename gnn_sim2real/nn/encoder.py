"""The contract of an encoder, and how one is rebuilt from its description."""

import importlib
import inspect
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.nn.readout import weighted_mean
from gnn_sim2real.plugins import installed_modules
from gnn_sim2real.renamed import current_paths

GROUP = "gnn_sim2real.encoders"
"""Entry-point group: a distribution with encoders names its module here."""
TRUST_VARIABLE = "GNN_SIM2REAL_ENCODERS"
"""Environment variable with trusted modules, separated by commas: models from elsewhere may name their encoders."""

_LARGEST = 2**16
"""Widths and numbers of layers above are mistakes, and most of a machine's memory."""


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
        _check_sizes(settings)
        self._settings = settings
        self._noted: list[Tensor] | None = None

    @property
    def name(self) -> str:
        """See `encoder_name`."""
        return encoder_name(self.describe())

    @property
    def reads_atom_descriptors(self) -> bool:
        """Whether it, or an encoder inside of it, reads `GraphBatch.atom_descriptors`."""
        return any(isinstance(each, Encoder) and each.reads_atom_descriptors for each in self.children())

    @property
    def graph_cutoff(self) -> float | None:
        """Cutoff that its graphs must have, its setting `cutoff` or that of an encoder inside of it; None for any."""
        inner = [each.graph_cutoff for each in self.children() if isinstance(each, Encoder)]
        found = [each for each in (self._settings.get("cutoff"), *inner) if each is not None]
        return float(found[0]) if found else None

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


def encoder_name(description: Mapping[str, Any]) -> str:
    """Name of the class, with those of the encoders inside of it, as in `Pair(GINE)`.

    Args:
        description: Class path and settings, such as `Encoder.describe` gives.
    """
    settings = description.get("init_args") or {}
    inner = dict.fromkeys(encoder_name(each) for each in settings.values() if _is_description(each))
    own = str(description["class_path"]).rpartition(".")[2]
    return f"{own}({', '.join(inner)})" if inner else own


def fill_defaults(description: Mapping[str, Any]) -> dict[str, Any]:
    """A description with all settings, also those that it leaves at their defaults.

    Args:
        description: Class path and settings, from a YAML of the user's.

    Raises:
        CheckpointError: If there is no such class.
    """
    parameters = inspect.signature(encoder_class(description["class_path"], trusted=True)).parameters
    defaults = {name: each.default for name, each in parameters.items() if each.default is not inspect.Parameter.empty}
    settings = defaults | dict(description.get("init_args") or {})
    # JSON has lists where defaults in Python may be tuples.
    settings = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
    filled = {name: fill_defaults(value) if _is_description(value) else value for name, value in settings.items()}
    return {"class_path": description["class_path"], "init_args": filled}


def _check_sizes(settings: dict[str, Any]) -> None:
    """Refuse widths and numbers with which no network can be made."""
    for name, value in settings.items():
        lowest = 1 if name.endswith("_dim") else 0 if name.startswith("num_") else None
        if lowest is not None and isinstance(value, int) and not lowest <= value <= _LARGEST:
            raise ValueError(f"`{name}` must be from {lowest} to {_LARGEST:,}, got {value:,}")
        if name == "dropout" and not 0 <= value < 1:
            raise ValueError(f"`dropout` must be at least 0 and below 1, got {value}")


def encoder_class(class_path: str, trusted: bool = False) -> type[Encoder]:
    """Find an encoder by its dotted path. Here alone the text of a model becomes a class, and a module may be imported.

    The text of a model may come from anyone, so the module must be of this package, installed as a plug-in, imported
    already, or named in `GNN_SIM2REAL_ENCODERS`.

    Args:
        class_path: The path.
        trusted: Whether it is from a YAML of the user's, which may import what it names.

    Raises:
        CheckpointError: If there is no such class, it is not an encoder, or its module is not trusted.
    """
    module_name, _, name = str(current_paths(class_path)).rpartition(".")
    if not module_name:
        raise CheckpointError(f"the encoder {class_path!r} is not a class path, such as gnn_sim2real.nn.GINE")
    if not trusted and module_name not in sys.modules and not _is_trusted(module_name):
        raise CheckpointError(
            f"the model names the encoder {class_path!r}, which is not from this package; if you trust that module, "
            f"import it first, or set {TRUST_VARIABLE}={module_name.partition('.')[0]}"
        )
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise CheckpointError(
            f"the encoder {class_path!r} is not installed here; install the package that has it"
        ) from error
    if not (inspect.isclass(found) and issubclass(found, Encoder)):
        raise CheckpointError(f"{class_path!r} is not a gnn_sim2real.nn.Encoder")
    return found


def _is_trusted(module: str) -> bool:
    given = [each.strip() for each in os.environ.get(TRUST_VARIABLE, "").split(",") if each.strip()]
    own = __name__.partition(".")[0]
    # Those of installed distributions are trusted already.
    return any(f"{module}.".startswith(f"{each}.") for each in (own, *given, *installed_modules(GROUP)))


def build_encoder(description: dict[str, Any], trusted: bool = False) -> Encoder:
    """Make an encoder from its description, with fresh weights.

    Args:
        description: From `Encoder.describe`.
        trusted: See `encoder_class`.

    Raises:
        CheckpointError: If the class is unknown, is not an encoder, or does not take these settings.
    """
    found = encoder_class(str(description.get("class_path")), trusted)
    try:
        settings = {name: _build_inner(value, trusted) for name, value in description["init_args"].items()}
        return found(**settings)
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{found.__name__} does not take the settings {description.get('init_args')} ({error}); was the file made "
            "by another version of gnn_sim2real?"
        ) from error


def _build_inner(value: Any, trusted: bool) -> Any:
    """An inner encoder where a setting describes one, else the setting."""
    return build_encoder(value, trusted) if _is_description(value) else value


def _is_description(value: Any) -> bool:
    return isinstance(value, Mapping) and "class_path" in value
