"""A published result and the same cells computed again, cell by cell."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gnn_sim2real.baselines import needs_measurements
from gnn_sim2real.records.record import Record, RecordKey

EXACT = 1e-5
"""Relative difference up to which two errors are equal: the last digits depend on the processor."""

CLOSE = 0.05
"""Relative difference up to which they are close: networks take other steps with another version of torch."""


@dataclass(frozen=True)
class CellPair:
    """A cell here and as it was published.

    Attributes:
        cell: The point of the grid.
        same_key: Whether the key is the published one: same data, settings and versions of what determines a result.
        ours: Test error here.
        published: Published test error.
    """

    cell: RecordKey
    same_key: bool
    ours: float
    published: float

    @property
    def difference(self) -> float:
        """Relative difference."""
        return (self.ours - self.published) / self.published if self.published else self.ours - self.published


@dataclass(frozen=True)
class Reproduction:
    """All cells that were compared.

    Attributes:
        pairs: The cells that are in both.
        unpublished: Number of cells here that were not published.
        missing: Number of published cells that were asked for, but are not here.
    """

    pairs: Sequence[CellPair]
    unpublished: int
    missing: int

    @property
    def differences(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        """Absolute value of the relative difference of each pair, (num_pairs,)."""
        return np.abs([each.difference for each in self.pairs]).reshape(len(self.pairs))

    @property
    def num_equal(self) -> int:
        """Number of pairs that are equal up to `EXACT`."""
        return int((self.differences <= EXACT).sum())

    @property
    def num_close(self) -> int:
        """Number of pairs that differ by more than that, and by at most `CLOSE`."""
        return int((self.differences <= CLOSE).sum()) - self.num_equal

    @property
    def verdict(self) -> str:
        """In a sentence."""
        number = len(self.pairs)
        if not number:
            return "NOTHING TO COMPARE: none of the cells here was published"
        text = f"{self.num_equal:,} of {number:,} cells equal the published ones, {self.num_close:,} differ by up to "
        text += f"{100 * CLOSE:g} %"
        far = number - self.num_equal - self.num_close
        if far:
            text += f", {far:,} by more, at most by {100 * self.differences.max():.0f} %"
        mean = float(np.mean([each.difference for each in self.pairs]))
        return f"{text}; on average the error is {100 * mean:+.2g} % of the published one away"

    def to_json(self, metric: str) -> dict[str, Any]:
        """The comparison in plain types.

        Args:
            metric: Name of the error.
        """
        cells = [
            asdict(each.cell) | {"same_key": each.same_key, "ours": each.ours, "published": each.published}
            for each in self.pairs
        ]
        counts = {"equal": self.num_equal, "close": self.num_close, "compared": len(self.pairs)}
        counts |= {"unpublished": self.unpublished, "missing": self.missing}
        return {"metric": metric, "verdict": self.verdict, **counts, "cells": cells}


def compare_cells(ours: Sequence[Record], published: Sequence[Record], wanted: int, metric: str) -> Reproduction:
    """Compare cells by their keys; where a key is another one, since data or settings are, by their place in the grid.

    Args:
        ours: Cells computed here.
        published: Published cells.
        wanted: Number of cells that were asked for.
        metric: Name of the error.
    """
    by_key = {each.key: each for each in published}
    by_place: Mapping[Any, Record] = {_place(each.cell): each for each in published}
    pairs, unpublished = [], 0
    for record in ours:
        other = by_key.get(record.key) or by_place.get(_place(record.cell))
        if other is None or metric not in other.metrics:
            unpublished += 1
            continue
        errors = (float(record.metrics[metric]), float(other.metrics[metric]))
        pairs.append(CellPair(record.cell, record.key == other.key, *errors))
    pairs.sort(key=lambda each: -abs(each.difference))
    return Reproduction(pairs, unpublished, wanted - len(ours))


def _place(cell: RecordKey) -> tuple[Any, ...]:
    """What a cell was asked for: sizes that are all of something may be other numbers.

    What needs no measurements is in a study once, at the first number of them, which may be another one in a part.
    """
    source = cell.source_level if cell.source_level == "all" else cell.source_size
    target = (cell.target_level or cell.target_size) if needs_measurements(cell.policy) else ""
    return (cell.architecture, cell.policy, source, target, cell.seed, cell.split, cell.growth, cell.pretraining)
