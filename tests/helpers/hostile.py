"""Answers of servers that are mistaken, broken or hostile, as plain data, each with what must come of it."""

import gzip
import json
import time
from urllib.parse import parse_qs, urlencode, urlsplit

from loopback import Quiet, entry

MANY = "9" * 400
_GOOD = json.dumps(entry(12)["attributes"])


def _with(**attributes):
    """An entry with other attributes; a value is JSON, so that it may be what Python would not write."""
    plain = json.loads(_GOOD)
    texts = {name: json.dumps(value) for name, value in plain.items()} | attributes
    content = ", ".join(f'"{name}": {text}' for name, text in texts.items())
    return '{"id": "bad", "type": "structures", "attributes": {' + content + "}}"


def _sites(count):
    return {
        "species_at_sites": json.dumps(["Li"] * count),
        "cartesian_site_positions": json.dumps([[0.0, 0.0, 0.0]] * count),
        "nsites": str(count),
    }


BAD_ENTRIES = {
    "number": ("5", "not an entry but 5"),
    "null": ("null", "not an entry but null"),
    "list": ("[1, 2]", "not an entry but a list"),
    "attributes null": ('{"id": "bad", "attributes": null}', "`attributes`"),
    "attributes missing": ('{"id": "bad"}', "`attributes`"),
    "attributes list": ('{"id": "bad", "attributes": [1]}', "`attributes`"),
    "id list": (_with().replace('"id": "bad"', '"id": ["bad"]'), "`id`"),
    "id object": (_with().replace('"id": "bad"', '"id": {"a": 1}'), "`id`"),
    "value of 400 digits": (_with(_test_band_gap=MANY), "`_test_band_gap`"),
    "value of 10^4 digits": (_with(_test_band_gap="9" * 10**4), "`_test_band_gap`"),
    "value 1e400": (_with(_test_band_gap="1e400"), "`_test_band_gap`"),
    "value NaN": (_with(_test_band_gap="NaN"), "`_test_band_gap`"),
    "value -Infinity": (_with(_test_band_gap="-Infinity"), "`_test_band_gap`"),
    "value text": (_with(_test_band_gap='"1.5"'), "'1.5'"),
    "value list": (_with(_test_band_gap="[1.5]"), "`_test_band_gap`"),
    "value true": (_with(_test_band_gap="true"), "`_test_band_gap`"),
    "value escape codes": (_with(_test_band_gap='"\\u001b[2J"'), "x1b[2J"),
    "value half a pair": (_with(_test_band_gap='"\\ud800"'), "ud800"),
    "lattice null": (_with(lattice_vectors="null"), "`lattice_vectors`"),
    "lattice text": (_with(lattice_vectors='"cubic"'), "`lattice_vectors`"),
    "lattice object": (_with(lattice_vectors='{"a": 1}'), "`lattice_vectors`"),
    "lattice deeper": (_with(lattice_vectors="[[[1, 0, 0], [0, 1, 0], [0, 0, 1]]]"), "`lattice_vectors`"),
    "lattice ragged": (_with(lattice_vectors="[[1, 0], [0, 1, 0], [0, 0, 1]]"), "`lattice_vectors`"),
    "lattice of texts": (_with(lattice_vectors='[["4", 0, 0], [0, 4, 0], [0, 0, 4]]'), "`lattice_vectors`"),
    "lattice of 400 digits": (_with(lattice_vectors=f"[[{MANY}, 0, 0], [0, 4, 0], [0, 0, 4]]"), "`lattice_vectors`"),
    "lattice NaN": (_with(lattice_vectors="[[NaN, 0, 0], [0, 4, 0], [0, 0, 4]]"), "`lattice_vectors`"),
    "lattice 1e200": (_with(lattice_vectors="[[1e200, 0, 0], [0, 4, 0], [0, 0, 4]]"), "`lattice_vectors`"),
    "lattice of zeros": (_with(lattice_vectors="[[0, 0, 0], [0, 0, 0], [0, 0, 0]]"), "volume"),
    "positions Infinity": (_with(cartesian_site_positions="[[0, 0, Infinity]]"), "`cartesian_site_positions`"),
    "positions true": (_with(cartesian_site_positions="[[true, 0, 0]]"), "`cartesian_site_positions`"),
    "positions number": (_with(cartesian_site_positions="7"), "`cartesian_site_positions`"),
    "species names are lists": (_with(species='[{"name": ["Li"], "chemical_symbols": ["Li"]}]'), None),
    "species text": (_with(species='"Li"'), None),
    "symbols are lists": (
        _with(species='[{"name": "A", "chemical_symbols": [["Li"]]}]', species_at_sites='["A"]'),
        "unknown element",
    ),
    "symbols a text": (_with(species='[{"name": "A", "chemical_symbols": "Li"}]', species_at_sites='["A"]'), "'A'"),
    "symbols long": (_with(species_at_sites=json.dumps(["X" * 10**5])), "unknown element"),
    "sites list of lists": (_with(species_at_sites='[["Li"]]'), "`species_at_sites`"),
    "sites text": (_with(species_at_sites='"LiF"'), "`species_at_sites`"),
    "half occupied": (
        _with(
            **_sites(1),
            species='[{"name": "Li", "chemical_symbols": ["Li"], "concentration": [0.5]}]',
        ),
        None,
    ),
    "half filled by an unknown element": (
        _with(**_sites(1), species='[{"name": "Li", "chemical_symbols": ["Qq"], "concentration": [0.5]}]'),
        "unknown element: Qq",
    ),
    "filled twice over": (
        _with(
            **_sites(1),
            species='[{"name": "Li", "chemical_symbols": ["Li", "Na"], "concentration": [0.9, 0.9]}]',
        ),
        "Li 0.9, Na 0.9, which is impossible",
    ),
    "filled less than not": (
        _with(**_sites(1), species='[{"name": "Li", "chemical_symbols": ["Li"], "concentration": [-1]}]'),
        "Li -1, which is impossible",
    ),
    "two sites at one place": (_with(**_sites(2)), "0.000 angstrom apart"),
    "occupancy text": (
        _with(**_sites(1), species='[{"name": "Li", "chemical_symbols": ["Li"], "concentration": "full"}]'),
        "`concentration`",
    ),
    "features object": (_with(structure_features='{"disorder": true}'), "an object"),
    "dimensions of lists": (_with(dimension_types="[[1], [1], [1]]"), "3 directions"),
    "nsites of 400 digits": (_with(nsites=MANY), "`nsites`"),
    "100,000 sites": (_with(**_sites(10**5)), "100,000 sites"),
    "value twice": (
        _with().replace('"_test_band_gap":', '"_test_band_gap": 99, "_test_band_gap" :'),
        "'_test_band_gap'",
    ),
    "value twice, spelled otherwise": (
        _with().replace('"_test_band_gap":', '"_test_band\\u005fgap": 99, "_test_band_gap":'),
        "'_test_band_gap'",
    ),
    "name twice": (_with().replace('"id":', '"id": "other", "id":'), "'id'"),
    "name twice within": (_with(species='[{"name": "Li", "chemical_symbols": ["Li"], "name": "Na"}]'), "'name'"),
    "marks in a text": (_with(_test_note='"a\\u0022: b \\": c"'), None),
    "species described twice": (
        _with(
            species='[{"name": "Li", "chemical_symbols": ["Li"]}, {"name": "Li", "chemical_symbols": ["Na"]}]',
        ),
        "'Li' twice",
    ),
    "deep": (_with(_test_deep="[" * 900 + "]" * 900), None),
}
"""An entry as JSON among good ones, and a part of the reason with which its row is refused; None if it is read."""


def changed(page, name, value):
    """A page, as text, with another value somewhere; the value is JSON."""
    mark = "a-value-that-no-page-has"
    first, _, last = name.partition(".")
    page = dict(page)
    page[first] = dict(page.get(first) or {}) | {last: mark} if last else mark
    return json.dumps(page).replace(json.dumps(mark), value)


BAD_PAGES = {
    "links null": ("links", "null", "25 entries"),
    "links list": ("links", '["next"]', "`links`"),
    "links text": ("links", '"http://127.0.0.1/"', "`links`"),
    "next number": ("links.next", "5", r"`links\.next`"),
    "next list": ("links.next", '["/v1"]', r"`links\.next`"),
    "next href number": ("links.next", '{"href": 5}', r"`links\.next`"),
    "next file": ("links.next", '"file:///etc/passwd"', "file:///etc/passwd"),
    "next ftp": ("links.next", '"ftp://example.org/"', "ftp://"),
    "next script": ("links.next", '"javascript:alert(1)"', "javascript"),
    "next half address": ("links.next", '"http://[::1"', r"http://\[::1"),
    "next escape codes": ("links.next", '"/v1/structures?\\u001b[2J"', r"\\x1b\[2J"),
    "next half a pair": ("links.next", '"/v1/structures?\\ud800"', r"\\ud800"),
    "next long": ("links.next", json.dumps("/v1/structures?" + "a" * 10**5), "next page"),
    "meta list": ("meta", "[1]", "`meta`"),
    "meta text": ("meta", '"fine"', "`meta`"),
    "meta null": ("meta", "null", None),
    "count text": ("meta.data_returned", '"25"', None),
    "count list": ("meta.data_returned", "[25]", None),
    "count of 400 digits": ("meta.data_returned", MANY, None),
    "count negative": ("meta.data_returned", "-3", None),
    "delay text": ("meta.request_delay", '"soon"', None),
    "delay of 400 digits": ("meta.request_delay", MANY, None),
    "delay NaN": ("meta.request_delay", "NaN", None),
    "delay negative": ("meta.request_delay", "-5", None),
    "more is a list": ("meta.more_data_available", "[]", None),
    "data null": ("data", "null", "list"),
    "data object": ("data", "{}", "list"),
    "data text": ("data", '"none"', "list"),
    "data deep": ("data", "[" * 10**6, "nested"),
    "name twice": ("meta", '{"data_returned": 25, "data_returned": 12}', "'data_returned'"),
    "link twice": ("links", '{"next": null, "next": "/v1/structures?page_offset=10"}', "'next'"),
    "errors": ("errors", '[{"title": "Bad filter", "detail": "cannot parse"}]', "Bad filter: cannot parse"),
    "errors text": ("errors", '"out of order"', "out of order"),
    "errors deep": ("errors", '[{"title": [{"a": 1}], "detail": {}}]', "200"),
    "errors escape codes": ("errors", '[{"title": "\\u001b[31mred"}]', r"\\x1b\[31mred"),
}
"""Where on every page but the last a value stands that is JSON; a part of the error, None if all is read."""

BAD_INFO = {
    "empty": "{}",
    "data list": '{"data": [1]}',
    "properties list": '{"data": {"properties": [1]}}',
    "provider text": '{"meta": {"provider": "me"}}',
    "provider list": '{"meta": {"provider": [1], "api_version": {"a": 1}}}',
    "provider name list": '{"meta": {"provider": {"name": [1]}}}',
    "meta list": '{"meta": [1], "data": null}',
    "property list": '{"data": {"properties": {"_test_band_gap": [1]}}}',
    "unit list": '{"data": {"properties": {"_test_band_gap": {"unit": [1]}}}}',
    "unit without end": '{"data": {"properties": {"_test_band_gap": {"unit": "m**9**9**9**9"}}}}',
}
"""What a server says of itself, as JSON; it is read all the same."""

BAD_ANSWERS = {
    "bomb": ({"Content_Encoding": "gzip"}, gzip.compress(b" " * 2**22), "1 MiB"),
    "two bombs": ({"Content_Encoding": "gzip"}, gzip.compress(b" " * 2**19) * 4, "1 MiB"),
    "large": ({}, b" " * (2**20 + 1), "1 MiB"),
    "packed twice": ({"Content_Encoding": "gzip, gzip"}, gzip.compress(gzip.compress(b"{}")), "'gzip, gzip'"),
    "packed unasked": ({"Content_Encoding": "br"}, b"{}", "'br'"),
    "not packed": ({"Content_Encoding": "gzip"}, b'{"data": []}', "unreadable"),
    "cut": ({"Content_Encoding": "gzip"}, gzip.compress(b'{"data": []}')[:-5], "incomplete"),
    "deep": ({}, b'{"a":' * 10**5, "nested"),
    "no text": ({}, b"\xff\xfe\x00", "JSON"),
    "empty": ({}, b"", "JSON"),
    "number": ({}, b"9" * 5000, "JSON"),
    "escape codes": ({}, b"\x1b]0;title\x07", r"x1b\]0;title"),
}
"""Headers, content and a part of the error; the client reads up to 1 MiB."""

REDIRECTS = {
    "another server": ("http://example.invalid/v1/structures", "http://example.invalid"),
    "a file": ("file:///etc/passwd", "file:///"),
    "this machine": ("http://localhost:1/", "http://localhost:1"),
    "in a circle": ("", "again"),
    "no address": ("http://[::1", "redirect|requested|incomplete"),
}
"""Where every page redirects to, and a part of the error."""


class HostileServer(Quiet):
    """A server of 25 entries whose answers are spoiled by `server.spoil`, a dictionary with at most one of these keys.

    `entry` replaces the 13th entry; `page` is a place and a value for all pages but the last; `info` is said of itself;
    `answer` are headers and content; `redirect` an address; `drip` is `head` or `body`, sent byte by byte; `drops` are
    parameters that the links leave out; `host` is the host in the links; `endless` gives the same or new entries.
    What lies below `/old` has moved. `server.wanted` says whether a path with its authorization is let in.
    """

    def do_GET(self):  # noqa: N802 (the name that http.server calls)
        server, parts, spoil = self.server, urlsplit(self.path), self.server.spoil
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        server.requests.append((self.path, self.headers.get("Authorization")))
        if server.wanted and not server.wanted(self.path, self.headers.get("Authorization")):
            said = f"{self.path} {self.headers.get('Authorization')} is wrong"
            self.send(401, {"errors": [{"title": "Unauthorized", "detail": said}]})
            return
        if parts.path.endswith("/info/structures"):
            known = '{"data": {"properties": {"_test_band_gap": {"unit": "eV"}}}}'
            self.send(200, spoil.get("info", known).encode())
            return
        if parts.path.startswith("/old/"):
            self.send(301, b"", Location=self.path.removeprefix("/old"))
            return
        if "redirect" in spoil:
            self.send(302, b"", Location=spoil["redirect"] or self.path)
            return
        if "answer" in spoil:
            headers, content = spoil["answer"]
            self.send(200, content, **headers)
            return
        if "drip" in spoil:
            self.drip(spoil["drip"])
            return
        self.send(200, self.page(asked, parts).encode())

    def page(self, asked, parts):
        server, spoil = self.server, self.server.spoil
        start, limit = int(asked.get("page_offset", 0)), int(asked.get("page_limit", 10))
        if "endless" in spoil:
            numbers = range(start, start + limit) if spoil["endless"] == "new" else range(limit)
            more = True
        else:
            numbers, more = range(start, min(start + limit, 25)), start + limit < 25
        entries = [entry(number) for number in numbers]
        if "_test_band_gap" not in asked.get("response_fields", "").split(","):
            for each in entries:
                del each["attributes"]["_test_band_gap"]
        kept = {name: value for name, value in asked.items() if name not in spoil.get("drops", ())}
        link = f"{spoil.get('host', server.url)}{parts.path}?{urlencode(kept | {'page_offset': start + limit})}"
        page = {"data": entries, "links": {"next": link if more else None}, "meta": dict(spoil.get("meta", {}))}
        if "endless" not in spoil:
            page["meta"] |= {"data_returned": 25}
        if "page" in spoil and more:
            return changed(page, *spoil["page"])
        text = json.dumps(page)
        if "entry" in spoil and start <= 12 < start + limit:
            return text.replace(json.dumps(entries[12 - start]), spoil["entry"])
        return text

    def drip(self, where):
        text = b"HTTP/1.1 200 OK\r\nX-Wait: " if where == "head" else b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"
        self.close_connection = True
        try:
            for byte in text if where == "head" else [text, *[b" "] * 999]:
                self.wfile.write(byte if isinstance(byte, bytes) else bytes([byte]))
                time.sleep(0.02)
        except OSError:
            return
