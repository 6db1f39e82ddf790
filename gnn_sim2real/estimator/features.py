"""`embed`: what a pretrained model knows of materials, as a table of features."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from gnn_sim2real.estimator.materials import Kind, Kinds, Materials, read_materials
from gnn_sim2real.estimator.settings import EmbedSettings
from gnn_sim2real.featurize.crystal_files import Disorder
from gnn_sim2real.files import expand, require_replaceable, spreadsheet_text, write_atomically
from gnn_sim2real.graph import GraphBatch
from gnn_sim2real.library import TrainedModel, load_model
from gnn_sim2real.store.mixtures import store_of
from gnn_sim2real.tables.material_column import Blend

if TYPE_CHECKING:
    import pandas

    from gnn_sim2real.estimator.pool import Pool

_BATCH, _CHUNK = 256, 4096


def embed(
    X: Any,
    model: str | Path | TrainedModel,
    layer: int = -1,
    *,
    on_error: Literal["raise", "nan"] = "raise",
    material_column: str | None = None,
    disorder: Disorder | None = None,
) -> NDArray[np.float64]:
    """Features of materials from a layer of a frozen model.

    Args:
        X: Materials of the kind that the model reads, see `TransferRegressor`.
        model: Address (`starter:polymer/density`), folder or checkpoint of a model, or the model.
        layer: Number of the layer, from 0 for the first; -1 is the last one, -2 the one before.
        on_error: What to do with a material that cannot be read: `raise` says which, and why; `nan` gives a row of NaN.
        material_column: Column of the materials, where X is a DataFrame; found by its heading unless given.
        disorder: How disordered crystals are read, `average` or `order`; as the model was trained unless given.

    Returns:
        (num_materials, width of the layer).

    Raises:
        ValueError: If X are no materials, one of them cannot be read, or there is no such layer.
    """
    if on_error not in ("raise", "nan"):
        raise ValueError(f'`on_error` must be "raise" or "nan", got {on_error!r}')
    loaded = (model if isinstance(model, TrainedModel) else load_model(model)).with_disorder(disorder)
    materials = read_materials(X, kind_of(loaded), column=material_column)
    if on_error == "raise":
        materials.require_readable()
    found, materials = embed_known(loaded, materials, layer)
    if on_error == "raise":
        materials.require_readable()
    if found is None:
        raise ValueError(f"none of the {len(materials)} materials can be read: {materials.first_reason}")
    whole = np.full((len(materials), found.shape[1]), np.nan)
    whole[materials.readable] = found
    return whole


def kind_of(model: TrainedModel) -> Kinds:
    """What materials a model reads.

    Args:
        model: The model.
    """
    units = {each.name: each.unit for each in model.network.condition_specs}
    roles = tuple(model.featurizer.settings.get("roles", ()))
    kind: Kind = model.featurizer.name  # type: ignore[assignment]
    disorder: Disorder = model.featurizer.settings.get("disorder", "refuse")
    return Kinds(kind, roles, units if kind == "mixture" else {}, disorder, _blend_of(model))


def _blend_of(model: TrainedModel) -> Blend | None:
    """The columns of blends in the table that a model was trained on, as far as it knows them."""
    described = model.card.get("data_settings")
    said = described.get("init_args") if isinstance(described, dict) else None
    if not isinstance(said, dict) or not isinstance(said.get("components"), list):
        return None
    components, weights = (tuple(map(str, said.get(name) or ())) for name in ("components", "weights"))
    linkage = said.get("linkage")
    return Blend(components, weights, linkage if isinstance(linkage, str) else None)


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


def embed_known(
    model: TrainedModel, materials: Materials, layer: int = -1
) -> tuple[NDArray[np.float64] | None, Materials]:
    """Features of the materials that can be read and have a graph.

    Args:
        model: The model.
        materials: The materials.
        layer: Number of the layer.

    Returns:
        (num_readable, width of the layer), None if there are none; and the materials, with the reasons of the others.

    Raises:
        ValueError: If there is no such layer.
    """
    rows = materials.readable.tolist()
    if not rows:
        return None, materials
    try:
        return embed_readable(model, [materials.contents[row] for row in rows], layer), materials
    except ValueError:
        checked = materials.with_graphs(model.featurizer)  # only now: of nearly all materials no graph fails
        if len(checked.reasons) == len(materials.reasons):
            raise
    return embed_known(model, checked, layer)


def _batches(model: TrainedModel, contents: list[Any]) -> Iterator[GraphBatch]:
    with torch.inference_mode():
        for start in range(0, len(contents), _BATCH):
            store = store_of(contents[start : start + _BATCH], model.featurizer)
            batch = store.select(torch.arange(len(store)))
            model.network.require_readable(batch)
            yield batch


FORMATS = (".csv", ".parquet", ".npy")
"""Endings of files of features."""


def write_features(source: str, asked: str, settings: EmbedSettings) -> tuple[Path, int, int]:
    """Write the features of a file of materials.

    Args:
        source: Address, folder or checkpoint of a model.
        asked: File or folder of materials.
        settings: See `EmbedSettings`.

    Returns:
        The file, the number of materials, and how many of them cannot be read.

    Raises:
        ValueError: If a material or the file cannot be read, there is no such layer, or a file would be lost.
    """
    from gnn_sim2real.estimator.pool import read_pool

    output = Path(settings.output)
    if output.suffix.lower() not in FORMATS:
        raise ValueError(f"the output {output} must end with {', '.join(FORMATS)}")
    require_replaceable(output, inputs=[expand(asked)], overwrite=settings.overwrite)
    model = load_model(source).with_disorder(settings.disorder)
    pool = read_pool(asked, kind_of(model), settings.column)
    features, reasons = _embed_pool(model, pool, settings)
    if features is None:
        first = f"{pool.names[0]}: {reasons[0].removeprefix(f'{pool.names[0]}: ')}"
        raise ValueError(f"none of the {len(pool)} materials in {asked} can be read: {first}")
    content = io.BytesIO()
    if output.suffix.lower() == ".npy":
        np.save(content, features)
    elif output.suffix.lower() == ".parquet":
        _table_of(features, pool, reasons).to_parquet(content, index=False)
    else:
        texts = _table_of(features, pool, reasons).rename(columns=spreadsheet_text)
        texts = texts.map(lambda cell: spreadsheet_text(cell) if isinstance(cell, str) else cell)
        texts.to_csv(content, index=False)
    write_atomically(output, content.getvalue())
    return output, len(pool), sum(map(bool, reasons))


def _embed_pool(
    model: TrainedModel, pool: "Pool", settings: EmbedSettings
) -> tuple[NDArray[np.float32] | None, list[str]]:
    """Features of each material, None if none can be read, and why it cannot."""
    whole: NDArray[np.float32] | None = None
    reasons = [""] * len(pool)
    for start, read in pool.parts(_CHUNK):
        advice = "leave it out, or add `--on-error nan`"
        if settings.on_error == "raise":
            read.require_readable(advice)
        features, materials = embed_known(model, read, settings.layer)
        if settings.on_error == "raise":
            materials.require_readable(advice)
        for row, reason in materials.reasons.items():
            reasons[start + row] = reason
        if features is None:
            continue
        if whole is None:
            whole = np.full((len(pool), features.shape[1]), np.nan, np.float32)
        whole[start + materials.readable] = features
    return whole, reasons


def _table_of(features: NDArray[np.float32], pool: "Pool", reasons: list[str]) -> "pandas.DataFrame":
    """The materials with their other columns, followed by their features."""
    import pandas

    table: dict[str, Any] = {pool.column or "material": pool.names}
    table |= {name: each for name, each in pool.other_columns().items() if name not in table}
    if any(reasons):
        table["reason"] = reasons
    columns = [f"feature_{number}" for number in range(features.shape[1])]
    return pandas.concat([pandas.DataFrame(table), pandas.DataFrame(features, columns=columns)], axis=1)
