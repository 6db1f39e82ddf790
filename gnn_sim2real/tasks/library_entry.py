"""The card of a training: its data, its errors, and the license of the data."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.library.card import DOMAINS
from gnn_sim2real.library.folder import ModelLibrary
from gnn_sim2real.library.model import TrainedModel
from gnn_sim2real.metrics import whole_set_metrics

_NOT_STATED = "none stated"


def save_pretrained(
    library: ModelLibrary,
    model: TrainedModel,
    data: PropertyDataModule,
    config: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> str:
    """Save a model that was just trained in a library.

    Args:
        library: The library.
        model: The model with the card of its task, see `PropertyRegression.card`.
        data: What it was trained on.
        config: Resolved configuration of the training, with its `seed_everything`.
        provenance: See `gnn_sim2real.records.record.provenance`; its time and process make a key of their own.

    Returns:
        Its key.
    """
    model = replace(model, network=model.network.eval())
    card = describe_training(model, data) | {"seed": int(config["seed_everything"]), "provenance": dict(provenance)}
    return library.add(model, card, data.seen_identities(), config)


def describe_training(model: TrainedModel, data: PropertyDataModule) -> dict[str, Any]:
    """The part of a card that comes from the data.

    Args:
        model: The model.
        data: What it was trained on.
    """
    sheet = data.sheet
    return model.card | {
        "domain": DOMAINS[data.kind],
        "source": sheet.name if sheet else type(data).__name__,
        "license": sheet.license if sheet else _NOT_STATED,
        "citation": sheet.citation if sheet else _NOT_STATED,
        "num_validation": len(data.parts.validation),
        "metrics": validation_metrics(model, data),
    }


def validation_metrics(model: TrainedModel, data: PropertyDataModule) -> dict[str, dict[str, float]]:
    """Errors on the validation part by property; without properties of which it has no value.

    Args:
        model: The model.
        data: What it was trained on.
    """
    rows = data.parts.validation
    if not len(rows):
        return {}
    prediction, truth = model.predict_graphs(data.store.take(rows)), data.table.values[rows]
    found = {}
    for column, spec in enumerate(model.network.properties):
        if (truth[:, column] == truth[:, column]).any():  # some value is not NaN
            errors = whole_set_metrics(prediction[:, column], truth[:, column], spec.transform)
            found[spec.name] = {name: value for name, value in errors.items() if name != "num_test"}
    return found
