"""Makes real learning curves cheaply: trees, ridge and neighbors on open tables, in about 10 minutes on one core.

The curves are those that `law_forecast.py` judges forecasts by. Only tables whose licence lets their numbers be shown
are used: QM9, computed gaps and formation energies of the Materials Project, measured gaps of Matbench, computed
copolymers, simulated glass transitions of vitrimers. Every run draws nested subsets of its own and is tested on one
fixed part that no run is trained on. The tables are looked for below `GNN_SIM2REAL_DATA`.
"""

import argparse
import os
import re
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from machine import processor, publish, versions
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SMALLEST, LARGEST = 16, 4096
NUM_RUNS, NUM_TEST, NUM_BITS = 3, 1000, 128
_RESULT = Path(__file__).parent / "results" / "learning_curves.json"
MODELS: dict[str, Callable[[int], Any]] = {
    "trees": lambda seed: ExtraTreesRegressor(10, max_features=0.3, min_samples_leaf=2, random_state=seed),
    "ridge": lambda seed: make_pipeline(StandardScaler(), Ridge(30.0)),
    "neighbors": lambda seed: make_pipeline(StandardScaler(), KNeighborsRegressor(5, weights="distance")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    curves = []
    for table, features, values in tables(Path(os.environ["GNN_SIM2REAL_DATA"])):
        for name, target in values.items():
            known = np.flatnonzero(np.isfinite(target))
            for model in MODELS:
                found = learn(model, features[known], target[known])
                curves.append({"table": table, "property": name, "model": model} | found)
                print(table, name, model, curves[-1]["errors"][0][-1], flush=True)
        result = {"curves": curves, "processor": processor(), "versions": versions("numpy", "scipy")}
        publish(result | {"date": datetime.now(UTC).date().isoformat()}, arguments.output)


def learn(model: str, features: np.ndarray, target: np.ndarray) -> dict[str, Any]:
    """Test MAE of each run at each size, in standard deviations of the property."""
    order = np.random.default_rng(0).permutation(len(target))
    test, rest = order[: min(NUM_TEST, len(order) // 5)], order[min(NUM_TEST, len(order) // 5) :]
    scaled = (target - target[rest].mean()) / target[rest].std()
    largest = min(LARGEST, int(0.95 * len(rest)))
    sizes = np.unique(np.round(largest * 2.0 ** (-0.5 * np.arange(2 * np.log2(largest / SMALLEST) + 1))).astype(int))
    errors = []
    for run in range(NUM_RUNS):
        mine = np.random.default_rng(run + 1).permutation(rest)
        fitted = (MODELS[model](run).fit(features[mine[:size]], scaled[mine[:size]]) for size in sizes)
        errors.append([round(float(np.abs(each.predict(features[test]) - scaled[test]).mean()), 6) for each in fitted])
    return {"sizes": sizes.tolist(), "errors": errors}


def tables(folder: Path) -> Iterator[tuple[str, np.ndarray, dict[str, np.ndarray]]]:
    """Name of each table, features of its materials, and its properties."""
    random = np.random.default_rng(2026)
    gaps = pd.read_csv(folder / "crystal/matbench_expt_gap/expt_gap.csv", keep_default_na=False, na_values=[""])
    yield "measured gaps", composition(gaps["composition"]), {"gap": gaps["gap_eV"].to_numpy(float)}
    crystals = pd.read_parquet(folder / "crystal/mp_labels/mp_labels.parquet")
    crystals = crystals[crystals["is_lowest_polymorph"].astype(bool)].iloc[
        random.permutation(int(crystals["is_lowest_polymorph"].sum()))[:5600]
    ]
    names = {"band_gap_pbe": "gap", "e_form": "formation energy"}
    crystals = crystals[~(crystals["e_form"] > 1)]  # spurious
    values = {name: crystals[column].to_numpy(float) for column, name in names.items()}
    yield "Materials Project", composition(crystals["reduced_formula"]), values
    molecules = pd.read_parquet(folder / "molecule/qm9/qm9.parquet")
    molecules = molecules.iloc[random.permutation(len(molecules))[:5600]]
    columns = [name for name in molecules.columns if not re.match(r"gdb|smiles|u298|h298|g298", name)]
    values = {name: molecules[name].to_numpy(float) for name in columns}
    yield "QM9, fingerprints", fingerprints(molecules["smiles"]), values
    yield "QM9, letters", letters(molecules["smiles"]), values
    vitrimers = pd.read_parquet(folder / "polymer/vitrimer_md_tg/vitrimer_md_tg.parquet")
    yield "vitrimers", fingerprints(vitrimers["smiles"]), {"tg": vitrimers["tg_md_K"].to_numpy(float)}
    pairs = pd.read_parquet(folder / "polymer/copolymer_ea_ip/copolymer_ea_ip.parquet")
    pairs = pairs.iloc[random.permutation(len(pairs))[:5600]]
    mixed = sum(
        pairs[f"fraction_{each}"].to_numpy()[:, None] * fingerprints(pairs[f"{each}_smiles"]) for each in ("a", "b")
    )
    values = {name: pairs[f"{name}_vs_she_eV"].to_numpy(float) for name in ("ea", "ip")}
    yield "copolymers", np.asarray(mixed), values


def composition(formulas: pd.Series) -> np.ndarray:
    """Share of each element."""
    from pymatgen.core import Composition, Element

    elements = {element.symbol: number for number, element in enumerate(Element)}
    shares = np.zeros((len(formulas), len(elements)))
    for row, formula in enumerate(formulas):
        for element, share in Composition(formula).fractional_composition.get_el_amt_dict().items():
            shares[row, elements[element]] = share
    return shares[:, shares.any(axis=0)]


def fingerprints(smiles: pd.Series) -> np.ndarray:
    """Counts of hashed environments of the atoms."""
    from rdkit.Chem import MolFromSmiles, rdFingerprintGenerator

    counted = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=NUM_BITS)
    found = np.zeros((len(smiles), NUM_BITS), dtype=np.float32)
    for row, text in enumerate(smiles):
        molecule = MolFromSmiles(text)
        if molecule is not None:
            found[row] = counted.GetCountFingerprintAsNumPy(molecule)
    return found


def letters(smiles: pd.Series) -> np.ndarray:
    """Counts of one, two and three letters of the text, hashed."""
    found = np.zeros((len(smiles), 256), dtype=np.float32)
    for row, text in enumerate(smiles):
        for width in (1, 2, 3):
            for first in range(len(text) - width + 1):
                found[row, zlib.crc32(text[first : first + width].encode()) % 256] += 1
    return found


if __name__ == "__main__":
    main()
