"""Mixtures: pairs such as (polymer, solvent), blends, copolymers; each component is a repeat unit or a molecule."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.featurize.conditions import read_condition, spell_conditions
from gnn_sim2real.featurize.descriptors import molecule_descriptors, per_atom_descriptors, repeat_unit_descriptors
from gnn_sim2real.featurize.identity import molecule_identity, repeat_unit_identity
from gnn_sim2real.featurize.physical_descriptors import physical_descriptors
from gnn_sim2real.featurize.repeat_unit import featurize_molecule, featurize_repeat_unit
from gnn_sim2real.graph import Graph

BLOCK_LENGTH = 8
"""Units for each bond that joins unlike ones, of a block copolymer of which no more is known: the chains that Aldeghi
and Coley simulated have eight units and one such bond, Chem. Sci. 2022, 13, 10486 (doi 10.1039/D2SC02839E). Give the
number where it is known: of long blocks it is near 0."""

LINKAGES = ("alternating", "random", "block")
"""Words for how the units of a copolymer are linked."""


@dataclass(frozen=True)
class Mixture:
    """A mixture at some conditions.

    Attributes:
        components: Spelling of each: a repeat unit (SMILES with two `*`) or a molecule (SMILES without).
        weights: Share of each component, in any common unit; only their ratios count. Equal unless given. A component
            of weight 0 is absent.
        conditions: Value of each condition by name, e.g. `{"temperature": 298.15}` [K].
        linkage: Of a copolymer: the share of the bonds between its units that join unlike ones, see `linkage_of`. None
            for a blend, whose components are not bonded to each other.
    """

    components: tuple[str, ...]
    weights: tuple[int | float, ...] | None = None
    conditions: Mapping[str, int | float] = field(default_factory=dict)
    linkage: float | None = None

    def spell(self, ordered: bool) -> str:
        """Write the mixture as text for people.

        Args:
            ordered: Whether the components have roles, as in a pair.
        """
        if ordered or len(self.components) < 2:
            text = " | ".join(self.components)
        else:
            weights = self.weights or (1.0,) * len(self.components)
            text = " + ".join(f"{weight:.6g} {each}" for weight, each in zip(weights, self.components, strict=True))
            text += "" if self.linkage is None else f" linked {self.linkage:.6g}"
        return text + spell_conditions(self.conditions)


def linkage_of(kind: str, weights: Sequence[int | float]) -> float:
    """Share of the bonds between units that join unlike ones.

    Each bond of an alternating copolymer does. In a random one, neighbors are independent: two of them are alike with a
    probability that is the sum of the squared shares. A block copolymer has one such bond in `BLOCK_LENGTH`.

    Args:
        kind: One of `LINKAGES`.
        weights: Mole shares of the units, in any common unit.

    Raises:
        ValueError: If there is no such word.
    """
    if kind not in LINKAGES:
        raise ValueError(f"a linkage is {', '.join(LINKAGES)} or a number from 0 to 1, got {kind!r}")
    shares = np.array(weights, np.float64) / sum(weights)
    return {"alternating": 1.0, "random": float(1 - (shares**2).sum()), "block": 1 / BLOCK_LENGTH}[kind]


def is_repeat_unit(spelling: str) -> bool:
    """Whether a component is a polymer, recognized by the `*` of its repeat unit."""
    return "*" in spelling


def component_graph(spelling: str) -> Graph:
    """Turn a component into its graph.

    Args:
        spelling: Repeat-unit SMILES with two `*`, or SMILES without.

    Raises:
        ValueError: If it can be read as neither.
    """
    return featurize_repeat_unit(spelling) if is_repeat_unit(spelling) else featurize_molecule(spelling)


@lru_cache(maxsize=2**16)
def component_identity(spelling: str) -> str:
    """Canonical identity of a component: that of the pure polymer or molecule.

    Args:
        spelling: Repeat-unit SMILES with two `*`, or SMILES without.

    Raises:
        ValueError: If it can be read as neither.
    """
    return repeat_unit_identity(spelling) if is_repeat_unit(spelling) else molecule_identity(spelling)


def normalize(mixture: Mixture, roles: Sequence[str] = (), conditions: Sequence[str] = ()) -> Mixture:
    """Normalize a mixture, so that equal mixtures differ only in the spelling of their components.

    A pair keeps its order. In a blend, components of weight 0 are dropped, equal ones are merged, the weights sum to 1,
    and the order is that of the identities. Of a single component the linkage is dropped.

    Args:
        mixture: The mixture.
        roles: What each component is, e.g. `("polymer", "solvent")`; empty for a blend.
        conditions: Names of the conditions that must be given; others are left out.

    Raises:
        ValueError: If a component cannot be read, a weight is negative, a condition is missing, a temperature is not
            above 0 K, the number of components is wrong, or a linkage is not from 0 to 1 or is one of a pair.
    """
    given = {name: read_condition(mixture.conditions, name, "mixture") for name in conditions}
    if roles:
        if len(mixture.components) != len(roles) or (mixture.weights, mixture.linkage) != (None, None):
            raise ValueError(
                f"a mixture of this kind is one {' and one '.join(roles)} without weights or linkage, got {mixture}"
            )
        for spelling in mixture.components:
            component_identity(spelling)
        return Mixture(mixture.components, None, given)
    weights = mixture.weights or (1.0,) * len(mixture.components)
    if len(weights) != len(mixture.components):
        raise ValueError(f"a blend needs one weight per component, got {len(weights)} for {len(mixture.components)}")
    if any(not (isfinite(weight) and weight >= 0) for weight in weights):
        raise ValueError(f"weights must be numbers from 0 up, got {', '.join(map(str, weights))}")
    if mixture.linkage is not None and not 0 <= mixture.linkage <= 1:
        raise ValueError(f"a linkage is {', '.join(LINKAGES)} or a number from 0 to 1, got {mixture.linkage}")
    total = sum(weights)
    if total <= 0:
        raise ValueError("a blend needs a component with a weight above 0, got none")
    merged: dict[str, tuple[str, float]] = {}
    for spelling, weight in zip(mixture.components, weights, strict=True):
        if weight > 0:
            name = component_identity(spelling)
            first, sum_so_far = merged.get(name, (spelling, 0.0))
            merged[name] = (first, sum_so_far + weight / total)
    ordered = [merged[name] for name in sorted(merged)]
    linkage = mixture.linkage if len(ordered) > 1 else None
    return Mixture(tuple(each for each, _ in ordered), tuple(weight for _, weight in ordered), given, linkage)


def mixture_identity(mixture: Mixture, ordered: bool) -> str:
    """Name a mixture with its conditions; a blend of one component without conditions is named as the pure material.

    Args:
        mixture: Mixture from `normalize`.
        ordered: Whether its components have roles.
    """
    names = tuple(map(component_identity, mixture.components))
    return Mixture(names, mixture.weights, mixture.conditions, mixture.linkage).spell(ordered)


class MixtureTable(Sequence[Mixture]):
    """Many mixtures without repetition: their distinct components, and which of them each mixture has.

    Args:
        components: Distinct spellings.
        members: int32, (num_mixtures, max_components); numbers of the components, -1 for none.
        weights: float32, (num_mixtures, max_components); 0 for no component, 1 for components with roles.
        conditions: float64, (num_mixtures, num_conditions).
        condition_names: Name of each condition.
        roles: What each component is; empty for blends.
        linkage: float32, (num_mixtures,); share of the bonds that join unlike units, NaN for a blend; None for blends
            alone.
    """

    def __init__(
        self,
        components: list[str],
        members: NDArray[np.int32],
        weights: NDArray[np.float32],
        conditions: NDArray[np.float64],
        condition_names: tuple[str, ...] = (),
        roles: tuple[str, ...] = (),
        linkage: NDArray[np.float32] | None = None,
    ) -> None:
        self.components, self.members, self.weights = components, members, weights
        self.conditions, self.condition_names, self.roles = conditions, condition_names, roles
        self.linkage = linkage

    @classmethod
    def from_mixtures(
        cls, mixtures: Sequence[Mixture], roles: Sequence[str] = (), conditions: Sequence[str] = ()
    ) -> "MixtureTable":
        """Number the components of mixtures.

        Args:
            mixtures: Mixtures from `normalize`, with the same roles and conditions.
            roles: See `normalize`.
            conditions: Names of the conditions, in order.
        """
        number: dict[str, int] = {}
        width = max((len(each.components) for each in mixtures), default=1)
        members = np.full((len(mixtures), width), -1, np.int32)
        weights = np.zeros((len(mixtures), width), np.float32)
        for row, mixture in enumerate(mixtures):
            size = len(mixture.components)
            members[row, :size] = [number.setdefault(each, len(number)) for each in mixture.components]
            weights[row, :size] = 1.0 if mixture.weights is None else mixture.weights
        values = [[mixture.conditions[name] for name in conditions] for mixture in mixtures]
        table = np.array(values, np.float64).reshape(len(mixtures), len(conditions))
        linkage = None
        if any(mixture.linkage is not None for mixture in mixtures):
            linkage = np.array([np.nan if each.linkage is None else each.linkage for each in mixtures], np.float32)
        return cls(list(number), members, weights, table, tuple(conditions), tuple(roles), linkage)

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return self.take(np.arange(len(self))[row])
        there = self.members[row] >= 0
        conditions = dict(zip(self.condition_names, self.conditions[row].tolist(), strict=True))
        components = tuple(self.components[number] for number in self.members[row][there].tolist())
        weights = None if self.roles else tuple(self.weights[row][there].tolist())
        linkage = None if self.linkage is None or np.isnan(self.linkage[row]) else float(self.linkage[row])
        return Mixture(components, weights, conditions, linkage)

    def __iter__(self) -> Iterator[Mixture]:
        return (self[row] for row in range(len(self)))

    def take(self, rows: NDArray[np.int64]) -> "MixtureTable":
        """Some of the mixtures; the list of components is shared."""
        index = self.members[rows], self.weights[rows], self.conditions[rows]
        linkage = None if self.linkage is None else self.linkage[rows]
        return MixtureTable(self.components, *index, self.condition_names, self.roles, linkage)

    def without_unused(self) -> "MixtureTable":
        """The same mixtures with only the components that they use, in order of first use."""
        there = self.members >= 0
        used, first, number = np.unique(self.members[there], return_index=True, return_inverse=True)
        order = np.argsort(first)
        members = np.full_like(self.members, -1)
        members[there] = np.argsort(order)[number]
        width = max(1, int(there.sum(axis=1).max(initial=1)))
        components = [self.components[each] for each in used[order].tolist()]
        columns = members[:, :width], self.weights[:, :width], self.conditions
        return MixtureTable(components, *columns, self.condition_names, self.roles, self.linkage)

    def spell(self, names: Sequence[str]) -> list[str]:
        """Write mixtures of components with roles as text, like `Mixture.spell`.

        Args:
            names: Name of each component.
        """
        columns = [[names[number] for number in column] for column in self.members.T.tolist()]
        texts = list(map(" | ".join, zip(*columns, strict=True)))
        for name, values in sorted(zip(self.condition_names, self.conditions.T.tolist(), strict=True)):
            texts = [f"{text} @ {name} {value:.6g}" for text, value in zip(texts, values, strict=True)]
        return texts


def component_names(table: MixtureTable) -> set[str]:
    """Identities of all components in use, both plain and with their roles, as in `solute CCO`.

    Args:
        table: The mixtures.
    """
    names = set()
    for place, column in enumerate(table.members.T):
        used = {component_identity(table.components[number]) for number in np.unique(column[column >= 0]).tolist()}
        names |= used | {f"{role} {name}" for role in table.roles[place : place + 1] for name in used}
    return names


def mixture_descriptors(materials: Sequence[Mixture]) -> NDArray[np.float64]:
    """Describe mixtures by the descriptors of their components, their linkage if there is any, and their conditions.

    The descriptors of components with roles are side by side, each as a polymer or a molecule. Those of a blend are the
    mean over its components by weight, all of them described per atom.

    Args:
        materials: A `MixtureTable`.

    Returns:
        (num_mixtures, num_features).

    Raises:
        ValueError: If they are not a `MixtureTable`, or one role has polymers and molecules.
    """
    table = _require_table(materials)
    if not table.roles:
        blocks = [_mean_over_components(table, per_atom_descriptors(table.components))]
    else:
        blocks = [_describe_role(table, place) for place in range(len(table.roles))]
    return np.column_stack([*blocks, *_linkage_column(table), table.conditions])


def physical_mixture_descriptors(materials: Sequence[Mixture]) -> NDArray[np.float64]:
    """Describe mixtures by the `physical_descriptors` of their components, their linkage and their conditions.

    Those of components with roles are side by side, those of a blend the mean over its components by weight.

    Args:
        materials: A `MixtureTable`.

    Returns:
        (num_mixtures, num_features).

    Raises:
        ValueError: If they are not a `MixtureTable`.
    """
    table = _require_table(materials)
    described = physical_descriptors(table.components)
    if table.roles:
        blocks = [described[column] for column in table.members.T]
    else:
        blocks = [_mean_over_components(table, described)]
    return np.column_stack([*blocks, *_linkage_column(table), table.conditions])


def _linkage_column(table: MixtureTable) -> list[NDArray[np.float64]]:
    """The linkage as one more descriptor, if there are copolymers."""
    return [] if table.linkage is None else [np.nan_to_num(table.linkage.astype(np.float64))]


def _require_table(materials: Sequence[Mixture]) -> MixtureTable:
    if not isinstance(materials, MixtureTable):
        raise ValueError("the descriptors need a MixtureTable; see MixtureTable.from_mixtures")
    return materials


def _mean_over_components(table: MixtureTable, described: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = table.weights / table.weights.sum(axis=1, keepdims=True)
    blocks = (shares[:, [place]] * described[table.members[:, place]] for place in range(shares.shape[1]))
    return np.asarray(sum(blocks))


def _describe_role(materials: MixtureTable, place: int) -> NDArray[np.float64]:
    used, number = np.unique(materials.members[:, place], return_inverse=True)
    spellings = [materials.components[each] for each in used.tolist()]
    kinds = set(map(is_repeat_unit, spellings))
    if len(kinds) > 1:
        raise ValueError(
            f"some of the {materials.roles[place]}s are polymers and some are molecules; keep them in separate tables"
        )
    describe = repeat_unit_descriptors if kinds == {True} else molecule_descriptors
    return describe(spellings)[number]
