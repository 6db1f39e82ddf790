"""Tables of learning curves as people write them."""

import json
import time

import numpy as np
import pandas as pd
import pytest

from gnn_sim2real.records.curve_columns import parse_columns
from gnn_sim2real.records.curve_table import TableOptions
from gnn_sim2real.records.learning_curves import read_learning_curves

SIZES, ERRORS = (100, 200, 400, 800), (0.5, 0.4, 0.35, 0.3)


def read(path, columns="", **options):
    return read_learning_curves(path, table=TableOptions(parse_columns(columns) if columns else {}, **options))


def only(found):
    ((_, models),) = found.curves.items()
    return models


def write(path, *rows):
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["csv", "CSV", "tsv", "xlsx", "parquet", "json", "jsonl", "csv.gz"])
def test_each_kind_of_table_tells_the_same(tmp_path, kind):
    frame = pd.DataFrame({"source_size": SIZES, "error": ERRORS, "seed": ["a"] * 4})
    path = tmp_path / f"curve.{kind}"
    writers = {
        "csv": lambda: frame.to_csv(path, index=False),
        "tsv": lambda: frame.to_csv(path, index=False, sep="\t"),
        "xlsx": lambda: frame.to_excel(path, index=False),
        "parquet": lambda: frame.to_parquet(path),
        "json": lambda: frame.to_json(path, orient="records"),
        "jsonl": lambda: frame.to_json(path, orient="records", lines=True),
    }
    writers[kind.lower().removesuffix(".gz")]()
    models = only(read(path))
    assert (tuple(models.source_sizes), tuple(models.errors)) == (SIZES, ERRORS)
    assert {*models.curves} == {"seed 8199323203"}  # of the name "a", the same in every file


def test_semicolons_decimal_commas_and_units(tmp_path):
    found = read(write(tmp_path / "a.csv", "n_train;MAE [eV]", "100;0,5", "200;0,4", "400;0,35", "1.600;0,3"))
    assert (found.quantity, found.unit) == ("MAE", "eV")
    assert only(found).source_sizes.tolist() == [100, 200, 400, 1600]


def test_in_a_file_with_decimal_commas_points_are_marks_of_thousands(tmp_path):
    rows = ("1.000;10;0,5", "2.000;1.000;0,4", "1.004.000,5;10;0,35", "8.000;10;0,3")
    found = read(write(tmp_path / "a.csv", "n_train;target_size;MAE", *rows))
    models = next(iter(found.grids.values())).models
    assert sorted(models.source_sizes) == [1000, 2000, 8000, 1004000.5]
    assert sorted(models.target_sizes) == [10, 10, 10, 1000]
    # in others they are decimal signs, as of numbers that a program wrote
    written = only(read(write(tmp_path / "b.csv", "n_train,MAE", "1.000,0.5", "2.000,0.4", "4.000,0.3", "8.000,0.2")))
    assert written.source_sizes.tolist() == [1, 2, 4, 8]


@pytest.mark.parametrize(
    "sizes",
    [
        (0.25, 0.5, 1.5, 2.5),
        (7700779, 7700780, 7700781, 7700784),
        (7.700779, 7.70078, 7.700781, 7.700784),
        (0.1, 0.2, 0.3, 1),
    ],
)
def test_no_size_is_merged_or_lost(tmp_path, sizes):
    rows = [f"{size!r},{error},{seed}" for size, error in zip(sizes, ERRORS, strict=True) for seed in (0, 1, 2)]
    models = only(read(write(tmp_path / "a.csv", "source_size,error,seed", *rows)))
    assert np.unique(models.source_sizes).tolist() == list(sizes)
    assert models.num_sizes() == 4


def test_shares_of_both_sizes_and_models_from_scratch(tmp_path):
    rows = [f"{m},{n},{1 / (1 + n + m)}" for m in (0.1, 0.5, 1) for n in (0, 0.25, 0.5, 0.75, 1)]
    found = read(write(tmp_path / "a.csv", "m,n,error", *rows))
    assert [label.target_size for label in found.curves] == [0.1, 0.5, 1.0]
    (grid,) = found.grids.values()
    assert grid.has_surface
    assert sorted(grid.scratch.target_sizes) == [0.1, 0.5, 1.0]


def test_numbers_as_people_write_them(tmp_path):
    rows = ["100,50.5%", '"1,600",31.21%', '"2,400",31%', '"1,000,000",30 %']
    found = read(write(tmp_path / "a.csv", "size,error_rate", *rows))
    models = only(found)
    assert sorted(models.source_sizes) == [100, 1600, 2400, 1e6]
    assert sorted(models.errors) == [30, 31, 31.21, 50.5]
    assert found.unit == "%"


def test_what_rises_is_fitted_as_what_is_left(tmp_path):
    accuracy = [f"{n},{a}" for n, a in zip(SIZES, (0.5, 0.6, 0.65, 0.7), strict=True)]
    path = write(tmp_path / "a.csv", "n,test_accuracy", *accuracy)
    with pytest.raises(ValueError, match=r"a\.csv .*'test_accuracy'.*--rising"):
        read(path)
    np.testing.assert_allclose(sorted(only(read(path, rising=True)).errors), (0.3, 0.35, 0.4, 0.5))
    assert read(path, rising=True).quantity == "1 - test_accuracy"
    percent = write(tmp_path / "b.csv", "n,accuracy", *(f"{n},{50 + k}%" for k, n in enumerate(SIZES)))
    assert sorted(only(read(percent, rising=True)).errors) == [47, 48, 49, 50]
    bare = write(tmp_path / "c.csv", "n,R2", *(f"{n},{50 + k}" for k, n in enumerate(SIZES)))
    with pytest.raises(ValueError, match=r"c\.csv, line 2: R2 .* 50\b.* 1\b.*--ceiling 100"):
        read(bare, rising=True)
    assert sorted(only(read(bare, rising=True, ceiling=90.0)).errors) == [37, 38, 39, 40]


def test_a_column_that_rises_unexpectedly_is_said_to(tmp_path, caplog):
    read(write(tmp_path / "a.csv", "n,loss", *(f"{n},{n**0.5}" for n in SIZES)))
    (warning,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "--rising" in warning.getMessage()
    caplog.clear()
    read(write(tmp_path / "a.csv", "n,loss", *(f"{n},{n**-0.5}" for n in SIZES)))
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_columns_are_named_or_understood(tmp_path):
    rows = ("Train Size,MAE,RMSE,depth", "100,1,2,3", "200,0.9,1.9,3")
    path = write(tmp_path / "a.csv", *rows)
    with pytest.raises(ValueError, match=r"'MAE', 'RMSE'.*--columns error=MAE"):
        read(path)
    assert sorted(only(read(path, "error=RMSE")).errors) == [1.9, 2]
    assert sorted(only(read(path, "size=depth,error=mae")).source_sizes) == [3, 3]
    with pytest.raises(ValueError, match=r"no column 'RSME'.* did you mean 'RMSE'"):
        read(path, "error=RSME")
    with pytest.raises(ValueError, match=r"'sise'.* did you mean 'size'"):
        parse_columns("sise=n")
    with pytest.raises(ValueError, match=r"did you mean 'sorce_size'"):
        read(write(tmp_path / "b.csv", "sorce_size,error", "1,1"))
    tested = write(tmp_path / "c.csv", "n,train_mae,val_mae,test_mae", "100,1,2,3", "200,1,2,2.5")
    assert sorted(only(read(tested)).errors) == [2.5, 3]


def test_curves_of_several_models_and_data_sets_stay_apart(tmp_path):
    rows = [f"{n},{e},{model},{data}" for n, e in zip(SIZES, ERRORS, strict=True) for model in "xy" for data in "pq"]
    found = read(write(tmp_path / "a.csv", "n,mae,model,dataset", *rows))
    assert [label.architecture for label in found.curves] == ["x, p", "x, q", "y, p", "y, q"]


def test_a_given_spread_is_that_of_the_error(tmp_path):
    rows = [f"{n},{e},{0.05 * e}" for n, e in zip(SIZES, ERRORS, strict=True)]
    models = only(read(write(tmp_path / "a.csv", "n,MAE,MAE_std", *rows)))
    np.testing.assert_allclose(models.spreads, 0.05)


@pytest.mark.parametrize(
    ("rows", "values"),
    [
        (("n,mae", "100,1", "200,0"), r"a\.csv, line 3: mae .*positive.* 0;.*cannot be 0"),
        (("n,mae", "100,1", "200,nan"), r"line 3: mae .*finite.* nan\b"),
        (("n,mae", "100,1", "200,"), "line 3: mae is missing"),
        (("n,mae", "100,1", ",1"), "line 3: n is missing"),
        (("n,mae", "100,1", '200,"1,234"'), "line 3: mae is '1,234'"),
        (("n,mae", "100,1%", "200,2"), "line 3: mae is '2', .*%"),
        (("n,mae", "inf,1"), "line 2: n .* inf$"),
        (("n,mae", "1e16,1"), r"line 2: n .* 1e\+15, got 1e16"),
        (("n,mae", "1_000,1"), "line 2: n is '1_000'"),
        (("n,mae,m", "10,1,0"), "line 2: m .*positive.* 0$"),
        (("n,mae,seed", "10,1,0", "10,1,"), "line 3: seed is missing"),
        (("n,mae,split", "10,1,test", "10,1,train"), "'split' .*test, train"),
        (("source_size,error,seeds", "100,1,0"), "'seeds': .*'seed'"),
        (("n,num_train,error", "1,1,1"), "source_size: 'n', 'num_train'.*--columns size=n"),
        (("n,mae,mae", "1,1,2"), "a.csv .*'mae'"),
    ],
)
def test_one_sentence_with_file_line_and_column(tmp_path, rows, values):
    with pytest.raises(ValueError, match=values):
        read(write(tmp_path / "a.csv", *rows))


def test_rows_of_a_spreadsheet_are_called_so(tmp_path):
    pd.DataFrame({"n": [1, 2], "mae": [1, "x"]}).to_excel(tmp_path / "a.xlsx", index=False)
    with pytest.raises(ValueError, match=r"a\.xlsx, row 3: mae is 'x'"):
        read(tmp_path / "a.xlsx")


def test_a_study_has_no_columns_to_choose(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"cells": []}))
    with pytest.raises(ValueError, match=r"a\.json .*--columns"):
        read(tmp_path / "a.json", "size=n")


@pytest.mark.parametrize("space", [" ", "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}", "'"])
def test_spaces_are_marks_of_thousands(tmp_path, space):
    rows = [f"{size};{error}" for size, error in zip(SIZES, (f"1{space}000,5", "7", "5", "4"), strict=True)]
    models = only(read(write(tmp_path / "a.csv", "n_train;MAE", *rows, f"1{space}600;3")))
    assert dict(zip(models.source_sizes, models.errors, strict=True)) == {100: 1000.5, 200: 7, 400: 5, 800: 4, 1600: 3}
    with pytest.raises(ValueError):  # noqa: PT011
        read(write(tmp_path / "b.csv", "n_train;MAE", *rows, f"16{space}00;3"))


@pytest.mark.parametrize("content", ["5", "null", '"text"', "[]", "[5]", "true"])
def test_json_that_is_not_a_table_is_refused(tmp_path, content):
    with pytest.raises(ValueError):  # noqa: PT011
        read(write(tmp_path / "a.json", content))


@pytest.mark.parametrize("wrong", [{"metric": "rmse"}, {"policies": ["full"]}])
def test_what_only_a_study_has_is_not_ignored(tmp_path, wrong):
    path = write(tmp_path / "a.csv", "n_train,MAE", *(f"{n},{e}" for n, e in zip(SIZES, ERRORS, strict=True)))
    with pytest.raises(ValueError):  # noqa: PT011
        read_learning_curves(path, **wrong)


def test_a_hundred_thousand_sizes_are_read_in_a_moment(tmp_path):
    sizes = np.linspace(10, 1e5, 30_000)
    pd.DataFrame({"source_size": sizes, "error": sizes**-0.5}).to_csv(tmp_path / "a.csv", index=False)
    began = time.process_time()
    assert len(only(read(tmp_path / "a.csv")).errors) == len(sizes)
    assert time.process_time() - began < 4
