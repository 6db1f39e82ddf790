"""`suggest`: the best candidates of a pool for the next measurements."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.data.registry import find_table_reader
from gnn_sim2real.estimator.features import kind_of
from gnn_sim2real.estimator.materials import Kinds
from gnn_sim2real.estimator.pool import Pool, read_pool, require_pool
from gnn_sim2real.featurize.featurizer import says_no_structures
from gnn_sim2real.files import expand, require_replaceable, spreadsheet_text, write_atomically
from gnn_sim2real.gaussian_process import StandardColumns
from gnn_sim2real.launchers.base import available_cores
from gnn_sim2real.library import TrainedModel, load_model
from gnn_sim2real.shotgun.libraries import open_library
from gnn_sim2real.shotgun.table_argument import read_table_argument
from gnn_sim2real.shown import Display, Shown
from gnn_sim2real.store.mixtures import store_of
from gnn_sim2real.suggest.acquisition import Aim, choose_batch
from gnn_sim2real.suggest.budget import Advice, advise
from gnn_sim2real.suggest.candidates import Candidate, Scorer, Seen, score_pool
from gnn_sim2real.suggest.settings import AUTO, SuggestSettings
from gnn_sim2real.suggest.surrogate import Encoded, Surrogate, encode

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gnn_sim2real.data.module import PropertyDataModule

Floats = NDArray[np.float64]

KEPT = 50
"""Candidates kept for each one of a batch, among which it is made diverse."""

UNLIKELY = 0.01
"""Chance of the likeliest suggestion below which it is said that none is likely."""

_MOST_KEPT = 5000
_KINDS = ("repeat_unit", "molecule", "composition", "crystal")


@dataclass(frozen=True, repr=False, eq=False)
class Suggestions(Shown):
    """Candidates to measure next, the first one first.

    Attributes:
        names: How each is written.
        rows: Its row in the pool, from 0.
        mean: Prediction, physical units.
        lower: Prediction less a standard deviation, physical units.
        upper: Prediction and a standard deviation.
        distances: Distance from the measured materials; beyond 1 farther than these are from each other.
        scores: What a measurement of each is worth.
        others: Other columns of the pool.
        property_name: Name of the property.
        unit: Its unit.
        model: Name of the model whose features were used.
        error: Mean absolute error on left-out measurements, with its 90 % interval, on the scale of the errors.
        measured: Number of measured materials.
        seen: How many candidates were looked at.
        meaning: What the scores are.
        chance: Largest probability among them that one is what is sought; 1 where knowledge is.
        advice: What the next unit of budget buys; None without a study.
    """

    names: list[str]
    rows: list[int]
    mean: Floats
    lower: Floats
    upper: Floats
    distances: Floats
    scores: Floats
    others: dict[str, list[str]]
    property_name: str
    unit: str
    model: str
    error: tuple[float, float, float]
    measured: int
    seen: Seen
    meaning: str
    chance: float = 1.0
    advice: Advice | None = None

    def display(self) -> Display:
        """What there is to show."""
        unit = f" {self.unit}" if self.unit else ""
        headline = (
            f"{len(self.names)} of {self.seen.number:,} candidates to measure next for {self.property_name}, by "
            f"{self.meaning}; {self.model} and {self.measured} measurements, error {self.error[0]:.3g}{unit} "
            f"[{max(self.error[1], 0):.3g}, {self.error[2]:.3g}] on left-out ones"
        )
        numbers = zip(self.names, self.mean, self.lower, self.upper, self.distances, strict=True)
        rows = [
            (name, f"{mean:.4g} ({low:.4g} to {high:.4g}){unit}{'  far from what was measured' if far > 1 else ''}")
            for name, mean, low, high, far in numbers
        ]
        return Display(headline, rows, self._draw, notes=self._notes(), records=self._records())

    def _notes(self) -> Sequence[str]:
        notes = []
        if self.chance < UNLIKELY:
            notes.append(
                f"none of these is likely to be what is sought: the model gives the likeliest a chance of "
                f"{100 * self.chance:.2g} %; another pool, or `uncertainty` as the goal, may tell more"
            )
        if self.seen.refused:
            notes.append(f"{self.seen.refused:,} candidates cannot be read, the first: {self.seen.first_refused}")
        if self.advice is not None:
            notes += [self.advice.describe(), *self.advice.notes]
        return notes

    def _records(self) -> Sequence[dict[str, Any]]:
        unit = f" [{self.unit}]" if self.unit else ""
        name = self.property_name
        return [
            {
                "rank": place + 1,
                "material": self.names[place],
                f"{name}{unit}": float(self.mean[place]),
                f"{name} lower{unit}": float(self.lower[place]),
                f"{name} upper{unit}": float(self.upper[place]),
                "distance": float(self.distances[place]),
                "score": float(self.scores[place]),
                "row": self.rows[place] + 1,
                **{column: cells[place] for column, cells in self.others.items()},
            }
            for place in range(len(self.names))
        ]

    def _draw(self, axes: "Axes") -> None:
        from gnn_sim2real.figures import CAP, COLORS, MARKER_SIZE, TEXT, clear_frame

        place = np.arange(len(self.names))[::-1]
        ends = np.abs(np.stack([self.mean - self.lower, self.upper - self.mean]))
        axes.errorbar(
            self.mean, place, xerr=ends, color=COLORS[0], marker="o", markersize=MARKER_SIZE, linestyle="", capsize=CAP
        )
        axes.set_yticks(place, self.names, fontsize=TEXT - 2)
        unit = f" [{self.unit}]" if self.unit else ""
        axes.set_xlabel(f"{self.property_name.replace('_', ' ')}{unit}", fontsize=TEXT)
        clear_frame(axes)

    def write(self, path: Path) -> None:
        """Write them as CSV.

        Args:
            path: The file.
        """
        frame = self.to_frame()
        texts = frame.map(lambda cell: spreadsheet_text(cell) if isinstance(cell, str) else cell)
        texts = texts.rename(columns=lambda name: spreadsheet_text(str(name)))
        write_atomically(path, texts.to_csv(index=False, float_format="%.8g").encode())


def suggest(table: str | Path, pool: str | Path, **settings: Any) -> Suggestions:
    """Find the candidates of a pool that are best measured next.

    Args:
        table: Table of the measurements, whose headings say what was measured.
        pool: Candidates: a table, a list of SMILES (.smi), or a folder or file of crystals. What was measured already
            is left out.
        settings: See `SuggestSettings`; nothing is written.

    Raises:
        ValueError: If there are too few measurements, no candidate can be read, or settings do not go together.
    """
    return find_suggestions(str(table), str(pool), SuggestSettings(**settings))


def run_suggest(table: str, pool: str, settings: SuggestSettings) -> Suggestions:
    """Find suggestions, and write them.

    Args:
        table: See `suggest`.
        pool: See `suggest`.
        settings: See `SuggestSettings`.

    Raises:
        ValueError: As `suggest`, or if a file would be lost.
    """
    output = Path(settings.output)
    require_replaceable(output, inputs=[expand(table), expand(pool)], overwrite=settings.overwrite)
    found = find_suggestions(table, pool, settings)
    found.write(output)
    return found


def find_suggestions(table: str, pool: str, settings: SuggestSettings) -> Suggestions:
    """Find suggestions, see `suggest`.

    Args:
        table: See `suggest`.
        pool: See `suggest`.
        settings: See `SuggestSettings`.

    Raises:
        ValueError: As `suggest`.
    """
    settings.check()
    require_pool(pool)
    data = _read_measured(table, settings)
    advice = None
    present = np.flatnonzero(np.isfinite(data.table.values[:, 0]))
    measurement, calculation = settings.measurement_cost, settings.calculation_cost
    if settings.study is not None and measurement is not None and calculation is not None:
        advice = advise(expand(settings.study), len(present), measurement, calculation)
    values = _to_scale(data.table.values[present, 0], settings.log)
    if values.size and values.min() == values.max():
        raise ValueError(f"all {len(values)} measured values of {table} are {values[0]:g}, of which nothing is learned")
    materials = [data.table.materials[row] for row in present.tolist()]
    groups = [data.table.groups[row] for row in present.tolist()]
    asked = Kinds(data.kind, tuple(getattr(data, "roles", ())), {each.name: each.unit for each in data.conditions})
    name, model, surrogate = _choose(settings, table, asked, materials, values, groups)
    candidates = read_pool(pool, kind_of(model), settings.pool_column, "--pool-column")
    aim = _make_aim(settings, values)
    keep = min(_MOST_KEPT, KEPT * settings.batch)
    scorer = Scorer(model, surrogate, aim, keep + len(materials))
    best, seen = score_pool(candidates, scorer, settings.workers or available_cores())
    known = {data.table.identities[row] for row in present.tolist()} if data.kind != "crystal" else set(groups)
    new = _without_known(best, candidates, model, known)
    if not new:
        reason = f": {seen.first_refused}" if seen.first_refused else ", or all were measured already"
        raise ValueError(f"no candidate of {pool} can be suggested: none of {seen.number:,} can be read{reason}")
    chosen = choose_diverse(new, surrogate, settings.batch)
    spec = data.properties[0]
    mean, std = np.array([each.mean for each in chosen]), np.array([each.std for each in chosen])
    rows = [each.row for each in chosen]
    chance = float(aim.chances(mean, std).max())
    others = candidates.other_columns()
    return Suggestions(
        names=[candidates.names[row] for row in rows],
        rows=rows,
        mean=_from_scale(mean, settings.log),
        lower=_from_scale(mean - std, settings.log),
        upper=_from_scale(mean + std, settings.log),
        distances=np.array([each.distance for each in chosen]),
        scores=np.exp([each.log_score for each in chosen]),
        others={column: [cells[row] for row in rows] for column, cells in others.items()},
        property_name=spec.name,
        unit=spec.unit,
        model=name,
        error=surrogate.error,
        measured=len(values),
        seen=seen,
        meaning=aim.meaning,
        chance=chance,
        advice=advice,
    )


def _read_measured(table: str, settings: SuggestSettings) -> "PropertyDataModule":
    """The measurements, as `shotgun TABLE` reads them."""
    given = {
        "--property": settings.property,
        "--unit": settings.unit,
        "--column": settings.column,
        "--material-column": settings.material_column,
    }
    argv = [table, *(word for name, value in given.items() if value is not None for word in (name, value))]
    found = read_table_argument(argv)
    if found.reader != "Table":
        if settings.disorder is not None:
            raise ValueError(says_no_structures(settings.disorder, "mixture"))
        at = {} if settings.at is None else {"at": settings.at}
        return find_table_reader(found.reader)(**found.settings, **at)
    given_too = {"disorder": settings.disorder, "at": settings.at}
    further = {name: value for name, value in given_too.items() if value is not None}
    data = find_table_reader("Table")(**found.settings, **further)
    if data.kind not in _KINDS:
        raise ValueError(f"candidates of the kind {data.kind!r} cannot be suggested")
    return data


def _choose(
    settings: SuggestSettings,
    table: str,
    asked: Kinds,
    materials: list[Any],
    values: Floats,
    groups: list[str],
) -> tuple[str, TrainedModel, Surrogate]:
    """The model whose features are used, and what predicts from them."""
    if settings.model != AUTO:
        model = load_model(settings.model).with_disorder(settings.disorder)
        own = kind_of(model)
        if _what(own) != _what(asked):
            raise ValueError(f"{settings.model} reads {_what(own)}, but {_what(asked)} were measured in {table}")
        if list(own.conditions) != list(asked.conditions):
            raise ValueError(
                f"{settings.model} reads {', '.join(own.conditions) or 'no conditions'} beside the materials, but "
                f"{table} has {', '.join(asked.conditions) or 'none'}; give another model"
            )
        known = encode(model, store_of(materials, model.featurizer))
        return settings.model, model, Surrogate(known, values, groups, settings.seed)
    library = open_library(settings.library, starter=True)
    found: list[tuple[str, Encoded]] = []
    for card in library.cards():
        if card.featurizer.get("name") != asked.name:
            continue
        model = library.load(card.key).with_disorder(settings.disorder)
        own = kind_of(model)
        if list(own.conditions) != list(asked.conditions) or _what(own) != _what(asked):
            continue
        found.append((card.key, encode(model, store_of(materials, model.featurizer))))
    if not found:
        at = f" at {', '.join(asked.conditions)}" if asked.conditions else ""
        raise ValueError(f"no model of the library reads {_what(asked)}{at}; give one by `model`")
    key, surrogate = Surrogate.best_of(found, values, groups, settings.seed)
    card = next(each for each in library.cards() if each.key == key)
    return (
        f"{card.source} {card.properties[0]} {card.architecture}",
        library.load(key).with_disorder(settings.disorder),
        surrogate,
    )


def _what(kind: Kinds) -> str:
    """What materials of a kind are called; a model of pairs reads no blends."""
    if kind.name == "mixture":
        return f"pairs of {' and '.join(kind.roles)}" if kind.roles else "blends or copolymers"
    return f"materials of the kind {kind.name!r}"


def _make_aim(settings: SuggestSettings, values: Floats) -> Aim:
    best = float(values.min() if settings.goal == "minimize" else values.max())
    low, high = (
        (end if each is None else float(_to_scale(np.array([each]), settings.log)[0]))
        for each, end in ((settings.low, -np.inf), (settings.high, np.inf))
    )
    return Aim(settings.goal, best, low, high)


def _without_known(
    best: Sequence[Candidate], candidates: Pool, model: TrainedModel, known: set[str]
) -> list[Candidate]:
    """Candidates that were not measured yet, each material once."""
    kind: Kinds = kind_of(model)
    found, taken = [], set(known)
    for each in best:
        if kind.name == "mixture":
            identity = candidates.identity_of(each.row)
        else:
            identity = model.featurizer.identity(candidates.contents[each.row])
        name = f"{identity} {each.row}" if kind.name == "crystal" and identity not in known else identity
        if name not in taken:
            taken.add(name)
            found.append(each)
    return found


def choose_diverse(best: Sequence[Candidate], surrogate: Surrogate, number: int) -> list[Candidate]:
    """A batch that is not of one kind.

    Args:
        best: Candidates of high scores.
        surrogate: What predicted them.
        number: How many.
    """
    columns = StandardColumns(surrogate.known.features)
    known = columns.apply(surrogate.known.features)
    features = columns.apply(np.array([each.features for each in best]))
    # As far apart as measured materials usually are.
    gaps = np.sqrt(np.square(known[:, None] - known[None]).sum(axis=2))
    np.fill_diagonal(gaps, np.inf)
    radius = float(np.median(gaps.min(axis=1))) or 1.0
    scores = np.array([each.log_score for each in best])
    return [best[row] for row in choose_batch(scores, features, number, radius)]


def _to_scale(values: Floats, log: bool) -> Floats:
    if not log:
        return values
    if not (values > 0).all():
        raise ValueError("with `log`, all measured values must be above 0")
    return np.asarray(np.log10(values))


def _from_scale(values: Floats, log: bool) -> Floats:
    return 10**values if log else values
