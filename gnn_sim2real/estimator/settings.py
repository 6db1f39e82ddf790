"""Settings of `embed`, in a file that is read in no time: their help does not wait for torch."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class EmbedSettings:
    """Which features are written.

    Args:
        output: The file: CSV and parquet have the materials and the other columns of the table beside the features;
            npy is the array alone, one row for each material of the file.
        layer: Number of the layer, from 0 for the first; -1 is the last one.
        column: Column of the materials; found by its heading unless given.
        on_error: What to do with a material that cannot be read: `nan` writes empty features and the reason, `raise`
            stops there.
        overwrite: Replace a file that is there; never what is read.
        disorder: How disordered crystals are read, as an `average` or in ordered approximants (`order`); as the model
            was trained unless given.
    """

    output: str = "features.csv"
    layer: int = -1
    column: str | None = None
    on_error: Literal["raise", "nan"] = "nan"
    overwrite: bool = False
    disorder: Literal["refuse", "average", "order"] | None = None
