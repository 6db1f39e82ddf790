"""Values below or above a limit of detection."""

import numpy as np
import pandas as pd
import pytest
import torch

from datamodules import Table
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.nn import PropertyModel, Roost
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.store.loader import MaterialSet
from gnn_sim2real.tables.censored import join_sides, read_limit, side_of_groups
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.concat import concat_tables
from gnn_sim2real.tables.report import make_report
from gnn_sim2real.tables.simulated import take_rows
from gnn_sim2real.tables.table import Property

CELLS = ["1.5", "<0.5", "> 8", "≤2", "3", "<3", "<1", ">4", "<abc"]
NAMES = ["NaCl", "KCl", "LiF", "NaF", "KF", "KF", "CsF", "CsF", "RbF"]


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("<1E-10", ("1E-10", -1)),
        (">= 3", ("3", 1)),
        ("≤ 2 %", ("2 %", -1)),
        ("1.5", ("1.5", 0)),
        (1.5, (1.5, 0)),
        ("<", ("<", 0)),
    ],
)
def test_the_sign_of_a_limit(cell, found):
    assert read_limit(cell) == found


def clean(censored, names=NAMES, cells=CELLS):
    frame = pd.DataFrame({"formula": names, "y": cells})
    return clean_table(
        frame,
        material_column="formula",
        properties=[Property("y", "", censored=censored)],
        identity=str,
        source="my.csv",
    )


def reasons(table):
    return {(row.row, row.reason.partition(":")[0]) for row in table.quarantine.itertuples()}


def test_limits_are_refused_with_a_reason_of_their_own():
    table = clean("drop")
    assert table.identities == ["KF", "NaCl"]
    assert table.censored is None
    assert make_report(table).refusals == {
        "below a limit of detection": 4,
        "above a limit of detection": 2,
        "not a finite number": 1,
    }


@pytest.mark.parametrize("censored", ["bound", "tobit"])
def test_limits_are_values_on_one_side(censored):
    """Beside a measured value, or where they contradict, they are refused."""
    table = clean(censored)
    values = dict(
        zip(table.identities, zip(table.values[:, 0].tolist(), table.censored[:, 0].tolist(), strict=True), strict=True)
    )
    assert values == {"KCl": (0.5, -1), "KF": (3, 0), "LiF": (8, 1), "NaCl": (1.5, 0), "NaF": (2, -1), "CsF": (1, -1)}
    beside = "a limit of detection beside a measured value"
    assert reasons(table) == {
        (7, beside),
        (9, "a limit of detection beside one on the other side"),
        (10, "not a finite number"),
    }
    report = make_report(table)
    assert report.properties[0].num_limits == 4
    assert report.to_json()["properties"][0]["num_limits"] == 4
    assert take_rows(table, np.array([0, 2])).censored.tolist() == [[-1], [0]]


def test_a_table_without_limits_is_as_it_was():
    plain, same = clean("drop", NAMES[:2], ["1", "2"]), clean("tobit", NAMES[:2], ["1", "2"])
    assert same.censored is None
    assert plain.fingerprint() == same.fingerprint()
    assert clean("bound", NAMES[:2], ["1", "<2"]).fingerprint() != clean("bound", NAMES[:2], ["1", "2"]).fingerprint()


def test_sides_of_joined_tables():
    assert join_sides([None, None], [(1, 1), (2, 1)]) is None
    with_limits, without = clean("bound"), clean("drop")
    joined = concat_tables([with_limits, without], ["a", "b"])
    assert joined.censored.shape == joined.values.shape
    assert joined.censored[: len(with_limits.identities), 0].tolist() == with_limits.censored[:, 0].tolist()
    assert not joined.censored[len(with_limits.identities) :].any()


def test_sides_of_materials():
    values = np.array([1.0, 2.0, 3.0, np.nan])
    side, refused = side_of_groups(np.array([0, 0, 1, 1]), values, np.array([0, -1, 1, -1], np.int8), 2)
    assert side.tolist() == [0, 1]
    assert list(refused) == [1]
    assert np.isnan(values[1])


def make_data(tmp_path, censored) -> PropertyDataModule:
    (tmp_path / "my.csv").write_text("formula,y\n" + "\n".join(f"{n},{c}" for n, c in zip(NAMES, CELLS, strict=True)))
    return Table(
        path=str(tmp_path / "my.csv"),
        property="y",
        unit="",
        material="composition",
        censored=censored,
        test_fraction=0.0,
        validation_fraction=0.0,
    )


@pytest.mark.parametrize(("censored", "one_sided"), [("bound", False), ("tobit", True)])
def test_networks_are_told_of_the_side_in_tobit_only(tmp_path, censored, one_sided):
    data = make_data(tmp_path, censored)
    batch = data.part("train")[torch.arange(3)]
    assert (batch.censored is not None) == one_sided
    limits = data.data_set.measured(np.arange(6))
    assert np.isnan(limits).sum() == 4


def test_a_prediction_beyond_a_limit_has_no_loss(tmp_path):
    data = make_data(tmp_path, "tobit")
    store = data.store
    model = PropertyModel(Roost(hidden_dim=8, num_layers=1, mlp_dim=8), [PropertySpec("y", "")]).eval()
    batch = MaterialSet(store, torch.arange(6), data.data_set.targets, None, data.data_set.one_sided)[torch.arange(6)]

    def losses(value):  # the scaler is that of a fresh model: values are the outputs
        found, present = model.losses(torch.full((6, 1), value), batch, torch.abs)
        assert present.all()
        return dict(zip(data.table.identities, found[:, 0].tolist(), strict=True))

    assert losses(2.0) == pytest.approx({"CsF": 1.0, "KCl": 1.5, "KF": 1.0, "LiF": 6.0, "NaCl": 0.5, "NaF": 0.0})
    assert losses(-9.0) == pytest.approx({"CsF": 0.0, "KCl": 0.0, "KF": 12.0, "LiF": 17.0, "NaCl": 10.5, "NaF": 0.0})
    assert losses(9.0)["LiF"] == 0


def test_limits_are_scored_apart(tmp_path):
    data = make_data(tmp_path, "bound").data_set
    rows = np.arange(6)  # CsF, KCl, KF, LiF, NaCl, NaF
    prediction = np.array([2.0, 0.0, 3.0, 7.0, 1.0, 5.0])
    assert data.group_errors(rows, prediction) == {"limits": {"num": 4, "mae": pytest.approx((1 + 0 + 1 + 3) / 4)}}
    measured = data.measured(rows)
    assert np.nanmean(np.abs(prediction - measured)) == pytest.approx(0.25)
    assert data.measured(np.array([0, 1])).tolist() == [1.0, 0.5]
