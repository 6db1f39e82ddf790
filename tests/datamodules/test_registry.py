import gc
import hashlib
import logging
import re
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from datamodules.registry import ENTRIES, DataFile, OwnTable, find_file, find_table
from gnn_sim2real.databases.recipe import find_recipes
from gnn_sim2real.errors import DatasetNotFoundError
from gnn_sim2real.units import check_unit

# After a failed download, pooch leaves the socket to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

CONTENT = b"smiles,density\n*CC*,0.9\n" * 2000
FILES = [entry for entry in ENTRIES.values() if isinstance(entry, DataFile)]
OWN_TABLES = [entry for entry in ENTRIES.values() if isinstance(entry, OwnTable)]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.paths.append(self.path)
        sent = {
            "/right": CONTENT,
            "/wrong": CONTENT.upper(),
            "/truncated": CONTENT[:-100],
            "/short": CONTENT[:500],
        }
        if self.path not in sent:
            self.send_error(404)
            return
        self.send_response(200)
        # "truncated" breaks off below the announced length; "short" looks complete to the client.
        announced = len(CONTENT) if self.path == "/truncated" else len(sent[self.path])
        self.send_header("Content-Length", str(announced))
        self.end_headers()
        self.wfile.write(sent[self.path])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.paths = []
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
    gc.collect()  # here, so that no other test meets the socket of a failed download


@pytest.fixture(autouse=True)
def clean_machine(monkeypatch, tmp_path):
    """No data folder, empty cache and working folder, no proxy between a test and its server."""
    monkeypatch.delenv("GNN_SIM2REAL_DATA", raising=False)
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def serve(monkeypatch, server):
    """Register the small file at a path of the test server; returns the path it has below the data folder."""

    def register(path):
        address = f"http://127.0.0.1:{server.server_port}{path}"
        sha256 = hashlib.sha256(CONTENT).hexdigest()
        entry = replace(FILES[0], name="small", url=address, sha256=sha256, size=len(CONTENT))
        monkeypatch.setitem(ENTRIES, "small", entry)
        return entry.relative_path

    return register


def write(path, content=CONTENT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_download_once_then_from_the_cache(serve, server, tmp_path):
    relative_path = serve("/right")
    file = find_file("small")
    assert file.read_bytes() == CONTENT
    assert file == tmp_path / "cache/data" / relative_path
    assert find_file("small") == file
    assert server.paths == ["/right"]


def test_a_damaged_file_of_the_cache_is_fetched_again(serve, tmp_path):
    write(tmp_path / "cache/data" / serve("/right"), b"damaged")
    assert find_file("small").read_bytes() == CONTENT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("/wrong", "the file there is not the registered one"),
        ("/short", "the file there is not the registered one"),
        ("/truncated", "ChunkedEncodingError"),
        ("/missing", "HTTPError"),
    ],
)
def test_a_download_that_fails_says_where_it_looked_and_what_to_do(serve, monkeypatch, tmp_path, path, cause):
    relative_path = serve(path)
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(tmp_path))
    with pytest.raises(DatasetNotFoundError) as error:
        find_file("small")
    message = str(error.value)
    target = tmp_path / "cache/data" / relative_path
    for value in ('"small"', str(tmp_path / relative_path), "http://", path, str(target), f"({cause})"):
        assert value in message
        assert "GNN_SIM2REAL_DATA" in message
        assert "data.init_args.path" in message
    assert not [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]


def test_server_down(serve, server):
    serve("/right")
    server.shutdown()
    server.server_close()
    with pytest.raises(DatasetNotFoundError, match=r"GNN_SIM2REAL_DATA.* \(ConnectionError\)"):
        find_file("small")


def test_a_cache_that_cannot_be_written(serve, monkeypatch, tmp_path):
    serve("/right")
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(write(tmp_path / "file")))
    with pytest.raises(DatasetNotFoundError, match=r"\((NotADirectory|FileExists)Error\)"):
        find_file("small")


def test_the_data_folder_comes_before_the_download(serve, server, monkeypatch, tmp_path, caplog):
    file = write(tmp_path / serve("/right"))
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(tmp_path))
    assert find_file("small") == file
    assert not server.paths
    assert not caplog.records


def test_another_version_is_used_with_a_warning_that_names_both(serve, monkeypatch, tmp_path, caplog):
    file = write(tmp_path / serve("/right"), b"newer")
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(tmp_path))
    with caplog.at_level(logging.WARNING):
        assert find_file("small") == file
    (record,) = caplog.records
    for named in (b"newer", CONTENT):
        assert hashlib.sha256(named).hexdigest() in record.getMessage()
        assert f"{len(named)} bytes" in record.getMessage()


def test_an_explicit_path_wins(serve, server, monkeypatch, tmp_path):
    write(tmp_path / serve("/right"))
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(tmp_path))
    own = write(tmp_path / "own.csv")
    assert find_file("small", own) == own
    assert find_file("small", "own.csv") == own  # below the data folder
    write(Path("own.csv"))
    assert find_file("small", "own.csv").absolute() == tmp_path / "work/own.csv"  # as given
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_file("small", "~/own.csv") == own
    assert not server.paths


def test_a_table_of_the_user(monkeypatch, tmp_path):
    own = write(tmp_path / "own.csv")
    assert find_table(own) == own
    with pytest.raises(DatasetNotFoundError) as error:
        find_table("own.csv")
    for value in ('"own.csv"', str(tmp_path / "work/own.csv"), "data.init_args.path", "GNN_SIM2REAL_DATA"):
        assert value in str(error.value)
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(tmp_path))
    assert find_table("own.csv") == own
    write(Path("own.csv"))
    assert find_table("own.csv").absolute() == tmp_path / "work/own.csv"


@pytest.mark.slow
@pytest.mark.parametrize("path", ["absent.csv", "."])
def test_an_explicit_path_without_a_file_is_never_replaced_by_another(serve, server, monkeypatch, tmp_path, path):
    write(tmp_path / serve("/right"))
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(tmp_path))
    with pytest.raises(DatasetNotFoundError) as error:
        find_file("small", path)
    for value in (tmp_path / "work" / path, tmp_path / path, "GNN_SIM2REAL_DATA"):
        assert str(value) in str(error.value)
    assert not server.paths


@pytest.mark.parametrize("entry", OWN_TABLES, ids=lambda entry: entry.name)
def test_a_recipe_says_how_to_obtain_the_table_and_is_never_downloaded(entry, monkeypatch, tmp_path):
    with pytest.raises(DatasetNotFoundError, match="GNN_SIM2REAL_DATA") as error:
        find_file(entry.name)
    message = str(error.value)
    if entry.name in find_recipes():
        assert f"gnn-sim2real data make {entry.name}" in message
    else:
        for column, unit in entry.columns.items():
            assert column in message
            assert unit is None or f"[{check_unit(unit)}]" in message
    assert str(entry.relative_path) in message
    assert "data.init_args.path" in message
    assert "\n" not in message
    file = write(tmp_path / entry.relative_path)
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(tmp_path))
    assert find_file(entry.name) == file


@pytest.mark.parametrize("name", ["measured_density", "measured_tg"])
def test_values_of_polyinfo_are_asked_of_the_user(name):
    with pytest.raises(DatasetNotFoundError, match=r"NIMS PoLyInfo"):
        find_file(name)


def test_an_unknown_name():
    with pytest.raises(ValueError, match=r'"polymers".*radonpy_pi1070'):
        find_file("polymers")


@pytest.mark.parametrize("entry", FILES, ids=lambda entry: entry.name)
def test_files_are_pinned_to_a_commit_and_a_content(entry):
    assert re.fullmatch(r"https://raw\.githubusercontent\.com/[^/]+/[^/]+/[0-9a-f]{40}/.+", entry.url)
    assert entry.url.rpartition("/")[2] == Path(entry.relative_path).name
    assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
    assert entry.size > 0
    assert all([entry.license, entry.citation, entry.description])


def test_names_and_places_are_unique():
    assert all(name == entry.name for name, entry in ENTRIES.items())
    places = [entry.relative_path for entry in (*ENTRIES.values(), *find_recipes().values())]
    assert len(set(places)) == len(places)
    assert not ENTRIES.keys() & find_recipes().keys()  # each is described once


@pytest.mark.realdata
@pytest.mark.parametrize("name", ENTRIES)
def test_the_registry_describes_the_real_files(real_data, name, monkeypatch, caplog):
    from gnn_sim2real.tables.table import read_table

    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(real_data))
    file = find_file(name)
    assert not caplog.records
    entry = ENTRIES[name]
    if isinstance(entry, DataFile):
        content = file.read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry.size, entry.sha256)
    else:
        assert set(entry.columns) <= set(read_table(file).columns)
