"""The Lightning callback that writes a record after a test, and fits the law to the records."""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import Logger

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.seeds import chosen_seed
from gnn_sim2real.metrics import METRICS
from gnn_sim2real.records.curves import curve_of, source_sizes, whole
from gnn_sim2real.records.keys import flatten, numbers_only
from gnn_sim2real.records.loggers import form_weights, law_metrics, log_figure, log_table
from gnn_sim2real.records.public_predictions import public_predictions
from gnn_sim2real.records.record import Record, RecordKey, write_record
from gnn_sim2real.records.training_keys import fine_tuning_key, training_content
from gnn_sim2real.records.training_records import fine_tuning_record, logged_record
from gnn_sim2real.tasks.base import PropertyRegression
from gnn_sim2real.tasks.finetune import TargetFineTuning
from gnn_sim2real.tasks.policies import REFERENCE
from gnn_sim2real.tasks.settings import training_settings
from gnn_sim2real.units import check_unit, format_unit

logger = logging.getLogger(__name__)

_PREFIX = "scaling_law"
_SAME_DATA = {
    "fingerprint": "the table of fingerprint",
    "seed": "`data.seed`",
    "split": "`data.split`",
    "size": "a size of",
    "parts": "parts of the hash",
}
"""What training and test must have in common for a record: entries of a data card, and what to call them."""


class ScalingLawCallback(Callback):
    """Writes the record of a tested model, and refits the scaling law over all records of the folder.

    Runs that were started separately, by hand or on several machines, share the folder. The test error at each source
    size goes to every logger, and from four source sizes on the law, as `gnn-sim2real law fit` tells it:
    `scaling_law/decay_rate`, `/transfer_gap`, `/prefactor` with their intervals, whether the first two are identified,
    and the figure.

    `gnn_sim2real.TargetFineTuning` fills in everything but the folder by itself. Any other LightningModule needs
    `source_size` and `target_size`, and logs the test error that `monitor` names.

    Args:
        records: Folder of the records and the figure.
        source_size: Number of simulated materials that the model was pretrained on, or a share of them; 0 from scratch.
        target_size: Number of measured materials that it was fine-tuned on, validation part included.
        monitor: Name of the logged test error; its last part is the metric: mae, rmse or mae_nonzero, else "error".
        architecture: Name of the network in tables; the class of the encoder or LightningModule unless given.
        property: Name of the measured property.
        unit: Unit of the error, such as `g/cm3`; empty if it has none.
        seed: Number of the repeat: which subset, which start. That of `seed_everything` unless given, else 0.
        split: Number of the test part.

    Raises:
        ValueError: If a size is too small, or the unit is unknown.
    """

    def __init__(
        self,
        records: str = "runs/records",
        source_size: int | float | None = None,
        target_size: int | float | None = None,
        monitor: str = "test/mae",
        architecture: str | None = None,
        property: str = "property",  # noqa: A002 (the word users know)
        unit: str = "",
        seed: int | None = None,
        split: int = 0,
    ) -> None:
        for name, size in (("source_size", source_size), ("target_size", target_size)):
            if size is not None and not (math.isfinite(size) and size >= 0 and (size > 0 or name == "source_size")):
                least = "at least 0" if name == "source_size" else "positive"
                raise ValueError(f"`{name}` of ScalingLawCallback must be {least}, got {size}")
        check_unit(unit)
        self.records = Path(records)
        self.source_size = None if source_size is None else whole(source_size)
        self.target_size = None if target_size is None else whole(target_size)
        self.monitor = monitor
        self.architecture, self.property, self.unit = architecture, property, unit
        self.seed, self.split = seed, split
        self.config: dict[str, Any] | None = None
        """Resolved YAML of the training; None if it was started from Python."""
        self.key: str | None = None
        """Key that a study knows beforehand."""
        self.pretraining = ""
        """Name of the pretraining in a study that compares several."""
        self._started: float | None = None
        self._core_started = 0.0

    @property
    def metric(self) -> str:
        """Name of the error that the law is fitted to."""
        name = self.monitor.rpartition("/")[2]
        return name if name in METRICS and name != "r2" else "error"

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Start the clock, and refuse a model without a place on the curve before it is trained.

        Raises:
            ValueError: If it is a pretraining, or the sizes of another LightningModule are not given.
        """
        if self._started is None:
            self._started, self._core_started = time.monotonic(), time.process_time()
        if isinstance(pl_module, TargetFineTuning):
            return
        if isinstance(pl_module, PropertyRegression):
            raise ValueError("ScalingLawCallback records fine-tunings; remove it from the YAML of the pretraining")
        if self.source_size is None or self.target_size is None:
            raise ValueError(
                f"ScalingLawCallback cannot know the sizes of {type(pl_module).__name__}: give `source_size`, the "
                "number of simulated materials it was pretrained on (0 from scratch), and `target_size`, the number of "
                "measured ones"
            )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell the model what determines its numbers, so that its checkpoint can be tested from anywhere."""
        if isinstance(pl_module, TargetFineTuning) and self.key is None:
            pl_module.content = self._content(trainer, pl_module, chosen_seed())

    def _content(self, trainer: Trainer, module: TargetFineTuning, seed: int | None) -> dict[str, Any]:
        config = self.config or training_settings(trainer, module)
        if seed is not None:  # the run that tests may have another
            config = {**config, "seed_everything": seed}
        return training_content(config, torch.get_num_threads(), module.data.settings.seed)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the record, refit, log.

        Raises:
            ValueError: If another LightningModule did not log the test error.
        """
        if not trainer.is_global_zero:
            return
        seconds = time.monotonic() - (self._started or time.monotonic())
        errors = predictions = None
        if isinstance(pl_module, TargetFineTuning):
            if problem := self._problem(pl_module):
                logger.warning("no record is written: %s", problem)
                return
            record = self._record_of_fine_tuning(trainer, pl_module, seconds)
            tested = pl_module.test_result()[:2]
            errors = pl_module.data.data_set.absolute_errors(*tested)
            predictions = public_predictions(pl_module.data, *tested)
        elif isinstance(trainer.limit_test_batches, int) or trainer.limit_test_batches < 1:  # a number, or a share
            logger.warning("no record is written: only a part was tested (`fast_dev_run`, `limit_test_batches`)")
            return
        else:
            record = self._record_of_other(trainer, pl_module, seconds)
        core_seconds = {"core_seconds": round(time.process_time() - self._core_started, 3)}
        record = replace(record, provenance={**record.provenance, **core_seconds})
        write_record(self.records, record, errors, predictions)
        if self.key is None:  # a study fits its laws once, in its report
            log_law(self.records, record, trainer.loggers, self.metric)

    def _problem(self, module: TargetFineTuning) -> str:
        """Why a tested model gets no record; empty if it does."""
        if len(module.network.properties) > 1:
            return "the model predicts several properties, and a law is of one"
        if not module.is_trained:
            return "the model was not fine-tuned, and records are of fine-tuned models"
        tested, wanted = module.num_tested, len(module.data.parts.test)
        if tested < wanted:
            return f"{tested} of {wanted} test materials were tested (`fast_dev_run`, `limit_test_batches`)"
        if problem := _other_data(module.trained_on(), module.data):
            return f"{problem}; test the model with the data settings of its training"
        if problem := "" if self.key or module.known_content() else _other_model(module):
            return f"{problem}; test the model with the YAML of its training"
        return ""

    def _record_of_fine_tuning(self, trainer: Trainer, module: TargetFineTuning, seconds: float) -> Record:
        """The record under the settings of the training: a test may have those of another YAML."""
        known = None if self.key else module.known_content()
        training = known or self._content(trainer, module, module.training_seed)
        if known and self.config:
            given, trained = (flatten({**each, "seed": 0}) for each in (numbers_only(self.config), known["config"]))
            other = sorted(name for name in given | trained if given.get(name) != trained.get(name))
            if other:
                logger.warning(
                    "the record describes the training as the model knows it, from which the given settings differ in "
                    "%s; these have no effect on a test",
                    ", ".join(f"`{name}`" for name in other),
                )
        source = module.source_card["fingerprint"] if module.source_card else None
        target = known["data"] if known else module.data.key_content()
        settings = {name: training[name] for name in ("config", "numerics")}
        key = self.key or fine_tuning_key(settings, source, target)
        return fine_tuning_record(
            key, module, module.data, settings["config"], seconds, self.architecture, self.pretraining
        )

    def _record_of_other(self, trainer: Trainer, module: LightningModule, seconds: float) -> Record:
        """The record of a LightningModule that is not of this package."""
        if self.source_size is None or self.target_size is None:  # `setup` refused it
            raise ValueError("ScalingLawCallback needs `source_size` and `target_size`")
        cell = RecordKey(
            architecture=self.architecture or type(module).__name__,
            policy=REFERENCE,
            source_size=self.source_size,
            source_level=str(self.source_size),
            target_size=self.target_size,
            seed=(chosen_seed() or 0) if self.seed is None else self.seed,
            split=self.split,
        )
        return logged_record(trainer, module, cell, self.monitor, self.metric, self.property, self.unit, seconds)


def _other_data(trained_on: Mapping[str, Any] | None, data: PropertyDataModule) -> str:
    """How the data that trained a model differ from those it was tested on; empty if they do not."""
    if trained_on is None:
        return ""
    known, tested = trained_on, data.card()
    for name, word in _SAME_DATA.items():
        if name in known and known[name] != tested[name]:
            return f"the model was trained with {word} {known[name]}, and tested with {tested[name]}"
    return ""


def _other_model(module: TargetFineTuning) -> str:
    """How a model that does not know its training differs from what it is tested as; empty if it does not."""
    if module.trained_policy != module.policy.name:
        return f"the model was trained with the policy {module.trained_policy}, and tested with {module.policy.name}"
    (given,), trained = module.given_encoder, module.network.encoder
    if given is not None and (type(given), given.describe()) != (type(trained), trained.describe()):
        return f"the model has the encoder {trained.describe()}, and the given settings {given.describe()}"
    return ""


def log_law(folder: Path, record: Record, loggers: Sequence[Logger], metric: str = "mae") -> None:
    """Fit the law to all records of a folder on the curve of this one; log the errors, the law and the figure.

    Args:
        folder: Folder of the records.
        record: The newest of them.
        loggers: Loggers to write to.
        metric: Error to fit.
    """
    from gnn_sim2real.records.laws import Results  # here, since pandas takes half a second to load
    from gnn_sim2real.records.results import read_results
    from gnn_sim2real.records.study_figure import draw_figure

    table = read_results(folder)
    results = Results(table[(table["property"] == record.property) & table[metric].notna()], metric, folder)
    label = curve_of(results.table, record.key)
    found = results.curves.get(label)
    if found is None:  # from scratch, which is a line beside the curves
        return
    law = results.laws.get(label)
    figure = None
    if law is not None:
        logger.info("%s: %s", label, law.describe(format_unit(record.unit)))
        figure = draw_figure(results, folder / "scaling_law.png")
    means = np.exp(np.log(found[metric]).groupby(source_sizes(found)).mean())
    for target in loggers:
        for place, (size, mean) in enumerate(means.items()):
            step = int(size) if (means.index == np.rint(means.index)).all() else place  # of shares, none would be left
            target.log_metrics({f"{_PREFIX}/{metric}": float(mean), f"{_PREFIX}/source_size": float(size)}, step=step)
        log_table(target, f"{_PREFIX}/records", found[["source_size", "seed", "split", metric]])
        if law is not None and figure is not None:
            target.log_metrics({f"{_PREFIX}/{name}": value for name, value in law_metrics(law).items()})
            log_table(target, f"{_PREFIX}/forms", form_weights(law))
            log_figure(target, f"{_PREFIX}/figure", figure)
