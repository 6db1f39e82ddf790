"""What every way to split, and every order in which a database grows, must keep; a new one is tested by being there."""

from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tiny import CHAINS

from datamodules import MaterialTable
from gnn_sim2real.splits.acquisition.order import ORDERS
from gnn_sim2real.splits.file import FileSplit, write_split
from gnn_sim2real.splits.parts import Parts
from gnn_sim2real.splits.split import SPLITS, Drawing
from gnn_sim2real.tables.cleaning import clean_table
from gnn_sim2real.tables.table import Property

NUM = 60
ENDS = ("O", "S", "N", "C(=O)O", "C(=O)N", "C(F)C", "OC(=O)O", "C(=O)", "[Si](C)(C)O", "NC(=O)N")
UNITS = [f"*{'C' * (2 + number % 6)}{ENDS[number // 6]}*" for number in range(NUM)]
"""Ten classes of polymers, with six chains each."""


@dataclass
class Some:
    """Repeat units with groups of one to three rows, a value and a column each; also what an order may go by."""

    name: str = "Some"
    kind: str = "repeat_unit"
    seed: int = 0
    cost: str = "num_atoms^2"
    model_fingerprint: None = None
    table: object = field(init=False)

    def __post_init__(self):
        random = np.random.default_rng(self.seed)
        frame = pd.DataFrame({"unit": [f"{number:03}" for number in range(NUM)], "value": random.normal(size=NUM)})
        frame["lab"] = [f"lab {number // 6 * 3 % 8}" for number in range(NUM)]
        frame["part"] = ["test" if number % 4 == 1 else "train" for number in range(NUM)]
        table = clean_table(
            frame, material_column="unit", properties=[Property("value", "eV")], identity=str, source="some"
        )
        groups = [f"{number // 6} {number % 6 // random.integers(1, 4)}" for number in range(NUM)]
        self.table = replace(table, materials=UNITS, own_groups=groups)
        self.spellings, self.texts, self.features = UNITS, self.table.texts, random.normal(size=(NUM, 3))
        self.num_atoms = np.array([unit.count("C") for unit in UNITS])


SOME = [Some(seed=seed) for seed in range(3)]
numbers = st.integers(0, 2)
WAYS = SPLITS.names()
# Families often leave a part empty, which is refused: those are of no use here.
few = settings(max_examples=12, suppress_health_check=[HealthCheck.filter_too_much])
over_splits = given(
    some=st.sampled_from(SOME), seed=numbers, split=numbers, validation=st.sampled_from([0.0, 0.4]), data=st.data()
)
over_orders = given(some=st.sampled_from(SOME), seed=numbers, rows=st.sets(st.integers(0, NUM - 1), min_size=5))


@cache
def families(name, seed):
    kind = SPLITS.find(name)()
    column = "part" if name == "official" else "lab"
    return kind.families(SOME[seed], column if kind.needs_column else None)


def make(name, some, **drawing):
    return SPLITS.find(name)().make(some, families(name, some.seed), Drawing(**drawing))


def sides(parts):
    return [parts.train, parts.validation, parts.test]


def attempt(name, some, **drawing):
    """Parts, or a failed assumption where families cannot be split so; tails and `official` have one test part."""
    if name.endswith("_range") or name == "official":
        drawing |= {"split": 0, "development_fraction": 0.0}
    try:
        return make(name, some, **drawing)
    except ValueError:
        assume(False)


@pytest.mark.parametrize("name", WAYS)
class TestEverySplit:
    """Over all ways to split."""

    @few
    @over_splits
    def test_parts_are_disjoint_and_of_rows_of_the_table(self, name, some, seed, split, validation, data):
        development = data.draw(st.sampled_from([0.0, 0.2]))
        parts = attempt(
            name,
            some,
            size=None,
            seed=seed,
            split=split,
            test_fraction=0.25,
            development_fraction=development,
            validation_fraction=validation,
        )
        together = np.concatenate(sides(parts))
        assert len(set(together.tolist())) == len(together)
        assert set(together.tolist()) <= set(range(NUM))
        # What is in no part has its group tested.
        left = set(range(NUM)) - set(together.tolist())
        tested = {some.table.groups[row] for row in parts.test}
        assert {some.table.groups[row] for row in left} <= tested
        assert len(parts.test)

    @few
    @over_splits
    def test_no_group_is_cut(self, name, some, seed, split, validation, data):
        size = data.draw(st.sampled_from([None, 20, 35]))
        wanted = {"seed": seed, "split": split, "test_fraction": 0.25, "validation_fraction": validation}
        parts = attempt(name, some, size=size, **wanted)
        train, validates, test = ({some.table.groups[row] for row in rows} for rows in sides(parts))
        assert not train & validates
        assert not (train | validates) & test

    @few
    @over_splits
    def test_sizes_are_nested_part_by_part(self, name, some, seed, split, validation, data):
        sizes = sorted(data.draw(st.tuples(st.integers(15, 40), st.integers(15, 40))))
        wanted = {"seed": seed, "split": split, "test_fraction": 0.25, "validation_fraction": validation}
        small, large = (attempt(name, some, size=size, **wanted) for size in sizes)
        assert [small.size, large.size] == sizes
        assert set(small.train) <= set(large.train)
        assert set(small.validation) <= set(large.validation)

    @few
    @over_splits
    def test_the_test_part_depends_on_neither_size_nor_seed_nor_what_is_removed(
        self, name, some, seed, split, validation, data
    ):
        wanted = {"split": split, "test_fraction": 0.25}
        available = np.array(sorted(data.draw(st.sets(st.integers(0, NUM - 1), min_size=50))))
        plain = attempt(name, some, size=None, seed=0, **wanted)
        other = attempt(name, some, size=20, seed=seed, validation_fraction=validation, available=available, **wanted)
        assert other.test.tolist() == plain.test.tolist()
        assert {*other.train.tolist(), *other.validation.tolist()} <= set(available.tolist())

    @few
    @over_splits
    def test_it_is_deterministic(self, name, some, seed, split, validation, data):
        wanted = {"seed": seed, "split": split, "test_fraction": 0.25, "validation_fraction": validation, "size": 30}
        first, again = attempt(name, some, **wanted), attempt(name, Some(seed=some.seed), **wanted)
        assert [rows.tolist() for rows in sides(first)] == [rows.tolist() for rows in sides(again)]

    @few
    @over_splits
    def test_a_file_gives_it_again(self, name, some, seed, split, validation, data, tmp_path_factory):
        wanted = {"seed": seed, "split": split, "test_fraction": 0.25, "validation_fraction": validation, "size": 30}
        parts = attempt(name, some, **wanted)
        path = tmp_path_factory.mktemp("split") / "split.json"
        write_split(path, some.table, parts, {"split": split})
        again = FileSplit(path).make(some, None, Drawing(size=None, seed=7, split=split))
        assert [rows.tolist() for rows in sides(again)] == [rows.tolist() for rows in sides(parts)]


@pytest.mark.parametrize("name", list(ORDERS.classes()))
class TestEveryOrder:
    """Over all orders in which a database grows."""

    @few
    @over_orders
    def test_it_is_nested_and_each_comes_once(self, name, some, seed, rows):
        order = ORDERS.find(name)()
        found = order.find(some)[np.array(sorted(rows))]
        whole = order.order(found, len(rows), seed)
        assert sorted(whole.tolist()) == list(range(len(rows)))
        for size in (2, len(rows) // 2, len(rows) - 1):
            assert order.order(found, size, seed)[:size].tolist() == whole[:size].tolist()

    @few
    @over_orders
    def test_it_is_deterministic(self, name, some, seed, rows):
        found = [ORDERS.find(name)().find(each)[np.array(sorted(rows))] for each in (some, Some(seed=some.seed))]
        orders = [ORDERS.find(name)().order(each, len(rows), seed).tolist() for each in found]
        assert orders[0] == orders[1]

    @few
    @over_orders
    def test_what_counts_in_a_key_is_plain(self, name, some, seed, rows):
        content = ORDERS.find(name)().content(some)
        assert all(isinstance(value, str | int | float) for value in content.values())


@pytest.fixture(scope="module")
def own_table(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "own.csv"
    path.write_text("smiles,density\n" + "".join(f"{unit},{number}\n" for number, unit in enumerate(CHAINS)))
    return MaterialTable(str(path), "density", "g/cm3", validation_fraction=0, test_fraction=0.2, cost="num_atoms")


@pytest.mark.parametrize("grow_by", ORDERS.names())
class TestEveryGrowth:
    """Over all values of `grow_by`, by a data module."""

    def test_databases_are_nested_and_the_test_part_stays(self, own_table, grow_by):
        whole = own_table.variant(grow_by=grow_by)
        for size in (5, 20):
            small = whole.variant(size=size)
            assert small.parts.train.tolist() == whole.parts.train[:size].tolist()
            assert small.parts.test.tolist() == own_table.parts.test.tolist()
        assert sorted(whole.parts.train) == sorted(own_table.parts.train)
        again = own_table.variant(seed=4).variant(seed=0, grow_by=grow_by)
        assert again.parts.train.tolist() == whole.parts.train.tolist()
        assert isinstance(whole.parts, Parts)


def test_names_that_are_not_there():
    with pytest.raises(ValueError, match=r"`split_by`.*random, .*'luck'"):
        SPLITS.find("luck")
    with pytest.raises(ValueError, match=r"`grow_by`.*random, .*'luck'"):
        ORDERS.find("luck")
    assert WAYS[0] == "random"
