"""The grid of a study: its axes and its cells."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Literal

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.config.encoder import EncoderSettings
from gnn_sim2real.data.acquisition import GrowBy
from gnn_sim2real.renamed import current_policy
from gnn_sim2real.study.pretraining_axis import PretrainingSettings, name_pretrainings
from gnn_sim2real.tasks.policies import REFERENCE, describe_policies, find_policies, is_fine_tuning

if TYPE_CHECKING:
    from gnn_sim2real.study.architectures import Architecture


@dataclass
class Axes:
    """Values along each axis; the study is their product, without meaningless points.

    Args:
        architecture: Class paths of encoders with their settings, and a `name` where the one that tells them apart is
            not wanted; the encoder of the pretraining YAML if empty.
        source_size: Numbers of source materials; 0 is from scratch, "all" is all but the test materials.
        target_size: Numbers of measured materials; "all" is all outside the test part.
        seed: Seeds of the nested subsets, of initialization and order.
        split: Numbers of the test part.
        policy: How the measurements are used: fine-tuning policies ({policies}) and baselines ({baselines};
            see `gnn_sim2real.baselines`).
        growth: Orders in which the source grows (random, diversity, family, cheapest; see
            `gnn_sim2real.splits.acquisition`). The pretraining YAML sets the cost for `cheapest`. The order makes no
            difference for the sizes 0 and "all": give them with one order only.
        pretraining: Settings of the pretraining that differ from its YAML, spelled as on the command line
            (`trainer.max_steps: 100`), and a `name` where the one made of them is not wanted; an entry with only a name
            is the YAML as it is.

    Raises:
        ValueError: If an axis is empty, or has a value twice, one that is too small, or an unknown policy.
    """

    source_size: list[int | Literal["all"]]
    target_size: list[int | Literal["all"]]
    seed: list[int] = field(default_factory=lambda: [0])
    split: list[int] = field(default_factory=lambda: [0])
    policy: list[str] = field(default_factory=lambda: [REFERENCE])
    architecture: list[EncoderSettings] = field(default_factory=list)
    growth: list[GrowBy] = field(default_factory=lambda: ["random"])
    pretraining: list[PretrainingSettings] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.policy = [current_policy(each) for each in self.policy]
        for name in ("source_size", "target_size", "seed", "split", "policy", "growth"):
            values = getattr(self, name)
            if not values:
                raise ValueError(f"the axis `{name}` is empty; give at least one value")
            if len(set(values)) < len(values):
                raise ValueError(f"the axis `{name}` has a value twice: {values}")
        for name, least in (("source_size", 0), ("target_size", 2), ("seed", 0), ("split", 0)):
            too_small = [value for value in getattr(self, name) if value != "all" and value < least]
            if too_small:
                raise ValueError(f"values of the axis `{name}` must be at least {least}, got {too_small[0]}")
        known = (*find_policies(), *BASELINES)
        if both := sorted(find_policies().keys() & BASELINES.keys()):
            raise ValueError(f"{both[0]!r} is both a fine-tuning policy and a baseline; give one of them another name")
        unknown = [each for each in self.policy if each not in known]
        if unknown:
            raise ValueError(f"values of the axis `policy` must be {', '.join(known)}, got {unknown[0]!r}")
        name_pretrainings([self.pretraining])


Axes.__doc__ = str(Axes.__doc__).replace("{policies}", describe_policies()).replace("{baselines}", ", ".join(BASELINES))


@dataclass(frozen=True)
class GridPoint:
    """One cell of the grid, as it was requested.

    Attributes:
        architecture: Class path and settings of the encoder; None for that of the YAML.
        source_size: Requested size; 0 without a pretrained model.
        target_size: Requested size.
        policy: How the measurements are used.
        growth: In which order the source grew.
        source: Index of the source, if there are several.
        property_name: Property of the pretraining; empty for that of the YAML.
        source_name: Name of source and property, for messages.
        architecture_name: Name of the encoder in tables and records; empty where none is used.
        pretraining: Name of the pretraining, see `Axes`; empty for that of the YAML.
    """

    architecture: EncoderSettings | None
    source_size: int | Literal["all"]
    target_size: int | Literal["all"]
    seed: int
    split: int
    policy: str
    growth: GrowBy = "random"
    source: int = 0
    property_name: str = ""
    source_name: str = ""
    architecture_name: str = ""
    pretraining: str = ""


@dataclass(frozen=True)
class CellGroup:
    """Cells that share one pretrained model (or none) and are computed one after the other by one process."""

    points: tuple[GridPoint, ...]


def cell_groups(
    grids: Sequence[Axes], architectures: "Sequence[Sequence[Architecture]]", shared_by_splits: bool
) -> list[CellGroup]:
    """All cells of all grids, grouped by the pretrained model they share, in an order that completes curves early.

    Args:
        grids: The axes of each grid.
        architectures: The encoders of each grid.
        shared_by_splits: Whether the source is the same in every split.

    Raises:
        ValueError: If a policy needs a pretrained model and there is none.
    """
    found: dict[tuple[object, ...], list[GridPoint]] = {}
    for axes, encoders in zip(grids, architectures, strict=True):
        _require_sources(axes)
        pretrainings = [*name_pretrainings([axes.pretraining])] or [""]
        groups = [axes.split] if shared_by_splits else [[split] for split in axes.split]
        for seed, splits, architecture, growth, pretraining, source_size in product(
            axes.seed, groups, encoders, axes.growth, pretrainings, sorted(axes.source_size, key=_order)
        ):
            if source_size == 0 and (growth, pretraining) != (axes.growth[0], pretrainings[0]):  # there is no source
                continue
            first = architecture is encoders[0]
            spelled = json.dumps(architecture.encoder, sort_keys=True)
            source = (growth, pretraining) if source_size else ("random", "")
            group = found.setdefault((spelled, *source, source_size, seed, None if shared_by_splits else splits[0]), [])
            group += [
                replace(point, growth=source[0], pretraining=source[1])
                for split in splits
                for point in _points(axes, architecture, source_size, seed, split, first)
            ]
    return [CellGroup(tuple(points)) for points in found.values() if points]


def _require_sources(axes: Axes) -> None:
    needy = [policy for policy in axes.policy if _needs_source(policy)]
    if needy and set(axes.source_size) == {0}:
        raise ValueError(f"the policy {needy[0]!r} needs a pretrained model, but `source_size` has only 0; add a size")


def _needs_source(policy: str) -> bool:
    return find_policies()[policy].needs_pretrained if is_fine_tuning(policy) else BASELINES[policy].needs_source


def _points(
    axes: Axes,
    architecture: "Architecture",
    source_size: int | Literal["all"],
    seed: int,
    split: int,
    first_architecture: bool,
) -> Iterator[GridPoint]:
    """Cells of one group: policies without a pretrained model only at source size 0, the others only above it."""
    for policy, target_size in product(axes.policy, axes.target_size):
        pretrained = source_size != 0
        if _needs_source(policy):
            wanted = pretrained
        elif is_fine_tuning(policy):
            wanted = True
        elif BASELINES[policy].needs_measurements:
            wanted = not pretrained and first_architecture
        else:  # it depends only on the test part
            wanted = (
                not pretrained and first_architecture and (seed, target_size) == (axes.seed[0], axes.target_size[0])
            )
        if wanted:
            yield GridPoint(
                architecture.encoder,
                source_size,
                target_size,
                seed,
                split,
                policy,
                architecture_name=architecture.name if is_fine_tuning(policy) or _needs_source(policy) else "",
            )


def _order(size: int | Literal["all"]) -> float:
    return float("inf") if size == "all" else size
