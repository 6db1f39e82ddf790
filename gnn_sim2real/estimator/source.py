"""Where an estimator learns from: the library, one model, or a data module on which one is pretrained."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lightning.pytorch import seed_everything

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.featurize.featurizer import Featurizer, makes_components
from gnn_sim2real.library import Card, ModelLibrary, TrainedModel, load_model
from gnn_sim2real.nn.encoder import Encoder
from gnn_sim2real.shotgun.libraries import find_cards, open_library
from gnn_sim2real.shotgun.models import QuickLoader
from gnn_sim2real.shotgun.ranking import Entry, Models
from gnn_sim2real.tasks import SourcePretraining
from gnn_sim2real.tasks.small_training import train_small

AUTO = "auto"

_ENCODERS = {"repeat_unit": "GINE", "molecule": "GINE", "composition": "Roost", "crystal": "CGCNN"}


class Opened(NamedTuple):
    """Models to start from.

    Attributes:
        models: Loads them.
        cards: Their cards; of a single model its entry.
        library: Their library, in which predictions of models are looked up.
    """

    models: Models
    cards: Sequence[Card | Entry]
    library: ModelLibrary

    @property
    def is_single(self) -> bool:
        """Whether a user has chosen the model."""
        return isinstance(self.models, OneModel)


class OneModel:
    """A model in the place of a library.

    Args:
        model: The model.
    """

    def __init__(self, model: TrainedModel) -> None:
        self.model = model

    def load(self, key: str) -> TrainedModel:
        """The model, whatever the key."""
        return self.model


def open_source(
    source: Any, own: PropertyDataModule, library: str, encoder: Encoder | None, epochs: int, seed: int
) -> Opened:
    """Open what an estimator starts from.

    Args:
        source: `auto` for a library; the address, folder or checkpoint of a model, or a `TrainedModel`; or a data
            module, on which a model is pretrained.
        own: The measured materials, which a pretraining does not see.
        library: Folder of a library of one's own, beside the starter library.
        encoder: Architecture of a pretraining; one that fits the materials unless given.
        epochs: Epochs of a pretraining.
        seed: Seed of a pretraining.

    Raises:
        ValueError: If it is none of these, or a model of other materials.
    """
    if isinstance(source, str) and source == AUTO:
        opened = open_library(library, starter=True)
        return Opened(QuickLoader(opened), find_cards(opened, {}), opened)
    if isinstance(source, PropertyDataModule):
        model = pretrain(source, own, encoder, epochs, seed)
    elif isinstance(source, TrainedModel):
        model = source
    elif isinstance(source, str | Path):
        model = load_model(source)
    else:
        raise ValueError(
            f"`source` must be 'auto', the address, folder or checkpoint of a model, a TrainedModel or a data module, "
            f"got {type(source).__name__}"
        )
    _require_alike(model, own.featurizer)
    name = type(model.network.encoder).__name__
    entry = Entry(model.fingerprint or name, name, model.featurizer.describe())
    return Opened(OneModel(model), [entry], ModelLibrary(Path()))


def _require_alike(model: TrainedModel, own: Featurizer) -> None:
    kind = model.featurizer.name
    by_composition = model.network.encoder.reads_composition_only
    if kind != own.name and not by_composition and not makes_components(model.featurizer, own):
        raise ValueError(f"the source model reads materials of the kind {kind!r}, but X has the kind {own.name!r}")


def pretrain(
    source: PropertyDataModule, own: PropertyDataModule, encoder: Encoder | None, epochs: int, seed: int
) -> TrainedModel:
    """Pretrain a model on simulations, without those of the measured materials, so that its error is honest.

    Args:
        source: The simulations.
        own: The measured materials.
        encoder: The architecture; one that fits the materials unless given.
        epochs: Number of epochs.
        seed: Seed of the training.

    Raises:
        ValueError: If there is no usual architecture for such materials.
    """
    data = source.variant(exclude=own, remove="all")
    seed_everything(seed, verbose=False)
    if encoder is None:
        encoder = _make_encoder(data.kind)
    task = SourcePretraining(encoder)
    train_small(task, data, epochs)
    return TrainedModel(task.network.eval(), data.featurizer, task.card())


def _make_encoder(kind: str) -> Encoder:
    from gnn_sim2real import nn

    if kind not in _ENCODERS:
        raise ValueError(f"a source of the kind {kind!r} needs `encoder`, e.g. gnn_sim2real.nn.Pair(...)")
    encoder: Encoder = getattr(nn, _ENCODERS[kind])()
    return encoder
