"""What is known of a data set without reading it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_OPEN = r"(MIT|ISC|BSD-[23]-Clause|Apache-2\.0|LGPL-[23]\.[01]|CC0 1\.0|CC BY(-SA)? [34]\.0)( \([^)]*\))?"


@dataclass(frozen=True)
class DataSheet:
    """What `gnn-sim2real data list` shows of a data set.

    A data module has its sheets in `sheets()`, and the one of what it reads in `sheet`.

    Attributes:
        name: Name for `data get` and `data check`.
        kind: Kind of the materials.
        num_rows: Number of rows, exact or estimated; 0 if unknown.
        units: Unit of each property.
        license: License of the data.
        citation: What to cite.
        origin: Where it comes from.
        settings: Settings of the data module that read it.
    """

    name: str
    kind: str
    num_rows: int
    units: Mapping[str, str]
    license: str
    citation: str
    origin: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether its license, as a whole, lets anyone hand on what is said of single materials."""
        return re.fullmatch(f"{_OPEN}(, {_OPEN})*", self.license) is not None
