"""Electron affinity and ionization potential of conjugated copolymers, computed."""

import pandas as pd

from datamodules.recipes.raw_table import read_raw_csv
from gnn_sim2real.databases.recipe import Files, RawFile, TableRecipe

_BETWEEN = ("1-3", "1-4", "2-3", "2-4")
"""Ends of the two units: those of A are 1 and 2, those of B 3 and 4."""

_ARCHITECTURES = {1.0: "alternating", 0.2: "block", 0.4: "random"}
"""Kind of chain by the share of bonds that join A and B, as the weights of the edges have it."""

_SIZES = (
    (1_134_288, "f9a025f0c08e346bff7879869996e10f30ab2ab8d865c2e29bce2061dfd361be"),
    (1_202_075, "064459c6c7758d13825f32405b53a59dfdd32cb64da67d729eb5c63eb6d1d201"),
    (1_159_656, "3e151dec4094c2edcb92a7a9e92d9db0f0ae823670e41aa9a90ed15d6a02bd64"),
    (1_115_536, "a54a8df0df6e6e7a12dcbc067c925d2cc34b1f41105e6ec64da45536d76ca43a"),
    (1_192_545, "877579ca10a68c9b0d1d5d45c22ee2e11e9fa9ad9f9abd81dd470e00f91a5e1f"),
    (1_140_944, "4e83b99e2fdb2e0321bbe3b3b34834a1c478f678ec49a9f17e53c3c0cafbb244"),
    (1_211_577, "85bff93224a6560d5005912600e9dd73135a0835110e428556b65225f42cb731"),
    (1_164_022, "ac08919a612c33d2dc9730d02b49a10f6efaad927571a662efe9f4fda356f3b6"),
    (1_220_398, "30b9f45d775bd69ec09835b31eea83afd7a225d75925d632b18c6901d88e4b48"),
)
"""Size and SHA-256 of the nine test parts, which together are the whole set."""


def alternating_unit(first: str, second: str) -> str:
    """The repeat unit of A-B-A-B: the second end of A bonds to the first of B.

    Args:
        first: Repeat unit of A.
        second: Repeat unit of B.
    """
    from rdkit import Chem

    molecule = Chem.RWMol(Chem.CombineMols(Chem.MolFromSmiles(first), Chem.MolFromSmiles(second)))
    _, end, start, _ = (atom for atom in molecule.GetAtoms() if atom.GetAtomicNum() == 0)
    (last,), (next_,) = end.GetNeighbors(), start.GetNeighbors()
    molecule.AddBond(last.GetIdx(), next_.GetIdx(), Chem.BondType.SINGLE)
    for atom in sorted((end.GetIdx(), start.GetIdx()), reverse=True):
        molecule.RemoveAtom(atom)
    Chem.SanitizeMol(molecule)
    return str(Chem.MolToSmiles(molecule))


def _read(text: str) -> tuple[str, str, float, float, str, float]:
    """Take one row apart: units, their fractions, architecture, share of bonds between A and B."""
    units, fraction_a, fraction_b, edges = text.split("|", 3)
    first, second = units.split(".")
    weights = [edge.split(":") for edge in edges.split("<") if edge]
    crossing = sum(float(weight) for ends, weight, _ in weights if ends in _BETWEEN)
    share = crossing / sum(float(weight) for _, weight, _ in weights)
    plain = (unit.replace("[*:1]", "*").replace("[*:2]", "*") for unit in (first, _renumber(second)))
    return (*plain, float(fraction_a), float(fraction_b), _ARCHITECTURES[round(share, 6)], round(share, 6))  # type: ignore[return-value]


def _renumber(unit: str) -> str:
    return unit.replace("[*:3]", "[*:1]").replace("[*:4]", "[*:2]")


def build_parts(files: Files) -> pd.DataFrame:
    """The rows of some of the nine parts.

    Args:
        files: The parts; the rows keep their order.
    """
    ea, ip = "EA vs SHE (eV)", "IP vs SHE (eV)"
    raw = pd.concat([read_raw_csv(file, (ea, ip)) for file in files.values()], ignore_index=True)
    names = ["a_smiles", "b_smiles", "fraction_a", "fraction_b", "architecture", "cross_link_fraction"]
    table = pd.DataFrame([_read(text) for text in raw["poly_chemprop_input"]], columns=names)
    table["repeat_unit_if_alternating"] = [
        alternating_unit(first, second) if kind == "alternating" else None
        for first, second, kind in zip(table["a_smiles"], table["b_smiles"], table["architecture"], strict=True)
    ]
    return table.assign(ea_vs_she_eV=raw[ea], ip_vs_she_eV=raw[ip])


COPOLYMER_EA_IP = TableRecipe(
    name="copolymer_ea_ip",
    relative_path="polymer/copolymer_ea_ip/copolymer_ea_ip.parquet",
    columns={
        "a_smiles": None,
        "b_smiles": None,
        "fraction_a": "dimensionless",
        "fraction_b": "dimensionless",
        "architecture": None,
        "cross_link_fraction": "dimensionless",
        "repeat_unit_if_alternating": None,
        "ea_vs_she_eV": "eV",
        "ip_vs_she_eV": "eV",
    },
    raw={
        f"part_{number}": RawFile(
            "coleygroup/polymer-chemprop-data",
            "2af92df9560c9f1caf6ddc8a71e2290768a71674",
            f"results/vipea/cv9-monomer/polymer/input_test_{number}.csv",
            size,
            sha256,
            "MIT",
        )
        for number, (size, sha256) in enumerate(_SIZES)
    },
    build=build_parts,
    num_rows=42_966,
    sha256="415ddaecded176b34a005b23a8512f8e4bf882e10a25cd0b2ad7cb55c070525e",
    description=(
        "electron affinity and ionization potential against the standard hydrogen electrode of alternating, block and "
        "random copolymers, by xTB calibrated to DFT"
    ),
    license="MIT",
    citation="Aldeghi and Coley, Chem. Sci. 13, 10486 (2022), doi 10.1039/D2SC02839E",
    seconds=20,
    kind="mixture",
    spelled=("repeat_unit_if_alternating",),
    note="There are nine units A only: split by A or by B, never by row.",
)
