"""Configuration, data and key of each grid point, the same in every process."""

import json
from dataclasses import replace
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import Any

from gnn_sim2real.baselines import BASELINES, uses_foundation, uses_library
from gnn_sim2real.config.encoder import EncoderSettings
from gnn_sim2real.config.lightning_cli import plain, stage_config
from gnn_sim2real.data.data_set import title_of
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.simulated import HOW_TO_GIVE
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.foundation import ENCODERS, NamedEncoder, make_encoder
from gnn_sim2real.nn.encoder import Encoder, build_encoder, encoder_name
from gnn_sim2real.records.keys import Canonical, canonical
from gnn_sim2real.records.published import Published
from gnn_sim2real.records.record import has_record
from gnn_sim2real.records.training_keys import fine_tuning_key, pretraining_key
from gnn_sim2real.study.architectures import encoder_settings, name_architectures, spellings
from gnn_sim2real.study.baseline_cell import baseline_key, find_simulated
from gnn_sim2real.study.config import StudyConfig
from gnn_sim2real.study.grid import GridPoint, cell_groups
from gnn_sim2real.study.jobs import Job, JobResolver
from gnn_sim2real.study.library_columns import LibraryColumns
from gnn_sim2real.study.pretraining_axis import name_pretrainings, stage_name
from gnn_sim2real.study.stage import Stage, with_settings
from gnn_sim2real.tasks.policies import find_policies, is_fine_tuning


class Resolver(JobResolver):
    """Turns points of a study into jobs, and jobs into configurations and data.

    Args:
        config: The study.

    Raises:
        ValueError: If an encoder on an axis cannot be made, or its name is not its own, or the foundation encoder or
            the library that a policy needs is not named, not there, or does not read the target.

    Attributes:
        foundation: Foundation encoder of the study, if a policy uses it.
        library: Predictions of the library of the study, if a policy uses them.
    """

    study: StudyConfig
    foundation: NamedEncoder | None
    library: LibraryColumns | None

    def __init__(self, config: StudyConfig) -> None:
        super().__init__(config)
        self.pretrain, self.finetune, self.scratch = (
            Stage(name, Path(getattr(config, name)), config) for name in ("pretrain", "finetune", "scratch")
        )
        self.foundation = self._find_foundation()
        self.library = self._find_library()
        variants = name_pretrainings([axes.pretraining for axes in config.grids])
        self._pretrainings = {"": self.pretrain} | {
            name: self._variant(name, options) for name, options in variants.items()
        }
        try:
            self._architectures = name_architectures(
                [axes.architecture for axes in config.grids], self.pretrain.encoder
            )
            self._reads_descriptors = {
                spelled(each.encoder): _make(each.encoder).reads_atom_descriptors
                for grid in self._architectures
                for each in grid
                if each.encoder is not None
            }
        except CheckpointError as error:
            raise ValueError(f"cannot make an encoder of the axis `architecture`: {error}") from error

    def _find_foundation(self) -> NamedEncoder | None:
        """The foundation encoder of the study; refused before the first cell if it cannot be used."""
        using = [policy for axes in self.study.grids for policy in axes.policy if uses_foundation(policy)]
        if not using:
            return None
        kind = self.finetune.data.kind
        if not self.study.foundation:
            able = [name for name, each in ENCODERS.classes().items() if kind in each.kinds]
            advice = f"name one, e.g. `foundation: {able[0]}`" if able else f"none reads {kind}; remove this policy"
            raise ValueError(f"the policy {using[0]!r} needs a foundation encoder; {advice}")
        found = make_encoder(self.study.foundation)
        found.encoder.require_kind(kind)
        found.encoder.require_installed()
        return found

    def _find_library(self) -> LibraryColumns | None:
        """The library of the study; refused before the first cell if it has no models."""
        using = [policy for axes in self.study.grids for policy in axes.policy if uses_library(policy)]
        if not using:
            return None
        if not self.study.library:
            raise ValueError(
                f"the policy {using[0]!r} needs a library of pretrained models; name one, e.g. `library: 'starter:'`"
            )
        return LibraryColumns(self.study.library, self.study.folder / "library")

    def _variant(self, name: str, options: list[str]) -> Stage:
        """The stage of an entry of the axis `pretraining`."""
        stage = Stage(stage_name(name), Path(self.study.pretrain), self.study, options=options)
        if stage.plain_data() == self.pretrain.plain_data():
            stage.data = self.pretrain.data  # read once
        return stage

    @property
    def stages(self) -> list[Stage]:
        """Pretrainings, fine-tuning and training from scratch."""
        return [*self._pretrainings.values(), self.finetune, self.scratch]

    def points(self) -> list[GridPoint]:
        """All points of all grids, those of one pretrained model together."""
        shared_by_splits = all(each.data.settings.remove == "all" for each in self._pretrainings.values())
        groups = cell_groups(self.study.grids, self._architectures, shared_by_splits)
        points = [point for group in groups for point in group.points]
        scratch, pretrained = self.scratch.encoder, self.pretrain.encoder
        if scratch and pretrained and (name := encoder_name(scratch)) != encoder_name(pretrained):
            return [_rename_scratch(point, name) for point in points]
        return points

    def check(self) -> None:
        """Refuse policies and baselines that need the simulated value of each material where there is none.

        Raises:
            ValueError: If one does.
        """
        target = self.finetune.data
        for policy in dict.fromkeys(policy for axes in self.study.grids for policy in axes.policy):
            if not is_fine_tuning(policy):
                if BASELINES[policy].uses_simulated:
                    self._shared.once("simulated", partial(find_simulated, policy, self.pretrain.data, target))
            elif find_policies()[policy].takes_simulated and target.table.simulated is None:
                raise ValueError(
                    f"the policy `{policy}` corrects the simulated {target.properties[0].name} of each material, but "
                    f"{title_of(target)} has none: {HOW_TO_GIVE} in {self.study.finetune}, or remove `{policy}`"
                )

    def job(self, point: GridPoint) -> Job:
        """The job of the cell of a point."""
        model = self.pretraining(point).key if self.needs_model(point) else None
        if is_fine_tuning(point.policy):
            stage = self._fine_tuning(point)
            key = fine_tuning_key(self._content(stage, point), model, self._target_content(point))
        else:
            key = self._baseline_key(point, model)
        return Job(key, point, model, is_pretraining=False)

    def pretraining(self, point: GridPoint) -> Job:
        """The job of the pretraining that a point needs."""
        return self._shared.once(
            (
                "pretraining",
                spelled(point.architecture),
                point.growth,
                point.pretraining,
                point.source_size,
                point.seed,
                self._source_split(point),
            ),
            lambda: Job(
                pretraining_key(self._content(self._pretraining(point), point), self.source(point).key_content()),
                point,
                None,
                is_pretraining=True,
            ),
        )

    def _baseline_key(self, point: GridPoint, model: str | None) -> str:
        simulated = self.source_table if BASELINES[point.policy].uses_simulated else None
        target = self._target_content(point)
        data = self.finetune.data
        library = self.library if uses_library(point.policy) else None
        if library is not None:
            data = self.target(point)  # whose split says which models may be used
        return baseline_key(point.policy, model, target, data, simulated, self.foundation, library)

    @staticmethod
    def needs_model(point: GridPoint) -> bool:
        """Whether a point starts from a pretrained model."""
        return point.source_size != 0 and (is_fine_tuning(point.policy) or BASELINES[point.policy].needs_source)

    def stage(self, job: Job) -> Stage:
        """The stage whose YAML a job follows; for baselines the fine-tuning, whose data they use."""
        return self._pretraining(job.point) if job.is_pretraining else self._fine_tuning(job.point)

    def _pretraining(self, point: GridPoint) -> Stage:
        return self._pretrainings[point.pretraining]

    def _fine_tuning(self, point: GridPoint) -> Stage:
        return self.scratch if is_fine_tuning(point.policy) and point.source_size == 0 else self.finetune

    def other_keys(self, job: Job) -> list[str]:
        """Keys of the cell of a job in studies whose encoder stands elsewhere, or is spelled otherwise."""
        point = job.point
        if not point.architecture_name:
            return []
        points = [replace(point, architecture=each) for each in self._spellings(point)]
        models: list[str | None] = [None]
        if job.model:
            pretrain, source = self._pretraining(point), self.source(point).key_content()
            models = [pretraining_key(self._content(pretrain, each), source) for each in points]
        if not is_fine_tuning(point.policy):
            return [self._baseline_key(point, model) for model in models]
        stage = self._fine_tuning(point)
        contents = [self._content(stage, each) for each in points]
        if job.model:  # which brings its encoder
            contents.append(self._content(stage, point, names_encoder=False))
        target = self._target_content(point)
        return [fine_tuning_key(content, model, target) for content, model in product(contents, models)]

    def _spellings(self, point: GridPoint) -> list[EncoderSettings]:
        """The encoder of a point as it may stand in another study."""
        encoder = point.architecture or self._fine_tuning(point).encoder or self.pretrain.encoder or {}
        return self._shared.once(("spellings", spelled(encoder)), lambda: spellings(encoder))

    def differences(self, job: Job, published: Published) -> list[str]:
        """What differs between a cell and the published one in its place, as far as the file says."""
        point = job.point
        name = ("differences", point.architecture_name, point.pretraining, point.policy, job.model is None)
        return self._shared.once(name, lambda: self._differences(job, published))

    def _differences(self, job: Job, published: Published) -> list[str]:
        point = job.point
        stages = [self._pretraining(point)] if job.model else []
        sides = {"target": self.finetune.data} | ({"source": self._pretraining(point).data} if job.model else {})
        stages += [self._fine_tuning(point)] if is_fine_tuning(point.policy) else []
        compared = {
            f"settings of {each.name}.yaml": (each.result_settings, published.settings.get(each.name))
            for each in stages
        }
        encoder = point.architecture or self.pretrain.encoder
        there = published.architectures.get(point.architecture_name)
        if encoder and there:
            compared["settings of the encoder"] = (encoder_settings(encoder), encoder_settings(there))
        found = [] if published.threads in (None, self.study.threads) else ["threads"]
        for side, data in sides.items():
            if (published.data.get(side) or {}).get("fingerprint") not in (None, data.data_set.fingerprint):
                found.append(f"{side} data")
        for what, (mine, theirs) in compared.items():
            if theirs and (names := [each for each in {**theirs, **mine} if mine.get(each) != theirs.get(each)]):
                found.append(f"{what} ({', '.join(names)})")
        return found

    def config(self, job: Job) -> Any:
        """The configuration of a pretraining, a fine-tuning or a training from scratch."""
        if job.is_pretraining:
            return self._config(self._pretraining(job.point), job.point)
        folder = self.model_folder(job.model) if job.model else None
        return self._config(self._fine_tuning(job.point), job.point, folder)

    def saved_config(self, job: Job) -> dict[str, Any]:
        """The configuration of a pretraining with the data of its point, without the test part of the target."""
        stage = self._pretraining(job.point)
        others = stage.plain_excludes(lambda each: each.data_set.fingerprint != self.finetune.data.data_set.fingerprint)
        target = self.finetune.plain_data(split=job.point.split)
        changes: dict[str, Any] = {"size": job.point.source_size, "seed": job.point.seed}
        if job.point.growth != "random":
            changes["grow_by"] = job.point.growth
        if self._described(stage, job.point).settings.atom_descriptors:
            changes["atom_descriptors"] = True
        return stage_config(plain(self.config(job))) | {"data": stage.plain_data(**changes, exclude=[target, *others])}

    def data(self, job: Job) -> PropertyDataModule:
        """The source of a pretraining, the target of a cell."""
        return self.source(job.point) if job.is_pretraining else self.target(job.point)

    def read_data(self) -> None:
        """Read tables and graphs of source and target."""
        for data in (*(each.data for each in self._pretrainings.values()), self.finetune.data):
            _ = data.table, data.store

    def source(self, point: GridPoint) -> PropertyDataModule:
        """The source of a point, without the target's test materials."""
        stage = self._pretraining(point)
        data = self._described(stage, point)

        def without_tested() -> PropertyDataModule:
            target = self.finetune.data
            others = [
                each for each in data.settings.excluded if each.data_set.fingerprint != target.data_set.fingerprint
            ]
            excluded = [target.variant(split=point.split), *others]
            return data.variant(exclude=excluded, grow_by=point.growth)

        name = ("source", stage.name, data.settings.atom_descriptors, point.growth, self._source_split(point))
        whole = self._shared.once(name, without_tested)
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
        return None if self._pretraining(point).data.settings.remove == "all" else point.split

    def _config(self, stage: Stage, point: GridPoint, pretrained: Path | None = None) -> Any:
        changes: dict[str, Any] = {"encoder": point.architecture} if point.architecture else {}
        if stage is not self._pretraining(point):
            changes |= {"policy": point.policy, "pretrained": str(pretrained) if pretrained else None}
        return stage.config(point.seed, changes)

    def _content(self, stage: Stage, point: GridPoint, names_encoder: bool = True) -> dict[str, Any]:
        """The part of the configuration that enters a key, without the path of a pretrained model."""
        policy = point.policy if stage is not self._pretraining(point) else ""
        name = ("content", stage.name, spelled(point.architecture) if names_encoder else None, policy)

        def make() -> dict[str, Any]:
            config = plain(self._config(stage, point))
            if not names_encoder:
                config["model"]["init_args"].pop("encoder", None)
            return stage.training_content(config, stage.data)

        content = self._shared.once(name, make)
        return self._shared.once(
            (*name, point.seed),
            lambda: {
                "config": canonical(content["config"] | {"seed": point.seed}),
                "numerics": canonical(content["numerics"]),
            },
        )

    def _target_content(self, point: GridPoint) -> Canonical:
        own = self._fine_tuning(point).data.settings
        described = self._described(self.finetune, point).settings.atom_descriptors
        return self._shared.once(
            ("target", described, own.batch_size, own.validation_fraction, point.target_size, point.seed, point.split),
            lambda: canonical(self.target(point).key_content()),
        )

    def _described(self, stage: Stage, point: GridPoint) -> PropertyDataModule:
        """The data of a stage, with atom descriptors if the architecture of the point reads them."""
        if stage.data.settings.atom_descriptors or point.architecture is None:
            return stage.data
        if not self._reads_descriptors[spelled(point.architecture)]:
            return stage.data
        return self._shared.once(("described", stage.name), lambda: stage.data.variant(atom_descriptors=True))


def _rename_scratch(point: GridPoint, name: str) -> GridPoint:
    """A point with the name of the encoder that trains from scratch, if that is the YAML's and of another class."""
    own = point.architecture is None and point.source_size == 0 and is_fine_tuning(point.policy)
    return replace(point, architecture_name=name) if own else point


def _make(architecture: EncoderSettings) -> Encoder:
    return build_encoder(with_settings(architecture), trusted=True)


def spelled(architecture: EncoderSettings | None) -> str:
    """An architecture as text."""
    return "" if architecture is None else json.dumps(architecture, sort_keys=True)
