"""What the models of a library predict for a target's materials, every property: descriptors of these materials.

A model of one property knows of others: cohesive energy and density, simulated, describe a liquid whose boiling point
is asked. No measured value is used here, so there is nothing to leave out of a fold. A model that was trained on
simulations of the measured materials predicts these better than others; see `models.without_seen`.
"""

import hashlib
import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
import torch

from gnn_sim2real.console import track
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.files import write_atomically
from gnn_sim2real.library import Card, TrainedModel
from gnn_sim2real.linear import Floats
from gnn_sim2real.renamed import current_property
from gnn_sim2real.shotgun.ranking import Models
from gnn_sim2real.shotgun.target import Target, to_scale

VERSION = 1
"""Raised by hand whenever the same model would give other numbers."""

Choice = Literal["largest", "all"]
"""Which models of a source and property make its column: a few of those trained on the most materials, or all."""

NUM_LARGEST = 3
"""Number of models of a column for the choice `largest`: more of them hardly change a mean, and all have to be kept
with an ensemble that uses the column."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Column:
    """The mean prediction of some models for one property of one source.

    Attributes:
        source: Name of the source.
        property_name: Name of the property.
        models: Keys of the models.
    """

    source: str
    property_name: str
    models: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"{self.source}: {self.property_name}"


def choose_columns(cards: Sequence[Card], choice: Choice = "largest") -> list[Column]:
    """One column for each property of each source.

    Args:
        cards: Cards of the models that may be used.
        choice: Which models make a column.
    """
    groups: dict[tuple[str, str], list[Card]] = {}
    for card in cards:
        for name in card.properties:
            groups.setdefault((card.source, name), []).append(card)
    columns = []
    for (source, name), group in sorted(groups.items()):
        # Of models of one size the first seed of each architecture: different ones differ in their errors.
        ordered = sorted(group, key=lambda card: (-card.size, card.seed, card.architecture, card.key))
        chosen = ordered if choice == "all" else ordered[:NUM_LARGEST]
        columns.append(Column(source, name, tuple(card.key for card in chosen)))
    return columns


def predict_columns(
    models: Models,
    columns: Sequence[Column],
    target: Target,
    cache: Path | None = None,
    *,
    refuse_damaged: bool = False,
) -> tuple[list[Column], Floats]:
    """Predict the columns for all materials of a target.

    Args:
        models: The library.
        columns: From `choose_columns`.
        target: The target.
        cache: Folder of predictions that later runs reuse; None for none.
        refuse_damaged: Whether a model that cannot be loaded is refused; else it is left out.

    Returns:
        The columns with the models that can read these materials, those of none left out; and their values,
        (num_materials, num_columns), of properties over orders of magnitude the decimal logarithm.

    Raises:
        CheckpointError: If a model is refused.
    """
    keys = sorted({key for column in columns for key in column.models})
    file = None if cache is None else cache / f"library_{_cache_name(target)}.npz"
    known = _read(file)
    new, damaged = [key for key in keys if key not in known], dict[str, CheckpointError]()
    try:
        for key in track(new, "Predictions of the library"):
            try:
                model = models.load(key)
            except CheckpointError as error:  # which is not kept, since it may be made good
                damaged[key] = error
                continue
            known[key] = _predict(model, key, target)
    finally:  # what a stop finds is not predicted again
        if new and file is not None:
            # What another process found meanwhile stays.
            content = io.BytesIO()
            np.savez(content, **_flat(_read(file) | known))
            write_atomically(file, content.getvalue())
    for key, fault in damaged.items():
        if refuse_damaged:
            raise fault
        logger.debug("%s cannot be loaded: %s", key, fault)  # the ranking counts it with its reason
        known[key] = {}
    kept, values = [], []
    for column in columns:
        readable = tuple(key for key in column.models if column.property_name in known[key])
        if readable:
            kept.append(Column(column.source, column.property_name, readable))
            values.append(np.mean([known[key][column.property_name] for key in readable], axis=0))
    return kept, np.column_stack([np.empty((len(target.values), 0)), *values])


def _predict(model: TrainedModel, key: str, target: Target) -> dict[str, Floats]:
    """Predictions of each property; none if the model cannot read these materials."""
    try:
        if not _fits(model, target):
            return {}
        with torch.inference_mode():
            found = [model.network.predict(batch) for batch in target.view(model.featurizer).batches]
    except ValueError as error:  # the ranking counts it with its reason
        logger.debug("%s does not describe these materials: %s", key, error)
        return {}
    values = torch.cat(found).double().numpy()
    specs = model.network.properties
    columns = {
        spec.name: to_scale(each, spec.form == "exponential" or spec.transform is not None)
        for spec, each in zip(specs, values.T, strict=True)
    }
    return {name: each for name, each in columns.items() if np.isfinite(each).all()}


def _fits(model: TrainedModel, target: Target) -> bool:
    """Whether a model needs nothing but the materials, and the conditions of their measurements."""
    wanted = model.network.condition_specs
    return model.network.line is None and (not wanted or wanted == target.conditions)


def _cache_name(target: Target) -> str:
    return hashlib.sha256(f"{VERSION} {target.fingerprint_of_materials()}".encode()).hexdigest()[:32]


def _flat(known: Mapping[str, Mapping[str, Floats]]) -> dict[str, Any]:
    """For a file: the predictions of a model side by side, and the names of its properties."""
    flat: dict[str, Any] = {}
    for key, found in known.items():
        flat[f"{key} names"] = np.array(list(found), dtype=np.str_)
        flat[f"{key} values"] = np.array(list(found.values()))
    return flat


def _read(file: Path | None) -> dict[str, dict[str, Floats]]:
    if file is None or not file.is_file():
        return {}
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as content:
            keys = [name.removesuffix(" names") for name in content if name.endswith(" names")]
            return {
                key: dict(
                    zip(map(current_property, content[f"{key} names"].tolist()), content[f"{key} values"], strict=True)
                )
                for key in keys
            }
    except (OSError, ValueError, KeyError, BadZipFile) as error:  # damaged: predicted again
        logger.debug("%s is made again: %s", file, error)
        return {}
