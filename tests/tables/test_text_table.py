"""CSV and JSON as spreadsheets and people write them."""

import bz2
import gzip
import io
import json
import logging
import lzma
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.tables import text_table
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.crystal_columns import holds_crystals
from gnn_sim2real.tables.table import Property, read_table, read_without_header

ROWS = [("*CC*", 0.93), ("*CC(*)C", 0.9), ("*CC(*)c1ccccc1", 1.05)]


def save(folder, text, encoding="utf-8", name="mine.csv"):
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


def same(frame, rows=ROWS, first=2):
    assert list(zip(frame["smiles"], frame["density"].astype(float), strict=True)) == rows
    assert frame.index.tolist()[0] == first
    return True


def lines(separator=",", comma=False, head="", end="\n"):
    cells = [("smiles", "density"), *((m, f"{v}".replace(".", ",") if comma else f"{v}") for m, v in ROWS)]
    return head + "".join(separator.join(row) + end for row in cells)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (lines(), 2),
        (lines(";", comma=True), 2),
        (lines(";", head="sep=;\n"), 3),
        (lines(";", head='"sep=;"\r\n', end="\r\n"), 3),
        (lines("\t"), 2),
        (lines("\t", comma=True), 2),
        (lines(head="# measured in May; by hand, twice\n% by me\n\n"), 5),
        (lines(end="\r"), 2),
        (lines().replace("smiles,", "# smiles,"), 2),
        (lines(";") + "# 0,5\n", 2),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_ways_to_write_one_table(tmp_path, text, first, encoding):
    assert same(read_table(save(tmp_path, text, encoding)), first=first)


def test_a_western_code_page_is_read_and_said(tmp_path, caplog):
    text = "smiles,Tg (°C),Größe\n*CC*,-30,µ²\n"
    for encoding in ("cp1252", "latin-1"):
        with caplog.at_level(logging.WARNING):
            frame = read_table(save(tmp_path, text, encoding))
        assert list(frame) == ["smiles", "Tg (°C)", "Größe"]
        assert "1252" in caplog.text
        caplog.clear()


@pytest.mark.parametrize("encoding", ["shift_jis", "gbk", "cp1251", "mac_roman", "euc_kr"])
def test_other_code_pages_are_refused(tmp_path, encoding):
    word = {"cp1251": "плотность", "mac_roman": "Tg (°C)", "euc_kr": "밀도"}.get(encoding, "密度")
    with pytest.raises(ValueError, match=r"mine\.csv.*UTF-8"):
        read_table(save(tmp_path, f"smiles,{word}\n*CC*,1\n", encoding))


def test_a_point_beside_decimal_commas_may_stand_for_thousands(tmp_path):
    frame = read_table(save(tmp_path, "smiles;density;tg\n*CC*;1.030;-30,5\n*CCO*;0.95;20\n*CCS*;980,5;1,5e2\n"))
    assert frame["tg"].tolist() == [-30.5, 20, 150]
    assert [cell.partition(" ")[0] for cell in frame["density"]] == ["1.030", "0.95", "980.5"]
    assert "thousands" in frame["density"].iloc[0]


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("sign", [",", "."])
def test_numbers_that_all_look_like_thousands_are_refused(tmp_path, separator, sign):
    cells = [f"{each}".replace(",", sign) for each in ("1,200", "12,000", "-3,100")]
    text = "m\tn\tv\n" + "".join(f"a\t{row}\t{cell}\n" for row, cell in enumerate(cells))
    frame = read_table(save(tmp_path, text.replace("\t", separator)))
    assert [cell.partition(" (decimals or thousands?")[0] for cell in frame["v"]] == cells
    assert frame["n"].tolist() == [0, 1, 2]
    for other in (f"0{sign}567", f"1{sign}5"):  # tells that it is the decimal sign
        told = read_table(save(tmp_path, (text + f"a\t3\t{other}\n").replace("\t", separator)))
        assert told["v"].iloc[:2].astype(float).tolist() == [1.2, 12]
    if sign == ".":
        assert read_table(save(tmp_path, text.replace("\t", ",")))["v"].tolist() == [1.2, 12, -3.1]


@given(st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 4)), min_size=1, max_size=8))
def test_decimal_commas_are_the_numbers(tmp_path_factory, numbers):
    path = tmp_path_factory.getbasetemp() / "commas.csv"
    path.write_text("m;v\n" + "".join(f"a;{value:.4f}\n".replace(".", ",") for value in numbers))
    np.testing.assert_array_equal(read_table(path)["v"].to_numpy(float), numbers)


def test_comments_keep_the_row_numbers_and_cells_their_lines(tmp_path, caplog):
    text = 'id,cif,v\n1,"# made by hand\n# twice\ndata_",2.5\n# no row\n#3,x,1\n4,y,3\n'
    with caplog.at_level(logging.INFO):
        frame = read_table(save(tmp_path, text))
    assert frame["v"].tolist() == [2.5, 3]
    assert frame["cif"].tolist() == ["# made by hand\n# twice\ndata_", "y"]
    assert "2 lines of comments" in caplog.text
    assert re.search(r"\b1 lines\b.*#.*%", caplog.text)
    numbered = read_table(save(tmp_path, "#,v\n1,2.5\n"))
    assert list(numbered) == ["#", "v"]


def test_one_name_of_two_columns(tmp_path):
    with pytest.raises(ValueError, match=r"mine\.csv.*\b2\b.*'density'"):
        read_table(save(tmp_path, "smiles,density,density\n*CC*,1,2\n"))
    assert list(read_table(save(tmp_path, "smiles,density,density\n*CC*,1,1\n"))) == ["smiles", "density"]
    assert list(read_table(save(tmp_path, "a,a.1\n1,2\n"))) == ["a", "a.1"]
    pd.DataFrame([["*CC*", 1, 2]], columns=["smiles", "density", "density"]).to_excel(tmp_path / "t.xlsx", index=False)
    with pytest.raises(ValueError, match=r"t\.xlsx.*'density'"):
        read_table(tmp_path / "t.xlsx")


def test_a_table_without_header_may_have_a_mark_and_semicolons(tmp_path):
    path = save(tmp_path, "NaCl;8,5\nNaN;1,5\n", "utf-8-sig", "id_prop.csv")
    frame = read_without_header(path, ["name", "gap"])
    assert frame["name"].tolist() == ["NaCl", "NaN"]
    assert frame["gap"].astype(float).tolist() == [8.5, 1.5]
    assert frame.index.tolist() == [1, 2]


@pytest.mark.parametrize("orient", ["records", "split", "columns", "index", "table", "list"])
def test_json_by_pandas(tmp_path, orient):
    frame = pd.DataFrame(ROWS, columns=["smiles", "density"])
    path = tmp_path / "mine.json"
    if orient == "list":
        path.write_text(json.dumps(frame.to_dict("list")))
    else:
        frame.to_json(path, orient=orient)
    assert same(read_table(path), first=1)


@pytest.mark.parametrize("text", ["3", "[]", "[1, 2]", '{"a": [1], "b": [1, 2]}', '{"a": 1}', "{", "null"])
def test_json_that_is_no_table(tmp_path, text):
    with pytest.raises(ValueError, match=r"mine\.json"):
        read_table(save(tmp_path, text, name="mine.json"))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("smiles,density\n*CC*,0,92\n", ["row 2 ", "3 cells", " 2:", "quotes", "semicolons"]),
        ("smiles,density\n*CC*,0.9\n*CCO*,1,1\n", ["row 3 ", "3 cells", "quotes"]),
        ("# mine\nsmiles,density\n*CC*,0.9\n*CCO*,1,1\n", ["row 4 ", "3 cells"]),
        ("smiles;density\n*CC*;0,92;3;4\n", ["row 2 ", "4 cells", " 2;"]),
    ],
)
def test_a_row_longer_than_the_heading_is_named(tmp_path, text, values):
    with pytest.raises(ValueError, match=r"mine\.csv") as caught:
        read_table(save(tmp_path, text))
    assert [value for value in values if value not in str(caught.value)] == []
    assert ("semicolons" in str(caught.value)) == (";" not in text)


def test_what_is_refused_is_not_announced_first(tmp_path, caplog):
    """UTF-16 without a mark, with a letter that is no UTF-8."""
    with caplog.at_level(logging.WARNING), pytest.raises(ValueError, match="UTF-16"):
        read_table(save(tmp_path, "smiles,density\n*CC*,0.9 \N{MICRO SIGN}\n", "utf-16-le"))
    assert "1252" not in caplog.text


def test_a_damaged_parquet_file_is_named(tmp_path):
    (tmp_path / "mine.parquet").write_bytes(b"PAR1")
    assert not holds_crystals(tmp_path / "mine.parquet")
    with pytest.raises(ValueError, match=r"mine\.parquet"):
        read_table(tmp_path / "mine.parquet")


@pytest.mark.parametrize(
    ("heading", "unit", "expected"),
    [
        ("x", "percent", [50.0, 7.0, 0.5]),
        ("x (%)", "percent", [50.0, 7.0, 0.5]),
        ("x (1)", "percent", [50.0, 7.0, 0.5]),
        ("x", "", [0.5, 0.07, 0.005]),
        ("x (wt%)", "weight_percent", [50.0, 7.0, 0.5]),
    ],
)
def test_a_cell_formatted_as_percent_is_what_it_shows(tmp_path, caplog, heading, unit, expected):
    from openpyxl import Workbook

    book = Workbook()
    for row in (["m", heading], ["a", 0.5], ["b", 0.07], ["c", 0.5]):
        book.active.append(row)
    for cell, look in (("B2", "0.0%"), ("B3", "0%"), ("B4", '0.0"%"')):
        book.active[cell].number_format = look
    book.save(tmp_path / "t.xlsx")
    frame = read_table(tmp_path / "t.xlsx")
    assert "3 cells" in caplog.text
    prop = Property("x", unit, column=heading)
    table = clean_table(frame, material_column="m", properties=[prop], identity=str, source="t")
    assert table.values[:, 0] == pytest.approx(expected)


def test_a_percent_sign_in_a_column_of_another_quantity_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("m,x (K)\na,50 %\nb,300\n")
    prop = Property("x", "K", column="x (K)")
    frame = read_table(tmp_path / "t.csv")
    table = clean_table(frame, material_column="m", properties=[prop], identity=str, source="t")
    assert table.identities == ["b"]


def test_hidden_rows_of_a_sheet_are_said(tmp_path, caplog):
    from openpyxl import Workbook

    book = Workbook()
    for row in (["m", "x"], ["a", 1], ["b", 2], ["c", 3]):
        book.active.append(row)
    for number in (3, 4, 7):  # nothing is in row 7
        book.active.row_dimensions[number].hidden = True
    book.save(tmp_path / "t.xlsx")
    assert read_table(tmp_path / "t.xlsx")["x"].tolist() == [1, 2, 3]
    (line,) = caplog.messages
    assert "2 hidden rows" in line
    assert "3, 4" in line


def save_book(path, change):
    from openpyxl import Workbook

    book = Workbook()
    for row in (("smiles", "density"), ("*CC*", 900), ("*CCO*", 1100)):
        book.active.append(row)
    change(book.active)
    book.save(path)


@pytest.mark.parametrize(
    ("code", "shown"),
    [("0.00,", "0.9"), ("#,##0.0,", "0.9"), ('0.00,,"x"', "0.0009"), ("0.0,;-0.0,", "0.9"), ("#,##0.00", None)],
)
def test_a_cell_that_shows_a_thousandth_of_its_number_is_none(tmp_path, code, shown):
    save_book(tmp_path / "t.xlsx", lambda sheet: setattr(sheet["B2"], "number_format", code))
    values = read_table(tmp_path / "t.xlsx")["density"].tolist()
    assert values == ([900, 1100] if shown is None else [f"900, shown as {shown}", 1100])


def test_a_stray_cell_in_the_last_corner_is_told(tmp_path):
    """pandas would make 17 billion cells."""
    save_book(tmp_path / "t.xlsx", lambda sheet: sheet.cell(1_048_576, 16_384, "x"))
    with pytest.raises(ValueError, match=r"XFD1048576.*\b7\b"):
        read_table(tmp_path / "t.xlsx")


def test_a_chart_in_front_of_the_table_is_told(tmp_path):
    save_book(tmp_path / "t.xlsx", lambda sheet: sheet.parent.create_chartsheet(index=0))
    with pytest.raises(ValueError, match="chart"):
        read_table(tmp_path / "t.xlsx")


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zip"])
def test_a_small_file_that_unpacks_to_very_much_is_refused(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(text_table, "_MOST_UNPACKED", 10_000)
    path = tmp_path / f"t.csv.{suffix}"
    for number, fits in ((5_000, True), (5_000_000, False)):
        text = "smiles,density\n*CC*,1." + "0" * number + "\n"
        path.write_bytes(packed(text.encode(), suffix))
        if fits:
            assert len(read_table(path)) == 1
        else:
            with pytest.raises(ValueError, match="unpack"):
                read_table(path)


def test_a_small_spreadsheet_that_unpacks_to_very_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(text_table, "_MOST_UNPACKED", 10_000)
    save_book(tmp_path / "t.xlsx", lambda sheet: None)
    assert len(read_table(tmp_path / "t.xlsx")) == 2
    with zipfile.ZipFile(tmp_path / "t.xlsx", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/more.xml", " " * 5_000_000)
    with pytest.raises(ValueError, match="unpack"):
        read_table(tmp_path / "t.xlsx")


def packed(content, suffix):
    if suffix != "zip":
        return {"gz": gzip, "bz2": bz2, "xz": lzma}[suffix].compress(content)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", content)
    return made.getvalue()


def test_too_little_memory_is_not_a_fault_of_the_file(tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("smiles,density\n*CC*,1\n")

    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr("gnn_sim2real.tables.table.read_text_table", fail)
    with pytest.raises(MemoryError):
        read_table(tmp_path / "t.csv")


def test_a_small_parquet_that_unpacks_to_very_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(text_table, "_MOST_UNPACKED", 10_000)
    path = tmp_path / "many.parquet"
    pd.DataFrame({"density": np.ones(20_000)}).to_parquet(path)
    assert len(read_table(path)) == 20_000
    pd.DataFrame({"density": np.ones(2_000_000)}).to_parquet(path)
    assert path.stat().st_size < 20_000
    with pytest.raises(ValueError, match="unpack"):
        read_table(path)


def test_of_a_limit_the_comma_is_the_decimal_sign_and_of_a_name_it_is_not(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("name;x\nB1,2;<1,5\n7,8;> 2,25\nC;≤-3,5\nD;0,5\n", encoding="utf-8")
    found = read_table(path)
    assert found["x"].tolist() == ["<1.5", "> 2.25", "≤-3.5", "0.5"]
    assert found["name"].tolist() == ["B1,2", "7.8", "C", "D"]
