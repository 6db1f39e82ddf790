"""Cells of baselines: simple predictors on the rows of the curve they are compared with."""

import time
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.baselines import BASELINES, Baseline, Inputs, predict_test
from gnn_sim2real.data.data_set import title_of
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.simulated import HOW_TO_GIVE
from gnn_sim2real.foundation import ENCODERS, Features, NamedEncoder, compute_features
from gnn_sim2real.library import TrainedModel
from gnn_sim2real.metrics import learned_metrics, whole_set_metrics
from gnn_sim2real.nn.model import NUMERICS_VERSION as MODEL_VERSION
from gnn_sim2real.records.keys import Canonical, record_key
from gnn_sim2real.records.public_predictions import public_predictions
from gnn_sim2real.records.record import Record, RecordKey, provenance, target_level
from gnn_sim2real.scales import error_unit, from_scale, to_scale
from gnn_sim2real.study.grid import GridPoint
from gnn_sim2real.study.library_columns import LibraryColumns
from gnn_sim2real.tables.table import CleanTable


def baseline_key(
    policy: str,
    model: str | None,
    target: dict[str, Any] | Canonical,
    data: PropertyDataModule,
    simulated: str | None,
    foundation: NamedEncoder | None = None,
    library: LibraryColumns | None = None,
) -> str:
    """Key of a baseline.

    Args:
        policy: Name of the baseline.
        model: Key of the pretrained model, if it uses one.
        target: `key_content` of the target.
        data: The target with the split of the cell, of any size, whose featurizer has the versions of the descriptors.
        simulated: Fingerprint of the source's table, if the baseline uses simulated values.
        foundation: Foundation encoder of the study, if it names one.
        library: Predictions of the library of the study, if it names one.
    """
    baseline = BASELINES[policy]
    numerics = {
        "baseline": baseline.version,
        "descriptors": data.featurizer.descriptor_version,  # of every baseline, as in the first keys
        "model": MODEL_VERSION,
    }
    if "physical_descriptors" in baseline.needs:
        numerics["physical_descriptors"] = data.featurizer.physical_version
    if baseline.needs_measurements and data.data_set.loss_weights is not None:
        numerics["weights"] = 1  # which the first versions took for equal
    content = {"policy": policy, "numerics": numerics, "source": model, "target": target}
    if baseline.uses_foundation and foundation is not None:
        content["foundation"] = foundation.encoder.describe() | {"layer": foundation.layer}
    if baseline.uses_library and library is not None:
        content["library"] = library.key_content(data)
    return record_key(content | ({} if simulated is None else {"simulated": simulated}))


def run_baseline(
    key: str,
    point: GridPoint,
    source: PropertyDataModule,
    target: PropertyDataModule,
    model: TrainedModel | None,
    foundation: NamedEncoder | None = None,
    library: LibraryColumns | None = None,
) -> tuple[Record, dict[str, float], dict[str, float] | None]:
    """Compute a baseline.

    Args:
        key: Key of the record.
        point: The grid point; its policy names the baseline.
        source: The source, with the simulated values.
        target: The target with the size, seed and split of the point.
        model: The pretrained model, for baselines that use one.
        foundation: The foundation encoder, for baselines that use one.
        library: Predictions of a library, for baselines that use them.

    Returns:
        The record, whose details count the materials that another baseline answered for, the error on each test
        material, and its prediction, see `public_predictions`.

    Raises:
        ValueError: If the baseline uses a pretrained model, a foundation encoder, a library or simulated values, and
            there are none.
    """
    started = time.monotonic()
    card: dict[str, Any] | None = model.card if model else None
    baseline = BASELINES[point.policy]
    inputs = gather_inputs(baseline, source, target, model, foundation, library)
    used, spec = np.concatenate([target.parts.train, target.parts.validation]), target.properties[0]
    values = target.data_set.to_scale(target.table.values[:, 0])
    prediction = predict_test(baseline, inputs, values, used, target.parts.test, seed=point.seed)
    prediction = from_scale(prediction, spec.transform)
    details = _foundation_details(foundation, target) if foundation and baseline.uses_foundation else {}
    if library is not None and baseline.uses_library:
        details["library"] = {each.name: list(each.models) for each in library.predict(target)[0]}
    if baseline.fallback is not None and (lacking := ~inputs.complete(baseline.needs)[target.parts.test]).any():
        details["answered_by"] = {baseline.fallback.name: int(lacking.sum())}
    kept = ~np.isnan(prediction)
    prediction, rows = prediction[kept], target.parts.test[kept]
    if groups := target.data_set.group_errors(rows, prediction):
        details["groups"] = groups
    measured = target.data_set.measured(rows)
    if spec.transform is not None:
        details["physical"] = whole_set_metrics(prediction, measured) | {"unit": spec.unit}
    cards = {"source": card["data"] if card else None, "target": target.card()}
    record = Record(
        key=key,
        cell=RecordKey(
            architecture=point.architecture_name,
            policy=point.policy,
            source_size=card["data"]["size"] if card else 0,
            source_level=str(point.source_size),
            target_size=target.parts.size,
            seed=point.seed,
            split=point.split,
            growth=card["data"].get("grow_by", "random") if card else "random",
            target_level=target_level(cards),
            pretraining=point.pretraining,
        ),
        property=spec.name,
        unit=error_unit(spec.unit, spec.transform),
        metrics=learned_metrics(prediction, measured, spec.transform),
        data=cards,
        details=details,
        provenance=provenance(time.monotonic() - started),
    )
    return record, target.data_set.absolute_errors(rows, prediction), public_predictions(target, rows, prediction)


def gather_inputs(
    baseline: Baseline,
    source: PropertyDataModule,
    target: PropertyDataModule,
    model: TrainedModel | None,
    foundation: NamedEncoder | None = None,
    library: LibraryColumns | None = None,
) -> Inputs:
    """What a baseline needs to know of all materials of the target.

    Args:
        baseline: The baseline.
        source: The source, with the simulated values.
        target: The target.
        model: The pretrained model, for baselines that use one.
        foundation: The foundation encoder, for baselines that use one.
        library: Predictions of a library, for baselines that use them.

    Raises:
        ValueError: If the baseline uses a pretrained model, a foundation encoder, a library or simulated values, and
            there are none.
    """
    if baseline.needs_source and model is None:
        raise ValueError(f"the baseline {baseline.name!r} needs a pretrained model; add a source size above 0")
    if baseline.uses_foundation and foundation is None:
        raise ValueError(
            f"the baseline {baseline.name!r} needs a foundation encoder; name one in the study, e.g. "
            f"`foundation: {ENCODERS.names()[0]}`"
        )
    if baseline.uses_library and library is None:
        raise ValueError(
            f"the baseline {baseline.name!r} needs a library of pretrained models; name one in the study, e.g. "
            "`library: 'starter:'`"
        )
    kind = target.featurizer
    gather: dict[str, Callable[[], NDArray[Any]]] = {
        "descriptors": partial(_describe, kind.descriptors, target.table),
        "physical_descriptors": partial(_describe, kind.physical_descriptors, target.table),
        "simulated": lambda: target.data_set.to_scale(find_simulated(baseline.name, source, target)),
    }
    if foundation is not None:
        gather["foundation"] = lambda: foundation_features(foundation, target).values
    if library is not None:
        gather["library"] = lambda: library.predict(target)[1]
    if model is not None:
        gather["source"] = partial(_source_answers, model, target)
        gather["encoded"] = partial(model.encode_graphs, target.store)
    table = "" if target.sheet is None else target.sheet.name
    weights = target.data_set.loss_weights
    of_values = None if weights is None else weights[:, 0].double().numpy()
    return Inputs(**{name: gather[name]() for name in baseline.needs}, weights=of_values, measured_in=table)


def foundation_features(foundation: NamedEncoder, target: PropertyDataModule) -> Features:
    """Features of all materials of a target; from the cache, if any process has computed them before.

    Args:
        foundation: The foundation encoder.
        target: The target.

    Raises:
        ValueError: If the encoder cannot read its kind of materials, or its libraries are not installed.
    """
    return _foundation(foundation, target.table, target.kind)


@lru_cache(maxsize=2)
def _foundation(foundation: NamedEncoder, table: CleanTable, kind: str) -> Features:
    return compute_features(foundation.encoder, table.materials, kind, foundation.layer)


def _foundation_details(foundation: NamedEncoder, target: PropertyDataModule) -> dict[str, Any]:
    found = foundation_features(foundation, target)
    return {"foundation": found.about | {"refused": found.reasons}}


@lru_cache(maxsize=2)
def _describe(descriptors: Callable[[Sequence[Any]], NDArray[np.float64]], table: CleanTable) -> NDArray[np.float64]:
    return descriptors(table.materials)


def find_simulated(policy: str, source: PropertyDataModule, target: PropertyDataModule) -> NDArray[np.float64]:
    """Simulated value of each target material; NaN if it was not simulated.

    These are the target's own values if it has them, else those of the source, test materials included.

    Args:
        policy: Name of the baseline that needs them.
        source: The source of a study.
        target: Its target.

    Raises:
        ValueError: If neither has the property, or no material of the target was simulated.
    """
    table, name = target.table, target.properties[0].name
    if table.simulated is not None:
        return table.simulated[:, 0]
    names = [each.name for each in source.properties]
    if name not in names:
        raise ValueError(
            f"the source has no simulated {name!r}, only {', '.join(names)}: {HOW_TO_GIVE}, or remove `{policy}`"
        )
    data = target.data_set
    found = data.once(
        ("simulated in", source.data_set.fingerprint),
        lambda: data.look_up(source.data_set, table.properties[0], data.names_elsewhere(table), table.materials),
    )
    if not np.isfinite(found.values).any():
        raise ValueError(
            f"none of the {len(table.identities):,} materials of {title_of(target)} has a simulated {name} in "
            f"{title_of(source)}, looked up by {found.by}: {HOW_TO_GIVE}, or remove `{policy}`"
        )
    return found.values


def _source_answers(model: TrainedModel, target: PropertyDataModule) -> NDArray[np.float64]:
    """Prediction of the pretrained model for each target material: of the shared property, or else of its first.

    On the scale on which the property of the target is learned, or if it is another, that of the model.
    """
    specs, wanted = model.network.properties, target.properties[0]
    column = next((number for number, spec in enumerate(specs) if spec.name == wanted.name), None)
    answers = model.predict_graphs(target.store)[:, column or 0]
    return to_scale(answers, specs[0].transform if column is None else wanted.transform)
