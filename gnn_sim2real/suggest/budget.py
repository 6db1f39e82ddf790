"""What the next unit of budget buys most of: a measurement, or calculations. Only the law of a study can tell."""

from dataclasses import dataclass
from pathlib import Path

from gnn_sim2real.law.inversion import Quantity
from gnn_sim2real.law.planning import plan
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.published import read_published
from gnn_sim2real.records.results import read_results, tabulate_records

FULL = "full"
"""Policy whose law is read where a study has several."""


@dataclass(frozen=True)
class Advice:
    """What the next unit of budget buys.

    Attributes:
        calculations: Number of calculations that lower the error as much as one more measurement, with its interval.
        measurement_cost: Cost of a measurement.
        calculation_cost: Cost of a calculation, in the same unit.
        source_size: Number of simulated materials today.
        target_size: Number of measured materials today.
        notes: How far to trust it.
    """

    calculations: Quantity
    measurement_cost: float
    calculation_cost: float
    source_size: float
    target_size: float
    notes: tuple[str, ...] = ()

    @property
    def break_even(self) -> float:
        """Calculations that cost as much as one measurement."""
        return self.measurement_cost / self.calculation_cost

    @property
    def verdict(self) -> str:
        """`measurement`, `calculations`, or `open` where the interval holds both."""
        low, high = self.calculations.interval
        if low > self.break_even:
            return "measurement"
        return "calculations" if high < self.break_even else "open"

    def describe(self) -> str:
        """The answer in a sentence."""
        low, high = self.calculations.interval
        value = self.calculations.value
        worth = "an unbounded number of" if value is None or value == float("inf") else f"{value:.3g}"
        ends = f"[{low:.3g}, {'unbounded' if high == float('inf') else f'{high:.3g}'}]"
        what = {
            "measurement": "the next unit of budget buys most as a measurement",
            "calculations": "the next unit of budget buys most as calculations",
            "open": "the law does not tell whether a measurement or calculations are the better buy",
        }[self.verdict]
        return (
            f"{what}: at {self.source_size:,.0f} simulated and {self.target_size:,.0f} measured materials one more "
            f"measurement lowers the error as much as {worth} calculations {ends}, and costs as much as "
            f"{self.break_even:.3g}"
        )


def _read(study: Path) -> Results:
    """The results of a study, or of a published one."""
    if study.suffix == ".json":
        published = read_published(study)
        return Results(tabulate_records(published.records), "mae", pulls=published.pulls)
    records = study / "records" if (study / "records").is_dir() else study
    return Results(read_results(records), "mae", records)


def advise(
    study: Path, measured: int, measurement_cost: float, calculation_cost: float, policy: str | None = None
) -> Advice:
    """Ask the law of a study.

    Args:
        study: Folder of the study, or the JSON of a published one.
        measured: Number of measured materials today.
        measurement_cost: Cost of a measurement.
        calculation_cost: Cost of a calculation, in the same unit.
        policy: Fine-tuning policy whose law is read; may be left out where the study has one, or `full`.

    Raises:
        ValueError: If a cost is not above 0, or the study has no law in both sizes.
    """
    for name, cost in (("measurement", measurement_cost), ("calculation", calculation_cost)):
        if not 0 < cost < float("inf"):
            raise ValueError(f"the cost of a {name} must be above 0, got {cost:g}")
    surfaces = _read(study).surfaces
    if not surfaces:
        raise ValueError(
            f"the study in {study} has no law in both sizes: it needs four source sizes, and several target sizes"
        )
    wanted = {kind: law for kind, law in surfaces.items() if policy is None or kind.policy == policy}
    if policy is None and len(wanted) > 1:
        wanted = {kind: law for kind, law in wanted.items() if kind.policy == FULL} or wanted
    if len(wanted) != 1:
        names = ", ".join(sorted({f"{kind.architecture} {kind.policy}" for kind in surfaces}))
        raise ValueError(f"give the policy of one law of {study}, which has {names}")
    ((_, law),) = wanted.items()
    found = plan(law, at=(law.source_sizes[-1], float(measured)))
    if found.worth_of_measurement is None:
        raise ValueError(f"the law of {study} does not tell what a measurement is worth")
    return Advice(
        found.worth_of_measurement,
        measurement_cost,
        calculation_cost,
        found.source_size,
        float(measured),
        found.notes,
    )
