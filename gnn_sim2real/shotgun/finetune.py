"""Fine-tuning the best ranked models, and the references that stand beside them."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning.pytorch import Trainer, seed_everything

from gnn_sim2real.baselines import extra_trees
from gnn_sim2real.library import TrainedModel, save_model
from gnn_sim2real.nn.encoder import build_encoder
from gnn_sim2real.shotgun.features import PREDICTION
from gnn_sim2real.shotgun.folds import Fold, random_folds, tail_folds
from gnn_sim2real.shotgun.ranking import Models, RankingSettings
from gnn_sim2real.shotgun.scores import Score
from gnn_sim2real.shotgun.start import make_start
from gnn_sim2real.shotgun.target import Floats, Rows, Target
from gnn_sim2real.tasks import TargetFineTuning

Finish = Literal["frozen", "fine-tuned"]
"""What becomes of a start: it is kept as it is, or all its weights are trained further."""

_BATCH_SIZE = 16

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TuningSettings:
    """How the best ranked models are fine-tuned, and how many of them.

    Attributes:
        best: How many go into the ensemble.
        inner_folds: Folds in which it is decided whether a model is better frozen or fine-tuned; 0 fine-tunes all.
        epochs: Epochs of a fine-tuning.
        learning_rate: Its learning rate.
        encoder_rate: Learning rate of the encoder over that of the head.
        scratch: Encoder of direct learning (`class_path`, `init_args`); that of the best ranked model unless given.
        scratch_epochs: Epochs of direct learning, which wants more.
        scratch_rate: Its learning rate.
        seed: Of the trainings.
    """

    best: int = 5
    inner_folds: int = 3
    epochs: int = 20
    learning_rate: float = 3e-4
    encoder_rate: float = 0.1
    scratch: dict[str, Any] | None = None
    scratch_epochs: int = 50
    scratch_rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if self.best < 2:
            raise ValueError(f"`best` must be at least 2, since an ensemble has two models at least, got {self.best}")
        if self.inner_folds == 1 or self.inner_folds < 0:
            raise ValueError(f"`inner_folds` must be 0, or at least 2, got {self.inner_folds}")


@dataclass(frozen=True, eq=False)
class Member:
    """A model made of a ranked source model.

    Attributes:
        score: Of the source model in the ranking.
        finish: Whether it was fine-tuned.
        inner_error: Error in the inner folds, of the finish that was chosen; that of the ranking without inner folds.
        model: The model.
    """

    score: Score
    finish: Finish
    inner_error: float
    model: TrainedModel

    def predict(self, target: Target) -> Floats:
        """Predict all materials of the target, on the scale of the errors."""
        return predict(self.model, target)


def make_members(
    models: Models,
    ranked: Sequence[Score],
    target: Target,
    rows: Rows,
    ranking: RankingSettings,
    tuning: TuningSettings,
) -> list[Member]:
    """Make the members of an ensemble of the best ranked models.

    Args:
        models: The library.
        ranked: Scores, best first.
        target: The target.
        rows: Rows that may be learned from.
        ranking: Its purpose is that of the inner folds too.
        tuning: See `TuningSettings`.

    Returns:
        Members by inner error, best first. All read the same graphs: those of the best ranked model.
    """
    folds = inner_folds(target, rows, ranking, tuning)
    members: list[Member] = []
    featurizer: dict[str, Any] | None = None
    for score in ranked:
        source = models.load(score.key)
        described = target.view(source.featurizer).featurizer.describe()
        if featurizer is not None and described != featurizer:
            logger.info(
                "%s reads other graphs than the best model, and cannot be in one ensemble with it", score.key[:8]
            )
            continue
        featurizer = described
        members.append(_make_member(source, score, target, rows, folds, tuning))
        if len(members) == tuning.best:
            break
    return sorted(members, key=lambda member: (member.inner_error, member.score.key))


def inner_folds(target: Target, rows: Rows, ranking: RankingSettings, tuning: TuningSettings) -> list[Fold]:
    """Folds within the training rows, as positions in them.

    Args:
        target: The target.
        rows: Training rows.
        ranking: Its purpose counts.
        tuning: The number of folds.
    """
    if not tuning.inner_folds:
        return []
    extrapolates = ranking.purpose == "extrapolation"
    names = target.families if extrapolates and target.families is not None else target.groups
    some = [names[row] for row in rows.tolist()]
    if extrapolates and target.families is None:
        return tail_folds(some, target.values[rows], target.tail, ranking.seed)
    return random_folds(some, tuning.inner_folds, [ranking.seed, 999])


def _make_member(
    source: TrainedModel, score: Score, target: Target, rows: Rows, folds: Sequence[Fold], tuning: TuningSettings
) -> Member:
    errors: dict[Finish, list[Floats]] = {"frozen": [], "fine-tuned": []}
    for fold in folds:
        trained, tested = rows[fold.train], rows[fold.test]
        start = make_start(source, target, trained, score.way)
        errors["frozen"].append(np.abs(predict(start, target) - target.values)[tested])
        tuned = fine_tune(start, target, trained, tuning)
        errors["fine-tuned"].append(np.abs(predict(tuned, target) - target.values)[tested])
    means = {finish: float(np.concatenate(each).mean()) for finish, each in errors.items() if each}
    finish: Finish = min(means, key=means.__getitem__) if means else "fine-tuned"
    start = make_start(source, target, rows, score.way)
    made = start if finish == "frozen" else fine_tune(start, target, rows, tuning)
    card = {"source": {"key": score.key}, "way": score.way, "finish": finish, "target_size": len(rows)}
    card |= {"architecture": type(made.network.encoder).__name__, "property": target.spec.name}
    return Member(score, finish, means.get(finish, score.error), replace(made, card=card))


def fine_tune(start: TrainedModel, target: Target, rows: Rows, tuning: TuningSettings) -> TrainedModel:
    """Train a start further, as `gnn-sim2real fit` would.

    Args:
        start: The model that is trained further; it is not changed.
        target: The target.
        rows: Rows that it is trained on.
        tuning: See `TuningSettings`.
    """
    with tempfile.TemporaryDirectory(prefix="shotgun_") as folder:
        save_model(start, Path(folder))
        task = TargetFineTuning(
            pretrained=folder,
            encoder_rate=tuning.encoder_rate,
            forms={target.spec.name: start.network.properties[0].form},
            optimizer=partial(torch.optim.AdamW, lr=tuning.learning_rate, weight_decay=1e-5),
        )
        return _train(task, start, target, rows, tuning.epochs, tuning.seed)


def learn_directly(
    encoder: dict[str, Any], like: TrainedModel, target: Target, rows: Rows, tuning: TuningSettings
) -> TrainedModel:
    """Train a fresh network on the measurements alone.

    Args:
        encoder: Its description.
        like: Has the graphs that it reads.
        target: The target.
        rows: Rows that it is trained on.
        tuning: See `TuningSettings`.
    """
    seed_everything(tuning.seed, verbose=False)
    task = TargetFineTuning(
        encoder=build_encoder(encoder),
        forms={target.spec.name: target.spec.form},
        optimizer=partial(torch.optim.AdamW, lr=tuning.scratch_rate, weight_decay=1e-5),
    )
    return _train(task, like, target, rows, tuning.scratch_epochs, tuning.seed)


def _train(
    task: TargetFineTuning, like: TrainedModel, target: Target, rows: Rows, epochs: int, seed: int
) -> TrainedModel:
    for name in ("gnn_sim2real.tasks", "gnn_sim2real.datamodule"):
        logging.getLogger(name).setLevel(logging.WARNING)
    seed_everything(seed, verbose=False)
    view = target.view(like.featurizer)
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=epochs,
        gradient_clip_val=1.0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
    )
    trainer.fit(task, datamodule=target.data(view, rows, _BATCH_SIZE, seed))
    return TrainedModel(task.network.eval(), view.featurizer, {})


def predict(model: TrainedModel, target: Target) -> Floats:
    """Predict all materials of the target, on the scale of the errors.

    Args:
        model: Of the target's property.
        target: The target.
    """
    return target.scale(model.predict_graphs(target.view(model.featurizer).store)[:, 0])


def references(
    models: Models, ranked: Sequence[Score], best: Member, target: Target, rows: Rows, tuning: TuningSettings
) -> dict[str, Floats]:
    """Predictions of all materials by what stands beside shotgun transfer.

    Args:
        models: The library.
        ranked: Scores, best first.
        best: The best member; direct learning reads its graphs.
        target: The target.
        rows: Rows that may be learned from.
        tuning: See `TuningSettings`.

    Returns:
        `direct learning`, `extra trees`, and where a model predicts the same property the best `calibrated source`.
    """
    encoder = tuning.scratch or _whole(best.model.network.encoder.describe())
    scratch = learn_directly(encoder, best.model, target, rows, tuning)
    features, values = target.descriptors, target.values[rows]
    found = {
        "direct learning": predict(scratch, target),
        "extra trees": extra_trees(features[rows], values, features, seed=tuning.seed),
    }
    same = [score for score in ranked if score.prediction_error is not None]
    if same:
        calibrated = min(same, key=lambda score: (score.prediction_error, score.key))
        start = make_start(models.load(calibrated.key), target, rows, PREDICTION)
        found["calibrated source"] = predict(start, target)
    return found


def _whole(described: dict[str, Any]) -> dict[str, Any]:
    """The description of the whole encoder of one that was cut."""
    inner = described["init_args"].get("encoder")
    return inner if described["class_path"].endswith(".UpToLayer") and inner else described
