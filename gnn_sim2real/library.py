"""Trained models as files: safetensors for the weights, plain JSON for all else. Nothing in them can run code."""

import hashlib
import json
from collections.abc import Callable, Sequence
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
from gnn_sim2real.mixture_store import AnyStore, store_of
from gnn_sim2real.nn.model import PropertyModel

MODEL_FORMAT = 1
WEIGHTS_FILE, DESCRIPTION_FILE = "weights.safetensors", "model.json"
CHECKPOINT_ENTRY = "gnn_sim2real_model"
"""Where a Lightning checkpoint keeps what a library folder has in its JSON."""


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
    """A network with all that is needed to use it on new materials.

    Attributes:
        network: The network, in eval mode.
        featurizer: Makes graphs of materials.
        card: Where the model comes from, in plain types.
        fingerprint: Hash of the weights it was loaded with; empty for a model that was never stored.
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
            batch_size: Materials at a time.

        Raises:
            ValueError: If a spelling cannot be read; the sentence says which.
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
            batch_size: Graphs at a time.

        Returns:
            (num_graphs, num_properties), physical units.
        """
        return self._of_batches(self.network.predict, store, batch_size)

    def encode_graphs(self, store: AnyStore, batch_size: int = 256) -> NDArray[np.float64]:
        """Encode all graphs of a store.

        Args:
            store: Graphs made by this model's featurizer.
            batch_size: Graphs at a time.

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


def save_model(model: TrainedModel, folder: Path) -> None:
    """Write a model as a folder; a half-written one is never taken for whole, since its JSON comes last."""
    from safetensors.torch import save

    # Cloned, as safetensors refuses two names of one tensor, which SchNet's layers have.
    weights = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in model.network.state_dict().items()
    }
    write_atomically(folder / WEIGHTS_FILE, save(weights))
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
        CheckpointError: If there is no model, it is damaged, or it was made by something else.
    """
    path = Path(path)
    if not path.exists():
        raise CheckpointError(f"there is no model at {path}; give a folder with {DESCRIPTION_FILE} or a .ckpt file")
    description, weights = _read_folder(path) if path.is_dir() else _read_checkpoint(path)
    lacking = [entry for entry in ("network", "featurizer", "card") if entry not in description]
    if lacking:
        raise CheckpointError(f"the model in {path} is damaged: its description lacks {', '.join(lacking)}")
    network = PropertyModel.from_description(description["network"])
    try:
        network.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise CheckpointError(f"the weights in {path} do not fit the model they describe ({error})") from error
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

    for name in (DESCRIPTION_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder} is no model of this package: it lacks {name}")
    try:
        description = json.loads((folder / DESCRIPTION_FILE).read_text())
        weights = load_file(folder / WEIGHTS_FILE)
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"the model in {folder} is damaged ({error}); make it again") from error
    number = description.get("format") if isinstance(description, dict) else None
    if number != MODEL_FORMAT:
        raise CheckpointError(f"the model in {folder} has format {number}, this version reads {MODEL_FORMAT}")
    return description, weights


def _read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what the unpickler stumbles over depends on the bytes
        raise CheckpointError(
            f"{path} is damaged, or is no checkpoint of this package (only plain tensors and types are accepted)"
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
