"""The Lightning callback that writes a record after a test, and fits the law to the records."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import Logger, WandbLogger

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.metrics import whole_set_metrics
from gnn_sim2real.nn.encoder import encoder_class
from gnn_sim2real.nn.model import NUMERICS_VERSION as MODEL_VERSION
from gnn_sim2real.records.keys import Canonical, numbers_only, record_key
from gnn_sim2real.records.record import Record, RecordKey, provenance, target_level, write_record
from gnn_sim2real.tasks.base import NUMERICS_VERSION as TASK_VERSION
from gnn_sim2real.tasks.finetune import TargetFineTuning


class ScalingLawCallback(Callback):
    """Writes the record of a tested model, and refits the scaling law over all records of the folder.

    Runs that were started separately, by hand or on several machines, share the folder. From four source sizes on,
    `scaling_law/decay_rate`, `/transfer_gap`, `/prefactor`, their intervals and the figure go to the logger.

    Args:
        folder: Folder of the records and the figure.
    """

    def __init__(self, folder: str = "runs/records") -> None:
        self.folder = Path(folder)
        self.config: dict[str, Any] = {}
        self.key: str | None = None
        self._started: float | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Start the clock, and refuse a task that is not a fine-tuning.

        Raises:
            ValueError: If it is not.
        """
        self._started = self._started or time.monotonic()
        if not isinstance(pl_module, TargetFineTuning):
            raise ValueError("ScalingLawCallback records fine-tunings; remove it from the YAML of the pretraining")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the record, refit, log."""
        if not (trainer.is_global_zero and isinstance(pl_module, TargetFineTuning)):
            return
        data: PropertyDataModule = trainer.datamodule  # type: ignore[attr-defined]
        source = pl_module.source_card["fingerprint"] if pl_module.source_card else None
        training = training_content(self.config, torch.get_num_threads())
        key = self.key or fine_tuning_key(training, source, data.key_content())
        record = fine_tuning_record(
            key, pl_module, data, self.config, time.monotonic() - (self._started or time.monotonic())
        )
        rows, prediction, _ = pl_module.test_result()
        write_record(self.folder, record, data.data_set.absolute_errors(rows, prediction))
        if trainer.logger is not None and self.key is None:  # a study fits its laws once, in its report
            log_law(self.folder, record, trainer.logger)


def training_content(config: dict[str, Any], threads: int) -> dict[str, Any]:
    """The part of a training's configuration and code that enters a key.

    Args:
        config: Resolved configuration.
        threads: Number of threads of the training.
    """
    return {"config": numbers_only(config), "numerics": _numerics(config, threads)}


def pretraining_key(training: Mapping[str, Any], source: Mapping[str, Any]) -> str:
    """Key of a pretrained model.

    Args:
        training: From `training_content`.
        source: `key_content` of the source without the target's test materials.
    """
    return record_key({**training, "data": source})


def fine_tuning_key(training: Mapping[str, Any], model: str | None, target: Mapping[str, Any] | Canonical) -> str:
    """Key of a fine-tuning.

    Args:
        training: From `training_content`.
        model: Key or fingerprint of the pretrained model; None from scratch.
        target: `key_content` of the target.
    """
    return record_key({**training, "source": model, "target": target})


def _numerics(config: dict[str, Any], threads: int) -> dict[str, int]:
    """Versions, raised by hand, of all code that determines the numbers of a training."""
    versions = {"task": TASK_VERSION, "model": MODEL_VERSION, "threads": threads}
    encoder = config["model"]["init_args"].get("encoder")
    if encoder:
        versions["encoder"] = encoder_class(encoder["class_path"]).numerics_version
    return versions


def fine_tuning_record(
    key: str, module: TargetFineTuning, data: PropertyDataModule, config: dict[str, Any], seconds: float
) -> Record:
    """Make the record of a tested model.

    Args:
        key: Key of the record.
        module: The task, after the test.
        data: Data of the task.
        config: Resolved configuration.
        seconds: Wall time of training and test [s].
    """
    (spec,) = module.network.properties
    source = module.source_card["data"] if module.source_card else None
    cards = {"source": source, "target": data.card()}
    cell = RecordKey(
        architecture=module.network.encoder.name,
        policy=module.policy.name,
        source_size=source["size"] if source else 0,
        source_level=str(source["size_level"]) if source else "0",
        target_size=data.parts.size,
        seed=data.settings.seed,
        split=data.settings.split,
        growth=source.get("grow_by", "random") if source else "random",
        target_level=target_level(cards),
    )
    _, prediction, measured = module.test_result()
    return Record(
        key=key,
        cell=cell,
        property=spec.name,
        unit=spec.unit,
        metrics=whole_set_metrics(prediction, measured),
        data=cards,
        details={"start_mae": module.start_error, "config": numbers_only(config)},
        provenance=provenance(seconds),
    )


def log_law(folder: Path, record: Record, target: Logger) -> None:
    """Fit the law to all records of a folder on the curve of this one, and log it with the figure.

    Args:
        folder: Folder of the records.
        record: The newest of them.
        target: Logger to write to.
    """
    from gnn_sim2real.records.curves import Results, curve_of
    from gnn_sim2real.records.results import read_results
    from gnn_sim2real.records.summary import draw_figure

    table = read_results(folder)
    results = Results(table[table["property"] == record.property])
    law = results.laws.get(curve_of(results.table, record.key))
    if law is None:
        return
    for name in ("decay_rate", "transfer_gap", "prefactor"):
        interval = getattr(law, f"{name}_interval")
        values = {"": getattr(law, name), "_low": interval.low, "_high": interval.high}
        target.log_metrics({f"scaling_law/{name}{end}": value for end, value in values.items()})
    figure = draw_figure(results, folder / "scaling_law.png")
    if isinstance(target, WandbLogger):
        target.log_image("scaling_law/figure", [str(figure)])
