"""Crystals of the Materials Project, from a published archive of their CIFs.

Today's structures of the same ids come by `datamodules.MaterialsProject` with the user's key, or `datamodules.Optimade`
without one; they are not those of the published results.
"""

import re
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd

from datamodules.recipes.crystals import CELL_UNITS, read_p1_cif
from datamodules.recipes.mp_labels import MP_LABELS, read_label_ids, reduced
from gnn_sim2real.databases.recipe import Files, RawArchive, TableRecipe

_MORE = Path(__file__).with_name("mp_structures_more.txt")
"""Ids without a label that a measurement was matched to, one a line."""

_FIRST_GNOME = 3_000_000
"""From this number on the ids are those of GNoME, under CC BY-ND."""

_NAME = re.compile(r"[^/]+/cif/(?P<id>[a-z]+-(?P<number>\d+))\.cif")
_NUMBERS = ("a", "b", "c", "alpha", "beta", "gamma", "volume")


def _build(files: Files) -> pd.DataFrame:
    wanted = {*read_label_ids(files), *_MORE.read_text(encoding="utf-8").split()}
    rows = []
    with tarfile.open(files["archive"], "r|gz") as archive:
        for member in archive:
            name = _NAME.fullmatch(member.name)
            if name is None or name["id"] not in wanted or int(name["number"]) >= _FIRST_GNOME:
                continue
            if (file := archive.extractfile(member)) is not None:
                rows.append({"material_id": name["id"]} | read_p1_cif(file.read().decode()))
    table = pd.DataFrame(rows)
    table["reduced_formula"] = [reduced(formula) for formula in table["formula_sum"]]
    table["nsites"] = table["nsites"].astype(np.int16)
    return table.sort_values(["reduced_formula", "material_id"], ignore_index=True)[list(MP_STRUCTURES.columns)]


MP_STRUCTURES = TableRecipe(
    name="mp_structures",
    relative_path=MP_LABELS.tables["mp_structures"],
    columns={
        "material_id": None,
        "formula_pretty": None,
        "reduced_formula": None,
        "nsites": "dimensionless",
        **CELL_UNITS,
    },
    raw={
        "archive": RawArchive(
            "fxcoudert/topology_databases",
            "41163fcf52ff9bdb3f993c83ef7eaee6f1676b50",
            300_000_000,
            "CC BY 4.0; what is under CC BY-ND is left out",
        ),
        **{name: file for name, file in MP_LABELS.raw.items() if name != "mat_proj"},
    },
    build=_build,
    num_rows=108_865,
    sha256="a8f228cca7d8f039e8e19839360c54e49f75d89614f0ff5291e51f4722ce1d7f",
    description="relaxed crystals of the Materials Project of 2024 that have a label or a measurement",
    license="CC BY 4.0 (Materials Project)",
    citation="Jain et al., APL Mater. 1, 011002 (2013), doi 10.1063/1.4812323; Coudert, ChemRxiv 2024-gsk41",
    seconds=120,
    kind="crystal",
    note=(
        "The archive is packed by the server, so its size is an estimate. Today's structures, by your key of the "
        "Materials Project or by OPTIMADE, are others: datamodules.MaterialsProject, datamodules.Optimade."
    ),
)
