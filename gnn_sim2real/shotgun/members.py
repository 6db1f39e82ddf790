"""Members of the ensemble that learn from tables of descriptors; those that are networks are in `networks`.

Each learns from some rows of the target and predicts others, see `ensemble.stack.Member`. A table depends on no
measured value, so that one table serves all folds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from gnn_sim2real.baselines import Inputs, predict_test
from gnn_sim2real.baselines.absolute_error_line import ABSOLUTE_ERROR_LINE
from gnn_sim2real.baselines.extra_trees import (
    EXTRA_TREES,
    MEDIAN_TREES,
    MEDIAN_TREES_DELTA,
    MEDIAN_TREES_WITH_VALUE,
    TREES_DELTA,
    TREES_WITH_VALUE,
    fit_trees,
    predict_each,
)
from gnn_sim2real.baselines.gaussian_process import (
    GAUSSIAN_PROCESS,
    GAUSSIAN_PROCESS_DELTA,
    GAUSSIAN_PROCESS_WITH_VALUE,
)
from gnn_sim2real.ensemble.stack import Member
from gnn_sim2real.gaussian_process import GaussianProcess
from gnn_sim2real.linear import Floats
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.splits.parts import Rows

MEMBERS_VERSION = 1
"""Raised by hand whenever a member on tables would give other numbers: saved ensembles fit these members again."""

MEAN = "mean of the measurements"
TREES_WITH_LIBRARY = "extra trees with library predictions"
MEDIAN_TREES_WITH_LIBRARY = "median trees with library predictions"
PROCESS_WITH_LIBRARY = "Gaussian process with library predictions"

DESCRIPTORS, PHYSICAL, LIBRARY, SIMULATED = "descriptors", "physical descriptors", "library", "simulated"
"""Names of the tables that every target may have. Further ones are features, e.g. of a foundation model."""

Tables = Mapping[str, Floats]
"""Tables of all rows of a target by name, each (num_materials, num_columns); NaN where a simulated value is missing."""


class Block(Protocol):
    """Further descriptors of materials, such as features of a foundation model.

    Attributes:
        name: Name in tables of members, e.g. `MiniMol`; unlike any other.
    """

    name: str

    def describe(self, materials: Sequence[Any]) -> Floats:
        """Describe materials, (num_materials, num_columns), NaN where a number is missing.

        Args:
            materials: As the data set of the target reads them.
        """
        ...


@dataclass(eq=False)
class Mean:
    """The mean of the measurements."""

    values: Floats
    name: str = MEAN
    cost: float = 0.0
    tables: tuple[str, ...] = ()

    def fit_predict(self, train: Rows, test: Rows) -> Floats:
        """See `ensemble.stack.Member`."""
        return np.full(len(test), self.values[train].mean())


@dataclass(eq=False)
class Line:
    """The line of least absolute error in the simulated value."""

    values: Floats
    simulated: Floats
    name: str = ABSOLUTE_ERROR_LINE.title
    cost: float = 0.01
    tables: tuple[str, ...] = (SIMULATED,)

    def fit_predict(self, train: Rows, test: Rows) -> Floats:
        """See `ensemble.stack.Member`."""
        if np.isnan(self.simulated[train]).all():
            return np.full(len(test), np.nan)
        return predict_test(ABSOLUTE_ERROR_LINE, Inputs(simulated=self.simulated[:, 0]), self.values, train, test)


@dataclass(frozen=True, eq=False)
class Forest:
    """Extra trees with the settings of the baselines, fitted once for each training part: mean and median share them.

    Attributes:
        values: (num_materials,).
        columns: All tables side by side, (num_materials, num_columns).
        start: The trees learn the difference to these values, (num_materials,).
        seed: Seed of the trees.
    """

    values: Floats
    columns: Floats
    start: Floats
    seed: int
    _made: dict[tuple[bytes, bytes], Floats] = field(default_factory=dict)

    def points(self, train: Rows, test: Rows) -> Floats:
        """Mean and median over the trees, (2, num_test).

        Args:
            train: Rows to learn from.
            test: Rows to predict.
        """
        key = train.tobytes(), test.tobytes()
        if key not in self._made:
            trees = fit_trees(self.columns[train], self.values[train] - self.start[train], self.seed)
            each = predict_each(trees, self.columns[test]) + self.start[test]
            self._made[key] = np.stack([each.mean(axis=0), np.median(each, axis=0)])
        return self._made[key]


@dataclass(eq=False)
class Trees:
    """Mean or median over the trees of a forest; NaN for rows that lack a column."""

    name: str
    forest: Forest
    is_median: bool
    tables: tuple[str, ...]
    cost: float = 0.5

    def fit_predict(self, train: Rows, test: Rows) -> Floats:
        """See `ensemble.stack.Member`."""
        whole = np.asarray(~np.isnan(self.forest.columns).any(axis=1))
        known, asked = train[whole[train]], test[whole[test]]
        found = np.full(len(test), np.nan)
        if len(known) and len(asked):
            found[whole[test]] = self.forest.points(known, asked)[int(self.is_median)]
        return found


@dataclass(eq=False)
class Process:
    """A Gaussian process in which each table is a block.

    Attributes:
        name: Name in tables.
        values: (num_materials,).
        blocks: Tables, each (num_materials, num_columns).
        linear: Columns that are nearly the answer, (num_materials, num_linear), or None.
        start: It learns the difference to these values, (num_materials,); rows where it is NaN are left out.
        tables: Names of the tables.
        cost: Seconds of one training, roughly.
    """

    name: str
    values: Floats
    blocks: Sequence[Floats]
    linear: Floats | None
    start: Floats
    tables: tuple[str, ...]
    cost: float = 0.2

    def fit_predict(self, train: Rows, test: Rows) -> Floats:
        """See `ensemble.stack.Member`."""
        return self._predict(train, test)[0]

    def deviation(self, train: Rows, test: Rows) -> Floats:
        """Standard deviation of the predictions.

        Args:
            train: Rows to learn from.
            test: Rows to predict.
        """
        return self._predict(train, test)[1]

    def _predict(self, train: Rows, test: Rows) -> tuple[Floats, Floats]:
        whole = ~np.isnan(self.start)
        known, asked = train[whole[train]], test[whole[test]]
        mean, deviation = np.full(len(test), np.nan), np.full(len(test), np.nan)
        if len(known) and len(asked):
            linear = [None if self.linear is None else self.linear[rows] for rows in (known, asked)]
            values = self.values[known] - self.start[known]
            process = GaussianProcess().fit([each[known] for each in self.blocks], values, linear[0])
            found, spread = process.predict([each[asked] for each in self.blocks], linear[1])
            mean[whole[test]], deviation[whole[test]] = self.start[asked] + found, spread
        return mean, deviation


@dataclass(eq=False)
class Deviation:
    """The standard deviation by a Gaussian process, as what `ensemble.stack.cross_predict` repeats on each fold."""

    process: Process
    name: str = "deviation"
    cost: float = 0.2

    def fit_predict(self, train: Rows, test: Rows) -> Floats:
        """See `ensemble.stack.Member`."""
        return self.process.deviation(train, test)


class TableMember(Member, Protocol):
    """A member that learns from tables alone.

    Attributes:
        tables: Names of the tables that it needs.
    """

    tables: tuple[str, ...]


def table_members(values: Floats, tables: Tables, seed: int) -> dict[str, TableMember]:
    """The members that learn from tables of descriptors alone, by name; those that lack a table are left out.

    Args:
        values: Measured values, (num_materials,); not read where there is none.
        tables: Tables of all rows.
        seed: Seed of the trees.
    """
    members: list[TableMember] = [Mean(values)]
    nothing = np.zeros(len(values))

    def add_trees(mean: str, median: str, *names: str, start: Floats = nothing) -> None:
        if tables.keys() >= {*names}:
            forest = Forest(values, np.column_stack([tables[name] for name in names]), start, seed)
            members.extend(Trees(name, forest, is_median, names) for name, is_median in ((mean, False), (median, True)))

    def add_process(title: str, *names: str, start: Floats = nothing) -> None:
        if tables.keys() >= {*names}:
            blocks = [tables[name] for name in names]
            near = [tables[name] for name in names if name in (LIBRARY, SIMULATED)]  # nearly the answer
            members.append(Process(title, values, blocks, np.column_stack(near) if near else None, start, names))

    library = [LIBRARY] if LIBRARY in tables else []
    add_process(GAUSSIAN_PROCESS.title, PHYSICAL)
    add_process(PROCESS_WITH_LIBRARY, PHYSICAL, LIBRARY)
    add_trees(EXTRA_TREES.title, MEDIAN_TREES.title, DESCRIPTORS)
    add_trees(TREES_WITH_LIBRARY, MEDIAN_TREES_WITH_LIBRARY, DESCRIPTORS, LIBRARY)
    if SIMULATED in tables:
        start = tables[SIMULATED][:, 0]
        known = np.where(np.isnan(start), np.nan, 0.0)  # no difference, but no row without a value either
        members.append(Line(values, tables[SIMULATED]))
        add_process(GAUSSIAN_PROCESS_WITH_VALUE.title, PHYSICAL, *library, SIMULATED, start=known)
        add_process(GAUSSIAN_PROCESS_DELTA.title, PHYSICAL, *library, SIMULATED, start=start)
        given = (DESCRIPTORS, *library, SIMULATED)
        add_trees(TREES_WITH_VALUE.title, MEDIAN_TREES_WITH_VALUE.title, *given)
        add_trees(TREES_DELTA.title, MEDIAN_TREES_DELTA.title, *given, start=start)
    for name in sorted(tables.keys() - {DESCRIPTORS, PHYSICAL, LIBRARY, SIMULATED}):
        add_process(f"Gaussian process on {name}", name)
        add_process(f"Gaussian process on {name} and all else", name, PHYSICAL, *library)
        add_trees(f"extra trees with {name}", f"median trees with {name}", DESCRIPTORS, *library, name)
    return {member.name: member for member in members}


def make_tables(target: Target, library: Floats, blocks: Sequence[Block] = ()) -> dict[str, Floats]:
    """Tables of all rows of a target.

    Args:
        target: The target.
        library: Predictions of the library, (num_materials, num_columns).
        blocks: Further descriptors.
    """
    tables = {DESCRIPTORS: target.descriptors, PHYSICAL: target.physical_descriptors}
    if library.shape[1]:
        tables[LIBRARY] = library
    if target.simulated is not None and not np.isnan(target.simulated[target.train]).all():
        tables[SIMULATED] = target.simulated[:, None]
    return tables | {each.name: each.describe(target.table.materials) for each in blocks}


def fill_gaps(tables: Tables, train: Rows) -> dict[str, Floats]:
    """Fill gaps, which trees do not take, by the median of the training rows; but for those of simulated values.

    Args:
        tables: From `make_tables`.
        train: The training rows.
    """
    filled = {}
    for name, table in tables.items():
        present = np.where(np.isfinite(table), table, np.nan)
        known = [each[~np.isnan(each)] for each in present[train].T]
        middle = np.array([np.median(each) if len(each) else 0.0 for each in known])
        filled[name] = present if name == SIMULATED else np.where(np.isnan(present), middle, present)
    return filled
