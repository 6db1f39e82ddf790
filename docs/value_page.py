"""Writes the page on what databases are worth, from the published studies: `python docs/value_page.py`.

Every number is computed here from `benchmarks/results`, by the same functions as `gnn-sim2real law` and `study report`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from gnn_sim2real.law.compare import compare_laws
from gnn_sim2real.law.fit import fit_law
from gnn_sim2real.law.inversion import Quantity
from gnn_sim2real.law.numbers import format_number, format_size, format_with_ends
from gnn_sim2real.law.planning import Plan, plan
from gnn_sim2real.law.scaling_law import ScalingLaw
from gnn_sim2real.law.surface import fit_surface
from gnn_sim2real.law.text import format_effective, format_interval, format_quantity
from gnn_sim2real.records.curves import CurveLabel, Estimate, Kind, curve_name, level_sizes, pair_errors
from gnn_sim2real.records.geometric import geometric_gain
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.learning_curves import LearningCurves, read_learning_curves
from gnn_sim2real.records.published import read_published
from gnn_sim2real.records.results import tabulate_records
from gnn_sim2real.records.size_curves import FROM_SCRATCH, SizeCurves, SizePoint, size_curves
from gnn_sim2real.units import format_unit

PAGE = Path(__file__).with_name("value.md")
RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
HINDCAST, GROWTH = "law_hindcast", "liquid_density_growth"
GROWN_CASE = "liquid_density_from_density"
"""The case whose database was grown in several orders."""

GROWN = {"cheapest": "the cheapest first", "diversity": "by diversity", "family": "family after family"}
"""Orders of growth that are compared with a random one."""


_NONE = 0.01
"""A number of calculations below this is none."""


class Case(NamedTuple):
    """A published study of one database and one measured property.

    Attributes:
        title: Heading.
        study: Name of its result.
        architecture: Encoder.
        policy: Fine-tuning policy.
    """

    title: str
    study: str
    architecture: str
    policy: str


CASES = (
    Case("RadonPy to polymer density", "polymer_density", "GINE", "full"),
    Case("RadonPy to polymer density, open data", "density_open", "GINE", "full"),
    Case("RadonPy to glass transitions of polymers", "glass_transition_from_radonpy", "GINE", "full"),
    Case("DFT to band gaps of crystals", "band_gap", "CGCNN", "l2_sp"),
    Case("DFT to band gaps of crystals, open data", "band_gap_open", "Roost", "full"),
    Case("DFT to formation enthalpies of crystals", "formation_enthalpy", "CGCNN", "l2_sp"),
    Case("COSMO-RS to solvation free energies", "solvation", "Pair(GINE)", "full"),
    Case("COSMO-RS to chi of new polymers", "chi", "Pair(GINE)", "full"),
    Case("COSMO-RS to chi of new pairs", "chi_pairs", "Pair(GINE)", "full"),
    Case("Molecular dynamics to liquid density", "liquid_density_from_density", "GINE", "full"),
)

DATABASES = (
    (
        "Measured densities of 100 polymers",
        100,
        ("polymer_density", "simulated densities (RadonPy)"),
        ("polymer_density_from_md_tg", "simulated glass transitions"),
    ),
    (
        "Measured densities of 100 liquids",
        100,
        ("liquid_density_from_density", "simulated densities"),
        ("liquid_density_from_cohesive_energy", "simulated cohesive energies of the same liquids"),
    ),
)
"""What was measured, m, and two results for it, each with what its source is."""

_TEXT = """# What a database is worth

For those who build a database of simulations: what its next doubling buys someone with a few measurements, what one
measurement is worth in calculations, where the limit is, and how to grow.

Written by `python docs/value_page.py` from the published studies in `benchmarks/results`, by the functions behind
`gnn-sim2real law` and `study report`; brackets are 90 % intervals, errors geometric means over test parts and seeds, n
is the number of calculations and m that of measurements. To ask the same of your own database:
`gnn-sim2real study run`, then `gnn-sim2real law plan` ([the law](law.md)).

Gains over training from scratch and over simple methods are paired by test part and seed. The strongest simple method
is that with the lowest test error of those in the study, which favors it; [further ones](baselines.md), some of them
stronger, were computed outside the studies.

A forecast holds for more data of the same kind, up to about four times the largest n; how often such intervals held the
truth is in [trust in forecasts](results/forecasts.md).

## In short

Gain of doubling the database from its largest n, for the largest m shown:

| case | m | n | error | the next doubling lowers it by | one measurement is worth | limit C |
|---|---|---|---|---|---|---|
{overview}

{verdict}

{cases}

## Which of two databases

{databases}

## How to grow one

{growth}
"""


def page() -> str:
    """The text of the page."""
    found = [Found(case) for case in CASES]
    return _TEXT.format(
        overview="\n".join(each.row() for each in found),
        verdict=_verdict(found),
        cases="\n\n".join("\n".join(each.section()) for each in found),
        databases="\n".join(_databases()),
        growth="\n".join(_growth()),
    )


class Found:
    """What follows from the study of a case.

    Args:
        case: The case.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self.read = _read(case.study, case.policy, case.architecture)
        self.unit = f" {format_unit(self.read.unit)}".rstrip()
        kind = Kind(case.architecture, case.policy)
        self.laws = {label: fit_law(each) for label, each in self.read.long_curves().items() if label.kind == kind}
        grid = self.read.grids[kind]
        self.surface = fit_surface(grid.models) if grid.has_surface else None
        self.scratch = grid.scratch
        self.sizes = _sizes(case.study, kind)

    @property
    def last(self) -> CurveLabel:
        """The curve with the most measurements."""
        return max(self.laws, key=lambda label: label.target_size)

    def in_both(self, label: CurveLabel) -> Plan | None:
        """The plan of the law in both sizes at the largest n, if there is one."""
        if self.surface is None:
            return None
        return plan(self.surface, at=(self.surface.source_sizes[-1], label.target_size), scratch=self.scratch)

    def row(self) -> str:
        """The line of the table."""
        label, law = self.last, self.laws[self.last]
        here, both = plan(law), self.in_both(self.last)
        worth = "not known" if both is None or both.worth_of_measurement is None else _calculations(both)
        gain = format_quantity(here.gain_of_doubling)
        title = f"[{self.case.title}](#{_anchor(self.case.title)})"
        cells = (
            format_size(label.target_size),
            format_size(law.largest_size),
            f"{format_quantity(here.error)}{self.unit}",
        )
        return f"| {title} | {' | '.join(cells)} | {gain} | {worth} | {_limit(law)} |"

    def section(self) -> Iterator[str]:
        """The lines of the section."""
        unit = f" [{self.unit.strip()}]" if self.unit else ""
        yield f"## {self.case.title}\n"
        yield f"Model: {self.sizes.name}.\n"
        yield f"![Errors against both sizes, and paired gains](../benchmarks/results/{self.case.study}_sizes.png)\n"
        headings = (
            "m",
            "n",
            f"MAE{unit}",
            f"below from scratch by{unit}",
            f"below the strongest simple method by{unit}",
        )
        headings += (f"the next doubling lowers it by{unit}", "one measurement is worth", f"limit C{unit}")
        yield f"| {' | '.join(headings)} |"
        yield "|---" * len(headings) + "|"
        for label, law in self.laws.items():
            yield self._row(label, law)
        yield ""
        yield f"* **The next doubling** {self._doubling()}"
        yield f"* **One measurement.** {self._measurement()}"
        yield f"* **The limit** {self._limits()}"
        yield f"* **How to grow it.** {self._growth()}"
        yield f"* **Looking back.** {self._hindcast()}"
        if self.sizes.num_splits == 1:
            yield (
                "* **One test part.** The intervals are over seeds and do not hold the choice of test materials: they "
                "are too narrow for another test part."
            )

    def _row(self, label: CurveLabel, law: ScalingLaw) -> str:
        here, both, m = plan(law), self.in_both(label), label.target_size
        largest = self.sizes.by_target[m][-1].size
        gains = []
        for found in (self.sizes.over_scratch, self.sizes.over_simple):
            gain = next((each for each in found.get(m, ()) if each.size == largest), None)
            gains.append("not known" if gain is None else _value(gain))
        worth = "not known" if both is None else _calculations(both)
        cells = (format_size(m), format_size(law.largest_size), format_quantity(here.error), *gains)
        return f"| {' | '.join((*cells, format_quantity(here.gain_of_doubling), worth, _limit(law)))} |"

    def _doubling(self) -> str:
        shown, unsure = [], []
        for label, law in self.laws.items():
            paying = plan(law).gain_of_doubling.interval[0] > 0
            (shown if paying else unsure).append(format_size(label.target_size))
        law = self.laws[self.last]
        there = f"from n = {format_size(law.largest_size)} to {format_size(2 * law.largest_size)}"
        parts = [f"is forecast to lower the error with m = {_listed(shown)}"] if shown else []
        parts += (
            [f"is not shown to lower {'it' if shown else 'the error'} with m = {_listed(unsure)}"] if unsure else []
        )
        return f"{there} {', and '.join(parts)}."

    def _measurement(self) -> str:
        plans = [(label, both) for label in self.laws if (both := self.in_both(label)) is not None]
        if not plans:
            sizes = _listed([format_size(label.target_size) for label in self.laws])
            return (
                "What it is worth in calculations cannot be told: the law in both sizes needs four sizes n at each of "
                f"three sizes m, and this study has m = {sizes}."
            )
        said = [f"{_calculations(both)} with m = {format_size(label.target_size)}" for label, both in plans]
        text = f"At the largest n, one more measurement lowers the error as much as {_listed(said)}."
        replaced = [
            f"with m = {format_size(label.target_size)} {format_effective(both.effective_data)}"
            for label, both in plans
            if both.effective_data is not None
        ]
        return text + (f" Against the same network from scratch: {'; '.join(replaced)}." if replaced else "")

    def _limits(self) -> str:
        known, unknown = [], []
        for label, law in self.laws.items():
            (known if law.transfer_gap_identified else unknown).append((format_size(label.target_size), law))
        said = [f"{_limit(law)}{self.unit} with m = {m}" for m, law in known]
        text = f"of an infinite database is {_listed(said)}" if said else "of an infinite database"
        if unknown:
            text += f"{', and' if said else ''} is not identified with m = {_listed([m for m, _ in unknown])}"
        return f"{text}."

    def _growth(self) -> str:
        if self.case.study == GROWN_CASE:
            return "Four orders were compared on this database: see [below](#how-to-grow-one)."
        return "No growth study was run on this database; its materials were added in random order."

    def _hindcast(self) -> str:
        found = {curve_name(label): label for label in self.laws}
        rows = [row for row in _hindcasts() if row["study"] == self.case.study and row["curve"] in found]
        if not rows:
            return "No forecast from the smaller sizes of this study was set against the largest."
        said = []
        for row in rows:
            where = "inside" if row["hit"] else "outside"
            forecast = format_with_ends(row["forecast"], *row["interval"])
            m, n = found[row["curve"]].target_size, row["sizes"][-1]
            said.append(
                f"with m = {format_size(m)}, from n up to {format_size(n)}, "
                f"{forecast} was forecast and {format_number(row['measured'])}{self.unit} came, {where} the interval"
            )
        return f"Of the error at n = {format_size(rows[0]['largest'])}: {'; '.join(said)}."


def _hindcasts() -> list[dict[str, Any]]:
    """Forecasts from the smaller source sizes that were made, with what came."""
    return [row for row in _load(HINDCAST)["rows"] if "hit" in row]


def _value(gain: SizePoint) -> str:
    """A paired gain, and what it is over unless it is from scratch."""
    text = format_with_ends(gain.value, gain.low, gain.high)
    return text if gain.over == FROM_SCRATCH else f"{text} ({gain.over})"


@cache
def _load(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


@cache
def _read(study: str, policy: str, architecture: str | None = None) -> LearningCurves:
    return read_learning_curves(RESULTS / f"{study}.json", policies=[policy], architecture=architecture)


@cache
def _results(study: str) -> Results:
    published = read_published(RESULTS / f"{study}.json")
    return Results(tabulate_records(published.records), "mae", pulls=published.pulls)


def _sizes(study: str, kind: Kind) -> SizeCurves:
    (found,) = size_curves(_results(study), [kind])
    return found


def _calculations(both: Plan) -> str:
    worth = both.worth_of_measurement
    if worth is None:
        return "not known"
    if worth.value is None:
        return f"more than any number of calculations {format_interval(worth.interval)}"
    low, high = worth.interval
    return f"{format_with_ends(worth.value, 0.0 if low < _NONE else low, high)} calculations"


def _limit(law: ScalingLaw) -> str:
    if law.transfer_gap_identified:
        return format_with_ends(law.transfer_gap, *law.transfer_gap_interval)
    return f"not identified {format_interval(law.transfer_gap_interval)}"


def _anchor(title: str) -> str:
    return "".join(each for each in title.lower().replace(" ", "-") if each.isalnum() or each == "-")


def _verdict(found: Sequence[Found]) -> str:
    paying = [each.case.title for each in found if plan(each.laws[each.last]).gain_of_doubling.interval[0] > 0]
    known = [each.case.title for each in found if each.laws[each.last].transfer_gap_identified]
    text = f"The next doubling is forecast to lower the error in {len(paying)} of {len(found)} cases"
    text += f" ({'; '.join(paying)})" if paying else ""
    text += f"; the limit is identified in {len(known)}"
    text += f" ({'; '.join(known)})" if known else ""
    text += ". Where an interval reaches zero, these data do not show that more calculations would help."
    rows, hits = _hindcasts(), sum(row["hit"] for row in _hindcasts())
    low = sum(row["forecast"] < row["measured"] for row in rows)
    return (
        f"{text} Of {len(rows)} errors that were forecast from the smaller sizes of published curves alone, {hits} "
        f"came inside the interval, and {low} above the forecast."
    )


def _listed(words: Sequence[str]) -> str:
    """Words as `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _databases() -> Iterator[str]:
    for what, m, *sources in DATABASES:
        (first, of_first), (second, of_second) = sources
        reads = {name: _read(name, "full") for name in (first, second)}
        label = CurveLabel(m, "GINE", "full")
        found = compare_laws({name: read.curves[label] for name, read in reads.items()})
        (pair,) = found.pairs
        unit = f" {format_unit(reads[first].unit)}".rstrip()
        gap, chance = pair.differences[0], pair.chances[0]
        if better := better_of(of_first, of_second, gap):
            serves = f"{better} serve it better: the MAE with {of_first} is lower by {lower_by(gap)}{unit}"
        else:
            serves = (
                f"which serves it better is not shown: the MAE with {of_first} is lower by {lower_by(gap)}{unit} "
                f"({100 * chance:.0f} % of the draws are below zero difference)"
            )
        shared = f"{pair.num_shared} shared repeats"
        at = f"at n = {format_size(pair.sizes[0])}, by both laws"
        yield f"* **{what}**, from {of_first} or from {of_second}: {at}, {serves}."
        for name, of in ((first, of_first), (second, of_second)):
            gain = found.gains[name]
            largest = found.laws[name].largest_size
            shows = "is forecast to lower" if gain.interval[0] > 0 else "is not shown to lower"
            yield (
                f"    * Doubling the {of} from n = {format_size(largest)} {shows} the MAE: by "
                f"{format_quantity(gain)}{unit}."
            )
        yield f"    * The laws are paired by {shared}{_of_parts(first)}."


def _of_parts(study: str) -> str:
    parts = {cell["split"] for cell in _load(study)["cells"]}
    return " (test parts)" if len(parts) > 1 else ", seeds on one test part: another test part may say otherwise"


def better_of(first: str, second: str, gap: Quantity) -> str:
    """Which of two has the lower error; empty if that is not shown.

    Args:
        first: The first.
        second: The second.
        gap: Error of the first minus that of the second.
    """
    low, high = gap.interval
    return first if high < 0 else second if low > 0 else ""


def lower_by(gap: Quantity) -> str:
    """By how much the first of two errors is the lower one.

    Args:
        gap: Error of the first minus that of the second.
    """
    value = None if gap.value is None else -gap.value
    return format_with_ends(value, -gap.interval[1], -gap.interval[0])


def _growth() -> Iterator[str]:
    results = _results(GROWTH)
    unit = format_unit(str(results.table["unit"].iloc[0]))
    labels = {label.growth: label for label in results.curves}
    sizes = level_sizes(results.curves[labels["random"]])
    target = format_size(labels["random"].target_size)
    yield (
        f"One study compared orders of growth: simulated liquids, m = {target} measured densities "
        f"(`{GROWTH}.json`). Lower errors than by random order with as many calculations, paired by seed on one test "
        "part:\n"
    )
    levels = sorted(sizes, key=lambda level: sizes[level])
    headings = [f"order [{unit}]" if unit else "order", *(f"n = {format_size(sizes[level])}" for level in levels)]
    yield f"| {' | '.join(headings)} |"
    yield f"|---|{'---|' * len(levels)}"
    gains: dict[str, list[Estimate]] = {}
    for growth, words in GROWN.items():
        for level in levels:
            pairs = pair_errors(results.points[labels[growth], level], results.points[labels["random"], level], "mae")
            if pairs is None:
                raise ValueError(f"{GROWTH} has no pairs of {growth} and random order")
            gains.setdefault(growth, []).append(geometric_gain(pairs))
        cells = [format_with_ends(each.mean, each.low, each.high) for each in gains[growth]]
        yield f"| {words} | {' | '.join(cells)} |"
    yield ""
    for growth, words in GROWN.items():
        yield f"* {words[0].upper()}{words[1:]}: {_helps(gains[growth], sizes, levels)}."
    without = "; ".join(case.title for case in CASES if case.study != GROWN_CASE)
    yield f"\nOn the other databases no growth study was run ({without})."


def _helps(gains: Sequence[Estimate], sizes: Mapping[str, float], levels: Sequence[str]) -> str:
    better = [format_size(sizes[level]) for level, each in zip(levels, gains, strict=True) if each.low > 0]
    worse = [format_size(sizes[level]) for level, each in zip(levels, gains, strict=True) if each.high < 0]
    unsure = [
        format_size(sizes[level]) for level, each in zip(levels, gains, strict=True) if each.low <= 0 <= each.high
    ]
    parts = [
        f"{word} at n = {_listed(found)}"
        for word, found in (
            ("better than random order", better),
            ("worse than random order", worse),
            ("not shown to differ from it", unsure),
        )
        if found
    ]
    return ", ".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
