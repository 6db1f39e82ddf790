"""What conditions are worth on measured values: liquids at several temperatures, with the temperature and without.

The tables are made when it runs, of the package `chemicals` (MIT): heat capacities of liquids by the recommended
correlations of Zabransky and others (Heat Capacity of Liquids, J. Phys. Chem. Ref. Data Monograph 6, 1996; 2001), and
viscosities by those of Dutt and Prasad (Viscosity of Liquids, Springer 2007), each at five temperatures within the
range of the measurements that it was fitted to. They are smooth curves through measurements, not the measurements.

Each split tests a third of the molecules, at all their temperatures, but for those on which the learning rate was
chosen. `gnn-sim2real fit` trains the same network with
`conditions: {temperature: ...}` and without (one value a molecule, that in the middle of its range), and extra trees
on descriptors get the temperature or not. Only errors are written:

    OMP_NUM_THREADS=1 python benchmarks/conditions.py
"""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import yaml
from machine import processor, publish, versions

from gnn_sim2real.baselines.extra_trees import fit_trees
from gnn_sim2real.cli.main import main as command
from gnn_sim2real.featurize.descriptors import molecule_descriptors
from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.metrics import interval_of_mean
from gnn_sim2real.scales import to_scale

SPLITS, TEMPERATURES, EPOCHS, RATE = 3, 5, 60, 1e-2
DRAWN, MOST = 250, 100
"""Molecules of which the development part is a share; of these so many are used, the development part among them."""
DEVELOPMENT = 0.2
"""Share of the molecules on which the learning rate was chosen; they train, and are never tested."""
LARGEST = 5000.0
"""Largest heat capacity of a liquid [J/(kg K)]; the curves of four molecules go far beyond, and are left out."""
TRANSFORM = {"heat capacity": None, "viscosity": "log10"}

_RESULT = Path(__file__).parent / "results" / "conditions.json"
_METHODS = ("network with temperature", "network without", "trees with temperature", "trees without")


class Curve(NamedTuple):
    """A value of a liquid over its temperature."""

    smiles: str
    low: float
    high: float
    value: Callable[[float], float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    tables = {
        "heat capacity": ("Cp", "J/(kg K)", _tabulate(_heat_capacities())),
        "viscosity": ("viscosity", "mPa s", _tabulate(_viscosities())),
    }
    found = {name: _compare(*about, TRANSFORM[name]) for name, about in tables.items()}
    result = {
        "splits": SPLITS,
        "temperatures": TEMPERATURES,
        "epochs": EPOCHS,
        "properties": found,
        "processor_seconds": round(time.process_time() - began),
        "processor": processor(),
        "versions": versions("torch", "scikit-learn", "rdkit", "chemicals"),
    }
    publish(result, arguments.output)


def _heat_capacities() -> Iterator[Curve]:
    """Mass heat capacities [J/(kg K)]; that at constant pressure before that along the saturation line."""
    from chemicals import heat_capacity

    heat_capacity._load_Cp_data()
    seen = set()
    for name in ("const_p", "iso_p", "sat_p", "const_s", "iso_s", "sat_s"):
        for cas, curve in getattr(heat_capacity, f"zabransky_dict_{name}").items():
            if cas in seen or (known := _molecule(cas)) is None:
                continue
            seen.add(cas)
            smiles, mass = known
            if 1000 * max(curve.calculate(kelvin) for kelvin in _inside(curve.Tmin, curve.Tmax)) / mass < LARGEST:
                yield Curve(smiles, curve.Tmin, curve.Tmax, lambda t, c=curve, m=mass: 1000 * c.calculate(t) / m)


def _viscosities() -> Iterator[Curve]:
    """Dynamic viscosities [mPa s]."""
    from chemicals import viscosity

    table = viscosity.mu_data_Dutt_Prasad
    for cas, row in table.iterrows():
        if (known := _molecule(str(cas))) is not None:
            value = lambda t, r=row: viscosity.Viswanath_Natarajan_3(t, r["A"], r["B"], r["C"])  # noqa: E731
            yield Curve(known[0], row["Tmin"], row["Tmax"], value)


def _molecule(cas: str) -> tuple[str, float] | None:
    """SMILES and molar mass [g/mol] of an organic molecule; None of what is not known, or is none."""
    from chemicals.identifiers import search_chemical

    try:
        found = search_chemical(cas)
        get_featurizer("molecule").featurize(found.smiles)
    except (ValueError, TypeError):
        return None
    return (found.smiles, found.MW) if "C" in found.formula and "." not in found.smiles else None


def _tabulate(curves: Iterator[Curve]) -> pd.DataFrame:
    """Values of curves that span 20 K at least."""
    rows = []
    for each in curves:
        inside = _inside(each.low, each.high)
        values = [each.value(float(kelvin)) for kelvin in inside]
        if each.high - each.low >= 20 and np.isfinite(values).all() and min(values) > 0:
            rows += [(each.smiles, kelvin, value) for kelvin, value in zip(inside, values, strict=True)]
    frame = pd.DataFrame(rows, columns=["smiles", "T [K]", "value"])
    some = np.random.default_rng(0).permutation(frame["smiles"].unique())[:DRAWN]
    return frame[frame["smiles"].isin(some)].reset_index(drop=True)


def _inside(low: float, high: float) -> list[float]:
    """Temperatures of equal distance, without the ends."""
    return np.linspace(low, high, TEMPERATURES + 2)[1:-1].tolist()


def development_of(table: pd.DataFrame) -> list[str]:
    """The molecules on which the learning rate was chosen."""
    molecules = table["smiles"].unique()
    return list(np.random.default_rng(1).permutation(molecules)[: round(DEVELOPMENT * len(molecules))])


def _compare(name: str, unit: str, table: pd.DataFrame, transform: str | None) -> dict[str, Any]:
    """Mean absolute error of each method over the rows of the tested molecules, mean over the splits."""
    heading = f"{name} [{unit}]"
    development = development_of(table)
    others = np.random.default_rng(2).permutation(np.setdiff1d(table["smiles"].unique(), development))
    others = others[: MOST - len(development)]
    molecules = [*development, *others]
    table = table[table["smiles"].isin(molecules)].rename(columns={"value": heading})
    described = dict(zip(molecules, molecule_descriptors(molecules), strict=True))
    errors: dict[str, list[float]] = {method: [] for method in _METHODS}
    guesses = []
    for split, tested in enumerate(np.array_split(others, SPLITS)):
        train, test = (table[table["smiles"].isin(tested) == is_test] for is_test in (False, True))
        middle = train.groupby("smiles", sort=False).nth(TEMPERATURES // 2)
        truth = to_scale(test[heading].to_numpy(), transform)
        predicted = {
            _METHODS[0]: _network(train, test, name, unit, transform, split, at=True),
            _METHODS[1]: _network(middle, test, name, unit, transform, split, at=False),
            _METHODS[2]: _trees(train, test, described, heading, transform, split, at=True),
            _METHODS[3]: _trees(middle, test, described, heading, transform, split, at=False),
        }
        for method, values in predicted.items():
            errors[method].append(float(np.abs(to_scale(values, transform) - truth).mean()))
        known = to_scale(train[heading].to_numpy(), transform)
        guesses.append(float(np.abs(np.median(known) - truth).mean()))
    gains = {
        method: interval_of_mean(np.array(errors[without]) - np.array(errors[method]))
        for method, without in ((_METHODS[0], _METHODS[1]), (_METHODS[2], _METHODS[3]))
    }
    against = interval_of_mean(np.array(errors[_METHODS[2]]) - np.array(errors[_METHODS[0]]))
    return {
        "unit": "decades" if transform else unit,
        "molecules": len(molecules),
        "tested": len(others),
        "rows": len(table),
        "spread_over_temperature": float(_within(table, heading, transform)),
        "median_of_the_training_values": float(np.mean(guesses)),
        "mae": {method: interval_of_mean(np.array(each)) for method, each in errors.items()},
        "gain_by_temperature": gains,
        "gain_of_the_network_over_trees": against,
    }


def _within(table: pd.DataFrame, heading: str, transform: str | None) -> float:
    """Mean absolute distance of the values from the middle one of their molecule."""
    values = to_scale(table[heading].to_numpy(), transform).reshape(-1, TEMPERATURES)
    return float(np.abs(values - values[:, [TEMPERATURES // 2]]).mean())


def _network(
    train: pd.DataFrame, test: pd.DataFrame, name: str, unit: str, transform: str | None, seed: int, *, at: bool
) -> np.ndarray[Any, Any]:
    """Train and predict by the commands."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        columns = [each for each in train if at or each != "T [K]"]
        train[columns].to_csv("train.csv", index=False)
        test[columns].drop(columns=f"{name} [{unit}]").to_csv("test.csv", index=False)
        of_data: dict[str, Any] = {"path": "train.csv", "property": name, "unit": unit, "validation_fraction": 0}
        of_data |= {"transform": transform, "batch_size": 64 if at else 16}  # about as many steps
        of_data |= {"conditions": {"temperature": "T [K]"}} if at else {}
        own = {"encoder": {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 64, "num_layers": 3}}}
        own |= {"optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": RATE}}}
        own |= {"forms": {name: "inverse_temperature"}} if at and transform else {}
        stage = {
            "seed_everything": seed,
            "trainer": {"accelerator": "cpu", "max_epochs": EPOCHS, "enable_progress_bar": False, "logger": False},
            "model": {"class_path": "gnn_sim2real.tasks.TargetFineTuning", "init_args": own},
            "data": {"class_path": "datamodules.Table", "init_args": of_data},
        }
        Path("own.yaml").write_text(yaml.safe_dump(stage))
        assert command(["fit", "-c", "own.yaml", "--trainer.default_root_dir=run"]) == 0
        (checkpoint,) = Path().rglob("*.ckpt")
        assert command(["predict", str(checkpoint), "test.csv"]) == 0
        return pd.read_csv("predictions.csv")[f"{name} [{unit}]"].to_numpy()


def _trees(
    train: pd.DataFrame,
    test: pd.DataFrame,
    described: dict[str, np.ndarray[Any, Any]],
    heading: str,
    transform: str | None,
    seed: int,
    *,
    at: bool,
) -> np.ndarray[Any, Any]:
    known, asked = (
        np.column_stack([np.stack([described[each] for each in part["smiles"]]), *([part["T [K]"]] if at else [])])
        for part in (train, test)
    )
    trees = fit_trees(known, to_scale(train[heading].to_numpy(), transform), seed)
    values = np.asarray(trees.predict(asked))
    return 10**values if transform else values


if __name__ == "__main__":
    main()
