"""The same records give the same law, whoever asks; and the laws of a study in both sizes."""

import json
import math
import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from tiny import DictLogger

from gnn_sim2real.cli.main import main
from gnn_sim2real.law import compare_laws, fit_scaling_law
from gnn_sim2real.records.callback import log_law
from gnn_sim2real.records.curves import CurveLabel, Kind
from gnn_sim2real.records.laws import Results, least_limit
from gnn_sim2real.records.learning_curves import name_curves, read_learning_curves
from gnn_sim2real.records.material_pulls import publish_pulls
from gnn_sim2real.records.published import read_published
from gnn_sim2real.records.record import Record, RecordKey, read_records, write_record
from gnn_sim2real.records.results import read_results, tabulate_records
from gnn_sim2real.records.summary import describe_laws, next_sizes, write_report

PUBLISHED = Path(__file__).parents[2] / "benchmarks/results/liquid_density_from_density.json"
SIZES, TARGETS = (100, 200, 400, 800, 1600, 3200), (20, 50, 150, 400)
LABELS = [CurveLabel(30, architecture, "full") for architecture in ("CGCNN", "GINE")]
NAMES = ["CGCNN, fine-tuned, m = 30", "GINE, fine-tuned, m = 30"]


def write_study(folder, targets=(30,)):
    """Three seeds of two architectures on one test part, with the error of each test material."""
    random = np.random.default_rng(0)
    hard = np.exp(random.standard_normal(25))
    for architecture in ("CGCNN", "GINE"):
        for m in targets:
            for seed in range(3):
                for n in (0, *SIZES):
                    level = (2 * max(n, 50) ** -0.4 + 0.05) * m**-0.2
                    errors = level * hard * np.exp(0.1 * random.standard_normal(25))
                    cell = RecordKey(architecture, "full", n, str(n), m, seed, split=0)
                    metrics = {"mae": float(errors.mean()), "num_test": 25.0}
                    record = Record(f"{architecture}-{m}-{seed}-{n}", cell, "density", "g/cm3", metrics, {})
                    named = {f"material {number}": float(error) for number, error in enumerate(errors)}
                    write_record(folder / "records", record, named)
    return folder


def told(capsys, *argv):
    assert main(["law", *map(str, argv), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def numbers(law):
    """What is told of a law beside its name."""
    return {
        name: value for name, value in law.items() if name not in (*CurveLabel.__dataclass_fields__, "name", "text")
    }


def test_callback_study_and_commands_tell_one_law(tmp_path, capsys):
    folder = write_study(tmp_path / "study")
    records = folder / "records"
    logger = DictLogger()
    for record in read_records(records):
        if (record.cell.seed, record.cell.source_size) == (0, 100):
            log_law(records, record, [logger])
    of_study = write_report(Results(read_results(records), "mae", records), folder)["laws"]
    of_fit = told(capsys, "fit", folder)["curves"]
    of_compare = told(capsys, "compare", folder)["laws"]
    plans = [told(capsys, "plan", folder, "--architecture", label.architecture, "--at", 8000) for label in LABELS]
    assert [law["name"] for law in of_fit] == NAMES
    for number, name in enumerate(NAMES):
        law = numbers(json.loads(json.dumps(of_study[number])))
        assert law["interval_method"].endswith("test materials")
        assert numbers(of_fit[number]) == numbers(of_compare[name]) == numbers(plans[number]["law"]) == law
        for parameter in ("decay_rate", "transfer_gap"):
            ends = [logger.find(f"scaling_law/{parameter}{end}")[number] for end in ("_low", "_high")]
            assert logger.find(f"scaling_law/{parameter}")[number] == law[parameter]
            assert ends == law[f"{parameter}_interval"]


def test_forecasts_are_the_same_whoever_makes_them(tmp_path, capsys):
    folder = write_study(tmp_path / "study")
    laws = Results(read_results(folder / "records"), "mae", folder / "records").laws
    curves = name_curves([read_learning_curves(folder)])
    compared = compare_laws({name: curves[name] for name in reversed(NAMES)}).laws
    at = [3200.0, 8000.0, 64_000.0]
    for label, name in zip(LABELS, NAMES, strict=True):
        np.testing.assert_array_equal(laws[label].predict_interval(at), compared[name].predict_interval(at))
        plan = told(capsys, "plan", folder, "--architecture", label.architecture, "--at", 8000)["plan"]
        low, high = laws[label].predict_interval(8000.0)
        assert plan["error"] == {"value": float(laws[label].predict(8000.0)), "interval": [float(low), float(high)]}


def test_the_choice_of_test_materials_is_in_the_interval_wherever_it_is_known(tmp_path):
    """Hard materials are hard at all sizes: they move the level of the law."""
    folder = write_study(tmp_path / "study")
    table = read_results(folder / "records")

    def width(law):
        low, high = law.predict_interval(SIZES[-1])
        return high - low

    known, unknown = Results(table, "mae", folder / "records").laws, Results(table, "mae").laws
    for label in LABELS:
        assert known[label].decay_rate == unknown[label].decay_rate
        assert width(known[label]) > 5 * width(unknown[label])
    twice = table.assign(num_test=26.0)  # two rows of the test part were one material: its errors are not the mean's
    assert "test materials" not in Results(twice, "mae", folder / "records").laws[LABELS[0]].interval_method


def test_a_study_is_fitted_as_its_numbers_are_in_python(tmp_path):
    folder = write_study(tmp_path / "study")
    table = read_results(folder / "records")
    found = table[(table["architecture"] == "GINE") & (table["source_size"] > 0)]
    labels = [f"seed {seed}" for seed in found["seed"]]
    law = fit_scaling_law(found["source_size"], found["mae"], curves=labels)
    assert law.to_dict() == Results(table).laws[LABELS[1]].to_dict()


def write_published(folder, path, **more):
    """The same study as a published result."""
    records = read_records(folder / "records")
    cells = [asdict(each.cell) | {"key": each.key, "metrics": dict(each.metrics)} for each in records]
    content = {"property": "density", "unit": "g/cm3", "versions": [], "cells": cells}
    path.write_text(json.dumps(content | more))
    return path


def published_pulls(folder):
    return publish_pulls(Results(read_results(folder / "records")).curves.values(), folder / "records")


def widths(capsys, path, *options):
    """Widths of the intervals of the rate, of the limit and of a forecast, of each curve."""
    laws = told(capsys, "fit", path, *options)["curves"]
    assert [law["name"] for law in laws] == NAMES
    plans = [told(capsys, "plan", path, "--architecture", label.architecture, "--at", 4000) for label in LABELS]
    ends = [[law["decay_rate_interval"], law["transfer_gap_interval"]] for law in laws]
    ends = [[*each, plan["plan"]["error"]["interval"]] for each, plan in zip(ends, plans, strict=True)]
    return np.diff(np.array(ends), axis=2)[:, :, 0]


def test_a_published_result_has_the_intervals_of_its_study_and_nothing_of_a_material(tmp_path, capsys):
    folder = write_study(tmp_path / "study")
    part = published_pulls(folder)
    published = write_published(folder, tmp_path / "published.json", test_materials=part)
    assert "material " not in published.read_text()
    curves = [read_learning_curves(path).curves for path in (folder, published)]
    for label in LABELS:
        of_study, of_file = (found[label].table().material_pulls for found in curves)
        assert of_file.shape == of_study.shape == (25, len(SIZES))
        whole = of_study.T @ of_study
        np.testing.assert_allclose(of_file.T @ of_file, whole, atol=2e-3 * whole.max())
        assert np.abs(of_file - of_study).max() > 0.1 * np.abs(of_study).max()
    together = [np.concatenate([found[label].table().material_pulls for label in LABELS], 1) for found in curves]
    whole = together[0].T @ together[0]
    np.testing.assert_allclose(together[1].T @ together[1], whole, atol=2e-3 * whole.max())
    np.testing.assert_allclose(widths(capsys, published), widths(capsys, folder), rtol=0.15)  # of a thousand draws each
    (pair,) = compare_laws(name_curves([read_learning_curves(published)])).pairs
    assert (pair.num_materials, pair.num_shared_materials) == ((25, 25), 25)


def test_a_published_result_without_its_test_materials_says_so(tmp_path, capsys, caplog):
    folder = write_study(tmp_path / "study")
    published = write_published(folder, tmp_path / "published.json")
    read_learning_curves(folder)
    assert not caplog.records
    curves = read_learning_curves(published).curves
    assert curves[LABELS[0]].materials is None
    (warning,) = caplog.records
    assert all(name in warning.getMessage() for name in (str(published), *NAMES))
    assert (widths(capsys, published)[:, 2] < 0.3 * widths(capsys, folder)[:, 2]).all()


def test_curves_over_several_test_parts_need_no_materials_and_say_nothing(tmp_path, caplog):
    path = tmp_path / "published.json"
    cells = [asdict(each.cell) | {"key": each.key, "metrics": dict(each.metrics)} for each in grid()]
    path.write_text(json.dumps({"property": "density", "unit": "", "versions": [], "cells": cells}))
    assert read_learning_curves(path).curves
    assert not caplog.records


@pytest.mark.parametrize(
    "change",
    [
        {"num_materials": 0},
        {"num_materials": 10**9},
        {"num_materials": "25"},
        {"points": 5},
        {"points": [{"keys": ["a"], "mae": 5}]},
        {"points": [{"keys": ["a"], "mae": "nan"}]},
        {"points": [{"keys": ["a"], "mae": "x"}]},
        {"points": [{"keys": ["a"], "mae": "0 " * 26}]},
        {"points": [{"mae": "0"}]},
    ],
)
def test_pulls_that_cannot_be_are_refused(tmp_path, change):
    folder = write_study(tmp_path / "study")
    (part,) = published_pulls(folder)
    path = write_published(folder, tmp_path / "published.json", test_materials=[part | change])
    with pytest.raises(ValueError, match=r"published\.json"):
        read_learning_curves(path)


def record(size, m, split, seed, error, policy="full"):
    cell = RecordKey("GINE" if policy == "full" else "", policy, size, str(size), m, seed, split)
    return Record(repr(cell), cell, "density", "g/cm3", {"mae": error, "num_test": 30.0}, {})


def grid():
    found = []
    for m in TARGETS:
        for split in (0, 1, 2):
            for seed in (0, 1):
                errors = (2.0 * np.array(SIZES) ** -0.4 + 0.3) * m**-0.2
                found += [record(n, m, split, seed, float(each)) for n, each in zip(SIZES, errors, strict=True)]
                found += [record(0, m, split, seed, m**-0.5), record(0, m, split, seed, 0.2, "extra_trees")]
    return found


def test_a_surface_of_exact_errors_is_found():
    results = Results(tabulate_records(grid()))
    assert list(results.surfaces) == [Kind("GINE", "full", "random")]
    (law,) = results.surfaces.values()
    assert (law.decay_rate, law.target_rate) == pytest.approx((0.4, 0.2), rel=1e-4)
    assert (law.prefactor, law.transfer_gap) == pytest.approx((2.0, 0.3), rel=1e-3)
    assert law.num_curves == 3


@pytest.mark.slow
def test_a_study_and_the_command_tell_one_surface(tmp_path, capsys):
    folder = write_study(tmp_path / "study", TARGETS)
    surfaces = Results(read_results(folder / "records"), "mae", folder / "records").surfaces
    of_fit = told(capsys, "fit", folder)["surfaces"]
    assert [numbers(law) for law in of_fit] == [json.loads(json.dumps(law.to_dict())) for law in surfaces.values()]


def test_a_report_says_what_to_train_next_for_each_law(tmp_path):
    folder = write_study(tmp_path / "study")
    results = Results(read_results(folder / "records"), "mae", folder / "records")
    found = next_sizes(results)
    assert len(found) == len(LABELS)
    for name, label, each in zip(NAMES, LABELS, found, strict=True):
        assert name in each["text"]
        assert re.search(r"E at n = 12,800 is [\d.]+ \[[\d., ]+\] g/cm³ .*per cost", each["text"])
        assert each["architecture"] == label.architecture
        assert each["best"] in each["steps"]
        assert each["best"]["share_of_width"] < 1


def with_noise(floor):
    """Records of a curve, of which those of the largest source have a card of the measurements with a noise floor."""
    found = []
    for seed in range(3):
        for n in SIZES:
            known = {"noise_floor": {"mae": floor}} if floor else {"noise_floor": None}
            card = {"target": known} if n == max(SIZES) else {}
            error = (0.05 + n**-0.5) * (1 + 0.02 * math.cos(n + seed))
            found.append(replace(record(n, 100, 0, seed, error), data=card))
    return found


def test_no_limit_is_below_the_noise_of_the_measurements():
    table = tabulate_records(with_noise(0.045))
    results = Results(table, "mae")
    assert least_limit(table, "mae") == least_limit(table, "rmse") == 0.045
    assert least_limit(table, "mae_nonzero") == 0.0
    (law,), (free,) = results.laws.values(), Results(tabulate_records(with_noise(None)), "mae").laws.values()
    assert free.transfer_gap_interval.low < 0.045 == pytest.approx(law.transfer_gap_interval.low)


def test_a_study_without_replicates_has_no_least_limit():
    assert least_limit(tabulate_records(grid()), "mae") == 0.0


def test_too_few_sizes_make_no_surface():
    records = [each for each in grid() if each.cell.target_size in TARGETS[:2]]
    assert Results(tabulate_records(records)).surfaces == {}


def test_models_without_a_source():
    (of_kind,) = Results(tabulate_records(grid())).grids.values()
    scratch = of_kind.scratch
    for m, error in zip(scratch.target_sizes, scratch.errors, strict=True):
        assert error == pytest.approx(m**-0.5)
    assert set(scratch.curves) == {"split 0", "split 1", "split 2"}
    one = [each for each in grid() if each.cell.target_size == TARGETS[0]]
    (of_kind,) = Results(tabulate_records(one)).grids.values()
    assert of_kind.scratch is None


def test_a_published_law_is_the_one_of_today():
    """If it is not, `benchmarks/refit_laws.py` fits all of them again."""
    published = read_published(PUBLISHED)
    content = json.loads(PUBLISHED.read_text())
    (law,) = describe_laws(Results(tabulate_records(published.records), content["metric"], pulls=published.pulls))
    (told,) = content["laws"]
    for name in ("decay_rate", "transfer_gap", "prefactor"):
        assert told[name] == pytest.approx(law[name], rel=1e-6)
        assert told[f"{name}_interval"] == pytest.approx(list(law[f"{name}_interval"]), rel=1e-6)
    assert told["form"] == law["form"]
