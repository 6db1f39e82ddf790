"""QM9: twelve properties of small organic molecules by DFT, with their SMILES laid along the published labels.

The labels come by number and standardized, the SMILES in order but without some rows; a third file with both gives the
scale, and the numbers at which the order is known. What comes out are the 110,279 rows of the table that was published
first, and 133 more with one charge, mostly protonated heteroaromatics with an amine beside the ring, which that table
does not hold; one row of it is not found.
"""

import json
import zipfile
from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from datamodules.recipes.raw_table import flat_smiles, read_raw_csv
from gnn_sim2real.databases.recipe import Files, RawFile, TableRecipe

_LABELS = {
    "mu": ("dipole_D", "mu"),
    "alpha": ("polarizability_bohr3", "alpha"),
    "HOMO": ("homo_Ha", "homo"),
    "LUMO": ("lumo_Ha", "lumo"),
    "gap": ("gap_Ha", "gap"),
    "R2": ("r2_bohr2", "r2"),
    "ZPVE": ("zpve_Ha", "zpve"),
    "U0": ("u0_atomization_kcal_mol", "u0_atom"),
    "U": ("u298_atomization_kcal_mol", "u298_atom"),
    "H": ("h298_atomization_kcal_mol", "h298_atom"),
    "G": ("g298_atomization_kcal_mol", "g298_atom"),
    "Cv": ("cv_cal_molK", "cv"),
}
"""Name of each label, its column here, and in the file with anchors."""

_SCALES = {
    "mu": (1.5034491024581182, 2.672993537365598),
    "alpha": (8.172947030654626, 75.28086976129167),
    "HOMO": (0.021966662074061807, -0.2402101712922949),
    "LUMO": (0.04684922192355896, 0.011836091386466286),
    "gap": (0.04719152390357636, 0.2520461220371635),
    "R2": (280.47258642440534, 1189.409163122082),
    "ZPVE": (0.033135679869480454, 0.1490911528560175),
    "Cv": (4.067492247585531, 31.62046899387736),
    "U0": (238.05796510845818, -1755.2852741697109),
    "U": (240.166070803731, -1765.9964861480075),
    "H": (241.87459140330307, -1776.091763640602),
    "G": (219.02496158218338, -1633.5396777645992),
}
"""Standard deviation and mean by which a label was standardized, by least squares on 14,392 molecules with both."""

ELEMENTS = ("C", "H", "N", "O", "F")
ATOM_ENTHALPIES = {"C": 716.68, "H": 217.998, "N": 472.68, "O": 249.18, "F": 79.38}
"""Enthalpies of formation of gaseous atoms at 298 K [kJ/mol], CODATA."""

CALORIE = 4.184
GAS_CONSTANT = 8.314462618
"""[J/cal], [J/(mol K)]."""

NEARLY_ZERO = 1e-10
"""What standardizing and back has left of a dipole of zero."""

MAX_RESIDUAL = 0.0085
"""Difference [Ha] from the zero-point energy that the numbers of atoms give; one hydrogen more is 0.022."""


def _read_labels(files: Files) -> pd.DataFrame:
    columns = {}
    for label, (column, _) in _LABELS.items():
        with zipfile.ZipFile(files[label]) as archive:
            parts = json.loads(archive.read(archive.namelist()[0]))
        values = {int(number): float(value) for part in parts.values() for number, value in part.items()}
        scale, mean = _SCALES[label]
        label_values = pd.Series(values).sort_index() * scale + mean
        columns[column] = label_values.where(label_values.abs() > NEARLY_ZERO, 0.0)
    return pd.DataFrame(columns)


def longest_run(values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which values are in the longest run that never falls.

    Args:
        values: The values, in order.
    """
    from bisect import bisect_right

    tails: list[int] = []
    ends: list[int] = []
    before = np.full(len(values), -1)
    for place, value in enumerate(values):
        at = bisect_right(tails, value)
        before[place] = ends[at - 1] if at else -1
        tails[at:], ends[at:] = [int(value), *tails[at + 1 :]], [place, *ends[at + 1 :]]
    kept = np.zeros(len(values), dtype=bool)
    place = ends[-1] if ends else -1
    while place >= 0:
        kept[place] = True
        place = int(before[place])
    return kept


def lay_along(numbers: Iterable[int], places: Iterable[int], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of numbers in a list that lacks some of them.

    Between two neighboring anchors whose number and place differ by the same, no row is missing.

    Args:
        numbers: Numbers of the anchors, rising.
        places: Their places.
        wanted: The numbers.

    Returns:
        The place of each, -1 where it is not known.
    """
    known, at = np.asarray(list(numbers)), np.asarray(list(places))
    offsets = known - at
    kept = longest_run(offsets)
    known, offsets = known[kept], offsets[kept]
    after = np.searchsorted(known, wanted).clip(0, len(known) - 1)
    before = (np.searchsorted(known, wanted, side="right") - 1).clip(0)
    within = (known[before] <= wanted) & (wanted <= known[after]) & (offsets[before] == offsets[after])
    return np.where(within, wanted - offsets[after], -1)


@cache
def neutral(smiles: str) -> tuple[str, str] | None:
    """Canonical SMILES of a molecule, neutralized where it is charged, and which of both; or None for what is left out.

    Left out are molecules with both charges, radicals, and what RDKit cannot read.

    Args:
        smiles: As listed.
    """
    from rdkit import Chem
    from rdkit.Chem.MolStandardize import rdMolStandardize

    is_charged = "+" in smiles or "-]" in smiles
    if "+]" in smiles and "-]" in smiles:
        return None
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return None
    if is_charged:
        molecule = rdMolStandardize.Uncharger().uncharge(molecule)
    if any(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms()):
        return None
    found = str(Chem.MolToSmiles(molecule, isomericSmiles=False))
    if is_charged and Chem.MolFromSmiles(found) is None:  # an aromatic ring that does not stay one
        return None
    return found, "neutralised" if is_charged else "as_listed"


def count_atoms(smiles: str) -> list[int]:
    """Number of atoms of each of `ELEMENTS`.

    Args:
        smiles: A molecule.
    """
    from rdkit import Chem

    symbols = [atom.GetSymbol() for atom in Chem.AddHs(Chem.MolFromSmiles(smiles)).GetAtoms()]
    return [symbols.count(symbol) for symbol in ELEMENTS]


def _fit_zero_point(counts: NDArray[np.float64], energies: NDArray[np.float64], fitted: NDArray[np.bool_]) -> Any:
    """Residuals [Ha] of a linear fit on the numbers of atoms; once more without those that it refuses."""
    design = np.column_stack([counts, np.ones(len(counts))])
    for _ in range(2):
        solution = np.linalg.lstsq(design[fitted], energies[fitted], rcond=None)[0]
        residuals = np.abs(energies - design @ solution)
        fitted = fitted & (residuals < MAX_RESIDUAL)
    return residuals


def _build(files: Files) -> pd.DataFrame:
    from rdkit.rdBase import BlockLogs

    with BlockLogs():  # of thousands of spellings that it cannot read
        return _lay_smiles_along(_read_labels(files), files)


def _lay_smiles_along(labels: pd.DataFrame, files: Files) -> pd.DataFrame:
    listed = files["smiles"].read_text(encoding="utf-8").split("\n")[1:]
    listed = [line.strip() for line in listed if line.strip()]
    flat = [flat_smiles(line) for line in listed]
    counts = pd.Series(flat).value_counts()
    place_of = {smiles: place for place, smiles in enumerate(flat) if smiles is not None and counts[smiles] == 1}
    anchors = read_raw_csv(files["anchors"]).drop_duplicates("mol_id")
    anchors = anchors.assign(number=[int(name.removeprefix("gdb_")) for name in anchors["mol_id"]])
    anchors = anchors.assign(place=[place_of.get(flat_smiles(smiles) or "", -1) for smiles in anchors["smiles"]])
    anchors = anchors[anchors["place"] >= 0].sort_values("number")
    numbers = labels.index.to_numpy()
    places = lay_along(anchors["number"], anchors["place"], numbers)
    table = labels[places >= 0]
    texts = [listed[place] for place in places[places >= 0]]
    found = [neutral(text) for text in texts]
    is_kept = np.array([each is not None for each in found])
    table = table[is_kept].rename_axis("gdb_index").reset_index()
    pairs = [each for each in found if each is not None]
    table.insert(1, "smiles", [smiles for smiles, _ in pairs])
    table.insert(2, "smiles_origin", [origin for _, origin in pairs])
    atoms = np.array([count_atoms(smiles) for smiles in table["smiles"]], dtype=np.float64)
    listed_so = (table["smiles_origin"] == "as_listed").to_numpy()
    residuals = _fit_zero_point(atoms, table["zpve_Ha"].to_numpy(), listed_so)
    is_sound = residuals < MAX_RESIDUAL
    table, atoms = table[is_sound].reset_index(drop=True), atoms[is_sound]
    of_atoms = atoms @ np.array([ATOM_ENTHALPIES[symbol] for symbol in ELEMENTS])
    table["hf298_kJ_mol"] = CALORIE * table["h298_atomization_kcal_mol"] + of_atoms
    table["cp_gas_J_molK"] = CALORIE * table["cv_cal_molK"] + GAS_CONSTANT
    numbers_only = [column for column in QM9.columns if column not in ("gdb_index", "smiles", "smiles_origin")]
    typed: pd.DataFrame = table.astype(dict.fromkeys(numbers_only, np.float32))
    return typed


_FOLDER = "jarvis_leaderboard/benchmarks/AI/SinglePropertyPrediction"
_SIZES = {
    "Cv": 1_361_650,
    "G": 1_424_919,
    "H": 1_424_602,
    "HOMO": 934_497,
    "LUMO": 1_098_751,
    "R2": 1_419_591,
    "U": 1_424_863,
    "U0": 1_424_595,
    "ZPVE": 1_398_192,
    "alpha": 1_208_974,
    "gap": 1_103_487,
    "mu": 1_423_344,
}
_HASHES = {
    "Cv": "6bd0c73d9288e2dabc8987c4c0c1555bc0e4eef4624bd3cc381b87c1408811eb",
    "G": "f045fa380dd67bf2fcdd5fdbd893c7f306cdf19a454b68030eff54f6732c0d88",
    "H": "d68aac1dab80bc7c2040f5e6366f9b527ffb5bcb03de4643a64744117741736b",
    "HOMO": "f957c44ca24b86a006a30e28b4ca8d940309852ebea709cca9e8cf4ca3923087",
    "LUMO": "ebf8e11efe12c8115ccb3c6729797d6ddaf11f11a6e63d2dbf04000d5d4b5e76",
    "R2": "268ba92e89ba35f9bfb4a055af354cda03d9c6626b452b0aaf05b7c87e36367d",
    "U": "315de7c7514091a7887085369d541aa836572f3fbbf457d0f4633ef753986bcd",
    "U0": "6397d778d2ab5bdd28154ba3279da21c6ee146a97c0b9ef39725fbf1e1c23e08",
    "ZPVE": "24993440f6c61382e9602f891a39f4b77dbdeca73fc061398ab871fd455a1cb1",
    "alpha": "d9471ec970d8aea3d0e2c93c39a6313391963212fca7d4dc8f5f249ae4d48402",
    "gap": "86247ea6994a4da60e3cb26a9d67b3e770d6a980e00115be87acfbb2e26ffb18",
    "mu": "c3745b83d6c089654969c82c6198a5fd4fde45fbd733bb869e2f2a06036c2a8b",
}

QM9 = TableRecipe(
    name="qm9",
    relative_path="molecule/qm9/qm9.parquet",
    columns={
        "gdb_index": None,
        "smiles": None,
        "smiles_origin": None,
        "dipole_D": "debye",
        "polarizability_bohr3": "bohr^3",
        "homo_Ha": "hartree",
        "lumo_Ha": "hartree",
        "gap_Ha": "hartree",
        "r2_bohr2": "bohr^2",
        "zpve_Ha": "hartree",
        "u0_atomization_kcal_mol": "kcal/mol",
        "u298_atomization_kcal_mol": "kcal/mol",
        "h298_atomization_kcal_mol": "kcal/mol",
        "g298_atomization_kcal_mol": "kcal/mol",
        "cv_cal_molK": "cal/(mol K)",
        "hf298_kJ_mol": "kJ/mol",
        "cp_gas_J_molK": "J/(mol K)",
    },
    raw={
        label: RawFile(
            "usnistgov/jarvis_leaderboard",
            "57afc55f94c8a6f4562f73a3173968cd4b2f83b1",
            f"{_FOLDER}/qm9_std_jctc_{label}.json.zip",
            size,
            _HASHES[label],
            "NIST software statement (free use with notice)",
        )
        for label, size in _SIZES.items()
    }
    | {
        "smiles": RawFile(
            "valence-discovery/lapool",
            "08f1a81bd35c2b2b418c664c1de87d94a9e762c5",
            "data/qm9.csv",
            2_264_221,
            "f7cc792c3e8c066fabf0645d11d8e3e98a41f4c6b7b6bed1e5b6425e5251c133",
        ),
        "anchors": RawFile(
            "Shreyas-Bhat/MolPropPred",
            "7e92e9988f631b1618e90759f9e1fd4a6e5dc97e",
            "data/qm9_small.csv",
            3_406_601,
            "6a10c211b5d4759b1588b4a8dba4718a29e9fea48160a1f40e4a77148d29b6e9",
        ),
    },
    build=_build,
    num_rows=110_411,
    sha256="8594ebb587fc848abd1a7a123ee03f1acae9414769afa8bcbc020bf19f971792",
    description="twelve properties of molecules of up to nine atoms of C, N, O, F by B3LYP, without the smallest ones",
    license="labels: free use with notice; the list of SMILES states none",
    citation=(
        "Ramakrishnan et al., Sci. Data 1, 140022 (2014), doi 10.1038/sdata.2014.22; Choudhary et al., npj Comput. "
        "Mater. 10, 93 (2024), doi 10.1038/s41524-024-01259-w"
    ),
    seconds=120,
    kind="molecule",
    spelled=("smiles",),
)
