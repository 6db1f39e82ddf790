"""What a library predicts for a target's materials, as descriptors of them."""

from types import SimpleNamespace

import numpy as np
import pytest
from shotgun_library import add_noise, add_planted
from tiny import CHAINS, TinyPolymers, density

from gnn_sim2real.library import ModelLibrary
from gnn_sim2real.shotgun.library_predictions import NUM_LARGEST, Column, choose_columns, predict_columns
from gnn_sim2real.shotgun.models import QuickLoader
from gnn_sim2real.shotgun.target import Target


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    made = ModelLibrary(tmp_path_factory.mktemp("library"))
    add_planted(made)
    add_noise(made, 0)
    add_noise(made, 1)
    return made


def card(key, size, seed, architecture, properties=("a",), source="s"):
    return SimpleNamespace(
        key=key, size=size, seed=seed, architecture=architecture, properties=properties, source=source
    )


def test_a_column_is_made_of_the_models_that_saw_most():
    cards = [card(f"{size} {seed} {kind}", size, seed, kind) for size in (10, 99) for seed in (0, 1) for kind in "xyz"]
    (column,) = choose_columns(cards)
    assert NUM_LARGEST == 3
    assert column == Column("s", "a", ("99 0 x", "99 0 y", "99 0 z"))
    assert len(choose_columns(cards, "all")[0].models) == len(cards)
    both = [*cards, card("other", 5, 0, "x", ("b", "a"), "t")]
    assert [each.name for each in choose_columns(both)] == ["s: a", "t: a", "t: b"]


def test_columns_hold_mean_predictions_and_are_found_again(library, tmp_path):
    target = Target.of_data(TinyPolymers())
    columns, table = predict_columns(QuickLoader(library), choose_columns(library.cards()), target, tmp_path)
    assert [each.property_name for each in columns] == ["density", "noise"]
    simulated = [density(each) - 0.1 for each in target.table.materials]
    assert np.corrcoef(table[:, 0], simulated)[0, 1] > 0.9
    each = [library.load(key).predict(CHAINS).values[:, 0] for key in columns[1].models]
    order = [CHAINS.index(material) for material in target.table.materials]
    np.testing.assert_allclose(table[:, 1], np.mean(each, axis=0)[order], rtol=1e-4)
    nobody = SimpleNamespace(load=None)
    again, found = predict_columns(nobody, columns, target, tmp_path)
    assert again == columns
    np.testing.assert_array_equal(found, table)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-50])
    np.testing.assert_allclose(predict_columns(QuickLoader(library), columns, target, tmp_path)[1], table)


def test_no_measured_value_matters(library, tmp_path):
    target, other = Target.of_data(TinyPolymers()), Target.of_data(TinyPolymers())
    other.table.values[:] += 1e3
    assert target.fingerprint_of_materials() == other.fingerprint_of_materials()
    fewer = Target.of_data(TinyPolymers(materials=CHAINS[:20]))
    assert target.fingerprint_of_materials() != fewer.fingerprint_of_materials()
    columns = choose_columns(library.cards())
    (_, one), (_, two) = (predict_columns(QuickLoader(library), columns, each) for each in (target, other))
    np.testing.assert_array_equal(one, two)


def test_models_that_cannot_read_the_materials_make_no_column(library):
    from datamodules.files.table import MaterialTable

    path = library.folder.parent / "salts.csv"
    names = ("Na", "K", "Li", "Rb", "Cs", "Ag")
    path.write_text("formula,k\n" + "".join(f"{name}Cl,{number}\n" for number, name in enumerate(names, start=1)))
    target = Target.of_data(MaterialTable(str(path), "k", "W/(m K)", validation_fraction=0))
    columns, table = predict_columns(QuickLoader(library), choose_columns(library.cards()), target)
    assert columns == []
    assert table.shape == (6, 0)
