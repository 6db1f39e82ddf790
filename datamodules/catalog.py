"""The files of public data sets, and the tables that a user brings.

Upstream files that may be fetched are pinned to a commit and a SHA-256. Everything else is brought: tables
made from several upstream files, and values of PoLyInfo, whose terms restrict redistribution and which are
therefore never downloaded.
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
    """A table that the user brings, or makes with the recipe of its name.

    Args:
        name: Name in data modules.
        relative_path: Its path below the folder `$GNN_SIM2REAL_DATA`.
        columns: The required columns with their units; None for text.
        instruction: How to obtain it, in one sentence.
        license: License of what it is made of.
        citation: What to cite.
        size: Size [bytes] of the table used for the published results; 0 if it is not published.
        sha256: Its content.
    """

    name: str
    relative_path: str
    columns: Mapping[str, str | None]
    instruction: str
    license: str = ""
    citation: str = ""
    size: int = 0
    sha256: str = ""


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
        name="mp_structures",
        relative_path="crystal/mp_structures/mp_structures.parquet",
        columns={
            "material_id": None,
            "a": "angstrom",
            "b": "angstrom",
            "c": "angstrom",
            "alpha": "degree",
            "beta": "degree",
            "gamma": "degree",
            "species": None,
            "frac_e8": "dimensionless",
        },
        instruction=(
            "make it from crystals of the Materials Project (CC BY 4.0), species separated by spaces and "
            "fractional coordinates times 1e8 as one flat list of int32"
        ),
        license="CC BY 4.0",
        citation="Jain et al., APL Mater. 1, 011002 (2013); Coudert, ChemRxiv 2024-gsk41",
        size=34_058_311,
        sha256="146010cb4b6b854c4f523d2e57df92f17ade17c6289663baca6d69f360864f6d",
    ),
    OwnTable(
        name="mp_labels",
        relative_path="crystal/mp_labels/mp_labels.parquet",
        columns={"material_id": None, "reduced_formula": None, "band_gap_pbe": "eV", "e_form": "eV/atom"},
        instruction="make it from PBE labels of the Materials Project (CC BY 4.0), one row per material_id",
        license="CC BY 4.0",
        citation="Jain et al., APL Mater. 1, 011002 (2013); Goodall and Lee, Nat. Commun. 11, 6280 (2020)",
        size=2_765_589,
        sha256="6731dd901b492b75045a319b01b5bb00b863f0d9e176d9d6a9adede414c76961",
    ),
    OwnTable(
        name="aflow_agl_ael",
        relative_path="crystal/aflow_agl_ael/aflow_agl_ael.parquet",
        columns={
            "species": None,
            "frac_e8": "dimensionless",
            "agl_thermal_conductivity_300K": "W/(m K)",
            "agl_thermal_expansion_300K": "1/K",
            "ael_debye_temperature": "K",
            "ael_bulk_modulus_vrh": "GPa",
            "ael_shear_modulus_vrh": "GPa",
        },
        instruction="make it from the AGL and AEL properties of aflow.org, cells as in mp_structures",
        license="Apache-2.0 (the copy); AFLOW data: free for academic use, cite",
        citation="Toher et al., Phys. Rev. B 90, 174107 (2014); Phys. Rev. Materials 1, 015401 (2017)",
        size=748_242,
        sha256="147d74aa27a97ef113a60b17b5870880604d1632beac2c4d21a4ae7b2126c61c",
    ),
    OwnTable(
        name="measured_band_gap",
        relative_path="crystal/measured/expt_gap__mp.csv",
        columns={"reduced_formula": None, "expt_gap_eV_median": "eV", "material_id": None},
        instruction=(
            "match measured gaps, e.g. those of Zhuo et al., J. Phys. Chem. Lett. 9, 1668 (2018), to the "
            "lowest polymorph of their formula in the Materials Project"
        ),
        license="MIT in part (the Matbench column), else none stated",
        citation="Zhuo et al., J. Phys. Chem. Lett. 9, 1668 (2018); Dunn et al., npj Comput. Mater. 6, 138 (2020)",
        size=254_816,
        sha256="0264690288f7c54151f34a4cecb009d4676c2bba76083c76244e4d79422126ee",
    ),
    OwnTable(
        name="measured_formation_enthalpy",
        relative_path="crystal/measured/expt_formation_enthalpy__mp.csv",
        columns={"reduced_formula": None, "expt_dHf_eV_atom_median": "eV/atom", "material_id": None},
        instruction=(
            "match measured enthalpies, e.g. those of Kim et al., Sci. Data 4, 170162 (2017), to the "
            "lowest polymorph of their formula in the Materials Project"
        ),
        license="MIT in part (SSUB, IIT), else none stated",
        citation="Kirklin et al., npj Comput. Mater. 1, 15010 (2015); Kim et al., Sci. Data 4, 170162 (2017)",
        size=297_224,
        sha256="6d9dd1aefd20243c08a181204f0b5bc3090244a163c6a1add8022fa28e380329",
    ),
    OwnTable(
        name="measured_tc",
        relative_path="crystal/measured/expt_Tc_3dsc_exact__mp.csv",
        columns={"formula": None, "expt_Tc_K_median": "K", "material_id": None, "is_lowest_polymorph": None},
        instruction="make it from 3DSC_MP of Sommer et al., Sci. Data 10, 816 (2023), undoped entries only",
        license="CC BY 4.0",
        citation="Sommer et al., Sci. Data 10, 816 (2023); Stanev et al., npj Comput. Mater. 4, 29 (2018)",
        size=246_504,
        sha256="c583fab226d4d7b0097e0f7b808a8a32fdf399222868fa06b9030250e87d394e",
    ),
    OwnTable(
        name="measured_thermal_conductivity",
        relative_path="crystal/measured/expt_kappa300K__mp.csv",
        columns={"reduced_formula": None, "expt_kappa_W_mK_median": "W/(m K)", "material_id": None},
        instruction=(
            "match measured conductivities at 300 K, e.g. those of Katsura et al., Sci. Technol. Adv. "
            "Mater. 20, 511 (2019), to the lowest polymorph of their formula in the Materials Project"
        ),
        license="MIT in part (sysTEm), else none stated",
        citation=(
            "Katsura et al., Sci. Technol. Adv. Mater. 20, 511 (2019); Na and Chang, npj Comput. Mater. 8, 214 (2022)"
        ),
        size=16_153,
        sha256="fd9531e8bde878c27536354296a733c5b6f631bcb85a9a1b1c48b4ae6dea5936",
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
    OwnTable(
        name="md_liquids",
        relative_path="molecule/liquids/md_298K.csv",
        columns={"smiles": None, "density_g_cm3": "g/cm^3", "cohesive_energy_kJ_mol": "kJ/mol"},
        instruction=(
            "make it from data/All-npt_rand.txt of github.com/z-gong/mdlearn (LGPL-2.1) by a straight "
            "line in temperature, read off at 298.15 K"
        ),
    ),
    OwnTable(
        name="measured_liquid_density",
        relative_path="molecule/liquids/measured_density.csv",
        columns={"smiles": None, "density_g_cm3": "g/cm^3", "tm_K": "K"},
        instruction=(
            "make it from the CRC table in github.com/CalebBell/chemicals (MIT), chemicals/Misc, with "
            "SMILES by CAS number"
        ),
    ),
    OwnTable(
        name="measured_boiling_point",
        relative_path="molecule/liquids/measured_boiling_point.csv",
        columns={"smiles": None, "tb_K": "K"},
        instruction=(
            "make it from the CRC table in github.com/CalebBell/chemicals (MIT), chemicals/Misc, with "
            "SMILES by CAS number"
        ),
    ),
    OwnTable(
        name="qm9",
        relative_path="molecule/qm9/qm9.parquet",
        columns={
            "smiles": None,
            "dipole_D": "debye",
            "polarizability_bohr3": "bohr^3",
            "homo_Ha": "hartree",
            "lumo_Ha": "hartree",
            "gap_Ha": "hartree",
            "zpve_Ha": "hartree",
            "u0_atomization_kcal_mol": "kcal/mol",
            "u298_atomization_kcal_mol": "kcal/mol",
            "h298_atomization_kcal_mol": "kcal/mol",
            "g298_atomization_kcal_mol": "kcal/mol",
            "cv_cal_molK": "cal/(mol K)",
            "hf298_kJ_mol": "kJ/mol",
        },
        instruction="make it with `gnn-sim2real data make qm9`",
        license="labels: free use with notice (NIST software statement); the list of SMILES states none",
        citation=(
            "Ramakrishnan et al., Sci. Data 1, 140022 (2014), doi 10.1038/sdata.2014.22; Choudhary et al., npj Comput. "
            "Mater. 10, 93 (2024), doi 10.1038/s41524-024-01259-w"
        ),
    ),
    OwnTable(
        name="htpmd_conductivity",
        relative_path="polymer/htpmd_conductivity/htpmd_conductivity.csv",
        columns={"smiles": None, "conductivity_S_cm": "S/cm"},
        instruction="make it with `gnn-sim2real data make htpmd_conductivity`",
        license="CC0 1.0",
        citation=(
            "Xie et al., Nat. Commun. 13, 3415 (2022), doi 10.1038/s41467-022-30994-1; Khajeh et al., arXiv 2312.04013"
        ),
    ),
    OwnTable(
        name="copolymer_ea_ip",
        relative_path="polymer/copolymer_ea_ip/copolymer_ea_ip.parquet",
        columns={"repeat_unit_if_alternating": None, "ea_vs_she_eV": "eV", "ip_vs_she_eV": "eV"},
        instruction="make it with `gnn-sim2real data make copolymer_ea_ip`",
        license="MIT",
        citation="Aldeghi and Coley, Chem. Sci. 13, 10486 (2022), doi 10.1039/D2SC02839E",
    ),
)

ENTRIES: dict[str, DataFile | OwnTable] = {entry.name: entry for entry in (*_DATA_FILES, *_OWN_TABLES)}
