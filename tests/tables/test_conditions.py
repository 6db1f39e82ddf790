"""Rows of one material at several conditions, duplicates that disagree, and columns that say nothing."""

import json
import logging
from pathlib import Path

import pandas as pd
import pytest
from ase.build import bulk
from ase.io import write

from datamodules import BlendTable, CrystalFolder, MeasuredLiquids, RadonPy, Table
from gnn_sim2real.cli.main import main
from gnn_sim2real.tables.conditions import ConditionsVaryError, is_condition
from gnn_sim2real.tables.table import read_table

HEATS = [
    (formula, temperature, value + slope * (temperature - 300) / 200)
    for formula, value, slope in (("MgO", 37.02, 2.4), ("Al2O3", 79.11, 11.0), ("NaCl", 46.03, 3.4))
    for temperature in (300, 500, 700)
]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GNN_SIM2REAL_DATA", raising=False)
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))


def save(heading="T", rows=HEATS, name="t.csv", material="formula"):
    pd.DataFrame(rows, columns=[material, heading, "Cp"]).to_csv(name, index=False)
    return name


def heats(**settings):
    return Table("t.csv", "heat_capacity", "J/(mol K)", column="Cp", **settings)


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        *[(each, True) for each in ("T", "temp (K)", "T / K", "T_K", "Temperature [degC]", "pressure_GPa", "P [bar]")],
        *[(each, True) for each in ("RH [%]", "relative humidity (%)", "freq (Hz)", "measurement_temperature [K]")],
        *[
            (each, True)
            for each in ("Tmeas (K)", "T_meas", "T_exp", "Texp_K", "T_test", "T_measurement", "T_sim", "T exp")
        ],
        *[
            (each, True)
            for each in ("K", "Kelvin", "tempK", "TemperatureK", "Temperatur", "temperature_of_measurement")
        ],
        *[(each, True) for each in ("exp_temperature", "ambient temperature", "annealing temperature", "1000/T")],
        *[
            (each, True)
            for each in ("Measured at (°C)", "log f", "log10 frequency (Hz)", "Temp. ℃", "T, K", "1/T (1/K)")
        ],
        *[
            (each, False)
            for each in ("k", "Tc", "TcK", "t_half", "Texture", "test", "exp", "log P_N2", "melting_temperature")
        ],
        *[
            (each, False)
            for each in (
                "T_m",
                "T_g",
                "T_g (K)",
                "T_m_K",
                "T_b",
                "boiling temperature",
                "Tg_exp",
                "decomposition temperature",
            )
        ],
        *[
            (each, True)
            for each in ("Mn", "Mw (g/mol)", "M_w", "Mn_kDa", "number average molecular weight", "crystallinity (%)")
        ],
        *[(each, True) for each in ("Temperatura", "température (K)", "温度", "温度 [K]", "Температура", "圧力")],
        *[(each, True) for each in ("phase", "solvent", "salt", "direction", "Axis", "physical state")],
        *[(each, True) for each in ("filler_content_wt", "Ageing time (h)", "aging_days", "moisture content")],
        *[(each, False) for each in ("year", "T_min", "state", "form factor", "age", "Tm", "mp", "source", "filled")],
        *[(each, False) for each in ("Tg", "tm", "Cp", "glass_transition_temperature", "Debye temperature", "name")],
    ],
)
def test_headings_of_conditions(heading, expected):
    assert is_condition(heading) is expected


@pytest.mark.parametrize("heading", ["T", "Temperature [K]", "pressure_GPa", "RH [%]", "frequency (Hz)"])
def test_rows_at_several_conditions_are_not_merged_silently(heading):
    save(heading)
    with pytest.raises(ConditionsVaryError) as refusal:
        _ = heats().table
    assert refusal.value.columns == [heading]
    assert all(each in str(refusal.value) for each in ("3 of 3", "300", "700", "at"))


def test_one_condition_is_chosen():
    save("T [K]")
    table = heats(at={"T": 300}).table
    assert dict(zip(table.identities, table.values[:, 0], strict=True)) == pytest.approx(
        {"MgO": 37.02, "Al2O3": 79.11, "NaCl": 46.03}
    )
    assert len(table.quarantine) == 6
    assert "500" in table.quarantine["reason"].iloc[0]
    assert heats(at={"T": "all"}).table.num_merged.tolist() == [3, 3, 3]
    save("T [K]", rows=[(name, t + (t == 300) * shift, v) for shift, (name, t, v) in enumerate(HEATS)])
    assert heats(at={"T [K]": [299, 310]}).table.num_merged.tolist() == [1, 1, 1]


@pytest.mark.parametrize("at", [{"T": 5}, {"T": "warm"}, {"T": [1, 2, 3]}, {"q": 1}])
def test_a_condition_that_is_not_there(at):
    save()
    with pytest.raises(ValueError, match="at"):
        _ = heats(at=at).table


def test_a_condition_that_does_not_vary_within_a_material_is_no_matter():
    save(rows=[("MgO", 300, 37.0), ("MgO", 300, 37.2), ("NaCl", 298, 46.0), ("CaO", None, 42.0)])
    assert heats().table.num_merged.tolist() == [1, 2, 1]


def test_rows_of_several_samples_are_not_merged_silently():
    rows = [("CaO", "silica", 42.0), ("CaO", "Glass fibre", 44.0), ("CaO", "", 45.0), ("MgO", "silica", 37.0)]
    save("filler", rows)
    with pytest.raises(ConditionsVaryError, match=r"\bCaO\b.*glass fibre.*silica.*filler: silica"):
        _ = heats().table
    assert heats(at={"filler": "Silica"}).table.values[:, 0].tolist() == [42.0, 37.0]
    assert heats(at={"filler": "all"}).table.values[:, 0].tolist() == [44.0, 37.0]
    with pytest.raises(ValueError, match=r"clay.*glass fibre"):
        _ = heats(at={"filler": "clay"}).table
    save("Mn (g/mol)", [("CaO", 1e4, 42.0), ("CaO", 2e5, 44.0), ("MgO", None, 37.0)])
    with pytest.raises(ConditionsVaryError, match="Mn"):
        _ = heats().table
    save("year", [("CaO", 1990, 42.0), ("CaO", 2001, 44.0)])
    assert heats().table.num_merged.tolist() == [2]


def test_blends_at_several_pressures(tmp_path):
    save("pressure", [("CCO", 1, 1.0), ("CCO", 2, 1.1), ("CCC", 1, 1.2)], material="smiles")
    with pytest.raises(ConditionsVaryError):
        _ = BlendTable("t.csv", ["smiles"], "q", "Cp", "1").table
    assert len(BlendTable("t.csv", ["smiles"], "q", "Cp", "1", at={"pressure": 1}).table.identities) == 2
    save("T", [("CCO", 300, 1.0), ("CCO", 310, 1.1), ("CCC", 300, 1.2)], material="smiles")
    with pytest.raises(ConditionsVaryError, match="temperature: T"):
        _ = BlendTable("t.csv", ["smiles"], "q", "Cp", "1").table
    assert len(BlendTable("t.csv", ["smiles"], "q", "Cp", "1", temperature="T").table.identities) == 3


def test_data_check_says_it_loudly_and_goes_on(capfd):
    save()
    argv = ["data", "check", "t.csv", "--property", "heat_capacity", "--column", "Cp", "--unit", "J/(mol K)"]
    assert main(argv) == 0
    out = capfd.readouterr().out
    assert "materials      3" in out
    assert "WARNING" in out
    assert "at: {T: 300}" in out
    assert main([*argv, "--at", "{T: 300}"]) == 0
    assert "WARNING" not in capfd.readouterr().out


def test_disagreeing_rows_are_named(caplog, capfd):
    rows = [("*CC*", 0.93), ("*CC*", 1.9), ("*CC(*)C", 0.9), ("*CO*", 1.2), ("*CO*", 1.21), ("*CC(*)Cl", 1.4)]
    pd.DataFrame(rows, columns=["smiles", "density"]).to_csv("d.csv", index=False)
    with caplog.at_level(logging.WARNING):
        table = Table("d.csv", "density", "g/cm3").table
    worst, other = table.duplicates
    assert (worst.material, worst.rows, worst.values, worst.is_beyond) == ("*CC*", (2, 3), (0.93, 1.9), True)
    assert (other.material, other.is_beyond) == ("*CO*", False)
    assert "*CC*" in caplog.text
    assert "*CO*" not in caplog.text
    assert main(["data", "check", "d.csv", "--property", "density", "--unit", "g/cm3", "--json", "r.json"]) == 0
    assert json.loads(Path("r.json").read_text())["duplicates"][0]["rows"] == [2, 3]
    assert "row 3: 1.9" in capfd.readouterr().out


def test_against_compares_values_and_what_materials_are_made_of(capfd):
    pd.DataFrame({"smiles": ["*CC*", "*CO*", "*CC(*)F"], "density": [0.95, 1.2, 1.4]}).to_csv("a.csv", index=False)
    pd.DataFrame({"smiles": ["*CC*", "*CO*", "*CC(*)C"], "density": [9.5, 11.0, 9.0]}).to_csv("b.csv", index=False)
    argv = ["data", "check", "a.csv", "--property", "density", "--unit", "g/cm3"]
    assert main([*argv, "--against", "b.csv", "--json", "r.json"]) == 0
    (overlap,) = json.loads(Path("r.json").read_text())["overlaps"]
    (found,) = overlap["comparisons"]
    assert found["count"] == 2
    assert found["median_ratio"] == pytest.approx((1.2 / 11 + 0.1) / 2)
    assert found["worst"][0] == {"material": "*CO*", "here": 1.2, "there": 11.0}
    out = capfd.readouterr().out
    assert "WARNING" in out
    assert "F in 1" in out


def test_constant_columns_are_told(caplog, capfd):
    rows = [("*CC*", 1.0), ("*CC(*)C", 1.0), ("*CO*", 1.0)]
    pd.DataFrame(rows, columns=["smiles", "density"]).to_csv("d.csv", index=False)
    assert main(["data", "check", "d.csv", "--property", "density", "--unit", "g/cm3"]) == 0
    assert "nothing to learn" in capfd.readouterr().out
    with caplog.at_level(logging.WARNING):
        Table("d.csv", "density", "g/cm3", validation_fraction=0).setup("fit")
    assert "density" in caplog.text


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "tsv"])
def test_names_stay_as_they_are_written(tmp_path, suffix):
    frame = pd.DataFrame({"Name": ["001", "1.10", "1e3"], "gap": [1.5, 2.0, 0.5]})
    path = tmp_path / f"names.{suffix}"
    if suffix == "xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if suffix == "tsv" else ",")
    read = read_table(path, texts=["name"])
    assert read["Name"].tolist() == ["001", "1.10", "1e3"]
    assert read["gap"].tolist() == [1.5, 2.0, 0.5]


def test_crystals_are_found_by_names_of_digits(tmp_path):
    folder = tmp_path / "crystals"
    folder.mkdir()
    for name, element in (("001", "Cu"), ("002", "Au")):
        write(folder / f"{name}.cif", bulk(element))
    (folder / "values.csv").write_text("file,gap\n001,5.0\n002,6.5\n")
    table = CrystalFolder(str(folder), "band_gap", "gap", "eV").table
    assert table.values[:, 0].tolist() == [5.0, 6.5]


@pytest.mark.parametrize("attachment", [None, "[Ce],[Th]", "none"])
def test_marks_of_attachment_points(attachment, tmp_path):
    smiles = ["[Ce]CC[Th]", "[Ce]CC(C)[Th]", "[Ce]CC([Th])c1ccccc1", "[Ce]CCO[Th]", "[Ce]CC(Cl)[Th]", "[Ce]CC"]
    pd.DataFrame({"smiles": smiles * 2, "tg": range(195, 207)}).to_csv("m.csv", index=False)
    data = Table("m.csv", "tg", "K", attachment=attachment, predict_path="m.csv")
    if attachment is None:
        with pytest.raises(ValueError, match=r"\[Ce\],\[Th\]"):
            _ = data.table
        with pytest.raises(ValueError, match=r"\[Ce\],\[Th\]"):
            _ = data.predictor.inputs
        return
    assert data.kind == ("molecule" if attachment == "none" else "repeat_unit")
    elements = {number for each in data.predictor.inputs if each.graph for number in each.graph.atomic_number.tolist()}
    assert (58 in elements) is (attachment == "none")
    if attachment != "none":
        assert "*CC*" in data.table.materials
        assert data.table.quarantine["row"].tolist() == [7, 13]


def test_readers_of_known_tables_choose_rows_or_do_not_speak_of_it(tmp_path):
    rows = [("CCO", 293, 0.789), ("CCO", 323, 0.763), ("CCCCCC", 293, 0.659), ("c1ccccc1", 293, 0.877)]
    table = pd.DataFrame(rows, columns=["smiles", "temperature", "density_g_cm3"])
    table.to_csv(tmp_path / "crc.csv", index=False)
    with pytest.raises(ConditionsVaryError, match=r"at: \{temperature: 293\}"):
        _ = MeasuredLiquids("density", str(tmp_path / "crc.csv")).table
    chosen = MeasuredLiquids("density", str(tmp_path / "crc.csv"), at={"temperature": 293})
    assert len(chosen.table.identities) == 3
    table = pd.DataFrame([("*CC*", 300, 0.9), ("*CC*", 400, 0.8), ("*CO*", 300, 1.1)])
    table.columns = ["smiles", "temperature", "density"]
    table.to_csv(tmp_path / "PI1070.csv", index=False)
    with pytest.raises(ConditionsVaryError, match=r"RadonPy.*setting") as refusal:
        _ = RadonPy(["density"], path=str(tmp_path / "PI1070.csv")).table
    assert "`at: {" not in str(refusal.value)
