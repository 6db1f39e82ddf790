"""Downloads from servers on this machine, well and badly behaved: the snapshot is whole or there is an error."""

import json
import signal
from contextlib import ExitStack

import numpy as np
import pandas as pd
import pytest
from downloads import download_gaps
from loopback import FAULTS, entry, misbehaving_proxy, real_optimade, small_optimade
from processes import running

from gnn_sim2real.databases import chunks as chunks_module
from gnn_sim2real.databases.client import Client
from gnn_sim2real.databases.optimade import OptimadeSnapshotQuery, Query
from gnn_sim2real.databases.snapshot import find_snapshots, get_snapshot, snapshot_folder
from gnn_sim2real.errors import DownloadError

COLUMNS = {"band_gap": "_test_band_gap", "energy": "_test_deep.gga.energy"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(chunks_module, "CHUNK_ROWS", 25)


def make_query(url, page_limit=10, max_entries=None, columns=COLUMNS, **settings):
    client = Client(**{"sleep": lambda _: None} | settings)
    return OptimadeSnapshotQuery(client, Query(url, "", tuple(columns.values()), page_limit, max_entries), columns)


# The wait for an answer is shorter than that of the slow proxy; on a busy machine a good answer may miss it as well.
HASTY = {"timeout": 0.5, "attempts": 50}


def download(source, columns=COLUMNS, **settings):
    return get_snapshot(snapshot_folder("test", source), source, tuple(columns), **settings)


def rows_of(snapshot):
    return pd.read_parquet(snapshot.path)


ENTRIES = [entry(number) for number in range(93)]


def test_all_pages_of_a_server_become_one_file():
    with small_optimade(ENTRIES) as server:
        snapshot = download(make_query(server.url))
        assert len(server.requests) == 11
        again = download(make_query(server.url))
    assert len(server.requests) == 11
    assert again == snapshot
    frame = rows_of(snapshot)
    assert frame["material_id"].tolist() == [each["id"] for each in ENTRIES]
    assert frame["band_gap"].tolist() == list(range(93))
    assert frame["energy"].tolist() == [-float(number) for number in range(93)]
    assert frame["problem"].isna().all()
    info = snapshot.info
    assert (info["num_entries"], info["num_matching"], info["num_repeated"], info["num_problems"]) == (93, 93, 0, 0)
    assert info["facts"]["field_units"]["_test_band_gap"] == "eV"
    assert not (snapshot.path.parent / "unfinished").exists()


def test_positions_survive():
    with small_optimade(ENTRIES[:5]) as server:
        frame = rows_of(download(make_query(server.url)))
    from gnn_sim2real.featurize.crystal_table import lattices_of_parameters

    for row, each in zip(frame.itertuples(), ENTRIES, strict=False):
        cell = np.array(each["attributes"]["lattice_vectors"])
        sites = np.array(each["attributes"]["cartesian_site_positions"])
        (rebuilt,) = lattices_of_parameters(np.array([[row.a, row.b, row.c, row.alpha, row.beta, row.gamma]]))
        positions = row.frac_e8.reshape(-1, 3) / 1e8 @ rebuilt
        wanted, found = (np.linalg.norm(x[:, None] - x[None], axis=-1) for x in (sites, positions))
        np.testing.assert_allclose(found, wanted, atol=1e-6)
        assert row.volume == pytest.approx(abs(np.linalg.det(cell)))


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_a_proxy_passes(fault):
    with small_optimade(ENTRIES) as server, misbehaving_proxy(server.url, (fault,), patience=2) as proxy:
        pages = 31 if fault == "slow" else 10
        snapshot = download(make_query(proxy.url, page_limit=pages, **HASTY))
    assert proxy.done[fault] >= (6 if fault == "slow" else 18)
    assert rows_of(snapshot)["material_id"].tolist() == [each["id"] for each in ENTRIES]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_all_faults_of_a_proxy_at_once(seed):
    with small_optimade(ENTRIES) as server, misbehaving_proxy(server.url, FAULTS, 3, seed) as proxy:
        snapshot = download(make_query(proxy.url, **HASTY))
    assert rows_of(snapshot)["material_id"].tolist() == [each["id"] for each in ENTRIES]
    assert snapshot.info["num_repeated"] == 0


def test_a_server_that_gives_less_than_asked_for():
    with small_optimade(ENTRIES, most=7) as server:
        assert len(rows_of(download(make_query(server.url, page_limit=50)))) == 93


def test_a_fault_that_stays_is_said_and_what_is_there_is_kept():
    with small_optimade(ENTRIES) as server, misbehaving_proxy(server.url, ("busy",), patience=10**6) as proxy:
        with pytest.raises(DownloadError, match=r"8 attempts.* 503: Service Unavailable: too many visitors"):
            download(make_query(proxy.url))
        assert proxy.done["busy"] == 8


def test_the_words_of_a_server_that_refuses():
    with small_optimade(ENTRIES) as server:
        source = OptimadeSnapshotQuery(Client(), Query(server.url, "nonsense"), {})
        with pytest.raises(DownloadError, match=r" 400: Bad Request: I do not know nonsense\."):
            download(source, {})
        with pytest.raises(DownloadError, match=r"'_test_gap'.* _test_band_gap"):
            download(make_query(server.url, columns={"band_gap": "_test_gap"}))


def test_nobody_there():
    with pytest.raises(DownloadError, match="ConnectionError"):
        download(make_query("http://127.0.0.1:9", attempts=2))


def test_the_count_decides():
    with small_optimade(ENTRIES, counted=95) as server:
        with pytest.raises(DownloadError, match=r"95 entries.* 93; .*`accept_incomplete: true`"):
            download(make_query(server.url))
        asked = len(server.requests)
        with pytest.raises(DownloadError, match="95 entries"):
            download(make_query(server.url))
        assert len(server.requests) > asked, "all pages are read anew"
        asked = len(server.requests)
        snapshot = download(make_query(server.url), accept_incomplete=True)
        assert len(server.requests) == asked, "what is there is taken"
    assert (snapshot.info["num_entries"], snapshot.info["num_matching"]) == (93, 95)


def test_entries_that_stand_on_two_pages_are_kept_once():
    with small_optimade([*ENTRIES[:50], *ENTRIES[30:]], counted=93) as server:
        snapshot = download(make_query(server.url))
    assert snapshot.info["num_repeated"] == 20
    assert rows_of(snapshot)["material_id"].tolist() == [each["id"] for each in ENTRIES]


def test_the_first_entries_only():
    with small_optimade(ENTRIES) as server:
        assert len(rows_of(download(make_query(server.url, max_entries=25)))) == 25
        assert len(server.requests) == 4
        assert len(rows_of(download(make_query(server.url, max_entries=4)))) == 4


def test_no_entry():
    with small_optimade([]) as server, pytest.raises(DownloadError, match="`filter`"):
        download(make_query(server.url))


@pytest.mark.slow
def test_a_killed_download_goes_on(tmp_path):
    with small_optimade(ENTRIES) as server:
        for _ in range(2):
            with running(tmp_path / "killed", download_gaps, server.url, 4) as process:
                assert process.wait() == -signal.SIGKILL
        asked = len(server.requests)
        with running(tmp_path / "last", download_gaps, server.url) as process:
            assert process.wait() == 0, process.said
    # Each killed process kept a part of 30 entries.
    assert len(server.requests) - asked == 4
    frame = pd.read_parquet(process.printed.strip())
    assert frame["material_id"].tolist() == [each["id"] for each in ENTRIES]


@pytest.mark.slow
def test_several_processes_download_once(tmp_path):
    with small_optimade(ENTRIES) as server, ExitStack() as stack:
        processes = [
            stack.enter_context(running(tmp_path / str(number), download_gaps, server.url)) for number in range(3)
        ]
        assert [process.wait() for process in processes] == [0, 0, 0], [process.said for process in processes]
        (path,) = {process.printed.strip() for process in processes}
        assert len(server.requests) == 11
    assert len(pd.read_parquet(path)) == 93


def test_a_new_snapshot_stands_beside_the_old_one():
    with small_optimade(list(ENTRIES)) as server:
        source = make_query(server.url)
        first = download(source)
        server.entries.append(entry(93))
        assert download(source) == first
        second = download(source, new=True)
        assert (first.info["num_entries"], second.info["num_entries"]) == (93, 94)
        assert download(source) == second
        assert download(source, date=str(second.info["date"])) == second
        with pytest.raises(ValueError, match=r" 1999-01-01 .* 20\d\d-\d\d-\d\d"):
            download(source, date="1999-01-01")
        first.path.write_bytes(b"damaged")
        assert find_snapshots(first.path.parent) == [second]


def test_entries_that_are_no_crystals_keep_their_row():
    strange = {
        "disordered": {"species": [{"name": "A", "chemical_symbols": ["Li", "Na"]}], "species_at_sites": ["A"] * 2},
        "partial": {
            "species": [{"name": "A", "chemical_symbols": ["Li"], "concentration": [0.5]}],
            "species_at_sites": ["A"] * 2,
        },
        "attached": {
            "species": [{"name": "A", "chemical_symbols": ["C"], "attached": ["H"], "nattached": [3]}],
            "species_at_sites": ["A"] * 2,
        },
        "no shares": {
            "species": [{"name": "A", "chemical_symbols": ["Li"], "concentration": ["all"]}],
            "species_at_sites": ["A"] * 2,
        },
        "vacancy": {"species": [{"name": "A", "chemical_symbols": ["vacancy"]}], "species_at_sites": ["A"] * 2},
        "molecule": {"dimension_types": [0, 0, 0], "lattice_vectors": [[None] * 3] * 3},
        "slab": {"dimension_types": [1, 1, 0]},
        "implicit": {"structure_features": ["implicit_atoms"]},
        "flat": {"lattice_vectors": [[1, 0, 0], [0, 1, 0], [1, 1, 0]]},
        "missing": {"cartesian_site_positions": None},
        "words": {"cartesian_site_positions": [["a", 0, 0]]},
        "count": {"nsites": 77},
        "few": {"cartesian_site_positions": [[0, 0, 0]]},
        "text": {"_test_band_gap": "wide"},
        "huge": {"lattice_vectors": [[1e400, 0, 0], [0, 1, 0], [0, 0, 1]]},
    }
    entries = [entry(number, **changes) | {"id": name} for number, (name, changes) in enumerate(strange.items())]
    with small_optimade([*entries, entry(50)]) as server:
        snapshot = download(make_query(server.url))
    frame = rows_of(snapshot).set_index("material_id")
    assert snapshot.info["num_problems"] == len(strange)
    assert frame["problem"].notna().tolist() == [True] * len(strange) + [False]
    told = {
        "disordered": "'A' holds Li 1, Na 1",
        "partial": "3 positions for 2 sites",
        "slab": "2 of 3",
        "text": "`_test_band_gap`",
    }
    for name, value in (told | {"attached": "attached to its sites 'A'", "no shares": "`concentration`"}).items():
        assert value in frame.loc[name, "problem"]
    assert "'wide'" in frame.loc["text", "problem"]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The reference server with entries of ours, and a provider field of them."""
    folder = tmp_path_factory.mktemp("server")
    lines = [{"x-optimade": {"meta": {"api_version": "1.1.0"}}}]
    for number in range(57):
        made = entry(number)
        attributes = made["attributes"]
        del attributes["_test_band_gap"], attributes["_test_deep"]
        symbols = attributes["species_at_sites"]
        counts = {symbol: symbols.count(symbol) for symbol in sorted(set(symbols))}
        formula = "".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in counts.items())
        attributes |= {"band_gap": float(number), "elements": list(counts), "nelements": len(counts)}
        attributes |= {"elements_ratios": [count / len(symbols) for count in counts.values()]}
        attributes |= {"chemical_formula_reduced": formula, "chemical_formula_descriptive": formula}
        attributes |= {"chemical_formula_anonymous": "A", "nperiodic_dimensions": 3}
        lines.append(made)
    (folder / "entries.jsonl").write_text("\n".join(map(json.dumps, lines)))
    field = {"name": "band_gap", "type": "float", "unit": "eV", "description": "a gap"}
    settings = {
        "OPTIMADE_INSERT_FROM_JSONL": str(folder / "entries.jsonl"),
        "OPTIMADE_PROVIDER_FIELDS": json.dumps({"structures": [field]}),
    }
    with real_optimade(folder, **settings) as url:
        yield url


GAP = {"band_gap": "_exmpl_band_gap"}


def test_the_reference_server(reference):
    source = make_query(reference, columns=GAP)
    snapshot = download(source, GAP)
    frame = rows_of(snapshot)
    assert sorted(frame["material_id"]) == sorted(f"test-{number}" for number in range(57))
    assert [f"test-{gap:.0f}" for gap in frame["band_gap"]] == frame["material_id"].tolist()
    assert snapshot.info["num_matching"] == 57
    facts = snapshot.info["facts"]
    assert (facts["provider"], facts["field_units"]) == ("Example provider", {"_exmpl_band_gap": "eV"})


def test_the_filter_language_of_the_reference_server(reference):
    query = Query(reference, 'elements HAS "O" AND _exmpl_band_gap > 20', ("_exmpl_band_gap",), 5)
    snapshot = download(OptimadeSnapshotQuery(Client(), query, GAP), GAP)
    frame = rows_of(snapshot)
    assert frame["band_gap"].min() > 20
    assert all("O" in species.split() for species in frame["species"])
    wanted = [n for n in range(21, 57) if "O" in entry(n)["attributes"]["species_at_sites"]]
    assert sorted(frame["band_gap"]) == wanted
    with pytest.raises(DownloadError, match="400: Bad Request: "):
        download(OptimadeSnapshotQuery(Client(), Query(reference, "elements HAVE"), {}), {})


@pytest.mark.parametrize("seed", range(2))
def test_the_reference_server_behind_a_misbehaving_proxy(reference, seed):
    with misbehaving_proxy(reference, FAULTS, 3, seed) as proxy:
        snapshot = download(make_query(proxy.url, columns=GAP, page_limit=6, **HASTY | {"timeout": 0.7}), GAP)
    assert sum(proxy.done.values()) > 10
    assert sorted(rows_of(snapshot)["band_gap"]) == list(range(57))


def test_the_examples_of_the_reference_server(tmp_path):
    """They come without `id` unless the server is told where it is."""
    with real_optimade(tmp_path) as url:
        snapshot = download(make_query(url, columns={}), {})
    frame = rows_of(snapshot)
    assert len(frame) == snapshot.info["num_matching"] == 17
    assert frame["material_id"].nunique() == 17
    assert frame["problem"].isna().all()
