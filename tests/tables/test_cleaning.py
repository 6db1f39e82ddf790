import csv
import gzip
import logging
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.files import expand
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import CleanTable, Property, read_table

DENSITY = Property("density", "g/cm3", lower=0.0, upper=10.0)


def identity(material: str) -> str:
    """Upper and lower case name the same material; a question mark none."""
    if "?" in material:
        raise ValueError(f"'{material}' is no material:\n use letters")
    return material.lower()


def clean(frame: pd.DataFrame, *properties: Property, **options) -> CleanTable:
    chosen = properties or (DENSITY,)
    return clean_table(frame, material_column="m", properties=chosen, identity=identity, source="data.csv", **options)


def frame_of(*rows) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["m", "density"])


def reasons(table: CleanTable) -> list[tuple]:
    return list(table.quarantine.itertuples(index=False, name=None))


def test_duplicates_merge_to_the_median_with_half_the_range():
    table = clean(frame_of(("b", 1.0), ("A", 4.0), ("a", 1.0), (" A ", 2.0)))
    assert table.identities == ["a", "b"]
    assert table.materials == ["A", "b"]
    np.testing.assert_array_equal(table.values, [[2.0], [1.0]])
    np.testing.assert_array_equal(table.spread, [[1.5], [np.nan]])
    np.testing.assert_array_equal(table.num_merged, [3, 1])
    assert table.quarantine.empty


def test_an_even_number_of_duplicates_gives_the_middle():
    assert clean(frame_of(("a", 1.0), ("a", 2.0), ("a", 4.0), ("a", 9.0))).values[0, 0] == 3.0


def test_every_refusal_has_a_row_as_a_person_counts_and_a_reason(caplog):
    rows = [
        ("ok", 1),
        ("x?", 1),
        ("", 1),
        ("n", ""),
        ("t", "abc"),
        ("i", "inf"),
        ("o", 10.0),
        ("z", 0),
        ("u", "1_0"),
    ]
    with caplog.at_level(logging.WARNING):
        table = clean(frame_of(*rows))
    told = [
        (3, "x?", "", "'x?'"),
        (4, "", "", "material"),
        (5, "n", "", "value"),
        (6, "t", "density", "'abc'"),
        (7, "i", "density", "'inf'"),
        (8, "o", "density", "(0, 10) g/cm3: 10"),
        (9, "z", "density", "(0, 10) g/cm3: 0"),
        (10, "u", "density", "'1_0'"),
    ]
    found = reasons(table)
    assert [each[:3] for each in found] == [each[:3] for each in told]
    assert all(value in reason for (*_, reason), (*_, value) in zip(found, told, strict=True))
    assert table.identities == ["ok"]
    (record,) = caplog.records
    counts = r"\b8\b.*\b3\b.*\b2\b.*\(0, 10\) g/cm3.*\b1\b.*\b1\b.*\b1\b.*rows 3, 4, 5"
    assert re.search(rf"data\.csv\b.*{counts}", record.getMessage())


def test_nothing_refused_nothing_logged(caplog):
    assert "refused: nothing" in clean(frame_of(("a", 1.0))).summary()
    assert not caplog.records


def test_summary_counts_what_was_read_refused_merged_and_kept():
    table = clean(frame_of(("a", 1.0), ("A", 2.0), ("b", 1.0), ("c", -1.0), ("d", None)))
    told = (r"\b5 rows", r"\b1\b.*\(0, 10\) g/cm3.*\b1\b", r"\b3 rows\b.*\b2 materials", r"\bdensity 2$")
    assert all(re.search(*pair) for pair in zip(told, table.summary().splitlines(), strict=True))


@pytest.mark.parametrize("missing", ["", None, np.nan, "nan", "NaN", "NA", "n/a", " "])
def test_a_missing_value_is_no_mistake_where_another_is_known(missing):
    frame = pd.DataFrame({"m": ["a", "b"], "density": [1.0, missing], "tg": [300.0, 310.0]})
    table = clean(frame, DENSITY, Property("tg", "K"))
    np.testing.assert_array_equal(table.values, [[1.0, 300.0], [np.nan, 310.0]])
    assert table.quarantine.empty


def test_a_refused_value_leaves_the_other_values_of_its_row():
    frame = pd.DataFrame({"m": ["a", "A"], "density": [99.0, 1.0], "tg": [300.0, 310.0]})
    table = clean(frame, DENSITY, Property("tg", "K"))
    np.testing.assert_array_equal(table.values, [[1.0, 305.0]])
    np.testing.assert_array_equal(table.spread, [[np.nan, 5.0]])
    assert table.num_merged.tolist() == [2]
    assert reasons(table) == [(2, "a", "density", "outside (0, 10) g/cm3: 99")]


def test_columns_and_units_of_the_file_are_converted_before_the_bounds():
    frame = pd.DataFrame({"m": ["a", "b"], "Tg / C": [25.0, -300.0]})
    table = clean(frame, Property("tg", "K", column="Tg / C", file_unit="degC", lower=0.0))
    np.testing.assert_allclose(table.values, [[298.15]])
    assert reasons(table) == [(3, "b", "tg", "outside (0, inf) K: -26.85")]


def test_a_number_without_unit_is_refused_without_a_gap_in_the_sentence():
    table = clean(frame_of(("a", 1.5), ("b", 0.5)), Property("swelling", "", column="density", lower=1.0))
    assert reasons(table) == [(3, "b", "swelling", "outside (1, inf): 0.5")]
    assert "refused: 1 outside (1, inf)\n" in table.summary()


def test_texts_become_the_numbers_python_reads():
    texts = ["0.1", "1e-3", " 2.5 ", "1.0000000000000002", "abc"]
    table = clean(frame_of(*zip("abcde", texts, strict=True)))
    assert table.values[:, 0].tolist() == [float(text) for text in texts[:-1]]


def test_duplicates_that_disagree_too_much_are_refused():
    frame = frame_of(("a", 1.0), ("a", 2.0), ("b", 1.0), ("b", 1.5), ("c", 7.0))
    table = clean(frame, max_spread=0.25)
    assert table.identities == ["b", "c"]
    found = reasons(table)
    assert [each[:3] for each in found] == [(2, "a", "density"), (3, "a", "density")]
    assert all(re.search(rf"\b{value}\b.*\b0\.5 g/cm3", each[3]) for value, each in zip((1, 2), found, strict=True))


def test_max_spread_needs_one_unit():
    frame = pd.DataFrame({"m": ["a"], "density": [1.0], "tg": [300.0]})
    with pytest.raises(ValueError, match=r"max_spread 1 .*data\.csv .* K, g/cm3"):
        clean(frame, DENSITY, Property("tg", "K"), max_spread=1.0)


@pytest.mark.parametrize(
    ("properties", "values"),
    [
        ([Property("tg", "K")], r'data\.csv .*"tg".* density, m$'),
        ([], r"data\.csv.* \[\]"),
        ([DENSITY, DENSITY], r"data\.csv.* \['density', 'density'\]"),
        ([Property("softening", "K", column="density", file_unit="g/cm3")], r'"softening".*data\.csv.*"g/cm3".*"K"'),
        ([Property("density", "gcm")], '"gcm"'),
    ],
)
def test_a_request_that_does_not_fit_is_refused(properties, values):
    with pytest.raises(ValueError, match=values):
        clean_table(
            frame_of(("a", 1.0)),
            material_column="m",
            properties=properties,
            identity=identity,
            source="data.csv",
        )


def test_a_missing_column_among_many_names_the_nearest_first():
    frame = pd.DataFrame({"m": ["a"], **{f"other_{column}": [0] for column in range(30)}, "Density": [1.0]})
    with pytest.raises(ValueError, match=r'"density".* Density, .* 12 more$'):
        clean(frame)


def test_nothing_left_is_an_error_with_counts_and_an_example():
    counts = r"data\.csv .*: 3 rows read, .* 2 unreadable material, 1 outside \(0, 10\) g/cm3"
    with pytest.raises(ValueError, match=rf"{counts}\b.*row 2 \(x\?\).*'x\?'.*letters"):
        clean(frame_of(("x?", 1.0), ("y?", 1.0), ("z", -1.0)))
    with pytest.raises(ValueError, match=r"data\.csv .*\b0 rows\b"):
        clean(frame_of())


def test_other_errors_of_identity_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        clean_table(
            frame_of(("a", 1.0)),
            material_column="m",
            properties=[DENSITY],
            identity=lambda _: str(1 / 0),
            source="s",
        )


def test_quarantine_is_written_as_csv(tmp_path):
    table = clean(frame_of(("a", 1.0), ("x?", 1.0)))
    table.write_quarantine(tmp_path / "new" / "quarantine.csv")
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "new" / "quarantine.csv", keep_default_na=False),
        table.quarantine,
        check_dtype=False,
    )


def test_no_cell_of_a_quarantine_is_a_formula_for_a_spreadsheet(tmp_path):
    formula = '=HYPERLINK("http://x?","see")'
    clean(frame_of(("a", 1.0), (formula, 1.0))).write_quarantine(tmp_path / "quarantine.csv")
    with (tmp_path / "quarantine.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert f"'{formula}" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "@"))]


def test_a_quarantine_is_logged_only_once(tmp_path, caplog):
    table = clean(frame_of(("a", 1.0), ("x?", 1.0)))

    def times_logged():
        return sum(str(tmp_path) in message for message in caplog.messages)

    with caplog.at_level("INFO", logger="gnn_sim2real.tables.table"):
        for _ in range(3):
            table.save_quarantine(tmp_path, "mine")
        assert times_logged() == 1
        clean(frame_of(("a", 1.0), ("y?", 1.0))).save_quarantine(tmp_path, "mine")
        assert times_logged() == 2
    assert "y?" in (tmp_path / "quarantine_mine.csv").read_text()


ROWS = st.lists(
    st.tuples(st.sampled_from(["a", "A", "b", "c?", "D", ""]), st.floats(-1, 12) | st.sampled_from([np.nan, -0.0])),
    max_size=12,
).map(lambda rows: [("sure", 1.0), *rows])


@given(rows=ROWS, data=st.data())
def test_the_order_of_the_rows_changes_nothing_but_the_spelling(rows, data):
    wide = Property("density", "g/cm3", lower=-2.0, upper=10.0)
    table = clean(frame_of(*rows), wide)
    shuffled = clean(frame_of(*data.draw(st.permutations(rows))), wide)
    assert table.identities == shuffled.identities == sorted(set(table.identities))
    np.testing.assert_array_equal(table.values, shuffled.values)
    np.testing.assert_array_equal(table.spread, shuffled.spread)
    np.testing.assert_array_equal(table.num_merged, shuffled.num_merged)
    assert table.fingerprint() == shuffled.fingerprint()
    assert len(table.quarantine) == len(shuffled.quarantine)
    assert table.num_merged.sum() + len(table.quarantine) == len(rows)  # one property: kept or refused, never lost


@given(rows=ROWS)
def test_the_median_lies_within_the_spread_of_its_rows(rows):
    table = clean(frame_of(*rows))
    for name, median, spread in zip(table.identities, table.values[:, 0], table.spread[:, 0], strict=True):
        members = np.array([value for material, value in rows if material.lower() == name and 0 < value < 10])
        assert median == np.median(members)
        assert np.isnan(spread) if len(members) == 1 else spread == np.ptp(members) / 2


@given(rows=ROWS)
def test_cleaning_twice_is_cleaning_once(rows):
    table = clean(frame_of(*rows))
    again = clean(frame_of(*zip(table.materials, table.values[:, 0].tolist(), strict=True)))
    assert again.fingerprint() == table.fingerprint()
    assert again.quarantine.empty


def test_the_fingerprint_tells_tables_apart_and_ignores_their_order():
    table = clean(frame_of(("a", 1.0), ("b", 2.0)))
    turned = replace(table, identities=table.identities[::-1], values=table.values[::-1])
    assert turned.fingerprint() == table.fingerprint()
    others = [
        clean(frame_of(("a", 2.0), ("b", 1.0))),
        clean(frame_of(("a", 1.0), ("c", 2.0))),
        clean(frame_of(("a", 1.0), ("b", np.nextafter(2.0, 3.0)))),
        clean(frame_of(("a", 1.0), ("b", 2.0)), Property("density", "kg/m3", lower=0)),
        clean(frame_of(("a", 1.0), ("b", 2.0)), Property("other", "g/cm3", column="density")),
    ]
    assert len({other.fingerprint() for other in [table, *others]}) == 1 + len(others)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.csv.xz", "t.csv.gz", "t.tsv.bz2", "t.csv.zip", "t.CSV"])
def test_read_text_tables(tmp_path, name):
    frame = pd.DataFrame({"m": ["NaN", "b"], "density": [1.0, np.nan]})
    frame.to_csv(tmp_path / name, sep="\t" if ".tsv" in name else ",", index=False, encoding="utf-8-sig")
    read = read_table(tmp_path / name)
    assert read["m"].tolist() == ["NaN", "b"]
    assert read.index.tolist() == [2, 3]
    assert clean(read).values.tolist() == [[1.0]]


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz", "t.parquet"])
def test_read_other_tables(tmp_path, name):
    frame = pd.DataFrame({"m": ["NaN", "1", "b"], "density": [0.1, np.nan, 0.30000000000000004]}, index=[7, 8, 9])
    if name.endswith("parquet"):
        frame.to_parquet(tmp_path / name)
    else:
        frame.to_json(tmp_path / name, orient="records", lines=True, double_precision=15)
    read = read_table(tmp_path / name)
    assert read["m"].tolist() == ["NaN", "1", "b"]
    assert read.index.tolist() == [1, 2, 3]
    np.testing.assert_allclose(read["density"], frame["density"], rtol=1e-15)


def test_row_numbers_stay_those_of_the_file(tmp_path):
    (tmp_path / "t.csv").write_text("m,density\na,1\n\n,\nb,-5\nc,1\n\n")
    read = read_table(tmp_path / "t.csv")
    assert read.index.tolist() == [2, 5, 6]
    assert reasons(clean(read[read["m"] != "a"])) == [(5, "b", "density", "outside (0, 10) g/cm3: -5")]


@pytest.mark.parametrize(
    ("name", "content", "values"),
    [
        ("t.csv", b"", r"t\.csv\b"),
        ("t.csv", b"m,density\n", r"t\.csv\b.*\brows\b"),
        ("t.csv", b"m,density\n,\n\n", r"t\.csv\b.*\brows\b"),
        ("t.jsonl", b"", r"t\.jsonl\b.*\brows\b"),
        ("t.csv", b"m,density\na,1\nb,1,2\n", r"row 3\b.*\b3 cells\b.*\b2\b"),
        ("t.csv", b"m,density\na,1,5\nb,1,2\n", r"t\.csv\b.*row 2\b.*\b3 cells"),
        ("t.csv", "m,密度\na,1\n".encode("shift_jis"), "UTF-8"),
        ("t.csv", "m,density\nÅé,1\n".encode()[:-4] + b"\xff,1\n", "UTF-8"),
        ("t.csv", "m,density\na,1\n".encode("utf-16-le"), "UTF-16"),
        ("t.csv", b"m,density,density\na,1,2\n", "'density'"),
        ("t.json", b'{"a": 1}', "records"),
        ("t.jsonl", b'{"m": 1', r" \.jsonl: "),
        ("t.csv.gz", b"nonsense", r"t\.csv\.gz\b.*gzip"),
        ("t.csv.xz", b"nonsense", r" \.csv: "),
        ("t.csv.gz", gzip.compress(b"m,density\na,1\n" * 9000, mtime=0)[:60], r"t\.csv\.gz\b.*\bstream"),
        ("t.parquet", b"nonsense", r" \.parquet: "),
        ("t.xls", b"PK", r" \.xls\b.* \.csv, "),
        ("t.xlsx", b"PK", r"t\.xlsx\b.*\bzip\b"),
        ("table", b"m", r" none\b.* \.csv, "),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_cause(tmp_path, name, content, values):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=values) as error:
        read_table(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"t\.csv"):
        read_table(tmp_path / "t.csv")


@pytest.mark.realdata
def test_radonpy_is_read_whole(real_data):
    frame = read_table(real_data / "polymer/radonpy_pi1070/PI1070.csv")
    properties = [DENSITY, Property("volume_expansion", "ppm/K", file_unit="1/K", lower=0.0)]
    table = clean_table(frame, material_column="smiles", properties=properties, identity=str, source="PI1070.csv")
    assert table.num_rows_read == 1077
    assert np.isfinite(table.values[:, 0]).sum() > 1000
    assert (table.quarantine["property"] == "volume_expansion").sum() > 0


def test_groups_simulated_values_and_crystals_are_part_of_the_fingerprint():
    table = clean(frame_of(("a", 1.0), ("b", 2.0), ("c", 3.0)))
    assert table.groups == table.identities
    simulated = np.array([[0.9], [np.nan], [2.9]])
    crystals = SimpleNamespace(content_hash="other lattice constants")
    others = [
        replace(table, own_groups=["x", "x", "y"]),
        replace(table, simulated=simulated),
        replace(table, simulated=simulated + 1),
        replace(table, materials=crystals),
    ]
    assert len({table.fingerprint(), *(each.fingerprint() for each in others)}) == 5
    turned = replace(others[1], identities=table.identities[::-1], values=table.values[::-1], simulated=simulated[::-1])
    assert turned.fingerprint() == others[1].fingerprint()


def test_rows_that_the_data_set_refuses_itself():
    frame = frame_of(("a", 1.0), ("b", 2.0), ("c", None))
    table = clean(frame, refused_before={1: "padded with vacuum", 2: "too large"})
    assert table.identities == ["a"]
    assert table.quarantine["reason"].tolist() == ["padded with vacuum", "too large"]


@pytest.mark.parametrize("name", ["t.json", "t.jsonl"])
def test_a_name_that_is_twice_in_a_record_is_refused(tmp_path, name):
    record = '{"m": "a", "density": 1, "density": 2}'
    (tmp_path / name).write_text(f"[{record}]" if name == "t.json" else f'{{"m": "b", "density": 1}}\n{record}\n')
    with pytest.raises(ValueError, match="line 2.*'density'" if name == "t.jsonl" else "'density'"):
        read_table(tmp_path / name)


def test_sheets_that_are_not_read_are_named(tmp_path, caplog):
    with pd.ExcelWriter(tmp_path / "t.xlsx") as file:
        for sheet in ("mine", "more"):
            pd.DataFrame({"m": [sheet], "density": [1.0]}).to_excel(file, sheet_name=sheet, index=False)
    assert read_table(tmp_path / "t.xlsx")["m"].tolist() == ["mine"]
    assert "'mine', not 'more'" in caplog.text


def test_the_home_of_a_user_that_does_not_exist_is_no_file():
    with pytest.raises(FileNotFoundError):
        read_table(expand("~nobody-of-this-name/t.csv"))
