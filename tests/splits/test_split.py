"""Further validation parts are drawn as the settings of the split say."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from tiny import CHAINS, density

from datamodules import PairTable, Table
from gnn_sim2real.splits.folds import random_folds


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(each, density(each), f"lab {row % 8}", "test" if row < 8 else "train") for row, each in enumerate(CHAINS)]
    pd.DataFrame(rows, columns=["smiles", "density [g/cm3]", "lab", "part"]).to_csv("own.csv", index=False)

    def make(**settings):
        return Table("own.csv", "density", "g/cm3", **{"test_fraction": 0.25, "validation_fraction": 0.2, **settings})

    return make


def check(data, number):
    """Parts of `number` draws: out of train and validation, different, none in two, and no whole divided."""
    own, wholes = data.parts, data.splitter.wholes
    used = {*own.train.tolist(), *own.validation.tolist()}
    parts = [data.splitter.other_validation(each).tolist() for each in range(number)]
    assert parts[0] == own.validation.tolist()
    for part in parts:
        assert 0 < len(part) < len(used)
        assert {*part} < used
        assert not {wholes[row] for row in part} & {wholes[row] for row in used - {*part}}
    assert all({*one} != {*other} for one, other in pairwise(parts))
    return parts


def test_random_parts_are_folds_of_groups(table):
    data = table()
    parts = check(data, 5)
    used = np.sort(np.concatenate([data.parts.train, data.parts.validation]))
    folds = random_folds([data.table.groups[row] for row in used], len(parts), [20_260, 0])
    for part, fold in zip(parts[1:], folds, strict=False):
        assert part == used[fold.test].tolist()
    assert len({row for part in parts[1:] for row in part}) == sum(map(len, parts[1:]))  # folds have none in common


@pytest.mark.parametrize("split", [{"split_by": "column", "split_column": "lab"}, {"split_by": "polymer_class"}])
def test_parts_of_families_have_whole_families(table, split):
    data = table(**split)
    families = data.splitter.families
    for part in check(data, 3):
        inside = {families[row] for row in part}
        used = np.concatenate([data.parts.train, data.parts.validation]).tolist()
        assert {row for row in used if families[row] in inside} == {*part}


def test_few_families_are_refused(table):
    data = table(split_by="column", split_column="lab")
    with pytest.raises(ValueError, match="6 families"):
        data.splitter.other_validation(100)


def test_a_file_draws_as_the_split_that_was_written(table, tmp_path):
    written = table(split_by="column", split_column="lab", split=1)
    written.splitter.save(tmp_path / "split.json")
    again = table(split_file=str(tmp_path / "split.json"), split=1, validation_fraction=0.5)
    assert check(again, 4) == check(written, 4)


def test_the_official_parts_and_tails_are_random_within(table):
    check(table(split_by="official", split_column="part"), 3)
    check(table(split_by="above_range"), 3)


def test_groups_of_mixtures_stay_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(unit, solvent, row) for row, unit in enumerate(CHAINS[:12]) for solvent in ("O", "CO", "CCO")]
    pd.DataFrame(rows, columns=["polymer", "solvent", "chi"]).to_csv("pairs.csv", index=False)
    parts = {"polymer": "polymer", "solvent": "solvent"}
    of_groups = {"group_by": "polymer", "size_by": "groups", "test_fraction": 0.2, "validation_fraction": 0.25}
    data = PairTable("pairs.csv", parts, "chi", "chi", "", **of_groups)
    assert all(len(part) % 3 == 0 for part in check(data, 4))
