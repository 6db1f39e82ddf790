"""What an ensemble of simple members reaches on real targets, by each rule of weights: `python ensemble_targets.py`.

The targets, test parts and draws of 20, 50 and 100 measurements are those of `configs/shotgun/study.yaml`; the larger
ones of crystals are the seeds of their studies. Members learn from tables: descriptors, predictions of simulated
properties by trees, which stand in for the models of a library, the simulated value of the material itself, and
features of the foundation encoders that are installed. No network is trained. One target more is noise: measured values
in another order.

Members are trained without each fold and with all measurements; every rule then learns weights from the same
predictions. The result has the test error of each member and each rule, and how 90 % intervals do with each scale;
their errors are those of the ensemble whose weights were learned without the fold. Printed are, over targets and sizes,
the error of each rule relative to the best member, which nobody knows beforehand; what a rule costs that is chosen on
the other targets; and coverage.

What the default rule expects of members comes from other targets alone: that of the same data is left out.

It goes on where it was stopped. Settings may be chosen on draws 0 to 2, the usual ones; other draws judge them.
`$GNN_SIM2REAL_DATA` names the folder of the real data.
"""

import argparse
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from machine import processor, versions
from rdkit import Chem

from gnn_sim2real.baselines import extra_trees
from gnn_sim2real.baselines.straight_line import CALIBRATED_SOURCE
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.ensemble.intervals import fit_intervals, interval_scores, make_scale
from gnn_sim2real.ensemble.skills import FEATURES, expected_excess
from gnn_sim2real.ensemble.stack import Problem, StackSettings, make_folds
from gnn_sim2real.ensemble.weights import DEFAULT, RULE_VERSION, RULES, combine, learn_weights, spread
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.foundation import ENCODERS
from gnn_sim2real.foundation.encoder import installed_version
from gnn_sim2real.linear import Floats, fit_calibration
from gnn_sim2real.shotgun.answer import find_distances, widening
from gnn_sim2real.shotgun.foundation import AUTO, NONE, find_blocks
from gnn_sim2real.shotgun.members import (
    DESCRIPTORS,
    LIBRARY,
    PHYSICAL,
    SIMULATED,
    Deviation,
    TableMember,
    fill_gaps,
    table_members,
)
from gnn_sim2real.shotgun.study import ShotgunStudyConfig, make_draws
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.shotgun.targets import TargetConfig, open_target, read_many_targets

ROOT = Path(__file__).parents[1]
STUDY = ROOT / "configs/shotgun/study.yaml"
RESULT = ROOT / "benchmarks/results/ensemble_targets.json"
KEPT = Path("runs/ensemble_targets")
"""Descriptors and predictions, so that a rule or a scale can be judged again in seconds."""

NUM_TREES, MAX_SOURCE = 40, 4000
"""Number of trees of members, and largest number of materials of a simulated property."""

FEW = 30
"""Up to so many measurements there are eight folds, up to `MANY` five, beyond three."""
MANY = 1000

NOISE = "noise"


@dataclass(frozen=True)
class Source:
    """A simulated property in a table.

    Attributes:
        kind: Kind of the materials.
        file: Table.
        material: Column of the materials.
        value: Column of the values.
        log: Whether the decimal logarithm is used.
    """

    kind: str
    file: str
    material: str
    value: str
    log: bool = False

    def read(self) -> pd.DataFrame:
        """Materials and values."""
        path = Path(os.environ["GNN_SIM2REAL_DATA"]) / self.file
        parquet = path.suffix == ".parquet"
        table = pd.read_parquet(path) if parquet else pd.read_csv(path, keep_default_na=False, na_values=[""])
        table = pd.DataFrame({"material": table[self.material], "value": table[self.value].astype(float)}).dropna()
        if self.log:
            table = table[table["value"] > 0]
            table = table.assign(value=np.log10(table["value"]))
        table = table.drop_duplicates("material").sort_values("material")
        return table.iloc[np.random.default_rng(1).permutation(len(table))[:MAX_SOURCE]]


_RADONPY, _MD = "polymer/radonpy_pi1070/PI1070.csv", "molecule/liquids/md_298K.csv"
_MP, _AFLOW = "crystal/mp_labels/mp_labels.parquet", "crystal/aflow_agl_ael/aflow_agl_ael.parquet"
SOURCES = {
    "MD density": Source("molecule", _MD, "smiles", "density_g_cm3"),
    "MD cohesive energy": Source("molecule", _MD, "smiles", "cohesive_energy_kJ_mol"),
    "RadonPy density": Source("repeat_unit", _RADONPY, "smiles", "density"),
    "RadonPy heat capacity": Source("repeat_unit", _RADONPY, "smiles", "Cp"),
    "RadonPy index": Source("repeat_unit", _RADONPY, "smiles", "refractive_index"),
    "RadonPy bulk modulus": Source("repeat_unit", _RADONPY, "smiles", "bulk_modulus"),
    "RadonPy radius": Source("repeat_unit", _RADONPY, "smiles", "Rg"),
    "MD glass transition": Source("repeat_unit", "polymer/md_tg/md_tg.csv", "smiles", "tg_K"),
    "DFT gap": Source("composition", _MP, "reduced_formula", "band_gap_pbe"),
    "DFT enthalpy": Source("composition", _MP, "reduced_formula", "e_form"),
    "AGL conductivity": Source("composition", _AFLOW, "reduced_formula", "agl_thermal_conductivity_300K", log=True),
    "AGL expansion": Source("composition", _AFLOW, "reduced_formula", "agl_thermal_expansion_300K", log=True),
    "AEL Debye temperature": Source("composition", _AFLOW, "reduced_formula", "ael_debye_temperature", log=True),
    "AEL bulk modulus": Source("composition", _AFLOW, "reduced_formula", "ael_bulk_modulus_vrh", log=True),
    "AEL shear modulus": Source("composition", _AFLOW, "reduced_formula", "ael_shear_modulus_vrh", log=True),
}
"""Simulated properties."""

SAME = {
    "polymer density": "RadonPy density",
    "polymer glass transition": "MD glass transition",
    "liquid density": "MD density",
    "thermal conductivity of crystals": "AGL conductivity",
}
"""The simulated property of the same name, where measured materials have no value of their own."""

LARGER = {
    "band gap study": ("band gap of crystals", ["100", "500", "all"]),
    "formation enthalpy study": ("formation enthalpy of crystals", ["100", "500", "all"]),
}
"""Target of the shotgun study with the data, and sizes, of what the studies of crystals publish."""

NOISE_OF = {"noise (boiling point)": "boiling point"}

TARGETS = (
    "boiling point", "liquid density", "thermal conductivity of crystals", "noise (boiling point)", "polymer density",
    "polymer glass transition", "band gap of crystals", "formation enthalpy of crystals", "formation enthalpy study",
    "band gap study",
)  # fmt: skip
"""All targets, the cheapest first."""

WANTED = {
    "boiling point": {20: 22.0, 50: 18.0, 100: 14.8},
    "polymer glass transition": {20: 43.0, 50: 39.4, 100: 38.0},
    "polymer density": {20: 0.073, 50: 0.064, 100: 0.062},
    "liquid density": {20: 0.0192, 50: 0.0172, 100: 0.0157},
    "thermal conductivity of crystals": {20: 0.455, 50: 0.365, 100: 0.30},
    "band gap study": {100: 0.385, 500: 0.335, 2706: 0.243},
    "formation enthalpy study": {100: 0.112, 500: 0.086, 1726: 0.069},
}
"""Errors that were asked for before any of this was measured."""


@dataclass(eq=False)
class Straight:
    """A line or a ridge regression: what a frozen network amounts to.

    Attributes:
        name: Name in tables.
        values: (num_materials,).
        columns: (num_materials, num_columns).
    """

    name: str
    values: Floats
    columns: Floats
    cost: float = 0.1
    kind: str = ""
    tables: tuple[str, ...] = ()

    def fit_predict(self, train: np.ndarray, test: np.ndarray) -> Floats:
        """See `ensemble.stack.Member`."""
        if self.columns.shape[1] == 1:
            known, asked = self.columns[train, 0], self.columns[test, 0]
            _, slope = fit_calibration(known, self.values[train])
            return np.asarray(self.values[train].mean() + slope * (asked - known.mean()))
        from sklearn.linear_model import RidgeCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 5, 13)))
        found = ridge.fit(self.columns[train], self.values[train]).predict(self.columns[test])
        return np.asarray(np.clip(found, self.values[train].min(), self.values[train].max()))


@dataclass(frozen=True, eq=False)
class Cell:
    """Predictions of the members for one draw.

    Attributes:
        target: Name of the target.
        size: Number of measurements.
        draw: Number of the draw.
        unit: Unit of the errors.
        names: Names of the members.
        folds: Number of the fold of each row, (size,).
        left_out: Without the fold of each row, (size, num_members).
        values: Measured values, (size,).
        tested: Of the test materials, (num_test, num_members).
        truth: Their measured values, (num_test,).
        deviations: By a Gaussian process, of the rows without their folds and of the test materials.
        ranges: Distance from the training rows, and whether there is an element never measured, of the same rows.
    """

    target: str
    size: int
    draw: int
    unit: str
    names: list[str]
    folds: np.ndarray
    left_out: Floats
    values: Floats
    tested: Floats
    truth: Floats
    deviations: tuple[Floats, Floats]
    ranges: tuple[tuple[Floats, np.ndarray], ...]


def open_draws(
    config: ShotgunStudyConfig, name: str, draws: Sequence[int], largest: int
) -> Iterator[tuple[int, str, Target]]:
    """The target for each draw and size up to the largest: number of the draw, size, and the target."""
    if name in LARGER:
        sizes, settings = LARGER[name][1], _find(config, data_of(name))
        for number in draws:
            for size in [each for each in sizes if each == "all" or int(each) <= largest]:
                data = settings.data.variant(size=size if size == "all" else int(size), seed=number, split=0)
                if data.parts.size <= largest:
                    yield number, size, Target.of_data(data, settings.log, name)
        return
    own = _find(config, data_of(name))
    target = open_target(own, own.max_pool, config.max_test)
    if name in NOISE_OF:
        mixed = np.random.default_rng(0).permutation(target.table.values)
        target = replace(target, table=replace(target.table, values=mixed))
    for draw in make_draws(target, config):
        if draw.number in draws and draw.size <= largest:
            yield draw.number, str(draw.size), target.with_train(draw.rows)


def _find(config: ShotgunStudyConfig, name: str) -> TargetConfig:
    return next(each for each in config.targets if each.name == name)


class Described:
    """Tables of the materials of a target, each described once, and found in a file afterwards."""

    def __init__(self, name: str, known: frozenset[str], foundation: str) -> None:
        self._file, self._known, self._foundation = KEPT / f"{name}.npz", known, foundation
        self._rows: dict[str, int] = {}
        self._tables: dict[str, Floats] = {}
        if self._file.exists():
            with np.load(self._file) as found:
                self._tables = {key: found[key] for key in found if key != "identities"}
                self._rows = {each: row for row, each in enumerate(found["identities"].tolist())}

    def tables(self, target: Target, rows: np.ndarray) -> dict[str, Floats]:
        """Tables of all rows of the target; zero in rows that nobody asked for."""
        new = [row for row in rows.tolist() if target.table.identities[row] not in self._rows]
        if new:
            self._add(target, new)
        taken = [self._rows[target.table.identities[row]] for row in rows.tolist()]
        found = {}
        for name, table in self._tables.items():
            found[name] = np.zeros((len(target.values), table.shape[1]))
            found[name][rows] = table[taken]
        if target.simulated is not None:
            found[SIMULATED] = target.simulated[:, None]
        return found

    def _add(self, target: Target, new: list[int]) -> None:
        materials = [target.table.materials[row] for row in new]
        made = {
            DESCRIPTORS: target.own.descriptors(materials),
            PHYSICAL: target.own.physical_descriptors(materials),
            LIBRARY: predict_sources(target, new, self._known),
        }
        kind = target.own.name
        made |= {each.name: each.describe(materials) for each in find_blocks(self._foundation, kind)}
        first = len(self._rows)
        self._rows |= {target.table.identities[row]: first + place for place, row in enumerate(new)}
        self._tables = {key: np.concatenate([*filter(len, [self._tables.get(key, ())]), made[key]]) for key in made}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(self._file, identities=np.array(list(self._rows)), **self._tables)


def predict_sources(target: Target, rows: list[int], known: frozenset[str]) -> Floats:
    """Predictions of each simulated property of a kind of material, by trees without the measured materials."""
    kind = target.own.name
    if kind == "crystal":  # the sources are tables of formulas
        asked = get_featurizer("composition").descriptors(
            [target.own.identity(target.table.materials[row]) for row in rows]
        )
    else:
        asked = target.own.descriptors([target.table.materials[row] for row in rows])
    return np.column_stack([fit_source(name, known).predict(asked) for name in sources_of(kind)])


def sources_of(kind: str) -> list[str]:
    """Names of the simulated properties of a kind of material."""
    return [name for name, each in SOURCES.items() if each.kind == ("composition" if kind == "crystal" else kind)]


@cache
def fit_source(name: str, known: frozenset[str]) -> Any:
    """Trees of a simulated property."""
    from sklearn.ensemble import ExtraTreesRegressor

    source = SOURCES[name]
    featurizer = get_featurizer(source.kind)
    materials, values = [], []
    for material, value in source.read().itertuples(index=False):
        try:
            if featurizer.identity(material) not in known:
                materials.append(material)
                values.append(value)
        except ValueError:  # a spelling that nothing of this package reads
            continue
    trees = ExtraTreesRegressor(NUM_TREES, min_samples_leaf=2, max_features=0.1, random_state=0)
    return trees.fit(describe_source(source.kind, tuple(materials)), values)


@cache
def describe_source(kind: str, materials: tuple[str, ...]) -> Floats:
    """Descriptors of the materials of a simulated property; properties of one table share them."""
    return get_featurizer(kind).descriptors(list(materials))


def members_of(name: str, target: Target, tables: dict[str, Floats]) -> dict[str, TableMember]:
    """All members of a target."""
    rows = np.concatenate([target.train, target.test])
    wide = tables[DESCRIPTORS]
    often = (wide[rows] != wide[rows[0]]).sum(axis=0)
    used = dict(tables)
    used[DESCRIPTORS] = wide[:, np.minimum(often, len(rows) - often) >= 5]  # rare fragments cost time
    used = fill_gaps(used, target.train)
    members = table_members(target.values, used, target.train, seed=0)
    if name in SAME:
        column = used[LIBRARY][:, [sources_of(target.own.name).index(SAME[name])]]
        members[CALIBRATED_SOURCE.title] = Straight(CALIBRATED_SOURCE.title, target.values, column)
    both = np.column_stack([used[PHYSICAL], used[LIBRARY]])
    members["ridge"] = Straight("ridge", target.values, used[PHYSICAL])
    members["ridge with library predictions"] = Straight("ridge with library predictions", target.values, both)
    return members


def find_ranges(
    name: str, number: int, size: str, target: Target, described: Described, folds: np.ndarray
) -> tuple[tuple[Floats, np.ndarray], ...]:
    """How far rows are from those that they are predicted by, see `Cell`; found once."""
    file = KEPT / f"{name}_{size}_{number}_ranges.npz"
    if not file.exists():
        train, test = target.train, target.test
        table = described.tables(target, np.concatenate([train, test]))[PHYSICAL]
        distances, unseen = np.empty(len(train)), np.empty(len(train), np.bool_)
        for fold in range(int(folds.max()) + 1):
            own = folds == fold
            distances[own] = find_distances(table, train[~own], train[own])
            unseen[own] = find_new(target, train[~own], train[own])
        asked = find_distances(table, train, test), find_new(target, train, test)
        np.savez_compressed(file, distances=distances, unseen=unseen, asked=asked[0], asked_unseen=asked[1])
    with np.load(file) as found:
        return (found["distances"], found["unseen"]), (found["asked"], found["asked_unseen"])


def find_new(target: Target, train: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Whether a row has an element that no training row has, (num_asked,)."""
    seen = set[str]().union(*(elements_of(target, row) for row in train.tolist()))
    return np.array([bool(elements_of(target, row) - seen) for row in asked.tolist()])


def elements_of(target: Target, row: int) -> set[str]:
    """Elements of a material, as its formula or SMILES spells them."""
    if target.own.name == "crystal":
        return set(re.findall("[A-Z][a-z]?", target.own.identity(target.table.materials[row])))
    return {each.GetSymbol() for each in Chem.MolFromSmiles(target.table.materials[row]).GetAtoms()}


def compute(name: str, number: int, size: str, target: Target, described: Described) -> Cell:
    """Predictions of all members for a draw, computed once."""
    file = KEPT / f"{name}_{size}_{number}.npz"
    if not file.exists():
        tables = described.tables(target, np.concatenate([target.train, target.test]))
        members = members_of(name, target, tables)
        train, test = target.train, target.test
        problem = Problem(target.values, target.groups, train, test)
        num_folds = 8 if len(train) <= FEW else 5 if len(train) <= MANY else 3
        deviation = Deviation(target.values, np.asarray(tables[PHYSICAL]))
        left_out = np.empty((len(train), len(members)))
        known = np.empty(len(train))
        folds = np.empty(len(train), np.int64)
        for place, fold in enumerate(make_folds(problem, StackSettings(num_folds=num_folds))):
            rest, folds[fold] = np.delete(train, fold), place
            left_out[fold] = np.column_stack([each.fit_predict(rest, train[fold]) for each in members.values()])
            known[fold] = deviation.fit_predict(rest, train[fold])
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            file,
            names=np.array(list(members)),
            unit=target.unit,
            folds=folds,
            left_out=left_out,
            values=target.values[train],
            tested=np.column_stack([each.fit_predict(train, test) for each in members.values()]),
            truth=target.values[test],
            known=known,
            asked=deviation.fit_predict(train, test),
        )
    with np.load(file) as found:
        arrays = {key: found[key] for key in ("folds", "left_out", "values", "tested", "truth")}
        return Cell(
            target=name,
            size=len(arrays["values"]),
            draw=number,
            unit=str(found["unit"]),
            names=found["names"].tolist(),
            deviations=(found["known"], found["asked"]),
            ranges=find_ranges(name, number, size, target, described, arrays["folds"]),
            **arrays,
        )


def honest(cell: Cell) -> tuple[Floats, Floats]:
    """Prediction and spread of each measured row by weights that were learned without its fold, each (size,)."""
    expected = expected_of(cell)
    predictions, spreads = np.empty(cell.size), np.empty(cell.size)
    for fold in range(int(cell.folds.max()) + 1):
        own = cell.folds == fold
        weights = learn_weights(cell.left_out[~own], cell.values[~own], excess=expected)
        predictions[own] = combine(cell.left_out[own], weights)
        spreads[own] = spread(cell.left_out[own], weights)
    return predictions, spreads


def expected_of(cell: Cell) -> Floats:
    """What is expected of the members, from targets of other data, (num_members,)."""
    return expected_excess([kind_of(name) for name in cell.names], without=table_of(cell.target))


@cache
def table_of(target: str) -> str:
    """Table of the registry that the measurements of a target are of."""
    found = _find(read_many_targets(ShotgunStudyConfig, ["-c", str(STUDY)], "ensemble_targets"), data_of(target)).data
    return "" if found.sheet is None else found.sheet.name


def kind_of(name: str) -> str:
    """Kind of a member: features of all foundation encoders are one."""
    for encoder in ENCODERS.classes():
        name = name.replace(encoder, FEATURES)
    return name


def judge(cell: Cell) -> dict[str, Any]:
    """Test errors of members and rules, and what intervals hold, in plain types."""
    truth = cell.truth
    weights = {rule: learn_weights(cell.left_out, cell.values, rule, expected_of(cell)) for rule in RULES}
    alone = learn_weights(cell.left_out, cell.values)
    tested = {rule: combine(cell.tested, each) for rule, each in weights.items()}
    predictions, spreads = honest(cell)
    known, asked = cell.deviations
    asked_spread = spread(cell.tested, weights[DEFAULT])
    scales = {
        "constant": (np.ones(cell.size), np.ones(len(truth))),
        "spread": (spreads, asked_spread),
        "deviation": (known, asked),
        "product": (np.sqrt(spreads * known), np.sqrt(asked_spread * asked)),
    }
    errors, left_out = truth - tested[DEFAULT], cell.values - predictions
    half_widths = {name: fit_intervals(left_out, own).half_widths(other) for name, (own, other) in scales.items()}
    own, other = (make_scale(cell.size, *each) for each in ((spreads, known), (asked_spread, asked)))
    plain = fit_intervals(left_out, own).half_widths(other)
    wider, asked_wider = (widening(*each) for each in cell.ranges)
    twice, asked_twice = (np.maximum(distance, np.where(unseen, 2, 1)) for distance, unseen in cell.ranges)
    half_widths |= {
        "shotgun": fit_intervals(left_out / wider, own).half_widths(other) * asked_wider,
        "shotgun, not widened": plain,
        "shotgun, widened by the distance": fit_intervals(left_out / twice, own).half_widths(other) * asked_twice,
        "shotgun, widened by the distance, new rows alone": plain * asked_twice,
    }
    outside = asked_wider > 1
    intervals = {name: describe_intervals(errors, each, outside) for name, each in half_widths.items()}
    return {
        "target": cell.target,
        "size": cell.size,
        "draw": cell.draw,
        "unit": cell.unit,
        "num_test": len(truth),
        "rule_version": RULE_VERSION,
        "members": {
            name: round(float(np.nanmean(np.abs(each - truth))), 6)
            for name, each in zip(cell.names, cell.tested.T, strict=True)
        },
        "rules": {rule: round(float(np.abs(each - truth).mean()), 6) for rule, each in tested.items()},
        "expecting_nothing": round(float(np.abs(combine(cell.tested, alone) - truth).mean()), 6),
        "left_out": round(float(np.abs(predictions - cell.values).mean()), 6),
        "weights": {
            name: round(float(each), 3)
            for name, each in zip(cell.names, weights[DEFAULT], strict=True)
            if each > 0.0005
        },
        "intervals": intervals,
    }


def describe_intervals(errors: Floats, half_widths: Floats, outside: np.ndarray) -> dict[str, float | None]:
    """Shares of rows that are held, of all, the widest third, and inside and outside of the range; width and score.

    None if the intervals are infinite, and of those inside or outside if there are none.
    """
    if not np.isfinite(half_widths).all():
        return dict.fromkeys(("held", "widest", "inside", "outside", "width", "score"))
    held = np.abs(errors) <= half_widths
    widest = np.argsort(half_widths, kind="stable")[-max(1, len(errors) // 3) :]
    found = {
        "held": held.mean(),
        "widest": held[widest].mean(),
        "width": 2 * np.median(half_widths),
        "score": interval_scores(errors, half_widths).mean(),
    }
    parts = {"inside": ~outside, "outside": outside}
    of_parts = {name: round(float(held[rows].mean()), 5) if rows.any() else None for name, rows in parts.items()}
    return {name: round(float(each), 5) for name, each in found.items()} | of_parts


def flat(rows: Sequence[dict[str, Any]], key: str) -> pd.DataFrame:
    """Mean over draws of the errors of members or rules, by target and size."""
    index = pd.MultiIndex.from_tuples([(row["target"], row["size"]) for row in rows], names=["target", "size"])
    return pd.DataFrame([row[key] for row in rows], index=index).groupby(level=[0, 1], sort=False).mean()


def regrets(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Logarithm of the error of each rule over that of the best member, both in the mean of the draws."""
    return np.log(flat(rows, "rules").div(flat(rows, "members").min(axis=1), axis=0))


def report(rows: Sequence[dict[str, Any]]) -> None:
    """Print what the rules reach, what the best rule on other targets costs, and what intervals hold."""
    told, noise = regrets(rows), [*NOISE_OF]
    real = told.drop(noise, level=0, errors="ignore")
    rules, members = flat(rows, "rules"), flat(rows, "members")
    print("\n| target | m | ensemble | wanted | best member, in hindsight | its error |\n|---|---|---|---|---|---|")
    for (target, size), errors in members.iterrows():
        found, wanted = rules.loc[(target, size), DEFAULT], WANTED.get(target, {}).get(size, "")
        print(f"| {target} | {size} | {found:.4g} | {wanted} | {errors.idxmin()} | {errors.min():.4g} |")
    print("\n| rule | real targets | largest | beyond 5 % | noise |\n|---|---|---|---|---|")
    for rule, each in real.items():
        of_noise = told[rule].drop(real.index).mean()
        worst = f"{each.max():+.3f} ({each.idxmax()[0]}, {each.idxmax()[1]})"
        print(f"| {rule} | {each.mean():+.3f} | {worst} | {(each > 0.05).sum()} of {len(each)} | {of_noise:+.3f} |")
    elsewhere = {
        name: real.drop(name, level=0).mean().idxmin() for name in dict.fromkeys(real.index.get_level_values(0))
    }
    if len(elsewhere) > 1:
        cost = np.mean([real.loc[key, elsewhere[key[0]]] for key in real.index])
        chosen = pd.Series(elsewhere).value_counts().to_dict()
        print(f"\nthe rule that is best on the other targets: {cost:+.3f}; {chosen}")
    print("\nmean over sizes of log error of the ensemble over that of each member on the same targets")
    print(
        np.log(members.rdiv(rules[DEFAULT], axis=0)).drop(noise, level=0, errors="ignore").mean().round(3).to_string()
    )
    table = pd.DataFrame(
        [
            {"m": row["size"], "target": row["target"], "scale": scale} | each
            for row in rows
            if row["target"] not in noise
            for scale, each in row["intervals"].items()
        ]
    )
    constant = table[table["scale"] == "constant"].groupby(["target", "m"])[["width", "score"]].mean()
    columns = ["held", "widest", "inside", "outside", "width", "score"]
    means = table.groupby(["scale", "target", "m"], sort=False)[columns].mean()
    for column in ("width", "score"):
        means[column] = means[column] / constant[column].reindex(means.index.droplevel(0)).to_numpy()
    print(
        "\n90 % intervals: held of all, of the widest third, inside and outside of the range; width and score relative "
        "to a constant scale"
    )
    by_size = means.groupby(level=["scale", "m"], sort=False).mean()
    by_size["least held"] = means.groupby(level=["scale", "m"], sort=False)["held"].min()
    print(by_size.round(3).to_string())


def write(rows: list[dict[str, Any]], path: Path) -> None:
    """Write the results, one cell a line."""
    there = [each for kind in ENCODERS.classes().values() for each in kind.distributions if installed_version(each)]
    about = {"processor": processor(), "versions": versions("numpy", "scikit-learn", "rdkit", *sorted({*there}))}
    ordered = sorted(rows, key=lambda row: (TARGETS.index(row["target"]), row["size"], row["draw"]))
    partial = path.with_suffix(".partial")
    lines = ",\n".join(json.dumps(row) for row in ordered)
    partial.write_text(f'{{"about": {json.dumps(about)},\n"rows": [\n{lines}\n]}}\n')
    partial.replace(path)


def main() -> None:
    """Compute what is missing, write and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, nargs=2, default=(0, 3), metavar=("FIRST", "END"))
    parser.add_argument("--largest", type=int, default=10_000, help="only up to so many measurements")
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--again", action="store_true", help="judge kept predictions once more, by rules of today")
    parser.add_argument("--only-report", action="store_true", help="print what is there")
    parser.add_argument("--output", type=Path, default=RESULT)
    given = parser.parse_args()
    rows: list[dict[str, Any]] = json.loads(given.output.read_text())["rows"] if given.output.exists() else []
    if given.only_report:
        report(rows)
        return
    extra_trees.SETTINGS["n_estimators"] = NUM_TREES
    config: ShotgunStudyConfig = read_many_targets(ShotgunStudyConfig, ["-c", str(STUDY)], "ensemble_targets")
    config.draws = max(config.draws, given.draws[1])
    for name in given.targets:
        done = {(row["size"], row["draw"]) for row in rows if row["target"] == name}
        described = None
        for number, size, target in open_draws(config, name, range(*given.draws), given.largest):
            if (len(target.train), number) in done and not given.again:
                continue
            if described is None:
                # The features of thousands of crystals would take longer than all else.
                kept, foundation = (name, NONE) if name in LARGER else (data_of(name), AUTO)
                described = Described(kept, known_of(_find(config, data_of(name)).data), foundation)
            found = judge(compute(name, number, size, target, described))
            rows = [row for row in rows if [row[key] for key in CELL] != [found[key] for key in CELL]] + [found]
            write(rows, given.output)
            best = min(found["members"], key=lambda each: found["members"][each])
            print(name, found["size"], number, found["rules"][DEFAULT], best, found["members"][best], flush=True)
    report(rows)


CELL = ("target", "size", "draw")


def known_of(data: PropertyDataModule) -> frozenset[str]:
    """Identities of all measured materials, of crystals their formulas: no source may have them."""
    identity = data.featurizer.identity
    return frozenset(identity(each) for each in data.table.materials)


def data_of(name: str) -> str:
    """Target of the shotgun study with the data of a target."""
    return LARGER[name][0] if name in LARGER else NOISE_OF.get(name, name)


if __name__ == "__main__":
    main()
