"""Servers that are mistaken, broken or hostile: a bad entry is a refused row, anything else is one sentence."""

import errno
import json
import logging
import os
import re
import time
from base64 import b64encode
from pathlib import Path

import pandas as pd
import pyarrow.parquet
import pytest
from hostile import BAD_ANSWERS, BAD_ENTRIES, BAD_INFO, BAD_PAGES, REDIRECTS, HostileServer
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback import entry, serving

from datamodules import Optimade
from gnn_sim2real.config.lightning_cli import read_stage
from gnn_sim2real.databases import chunks as chunks_module
from gnn_sim2real.databases import optimade
from gnn_sim2real.databases.chunks import row_schema
from gnn_sim2real.databases.client import Client
from gnn_sim2real.databases.entries import name_of, to_rows
from gnn_sim2real.databases.optimade import OptimadeSnapshotQuery, Query
from gnn_sim2real.databases.passwords import hide_login
from gnn_sim2real.databases.snapshot import get_snapshot, snapshot_folder
from gnn_sim2real.errors import DownloadError
from gnn_sim2real.files import unseal, write_sealed

COLUMNS = {"band_gap": "_test_band_gap"}
SECRETS = ("s3cret%2Fword", "s3cret/word", "k3y-0123")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server():
    with serving(HostileServer, spoil={}, wanted=None) as server:
        yield server


def download(server, address=None, **limits):
    client = Client(**{"sleep": lambda _: None, "attempts": 3, "max_answer": 2**24} | limits)
    source = OptimadeSnapshotQuery(client, Query(address or server.url, "", ("_test_band_gap",), 10), COLUMNS)
    snapshot = get_snapshot(snapshot_folder("hostile", source), source, ("band_gap",))
    return snapshot, pd.read_parquet(snapshot.path)


@pytest.mark.parametrize("name", BAD_ENTRIES)
def test_a_bad_entry_is_a_row_with_a_reason(server, name):
    server.spoil["entry"], said = BAD_ENTRIES[name]
    snapshot, frame = download(server)
    assert len(frame) == 25
    good = frame[frame["problem"].isna()]
    assert good["band_gap"].tolist() == [number for number in range(25) if number != 12 or said is None]
    assert snapshot.info["num_problems"] == (0 if said is None else 1)
    for reason in frame["problem"].dropna():
        assert said in reason
        assert reason.isprintable()
        assert len(reason) < 200


@pytest.mark.parametrize("name", BAD_PAGES)
def test_a_bad_page_is_read_or_told(server, name):
    *server.spoil["page"], said = BAD_PAGES[name]
    if said is None:
        assert len(download(server)[1]) == 25
        return
    with pytest.raises(DownloadError, match=said) as told:
        download(server)
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 1200


@pytest.mark.parametrize("name", BAD_INFO)
def test_what_a_server_says_of_itself_may_have_any_shape(server, name):
    server.spoil["info"] = BAD_INFO[name]
    snapshot, frame = download(server)
    assert len(frame) == 25
    assert snapshot.info["facts"]["field_units"] == {"_test_band_gap": None}
    assert all(fact is None or isinstance(fact, str | dict) for fact in snapshot.info["facts"].values())


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_answers_that_cannot_be_read(server, name):
    *server.spoil["answer"], said = BAD_ANSWERS[name]
    with pytest.raises(DownloadError, match=said) as told:
        download(server, max_answer=2**20)
    assert str(told.value).isprintable()


@pytest.mark.parametrize("name", REDIRECTS)
def test_no_other_server_is_asked(server, name):
    server.spoil["redirect"], said = REDIRECTS[name]
    with pytest.raises(DownloadError, match=said):
        download(server)


def test_a_redirect_on_the_same_server_is_followed(server):
    assert len(download(server, f"{server.url}/old")[1]) == 25


@pytest.mark.parametrize("where", ["head", "body"])
def test_the_deadline_holds_however_steadily_an_answer_comes(server, where):
    server.spoil["drip"] = where
    begun = time.monotonic()
    with pytest.raises(DownloadError, match=r"after 0\.15 s"):
        download(server, deadline=0.15, attempts=2)
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("drops", [["response_fields"], ["response_fields", "page_limit", "response_format"]])
def test_fields_that_a_link_leaves_out_are_put_back(server, drops):
    server.spoil["drops"] = drops
    _, frame = download(server)
    assert frame["band_gap"].tolist() == list(range(25))


@pytest.mark.parametrize("host", ["http://internal.example.invalid:8080", "https://127.0.0.1", "//example.invalid"])
def test_a_link_to_another_server_asks_the_page_of_this_one(server, host):
    server.spoil["host"] = host
    _, frame = download(server)
    assert frame["band_gap"].tolist() == list(range(25))


def test_a_filter_that_a_link_leaves_out_is_put_back():
    query = Query("http://example.org", "nelements=2", ("_x",), 10)
    whole = query.complete("http://example.org/v1/structures?page_offset=10")
    assert "filter=nelements%3D2" in whole
    assert "_x" in whole
    assert query.complete(query.first_url) == query.first_url
    assert query.complete(whole) == whole


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ({"endless": "same"}, "previous page"),
        ({"endless": "new", "meta": {"data_returned": 5}}, "counts 5 entries"),
        ({"endless": "new"}, "40 pages"),
    ],
)
def test_servers_that_never_end(server, monkeypatch, spoil, said):
    monkeypatch.setattr(optimade, "MAX_PAGES", 40)
    monkeypatch.setattr(optimade, "_SPARE", 100)
    server.spoil |= spoil
    with pytest.raises(DownloadError, match=said):
        download(server)
    assert len(server.requests) < 50


def test_the_size_of_all_answers_is_limited(server):
    with pytest.raises(DownloadError, match=r"\b0 GiB"):
        download(server, max_total=5_000)


def test_a_download_that_stops_keeps_what_it_has_and_says_so(server, monkeypatch, caplog):
    monkeypatch.setattr(chunks_module, "CHUNK_ROWS", 5)
    server.spoil["page"] = ("links.next", '"/v1/structures?page_offset=10"')
    with pytest.raises(DownloadError):  # the second page leads to itself
        download(server)
    del server.spoil["page"]
    asked = len(server.requests)
    with caplog.at_level(logging.INFO):
        _, frame = download(server)
    assert "after 10 entries" in caplog.text or "after 20 entries" in caplog.text
    assert len(frame) == 25
    assert len(server.requests) - asked <= 3


@pytest.mark.parametrize(
    "state",
    [
        "[]",
        "{",
        '{"num_parts": "2"}',
        '{"num_parts": 3, "num_rows": 15}',
        '{"num_parts": 1, "num_rows": 6, "bookmark": {}}',
        '{"num_parts": 1, "num_rows": 5, "bookmark": []}',
    ],
)
def test_a_foreign_state_of_a_download_is_begun_again(server, monkeypatch, caplog, state):
    monkeypatch.setattr(chunks_module, "CHUNK_ROWS", 5)
    server.spoil["page"] = ("links.next", '"/v1/structures?page_offset=10"')
    with pytest.raises(DownloadError):
        download(server)
    del server.spoil["page"]
    (file,) = Path(os.environ["GNN_SIM2REAL_CACHE"]).rglob("state.json")
    file.write_text(state)
    assert len(download(server)[1]) == 25
    assert "begins again" in caplog.text


def test_a_foreign_bookmark_is_told(server, monkeypatch):
    monkeypatch.setattr(chunks_module, "CHUNK_ROWS", 5)
    server.spoil["page"] = ("links.next", '"/v1/structures?page_offset=10"')
    with pytest.raises(DownloadError):
        download(server)
    (file,) = Path(os.environ["GNN_SIM2REAL_CACHE"]).rglob("state.json")
    state = json.loads(file.read_text())
    unseal(state)
    for bookmark in ({"url": 5}, state["bookmark"] | {"url": "http://169.254.169.254/"}, {"url": None, "last_id": []}):
        write_sealed(file, state | {"bookmark": bookmark})
        with pytest.raises(DownloadError, match="`unfinished`"):
            download(server)


@pytest.mark.parametrize(
    "change",
    [{"size": "1"}, {"facts": []}, {"facts": {"field_units": [1]}}, {"taken": None}, {"num_entries": "25"}, None, []],
)
def test_a_snapshot_with_a_foreign_description_is_left_out(server, caplog, change):
    snapshot, _ = download(server)
    file = snapshot.path.with_suffix(".json")
    file.write_text(json.dumps(snapshot.info | change if isinstance(change, dict) else change))
    again, frame = download(server)
    assert again.info["num_entries"] == len(frame) == 25
    assert f"{file} is damaged" in caplog.text


def test_a_snapshot_that_was_changed_is_not_used(server):
    snapshot, _ = download(server)
    content = bytearray(snapshot.path.read_bytes())
    content[100] ^= 1
    snapshot.path.write_bytes(content)
    with pytest.raises(DownloadError, match=snapshot.info["sha256"][:12]):
        download(server)


@pytest.mark.slow
def test_values_that_are_all_texts_are_the_reason(server):
    server.spoil["page"] = ("links.next", "null")
    server.spoil["endless"] = "new"
    page = HostileServer.page
    quoted = lambda self, asked, parts: re.sub(r'("_test_band_gap": )([0-9.]+)', r'\1"\2"', page(self, asked, parts))  # noqa: E731
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HostileServer, "page", quoted)
        data = Optimade(server.url, {"band_gap": "eV"}, fields=COLUMNS, page_limit=10, accept_incomplete=True)
        with pytest.raises(ValueError, match=r"\b10 entries.* 10 .*`_test_band_gap`.*'0\.0'"):
            _ = data.table


def with_login(server):
    host = server.url.removeprefix("http://")
    return f"http://someone:s3cret%2Fword@{host}?api_key=k3y-0123"


def is_let_in(path, authorization):
    return "api_key=k3y-0123" in path and authorization == f"Basic {b64encode(b'someone:s3cret/word').decode()}"


def has_no_secret(text):
    return not any(word in text for word in SECRETS)


def test_a_password_reaches_its_server_and_nothing_else(server, tmp_path, caplog):
    server.wanted, server.spoil["meta"] = is_let_in, {"provider": {"name": "api_key=k3y-0123"}}
    with caplog.at_level(logging.DEBUG):
        data = Optimade(with_login(server), {"band_gap": "eV"}, fields=COLUMNS, page_limit=10)
        assert len(data.table.identities) == 25
    assert all(is_let_in(*asked) for asked in server.requests)
    assert has_no_secret(caplog.text)
    assert has_no_secret(repr(vars(data)) + json.dumps(data.card()))
    for file in (tmp_path / "cache").rglob("*"):
        assert has_no_secret(str(file))
        assert file.is_dir() or not any(word.encode() in file.read_bytes() for word in SECRETS)
    plain = Optimade(server.url, {"band_gap": "eV"}, fields=COLUMNS, page_limit=10)
    assert plain.data_set.fingerprint == data.data_set.fingerprint


def test_a_password_is_in_no_error(server):
    server.wanted = lambda *_: False
    for address in (with_login(server), with_login(server).replace(server.url[-5:], "1")):
        with pytest.raises(DownloadError, match=r"127\.0\.0\.1") as told:
            Client(sleep=lambda _: None, attempts=2).get_json(Query(address).first_url)
        assert has_no_secret(str(told.value))


@pytest.mark.parametrize(
    "address",
    [
        "https://someone:s3cret/word@example.org",
        "https://example.org/optimade?db=s3cret/word",
        "https://example.org:s3cret/word/",
        "ftp://someone:s3cret/word@example.org",
        "someone:s3cret/word@example.org",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_a_piece_of_the_password(address):
    with pytest.raises(ValueError, match=r"example|\bread\b") as told:
        Optimade(address, {"band_gap": "eV"}, fields=COLUMNS)
    assert "s3cret" not in str(told.value)
    assert "word@" not in str(told.value)


def test_a_password_is_not_sent_to_another_server(server):
    hide_login(with_login(server))
    other = f"http://localhost:{server.server_port}"
    server.spoil["answer"] = ({}, b"no")
    with pytest.raises(DownloadError):
        download(server, other, attempts=1)
    assert all(authorization is None and "k3y" not in path for path, authorization in server.requests)


def test_the_password_of_a_configuration_is_saved_nowhere(server, tmp_path):
    config = tmp_path / "own.yaml"
    fields = {"provider": with_login(server), "properties": {"band_gap": "eV"}, "fields": COLUMNS}
    data = {"class_path": "datamodules.Optimade", "init_args": fields}
    model = {"class_path": "gnn_sim2real.tasks.SourcePretraining", "init_args": {"encoder": {"class_path": "CGCNN"}}}
    config.write_text(json.dumps({"model": model, "data": data}))
    _, read = read_stage(config)
    assert has_no_secret(str(read))
    assert read.data.init_args.provider == server.url


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
"""Any JSON, also with half surrogate pairs, NaN and large numbers."""


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_an_entry_holds_it_is_a_row(data):
    whole = entry(3)
    name = data.draw(st.sampled_from(["", "id", "attributes", *whole["attributes"]]))
    made = data.draw(ANY)
    if name in ("id", "attributes"):
        made = whole | {name: made}
    elif name:
        made = whole | {"attributes": whole["attributes"] | {name: made}}
    rows = to_rows([made, entry(4)], {"band_gap": "_test_band_gap", "energy": "_test_deep.gga.energy"})
    table = pyarrow.Table.from_pylist(rows, schema=row_schema(("band_gap", "energy")))
    assert table["problem"][1].as_py() is None
    assert table["band_gap"][1].as_py() == 4
    assert table["material_id"][0].as_py() == name_of(made)
    assert table["material_id"][0].as_py().isprintable()
    problem = table["problem"][0].as_py()
    assert problem is None or problem.isprintable()


@pytest.mark.parametrize("at", ["chunk", "state", "whole"])
def test_a_download_on_a_full_disk_loses_nothing(server, tmp_path, monkeypatch, at):
    """One sentence with the file, no half file; with room, the same command takes what is there."""

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "Error writing bytes to file")

    written, calls = pyarrow.parquet.ParquetWriter.write_table, []

    def full_at_the_end(*given, **named):
        calls.append(given)
        written(*given, **named) if len(calls) == 1 else full()

    with monkeypatch.context() as patch:
        if at == "whole":
            patch.setattr(pyarrow.parquet.ParquetWriter, "write_table", full_at_the_end)
        else:
            patch.setattr(chunks_module, "write_atomically" if at == "chunk" else "write_sealed", full)
        with pytest.raises(OSError) as told:  # noqa: PT011 (its number is compared)
            download(server)
    assert told.value.errno == errno.ENOSPC
    assert at != "whole" or str(told.value.filename).endswith("whole.parquet")
    assert not [*tmp_path.rglob("whole.parquet"), *tmp_path.rglob("*.part")]
    before = len(server.requests)
    assert len(download(server)[1]) == 25
    assert at != "whole" or len(server.requests) == before  # nothing is read again
