"""Settings of `explain`, in a file that is read in no time: their help does not wait for torch."""

from dataclasses import dataclass
from typing import Literal

EVALUATIONS = 4000
"""About how many masked copies of a material each model predicts."""


@dataclass(frozen=True)
class ExplainSettings:
    """What is explained, and by what.

    Args:
        output: Folder of page, table and pictures.
        before: The model before the fine-tuning, to be shown beside the one after it; none unless given.
        source: Table of materials that were simulated, of which the nearest are listed; none unless given.
        target: Table of materials that were measured, likewise.
        column: Column of the materials in the file; found by its heading unless given.
        property: Name of the property, where a model predicts several.
        evaluations: About how many masked copies of each material are predicted.
        disorder: How disordered crystals are read, as an `average` or in ordered approximants (`order`); as the model
            was trained unless given.
        limit: Largest number of materials; beyond it the first ones are explained, which is said.
    """

    output: str = "explanation"
    before: str | None = None
    source: str | None = None
    target: str | None = None
    column: str | None = None
    property: str | None = None
    evaluations: int = EVALUATIONS
    disorder: Literal["refuse", "average", "order"] | None = None
    limit: int = 200
