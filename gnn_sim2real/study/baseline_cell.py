"""Cells of baselines: simple predictors on the rows of the curve they are compared with."""

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.baselines import BASELINE_VERSION, calibrate, extra_trees, ridge, shift
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.library import TrainedModel
from gnn_sim2real.metrics import whole_set_metrics
from gnn_sim2real.nn.model import NUMERICS_VERSION as MODEL_VERSION
from gnn_sim2real.records.keys import Canonical, record_key
from gnn_sim2real.records.record import Record, RecordKey, provenance, target_level
from gnn_sim2real.study.grid import GridPoint
from gnn_sim2real.tables.table import CleanTable
from gnn_sim2real.units import convert

SIMULATED_BASELINES = ("simulated_value", "shifted_simulated_value", "calibrated_simulated_value")
"""Baselines that use the simulated value of each material."""


def baseline_key(
    policy: str, model: str | None, target: dict[str, Any] | Canonical, descriptors: int, simulated: str | None
) -> str:
    """Key of a baseline.

    Args:
        policy: Name of the baseline.
        model: Key of the pretrained model, if it uses one.
        target: `key_content` of the target.
        descriptors: Version of the features of the materials.
        simulated: Fingerprint of the source's table, if the simulated values are the prediction.
    """
    numerics = {"baseline": BASELINE_VERSION, "descriptors": descriptors, "model": MODEL_VERSION}
    content = {"policy": policy, "numerics": numerics, "source": model, "target": target}
    return record_key(content | ({} if simulated is None else {"simulated": simulated}))


def run_baseline(
    key: str, point: GridPoint, source: PropertyDataModule, target: PropertyDataModule, model: TrainedModel | None
) -> tuple[Record, dict[str, float]]:
    """Compute a baseline.

    Args:
        key: Key of the record.
        point: The grid point; its policy names the baseline.
        source: The source, with the simulated values.
        target: The target with the size, seed and split of the point.
        model: The pretrained model, for baselines that use one.

    Returns:
        The record, and the error on each test material.
    """
    started = time.monotonic()
    card: dict[str, Any] | None = model.card if model else None
    prediction = _predict(point, source, target, model)
    kept = ~np.isnan(prediction)
    prediction, rows = prediction[kept], target.parts.test[kept]
    spec = target.properties[0]
    cards = {"source": card["data"] if card else None, "target": target.card()}
    record = Record(
        key=key,
        cell=RecordKey(
            architecture=model.network.encoder.name if model else "",
            policy=point.policy,
            source_size=card["data"]["size"] if card else 0,
            source_level=str(point.source_size),
            target_size=target.parts.size,
            seed=point.seed,
            split=point.split,
            growth=card["data"].get("grow_by", "random") if card else "random",
            target_level=target_level(cards),
        ),
        property=spec.name,
        unit=spec.unit,
        metrics=whole_set_metrics(prediction, target.table.values[rows, 0]),
        data=cards,
        provenance=provenance(time.monotonic() - started),
    )
    return record, target.data_set.absolute_errors(rows, prediction)


def _predict(
    point: GridPoint, source: PropertyDataModule, target: PropertyDataModule, model: TrainedModel | None
) -> NDArray[np.float64]:
    """Predictions for the test part; NaN for missing ones."""
    used = np.concatenate([target.parts.train, target.parts.validation])
    test = target.parts.test
    measured = target.table.values[used, 0]
    if point.policy in SIMULATED_BASELINES:
        return _from_simulated(point.policy, _simulated(source, target), used, measured, test)
    if point.policy == "extra_trees":
        features = _features(target)
        return extra_trees(features[used], measured, features[test], seed=point.seed)
    if model is None:
        raise ValueError(f"the baseline {point.policy!r} needs a pretrained model; add a source size above 0")
    if point.policy == "frozen_ridge":
        encoded = model.encode_graphs(target.store)
        return ridge(encoded[used], measured, encoded[test])
    answers = _source_answers(model, target)
    if point.policy == "calibrated_source":
        return calibrate(answers[used], measured, answers[test])
    features = _features(target)
    return extra_trees(
        features[used],
        measured,
        features[test],
        seed=point.seed,
        source_train=answers[used],
        source_test=answers[test],
    )


def _from_simulated(
    policy: str,
    simulated: NDArray[np.float64],
    used: NDArray[np.int64],
    measured: NDArray[np.float64],
    test: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Predictions from the simulated values only; NaN for missing ones."""
    if policy == "simulated_value":
        return simulated[test]
    known = ~np.isnan(simulated)
    train, there = known[used], known[test]
    if not train.any():
        raise ValueError(f"none of the {len(used)} measured materials has a simulated value; remove `{policy}`")
    prediction = np.full(len(test), np.nan)
    correct = shift if policy == "shifted_simulated_value" else calibrate
    prediction[there] = correct(simulated[used][train], measured[train], simulated[test][there])
    return prediction


def _simulated(source: PropertyDataModule, target: PropertyDataModule) -> NDArray[np.float64]:
    """Simulated value of each target material; NaN if it was not simulated.

    These are the target's own values if it has them, else those of the source, test materials included.
    """
    if target.table.simulated is not None:
        return target.table.simulated[:, 0]
    spec = target.properties[0]
    names = [each.name for each in source.properties]
    if spec.name not in names:
        raise ValueError(
            f"the source has no simulated {spec.name!r}, only {', '.join(names)}; remove `simulated_value`"
        )
    column = names.index(spec.name)
    values = convert(source.table.values[:, column], source.properties[column].unit, spec.unit)
    simulated = dict(zip(source.table.identities, values, strict=True))
    return np.array([simulated.get(identity, np.nan) for identity in target.table.identities])


def _features(target: PropertyDataModule) -> NDArray[np.float64]:
    return _cached_features(target.featurizer.descriptors, target.table)


@lru_cache(maxsize=1)
def _cached_features(
    descriptors: Callable[[Sequence[Any]], NDArray[np.float64]], table: CleanTable
) -> NDArray[np.float64]:
    return descriptors(table.materials)


def _source_answers(model: TrainedModel, target: PropertyDataModule) -> NDArray[np.float64]:
    """Prediction of the pretrained model for each target material: of the shared property, or else of its first."""
    names = [spec.name for spec in model.network.properties]
    wanted = target.properties[0].name
    column = names.index(wanted) if wanted in names else 0
    return model.predict_graphs(target.store)[:, column]
