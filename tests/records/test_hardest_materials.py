"""The materials that a model misses most, which only open tables show."""

from types import SimpleNamespace

import numpy as np
import pytest

from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.featurize.identity import identity_hash
from gnn_sim2real.records import hardest_materials as module
from gnn_sim2real.records.hardest_materials import hardest_materials, has_predictions

MATERIALS = ["*CC*", "*CCO*", "*CC(*)c1ccccc1", "not a structure"]
MEASURED = [1.0, 1.1, 1.2, 1.3]
PREDICTED = {
    "a": dict(zip(MATERIALS, [1.0, 1.4, 1.2, 1.4], strict=True)),
    "b": {"*CCO*": 1.2, "*CC(*)c1ccccc1": 1.0},
    "trees": {"*CCO*": 1.15},
}


def sheet(license_name):
    return DataSheet("t", "repeat_unit", 4, {"density": "g/cm3"}, license_name, "c", "o")


def data(license_name="CC BY 4.0"):
    table = SimpleNamespace(identities=MATERIALS, materials=MATERIALS, values=np.array(MEASURED)[:, None])
    return SimpleNamespace(sheet=license_name and sheet(license_name), table=table)


@pytest.fixture
def results(tmp_path, monkeypatch):
    def read(_, key):
        found = PREDICTED.get(key)
        return found and {identity_hash(name): value for name, value in found.items()}

    monkeypatch.setattr(module, "read_predictions", read)
    (tmp_path / "a.predictions.json").write_text("{}")
    return SimpleNamespace(records=tmp_path)


def test_the_largest_mean_error_comes_first_with_that_of_another_model_beside(results):
    first, second = hardest_materials(results, data(), ["a", "b", "without"], ["trees"], most=2)
    assert (first.spelling, first.num_tests) == ("*CCO*", 2)
    assert first.error == pytest.approx((0.3 + 0.1) / 2)
    assert first.predicted == pytest.approx(1.3)
    assert first.other_error == pytest.approx(0.05)
    assert first.picture is not None
    assert second.error == pytest.approx(0.1)
    assert second.other_error is None


def test_what_cannot_be_drawn_is_still_told(results):
    found = hardest_materials(results, data(), ["a"], [], most=4)
    (odd,) = [each for each in found if each.spelling == "not a structure"]
    assert odd.picture is None


@pytest.mark.parametrize("license_name", ["PoLyInfo's terms of use", "CC BY-NC 4.0", None])
def test_nothing_is_told_of_a_table_that_is_not_open(results, license_name):
    assert hardest_materials(results, data(license_name), ["a"], [], most=4) == []


def test_only_records_of_open_tables_have_predictions(results):
    assert has_predictions(results, ["x", "a"])
    assert not has_predictions(results, ["x"])
    assert not has_predictions(SimpleNamespace(records=None), ["a"])
