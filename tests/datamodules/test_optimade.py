"""The data module of OPTIMADE servers, from a server on this machine to a trained model."""

import json
import logging
import re
from dataclasses import replace

import numpy as np
import pytest
from loopback import entry, small_optimade

from datamodules import Optimade
from datamodules.optimade import PROVIDERS
from gnn_sim2real.cli.main import main
from gnn_sim2real.databases import chunks
from gnn_sim2real.featurize.crystal_table import CrystalFile, CrystalTable

ENTRIES = [entry(number) for number in range(60)]
ENTRIES[7] = entry(7, species=[{"name": "A", "chemical_symbols": ["Li", "Na"]}], species_at_sites=["A"] * 3, nsites=3)
ENTRIES[8] = entry(8, _test_band_gap=None)
ENTRIES[9] = entry(9, _test_band_gap=-4.0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 20)


@pytest.fixture
def server():
    with small_optimade(ENTRIES) as server:
        yield server


def gaps(url, **settings):
    fields = {"band_gap": "_test_band_gap"}
    return Optimade(url, **{"properties": {"band_gap": "eV"}, "fields": fields, "lower": {"band_gap": -1}} | settings)


def test_a_database_becomes_a_table_with_its_refusals(server):
    table = gaps(server.url).table
    reasons = dict(zip(table.quarantine["material"], table.quarantine["reason"], strict=True))
    assert reasons["test-7"].startswith("unusable entry: ")
    assert "'A' holds Li 1, Na 1" in reasons["test-7"]
    assert reasons["test-8"] == "no value"
    assert reasons["test-9"] == "outside (-1, inf) eV: -4"
    values = dict(zip(table.identities, table.values[:, 0], strict=True))
    assert values == {f"test-{n}": float(n) for n in range(60) if f"test-{n}" not in reasons}
    assert len(reasons) + len(values) == table.num_rows_read == 60


@pytest.mark.slow
def test_the_unit_is_that_of_the_server(server):
    in_mev = gaps(server.url, properties={"band_gap": "meV"}).table
    assert in_mev.values[0, 0] == pytest.approx(1000 * gaps(server.url).table.values[0, 0])
    with pytest.raises(ValueError, match=r'"band_gap".*"K"'):
        _ = gaps(server.url, properties={"band_gap": "K"}).table
    server.units["_test_band_gap"] = "meV"
    again = gaps(server.url, max_entries=50)
    assert again.table.values[-1, 0] == pytest.approx(again.table.values[-1, 0])
    assert max(again.table.values[:, 0]) == pytest.approx(0.049)
    with pytest.raises(ValueError, match=r"'meV'.*'_test_band_gap'.*'K'"):
        _ = gaps(server.url, max_entries=50, field_units={"band_gap": "K"}).table
    deep = {
        "properties": {"energy": "eV/atom"},
        "fields": {"energy": "_test_deep.gga.energy"},
        "lower": {},
        "upper": {},
    }
    with pytest.raises(ValueError, match=r"'_test_deep\.gga\.energy'.*`field_units`"):
        _ = gaps(server.url, **deep).table
    assert min(gaps(server.url, **deep, field_units={"energy": "eV/atom"}).table.values) == -59


@pytest.mark.slow
def test_an_energy_that_is_declared_without_its_atoms_is_told(server, monkeypatch, caplog):
    monkeypatch.setitem(PROVIDERS["oqmd"].fields, "formation_energy", ("_test_band_gap", "eV/atom"))
    monkeypatch.setattr("datamodules.optimade.PROVIDERS", {"oqmd": replace(PROVIDERS["oqmd"], base_url=server.url)})
    data = Optimade("oqmd", {"formation_energy": "eV/atom"})
    with caplog.at_level(logging.WARNING):
        assert data.table.values.max() == 59
    assert re.search(r"'eV'.*'_test_band_gap'.*'eV/atom'.* eV/atom$", caplog.text, re.MULTILINE)


def test_a_rerun_needs_no_server(server):
    first = gaps(server.url)
    fingerprint = first.data_set.fingerprint
    asked = len(server.requests)
    again = gaps(server.url)
    assert again.data_set.fingerprint == fingerprint
    assert len(server.requests) == asked
    assert again.card()["snapshot"]["num_entries"] == 60
    assert again.card()["snapshot"]["sha256"] == again.downloaded.info["sha256"]


def test_a_part_of_a_file_is_read_as_the_whole(server):
    file = gaps(server.url).downloaded.path
    whole = CrystalFile(file).crystals
    for rows in (slice(0, 5), slice(18, 43), slice(41, 60), slice(3, 3)):
        some = CrystalFile(file)[rows]
        assert isinstance(some, CrystalTable)
        assert some.content_hash == whole[rows].content_hash
    order = np.random.default_rng(0).permutation(60)
    taken = CrystalFile(file).take(order)
    assert taken[10:30].content_hash == whole.take(order[10:30]).content_hash


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        ({"provider": "mpp"}, "`provider`.* mp, oqmd, aflow, alexandria, gnome.*'mpp'"),
        ({"provider": "mp"}, "'band_gap'.* formation_energy"),
        ({"provider": "oqmd", "properties": {}}, "`properties`"),
        ({"provider": "oqmd", "properties": {"band_gap": "eVV"}}, '"eVV"'),
        ({"provider": "oqmd", "lower": {"volume": 0}}, "`lower`.* volume,.*`properties`"),
        ({"provider": "oqmd", "max_entries": 0}, "`max_entries`.* 1,.* 0$"),
    ],
)
def test_settings_that_cannot_work(settings, values):
    with pytest.raises(ValueError, match=values):
        Optimade(**{"properties": {"band_gap": "eV"}} | settings)


@pytest.mark.slow
def test_fit_by_the_command_line(server, tmp_path):
    config = {
        "trainer": {"max_epochs": 1, "accelerator": "cpu", "default_root_dir": str(tmp_path), "logger": False},
        "model": {
            "class_path": "gnn_sim2real.tasks.SourcePretraining",
            "init_args": {
                "encoder": {"class_path": "gnn_sim2real.nn.CGCNN", "init_args": {"hidden_dim": 8, "num_layers": 1}}
            },
        },
        "data": {
            "class_path": "datamodules.Optimade",
            "init_args": {
                "provider": server.url,
                "filter": "nelements > 0",
                "properties": {"band_gap": "eV"},
                "fields": {"band_gap": "_test_band_gap"},
            },
        },
    }
    (tmp_path / "fit.yaml").write_text(json.dumps(config))
    assert main(["fit", "-c", str(tmp_path / "fit.yaml")]) == 0
    assert list(tmp_path.rglob("*.ckpt"))
    assert list(tmp_path.rglob("quarantine_Optimade.csv"))
