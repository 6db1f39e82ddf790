"""Entries of an OPTIMADE server by their identifiers."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from gnn_sim2real.databases.client import Client, to_words
from gnn_sim2real.databases.entries import to_rows
from gnn_sim2real.databases.optimade import Place, Query, read_facts, read_pages
from gnn_sim2real.databases.snapshot import Batch
from gnn_sim2real.errors import DownloadError

IDS_AT_ONCE = 50
"""Identifiers in one filter; an address of them all would be longer than servers read."""

_IDENTIFIER = re.compile(r"[\w.:/+-]{1,100}", re.ASCII)


@dataclass(frozen=True)
class OptimadeIdsQuery:
    """The structures of some identifiers; those that the server does not have are left out.

    Attributes:
        client: Client that sends the requests.
        query: Address of the database; its filter is written here.
        names: The identifiers.

    Raises:
        ValueError: If there is none, or one cannot be an identifier.
    """

    client: Client
    query: Query
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("there is no identifier of a crystal to ask for")
        for name in self.names:
            if not _IDENTIFIER.fullmatch(name):
                raise ValueError(f"{name[:100]!r} is not an identifier of a crystal such as mp-149")

    def describe(self) -> dict[str, Any]:
        """The query in plain types."""
        digest = hashlib.sha256(" ".join(sorted({*self.names})).encode()).hexdigest()
        return {"base_url": self.query.base_url, "names": digest, "num_names": len({*self.names})}

    def facts(self) -> dict[str, Any]:
        """What the server declares about itself."""
        return read_facts(self.client, self.query)

    def read(self, bookmark: dict[str, Any] | None) -> Iterator[Batch]:
        """Read some identifiers after the others.

        Raises:
            DownloadError: If the server gives an entry that was not asked for, as one does that reads no filters.
        """
        names = sorted({*self.names})
        start = 0 if bookmark is None else bookmark.get("num_done")
        if not isinstance(start, int):
            raise DownloadError("the place where this download stopped cannot be read; delete its folder `unfinished`")
        for first in range(start, len(names), IDS_AT_ONCE):
            wanted = names[first : first + IDS_AT_ONCE]
            either = " OR ".join(f'id="{name}"' for name in wanted)
            asked = replace(self.query, filter=either, page_limit=len(wanted))
            entries = [each for page in read_pages(self.client, asked, Place(asked.first_url)) for each in page.entries]
            rows = to_rows(entries, {})
            for row in rows:
                if row["material_id"] not in wanted:
                    raise DownloadError(
                        f"{self.query.base_url} gave {to_words(row['material_id'], 100)}, which was not asked for"
                    )
            yield Batch(rows, {"num_done": first + len(wanted)}, None)
