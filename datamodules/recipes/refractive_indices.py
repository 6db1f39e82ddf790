"""Measured refractive indices of polymers whose licenses allow anything: Spacier's set and refractiveindex.info."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from datamodules.recipes.raw_table import read_raw_csv
from gnn_sim2real.databases.recipe import Files, RawFile, TableRecipe

WAVELENGTH = 0.5893
"""Sodium D line [um], to which an index without another wavelength refers."""


@dataclass(frozen=True)
class _Polymer:
    """A polymer of refractiveindex.info, its repeat unit, and the pages (size, SHA-256) that cover the D line."""

    name: str
    smiles: str
    pages: Mapping[str, tuple[int, str]]
    folder: str = "organic"


_POLYMERS = (
    _Polymer(
        "(C5H8O2)n - poly(methyl methacrylate)",
        "*CC(*)(C)C(=O)OC",
        pages={
            "Beadie": (720, "b7175841d460e8b96ab87dc61c6902856765079297d40157c34b37a9c4fb2816"),
            "Bodurov": (648, "520ad730290166688bc2cb9ff717d354fec711fbd8d7c15547f70c186dd33643"),
            "Sultanova": (646, "7ab2a92e75476c29702210d50be32b1c12840557f735d808c2d651153de953ea"),
            "Szczurowski": (591, "84dfdc6a162d0d863b3dadef99c8a01dc4235bc870ee012726f30d8d7b99f752"),
            "Zhang-Mitsubishi": (20_249, "df9b6d00e9fb685aed0a7195945d99c59f2e6039a5a6a966067e8ba49775658e"),
            "Zhang-Tomson": (20_245, "334f57016d16170edbae60ccac44390f6b002f2aef1925a365398de0aad2ccf0"),
        },
    ),
    _Polymer(
        "(C16H14O3)n - polycarbonate",
        "*Oc1ccc(cc1)C(C)(C)c1ccc(cc1)OC(*)=O",
        pages={
            "Sultanova": (646, "61cc07f568cafb8f6150053b08c9a9f98d9ce2da2e938264994766e3577d80e3"),
            "Zhang": (20_256, "d54871429ba49ff949cfb1ad6a80780cd6749983e43c12bca1fdf5ed57779564"),
        },
    ),
    _Polymer(
        "(C37H24O6N2)n - polyetherimide",
        "*c1cccc(c1)N1C(=O)c2ccc(cc2C1=O)Oc1ccc(cc1)C(C)(C)c1ccc(cc1)Oc1ccc2c(c1)C(=O)N(*)C2=O",
        pages={
            "Zhang": (20_266, "3951f505c97c6480c771e1731f3a5670a75a64a3d4f6fa913b42d295502d2aac"),
        },
    ),
    _Polymer(
        "(C3H4O2)n - polylactic acid",
        "*OC(C)C(*)=O",
        pages={
            "Bodurov": (654, "9b2c8cc44cbe6e93b8fb092b2448d5d18b2072f14ef05d6d0386e701c836b3c2"),
        },
    ),
    _Polymer(
        "(C10H8O4)n - polyethylene terephthalate",
        "*OCCOC(=O)c1ccc(cc1)C(*)=O",
        pages={
            "Zhang": (20_265, "685cec3641a69cf04b6b0bca410b0e4440b23eda36663b455f45610957070497"),
        },
    ),
    _Polymer(
        "(C6H11NO)n - poly(N-isopropylacrylamide)",
        "*CC(*)C(=O)NC(C)C",
        pages={
            "Brasse": (24_218, "7ef43a06229754596faf9e553355d478a2fcc80b7cc32933128458c1dd024d81"),
        },
    ),
    _Polymer(
        "(C2H3Cl)n - polyvinyl chloride",
        "*CC(*)Cl",
        pages={
            "Zhang": (20_262, "e0fcb0871c21daa74e5cf75a6d19d0f8334ce99df61f95eccab317f8fbd8e4e4"),
        },
    ),
    _Polymer(
        "(C6H9NO)n - polyvinylpyrrolidone",
        "*CC(*)N1CCCC1=O",
        pages={
            "Konig": (2_038, "bab56a63b8e74f8d3a3a748a888a86f37a3930cfd3bc3cecf9adf487711988f0"),
        },
    ),
    _Polymer(
        "(C2H4O)n - polyvinyl alcohol",
        "*CC(*)O",
        pages={
            "Bodurov": (648, "f04bd76f9c40ee3e2a0c8c6964924ee8c0690c213b53f920332cc83638c20e06"),
            "Schnepf": (735, "9c8e6eaded51eabbdeab1d876cb1f0c60664c017a8de6de7a75dd23495b7f122"),
        },
    ),
    _Polymer(
        "(C8H8)n - polystyrene",
        "*CC(*)c1ccccc1",
        pages={
            "Sultanova": (646, "7e6c27475da34c102fe2a6c9a8b89a8781869c5804543998c68f6a68ed5eaf14"),
            "Zhang": (20_264, "115b9d6193b53e1bb5393397da39058db0687f896ad3836bce886e97e20638f3"),
        },
    ),
    _Polymer(
        "(C2H6OSi)n - polydimethylsiloxane",
        "*O[Si](*)(C)C",
        pages={
            "Gupta-UV": (13_939, "569603abebcf92e1788ffff819fb4b02b0e000bf1adcafaa1417347e687a786c"),
            "Gupta": (24_188, "b3e159d36677a71e7bbccf90e404b57130bd6cd983d60f76d2e655ff80c64962"),
            "Schneider-RTV615": (583, "c600b47ee65609fa0543142f1ea74739c8b5497eed302cc1e60adf17a8ce1018"),
            "Schneider-Sylgard184": (560, "f0571e44483bf2d9c381134cf7b147c7855989c160d018b25daadad183f3b79e"),
            "Zhang-10-1": (20_296, "668c7bfe5178be5f5808087fd2dd294d9d5b6b5a1c5672d241f7f15dfb7d3a2d"),
            "Zhang-15-1": (20_296, "c645be8dc930eb926f97171ad888dda36bae091cab38c62d551f769904266a8b"),
            "Zhang-20-1": (20_296, "8caf992c2f85e14550b555b7bd87458062ce82f4b680ff846647b89fb2813928"),
            "Zhang-5-1": (20_295, "e03587cd31abe9dd99aafa193b587cd79e05f97a40fb4fc95fee291b9a39ad00"),
        },
    ),
    _Polymer(
        "Kapton",
        "*c1ccc(cc1)Oc1ccc(cc1)N1C(=O)c2cc3c(cc2C1=O)C(=O)N(*)C3=O",
        folder="other/commercial polymers",
        pages={
            "Arakawa": (7_806, "b1e911e2c74fb9cf55a2e50612e7b1d99c1c60a52739070d69d5c80f25653bfe"),
            "French": (8_623, "a214509469e0b372bb43145ac8fcbf7f57857ce6215926c6d51015335d582806"),
            "Kumar": (1_869, "fec042bdc110cc410f8584da3399af09ffedcd98942275cba2b0027ce355bf37"),
        },
    ),
)
"""In the order of the table."""


_SPACIER_NUMBERS = "radonpy_refractive_index", "radonpy_abbe_number", "exp_refractive_index", "exp_abbe_number"


def index_at(entries: list[dict[str, Any]], wavelength: float) -> float:
    """Refractive index by the first entry of a page that covers a wavelength.

    The dispersion formulas are numbered as in "Dispersion formulas" of https://refractiveindex.info.

    Args:
        entries: `DATA` of the page.
        wavelength: Wavelength [um].

    Raises:
        ValueError: If no entry covers it.
    """
    for entry in entries:
        kind = str(entry["type"])
        if kind.startswith("tabulated n"):
            table = np.array([line.split() for line in entry["data"].splitlines()], dtype=float)
            if table[0, 0] <= wavelength <= table[-1, 0]:
                return float(np.interp(wavelength, table[:, 0], table[:, 1]))
        elif kind.startswith("formula"):
            lowest, highest = map(float, str(entry["wavelength_range"]).split())
            if lowest <= wavelength <= highest:
                first, *rest = map(float, str(entry["coefficients"]).split())
                pairs = list(zip(rest[::2], rest[1::2], strict=True))
                return _index_by_formula(int(kind.split()[1]), first, pairs, wavelength)
    raise ValueError(f"no entry covers {wavelength} um")


def _index_by_formula(number: int, first: float, pairs: list[tuple[float, float]], wavelength: float) -> float:
    square = wavelength**2
    if number in (1, 2):  # Sellmeier; the second with the squares of the resonances
        resonances = [(each, place**2 if number == 1 else place) for each, place in pairs]
        return float((1 + first + sum(each * square / (square - place) for each, place in resonances)) ** 0.5)
    if number in (3, 5):  # polynomial of n^2; Cauchy's of n
        total = first + sum(each * wavelength**power for each, power in pairs)
        return float(total**0.5 if number == 3 else total)
    raise ValueError(f"the dispersion formula {number} is not known")


def _build(files: Files) -> pd.DataFrame:
    import yaml

    spacier = read_raw_csv(files["spacier"], _SPACIER_NUMBERS).rename(
        columns={"monomer_ID": "name", "exp_refractive_index": "refractive_index", "exp_abbe_number": "abbe_number"}
    )
    spacier["source"] = "Spacier (BSD-3)"
    pages = []
    for polymer in _POLYMERS:
        texts = [files[f"{polymer.name}/{page}"].read_text(encoding="utf-8") for page in polymer.pages]
        values = [index_at(yaml.safe_load(text)["DATA"], WAVELENGTH) for text in texts]
        pages.append((polymer.name, polymer.smiles, median(values), "refractiveindex.info (CC0)", len(values)))
    database = pd.DataFrame(pages, columns=["name", "smiles", "refractive_index", "source", "n_pages"])
    return pd.concat([spacier, database], ignore_index=True)[list(REFRACTIVE_INDEX_OPEN.columns)]


def _raw() -> dict[str, RawFile]:
    spacier = RawFile(
        "s-nanjo/Spacier",
        "8e412879101e1594c53c14a7d138a0cda8264047",
        "Optical_Polymer_Dataset/Calibration.csv",
        2_162,
        "b43a9f359d4bde4be82d2bbc5986ded72dab4b6de3c267763e9a08b691056327",
        "BSD-3-Clause",
    )
    repository, commit = "polyanskiy/refractiveindex.info-database", "ff11b5897ef0754b15d939d921eb6c745693cbd1"
    return {"spacier": spacier} | {
        f"{polymer.name}/{page}": RawFile(
            repository,
            commit,
            f"database/data/{polymer.folder}/{polymer.name}/nk/{page}.yml",
            size,
            sha256,
            "CC0 1.0",
        )
        for polymer in _POLYMERS
        for page, (size, sha256) in polymer.pages.items()
    }


REFRACTIVE_INDEX_OPEN = TableRecipe(
    name="refractive_index_open",
    relative_path="polymer/refractive_index_measured/refractive_index_open.csv",
    columns={
        "name": None,
        "smiles": None,
        "refractive_index": "dimensionless",
        "abbe_number": "dimensionless",
        "radonpy_refractive_index": "dimensionless",
        "radonpy_abbe_number": "dimensionless",
        "source": None,
        "n_pages": "dimensionless",
    },
    raw=_raw(),
    build=_build,
    num_rows=38,
    sha256="e94c6d8e10b69d35f5f4ab4858a1fd65833b6f9d85b904c1115b1d2f64621413",
    description=(
        "measured refractive index at 589.3 nm of 35 polymers, for 26 rows with the one simulated by RadonPy; of "
        "refractiveindex.info the median over the pages of a polymer"
    ),
    license="BSD-3-Clause (26 rows), CC0 1.0 (12 rows)",
    citation=("Nanjo et al., arXiv 2408.05135; Polyanskiy, Sci. Data 11, 94 (2024), doi 10.1038/s41597-023-02898-2"),
)
