"""The report of a study as one HTML file."""

import base64
import csv
import io
import json
import re
import shutil
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from html_page import Page
from study_page import SIZES, SOURCE, TARGET, TARGETS, make, record, records

from gnn_sim2real.cli.main import main
from gnn_sim2real.law.numbers import format_with_ends
from gnn_sim2real.records.geometric import with_geometric_means

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return make(tmp_path_factory.mktemp("page") / "out", records(), data={"source": SOURCE, "target": TARGET})


def test_it_needs_nothing_beside_it(whole):
    path, page, _ = whole
    for each in page.addresses:
        assert each.startswith(("#", "data:"))
    assert page.elements >= {"svg", "script"}
    assert not page.elements & {"link", "iframe", "object", "img"}
    text = path.read_text()
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style
    assert not re.search(r"fetch|XMLHttpRequest|import\(", text.partition("<script>")[2])
    assert {each[1:] for each in page.addresses if each.startswith("#")} <= set(page.ids)


def test_figures_tell_the_value_of_each_point(whole):
    path, _, summary = whole
    text = path.read_text()
    charts = re.findall(r'<svg class="chart".*?</svg>(?=\n</div>)', text, re.DOTALL)
    assert (
        len(charts) == len(TARGETS) + 2 * len(TARGETS) + 1 + 4
    )  # curves, forecasts and residuals, equal error; both sizes
    told = re.findall(r'class="tell" tabindex="-1" role="img" aria-label="([^"]+)"', text)
    rows = with_geometric_means(summary)["rows"]
    row = next(row for row in rows if (row["policy"], row["source_size"], row["target_size"]) == ("full", 200, 50))
    mae = row["mae"]
    assert f"GINE, fine-tuned, n = 200: {format_with_ends(mae['mean'], mae['low'], mae['high'])} g/cm³" in told
    assert sum(each.startswith("forecast of GINE, fine-tuned, n = 9,500") for each in told) == len(TARGETS)


def test_the_answer_comes_first_then_table_figures_materials_and_downloads(whole):
    path, page, _ = whole
    order = [page.ids.index(name) for name in ("results", "curves", "materials", "downloads", "laws")]
    assert order == sorted(order)
    text = path.read_text()
    assert text.count('class="answer"') == 3
    assert text.index('class="answer"') < text.index('id="results"')


def test_downloads_are_the_tables_and_numbers_of_the_page(whole):
    path, page, summary = whole
    found = dict(re.findall(r'href="data:[^"]+;base64,([^"]+)" download="([^"]+)"', path.read_text()))
    files = {name: base64.b64decode(content) for content, name in found.items()}
    assert json.loads(files["summary.json"])["rows"] == json.loads(json.dumps(summary))["rows"]
    rows = [*csv.reader(io.StringIO(files["results.csv"].decode()))]
    assert rows[1:] == [row for row in page.rows if len(row) == 6][1:]


def test_the_same_figures_are_files(whole):
    path, _, _ = whole
    more = ("figures/equal_error_GINE", "figures/sizes_GINE")
    for name in ("scaling_law", *(f"figures/forecast_m{m}" for m in TARGETS), *more):
        assert (path.parent / f"{name}.png").stat().st_size > 5000
        assert ET.parse(path.parent / f"{name}.svg").getroot().tag.endswith("svg")  # noqa: S314 (ours)


def test_every_mean_of_the_summary_stands_in_the_table(whole):
    _, page, summary = whole
    shown = {(row[0], row[1], row[2]): row[3] for row in page.rows if len(row) == 6}
    rows = with_geometric_means(summary)["rows"]
    row = next(row for row in rows if (row["policy"], row["source_size"]) == ("full", 200))
    mae = row["mae"]
    assert shown["GINE, fine-tuned", "50", "200"] == f"{mae['mean']:.4f} [{mae['low']:.4f}, {mae['high']:.4f}]"
    means = {f"{row['mae']['mean']:.4f}" for row in rows}
    assert means == {value.partition(" ")[0] for value in shown.values()} - {"MAE"}


def test_laws_forecasts_and_plan_are_those_of_the_laws(whole):
    _, page, summary = whole
    (law,) = [law for law in summary["laws"] if (law["policy"], law["target_size"]) == ("full", 300)]
    assert (law["decay_rate_identified"], law["transfer_gap_identified"]) == (True, False)
    rate = format_with_ends(law["decay_rate"], *law["decay_rate_interval"])
    (row,) = [row for row in page.rows if row[:3] == ["GINE, fine-tuned", "300", rate]]
    assert row[4].startswith("not identified [")  # its value is not given
    forecasts = [row for row in page.rows if row[:3] == ["GINE, fine-tuned", "300", "4"]]
    assert [row[3] for row in forecasts] == ["3,800"]
    wanted = [row for row in page.rows if row[:3] == ["GINE, fine-tuned", "300", "10 % lower"]]
    assert len(wanted) == 1
    assert wanted[0][4].startswith(("source size n = ", "out of reach"))
    assert re.search("One more measurement is worth [0-9,]+", page.text)
    assert any(row[0] == "model" and row[-1] == "effective data transferred" for row in page.rows)


def test_the_paired_gains_are_those_of_the_summary(whole):
    path, _, summary = whole
    sentences = re.findall(r'<p class="paired">(.*?)</p>', path.read_text())
    assert len(sentences) == len(TARGETS)
    for sentence, m in zip(sentences, TARGETS, strict=True):
        assert f"m = {m}, n = 950" in sentence
        for policy in ("full", "calibrated_source"):
            (gain,) = [
                each["geometric"]
                for each in summary["gains"]
                if (each["target_size"], each["over"]["policy"]) == (m, policy)
            ]
            low, high = sorted(abs(gain[end]) for end in ("low", "high"))
            assert format_with_ends(abs(gain["mean"]), low, high) in sentence or gain["low"] <= 0 <= gain["high"]


def test_data_leakage_settings_and_versions(whole):
    _, page, _ = whole
    assert ["materials after cleaning", "1,070", "1,687"] in page.rows
    assert re.search("118 of 1,070 source materials", page.text)
    assert re.search("600 of the 1,687 measured materials", page.text)
    assert re.search(r"MAE of 0\.012 g/cm³ \(0\.015 g/cm³ .*\b40\b", page.text)
    assert ["torch", "2.9.0"] in page.rows
    assert ["python", "3.12.1"] in page.rows
    assert not any(row[0] == "rdkit" for row in page.rows)
    assert "title: <i>kept</i>" in page.text


def test_what_others_wrote_is_text_and_no_markup(tmp_path):
    path, page, _ = make(tmp_path / "a", records(), "<script>alert(1)</script>", {"source": SOURCE, "target": TARGET})
    assert path.read_text().count("<script") == 1  # that of the page itself
    assert "<script>alert(1)</script>" in page.text
    assert ["data module", "Radon<b>Py", "PolymerTable"] in page.rows


@pytest.mark.parametrize("sizes", [(), (50, 950)])
def test_a_study_that_has_just_begun_has_a_page(tmp_path, sizes):
    _, page, _ = make(tmp_path / "a", records(sizes))
    assert re.search("four source sizes", page.text)
    assert not re.search(r"\balpha = ", page.text)
    assert "published result" in page.text
    assert ("svg" in page.elements) == bool(sizes)


def test_two_target_sizes_make_no_law_in_both(tmp_path):
    _, page, _ = make(tmp_path / "a", records(targets=(50, 100)))
    assert re.search("worth of a measurement .*four source sizes .*three target sizes", page.text)


def test_laws_of_one_target_size_stand_side_by_side(tmp_path):
    found = records(targets=(50,))
    better = [record("full", size, 50, 0, seed, growth="diversity") for size in SIZES for seed in range(4)]
    better = [replace(each, metrics={"mae": 0.5 * each.metrics["mae"], "num_test": 30.0}) for each in better]
    _, page, _ = make(tmp_path / "a", [*found, *better])
    (row,) = [row for row in page.rows if len(row) == 9 and row[1] == "GINE, fine-tuned"]
    assert row[0] == "GINE, fine-tuned, grown by diversity"
    assert row[2] == "50"
    assert row[6] == "100 %"  # at the largest size it is ahead in all draws
    assert "Side by side" in page.text
    _, alone, _ = make(tmp_path / "b", found)
    assert "Side by side" not in alone.text


def test_the_command_writes_it(undisturbed, tmp_path):
    assert "report.html" in (undisturbed.parent / "printed.txt").read_text()
    before = Page((undisturbed / "report.html").read_text()).rows
    copy = tmp_path / "copy"
    shutil.copytree(undisturbed, copy, ignore=shutil.ignore_patterns("report.html", "models"))
    page = copy / "report.html"
    assert main(["study", "report", str(copy)]) == 0
    shown = Page(page.read_text())
    assert shown.rows == before
    assert "gnn-sim2real" in [row[0] for row in shown.rows]
    assert [row[1:] for row in shown.rows if row and row[0] == "data module"] == [["PolymerTable", "PolymerTable"]]
    assert "source_size:" in shown.text


def test_it_tells_what_to_train_next(whole):
    _, page, summary = whole
    assert [each["target_size"] for each in summary["next"]] == [*TARGETS]
    for each in summary["next"]:
        assert "per cost" in each["text"]
        assert each["text"] in page.text
