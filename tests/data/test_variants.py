"""A variant is the data set with other settings: nothing is stale, nothing unknown passes."""

import copy
import inspect
import pickle
import re
from dataclasses import fields

import numpy as np
import pytest
from lightning.pytorch import LightningDataModule
from tiny import CHAINS, TinyPolymers, density

from datamodules import MeasuredCrystals, Optimade, PolymerTable
from gnn_sim2real.data.module import DataSettings
from gnn_sim2real.data.registry import find_datasets
from gnn_sim2real.data.variants import Remembered, Shared, settings_of
from gnn_sim2real.splits.parts import Parts


@pytest.fixture
def table(tmp_path):
    lines = [f"{unit},{density(unit)},{len(unit)},{unit.count('C') % 5}\n" for unit in CHAINS]
    (tmp_path / "table.csv").write_text("smiles,density,hours,class\n" + "".join(lines))
    return PolymerTable("density", "density", "g/cm3", path=str(tmp_path / "table.csv"), validation_fraction=0)


def rows(data):
    return [part.tolist() for part in (data.parts.train, data.parts.validation, data.parts.test)]


CHANGES = [
    {"size": 20},
    {"seed": 3},
    {"split": 1, "test_fraction": 0.2},
    {"test_fraction": 0.3, "development_fraction": 0.2},
    {"validation_fraction": 0.2},
    {"split_by": "column", "split_column": "class", "test_fraction": 0.3},
    {"split_by": "scaffold", "test_fraction": 0.3},
    {"split_by": "above_range", "test_fraction": 0.3},
    {"grow_by": "diversity", "size": 10},
    {"grow_by": "cheapest", "cost": "num_atoms", "size": 10},
    {"grow_by": "cheapest", "cost": "-num_atoms", "size": 10},
    {"grow_by": "cheapest", "cost": "hours", "size": 10},
    {"batch_size": 5},
    {"atom_descriptors": True},
    {"lower": 1.0},
    {"unit": "kg/L"},
]


def test_whatever_was_asked_before_a_variant_is_as_if_made_anew(table):
    given = {"property": "density", "column": "density", "unit": "g/cm3", "path": table.path, "validation_fraction": 0}
    base = {each.name: getattr(table.settings, each.name) for each in fields(table.settings)}
    base |= {"lower": None, "unit": "g/cm3"}
    before, data = {}, table
    for changes in CHANGES:
        fresh = PolymerTable(**given | changes)
        # Of the base, and of the variant before, whose changes are taken back.
        back = {name: base[name] for name in before}
        for variant in (table.variant(**changes), data.variant(**back | changes)):
            assert (changes, rows(variant)) == (changes, rows(fresh))
            assert variant.card() == fresh.card()
            assert variant.key_content() == fresh.key_content()
            assert variant.featurizer.describe() == fresh.featurizer.describe()
            assert len(variant.store) == len(fresh.store)
        before, data = changes, variant
    assert table.variant(seed=3).store is table.store


def test_another_cost_gives_other_rows(table):
    cheap = table.variant(grow_by="cheapest", cost="num_atoms", size=10)
    _ = cheap.parts
    dear = cheap.variant(cost="-num_atoms")
    atoms = table.data_set.num_atoms
    assert atoms[dear.parts.train].min() > atoms[cheap.parts.train].max()


@pytest.mark.parametrize("name", ["setup", "table", "parts", "store", "kind", "sizes", "part", "settings"])
def test_what_is_not_a_setting_is_refused(table, name):
    with pytest.raises(ValueError, match=rf"PolymerTable.*'{name}'"):
        table.variant(**{name: 1})


def test_settings_of_the_reader_are_settings(table):
    assert len(table.variant(lower=1.0).table.identities) < len(table.table.identities)
    assert table.variant(lower=1.0).variant(seed=1).settings.seed == 1
    assert table.variant(seed=1).variant(lower=1.0).settings.seed == 1
    assert {"lower", "path", "size", "exclude"} <= settings_of(PolymerTable) | {
        each.name for each in fields(table.settings)
    }


def test_settings_of_a_variant_are_checked(table):
    with pytest.raises(ValueError, match=r"`grow_by: cheapest`.*`cost`"):
        table.variant(grow_by="cheapest")
    with pytest.raises(ValueError, match=r"`split_by`.*random, .*'luck'"):
        table.variant(split_by="luck")
    with pytest.raises(ValueError, match=r"`grow_by`.*random, .*'luck'"):
        table.variant(grow_by="luck")


def test_settings_cannot_be_assigned(table):
    with pytest.raises(AttributeError):
        table.settings.seed = 3


def test_given_parts(table):
    nothing = np.empty(0, np.int64)
    some = table.with_parts(Parts(np.arange(5), nothing, np.arange(5, 9)))
    assert rows(some) == [[0, 1, 2, 3, 4], [], [5, 6, 7, 8]]
    assert len(some.part("test")) == 4
    assert some.store is table.store
    assert rows(some.variant()) == rows(table)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda data: pickle.loads(pickle.dumps(data))])  # noqa: S301
def test_a_copy_is_the_same(table, again):
    other = again(table.variant(seed=2))
    assert other.settings == table.variant(seed=2).settings
    assert rows(other.variant(seed=3)) == rows(table.variant(seed=3))


def test_few_members():
    """What one has to know of a data module: at most 30 names, where there were 58."""
    own = set(dir(TinyPolymers())) - set(dir(LightningDataModule()))
    own = {name for name in own if not name.startswith("_")} - {"columns", "materials", "evaluation_batch"}
    assert len(own) <= 30


def test_what_is_remembered():
    class Base(Remembered):
        def __init__(self, second=2, **settings):
            self.second = second

    class Thing(Base):
        def __init__(self, first, **settings):
            super().__init__(**settings)

    assert Thing(1, second=3).given == {"first": 1, "second": 3}
    assert Thing(first=1).given == {"first": 1}
    assert settings_of(Thing) == {"first", "second"}
    shared = Shared()
    assert [shared.once("a", lambda: 1), shared.once("a", lambda: 2), shared.once("b", lambda: 3)] == [1, 1, 3]


def test_own_settings_are_refused_beside_a_registered_table():
    for setting in ({"unit": "kg"}, {"column": "gap"}, {"property": "band_gap"}, {"file_unit": "eV"}):
        with pytest.raises(ValueError, match=rf"`{next(iter(setting))}`"):
            MeasuredCrystals("measured_band_gap", **setting)
    assert MeasuredCrystals("measured_band_gap").property.unit == "eV"


def test_the_day_of_a_snapshot_is_a_setting():
    data = Optimade("oqmd", {"band_gap": "eV"})
    assert data.snapshot_date is None
    assert data.variant(snapshot="2026-11-21").snapshot_date == "2026-11-21"
    assert not hasattr(type(data), "snapshot")


def test_no_reader_shadows_a_setting():
    """A setting of a reader with the name of a shared one would be taken for it."""
    for reader in find_datasets().values():
        own = {each for each in inspect.signature(reader.__init__).parameters if each not in ("self", "settings")}
        assert not own & {each.name for each in fields(DataSettings)}, reader


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", "10"),
        ("size", 10.0),
        ("size", None),
        ("seed", "a"),
        ("seed", 1.5),
        ("split", None),
        ("test_fraction", "0.2"),
        ("batch_size", 0),
        ("batch_size", "64"),
        ("cost", 3),
        ("remove", "al"),
        ("atom_descriptors", "no"),
        ("exclude", "x"),
        ("exclude", (None,)),
        ("split_by", 3),
    ],
)
def test_values_that_do_not_fit(name, value):
    for make in (TinyPolymers, TinyPolymers().variant):
        with pytest.raises(ValueError, match=rf"`{name}`.*{re.escape(repr(value))}"):
            make(**{name: value})


def test_numbers_of_numpy_and_whole_numbers_for_shares_are_taken():
    data = TinyPolymers(size=np.int64(4), validation_fraction=0, test_fraction=np.float32(0.25))
    assert type(data.settings.size) is int
    assert data.parts.size == 4


def test_a_list_that_is_changed_afterwards_changes_nothing():
    target = TinyPolymers(test_fraction=0.25)
    excluded = [target]
    source = TinyPolymers(exclude=excluded, remove="test", validation_fraction=0)
    before = source.key_content(), len(source.splitter.available)
    excluded.append(target.variant(split=1))
    assert (source.key_content(), len(source.splitter.available)) == before
    again = source.variant(exclude=(target,), seed=0)
    assert again.key_content() == before[0]
