"""How recipes read raw tables, and write molecules; no recipe."""

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def read_raw_csv(
    path: Path, numbers: Collection[str] = (), missing: Collection[str] = ("",), **how: Any
) -> pd.DataFrame:
    """Read a CSV with every number as it is written, whatever the version of pandas; "NaN" is a chemical formula.

    Args:
        path: The file.
        numbers: Columns of numbers; all others are texts.
        missing: Texts of an empty cell.
        how: Further arguments of `pandas.read_csv`.
    """
    table: pd.DataFrame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=list(missing), **how)
    for name in numbers:
        table[name] = table[name].to_numpy(dtype=object, na_value="nan").astype(np.float64)
    return table


@cache
def flat_smiles(smiles: str) -> str | None:
    """Canonical SMILES of a molecule without stereo, or None if RDKit cannot read it.

    Args:
        smiles: Any SMILES.
    """
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    return None if molecule is None else str(Chem.MolToSmiles(molecule, isomericSmiles=False))
