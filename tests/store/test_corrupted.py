"""A thousand corrupted rows of every kind: each invalid one is refused with a reason, each valid one taken."""

import math
import random
import string

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from loopback import entry

from gnn_sim2real.databases.entries import to_rows
from gnn_sim2real.featurize.crystal_files import read_cif
from gnn_sim2real.featurize.identity import repeat_unit_identity
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.columns import find_column, read_heading
from gnn_sim2real.tables.properties import check_property_unit
from gnn_sim2real.tables.table import Property, read_table
from gnn_sim2real.units import is_unit

COUNT = 1000
UNITS = ["*CC*", "*CCO*", "*CC(*)c1ccccc1", "*CC(*)C(=O)OC", "*O[Si](*)(C)C", "*NCCCCCC(=O)*"]


def clean(rows, unit_column=None):
    """One row of known value first, so that there is always something to keep."""
    frame = pd.DataFrame([{"smiles": "*C(F)(F)*", "density": "2.2", "unit": "g/cm3"}, *rows])
    prop = Property("density", "g/cm3", lower=0, upper=25, unit_column=unit_column)
    return clean_table(frame, material_column="smiles", properties=[prop], identity=repeat_unit_identity, source="fuzz")


def assert_as_expected(table, rows, valid):
    refused = {row - 3: reason for row, reason in zip(table.quarantine["row"], table.quarantine["reason"], strict=True)}
    wrong = [row for row, good in zip(range(len(rows)), valid, strict=True) if good == (row in refused)]
    assert [(rows[row], refused.get(row)) for row in wrong] == []
    assert all(reason.strip() for reason in refused.values())


SMILES = {
    "bracket": (lambda s, rng: s + "(", False),
    "ring": (lambda s, rng: s.replace("C", "C9", 1), False),
    "element": (lambda s, rng: s.replace("C", "Q", 1) if "C" in s else "Q" + s, False),
    "valence": (lambda s, rng: s.replace("C", "C(C)(C)(C)(C)", 1), False),
    "one star": (lambda s, rng: s.replace("*", "C", 1), False),
    "three stars": (lambda s, rng: s + ".*C", False),
    "no star": (lambda s, rng: s.replace("*", "C"), False),
    "letters": (lambda s, rng: "".join(rng.choices("xyz!?$&", k=9)), False),
    "empty": (lambda s, rng: "", False),
    "blank": (lambda s, rng: "   ", False),
    "name": (lambda s, rng: "polystyrene", False),
    "parts": (lambda s, rng: s + ".O", False),
    "spaces": (lambda s, rng: f"  {s} ", True),
    "brackets": (lambda s, rng: s.replace("*", "[*]"), True),
    "unchanged": (lambda s, rng: s, True),
}
NUMBERS = {
    "word": (lambda v, rng: "high", False),
    "decimal comma": (lambda v, rng: f"{v:.3f}".replace(".", ","), False),
    "range": (lambda v, rng: f"{v:.2f}-{v + 0.1:.2f}", False),
    "underscore": (lambda v, rng: "1_0", False),
    "infinite": (lambda v, rng: rng.choice(["inf", "-Infinity", "1e999"]), False),
    "with unit": (lambda v, rng: f"{v:.3f} g/cm3", False),
    "about": (lambda v, rng: f"~{v:.3f}", False),
    "negative": (lambda v, rng: f"{-v:.3f}", False),
    "absurd": (lambda v, rng: f"{v * 1000:.3f}", False),
    "missing": (lambda v, rng: rng.choice(["", "nan", "NaN", "n/a", "none"]), False),
    "hexadecimal": (lambda v, rng: "0x1", False),
    "spaces": (lambda v, rng: f"  {v:.3f} ", True),
    "plus": (lambda v, rng: f"+{v:.3f}", True),
    "exponent": (lambda v, rng: f"{v:.3e}", True),
    "unchanged": (lambda v, rng: f"{v:.3f}", True),
}
ROW_UNITS = {
    "other quantity": (lambda rng: rng.choice(["eV", "K", "eV/atom", "W/(m K)", "m", "mol"]), False),
    "unknown": (lambda rng: "".join(rng.choices(string.ascii_letters, k=9)) + "q", False),
    "missing": (lambda rng: rng.choice(["", "1", "dimensionless"]), False),
    "signs": (lambda rng: rng.choice(["g//cm3", "g/", "((", "%%", "g/cm3)", "-"]), False),
    "spelled otherwise": (lambda rng: rng.choice(["g/cm^3", "g cm-3", "kg/m3", "g/mL", "g/cm**3"]), True),
    "unchanged": (lambda rng: "g/cm3", True),
}


def test_a_thousand_corrupted_materials():
    rng = random.Random(1)  # noqa: S311 (no secret)
    kinds = [rng.choice(list(SMILES)) for _ in range(COUNT)]
    rows = [{"smiles": SMILES[kind][0](rng.choice(UNITS), rng), "density": "1.0"} for kind in kinds]
    assert_as_expected(clean(rows), rows, [SMILES[kind][1] for kind in kinds])


def test_a_thousand_corrupted_numbers():
    rng = random.Random(2)  # noqa: S311 (no secret)
    kinds = [rng.choice(list(NUMBERS)) for _ in range(COUNT)]
    rows = [{"smiles": rng.choice(UNITS), "density": NUMBERS[kind][0](rng.uniform(0.8, 2.0), rng)} for kind in kinds]
    assert_as_expected(clean(rows), rows, [NUMBERS[kind][1] for kind in kinds])


def test_a_thousand_corrupted_units():
    rng = random.Random(3)  # noqa: S311 (no secret)
    kinds = [rng.choice(list(ROW_UNITS)) for _ in range(COUNT)]
    rows = [{"smiles": rng.choice(UNITS), "density": "1.0", "unit": ROW_UNITS[kind][0](rng)} for kind in kinds]
    # 1 kg/m3 is 0.001 g/cm3, which is allowed here
    assert_as_expected(clean(rows, "unit"), rows, [ROW_UNITS[kind][1] for kind in kinds])


def refuses(read, *values):
    """The result of a reader; None if it refuses with a message that has these values. Any other error is a crash."""
    try:
        return read()
    except ValueError as error:
        message = str(error)
    assert all(value in message for value in values)
    assert message.strip()
    return None


CIF = """data_NaCl
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na 0 0 0 1
Cl1 Cl 0.5 0.5 0.5 1
"""
CIFS = {
    "no cell": (lambda text, rng: text.replace("_cell_length_a 5.64\n", ""), False),
    "no sites": (lambda text, rng: text.partition("loop_")[0], False),
    "occupancy": (lambda text, rng: text.replace("0 0 0 1", f"0 0 0 {rng.uniform(0.1, 0.9):.2f}"), False),
    "element": (lambda text, rng: text.replace("Na1 Na", "Qq1 Qq"), False),
    "words": (lambda text, rng: text.replace("5.64", "long"), False),
    "flat": (lambda text, rng: text.replace("_cell_length_c 5.64", "_cell_length_c 0"), False),
    "space group": (lambda text, rng: text.replace("'P 1'", "'P nonsense'"), False),
    "half": (lambda text, rng: text[: text.index("_atom_site_fract_z")], False),
    "comment": (lambda text, rng: "# " + "".join(rng.choices(string.ascii_letters, k=20)) + "\n" + text, True),
    "uncertainty": (lambda text, rng: text.replace("5.64", "5.64(2)"), True),
    "other image": (lambda text, rng: text.replace("0.5 0.5 0.5", "1.5 -0.5 0.5"), True),
    "windows": (lambda text, rng: text.replace("\n", "\r\n"), True),
    "unchanged": (lambda text, rng: text, True),
}


def read_one(text):
    """The crystal of a CIF, or the reason why there is none."""
    try:
        (found,) = read_cif(text)
    except ValueError as error:
        return None, str(error)
    return found.crystal, found.reason


def test_a_thousand_corrupted_cifs():
    rng = random.Random(4)  # noqa: S311 (no secret)
    for kind in [rng.choice(list(CIFS)) for _ in range(COUNT)]:
        change, valid = CIFS[kind]
        crystal, reason = read_one(change(CIF, rng))
        assert (crystal is not None) == valid, (kind, reason)
        assert (crystal is None) == bool(reason)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, len(CIF) - 1), st.characters(codec="utf-8")), max_size=8))
@example([(CIF.index("alpha 90") + 6, "0")])
def test_no_letters_of_a_cif_crash_its_reader(changes):
    letters = list(CIF)
    for place, letter in changes:
        letters[place] = letter
    text = "".join(letters)
    entries = refuses(lambda: read_cif(text)) or []
    assert all((each.crystal is None) == bool(each.reason) for each in entries)


TABLE = b"smiles,Density [g/cm3]\n*CC*,0.95\n*CCO*,1.12\n"


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(TABLE) - 1), st.integers(0, 255)), max_size=6), st.integers(0, len(TABLE)))
@example([(0, 0xFF)], len(TABLE))
def test_no_bytes_of_a_table_crash_its_reader(tmp_path_factory, changes, length):
    content = bytearray(TABLE)
    for place, byte in changes:
        content[place] = byte
    path = tmp_path_factory.getbasetemp() / "corrupted.csv"
    path.write_bytes(bytes(content[:length]))
    frame = refuses(lambda: read_table(path), "corrupted.csv")
    assert frame is None or len(frame)


@pytest.mark.parametrize("encoding", ["utf-16-le", "shift_jis", "gbk"])
def test_other_encodings_are_refused_by_name(tmp_path, encoding):
    (tmp_path / "mine.csv").write_bytes("smiles,密度\n*CC*,0.95\n".encode(encoding))
    with pytest.raises(ValueError, match=r"mine\.csv .*\.csv: .*UTF-8"):
        read_table(tmp_path / "mine.csv")


@pytest.mark.slow
@settings(max_examples=COUNT)
@given(st.text(max_size=30))
@example("Density [g/cm3]")
@example("Tg / °C")
@example("[")
@example("(a) (b) [c] / d")
def test_no_heading_crashes(text):
    heading = read_heading(text)
    assert heading.column == text
    assert heading.unit is None or is_unit(heading.unit)
    found = refuses(lambda: find_column([text, "smiles"], ["density"], "the values", "mine.csv", "column"), "`column`")
    assert found is None or found.name == "density"


@settings(max_examples=300)
@given(st.text(max_size=20))
def test_no_unit_crashes(text):
    refuses(lambda: check_property_unit("density", text), "accepted are")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
FIELDS = sorted(entry(0)["attributes"])


@pytest.mark.slow
@settings(max_examples=COUNT)
@given(st.sampled_from(FIELDS), JSON)
def test_no_entry_of_a_server_crashes(field, value):
    sound = entry(1)
    (row, other) = to_rows([entry(0, **{field: value}), sound], {"gap": "_test_band_gap"})
    assert other["problem"] is None
    assert other["gap"] == 1.0
    if row["problem"] is None:
        assert math.isfinite(row["volume"])
        assert len(row["frac_e8"]) == 3 * row["nsites"] == 3 * len(row["species"].split())
    else:
        assert row["problem"]
        assert not len(row["frac_e8"])
    assert np.asarray(row["frac_e8"]).dtype.kind in "if"
