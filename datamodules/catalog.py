"""The files of public data sets, and the tables that a user brings; those that are made are in `recipes`.

Upstream files that may be fetched are pinned to a commit and a SHA-256. What is brought are values of PoLyInfo, whose
terms restrict redistribution, and tables whose values have no license and are therefore never downloaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class DataFile:
    """An unchanged upstream file.

    Args:
        name: Name in data modules.
        relative_path: Its path below the folder `$GNN_SIM2REAL_DATA`.
        url: Its address at a pinned commit.
        sha256: Its content.
        size: Its size [bytes].
        license: License of the upstream repository.
        citation: What to cite.
        description: What it contains, with units.
    """

    name: str
    relative_path: str
    url: str
    sha256: str
    size: int
    license: str
    citation: str
    description: str


@dataclass(frozen=True)
class OwnTable:
    """A table that the user brings.

    Args:
        name: Name in data modules.
        relative_path: Its path below the folder `$GNN_SIM2REAL_DATA`.
        columns: The required columns with their units; None for text.
        instruction: How to obtain it, in one sentence.
        license: License of what it is made of.
        citation: What to cite.
    """

    name: str
    relative_path: str
    columns: Mapping[str, str | None]
    instruction: str
    license: str = ""
    citation: str = ""


_RAW = "https://raw.githubusercontent.com"
_CHI_CITATION = (
    "Aoki et al., Macromolecules 56, 5446 (2023), doi 10.1021/acs.macromol.2c02600; measured values: Orwoll "
    "and Arnold, Physical Properties of Polymers Handbook, 2nd ed. (2007)"
)
_OWN_POLYINFO = "export it from your own access to NIMS PoLyInfo, whose terms restrict redistribution"

_DATA_FILES = (
    DataFile(
        name="radonpy_pi1070",
        relative_path="polymer/radonpy_pi1070/PI1070.csv",
        url=f"{_RAW}/RadonPy/RadonPy/648c9a492808339c9bb7ad2c1137e5a7b07614ca/data/PI1070.csv",
        sha256="4ee41d526db3d03eb5b83010672b4e63a4d51a114871a2187ca7fd57d30556a4",
        size=1_598_888,
        license="BSD-3-Clause",
        citation="Hayashi, Shiomi, Morikawa, Yoshida, npj Comput. Mater. 8, 222 (2022)",
        description=(
            "1,077 amorphous homopolymers by all-atom molecular dynamics at 300 K: density [g/cm^3], Cp and "
            "Cv [J/(kg K)], thermal conductivity [W/(m K)], moduli [Pa], expansion [1/K], refractive index"
        ),
    ),
    DataFile(
        name="refractive_index_gpt",
        relative_path="polymer/ri_gpt/forpub2.csv",
        url=f"{_RAW}/KanHatakeyama/RefractiveIndexGPT/0012be9d5b40c07508ed60a3ee322aa5bdc386a3/data/forpub2.csv",
        sha256="a76cc3cdcdd6852a618d45517a62da897365ab0d10c50810ccf7228b2f124f4f",
        size=58_415,
        license="MIT",
        citation="Hatakeyama-Sato et al., Digital Discovery 2, 1548 (2023)",
        description="44 polymers with measured refractive index, and descriptors",
    ),
    DataFile(
        name="chi_cosmo",
        relative_path="polymer/chi_mtl/data_COSMO.csv",
        url=(
            f"{_RAW}/yoshida-lab/MTL_ChiParameter/7d9a4d872af19e0025898a09118fb1847ae4171c/sample_data/data_COSMO.csv"
        ),
        sha256="6c303495159a3a15d342ef2b775b1e0312574a2a5dfc6ed1de55cb3cca629528",
        size=673_207,
        license="MIT",
        citation=_CHI_CITATION,
        description="1,206 Flory-Huggins chi of polymer-solvent pairs by COSMO-RS; temperature [degC]",
    ),
    DataFile(
        name="chi_measured",
        relative_path="polymer/chi_mtl/data_Chi.csv",
        url=(f"{_RAW}/yoshida-lab/MTL_ChiParameter/7d9a4d872af19e0025898a09118fb1847ae4171c/sample_data/data_Chi.csv"),
        sha256="cc8fbf4a100d3a5b2379c5bff5d495a68f61ffb4d04ce41d1f66650b1c80573d",
        size=731_956,
        license="MIT",
        citation=_CHI_CITATION,
        description="1,190 measured Flory-Huggins chi of polymer-solvent pairs; temperature [degC]",
    ),
)

_OWN_TABLES = (
    OwnTable(
        name="measured_density",
        relative_path="polymer/measured/density.csv",
        columns={"smiles": None, "density_g_cm3": "g/cm^3"},
        instruction=_OWN_POLYINFO,
    ),
    OwnTable(
        name="measured_tg",
        relative_path="polymer/measured/tg.csv",
        columns={"smiles": None, "tg_K": "K"},
        instruction=_OWN_POLYINFO,
    ),
    OwnTable(
        name="md_tg",
        relative_path="polymer/md_tg/md_tg.csv",
        columns={"smiles": None, "tg_K": "K"},
        instruction=(
            "make it from database/raw_csv/JCIM_sup_bigsmiles.csv of github.com/fate1997/polymon, which "
            "has no license, by adding 273.15 to its degC"
        ),
    ),
    OwnTable(
        name="cosmo_solvation",
        relative_path="molecule/solvation/cosmo_rs.csv",
        columns={"solvent": None, "solute": None, "dg_solv_kcal_mol": "kcal/mol"},
        instruction="make it from CombiSolv-QM of Vermeire and Green, Chem. Eng. J. 418, 129307 (2021)",
    ),
    OwnTable(
        name="measured_solvation",
        relative_path="molecule/solvation/measured.csv",
        columns={"solvent": None, "solute": None, "dg_solv_kcal_mol": "kcal/mol"},
        instruction="make it from CombiSolv-Exp of Vermeire and Green, Chem. Eng. J. 418, 129307 (2021)",
    ),
)

ENTRIES: dict[str, DataFile | OwnTable] = {entry.name: entry for entry in (*_DATA_FILES, *_OWN_TABLES)}
