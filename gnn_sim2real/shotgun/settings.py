"""Settings of shotgun transfer, in a file that is read in no time: their help does not wait for torch."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gnn_sim2real.config.encoder import EncoderSettings

if TYPE_CHECKING:
    from gnn_sim2real.data.module import PropertyDataModule

IfSeen = Literal["skip", "warn"]

Purpose = Literal["interpolation", "extrapolation"]
"""Purpose of a model: materials like the measured ones, or values (or families) beyond them."""

AUTO, NONE = "auto", "none"
"""Settings: all installed encoders that read the materials and need no settings of their own, and none of them."""


@dataclass(frozen=True)
class RankingSettings:
    """How models are ranked.

    Attributes:
        method: Regression on frozen features: ridge, or random forest (a hundred times slower).
        purpose: `interpolation` tests on random folds, `extrapolation` on values or families beyond the training part.
        folds: Folds of the cross-validation.
        repeats: Repeats on the last rung; the first rung has one, each further rung twice as many.
        finalists: Number of models that reach the last rung.
        keep: Share of the models that go on to the next rung.
        seed: Seed of the folds.

    Raises:
        ValueError: If a number of folds, repeats or finalists, or `keep`, is out of its range.
    """

    method: Literal["ridge", "forest"] = "ridge"
    purpose: Purpose = "interpolation"
    folds: int = 5
    repeats: int = 8
    finalists: int = 16
    keep: float = 0.34
    seed: int = 0

    def __post_init__(self) -> None:
        if self.folds < 2 or self.repeats < 1 or self.finalists < 1:
            raise ValueError(
                f"`folds` must be at least 2, `repeats` and `finalists` at least 1, got {self.folds}, {self.repeats} "
                f"and {self.finalists}"
            )
        if not 0 < self.keep < 1:
            raise ValueError(f"`keep` must be above 0 and below 1, got {self.keep}")


@dataclass(frozen=True)
class TuningSettings:
    """How the best ranked models are fine-tuned, and how many.

    Attributes:
        best: Number of models of the library that are members of the ensemble, frozen and fine-tuned.
        epochs: Epochs of a fine-tuning.
        learning_rate: Learning rate of a fine-tuning.
        encoder_rate: Learning rate of the encoder divided by that of the head.
        scratch: Encoder of the network from scratch (`class_path`, `init_args`); that of the best ranked model unless
            given.
        scratch_epochs: Epochs of training from scratch, which needs more.
        scratch_rate: Learning rate of training from scratch.
        seed: Seed of the trainings.

    Raises:
        ValueError: If `best` is below 1.
    """

    best: int = 5
    epochs: int = 20
    learning_rate: float = 3e-4
    encoder_rate: float = 0.1
    scratch: EncoderSettings | None = None
    scratch_epochs: int = 50
    scratch_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.best < 1:
            raise ValueError(f"`best` must be at least 1, got {self.best}")


@dataclass
class ShotgunConfig:
    """Rank a model library for a target, and make an ensemble of the best models and of simple methods.

    Args:
        data: The measurements, any data module: models are trained on its training part, and tested once, at the end,
            on its test part, if there is one.
        test: Further measurements of the same property, which are tested once, at the end, and take part in no choice;
            materials that are in both leave the training. In place of a test part of `data`.
        library: Folder of the model library, beside the starter library; $GNN_SIM2REAL_LIBRARY, or runs/library,
            unless given.
        starter: Whether the models that come with the package, the starter library, are ranked as well.
        filters: Which models are used, with the filters of `gnn-sim2real models list`, e.g. {domain: crystal}; all
            unless given.
        seen: What to do with models that were trained on simulations of test materials: `skip` or `warn`.
        log: Whether errors are those of the decimal logarithm, for values that span orders of magnitude.
        ranking: How models are ranked.
        tuning: How the best models are fine-tuned.
        folds: Folds for the weights and for the error, at least 3; 8 up to 30 measurements and 5 beyond unless given.
        minutes: Time for ranking and trainings; what does not fit in is left out, networks first. No limit unless
            given.
        foundation: Foundation encoder whose features are descriptors for members: its name, or its `name` with settings
            and a `layer`; `auto` for all that are installed and read the materials, `none` for none.
        predict: Table of materials to predict with the ensemble; none unless given.
        cache: Folder of scores and predictions of the library that later runs reuse; in the output folder unless given.
        output: Folder for ranking, figures and ensemble.
        title: Title of the figure.
    """

    data: "PropertyDataModule"
    test: "PropertyDataModule | None" = None
    library: str = ""
    starter: bool = True
    filters: dict[str, Any] = field(default_factory=dict)
    seen: IfSeen = "skip"
    log: bool = False
    ranking: RankingSettings = field(default_factory=RankingSettings)
    tuning: TuningSettings = field(default_factory=TuningSettings)
    folds: int | None = None
    minutes: float | None = None
    foundation: str | dict[str, Any] = AUTO
    predict: str = ""
    cache: str = ""
    output: str = "runs/shotgun"
    title: str = ""


@dataclass
class TargetConfig:
    """One of several targets.

    Attributes:
        name: Name in tables and figures.
        data: The measurements; their settings fix the test part.
        log: Whether errors are those of the decimal logarithm.
        scratch: Encoder of the network from scratch (`class_path`, `init_args`), fixed in advance.
        max_pool: Largest number of materials that a study draws measurements from, drawn once, since every model
            encodes all of them; None for all.
    """

    name: str
    data: "PropertyDataModule"
    log: bool = False
    scratch: EncoderSettings | None = None
    max_pool: int | None = None


@dataclass
class ManyTargets:
    """Settings that heat map and study share.

    Attributes:
        targets: The targets.
        library: Folder of the model library.
        filters: Which models are used.
        seen: What to do with models that were trained on simulations of test materials.
    """

    targets: list[TargetConfig]
    library: str = ""
    filters: dict[str, Any] = field(default_factory=dict)
    seen: IfSeen = "skip"


@dataclass
class MatrixConfig(ManyTargets):
    """Transferability of every source to every target.

    Args:
        size: Number of measurements per target, drawn once; all of them if a target has fewer.
        ranking: How models are scored; all reach the last rung.
        output: Path of figure and table, without suffix.
        cache: Folder of scores.
        title: Title of the figure.
    """

    size: int = 100
    ranking: RankingSettings = field(default_factory=lambda: RankingSettings(repeats=2))
    output: str = "runs/shotgun_matrix/matrix"
    cache: str = "runs/shotgun_matrix/scores"
    title: str = "Gain of measured targets from simulated sources"


@dataclass
class ShotgunStudyConfig(ManyTargets):
    """Errors of shotgun transfer and of its references.

    Args:
        sizes: Numbers of measurements.
        draws: Number of draws of each size.
        max_test: Largest number of test materials of a target, drawn once.
        ranking: How models are ranked.
        tuning: How the best models are fine-tuned.
        folds: Folds for the weights and for the error, at least 3; 8 up to 30 measurements and 5 beyond unless given.
        foundation: Foundation encoder whose features are descriptors for members; `auto` for all that are installed.
            None unless given, so that a study does not hinge on what is installed.
        output: Folder of records; running again with the same folder resumes.
        launcher: Where targets are computed: in this process (`serial`), in processes of this machine (`processes`), or
            on a Ray cluster (`ray`). Records are the same, to the last digit on one kind of CPU.
        workers: Largest number of targets at a time; the number of cores unless given.
        address: Address of the Ray cluster, `auto` for the one of this machine; a new one is started unless given.
        gpus: GPUs per target on Ray.
        threads: Threads per target; sums in another order round differently.
    """

    sizes: list[int] = field(default_factory=lambda: [20, 50, 100])
    draws: int = 10
    max_test: int | None = 300
    ranking: RankingSettings = field(default_factory=RankingSettings)
    tuning: TuningSettings = field(default_factory=TuningSettings)
    folds: int | None = None
    foundation: str | dict[str, Any] = NONE
    output: str = "runs/shotgun_study"
    launcher: Literal["serial", "processes", "ray"] = "serial"
    workers: int | None = None
    address: str | None = None
    gpus: float = 0.0
    threads: int = 1

    @property
    def records(self) -> Path:
        """Folder of the records."""
        return Path(self.output) / "records"
