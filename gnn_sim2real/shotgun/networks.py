"""Members of the ensemble that are networks: the best ranked models, frozen and fine-tuned, and one from scratch.

Which models are the best, and of which layer, is another question on every training part, answered by a ranking on its
rows alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gnn_sim2real.baselines.straight_line import CALIBRATED_SOURCE
from gnn_sim2real.ensemble.stack import COSTLY
from gnn_sim2real.library import TrainedModel
from gnn_sim2real.linear import Floats
from gnn_sim2real.shotgun.finetune import fine_tune, predict, train_from_scratch
from gnn_sim2real.shotgun.probe import PREDICTION, Probe
from gnn_sim2real.shotgun.ranking import Models
from gnn_sim2real.shotgun.scores import Score
from gnn_sim2real.shotgun.settings import TuningSettings
from gnn_sim2real.shotgun.start import make_start
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.splits.parts import Rows

SCRATCH = "from scratch"


@dataclass(eq=False)
class Network:
    """A network of the target, made from some rows by a function.

    Attributes:
        name: Name in tables.
        cost: Seconds of one training, roughly.
        make: Makes it from the rows to learn from; None if the library has no model for it there.
        target: The target.
        model: The one made from all training rows, once there is one.
        kind: See `ensemble.stack.Member`.
    """

    name: str
    cost: float
    make: Callable[[Rows], TrainedModel | None]
    target: Target
    model: TrainedModel | None = None
    kind: str = ""

    def fit_predict(self, train: Rows, test: Rows) -> Floats:
        """See `ensemble.stack.Member`."""
        model = self.make(train)
        if len(train) == len(self.target.train):
            self.model = model
        return np.full(len(test), np.nan) if model is None else predict(model, self.target, test)


@dataclass(frozen=True, eq=False)
class Networks:
    """Makes networks of the target: of the best ranked models, and from scratch.

    Attributes:
        models: The library.
        rankings: Scores for each training part, best first, by the bytes of its rows.
        target: The target.
        tuning: See `TuningSettings`.
    """

    models: Models
    rankings: Mapping[bytes, Sequence[Score]]
    target: Target
    tuning: TuningSettings

    def members(self) -> list[Network]:
        """The members: a few models frozen and fine-tuned, the calibrated source if there is one, and from scratch."""
        whole = self.rankings[self.target.train.tobytes()]
        found = [Network(SCRATCH, COSTLY + 1, self.from_scratch, self.target)]
        if any(score.prediction_error is not None for score in whole):
            title = CALIBRATED_SOURCE.title
            found.append(Network(title, 0.05, self.calibrated, self.target, kind=title))
        for place in range(min(self.tuning.best, len(whole))):
            found += [
                Network(frozen_name(place), 0.1, partial(self.frozen, place), self.target),
                Network(tuned_name(place), COSTLY + 0.01 * place, partial(self.fine_tuned, place), self.target),
            ]
        return found

    def frozen(self, place: int, train: Rows) -> TrainedModel | None:
        """Ridge regression on the best layer of a ranked model; None if fewer can be ranked.

        Args:
            place: Place of the model in the ranking on these rows, from 0.
            train: Rows to learn from.
        """
        scores = self.rankings[train.tobytes()]
        return self._start(scores[place], scores[place].probe, train) if place < len(scores) else None

    def fine_tuned(self, place: int, train: Rows) -> TrainedModel | None:
        """The fine-tuning of `frozen`.

        Args:
            place: Place of the model in the ranking on these rows, from 0.
            train: Rows to learn from.
        """
        start = self.frozen(place, train)
        if start is None:
            return None
        tuned = fine_tune(start, self.target, train, self.tuning)
        return replace(tuned, card=start.card | {"finish": "fine-tuned"})

    def calibrated(self, train: Rows) -> TrainedModel | None:
        """The best model of the same property, its prediction put on a line; None if none can be ranked.

        Args:
            train: Rows to learn from.
        """
        same = [score for score in self.rankings[train.tobytes()] if score.prediction_error is not None]
        best = min(same, key=lambda score: (score.prediction_error, score.key), default=None)
        return None if best is None else self._start(best, PREDICTION, train)

    def from_scratch(self, train: Rows) -> TrainedModel:
        """A network that learns from the measurements only, with the encoder and graphs of the best ranked model.

        Args:
            train: Rows to learn from.
        """
        # Of the ranking on these rows, too: the choice of an architecture is one by measured values.
        best = self.models.load(self.rankings[train.tobytes()][0].key)
        encoder = self.tuning.scratch or best.network.encoder.describe()
        made = train_from_scratch(encoder, best, self.target, train, self.tuning)
        return replace(made, card=self._card(made, train, SCRATCH))

    def _start(self, score: Score, probe: Probe, train: Rows) -> TrainedModel:
        made = make_start(self.models.load(score.key), self.target, train, probe, self.tuning.seed)
        card = {"source": {"key": score.key}, "probe": str(probe)}
        return replace(made, card=card | self._card(made, train, "frozen"))

    def _card(self, made: TrainedModel, train: Rows, finish: str) -> dict[str, Any]:
        return {
            "finish": finish,
            "target_size": len(train),
            "architecture": type(made.network.encoder).__name__,
            "property": self.target.spec.name,
        }


def frozen_name(place: int) -> str:
    """Name of the ridge regression on the best layer of a ranked model.

    Args:
        place: Its place in the ranking, from 0.
    """
    return f"no. {place + 1} of the ranking, frozen"


def tuned_name(place: int) -> str:
    """Name of the fine-tuning of a ranked model.

    Args:
        place: Its place in the ranking, from 0.
    """
    return f"no. {place + 1} of the ranking, fine-tuned"
