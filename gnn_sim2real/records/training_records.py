"""Records of tested models: of fine-tunings, and of LightningModules that are not of this package."""

import json
import math
from dataclasses import asdict
from typing import Any

from lightning.pytorch import LightningModule, Trainer

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.metrics import METRICS, learned_metrics, whole_set_metrics
from gnn_sim2real.records.keys import record_key
from gnn_sim2real.records.record import Record, RecordKey, provenance, target_level
from gnn_sim2real.scales import error_unit
from gnn_sim2real.tasks.finetune import TargetFineTuning


def fine_tuning_record(
    key: str,
    module: TargetFineTuning,
    data: PropertyDataModule,
    config: dict[str, Any],
    seconds: float,
    architecture: str | None = None,
    pretraining: str = "",
) -> Record:
    """Make the record of a tested model.

    Its errors are on the scale on which the property is learned; those in its unit are among the details then.

    Args:
        key: Key of the record.
        module: The task, after the test.
        data: Data of the task.
        config: The part of its configuration that determines its numbers, see `records.keys.numbers_only`.
        seconds: Wall time of training and test [s].
        architecture: Name of the encoder; that of its class unless given.
        pretraining: Name of the pretraining in a study that compares several.
    """
    (spec,) = module.network.properties
    source = module.source_card["data"] if module.source_card else None
    cards = {"source": source, "target": data.card()}
    cell = RecordKey(
        architecture=architecture or module.network.encoder.name,
        policy=module.trained_policy,
        source_size=source["size"] if source else 0,
        source_level=str(source["size_level"]) if source else "0",
        target_size=data.parts.size,
        seed=data.settings.seed,
        split=data.settings.split,
        growth=source.get("grow_by", "random") if source else "random",
        target_level=target_level(cards),
        pretraining=pretraining,
    )
    rows, prediction, measured = module.test_result()
    details: dict[str, Any] = {"start_mae": module.start_error, "config": config}
    seen = (module.source_card or {}).get("vocabulary")
    if groups := module.group_errors():
        details["groups"] = groups
    if spec.transform is not None:
        details["physical"] = whole_set_metrics(prediction, measured) | {"unit": spec.unit}
    if seen is not None:
        details["unseen"] = data.data_set.unseen_materials(seen, rows)
    return Record(
        key=key,
        cell=cell,
        property=spec.name,
        unit=error_unit(spec.unit, spec.transform),
        metrics=learned_metrics(prediction, measured, spec.transform),
        data=cards,
        details=details,
        provenance=provenance(seconds),
    )


def logged_record(
    trainer: Trainer,
    module: LightningModule,
    cell: RecordKey,
    monitor: str,
    metric: str,
    property_name: str,
    unit: str,
    seconds: float,
) -> Record:
    """Make the record of a tested model of another package, from the errors that it logged.

    Args:
        trainer: Trainer, after the test.
        module: The model.
        cell: Its place in a study.
        monitor: Name of its logged test error.
        metric: Name of that error in the record.
        property_name: Name of the measured property.
        unit: Unit of the error; empty if it has none.
        seconds: Wall time of training and test [s].

    Raises:
        ValueError: If it did not log a positive test error.
    """
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    error = logged.get(monitor, math.nan)
    if not (math.isfinite(error) and error > 0):
        names = ", ".join(f"{name} = {value:.4g}" for name, value in logged.items()) or "nothing"
        raise ValueError(
            f"ScalingLawCallback needs a positive test error {monitor!r} from `self.log` in `test_step`; "
            f"{type(module).__name__} logged {names}; set `monitor` to the name of its test error"
        )
    prefix = monitor.removesuffix(monitor.rpartition("/")[2])
    metrics = {name: logged[prefix + name] for name in METRICS if prefix + name in logged} | {metric: error}
    if count := _count_tested(trainer):
        metrics["num_test"] = float(count)
    settings = json.loads(json.dumps(dict(module.hparams), default=str))
    content = {"cell": asdict(cell), "property": property_name, "unit": unit, "settings": settings}
    return Record(
        key=record_key(content),
        cell=cell,
        property=property_name,
        unit=unit,
        metrics=metrics,
        data={},
        details={"config": settings},
        provenance=provenance(seconds),
    )


def _count_tested(trainer: Trainer) -> int | None:
    """Number of test materials; None if the data do not know it."""
    loaders = trainer.test_dataloaders
    loaders = loaders if isinstance(loaders, list | tuple) else [loaders]
    try:
        return sum(len(each.dataset) for each in loaders)
    except (AttributeError, TypeError):
        return None
