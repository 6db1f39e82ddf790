"""What a tuning leaves: the best YAML, a table of all trials, pictures."""

from __future__ import annotations

import math
import statistics
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gnn_sim2real.files import MADE_BY, write_atomically
from gnn_sim2real.shown import Display, Row, Shown
from gnn_sim2real.study.status import format_time
from gnn_sim2real.tune.trials import About
from gnn_sim2real.units import format_unit

if TYPE_CHECKING:
    import optuna
    from matplotlib.axes import Axes
    from pandas import DataFrame

BEST_FILE, TABLE_FILE, COMPARISON_FILE = "best.yaml", "trials.csv", "comparison.csv"


@dataclass(frozen=True)
class Trial:
    """A trial that has ended.

    Attributes:
        number: Its number, from 0.
        state: `complete`, `pruned` or `failed`.
        error: Error of the validation part; None unless it is complete.
        values: Values by the name of the setting.
        about: What else is known of it.
    """

    number: int
    state: str
    error: float | None
    values: dict[str, Any]
    about: About


@dataclass(frozen=True, repr=False, eq=False)
class Tuning(Shown):
    """The trials of a tuning, and the best of them.

    Attributes:
        folder: Its folder.
        metric: Name of the error.
        unit: Unit of the error; empty for none.
        num_validation: Number of materials of the validation part.
        trials: All trials that have ended, in their order.
        start: The trial with the values of the YAML; None if they are not among those that are tried.
    """

    folder: Path
    metric: str
    unit: str
    num_validation: int
    trials: list[Trial]
    start: int | None

    @property
    def best(self) -> Trial | None:
        """The complete trial of the lowest error; None if there is none."""
        found = [each for each in self.trials if each.error is not None]
        return min(found, key=lambda each: (each.error, each.number), default=None)

    @property
    def best_yaml(self) -> Path:
        """The configuration of the best trial."""
        return self.folder / BEST_FILE

    @property
    def epochs(self) -> float:
        """Epochs that all trials have trained."""
        return sum(each.about.epochs for each in self.trials)

    @property
    def heading(self) -> str:
        """Heading of the errors in a table."""
        return f"{self.metric} [{self.unit}]" if self.unit else self.metric

    @property
    def label(self) -> str:
        """What stands beside an axis."""
        return f"{self.metric} [{format_unit(self.unit)}]" if self.unit else self.metric

    def spell(self, error: float | None) -> str:
        """An error with its unit."""
        if error is None:
            return "none"
        return f"{error:.4g} {format_unit(self.unit)}".rstrip()

    @property
    def taken(self) -> str:
        """How much was tried, in words."""
        states = [each.state for each in self.trials]
        counted = [f"{states.count(state)} {state}" for state in ("pruned", "failed") if state in states]
        taken = f"{self.epochs:,.0f} epochs, {format_time(sum(each.about.seconds for each in self.trials))}"
        return f"{len(states)} trials{f' ({told})' if (told := ', '.join(counted)) else ''}, {taken}"

    def display(self) -> Display:
        """The best trial beside that of the YAML; all of them in the table."""
        return Display(self.taken, self._rows(), self._draw, self._notes(), self._records())

    def _rows(self) -> list[Row]:
        best = self.best
        if best is None or best.error is None:
            return [("best", "none: no trial has an error")]
        rows = [("best", f"trial {best.number}: {self.metric} {self.spell(best.error)}")]
        start = next((each for each in self.trials if each.number == self.start), None)
        if start is not None and start.error is not None:
            rows.append(("the YAML as it is", f"trial {start.number}: {self.metric} {self.spell(start.error)}"))
        return [*rows, *((key, format_value(value)) for key, value in best.values.items())]

    def _notes(self) -> list[str]:
        if self.best is None:
            reasons = [each.about.reason for each in self.trials if each.about.reason]
            return [f"the last one: {reasons[-1]}"] if reasons else []
        return [
            f"The lowest of {len(self.trials)} errors on {self.num_validation} validation materials is optimistic; "
            "`gnn-sim2real test` tells the error on materials that chose nothing."
        ]

    def _records(self) -> list[dict[str, Any]]:
        is_repeated = any(len(each.about.errors) > 1 for each in self.trials)
        return [
            {
                "trial": each.number,
                "state": each.state,
                self.heading: math.nan if each.error is None else each.error,
                **({f"scatter of {self.heading}": scatter_of(each)} if is_repeated else {}),
                **{key: spell_cell(value) for key, value in each.values.items()},
                "epochs": round(each.about.epochs, 3),
                "seconds": round(each.about.seconds, 3),
                "reason": each.about.reason,
            }
            for each in self.trials
        ]

    def _draw(self, axes: Axes) -> None:
        from gnn_sim2real.figures import COLORS, SMALL_MARKER, THIN, clear_frame

        found = [(each.number, each.error) for each in self.trials if each.error is not None]
        lowest, so_far = math.inf, []
        for _, error in found:
            lowest = min(lowest, error)
            so_far.append(lowest)
        numbers = [number for number, _ in found]
        axes.plot(numbers, [error for _, error in found], "o", markersize=SMALL_MARKER, color=COLORS[0], label="trial")
        axes.step(numbers, so_far, where="post", linewidth=THIN, color=COLORS[1], label="lowest so far")
        axes.set_xlabel("trial")
        axes.set_ylabel(self.label)
        clear_frame(axes)
        axes.legend(frameon=False)


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(Shown):
    """Tunings of several architectures, or of whatever else differs, with the same budget each.

    Attributes:
        tunings: The tunings by name.
    """

    tunings: dict[str, Tuning]

    def display(self) -> Display:
        """The lowest error of each, and what it took."""
        rows = [
            (name, f"{each.metric} {'none' if (best := each.best) is None else each.spell(best.error)}, {each.taken}")
            for name, each in self.tunings.items()
        ]
        notes = [
            "Errors of validation parts, by which the best of each was chosen: compare the best YAMLs by `test`, or in "
            "a study with several seeds and splits."
        ]
        headline = f"{len(self.tunings)} tunings with the same budget"
        return Display(headline, rows, self._draw, notes, [self._record(name) for name in self.tunings])

    def _record(self, name: str) -> dict[str, Any]:
        each = self.tunings[name]
        best, states = each.best, [one.state for one in each.trials]
        return {
            "name": name,
            each.heading: math.nan if best is None else best.error,
            "best trial": None if best is None else best.number,
            "trials": len(states),
            "pruned": states.count("pruned"),
            "failed": states.count("failed"),
            "epochs": round(each.epochs, 3),
            "seconds": round(sum(one.about.seconds for one in each.trials), 3),
        }

    def _draw(self, axes: Axes) -> None:
        from gnn_sim2real.figures import COLORS, THIN, clear_frame

        for number, (name, each) in enumerate(self.tunings.items()):
            spent, lowest, curve = 0.0, math.inf, []
            for one in each.trials:
                spent, lowest = spent + one.about.epochs, min(lowest, math.inf if one.error is None else one.error)
                curve.append((spent, lowest))
            color = COLORS[number % len(COLORS)]
            axes.step(
                [x for x, _ in curve], [y for _, y in curve], where="post", linewidth=THIN, color=color, label=name
            )
            axes.set_ylabel(each.label)
        axes.set_xlabel("epochs trained by all trials")
        clear_frame(axes)
        axes.legend(frameon=False)


def scatter_of(trial: Trial) -> float:
    """Standard deviation of the errors of the trainings of a trial; NaN of a single one.

    Args:
        trial: The trial.
    """
    return statistics.stdev(trial.about.errors) if len(trial.about.errors) > 1 else math.nan


def format_value(value: Any) -> str:
    """A value for people."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def spell_cell(value: Any) -> Any:
    """A value in a cell of a table: mappings and lists as YAML in one line."""
    if isinstance(value, Mapping | list):
        return yaml.safe_dump(value, default_flow_style=True, width=math.inf).strip()
    return value


def write_table(found: Shown, path: Path) -> None:
    """Write the table of all trials.

    Args:
        found: The result.
        path: The CSV.
    """
    frame: DataFrame = found.to_frame()
    write_atomically(path, frame.to_csv(index=False).encode())


def write_best(found: Tuning, config: Mapping[str, Any]) -> None:
    """Write the configuration of the best trial.

    Args:
        found: The tuning, with a best trial.
        config: The configuration of its best trial, in plain types.

    Raises:
        ValueError: If there is no best trial.
    """
    best = found.best
    if best is None or best.error is None:
        raise ValueError("there is no best trial")
    threads = f"OMP_NUM_THREADS={best.about.threads} " if best.about.threads else ""
    many = f", mean of {len(best.about.errors)} trainings" if len(best.about.errors) > 1 else ""
    head = (
        f"# Made by {MADE_BY} tune: trial {best.number} of {len(found.trials)}, {found.metric} "
        f"{found.spell(best.error)} on {found.num_validation} validation materials{many}.\n"
        f"# The {'first of these' if many else 'same'} training{'s' if many else ''}, digit for digit: "
        f"{threads}gnn-sim2real fit -c {BEST_FILE}\n"
    )
    write_atomically(found.best_yaml, (head + yaml.safe_dump(dict(config), sort_keys=False)).encode())


def write_pictures(study: optuna.Study, found: Tuning) -> list[Path]:
    """Write Optuna's pictures, as far as there are enough trials for them.

    Args:
        study: The trials.
        found: The tuning.

    Returns:
        The files.
    """
    import matplotlib.pyplot as plt
    import optuna.visualization.matplotlib as draw

    label = found.label
    pictures: dict[str, Callable[[], Any]] = {
        "history": lambda: draw.plot_optimization_history(study, target_name=label),
        "slices": lambda: draw.plot_slice(study, target_name=label),
        "parallel": lambda: draw.plot_parallel_coordinate(study, target_name=label),
        "on_the_way": lambda: draw.plot_intermediate_values(study),
        "importance": lambda: draw.plot_param_importances(study, target_name=label),
    }
    if not any(each.intermediate_values for each in study.get_trials(deepcopy=False)):  # of one epoch there is no way
        del pictures["on_the_way"]
    written = []
    if sum(each.error is not None for each in found.trials) < 2:
        return []
    before = plt.get_backend()
    plt.switch_backend("agg")
    try:
        for name, make in pictures.items():
            path = found.folder / f"{name}.png"
            with warnings.catch_warnings(), plt.rc_context():
                warnings.simplefilter("ignore")  # they are experimental, and some trials are alike
                try:
                    make()
                except (ValueError, RuntimeError):  # all trials have the same error
                    continue
                _label_plainly(plt.gcf(), [*found.best.values] if found.best else [])
                if name == "parallel":
                    plt.gcf().axes[0].set_facecolor(_GROUND)
                _save(plt.gcf(), path)
            written.append(path)
    finally:
        plt.close("all")
        plt.switch_backend(before)
    return written


_GROUND = "0.9"
"""Ground of the lines of trials: those of the largest errors are white."""


def _label_plainly(figure: Any, names: Sequence[str]) -> None:
    """Write the last words of settings, as many as tell them apart, slanted: Optuna cuts or overlaps long names."""
    for axes in figure.axes:
        ticks = [each.get_text() for each in axes.get_xticklabels()]
        whole = [_meant(each, names) for each in ticks]
        if any(whole):
            labels = [_short(name, names) if name else text for name, text in zip(whole, ticks, strict=True)]
            axes.set_xticks(axes.get_xticks(), labels, rotation=30, ha="right", rotation_mode="anchor")
        if axes.get_xlabel() in names:
            axes.set_xlabel(_short(axes.get_xlabel(), names), rotation=20)


def _meant(text: str, names: Sequence[str]) -> str | None:
    """The setting that a label is of, which Optuna ends with three dots where it is long; None if it is of none."""
    found = [each for each in names if each == text or (text.endswith("...") and each.startswith(text[:-3]))]
    return found[0] if len(found) == 1 else None


def _short(name: str, names: Sequence[str]) -> str:
    """The last words of a dotted name that no other one ends with."""
    words = name.split(".")
    ends = (".".join(words[start:]) for start in range(len(words) - 1, -1, -1))
    return next(end for end in ends if sum(f".{each}".endswith(f".{end}") for each in names) == 1)


def _save(figure: Any, path: Path) -> None:
    import io

    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100, bbox_inches="tight", metadata={"Software": MADE_BY})
    write_atomically(path, content.getvalue())
