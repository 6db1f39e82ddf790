"""`gnn-sim2real law`: the scaling law of a study, or of any learning curve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_sim2real.config.command import Command

if TYPE_CHECKING:
    from rich.console import Console

    from gnn_sim2real.law.forms import Form
    from gnn_sim2real.law.frame import Draws
    from gnn_sim2real.law.models import Models
    from gnn_sim2real.law.scaling_law import ScalingLaw
    from gnn_sim2real.law.surface import ScalingSurface
    from gnn_sim2real.records.learning_curves import LearningCurves


@dataclass(frozen=True, kw_only=True)
class LawOptions:
    """Options of all these commands.

    Args:
        columns: Which column of a table, or field of W&B runs, is what: size=n_train,error=MAE; by the headings unless
            given.
        rising: More is better, such as accuracy or R2: fit the law to the ceiling minus the value.
        ceiling: The best possible value of what rises; 1 unless given, or 100 for values with a percent sign.
        form: Form of the law, see below.
        least_limit: What the error cannot fall below, such as the noise of the measurements, in the unit of the error;
            that of the records unless given.
        most_error: What the error cannot exceed however small the source, such as the error of a constant, in the unit
            of the error.
        interval: Nominal coverage of the intervals, between 0 and 1.
        metric: Error of a study: mae, rmse, mae_nonzero; error for records with another `monitor`.
        policy: Policies of a study, separated by commas; all fine-tuning policies unless given.
        architecture: Use only this architecture.
        target_size: Use only this target size, in measured materials.
        draws: Number of draws of the bootstrap.
        seed: Seed of the draws.
        figure: Also draw PATH.png and PATH.svg.
        json: Print JSON instead of text.
        overwrite: Replace figures that are not of this package.
    """

    columns: str = ""
    rising: bool = False
    ceiling: float | None = None
    form: str = "average"
    least_limit: float | None = None
    most_error: float | None = None
    interval: float = 0.9
    metric: str | None = None
    policy: str = ""
    architecture: str | None = None
    target_size: float | None = None
    draws: int = 1000
    seed: int = 0
    figure: Path | None = None
    json: bool = False
    overwrite: bool = False


def fit(curves: Path, *, options: LawOptions) -> None:
    """Fit the law: parameters with intervals, the form and why, goodness of fit, forecasts.

    One law for each curve, and one in source and target size if there are several of both. What is not identified is
    said.

    Args:
        curves: What the errors are read from, see below.
        options: See `LawOptions`.
    """
    from gnn_sim2real.console import busy, track
    from gnn_sim2real.law.text import print_law
    from gnn_sim2real.records.curves import curve_name, model_name

    console = _open(options, curves)
    read = _read(curves, options)
    _require_surface(read, options)
    content: dict[str, Any] = {"curves": [], "surfaces": [], "short_curves": read.short_curves()}
    drawn = {}
    for label, models in track(read.long_curves().items(), "Fitting laws"):
        name = curve_name(label)
        with busy(f"Fitting {name or read.name}"):
            law = _fit_curve(models, options)
        print_law(name or read.name, law, read.unit, console)
        content["curves"].append({"name": name, **law.to_dict()})
        drawn[name or read.name] = (models, law)
    for kind, grid in read.grids.items():
        if grid.has_surface:
            name = model_name(kind) or read.name
            with busy(f"Fitting {name} in source and target size"):
                surface = _fit_surface(grid.models, options)
            print_law(name, surface, read.unit, console)
            content["surfaces"].append({"name": name, **surface.to_dict()})
    _print_short([read], console)
    _draw(drawn, read, options, console)
    _write(content, options)


def plan(
    curves: Path,
    *,
    at: str | None = None,
    target_error: float | None = None,
    source_cost: float | None = None,
    target_cost: float | None = None,
    budget: float | None = None,
    options: LawOptions,
) -> None:
    """Plan by the law: the source size for an error, the gain from doubling the source, how to spend a budget.

    Also whether an error is out of reach, how many calculations one more measurement is worth, and lines of equal
    error.

    Args:
        curves: What the errors are read from, see below.
        at: Where to plan: source size n, or n,m with the target size.
        target_error: The error to reach, in the unit of the error.
        source_cost: Cost of one calculation, in any unit.
        target_cost: Cost of one measurement, in the same unit.
        budget: How much can be spent, in the unit of the costs.
        options: See `LawOptions`.

    Raises:
        ValueError: If there is no law for what is asked.
    """
    from gnn_sim2real.law.fit import MIN_SIZES
    from gnn_sim2real.law.numbers import format_size
    from gnn_sim2real.law.planning import plan as plan_by
    from gnn_sim2real.law.surface import MIN_TARGET_SIZES, ScalingSurface
    from gnn_sim2real.law.text import print_law, print_plan
    from gnn_sim2real.records.curves import curve_name

    console = _open(options, curves)
    read = _read(curves, options)
    _require_surface(read, options)
    grid, found_curves = read.only_grid()
    place = _numbers(at, "--at") if at else None
    law: ScalingLaw | ScalingSurface
    if grid.has_surface:
        law = _fit_surface(grid.models, options)
        print_law(read.name, law, read.unit, console)
    elif len(found_curves) == 1:
        ((label, models),) = found_curves.items()
        law = _fit_curve(models, options)
        print_law(curve_name(label) or read.name, law, read.unit, console)
        if place and len(place) > 1:
            raise ValueError(
                f"--at n,m needs a law in both, from {MIN_SIZES} source and {MIN_TARGET_SIZES} target sizes; give n"
            )
    else:
        sizes = ", ".join(format_size(label.target_size) for label in found_curves)
        raise ValueError(f"there are too few sizes for a law in n and m; choose by --target-size: {sizes}")
    found = plan_by(
        law,
        at=place,
        scratch=grid.scratch,
        target_error=target_error,
        source_cost=source_cost,
        target_cost=target_cost,
        budget=budget,
    )
    print_plan(found, read.unit, law.confidence, console)
    if options.figure is not None:
        from gnn_sim2real.records.law_figure import draw_iso_errors, draw_laws

        if isinstance(law, ScalingSurface):
            files = draw_iso_errors(law, grid.models, found, read.quantity, read.unit, options.figure)
        else:
            files = draw_laws({read.name: (models, law)}, read.quantity, read.unit, options.figure)
        console.print(f"\nfigure: {' and '.join(map(str, files))}")
    _write({"law": law.to_dict(), "plan": found.to_dict()}, options)


def next_(
    curves: Path,
    *,
    for_: str | None = None,
    cost: str = "n^1",
    largest: float | None = None,
    options: LawOptions,
) -> None:
    """Find the source size to train next, and how many models, to narrow the interval of a number most per cost.

    Args:
        curves: What the errors are read from, see below.
        for_: What is to be known better: C, alpha, or forecast@N; the error at four times the largest n unless given.
        cost: Cost of a model of source size n: n^1, n^0.5, or 1 if all cost the same.
        largest: Largest source size that can be had; four times the largest measured one unless given.
        options: See `LawOptions`.

    Raises:
        ValueError: If the form is not a law in n alone.
    """
    from gnn_sim2real.console import busy, track
    from gnn_sim2real.law.design import FARTHEST_NEXT, next_size, parse_cost, parse_wanted
    from gnn_sim2real.law.forms import CURVE_FORMS, SURFACE_FORMS
    from gnn_sim2real.law.text import print_next
    from gnn_sim2real.records.curves import curve_name

    console = _open(options, curves)
    read = _read(curves, options)
    exponent, wanted = parse_cost(cost), for_
    if wanted is not None:
        parse_wanted(wanted)
    if options.form in SURFACE_FORMS:
        raise ValueError(f"law next is about laws in n alone, which have the forms {', '.join(CURVE_FORMS)}")
    content, drawn = [], {}
    for label, models in track(read.long_curves().items(), "Fitting laws"):
        name = curve_name(label) or read.name
        with busy(f"Fitting {name}"):
            law = _fit_curve(models, options)
        asked = wanted or f"forecast@{FARTHEST_NEXT * law.largest_size:.15g}"
        found = next_size(law, models, wanted=asked, cost_exponent=exponent, largest=largest)
        print_next(name, found, read.unit, law.confidence, console)
        content.append({"name": name, **found.to_dict()})
        drawn[name] = (models, law)
    _print_short([read], console)
    _draw(drawn, read, options, console)
    _write({"next": content, "short_curves": read.short_curves()}, options)


def compare(curves: Path, *more: Path, at: str | None = None, options: LawOptions) -> None:
    """Compare curves: rates, limits, where they cross, and the probability that one is ahead.

    Laws are paired by the names of seeds and splits, never by the order of the rows.

    Args:
        curves: What the errors are read from, see below.
        more: Further curves.
        at: Further source sizes at which they are compared, separated by commas.
        options: See `LawOptions`.

    Raises:
        ValueError: If the curves cannot be compared.
    """
    from gnn_sim2real.console import busy
    from gnn_sim2real.law.compare import compare_laws
    from gnn_sim2real.law.fit import MIN_SIZES
    from gnn_sim2real.law.forms import SURFACE_FORMS
    from gnn_sim2real.law.text import print_comparison
    from gnn_sim2real.records.learning_curves import describe_short, name_curves

    console = _open(options, curves, *more)
    inputs = [_read(path, options) for path in (curves, *more)]
    if len({(read.quantity, read.unit) for read in inputs}) > 1:
        found_quantities = "; ".join(f"{read.name}: {read.quantity} [{read.unit}]" for read in inputs)
        raise ValueError(f"only errors of the same quantity can be compared, got {found_quantities}")
    if options.form in SURFACE_FORMS:
        raise ValueError(f"--form {options.form} is a law in n and m, and curves are compared by laws in n")
    models = name_curves(inputs)
    sizes_asked = _numbers(at, "--at") if at else ()
    if len(models) < 2:
        short = {name: sizes for read in inputs for name, sizes in read.short_curves().items()}
        told = f"; too few source sizes have {describe_short(short)}" if short else ""
        raise ValueError(
            f"a comparison needs at least 2 curves with {MIN_SIZES} source sizes, got {len(models)}: "
            f"{', '.join(models) or 'none'}{told}"
        )
    with busy(f"Fitting {len(models)} laws"):
        found = compare_laws(models, at=sizes_asked, form=options.form, **_draws(options)._asdict())
    print_comparison(found, inputs[0].unit, console)
    _print_short(inputs, console)
    _draw({name: (models[name], law) for name, law in found.laws.items()}, inputs[0], options, console)
    _write(found.to_dict(), options)


def _open(options: LawOptions, *curves: Path) -> "Console":
    """The console, once the options are checked."""
    from rich.console import Console

    _check(options, *curves)
    return Console(quiet=options.json, soft_wrap=True, highlight=False)


def _write(content: Mapping[str, Any], options: LawOptions) -> None:
    """Print the result as JSON, if that was asked for."""
    import json
    import sys

    if options.json:
        sys.stdout.write(json.dumps(content, indent=1, allow_nan=False) + "\n")


def _check(options: LawOptions, *curves: Path) -> None:
    """Refuse options that cannot be, before anything is read.

    Raises:
        ValueError: If there is one.
    """
    from gnn_sim2real.law.average import AVERAGE
    from gnn_sim2real.law.forms import CURVE_FORMS, SURFACE_FORMS, find_form
    from gnn_sim2real.law.frame import MAX_DRAWS, MIN_DRAWS
    from gnn_sim2real.law.selection import AUTO

    if options.figure is not None:
        from gnn_sim2real.files import is_own_figure, require_replaceable
        from gnn_sim2real.records.law_figure import figure_files

        require_replaceable(
            *figure_files(options.figure),
            is_ours=is_own_figure,
            inputs=[each for each in curves if each.is_file()],
            overwrite=options.overwrite,
        )
    if options.ceiling is not None and not options.rising:
        raise ValueError("--ceiling is that of values that rise: add --rising")
    if options.form not in (AUTO, AVERAGE):
        find_form(options.form, {**CURVE_FORMS, **SURFACE_FORMS})
    if not 0.0 < options.interval < 1.0:
        raise ValueError(f"--interval must be between 0 and 1, such as 0.9, got {options.interval:g}")
    if options.draws < MIN_DRAWS:
        raise ValueError(f"--draws must be at least {MIN_DRAWS}, or percentiles mean nothing, got {options.draws}")
    if options.draws > MAX_DRAWS:
        raise ValueError(f"--draws must be at most {MAX_DRAWS:,}, which takes long enough, got {options.draws}")


def _read(path: Path, options: LawOptions) -> "LearningCurves":
    from gnn_sim2real.law.average import AVERAGE
    from gnn_sim2real.records.curve_columns import parse_columns
    from gnn_sim2real.records.curve_table import TableOptions
    from gnn_sim2real.records.learning_curves import read_learning_curves

    read = read_learning_curves(
        path,
        metric=options.metric,
        policies=options.policy.split(",") if options.policy else None,
        architecture=options.architecture,
        target_size=options.target_size,
        table=TableOptions(parse_columns(options.columns) if options.columns else {}, options.rising, options.ceiling),
    )
    if options.least_limit is None and options.most_error is None:
        return read
    if options.form != AVERAGE:
        raise ValueError("--least-limit and --most-error are for the average over forms; leave out --form")

    def bounded(models: "Models") -> "Models":
        given = {"least": options.least_limit, "most": options.most_error}
        bounds = models.bounds._replace(**{name: value for name, value in given.items() if value is not None})
        bounds.check()
        return models._replace(bounds=bounds)

    curves = {label: bounded(models) for label, models in read.curves.items()}
    grids = {kind: replace(grid, models=bounded(grid.models)) for kind, grid in read.grids.items()}
    return replace(read, curves=curves, grids=grids)


def _draws(options: LawOptions) -> "Draws":
    from gnn_sim2real.law.frame import Draws

    return Draws(options.interval, options.draws, options.seed)


def _fit_curve(models: "Models", options: LawOptions) -> "ScalingLaw":
    from gnn_sim2real.law.fit import fit_law
    from gnn_sim2real.law.forms import SURFACE_FORMS
    from gnn_sim2real.law.selection import DEFAULT_FORM

    return fit_law(models, DEFAULT_FORM if options.form in SURFACE_FORMS else options.form, _draws(options))


def _fit_surface(models: "Models", options: LawOptions) -> "ScalingSurface":
    from gnn_sim2real.law.forms import CURVE_FORMS
    from gnn_sim2real.law.selection import DEFAULT_FORM
    from gnn_sim2real.law.surface import fit_surface

    return fit_surface(models, DEFAULT_FORM if options.form in CURVE_FORMS else options.form, _draws(options))


def _require_surface(read: "LearningCurves", options: LawOptions) -> None:
    """Refuse a form in n and m for curves in n alone."""
    from gnn_sim2real.law.average import AVERAGE
    from gnn_sim2real.law.fit import MIN_SIZES
    from gnn_sim2real.law.forms import CURVE_FORMS, SURFACE_FORMS
    from gnn_sim2real.law.selection import AUTO
    from gnn_sim2real.law.surface import MIN_TARGET_SIZES

    if options.form in SURFACE_FORMS and not any(grid.has_surface for grid in read.grids.values()):
        raise ValueError(
            f"--form {options.form} is a law in n and m, which needs {MIN_SIZES} source and {MIN_TARGET_SIZES} target "
            f"sizes; for these curves choose {AVERAGE}, {AUTO}, {', '.join(CURVE_FORMS)}"
        )


def _print_short(inputs: "Sequence[LearningCurves]", console: "Console") -> None:
    """Name the curves that have no law."""
    from gnn_sim2real.law.fit import MIN_SIZES
    from gnn_sim2real.records.learning_curves import describe_short

    for read in inputs:
        if short := read.short_curves():
            console.print(f"\nno law, which needs {MIN_SIZES} source sizes: {describe_short(short)}", markup=False)


def _numbers(text: str, option: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError:
        raise ValueError(f"{option} must be numbers separated by commas, got {text!r}") from None


def _draw(drawn: dict[str, Any], read: "LearningCurves", options: LawOptions, console: "Console") -> None:
    if options.figure is None:
        return
    from gnn_sim2real.records.law_figure import draw_laws

    files = draw_laws(drawn, read.quantity, read.unit, options.figure)
    console.print(f"\nfigure: {' and '.join(map(str, files))}")


_CURVES = {
    "FILE": (
        "a table (.csv .tsv .xlsx .parquet .json .jsonl): columns source_size and error; optionally target_size, seed "
        "and split (equal ones share their subsets or test sets), architecture, weight, error_std (the standard "
        "deviation of the error; of a mean its standard error). Usual other names are understood, such as n_train and "
        "MAE; others are named by --columns. Rows with source_size 0 are models from scratch; sizes may be fractions. "
        "Values that rise, such as R2: add --rising"
    ),
    "DIR": "the output folder of a study",
    "FILE.json": "what `gnn-sim2real study report DIR --publish FILE` wrote",
    "wandb:ENTITY/PROJECT": "the finished runs of a project of Weights & Biases",
}


def _notes() -> str:
    from gnn_sim2real.config.help import format_list
    from gnn_sim2real.law.forms import CURVE_FORMS, SURFACE_FORMS

    forms: dict[str, Form] = {**CURVE_FORMS, **SURFACE_FORMS}
    names = {
        "average": "all forms, each by how likely it is",
        "auto": "the one that forecasts the largest sizes best from the smaller ones",
    }
    names |= {name: f"{form.formula}: {form.use}" for name, form in forms.items()}
    forms_of = "forms of the law, in the source size n, and the target size m"
    return f"CURVES is one of\n{format_list(_CURVES)}\n\n{forms_of}\n{format_list(names)}"


COMMAND = Command(
    "many models",
    "how the error falls with the number of simulated materials, and what more would buy",
    {"fit": fit, "plan": plan, "next": next_, "compare": compare},
    examples={
        "law fit curve.csv": "the law of a table with source_size and error",
        "law fit runs/study --figure law": "the laws of a study, drawn",
        "law plan runs/study --target-error 0.02": "what an error needs",
        "law plan runs/study --source-cost 1 --target-cost 50 --budget 5000": "how to spend a budget",
        "law next curve.csv --for forecast@100000": "what to train next, to know a forecast better",
        "law compare gine.csv dmpnn.csv --at 10000": "two encoders",
    },
    notes=dict.fromkeys(("", "fit", "plan", "next", "compare"), _notes),
)
