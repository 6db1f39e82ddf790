"""Predictions of single materials: only of tables with an open license, and back from a published result."""

import json

import numpy as np
import pytest

from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.records.public_predictions import parse_predictions, publish_predictions
from gnn_sim2real.records.record import Record, RecordKey, read_predictions, read_record, write_record

FIRST, SECOND, THIRD = (letter * 32 for letter in "abc")
NUMBERS = {FIRST: {"m1": 1.23456789, "m2": -4e-12}, SECOND: {"m2": 300.0, "m3": 0.5}}


def record(key):
    cell = RecordKey("", "extra_trees", 0, "0", 25, 0, 0)
    return Record(key, cell, "density", "g/cm3", {"mae": 0.1, "num_test": 2.0}, {"source": None, "target": None})


@pytest.fixture
def folder(tmp_path):
    for key, numbers in NUMBERS.items():
        write_record(tmp_path, record(key), dict.fromkeys(numbers, 0.1), numbers)
    write_record(tmp_path, record(THIRD), {"m1": 0.1})
    return tmp_path


def test_predictions_are_published_and_read_again(folder):
    assert [read_predictions(folder, key) for key in (FIRST, SECOND, THIRD)] == [*NUMBERS.values(), None]
    assert read_record(folder / f"{FIRST}.json") == record(FIRST)
    content = json.loads(json.dumps(publish_predictions([FIRST, SECOND, THIRD], folder)))
    found = parse_predictions(content)
    assert found.keys() == NUMBERS.keys()
    for key, numbers in NUMBERS.items():
        assert found[key].keys() == numbers.keys()
        np.testing.assert_allclose([*found[key].values()], [numbers[name] for name in found[key]], rtol=1e-5)
    assert publish_predictions([THIRD], folder) == {}
    assert parse_predictions({}) == {}


def test_a_changed_prediction_is_refused(folder):
    path = folder / f"{FIRST}.predictions.json"
    path.write_text(path.read_text().replace("1.2345", "1.3345"))
    with pytest.raises(ValueError, match="predictions"):
        read_predictions(folder, FIRST)


@pytest.mark.parametrize(
    "content", [[1], {"of": {}}, {"materials": "a b", "of": {"k": "1"}}, {"materials": "a", "of": {"k": "x"}}]
)
def test_what_is_something_else_is_refused(content):
    with pytest.raises(ValueError, match="predictions"):
        parse_predictions(content)


@pytest.mark.parametrize(
    ("license_", "is_open"),
    [
        ("MIT", True),
        ("CC BY 4.0 (Materials Project)", True),
        ("BSD-3-Clause (26 rows), CC0 1.0 (12 rows)", True),
        ("none stated", False),
        ("", False),
        ("MIT in part (the Matbench column), else none stated", False),
        ("MIT; the measured values are those of a handbook that states no license", False),
        ("CC BY-NC 4.0", False),
        ("Apache-2.0 (the copy); AFLOW: free for academic use, cite", False),
    ],
)
def test_which_licenses_let_predictions_be_handed_on(license_, is_open):
    assert DataSheet("name", "molecule", 1, {}, license_, "", "").is_open == is_open
