import numpy as np
import pytest

from gnn_sim2real.law import compare_laws
from gnn_sim2real.records.curves import CurveLabel
from gnn_sim2real.records.learning_curves import read_learning_curves
from gnn_sim2real.records.record import Record, RecordKey, write_record

SIZES = (100, 200, 400, 800, 1600)


def write_study(folder, splits=(0,), materials="abcdefgh"):
    """Records of three seeds at two target sizes, with the error of each test material."""
    random = np.random.default_rng(0)
    hard = np.exp(random.standard_normal(len(materials)))
    for split in splits:
        for target in (30, 300):
            for seed in range(3):
                for size in (0, *SIZES):
                    errors = hard * (max(size, 50) ** -0.4) * np.exp(0.1 * random.standard_normal(len(materials)))
                    metrics = {"mae": errors.mean(), "rmse": np.sqrt((errors**2).mean()), "num_test": len(materials)}
                    cell = RecordKey("CGCNN", "full", size, str(size), target, seed, split)
                    record = Record(f"{split}-{target}-{seed}-{size}", cell, "band_gap", "eV", metrics, {})
                    write_record(folder / "records", record, dict(zip(materials, errors.tolist(), strict=True)))
    return folder


@pytest.mark.parametrize("metric", ["mae", "rmse"])
def test_a_study_is_read_with_the_errors_of_each_material(tmp_path, metric):
    read = read_learning_curves(write_study(tmp_path), metric=metric)
    assert (read.quantity, read.unit) == (f"{metric.upper()} of band gap", "eV")
    models = read.curves[CurveLabel(300, "CGCNN", "full")]
    assert sorted({*models.source_sizes}) == list(SIZES)
    each = np.asarray(models.material_errors)
    mean = each.mean(axis=1) if metric == "mae" else np.sqrt((each**2).mean(axis=1))
    np.testing.assert_allclose(mean, models.errors)


def test_the_folder_of_the_records_is_the_study_too(tmp_path):
    folder = write_study(tmp_path)
    assert read_learning_curves(folder / "records").curves.keys() == read_learning_curves(folder).curves.keys()


def test_splits_have_test_materials_of_their_own(tmp_path):
    models = read_learning_curves(write_study(tmp_path, splits=(0, 1))).curves[CurveLabel(30, "CGCNN", "full")]
    assert models.material_errors is None
    assert {*models.curves} == {"split 0", "split 1"}


def test_models_without_a_source_are_the_reference(tmp_path):
    (grid,) = read_learning_curves(write_study(tmp_path)).grids.values()
    assert 0 not in grid.models.source_sizes
    assert sorted({*grid.models.target_sizes}) == [30, 300]
    assert len(grid.scratch.errors) == 6


def test_a_csv_keeps_seeds_apart_by_name_and_in_any_order(tmp_path):
    rows = [f"{n},{n**-0.5},{seed}" for n in SIZES for seed in ("x", "y", "7")]
    for name, order in {"one": rows, "two": rows[::-1]}.items():
        (tmp_path / f"{name}.csv").write_text("\n".join([" source_size ,error,seed", *order]) + "\n")
    one, two = (read_learning_curves(tmp_path / f"{name}.csv") for name in ("one", "two"))
    ((label, models),) = one.curves.items()
    assert len({*models.curves}) == 3
    assert {*models.curves} == {*two.curves[label].curves}
    assert "seed 7" in models.curves


def test_a_path_without_such_models_is_refused(tmp_path):
    (tmp_path / "records").mkdir()
    with pytest.raises(ValueError, match=rf"{tmp_path.name} .*`gnn-sim2real study run`"):
        read_learning_curves(tmp_path)
    with pytest.raises(ValueError, match=r"\bgone\b.*CSV"):
        read_learning_curves(tmp_path / "gone")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match=r"other\.json .*--publish"):
        read_learning_curves(tmp_path / "other.json")
    study = write_study(tmp_path / "study")
    with pytest.raises(ValueError, match=r"\bstudy\b.*\bmae\b.*target size"):
        read_learning_curves(study, target_size=31)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("source_size,error,seeds\n100,1,0\n", "'seeds': .*'seed'"),
        ("source_size,error\n100,\n", "line 2: error .*missing"),
        ("source_size,error,target_size\n5,1,-0.5\n", "line 2: target_size .* -0.5"),
        ("source_size,error\n1e300,1\n", "line 2: source_size .* 1e300"),
        ("source_size,error,error\n100,1,2\n", "'error'"),
        ("source_size,error\n1,600,0.3\n", r"curve\.csv.*row 2"),
        ("source_size,error\n8_00,0.3\n", "line 2: source_size .*8_00"),
        ("source_size,error\n100,1\xe9\n", r"curve\.csv, line 2: error is '1é'"),
    ],
)
def test_tables_that_cannot_be_meant_so_are_refused(tmp_path, text, values):
    (tmp_path / "curve.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=values):
        read_learning_curves(tmp_path / "curve.csv")


def test_studies_on_the_same_test_materials_are_paired_over_them(tmp_path):
    one, other = (write_study(tmp_path / name) for name in ("one", "other"))
    curves = {
        folder.name: read_learning_curves(folder).curves[CurveLabel(300, "CGCNN", "full")] for folder in (one, other)
    }
    (pair,) = compare_laws(curves, num_resamples=100).pairs
    assert (pair.num_materials, pair.num_shared_materials, pair.num_shared) == ((8, 8), 8, 3)


def write_errors(folder, names):
    for size in SIZES:
        cell = RecordKey("", "full", size, str(size), 24, 0, 0)
        metrics = dict.fromkeys(names, size ** (-0.4))
        write_record(folder, Record(f"r{size}", cell, "property", "", metrics, {}), None)
    return folder


def test_records_of_another_metric_are_read_by_themselves(tmp_path):
    """As `ScalingLawCallback` writes them with `monitor="test_loss"`."""
    folder = write_errors(tmp_path, ["error"])
    for metric in (None, "error"):
        read = read_learning_curves(folder, metric=metric)
        assert read.quantity == "error of property"
        ((_, models),) = read.curves.items()
        assert sorted(models.errors) == sorted(size**-0.4 for size in SIZES)
    with pytest.raises(ValueError, match=r"\bmae\b.*--metric.* error$"):
        read_learning_curves(folder, metric="mae")


def test_what_is_there_is_named(tmp_path):
    folder = write_errors(tmp_path, ["rmse", "error"])
    with pytest.raises(ValueError, match=r"\bmae\b.*--metric.* rmse, error$"):
        read_learning_curves(folder)


def test_large_sizes_that_differ_in_their_last_digit_are_two(tmp_path):
    (tmp_path / "curve.csv").write_text("source_size,error\n1234567,1\n1234568,0.9\n")
    ((_, models),) = read_learning_curves(tmp_path / "curve.csv").curves.items()
    assert sorted(models.source_sizes) == [1234567, 1234568]
