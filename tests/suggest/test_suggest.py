"""Suggestions come from the pool, leave out what was measured, and say what they rest on."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk
from ase.io import write
from refused import refused
from shotgun_library import SOURCE, add_planted
from tiny import CHAINS, density

from gnn_sim2real.cli.main import main
from gnn_sim2real.estimator.features import kind_of
from gnn_sim2real.estimator.materials import Kinds
from gnn_sim2real.estimator.pool import read_pool
from gnn_sim2real.library import ModelLibrary, load_model
from gnn_sim2real.store.mixtures import store_of
from gnn_sim2real.suggest import suggest
from gnn_sim2real.suggest.acquisition import Aim
from gnn_sim2real.suggest.candidates import Scorer, score_pool
from gnn_sim2real.suggest.settings import SuggestSettings
from gnn_sim2real.suggest.surrogate import MIN_MEASURED, Encoded, Surrogate, encode

MEASURED, OTHERS = CHAINS[::2], CHAINS[1::2]
POOL = [*OTHERS, "*C1CC*", *MEASURED[:3]]


@pytest.fixture(scope="module")
def model(made_once):
    folder = made_once("planted_for_suggest", lambda folder: add_planted(ModelLibrary(folder)))
    return str(next(each for each in folder.iterdir() if (each / "card.json").exists()))


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = [density(each) for each in MEASURED]
    pd.DataFrame({"smiles": MEASURED, "density [g/cm3]": values}).to_csv("measured.csv", index=False)
    pd.DataFrame({"smiles": POOL, "price": [f"={row}" for row in range(len(POOL))]}).to_csv("pool.csv", index=False)
    return "measured.csv", "pool.csv"


def test_the_best_are_suggested_first_and_what_was_measured_is_not(files, model):
    found = suggest(*files, model=model, batch=5, workers=1)
    truth = np.array([density(each) for each in found.names])
    assert truth.mean() > np.quantile([density(each) for each in OTHERS], 0.7)
    assert not set(found.names) & set(MEASURED)
    assert len(set(found.names)) == 5
    assert [POOL[row] for row in found.rows] == found.names
    assert (found.seen.number, found.seen.refused) == (len(POOL), 1)
    assert "*C1CC*" in found.seen.first_refused
    low = suggest(*files, model=model, batch=5, workers=1, goal="minimize")
    assert low.mean.mean() < found.mean.mean()
    inside = suggest(*files, model=model, batch=5, workers=1, goal="range", low=1.0, high=1.05)
    assert np.abs(inside.mean - 1.025).mean() < np.abs(found.mean - 1.025).mean()
    unsure = suggest(*files, model=model, batch=5, workers=1, goal="uncertainty")
    assert (unsure.upper - unsure.mean).mean() > (inside.upper - inside.mean).mean()


def test_the_spread_holds_on_what_was_left_out(model):
    loaded = load_model(model)
    known = encode(loaded, store_of(SOURCE, loaded.featurizer))
    values = np.array([density(each) for each in SOURCE]) + np.random.default_rng(0).normal(0, 0.03, len(SOURCE))
    rows = np.random.default_rng(1).permutation(len(SOURCE))
    train, test = rows[:36], rows[36:]
    made = Surrogate(known.take(train), values[train], [str(row) for row in train])
    mean, std = made.predict(known.take(test))
    held = (np.abs(mean - values[test]) <= std).mean()
    assert 0.45 < held < 0.95
    assert made.distances(known.take(train)).max() == pytest.approx(0, abs=1e-4)
    alike = Encoded(np.zeros((20, 3)), np.zeros((20, 1)))
    assert Surrogate(alike, values[:20], [str(row) for row in range(20)]).distances(alike).tolist() == [0] * 20
    with refused(str(MIN_MEASURED)):
        Surrogate(known.take(train[:5]), values[train[:5]], list("abcde"))


def test_parts_and_processes_give_the_same_answer(files, model, monkeypatch):
    loaded = load_model(model)
    known = encode(loaded, store_of(MEASURED, loaded.featurizer))
    made = Surrogate(known, np.array([density(each) for each in MEASURED]), MEASURED)
    pool = read_pool("pool.csv", kind_of(loaded))
    scorer = Scorer(loaded, made, Aim("maximize", best=1.0), 7)
    whole, _ = score_pool(pool, scorer, 1)
    monkeypatch.setattr("gnn_sim2real.suggest.candidates.CHUNK", 5)
    parts, seen = score_pool(pool, scorer, 1)
    assert [each.row for each in parts] == [each.row for each in whole]
    np.testing.assert_allclose([each.log_score for each in parts], [each.log_score for each in whole], rtol=1e-4)
    assert seen.number == len(POOL)


@pytest.mark.slow
def test_several_processes(files, model, monkeypatch):
    monkeypatch.setattr("gnn_sim2real.suggest.candidates.CHUNK", 20)
    alone = suggest(*files, model=model, batch=4, workers=1)
    assert suggest(*files, model=model, batch=4, workers=2).names == alone.names


def test_the_library_is_asked_for_the_best_model(files, model, monkeypatch):
    monkeypatch.setattr(
        "gnn_sim2real.suggest.run.open_library", lambda *_, **__: ModelLibrary(model.rpartition("/")[0])
    )
    found = suggest(*files, batch=3, workers=1)
    assert "density" in found.model


def test_the_command_writes_a_table_and_replaces_nothing(files, model, capsys):
    words = ["suggest", *files, "--model", model, "--batch", "4", "--workers", "1"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    with Path("suggestions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["rank"] for row in rows] == list("1234")
    assert all(row["price"].startswith("'=") for row in rows)
    assert rows[0]["material"] in printed
    assert float(rows[0]["density lower [g/cm3]"]) < float(rows[0]["density [g/cm3]"])
    assert POOL[int(rows[0]["row"]) - 1] == rows[0]["material"]
    assert main(words) == 2
    assert main([*words, "--overwrite"]) == 0
    for each in files:
        assert main([*words, "--overwrite", "--output", each]) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch": 0},
        {"workers": 0},
        {"goal": "range"},
        {"goal": "maximize", "low": 1.0},
        {"goal": "range", "low": 2.0, "high": 1.0},
        {"study": "x"},
        {"measurement_cost": 1.0},
        {"study": "x", "measurement_cost": 1.0, "calculation_cost": 0.0},
        {"model": "starter:molecule/homo"},
        {"model": "nothing"},
        {"pool_column": "nothing"},
        {"column": "nothing"},
        {"unit": "eV"},
    ],
)
def test_settings_that_do_not_go_together(files, model, wrong):
    with refused(error=(ValueError, FileNotFoundError)):
        suggest(*files, **({"model": model, "workers": 1} | wrong))


@pytest.mark.parametrize(
    "pool", ["", "smiles\n", "smiles\n*C1CC*\nxx\n", "a,b\n1,2\n", "smiles\n" + MEASURED[0] + "\n"]
)
def test_pools_of_which_nothing_can_be_suggested(files, model, pool):
    Path("pool.csv").write_text(pool)
    with refused():
        suggest(*files, model=model, workers=1)


def test_a_list_of_spellings_and_a_table_over_orders_of_magnitude(files, model):
    Path("pool.smi").write_text("\n".join(f"{each} name{row}" for row, each in enumerate(SOURCE)) + "\n\n")
    values = [10 ** density(each) for each in MEASURED]
    pd.DataFrame({"smiles": MEASURED, "yield": values}).to_csv("measured.csv", index=False)
    found = suggest("measured.csv", "pool.smi", model=model, workers=1, log=True, property="yield", unit="")
    assert (found.lower > 0).all()
    np.testing.assert_allclose(found.upper / found.mean, found.mean / found.lower)
    pd.DataFrame({"smiles": MEASURED, "yield": [-1.0, *values[1:]]}).to_csv("measured.csv", index=False)
    with refused("log"):
        suggest("measured.csv", "pool.smi", model=model, workers=1, log=True, property="yield", unit="")


def test_formulas_and_the_formulas_of_a_folder_of_crystals(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    elements = ["Cu", "Ag", "Au", "Al", "Ni", "Pd", "Pt", "Pb", "Ir", "Rh"]
    pd.DataFrame(
        {"formula": elements, "density [g/cm3]": [9.0, 10.5, 19.3, 2.7, 8.9, 12.0, 21.4, 11.3, 22.6, 12.4]}
    ).to_csv("measured.csv", index=False)
    (tmp_path / "pool").mkdir()
    for each in ("Cu", "W", "Li"):
        write(tmp_path / "pool" / f"{each}.cif", bulk(each))
    (tmp_path / "pool" / "broken.cif").write_text("data_x\n")
    found = suggest("measured.csv", "pool", model="starter:composition/density", workers=1)
    assert sorted(found.names) == ["Li.cif", "W.cif"]
    assert found.seen.refused == 1
    assert found.seen.first_refused.startswith("broken.cif: ")


def test_it_shows_itself(files, model):
    found = suggest(*files, model=model, batch=30, workers=1)
    assert len(repr(found).splitlines()) < 30
    assert "<table>" in found._repr_html_()
    assert len(found.to_frame()) == len(OTHERS)
    assert found.plot().get_xlabel().startswith("density")


def test_it_says_when_no_candidate_is_likely(files, model):
    settings = {"model": model, "batch": 2, "workers": 1}
    assert suggest(*files, **settings, goal="uncertainty").chance == 1
    hoped, hopeless = (suggest(*files, **settings, goal="range", low=low) for low in (0.0, 50.0))
    assert hoped.chance > 0.5
    assert hopeless.chance < 0.01
    assert len(repr(hopeless).splitlines()) == len(repr(hoped).splitlines()) + 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"goal": "range", "low": 2.0, "high": 1.0},
        {"goal": "range", "low": 1.0, "high": 1.0},
        {"goal": "range", "low": float("nan")},
        {"goal": "range", "high": float("inf")},
        {"seed": -1},
        {"study": "x", "measurement_cost": -1.0, "calculation_cost": 1.0},
        {"study": "x", "measurement_cost": float("nan"), "calculation_cost": 1.0},
    ],
    ids=repr,
)
def test_settings_are_refused_before_anything_is_read(wrong):
    with pytest.raises(ValueError):  # noqa: PT011
        SuggestSettings(**wrong).check()


def test_a_pool_that_is_not_there_is_refused_before_anything_is_computed(files, monkeypatch):
    monkeypatch.setattr("gnn_sim2real.suggest.run._choose", None)
    with pytest.raises(FileNotFoundError):
        suggest(files[0], "nowhere.csv")


def test_equal_values_teach_nothing(files, monkeypatch):
    monkeypatch.setattr("gnn_sim2real.suggest.run._choose", None)
    Path("equal.csv").write_text("smiles,density [g/cm3]\n" + "".join(f"{each},1.0\n" for each in MEASURED))
    with pytest.raises(ValueError, match=r"\b1\b"):
        suggest("equal.csv", files[1])


def test_a_list_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "a.smi").write_bytes(bytes(range(256)))
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read_pool(tmp_path / "a.smi", Kinds("molecule"))
    assert not isinstance(caught.value, UnicodeDecodeError)


def test_a_missing_column_is_told_by_the_option_of_its_table(files, model, capsys):
    table, pool = (Path(each).read_text() for each in files)
    Path("other_table.csv").write_text(table.replace("smiles", "polymer", 1))
    Path("other_pool.csv").write_text(pool.replace("smiles", "polymer", 1))
    for words, option in (
        (["other_table.csv", files[1]], "`--material-column`"),
        ([files[0], "other_pool.csv"], "`--pool-column`"),
    ):
        assert main(["suggest", *words, "--model", model, "--workers", "1"]) == 2
        assert option in capsys.readouterr().err


def test_rows_that_differ_in_a_condition_are_chosen_by_an_option(files, model, capsys):
    frame = pd.read_csv(files[0])
    pd.concat([frame.assign(Mn=1e4), frame.assign(Mn=1e5)]).to_csv("masses.csv", index=False)
    words = ["masses.csv", files[1], "--model", model, "--workers", "1", "--batch", "1"]
    assert main(["suggest", *words]) == 2
    assert "`--at '{Mn: " in capsys.readouterr().err
    assert main(["suggest", *words, "--at", "{Mn: all}"]) == 0


@pytest.fixture
def pairs(tmp_path, monkeypatch):
    """Twelve measured pairs, and a pool of others, in which two are measured ones in another spelling."""
    monkeypatch.chdir(tmp_path)
    units, solvents = ["*CC*", "*CCO*", "*CC(C)*", "*CCCO*"], ["O", "CCO", "CO", "CCCC", "c1ccccc1"]
    every = [(unit, solvent) for unit in units for solvent in solvents]
    frame = pd.DataFrame(every, columns=["polymer", "solvent"]).assign(chi=np.linspace(0.1, 1.0, len(every)))
    frame["T [K]"] = 300.0
    frame[::2].to_csv("measured.csv", index=False)
    pool = pd.concat(
        [frame[1::2], frame[:1], pd.DataFrame({"polymer": ["*OCC*"], "solvent": ["OCC"], "T [K]": [300.0]})]
    )
    pool = pd.concat([pool, pd.DataFrame({"polymer": ["*CC*"], "solvent": ["no molecule"], "T [K]": [300.0]})])
    pool.drop(columns="chi").assign(price=range(len(pool))).to_csv("pool.csv", index=False)
    return frame


def test_pairs_are_suggested(pairs):
    found = suggest("measured.csv", "pool.csv", model="starter:mixture/chi", batch=20, workers=1)
    new = {tuple(each) for each in pairs[1::2][["polymer", "solvent"]].to_numpy().tolist()}
    names = [tuple(each.split(" | ")) for each in found.names]
    assert set(names) <= new
    assert len(names) == len(set(names)) == len(new - {("*CCO*", "CCO")} | ({("*CCO*", "CCO")} & new))
    assert found.seen.refused == 1
    assert "no molecule" in found.seen.first_refused
    assert [found.others["price"][row] for row in range(2)] == [str(found.rows[row]) for row in range(2)]
    frame = found.to_frame()
    assert len(frame) == len(names)


def test_pairs_at_a_temperature_need_a_model_that_reads_it(pairs, tmp_path):
    pd.read_csv("measured.csv").drop(columns="T [K]").to_csv("at.csv", index=False)
    with pytest.raises(ValueError, match="temperature"):
        suggest("at.csv", "pool.csv", model="starter:mixture/chi", workers=1)


COPOLYMERS = "starter:mixture/electron_affinity"


@pytest.fixture
def copolymers(tmp_path, monkeypatch):
    """Twelve measured copolymers, and a pool of others, with a measured one in another spelling and a broken one."""
    monkeypatch.chdir(tmp_path)
    firsts, seconds = ["*c1ccc(*)cc1", "*c1ccc(*)s1"], ["*C=C*", "*c1ccc(*)nc1", "*C#C*", "*c1ccc(*)o1"]
    every = [(a, b, share, 4 - share, how) for a in firsts for b in seconds for share, how in ((2, "block"), (1, 0.3))]
    frame = pd.DataFrame(every, columns=["monomer_A", "monomer_B", "ratio A", "ratio B", "linkage"])
    frame["electron affinity [eV]"] = np.linspace(-3, -1, len(frame))
    frame[:12].to_csv("measured.csv", index=False)
    again = pd.DataFrame([("*C=C*", "*c1ccc(*)cc1", 20, 20, 0.125, 0)], columns=frame.columns)  # the first row
    broken = pd.DataFrame([("*C=C*", "no polymer", 1, 1, "random", 0)], columns=frame.columns)
    pool = pd.concat([frame[12:], again, broken]).drop(columns="electron affinity [eV]")
    pool.assign(price=range(len(pool))).to_csv("pool.csv", index=False)
    return frame


def test_copolymers_are_suggested(copolymers):
    found = suggest("measured.csv", "pool.csv", model=COPOLYMERS, batch=20, workers=1)
    assert sorted(found.rows) == [0, 1, 2, 3]
    assert (found.seen.number, found.seen.refused) == (6, 1)
    assert "no polymer" in found.seen.first_refused
    assert found.others["monomer_A"] == [copolymers["monomer_A"][12 + row] for row in found.rows]
    assert "linked 0.3" in found.names[found.rows.index(1)]
    assert load_model(COPOLYMERS).network.encoder.bond is not None  # the linkage is seen
    alike = read_pool("pool.csv", kind_of(load_model(COPOLYMERS)))
    first = read_pool("measured.csv", kind_of(load_model(COPOLYMERS)))
    assert alike.identity_of(4) == first.identity_of(0)


def test_a_model_of_pairs_is_not_one_of_blends(copolymers, pairs):
    with refused("pairs of polymer and solvent"):
        suggest("measured.csv", "pool.csv", model=COPOLYMERS, workers=1)
    Path("pool.csv").write_text("smiles,price\n*CC*,1\n")
    with refused("component_1"):
        read_pool("pool.csv", kind_of(load_model(COPOLYMERS)))
    with refused("polymer and solvent"):
        read_pool("pool.csv", kind_of(load_model("starter:mixture/chi")))
