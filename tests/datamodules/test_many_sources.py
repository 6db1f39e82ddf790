"""Several sources as one set; RadonPy's folders and the tables of PolyOmics."""

import numpy as np
import pandas as pd
import pytest
import torch
from tiny import CHAINS, TinyPolymers, density, fit, gine

from datamodules import ManySources, RadonPy
from gnn_sim2real.tasks import SourcePretraining

OTHER = ["*CCO*", "*OCC*", "*CCS*", "*CC(*)C", "*CC(*)F", "*C(F)(F)*"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))


def sources():
    first = TinyPolymers()
    columns = {("density", "kg/m3"): [1000 * density(each) for each in OTHER], ("Cp", "J/(kg K)"): [1.0] * len(OTHER)}
    return first, TinyPolymers(columns, OTHER)


def test_each_source_has_heads_of_its_own():
    first, second = sources()
    both = ManySources([first, second], ["md", "dft"], validation_fraction=0)
    assert [(each.name, each.unit) for each in both.properties] == [
        ("density", "g/cm3"),
        ("density (dft)", "kg/m3"),
        ("Cp (dft)", "J/(kg K)"),
    ]
    num = len(first.table.identities)
    assert len(both.table.identities) == num + len(second.table.identities)
    assert np.isfinite(both.table.values[:num, 0]).all()
    assert np.isnan(both.table.values[:num, 1:]).all()
    assert np.isnan(both.table.values[num:, 0]).all()
    assert both.table.fingerprint() != ManySources([second, first], ["md", "dft"]).table.fingerprint()


def test_graphs_are_those_of_the_sources():
    first, second = sources()
    both = ManySources([first, second], ["md", "dft"], validation_fraction=0)
    num = len(first.table.identities)
    for data, rows, shift in ((first, range(5), 0), (second, range(4), num)):
        ours = both.store.select(torch.tensor([row + shift for row in rows]))
        theirs = data.store.select(torch.tensor(list(rows)))
        assert torch.equal(ours.atomic_number, theirs.atomic_number)
        assert torch.equal(ours.edge_index, theirs.edge_index)
    again = ManySources(list(sources()), ["md", "dft"])
    assert len(again.store) == len(both.store)
    assert both.table.materials[num] == second.table.materials[0]


def test_what_is_in_both_is_removed_from_both():
    first, second = sources()
    target = TinyPolymers(materials=["*COC*", "*CCCCCO*"])
    both = ManySources([first, second], ["md", "dft"], exclude=target, remove="all")
    removed = {both.table.groups[row] for row in both.removed_rows()}
    assert removed == set(target.table.groups)
    assert len(both.removed_rows()) == 3  # *CCO* stands in both
    split = ManySources([first, second], ["md", "dft"], test_fraction=0.3)
    tested = {split.table.groups[row] for row in split.parts.test}
    assert not tested & {split.table.groups[row] for row in split.parts.train}


def test_a_pretraining_learns_from_all():
    both = ManySources(list(sources()), ["md", "dft"], validation_fraction=0, batch_size=16)
    trainer, module = fit(lambda: SourcePretraining(gine()), both, epochs=3)
    assert np.isfinite(float(trainer.callback_metrics["train/loss"]))
    assert module.network.head.mlp[-1].out_features == 3
    assert both.card()["sources"]["dft"]["properties"] == ["density", "Cp"]


def test_settings_that_cannot_work():
    first, second = sources()
    with pytest.raises(ValueError, match=r"\b2 `sources`.*`labels`.*\b2\b.*\['md', 'md'\]"):
        ManySources([first, second], ["md", "md"])
    with pytest.raises(ValueError, match=r"`exclude`.*ManySources"):
        ManySources([first, TinyPolymers(exclude=second)], ["md", "dft"])
    molecules = TinyPolymers(materials=["CCO"] * len(CHAINS))
    molecules.kind = "molecule"
    with pytest.raises(ValueError, match=r"'dft'.*molecule.*'md'.*repeat_unit"):
        _ = ManySources([first, molecules], ["md", "dft"]).store


def test_folders_of_radonpys_own_results(tmp_path):
    for name, unit, value in (("PE", "*CC*", 0.85), ("PE_again", "*CCCC*", 0.87), ("PS/run1", "*CC(*)c1ccccc1", 1.0)):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        pd.DataFrame([{"DBID": name, "smiles_list": unit, "density": value, "temp": 300}]).to_csv(
            folder / "results.csv"
        )
    table = RadonPy(["density"], str(tmp_path / "runs")).table
    assert dict(zip(table.materials, table.values[:, 0], strict=True)) == pytest.approx(
        {"*CC*": 0.86, "*CC(*)c1ccccc1": 1.0}
    )
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"results\.csv.*empty"):
        _ = RadonPy(["density"], str(tmp_path / "empty")).table


def test_the_traps_of_polyomics(tmp_path):
    rows = [
        ("*CC*", 0.3, True, 250.0),
        ("*CCO*", 9.0, False, 200.0),
        ("*CS*", 0.2, True, 2000.0),
        ("*CCS*", 0.25, True, 30.0),
    ]
    frame = pd.DataFrame(rows, columns=["smiles_list", "thermal_conductivity", "check_tc", "Tg"])
    frame.to_csv(tmp_path / "general_polymers.csv", index=False)
    path = str(tmp_path / "general_polymers.csv")
    conductivity = RadonPy(["thermal_conductivity"], path).table
    assert conductivity.materials == ["*CC*", "*CS*", "*CCS*"] or set(conductivity.materials) == {
        "*CC*",
        "*CS*",
        "*CCS*",
    }
    assert len(conductivity.quarantine) == 1
    assert "check" in conductivity.quarantine["reason"].iloc[0]
    tg = RadonPy(["tg"], path).table
    assert set(tg.materials) == {"*CC*", "*CCO*"}
    both = RadonPy(["thermal_conductivity", "tg"], path).table
    assert np.isnan(both.values[both.materials.index("*CCO*"), 0])
    with pytest.raises(ValueError, match=r"RadonPy.* density.*tg"):
        RadonPy(["tg"])
