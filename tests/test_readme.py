"""What the README says is run or compared with what it was taken from."""

import json
import pydoc
import re
from pathlib import Path
from statistics import mean

import pytest
import yaml

from gnn_sim2real.cli.main import main

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
# Entry-point groups look like modules.
GROUPS = {f"gnn_sim2real.{kind}" for kind in ("acquisitions", "datasets", "encoders", "forms", "policies", "splits")}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_the_python_block_of_the_law_runs(capsys):
    (block,) = [block for block in blocks("python") if "fit_scaling_law" in block]
    exec(compile(block, "README.md", "exec"), {})  # noqa: S102 (our own README)
    assert "alpha" in capsys.readouterr().out


def test_every_configuration_that_a_command_names_is_there():
    named = re.findall(r"configs/[\w/]+\.yaml", "\n".join(blocks("console")) + TEXT)
    assert len(named) > 4
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_picture_is_there():
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT)
    assert pictures
    assert [path for path in pictures if not (ROOT / path).exists()] == []


def test_every_file_and_class_that_a_page_names_is_there():
    pages = [ROOT / "README.md", ROOT / "benchmarks/README.md", *(ROOT / "docs").rglob("*.md")]
    text = "\n".join(page.read_text() for page in pages)
    paths = set(re.findall(r"`((?:gnn_sim2real|datamodules|tests|benchmarks|configs|docs)/[\w./]+)`", text))
    names = set(re.findall(r"`((?:gnn_sim2real|datamodules)(?:\.\w+)+)`", text)) - GROUPS
    assert len(paths) > 10
    assert len(names) > 10
    stems = {str(path.relative_to(ROOT).with_suffix("")) for path in (ROOT / "benchmarks/results").iterdir()}
    assert [path for path in sorted(paths - stems) if not (ROOT / path).exists()] == []
    assert [name for name in sorted(names) if pydoc.locate(name) is None] == []


def test_the_study_shown_is_the_study_shipped():
    (shown,) = map(yaml.safe_load, blocks("yaml"))
    shipped = yaml.safe_load((ROOT / "configs/polymer/density/study.yaml").read_text())
    assert shown == {key: shipped[key] for key in shown}


def test_the_numbers_of_the_first_command_are_those_of_its_result():
    result = json.loads((ROOT / "benchmarks/results/density_open_quick.json").read_text())
    mae = {(row["policy"], row["source_level"]): row["mae"]["mean"] for row in result["rows"]}
    wanted = [
        ("full", "30"),
        ("full", "all"),
        ("full", "0"),
        ("extra_trees", "0"),
        ("calibrated_source", "all"),
    ]
    (shown,) = re.findall(r"\*\*What it shows\.\*\*(.*?)\n\n", TEXT, re.DOTALL)
    assert re.findall(r"0\.\d{4}", shown) == [f"{mae[each]:.4f}" for each in wanted]
    (law,) = [law for law in result["laws"] if law["policy"] == "full"]
    assert not law["decay_rate_identified"]
    assert not law["transfer_gap_identified"]


RESULTS = ROOT / "benchmarks/results/polymer_density.json"


@pytest.mark.skipif(not RESULTS.exists(), reason="the study's result is not committed")
def test_the_numbers_of_the_density_study_are_those_of_its_result():
    rows = json.loads(RESULTS.read_text())["rows"]
    table = re.findall(r"^\| (\d+) \| ([\w ,]+?) \| ([\d.]+) \| ([\d.]+) \|$", TEXT, re.MULTILINE)
    assert len(table) >= 9
    policies = {"from scratch": "none", "fine-tuned, all source": "none", "extra trees": "extra_trees"}
    policies |= {"calibrated source": "calibrated_source", "extra trees with source": "extra_trees_with_source"}
    policies |= {"fingerprint network": "none"}
    for size, name, mae, r2 in table:
        level = "0" if name in ("from scratch", "extra trees", "fingerprint network") else "all"
        (row,) = [
            row
            for row in rows
            if (row["target_size"], row["policy"], row["source_level"]) == (int(size), policies[name], level)
            and (row["architecture"] == "FingerprintMLP") == (name == "fingerprint network")
        ]
        assert (mae, r2) == (f"{row['mae']['mean']:.4f}", f"{row['r2']['mean']:.3f}")
    laws = json.loads(RESULTS.read_text())["laws"]
    laws = [law for law in laws if (law["architecture"], law["policy"]) == ("GINE", "none")]
    (law,) = [law for law in laws if law["target_size"] == 300]
    told = "alpha = {:.2g} [{:.2g}, {:.2g}]".format(law["decay_rate"], *law["decay_rate_interval"])
    assert f"at m = 300 {told}" in " ".join(TEXT.split())
    assert not any(law["decay_rate_identified"] or law["transfer_gap_identified"] for law in laws)


def test_the_plan_shown_is_what_the_command_prints(capsys, monkeypatch):
    (command,) = [block for block in blocks("console") if "law plan" in block]
    (shown,) = [block for block in blocks("text") if "with 90 % intervals" in block]
    monkeypatch.chdir(ROOT)
    assert main(command.replace("\\\n", " ").split()[1:]) == 0
    assert shown in capsys.readouterr().out


def test_the_hindcast_told_is_the_one_measured():
    result = json.loads((ROOT / "benchmarks/results/law_hindcast.json").read_text())
    quarter, half = (result["summary"][f"up to {share} of the largest size"] for share in (0.25, 0.5))
    told = " ".join(TEXT.split())
    assert f"of {quarter['forecasts']} curves, {quarter['hits']} measured errors lie" in told
    assert f"was too low in {quarter['too_low']} and off by {100 * quarter['median_log_error']:.1f} %" in told
    rows = [row for row in result["rows"] if row["up_to"] == 0.25]
    hits = {
        study: [row["hit"] for row in rows if row["study"].startswith(study) and "hit" in row]
        for study in ("band_gap", "formation_enthalpy", "liquid_density", "polymer_density")
    }
    told_of = {study: f"{sum(found)} of {len(found)}" for study, found in hits.items()}
    assert (
        f"{told_of['band_gap']} curves of band gaps, {told_of['formation_enthalpy']} of formation enthalpies, but"
        in told
    )
    assert f"but {told_of['liquid_density']} of liquid densities" in told
    assert hits["polymer_density"] == []
    assert all("at least 4 different source sizes" in row["refused"] for row in rows if "hit" not in row)
    assert f"From sizes up to half, {half['hits']} of {half['forecasts']} of these lie in it" in told


def test_the_forecasts_told_are_those_measured():
    result = json.loads((ROOT / "benchmarks/results/law_forecast.json").read_text())
    off = {name: f"{100 * error:.1f} %" for name, error in result["pooled"]["median_log_error"].items()}
    told = " ".join(TEXT.split())
    assert f"On {3 * result['curves_a_family']} made-up curves" in told
    assert f"is off by {off['ours']} in the median, that of the form that `auto` chooses by {off['auto']};" in told
    assert f"M4 by {off['m4']}, a one-break BNSL by {off['bnsl']}, scipy's bounded `curve_fit` by" in told
    assert f"`curve_fit` by {off['curve_fit']}, the straight line on log-log by {off['line']}" in told


def test_the_forecasts_from_few_sizes_told_are_those_measured():
    result = json.loads((ROOT / "benchmarks/results/law_few_sizes.json").read_text())
    told = " ".join(TEXT.split())
    made, real = (result[which]["all"] for which in ("made_up", "real"))
    off = {name: f"{100 * error:.1f} %" for name, error in made["median_log_error"].items()}
    assert f"on {made['curves']} made-up curves of five families, the forecast is off by {off['ours']} in" in told
    assert (
        f"(M4 {off['m4']}, BNSL {off['bnsl']}, `curve_fit` {off['curve_fit']}, the straight line {off['line']})" in told
    )
    errors = real["median_log_error"]
    off = {name: f"{100 * error:.1f} %" for name, error in errors.items()}
    assert f"On {real['curves']} thinned real runs" in told
    assert f"it is off by {off['ours']} (BNSL {off['bnsl']}, the straight line {off['line']}, M4 {off['m4']}," in told
    assert f"`curve_fit` {off['curve_fit']}); with 12 sizes" in told
    assert errors["ours"] < min(errors[name] for name in errors if name != "ours")
    twelve = result["real"]["12"]["median_log_error"]
    assert f"the lower median, {100 * twelve['bnsl']:.1f} % against {100 * twelve['ours']:.1f} %" in told


def test_the_intervals_told_are_those_measured():
    families = json.loads((ROOT / "benchmarks/results/law_forecast.json").read_text())["families"]
    names = ("forecast_4x", "gain_of_doubling", "wanted_size_4x")
    told = " ".join(TEXT.split())
    for family, where in (
        ("power", "hold the truth on power laws"),
        ("saturating", "on saturating curves"),
        ("broken", "on broken ones"),
    ):
        covered = families[family]["covered_by_90_percent_interval"]
        assert "{}, {} and {} ".format(*(f"{100 * covered[name]:.0f} %" for name in names)) + where in told


def test_the_coverage_told_is_the_one_measured():
    result = json.loads((ROOT / "benchmarks/results/surface_coverage.json").read_text())
    told = " ".join(TEXT.split())
    assert (
        f"In {len(result['cells'])} kinds of simulated studies with a law in both sizes, {result['studies']} of" in told
    )
    least = min(result["least_by_quantity"].values())
    assert f"in {100 * result['mean']:.0f} % on average, and in {100 * least:.0f} % at least" in told
    far = result["not_promised_of_broken_laws_at_10x"]
    assert f"that bend in {100 * far['mean']:.0f} % on average and in {100 * far['least']:.0f} % at least" in told


def test_the_coverage_of_differences_told_is_the_one_measured():
    result = json.loads((ROOT / "benchmarks/results/compare_coverage.json").read_text())
    told = " ".join(TEXT.split())
    mean, least = (f"{100 * share:.0f} %" for share in (result["mean"], min(result["least_by_quantity"].values())))
    assert f"simulated pairs of studies on one test part, {result['studies']} of each" in told
    assert f"in {mean} on average, and in {least} at least (`benchmarks/compare_coverage.py`)" in told


def test_the_architectures_told_are_those_measured():
    result = json.loads((ROOT / "benchmarks/results/architectures.json").read_text())
    for row in result["rows"]:
        laws = [
            f"{row[name]:.3g} [{row[f'{name}_interval'][0]:.3g}, {row[f'{name}_interval'][1]:.3g}]"
            + ("" if row[f"{name}_identified"] else ", not identified")
            for name in ("decay_rate", "transfer_gap")
        ]
        errors = [f"{error:.4f}" for _, error in (row["errors"][0], row["errors"][-1])]
        size = [row["architecture"], f"{row['parameters']:,}", f"{row['pretraining_seconds']:.0f}"]
        assert f"| {' | '.join([*size, *errors, *laws])} |" in TEXT
    told = " ".join(TEXT.split())
    assert f"the largest is {result['rows'][0]['errors'][-1][0]:,.0f}" in told


def test_the_solvation_study_told_is_that_measured():
    result = json.loads((ROOT / "benchmarks/results/solvation.json").read_text())
    networks = {"Pair(FingerprintMLP)": "fingerprint"}
    at = {
        (networks.get(row["architecture"], row["policy"]), row["source_level"], row["target_size"]): row
        for row in result["rows"]
    }
    columns = [("fingerprint", "0")]
    columns += [("none", level) for level in ("0", "100", "1000", "10000", "100000", "200000")]
    columns += [("extra_trees", "0"), ("extra_trees_with_source", "200000")]
    for size in sorted({size for _, _, size in at}):
        found = [at.get((*column, size)) for column in columns]
        cells = [f"{row['mae']['mean']:.2f}" if row else "" for row in found]
        assert f"| {size:,} | {' | '.join(cells)} |" in TEXT
    told = " ".join(TEXT.split())
    trees, tuned = at["extra_trees_with_source", "200000", 100]["r2"], at["none", "200000", 100]["r2"]
    for each in (trees, tuned):
        assert f"{each['mean']:.3f} [{each['low']:.3f}, {each['high']:.3f}]" in told
    assert tuned["low"] > max(0.88, trees["high"])
    assert at["none", "0", 1041]["mae"]["low"] > at["none", "200000", 100]["mae"]["high"]
    (law,) = [law for law in result["laws"] if (law["policy"], law["target_size"]) == ("none", 100)]
    assert (law["decay_rate_identified"], law["transfer_gap_identified"]) == (False, True)
    for name, words in (("decay_rate", "alpha"), ("transfer_gap", "C")):
        low, high = law[f"{name}_interval"]
        assert f"{words} = {law[name]:.3g} [{low:.3g}, {high:.3g}]" in told


def rows_of(result):
    """Rows by architecture, policy, source and target size."""
    return {
        (row["architecture"], row["policy"], row["source_level"], row["target_size"]): row for row in result["rows"]
    }


def mean_errors(result):
    """Mean absolute error by architecture, policy, source and target size."""
    return {model: row["mae"]["mean"] for model, row in rows_of(result).items()}


def gain_over(result, model, size, over):
    """Gain of an architecture with a policy at m over another model: its architecture, policy and source."""
    (found,) = [
        each["gain"]
        for each in result["gains"]
        if (each["architecture"], each["policy"], each["target_size"]) == (*model, size)
        and (each["over"]["architecture"], each["over"]["policy"], each["over"]["source_level"]) == over
    ]
    return found


CRYSTALS = {
    "DFT itself": ("", "simulated_value", "0"),
    "DFT on a straight line": ("", "calibrated_simulated_value", "0"),
    "extra trees": ("", "extra_trees", "0"),
    "from scratch": ("CGCNN", "none", "0"),
    "Roost from scratch": ("Roost", "none", "0"),
    **{f"fine-tuned, n = {n:,}": ("CGCNN", "l2_start", str(n)) for n in (250, 1000, 4000, 16000)},
    "fine-tuned, n = 71,889": ("CGCNN", "l2_start", "all"),
    "calibrated source": ("CGCNN", "calibrated_source", "all"),
    "frozen ridge": ("CGCNN", "frozen_ridge", "all"),
    "extra trees with source": ("CGCNN", "extra_trees_with_source", "all"),
    "difference from DFT, from scratch": ("CGCNN", "difference", "0"),
    "difference from DFT, fine-tuned": ("CGCNN", "difference", "all"),
    "affine in DFT, from scratch": ("CGCNN", "affine", "0"),
    "affine in DFT, fine-tuned": ("CGCNN", "affine", "all"),
}


def read_crystals(name):
    """The result, its row of a line at a target size, and the paired gain over another row at all measurements."""
    result = json.loads((ROOT / f"benchmarks/results/{name}.json").read_text())
    rows = rows_of(result)
    most = max(row["target_size"] for row in result["rows"])

    def at(line, size):
        # The simulated value needs no measurements: it is recorded once.
        return rows[*CRYSTALS[line], 100 if line == "DFT itself" else size]

    def gain(policy, over):
        return gain_over(result, ("CGCNN", policy), most, over)

    return result, at, gain


def say_laws(result, name, policy="l2_start"):
    """A parameter of CGCNN's laws with intervals, by target size, and whether each is identified."""
    laws = sorted(
        (law for law in result["laws"] if (law["architecture"], law["policy"]) == ("CGCNN", policy)),
        key=lambda law: law["target_size"],
    )
    words = ["{:.3g} [{:.3g}, {:.3g}]".format(law[name], *law[f"{name}_interval"]) for law in laws]
    return "{}, {} and {}".format(*words), [law[f"{name}_identified"] for law in laws]


def test_the_crystals_told_are_those_measured():
    gaps, gap, gain_of_gaps = read_crystals("band_gap")
    heats, heat, gain_of_heats = read_crystals("formation_enthalpy")
    told = " ".join(TEXT.split())
    for line in CRYSTALS:
        cells = [f"{gap(line, size)['mae']['mean']:.3f}" for size in (100, 500, 2706)]
        cells += [f"{gap(line, 2706)['mae_nonzero']['mean']:.3f}"]
        cells += [f"{heat(line, size)['mae']['mean']:.4f}" for size in (100, 500, 1726)]
        assert f"| {line} | {' | '.join(cells)} |" in TEXT
    for result, measured, tested in ((gaps, 3679, 973), (heats, 2165, 439)):
        assert result["data"]["target"]["num_materials"] == measured
        assert result["data"]["target"]["num_test"] == tested
        assert result["data"]["source"]["num_materials"] == 74314
        assert result["data"]["source"]["num_removed"] == 2425
    for get, sizes in ((gap, (100, 500, 2706)), (heat, (100, 500, 1726))):
        for size in sizes:
            curve = [get(line, size)["mae"]["mean"] for line in CRYSTALS if line.startswith("fine-tuned")]
            assert curve == sorted(curve, reverse=True)
        scratch = get("from scratch", sizes[-1])["mae"]["mean"]
        below = [get(f"fine-tuned, n = {n}", sizes[-1])["mae"]["mean"] < scratch for n in ("250", "1,000", "4,000")]
        assert below == [False, False, True]
    for result in (gaps, heats):
        words, certain = say_laws(result, "decay_rate")
        assert words in told
        assert certain == [False, False, False]
    words, certain = say_laws(heats, "transfer_gap")
    assert words in told
    assert certain == [False, False, False]
    most, ratios = "fine-tuned, n = 71,889", []
    for get, size, metric in ((gap, 2706, "mae"), (gap, 2706, "mae_nonzero"), (heat, 1726, "mae")):
        ratios.append(get(most, size)[metric]["mean"] / get("DFT itself", size)[metric]["mean"])
    assert (
        "gaps {:.2f} and for gaps above zero {:.2f} times as large, for enthalpies {:.2f} times".format(*ratios) in told
    )
    trees, tuned = (gap(line, 2706)["mae_nonzero"] for line in ("extra trees", most))
    assert f"({trees['mean']:.3f} eV against {tuned['mean']:.3f})" in told
    assert tuned["low"] < trees["mean"]
    tuned = ("CGCNN", "l2_start", "all")
    further, heat_further = gain_of_gaps("difference", tuned), gain_of_heats("difference", tuned)
    assert "by {mean:.3f} [{low:.3f}, {high:.3f}] eV and".format(**further) in told
    assert "by {mean:.4f} [{low:.4f}, {high:.4f}] eV/atom".format(**heat_further) in told
    assert further["low"] < 0
    assert heat_further["low"] < 0
    worse = gain_of_gaps("l2_start", ("CGCNN", "difference", "0"))
    assert "(difference {:.3f} [{:.3f}, {:.3f}] eV)".format(-worse["mean"], -worse["high"], -worse["low"]) in told


def test_the_check_of_the_limit_told_is_the_one_measured():
    told = " ".join(TEXT.split())
    errors = {}
    for name, digits in (("band_gap", 3), ("formation_enthalpy", 4)):
        _, at, _ = read_crystals(name)
        rows = json.loads((ROOT / f"benchmarks/results/{name}_limit.json").read_text())["rows"]
        found = {row["target_size"]: row["mae"]["mean"] for row in rows if row["policy"] == "l2_start"}
        below = [error < at("fine-tuned, n = 71,889", size)["mae"]["low"] for size, error in sorted(found.items())]
        assert below == [True, True, False]
        errors[name] = "{:.{d}f}, {:.{d}f} and {:.{d}f}".format(*(found[size] for size in sorted(found)), d=digits)
    assert f"{errors['band_gap']} eV and {errors['formation_enthalpy']} eV/atom: below" in told


ENCODERS = {"CGCNN": 3, "SchNet": 3, "Roost": 3, "MEGNet": 1, "PaiNN": 1, "ALIGNN": 1}
BF16 = "crystals_per_second_bf16"
LEVELS = [("none", "0"), *(("l2_start", level) for level in ("250", "1000", "4000", "all"))]


def test_the_encoders_told_are_those_measured():
    result = json.loads((ROOT / "benchmarks/results/band_gap_encoders.json").read_text())
    told = " ".join(TEXT.split())
    at = rows_of(result)
    for encoder, num_seeds in ENCODERS.items():
        for size in (500, 2706) if num_seeds == 3 else (500,):
            levels = LEVELS if num_seeds == 3 else LEVELS[:-1]
            found = [at[encoder, *level, size] for level in levels]
            assert {row["num_seeds"] for row in found} == {num_seeds}
            cells = [f"{row['mae']['mean']:.3f}" for row in found] + [""] * (len(LEVELS) - len(found))
            assert f"| {encoder} | {size:,} | {' | '.join(cells)} |".replace("|  |", "| |") in TEXT

    def error(encoder, size, level):
        return at[encoder, *level, size]["mae"]["mean"]

    for level in LEVELS:
        assert error("CGCNN", 2706, level) < min(error(each, 2706, level) for each in ("SchNet", "Roost"))
    speeds = json.loads((ROOT / "benchmarks/results/crystal_encoders.json").read_text())["encoders"]["speeds"]
    slower = [speeds["CGCNN"][BF16] / speeds[each][BF16] for each in ("MEGNet", "PaiNN", "ALIGNN")]
    assert "two to twelve times as long a step" in told
    assert (round(min(slower)), round(max(slower))) == (2, 12)
    for level in LEVELS[:3]:
        assert error("Roost", 500, level) < error("CGCNN", 500, level)
    ahead = [error(each, 500, LEVELS[3]) for each in ("MEGNet", "ALIGNN")]
    assert max(ahead) < at["CGCNN", *LEVELS[3], 500]["mae"]["low"]
    assert "interval of CGCNN, {:.3f} and {:.3f} eV".format(*ahead) in told
    falls = sorted(
        1 - error(each, size, LEVELS[-1]) / error(each, size, LEVELS[-2])
        for each in ("CGCNN", "SchNet", "Roost")
        for size in (500, 2706)
    )
    assert f"falls by {100 * falls[0]:.0f} to {100 * falls[-1]:.0f} %" in told
    laws = {(law["architecture"], law["target_size"]): law for law in result["laws"]}
    rates = [
        "{:.3g} [{:.3g}, {:.3g}]".format(laws[each, 500]["decay_rate"], *laws[each, 500]["decay_rate_interval"])
        for each in ("CGCNN", "SchNet", "Roost")
    ]
    assert "alpha = {} for CGCNN, {} for SchNet and {} for Roost".format(*rates) in told
    assert not any(law["decay_rate_identified"] for law in result["laws"] if law["target_size"] == 500)


def test_the_check_of_equal_steps_told_is_the_one_measured():
    told = " ".join(TEXT.split())

    def errors(name, *levels):
        cells = json.loads((ROOT / f"benchmarks/results/{name}.json").read_text())["cells"]
        kept = [
            cell
            for cell in cells
            if (cell["architecture"], cell["policy"], cell["target_size"]) == ("CGCNN", "l2_start", 2706)
            and cell["seed"] in (0, 1)
        ]
        return [mean([cell["metrics"]["mae"] for cell in kept if cell["source_level"] == level]) for level in levels]

    (start,), equal = errors("band_gap", "4000"), errors("band_gap_equal_steps", "16000", "all")
    longer = errors("band_gap", "16000", "all")
    assert "give {:.3f}, {:.3f} and {:.3f} eV; with the 12,000 steps".format(start, *equal) in told
    assert "latter two give {:.3f} and {:.3f} eV with the same seeds".format(*longer) in told
    assert start > equal[0] > equal[1] > longer[0] > longer[1]
    assert f"to all, {(start - equal[1]) / (start - longer[1]):.0%} is due" in told.replace(" %", "%")


MISCIBILITIES = [
    ("", "shifted_simulated_value", "0"),
    ("", "extra_trees", "0"),
    ("Pair(GINE)", "extra_trees_with_source", "600"),
    ("Pair(FingerprintMLP)", "none", "0"),
    ("Pair(GINE)", "none", "0"),
    ("Pair(GINE)", "none", "600"),
    ("Pair(GINE)", "difference", "0"),
    ("Pair(GINE)", "difference", "600"),
]


def read_miscibilities(name):
    """The result, its errors, and the gain of the whole source at m, in words."""
    result = json.loads((ROOT / f"benchmarks/results/{name}.json").read_text())
    at = mean_errors(result)
    for size in (50, 100, 300, 942):
        assert f"| {size} | {' | '.join(f'{at[*column, size]:.3f}' for column in MISCIBILITIES)} |" in TEXT

    def gain(size, policy, over):
        found = gain_over(result, ("Pair(GINE)", policy), size, (*over, "0"))
        return f"{found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"

    return result, at, gain


def test_the_miscibilities_told_are_those_measured():
    result, at, gain = read_miscibilities("chi")
    told = " ".join(TEXT.split())
    assert f"itself has {at['', 'simulated_value', '0', 50]:.3f} on the same rows" in told
    assert f"{result['data']['target']['num_materials']:,} measured chi of 46 polymers" in told
    assert f"{gain(50, 'difference', ('Pair(GINE)', 'difference'))} than the same network without" in told
    assert f"{gain(50, 'difference', ('', 'calibrated_simulated_value'))} than the COSMO-RS" in told
    assert not any(law["decay_rate_identified"] for law in result["laws"] if law["policy"] == "none")


def test_the_miscibilities_of_new_pairs_told_are_those_measured():
    result, at, gain = read_miscibilities("chi_pairs")
    told = " ".join(TEXT.split())
    assert f"itself has {at['', 'simulated_value', '0', 50]:.3f} on these rows" in told
    first, second, third = (gain(size, "none", ("Pair(GINE)", "none")) for size in (50, 100, 300))
    assert f"lowers it, by {first}, {second} and {third}; with all 942 it does not help" in told
    assert f"does harm ({gain(942, 'difference', ('Pair(GINE)', 'difference'))})" in told
    for size in (50, 100, 300, 942):
        errors = [at["Pair(GINE)", "none", level, size] for level in ("100", "200", "400", "600")]
        assert errors == sorted(errors, reverse=True)
    assert not any(law["transfer_gap_identified"] for law in result["laws"] if law["policy"] == "none")


def test_the_glass_transitions_told_are_those_measured():
    result = json.loads((ROOT / "benchmarks/results/glass_transition_from_radonpy.json").read_text())
    at = mean_errors(result)
    columns = [("", "extra_trees", "0"), ("FingerprintMLP", "none", "0")]
    columns += [("GINE", "none", level) for level in ("0", "50", "100", "300", "all")]
    for size in (50, 300):
        assert f"| {size} | {' | '.join(f'{at[*column, size]:.1f}' for column in columns)} |" in TEXT
    told = " ".join(TEXT.split())
    gains = {
        each["target_size"]: each["gain"]
        for each in result["gains"]
        if (each["over"]["architecture"], each["over"]["policy"]) == ("GINE", "none")
    }
    few, many = (f"{gain['mean']:.2f} [{gain['low']:.2f}, {gain['high']:.2f}] K" for gain in (gains[50], gains[300]))
    assert f"with 50 measurements transfer helps, by {few}" in told
    assert f"with 300 it is not shown to help ({many})" in told
    assert gains[50]["low"] > 0 > gains[300]["low"]
    assert not any(law["decay_rate_identified"] for law in result["laws"])
    data = result["data"]
    sizes = (data["source"]["num_materials"], data["target"]["num_materials"])
    assert "{:,} polymers were the source for {:,} measured ones".format(*sizes) in told


def compare(capsys, *names):
    files = [str(ROOT / f"benchmarks/results/{name}.json") for name in names]
    assert main(["law", "compare", *files, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def mae_at(name, size, growth="random"):
    rows = json.loads((ROOT / f"benchmarks/results/{name}.json").read_text())["rows"]
    (row,) = [row for row in rows if (row["source_size"], row.get("growth", "random")) == (size, growth)]
    return row["mae"]["mean"]


def test_the_two_sources_told_are_those_measured(capsys):
    names = ("liquid_density_from_density", "liquid_density_from_cohesive_energy")
    gains = compare(capsys, *names)["gains_of_doubling"].values()
    told = " ".join(TEXT.split())
    first, second = (f"{gain['value']:.3g} [{gain['interval'][0]:.3g}, {gain['interval'][1]:.3g}]" for gain in gains)
    assert f"of the densities gains {first} g/cm³, that of the cohesive energies {second} g/cm³" in told
    maes = [f"{mae_at(name, 2000):.4f} g/cm³" for name in names]
    assert f"test MAE is {maes[0]}, on as many simulated cohesive energies {maes[1]}" in told


def test_the_growths_told_are_those_measured(capsys):
    name, told = "liquid_density_growth", " ".join(TEXT.split())
    first = {growth: f"{mae_at(name, 100, growth):.4f}" for growth in ("cheapest", "random", "diversity", "family")}
    words = "{cheapest} g/cm³ from the cheapest, {random} at random, {diversity} by diversity and {family} family after"
    assert words.format(**first) in told
    last = sorted(f"{mae_at(name, 2000, growth):.4f}" for growth in first)
    assert f"with 2,000 all four lie between {last[0]} and {last[-1]}" in told
    pairs = compare(capsys, name)["pairs"]
    (pair,) = [each for each in pairs if "diversity" in each["first"] and "grown" not in each["second"]]
    assert f"diversity ahead of random in {100 * pair['chances'][0]:.0f} % of the draws" in told


def test_the_shotgun_study_told_is_that_measured():
    result = json.loads((ROOT / "benchmarks/results/shotgun.json").read_text())
    shown = ("shotgun ensemble", "direct learning", "extra trees", "calibrated source", "oracle, frozen")
    cells = [cell for cell in result["cells"] if cell["size"] == 20]
    assert len(cells) == 9
    for cell in cells:
        unit = f" [{cell['unit'].replace('g/cm3', 'g/cm³')}]" if cell["unit"] else ""
        errors = [f"{cell['errors'][name][0]:.3g}" if name in cell["errors"] else "" for name in shown]
        assert f"| {cell['target']}{unit} | {' | '.join(errors)} |" in TEXT
    against = {size: each["shotgun ensemble"] for size, each in result["wins_losses_ties"].items()}
    for size in ("20", "50", "100"):
        assert against[size]["direct learning"] == {"wins": 8, "losses": 0, "ties": 1}
    assert [against[size]["extra trees"]["wins"] for size in ("20", "50", "100")] == [7, 6, 7]
    assert all(against[size]["extra trees"]["losses"] == 1 for size in against)
