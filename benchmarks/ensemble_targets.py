"""Which rule for the weights of an ensemble never loses? On real targets: `python benchmarks/ensemble_targets.py`.

Members on tables are trained on draws of 20, 50 and 100 measured materials, without each fold and with all of them, and
tested on others; each rule then learns weights from the same predictions. Simulated values of other materials enter
through trees, which stand in for the models of a library. Two more targets are noise: measured values in another order.

For each rule: logarithm of the error of the ensemble over that of the best member, both in the mean of the draws of a
target and size; the mean over these, the largest, and the number beyond 5 %. Nobody knows the best member beforehand.
The tables are those of `$GNN_SIM2REAL_DATA`; seven seconds a draw on one core, and it goes on where it was stopped.
Develop on the first three draws (`--draws 0 3`), and judge by others.
"""

import argparse
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gnn_sim2real.baselines import extra_trees
from gnn_sim2real.baselines.straight_line import CALIBRATED_SOURCE
from gnn_sim2real.ensemble.stack import Problem, StackSettings, make_folds
from gnn_sim2real.ensemble.weights import RULES, combine, learn_weights
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.linear import Floats, fit_calibration
from gnn_sim2real.shotgun.members import DESCRIPTORS, LIBRARY, PHYSICAL, SIMULATED, TableMember, table_members

OUTPUT = Path("runs/ensemble_targets")
SIZES = (20, 50, 100)
POOL, TEST, SOURCE = 160, 140, 800
"""Largest number of materials for draws, for tests, and of a simulated property."""

NUM_TREES = 40


@dataclass(frozen=True)
class Column:
    """A property in a table.

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

    def read(self, simulated: str = "") -> pd.DataFrame:
        """Materials, values, and simulated values if there are any, each material once."""
        path = Path(os.environ["GNN_SIM2REAL_DATA"]) / self.file
        read = pd.read_parquet if path.suffix == ".parquet" else pd.read_csv
        table = read(path) if path.suffix == ".parquet" else read(path, keep_default_na=False, na_values=[""])
        table = table.assign(material=table[self.material], value=table[self.value].astype(float))
        table["simulated"] = table[simulated] if simulated else np.nan
        table = table[["material", "value", "simulated"]]
        if self.log:
            table = table[table["value"] > 0].assign(value=np.log10(table["value"]))
        table = table.dropna(subset=["material", "value", *(["simulated"] if simulated else [])])
        return table.drop_duplicates("material").sort_values("material").reset_index(drop=True)


def _wide(value: str, *, log: bool = False) -> Column:
    return Column("molecule", "molecule/measured_properties/measured_wide.csv", "smiles", value, log)


_GAP, _ENTHALPY = "crystal/measured/expt_gap__mp.csv", "crystal/measured/expt_formation_enthalpy__mp.csv"
_MP, _AFLOW = "crystal/mp_labels/mp_labels.parquet", "crystal/aflow_agl_ael/aflow_agl_ael.parquet"

SOURCES = {
    "MD density": Column("molecule", "molecule/liquids/md_298K.csv", "smiles", "density_g_cm3"),
    "MD cohesive energy": Column("molecule", "molecule/liquids/md_298K.csv", "smiles", "cohesive_energy_kJ_mol"),
    "RadonPy density": Column("repeat_unit", "polymer/radonpy_pi1070/PI1070.csv", "smiles", "density"),
    "RadonPy heat capacity": Column("repeat_unit", "polymer/radonpy_pi1070/PI1070.csv", "smiles", "Cp"),
    "RadonPy index": Column("repeat_unit", "polymer/radonpy_pi1070/PI1070.csv", "smiles", "refractive_index"),
    "MD glass transition": Column("repeat_unit", "polymer/md_tg/md_tg.csv", "smiles", "tg_K"),
    "DFT gap": Column("composition", _MP, "reduced_formula", "band_gap_pbe"),
    "DFT enthalpy": Column("composition", _MP, "reduced_formula", "e_form"),
    "AGL conductivity": Column("composition", _AFLOW, "reduced_formula", "agl_thermal_conductivity_300K", log=True),
    "AEL bulk modulus": Column("composition", _AFLOW, "reduced_formula", "ael_bulk_modulus_vrh"),
}
"""Simulated properties."""


@dataclass(frozen=True)
class Target:
    """A measured property.

    Attributes:
        column: Where it is.
        same: The simulated property of the same name, if there is one.
        simulated: Column with simulated values of the measured materials themselves.
        shuffled: Whether the values are put in another order.
    """

    column: Column
    same: str = ""
    simulated: str = ""
    shuffled: bool = False


TARGETS = {
    "boiling point": Target(Column("molecule", "molecule/liquids/measured_boiling_point.csv", "smiles", "tb_K")),
    "liquid density": Target(
        Column("molecule", "molecule/liquids/measured_density.csv", "smiles", "density_g_cm3"), "MD density"
    ),
    "partition coefficient": Target(_wide("logP")),
    "surface tension": Target(_wide("surface_tension_mN_m")),
    "flash point": Target(_wide("flash_point_K")),
    "permittivity": Target(_wide("permittivity", log=True)),
    "melting point": Target(_wide("tm_K")),
    "polymer density": Target(
        Column("repeat_unit", "polymer/measured/density.csv", "smiles", "density_g_cm3"), "RadonPy density"
    ),
    "glass transition": Target(
        Column("repeat_unit", "polymer/measured/tg.csv", "smiles", "tg_K"), "MD glass transition"
    ),
    "heat capacity": Target(
        Column("repeat_unit", "polymer/measured_polygraphmt/heat_capacity.csv", "smiles", "heat_capacity_J_kgK"),
        "RadonPy heat capacity",
    ),
    "refractive index": Target(
        Column(
            "repeat_unit", "polymer/refractive_index_measured/refractive_index_measured.csv", "smiles",
            "refractive_index",
        ),
        "RadonPy index",
    ),
    "band gap": Target(
        Column("composition", _GAP, "reduced_formula", "expt_gap_eV_median"), "DFT gap", "dft_gap_pbe_eV"
    ),
    "enthalpy": Target(
        Column("composition", _ENTHALPY, "reduced_formula", "expt_dHf_eV_atom_median"),
        "DFT enthalpy",
        "dft_e_form_eV_atom",
    ),
    "thermal conductivity": Target(
        Column(
            "composition", "crystal/measured/expt_kappa300K__mp.csv", "reduced_formula", "expt_kappa_W_mK_median",
            log=True,
        ),
        "AGL conductivity",
    ),
    "superconductivity": Target(
        Column("composition", "crystal/measured/expt_Tc_3dsc_exact__mp.csv", "formula", "expt_Tc_K_median")
    ),
    "noise, molecules": Target(_wide("logP"), shuffled=True),
    "noise, polymers": Target(
        Column("repeat_unit", "polymer/measured/tg.csv", "smiles", "tg_K"), "MD glass transition", shuffled=True
    ),
}  # fmt: skip


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
        names: Names of the members.
        left_out: Without the fold of each row, (size, num_members).
        values: Measured values, (size,).
        tested: Of the test materials, (num_test, num_members).
        truth: Their measured values, (num_test,).
    """

    target: str
    size: int
    draw: int
    names: list[str]
    left_out: Floats
    values: Floats
    tested: Floats
    truth: Floats


def describe(name: str) -> dict[str, np.ndarray]:
    """Values and tables of a target's materials, computed once."""
    file = OUTPUT / f"{name}.npz"
    if not file.exists():
        target = TARGETS[name]
        random = np.random.default_rng(0)
        table = target.column.read(target.simulated)
        table = table.iloc[np.sort(random.permutation(len(table))[: POOL + TEST])]
        featurizer = get_featurizer(target.column.kind)
        materials, identities = [], []
        for row, each in enumerate(table["material"]):
            try:
                identities.append(featurizer.identity(each))
                materials.append(row)
            except ValueError:  # a spelling that nothing of this package reads
                continue
        table = table.iloc[materials]
        values = table["value"].to_numpy()
        made: dict[str, Any] = {
            "values": random.permutation(values) if target.shuffled else values,
            DESCRIPTORS: featurizer.descriptors(table["material"].tolist()),
            PHYSICAL: featurizer.physical_descriptors(table["material"].tolist()),
            LIBRARY: predict_sources(target.column.kind, made_of(table), set(identities)),
        }
        if target.simulated:
            made[SIMULATED] = table["simulated"].to_numpy()[:, None]
        OUTPUT.mkdir(parents=True, exist_ok=True)
        np.savez(file, **made)
    with np.load(file) as found:
        return {key: found[key] for key in found}


def made_of(table: pd.DataFrame) -> list[str]:
    """Spellings of the materials."""
    return [str(each) for each in table["material"]]


def predict_sources(kind: str, made_from: list[str], known: set[str]) -> Floats:
    """Predictions of each simulated property of a kind, without the measured materials."""
    from sklearn.ensemble import ExtraTreesRegressor

    asked, columns = get_featurizer(kind).descriptors(made_from), []
    for source in (each for each in SOURCES.values() if each.kind == kind):
        identities, described, values = describe_source(source)
        others = np.array([each not in known for each in identities])
        trees = ExtraTreesRegressor(NUM_TREES, min_samples_leaf=2, max_features=0.1, random_state=0)
        columns.append(trees.fit(described[others], values[others]).predict(asked))
    return np.column_stack(columns)


@cache
def describe_source(source: Column) -> tuple[list[str], Floats, Floats]:
    """Identities, descriptors and values of some materials of a simulated property."""
    featurizer = get_featurizer(source.kind)
    table = source.read()
    table = table.iloc[np.random.default_rng(1).permutation(len(table))[:SOURCE]]
    materials, identities, values = [], [], []
    for material, value in zip(table["material"], table["value"], strict=True):
        try:
            identities.append(featurizer.identity(material))
        except ValueError:
            continue
        materials.append(material)
        values.append(value)
    return identities, featurizer.descriptors(materials), np.array(values)


def members_of(name: str, made: dict[str, np.ndarray]) -> dict[str, TableMember]:
    """All members of a target."""
    values, target = made["values"], TARGETS[name]
    wide = made[DESCRIPTORS]
    often = (wide != wide[0]).sum(axis=0)
    tables = {key: made[key] for key in (PHYSICAL, LIBRARY, SIMULATED) if key in made}
    tables[DESCRIPTORS] = wide[:, np.minimum(often, len(wide) - often) >= 5]  # rare fragments cost time
    members = table_members(values, tables, np.flatnonzero(np.isfinite(values)), seed=0)
    own = [key for key, each in SOURCES.items() if each.kind == target.column.kind]
    if target.same:
        column = made[LIBRARY][:, [own.index(target.same)]]
        members[CALIBRATED_SOURCE.title] = Straight(CALIBRATED_SOURCE.title, values, column)
    members["ridge"] = Straight("ridge", values, made[PHYSICAL])
    members["ridge, library"] = Straight("ridge, library", values, np.column_stack([made[PHYSICAL], made[LIBRARY]]))
    return members


def compute(name: str, size: int, draw: int) -> Cell | None:
    """Predictions of all members for a draw, computed once; None if there are too few materials."""
    file = OUTPUT / f"{name}_{size}_{draw}.npz"
    if not file.exists():
        made = describe(name)
        rows = np.random.default_rng(3).permutation(len(made["values"]))
        pool, test = rows[: -min(TEST, len(rows) // 3)], rows[-min(TEST, len(rows) // 3) :]
        if size > len(pool):
            return None
        train = np.random.default_rng([draw, 4711]).permutation(pool)[:size]
        members = members_of(name, made)
        groups = [str(row) for row in range(len(rows))]
        problem = Problem(made["values"], groups, train, test)
        folds = make_folds(problem, StackSettings(num_folds=8 if size <= 30 else 5))
        left_out = np.empty((size, len(members)))
        for fold in folds:
            known = np.delete(train, fold)
            left_out[fold] = np.column_stack([each.fit_predict(known, train[fold]) for each in members.values()])
        tested = np.column_stack([each.fit_predict(train, test) for each in members.values()])
        names, values, truth = np.array(list(members)), made["values"][train], made["values"][test]
        np.savez(file, names=names, left_out=left_out, values=values, tested=tested, truth=truth)
    with np.load(file) as found:
        arrays = {key: found[key] for key in ("left_out", "values", "tested", "truth")}
        return Cell(name, size, draw, found["names"].tolist(), **arrays)


def regrets(found: Sequence[Cell], rule: str) -> dict[tuple[str, int], float]:
    """Logarithm of the error of the ensemble over that of the best member, by target and size.

    Args:
        found: Cells of several draws.
        rule: Name of a rule.
    """
    errors: dict[tuple[str, int], list[Floats]] = {}
    for each in found:
        weights = learn_weights(each.left_out, each.values, rule)
        tested = np.column_stack([combine(each.tested, weights), each.tested])
        errors.setdefault((each.target, each.size), []).append(np.nanmean(np.abs(tested - each.truth[:, None]), axis=0))
    means = {key: np.mean(each, axis=0) for key, each in errors.items()}
    return {key: float(np.log(each[0] / each[1:].min())) for key, each in means.items()}


def print_rules(found: Sequence[Cell]) -> None:
    """Print how each rule does.

    Args:
        found: Cells of several draws.
    """
    print("| rule | real targets | largest | beyond 5 % | noise |")
    print("|---|---|---|---|---|")
    for rule in RULES:
        told = regrets(found, rule)
        real = {key: each for key, each in told.items() if not TARGETS[key[0]].shuffled}
        noise = [each for key, each in told.items() if key not in real]
        worst = max(real, key=lambda key: real[key])
        mean, of_noise = np.mean(list(real.values())), np.mean(noise) if noise else np.nan
        beyond = sum(each > 0.05 for each in real.values())
        largest = f"{real[worst]:+.3f} ({worst[0]}, {worst[1]})"
        print(f"| {rule} | {mean:+.3f} | {largest} | {beyond} of {len(real)} | {of_noise:+.3f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, nargs=2, default=(0, 8), metavar=("FIRST", "END"))
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    given = parser.parse_args()
    extra_trees.SETTINGS["n_estimators"] = NUM_TREES
    grid = itertools.product(range(*given.draws), given.sizes, given.targets)
    computed = (compute(target, size, draw) for draw, size, target in grid)
    print_rules([each for each in computed if each is not None])
