import json

import baselines_page
import pytest

pytestmark = pytest.mark.skipif(
    not (baselines_page.RESULTS / "baselines.json").exists(), reason="the results are not committed"
)


def test_the_page_is_what_the_results_say():
    assert baselines_page.page() == baselines_page.PAGE.read_text(), "run python docs/baselines_page.py"


def test_a_line_compares_on_the_same_draws_and_materials():
    (line,) = (
        each
        for each in baselines_page.compare()
        if (each["title"], each["size"], each["kind"]) == ("band gap of crystals [eV]", 2706, "with")
    )
    results = json.loads((baselines_page.RESULTS / "baselines.json").read_text())["rows"]
    own = [
        row
        for row in results
        if (row["study"], row["target_size"], row["baseline"]) == ("band_gap", 2706, line["baseline"])
    ]
    assert line["draws"] == len(own) >= 2
    assert line["error"] == pytest.approx(sum(row["mae"] for row in own) / len(own))
    assert all(row["num_test"] == row["of"] for row in own)
    draws = {(row["seed"], row["split"]) for row in own}
    cells = json.loads((baselines_page.RESULTS / "band_gap.json").read_text())["cells"]
    found: dict[tuple[str, ...], list[float]] = {}
    for each in cells:
        if each["target_size"] == 2706 and (each["seed"], each["split"]) in draws:
            key = tuple(str(each[name]) for name in ("architecture", "policy", "source_level", "growth"))
            found.setdefault(key, []).append(each["metrics"]["mae"])
    networks = {
        key: sum(each) / len(each)
        for key, each in found.items()
        if key[1] in ("none", "l2_start", "affine", "difference")
    }
    assert line["network"] == pytest.approx(min(networks.values()))
