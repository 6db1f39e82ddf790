"""`mp-api` against a server of ours that answers in the shape of the Materials Project; no network, no key."""

import importlib.util
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from crystals import CESIUM_CHLORIDE, COPPER, ROCK_SALT, SILICON, random_crystal
from loopback import Quiet, serving
from pymatgen.core.structure import Structure

from datamodules import MaterialsProject, MeasuredCrystals, materials_project_api
from gnn_sim2real.databases.passwords import hide_word
from gnn_sim2real.errors import DownloadError

WITHOUT = importlib.util.find_spec("mp_api") is None
needs_mp_api = pytest.mark.skipif(WITHOUT, reason="mp-api is not installed: pip install 'gnn-sim2real[mp]'")
pytestmark = pytest.mark.filterwarnings("ignore")  # mp-api and its libraries warn of themselves

KEY = "0123456789abcdef0123456789abcdef"


def document(number, made, gap):
    structure = Structure(made.lattice, made.atomic_number.tolist(), made.fractional)
    moduli = {"voigt": 11.0, "reuss": 9.0, "vrh": 10.0 + number}
    return {
        "material_id": f"mp-{number}",
        "structure": structure.as_dict(),
        "band_gap": gap,
        "formation_energy_per_atom": -float(number),
        "bulk_modulus": moduli if number % 2 else None,
    }


MADE = [(ROCK_SALT, 5.0), (SILICON, 0.6), (COPPER, 0.0), (CESIUM_CHLORIDE, 5.5), (random_crystal(1), None)]
DOCUMENTS = [document(number, made, gap) for number, (made, gap) in enumerate(MADE, start=1)]
DOCUMENTS += [document(number, random_crystal(number), number / 10) for number in range(6, 24)]


class Handler(Quiet):
    def do_GET(self):  # noqa: N802 (the name that http.server calls)
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.server.requests.append((parts.path, asked, self.headers.get("x-api-key")))
        if parts.path == "/heartbeat":
            versions = {"version": "0.87.3", "db_version": "2026.02.01", "access_controlled_batch_ids": []}
            self.send(200, {"status": "OK"} | versions)
            return
        if asked.get("chemsys") == "refused":
            self.send(400, {"detail": "chemsys: not a chemical system"})
            return
        wanted = asked.get("material_ids")
        found = [each for each in DOCUMENTS if wanted is None or each["material_id"] in wanted.split(",")]
        skip, limit = int(asked.get("_skip", 0)), int(asked.get("_limit", 100))
        fields = asked["_fields"].split(",")
        data = [{name: each[name] for name in fields} for each in found[skip : skip + limit]]
        meta = {"api_version": "0.87.3", "time_stamp": "2026-11-21T00:00:00", "total_doc": len(found)}
        self.send(200, {"data": data, "meta": meta})


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MP_API_KEY", KEY)
    monkeypatch.setattr(materials_project_api, "BATCH", 10)
    with serving(Handler) as server:
        if not WITHOUT:
            from mp_api.client.core.settings import MAPI_CLIENT_SETTINGS

            monkeypatch.setattr(MAPI_CLIENT_SETTINGS, "ENDPOINT", f"{server.url}/")
            monkeypatch.setenv("MP_API_ENDPOINT", f"{server.url}/")
        yield server


@needs_mp_api
def test_summaries_become_a_snapshot(server):
    properties = {"band_gap": "eV", "formation_energy": "eV/atom", "bulk_modulus": "GPa"}
    data = MaterialsProject(properties, validation_fraction=0)
    table = data.table
    assert len(table.identities) == len(DOCUMENTS)
    rows = {name: row for row, name in enumerate(table.identities)}
    assert table.values[rows["mp-1"]].tolist() == [5.0, -1.0, 11.0]
    assert table.groups[rows["mp-4"]] == "CsCl"
    assert str(table.values[rows["mp-5"], 0]) == "nan"
    assert data.card()["snapshot"]["num_entries"] == len(DOCUMENTS)
    assert data.downloaded.info["facts"]["database_version"] == "2026.02.01"
    assert {key for path, _, key in server.requests if "summary" in path} == {KEY}
    asked = len(server.requests)
    assert MaterialsProject(properties).data_set.fingerprint == data.data_set.fingerprint
    assert len(server.requests) == asked


@needs_mp_api
def test_criteria_go_to_the_server_and_its_refusal_to_the_user(server):
    _ = MaterialsProject({"band_gap": "eV"}, {"is_stable": True}, max_entries=12).table
    assert any(asked.get("is_stable") in ("True", "true") for _, asked, _ in server.requests)
    with pytest.raises(DownloadError, match=r"chemsys=refused"):
        _ = MaterialsProject({"band_gap": "eV"}, {"chemsys": "refused"}).table


@needs_mp_api
def test_an_interrupted_download_goes_on(server, monkeypatch):
    data = MaterialsProject({"band_gap": "eV"})
    read, kept = materials_project_api.SummaryQuery._search, []

    def once(self, rester, **asked):
        if "material_ids" in asked:
            kept.append(len(asked["material_ids"]))
            if len(kept) == 2:
                raise DownloadError("the line broke")
        return read(self, rester, **asked)

    monkeypatch.setattr(materials_project_api.SummaryQuery, "_search", once)
    with pytest.raises(DownloadError, match="the line broke"):
        _ = data.table
    assert len(MaterialsProject({"band_gap": "eV"}).table.identities) == len(DOCUMENTS) - 1  # one has no gap
    assert kept == [10, 10, 10, 3]


def test_without_a_key_or_the_package(monkeypatch, tmp_path):
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path))
    monkeypatch.delenv("MP_API_KEY", raising=False)
    said = r"pip install 'gnn-sim2real\[mp\]'" if WITHOUT else "MP_API_KEY.*provider: mp"
    with pytest.raises(ValueError, match=said):
        _ = MaterialsProject({"band_gap": "eV"}).table
    with pytest.raises(ValueError, match=r"'hardness'.*band_gap.*`fields`"):
        MaterialsProject({"hardness": "GPa"})
    assert json.dumps(MaterialsProject({"band_gap": "eV"}, {"is_stable": True}).make_query().describe())


class Fake:
    """Stands for `MPRester`, whose package may be absent."""

    db_version = "2026.02.01"

    def __init__(self, documents):
        self.materials = self.summary = self
        self.documents = documents

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def search(self, fields, material_ids=None, **_):
        if self.documents is None:
            raise RuntimeError(f"Bad key {KEY} \x1b[31m")
        return [each for each in self.documents if material_ids is None or each.get("material_id") in material_ids]


BAD_DOCUMENTS = [
    {"structure": None},
    {"structure": [1]},
    {"structure": {"lattice": 5, "sites": "none"}},
    {"structure": "a\x1b[2J"},
    {"band_gap": "1.5"},
    {"band_gap": float("inf")},
    {"band_gap": int("9" * 400)},
    {"band_gap": [1.5]},
    {"bulk_modulus": {"vrh": "stiff"}},
]


@pytest.fixture
def answers(tmp_path, monkeypatch):
    """Let the documents be given by a list."""
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    hide_word(KEY)

    def give(documents):
        monkeypatch.setattr(materials_project_api.SummaryQuery, "_rester", lambda self: Fake(documents))
        return MaterialsProject({"band_gap": "eV", "bulk_modulus": "GPa"}, validation_fraction=0)

    return give


def test_a_bad_document_is_a_row_with_a_reason(answers):
    bad = [DOCUMENTS[0] | {"material_id": f"mp-{90 + row}"} | change for row, change in enumerate(BAD_DOCUMENTS)]
    table = answers([*DOCUMENTS[:3], *bad]).table
    assert table.identities == ["mp-1", "mp-2", "mp-3"]
    reasons = dict(zip(table.quarantine["material"], table.quarantine["reason"], strict=True))
    assert reasons.keys() == {each["material_id"] for each in bad}
    assert all(reason.startswith("unusable entry: ") and reason.isprintable() for reason in reasons.values())
    assert "`band_gap`" in reasons["mp-94"]
    assert "'1.5'" in reasons["mp-94"]


def test_answers_without_names_and_errors_with_the_key(answers):
    with pytest.raises(DownloadError, match="`material_id`"):
        _ = answers([{"structure": None}]).table
    with pytest.raises(DownloadError, match=r"Bad key \*\*\* \\x1b"):
        _ = answers(None).table


@needs_mp_api
def test_structures_of_ones_own_table_come_with_the_key(server, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("material_id,hardness\nmp-2,10.0\nmp-1,2.0\nmp-999,3.0\n")
    data = MeasuredCrystals(
        path=str(path), property="hardness", unit="GPa", structures_from="mp_key", validation_fraction=0
    )
    assert dict(zip(data.table.identities, data.table.values[:, 0], strict=True)) == {"mp-2": 10.0, "mp-1": 2.0}
    assert data.table.quarantine["row"].tolist() == [4]
    assert data.card()["snapshot"]["num_entries"] == 2
    assert {key for _, _, key in server.requests} == {KEY}
