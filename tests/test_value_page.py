"""The page on the value of databases says what the committed results say."""

import json

import pytest
import value_page

from gnn_sim2real.law.inversion import Quantity
from gnn_sim2real.law.scaling_law import Interval

pytestmark = pytest.mark.skipif(not value_page.RESULTS.exists(), reason="the results are not committed")


@pytest.mark.slow
def test_the_page_is_that_of_the_results():
    assert value_page.PAGE.read_text(encoding="utf-8") == value_page.page(), "run python docs/value_page.py"


def test_a_case_has_the_law_of_its_result_and_its_hindcast():
    (case,) = [case for case in value_page.CASES if case.study == "density_open"]
    found = value_page.Found(case)
    published = json.loads((value_page.RESULTS / "density_open.json").read_text())["laws"]
    for label, law in found.laws.items():
        (wanted,) = [each for each in published if (each["policy"], each["target_size"]) == ("full", label.target_size)]
        assert law.transfer_gap_interval == pytest.approx(wanted["transfer_gap_interval"], rel=1e-6)
        assert law.transfer_gap_identified == wanted["transfer_gap_identified"]
    assert found.surface is None  # two sizes m make no law in both
    text = "\n".join(found.section())
    for label in found.laws:
        assert value_page.format_quantity(value_page.plan(found.laws[label]).gain_of_doubling) in text


@pytest.mark.parametrize(("low", "high", "better"), [(0.1, 0.3, "second"), (-0.3, -0.1, "first"), (-0.1, 0.3, "")])
def test_a_database_is_called_better_only_if_zero_is_outside(low, high, better):
    gap = Quantity((low + high) / 2, Interval(low, high))
    assert value_page.better_of("first", "second", gap) == better


def test_a_difference_is_turned_around_with_its_ends():
    assert value_page.lower_by(Quantity(-0.2, Interval(-0.3, -0.1))) == "0.20 [0.10, 0.30]"
