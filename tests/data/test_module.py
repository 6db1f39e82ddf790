import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.featurize.identity import identity_hash
from gnn_sim2real.tables.table import CleanTable, Property

UNITS = [f"*{'C' * length}{end}*" for end in ("O", "S", "C(=O)O", "C(F)O") for length in range(1, 11)]


class Polymers(PropertyDataModule):
    """Polymers `first` to `last` of `UNITS` with a value each; a second property is missing in every third."""

    def __init__(self, first=0, last=None, **settings):
        super().__init__(**{"batch_size": 8} | settings)
        self.units, self.loads = UNITS[first:last], []

    def load_table(self):
        self.loads.append(self)
        identity = {self.featurizer.identity(each): each for each in self.units}
        names = sorted(identity)
        values = np.array([[len(identity[name]), UNITS.index(identity[name]) * 1e3] for name in names])
        values[::3, 1] = np.nan
        return CleanTable(
            materials=[identity[name] for name in names],
            identities=names,
            values=values,
            spread=np.full(values.shape, np.nan),
            num_merged=np.ones(len(names), np.int64),
            num_values=np.isfinite(values).astype(np.int64),
            properties=(Property("density", "g/cm3"), Property("Cp", "J/(kg K)")),
            quarantine=pd.DataFrame(columns=["row", "material", "property", "reason"]),
            num_rows_read=len(names),
        )


@pytest.fixture(scope="module")
def target():
    """Half of the polymers."""
    return Polymers(last=20, test_fraction=0.2, validation_fraction=0)


@pytest.fixture(scope="module")
def source():
    """All of them."""
    return Polymers(validation_fraction=0.2)


def names_of(data, *parts):
    return {data.table.identities[row] for part in parts for row in getattr(data.parts, part)}


def rows_of(loader):
    return torch.cat([batch.row for batch in loader]).tolist()


def test_shared_between_loaders_and_parts(source):
    data = source.variant(test_fraction=0.2, seed=3)
    for part, loader in (
        ("train", data.train_dataloader()),
        ("validation", data.val_dataloader()),
        ("test", data.test_dataloader()),
    ):
        assert sorted(rows_of(loader)) == sorted(getattr(data.parts, part).tolist())
    assert rows_of(data.test_dataloader()) == data.parts.test.tolist()
    for batch in data.train_dataloader():
        torch.testing.assert_close(batch.targets, data.data_set.targets[batch.row], equal_nan=True)
        assert batch.num_graphs <= data.settings.batch_size
        graph = data.featurizer.featurize(data.table.materials[batch.row[-1]])
        assert batch.atomic_number[-graph.num_nodes :].tolist() == graph.atomic_number.tolist()
    torch.testing.assert_close(
        data.part("train").present_targets, data.data_set.targets[data.parts.train], equal_nan=True
    )


def test_the_batch_order_is_that_of_the_seed(source):
    first, second = source.variant(seed=1), source.variant(seed=2, size=source.parts.size)
    assert rows_of(first.train_dataloader()) == rows_of(source.variant(seed=1).train_dataloader())
    assert rows_of(first.train_dataloader()) != rows_of(second.train_dataloader())


@given(size=st.just("all") | st.integers(10, 20), seed=st.integers(0, 99), split=st.integers(0, 99), test=st.booleans())
def test_test_materials_of_the_target_are_removed(source, target, size, seed, split, test):
    target = target.variant(split=split)
    data = source.variant(size=size, seed=seed, exclude=target, test_fraction=0.2 if test else 0.0)
    tested = names_of(target, "test")
    assert tested
    assert not names_of(data, "train", "validation") & tested
    assert data.card()["num_removed"] == len(tested)


@given(size=st.just("all") | st.integers(10, 20), seed=st.integers(0, 99))
def test_all_materials_of_the_target_can_be_removed(source, target, size, seed):
    data = source.variant(size=size, seed=seed, exclude=target, remove="all")
    used = names_of(data, "train", "validation")
    assert len(used) == (20 if size == "all" else size)
    assert not used & set(target.table.identities)
    # Then the source does not depend on the split of the target.
    other = source.variant(size=size, seed=seed, exclude=target.variant(split=3), remove="all")
    assert other.key_content() == data.key_content()


def test_the_test_materials_of_several_targets_are_removed(source, target):
    other = target.variant(split=1)
    both = source.variant(exclude=[target, other])
    assert both.settings.removed_groups == target.splitter.test_groups | other.splitter.test_groups
    assert both.card()["num_removed"] == len(target.splitter.test_groups) + len(other.splitter.test_groups)
    assert both.key_content() == source.variant(exclude=[other, target]).key_content()
    assert source.variant(exclude=[target]).key_content() == source.variant(exclude=target).key_content()


def test_respelled_materials_are_removed_too(source):
    class Respelled(Polymers):
        def load_table(self):
            table = super().load_table()
            table.materials[:] = [f"*{each[1:-1]}{each[1:-1]}*" for each in table.materials]
            return table

    target = Respelled(last=20, test_fraction=0.2, validation_fraction=0)
    assert not set(target.table.materials) & set(source.table.materials)
    data = source.variant(exclude=target)
    assert len(target.splitter.test_groups) == 4
    assert not names_of(data, "train", "validation") & target.splitter.test_groups


def test_a_variant_shares_the_data_and_nothing_else(source, target):
    for data in (source, target):  # fill every cache first
        _ = data.parts, data.settings.removed_groups, data.splitter.test_groups, data.card(), data.key_content()
    before = source.card()
    variant = source.variant(size=12, seed=7, split=1, test_fraction=0.2, exclude=target)
    assert variant.store is source.store
    assert variant.table is source.table
    assert variant.data_set.targets is source.data_set.targets
    assert variant.parts.size == 12
    assert variant.splitter.test_groups == names_of(variant, "test")
    assert len(variant.splitter.test_groups) == 8
    assert variant.settings.removed_groups == target.splitter.test_groups
    assert source.card() == before
    fresh = Polymers(size=12, seed=7, split=1, test_fraction=0.2, validation_fraction=0.2, exclude=target)
    assert variant.card() == fresh.card()
    assert variant.key_content() == fresh.key_content()
    assert variant.variant(exclude=None, size="all").card()["num_removed"] == 0
    assert len(source.loads) == 1


def test_a_variant_reads_its_own_table_to_predict(source, tmp_path):
    paths = [tmp_path / "first.csv", tmp_path / "second.csv"]
    for path, unit in zip(paths, ("*CC*", "*CO*"), strict=True):
        path.write_text(f"smiles\n{unit}\n")
    first = source.variant(predict_path=str(paths[0]))
    assert first.predictor.materials == [("*CC*", None)]
    assert first.variant(predict_path=str(paths[1])).predictor.materials == [("*CO*", None)]


def test_a_variant_of_an_unknown_setting(source):
    with pytest.raises(ValueError, match="'sizes'"):
        source.variant(sizes=3)


@pytest.mark.parametrize("excluded", [False, True])
def test_cards_and_keys_are_plain(source, target, excluded):
    data = source.variant(exclude=target) if excluded else source
    for content in (data.card(), data.key_content()):
        assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert (data.card()["removed"] is None) == (not excluded)
    assert data.card()["properties"] == ["density", "Cp"]
    assert data.card()["size"] == data.parts.size
    assert data.card()["size_level"] == "all"


def test_the_key_says_what_trains_and_tests(source, target):
    base = {"test_fraction": 0.2, "size": 12}
    changes = [
        {},
        {"seed": 1},
        {"split": 1},
        {"size": 13},
        {"test_fraction": 0.25},
        {"development_fraction": 0.1},
        {"validation_fraction": 0.1},
        {"batch_size": 9},
        {"exclude": target},
        {"exclude": target.variant(split=1)},
        {"exclude": target, "remove": "all"},
    ]
    keys = {json.dumps(source.variant(**base | change).key_content(), sort_keys=True) for change in changes}
    assert len(keys) == len(changes)
    every = source.variant(test_fraction=0.2)
    assert every.variant(size=every.parts.size).key_content() == every.key_content()
    fewer = Polymers(last=39, validation_fraction=0.2, **base)
    assert fewer.key_content() != source.variant(**base).key_content()


def test_errors_are_those_of_the_first_property_by_hashed_identity(source):
    rows = np.array([4, 1])
    errors = source.data_set.absolute_errors(rows, source.table.values[rows, 0] + [0.5, -0.25])
    names = [identity_hash(source.table.identities[row]) for row in rows]
    assert errors == pytest.approx(dict(zip(names, [0.5, 0.25], strict=True)))


def in_training(data, folder):
    """As Lightning has it when it calls `setup`."""
    data = data.variant()
    data.trainer = SimpleNamespace(limit_val_batches=1.0, is_global_zero=True, default_root_dir=str(folder))
    data.setup("fit")
    return data


def test_without_a_validation_part_nothing_validates(target, tmp_path):
    data = in_training(target, tmp_path)
    assert data.trainer.limit_val_batches == 0
    assert data.val_dataloader() == []
    target.variant().setup("fit")  # also without a trainer


def test_with_a_validation_part_the_trainer_is_left_alone(source, tmp_path):
    assert in_training(source, tmp_path).trainer.limit_val_batches == 1.0


def test_refused_rows_are_kept_beside_the_run(source, tmp_path):
    in_training(source, tmp_path)
    assert not list(tmp_path.iterdir())
    refused = pd.DataFrame({"row": [7], "material": ["?"], "property": [""], "reason": ["no value"]})

    class Refusing(Polymers):
        def load_table(self):
            return replace(super().load_table(), quarantine=refused)

    in_training(Refusing(validation_fraction=0.2), tmp_path)
    assert (tmp_path / "quarantine_Refusing.csv").read_text() == "row,material,property,reason\n7,?,,no value\n"


def test_removed_materials_are_reported(source, target, caplog):
    with caplog.at_level("INFO", logger="gnn_sim2real"):
        source.variant(exclude=target).setup("fit")
        source.setup("fit")
    (record,) = caplog.records
    assert record.args == (4, 40, "test")


def test_no_test_part(source):
    with pytest.raises(ValueError, match=r"`data\.init_args\.test_fraction`"):
        source.test_dataloader()


def test_unreadable_rows_are_left_to_the_writer(source, tmp_path):
    path = tmp_path / "candidates.csv"
    path.write_text("name,smiles\na,*CC*\nb,nonsense\nc,\nd,CCO\ne,*CC(*)C\n")
    data = source.variant(predict_path=str(path))
    materials, reasons = zip(*data.predictor.materials, strict=True)
    assert materials == ("*CC*", "nonsense", "", "CCO", "*CC(*)C")
    assert [reason is None for reason in reasons] == [True, False, False, False, True]
    assert "'nonsense'" in reasons[1]
    assert re.search(r"`\*`.*\b0\b.*'CCO'", reasons[3])
    (batch,) = data.predict_dataloader()
    assert batch.targets is None
    assert batch.row.tolist() == [0, 1]
    assert torch.bincount(batch.batch_index).tolist() == [2, 3]


def test_nothing_to_predict(source, tmp_path):
    with pytest.raises(ValueError, match=r"`--data\.predict_path FILE`"):
        _ = source.predictor.materials
    path = tmp_path / "candidates.csv"
    path.write_text("psmiles,n\nnonsense,1\n")
    data = source.variant(predict_path=str(path))
    with pytest.raises(ValueError, match=r"candidates\.csv.*'smiles'.*psmiles, n;.*`--data\.predict_column`"):
        _ = data.variant(predict_column="smiles").predictor.materials
    with pytest.raises(ValueError, match=r"\b1\b.*candidates\.csv.*'nonsense'"):
        _ = data.predictor.materials  # the column is found by its heading
