"""The cell of a baseline: the simple predictors, on the rows of the curve they stand beside."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.baselines import BASELINE_VERSION, calibrate, extra_trees
from gnn_sim2real.datamodule import PropertyDataModule
from gnn_sim2real.featurize.descriptors import DESCRIPTOR_VERSION
from gnn_sim2real.library import TrainedModel, load_model
from gnn_sim2real.metrics import whole_set_metrics
from gnn_sim2real.nn.model import NUMERICS_VERSION as MODEL_VERSION
from gnn_sim2real.scaling.records import Cell, Record, has_record, provenance, record_key, write_record
from gnn_sim2real.study.grid import Point
from gnn_sim2real.tables import CleanTable
from gnn_sim2real.units import convert


@dataclass(frozen=True)
class Pretrained:
    """A pretrained model of a study.

    Attributes:
        key: Hash of what determines it.
        folder: Where it is stored.
        size: Number of source materials it was trained on.
    """

    key: str
    folder: Path
    size: int


def run_baseline(
    records: Path,
    point: Point,
    source: PropertyDataModule,
    target: PropertyDataModule,
    model: Pretrained | None,
) -> str:
    """Compute a baseline's record if it is not there yet.

    Args:
        records: Folder of the records.
        point: The grid point; its policy names the baseline.
        source: The source, from which a simulated value comes.
        target: The target, cut to the point's size, seed and split.
        model: The pretrained model of the baselines that use one.

    Returns:
        `cached` if the record was there, else `done`.
    """
    key = _key(point, source, target, model)
    if has_record(records, key):
        return "cached"
    started = time.monotonic()
    trained = load_model(model.folder) if model else None
    card: dict[str, Any] | None = trained.card if trained else None
    prediction = _predict(point, source, target, trained)
    kept = ~np.isnan(prediction)
    prediction, rows = prediction[kept], target.parts.test[kept]
    spec = target.properties[0]
    record = Record(
        key=key,
        cell=Cell(
            architecture=card["architecture"] if card else "",
            policy=point.policy,
            source_size=model.size if model else 0,
            source_level=str(point.source_size),
            target_size=target.parts.size,
            seed=point.seed,
            split=point.split,
        ),
        property=spec.name,
        unit=spec.unit,
        metrics=whole_set_metrics(prediction, target.table.values[rows, 0]),
        data={"source": card["data"] if card else None, "target": target.card()},
        provenance=provenance(time.monotonic() - started),
    )
    write_record(records, record, target.absolute_errors(rows, prediction))
    return "done"


def _key(point: Point, source: PropertyDataModule, target: PropertyDataModule, model: Pretrained | None) -> str:
    numerics = {"baseline": BASELINE_VERSION, "descriptors": DESCRIPTOR_VERSION, "model": MODEL_VERSION}
    content: dict[str, Any] = {
        "policy": point.policy,
        "numerics": numerics,
        "source": model.key if model else None,
        "target": target.key_content(),
    }
    if point.policy == "simulated_value":
        content["simulated"] = source.table.fingerprint()
    return record_key(content)


def _predict(
    point: Point, source: PropertyDataModule, target: PropertyDataModule, model: TrainedModel | None
) -> NDArray[np.float64]:
    """Predictions for the test part, NaN where the baseline has none."""
    used = np.concatenate([target.parts.train, target.parts.validation])
    test = target.parts.test
    measured = target.table.values[used, 0]
    if point.policy == "simulated_value":
        return _simulated(source, target)[test]
    if point.policy == "extra_trees":
        features = _features(target)
        return extra_trees(features[used], measured, features[test], seed=point.seed)
    if model is None:
        raise ValueError(f"the baseline {point.policy!r} needs a pretrained model; add a source size above 0")
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


def _simulated(source: PropertyDataModule, target: PropertyDataModule) -> NDArray[np.float64]:
    """Simulated value of each target material, NaN where it was not simulated.

    The target's own where it has them; else those of the source, in which the test materials still stand.
    """
    if target.table.simulated is not None:
        return target.table.simulated[:, 0]
    spec = target.properties[0]
    names = [each.name for each in source.properties]
    if spec.name not in names:
        raise ValueError(f"the source has no simulated {spec.name!r}, only {', '.join(names)}; drop `simulated_value`")
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
    """What the pretrained model says of each target material, of the property it shares or else of its first."""
    names = [spec.name for spec in model.network.properties]
    wanted = target.properties[0].name
    column = names.index(wanted) if wanted in names else 0
    return model.predict_graphs(target.store)[:, column]
