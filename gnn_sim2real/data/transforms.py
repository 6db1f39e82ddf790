"""Properties that are learned as their decimal logarithm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gnn_sim2real.renamed import by_property
from gnn_sim2real.scales import Transform
from gnn_sim2real.tables.table import Property

ALL = ""
"""In place of a name: all properties of a table."""

Transforms = tuple[tuple[str, Transform], ...]
"""Names of properties, or `ALL`, each with its scale."""


@dataclass(frozen=True)
class TransformSettings:
    """The scale on which properties are learned.

    Args:
        transform: `log10` for values that span decades, such as conductivities: models, baselines and errors are of
            their decimal logarithms, predictions in the unit of the property. Of a table with several properties it may
            be one for each, by name: `{ionic_conductivity: log10}`.
    """

    transform: Transform | dict[str, Transform] | None = None

    @property
    def transforms(self) -> Transforms:
        """The setting, as part of the name of a table."""
        if self.transform is None:
            return ()
        return tuple(sorted(self.transform.items())) if isinstance(self.transform, dict) else ((ALL, self.transform),)

    def on_scale(self, prop: Property) -> Property:
        """A property with the scale on which it is learned.

        Args:
            prop: The property.
        """
        return replace(prop, transform=transforms_of(self.transforms, [prop.name]).get(prop.name))


def transforms_of(transforms: Transforms, names: Sequence[str]) -> Mapping[str, Transform]:
    """Scale of properties by name.

    Args:
        transforms: From `TransformSettings.transforms`.
        names: Names of the properties that `ALL` stands for.
    """
    found = dict(transforms)
    if ALL in found:
        return dict.fromkeys(names, found[ALL])
    return by_property(found, names)
