"""Structures of a public database by the names of its crystals, as the database has them today."""

from collections.abc import Sequence

from datamodules.materials_project_api import SummaryQuery
from datamodules.optimade import PROVIDERS, Provider
from gnn_sim2real.databases.client import Client
from gnn_sim2real.databases.optimade import Query
from gnn_sim2real.databases.optimade_ids import OptimadeIdsQuery
from gnn_sim2real.databases.snapshot import Snapshot, SnapshotQuery, get_snapshot, snapshot_folder

WITH_KEY = "mp_key"
"""The Materials Project by `mp-api`, with the key in MP_API_KEY."""


def require_database(name: str) -> None:
    """Refuse what is not a database.

    Args:
        name: Name of a database that speaks OPTIMADE, its address, or `WITH_KEY`.

    Raises:
        ValueError: If it is none.
    """
    if name not in (*PROVIDERS, WITH_KEY) and not name.startswith(("http://", "https://")):
        raise ValueError(
            f"`structures_from` must be one of {', '.join(PROVIDERS)}, {WITH_KEY} (the Materials Project with your key "
            f"in MP_API_KEY), or the address of an OPTIMADE server, got {name[:100]!r}"
        )


def crystals_by_id(database: str, names: Sequence[str]) -> Snapshot:
    """The structures of some crystals, downloaded once and then used as they are.

    Args:
        database: As for `require_database`.
        names: Names of the crystals, such as `mp-149`; those that the database does not have are left out.

    Raises:
        ValueError: If a name cannot be one, or there is no key.
        DownloadError: If the database refuses or cannot be reached, or has none of them.
    """
    query = _query(database, tuple(sorted({*names})))
    return get_snapshot(snapshot_folder(f"{_title(database)}-by-id", query), query, ())


def _query(database: str, names: tuple[str, ...]) -> SnapshotQuery:
    if database == WITH_KEY:
        return SummaryQuery({}, {"material_ids": list(names)}, None)
    provider = PROVIDERS.get(database, Provider(database))
    return OptimadeIdsQuery(Client(pause=provider.pause), Query(provider.base_url), names)


def _title(database: str) -> str:
    return database if database in (*PROVIDERS, WITH_KEY) else "optimade"
