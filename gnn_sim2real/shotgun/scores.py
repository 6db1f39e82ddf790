"""Scores of models for a target, cached so that no model is ranked twice for the same measurements."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gnn_sim2real.files import read_sealed, write_sealed
from gnn_sim2real.shotgun.probe import Probe

_WRITE_EVERY = 500


@dataclass(frozen=True, slots=True)
class Score:
    """Error of a frozen model in cross-validation on a target's training rows.

    Attributes:
        key: Key of the model.
        probe: The best probe: a layer, or the model's own prediction.
        error: Mean absolute error of this probe.
        prediction_error: Error of the model's own prediction on a straight line; None if it predicts another property.
        errors: Error of each training row, NaN if it was never left out; on the last rung only.
        rung: Number of the last rung of successive halving that the model reached.
    """

    key: str
    probe: Probe
    error: float
    prediction_error: float | None
    errors: tuple[float, ...] = ()
    rung: int = 0

    def interval(self, level: float = 0.9, num_draws: int = 1000) -> tuple[float, float]:
        """Bootstrap interval of the error over the materials.

        Args:
            level: Level of the interval.
            num_draws: Number of bootstrap draws.
        """
        errors = np.array(self.errors, np.float64)
        errors = errors[~np.isnan(errors)]
        if not len(errors):
            return float("nan"), float("nan")
        drawn = np.random.default_rng(0).integers(0, len(errors), (num_draws, len(errors)))
        low, high = np.quantile(errors[drawn].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)


class ScoreCache:
    """Scores by what they depend on and by model; models that share all the rest share a file.

    Args:
        folder: Folder of the files; None stores nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._known: dict[str, dict[str, Score]] = {}
        self._new: dict[str, int] = {}

    @staticmethod
    def name_of(content: Mapping[str, Any]) -> str:
        """Name of the file of some scores.

        Args:
            content: What the scores depend on apart from the model; plain types.
        """
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=dict).encode()).hexdigest()[:32]

    def get(self, name: str, key: str) -> Score | None:
        """A score; None if it is unknown.

        Args:
            name: From `name_of`.
            key: Key of the model.
        """
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name].get(key)

    def put(self, name: str, score: Score) -> None:
        """Add a score; files are written every few hundred scores.

        Args:
            name: From `name_of`.
            score: The score.
        """
        self._known.setdefault(name, {})[score.key] = score
        self._new[name] = self._new.get(name, 0) + 1
        if self._new[name] >= _WRITE_EVERY * (1 + len(self._known[name]) // (20 * _WRITE_EVERY)):
            self.write()

    def write(self) -> None:
        """Write new scores."""
        if self.folder is not None:
            for name in self._new:
                # Scores that another process wrote meanwhile stay.
                scores = {**self._read(name), **self._known[name]}
                rows = [_plain(score) for score in scores.values()]
                write_sealed(self._path(name), {"scores": rows})
        self._new.clear()

    def forget(self) -> None:
        """Write new scores, and clear the memory."""
        self.write()
        self._known.clear()

    def _read(self, name: str) -> dict[str, Score]:
        if self.folder is None:
            return {}
        try:
            text = self._path(name).read_bytes()
            # Earlier versions wrote a list, without a checksum.
            rows = json.loads(text) if text.startswith(b"[") else read_sealed(text)["scores"]
            return {row["key"]: _score(row) for row in rows}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # missing or damaged: ranked again
            return {}

    def _path(self, name: str) -> Path:
        return Path(str(self.folder)) / f"{name}.json"


def _plain(score: Score) -> dict[str, Any]:
    row = asdict(score)
    del row["rung"]
    row["layer"] = row.pop("probe")["layer"]
    row["errors"] = [None if error != error else error for error in score.errors]  # noqa: PLR0124 (NaN)
    return row


def _score(row: Mapping[str, Any]) -> Score:
    errors = tuple(float("nan") if error is None else float(error) for error in row["errors"])
    known = row["prediction_error"]
    return Score(
        str(row["key"]), Probe.of_row(row), float(row["error"]), None if known is None else float(known), errors
    )
