import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gnn_sim2real.cli.main import main
from gnn_sim2real.law.forms import CURVE_FORMS, SURFACE_FORMS
from gnn_sim2real.records.record import Record, RecordKey, write_record

RESULTS = Path(__file__).parents[2] / "benchmarks/results"
SIZES = [100, 200, 400, 800, 1600, 3200, 6400]


@pytest.fixture
def curve(tmp_path):
    random = np.random.default_rng(0)
    rows = ["source_size,error,seed,weight"]
    for seed in "abc":
        rows += [
            f"{n},{(2 * n**-0.5 + 0.1) * np.exp(0.02 * random.standard_normal())},{seed},{1 + (seed == 'a')}"
            for n in reversed(SIZES)
        ]
    return write(tmp_path / "curve.csv", rows)


@pytest.fixture
def grid(tmp_path):
    random = np.random.default_rng(1)
    rows = ["target_size,source_size,error,seed,architecture"]
    for m in (20, 60, 200, 600):
        for seed in range(3):
            factor = np.exp(0.02 * random.standard_normal(len(SIZES) + 1))
            rows += [
                f"{m},{n},{(5 * n**-0.4 + 0.3) * m**-0.25 * each},{seed},CGCNN"
                for n, each in zip(SIZES, factor, strict=False)
            ]
            rows.append(f"{m},0,{2.0 * m**-0.3 * factor[-1]},{seed},CGCNN")
    return write(tmp_path / "grid.csv", rows)


def write(path, rows):
    path.write_text("\n".join(rows) + "\n")
    return path


def run(capsys, *words):
    assert main(["law", *map(str, words)]) == 0
    return capsys.readouterr().out


def refuse(capsys, *words):
    assert main(["law", *map(str, words)]) == 2
    return capsys.readouterr().err


def test_fit_says_all_that_is_known(capsys, curve, tmp_path):
    text = run(capsys, "fit", curve, "--draws", "200", "--figure", tmp_path / "law")
    for value in (r"3 curves, 7 sizes .*100 .*6,400", "90 % interval", "alpha", "saturating", "profile"):
        assert re.search(value, text)
    assert re.search(r"saturating \(4 parameters\): .* [\d.]+ %", text)
    assert re.search(r"broken \(6 parameters\): .*weight", text)
    assert (tmp_path / "law.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "law.svg").read_text()


def test_fit_for_machines(capsys, curve):
    content = json.loads(run(capsys, "fit", curve, "--json", "--draws", "200", "--form", "power_limit"))
    (law,) = content["curves"]
    assert law["decay_rate_interval"][0] < 0.5 < law["decay_rate_interval"][1]
    assert law["num_curves"] == 3
    wide = json.loads(
        run(capsys, "fit", curve, "--json", "--draws", "200", "--form", "power_limit", "--interval", "0.99")
    )["curves"][0]
    assert wide["decay_rate_interval"][1] > law["decay_rate_interval"][1]
    assert wide["confidence"] == 0.99


def test_fit_of_a_grid_gives_a_law_in_both_sizes(capsys, grid):
    content = json.loads(run(capsys, "fit", grid, "--json", "--draws", "200"))
    assert [curve["name"] for curve in content["curves"]] == [f"CGCNN, m = {m}" for m in (20, 60, 200, 600)]
    (surface,) = content["surfaces"]
    assert surface["target_rate_interval"][0] < 0.25 < surface["target_rate_interval"][1]


def test_plan_of_a_curve(capsys, curve):
    words = ("--draws", "200", "--form", "power_limit")
    text = run(capsys, "plan", curve, *words, "--target-error", "0.05")
    assert re.search(r"out of reach: .* 0\.(1|09)", text)
    text = run(
        capsys, "plan", curve, "--draws", "200", "--form", "power_limit", "--target-error", "0.12", "--at", "3000"
    )
    assert re.search(r"n = 3,000, .*90 %", text)
    assert re.search(r"source size n = [\d,]+", text)


def test_plan_of_a_grid(capsys, grid, tmp_path):
    words = ("--source-cost", 1, "--target-cost", 400, "--budget", 1e5, "--figure", tmp_path / "iso")
    text = run(capsys, "plan", grid, "--draws", "200", "--at", "3200,60", "--target-error", "0.2", *words)
    for part in ("n = 3,200, m = 60", "doubling", "one more measurement", "transferred", "budget", r"error of 0\.2\b"):
        assert re.search(part, text)
    assert (tmp_path / "iso.png").exists()
    assert (tmp_path / "iso.svg").exists()
    content = json.loads(run(capsys, "plan", grid, "--draws", "200", "--at", "3200,60", "--json"))
    assert content["plan"]["error"]["value"] == pytest.approx((5 * 3200**-0.4 + 0.3) * 60**-0.25, rel=0.05)


def test_compare_two_files(capsys, curve, tmp_path):
    rows = ["source_size,error,seed"] + [f"{n},{n**-0.25},{seed}" for seed in "abd" for n in SIZES]
    other = write(tmp_path / "other.csv", rows)
    text = run(capsys, "compare", curve, other, "--draws", "200", "--at", "5000,50000")
    assert re.search(r"curve .* other .*\b2 shared", text)
    assert "probability" in text
    assert "n = 50,000" in text


def test_published_results_are_read(capsys):
    words = ("--target-size", 300, "--policy", "none,calibrated_source", "--draws", 100, "--json")
    content = json.loads(run(capsys, "compare", RESULTS / "polymer_density.json", *words))
    assert set(content["laws"]) == {"GINE, fine-tuned, m = 300", "GINE, calibrated source, m = 300"}
    assert content["pairs"][0]["num_shared"] == 5


def test_records_of_another_metric(capsys, tmp_path):
    for size in SIZES:
        cell = RecordKey("", "full", size, str(size), 24, 0, 0)
        write_record(tmp_path, Record(f"r{size}", cell, "property", "", {"error": size**-0.4 + 0.1}, {}), None)
    for words in (("fit",), ("fit", "--metric", "error"), ("plan", "--at", "9000")):
        assert "m = 24" in run(capsys, words[0], tmp_path, *words[1:], "--draws", 100, "--form", "power_limit")
    assert re.search(r"\bmae\b.*\berror\b", refuse(capsys, "fit", tmp_path, "--metric", "mae"))


@pytest.mark.parametrize(
    ("rows", "values"),
    [
        (["depth,error", "1,2"], r"bad\.csv .*'source_size'"),
        (["source_size,error", "100,x"], r"bad\.csv.* line 2: error .*'x'"),
        (["source_size,error", "100,1", "200,0"], r"line 3: error .* 0\b"),
        (["source_size,error", "100,1", "200,-0.5"], r"line 3: error .* -0\.5\b"),
        (["source_size,error", "-3,1"], r"line 2: source_size .* -3\b"),
        (["source_size,error"], r"bad\.csv .* rows"),
        (["source_size,error", "100,1", "200,0.9"], r"\b4 .*source sizes.* 2\b"),
    ],
)
def test_bad_tables_are_refused_with_file_and_line(capsys, tmp_path, rows, values):
    error = refuse(capsys, "fit", write(tmp_path / "bad.csv", rows))
    assert re.search(values, error), error
    assert error.count("\n") == 1


def test_other_refusals(capsys, curve, grid, tmp_path):
    assert re.search("`law guess`.* fit, plan, next .*compare", refuse(capsys, "guess"))
    assert "none.csv" in refuse(capsys, "fit", tmp_path / "none.csv")
    assert "'cubic'" in refuse(capsys, "fit", curve, "--form", "cubic")
    assert "'r2'" in refuse(capsys, "fit", RESULTS / "polymer_density.json", "--metric", "r2")
    assert "magic" in refuse(capsys, "fit", RESULTS / "polymer_density.json", "--policy", "magic")
    assert "2 curves" in refuse(capsys, "compare", curve)
    assert re.search("--at .*'many'", refuse(capsys, "plan", curve, "--at", "many"))
    assert re.search(r"--interval .* 1\.5", refuse(capsys, "fit", curve, "--interval", "1.5"))
    assert re.search(r"--draws .* 1\b", refuse(capsys, "fit", curve, "--draws", "1"))
    error = refuse(capsys, "compare", RESULTS / "polymer_density.json", RESULTS / "band_gap.json")
    assert re.search(r"polymer_density: .*\[g/cm3\]; band_gap: .*\[eV\]", error)


def test_an_option_is_read_with_dashes_and_with_underscores(capsys, grid):
    for option in ("--target-size", "--target_size=60"):
        argv = [option, "60"] if "=" not in option else [option]
        content = json.loads(run(capsys, "fit", grid, "--json", "--draws", "200", "--form", "power_limit", *argv))
        assert [curve["name"] for curve in content["curves"]] == ["CGCNN, m = 60"]


@pytest.mark.parametrize("words", [["law"], ["law", "--help"]])
def test_help_explains(capsys, words):
    assert main(words) == 0
    text = capsys.readouterr().out
    for word in ("fit", "plan", "next", "compare", "--target-error", "--budget", "--rising", ".xlsx", "source_size"):
        assert word in text
    assert all(f"{name} " in text and form.formula in text for name, form in {**CURVE_FORMS, **SURFACE_FORMS}.items())


def test_compare_pairs_by_names_and_never_by_the_order_of_rows(capsys, tmp_path):
    random = np.random.default_rng(3)
    rows = [f"{n},{n**-0.4 * np.exp(0.1 * random.standard_normal())}" for n in SIZES for _ in range(3)]
    named = [f"{row},{number % 3}" for number, row in enumerate(rows)]
    for heading, content, shared in (("n,mae", rows, 0), ("n,mae,seed", named, 3), ("n,mae,split", named, 3)):
        files = [write(tmp_path / f"{name}.csv", [heading, *content]) for name in ("one", "other")]
        files[1].write_text(files[1].read_text().replace("100,", "101,", 1))  # another curve
        (pair,) = json.loads(run(capsys, "compare", *files, "--json", "--draws", 100))["pairs"]
        assert pair["num_shared"] == shared


def test_curves_with_too_few_sizes_are_named(capsys, tmp_path):
    rows = [f"{n},{n**-0.4 * (1 + 0.1 * (n == 200))},long" for n in SIZES]
    rows += [f"{n},{n**-0.4},short" for n in (0.5, 100, 1600)]
    path = write(tmp_path / "curves.csv", ["n,mae,model", *rows])
    assert re.search(r"no law.* 4 .*short \(0\.5, 100, 1,600\)", run(capsys, "fit", path, "--draws", 100))
    content = json.loads(run(capsys, "fit", path, "--draws", 100, "--json"))
    assert content["short_curves"] == {"short": [0.5, 100.0, 1600.0]}
    assert re.search(r"2 curves.* 1: long; .*short \(0\.5, ", refuse(capsys, "compare", path))


def test_accuracies_are_fitted_on_demand(capsys, tmp_path):
    path = write(tmp_path / "curve.csv", ["n,accuracy", *(f"{n},{100 - 100 * n**-0.4}%" for n in SIZES)])
    assert "--rising" in refuse(capsys, "fit", path)
    words = ("--rising", "--form", "power", "--draws", 100)
    assert json.loads(run(capsys, "fit", path, *words, "--json"))["curves"][0]["decay_rate"] == pytest.approx(0.4)
    assert "alpha" in run(capsys, "fit", path, *words)
    assert "--rising" in refuse(capsys, "fit", path, "--ceiling", 1)


def test_a_size_below_and_an_error_beyond_what_is_measured(capsys, curve):
    words = ("--draws", 200, "--form", "power_limit")
    assert re.search(r"n = at most 100,", run(capsys, "plan", curve, *words, "--target-error", 5))
    content = json.loads(run(capsys, "plan", curve, *words, "--target-error", 0.1002, "--json"))["plan"]["wanted"]
    assert content["source_size"]["value"] is None


def test_next_of_a_curve(capsys, curve):
    words = ("--draws", 100, "--form", "power_limit")
    text = run(capsys, "next", curve, *words, "--for", "forecast@20000", "--cost", "n^0.5")
    assert re.search(r"E at n = 20,000 is [\d.]+ \[.*n\^0\.5", text)
    (found,) = json.loads(run(capsys, "next", curve, *words, "--for", "alpha", "--largest", 6400, "--json"))["next"]
    assert found["best"]["expected_width"] < np.ptp(found["today"]["interval"])
    assert max(step["source_size"] or 0 for step in found["steps"]) == 6400
    for option, word in (("--for", "beta"), ("--for", "forecast@many"), ("--cost", "m^1"), ("--largest", "5")):
        assert re.search(word[:4].replace("^", r"\^"), refuse(capsys, "next", curve, option, word))


def test_the_instrument_needs_no_torch():
    program = (
        "import sys; from gnn_sim2real.law import fit_scaling_law, fit_scaling_surface, plan; "
        "plan(fit_scaling_law([50, 100, 200, 400, 800], [0.30, 0.25, 0.21, 0.18, 0.16])); "
        "print(*{'torch', 'lightning', 'matplotlib', 'pandas', 'rdkit'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_bounds_that_are_known_are_for_the_average(capsys, curve):
    assert main(["law", "fit", str(curve), "--least-limit", "0.1", "--json"]) == 0
    (law,) = json.loads(capsys.readouterr().out)["curves"]
    assert law["transfer_gap_interval"][0] == pytest.approx(0.1) or law["transfer_gap_interval"][0] > 0.1
    assert main(["law", "fit", str(curve), "--least-limit", "0.1", "--form", "power"]) == 2
    assert "--form" in capsys.readouterr().err
    assert main(["law", "fit", str(curve), "--least-limit", "2", "--most-error", "1"]) == 2
