"""Measured crystals whose structures come from a server on this machine by their names."""

import logging
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from crystals import ROCK_SALT, SILICON
from loopback import Quiet, entry, serving
from pymatgen.core.structure import Structure

from datamodules import MeasuredCrystals
from datamodules.materials_project_api import SummaryQuery
from gnn_sim2real.databases import optimade_ids
from gnn_sim2real.databases.client import Client
from gnn_sim2real.databases.optimade import Query
from gnn_sim2real.databases.optimade_ids import OptimadeIdsQuery
from gnn_sim2real.errors import DownloadError

ENTRIES = {each["id"]: each for each in map(entry, range(12))}


class Handler(Quiet):
    """An OPTIMADE server that reads filters of identifiers."""

    def do_GET(self):  # noqa: N802 (the name that http.server calls)
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.server.requests.append(asked.get("filter"))
        if parts.path.endswith("/info/structures"):
            self.send(200, {"data": {"properties": {"nsites": {}}}, "meta": {"api_version": "1.2.0"}})
            return
        wanted = re.findall(r'id="([^"]+)"', asked["filter"])
        found = [each for name, each in ENTRIES.items() if name in wanted] if self.server.reads else [*ENTRIES.values()]
        assert int(asked["page_limit"]) >= len(wanted)
        self.send(200, {"data": found, "meta": {"data_returned": len(found)}, "links": {"next": None}})


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(optimade_ids, "IDS_AT_ONCE", 5)
    with serving(Handler, reads=True) as server:
        yield server


def table(folder, names, heading="material_id"):
    path = folder / "mine.csv"
    path.write_text(f"{heading},gap\n" + "".join(f"{name},{number}.5\n" for number, name in enumerate(names, start=1)))
    return str(path)


def crystals(path, server, **settings):
    given = {"property": "hardness", "column": "gap", "unit": "GPa", "structures_from": server.url}
    return MeasuredCrystals(path=path, validation_fraction=0, **(given | settings))


def test_the_structures_of_a_table_are_found_by_name(tmp_path, server, caplog):
    caplog.set_level(logging.INFO)
    names = [f"test-{number}" for number in (7, 1, 3, 11, 5, 2, 9)]
    data = crystals(table(tmp_path, [*names, "test-99", "test-7"]), server)
    assert sorted(data.table.identities) == sorted(names)
    values = dict(zip(data.table.identities, data.table.values[:, 0].tolist(), strict=True))
    assert values["test-1"] == 2.5
    assert values["test-7"] == pytest.approx((1.5 + 9.5) / 2)  # two rows of one crystal
    assert data.table.quarantine["row"].tolist() == [9]  # the server does not have it
    sites = {name: len(ENTRIES[name]["attributes"]["species_at_sites"]) for name in names}
    rows = data.data_set.structure_rows
    assert data.data_set.structures.num_sites[rows].tolist() == [sites[name] for name in data.table.identities]
    assert max(each.count("id=") for each in server.requests if each) == 5
    snapshot = data.card()["snapshot"]
    assert snapshot["num_entries"] == len(names)
    (said,) = [each.getMessage() for each in caplog.records if "as the database had them on" in each.getMessage()]
    assert snapshot["date"] in said
    assert "7 of 8" in said


def test_a_second_reader_asks_nothing(tmp_path, server):
    path = table(tmp_path, ["test-1", "test-2"])
    crystals(path, server).table  # noqa: B018 (read)
    asked = len(server.requests)
    assert len(crystals(path, server).table.identities) == 2
    assert len(server.requests) == asked


def test_a_server_that_reads_no_filter_is_refused(tmp_path, server):
    server.reads = False
    with pytest.raises(DownloadError, match="test-0"):
        crystals(table(tmp_path, ["test-1"]), server).table  # noqa: B018 (refused)


def test_an_interrupted_download_goes_on(tmp_path, server):
    query = OptimadeIdsQuery(Client(pause=0.0), Query(server.url), tuple(ENTRIES))
    first, *rest = query.read(None)
    again = [*query.read(first.bookmark)]
    assert [[row["material_id"] for row in each.rows] for each in again] == [
        [row["material_id"] for row in each.rows] for each in rest
    ]
    assert sum(len(each.rows) for each in (first, *rest)) == len(ENTRIES)


@pytest.mark.parametrize("names", [(), ("mp-1", 'x" OR nsites>0 OR id="y'), ("",), ("a" * 101,)])
def test_what_cannot_be_an_identifier_is_refused(names):
    with pytest.raises(ValueError, match="identifier"):
        OptimadeIdsQuery(Client(), Query("http://127.0.0.1:9"), names)


def test_settings_that_make_no_sense(tmp_path, server):
    path = table(tmp_path, ["test-1"])
    with pytest.raises(ValueError, match="mp_key"):
        crystals(path, server, structures_from="nomad")
    with pytest.raises(ValueError, match="structures_path"):
        crystals(path, server, structures_path="mine.parquet")
    with pytest.raises(ValueError, match="labels_path"):
        crystals(path, server, property="band_gap", unit="eV", require_simulated=True)
    named_otherwise = crystals(table(tmp_path, ["NaCl"], heading="formula"), server)
    with pytest.raises(ValueError, match="material_id"):
        named_otherwise.table  # noqa: B018 (refused)


def test_no_value_of_another_day_stands_beside_todays_structures(tmp_path, server):
    data = crystals(table(tmp_path, ["test-1", "test-2"]), server, property="band_gap", unit="eV")
    assert data.table.simulated is None


class Rester:
    """What `mp-api` is used for, without it and without a server."""

    db_version = "2026.02.01"

    def __init__(self):
        self.asked = []
        self.materials = self.summary = self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def search(self, *, fields, material_ids, num_chunks=None):
        self.asked.append(sorted(material_ids))
        made = {"mp-1": ROCK_SALT, "mp-2": SILICON}
        structures = {
            name: Structure(each.lattice, each.atomic_number.tolist(), each.fractional) for name, each in made.items()
        }
        found = [name for name in material_ids if name in made]
        return [
            {field: name if field == "material_id" else structures[name].as_dict() for field in fields}
            for name in found
        ]


def test_the_structures_come_by_the_users_key(tmp_path, server, monkeypatch):
    rester = Rester()
    monkeypatch.setattr(SummaryQuery, "_rester", lambda _: rester)
    data = crystals(table(tmp_path, ["mp-2", "mp-1", "mp-999"]), server, structures_from="mp_key")
    assert dict(zip(data.table.identities, data.table.values[:, 0].tolist(), strict=True)) == {"mp-2": 1.5, "mp-1": 2.5}
    assert data.table.quarantine["row"].tolist() == [4]
    assert data.data_set.structures.num_sites[data.data_set.structure_rows].tolist() == [
        {"mp-1": ROCK_SALT, "mp-2": SILICON}[name].num_sites for name in data.table.identities
    ]
    assert rester.asked[0] == ["mp-1", "mp-2", "mp-999"]
    assert data.card()["snapshot"]["query"]["database"].startswith("Materials Project")


def test_without_a_key_nothing_is_asked(tmp_path, server, monkeypatch):
    monkeypatch.delenv("MP_API_KEY", raising=False)
    data = crystals(table(tmp_path, ["mp-2"]), server, structures_from="mp_key")
    with pytest.raises(ValueError, match=r"MP_API_KEY|mp-api"):
        data.table  # noqa: B018 (refused)
    assert server.requests == []
