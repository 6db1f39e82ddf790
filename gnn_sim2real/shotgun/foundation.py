"""Features of foundation encoders as tables of members: which encoders fit a target, and what each has seen."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gnn_sim2real.foundation import ENCODERS, NamedEncoder, compute_features, make_encoder
from gnn_sim2real.foundation.features import about
from gnn_sim2real.linear import Floats
from gnn_sim2real.shotgun.settings import AUTO, NONE

Foundation = str | dict[str, Any]
"""`auto`, `none`, the name of an encoder, or its `name` with settings and a `layer`."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FoundationBlock:
    """Features of a foundation encoder, see `members.Block`.

    Attributes:
        named: The encoder and its layer.
        kind: What the materials are.
    """

    named: NamedEncoder
    kind: str

    @property
    def name(self) -> str:
        """Name of the encoder."""
        return self.named.encoder.name

    def describe(self, materials: Sequence[Any]) -> Floats:
        """Features, (num_materials, num_columns); NaN for materials that the encoder cannot read.

        Args:
            materials: As the data set of the target reads them.

        Raises:
            ValueError: If the libraries of the encoder are not installed.
        """
        return compute_features(self.named.encoder, materials, self.kind, self.named.layer).values

    @property
    def about(self) -> dict[str, Any]:
        """What to know of it, in plain types: version, layer, licence, and what its training has seen."""
        return about(self.named.encoder, self.named.layer)

    @property
    def setting(self) -> dict[str, Any]:
        """The setting that makes it again, with the kind of materials, in plain types."""
        return self.named.encoder.describe() | {"layer": self.named.layer, "kind": self.kind}


def find_blocks(setting: Foundation, kind: str) -> list[FoundationBlock]:
    """Blocks for a target.

    Args:
        setting: See `Foundation`.
        kind: What the materials of the target are.

    Raises:
        ValueError: If an encoder that is named does not exist, cannot read the materials, or is not installed.
    """
    if setting == NONE:
        return []
    if setting == AUTO:
        fitting = [each for each in ENCODERS.classes().values() if kind in each.kinds and not _needs_settings(each)]
        if absent := [each for each in fitting if each.missing()]:
            listed = "; ".join(f"{each.name} ({each.how_to_install()})" for each in absent)
            logger.info("features of these foundation encoders would be used if they were installed: %s", listed)
        return [FoundationBlock(make_encoder(each.name), kind) for each in fitting if not each.missing()]
    named = make_encoder(setting)
    named.encoder.require_kind(kind)
    named.encoder.require_installed()
    return [FoundationBlock(named, kind)]


def load_blocks(settings: Sequence[Mapping[str, Any]]) -> list[FoundationBlock]:
    """Blocks that an ensemble was made with.

    Args:
        settings: `FoundationBlock.setting` of each.

    Raises:
        ValueError: If an encoder does not exist here, is not installed, has another version, or needs a setting that
            its features do not depend on, such as the path of a file.
    """
    found = []
    for each in settings:
        own = dict(each)
        kind, version = own.pop("kind"), own.pop("version")
        named = make_encoder(own)
        if named.encoder.version != version:
            raise ValueError(f"`{own['name']}` has version {named.encoder.version} here, not {version}")
        named.encoder.require_installed()
        found.append(FoundationBlock(named, kind))
    return found


def as_wide_as(table: Floats, features: Floats) -> Floats:
    """Features with as many columns as a table; there are none if no material could be read.

    Args:
        table: (num_others, num_columns).
        features: (num_materials, num_columns), or (num_materials, 0).
    """
    return features if features.shape[1] else np.full((len(features), table.shape[1]), np.nan)


def _needs_settings(encoder: Any) -> bool:
    try:
        encoder()
    except (TypeError, ValueError):
        return True
    return False
