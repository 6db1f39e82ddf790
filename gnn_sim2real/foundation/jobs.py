"""Features of foundation encoders on the launchers of studies: each job is some of the materials.

What a job has computed is in the cache, where every command finds it; after a stop, or where a machine was lost, only
what is missing is computed.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gnn_sim2real.files import default_cache_folder
from gnn_sim2real.foundation.features import compute_features, find_missing, make_encoder
from gnn_sim2real.launchers.base import Outcome, Place, Work
from gnn_sim2real.launchers.drive import compute
from gnn_sim2real.launchers.queue import JobQueue
from gnn_sim2real.launchers.shard import Shard

logger = logging.getLogger(__name__)

AT_ONCE = 256
"""Materials of a job: minutes of computing for large networks, after which they are in the cache."""


@dataclass(frozen=True)
class FeatureJob:
    """Some materials.

    Attributes:
        number: Number of the job, from 1.
        materials: A SMILES, a repeat-unit SMILES or a `Crystal` each.
    """

    number: int
    materials: tuple[Any, ...]

    @property
    def key(self) -> str:
        """Name of the job."""
        return hashlib.sha256(str(self.number).encode()).hexdigest()[:32]


class FeatureRunner:
    """Computes features in one process.

    Args:
        setting: The encoder, see `features.make_encoder`.
        kind: What the materials are.
        folder: Folder of the cache, which all machines share.
    """

    def __init__(self, setting: str | Mapping[str, Any], kind: str, folder: Path) -> None:
        self._named, self._kind, self._folder = make_encoder(setting), kind, folder

    def read_data(self) -> None:
        """Materials come with the jobs."""

    def run(self, job: FeatureJob) -> Outcome:
        """See `launchers.base.Runner`.

        Args:
            job: The materials.
        """
        named = self._named
        compute_features(named.encoder, job.materials, self._kind, named.layer, self._folder, waits=False)
        return "done"


def cache_features(
    setting: str | Mapping[str, Any],
    materials: Sequence[Any],
    kind: str,
    place: Place,
    *,
    folder: Path | None = None,
    shard: Shard | None = None,
) -> int:
    """Compute the features of materials that are not in the cache yet, several jobs at a time.

    Args:
        setting: The encoder, see `features.make_encoder`.
        materials: As for `features.compute_features`.
        kind: What they are.
        place: Where to compute.
        folder: Folder of the cache; that of the user unless given.
        shard: The part of the materials that is wanted here; all unless given.

    Returns:
        Number of materials that were computed.

    Raises:
        ValueError: If the encoder does not exist, does not read the materials, or is not installed.
    """
    encoder = make_encoder(setting).encoder
    encoder.require_installed()
    folder = folder or default_cache_folder() / "foundation"
    mine = [materials[row] for row in range(len(materials))]
    missing = find_missing(encoder, mine if shard is None else shard.of(mine), kind, folder)
    starts = range(0, len(missing), AT_ONCE)
    queue = JobQueue(
        [FeatureJob(number, tuple(missing[start : start + AT_ONCE])) for number, start in enumerate(starts, start=1)]
    )

    def tell(_: FeatureJob) -> None:
        logger.info("features of %s: %d of %d parts", encoder.name, queue.outcomes.total(), len(starts))

    compute(queue, Work(place, partial(FeatureRunner, setting, kind, folder)), _describe, _say_lost, tell)
    return len(missing)


def _describe(job: FeatureJob) -> str:
    return f"part {job.number} of the materials"


def _say_lost(job: FeatureJob, reason: str) -> None:
    logger.error("%s: %s; the same command computes what is missing", _describe(job), reason)
