"""Tables that come with the package, since their licenses allow it: `NOTICE.md` has each license and citation.

`docs/open_data.py` makes the files, and the page `docs/open_data.md` that shows them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class OpenTable:
    """A table of values, in the parquet file of its name.

    Args:
        name: Name in data modules.
        num_rows: Number of rows.
        columns: The columns with their units; None for text.
        license: License of the values.
        holder: Whose copyright the license names.
        citation: What to cite.
        origin: Where the values come from: repository, commit and file.
        description: What it contains, in one sentence.
        sha256: Content of the file.
    """

    name: str
    num_rows: int
    columns: Mapping[str, str | None]
    license: str
    holder: str
    citation: str
    origin: str
    description: str
    sha256: str

    @property
    def file(self) -> Path:
        """The file."""
        return Path(__file__).parent / f"{self.name}.parquet"


_CHI = (
    "Aoki et al., Macromolecules 56, 5446 (2023), doi 10.1021/acs.macromol.2c02600",
    "github.com/yoshida-lab/MTL_ChiParameter at 7d9a4d87, sample_data",
)
_VITRIMERS = (
    "Zheng et al., Adv. Sci. (2024), doi 10.1002/advs.202411385",
    "github.com/vashisth-lab/VitrimerVAE at f5c41b0b",
)
_MATERIALS_PROJECT = (
    "Jain et al., APL Mater. 1, 011002 (2013), doi 10.1063/1.4812323; Goodall and Lee, Nat. Commun. 11, 6280 (2020)"
)

_TABLES = (
    OpenTable(
        name="radonpy_pi1070",
        num_rows=1077,
        columns={
            "monomer_ID": None,
            "smiles": None,
            "density": "g/cm3",
            "Cp": "J/(kg K)",
            "Cv": "J/(kg K)",
            "thermal_conductivity": "W/(m K)",
            "thermal_diffusivity": "m2/s",
            "refractive_index": "",
            "bulk_modulus": "Pa",
            "compressibility": "1/Pa",
            "isentropic_bulk_modulus": "Pa",
            "isentropic_compressibility": "1/Pa",
            "volume_expansion": "1/K",
            "linear_expansion": "1/K",
            "self-diffusion": "m2/s",
            "Rg": "angstrom",
        },
        license="BSD-3-Clause",
        holder="2022 RadonPy developers",
        citation="Hayashi, Shiomi, Morikawa, Yoshida, npj Comput. Mater. 8, 222 (2022), doi 10.1038/s41524-022-00906-4",
        origin="github.com/RadonPy/RadonPy at 648c9a49, data/PI1070.csv",
        description="Amorphous polymers by all-atom molecular dynamics at 300 K and 1 atm; no dielectric constants",
        sha256="6824e3e4bb30b2705e7cd03ca4d35dcb41b5be4240a644ed383d9920d0359449",
    ),
    OpenTable(
        name="simpoly",
        num_rows=130,
        columns={"name": None, "smiles": None, "density_g_cm3": "g/cm3", "tg_K": "K"},
        license="MIT",
        holder="Microsoft Corporation",
        citation="SimPoly, arXiv 2510.13696",
        origin="github.com/microsoft/simpoly at da100ad3, src/simpoly/poly_arena/experiment/resources/data.csv",
        description="Measured densities of amorphous homopolymers at room temperature, and 86 glass transitions",
        sha256="4b9c5e4c6b1c6aa2e9fd1cc34f1d5e977a76d4a13f7f5e3bca12935e2eb000af",
    ),
    OpenTable(
        name="refractive_index_open",
        num_rows=38,
        columns={"name": None, "smiles": None, "refractive_index": "", "source": None},
        license="BSD-3-Clause (Spacier, 26 rows); CC0-1.0 (refractiveindex.info, 12 rows)",
        holder="2023 Spacier developers",
        citation=(
            "Nanjo et al., arXiv 2408.05135; Polyanskiy, Sci. Data 11, 94 (2024), doi 10.1038/s41597-023-02898-2"
        ),
        origin=(
            "github.com/s-nanjo/Spacier at 8e412879, Optical_Polymer_Dataset/Calibration.csv; "
            "github.com/polyanskiy/refractiveindex.info-database at ff11b589, at 589.3 nm"
        ),
        description="Measured refractive indices of 35 polymers at the sodium D line",
        sha256="90004fd41025c11ea39a1461befc2a8adff1e138b2ee97bd9b7ed28949198553",
    ),
    OpenTable(
        name="vitrimer_md_tg",
        num_rows=8424,
        columns={"smiles": None, "tg_md_K": "K", "tg_md_std_K": "K"},
        license="MIT",
        holder="2024 Yiwen Zheng",
        citation=_VITRIMERS[0],
        origin=f"{_VITRIMERS[1]}, MD/generation/tg.csv; repeat units made from acid and epoxide",
        description="Glass transitions of vitrimers by molecular dynamics",
        sha256="9a238eca1d21d4174b07f73895d99d14816e0800e085994d11d0c568d09913c3",
    ),
    OpenTable(
        name="homopolymer_md_tg",
        num_rows=295,
        columns={"name": None, "smiles": None, "tg_md_K": "K", "tg_md_std_K": "K"},
        license="MIT",
        holder="2024 Yiwen Zheng",
        citation=_VITRIMERS[0],
        origin=f"{_VITRIMERS[1]}, Calibration/tg_calibration.csv, without its measured column",
        description="Glass transitions of homopolymers by molecular dynamics, by the protocol of vitrimer_md_tg",
        sha256="b1989ff09d3a151888b0f6a6cebf91fe75543560a96dcb89ffd8bc1bda489b05",
    ),
    OpenTable(
        name="chi_cosmo",
        num_rows=1206,
        columns={"ps_pair": None, "temp": "degC", "chi": ""},
        license="MIT",
        holder="2022 yoshida-lab",
        citation=_CHI[0],
        origin=f"{_CHI[1]}/data_COSMO.csv",
        description="Flory-Huggins parameters of polymer-solvent pairs by COSMO-RS",
        sha256="31de93c2c818817ecf0149995d09456b85befa02e30c698208b2737c6e7a9556",
    ),
    OpenTable(
        name="chi_measured",
        num_rows=1190,
        columns={"ps_pair": None, "ps_pair_nonCyclic": None, "temp": "degC", "chi": ""},
        license="MIT",
        holder="2022 yoshida-lab",
        citation=f"{_CHI[0]}; Orwoll and Arnold, Physical Properties of Polymers Handbook, 2nd ed. (2007)",
        origin=f"{_CHI[1]}/data_Chi.csv",
        description="Measured Flory-Huggins parameters of polymer-solvent pairs",
        sha256="97d0a101c9651b80b86d7a2faf7a2556a6e50799837e88d78ad2f995d42c6013",
    ),
    OpenTable(
        name="mp_formulas",
        num_rows=86927,
        columns={"formula": None, "band_gap_eV": "eV", "formation_energy_eV_atom": "eV/atom"},
        license="CC BY 4.0",
        holder="The Materials Project",
        citation=_MATERIALS_PROJECT,
        origin="github.com/CompRhys/roost and others, as listed for mp_labels; the lowest polymorph of each formula",
        description="PBE band gaps and formation energies of formulas in the Materials Project",
        sha256="fa22e06b8144793c55e8cb736ab79dadee8ef6bec0c73521622b9a4a0de70910",
    ),
    OpenTable(
        name="obelix",
        num_rows=599,
        columns={
            "id": None,
            "part": None,
            "composition": None,
            "ionic_conductivity_S_cm": None,
            "space_group_number": "",
            "a": "angstrom",
            "b": "angstrom",
            "c": "angstrom",
            "alpha": "degree",
            "beta": "degree",
            "gamma": "degree",
            "family": None,
            "doi": None,
            "cif": None,
        },
        license="CC BY 4.0",
        holder="the authors of OBELiX",
        citation="Therrien et al., Digital Discovery (2026), arXiv 2502.14234",
        origin="github.com/NRC-Mila/OBELiX at 4eaac889, data/downloads: train.csv, test.csv and all_cifs.tar.gz",
        description=(
            "Measured ionic conductivities of lithium solid electrolytes at room temperature, 37 of them below a limit "
            "of detection, with the official split; 321 have a CIF, with random noise on the positions that keeps the "
            "symmetry"
        ),
        sha256="bfb2240c7c7eb6fd03fdb40e8df6da42457efba386f7cce29e5325f27e87f025",
    ),
    OpenTable(
        name="matbench_expt_gap",
        num_rows=4604,
        columns={"composition": None, "gap_eV": "eV", "mp_gap_eV": "eV", "mp_formation_energy_eV_atom": "eV/atom"},
        license="MIT (measured values); CC BY 4.0 (columns mp_)",
        holder="2021 Hacking Materials Research Group",
        citation=(
            "Zhuo, Mansouri Tehrani, Brgoch, J. Phys. Chem. Lett. 9, 1668 (2018), doi 10.1021/acs.jpclett.8b00124; "
            f"Dunn et al., npj Comput. Mater. 6, 138 (2020), doi 10.1038/s41524-020-00406-3; {_MATERIALS_PROJECT}"
        ),
        origin=(
            "github.com/materialsproject/matbench at 936176db, scripts/artifacts/matbench_expt_gap.json.bz2; columns "
            "mp_ by formula from mp_formulas"
        ),
        description="Measured band gaps of compositions, with the simulated gap and formation energy of 78 % of them",
        sha256="f67ee2be55cfac8ac13071dc9d22ed4d672d6252af9afcc24d700e6f8a0e127a",
    ),
)

OPEN_TABLES: dict[str, OpenTable] = {each.name: each for each in _TABLES}
