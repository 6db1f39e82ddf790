"""Scores of the candidates of a pool, a few at a time: memory does not grow with their number."""

import heapq
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.estimator.pool import Pool
from gnn_sim2real.featurize.mixture import Mixture
from gnn_sim2real.library import TrainedModel
from gnn_sim2real.store.graphs import GraphStore
from gnn_sim2real.store.mixtures import store_of
from gnn_sim2real.suggest.acquisition import Aim
from gnn_sim2real.suggest.surrogate import Surrogate, encode

Floats = NDArray[np.float64]

CHUNK = 1024
"""Candidates of which graphs are in memory at once, by each process."""


class Candidate(NamedTuple):
    """A candidate.

    Attributes:
        log_score: Logarithm of what its measurement is worth.
        row: Its row in the pool, from 0.
        mean: Prediction, on the scale of the process.
        std: Calibrated standard deviation.
        distance: Distance from the measured materials; beyond 1 farther than these are from each other.
        features: Of the last layer.
    """

    log_score: float
    row: int
    mean: float
    std: float
    distance: float
    features: Floats


@dataclass
class Seen:
    """How many candidates were looked at.

    Attributes:
        number: Candidates of the pool.
        refused: Candidates that cannot be read.
        first_refused: The first of these with its reason; empty if there is none.
    """

    number: int = 0
    refused: int = 0
    first_refused: str = ""


class Scorer:
    """Scores a part of a pool; what each process has.

    Args:
        model: The model.
        surrogate: Predicts from what it knows.
        aim: What is sought.
        keep: Candidates of a part that can still be among the best.
    """

    def __init__(self, model: TrainedModel, surrogate: Surrogate, aim: Aim, keep: int) -> None:
        self.model, self.surrogate, self.aim, self.keep = model, surrogate, aim, keep

    def __call__(
        self, start: int, names: Sequence[str], contents: Sequence[Any], reasons: Mapping[int, str]
    ) -> tuple[list[Candidate], Seen]:
        """Score a part.

        Args:
            start: Row of the first.
            names: Names of the candidates.
            contents: What is read of each.
            reasons: Why some have no content, by their place among these.

        Returns:
            The best of them, and how many there were.
        """
        graphs, mixtures, rows = [], [], []
        seen = Seen(len(contents))
        for row, content in enumerate(contents):
            try:
                if row in reasons:
                    raise ValueError(reasons[row])
                if isinstance(content, Mixture):
                    mixtures.append(content)
                else:
                    graphs.append(self.model.featurizer.featurize(content))
                rows.append(start + row)
            except ValueError as error:
                seen.refused += 1
                seen.first_refused = seen.first_refused or f"{names[row]}: {' '.join(str(error).split())}"
        if not rows:
            return [], seen
        store = store_of(mixtures, self.model.featurizer) if mixtures else GraphStore.from_graphs(graphs)
        encoded = encode(self.model, store)
        mean, std = self.surrogate.predict(encoded)
        scores = self.aim.log_scores(mean, std)
        best = np.argsort(-scores, kind="stable")[: self.keep]
        distances = self.surrogate.distances(encoded.take(best))
        return [
            Candidate(
                float(scores[row]), rows[row], float(mean[row]), float(std[row]), float(distance), encoded.features[row]
            )
            for row, distance in zip(best.tolist(), distances.tolist(), strict=True)
        ], seen


def score_pool(pool: Pool, scorer: Scorer, workers: int) -> tuple[list[Candidate], Seen]:
    """Score all candidates.

    Args:
        pool: The candidates.
        scorer: Scores a part of them.
        workers: Number of processes; 1 for this one alone.

    Returns:
        The best, the best first, and how many there were.
    """
    best: list[tuple[float, int, Candidate]] = []
    total = Seen()
    for found, seen in _scored(pool, scorer, workers):
        total.number += seen.number
        total.refused += seen.refused
        total.first_refused = total.first_refused or seen.first_refused
        for each in found:
            entry = (each.log_score, -each.row, each)  # of equal scores the first row, however parts are finished
            if len(best) < scorer.keep:
                heapq.heappush(best, entry)
            elif entry[:2] > best[0][:2]:
                heapq.heapreplace(best, entry)
    return [each for _, _, each in sorted(best, key=lambda entry: entry[:2], reverse=True)], total


def _scored(pool: Pool, scorer: Scorer, workers: int) -> Iterator[tuple[list[Candidate], Seen]]:
    starts = range(0, len(pool), CHUNK)
    slices = (slice(start, start + CHUNK) for start in starts)
    parts = ((some.start, pool.names[some], *pool.part(some)) for some in slices)
    if workers < 2 or len(starts) < 2:
        return itertools.starmap(scorer, parts)
    from joblib import Parallel, delayed

    made: Iterator[tuple[list[Candidate], Seen]] = Parallel(n_jobs=workers, return_as="generator")(
        delayed(scorer)(*part) for part in parts
    )
    return made
