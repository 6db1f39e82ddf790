"""The pages of results say what the results say."""

import jinja2
import pytest
import results_pages

pytestmark = pytest.mark.skipif(not results_pages.RESULTS.exists(), reason="the results are not committed")


@pytest.fixture(scope="module")
def written():
    return results_pages.pages()


def test_every_page_is_what_the_results_say(written):
    changed = [path.name for path, text in written.items() if path.read_text() != text]
    assert changed == [], "run python docs/results_pages.py"
    assert {path.name for path in results_pages.PAGES.glob("*.md")} == {path.name for path in written}


def test_the_table_of_the_readme_is_what_the_results_say():
    assert results_pages.readme() == results_pages.README.read_text(), "run python docs/results_pages.py"


def test_the_plan_shown_is_what_the_command_prints():
    assert results_pages.law_page() == results_pages.LAW.read_text(), "run python docs/results_pages.py"


def test_a_row_is_found_by_the_name_of_today_and_of_before():
    study = results_pages.Study("band_gap", "CGCNN")
    (row,) = [
        row
        for row in study.result["rows"]
        if (row["architecture"], row["policy"], row["source_level"], row["target_size"])
        == ("CGCNN", "l2_start", "all", 100)
    ]
    assert study.error("l2_sp", "all", 100) == row["mae"]["mean"]
    with pytest.raises(LookupError):
        study.error("l2_sp", "all", 101)


def test_any_two_models_are_paired_as_the_gains_of_a_study():
    study = results_pages.Study("polymer_density", "GINE")
    for over in (("full", "0"), ("extra_trees", "0"), ("calibrated_source", "all")):
        gain = study.gain("full", 100, over)
        assert study.paired(("full", "all"), over, 100) == pytest.approx(
            {each: gain[each] for each in ("mean", "low", "high")}
        )
    backwards = study.paired(("extra_trees", "0"), ("full", "all"), 100)
    assert backwards["mean"] == pytest.approx(-study.gain("full", 100, ("extra_trees", "0"))["mean"])
    with pytest.raises(ValueError, match="different test materials"):
        study.paired(("simulated_value", "0"), ("extra_trees", "0"), 100)


def test_a_sentence_that_does_not_hold_is_refused():
    template = results_pages.environment().from_string("{{ holds(1 > 2) }}The error falls.")
    with pytest.raises(ValueError, match="measured"):
        template.render()
    with pytest.raises(jinja2.UndefinedError):
        results_pages.environment().from_string("{{ nothing }}").render()


def test_the_best_baseline_answers_for_the_materials_of_the_network():
    study = results_pages.Study("polymer_density", "GINE")
    network = study.row("full", "all", 100)
    error, title = results_pages.best_baseline(study, "polymer_density", network)
    same = [
        row["mae"]["mean"]
        for row in study.result["rows"]
        if row["policy"] in ("extra_trees", "extra_trees_with_source", "calibrated_source")
        and row["target_size"] == 100
    ]
    assert (error, title) == (min(same), "calibrated source")
    known = study.row("simulated_value", "0", 100) if study.has("simulated_value", "0", 100) else None
    assert known is None or known["num_test"] < network["num_test"]
