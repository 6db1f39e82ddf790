"""Pages of entries of an OPTIMADE server.

OPTIMADE is the common interface of materials databases: Andersen et al., Sci. Data 8, 217 (2021), doi
10.1038/s41597-021-00974-z; Evans et al., Digital Discovery 3, 1509 (2024), doi 10.1039/d4dd00039k. The package
`optimade` has its own client (1.5.0 was examined), made to send one query to many databases: all answers stay in
memory, an interrupted download starts again, and a page that is short or repeated is accepted as it is. What is needed
here is one database, complete, so this is a thin client on `requests`, which pooch installs anyway.
"""

import difflib
import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from gnn_sim2real.databases.client import Client, is_same_server, to_words
from gnn_sim2real.databases.entries import CELL_FIELDS, name_of, to_rows
from gnn_sim2real.databases.passwords import hide_login, strip_login
from gnn_sim2real.databases.snapshot import Batch
from gnn_sim2real.errors import DownloadError

logger = logging.getLogger(__name__)

_INSISTS = 2
"""A short page is accepted if it is still as short after this many further requests."""

MAX_PAGES = 2_000_000
"""Most pages that are read: with the smallest pages of known servers, ten times the largest database."""

_SPARE = 1000
"""A server may give twice as many entries as it counts, since some come twice, and this many more, but no further."""

_UNBOUNDED = re.compile(r"\d{4}|(\^|\*\*)[^*^]*(\^|\*\*)[^*^]*(\^|\*\*)")

_LONGEST_LINK = 20_000

_MOST_MATCHING = 10**12
"""Numbers of entries above this are not counts."""


@dataclass(frozen=True)
class Query:
    """What to request from a server.

    Attributes:
        base_url: Address of the database, without `/v1`. A password or a key in it is hidden, see `passwords`.
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", hide_login(self.base_url))

    @property
    def endpoint(self) -> str:
        """Address of the structures."""
        base = self.base_url.rstrip("/")
        return f"{base}/structures" if base.endswith("/v1") else f"{base}/v1/structures"

    @property
    def asked(self) -> dict[str, str]:
        """What every page is asked for, in the words of the standard."""
        names = dict.fromkeys(["id", *CELL_FIELDS, *(field.partition(".")[0] for field in self.fields)])
        asked = {"response_format": "json", "response_fields": ",".join(names)}
        if self.filter:
            asked["filter"] = self.filter
        limit = self.page_limit if self.max_entries is None else min(self.page_limit, self.max_entries)
        return asked | {"page_limit": str(limit)}

    @property
    def first_url(self) -> str:
        """Address of the first page."""
        return f"{self.endpoint}?{urlencode(self.asked)}"

    def complete(self, url: str) -> str:
        """Put back what a link leaves out of this query: some servers drop the fields, or the filter, after a page.

        Args:
            url: Link of a server to a page.
        """
        parts = urlsplit(url)
        given = parse_qsl(parts.query, keep_blank_values=True)
        fields = {name for key, text in given if key == "response_fields" for name in text.split(",")}
        missing = self.asked.keys() - {name for name, _ in given}
        if not fields.issuperset(self.asked["response_fields"].split(",")):
            given = [each for each in given if each[0] != "response_fields"]
            missing.add("response_fields")
        if not missing:
            return url
        added = [(name, text) for name, text in self.asked.items() if name in missing]
        return parts._replace(query=urlencode(given + added), fragment="").geturl()


class Page(NamedTuple):
    """Some entries.

    Attributes:
        entries: Entries as the server gives them.
        next_url: Address of the next page; None on the last one.
        num_matching: Total number of entries that match the query, if the server gives it.
        last_id: Identifier of the last entry.
        pause: How long the server asks to wait between requests [s].
    """

    entries: list[Any]
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
        DownloadError: If the server refuses the query, repeats itself, goes on without end, or its answers are not
            OPTIMADE.
    """
    seen: set[int] = set()  # hashes: there may be a million pages
    contents: set[int] = set()
    repeated = 0
    full = query.page_limit if query.max_entries is None else min(query.page_limit, query.max_entries)
    most = 0
    while place.url is not None:
        seen.add(hash(place.url))
        page = _read_page(client, query, place, most or full)
        client.pause = max(client.pause, page.pause)
        most = max(most, len(page.entries))
        if hash(page.next_url) in seen:
            raise DownloadError(
                f"{to_words(place.url, 500)}: its next page, {to_words(str(page.next_url), 500)}, has been read before"
            )
        yield page
        place = Place(page.next_url, page.last_id or place.last_id, place.num_read + len(page.entries))
        content = hash((len(page.entries), name_of(page.entries[0]) if page.entries else "", page.last_id))
        repeated += content in contents
        contents.add(content)
        if place.url is not None:
            _check_end(query, page, place, len(seen), repeated)


def _check_end(query: Query, page: Page, place: Place, num_pages: int, repeated: int) -> None:
    """Stop a server that would never stop by itself."""
    count = page.num_matching
    if count is not None and place.num_read > 2 * count + _SPARE:
        raise DownloadError(
            f"{query.base_url} counts {count:,} entries, gave {place.num_read:,} and announces more; it is not read on"
        )
    if repeated > num_pages / 2 + 10:
        raise DownloadError(f"{query.base_url} gives the same pages again and again; it is not read on")
    if num_pages >= MAX_PAGES:
        raise DownloadError(
            f"{query.base_url} gave {num_pages:,} pages and announces more; restrict the query by `filter`"
        )


def _read_page(client: Client, query: Query, place: Place, full: int) -> Page:
    url, short = query.complete(str(place.url)), Counter[int]()

    def complain(content: dict[str, Any]) -> str | None:
        if complaint := _complain(content):
            return complaint
        entries, meta, link = content["data"], _meta(content), _next_url(content, url, query)
        if str(meta.get("more_data_available")).lower() == "true" and not link:
            return "a page that announces more entries without a link to them"
        if entries and name_of(entries[-1]) == place.last_id:
            return "the previous page again"
        wanted = full if link else (_count(meta) or 0) - place.num_read
        short[len(entries)] += 1
        if len(entries) < wanted and short[len(entries)] <= _INSISTS:
            return f"{len(entries)} entries on a page that should hold {wanted}"
        return None

    content = client.get_json(url, complain)
    entries, meta = content["data"], _meta(content)
    if (count := meta.get("data_returned")) is not None and _count(meta) is None:
        logger.warning("%s gives no number as `data_returned`: %s", query.base_url, to_words(repr(count)[:100], 60))
    return Page(
        entries,
        _next_url(content, url, query) if entries else None,
        _count(meta),
        name_of(entries[-1]) if entries else "",
        _pause(meta.get("request_delay")),
    )


def _meta(content: dict[str, Any]) -> dict[str, Any]:
    return content.get("meta") or {}


def _pause(delay: Any) -> float:
    """How long a server asks to wait [s]; 0 if it asks for nothing that could be waited for."""
    if isinstance(delay, bool) or not isinstance(delay, int | float) or not delay > 0:
        return 0.0
    return float(min(delay, 60))


def _count(meta: dict[str, Any]) -> int | None:
    """Total number of entries that match the query, if the server gives it."""
    count = meta.get("data_returned")
    if isinstance(count, str) and count.isdecimal() and len(count) < 13:
        count = int(count)
    is_count = isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _MOST_MATCHING
    return count if is_count else None


def _complain(content: dict[str, Any]) -> str | None:
    """Why an answer is not a page of entries; None if it is one."""
    entries, names = content.get("data"), to_words(", ".join([*content][:20]), 200)
    if not isinstance(entries, list):
        return f"an answer that is not a list of entries; it has {names or 'nothing'}"
    for name in ("meta", "links"):
        if not isinstance(content.get(name) or {}, dict):
            return f"an answer whose `{name}` is not an object but a {type(content[name]).__name__}"
    link = (content.get("links") or {}).get("next")
    link = link.get("href") if isinstance(link, dict) else link
    if link is not None and not isinstance(link, str):
        return f"an answer whose `links.next` is not an address but a {type(link).__name__}"
    return None


def _next_url(content: dict[str, Any], url: str, query: Query) -> str | None:
    """Address of the next page: a text, or an object with `href`; relative ones are accepted.

    Behind a proxy, some servers give their inner address, or http for https: the page is asked of the server that the
    user named. No other server is ever asked.

    Raises:
        DownloadError: If it is not an address of the web.
    """
    link = (content.get("links") or {}).get("next")
    link = link.get("href") if isinstance(link, dict) else link
    if not link:
        return None
    try:
        found = urljoin(url, link)
        parts = urlsplit(found)
    except ValueError:
        parts = None
    if parts is None or not link.isprintable() or len(link) > _LONGEST_LINK or parts.scheme not in ("http", "https"):
        raise DownloadError(f"{query.base_url}: the link to the next page, {to_words(link, 200)!r}, is not followed")
    if not is_same_server(url, found):
        found = f"{query.endpoint}?{parts.query}"
    return query.complete(strip_login(found))


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
    meta, data = (content[name] if isinstance(content.get(name), dict) else {} for name in ("meta", "data"))
    provider = meta.get("provider")
    facts = {
        "provider": _text(provider.get("name") if isinstance(provider, dict) else None),
        "api_version": _text(meta.get("api_version")),
    }
    known = data.get("properties")
    if not isinstance(known, dict) or not known:
        logger.warning("%s does not list its fields, so %s cannot be checked", query.base_url, query.fields)
        return facts | {"field_units": dict.fromkeys(query.fields)}
    units: dict[str, str | None] = {}
    for path in query.fields:
        name, dot, _ = path.partition(".")
        if name not in known:
            own = [each for each in known if each.startswith("_")] or list(known)
            nearest = difflib.get_close_matches(name, [each for each in own if len(each) < 100][:2000], n=12, cutoff=0)
            raise DownloadError(
                f"{query.base_url} has no field {name!r}; the closest are {to_words(', '.join(nearest), 1000)}"
            )
        units[path] = None if dot or not isinstance(known[name], dict) else _declared_unit(known[name])
    return facts | {"field_units": units}


def _text(value: Any) -> str | None:
    """A text that a server says of itself; None if it is another thing."""
    return to_words(value, 200) if isinstance(value, str) else None


def _declared_unit(described: dict[str, Any]) -> str | None:
    unit = described.get("x-optimade-unit") or described.get("unit")
    if not isinstance(unit, str) or unit in ("inapplicable", ""):
        return None
    # Whoever reads a unit computes its powers, and a power of a power never ends.
    return None if len(unit) > 60 or _UNBOUNDED.search(unit) else to_words(unit, 60)


def _read_bookmark(bookmark: dict[str, Any], query: Query) -> Place:
    """Where to resume, if an earlier process of this query wrote it.

    Raises:
        DownloadError: If it cannot be.
    """
    url, last_id, num_read = (bookmark.get(name) for name in Place._fields)
    is_place = (url is None or isinstance(url, str)) and isinstance(last_id, str) and isinstance(num_read, int)
    if not is_place or (url is not None and not is_same_server(query.endpoint, url)):
        raise DownloadError("the place where this download stopped cannot be read; delete its folder `unfinished`")
    return Place(url, str(last_id), int(num_read or 0))


@dataclass(frozen=True)
class OptimadeSnapshotQuery:
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
        place = _read_bookmark(bookmark, self.query) if bookmark else Place(self.query.first_url)
        most = self.query.max_entries
        for page in read_pages(self.client, self.query, place):
            left = len(page.entries) if most is None else most - place.num_read
            entries = page.entries[:left]
            num_read = place.num_read + len(entries)
            place = Place(None if num_read == most else page.next_url, page.last_id, num_read)
            yield Batch(to_rows(entries, self.columns), place._asdict(), page.num_matching)
            if place.url is None:
                return
