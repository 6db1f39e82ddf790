"""The kinds of materials that can become graphs, by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.conditions import AtConditions, ConditionTable, read_condition, spell_conditions
from gnn_sim2real.graph import Graph

MAX_CUTOFF = 20.0
"""Largest cutoff accepted [angstrom]: each atom of a solid has some 3,000 others within it."""


MAX_APPROXIMANTS = 100
"""Most ordered approximants of a disordered crystal: numbers of components are bytes."""


@dataclass(frozen=True)
class Featurizer:
    """How one kind of material becomes a graph, and when two materials are the same.

    A material is a text for the kinds that have a spelling (PSMILES, SMILES, a formula), and for crystals a `Crystal`
    or anything that `featurize.crystal_files.as_crystal` accepts. A `Mixture` has a graph for each of its components;
    `featurize` and `identity` apply to these.

    Attributes:
        name: Name of the kind.
        version: Raised by hand whenever the graphs change.
        featurize: Makes the graph; raises a `ValueError` for a material it cannot read.
        identity: Canonical identity, the same for every spelling of a material; raises like `featurize`.
        descriptors: Features of many materials for the tabular baselines, (num_materials, num_features).
        descriptor_version: Raised by hand whenever the features change.
        physical_descriptors: Smooth ones, for distances between materials: RDKit's two-dimensional descriptors of
            molecules, wide statistics of the elements of crystals and compositions; (num_materials, num_features).
        physical_version: Raised by hand whenever these change.
        settings: The user's settings of the graphs, in plain types.
    """

    name: str
    version: int
    featurize: Callable[[Any], Graph]
    identity: Callable[[Any], str]
    descriptors: Callable[[Sequence[Any]], NDArray[np.float64]]
    descriptor_version: int
    physical_descriptors: Callable[[Sequence[Any]], NDArray[np.float64]]
    physical_version: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """Description of the graphs in plain types."""
        described: dict[str, Any] = {"name": self.name, "version": self.version}
        return described | {"settings": dict(self.settings)} if self.settings else described


def get_featurizer(name: str, **settings: Any) -> Featurizer:
    """Look up a featurizer.

    Args:
        name: `repeat_unit` (PSMILES with two `*`), `molecule` (SMILES), `mixture` (of these two), `crystal`, or
            `composition` (a formula).
        settings: Of a crystal: `cutoff` [angstrom], `max_neighbors`, and what becomes of disordered ones, see
            `featurize.crystal_files.featurize_crystal`. Of a mixture: `roles` of the components, none for a blend. Of
            all: names of the `conditions`, see `featurize.conditions.AtConditions`. Of repeat units, molecules and
            mixtures: `atom_descriptors`, whether the graphs have them.

    Raises:
        ValueError: If there is no featurizer of this name, or it has no such setting.
    """
    known: dict[str, Callable[..., Featurizer]] = {
        "repeat_unit": _repeat_unit,
        "molecule": _molecule,
        "mixture": _mixture,
        "crystal": _crystal,
        "composition": _composition,
    }
    if name not in known:
        raise ValueError(f"the kind of materials must be one of {', '.join(known)}, got {name!r}")
    conditions = () if name == "mixture" else tuple(settings.pop("conditions", ()))
    unknown = sorted(set(settings) - set(signature(known[name]).parameters))
    if unknown:
        raise ValueError(f"graphs of the kind {name!r} have no setting {', '.join(unknown)}")
    made = known[name](**settings)
    return _at_conditions(made, conditions) if conditions else made


def _at_conditions(featurizer: Featurizer, names: Sequence[str]) -> Featurizer:
    """A featurizer of materials at conditions: the graphs are the same, descriptors end with the conditions."""
    return replace(
        featurizer,
        featurize=partial(_of_material, featurizer.featurize),
        identity=partial(_identify, featurizer.identity, tuple(names)),
        descriptors=partial(_describe, featurizer.descriptors, tuple(names)),
        physical_descriptors=partial(_describe, featurizer.physical_descriptors, tuple(names)),
        settings={**featurizer.settings, "conditions": list(names)},
    )


def _of_material(function: Callable[[Any], Any], material: Any) -> Any:
    return function(material.material if isinstance(material, AtConditions) else material)


def _identify(identity: Callable[[Any], str], names: Sequence[str], material: Any) -> str:
    """That of the material, followed by its conditions where they are known."""
    if not isinstance(material, AtConditions):
        return identity(material)
    values = {name: read_condition(material.conditions, name) for name in names}
    return f"{identity(material.material)}{spell_conditions(values)}"


def _describe(
    describe: Callable[[Sequence[Any]], NDArray[np.float64]], names: Sequence[str], materials: Sequence[Any]
) -> NDArray[np.float64]:
    table = ConditionTable.of(materials, names)
    return np.column_stack([describe(table.materials)[table.members], table.conditions])


def _repeat_unit(atom_descriptors: bool = False) -> Featurizer:
    from gnn_sim2real.featurize import atom_descriptors as described
    from gnn_sim2real.featurize import descriptors, identity, physical_descriptors, repeat_unit

    return Featurizer(
        "repeat_unit",
        repeat_unit.FEATURIZER_VERSION,
        described.describe_repeat_unit if atom_descriptors else repeat_unit.featurize_repeat_unit,
        identity.repeat_unit_identity,
        descriptors.repeat_unit_descriptors,
        descriptors.DESCRIPTOR_VERSION,
        physical_descriptors.physical_descriptors,
        physical_descriptors.PHYSICAL_VERSION,
        _described(atom_descriptors),
    )


def _molecule(atom_descriptors: bool = False) -> Featurizer:
    from gnn_sim2real.featurize import atom_descriptors as described
    from gnn_sim2real.featurize import descriptors, identity, physical_descriptors, repeat_unit

    return Featurizer(
        "molecule",
        repeat_unit.FEATURIZER_VERSION,
        described.describe_molecule if atom_descriptors else repeat_unit.featurize_molecule,
        identity.molecule_identity,
        descriptors.molecule_descriptors,
        descriptors.DESCRIPTOR_VERSION,
        physical_descriptors.physical_descriptors,
        physical_descriptors.PHYSICAL_VERSION,
        _described(atom_descriptors),
    )


def _mixture(roles: Sequence[str] = (), conditions: Sequence[str] = (), atom_descriptors: bool = False) -> Featurizer:
    from gnn_sim2real.featurize import atom_descriptors as described
    from gnn_sim2real.featurize import descriptors, mixture, physical_descriptors, repeat_unit

    return Featurizer(
        "mixture",
        repeat_unit.FEATURIZER_VERSION,
        described.describe_component if atom_descriptors else mixture.component_graph,
        mixture.component_identity,
        mixture.mixture_descriptors,
        descriptors.DESCRIPTOR_VERSION,
        mixture.physical_mixture_descriptors,
        physical_descriptors.PHYSICAL_VERSION,
        {"roles": list(roles), "conditions": list(conditions)} | _described(atom_descriptors),
    )


def makes_components(pure: Featurizer, blends: Featurizer) -> bool:
    """Whether a featurizer of pure materials makes the graphs of the components of blends, or of copolymers.

    Args:
        pure: Featurizer of a model of pure materials.
        blends: Featurizer of other data.
    """
    if blends.name != "mixture" or blends.settings["roles"] or pure.name not in ("repeat_unit", "molecule"):
        return False
    described = [each.settings.get("atom_descriptors", False) for each in (pure, blends)]
    return pure.version == blends.version and described[0] == described[1]


def _described(atom_descriptors: bool) -> dict[str, Any]:
    """The setting as it is saved: left out without descriptors, as in versions that had none."""
    return {"atom_descriptors": True} if atom_descriptors else {}


def same_graphs(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two featurizers make the same graphs of all materials that both read.

    What becomes of disordered crystals does not matter: the graphs of ordered ones are the same. Nor do conditions of
    pure materials, which are in no graph.

    Args:
        one: Description of a featurizer.
        other: Description of another.
    """
    return _of_graphs(one) == _of_graphs(other)


def _of_graphs(description: Mapping[str, Any]) -> dict[str, Any]:
    settings, is_mixture = description.get("settings", {}), description.get("name") == "mixture"
    kept = {
        name: value
        for name, value in settings.items()
        if name not in _OF_DISORDER and (is_mixture or name != "conditions")
    }
    return {**description, "settings": kept}


def with_disorder(featurizer: Featurizer, settings: Mapping[str, Any]) -> Featurizer:
    """A featurizer of crystals that reads disordered ones in another way; any other as it is.

    Args:
        featurizer: Featurizer, such as that of a model.
        settings: Settings of the wanted way, of which only those of disorder count; none of them refuses.
    """
    if featurizer.name != "crystal":
        return featurizer
    wanted = {name: value for name, value in settings.items() if name in _OF_DISORDER}
    kept = {name: value for name, value in featurizer.settings.items() if name not in _OF_DISORDER}
    return get_featurizer("crystal", **kept, **wanted)


def says_no_structures(disorder: str, kind: str) -> str:
    """Why a way to read disordered crystals is refused.

    Args:
        disorder: The way.
        kind: Name of the featurizer of the materials.
    """
    formulas = ", those of disordered crystals as well" if kind == "composition" else ""
    return (
        f"`disorder` ({disorder}) is for models of crystals; leave it out: this one reads the kind {kind!r}{formulas}"
    )


_OF_DISORDER = ("disorder", "approximants", "max_ordered_sites")


def _crystal(
    cutoff: int | float = 6.0,
    max_neighbors: int | None = 12,
    disorder: str = "refuse",
    approximants: int = 3,
    max_ordered_sites: int = 200,
) -> Featurizer:
    from gnn_sim2real.featurize import composition, composition_statistics, crystal, crystal_files, crystal_table

    if not 0 < cutoff <= MAX_CUTOFF:
        raise ValueError(f"`cutoff` must be above 0 and at most {MAX_CUTOFF:g} angstrom, got {cutoff}")
    if max_neighbors is not None and max_neighbors < 1:
        raise ValueError(f"`max_neighbors` must be at least 1, or null for all within the cutoff, got {max_neighbors}")
    if disorder not in ("refuse", "average", "order"):
        raise ValueError(f"`disorder` must be average, order or refuse, got {disorder!r}")
    if not 1 <= approximants <= MAX_APPROXIMANTS:
        raise ValueError(f"`approximants` must be from 1 to {MAX_APPROXIMANTS}, got {approximants}")
    of_disorder: dict[str, Any] = {} if disorder == "refuse" else {"disorder": disorder}
    if disorder == "order":
        of_disorder |= {"approximants": approximants, "max_ordered_sites": max_ordered_sites}
    return Featurizer(
        "crystal",
        crystal.FEATURIZER_VERSION,
        partial(crystal_files.featurize_crystal, cutoff=float(cutoff), max_neighbors=max_neighbors, **of_disorder),
        crystal_files.crystal_formula,
        partial(crystal_table.describe_crystals, statistics=composition.element_statistics),
        composition.DESCRIPTOR_VERSION,
        partial(crystal_table.describe_crystals, statistics=composition_statistics.composition_statistics),
        composition_statistics.STATISTICS_VERSION,
        {"cutoff": float(cutoff), "max_neighbors": max_neighbors} | of_disorder,
    )


def _composition() -> Featurizer:
    from gnn_sim2real.featurize import composition, composition_statistics

    return Featurizer(
        "composition",
        composition.FEATURIZER_VERSION,
        composition.composition_graph,
        composition.reduced_formula,
        partial(composition.describe_formulas, statistics=composition.element_statistics),
        composition.DESCRIPTOR_VERSION,
        partial(composition.describe_formulas, statistics=composition_statistics.composition_statistics),
        composition_statistics.STATISTICS_VERSION,
    )


def load_featurizer(description: dict[str, Any]) -> Featurizer:
    """Find the featurizer of a stored model.

    Raises:
        CheckpointError: If this version of the package makes other graphs.
    """
    try:
        featurizer = get_featurizer(description["name"], **description.get("settings", {}))
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"the model's featurizer {description} is not known here") from error
    if featurizer.version != description.get("version"):
        raise CheckpointError(
            f"the model was trained on graphs of {description['name']} version {description.get('version')}, this "
            f"package makes version {featurizer.version}; train it again or install the version that made it"
        )
    return featurizer
