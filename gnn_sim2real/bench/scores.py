"""Scores of the entries of a task: the error at the largest source, the law, its forecast, compute, and ties.

All entries of a task are read into one table, so that each is treated as the others: the same metric, the same limit by
the noise of the measurements, errors paired by test part and seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.bench.submission import count_parameters
from gnn_sim2real.law.design import FARTHEST_NEXT
from gnn_sim2real.law.fit import MIN_SIZES, fit_law
from gnn_sim2real.law.models import Models
from gnn_sim2real.law.scaling_law import ScalingLaw
from gnn_sim2real.records.curves import CurveLabel, Estimate, by_repeat, level_sizes, pair_errors
from gnn_sim2real.records.geometric import geometric_gain, geometric_mean
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.published import Published, find_published, read_published
from gnn_sim2real.records.record import Record, RecordKey
from gnn_sim2real.records.results import tabulate_records
from gnn_sim2real.study.bench_encoders import encoders_of
from gnn_sim2real.study.bench_task import BenchTask
from gnn_sim2real.tasks.policies import REFERENCE

Kind = Literal["published", "submission", "run", "from scratch", "baseline"]


@dataclass(frozen=True)
class Parameter:
    """A parameter of the law.

    Attributes:
        value: Its value.
        low: Lower end of its interval.
        high: Upper end.
        identified: Whether the data determine it.
    """

    value: float
    low: float
    high: float
    identified: bool


@dataclass(frozen=True)
class Score:
    """An entry of a task.

    Attributes:
        name: Its name.
        kind: Whose it is; reference lines are networks from scratch and baselines.
        source_size: Largest source size it has been measured at; 0 without a source.
        error: Geometric mean of the test error there, with its 90 % interval over test parts, or seeds if there is one
            part.
        behind: How much higher its error is than that of the first row, paired by test part and seed; None for that.
        rank: One more than the number of rows whose error is lower by more than the interval of the paired difference;
            None for a single model, whose differences have no interval.
        rate: alpha; None without a law.
        limit: C, in the unit of the error.
        forecast_size: Four times the largest source size.
        forecast: The error there by the law, with its interval.
        parameters: Numbers in the weights of the encoder; None if unknown.
        pretraining: Processor time of all pretrainings [s]; None if it was not published.
        fine_tuning: The same of all fine-tunings and trainings from scratch; of published ones the wall time times
            threads, since they have no other.
    """

    name: str
    kind: Kind
    source_size: float
    error: Estimate
    behind: Estimate | None = None
    rank: int | None = None
    rate: Parameter | None = None
    limit: Parameter | None = None
    forecast_size: float | None = None
    forecast: tuple[float, float, float] | None = None
    parameters: int | None = None
    pretraining: float | None = None
    fine_tuning: float | None = None

    @property
    def is_tied(self) -> bool:
        """Whether its error cannot be told from that of the first row."""
        return self.behind is not None and self.behind.low <= 0


@dataclass(frozen=True)
class Scores:
    """The entries of a task, the lowest error first.

    Attributes:
        task: Name of the task.
        property: What is predicted.
        unit: Unit of the errors.
        metric: The error.
        level: Source size at which the errors are compared, as the study names it.
        num_splits: Number of test parts.
        rows: The entries.
        curves: Models and law of each entry that has a law, by its name, for a figure.
    """

    task: str
    property: str
    unit: str
    metric: str
    level: str
    num_splits: int
    rows: tuple[Score, ...]
    curves: Mapping[str, tuple[Models, ScalingLaw]]

    def to_dict(self) -> dict[str, Any]:
        """All of it but the curves, in types that JSON knows."""
        names = ("task", "property", "unit", "metric", "level", "num_splits")
        content = {name: getattr(self, name) for name in names}
        found: dict[str, Any] = _plain(content | {"rows": [asdict(each) for each in self.rows]})
        return found


def score(task: BenchTask, entries: Sequence[tuple[Kind, Mapping[str, Any]]] = ()) -> Scores:
    """Score the published encoders of a task and further entries.

    Args:
        task: The task.
        entries: Checked submissions, and whether each is one or the run of a user.

    Raises:
        ValueError: If no entry has a cell with a source.
    """
    published = read_published(find_published(task.result))
    metric = str(entries[0][1]["metric"]) if entries else "mae"
    own = [each for each in published.records if _belongs(each, task)]
    kinds: dict[str, Kind] = {}
    known: dict[str, Mapping[str, Any]] = {}
    records = list(own)
    taken = {each.cell.architecture for each in own}
    for kind, content in entries:
        name = _free_name(content["name"], taken)
        taken.add(name)
        kinds[name], known[name] = kind, content
        records += _records(content, name)
    results = Results(tabulate_records(records), metric, pulls=published.pulls)
    level = _level(results, [*known])
    points = {label: found for (label, at), found in results.points.items() if at in (level, "0")}
    rows, curves = [], {}
    for label, found in points.items():
        at = str(found["source_level"].iloc[0])
        if label.policy not in BASELINES and at == level and label.policy == task.policy:
            kind = kinds.get(label.architecture, "published")
            row = Score(label.architecture, kind, level_sizes(found)[at], geometric_mean(by_repeat(found, metric)))
            models = results.models[label]
            if models.num_sizes() >= MIN_SIZES:
                law = fit_law(models)
                curves[row.name] = (models, law)
                row = _with_law(row, law)
            rows.append((_with_compute(row, label, published, known.get(row.name), task), found))
    for (label, at), found in results.points.items():
        reference = _reference(label, at, level, found)
        if reference is not None and found["num_test"].min() >= rows[0][1]["num_test"].min():
            kind, name = reference
            error = geometric_mean(by_repeat(found, metric))
            rows.append((Score(name, kind, level_sizes(found)[at] if at != "0" else 0, error), found))
    unit, prop = str(results.table["unit"].iloc[0]), str(results.table["property"].iloc[0])
    num_splits = int(results.table["split"].nunique())
    return Scores(task.name, prop, unit, metric, level, num_splits, _rank(rows, metric), curves)


def _belongs(record: Record, task: BenchTask) -> bool:
    cell = record.cell
    return (
        cell.target_size == task.target_size
        and cell.growth == "random"
        and not cell.pretraining
        and (cell.policy in (task.policy, REFERENCE) or cell.policy in BASELINES)
    )


def _reference(label: CurveLabel, at: str, level: str, found: Any) -> tuple[Kind, str] | None:
    """Kind and name of a row that is no entry: from scratch, or a baseline; None for all others."""
    if label.policy in BASELINES:
        needs = BASELINES[label.policy].needs_source
        name = BASELINES[label.policy].title + (f" of {label.architecture}" if needs and label.architecture else "")
        return ("baseline", name) if at == (level if needs else "0") else None
    if at == "0" and label.policy == REFERENCE and len(found) > 1:
        return "from scratch", f"{label.architecture} from scratch"
    return None


def _records(content: Mapping[str, Any], name: str) -> list[Record]:
    fields = RecordKey.__dataclass_fields__
    return [
        Record(
            each["key"],
            RecordKey(**{field: each[field] for field in fields} | {"architecture": name}),
            content["property"],
            content["unit"],
            each["metrics"],
            {},
            provenance={"seconds": each["seconds"]},
        )
        for each in content["cells"]
    ]


def _free_name(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free


def _level(results: Results, entered: Sequence[str]) -> str:
    """The largest source level that the entries have: all of them, else those that came last, else the published."""
    table = results.table[results.table["source_size"] > 0]
    table = table[~table["policy"].isin([*BASELINES])]
    if entered:
        table = table[table["architecture"] == entered[-1]]
    if not len(table):
        raise ValueError("there is no cell with a source yet")
    return str(table["source_level"].iloc[int(table["source_size"].to_numpy().argmax())])


def _with_law(row: Score, law: ScalingLaw) -> Score:
    size = FARTHEST_NEXT * law.largest_size
    low, high = law.predict_interval([size])
    return replace(
        row,
        rate=Parameter(law.decay_rate, *law.decay_rate_interval, law.decay_rate_identified),
        limit=Parameter(law.transfer_gap, *law.transfer_gap_interval, law.transfer_gap_identified),
        forecast_size=size,
        forecast=(float(law.predict([size])[0]), float(low[0]), float(high[0])),
    )


def _with_compute(
    row: Score, label: CurveLabel, published: Published, content: Mapping[str, Any] | None, task: BenchTask
) -> Score:
    if content is not None:
        found = content["compute"]
        return replace(
            row, parameters=content["parameters"], pretraining=found["pretraining"], fine_tuning=found["fine_tuning"]
        )
    own = [
        each.provenance.get("seconds")
        for each in published.records
        if _belongs(each, task) and each.cell.architecture == label.architecture and each.cell.policy not in BASELINES
    ]
    encoder = encoders_of(task, published).get(label.architecture)
    seconds = None if None in own else sum(map(float, own)) * (published.threads or 1)  # type: ignore[arg-type]
    return replace(row, parameters=None if encoder is None else count_parameters(encoder), fine_tuning=seconds)


def _rank(rows: list[tuple[Score, Any]], metric: str) -> tuple[Score, ...]:
    """Put the lowest error first; a rank counts what is lower by more than the interval of the paired difference."""
    ordered = sorted(rows, key=lambda each: each[0].error.mean)
    first, ranked = ordered[0][1], []
    for row, found in ordered:
        ahead = sum(_is_lower(other, found, metric) for each, other in ordered if each is not row)
        pairs = None if found is first else pair_errors(first, found, metric)
        behind = None if pairs is None else geometric_gain(pairs)
        ranked.append(replace(row, rank=1 + ahead if len(found) > 1 else None, behind=behind))
    return tuple(ranked)


def _is_lower(one: Any, other: Any, metric: str) -> bool:
    """Whether one error is lower than another by more than the interval of the paired difference."""
    pairs = pair_errors(one, other, metric)
    return pairs is not None and geometric_gain(pairs).low > 0


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
