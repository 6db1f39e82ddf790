"""Configuration, data and key of each grid point, the same in every process."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from gnn_sim2real.config.encoder import EncoderSettings
from gnn_sim2real.config.lightning_cli import plain, stage_config
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.nn.encoder import Encoder, build_encoder
from gnn_sim2real.records.callback import fine_tuning_key, pretraining_key, training_content
from gnn_sim2real.records.keys import Canonical, canonical
from gnn_sim2real.records.record import has_record
from gnn_sim2real.study.baseline_cell import SIMULATED_BASELINES, baseline_key
from gnn_sim2real.study.config import StudyConfig
from gnn_sim2real.study.grid import SOURCE_BASELINES, GridPoint, cell_groups
from gnn_sim2real.study.jobs import Job, JobResolver
from gnn_sim2real.study.stage import Stage
from gnn_sim2real.tasks.policies import is_fine_tuning


class Resolver(JobResolver):
    """Turns points of a study into jobs, and jobs into configurations and data.

    Args:
        config: The study.

    Raises:
        ValueError: If an encoder on an axis cannot be made.
    """

    study: StudyConfig

    def __init__(self, config: StudyConfig) -> None:
        super().__init__(config)
        self.pretrain, self.finetune, self.scratch = (
            Stage(name, Path(getattr(config, name)), config) for name in ("pretrain", "finetune", "scratch")
        )
        self._reads_descriptors = {
            spelled(each): _make(each).reads_atom_descriptors for axes in config.grids for each in axes.architecture
        }

    @property
    def stages(self) -> list[Stage]:
        """Pretraining, fine-tuning and training from scratch."""
        return [self.pretrain, self.finetune, self.scratch]

    def points(self) -> list[GridPoint]:
        """All points of all grids, those of one pretrained model together."""
        shared_by_splits = self.pretrain.data.settings.remove == "all"
        return [point for group in cell_groups(self.study.grids, shared_by_splits) for point in group.points]

    def job(self, point: GridPoint) -> Job:
        """The job of the cell of a point."""
        model = self.pretraining(point).key if self.needs_model(point) else None
        if is_fine_tuning(point.policy):
            stage = self._fine_tuning(point)
            key = fine_tuning_key(self._content(stage, point), model, self._target_content(point))
        else:
            simulated = self.source_table if point.policy in SIMULATED_BASELINES else None
            descriptors = self.finetune.data.featurizer.descriptor_version
            key = baseline_key(point.policy, model, self._target_content(point), descriptors, simulated)
        return Job(key, point, model, is_pretraining=False)

    def pretraining(self, point: GridPoint) -> Job:
        """The job of the pretraining that a point needs."""
        return self._once(
            (
                "pretraining",
                spelled(point.architecture),
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
    def needs_model(point: GridPoint) -> bool:
        """Whether a point starts from a pretrained model."""
        return point.source_size != 0 and (is_fine_tuning(point.policy) or point.policy in SOURCE_BASELINES)

    def stage(self, job: Job) -> Stage:
        """The stage whose YAML a job follows; for baselines the fine-tuning, whose data they use."""
        return self.pretrain if job.is_pretraining else self._fine_tuning(job.point)

    def _fine_tuning(self, point: GridPoint) -> Stage:
        return self.scratch if is_fine_tuning(point.policy) and point.source_size == 0 else self.finetune

    def config(self, job: Job) -> Any:
        """The configuration of a pretraining, a fine-tuning or a training from scratch."""
        if job.is_pretraining:
            return self._config(self.pretrain, job.point)
        folder = self.model_folder(job.model) if job.model else None
        return self._config(self._fine_tuning(job.point), job.point, folder)

    def saved_config(self, job: Job) -> dict[str, Any]:
        """The configuration of a pretraining with the data of its point, without the test part of the target."""
        others = self.pretrain.plain_excludes(
            lambda each: each.data_set.fingerprint != self.finetune.data.data_set.fingerprint
        )
        target = self.finetune.plain_data(split=job.point.split)
        changes: dict[str, Any] = {"size": job.point.source_size, "seed": job.point.seed}
        if job.point.growth != "random":
            changes["grow_by"] = job.point.growth
        if self._described(self.pretrain, job.point).settings.atom_descriptors:
            changes["atom_descriptors"] = True
        return stage_config(plain(self.config(job))) | {
            "data": self.pretrain.plain_data(**changes, exclude=[target, *others])
        }

    def data(self, job: Job) -> PropertyDataModule:
        """The source of a pretraining, the target of a cell."""
        return self.source(job.point) if job.is_pretraining else self.target(job.point)

    def read_data(self) -> None:
        """Read tables and graphs of source and target."""
        for data in (self.pretrain.data, self.finetune.data):
            _ = data.table, data.store

    def source(self, point: GridPoint) -> PropertyDataModule:
        """The source of a point, without the target's test materials."""
        data = self._described(self.pretrain, point)

        def without_tested() -> PropertyDataModule:
            target = self.finetune.data
            others = [
                each for each in data.settings.excluded if each.data_set.fingerprint != target.data_set.fingerprint
            ]
            excluded = [target.variant(split=point.split), *others]
            return data.variant(exclude=excluded, grow_by=point.growth)

        name = ("source", data.settings.atom_descriptors, point.growth, self._source_split(point))
        whole = self._once(name, without_tested)
        return whole.variant(size=point.source_size or "all", seed=point.seed)

    def target(self, point: GridPoint) -> PropertyDataModule:
        """The target of a point, with its size, seed and split."""
        own = self._fine_tuning(point).data.settings  # batches and validation part as in the YAML of the stage
        return self._described(self.finetune, point).variant(
            size=point.target_size,
            seed=point.seed,
            split=point.split,
            batch_size=own.batch_size,
            validation_fraction=own.validation_fraction,
        )

    def is_done(self, job: Job) -> bool:
        """Whether the model or the record of a job exists."""
        return super().is_done(job) if job.is_pretraining else has_record(self.study.records, job.key)

    @cached_property
    def source_table(self) -> str:
        """Fingerprint of the source's table."""
        return self.pretrain.data.data_set.fingerprint

    def _source_split(self, point: GridPoint) -> int | None:
        """Split of the target whose test part is removed from the source; None if all splits remove the same."""
        return None if self.pretrain.data.settings.remove == "all" else point.split

    def _config(self, stage: Stage, point: GridPoint, pretrained: Path | None = None) -> Any:
        changes: dict[str, Any] = {"encoder": point.architecture} if point.architecture else {}
        if stage is not self.pretrain:
            changes |= {"policy": point.policy, "pretrained": str(pretrained) if pretrained else None}
        return stage.config(point.seed, changes)

    def _content(self, stage: Stage, point: GridPoint) -> dict[str, Any]:
        """The part of the configuration that enters a key, without the path of a pretrained model."""
        policy = point.policy if stage is not self.pretrain else ""
        name = ("content", stage.name, spelled(point.architecture), policy)
        content = self._once(name, lambda: training_content(plain(self._config(stage, point)), self.study.threads))
        return self._once(
            (*name, point.seed),
            lambda: {
                "config": canonical(content["config"] | {"seed": point.seed}),
                "numerics": canonical(content["numerics"]),
            },
        )

    def _target_content(self, point: GridPoint) -> Canonical:
        own = self._fine_tuning(point).data.settings
        described = self._described(self.finetune, point).settings.atom_descriptors
        return self._once(
            ("target", described, own.batch_size, own.validation_fraction, point.target_size, point.seed, point.split),
            lambda: canonical(self.target(point).key_content()),
        )

    def _described(self, stage: Stage, point: GridPoint) -> PropertyDataModule:
        """The data of a stage, with atom descriptors if the architecture of the point reads them."""
        if stage.data.settings.atom_descriptors or point.architecture is None:
            return stage.data
        if not self._reads_descriptors[spelled(point.architecture)]:
            return stage.data
        return self._once(("described", stage.name), lambda: stage.data.variant(atom_descriptors=True))


def _make(architecture: EncoderSettings) -> Encoder:
    try:
        return build_encoder(_with_settings(architecture))
    except CheckpointError as error:
        raise ValueError(f"cannot make an encoder of the axis `architecture`: {error}") from error


def _with_settings(encoder: Mapping[str, Any]) -> dict[str, Any]:
    """An encoder of an axis, with empty settings if it has none."""
    settings = encoder.get("init_args") or {}
    filled = {name: _with_settings(value) if isinstance(value, Mapping) else value for name, value in settings.items()}
    return {"class_path": encoder["class_path"], "init_args": filled}


def spelled(architecture: EncoderSettings | None) -> str:
    """An architecture as text."""
    return "" if architecture is None else json.dumps(architecture, sort_keys=True)
