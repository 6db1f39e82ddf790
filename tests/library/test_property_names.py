"""A property has one name, whatever a user calls it: one table, read wherever a name is typed or stored."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from datamodules import MeasuredCrystals, Optimade, PoLyInfo, RadonPy, Table
from gnn_sim2real import TransferRegressor
from gnn_sim2real.data.registry import choose_properties, find_sheets
from gnn_sim2real.explain import explain
from gnn_sim2real.library import index
from gnn_sim2real.library.card import Card
from gnn_sim2real.library.filters import CardFilters
from gnn_sim2real.library.folder import INDEX_FILE, ModelLibrary
from gnn_sim2real.library.starter import find_starter, starter_folder
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.renamed import PROPERTIES, by_property, current_property
from gnn_sim2real.shotgun.table_argument import read_table_argument
from gnn_sim2real.tables.properties import plausible_values, spellings_of

NAMES = ("tg", "Tg", "T_g", "glass transition", "Glass-transition temperature", "glass_transition")


def test_the_table_is_one_step_and_knows_no_name_twice():
    others = [other for each in PROPERTIES.values() for other in each]
    assert len(set(others)) == len(others)
    assert not {*others} & {name for name in PROPERTIES if name == name.lower()}
    for name, each in PROPERTIES.items():
        assert {current_property(other) for other in (name, name.lower(), *each)} == {name}
    assert current_property("Young_modulus") == "Young_modulus"  # what is not known stays as it is
    assert current_property("linear_expansion") == "linear_expansion"  # a third of another property


def test_no_name_of_what_comes_with_the_package_changes():
    """Keys of shipped models and of records are hashes of these names."""
    cards = [json.loads(each.read_text()) for each in starter_folder().glob("*/card.json")]
    shipped = {spec["name"] for card in cards for spec in card["network"]["properties"]}
    listed = {name for sheet, _ in find_sheets().values() for name in sheet.units}
    assert shipped
    assert listed
    for name in shipped | listed:
        assert current_property(name) == name


@pytest.mark.parametrize("name", NAMES)
def test_every_spelling_is_the_same_property(name):
    assert current_property(name) == "glass_transition"
    assert PropertySpec(name, "K") == PropertySpec("glass_transition", "K")
    assert plausible_values(name, "K") == plausible_values("glass_transition", "K")
    assert spellings_of(name)[0] == name
    assert find_starter(f"starter:polymer/{name}") == find_starter("starter:polymer/glass_transition")
    assert CardFilters(property=name, max_mae=1e9).match(
        next(each for each in ModelLibrary(starter_folder()).cards() if "glass_transition" in each.properties)
    )


def test_cards_and_descriptions_of_other_people_are_read():
    folder = find_starter("starter:polymer/glass_transition")
    content = json.loads((folder / "card.json").read_text())
    content["network"]["properties"][0]["name"] = "Tg"
    content["metrics"] = {"Tg": content["metrics"]["glass_transition"]}
    card = Card.of_content("0" * 32, content)
    assert card.properties == ("glass_transition",)
    assert set(card.metrics) == {"glass_transition"}


def test_an_index_that_an_earlier_version_made_is_made_again(tmp_path, monkeypatch):
    own, shipped = tmp_path / "own", find_starter("starter:polymer/glass_transition")
    shutil.copytree(shipped, own / shipped.name)
    cards = ModelLibrary(own).cards()
    path, older = own / INDEX_FILE, [card._replace(properties=("tg",)) for card in cards]
    stamps = list(index.stamps_of(index.read_index(path)))
    with monkeypatch.context() as before:
        before.setattr(index, "INDEX_FORMAT", b"2")
        index.write_index(path, older, stamps)
    assert ModelLibrary(own).cards(property="tg") == cards != older


def test_where_a_user_types_a_name(tmp_path, monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    units = ["*CC*", "*CCO*", "*CC(C)*", "*CCS*"]
    pd.DataFrame({"smiles": units, "Tg [K]": [250.0, 260, 270, 280]}).to_csv("mine.csv", index=False)
    for words in ([], ["--property", "tg"]):
        assert read_table_argument(["mine.csv", *words]).settings["property"] == "glass_transition"
    named = {name: Table("mine.csv", name, "K", transform={"tg": "log10"}) for name in ("tg", "glass_transition")}
    for data in named.values():
        assert [(spec.name, spec.transform) for spec in data.properties] == [("glass_transition", "log10")]
        assert data.table.values[:, 0] == pytest.approx([250, 260, 270, 280], abs=31)
    pd.DataFrame({"smiles": units, "Tg [K]": [251.0, 261, 271, 281]}).to_csv("simulated.csv", index=False)
    looked_up = Table("mine.csv", "glass_transition", "K", simulated_from=Table("simulated.csv", "tg", "K")).table
    assert np.array_equal(looked_up.simulated, looked_up.values + 1)
    with pytest.raises(ValueError, match="only once"):
        _ = Table("mine.csv", "tg", "K", further={"glass_transition": {"unit": "K", "column": "Tg [K]"}}).table
    assert TransferRegressor(property="Tg", unit="K")._name_property([1.0]) == ("glass_transition", "K")
    assert PoLyInfo("mine.csv", "tg", "K").properties[0].name == "glass_transition"
    found = explain(["*CCO*"], "starter:polymer/tg", property="tg", evaluations=8)
    assert found[0].property_name == "glass_transition"
    known = {"glass_transition": 1, "Cp": 2}
    assert choose_properties("Reader", ["tg", "cp"], known) == [1, 2]
    with pytest.raises(ValueError, match="no_such"):
        choose_properties("Reader", ["no_such"], known)
    assert RadonPy(["Tg"], path="results.csv").wanted[0].unit == "K"


def test_settings_of_a_property_are_found_by_any_name():
    assert by_property({"Tg": 1, "other": 2}, ["glass_transition"]) == {"glass_transition": 1, "other": 2}
    assert by_property({"glass_transition": 1}, ["tg"]) == {"tg": 1}
    settings = {"lower": {"gap": -1e-6}, "upper": {"bandgap": 20.0}, "field_units": {"Band gap": "eV"}}
    data = Optimade(provider="oqmd", properties={"gap": "eV"}, **settings)
    assert (data.wanted, data.lower, data.upper) == ({"band_gap": "eV"}, {"band_gap": -1e-6}, {"band_gap": 20.0})
    assert data.field_units == {"band_gap": "eV"}
    given = Optimade(provider="oqmd", properties={"band_gap": "eV"}, fields={"gap": "_own"})
    assert given.fields == {"band_gap": "_own"}
    with pytest.raises(ValueError, match="properties"):
        Optimade(provider="oqmd", properties={"band_gap": "eV"}, lower={"density": 0.0})
    assert MeasuredCrystals(path="mine.csv", property="gap", unit="eV", require_simulated=True)._has_simulated


TWICE = {
    "properties": lambda both: Optimade(provider="oqmd", properties=dict.fromkeys(both, "eV")),
    "lower": lambda both: Optimade(provider="oqmd", properties={"gap": "eV"}, lower=dict.fromkeys(both, 0.0)),
    "forms": lambda both: by_property(dict.fromkeys(both, "softplus"), ["band_gap"]),
}


@pytest.mark.parametrize("name", TWICE)
def test_two_settings_of_one_property_are_refused(name):
    with pytest.raises(ValueError, match="one property"):
        TWICE[name](["gap", "band_gap"])
