"""Whether a measurement or calculations are the better buy is read from the law, with its interval."""

from pathlib import Path

import pytest
from refused import refused

from gnn_sim2real.law.inversion import Quantity
from gnn_sim2real.law.scaling_law import Interval
from gnn_sim2real.suggest.budget import Advice, advise

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


def advice(low, value, high):
    return Advice(Quantity(value, Interval(low, high)), 100.0, 1.0, 1000.0, 50.0)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (advice(150, 200, 300), "measurement"),
        (advice(10, 20, 90), "calculations"),
        (advice(50, 120, 300), "open"),
        (advice(150, float("inf"), float("inf")), "measurement"),
        (advice(50, 120, float("inf")), "open"),
    ],
)
def test_the_interval_decides(found, verdict):
    assert found.verdict == verdict
    assert "nan" not in found.describe()


@pytest.mark.slow
def test_a_published_study_answers_by_the_costs():
    study = RESULTS / "polymer_density.json"
    found = advise(study, 40, 1.0, 1e-9)
    assert found.verdict == "calculations"
    assert advise(study, 40, 1e-9, 1.0).verdict == "measurement"
    low, high = found.calculations.interval
    assert low <= found.calculations.value <= high
    with refused("full"):
        advise(study, 40, 1.0, 1.0, policy="frozen_encoder")


def test_costs_and_studies_that_do_not_answer(tmp_path):
    for costs in ((0.0, 1.0), (1.0, -1.0), (1.0, float("inf"))):
        with refused("cost"):
            advise(tmp_path, 10, *costs)
    with refused(error=(ValueError, FileNotFoundError)):
        advise(tmp_path, 10, 1.0, 1.0)
    with refused(error=(ValueError, FileNotFoundError)):
        advise(tmp_path / "none.json", 10, 1.0, 1.0)
