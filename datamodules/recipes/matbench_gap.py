"""The measured band gaps of Matbench, by composition, in the official order of its folds."""

import bz2
import json

import pandas as pd

from gnn_sim2real.databases.recipe import Files, RawFile, TableRecipe


def _build(files: Files) -> pd.DataFrame:
    raw = json.loads(bz2.decompress(files["table"].read_bytes()))
    table = pd.DataFrame({name: list(column.values()) for name, column in raw.items()})
    return table.rename(columns={"mbid": "mb_id", "gap expt": "gap_eV"})[["mb_id", "composition", "gap_eV"]]


MATBENCH_EXPT_GAP = TableRecipe(
    name="matbench_expt_gap",
    relative_path="crystal/matbench_expt_gap/expt_gap.csv",
    columns={"mb_id": None, "composition": None, "gap_eV": "eV"},
    raw={
        "table": RawFile(
            "materialsproject/matbench",
            "936176db18ca4cd7b38cbd957c017a5bac770c6b",
            "scripts/artifacts/matbench_expt_gap.json.bz2",
            54_198,
            "11d79ac6f2c25e23a136295e9bc37ea9ea4a9fa936c6bc366e777c1cb1c397b9",
            "MIT",
        )
    },
    build=_build,
    num_rows=4_604,
    sha256="268dd04db49c0fc0f19b53e3b4026faffa35f358045e0dab34d8c0fc83f139c8",
    description="measured band gaps of compositions, 2,450 of them metals with a gap of 0",
    license="MIT",
    citation=(
        "Dunn et al., npj Comput. Mater. 6, 138 (2020), doi 10.1038/s41524-020-00406-3; Zhuo, Mansouri Tehrani, "
        "Brgoch, J. Phys. Chem. Lett. 9, 1668 (2018), doi 10.1021/acs.jpclett.8b00124"
    ),
    kind="composition",
)
