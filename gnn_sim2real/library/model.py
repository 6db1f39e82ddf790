"""Trained models as files: safetensors for the weights, plain JSON for the rest. Nothing in them can run code."""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.featurizer import Featurizer, load_featurizer
from gnn_sim2real.files import write_atomically, write_json
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.library.card import CARD_FILE, read_card
from gnn_sim2real.library.content import DESCRIPTION_FILE, WEIGHTS_FILE
from gnn_sim2real.nn.model import PropertyModel
from gnn_sim2real.nn.registry import plugin_modules
from gnn_sim2real.renamed_paths import current_paths
from gnn_sim2real.store.mixtures import AnyStore, store_of

MODEL_FORMAT = 1
TRUST_VARIABLE = "GNN_SIM2REAL_ENCODERS"
"""Environment variable with trusted modules, separated by commas: models of a library may name their encoders."""
CHECKPOINT_ENTRY = "gnn_sim2real_model"
"""Entry of a Lightning checkpoint with the description that a library folder has in its JSON."""


@dataclass(frozen=True)
class Prediction:
    """Predicted properties.

    Attributes:
        values: (num_materials, num_properties), physical units.
        names: Name of each property.
        units: Unit of each property.
    """

    values: NDArray[np.float64]
    names: tuple[str, ...]
    units: tuple[str, ...]


@dataclass(frozen=True)
class TrainedModel:
    """A network with everything needed to use it on new materials.

    Attributes:
        network: The network, in eval mode.
        featurizer: Turns materials into graphs.
        card: Origin of the model, in plain types.
        fingerprint: Hash of the weights it was loaded with; empty for a model that was never saved.
    """

    network: PropertyModel
    featurizer: Featurizer
    card: dict[str, Any]
    fingerprint: str = ""

    def predict(self, materials: Sequence[Any], batch_size: int = 256) -> Prediction:
        """Predict in physical units.

        Args:
            materials: PSMILES, SMILES, formulas, crystals (see `featurize.crystal_files.as_crystal`), or mixtures (see
                `featurize.mixture.Mixture`), as the model was trained on.
            batch_size: Materials per batch.

        Raises:
            ValueError: If a material cannot be read; the message names it.
        """
        specs = self.network.properties
        names, units = tuple(spec.name for spec in specs), tuple(spec.unit for spec in specs)
        if not len(materials):
            return Prediction(np.empty((0, len(specs))), names, units)
        store = store_of(materials, self.featurizer)
        return Prediction(self.predict_graphs(store, batch_size), names, units)

    def predict_graphs(self, store: AnyStore, batch_size: int = 256) -> NDArray[np.float64]:
        """Predict all graphs of a store.

        Args:
            store: Graphs made by this model's featurizer.
            batch_size: Graphs per batch.

        Returns:
            (num_graphs, num_properties), physical units.
        """
        return self._of_batches(self.network.predict, store, batch_size)

    def encode_graphs(self, store: AnyStore, batch_size: int = 256) -> NDArray[np.float64]:
        """Encode all graphs of a store.

        Args:
            store: Graphs made by this model's featurizer.
            batch_size: Graphs per batch.

        Returns:
            (num_graphs, output_dim of the encoder).
        """
        return self._of_batches(self.network.encoder, store, batch_size)

    def _of_batches(
        self, function: Callable[[GraphBatch], Tensor], store: AnyStore, batch_size: int
    ) -> NDArray[np.float64]:
        rows = torch.split(torch.arange(len(store)), batch_size)
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            values = torch.cat([function(store.select(chunk).to(device)).cpu() for chunk in rows])
        return values.double().numpy()


def weights_content(model: TrainedModel) -> bytes:
    """The weights of a model as the content of a safetensors file.

    Args:
        model: The model.
    """
    from safetensors.torch import save

    # Cloned, since safetensors refuses two names for one tensor, which the layers of SchNet have.
    weights = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in model.network.state_dict().items()
    }
    content: bytes = save(weights)
    return content


def save_model(model: TrainedModel, folder: Path) -> None:
    """Write a model into a folder of its own, outside any library (see `ModelLibrary.add`).

    A half-written model is never mistaken for a complete one, since its JSON is written last.

    Args:
        model: The model.
        folder: Folder to write.
    """
    write_atomically(folder / WEIGHTS_FILE, weights_content(model))
    description = {
        "format": MODEL_FORMAT,
        "network": model.network.describe(),
        "featurizer": model.featurizer.describe(),
        "card": model.card,
    }
    write_json(folder / DESCRIPTION_FILE, description)


def load_model(path: str | Path) -> TrainedModel:
    """Load a model for prediction or as the source of a fine-tuning.

    Args:
        path: A folder of the model library, or a Lightning checkpoint of this package.

    Raises:
        CheckpointError: If there is no model, it is damaged, or another program wrote it.
    """
    path = Path(path)
    if not path.exists():
        raise CheckpointError(f"there is no model at {path}; give a folder with {DESCRIPTION_FILE} or a .ckpt file")
    description, weights = _read_folder(path) if path.is_dir() else _read_checkpoint(path)
    lacking = [entry for entry in ("network", "featurizer", "card") if entry not in description]
    if lacking:
        raise CheckpointError(f"the model in {path} is damaged: its description has no {', '.join(lacking)}")
    network = PropertyModel.from_description(description["network"])
    try:
        network.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise CheckpointError(f"the weights in {path} do not fit the model described there ({error})") from error
    featurizer = load_featurizer(description["featurizer"])
    return TrainedModel(network.eval(), featurizer, description["card"], _fingerprint(weights))


def _fingerprint(weights: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + b"\0" + weights[name].contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


def _read_folder(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    of_library = (folder / CARD_FILE).is_file()
    for name in (CARD_FILE if of_library else DESCRIPTION_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder} is not a model of this package: it has no {name}")
    try:
        description = _read_card(folder) if of_library else _read_description(folder)
        weights = load_file(folder / WEIGHTS_FILE)
    except CheckpointError:
        raise
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"the model in {folder} is damaged ({error}); train it again") from error
    return description, weights


def _read_card(folder: Path) -> dict[str, Any]:
    """The card of a model of a library, which may come from anyone: it must not name arbitrary modules."""
    card = read_card(folder)
    given = [each.strip() for each in os.environ.get(TRUST_VARIABLE, "").split(",") if each.strip()]
    for class_path in _class_paths(card["network"]):
        module = class_path.rpartition(".")[0]
        # Installed plug-ins are trusted already.
        trusted = ("gnn_sim2real", *given, *plugin_modules())
        if module not in sys.modules and not any(f"{module}.".startswith(f"{each}.") for each in trusted):
            raise CheckpointError(
                f"the model in {folder} names the encoder {class_path!r}, which is not from this package; if you trust "
                f"that module, import it first, or set {TRUST_VARIABLE}={module.partition('.')[0]}"
            )
    return {"network": card["network"], "featurizer": card["featurizer"], "card": card}


def _class_paths(described: Any) -> Iterator[str]:
    """All classes named in a description, at every depth."""
    if isinstance(described, dict):
        if "class_path" in described:
            yield str(current_paths(described["class_path"]))
        for value in described.values():
            yield from _class_paths(value)
    elif isinstance(described, list):
        for value in described:
            yield from _class_paths(value)


def _read_description(folder: Path) -> dict[str, Any]:
    description: dict[str, Any] = json.loads((folder / DESCRIPTION_FILE).read_text())
    number = description.get("format") if isinstance(description, dict) else None
    if number != MODEL_FORMAT:
        raise CheckpointError(f"the model in {folder} has format {number}, this version reads {MODEL_FORMAT}")
    return description


def _read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # which error the unpickler raises depends on the bytes
        raise CheckpointError(
            f"{path} is damaged, or not a checkpoint of this package (only plain tensors and types are accepted)"
        ) from error
    if not isinstance(checkpoint, dict) or CHECKPOINT_ENTRY not in checkpoint:
        raise CheckpointError(
            f"{path} was not written by gnn_sim2real: it does not describe its model; give a checkpoint of "
            "`gnn-sim2real fit`, or a folder of the model library"
        )
    prefix = "network."
    weights = {
        name.removeprefix(prefix): tensor
        for name, tensor in checkpoint["state_dict"].items()
        if name.startswith(prefix)
    }
    return checkpoint[CHECKPOINT_ENTRY], weights
