"""What do simple members and their ensemble reach on Matbench's measured band gaps? `python matbench_expt_gap.py`.

Matbench v0.1, `matbench_expt_gap`: 4,604 compositions, five official folds; A. Dunn et al., npj Comput. Mater. 6, 138
(2020), doi 10.1038/s41524-020-00406-3. Test parts are predicted once. Settings were fixed on inner folds of the first
training part; the weights of the ensembles are learned, by the default rule, on folds inside of each training part.

A perceptron first learns gaps and formation energies of the Materials Project from 85,000 formulas, none of which is
measured here. Its outputs and last layer describe compositions, and it is also trained further on measured gaps, alone
or together with simulated ones (joint training, with an input that tells the fidelity). The ensemble "without" knows
nothing else. The ensemble "with" also gets the simulated gaps of the very formula, which 79 % have, from outside of the
task; where there is none, the predicted gap stands in.

It goes on where it was stopped. `$GNN_SIM2REAL_DATA` names the folder of the real data.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from machine import processor, versions
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from torch import Tensor, nn

from gnn_sim2real.ensemble.weights import combine, learn_weights
from gnn_sim2real.featurize.composition import describe_formulas, reduced_formula
from gnn_sim2real.featurize.composition_statistics import composition_statistics
from gnn_sim2real.gaussian_process import StandardColumns
from gnn_sim2real.linear import Floats

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks/results/matbench_expt_gap.json"
KEPT = Path("runs/matbench_expt_gap")
NUM_INNER = 3
WIDTH, LAST, DROPOUT = 192, 48, 0.1
EPOCHS, BATCH = 15, 512
"""Of the training on simulated properties."""
TUNED_EPOCHS, TUNED_BATCH, SIMULATED_SHARE = 40, 64, 2
"""Of trainings on measured gaps; joint ones draw so many simulated rows for each measured one."""
NUM_SEEDS = 3
TREES: dict[str, Any] = {"n_estimators": 80, "max_features": 0.2, "n_jobs": 1}
BOOSTED: dict[str, Any] = {"loss": "absolute_error", "max_iter": 150, "learning_rate": 0.08, "max_features": 0.3}

Batches = Iterator[tuple[Tensor, Tensor, Tensor]]
"""Columns, fidelities and values."""

DFT, MEASURED = 0.0, 1.0
"""Fidelities as an input of the network."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """Formulas of the Materials Project that are not measured here.

    Attributes:
        columns: Statistics of their elements, (num_formulas, num_columns).
        values: Gap [eV], formation energy [eV/atom], and whether it is a metal, (num_formulas, 3); NaN where missing.
    """

    columns: Floats
    values: Floats


@dataclass(frozen=True, eq=False)
class Task:
    """Measured compositions.

    Attributes:
        values: Measured gaps [eV], (num_rows,).
        columns: Statistics of the elements, (num_rows, num_columns).
        given: Simulated gap of the lowest polymorph, mean, least and largest gap, formation energy and number of
            polymorphs, (num_rows, 6); NaN where there is none.
        folds: Training and test rows.
        simulated: Others.
    """

    values: Floats
    columns: Floats
    given: Floats
    folds: list[tuple[np.ndarray, np.ndarray]]
    simulated: Simulated


def describe(formulas: list[str]) -> Floats:
    """Statistics of the elements and the share of each that occurs, (num_formulas, num_columns)."""
    return np.nan_to_num(describe_formulas(formulas, composition_statistics)).astype(np.float32)


def read_task() -> Task:
    """Read and describe everything, once."""
    file = KEPT / "task.npz"
    folder = Path(os.environ["GNN_SIM2REAL_DATA"]) / "crystal"
    table = pd.read_csv(folder / "matbench_expt_gap/expt_gap.csv", keep_default_na=False)
    place = {name: row for row, name in enumerate(table["mb_id"])}
    official = json.loads((folder / "matbench_expt_gap/folds.json").read_text())
    folds = [
        tuple(np.array([place[each] for each in one[part]]) for part in ("train", "test")) for one in official.values()
    ]
    if not file.exists():
        formulas = [reduced_formula(each) for each in table["composition"]]
        source = pd.read_parquet(folder / "mp_labels/mp_labels.parquet")
        source["e_form"] = source["e_form"].where(source["e_form"] < 1)  # as its notes say
        source = source.sort_values(["is_lowest_polymorph", "material_id"], ascending=[False, True])
        by_formula = source.groupby("reduced_formula", sort=True)
        found = by_formula[["band_gap_pbe", "e_form"]].first()
        gaps = by_formula["band_gap_pbe"].agg(["mean", "min", "max", "count"])
        given = np.column_stack([found["band_gap_pbe"], gaps[["mean", "min", "max"]], found["e_form"], gaps["count"]])
        known = pd.DataFrame(given, index=found.index)
        others = found[~found.index.isin(formulas)].dropna(how="all")
        metal = (others["band_gap_pbe"] == 0).astype(float).where(others["band_gap_pbe"].notna())
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            file,
            columns=describe(formulas),
            given=known.reindex(formulas).to_numpy(),
            source=describe(list(others.index)),
            labels=np.column_stack([others["band_gap_pbe"], others["e_form"], metal]),
        )
    with np.load(file) as found_file:
        arrays = {key: found_file[key] for key in found_file}
    simulated = Simulated(arrays["source"], arrays["labels"])
    return Task(table["gap_eV"].to_numpy(float), arrays["columns"], arrays["given"], folds, simulated)


class Perceptron(nn.Module):
    """Residual perceptron on standardized columns and the fidelity."""

    def __init__(self, num_columns: int) -> None:
        super().__init__()
        self.first = nn.Linear(num_columns + 1, WIDTH)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Dropout(DROPOUT), nn.Linear(WIDTH, WIDTH)
            )
            for _ in range(2)
        )
        self.last = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, LAST), nn.SiLU())
        self.heads = nn.Linear(LAST, 3)

    def describe(self, columns: Tensor, fidelity: Tensor) -> Tensor:
        """Last layer, (num_rows, LAST)."""
        hidden = self.first(torch.cat([columns, fidelity[:, None]], 1))
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return self.last(hidden)

    def forward(self, columns: Tensor, fidelity: Tensor) -> Tensor:
        """Gap, formation energy, and the logit of being a metal, (num_rows, 3)."""
        return self.heads(self.describe(columns, fidelity))


def loss_of(found: Tensor, values: Tensor) -> Tensor:
    """Absolute errors of the first two, cross entropy of the third, over the values that are there."""
    there = ~values.isnan()
    known = values.nan_to_num()
    absolute = (found[:, :2] - known[:, :2]).abs()
    entropy = nn.functional.binary_cross_entropy_with_logits(found[:, 2], known[:, 2], reduction="none")
    terms = torch.cat([absolute, 0.5 * entropy[:, None]], 1)
    return (terms * there).sum() / len(found)


def train(model: Perceptron, batches: Batches, num_steps: int, rate: float) -> None:
    """AdamW with one cycle of the rate.

    Args:
        model: Trained in place.
        batches: Yields columns, fidelities and values.
        num_steps: Number of them.
        rate: Largest rate.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=num_steps)
    model.train()
    for _, (columns, fidelity, values) in zip(range(num_steps), batches, strict=False):
        optimizer.zero_grad()
        loss_of(model(columns, fidelity), values).backward()
        optimizer.step()
        schedule.step()
    model.eval()


class Source:
    """Perceptrons trained on simulated properties, and what they say of the measured compositions.

    Attributes:
        outputs: Means of predicted gap, formation energy and chance of being a metal, and the spread of the gap,
            (num_rows, 4).
        layers: Last layer of the first, (num_rows, LAST).
    """

    def __init__(self, task: Task) -> None:
        self._task, simulated = task, task.simulated
        self._scaler = StandardColumns(simulated.columns)
        self.simulated = torch.tensor(self._scaler.apply(simulated.columns), dtype=torch.float32)
        self.labels = torch.tensor(simulated.values, dtype=torch.float32)
        self.measured = torch.tensor(self._scaler.apply(task.columns), dtype=torch.float32)
        self._models = [self._load(seed) for seed in range(2)]
        with torch.no_grad():
            said = [each(self.measured, torch.zeros(len(self.measured))) for each in self._models]
            self.layers = self._models[0].describe(self.measured, torch.zeros(len(self.measured))).double().numpy()
        found = torch.stack([torch.cat([each[:, :2], each[:, 2:].sigmoid()], 1) for each in said]).double().numpy()
        self.outputs = np.column_stack([found.mean(axis=0), found[:, :, 0].std(axis=0)])

    def _load(self, seed: int) -> Perceptron:
        torch.manual_seed(seed)
        model = Perceptron(self.simulated.shape[1])
        file = KEPT / f"source_{seed}.pt"
        if not file.exists():
            generator = torch.Generator().manual_seed(seed)
            train(model, self._simulated_batches(generator, BATCH), EPOCHS * (len(self.simulated) // BATCH), 2e-3)
            torch.save(model.state_dict(), file)
        model.load_state_dict(torch.load(file))
        return model.eval()

    def _simulated_batches(self, generator: torch.Generator, size: int) -> Batches:
        while True:
            order = torch.randperm(len(self.simulated), generator=generator)
            for rows in order.split(size):
                yield self.simulated[rows], torch.full((len(rows),), DFT), self.labels[rows]

    def tuned(self, rows: np.ndarray, asked: np.ndarray, *, joint: bool) -> Floats:
        """Gap by networks that were trained further on measured rows, alone or with simulated ones, (num_asked,)."""
        labels, own, found = labels_of(self._task.values), torch.tensor(rows), []
        for seed in range(NUM_SEEDS):
            torch.manual_seed(seed)
            model = Perceptron(self.simulated.shape[1])
            model.load_state_dict(self._models[seed % len(self._models)].state_dict())
            batches = measured_batches(self.measured, labels, own, seed)
            if joint:
                others = self._simulated_batches(torch.Generator().manual_seed(seed), SIMULATED_SHARE * TUNED_BATCH)
                batches = together(batches, others)
            found.append(tune(model, batches, self.measured, own, asked))
        return np.mean(found, axis=0)


def together(some: Batches, others: Batches) -> Batches:
    """Batches of both."""
    for own, other in zip(some, others, strict=False):
        yield torch.cat([own[0], other[0]]), torch.cat([own[1], other[1]]), torch.cat([own[2], other[2]])


def plain(columns: Floats, values: Floats, rows: np.ndarray, asked: np.ndarray) -> Floats:
    """Perceptrons without pretraining, of least absolute error, (num_asked,)."""
    table = torch.tensor(StandardColumns(columns[rows]).apply(columns), dtype=torch.float32)
    labels, own, found = labels_of(values), torch.tensor(rows), []
    for seed in range(NUM_SEEDS):
        torch.manual_seed(seed)
        model = Perceptron(table.shape[1])
        found.append(tune(model, measured_batches(table, labels, own, seed), table, own, asked))
    return np.mean(found, axis=0)


def labels_of(values: Floats) -> Tensor:
    """Measured gaps, no formation energy, and whether there is no gap, (num_rows, 3)."""
    gaps = torch.tensor(values, dtype=torch.float32)
    return torch.stack([gaps, torch.full_like(gaps, torch.nan), (gaps == 0).float()], 1)


def measured_batches(table: Tensor, labels: Tensor, own: Tensor, seed: int) -> Batches:
    """Batches of measured rows, again and again."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        for taken in own[torch.randperm(len(own), generator=generator)].split(TUNED_BATCH):
            yield table[taken], torch.full((len(taken),), MEASURED), labels[taken]


def tune(model: Perceptron, batches: Batches, table: Tensor, own: Tensor, asked: np.ndarray) -> Floats:
    """Train on batches that go through the measured rows, and predict measured gaps, (num_asked,)."""
    train(model, batches, TUNED_EPOCHS * -(-len(own) // TUNED_BATCH), 1e-3)
    with torch.no_grad():
        said = model(table[asked], torch.full((len(asked),), MEASURED))
    return np.asarray(said[:, 0].double().numpy())


def median_trees(columns: Floats, values: Floats, rows: np.ndarray, asked: np.ndarray) -> Floats:
    """Median over extra trees, (num_asked,)."""
    trees = ExtraTreesRegressor(**TREES, random_state=0).fit(columns[rows], values[rows])
    single = columns[asked].astype(np.float32)
    return np.asarray(np.median([each.predict(single) for each in trees.estimators_], axis=0))


def boosted(columns: Floats, values: Floats, rows: np.ndarray, asked: np.ndarray) -> Floats:
    """Boosted trees of least absolute error, (num_asked,)."""
    found = HistGradientBoostingRegressor(**BOOSTED, random_state=0).fit(columns[rows], values[rows])
    return np.asarray(found.predict(columns[asked]))


WITHOUT = ("mean", "median trees, composition", "median trees", "boosted trees", "perceptron", "fine-tuned", "joint")
WITH = (
    *WITHOUT, "simulated gap", "median trees with gap", "median trees on the difference", "boosted trees with gap",
    "perceptron with gap",
)  # fmt: skip


class Members:
    """All members by name."""

    def __init__(self, task: Task, source: Source) -> None:
        self._task, self._source = task, source
        predicted = np.maximum(source.outputs[:, 0], 0)
        missing = np.isnan(task.given)
        stand_in = np.column_stack(
            [np.repeat(predicted[:, None], 4, axis=1), source.outputs[:, 1], np.zeros(len(predicted))]
        )
        given = np.where(missing, stand_in, task.given)
        self._gap = given[:, 0]
        self._columns = np.column_stack([task.columns, source.outputs, source.layers])
        self._with = np.column_stack([self._columns, given, missing[:, 0]])

    def predict(self, name: str, rows: np.ndarray, asked: np.ndarray) -> Floats:
        """Prediction of a member, (num_asked,), not negative."""
        values, gap, tuned = self._task.values, self._gap, self._source.tuned
        ways: dict[str, Callable[[], Floats]] = {
            "mean": lambda: np.full(len(asked), values[rows].mean()),
            "median trees, composition": lambda: median_trees(self._task.columns, values, rows, asked),
            "median trees": lambda: median_trees(self._columns, values, rows, asked),
            "boosted trees": lambda: boosted(self._columns, values, rows, asked),
            "perceptron": lambda: plain(self._columns, values, rows, asked),
            "fine-tuned": lambda: tuned(rows, asked, joint=False),
            "joint": lambda: tuned(rows, asked, joint=True),
            "simulated gap": lambda: gap[asked],
            "median trees with gap": lambda: median_trees(self._with, values, rows, asked),
            "median trees on the difference": lambda: gap[asked] + median_trees(self._with, values - gap, rows, asked),
            "boosted trees with gap": lambda: boosted(self._with, values, rows, asked),
            "perceptron with gap": lambda: plain(self._with, values, rows, asked),
        }
        return np.maximum(ways[name](), 0)


def predicted(members: Members, name: str, part: str, rows: np.ndarray, asked: np.ndarray) -> Floats:
    """Prediction of a member, computed once."""
    file = KEPT / f"{name.replace(' ', '_').replace(',', '')}_{part}.npy"
    if not file.exists():
        np.save(file, members.predict(name, rows, asked))
        print(name, part, flush=True)
    return np.asarray(np.load(file))


def judge(task: Task, members: Members, number: int, names: tuple[str, ...], only_inner: bool) -> dict[str, Any]:
    """Errors of members and of their ensemble on a fold; those on its inner folds too."""
    rows, asked = task.folds[number]
    order = np.random.default_rng(number).permutation(len(rows)) % NUM_INNER
    left_out = np.empty((len(rows), len(names)))
    for place, name in enumerate(names):
        for inner in range(NUM_INNER):
            own = order == inner
            left_out[own, place] = predicted(members, name, f"{number}_{inner}", rows[~own], rows[own])
    weights = learn_weights(left_out, task.values[rows])
    inner_errors = np.abs(left_out - task.values[rows][:, None]).mean(axis=0)
    told = {name: round(float(each), 4) for name, each in zip(names, inner_errors, strict=True)}
    blend = float(np.abs(combine(left_out, weights) - task.values[rows]).mean())
    shares = {name: round(float(each), 3) for name, each in zip(names, weights, strict=True)}
    if only_inner:
        return {"inner": told, "inner_ensemble": round(blend, 4), "weights": shares}
    tested = np.column_stack([predicted(members, name, f"{number}_test", rows, asked) for name in names])
    truth = task.values[asked]
    errors = np.abs(tested - truth[:, None]).mean(axis=0)
    return {
        "members": {name: round(float(each), 4) for name, each in zip(names, errors, strict=True)},
        "ensemble": round(float(np.abs(combine(tested, weights) - truth).mean()), 4),
        "inner": told,
        "weights": shares,
    }


def main() -> None:
    """Compute what is missing, write and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--inner", action="store_true", help="only the inner folds of the first fold, to choose settings"
    )
    parser.add_argument("--output", type=Path, default=RESULT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    task = read_task()
    members = Members(task, Source(task))
    sets = {"without": WITHOUT, "with": WITH}
    if given.inner:
        for each, names in sets.items():
            print(each, json.dumps(judge(task, members, 0, names, True), indent=1))
        return
    result: dict[str, Any] = {
        "about": {"processor": processor(), "versions": versions("numpy", "scikit-learn", "torch")}
    }
    result["with_simulated_gap"] = round(float(np.isfinite(task.given[:, 0]).mean()), 3)
    for each, names in sets.items():
        folds = [judge(task, members, number, names, False) for number in range(len(task.folds))]
        errors = [one["ensemble"] for one in folds]
        best = {name: round(float(np.mean([one["members"][name] for one in folds])), 4) for name in names}
        result[each] = {
            "mae": round(float(np.mean(errors)), 4),
            "std": round(float(np.std(errors)), 4),
            "members": best,
        }
        result[each]["folds"] = folds
        print(each, result[each]["mae"], result[each]["std"], best, flush=True)
    given.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
