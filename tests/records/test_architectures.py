"""The published comparison of architectures, whose laws cannot be fitted again with its test liquids."""

import json
from pathlib import Path

import pytest

from gnn_sim2real.law.fit import fit_law
from gnn_sim2real.law.frame import Draws
from gnn_sim2real.records.learning_curves import read_learning_curves

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def test_the_published_errors_give_the_same_parameters_today():
    content = json.loads((RESULTS / "architectures.json").read_text(encoding="utf-8"))
    published = {row["architecture"]: row for row in content["rows"]}
    found = set()
    for name in ("liquid_density_architectures", "liquid_density_architectures_4e-3"):
        for label, models in read_learning_curves(RESULTS / f"{name}.json").curves.items():
            law, row = fit_law(models, "power_limit", Draws(num_resamples=100)), published[label.architecture]
            assert law.decay_rate == pytest.approx(row["decay_rate"], rel=1e-8)
            assert law.transfer_gap == pytest.approx(row["transfer_gap"], rel=1e-8, abs=1e-12)
            # without the choice of test liquids
            low, high = row["transfer_gap_interval"]
            assert low <= law.transfer_gap_interval.low <= law.transfer_gap_interval.high <= high
            found.add(label.architecture)
    assert found == set(published)
