"""Settings of `suggest`, in a file that is read in no time: their help does not wait for torch."""

import math
from dataclasses import dataclass
from typing import Any, Literal

Goal = Literal["maximize", "minimize", "range", "uncertainty"]
"""What is sought: a high or a low value, one within a range, or knowledge."""

AUTO = "auto"
"""Model: the one of the library with the least error on left-out measurements."""


@dataclass(frozen=True)
class SuggestSettings:
    """What is sought, and among what.

    Args:
        goal: `maximize`, `minimize`, `range` (with `low`, `high` or both), or `uncertainty`, to learn most.
        low: Lower end of the wanted range, in the unit of the property.
        high: Upper end of the wanted range.
        batch: Number of suggestions; each lowers the worth of those that are like it.
        model: Address, folder or checkpoint of the model whose features are used; `auto` for the one of the library
            with the least error on left-out measurements.
        library: Folder of a model library of your own, beside the starter library.
        property: Name of the property; by the headings of the table unless given.
        unit: Its unit; that of the heading unless given.
        column: Column of the measured values in the table.
        material_column: Column of the materials in the table.
        at: Rows of the table that are used, by a column of which rows of one material differ: `{T: 298}`, `{T: [290,
            300]}`, or `{T: all}`, which merges them by median.
        pool_column: Column of the materials in the pool; found by its heading unless given.
        disorder: How disordered crystals are read, as an `average` or in ordered approximants (`order`); they are
            refused unless given.
        log: Whether differences are those of the decimal logarithm, for values over orders of magnitude.
        study: Folder of a study of this property, whose law says whether the next unit of budget buys a measurement or
            calculations.
        measurement_cost: Cost of a measurement, in any unit; needed with `study`.
        calculation_cost: Cost of a calculation, in the same unit.
        workers: Number of processes; all cores unless given.
        output: The CSV.
        overwrite: Replace a file that is there; never what is read.
        seed: Seed of the folds.
    """

    goal: Goal = "maximize"
    low: float | None = None
    high: float | None = None
    batch: int = 10
    model: str = AUTO
    library: str = ""
    property: str | None = None
    unit: str | None = None
    column: str | None = None
    material_column: str | None = None
    at: dict[str, Any] | None = None
    pool_column: str | None = None
    disorder: Literal["refuse", "average", "order"] | None = None
    log: bool = False
    study: str | None = None
    measurement_cost: float | None = None
    calculation_cost: float | None = None
    workers: int | None = None
    output: str = "suggestions.csv"
    overwrite: bool = False
    seed: int = 0

    def check(self) -> None:
        """Refuse settings that do not go together.

        Raises:
            ValueError: If they do not.
        """
        if self.batch < 1:
            raise ValueError(f"`batch` must be at least 1, got {self.batch}")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"`workers` must be at least 1, got {self.workers}")
        ends = [each for each in (self.low, self.high) if each is not None]
        if (self.goal == "range") != bool(ends):
            raise ValueError("a goal of `range` needs `low`, `high` or both, and no other goal has them")
        if not all(map(math.isfinite, ends)):
            raise ValueError(f"the ends of the range must be finite, got {' and '.join(f'{each:g}' for each in ends)}")
        if len(ends) == 2 and not ends[0] < ends[1]:
            raise ValueError(f"`low` must be below `high`, got {ends[0]:g} and {ends[1]:g}")
        if self.seed < 0:
            raise ValueError(f"`seed` must be 0 or more, got {self.seed}")
        if any(each is not None and not 0 < each < math.inf for each in (self.measurement_cost, self.calculation_cost)):
            raise ValueError("costs must be positive and finite")
        if self.log and any(each <= 0 for each in ends):
            raise ValueError("with `log`, the ends of the range must be above 0")
        costs = [self.measurement_cost, self.calculation_cost]
        if (self.study is not None) != all(each is not None for each in costs) or (None in costs) != (
            costs == [None] * 2
        ):
            raise ValueError("give `study`, `measurement_cost` and `calculation_cost` together, or none of them")
