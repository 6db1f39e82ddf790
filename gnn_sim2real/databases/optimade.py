"""Pages of entries of an OPTIMADE server.

OPTIMADE is the common interface of materials databases: Andersen et al., Sci. Data 8, 217 (2021), doi
10.1038/s41597-021-00974-z; Evans et al., Digital Discovery 3, 1509 (2024), doi 10.1039/d4dd00039k. The package
`optimade` has its own client (1.5.0 was examined), made to send one query to many databases: all answers stay in
memory, an interrupted download starts again, and a page that is short or repeated is accepted as it is. What is needed
here is one database, complete, so this is a thin client on `requests`, which pooch installs anyway.
"""

import difflib
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode, urljoin

from gnn_sim2real.databases.client import Client
from gnn_sim2real.databases.entries import CELL_FIELDS, name_of, to_rows
from gnn_sim2real.databases.snapshot import Batch
from gnn_sim2real.errors import DownloadError

logger = logging.getLogger(__name__)

_INSISTS = 2
"""A short page is accepted if it is still as short after this many further requests."""


@dataclass(frozen=True)
class Query:
    """What to request from a server.

    Attributes:
        base_url: Address of the database, without `/v1`.
        filter: Which entries, in OPTIMADE's language, e.g. `elements HAS "O" AND nelements=2`; empty for all.
        fields: Fields beside those of the structure; a dot leads into a dictionary (`_mp_stability.gga_gga+u`).
        page_limit: Number of entries requested at a time; a server may give fewer.
        max_entries: Number of entries after which to stop; None for all.
    """

    base_url: str
    filter: str = ""
    fields: tuple[str, ...] = ()
    page_limit: int = 100
    max_entries: int | None = None

    @property
    def endpoint(self) -> str:
        """Address of the structures."""
        base = self.base_url.rstrip("/")
        return f"{base}/structures" if base.endswith("/v1") else f"{base}/v1/structures"

    @property
    def first_url(self) -> str:
        """Address of the first page."""
        names = dict.fromkeys(["id", *CELL_FIELDS, *(field.partition(".")[0] for field in self.fields)])
        asked: dict[str, Any] = {"response_format": "json", "response_fields": ",".join(names)}
        if self.filter:
            asked["filter"] = self.filter
        limit = self.page_limit if self.max_entries is None else min(self.page_limit, self.max_entries)
        return f"{self.endpoint}?{urlencode(asked | {'page_limit': limit})}"


class Page(NamedTuple):
    """Some entries.

    Attributes:
        entries: Entries as the server gives them.
        next_url: Address of the next page; None on the last one.
        num_matching: Total number of entries that match the query, if the server gives it.
        last_id: Identifier of the last entry.
        pause: How long the server asks to wait between requests [s].
    """

    entries: list[dict[str, Any]]
    next_url: str | None
    num_matching: int | None
    last_id: str
    pause: float


class Place(NamedTuple):
    """Where to resume.

    Attributes:
        url: Address of the next page; None after the last one.
        last_id: Identifier of the last entry before it.
        num_read: Number of entries before it.
    """

    url: str | None
    last_id: str = ""
    num_read: int = 0


def read_pages(client: Client, query: Query, place: Place) -> Iterator[Page]:
    """Read page after page.

    A page is requested again if it holds the entries of the page before, or too few: not a full page though more are
    to come, or, on the last page, fewer than the server counts. Proxies do that. If the server insists on a short page,
    it is accepted; the total count is checked in the end.

    Args:
        client: Client that sends the requests.
        query: The query.
        place: Where to start.

    Raises:
        DownloadError: If the server refuses the query, repeats itself, or its answers are not OPTIMADE.
    """
    seen: set[int] = set()  # hashes: there may be a million pages
    full = query.page_limit if query.max_entries is None else min(query.page_limit, query.max_entries)
    most = 0
    while place.url is not None:
        seen.add(hash(place.url))
        page = _read_page(client, place, most or full)
        client.pause = max(client.pause, page.pause)
        most = max(most, len(page.entries))
        if hash(page.next_url) in seen:
            raise DownloadError(f"{place.url}: its next page, {page.next_url}, has been read before")
        yield page
        place = Place(page.next_url, page.last_id or place.last_id, place.num_read + len(page.entries))


def _read_page(client: Client, place: Place, full: int) -> Page:
    url, short = str(place.url), Counter[int]()

    def complain(content: dict[str, Any]) -> str | None:
        if complaint := _complain(content):
            return complaint
        entries, meta, link = content["data"], content.get("meta", {}), _next_url(content, url)
        if meta.get("more_data_available") is True and not link:
            return "a page that announces more entries without a link to them"
        if entries and name_of(entries[-1]) == place.last_id:
            return "the previous page again"
        wanted = full if link else (_count(meta) or 0) - place.num_read
        short[len(entries)] += 1
        if len(entries) < wanted and short[len(entries)] <= _INSISTS:
            return f"{len(entries)} entries on a page that should hold {wanted}"
        return None

    content = client.get_json(url, complain)
    entries, meta = content["data"], content.get("meta", {})
    pause = meta.get("request_delay")
    return Page(
        entries,
        _next_url(content, url) if entries else None,
        _count(meta),
        name_of(entries[-1]) if entries else "",
        min(float(pause), 60.0) if isinstance(pause, int | float) else 0.0,
    )


def _count(meta: dict[str, Any]) -> int | None:
    """Total number of entries that match the query, if the server gives it."""
    count = meta.get("data_returned")
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def _complain(content: dict[str, Any]) -> str | None:
    """Why an answer is not a page of entries; None if it is one."""
    entries = content.get("data")
    if not isinstance(entries, list) or not isinstance(content.get("meta", {}), dict):
        return f"an answer that is not a list of entries; it has {', '.join(content) or 'nothing'}"
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("attributes"), dict):
            return "an entry without `attributes`"
    return None


def _next_url(content: dict[str, Any], url: str) -> str | None:
    """Address of the next page: a text, or an object with `href`; relative ones are accepted."""
    link = (content.get("links") or {}).get("next")
    link = link.get("href") if isinstance(link, dict) else link
    return urljoin(url, link) if link else None


def read_facts(client: Client, query: Query) -> dict[str, Any]:
    """What a server declares about itself.

    Args:
        client: Client that sends the requests.
        query: Query with the fields.

    Returns:
        `provider`, `api_version`, and `field_units` with the unit of each field, None if none is declared.

    Raises:
        DownloadError: If the server lists its fields and one of the query is not among them.
    """
    content = client.get_json(query.endpoint.removesuffix("/structures") + "/info/structures")
    meta, data = content.get("meta") or {}, content.get("data")
    known = data.get("properties") if isinstance(data, dict) else None
    facts = {"provider": (meta.get("provider") or {}).get("name"), "api_version": meta.get("api_version")}
    if not isinstance(known, dict) or not known:
        logger.warning("%s does not list its fields, so %s cannot be checked", query.base_url, query.fields)
        return facts | {"field_units": dict.fromkeys(query.fields)}
    units: dict[str, str | None] = {}
    for path in query.fields:
        name, dot, _ = path.partition(".")
        if name not in known:
            own = [each for each in known if each.startswith("_")] or list(known)
            nearest = difflib.get_close_matches(name, own, n=12, cutoff=0)
            raise DownloadError(f"{query.base_url} has no field {name!r}; the closest are {', '.join(nearest)}")
        units[path] = None if dot or not isinstance(known[name], dict) else _declared_unit(known[name])
    return facts | {"field_units": units}


def _declared_unit(described: dict[str, Any]) -> str | None:
    unit = described.get("x-optimade-unit") or described.get("unit")
    return unit if isinstance(unit, str) and unit not in ("inapplicable", "") else None


@dataclass(frozen=True)
class OptimadeSource:
    """A query whose entries become rows of a snapshot.

    Attributes:
        client: Client that sends the requests.
        query: The query.
        columns: Field of each property column.
    """

    client: Client
    query: Query
    columns: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """The query in plain types, without the page size, which does not matter."""
        described = asdict(self.query) | {"columns": dict(sorted(self.columns.items()))}
        del described["page_limit"], described["fields"]
        return described

    def facts(self) -> dict[str, Any]:
        """What the server declares about itself and the fields; refuses a field that it does not have."""
        return read_facts(self.client, self.query)

    def read(self, bookmark: dict[str, Any] | None) -> Iterator[Batch]:
        """Read page after page, from the start or from a bookmark."""
        place = Place(**bookmark) if bookmark else Place(self.query.first_url)
        most = self.query.max_entries
        for page in read_pages(self.client, self.query, place):
            left = len(page.entries) if most is None else most - place.num_read
            entries = page.entries[:left]
            num_read = place.num_read + len(entries)
            place = Place(None if num_read == most else page.next_url, page.last_id, num_read)
            yield Batch(to_rows(entries, self.columns), place._asdict(), page.num_matching)
            if place.url is None:
                return
