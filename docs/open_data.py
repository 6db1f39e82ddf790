"""Make the tables that come with the package, their notice, and the page that shows them: `python docs/open_data.py`.

It reads the tables that `gnn-sim2real data make` writes, below `$GNN_SIM2REAL_DATA`; with `--page` only what is in the
package, and writes notice and page again.
"""

import argparse
import hashlib
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from pymatgen.core import Composition

from datamodules.materials_project import lowest_polymorphs
from datamodules.open_data import OPEN_TABLES, OpenTable
from gnn_sim2real.tables.table import read_table

ROOT = Path(__file__).parents[1]
NOTICE = ROOT / "datamodules/open_data/NOTICE.md"
PAGE = ROOT / "docs/open_data.md"

_MIT = """Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions: The above copyright notice
and this permission notice shall be included in all copies or substantial portions of the Software. THE SOFTWARE IS
PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT
HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""
_BSD = """Redistribution and use in source and binary forms, with or without modification, are permitted provided that
the following conditions are met: 1. Redistributions of source code must retain the above copyright notice, this list
of conditions and the following disclaimer. 2. Redistributions in binary form must reproduce the above copyright
notice, this list of conditions and the following disclaimer in the documentation and/or other materials provided with
the distribution. 3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse
or promote products derived from this software without specific prior written permission. THIS SOFTWARE IS PROVIDED BY
THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO,
THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE
COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR
BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT
(INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE
POSSIBILITY OF SUCH DAMAGE."""
_TERMS = {
    "MIT": _MIT,
    "BSD-3-Clause": _BSD,
    "CC0-1.0": "In the public domain: https://creativecommons.org/publicdomain/zero/1.0/",
    "CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/ ; values were chosen and rearranged, none was changed.",
}


def _read(path: str) -> pd.DataFrame:
    return read_table(Path(os.environ["GNN_SIM2REAL_DATA"]) / path)


def _mp_formulas() -> pd.DataFrame:
    """The lowest polymorph of each formula."""
    first = lowest_polymorphs(_read("crystal/mp_labels/mp_labels.parquet")).sort_values("reduced_formula")
    names = {"reduced_formula": "formula", "band_gap_pbe": "band_gap_eV", "e_form": "formation_energy_eV_atom"}
    return first.rename(columns=names)


def _matbench_expt_gap() -> pd.DataFrame:
    """The measured gaps, with the values of the Materials Project of the same formula beside them."""
    measured, simulated = _read("crystal/matbench_expt_gap/expt_gap.csv"), _mp_formulas().set_index("formula")
    formulas = [Composition(each).reduced_formula for each in measured["composition"]]
    beside = simulated.reindex(formulas)
    return measured.assign(
        mp_gap_eV=beside["band_gap_eV"].to_numpy(),
        mp_formation_energy_eV_atom=beside["formation_energy_eV_atom"].to_numpy(),
    )


def _refractive_index_open() -> pd.DataFrame:
    table = _read("polymer/refractive_index_measured/refractive_index_measured.csv")
    return table[table["clean_licence"].astype(str) == "True"]


def _obelix() -> pd.DataFrame:
    """The measured conductivities, with the CIF of each crystal beside it as text."""
    folder = Path(os.environ["GNN_SIM2REAL_DATA"]) / "crystal/obelix"
    table = read_table(folder / "obelix.csv", texts=["id", "ionic_conductivity_S_cm"])
    with tarfile.open(folder / "all_cifs.tar.gz") as archive:
        cifs = {Path(each.name).stem: file.read().decode() for each in archive if (file := archive.extractfile(each))}
    return table.assign(cif=[cifs.get(name) for name in table["id"]])


MAKERS: dict[str, Callable[[], pd.DataFrame]] = {
    "radonpy_pi1070": lambda: _read("polymer/radonpy_pi1070/PI1070.csv"),
    "simpoly": lambda: _read("polymer/simpoly_measured/simpoly_measured.csv"),
    "refractive_index_open": _refractive_index_open,
    "vitrimer_md_tg": lambda: _read("polymer/vitrimer_md_tg/vitrimer_md_tg.parquet"),
    "homopolymer_md_tg": lambda: _read("polymer/vitrimer_md_tg/homopolymer_tg_pairs.csv"),
    "chi_cosmo": lambda: _read("polymer/chi_mtl/data_COSMO.csv"),
    "chi_measured": lambda: _read("polymer/chi_mtl/data_Chi.csv"),
    "mp_formulas": _mp_formulas,
    "matbench_expt_gap": _matbench_expt_gap,
    "obelix": _obelix,
}
"""What makes the rows of each table; more columns than it has are left out."""


def make_table(table: OpenTable) -> pd.DataFrame:
    """The rows of a table, from what it is made of.

    Args:
        table: A table that comes with the package.
    """
    return MAKERS[table.name]()[list(table.columns)].reset_index(drop=True)


def format_notice() -> str:
    """The licenses and citations of all tables."""
    lines = ["# Data that come with gnn-sim2real", ""]
    lines += ["The tables of values in this folder are the work of others, under their own licenses.", ""]
    for table in OPEN_TABLES.values():
        lines += [f"## {table.name}.parquet", "", f"{table.description}.", ""]
        lines += [f"License: {table.license}. Copyright (c) {table.holder}.", ""]
        lines += [f"Cite: {table.citation}.", "", f"From: {table.origin}.", ""]
    for name, terms in _TERMS.items():
        lines += [f"## {name}", "", terms, ""]
    return "\n".join(lines).rstrip() + "\n"


def format_page() -> str:
    """The page: what each table contains, its first rows, its range."""
    lines = [
        "# Open data in the package",
        "",
        "These tables of real values come with `pip install gnn-sim2real`, and are read without a network, by their "
        "names. Licenses and citations are also in `datamodules/open_data/NOTICE.md`. `gnn-sim2real data list NAME` "
        "prints the YAML that reads one. This page is made by `python docs/open_data.py`.",
        "",
    ]
    for table in OPEN_TABLES.values():
        frame = pd.read_parquet(table.file)
        lines += [f"## {table.name}", "", f"{table.description}. {table.num_rows:,} rows.", ""]
        lines += [f"License: {table.license}. Cite: {table.citation}. From: {table.origin}.", ""]
        lines += [
            "| column | unit | values | lowest (of text the first) | median | highest |",
            "|---|---|---|---|---|---|",
        ]
        for name, unit in table.columns.items():
            column = frame[name]
            values = column.dropna()
            if unit is None:
                cells = [f"`{_short(values.iloc[0].partition(chr(10))[0])}`", "", ""]
            else:
                cells = [f"{each:.4g}" for each in (values.min(), values.median(), values.max())]
            lines.append(f"| {name} | {unit or '-'} | {len(values):,} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="only notice and page, from the tables in the package")
    if not parser.parse_args().page:
        for table in OPEN_TABLES.values():
            make_table(table).to_parquet(table.file, compression="zstd", compression_level=19, index=False)
            print(f'{table.name}: sha256="{hashlib.sha256(table.file.read_bytes()).hexdigest()}"')  # noqa: T201
    NOTICE.write_text(format_notice(), encoding="utf-8")
    PAGE.write_text(format_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
