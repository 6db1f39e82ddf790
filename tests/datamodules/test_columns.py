"""What the base promises for every reader: a split, a cost and simulated values by any column of its table."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.io import write as write_ase
from crystals import cell_row, random_crystal

import datamodules
from datamodules.demo.crystals import ANIONS, Ion, simulate
from datamodules.demo.measured import demo_target
from datamodules.demo.prototypes import PROTOTYPES
from gnn_sim2real.data.registry import find_datasets
from gnn_sim2real.databases.snapshot import Snapshot
from gnn_sim2real.featurize.crystal_files import crystal_formula
from gnn_sim2real.featurize.crystal_objects import to_pymatgen

NUMBERS = range(12)
BATCHES = [f"batch {number % 4}" for number in NUMBERS]
HOURS = [float(7 * number % 12) for number in NUMBERS]
SIMULATED = [each + 0.25 for each in HOURS]
EXTRA = {"batch": BATCHES, "hours": HOURS, "pbe": SIMULATED}
CHAINS = [f"*{'C' * (number + 1)}O*" for number in NUMBERS]
MOLECULES = [f"{'C' * (number + 1)}O" for number in NUMBERS]
FORMULAS = [f"Al{number + 1}O3" for number in NUMBERS]
CRYSTALS = [random_crystal(number, 2) for number in NUMBERS]
NAMES = [f"mp-{number}" for number in NUMBERS]
SIZES = {
    "reduced_formula": [crystal_formula(each) for each in CRYSTALS],
    "nsites": [each.num_sites for each in CRYSTALS],
    "volume": [each.volume for each in CRYSTALS],
}
CELLS = pd.DataFrame([cell_row(made, name) for made, name in zip(CRYSTALS, NAMES, strict=True)])
OPTIMADE = {"properties": {"gap": "eV"}, "fields": {"gap": "_x_gap"}, "field_units": {"gap": "eV"}}


def save(folder: Path, path: str, columns, extra=EXTRA) -> str:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(dict(columns) | extra)
    frame.to_parquet(file) if file.suffix == ".parquet" else frame.to_csv(file, index=False)
    return str(file)


def structures(folder):
    save(folder, "crystal/mp_structures/mp_structures.parquet", CELLS.assign(**SIZES), {})
    labels = {"material_id": NAMES, "reduced_formula": SIZES["reduced_formula"], "band_gap_pbe": HOURS, "e_form": -1.0}
    save(folder, "crystal/mp_labels/mp_labels.parquet", labels | {"is_lowest_polymorph": True})


def chains(folder, **more):
    return save(folder, "chains.csv", {"smiles": CHAINS, "density": np.arange(1.0, 13.0)} | more)


def pairs(folder, **settings):
    """The tables of chi: two polymers in six solvents."""
    polymers = [CHAINS[number % 2] for number in NUMBERS]
    names = [f"{polymer}_{MOLECULES[number // 2]}" for number, polymer in enumerate(polymers)]
    columns = {"ps_pair": names, "ps_pair_nonCyclic": names, "temp": 25.0, "chi": np.arange(12) / 10}
    return save(folder, "chi.csv", columns)


def own_pairs(folder):
    columns = {"unit": CHAINS, "smiles": MOLECULES, "density": np.arange(1.0, 13.0)}
    return save(folder, "pairs.csv", columns)


def solvation(folder):
    columns = {"solute": MOLECULES, "solvent": "O", "dg_solv_kcal_mol": np.arange(12) / 10}
    return save(folder, "solvation.csv", columns)


def aflow(folder):
    columns = CELLS.assign(**SIZES, row_in_source=list(NUMBERS), agl_thermal_conductivity_300K=np.arange(1.0, 13.0))
    return save(folder, "aflow.parquet", columns)


def own_crystals(folder):
    frames = []
    for number, made in enumerate(CRYSTALS):
        frames.append(Atoms(made.atomic_number, cell=made.lattice, scaled_positions=made.fractional, pbc=True))
        own = {"batch": BATCHES[number], "hours": HOURS[number], "pbe": SIMULATED[number]}
        frames[-1].info |= {"gap": float(number), **own}
    write_ase(folder / "all.extxyz", frames)
    return str(folder / "all.extxyz")


def electrolytes(folder):
    columns = {"id": NAMES, "part": ["train", "test"] * 6, "composition": SIZES["reduced_formula"]}
    cifs = [to_pymatgen(each).to(fmt="cif") for each in CRYSTALS]
    return save(folder, "obelix.csv", columns | {"ionic_conductivity_S_cm": ["<1E-10", *["1e-4"] * 11], "cif": cifs})


def measured_crystals(folder):
    structures(folder)
    return save(folder, "gaps.csv", {"material_id": NAMES, "gap": np.arange(12.0)})


def matbench(folder, monkeypatch, **settings):
    frame = pd.DataFrame({"composition": FORMULAS, "gap expt": np.arange(12.0)} | EXTRA)
    monkeypatch.setattr(datamodules.Matbench, "_load", lambda self: frame)
    return datamodules.Matbench(**settings)


def formulas(folder, monkeypatch, **settings):
    path = save(folder, "formulas.csv", {"formula": FORMULAS, "band_gap_eV": np.arange(12.0)})
    monkeypatch.setattr("datamodules.materials_project_formulas.find_file", lambda _: Path(path))
    return datamodules.MaterialsProjectFormulas(["band_gap"], **settings)


def snapshot(reader, folder, monkeypatch, *given, **settings):
    path = save(folder, "snapshot.parquet", CELLS.assign(**SIZES, problem=None, gap=np.arange(12.0)), EXTRA)
    found = Snapshot(
        Path(path), {"facts": {}, "query": {}, "date": "", "num_entries": 12, "num_matching": 12, "sha256": ""}
    )
    monkeypatch.setattr(reader, "download", lambda self: found)
    return reader(*given, **OPTIMADE | settings)


def many(folder, **settings):
    sources = [datamodules.PolymerTable("density", "density", "g/cm3", path=chains(folder)) for _ in range(2)]
    return datamodules.ManySources(sources, ["a", "b"], **settings)


def few_demo_polymers(monkeypatch):
    frame = demo_target()  # with the columns of the generated ones, which take seconds
    monkeypatch.setattr("datamodules.demo.data_sets.demo_source", lambda: frame)


def few_demo_crystals(monkeypatch):
    few = [simulate(PROTOTYPES[0], (Ion(metal, 1), anion)) for metal in ("Li", "Na", "K") for anion in ANIONS[:4]]
    monkeypatch.setattr("datamodules.demo.data_sets.demo_crystals", lambda: few)


LIQUIDS = {"smiles": MOLECULES, "density_g_cm3": np.arange(1.0, 13.0)}


def copolymers(folder):
    columns = {"repeat_unit_if_alternating": CHAINS, "ea_vs_she_eV": np.arange(12.0), "architecture": "alternating"}
    return save(folder, "copolymers.csv", columns)


def linked_copolymers(folder):
    shares = {"fraction_a": 0.5, "fraction_b": 0.5, "architecture": "random", "ea_vs_she_eV": np.arange(12.0)}
    return save(folder, "linked.csv", {"a_smiles": CHAINS, "b_smiles": "*c1ccc(*)s1"} | shares)


def volumes(folder, **settings):
    """The tables of structures: one crystal of each formula."""
    own = {"reduced_formula": FORMULAS, "nsites": 4, "volume": np.arange(60.0, 72.0), "material_id": NAMES}
    cells = save(folder, "structures.parquet", own)
    labels = save(folder, "labels.parquet", {"material_id": NAMES, "is_lowest_polymorph": True}, {})
    return datamodules.MaterialsProjectVolumes(["density"], cells, labels, **settings)


READERS = {
    "AflowAGL": lambda f, m, **s: datamodules.AflowAGL(["thermal_conductivity"], aflow(f), **s),
    "AlternatingCopolymers": lambda f, m, **s: datamodules.AlternatingCopolymers(
        ["electron_affinity"], copolymers(f), **s
    ),
    "BlendTable": lambda f, m, **s: datamodules.BlendTable(chains(f), ["smiles"], "density", "density", "g/cm3", **s),
    "Copolymers": lambda f, m, **s: datamodules.Copolymers(["electron_affinity"], linked_copolymers(f), **s),
    "CosmoChi": lambda f, m, **s: datamodules.CosmoChi(pairs(f), pairs(f), **s),
    "CosmoSolvation": lambda f, m, **s: datamodules.CosmoSolvation(solvation(f), **s),
    "CrystalFolder": lambda f, m, **s: datamodules.CrystalFolder(own_crystals(f), "gap", None, "eV", **s),
    "DemoMeasured": lambda f, m, **s: datamodules.DemoMeasured(**s),
    "DemoMeasuredCrystals": lambda f, m, **s: datamodules.DemoMeasuredCrystals(**s),
    "DemoSimulated": lambda f, m, **s: few_demo_polymers(m) or datamodules.DemoSimulated(**s),
    "DemoSimulatedCrystals": lambda f, m, **s: few_demo_crystals(m) or datamodules.DemoSimulatedCrystals(**s),
    "ManySources": lambda f, m, **s: many(f, **s),
    "Matbench": matbench,
    "MaterialTable": lambda f, m, **s: datamodules.MaterialTable(chains(f), "density", "g/cm3", **s),
    "MaterialsProject": lambda f, m, **s: snapshot(datamodules.MaterialsProject, f, m, **s),
    "MaterialsProjectFormulas": formulas,
    "MaterialsProjectTables": lambda f, m, **s: structures(f) or datamodules.MaterialsProjectTables(["band_gap"], **s),
    "MaterialsProjectVolumes": lambda f, m, **s: volumes(f, **s),
    "MeasuredChi": lambda f, m, **s: datamodules.MeasuredChi(pairs(f), pairs(f), **s),
    "MeasuredCrystals": lambda f, m, **s: datamodules.MeasuredCrystals(
        path=measured_crystals(f), property="gap", unit="eV", **s
    ),
    "MeasuredLiquids": lambda f, m, **s: datamodules.MeasuredLiquids("density", save(f, "liquids.csv", LIQUIDS), **s),
    "MeasuredMolecules": lambda f, m, **s: datamodules.MeasuredMolecules(
        "dipole_moment", path=save(f, "measured.csv", {"smiles": MOLECULES, "dipole_D": np.arange(12.0)}), **s
    ),
    "MeasuredSolvation": lambda f, m, **s: datamodules.MeasuredSolvation(solvation(f), **s),
    "OBELiX": lambda f, m, **s: datamodules.OBELiX(electrolytes(f), **s),
    "Optimade": lambda f, m, **s: snapshot(datamodules.Optimade, f, m, "https://example.org", **s),
    "PairTable": lambda f, m, **s: datamodules.PairTable(
        own_pairs(f), {"polymer": "unit", "solvent": "smiles"}, "density", "density", "g/cm3", **s
    ),
    "PoLyInfo": lambda f, m, **s: datamodules.PoLyInfo(chains(f), "density", "g/cm3", file_unit="g/cm3", **s),
    "PolymerElectrolytes": lambda f, m, **s: datamodules.PolymerElectrolytes(
        save(f, "electrolytes.csv", {"smiles": CHAINS, "conductivity_S_cm": np.arange(1.0, 13.0)}), **s
    ),
    "PolymerTable": lambda f, m, **s: datamodules.PolymerTable("density", "density", "g/cm3", path=chains(f), **s),
    "QM9": lambda f, m, **s: datamodules.QM9(
        ["dipole_moment"], save(f, "qm9.csv", {"smiles": MOLECULES, "dipole_D": np.arange(12.0)}), **s
    ),
    "RadonPy": lambda f, m, **s: datamodules.RadonPy(["density"], chains(f), **s),
    "SimulatedLiquids": lambda f, m, **s: datamodules.SimulatedLiquids(
        ["density"], path=save(f, "liquids.csv", LIQUIDS), **s
    ),
}
OWN_COLUMNS = {
    "DemoMeasured": SimpleNamespace(families="reference", cost="refractive_index"),
    "DemoMeasuredCrystals": SimpleNamespace(families="formula", cost="simulated"),
    "DemoSimulated": SimpleNamespace(families="smiles", cost="refractive_index"),
    "DemoSimulatedCrystals": SimpleNamespace(families="formula", cost="lattice_energy"),
}
"""The demos take no file: columns that their tables have."""


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Makes the reader of a name, with files of its own."""
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(tmp_path))
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    return lambda name, **settings: READERS[name](tmp_path, monkeypatch, **settings)


def test_every_reader_is_tested():
    assert READERS.keys() == find_datasets().keys(), "say in READERS how to make the new data module from a few rows"


@pytest.mark.parametrize("name", READERS)
def test_every_reader_splits_by_a_column(make, name):
    column = OWN_COLUMNS[name].families if name in OWN_COLUMNS else "batch"
    data = make(name, split_by="column", split_column=column, test_fraction=0.3, validation_fraction=0)
    labels = np.array(data.table.texts[column])
    tested, used = set(labels[data.parts.test]), set(labels[data.parts.train])
    assert tested
    assert used
    assert not tested & used
    assert tested | used == (set(labels) if name in OWN_COLUMNS else set(BATCHES))


@pytest.mark.parametrize("name", READERS)
def test_every_reader_grows_from_the_cheapest_by_a_column(make, name):
    column = OWN_COLUMNS[name].cost if name in OWN_COLUMNS else "hours"
    settings = {"grow_by": "cheapest", "cost": f"2 * {column}", "validation_fraction": 0, "size": 5}
    if "Chi" in name or "Solvation" in name or name in ("BlendTable", "Copolymers", "PairTable"):
        with pytest.raises(ValueError, match="`grow_by: cheapest`"):
            make(name, **settings)
        return
    data = make(name, **settings)
    costs = np.array(data.table.texts[column], float)
    assert costs[data.parts.train].tolist() == sorted(costs)[:5]


@pytest.mark.parametrize("name", [name for name in READERS if name not in OWN_COLUMNS])
def test_every_reader_reads_simulated_values(make, name):
    data = make(name, simulated_column="pbe", validation_fraction=0)
    if name == "ManySources":
        with pytest.raises(ValueError, match="`simulated_column`"):
            _ = data.table
        return
    hours = np.array(data.table.texts["hours"], float)
    assert data.table.simulated[:, 0] == pytest.approx(hours + 0.25)
    assert data.card()["simulated"] == {"num_materials": len(hours), "from": "the column 'pbe'"}
    assert make(name, validation_fraction=0).data_set.fingerprint != data.data_set.fingerprint
