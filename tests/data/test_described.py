"""How a data set is read, as it is saved with a model."""

import pytest
from tiny import TinyPolymers

import datamodules
from gnn_sim2real.data.described import describe, require_installed


def test_a_table_is_described_by_plain_types_and_read_again(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("formula,gap\nNaCl,8\nKCl,7\nLiF,12\n")
    held_out = datamodules.DemoMeasuredCrystals(test_fraction=0.2)
    data = datamodules.Table(
        str(path), "band_gap", "eV", column="gap", exclude=held_out, predict_path="asked.csv", validation_fraction=0
    )
    described = describe(data)
    require_installed(described)
    assert described["class_path"] == "datamodules.files.table.MaterialTable"
    assert described["init_args"].pop("exclude")["init_args"] == {"test_fraction": 0.2}
    path.unlink()
    again = datamodules.MaterialTable(**described["init_args"])
    assert (again.kind, again.settings.predict_path) == ("composition", None)


@pytest.mark.parametrize(
    "described",
    [
        None,
        {"class_path": 3},
        {"class_path": "os.system"},
        {"class_path": "datamodules.RadonPy", "init_args": {"exclude": [{"class_path": "evil.Evil"}]}},
        describe(TinyPolymers()),
    ],
)
def test_nothing_but_installed_data_sets_is_made_of_a_description(described):
    with pytest.raises(ValueError, match=r"'(os\.system|evil\.Evil|tiny\.TinyPolymers)'|\btable\b"):
        require_installed(described)
