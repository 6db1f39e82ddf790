"""Measured properties of crystals, matched to the structures of the Materials Project.

A formula of whole amounts goes to its lowest polymorph, unless the source names another crystal. The tables of the
published results hold one column more, the number of polymorphs in a larger database.

Of the formation enthalpies those tables weighed some values of SSUB twice, since a copy of them was among the sources;
here each counts once, so the median of 291 of 2,319 formulas is another one (by less than 0.01 eV/atom for 191 of them,
by 0.22 at most). Two formulas are left out, B11Rh10 and Mg13Ag12, to which the source gives the crystals BRh and MgAg.
"""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd

from datamodules.recipes.mp_labels import read_pairs, reduced
from datamodules.recipes.raw_table import read_raw_csv
from gnn_sim2real.databases.recipe import Files, RawFile, TableRecipe

_KINDS = ("mpid", "formula_ground", "formula_other")
"""How a measurement found its crystal, the surest first."""

_WHOLE = 1e-6
"""An amount is a whole number if it is this close to one."""

ROOM = (290.0, 325.0)
"""Temperatures [K] at which a conductivity counts as one of 300 K."""

MAX_DENOMINATOR = 100
"""Of the fractions of a line compound."""


def is_whole(formula: str) -> bool:
    """Whether all amounts are whole numbers; an alloy, a doped crystal, or a text that is no formula, is not.

    Args:
        formula: What the source has.
    """
    from pymatgen.core.composition import Composition

    try:
        amounts = Composition(formula).get_el_amt_dict().values()
    except ValueError:
        return False
    return all(abs(amount - round(amount)) <= _WHOLE for amount in amounts)


class Matcher:
    """Finds the crystal of the Materials Project for a measured formula.

    Args:
        files: Files of the recipe, with the tables `mp_structures` and `mp_labels`.
    """

    def __init__(self, files: Files) -> None:
        columns = ["material_id", "reduced_formula", "nsites"]
        structures = pd.read_parquet(files["mp_structures"], columns=columns).set_index("material_id")
        self.labels = pd.read_parquet(files["mp_labels"]).set_index("material_id")
        self.nsites, self.formulas = structures["nsites"], structures["reduced_formula"]
        lowest = self.labels[self.labels["is_lowest_polymorph"]]
        self.ground = _first_of_formula(lowest.index, lowest["reduced_formula"])
        labels = self.labels.reindex(structures.index)
        is_ours = labels["is_lowest_polymorph"].eq(True)  # NaN: there is no label
        has_label = labels["band_gap_pbe"].notna() | labels["e_form_src"].eq("roost") | is_ours
        hull = labels["e_above_hull_mp_part"].fillna(9.0)  # after all that are known
        number = structures.index.str.partition("-").get_level_values(2).astype(int)
        order = np.lexsort((number, hull.to_numpy(), ~has_label.to_numpy()))
        self.other = _first_of_formula(structures.index[order], structures["reduced_formula"].iloc[order])

    def find(self, formula: str, given: str | None = None) -> tuple[str, str] | None:
        """The id and how it was found; None if there is no crystal, or the given id is one of another formula.

        Args:
            formula: Reduced formula.
            given: Id that the source gives.
        """
        if given is not None and given in self.nsites.index:
            return (given, "mpid") if self.formulas[given] == formula else None
        if (lowest := self.ground.get(formula)) in self.nsites.index:
            return str(lowest), "formula_ground"
        return (self.other[formula], "formula_other") if formula in self.other else None

    def merge(self, rows: pd.DataFrame, prefix: str, median: str) -> pd.DataFrame:
        """Match measurements and merge them by formula: median, range, number, and the crystal of the first.

        Args:
            rows: `formula`, reduced, and `value`; also `mpid` and `source` where there are.
            prefix: Of the columns with the range.
            median: Column of the median.
        """
        given = rows["mpid"] if "mpid" in rows else [None] * len(rows)
        found = [
            self.find(formula, name if isinstance(name, str) else None)
            for formula, name in zip(rows["formula"], given, strict=True)
        ]
        rows = rows.assign(found=pd.Series(found, index=rows.index, dtype=object)).dropna(subset=["found"])
        kinds = [kind for _, kind in rows["found"]]
        rows = rows.assign(rank=[_KINDS.index(kind) for kind in kinds]).sort_values("rank", kind="stable")
        groups = rows.groupby("formula", sort=True)
        values, first = groups["value"], groups["found"].first()
        table = {
            median: values.median(),
            f"{prefix}_min": values.min(),
            f"{prefix}_max": values.max(),
            "n_rows": values.size(),
            "material_id": first.str[0],
            "match_kind": first.str[1],
        }
        if "source" in rows:
            table["sources"] = groups["source"].agg(lambda names: "+".join(sorted(set(names))))
        return pd.DataFrame(table).rename_axis("reduced_formula").reset_index()

    def add(self, table: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
        """Add labels of the same crystal, and its number of sites.

        Args:
            table: With `material_id`.
            columns: New columns, each with that of the labels.
        """
        new = {name: self.labels[column].reindex(table["material_id"]).to_numpy() for name, column in columns.items()}
        return table.assign(**new, nsites=self.nsites.reindex(table["material_id"]).to_numpy())


def _first_of_formula(ids: "pd.Index[str]", formulas: "pd.Series[str]") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, formula in zip(ids, formulas, strict=True):
        found.setdefault(formula, name)
    return found


def _build_gap(files: Files) -> pd.DataFrame:
    raw = read_raw_csv(files["gaps"], ("gap expt",))
    raw = raw[[is_whole(formula) for formula in raw["formula"]]]
    matcher = Matcher(files)
    rows = pd.DataFrame({"formula": [reduced(each) for each in raw["formula"]], "value": raw["gap expt"]})
    table = matcher.merge(rows, "expt_gap", "expt_gap_eV_median")
    benchmark = read_raw_csv(files["matbench"], ("target",))
    benchmark = benchmark[[is_whole(formula) for formula in benchmark["formula"]]]
    medians = benchmark["target"].groupby([reduced(each) for each in benchmark["formula"]]).median()
    table["matbench_expt_gap_eV"] = medians.reindex(table["reduced_formula"]).to_numpy()
    return matcher.add(table, {"dft_gap_pbe_eV": "band_gap_pbe"})


def line_compound(formula: str) -> str:
    """Reduced formula of a compound whose amounts are decimal fractions, such as Ag0.66Sc0.33.

    Args:
        formula: Any formula.
    """
    from pymatgen.core.composition import Composition

    amounts = Composition(formula).get_el_amt_dict()
    total = sum(amounts.values())
    parts = {symbol: Fraction(value / total).limit_denominator(MAX_DENOMINATOR) for symbol, value in amounts.items()}
    common = int(np.lcm.reduce([part.denominator for part in parts.values()]))
    return reduced("".join(f"{symbol}{int(part * common)}" for symbol, part in parts.items()))


def _build_enthalpy(files: Files) -> pd.DataFrame:
    kim = read_raw_csv(files["kim"], ("e_form expt", "e_form mp")).dropna(subset=["e_form expt"])
    parts = [
        read_pairs(files, "ssub").assign(source="qmpy_ssub"),
        read_pairs(files, "iit").assign(source="qmpy_iit"),
        kim.rename(columns={"e_form expt": "value"})[["formula", "value", "mpid"]].assign(source="kim2017"),
    ]
    rows = pd.concat(parts, ignore_index=True)
    rows["formula"] = [reduced(each) if is_whole(each) else line_compound(each) for each in rows["formula"]]
    rows = rows[[not _is_element(formula) for formula in rows["formula"]]]
    matcher = Matcher(files)
    table = matcher.merge(rows, "expt_dHf", "expt_dHf_eV_atom_median")
    table = matcher.add(table, {"dft_e_form_eV_atom": "e_form", "dft_e_form_src": "e_form_src"})
    by_id = kim.dropna(subset=["mpid", "e_form mp"]).drop_duplicates("mpid").set_index("mpid")["e_form mp"]
    own = by_id.reindex(table["material_id"]).to_numpy()
    fills = table["dft_e_form_eV_atom"].isna().to_numpy() & ~np.isnan(own)
    table.loc[fills, "dft_e_form_eV_atom"] = own[fills]
    table.loc[fills, "dft_e_form_src"] = "kim2017_mp"
    return table


def _is_element(formula: str) -> bool:
    from pymatgen.core.composition import Composition

    return len(Composition(formula)) == 1


_SHEETS = {
    "estm": ("Formula", "temperature(K)", "thermal_conductivity(W/mK)"),
    "systEm_total": ("Pretty Formula", "Temperature (K)", "Total Thermal Conductivity (W/mK)"),
}
"""Formula, temperature and conductivity in the spreadsheets."""


def _build_kappa(files: Files) -> pd.DataFrame:
    names = ["formula", "temperature", "value"]
    citrine = read_raw_csv(files["citrine"], ("k_expt",)).rename(columns={"k_expt": "value"})
    starry = read_raw_csv(files["starry2019"], ("Temperature", "Thermal conductivity"))
    starry = starry[["composition", "Temperature", "Thermal conductivity"]]
    parts = [citrine.assign(temperature=300.0)[names].assign(source="citrine")]
    parts += [_read_sheet(files[name], columns).assign(source=name) for name, columns in _SHEETS.items()]
    parts += [starry.set_axis(names, axis=1).assign(source="starry2019")]
    rows = pd.concat(parts, ignore_index=True).dropna(subset=names)
    rows = rows[rows["temperature"].between(*ROOM)]
    rows = rows[[is_whole(formula) for formula in rows["formula"]]]
    rows["formula"] = [reduced(formula) for formula in rows["formula"]]
    matcher = Matcher(files)
    table = matcher.merge(rows, "expt_kappa", "expt_kappa_W_mK_median")
    simulated = pd.read_parquet(
        files["aflow_agl_ael"], columns=["reduced_formula", "agl_thermal_conductivity_300K", "mp_id_guess"]
    )
    is_other = ~simulated["mp_id_guess"].isin(set(matcher.ground.values()))
    simulated = simulated.iloc[np.argsort(is_other.to_numpy(), kind="stable")].drop_duplicates("reduced_formula")
    found = simulated.set_index("reduced_formula").reindex(table["reduced_formula"])
    table["agl_kappa_300K"] = found["agl_thermal_conductivity_300K"].to_numpy()
    table["agl_mp_guess"] = found["mp_id_guess"].to_numpy()
    return matcher.add(table, {})


def _read_sheet(file: Path, columns: tuple[str, str, str]) -> pd.DataFrame:
    table = pd.read_excel(file, keep_default_na=False, na_values=[""])[list(columns)]
    return table.set_axis(["formula", "temperature", "value"], axis=1)


_KIM_REPOSITORY = ("abhishekchopra0907/Material-Science-Project", "62bf9213728efe065facdc605221eb2ad220711c")
_QMPY = ("wolverton-research-group/qmpy", "dede5bdf4aa3ea1187a7bc273e86336c24aadb25")
_COLUMNS = {"n_rows": "dimensionless", "material_id": None, "match_kind": None}
_NEEDS = {
    "mp_structures": "crystal/mp_structures/mp_structures.parquet",
    "mp_labels": "crystal/mp_labels/mp_labels.parquet",
}

MEASURED_BAND_GAP = TableRecipe(
    name="measured_band_gap",
    relative_path="crystal/measured/expt_gap__mp.csv",
    columns={
        "reduced_formula": None,
        "expt_gap_eV_median": "eV",
        "expt_gap_min": "eV",
        "expt_gap_max": "eV",
        **_COLUMNS,
        "matbench_expt_gap_eV": "eV",
        "dft_gap_pbe_eV": "eV",
        "nsites": "dimensionless",
    },
    raw={
        "gaps": RawFile(
            *_KIM_REPOSITORY,
            "data/expt_gap.csv",
            112_040,
            "bc62bc4d35bf5cf7c3ce1e03dc8a1781a912bcc43f5f457edb358132eb19bfc4",
        ),
        "matbench": RawFile(
            "anthony-wang/CrabNet",
            "457b4d4835737ecbe4dd33e53174bd818bd82143",
            "data/matbench/expt_gap.csv",
            57_522,
            "3de82c37f1db3ab9bbd92366c96633f131913ded5db0969eb36216bdd11cef2f",
            "MIT",
        ),
    },
    build=_build_gap,
    num_rows=3_876,
    sha256="3a0bb3915df2c6598d57976faefef95ebff14a853d63a70e92ea8da8a92532b5",
    description="measured band gaps of formulas with a structure in the Materials Project, and its PBE gap",
    license="MIT in part (the Matbench column), else none stated",
    citation=(
        "Zhuo, Mansouri Tehrani, Brgoch, J. Phys. Chem. Lett. 9, 1668 (2018), doi 10.1021/acs.jpclett.8b00124; Dunn et "
        "al., npj Comput. Mater. 6, 138 (2020), doi 10.1038/s41524-020-00406-3"
    ),
    seconds=10,
    kind="crystal",
    tables=_NEEDS,
)

MEASURED_FORMATION_ENTHALPY = TableRecipe(
    name="measured_formation_enthalpy",
    relative_path="crystal/measured/expt_formation_enthalpy__mp.csv",
    columns={
        "reduced_formula": None,
        "expt_dHf_eV_atom_median": "eV/atom",
        "expt_dHf_min": "eV/atom",
        "expt_dHf_max": "eV/atom",
        **_COLUMNS,
        "sources": None,
        "dft_e_form_eV_atom": "eV/atom",
        "dft_e_form_src": None,
        "nsites": "dimensionless",
    },
    raw={
        "ssub": RawFile(
            *_QMPY,
            "qmpy/data/thermodata/ssub.dat",
            43_269,
            "72d98cfe965e1e1972cae8cc483fbe6cb2e4da19150584e86d01b2707ae0533e",
            "MIT",
        ),
        "iit": RawFile(
            *_QMPY,
            "qmpy/data/thermodata/iit.dat",
            23_136,
            "8192dca042ab0c674fb40e5d045235fe87bef5b62f5ea7fcddaf595269ec467e",
            "MIT",
        ),
        "kim": RawFile(
            *_KIM_REPOSITORY,
            "data/expt_formation_enthalpy.csv",
            69_843,
            "95ef0a0c112c32ddbe6e128c8f6b40d6ff0afacc36408e79253a32f5aad00ebf",
        ),
    },
    build=_build_enthalpy,
    num_rows=2_319,
    sha256="0c478821379f28be8c0e014f14905de77272fcde4c6277478bc2560cc078b432",
    description="measured formation enthalpies of formulas with a structure in the Materials Project, and its own",
    license="MIT in part (SSUB, IIT), else none stated",
    citation=(
        "Kirklin et al., npj Comput. Mater. 1, 15010 (2015), doi 10.1038/npjcompumats.2015.10; Kim et al., Sci. Data "
        "4, 170162 (2017), doi 10.1038/sdata.2017.162"
    ),
    seconds=10,
    kind="crystal",
    tables=_NEEDS,
)

MEASURED_THERMAL_CONDUCTIVITY = TableRecipe(
    name="measured_thermal_conductivity",
    relative_path="crystal/measured/expt_kappa300K__mp.csv",
    columns={
        "reduced_formula": None,
        "expt_kappa_W_mK_median": "W/(m K)",
        "expt_kappa_min": "W/(m K)",
        "expt_kappa_max": "W/(m K)",
        **_COLUMNS,
        "sources": None,
        "agl_kappa_300K": "W/(m K)",
        "agl_mp_guess": None,
        "nsites": "dimensionless",
    },
    raw={
        "citrine": RawFile(
            *_KIM_REPOSITORY,
            "data/citrine_thermal_conductivity.csv",
            6_595,
            "ea7c2b8b5f0e54fb193c575aa214d6fab344d8330c4ed6b82f1bd51e816169be",
        ),
        "estm": RawFile(
            "KRICT-DATA/SIMD",
            "72d597cb6fdf6b79f6ca86ff759f9136de5d66ef",
            "dataset/estm.xlsx",
            680_110,
            "f3853d4e25cc471e8e07734fd520ce27402d3a3da16fb5917a412d3cdf28b850",
        ),
        "systEm_total": RawFile(
            "tankylz/sysTEm_dataset",
            "2c36be5df906312b086a9122c6a2967ba8b4bb91",
            "sysTEm_dataset.xlsx",
            871_020,
            "32bd60388a685fd770dde1dc01627d38d7c9107d65de7645761f6b23b647aefe",
            "MIT",
        ),
        "starry2019": RawFile(
            "starrydata/starrydata_datasets",
            "b126c596c2ded204adeee2d217a194c098a7a96b",
            "datasets/20190711/20190711_preprocessing_interpolated_data.csv",
            3_738_357,
            "6a4bb037bf9111edd4bbcf1223eb244c5e374a2c45a22b7282b52285a41ba4ab",
        ),
    },
    build=_build_kappa,
    num_rows=176,
    sha256="803ad5980d45fd84a3cda3d061489736e09a1b3aa6e8e612aec6588abced02c6",
    description="measured thermal conductivity at 290 to 325 K of formulas with a structure, and that of AFLOW's AGL",
    license="MIT in part (sysTEm), else none stated",
    citation=(
        "Katsura et al., Sci. Technol. Adv. Mater. 20, 511 (2019), doi 10.1080/14686996.2019.1603885; Na and Chang, "
        "npj Comput. Mater. 8, 214 (2022), doi 10.1038/s41524-022-00897-2"
    ),
    seconds=20,
    kind="crystal",
    tables={**_NEEDS, "aflow_agl_ael": "crystal/aflow_agl_ael/aflow_agl_ael.parquet"},
)
