"""Trained models as files: safetensors for the weights, plain JSON for the rest. Nothing in them can run code."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.attachment import require_no_marks
from gnn_sim2real.featurize.crystal_files import Disorder
from gnn_sim2real.featurize.featurizer import Featurizer, load_featurizer, says_no_structures, with_disorder
from gnn_sim2real.files import as_read, file_sha256, require_sound_zip, unseal, write_atomically, write_sealed
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.library.card import CARD_FILE, check_network, read_card, read_small_json
from gnn_sim2real.library.content import DESCRIPTION_FILE, WEIGHTS_FILE, default_library, find_model, require_own_key
from gnn_sim2real.nn.model import PropertyModel
from gnn_sim2real.store.isolated import warn_of_isolated
from gnn_sim2real.store.mixtures import AnyStore, store_of
from gnn_sim2real.store.vocabulary import warn_of_unseen

MODEL_FORMAT = 1
CHECKPOINT_ENTRY = "gnn_sim2real_model"
"""Entry of a Lightning checkpoint with the description that a library folder has in its JSON."""
_ACCEPTED = (
    f"accepted are the folder of a model of the library (with {CARD_FILE}) and a .ckpt that `gnn-sim2real fit` wrote"
)


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


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        properties = ", ".join(
            f"{each.name} [{each.unit}]" if each.unit else each.name for each in self.network.properties
        )
        source = f", trained on {self.card['source']}" if self.card.get("source") else ""
        name = self.card.get("architecture") or type(self.network.encoder).__name__
        return f"{name} that predicts {properties} of the kind {self.featurizer.name!r}{source}"

    def with_disorder(self, disorder: Disorder | None) -> "TrainedModel":
        """The model, which reads disordered crystals in another way than it was trained with.

        Args:
            disorder: `average`, `order` or `refuse`, see `featurize.crystal_files.featurize_crystal`; None for its own.
                A model of formulas reads disordered crystals without it.

        Raises:
            ValueError: If it is no model of crystals.
        """
        if disorder is None:
            return self
        if self.featurizer.name != "crystal":
            raise ValueError(says_no_structures(disorder, self.featurizer.name))
        return replace(self, featurizer=with_disorder(self.featurizer, {"disorder": disorder}))

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
        if self.featurizer.name in ("repeat_unit", "molecule"):
            require_no_marks([each for each in materials if isinstance(each, str)], "the materials")
        store = store_of(materials, self.featurizer)
        warn_of_isolated(store, [str(number) for number in range(1, len(store) + 1)], "prediction")
        warn_of_unseen(self.card.get("vocabulary"), store, "prediction")
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

    A half-written model is never mistaken for a complete one, since its JSON is written last; it has the hash of the
    weights and a checksum of its own.

    Args:
        model: The model.
        folder: Folder to write.
    """
    weights = weights_content(model)
    write_atomically(folder / WEIGHTS_FILE, weights)
    description = {
        "format": MODEL_FORMAT,
        "network": model.network.describe(),
        "featurizer": model.featurizer.describe(),
        "card": model.card,
        "weights": hashlib.sha256(weights).hexdigest(),
    }
    write_sealed(folder / DESCRIPTION_FILE, description)


def load_model(path: str | Path, untrained: bool = False) -> TrainedModel:
    """Load a model for prediction or as the source of a fine-tuning.

    Args:
        path: A folder of the model library, a Lightning checkpoint of this package, or the key of a model of the
            default library, or its first characters.
        untrained: Whether a checkpoint of a training that took no step yet is accepted, to be resumed.

    Raises:
        CheckpointError: If there is no model, it is untrained or damaged, or another program wrote it.
    """
    path = find_model(Path(path))
    if not path.exists():
        of_key = "" if path.suffix or len(path.parts) > 1 else f", and none with such a key in {default_library()}"
        raise CheckpointError(
            f"there is no model at {path}{of_key}: {_ACCEPTED}; `gnn-sim2real models list` shows the keys, and the "
            "path of a model is LIBRARY/KEY"
        )
    description, weights = _read_folder(path) if path.is_dir() else _read_checkpoint(path, untrained)
    lacking = [entry for entry in ("network", "featurizer", "card") if entry not in description]
    if lacking:
        raise CheckpointError(f"the model in {path} is damaged: its description has no {', '.join(lacking)}")
    network = _make_network(description, weights, path)
    if wrong := _unfit_weight(network, weights):
        raise CheckpointError(f"the weights in {path} are not those of a trained model: {wrong}; download it again")
    try:
        network.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise CheckpointError(f"the weights in {path} do not fit the model described there ({error})") from error
    featurizer = load_featurizer(description["featurizer"])
    if path.is_dir() and not (path / CARD_FILE).is_file():  # a card is checked with the weights, by the folder's name
        _require_unchanged(description, path)
    return TrainedModel(network.eval(), featurizer, description["card"], _fingerprint(weights))


def _make_network(description: Mapping[str, Any], weights: Mapping[str, Tensor], path: Path) -> PropertyModel:
    """Make the network with fresh weights, after a check that it is sound and no larger than the weights.

    A description may come from anyone. So it is first made without memory, until it has more than the weights have.
    """
    if wrong := [name for name, each in weights.items() if each.is_floating_point() and not each.isfinite().all()]:
        raise CheckpointError(
            f"the weights in {path} have values that are not finite, the first in {wrong[0]}: the training diverged, "
            "or the file is damaged"
        )
    network = description["network"]
    try:
        plain = as_read({"network": network, "featurizer": description["featurizer"]})
        check_network(plain["network"], plain["featurizer"], f"the model in {path}")
        with torch.random.fork_rng(devices=[]), _no_more_than(weights):
            with suppress(RuntimeError), torch.device("meta"):  # some read the numbers that they make, as SchNet's does
                PropertyModel.from_description(network)
            return PropertyModel.from_description(network)
    except CheckpointError as error:
        raise CheckpointError(str(error) if str(path) in str(error) else f"the model in {path}: {error}") from error
    except Exception as error:  # which one depends on the settings that the class is given
        raise CheckpointError(
            f"the model in {path} cannot be made from its description ({type(error).__name__}: {error}); it is "
            "damaged, or of another version of gnn_sim2real"
        ) from error


def _unfit_weight(network: PropertyModel, weights: Mapping[str, Tensor]) -> str | None:
    """What in weights no training leaves behind, though a network would take it; None if nothing does."""
    for name, own in network.state_dict().items():
        given = weights.get(name, own)
        if given.is_floating_point() != own.is_floating_point() or given.is_complex():
            return f"{name} has numbers of the type {str(given.dtype).removeprefix('torch.')}"
        if name.endswith("running_var") and (given < 0).any():
            return f"{name} has a negative variance"
        if name == "scaler.std" and (given <= 0).any():
            return f"{name} has a width that is not above 0"
    return None


@contextmanager
def _no_more_than(weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Stop the making of a network that has many more parameters than weights.

    Raises:
        CheckpointError: If it has.
    """
    # Twice, since layers may make a parameter and replace it.
    wanted_numbers = 2 * sum(tensor.numel() for tensor in weights.values()) + 10_000
    wanted_tensors = 2 * len(weights) + 100
    numbers = tensors = 0

    def count(module: torch.nn.Module, name: str, parameter: Any) -> None:
        nonlocal numbers, tensors
        tensors += 1
        numbers += parameter.numel() if isinstance(parameter, Tensor) and parameter.layout == torch.strided else 0
        if numbers > wanted_numbers or tensors > wanted_tensors:
            raise CheckpointError("the network described there is far larger than its weights")

    hook = torch.nn.modules.module.register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def _fingerprint(weights: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + b"\0" + weights[name].contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


def _read_folder(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    of_library = (folder / CARD_FILE).is_file()
    if not any((folder / name).is_file() for name in (CARD_FILE, DESCRIPTION_FILE, WEIGHTS_FILE)):
        raise CheckpointError(f"{folder} is not the folder of a model: {_ACCEPTED}{_inside(folder)}")
    for name in (CARD_FILE if of_library else DESCRIPTION_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder} is not a model of this package: it has no {name}")
    try:
        description = _read_card(folder) if of_library else _read_description(folder)
        weights = load_file(folder / WEIGHTS_FILE)
    except CheckpointError:
        raise
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise CheckpointError(f"the model in {folder} is damaged ({error}); train it again") from error
    return description, weights


def _inside(folder: Path) -> str:
    """What to give instead of a folder that holds models."""
    found = [each for pattern in ("*.ckpt", f"*/{CARD_FILE}", "checkpoints/*.ckpt") for each in folder.glob(pattern)]
    if not found:
        return ""
    models = sorted(each.parent if each.name == CARD_FILE else each for each in found)
    return f"; it holds {len(models)}, the first is {models[0]}"


def _read_card(folder: Path) -> dict[str, Any]:
    card = read_card(folder)
    require_own_key(folder)
    return {"network": card["network"], "featurizer": card["featurizer"], "card": card}


def _read_description(folder: Path) -> dict[str, Any]:
    description: dict[str, Any] = read_small_json(folder / DESCRIPTION_FILE)
    number = description.get("format") if isinstance(description, dict) else None
    if number != MODEL_FORMAT:
        raise CheckpointError(f"the model in {folder} has format {number}, this version reads {MODEL_FORMAT}")
    return description


def _require_unchanged(description: dict[str, Any], folder: Path) -> None:
    """Refuse a model outside libraries that was changed; last, since other checks say what is wrong."""
    try:
        unseal(dict(description))
        wanted = description.get("weights")  # which earlier versions did not write
        if wanted is not None and file_sha256(folder / WEIGHTS_FILE) != wanted:
            raise ValueError(f"the hash of {WEIGHTS_FILE} is not the one in {DESCRIPTION_FILE}")
    except ValueError as error:
        raise CheckpointError(
            f"the model in {folder} is not the one that was saved ({error}); train it again"
        ) from error


def was_trained(checkpoint: Mapping[str, Any]) -> bool:
    """Whether the weights of a checkpoint were trained, or pretrained.

    Args:
        checkpoint: Content of a Lightning checkpoint; those of earlier versions say it by their number of steps only.
    """
    found = checkpoint[CHECKPOINT_ENTRY].get("trained")
    return bool(checkpoint.get("global_step", 1) if found is None else found)


def _read_checkpoint(path: Path, untrained: bool) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        require_sound_zip(path)
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
    description, state = checkpoint[CHECKPOINT_ENTRY], checkpoint.get("state_dict")
    if not isinstance(description, dict) or not isinstance(state, dict):
        raise CheckpointError(f"{path} is damaged: the description of its model or its weights are missing")
    if not untrained and not was_trained(checkpoint):
        raise CheckpointError(
            f"the model in {path} is untrained: its training took no step, or was only a `fast_dev_run`; train it "
            "with `gnn-sim2real fit`"
        )
    weights = {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if name.startswith(prefix) and isinstance(tensor, Tensor)
    }
    return description, weights
