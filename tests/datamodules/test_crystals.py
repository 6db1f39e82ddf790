"""Crystal data modules on small tables of the same form as the real ones, and the counts of the real ones."""

import json
import re
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from crystals import (
    CESIUM_CHLORIDE,
    COPPER,
    PEROVSKITE,
    ROCK_SALT,
    SILICON,
    cell_row,
    crystal,
    other_cell,
    random_crystal,
)
from pymatgen.core.structure import Structure
from pymatgen.io.cif import CifWriter

from datamodules import AflowAGL, CrystalFolder, MaterialsProjectTables, MeasuredCrystals, materials_project
from gnn_sim2real.data.crystals import CrystalDataSet, CrystalSettings
from gnn_sim2real.data.variants import Shared
from gnn_sim2real.featurize.crystal import crystal_graph
from gnn_sim2real.featurize.crystal_files import crystal_formula
from gnn_sim2real.study import baseline_cell

SALT_IN_CSCL = crystal(np.eye(3), [11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]], 3.5)
PADDED = crystal(np.eye(3), [18], [[0, 0, 0]], 5.3)
TWICE = crystal(np.eye(3), [12, 12], [[0, 0, 0], [0, 0, 0.01]], 4.0)
SALT_AGAIN = other_cell(ROCK_SALT, [[2, 0, 0], [0, 1, 0], [0, 0, 1]])

CRYSTALS = {
    "mp-1": ROCK_SALT,
    "mp-2": SALT_IN_CSCL,
    "mp-3": SALT_AGAIN,
    "mp-4": SILICON,
    "mp-5": COPPER,
    "mp-6": PEROVSKITE,
    "mp-7": PADDED,
    "mp-8": CESIUM_CHLORIDE,
    "mp-9": TWICE,
} | {f"mp-{number}": random_crystal(number, 4) for number in range(10, 22)}
GAPS = {
    "mp-1": 5.0,
    "mp-2": 4.4,
    "mp-3": 5.1,
    "mp-4": 0.6,
    "mp-5": 0.0,
    "mp-6": 1.8,
    "mp-7": 8.7,
    "mp-8": 5.5,
    "mp-9": 1.0,
}
GAPS |= {f"mp-{number}": number / 10 for number in range(10, 22)}
LOWEST = {"mp-1", "mp-4", "mp-5", "mp-6", "mp-8"}


def formula(made):
    return crystal_formula(made)


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    """A small Materials Project, where the registry looks for the real one."""
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(tmp_path))
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    structures = [
        cell_row(made, name) | {"reduced_formula": formula(made), "nsites": made.num_sites, "volume": made.volume}
        for name, made in CRYSTALS.items()
    ]
    labels = [
        {"material_id": name, "reduced_formula": formula(CRYSTALS[name]), "band_gap_pbe": gap, "e_form": -gap}
        | {"is_lowest_polymorph": name in LOWEST}
        for name, gap in GAPS.items()
    ]
    labels[3]["e_form"] = np.nan
    labels.append(labels[0] | {"material_id": "mp-unknown"})
    labels[13] |= {"e_form": 1.5}  # mp-14
    write(tmp_path / "crystal/mp_structures/mp_structures.parquet", structures)
    write(tmp_path / "crystal/mp_labels/mp_labels.parquet", labels)
    return tmp_path


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(rows)
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)


def measured(folder, rows, name="expt_gap__mp.csv"):
    write(folder / "crystal/measured" / name, rows)


GAP_ROWS = [
    {"reduced_formula": "NaCl", "expt_gap_eV_median": 8.9, "material_id": "mp-1", "match_kind": "formula_ground"},
    {"reduced_formula": "Si", "expt_gap_eV_median": 1.1, "material_id": "mp-4", "match_kind": "formula_ground"},
    {"reduced_formula": "SrTiO3", "expt_gap_eV_median": 3.2, "material_id": "mp-6", "match_kind": "formula_other"},
    {"reduced_formula": "Cu", "expt_gap_eV_median": 0.0, "material_id": "mp-5", "match_kind": "formula_ground"},
]


def names_of(data, *parts):
    return {data.table.identities[row] for part in parts for row in getattr(data.parts, part)}


def test_every_polymorph_is_a_row_and_refusals_are_listed():
    data = MaterialsProjectTables(["band_gap", "formation_energy"], validation_fraction=0)
    table = data.table
    assert {"mp-1", "mp-2", "mp-3"} <= set(table.identities)
    assert [table.groups[table.identities.index(name)] for name in ("mp-1", "mp-2", "mp-3")] == ["NaCl"] * 3
    refused = dict(zip(table.quarantine["material"], table.quarantine["reason"], strict=True))
    assert refused["mp-unknown"] == "no structure"
    assert re.search(r"\bvacuum\b.* 149 angstrom\^3/atom", refused["mp-7"])
    assert re.search(r"formation energy\b.* 1\.50 eV/atom", refused["mp-14"])
    assert refused["mp-9"].startswith("unreadable crystal: two sites of the crystal are 0.040 angstrom apart")
    assert len(table.identities) + len(refused) == table.num_rows_read == len(CRYSTALS) + 1
    row = table.identities.index("mp-4")
    assert table.values[row, 0] == 0.6
    assert np.isnan(table.values[row, 1])


def test_graphs_are_those_of_the_structures():
    data = MaterialsProjectTables(["band_gap"], cutoff=5.0, max_neighbors=8, validation_fraction=0)
    store = data.store
    assert len(store) == len(data.table.identities)
    (batch,) = data.train_dataloader()
    for position, row in enumerate(batch.row.tolist()):
        wanted = crystal_graph(CRYSTALS[data.table.identities[row]], 5.0, 8)
        here = batch.batch_index == position
        assert batch.atomic_number[here].tolist() == wanted.atomic_number.tolist()
        edges = here[batch.edge_index[0]]
        lengths = np.linalg.norm(batch.edge_vector[edges].numpy(), axis=1)
        np.testing.assert_allclose(lengths, np.linalg.norm(wanted.edge_vector, axis=1), atol=1e-5)
        assert batch.targets[position].item() == pytest.approx(GAPS[data.table.identities[row]])


def test_structures_are_not_read_once_the_graphs_are_cached():
    data = MaterialsProjectTables(["band_gap"])
    _ = data.store
    materials_project._read_structures.cache_clear()  # as in another process
    again = MaterialsProjectTables(["band_gap", "formation_energy"], max_sites=3, validation_fraction=0)
    _ = again.store, again.parts, again.key_content(), again.card()
    assert "crystals" not in again.data_set.structures.crystals.__dict__
    assert "crystals" not in again.table.materials.__dict__
    edges = [each.data_set.all_graphs.tensors["edge_vector"].shape for each in (data, again)]
    assert edges[0] == edges[1]


def test_large_cells_are_put_aside_and_said(caplog):
    data = MaterialsProjectTables(["band_gap"], max_sites=3, validation_fraction=0)
    assert data.card()["max_sites"] == 3
    assert set(data.table.identities) == {name for name, made in CRYSTALS.items() if made.num_sites <= 3} - {
        "mp-7",
        "mp-9",
    }
    assert "more than 3 sites" in caplog.text


def test_the_key_knows_structures_and_settings(data_folder):
    def key(**settings):
        data = MaterialsProjectTables(["band_gap"], validation_fraction=0, **settings)
        return json.dumps(data.key_content(), sort_keys=True)

    keys = [key(), key(cutoff=5.0), key(max_neighbors=None), key(max_sites=3), key(representation="composition")]
    path = data_folder / "crystal/mp_structures/mp_structures.parquet"
    frame = pd.read_parquet(path)
    frame.loc[3, "a"] += 0.01
    frame.to_parquet(path)
    keys.append(key())
    assert len(set(keys)) == len(keys)


def test_a_tested_formula_takes_all_polymorphs_out_of_the_source(data_folder):
    measured(data_folder, GAP_ROWS)
    source = MaterialsProjectTables(["band_gap"], validation_fraction=0)
    target = MeasuredCrystals(name="measured_band_gap", test_fraction=0.25, validation_fraction=0)
    seen = set()
    for split in range(4):
        some = target.variant(split=split)
        (tested,) = names_of(some, "test")
        data = source.variant(exclude=some)
        polymorphs = {name for name in source.table.identities if formula(CRYSTALS[name]) == formula(CRYSTALS[tested])}
        assert names_of(data, "train") == set(source.table.identities) - polymorphs
        assert data.card()["num_removed"] == len(polymorphs)
        seen |= polymorphs
    assert {"mp-1", "mp-2", "mp-3"} <= seen


def test_the_finer_choice_leaves_other_polymorphs(data_folder):
    measured(data_folder, GAP_ROWS)
    source = MaterialsProjectTables(["band_gap"], validation_fraction=0, same="structure")
    target = MeasuredCrystals(name="measured_band_gap", test_fraction=0.25, validation_fraction=0)
    everything = source.variant(exclude=target, remove="all")
    # The rock salt in another cell is the same structure, that of cesium chloride is another.
    assert set(source.table.identities) - names_of(everything, "train") == {"mp-1", "mp-3", "mp-4", "mp-5", "mp-6"}
    coarse = everything.variant(same="formula")
    assert set(source.table.identities) - names_of(coarse, "train") == {"mp-1", "mp-2", "mp-3", "mp-4", "mp-5", "mp-6"}
    assert coarse.key_content() != everything.key_content()


def test_a_variant_with_other_graphs_has_its_own():
    source = MaterialsProjectTables(["band_gap"], validation_fraction=0)
    _ = source.store
    for changes in ({"cutoff": 4.0}, {"max_neighbors": 3}, {"representation": "composition"}, {"max_sites": 3}):
        other, fresh = source.variant(**changes), MaterialsProjectTables(["band_gap"], validation_fraction=0, **changes)
        assert other.key_content() == fresh.key_content() != source.key_content()
        assert other.store is not source.store
        assert len(other.store) == len(fresh.store)
    assert source.variant(seed=3).store is source.store


def test_polymorphs_of_a_source_stand_on_one_side():
    data = MaterialsProjectTables(["band_gap"], validation_fraction=0.3, test_fraction=0.3)
    for split in range(3):
        for seed in range(3):
            parts = data.variant(split=split, seed=seed)
            sides = [
                {data.table.groups[row] for row in getattr(parts.parts, part)}
                for part in ("train", "validation", "test")
            ]
            assert sum(map(len, sides)) == len(set.union(*sides))


def test_measured_and_simulated_side_by_side(data_folder):
    measured(data_folder, GAP_ROWS)
    data = MeasuredCrystals(name="measured_band_gap", test_fraction=0.25, validation_fraction=0)
    simulated = dict(zip(data.table.identities, data.table.simulated[:, 0], strict=True))
    assert simulated == {name: GAPS[name] for name in simulated}
    assert dict(zip(data.table.identities, data.table.values[:, 0], strict=True))["mp-1"] == 8.9
    assert data.card()["match_kinds"] == {"formula_ground": 3, "formula_other": 1}
    assert len(data.store) == 4
    # Of a property that was not simulated there is none.
    rows = [{"reduced_formula": "Si", "expt_kappa_W_mK_median": 148.0, "material_id": "mp-4"}]
    measured(data_folder, rows, "expt_kappa300K__mp.csv")
    assert MeasuredCrystals(name="measured_thermal_conductivity").table.simulated is None


def test_measured_rows_that_cannot_be_used(data_folder):
    rows = [
        *GAP_ROWS,
        {"reduced_formula": "KCl", "expt_gap_eV_median": 8.7, "material_id": "mp-8"},
        {"reduced_formula": "Ar", "expt_gap_eV_median": 14.0, "material_id": "mp-7"},
        {"reduced_formula": "Ge", "expt_gap_eV_median": 0.7, "material_id": "mp-404"},
        {"reduced_formula": "CsCl", "expt_gap_eV_median": -3.0, "material_id": "mp-8"},
    ]
    measured(data_folder, rows)
    table = MeasuredCrystals(name="measured_band_gap").table
    assert len(table.identities) == 4
    reasons = dict(zip(table.quarantine["row"], table.quarantine["reason"], strict=True))
    told = {
        6: r"\bKCl\b.*\bCsCl\b.*\bmp-8\b",
        7: r"149 angstrom\^3/atom",
        8: "structure",
        9: r"\(-1e-06, inf\) eV.* -3$",
    }
    assert reasons.keys() == told.keys()
    assert all(re.search(pattern, reasons[row]) for row, pattern in told.items())


def test_a_table_by_formula_finds_the_lowest_polymorph(data_folder):
    rows = [("Cl1Na1", 8.5), ("NaCl", 8.9), ("Na2Cl2", 9.1), ("Si", 1.1), ("GaAs", 1.4), ("?", 1.0)]
    write(data_folder / "own.csv", [{"compound": name, "gap": 1000 * gap} for name, gap in rows])
    data = MeasuredCrystals(
        path="own.csv", property="band_gap", column="gap", unit="eV", file_unit="meV", formula="compound"
    )
    table = data.table
    assert table.identities == ["mp-1", "mp-4"]
    assert table.values[0, 0] == pytest.approx(8.9)  # the median of three
    assert table.num_merged.tolist() == [3, 1]
    assert Counter(table.quarantine["reason"]) == {"no structure": 2}
    assert data.match_kinds == ["formula_ground", "formula_ground"]


def test_a_formula_without_its_lowest_polymorph(data_folder):
    path = data_folder / "crystal/mp_structures/mp_structures.parquet"
    frame = pd.read_parquet(path)
    frame[frame["material_id"] != "mp-1"].to_parquet(path)
    write(data_folder / "own.csv", [{"reduced_formula": "NaCl", "gap": 8.5}])
    data = MeasuredCrystals(path="own.csv", property="band_gap", column="gap", unit="eV")
    assert data.table.identities == ["mp-3"]  # lower than mp-2
    assert data.match_kinds == ["formula_other"]


def test_composition_in_place_of_structure(data_folder):
    measured(data_folder, GAP_ROWS)
    data = MeasuredCrystals(name="measured_band_gap", representation="composition", validation_fraction=0)
    assert data.table.materials == ["NaCl", "Si", "Cu", "SrTiO3"]
    (batch,) = data.train_dataloader()
    assert batch.edge_vector is None
    where = batch.row.tolist().index(3)
    assert batch.atomic_number[batch.batch_index == where].tolist() == [8, 22, 38]
    source = MaterialsProjectTables(["band_gap"], representation="composition", validation_fraction=0)
    assert "mp-9" in source.table.identities  # its composition is fine
    assert source.variant(exclude=data, remove="all").card()["num_removed"] == 6
    features = data.featurizer.descriptors(data.table.materials)
    crystals = MeasuredCrystals(name="measured_band_gap")
    np.testing.assert_allclose(crystals.featurizer.descriptors(crystals.table.materials), features, atol=1e-12)


def test_aflow(data_folder):
    made = [SILICON, random_crystal(3), SILICON, ROCK_SALT, COPPER]
    rows = [
        {key: value for key, value in cell_row(each, "").items() if key != "material_id"}
        | {"row_in_source": 10 * row, "reduced_formula": formula(each), "nsites": each.num_sites, "volume": each.volume}
        | {"agl_thermal_conductivity_300K": row - 0.5, "ael_debye_temperature": 300.0 + row}
        for row, each in enumerate(made)
    ]
    rows[4]["reduced_formula"] = "Bi"
    write(data_folder / "crystal/aflow_agl_ael/aflow_agl_ael.parquet", rows)
    table = AflowAGL(["thermal_conductivity", "debye_temperature"]).table
    assert "Si 0" in table.identities
    assert "Si 20" in table.identities
    assert table.groups.count("Si") == 2
    assert np.isnan(table.values[table.identities.index("Si 0"), 0])
    assert set(table.quarantine["reason"]) == {"suspect values: Bi", "outside (0, inf) W/(m K): -0.5"}


@pytest.fixture
def own_files(tmp_path):
    folder = tmp_path / "cifs"
    folder.mkdir()
    for name in ("NaCl", "Si", "Cu"):
        made = {"NaCl": ROCK_SALT, "Si": SILICON, "Cu": COPPER}[name]
        structure = Structure(made.lattice, made.atomic_number.tolist(), made.fractional)
        (folder / f"{name}.cif").write_text(str(CifWriter(structure)))
    (folder / "broken.cif").write_text("data_x")
    (tmp_path / "gaps.csv").write_text("file,gap\nNaCl.cif,8.9\nSi,1.1\nbroken,1\nGe,0.7\nCu.cif,0\n")
    return folder


def test_crystals_of_your_own(own_files):
    data = CrystalFolder("cifs", "band_gap", "gap", "eV", table="gaps.csv", name_column="file", validation_fraction=0)
    with pytest.raises(FileNotFoundError):
        _ = data.table
    data = CrystalFolder(
        str(own_files), "band_gap", "gap", "eV", table="gaps.csv", name_column="file", validation_fraction=0
    )
    assert data.table.identities == ["Cu.cif", "NaCl.cif", "Si.cif"]
    assert data.table.groups == ["Cu", "NaCl", "Si"]
    reasons = dict(zip(data.table.quarantine["row"], data.table.quarantine["reason"], strict=True))
    assert reasons[4].startswith("unreadable crystal: broken.cif: it cannot be read")
    assert reasons[5] == "no structure"
    (batch,) = data.train_dataloader()
    assert batch.num_graphs == 3


def test_names_that_two_crystals_share(own_files):
    structure = Structure(SILICON.lattice, SILICON.atomic_number.tolist(), SILICON.fractional)
    (own_files / "NaCl.json").write_text(json.dumps(structure.as_dict()))
    settings = {"table": "gaps.csv", "name_column": "file", "validation_fraction": 0}
    table = CrystalFolder(str(own_files), "band_gap", "gap", "eV", **settings).table
    assert "NaCl.cif" in table.identities  # named with its suffix
    (own_files.parent / "gaps.csv").write_text("file,gap\nNaCl,8.9\nSi,1.1\nCu,0\n")
    table = CrystalFolder(str(own_files), "band_gap", "gap", "eV", **settings).table
    assert table.identities == ["Cu.cif", "Si.cif"]
    rows = [{"material_id": "mp-1", "structure": structure.as_dict()}] * 2
    (own_files / "twice.json").write_text(json.dumps(rows))
    with pytest.raises(ValueError, match="'mp-1'"):
        _ = CrystalFolder(str(own_files / "twice.json"), "band_gap", "gap", "eV", **settings).table


def test_the_yaml_of_the_docstrings_can_be_read(tmp_path):
    import yaml

    from gnn_sim2real.config.lightning_cli import read_stage

    for each in (MaterialsProjectTables, MeasuredCrystals, AflowAGL, CrystalFolder):
        text = each.__doc__.partition("```yaml")[2].partition("```")[0]
        content = yaml.safe_load(text)
        content["data"]["init_args"] |= {"cutoff": 5, "max_neighbors": None, "size": 100}
        content["model"] = {
            "class_path": "gnn_sim2real.tasks.SourcePretraining",
            "init_args": {"encoder": {"class_path": "gnn_sim2real.nn.GINE"}},
        }
        (tmp_path / "stage.yaml").write_text(yaml.safe_dump(content))
        parser, config = read_stage(tmp_path / "stage.yaml")
        data = parser.instantiate(config).data
        assert type(data) is each
        assert (data.settings.cutoff, data.settings.max_neighbors, data.settings.size) == (5, None, 100)


def test_a_folder_to_predict(own_files, data_folder):
    data = MaterialsProjectTables(["band_gap"], predict_path=str(own_files))
    names, reasons = zip(*data.predictor.materials, strict=True)
    assert names == ("Cu.cif", "NaCl.cif", "Si.cif", "broken.cif")
    assert [reason is None for reason in reasons] == [True, True, True, False]
    (batch,) = data.predict_dataloader()
    assert batch.atomic_number.tolist() == [29, 11, 17, 14, 14]
    table = data.variant(predict_path=str(data_folder / "crystal/mp_structures/mp_structures.parquet"))
    assert "two sites" in table.predictor.materials[8][1]
    assert len(table.predictor.materials) == len(CRYSTALS)
    with pytest.raises(ValueError, match=r"`--data\.predict_path FILE`.*crystals"):
        _ = data.variant(predict_path=None).predictor.materials


def test_formulas_to_predict(own_files, tmp_path):
    data = MaterialsProjectTables(["band_gap"], representation="composition", predict_path=str(own_files))
    assert [name for name, _ in data.predictor.materials] == ["Cu.cif", "NaCl.cif", "Si.cif", "broken.cif"]
    (tmp_path / "ask.csv").write_text("formula\nAl2O3\nnonsense\n")
    asked = data.variant(predict_path=str(tmp_path / "ask.csv"), predict_column="formula")
    assert [reason is None for _, reason in asked.predictor.materials] == [True, False]


@pytest.mark.parametrize(
    ("make", "values"),
    [
        (lambda: MaterialsProjectTables(["hardness"]), r"MaterialsProjectTables.* band_gap, formation_energy\b.*'hard"),
        (lambda: MaterialsProjectTables([]), r"MaterialsProjectTables.* band_gap, formation_energy\b.*\bnone"),
        (lambda: AflowAGL(["gap"]), "AflowAGL.* thermal_conductivity"),
        (lambda: MeasuredCrystals(name="gaps"), "`name`.* measured_band_gap.*'gaps'$"),
        (lambda: MeasuredCrystals(path="x.csv"), "`name`.*`path`.*`property`.*`unit`"),
        (lambda: MaterialsProjectTables(["band_gap"], max_sites=0), "`max_sites`.* 1, .* 0$"),
    ],
)
def test_settings_that_make_no_sense(make, values):
    with pytest.raises(ValueError, match=values):
        make()


@pytest.mark.slow
@pytest.mark.realdata
def test_counts_of_the_real_tables(real_data, monkeypatch):
    """As the compositions, since making 100,000 graphs takes its time."""
    if not (real_data / "crystal").exists():
        pytest.skip(f"{real_data / 'crystal'} is not there")
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(real_data))
    source = MaterialsProjectTables(["band_gap", "formation_energy"], representation="composition")
    assert np.isfinite(source.table.values).sum(axis=0).tolist() == [102_132, 81_548]
    reasons = Counter(reason.partition(":")[0] for reason in source.table.quarantine["reason"])
    assert sorted(reasons.values()) == [844, 1_816, 15_825]
    target = MeasuredCrystals(name="measured_band_gap", representation="composition")
    error = target.table.simulated[:, 0] - target.table.values[:, 0]
    assert np.isfinite(error).sum() == 3_679
    assert np.nanmean(np.abs(error)) == pytest.approx(0.40, abs=0.01)
    positive = target.table.values[:, 0] > 0
    assert np.nanmean(error[positive]) == pytest.approx(-0.85, abs=0.01)
    enthalpy = MeasuredCrystals(name="measured_formation_enthalpy", representation="composition").table
    assert np.nanmean(np.abs(enthalpy.simulated - enthalpy.values)) == pytest.approx(0.13, abs=0.01)


def test_the_simulated_value_as_a_baseline_needs_no_row_in_the_source(data_folder):
    """The value of a target row is its own crystal's, also where the source has put that crystal aside."""
    measured(data_folder, GAP_ROWS)
    target = MeasuredCrystals(name="measured_band_gap", test_fraction=0.25, validation_fraction=0)
    source = MaterialsProjectTables(["band_gap"], max_sites=1, validation_fraction=0).variant(exclude=target)
    assert "mp-6" not in source.table.identities
    simulated = dict(
        zip(target.table.identities, baseline_cell.find_simulated("simulated_value", source, target), strict=True)
    )
    assert simulated == {name: GAPS[name] for name in ("mp-1", "mp-4", "mp-5", "mp-6")}


def test_of_two_crystals_with_one_name_the_name_is_said():
    structures = SimpleNamespace(names=["mp-1", "mp-2", "mp-3", "mp-2"])
    reader = SimpleNamespace(load_structures=lambda: structures)
    with pytest.raises(ValueError, match="'mp-2'"):
        _ = CrystalDataSet(reader, Shared(), CrystalSettings()).row_of
