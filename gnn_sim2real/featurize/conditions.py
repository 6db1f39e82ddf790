"""Materials at conditions: a heat capacity at 350 K is another value than that at 300 K of the same polymer.

The graph of a material does not depend on its conditions, so it is made once for all of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

TEMPERATURE = "temperature"
"""Name of the condition that is a temperature [K]."""


@dataclass(frozen=True)
class AtConditions:
    """A pure material at some conditions.

    Attributes:
        material: As its featurizer reads it: a spelling, or a crystal.
        conditions: Value of each condition by name, e.g. `{"temperature": 298.15}` [K].
    """

    material: Any
    conditions: Mapping[str, int | float] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.material}{spell_conditions(self.conditions)}"


def spell_conditions(conditions: Mapping[str, int | float]) -> str:
    """Write conditions as text that follows the name of a material; none is empty.

    Args:
        conditions: Value of each condition by name.
    """
    return "".join(f" @ {name} {value:.6g}" for name, value in sorted(conditions.items()))


def read_condition(conditions: Mapping[str, int | float], name: str, what: str = "material") -> float:
    """One of the conditions.

    Args:
        conditions: Value of each condition by name.
        name: The one wanted.
        what: What needs it, for messages.

    Raises:
        ValueError: If it is not given, or is a temperature that is not above 0 K.
    """
    value = float(conditions.get(name, float("nan")))
    if not isfinite(value):
        raise ValueError(f"no {name}: this kind of {what} needs one")
    if name == TEMPERATURE and value <= 0:
        raise ValueError(f"the temperature must be above 0 K, got {value:g} K")
    return value


class ConditionTable(Sequence[AtConditions]):
    """Many materials at conditions without repetition: the distinct materials, and which of them each row has.

    Args:
        materials: The distinct materials.
        members: int64, (num_rows,); number of the material of each row.
        conditions: float64, (num_rows, num_conditions).
        condition_names: Name of each condition.
    """

    def __init__(
        self,
        materials: Sequence[Any],
        members: NDArray[np.int64],
        conditions: NDArray[np.float64],
        condition_names: Sequence[str],
    ) -> None:
        self.materials, self.members, self.conditions = materials, members, conditions
        self.condition_names = tuple(condition_names)

    @classmethod
    def of(cls, rows: Sequence[Any], condition_names: Sequence[str]) -> "ConditionTable":
        """Number the materials of many rows; the conditions that are not named are left out.

        Args:
            rows: `AtConditions` each.
            condition_names: Names of the conditions, in order.

        Raises:
            ValueError: If a row is a material without conditions, or lacks one of them.
        """
        if isinstance(rows, ConditionTable):
            return rows
        bare = next((each for each in rows if not isinstance(each, AtConditions)), None)
        if bare is not None:
            raise ValueError(
                f"this model needs a material with its {' and '.join(condition_names)}, as in "
                f"AtConditions('*CCO*', {{'{condition_names[0]}': 300}}), got {bare!r}"
            )
        number: dict[Any, int] = {}
        materials: list[Any] = []
        members = np.empty(len(rows), np.int64)
        for row, each in enumerate(rows):
            key = each.material if isinstance(each.material, str) else id(each.material)
            members[row] = number.setdefault(key, len(number))
            if members[row] == len(materials):
                materials.append(each.material)
        values = [[read_condition(each.conditions, name) for name in condition_names] for each in rows]
        table = np.array(values, np.float64).reshape(len(rows), len(condition_names))
        return cls(materials, members, table, condition_names)

    @property
    def content_hash(self) -> str | None:
        """That of the distinct materials, where they are crystals; texts have none."""
        return getattr(self.materials, "content_hash", None)

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return self.take(np.arange(len(self))[row])
        values = dict(zip(self.condition_names, self.conditions[row].tolist(), strict=True))
        return AtConditions(self.materials[int(self.members[row])], values)

    def __iter__(self) -> Iterator[AtConditions]:
        return (self[row] for row in range(len(self)))

    def take(self, rows: NDArray[np.int64]) -> "ConditionTable":
        """Some of the rows; the list of materials is shared."""
        return ConditionTable(self.materials, self.members[rows], self.conditions[rows], self.condition_names)

    def without_unused(self) -> "ConditionTable":
        """The same rows with only the materials that they use, in their order."""
        used, members = np.unique(self.members, return_inverse=True)
        take: Any = getattr(self.materials, "take", None)
        materials = [self.materials[number] for number in used.tolist()] if take is None else take(used)
        return ConditionTable(materials, members.astype(np.int64), self.conditions, self.condition_names)


def pure_materials(materials: Sequence[Any]) -> Sequence[Any]:
    """The materials of many rows without their conditions.

    Args:
        materials: Materials, or a `ConditionTable` or list of those at conditions.
    """
    if isinstance(materials, ConditionTable):
        take: Any = getattr(materials.materials, "take", None)
        if take is not None:
            return take(materials.members)  # type: ignore[no-any-return]
        return [materials.materials[number] for number in materials.members.tolist()]
    if isinstance(materials, list) and any(isinstance(each, AtConditions) for each in materials):
        return [each.material if isinstance(each, AtConditions) else each for each in materials]
    return materials
