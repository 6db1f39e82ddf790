"""Which models of a library are wanted."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gnn_sim2real.renamed import current_property

if TYPE_CHECKING:
    from gnn_sim2real.library.card import Card


@dataclass(frozen=True)
class CardFilters:
    """Which cards are wanted, by source, property, architecture, size and error; all of them without any filter.

    Args:
        domain: polymer, molecule, crystal, mixture or composition.
        source: Name of the source.
        property: Property that the model predicts, by any of its names.
        architecture: Name of the encoder.
        min_size: Smallest number of source materials that it was trained on.
        max_size: Largest number of source materials that it was trained on.
        min_r2: Smallest R2 on the validation part, of `property` if given, else of each of its properties.
        max_mae: Largest mean absolute error on the validation part, in the unit of `property`, which it needs.

    Raises:
        ValueError: If `max_mae` is given without a property.
    """

    domain: str | None = None
    source: str | None = None
    property: str | None = None
    architecture: str | None = None
    min_size: int | None = None
    max_size: int | None = None
    min_r2: float | None = None
    max_mae: float | None = None

    def __post_init__(self) -> None:
        if self.max_mae is not None and self.property is None:
            raise ValueError("`max_mae` is in the unit of a property: give `property` too")

    def match(self, card: "Card") -> bool:
        """Whether a model passes all filters.

        Args:
            card: Card of the model.
        """
        wanted = ((self.domain, card.domain), (self.source, card.source), (self.architecture, card.architecture))
        wanted_property = None if self.property is None else current_property(self.property)
        names = card.properties if wanted_property is None else (wanted_property,)
        errors = [card.metrics.get(name, {}) for name in names]
        return (
            all(value in (None, own) for value, own in wanted)
            and (wanted_property is None or wanted_property in card.properties)
            and (self.min_size is None or card.size >= self.min_size)
            and (self.max_size is None or card.size <= self.max_size)
            and (self.min_r2 is None or all(each.get("r2", -math.inf) >= self.min_r2 for each in errors))
            and (self.max_mae is None or all(each.get("mae", math.inf) <= self.max_mae for each in errors))
        )
