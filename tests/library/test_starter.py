"""The starter library: every model loads, answers as it did, and says where it comes from."""

import json
import logging
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from starter import PAGE, RESULT, make_page, read_results

import gnn_sim2real
from gnn_sim2real.cli.main import main
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.mixture import Mixture, linkage_of
from gnn_sim2real.library import ModelLibrary, load_model
from gnn_sim2real.library.card import DOMAINS
from gnn_sim2real.library.starter import find_starter, format_simulated, name_model, starter_folder, starter_names
from gnn_sim2real.shotgun.libraries import find_cards, open_library
from gnn_sim2real.study.jobs import Job
from gnn_sim2real.study.library_config import read_library
from gnn_sim2real.study.pretrainings import LibraryResolver

NAMES = starter_names()
BEST = sorted({name.rpartition("/")[0] for name in NAMES})
LIBRARY = ModelLibrary(starter_folder())
STORED = json.loads((starter_folder() / "predictions.json").read_text())
CONFIGS = Path(gnn_sim2real.__file__).parents[1] / "configs"
FORBIDDEN = ("polyinfo", "crow", "polygraphmt", "combisolv", "md_tg.csv", "aflow", "md_liquids")


def test_how_many_models_of_how_many_properties_there_are():
    result = json.loads(RESULT.read_text())
    assert (len(NAMES), len(BEST)) == (result["models"], result["properties"])
    assert set(NAMES.values()) == set(LIBRARY.keys()) == {card.key for card in LIBRARY.cards()}
    assert {row["name"] for row in result["rows"] if row["level"]} == set(NAMES) == set(STORED)
    assert all(row["mae"] <= row["trees_mae"] for row in result["rows"] if row["level"])


@pytest.fixture(scope="module")
def built():
    """What the YAML builds: the resolver, and of each point the job without its key."""
    config, _ = read_library([str(CONFIGS / "library/starter.yaml")], [])
    resolver = LibraryResolver(config)
    return resolver, [Job("", point, None, is_pretraining=True) for point in resolver.points()]


@pytest.mark.slow
def test_the_yaml_builds_exactly_what_ships_and_what_is_left_out(built):
    resolver, jobs = built
    rows = json.loads(RESULT.read_text())["rows"]
    wanted, content = [], {name: LIBRARY.content(key) for name, key in NAMES.items()}
    for job in jobs:
        stage = resolver.stage(job)
        own = getattr(stage.data, "property", None)
        prop = job.point.property_name or (own.name if own is not None else next(iter(stage.data.sheet.units)))
        encoder = job.point.architecture or stage.encoder
        name = name_model(DOMAINS[stage.data.kind], prop, encoder)
        wanted.append((stage.data.sheet.name, name))
        if name in content:
            described = content[name]["network"]["encoder"]["init_args"]
            given = {k: v for k, v in encoder["init_args"].items() if not isinstance(v, dict)}
            assert given.items() <= described.items()
    assert sorted(wanted) == sorted((row["source"], re.sub(r"-\d+$", "", row["name"])) for row in rows)
    assert len(rows) == len(NAMES) + len(json.loads(RESULT.read_text())["left_out"])


@pytest.mark.release
@pytest.mark.realdata
def test_the_yaml_finds_every_shipped_model_under_its_key(built, real_data):
    resolver, jobs = built
    keys = {resolver.job(job.point).key for job in jobs}
    shipped = {card.pretraining for card in LIBRARY.cards()}
    assert shipped <= keys
    assert len(keys - shipped) == len(json.loads(RESULT.read_text())["left_out"])


def test_it_is_small_and_whole():
    files = [path for path in starter_folder().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 20_000_000
    assert not LIBRARY.verify(strict=True)
    assert not [path for path in files if path.name == "index.parquet"]  # which would be that of one machine


@pytest.mark.parametrize("name", NAMES)
def test_a_model_answers_as_it_did(name):
    model = load_model(f"starter:{name}")
    assert model.card == json.loads((find_starter(name) / "card.json").read_text())
    materials = STORED[name]["materials"]
    if STORED[name]["kind"] == "mixture":
        materials = [Mixture(tuple(each), conditions={"temperature": 298.15}) for each in materials]
    if STORED[name]["kind"] == "copolymer":
        materials = [Mixture((one, other), linkage=linkage_of(word, (1, 1))) for one, other, word in materials]
    prediction = model.predict(materials).values[:, 0]
    np.testing.assert_allclose(prediction, STORED[name]["values"], rtol=2e-3)


def test_cards_say_what_may_be_done_and_what_was_simulated():
    notice = (starter_folder() / "NOTICE.md").read_text()
    for card in LIBRARY.cards():
        content = LIBRARY.content(card.key)
        assert re.match(r"BSD-3|MIT|CC0|CC BY 4.0|labels: free use", card.license), card
        assert card.citation in notice
        assert content["notice"] in notice
        assert content["simulated"]["method"]
        assert card.metrics
        assert card.num_validation >= 20
        assert card.source not in FORBIDDEN


@pytest.mark.parametrize("name", BEST)
def test_what_a_model_has_seen_is_known(name):
    key = find_starter(name).name
    card = LIBRARY.card(key)
    rows = 7 if card.architecture == "Blend" else 1  # a pair of units, linked in seven ways, is seen or not
    assert len(LIBRARY.identities(key)) >= 0.9 * card.size / rows


@pytest.mark.slow
def test_the_leak_check_finds_a_material_of_the_source():
    import datamodules

    key = find_starter("polymer/density").name
    table = datamodules.RadonPy(properties=["density"], validation_fraction=0).table
    known = [LIBRARY.has_seen(key, each) for each in table.identities]
    assert sum(known) == LIBRARY.card(key).size
    assert not LIBRARY.has_seen(key, "something else")


@pytest.mark.slow
def test_what_the_open_targets_test_was_never_seen():
    import yaml

    from gnn_sim2real.study.pretrainings import read_targets

    path = Path(gnn_sim2real.__file__).parents[1] / "configs/library/held_out_open.yaml"
    assert set(yaml.safe_load(path.read_text())) >= {"polymer_density_open", "band_gap_open"}
    tested = frozenset().union(*(each.tested_identities() for each in read_targets(path)[1].values()))
    asked = {name: LIBRARY.identities(find_starter(name).name) & tested for name in BEST}
    assert not {name: len(each) for name, each in asked.items() if each}


def test_addresses():
    best = next(name for name in NAMES if name.startswith("polymer/density/"))
    assert find_starter("starter:polymer/density") == find_starter(f"starter:{best}") == starter_folder() / NAMES[best]
    assert find_starter(f"starter:{NAMES[best][:12]}").name == NAMES[best]
    for wrong in ("starter:polymer/densty", "starter:polymer", "starter:", "starter:0"):
        with pytest.raises(CheckpointError, match="no model"):
            find_starter(wrong)
    with pytest.raises(CheckpointError, match="polymer/density"):
        load_model("starter:polymer/densty")


def test_predict_answers_one_material_on_the_screen(capsys):
    assert main(["predict", "starter:polymer/density", "*CC(*)c1ccccc1"]) == 0
    out = capsys.readouterr().out
    said = r"density (\S+) g/cm3; simulated \(RadonPy MD\), lies 0\.\d+ g/cm3 below measurement"
    best = next(name for name in NAMES if name.startswith("polymer/density/"))
    assert float(re.match(said, out)[1]) == pytest.approx(STORED[best]["values"][0], rel=1e-2)


@pytest.mark.parametrize("words", [["nonsense("], ["*CC*", "--prediction.output", "x.csv"], ["table.csv"]])
def test_predict_refuses_what_is_no_material(words, capsys):
    assert main(["predict", "starter:polymer/density", *words]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error:")


@pytest.mark.slow
def test_predict_reads_a_table_without_the_data_of_the_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GNN_SIM2REAL_DATA", raising=False)
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    asked = {
        "polymer/density": "smiles\n*CC(*)c1ccccc1\n",
        "molecule/homo_lumo_gap": "smiles\nc1ccccc1\n",
        "composition/formation_energy": "formula\nNaCl\n",
    }
    for name, text in asked.items():
        Path("asked.csv").write_text(text)
        assert main(["predict", f"starter:{name}", "asked.csv", "--prediction.overwrite", "true"]) == 0
        assert len(Path("predictions.csv").read_text().splitlines()) == 2


@pytest.fixture
def own(tmp_path):
    """A library of one's own with one model, a copy of one that ships."""
    key = find_starter("polymer/density").name
    for name in (key, "identities"):
        shutil.copytree(starter_folder() / name, tmp_path / "own" / name)
    return tmp_path / "own"


def test_the_starter_library_is_tried_by_default_and_beside_others(own, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("GNN_SIM2REAL_LIBRARY", str(tmp_path / "nothing"))
    caplog.set_level(logging.INFO)
    assert open_library("", starter=True).folder == open_library("starter:").folder == starter_folder()
    assert open_library(str(own)).keys() == [find_starter("polymer/density").name]
    joined = open_library(str(own), starter=True)
    assert (joined.folder, len(joined.keys())) == (own, len(NAMES))
    assert len(find_cards(joined, {"domain": "polymer"})) == sum(name.startswith("polymer/") for name in NAMES)
    assert re.search(rf"{re.escape(str(own))} and the starter library", caplog.text)
    mine, other = (find_starter(name).name for name in ("polymer/density", "polymer/Cp"))
    assert joined.folder_of(mine) == own / mine
    assert joined.folder_of(other) == starter_folder() / other
    assert joined.identities(other) == LIBRARY.identities(other)
    assert joined.load(other).card["source"] == "radonpy_pi1070"
    with pytest.raises(ValueError, match="no models in"):
        open_library(str(tmp_path / "nothing"), starter=True)


def test_models_list_and_show(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["models", "list", "--property", "density"]) == 0
    out = capsys.readouterr().out
    assert re.search("0 models in .*library", out)
    assert "models in the starter library" in out
    assert "polymer/density/" in out
    assert main(["models", "show", "starter:polymer/density"]) == 0
    out = capsys.readouterr().out
    assert "simulated (RadonPy MD), lies" in out
    assert "license of the data: BSD-3-Clause" in out
    assert main(["models", "verify", "--library", "starter:"]) == 0
    assert main(["models", "pull", str(tmp_path), "--library", "starter:"]) == 2


def test_the_text_on_the_offset():
    offset = {"bias": -0.056, "unit": "g/cm3", "of": "77 polymers"}
    assert format_simulated({"simulated": {"method": "MD", "offset": offset}}) == (
        "simulated (MD), lies 0.056 g/cm3 below measurement (77 polymers)"
    )
    assert "not known" in format_simulated({"simulated": {"method": "MD"}})
    assert not format_simulated({})


@pytest.mark.parametrize(("gain", "helps"), [(0.01, True), (0.003, False), (-0.01, False)])
def test_the_page_says_whether_pretraining_without_labels_helps(gain, helps):
    row = {"property": "density", "unit": "g/cm3", "size": 25, "test_parts": 5, "scratch": 0.05, "pretrained": 0.04}
    row |= {"gain": gain, "standard_error": 0.002}
    result = {"pretraining": {"units": 4000, "descriptors": 40}, "means": [row]}
    page = make_page(read_results()[0], {}, result)
    assert ("not shown to help" in page) is not helps


def test_the_page_has_the_errors_of_copolymers_beside_those_published():
    found = {"linkage": [0.123, 0.456], "shares": [0.02, 0.03]}
    means = {
        f"{split}, {method}, 38,000 rows": {"rmse": rmse if split == "monomer" else rmse[::-1], "folds": 2, "of": 9}
        for split in ("monomer", "random")
        for method, rmse in found.items()
    }
    published = {"random": {"wD-MPNN": [0.03, 0.03]}, "monomer": {"wD-MPNN": [0.1, 0.09]}}
    lines = make_page(
        read_results()[0], {"means": means, "published": published, "rows": [{"steps": 2000}]}, {}
    ).splitlines()
    ours = next(line for line in lines if "0.12, 0.46" in line)
    assert ours.count("|") == 5
    assert "2 of 9" in ours
    assert sum("wD-MPNN, published" in line for line in lines) == 2
    assert any("not in training, `linkage: true` raises the error, and wD-MPNN is behind" in line for line in lines)


def test_the_page_is_made_of_the_results():
    assert PAGE.read_text() == make_page(*read_results())
