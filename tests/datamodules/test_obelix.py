"""OBELiX as it comes with the package: its rows, its official split, its limits of detection."""

import gemmi
import numpy as np
import pandas as pd
import pytest

from datamodules import OBELiX
from datamodules.open_data import OPEN_TABLES
from gnn_sim2real.cli.main import main
from gnn_sim2real.featurize.composition import read_formula

OFFICIAL = {"split_by": "official", "split_column": "part", "validation_fraction": 0}


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No data folder, and a cache of its own."""
    monkeypatch.delenv("GNN_SIM2REAL_DATA", raising=False)
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path))


def test_all_rows_by_composition_in_the_official_split(nowhere):
    data = OBELiX(representation="composition", **OFFICIAL)
    table, frame = data.table, pd.read_parquet(OPEN_TABLES["obelix"].file).set_index("id")
    assert len(table.identities) == 599
    assert set(np.array(table.identities)[data.parts.test]) == set(frame.index[frame["part"] == "test"])
    trained = np.array(table.groups)[data.parts.train]
    assert len(trained) == 476  # two formulas are in both parts: what is tested is not trained on
    assert not {*trained} & {*np.array(table.groups)[data.parts.test]}
    papers = np.array([frame.loc[name, "doi"] for name in table.identities])
    assert not {*papers[data.parts.train]} & {*papers[data.parts.test]}
    assert (table.censored != 0).sum() == 37
    assert table.values[table.identities.index("jqc"), 0] == pytest.approx(np.log10(1.58489e-6))
    assert table.values[table.identities.index("47i"), 0] == -10
    assert len(data.store) == 599


def test_the_crystals_that_can_be_read(nowhere, caplog):
    data = OBELiX(disorder="average", **OFFICIAL)
    assert len(data.table.identities) == 317
    assert [len(rows) for rows in (data.parts.train, data.parts.test)] == [250, 67]
    assert data.data_set.is_disordered.sum() == 245
    reasons = data.table.quarantine["reason"]
    assert reasons.str.startswith("no structure").sum() == 278
    assert reasons.str.startswith("unreadable crystal").sum() == 4
    (told,) = [each.getMessage() for each in caplog.records if "lack an element" in each.getMessage()]
    assert "8 of 317 CIFs" in told
    assert told.count(": Li") == 7
    assert "hx7: H" in told


def test_disordered_crystals_have_the_formula_of_their_file(nowhere):
    """Amounts in the cell, from sites, symmetry and occupancies, against formula and Z as gemmi finds them."""
    data = OBELiX(disorder="average", **OFFICIAL)
    texts = dict(zip(data.frame["id"], data.frame["cif"], strict=True))
    disordered = [each for each in data.entries if each.crystal is not None and not each.crystal.is_ordered]
    assert len(disordered) == 245
    worst = 0.0
    for each in disordered:
        block = gemmi.cif.read_string(texts[each.name]).sole_block()
        told = read_formula(gemmi.cif.as_string(block.find_value("_chemical_formula_sum")).replace(" ", ""))
        units = float(block.find_value("_cell_formula_units_Z"))
        wanted = {number: amount for number, amount in told.items() if amount}
        total = sum(each.crystal.amounts.values())
        assert each.crystal.amounts.keys() == wanted.keys()
        # pymatgen writes the formula of the cell as that of a unit as well
        factors = [factor for factor in (1.0, units) if abs(factor * sum(wanted.values()) / total - 1) < 0.02]
        assert factors, each.name
        share = min(
            max(abs(each.crystal.amounts[number] - factor * amount) / total for number, amount in wanted.items())
            for factor in factors
        )
        worst = max(worst, share)
    assert worst < 0.01


def test_limits_may_be_left_out_and_conductivities_must_be_positive(nowhere, tmp_path):
    table = OBELiX(representation="composition", censored="drop", **OFFICIAL).table
    assert len(table.identities) == 562
    frame = pd.read_parquet(OPEN_TABLES["obelix"].file).head(4).drop(columns="cif").assign(cif="")
    frame.loc[[1, 3], "ionic_conductivity_S_cm"] = ["0", "unknown"]
    frame.to_csv(tmp_path / "own.csv", index=False)
    refused = OBELiX(str(tmp_path / "own.csv"), representation="composition").table
    assert len(refused.identities) == 2
    assert len(refused.quarantine) == 2


def test_words_of_a_split_that_are_none(nowhere):
    data = OBELiX(representation="composition", split_by="official", split_column="family")
    with pytest.raises(ValueError, match=r"'family'.*train or test"):
        _ = data.parts
    with pytest.raises(ValueError, match="`split` must be 0"):
        _ = OBELiX(representation="composition", split=1, **OFFICIAL).parts
    with pytest.raises(ValueError, match="`split_column`"):
        OBELiX(split_by="official")


def test_it_need_not_be_made(capsys):
    assert main(["data", "make", "obelix"]) == 2
    assert "comes with the package" in capsys.readouterr().err
    assert main(["data", "list", "obelix"]) == 0
    assert "OBELiX" in capsys.readouterr().out
