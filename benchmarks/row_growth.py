"""How do time and memory of the steps of daily work grow with the number of rows?

`data check`, graphs, `fit` for one epoch and `predict` on made-up molecules, `law fit` on made-up curves, ranking of
made-up models, and plan and report of made-up studies. Each step runs in a process of its own, on one thread. The time
of the processor counts, which other work on the machine changes little, less what the step takes for next to nothing;
the exponent is the slope on log-log axes. What was measured stays in the result, so that the command goes on where it
was stopped, and can be asked for more.

    python benchmarks/row_growth.py                     # up to 100,000 rows, some 15 minutes
    python benchmarks/row_growth.py --largest 1000000   # some two hours
"""

import argparse
import csv
import json
import multiprocessing
import os
import resource
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1", "WANDB_MODE": "offline"}

import numpy as np
import yaml
from machine import processor, publish, versions

WANTED_EXPONENT = 1.1
"""Largest exponent where a linear one is possible."""

START = 10
"""Rows of the run that stands for what a step costs before its first row."""

FRAGMENTS = ("C", "CC", "O", "N(C)", "C(F)", "C(=O)", "c1ccc(cc1)", "C(C)(C)")
"""What the made-up molecules are chains of."""

_RESULT = Path(__file__).parent / "results" / "row_growth.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=100_000)
    parser.add_argument("--steps", nargs="*", metavar="STEP", default=list(STEPS))
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    if unknown := {*arguments.steps} - {*STEPS}:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(STEPS)}")
    result = json.loads(arguments.output.read_text()) if arguments.output.exists() else {"steps": {}}
    for name in arguments.steps:
        runs = result["steps"].setdefault(name, {"runs": {}})["runs"]
        for rows in sizes(name, arguments.largest):
            if str(rows) not in runs:
                runs[str(rows)] = measure(STEPS[name], rows)
                print(name, rows, runs[str(rows)], flush=True)
                result |= {"processor": processor(), "versions": versions("torch", "rdkit", "pandas", "scipy")}
                result["date"] = datetime.now(UTC).date().isoformat()
                arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    for step in result["steps"].values():
        step["exponent"] = round(exponent({int(rows): run["seconds"] for rows, run in step["runs"].items()}), 2)
    publish(result, arguments.output)
    draw(result, arguments.output.with_suffix(".png"))
    steep = {name: step["exponent"] for name, step in result["steps"].items() if step["exponent"] > WANTED_EXPONENT}
    if steep:
        raise SystemExit(f"grows faster than rows to the {WANTED_EXPONENT}: {steep}")


def sizes(name: str, largest: int) -> list[int]:
    """The numbers of rows at which a step is measured."""
    at_most = min(largest, _LARGEST.get(name, largest))
    return [START, *(10**power for power in range(3, 7) if 10**power <= at_most)]


def measure(step: Callable[[Path, int], Callable[[], object]], rows: int) -> dict[str, float]:
    """Prepare and run a step in a fresh process: time of the processor [s] and most memory [GiB] of the run."""
    with (
        tempfile.TemporaryDirectory(prefix="row_growth_") as folder,
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool,
    ):
        prepared = pool.submit(_prepare, step, Path(folder), rows)
        prepared.result()
        pool.shutdown()
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
            return fresh.submit(_timed, step, Path(folder), rows).result()


def _prepare(step: Callable[[Path, int], Callable[[], object]], folder: Path, rows: int) -> None:
    step(folder, rows)


def _timed(step: Callable[[Path, int], Callable[[], object]], folder: Path, rows: int) -> dict[str, float]:
    os.environ["GNN_SIM2REAL_CACHE"] = str(folder / "cache")
    os.chdir(folder)
    work = step(folder, rows)
    before = _processor_seconds()
    work()
    seconds = _processor_seconds() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": round(seconds, 3), "peak_gib": round(peak, 3)}


def _processor_seconds() -> float:
    each = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in each)


def exponent(seconds: Mapping[int, float]) -> float:
    """Slope of the time beyond the start over the rows, on log-log axes; of what takes a tenth of a second or more."""
    more = {rows: value - seconds[START] for rows, value in seconds.items() if rows > START}
    told = {rows: value for rows, value in more.items() if value >= 0.1}
    if len(told) < 2:
        return 0.0
    return float(np.polyfit(np.log(list(told)), np.log(list(told.values())), 1)[0])


# Each step prepares its files where they are not there, and gives back the work that is measured.


def data_check(folder: Path, rows: int) -> Callable[[], object]:
    write_molecules(folder / "table.csv", rows)
    return lambda: command("data", "check", "table.csv", "--property", "boiling_point", "--unit", "K")


def graphs(folder: Path, rows: int) -> Callable[[], object]:
    write_molecules(folder / "table.csv", rows)

    def work() -> None:
        import pandas as pd

        from gnn_sim2real.featurize.featurizer import get_featurizer
        from gnn_sim2real.store.graphs import GraphStore

        featurizer = get_featurizer("molecule")
        smiles = pd.read_csv(folder / "table.csv")["smiles"]
        GraphStore.from_graphs([featurizer.featurize(each) for each in smiles])

    return work


def fit(folder: Path, rows: int) -> Callable[[], object]:
    write_molecules(folder / "table.csv", rows)
    (folder / "fit.yaml").write_text(yaml.safe_dump(_FIT))
    return lambda: command("fit", "-c", "fit.yaml")


def predict(folder: Path, rows: int) -> Callable[[], object]:
    write_molecules(folder / "table.csv", rows)
    return lambda: command("predict", "starter:molecule/dipole_moment", "table.csv")


def law_fit(folder: Path, rows: int) -> Callable[[], object]:
    """Ten sizes; the rows are seeds."""
    if not (folder / "curve.csv").exists():
        rng = np.random.default_rng(0)
        with (folder / "curve.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("source_size", "seed", "error"))
            for row in range(rows):
                size = 50 * 2 ** (row % 10)
                writer.writerow((size, row // 10, (0.1 + size**-0.4) * float(np.exp(0.05 * rng.standard_normal()))))
    return lambda: command("law", "fit", "curve.csv")


def ranking(folder: Path, rows: int) -> Callable[[], object]:
    """The rows are models."""
    from ranking import ModelLibrary, RankingSettings, Target, make_library, measure

    from datamodules import DemoSimulated

    library = ModelLibrary(folder / "library") if (folder / "library").exists() else None
    library = library or make_library(folder / "library", "GINE", rows)
    target = Target.of_data(DemoSimulated(size=50, validation_fraction=0))
    return lambda: measure(library, target, RankingSettings(repeats=8, finalists=16))


def study_plan(folder: Path, rows: int) -> Callable[[], object]:
    """The rows are cells."""
    from million_cells import plan, write_study

    write_study(folder, max(1, round(rows / 725)))
    return lambda: plan(folder)


def study_report(folder: Path, rows: int) -> Callable[[], object]:
    """The rows are cells."""
    from million_cells import fake_records, plan, report, write_study

    if not (folder / "out").exists():
        write_study(folder, max(1, round(rows / 725)))
        plan(folder)
        fake_records(folder, 1.0)
    return lambda: report(folder)


STEPS: dict[str, Callable[[Path, int], Callable[[], object]]] = {
    "data check": data_check,
    "graphs": graphs,
    "fit, one epoch": fit,
    "predict": predict,
    "law fit": law_fit,
    "ranking": ranking,
    "study plan": study_plan,
    "study report": study_report,
}
_LARGEST = {"ranking": 10_000}
"""Of models: more are a day of building."""

_FIT = {
    "trainer": {
        "accelerator": "cpu",
        "max_epochs": 1,
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    },
    "model": {
        "class_path": "gnn_sim2real.tasks.SourcePretraining",
        "init_args": {
            "encoder": {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 64, "num_layers": 3}}
        },
    },
    "data": {
        "class_path": "datamodules.Table",
        "init_args": {"path": "table.csv", "property": "boiling_point", "unit": "K", "batch_size": 64},
    },
}


def command(*words: str) -> None:
    """Run the command line in this process; its output is not shown.

    Raises:
        RuntimeError: If it does not end well.
    """
    import contextlib
    import io

    from gnn_sim2real.cli.main import main as run

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = run(list(words))
    if status:
        raise RuntimeError(f"{' '.join(words)} ends with {status}: {said.getvalue()[-2000:]}")


def write_molecules(path: Path, rows: int) -> None:
    """Distinct molecules with a value each, all of about the same size whatever their number."""
    if path.exists():
        return
    rng = np.random.default_rng(0)
    numbers = rng.permutation(len(FRAGMENTS) ** 7)[:rows]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("smiles", "boiling_point [K]"))
        for number in numbers.tolist():
            digits = [number // len(FRAGMENTS) ** place % len(FRAGMENTS) for place in range(7)]
            writer.writerow(("Cl" + "".join(FRAGMENTS[digit] for digit in digits) + "Br", 300 + 10 * sum(digits)))


def draw(result: Mapping[str, Any], path: Path) -> None:
    """Seconds and memory against rows, a line for each step."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, (times, memory) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained", sharex=True)
    for number, (name, step) in enumerate(result["steps"].items()):
        rows = [int(each) for each in step["runs"] if int(each) > START]
        start = step["runs"][str(START)]["seconds"]
        seconds = [max(step["runs"][str(each)]["seconds"] - start, 1e-2) for each in rows]
        marker = "osv^D<>P"[number]
        times.plot(rows, seconds, marker=marker, label=f"{name}: rows$^{{{step['exponent']:.2f}}}$")
        memory.plot(rows, [step["runs"][str(each)]["peak_gib"] for each in rows], marker=marker)
    times.set(xscale="log", yscale="log", xlabel="rows", ylabel="processor time beyond the start [s]")
    memory.set(yscale="log", xlabel="rows", ylabel="most memory [GiB]")
    times.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
