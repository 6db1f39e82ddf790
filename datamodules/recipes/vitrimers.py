"""Glass transitions by molecular dynamics: vitrimers, and the homopolymers by which they were calibrated."""

from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

from datamodules.recipes.raw_table import read_raw_csv
from gnn_sim2real.databases.recipe import Files, RawFile, TableRecipe

if TYPE_CHECKING:
    from rdkit.Chem.rdChemReactions import ChemicalReaction

_COMMIT = "f5c41b0b40cd76ddbe5e2ebf0d1342f7edab10a2"
_REPOSITORY = "vashisth-lab/VitrimerVAE"
_CITATION = "Zheng et al., Adv. Sci. (2025), doi 10.1002/advs.202411385"

_STEPS = (
    "[C:1](=[O:2])[OX2H1:3].[CH2:4]1[O:5][CH1:6]1>>[C:1](=[O:2])[O:3][CH2:4][CH1:6][O:5]",  # acid opens epoxide
    "[C:1](=[O:2])[OX2H1:3]>>[C:1](=[O:2])[O:3]*",  # the other acid group is where the chain goes on
    "[CH2:4]1[O:5][CH1:6]1>>*[CH2:4][CH1:6][O:5]",  # and so is the other epoxide group
)
"""Reactions that make a repeat unit of a diacid and a diepoxide."""


def repeat_unit(acid: str, epoxide: str) -> str:
    """The repeat unit of a beta-hydroxy ester: the ring opens at its CH2.

    Where the two halves of a monomer differ there are up to four; the last one in the alphabet stands for them.

    Args:
        acid: SMILES of the diacid.
        epoxide: SMILES of the diepoxide.
    """
    from rdkit import Chem

    units: list[tuple[Chem.Mol, ...]] = [(Chem.MolFromSmiles(acid), Chem.MolFromSmiles(epoxide))]
    for reaction in _reactions():
        products: dict[str, tuple[Chem.Mol, ...]] = {}
        for reactants in units:
            for (product,) in reaction.RunReactants(reactants):
                Chem.SanitizeMol(product)
                products[Chem.MolToSmiles(product)] = (product,)
        units = list(products.values())
    return max(products)


@cache
def _reactions() -> "list[ChemicalReaction]":
    from rdkit.Chem.rdChemReactions import ReactionFromSmarts

    return [ReactionFromSmarts(step) for step in _STEPS]


def _build_vitrimers(files: Files) -> pd.DataFrame:
    simulated = read_raw_csv(files["simulated"], ("tg", "std"))
    calibrated = read_raw_csv(files["calibrated"], ("tg",)).rename(columns={"tg": "tg_calibrated_K"})
    table = simulated.merge(calibrated, on=["acid", "epoxide"], how="left", validate="one_to_one")
    table = table.rename(columns={"tg": "tg_md_K", "std": "tg_md_std_K"})
    smiles = [repeat_unit(*pair) for pair in zip(table["acid"], table["epoxide"], strict=True)]
    table.insert(0, "smiles", smiles)
    return table


def _build_homopolymers(files: Files) -> pd.DataFrame:
    names = {"tg_exp": "tg_measured_K", "tg_md": "tg_md_K", "std": "tg_md_std_K"}
    return read_raw_csv(files["pairs"], tuple(names)).rename(columns=names)


VITRIMER_MD_TG = TableRecipe(
    name="vitrimer_md_tg",
    relative_path="polymer/vitrimer_md_tg/vitrimer_md_tg.parquet",
    columns={
        "smiles": None,
        "acid": None,
        "epoxide": None,
        "tg_md_K": "K",
        "tg_md_std_K": "K",
        "tg_calibrated_K": "K",
    },
    raw={
        "simulated": RawFile(
            _REPOSITORY,
            _COMMIT,
            "MD/generation/tg.csv",
            917_247,
            "2adcfde0265f83173c9d170a5608cee8ae88b127f744c99f0d01a7b58030b09c",
            "MIT",
        ),
        "calibrated": RawFile(
            _REPOSITORY,
            _COMMIT,
            "Calibration/tg_vitrimer_calibrated.csv",
            930_928,
            "3b79d4902ad85366e79721be777c109687ebee0c1f6c901e881dfe4765e6dd4b",
            "MIT",
        ),
    },
    build=_build_vitrimers,
    num_rows=8_424,
    sha256="8655ceca30ed1fd5ff73b024b9e67b74a0d66116a2a5ab6ebb900d9ce70f6435",
    description=(
        "glass transition of vitrimers by molecular dynamics, with its spread over replicates; tg_calibrated_K is "
        "the authors' correction by a Gaussian process, neither simulated nor measured"
    ),
    license="MIT",
    citation=_CITATION,
    seconds=90,
    spelled=("smiles",),
)

HOMOPOLYMER_MD_TG = TableRecipe(
    name="homopolymer_md_tg",
    relative_path="polymer/vitrimer_md_tg/homopolymer_tg_pairs.csv",
    columns={"name": None, "smiles": None, "tg_measured_K": "K", "tg_md_K": "K", "tg_md_std_K": "K"},
    raw={
        "pairs": RawFile(
            _REPOSITORY,
            _COMMIT,
            "Calibration/tg_calibration.csv",
            23_515,
            "18ac296b6cc11dc9702597c4570491b86b76a0955340c26855bbda6b5282e301",
            "MIT",
        )
    },
    build=_build_homopolymers,
    num_rows=295,
    sha256="d4dc370fa7cf796e09d3186f3887f766260812bea4f99012bfdeeec645e99759",
    description="glass transition of homopolymers by molecular dynamics, beside the measured one",
    license="MIT; the measured values are those of a handbook that states no license",
    citation=_CITATION,
)
