from registries import write_distribution

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.registry import GROUP, find_datasets


def test_the_data_sets_of_this_distribution_are_found_by_entry_point():
    found = find_datasets()
    assert {"RadonPy", "PolymerTable", "DemoSimulated", "DemoMeasured"} <= set(found)
    assert all(issubclass(each, PropertyDataModule) for each in found.values())
    assert "PropertyDataModule" not in found


def test_a_broken_distribution_hides_no_other(monkeypatch, tmp_path, caplog):
    monkeypatch.syspath_prepend(str(tmp_path))
    write_distribution(tmp_path, GROUP, broken="nowhere")
    assert "RadonPy" in find_datasets()
    assert [record.args[1] for record in caplog.records] == ["nowhere"]
