"""`embed`: what a pretrained model knows of materials, as a table of features."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from gnn_sim2real.estimator.materials import Kind, Kinds, read_materials
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.library import TrainedModel, load_model
from gnn_sim2real.store.mixtures import store_of

_BATCH = 256


def embed(
    X: Any,
    model: str | Path | TrainedModel,
    layer: int = -1,
    *,
    on_error: Literal["raise", "nan"] = "raise",
    material_column: str | None = None,
) -> NDArray[np.float64]:
    """Features of materials from a layer of a frozen model.

    Args:
        X: Materials of the kind that the model reads, see `TransferRegressor`.
        model: Address (`starter:polymer/density`), folder or checkpoint of a model, or the model.
        layer: Number of the layer, from 0 for the first; -1 is the last one, -2 the one before.
        on_error: What to do with a material that cannot be read: `raise` says which, and why; `nan` gives a row of NaN.
        material_column: Column of the materials, where X is a DataFrame; found by its heading unless given.

    Returns:
        (num_materials, width of the layer).

    Raises:
        ValueError: If X are no materials, one of them cannot be read, or there is no such layer.
    """
    if on_error not in ("raise", "nan"):
        raise ValueError(f'`on_error` must be "raise" or "nan", got {on_error!r}')
    loaded = model if isinstance(model, TrainedModel) else load_model(model)
    materials = read_materials(X, kind_of(loaded), column=material_column)
    if on_error == "raise":
        materials.require_readable()
    rows = materials.readable
    if not len(rows):
        raise ValueError(f"none of the {len(materials)} materials can be read: {materials.reasons[0]}")
    found = embed_readable(loaded, [materials.contents[row] for row in rows.tolist()], layer)
    whole = np.full((len(materials), found.shape[1]), np.nan)
    whole[rows] = found
    return whole


def kind_of(model: TrainedModel) -> Kinds:
    """What materials a model reads.

    Args:
        model: The model.
    """
    units = {each.name: each.unit for each in model.network.condition_specs}
    roles = tuple(model.featurizer.settings.get("roles", ()))
    kind: Kind = model.featurizer.name  # type: ignore[assignment]
    return Kinds(kind, roles, units if kind == "mixture" else {})


def embed_readable(model: TrainedModel, contents: list[Any], layer: int = -1) -> NDArray[np.float64]:
    """Features of materials that can be read.

    Args:
        model: The model.
        contents: As its featurizer reads them, at least one.
        layer: Number of the layer.

    Returns:
        (num_materials, width of the layer).

    Raises:
        ValueError: If there is no such layer.
    """
    found = []
    for batch in _batches(model, contents):
        layers = model.network.encoder.layer_features(batch)
        if not -len(layers) <= layer < len(layers):
            raise ValueError(
                f"`layer` must be between {-len(layers)} and {len(layers) - 1}, since this model has {len(layers)} "
                f"layers; got {layer}"
            )
        found.append(layers[layer])
    return torch.cat(found).double().numpy()


def _batches(model: TrainedModel, contents: list[Any]) -> Iterator[GraphBatch]:
    with torch.inference_mode():
        for start in range(0, len(contents), _BATCH):
            store = store_of(contents[start : start + _BATCH], model.featurizer)
            batch = store.select(torch.arange(len(store)))
            model.network.require_readable(batch)
            yield batch
