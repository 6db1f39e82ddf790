"""`gnn-sim2real data features`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace
from rich.console import Console

from gnn_sim2real.launchers.base import Place
from gnn_sim2real.launchers.shard import Shard

if TYPE_CHECKING:
    from gnn_sim2real.data.module import PropertyDataModule

OPTIONS = ("--foundation", "--launcher", "--workers", "--address", "--gpus", "--threads", "--shard")
"""Options of the command, which are no settings of the data."""


def features_parser() -> ArgumentParser:
    """The parser of the command."""
    parser = ArgumentParser(
        prog="gnn-sim2real data features",
        description="Compute features of a foundation encoder, which trainings and shotgun find in the cache.",
    )
    parser.add_argument("name", help="a file, a name from `data list`, or the YAML of a training")
    parser.add_argument("--foundation", type=str, required=True, help="name of the encoder, as `models list` shows it")
    parser.add_class_arguments(Place)
    parser.add_argument("--shard", type=str | None, help="compute only the i-th of N parts of the materials, as i/N")
    return parser


def cache_of(given: Namespace, modules: Sequence["PropertyDataModule"], console: Console) -> int:
    """Compute what is missing for some data sets.

    Args:
        given: Parsed options.
        modules: The data sets.
        console: Where it is told.

    Returns:
        Exit code.
    """
    from gnn_sim2real.foundation.jobs import cache_features

    place, shard = Place.of(given), None if given.shard is None else Shard.parse(given.shard)
    for data in modules:
        kind, materials = data.featurizer.name, data.table.materials
        count = cache_features(given.foundation, materials, kind, place, shard=shard)
        text = f"{count:,} materials computed, the others of {len(materials):,} were there"
        console.print(f"{given.foundation}: {text}", markup=False, highlight=False, soft_wrap=True)
    return 0
