"""The figure that a study's records give."""

import numpy as np
import pytest

from gnn_sim2real.records import study_figure as plot
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.record import Record, RecordKey
from gnn_sim2real.records.results import tabulate_records
from gnn_sim2real.records.study_figure import draw_figure
from gnn_sim2real.records.summary import summarize

CURVES = ("full", "frozen_encoder", "calibrated_source", "extra_trees_with_source")


def record(policy, size, target_size, split=0, seed=0, architecture="GINE", mae=None, num_test=30.0):
    cell = RecordKey(architecture, policy, size, str(size), target_size, seed, split)
    spread = 1 + 0.03 * split + 0.01 * seed + 0.002 * (size % 7)
    error = mae or (max(size, 10) ** -0.5 + 1 / target_size) * spread
    return Record(repr(cell), cell, "thermal_conductivity", "W/(m K)", {"mae": error, "num_test": num_test}, {})


def study(target_sizes=(50, 100, 300), sizes=(50, 100, 200, 400, 950), architectures=("GINE",)):
    repeats = [(split, seed) for split in range(3) for seed in range(2)]
    return [
        record(policy, size, m, split, seed, architecture)
        for m in target_sizes
        for split, seed in repeats
        for architecture in architectures
        for policy, levels in [*((each, sizes) for each in CURVES), ("full", (0,))]
        for size in levels
    ] + [record("extra_trees", 0, m, split, seed, "") for m in target_sizes for split, seed in repeats]


@pytest.fixture
def panels(monkeypatch):
    """The panels that are drawn."""
    found = []
    draw = plot.plot_scaling_curves

    def keep(panels, **options):
        found.extend(panels)
        return draw(panels, **options)

    monkeypatch.setattr(plot, "plot_scaling_curves", keep)
    return found


@pytest.mark.slow
def test_a_panel_a_target_size_with_all_policies(tmp_path, panels):
    path = draw_figure(Results(tabulate_records(study())), tmp_path / "a.png", title="Polymers")
    assert path.stat().st_size > 10_000
    assert [each.title for each in panels] == [f"m = {m} measured materials" for m in (50, 100, 300)]
    for panel in panels:
        assert list(panel.curves) == [
            "GINE, fine-tuned",
            "GINE, fine-tuned, frozen encoder",
            "GINE, calibrated source",
            "GINE, extra trees with source",
        ]
        assert [curve.is_baseline for curve in panel.curves.values()] == [False, False, True, True]
        assert [curve.law is None for curve in panel.curves.values()] == [False, False, True, True]
        assert list(panel.references) == ["GINE from scratch", "extra trees"]
        assert panel.references["GINE from scratch"].like == "GINE, fine-tuned"
        assert all(len(curve.errors) == 30 for curve in panel.curves.values())


@pytest.mark.slow
def test_the_file_does_not_depend_on_the_order_of_records(tmp_path):
    records = study(target_sizes=(50, 100))
    first = draw_figure(Results(tabulate_records(records)), tmp_path / "a.png").read_bytes()
    assert draw_figure(Results(tabulate_records(records[::-1])), tmp_path / "b.png").read_bytes() == first


@pytest.mark.slow
@pytest.mark.parametrize("target_sizes", [(50,), (10, 20, 50, 100)])
def test_one_target_size_and_several_architectures(tmp_path, panels, target_sizes):
    draw_figure(Results(tabulate_records(study(target_sizes, architectures=("GINE", "CGCNN")))), tmp_path / "a.png")
    assert len(panels) == len(target_sizes)
    assert list(panels[0].curves)[:2] == ["CGCNN, fine-tuned", "GINE, fine-tuned"]
    assert list(panels[0].references) == ["CGCNN from scratch", "GINE from scratch", "extra trees"]


def test_a_line_from_scratch_has_the_color_of_the_only_curve_of_its_architecture(tmp_path, panels):
    records = [
        record(policy, size, 50, split, architecture=architecture)
        for architecture in ("GINE", "CGCNN")
        for policy, sizes in (("l2_sp", (50, 100, 200, 400)), ("full", (0,)), ("affine", (0,)))
        for size in sizes
        for split in range(3)
    ]
    draw_figure(Results(tabulate_records(records)), tmp_path / "a.png")
    (panel,) = panels
    likes = {name: each.like for name, each in panel.references.items()}
    assert {name: likes.pop(f"{name} from scratch") for name in ("CGCNN", "GINE")} == {
        name: f"{name}, fine-tuned, L2-SP" for name in ("CGCNN", "GINE")
    }
    # Another line of one color would be taken for the same.
    assert len(likes) == 2
    assert not set(likes.values()) & set(panel.curves)


def test_few_sizes_make_no_law(tmp_path, panels):
    draw_figure(Results(tabulate_records(study(sizes=(50, 950)))), tmp_path / "a.png")
    assert all(curve.law is None for panel in panels for curve in panel.curves.values())


def test_a_reference_is_the_geometric_mean_of_its_own_target_size(tmp_path, panels):
    records = [record("full", size, m) for size in (50, 100) for m in (20, 50)]
    records += [record("full", 0, 20, mae=0.1), record("full", 0, 20, split=1, mae=0.4)]
    records += [record("full", 0, 50, mae=0.3), record("full", 0, 999, mae=7.0)]
    draw_figure(Results(tabulate_records(records)), tmp_path / "a.png")
    first, second = ({name: reference.error for name, reference in panel.references.items()} for panel in panels)
    assert first == {"GINE from scratch": pytest.approx(0.2)}
    assert second == {"GINE from scratch": pytest.approx(0.3)}


@pytest.mark.parametrize(("num_test", "drawn"), [(30.0, True), (12.0, False)])
def test_the_simulated_value_is_in_every_panel_where_it_is_on_the_same_rows(tmp_path, panels, num_test, drawn):
    records = [record("full", size, m) for size in (50, 100) for m in (20, 50)]
    records += [record("simulated_value", 0, 20, architecture="", mae=0.5, num_test=num_test)]
    draw_figure(Results(tabulate_records(records)), tmp_path / "a.png")
    assert len(panels) == 2
    for panel in panels:
        errors = {name: reference.error for name, reference in panel.references.items()}
        assert errors == ({"simulated value": pytest.approx(0.5)} if drawn else {})


@pytest.mark.parametrize(("mae", "drawn"), [(0.05, True), (0.001, False), (0.0, False)])
def test_noise_of_the_measurements_is_a_line_where_it_is_near(tmp_path, panels, mae, drawn):
    records = [record("full", size, m, mae=0.1) for size in (50, 100) for m in (20, 50)]
    data = {"target": {"noise_floor": {"mae": mae}}}
    draw_figure(Results(tabulate_records(records)), tmp_path / "a.png", data=data)
    for panel in panels:
        assert panel.references == ({"noise of the measurements": plot.Reference(mae)} if drawn else {})


def test_points_are_those_of_the_records(tmp_path, panels):
    records = [record("full", size, 50, split) for size in (50, 100, 200) for split in (0, 1)]
    draw_figure(Results(tabulate_records(records)), tmp_path / "a.png")
    (curve,) = panels[0].curves.values()
    np.testing.assert_array_equal(curve.source_sizes, [50, 50, 100, 100, 200, 200])
    np.testing.assert_array_equal(curve.errors, [each.metrics["mae"] for each in records])
    assert set(curve.repeats) == {"split 0", "split 1"}


def test_numbers_in_names_are_in_order_in_rows_and_gains():
    names = ["GINE(hidden_dim=8)", "GINE(hidden_dim=16)", "GINE(hidden_dim=128)"]
    records = [
        record("full", size, 20, split, architecture=name) for name in names for size in (0, 50) for split in (0, 1)
    ]
    summary = summarize(Results(tabulate_records(records)))
    assert [row["architecture"] for row in summary["rows"]] == [name for name in names for _ in range(2)]
    assert list(dict.fromkeys(gain["architecture"] for gain in summary["gains"])) == names
    assert list(dict.fromkeys(gain["over"]["architecture"] for gain in summary["gains"])) == names
