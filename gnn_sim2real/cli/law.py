"""`gnn-sim2real law fit | plan | next | compare`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace
from rich.console import Console

from gnn_sim2real.config.options import parse_options
from gnn_sim2real.console import busy, track
from gnn_sim2real.files import is_own_figure, require_replaceable
from gnn_sim2real.law.average import AVERAGE
from gnn_sim2real.law.compare import compare_laws
from gnn_sim2real.law.design import FARTHEST_NEXT, next_size, parse_cost, parse_wanted
from gnn_sim2real.law.fit import MIN_SIZES, fit_law
from gnn_sim2real.law.forms import CURVE_FORMS, SURFACE_FORMS, Form, find_form
from gnn_sim2real.law.frame import DRAWS, MIN_DRAWS, Draws
from gnn_sim2real.law.models import Models
from gnn_sim2real.law.numbers import format_size
from gnn_sim2real.law.planning import plan
from gnn_sim2real.law.scaling_law import ScalingLaw
from gnn_sim2real.law.selection import AUTO, DEFAULT_FORM
from gnn_sim2real.law.surface import MIN_TARGET_SIZES, ScalingSurface, fit_surface
from gnn_sim2real.law.text import print_comparison, print_law, print_next, print_plan
from gnn_sim2real.records.curve_columns import parse_columns
from gnn_sim2real.records.curve_table import TableOptions
from gnn_sim2real.records.curves import curve_name, model_name
from gnn_sim2real.records.learning_curves import (
    ERRORS,
    LearningCurves,
    describe_short,
    name_curves,
    read_learning_curves,
)

_HELP = """usage: gnn-sim2real law fit CURVES [options]
       gnn-sim2real law plan CURVES [--at n[,m]] [--target-error E] [--source-cost A --target-cost B --budget X]
       gnn-sim2real law next CURVES [--for forecast@N | C | alpha] [--cost n^1] [--largest n]
       gnn-sim2real law compare CURVES [CURVES ...] [options]

How the test error falls with the number of simulated materials, what that is worth, and how certain it is.

fit      parameters with intervals, the form and why, goodness of fit, forecasts, and what is not identified
plan     the source size for an error (or that it is out of reach), the gain from doubling the source, how many
         calculations one more measurement is worth, how to spend a budget, lines of equal error
next     which source size to train next, and how many models, to narrow the interval of a number most per cost
compare  several curves side by side: rates, limits, where they cross, and the probability that one is ahead; laws
         are paired by the names of seeds and splits, never by the order of the rows

CURVES is one of
  FILE         a table (.csv .tsv .xlsx .parquet .json .jsonl): columns source_size and error; optionally target_size,
               seed and split (equal ones share their subsets or test sets), architecture, weight, error_std (the
               standard deviation of the error; of a mean its standard error). Usual other names are understood, such
               as n_train and MAE. Rows with source_size 0 are models from scratch; sizes may be fractions.
  DIR          the output folder of a study
  FILE.json    what `gnn-sim2real study report DIR --publish FILE` wrote
  wandb:ENTITY/PROJECT  the finished runs of a project of Weights & Biases

options of a table, and of runs of W&B
  --columns size=n_train,error=MAE   which column is what
  --rising              more is better (accuracy, R2): fit the law to the ceiling minus the value
  --ceiling 1           the ceiling (100 for values with a percent sign)

options of all
  --form average        all forms, each by how likely it is; auto: the one that forecasts the largest sizes best from
                        the smaller ones; or one by its name
               for laws in n
{curve_forms}
               for laws in n and m
{surface_forms}
  --least-limit E       what the error cannot fall below, such as the noise of the measurements; a study whose records
                        carry that noise has it without being told
  --most-error E        what the error cannot exceed however small the source, such as that of a constant
  --interval 0.9        nominal coverage of the intervals
  --metric mae          error of a study: mae, rmse, mae_nonzero; error for records with another `monitor`
  --policy NAMES        policies of a study, separated by commas (default: all fine-tuning policies)
  --architecture NAME   use only this architecture
  --target-size M       use only this target size
  --draws 1000 --seed 0 of the bootstrap
  --figure PATH         also draw PATH.png and PATH.svg
  --overwrite           replace files of these names that are not figures of this package
  --json                print JSON instead of text

`gnn-sim2real law plan --help` lists all options of plan, and so for the others."""


def law_command(argv: list[str]) -> int:
    """Run a law command.

    Args:
        argv: Arguments after `gnn-sim2real law`.

    Returns:
        Exit code.

    Raises:
        ValueError: If there is no such command.
    """
    commands = {"fit": _fit, "plan": _plan, "next": _next, "compare": _compare}
    if argv[:1] in ([], ["-h"], ["--help"]):
        sys.stdout.write(_HELP.format(curve_forms=_list(CURVE_FORMS), surface_forms=_list(SURFACE_FORMS)) + "\n")
        return 0
    if argv[0] not in commands:
        raise ValueError(f"there is no command `law {argv[0]}`; choose fit, plan, next or compare")
    options = _options(argv[0], argv[1:])
    content = commands[argv[0]](options, Console(quiet=options.json, soft_wrap=True, highlight=False))
    if options.json:
        sys.stdout.write(json.dumps(content, indent=1, allow_nan=False) + "\n")
    return 0


def _list(forms: Mapping[str, Form]) -> str:
    """Lines of the help on each form."""
    return "\n".join(f"                 {name:<15} {form.formula}: {form.use}" for name, form in forms.items())


def _options(command: str, argv: list[str]) -> Namespace:
    about = {
        "fit": "Fit a scaling law to each curve, and one in source and target size if there are several of both.",
        "plan": "Plan the next step by the law.",
        "next": "Find the source size, and the number of models, that narrow the interval of a number most per cost.",
        "compare": "Fit laws to several curves and compare them by paired draws.",
    }
    parser = ArgumentParser(prog=f"gnn-sim2real law {command}", description=about[command])
    several: dict[str, Any] = {"nargs": "+"} if command == "compare" else {}
    parser.add_argument(
        "curves", type=Path, help="table, folder of a study, its published JSON, or wandb:ENTITY/PROJECT", **several
    )
    parser.add_argument("--columns", type=str, default="", help="which column is what: size=n_train,error=MAE")
    rising = "more is better, such as accuracy or R2: fit the law to the ceiling minus the value"
    parser.add_argument("--rising", action="store_true", help=rising)
    ceiling = "the best possible value of what rises (default: 1, or 100 for values with a percent sign)"
    parser.add_argument("--ceiling", type=float | None, default=None, help=ceiling)
    forms = ", ".join((*CURVE_FORMS, *SURFACE_FORMS))
    parser.add_argument("--form", type=str, default=DEFAULT_FORM, help=f"form of the law: {AVERAGE}, {AUTO}, {forms}")
    least = "what the error cannot fall below, such as the noise of the measurements (default: that of the records)"
    parser.add_argument("--least-limit", type=float | None, default=None, help=least)
    most = "what the error cannot exceed however small the source, such as the error of a constant"
    parser.add_argument("--most-error", type=float | None, default=None, help=most)
    parser.add_argument("--interval", type=float, default=DRAWS.confidence, help="nominal coverage of the intervals")
    parser.add_argument("--metric", type=str | None, default=None, help=f"error of a study: {', '.join(ERRORS)}")
    policies = "policies of a study, separated by commas (default: all fine-tuning policies)"
    parser.add_argument("--policy", type=str, default="", help=policies)
    parser.add_argument("--architecture", type=str | None, default=None, help="use only this architecture")
    parser.add_argument("--target-size", type=float | None, default=None, help="use only this target size")
    parser.add_argument("--draws", type=int, default=DRAWS.num_resamples, help="number of draws of the bootstrap")
    parser.add_argument("--seed", type=int, default=DRAWS.seed, help="seed of the draws")
    parser.add_argument("--figure", type=Path | None, default=None, help="also draw FIGURE.png and FIGURE.svg")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    if command in ("plan", "compare"):
        place = "source size n, or n,m" if command == "plan" else "further source sizes, separated by commas"
        parser.add_argument("--at", type=str | None, default=None, help=place)
    if command == "plan":
        parser.add_argument("--target-error", type=float | None, default=None, help="the error to reach")
        parser.add_argument("--source-cost", type=float | None, default=None, help="cost of one calculation")
        parser.add_argument("--target-cost", type=float | None, default=None, help="cost of one measurement")
        parser.add_argument(
            "--budget", type=float | None, default=None, help="how much can be spent, in the unit of the costs"
        )
    if command == "next":
        wanted = "what shall be known better: C, alpha, or forecast@N (default: the error at four times the largest n)"
        parser.add_argument("--for", type=str | None, default=None, help=wanted)
        cost = "cost of a model of source size n: n^1, n^0.5, or 1 if all cost the same"
        parser.add_argument("--cost", type=str, default="n^1", help=cost)
        largest = f"largest source size that can be had (default: {FARTHEST_NEXT:g} times the largest measured one)"
        parser.add_argument("--largest", type=float | None, default=None, help=largest)
    parser.add_argument("--overwrite", action="store_true", help="replace figures that are not of this package")
    options = parse_options(parser, argv)
    _check(command, options)
    return options


def _check(command: str, options: Namespace) -> None:
    """Refuse options that cannot be, before anything is read.

    Raises:
        ValueError: If there is one.
    """
    if options.figure is not None:
        from gnn_sim2real.records.law_figure import figure_files

        inputs = options.curves if command == "compare" else [options.curves]
        require_replaceable(
            *figure_files(options.figure),
            is_ours=is_own_figure,
            inputs=[each for each in inputs if each.is_file()],
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


def _read(path: Path, options: Namespace) -> LearningCurves:
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

    def bounded(models: Models) -> Models:
        given = {"least": options.least_limit, "most": options.most_error}
        bounds = models.bounds._replace(**{name: value for name, value in given.items() if value is not None})
        bounds.check()
        return models._replace(bounds=bounds)

    curves = {label: bounded(models) for label, models in read.curves.items()}
    grids = {kind: replace(grid, models=bounded(grid.models)) for kind, grid in read.grids.items()}
    return replace(read, curves=curves, grids=grids)


def _draws(options: Namespace) -> Draws:
    return Draws(options.interval, options.draws, options.seed)


def _fit_curve(models: Models, options: Namespace) -> ScalingLaw:
    return fit_law(models, DEFAULT_FORM if options.form in SURFACE_FORMS else options.form, _draws(options))


def _fit_surface(models: Models, options: Namespace) -> ScalingSurface:
    return fit_surface(models, DEFAULT_FORM if options.form in CURVE_FORMS else options.form, _draws(options))


def _require_surface(read: LearningCurves, options: Namespace) -> None:
    """Refuse a form in n and m for curves in n alone."""
    if options.form in SURFACE_FORMS and not any(grid.has_surface for grid in read.grids.values()):
        raise ValueError(
            f"--form {options.form} is a law in n and m, which needs {MIN_SIZES} source and {MIN_TARGET_SIZES} target "
            f"sizes; for these curves choose {AVERAGE}, {AUTO}, {', '.join(CURVE_FORMS)}"
        )


def _fit(options: Namespace, console: Console) -> dict[str, Any]:
    read = _read(options.curves, options)
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
    return content


def _print_short(inputs: Sequence[LearningCurves], console: Console) -> None:
    """Name the curves that have no law."""
    for read in inputs:
        if short := read.short_curves():
            console.print(f"\nno law, which needs {MIN_SIZES} source sizes: {describe_short(short)}", markup=False)


def _plan(options: Namespace, console: Console) -> dict[str, Any]:
    read = _read(options.curves, options)
    _require_surface(read, options)
    grid, curves = read.only_grid()
    place = _numbers(options.at, "--at") if options.at else None
    wishes = {name: getattr(options, name) for name in ("target_error", "source_cost", "target_cost", "budget")}
    law: ScalingLaw | ScalingSurface
    if grid.has_surface:
        law = _fit_surface(grid.models, options)
        print_law(read.name, law, read.unit, console)
    elif len(curves) == 1:
        ((label, models),) = curves.items()
        law = _fit_curve(models, options)
        print_law(curve_name(label) or read.name, law, read.unit, console)
        if place and len(place) > 1:
            raise ValueError(
                f"--at n,m needs a law in both, from {MIN_SIZES} source and {MIN_TARGET_SIZES} target sizes; give n"
            )
    else:
        sizes = ", ".join(format_size(label.target_size) for label in curves)
        raise ValueError(f"there are too few sizes for a law in n and m; choose by --target-size: {sizes}")
    found = plan(law, at=place, scratch=grid.scratch, **wishes)
    print_plan(found, read.unit, law.confidence, console)
    if options.figure is not None:
        from gnn_sim2real.records.law_figure import draw_iso_errors, draw_laws

        if isinstance(law, ScalingSurface):
            files = draw_iso_errors(law, grid.models, found, read.quantity, read.unit, options.figure)
        else:
            files = draw_laws({read.name: (models, law)}, read.quantity, read.unit, options.figure)
        console.print(f"\nfigure: {' and '.join(map(str, files))}")
    return {"law": law.to_dict(), "plan": found.to_dict()}


def _compare(options: Namespace, console: Console) -> dict[str, Any]:
    inputs = [_read(path, options) for path in options.curves]
    if len({(read.quantity, read.unit) for read in inputs}) > 1:
        found_quantities = "; ".join(f"{read.name}: {read.quantity} [{read.unit}]" for read in inputs)
        raise ValueError(f"only errors of the same quantity can be compared, got {found_quantities}")
    if options.form in SURFACE_FORMS:
        raise ValueError(f"--form {options.form} is a law in n and m, and curves are compared by laws in n")
    models = name_curves(inputs)
    at = _numbers(options.at, "--at") if options.at else ()
    if len(models) < 2:
        short = {name: sizes for read in inputs for name, sizes in read.short_curves().items()}
        told = f"; too few source sizes have {describe_short(short)}" if short else ""
        raise ValueError(
            f"a comparison needs at least 2 curves with {MIN_SIZES} source sizes, got {len(models)}: "
            f"{', '.join(models) or 'none'}{told}"
        )
    with busy(f"Fitting {len(models)} laws"):
        found = compare_laws(models, at=at, form=options.form, **_draws(options)._asdict())
    print_comparison(found, inputs[0].unit, console)
    _print_short(inputs, console)
    _draw({name: (models[name], law) for name, law in found.laws.items()}, inputs[0], options, console)
    return found.to_dict()


def _next(options: Namespace, console: Console) -> dict[str, Any]:
    read = _read(options.curves, options)
    exponent = parse_cost(options.cost)
    wanted = options["for"]
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
        found = next_size(law, models, wanted=asked, cost_exponent=exponent, largest=options.largest)
        print_next(name, found, read.unit, law.confidence, console)
        content.append({"name": name, **found.to_dict()})
        drawn[name] = (models, law)
    _print_short([read], console)
    _draw(drawn, read, options, console)
    return {"next": content, "short_curves": read.short_curves()}


def _numbers(text: str, option: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(","))
    except ValueError:
        raise ValueError(f"{option} must be numbers separated by commas, got {text!r}") from None


def _draw(drawn: dict[str, Any], read: LearningCurves, options: Namespace, console: Console) -> None:
    if options.figure is None:
        return
    from gnn_sim2real.records.law_figure import draw_laws

    files = draw_laws(drawn, read.quantity, read.unit, options.figure)
    console.print(f"\nfigure: {' and '.join(map(str, files))}")
