"""Members of the ensemble that learn from tables of descriptors; those that are networks are in `networks`.

Each learns from some rows of the target and predicts others, see `ensemble.stack.Member`. A table depends on no
measured value, so that one table serves all folds.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, Protocol

import numpy as np

from gnn_sim2real.baselines import Baseline, Input, Inputs
from gnn_sim2real.baselines.absolute_error_line import ABSOLUTE_ERROR_LINE
from gnn_sim2real.baselines.extra_trees import (
    EXTRA_TREES,
    MEDIAN_TREES,
    MEDIAN_TREES_DELTA,
    MEDIAN_TREES_WITH_VALUE,
    TREES_DELTA,
    TREES_WITH_VALUE,
    ExtraTrees,
)
from gnn_sim2real.baselines.gaussian_process import (
    GAUSSIAN_PROCESS,
    GAUSSIAN_PROCESS_DELTA,
    GAUSSIAN_PROCESS_WITH_VALUE,
)
from gnn_sim2real.baselines.member import BaselineMember, Mean
from gnn_sim2real.baselines.two_step_trees import LOWEST_SHARE, TWO_STEP_TREES, TWO_STEP_TREES_WITH_VALUE
from gnn_sim2real.ensemble.skills import FEATURES
from gnn_sim2real.ensemble.stack import Member
from gnn_sim2real.linear import Floats
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.splits.parts import Rows

MEMBERS_VERSION = 1
"""Raised by hand whenever a member on tables would give other numbers: saved ensembles fit these members again."""

TREES_WITH_LIBRARY = "extra trees with library predictions"
MEDIAN_TREES_WITH_LIBRARY = "median trees with library predictions"
PROCESS_WITH_LIBRARY = "Gaussian process with library predictions"

DESCRIPTORS, PHYSICAL, LIBRARY, SIMULATED = "descriptors", "physical descriptors", "library", "simulated"
"""Names of the tables that every target may have. Further ones are features, e.g. of a foundation model."""

_INPUTS: dict[str, Input] = {
    DESCRIPTORS: "descriptors",
    PHYSICAL: "physical_descriptors",
    LIBRARY: "library",
    SIMULATED: "simulated",
}

Tables = Mapping[str, Floats]
"""Tables of all rows of a target by name, each (num_materials, num_columns); NaN where a simulated value is missing."""


class Block(Protocol):
    """Further descriptors of materials, such as features of a foundation model."""

    @property
    def name(self) -> str:
        """Name in tables of members, e.g. `MiniMol`; unlike any other."""
        ...

    def describe(self, materials: Sequence[Any]) -> Floats:
        """Describe materials, (num_materials, num_columns), NaN where a number is missing.

        Args:
            materials: As the data set of the target reads them.
        """
        ...


@dataclass(frozen=True)
class SharedTrees(ExtraTrees):
    """Extra trees that are fitted once for each training part, for all that are made from one of them by `replace`.

    Attributes:
        made: Answers so far, by a hash of what they depend on.
    """

    made: dict[bytes, Floats] = field(default_factory=dict, compare=False)

    def predict_points(self, train: Inputs, values: Floats, test: Inputs, seed: int) -> Floats:
        """See `ExtraTrees`."""
        weights = np.empty(0) if train.weights is None else train.weights
        content = (train.table(*self.needs), values, test.table(*self.needs), np.array(seed), weights)
        key = hashlib.sha256(b"".join(each.tobytes() for each in content)).digest()
        if key not in self.made:
            self.made[key] = super().predict_points(train, values, test, seed)
        return self.made[key]


@dataclass(eq=False)
class Deviation:
    """The standard deviation by a Gaussian process, as what `ensemble.stack.cross_predict` repeats on each fold.

    Attributes:
        values: Measured values, (num_materials,).
        table: Physical descriptors, (num_materials, num_columns).
    """

    values: Floats
    table: Floats
    name: str = "deviation"
    kind: str = ""
    cost: float = 0.2

    def fit_predict(self, train: Rows, test: Rows) -> Floats:
        """See `ensemble.stack.Member`; (num_test,)."""
        known, asked = (Inputs(physical_descriptors=self.table[rows]) for rows in (train, test))
        return GAUSSIAN_PROCESS.predict_with_deviation(known, self.values[train], asked)[1]


class TableMember(Member, Protocol):
    """A member that learns from tables alone.

    Attributes:
        tables: Names of the tables that it needs.
    """

    tables: tuple[str, ...]


def table_members(values: Floats, tables: Tables, train: Rows, seed: int) -> dict[str, TableMember]:
    """The members that learn from tables of descriptors alone, by name; those that lack a table are left out.

    Args:
        values: Measured values, (num_materials,); not read where there is none.
        tables: Tables of all rows.
        train: The training rows, which tell whether many of the values are the lowest.
        seed: Seed of the trees.
    """
    members: list[TableMember] = [Mean(values)]
    library = [LIBRARY] if LIBRARY in tables else []
    is_inflated = float((values[train] == values[train].min()).mean()) >= LOWEST_SHARE

    def add(name: str, baseline: Baseline, *names: str, cost: float) -> None:
        if tables.keys() >= {*names}:
            given: dict[str, Any] = {_input_of(each): tables[each] for each in names}
            if SIMULATED in names:
                given["simulated"] = tables[SIMULATED][:, 0]
            needs = tuple(_input_of(each) for each in names)
            needing = replace(baseline, needs=needs)
            kind = _kind_of(name, names)
            members.append(BaselineMember(name, needing, Inputs(**given), values, seed, names, cost, kind))

    def add_process(name: str, baseline: Baseline, *names: str) -> None:
        add(name, baseline, *names, cost=0.2)

    def add_trees(mean: str, median: str, *names: str, of_difference: bool = False) -> None:
        trees = SharedTrees("trees", "trees", (), of_difference=of_difference)
        add(mean, trees, *names, cost=0.5)
        add(median, replace(trees, point="median"), *names, cost=0.5)

    def add_two_steps(name: str, *names: str) -> None:
        if is_inflated:
            add(name, TWO_STEP_TREES, *names, cost=1.0)

    add_process(GAUSSIAN_PROCESS.title, GAUSSIAN_PROCESS, PHYSICAL)
    add_process(PROCESS_WITH_LIBRARY, GAUSSIAN_PROCESS, PHYSICAL, LIBRARY)
    add_trees(EXTRA_TREES.title, MEDIAN_TREES.title, DESCRIPTORS)
    add_trees(TREES_WITH_LIBRARY, MEDIAN_TREES_WITH_LIBRARY, DESCRIPTORS, LIBRARY)
    add_two_steps(TWO_STEP_TREES.title, DESCRIPTORS, *library)
    if SIMULATED in tables:
        add(ABSOLUTE_ERROR_LINE.title, ABSOLUTE_ERROR_LINE, SIMULATED, cost=0.01)
        given = (PHYSICAL, *library, SIMULATED)
        add_process(GAUSSIAN_PROCESS_WITH_VALUE.title, GAUSSIAN_PROCESS, *given)
        add_process(GAUSSIAN_PROCESS_DELTA.title, GAUSSIAN_PROCESS_DELTA, *given)
        given = (DESCRIPTORS, *library, SIMULATED)
        add_trees(TREES_WITH_VALUE.title, MEDIAN_TREES_WITH_VALUE.title, *given)
        add_trees(TREES_DELTA.title, MEDIAN_TREES_DELTA.title, *given, of_difference=True)
        add_two_steps(TWO_STEP_TREES_WITH_VALUE.title, *given)
    for name in sorted(tables.keys() - {DESCRIPTORS, PHYSICAL, LIBRARY, SIMULATED}):
        add_process(f"Gaussian process on {name}", GAUSSIAN_PROCESS, name)
        add_process(f"Gaussian process on {name} and all else", GAUSSIAN_PROCESS, name, PHYSICAL, *library)
        add_trees(f"extra trees with {name}", f"median trees with {name}", DESCRIPTORS, *library, name)
    return {member.name: member for member in members}


def _kind_of(name: str, tables: Collection[str]) -> str:
    """Kind of a member: its name, in which features of all foundation encoders are one."""
    return reduce(lambda kind, table: kind.replace(table, FEATURES), {*tables} - _INPUTS.keys(), name)


def _input_of(table: str) -> Input:
    """Name of the input of baselines that a table is."""
    return _INPUTS.get(table, "foundation")


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
    further = {each.name: each.describe(target.table.materials) for each in blocks}
    return tables | {name: table for name, table in further.items() if table.shape[1]}  # none if none could be read


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
