"""What each point of the grid stands for: configuration, data and key, the same in every process."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from gnn_sim2real.datamodule import PropertyDataModule
from gnn_sim2real.library import DESCRIPTION_FILE
from gnn_sim2real.lightning_cli import plain
from gnn_sim2real.policies import FINE_TUNING_POLICIES
from gnn_sim2real.scaling.callback import fine_tuning_key, pretraining_key, training_content
from gnn_sim2real.scaling.keys import Canonical, canonical
from gnn_sim2real.scaling.records import has_record
from gnn_sim2real.study.baseline_cell import SIMULATED_BASELINES, baseline_key
from gnn_sim2real.study.config import StudyConfig
from gnn_sim2real.study.grid import SOURCE_BASELINES, Point
from gnn_sim2real.study.stage import Stage

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Job:
    """One training: a pretraining, or the cell of one record.

    Attributes:
        key: Hash of what determines its numbers; the name of its model or of its record.
        point: Where in the grid it stands; a pretraining has the first of the points that share it.
        model: Key of the pretrained model that a cell starts from, if it does.
        is_pretraining: Whether it ends in a model rather than in a record.
    """

    key: str
    point: Point
    model: str | None
    is_pretraining: bool


class Resolver:
    """Turns points of the grid into jobs, and jobs into configurations and data.

    Keys are made of whole resolved configurations, but what many points share is resolved once.

    Args:
        config: The study.
    """

    def __init__(self, config: StudyConfig) -> None:
        self.study = config
        self.pretrain, self.finetune, self.scratch = (
            Stage("pretrain", config),
            Stage("finetune", config),
            Stage("scratch", config),
        )
        self._shared: dict[tuple[Any, ...], Any] = {}

    def job(self, point: Point) -> Job:
        """The cell of a point."""
        model = self.pretraining(point).key if self.needs_model(point) else None
        if point.policy in FINE_TUNING_POLICIES:
            stage = self.stage(point)
            key = fine_tuning_key(self._content(stage, point), model, self._target_content(point))
        else:
            simulated = self.source_table if point.policy in SIMULATED_BASELINES else None
            descriptors = self.finetune.data.featurizer.descriptor_version
            key = baseline_key(point.policy, model, self._target_content(point), descriptors, simulated)
        return Job(key, point, model, is_pretraining=False)

    def pretraining(self, point: Point) -> Job:
        """The pretraining that a point needs."""
        return self._once(
            (
                "pretraining",
                _spelled(point.architecture),
                point.growth,
                point.source_size,
                point.seed,
                self._source_split(point),
            ),
            lambda: Job(
                pretraining_key(self._content(self.pretrain, point), self.source(point).key_content()),
                point,
                None,
                is_pretraining=True,
            ),
        )

    @staticmethod
    def needs_model(point: Point) -> bool:
        """Whether a point starts from a pretrained model."""
        return point.source_size != 0 and point.policy in (*FINE_TUNING_POLICIES, *SOURCE_BASELINES)

    def stage(self, point: Point) -> Stage:
        """Whose YAML a fine-tuning or direct learning follows; a baseline has the data of the fine-tuning."""
        return self.scratch if point.policy in FINE_TUNING_POLICIES and point.source_size == 0 else self.finetune

    def config(self, job: Job) -> Any:
        """The configuration of a pretraining, a fine-tuning or direct learning."""
        if job.is_pretraining:
            return self._config(self.pretrain, job.point)
        return self._config(self.stage(job.point), job.point, self.model_folder(job.model) if job.model else None)

    def source(self, point: Point) -> PropertyDataModule:
        """The source of a point, without the target's test materials."""

        def without_tested() -> PropertyDataModule:
            target = self.finetune.data
            others = [each for each in self.pretrain.data.excluded if each.fingerprint != target.fingerprint]
            excluded = [target.variant(split=point.split), *others]
            return self.pretrain.data.variant(exclude=excluded, grow_by=point.growth)

        whole = self._once(("source", point.growth, self._source_split(point)), without_tested)
        return whole.variant(size=point.source_size or "all", seed=point.seed)

    def target(self, point: Point) -> PropertyDataModule:
        """The target of a point, cut to its size, seed and split."""
        own = self.stage(point).data  # batches and validation part as in the YAML that is followed
        return self.finetune.data.variant(
            size=point.target_size,
            seed=point.seed,
            split=point.split,
            batch_size=own.batch_size,
            validation_fraction=own.validation_fraction,
        )

    def model_folder(self, key: str) -> Path:
        """Where a pretrained model is, or will be."""
        return self.study.models_folder / key

    def is_done(self, job: Job) -> bool:
        """Whether the model or the record of a job is there."""
        if job.is_pretraining:
            return (self.model_folder(job.key) / DESCRIPTION_FILE).exists()
        return has_record(self.study.records, job.key)

    @cached_property
    def source_table(self) -> str:
        """Fingerprint of the source's table."""
        return self.pretrain.data.fingerprint

    def _source_split(self, point: Point) -> int | None:
        """Split of the target that decides what is removed from the source; None if it is the same in every split."""
        return None if self.pretrain.data.remove == "all" else point.split

    def _config(self, stage: Stage, point: Point, pretrained: Path | None = None) -> Any:
        changes: dict[str, Any] = {"encoder": point.architecture} if point.architecture else {}
        if stage is not self.pretrain:
            changes |= {"policy": point.policy, "pretrained": str(pretrained) if pretrained else None}
        return stage.config(point.seed, changes)

    def _content(self, stage: Stage, point: Point) -> dict[str, Any]:
        """What of the configuration counts in a key. The path of a pretrained model does not."""
        policy = point.policy if stage is not self.pretrain else ""
        name = ("content", stage.name, _spelled(point.architecture), policy)
        content = self._once(name, lambda: training_content(plain(self._config(stage, point)), self.study.threads))
        return self._once(
            (*name, point.seed),
            lambda: {
                "config": canonical(content["config"] | {"seed": point.seed}),
                "numerics": canonical(content["numerics"]),
            },
        )

    def _target_content(self, point: Point) -> Canonical:
        own = self.stage(point).data
        return self._once(
            ("target", own.batch_size, own.validation_fraction, point.target_size, point.seed, point.split),
            lambda: canonical(self.target(point).key_content()),
        )

    def _once(self, key: tuple[Any, ...], make: Callable[[], Value]) -> Value:
        if key not in self._shared:
            self._shared[key] = make()
        found: Value = self._shared[key]
        return found


def _spelled(architecture: dict[str, Any] | None) -> str:
    return "" if architecture is None else json.dumps(architecture, sort_keys=True)
