"""Splits of a data module: by chance, family, value or file; what they leave in the key, and what they refuse."""

import json
import logging
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import CHAINS, TinyPolymers, density

from datamodules import DemoMeasured, PolymerTable
from gnn_sim2real.featurize.families import polymer_class, repeat_unit_scaffold
from gnn_sim2real.featurize.identity import identity_hash


@pytest.fixture(scope="module")
def data():
    return TinyPolymers(test_fraction=0.2, validation_fraction=0.2)


@pytest.fixture
def table(tmp_path):
    """A file with a class for each polymer; that of the first is empty."""
    lines = [f"{unit},{density(unit)},class {unit.count('C') % 5}\n" for unit in CHAINS[1:]]
    (tmp_path / "table.csv").write_text(f"smiles,density,class\n{CHAINS[0]},1,\n" + "".join(lines))
    return PolymerTable(
        "density", "density", "g/cm3", path=str(tmp_path / "table.csv"), split_by="column", split_column="class"
    )


def families_of(data, of, *parts):
    return {of(data.table.materials[row]) for part in parts for row in getattr(data.parts, part).tolist()}


@pytest.mark.parametrize(("split_by", "of"), [("polymer_class", polymer_class), ("scaffold", repeat_unit_scaffold)])
def test_tested_families_are_not_trained_on(data, split_by, of):
    split = data.variant(split_by=split_by)
    tested, used = families_of(split, of, "test"), families_of(split, of, "train", "validation")
    assert tested
    assert used
    assert not tested & used
    assert not families_of(split, of, "train") & families_of(split, of, "validation")
    assert split.parts.size + len(split.parts.test) == len(CHAINS)
    source = data.variant(test_fraction=0.0, exclude=split)
    assert not set(source.parts.train) & set(split.parts.test)


def test_a_column_of_the_table(table):
    split = table.variant(test_fraction=0.3, validation_fraction=0.2, split=1)
    labels = np.array(split.table.texts["class"])
    train, validation, test = (
        set(labels[rows]) for rows in (split.parts.train, split.parts.validation, split.parts.test)
    )
    assert not train & validation
    assert not (train | validation) & test
    assert train | validation | test == {""} | {f"class {number}" for number in range(5)}
    assert "(empty)" in split.splitter.families


def test_labels_that_disagree(table, tmp_path):
    with (tmp_path / "table.csv").open("a") as file:
        file.write("*COC*,1,another\n*OCC*,1,one\n")
    with pytest.raises(ValueError, match=r'table\.csv.*"[^"]+".*"[^"]+".*"class"'):
        _ = table.splitter.families


def test_values_beyond_the_range(data):
    values = data.table.values[:, 0]
    for split_by in ("above_range", "below_range", "outside_range"):
        parts = data.variant(split_by=split_by).parts
        used = values[np.concatenate([parts.train, parts.validation])]
        beyond = {"above_range": values > used.max(), "below_range": values < used.min()}
        beyond["outside_range"] = beyond["above_range"] | beyond["below_range"]
        assert len(parts.test) > 2
        assert beyond[split_by][parts.test].all()


def test_keys_follow_the_parts(data):
    random = data.variant(seed=0)
    assert "parts" not in random.key_content()
    variants = [
        random,
        random.variant(split_by="scaffold"),
        random.variant(split_by="scaffold", split=1),
        random.variant(split_by="scaffold", seed=1),
        random.variant(split_by="scaffold", size=15),
        random.variant(split_by="above_range"),
        random.variant(split_by="below_range"),
    ]
    keys = {json.dumps(each.key_content(), sort_keys=True) for each in variants}
    assert len(keys) == len({each.splitter.parts_hash for each in variants}) == len(variants)
    # By the parts and not by their name.
    assert random.variant(split_by="scaffold").key_content() == random.variant(split_by="scaffold").key_content()
    assert random.variant(split_by="scaffold").variant(split_by="random").key_content() == random.key_content()


@settings(max_examples=15)
@given(
    split_by=st.sampled_from(["random", "polymer_class", "scaffold", "above_range"]),
    seed=st.integers(0, 9),
    size=st.just("all") | st.integers(20, 25),
)
def test_a_file_gives_exactly_the_split_again(data, tmp_path_factory, split_by, seed, size):
    path = tmp_path_factory.mktemp("split") / "split.json"
    made = data.variant(split_by=split_by, seed=seed, size=size)
    made.splitter.save(path)
    again = TinyPolymers(materials=CHAINS[::-1], split_file=str(path), test_fraction=0.4, seed=5)
    assert again.splitter.parts_hash == made.splitter.parts_hash
    assert again.key_content()["parts"] == made.splitter.parts_hash
    assert not any(unit in path.read_text() for unit in CHAINS)
    content = json.loads(path.read_text())
    assert content["test"] == [identity_hash(made.table.identities[row]) for row in made.parts.test]


def test_files_that_do_not_fit(data, tmp_path):
    path = tmp_path / "split.json"
    data.variant(split=1).splitter.save(path)

    def parts(materials=CHAINS, **settings):
        return TinyPolymers(materials=materials, **{"split_file": str(path), "split": 1} | settings).parts

    assert len(parts().test) == 9
    with pytest.raises(ValueError, match=r"split\.json.*\b42\b.*\b40\b.*\b2\b"):
        parts(CHAINS[:40])
    with pytest.raises(ValueError, match=r"split\.json.*\b42\b.*\b43\b.*\b0\b"):
        parts([*CHAINS, "*CC(*)Br"])
    with pytest.raises(ValueError, match=r" 1 .* 33 .*`split`.* 1 .*`size`.* 33.* 0 .*\ball$"):
        parts(split=0)
    with pytest.raises(ValueError, match=r"`split`.* 1 .*`size`.* 33.* 1 .* 12$"):
        parts(size=12)
    with pytest.raises(ValueError, match=r"\b8 materials.*split\.json"):
        parts(exclude=data.variant(split=2))
    for change, fault in (
        (lambda text: text.replace('"split": 1', '"split": 0'), "altered"),
        (lambda text: text[:100], r"line \d+ column"),
        (lambda text: "[1]", r"format 1.*None"),
    ):
        content = path.read_text()
        path.write_text(change(content))
        with pytest.raises(ValueError, match=rf"split\.json.*{fault}"):
            parts()
        path.write_text(content)
    path.unlink()
    with pytest.raises(ValueError, match=r"split\.json.*`fit`"):
        parts()


def test_settings_that_do_not_go_together(data):
    for options in ({"split_by": "column"}, {"split_column": "class"}):
        with pytest.raises(ValueError, match=r"`split_column`.*`split_by: column`"):
            TinyPolymers(**options)
    with pytest.raises(ValueError, match=r"TinyPolymers.*'class'.*smiles, density"):
        _ = TinyPolymers(split_by="column", split_column="class").parts
    for change in ({"split": 1}, {"development_fraction": 0.1}):
        with pytest.raises(ValueError, match=rf"`split_by: above_range`.*`{next(iter(change))}`"):
            _ = data.variant(split_by="above_range", **change).parts

    class Crystals(TinyPolymers):
        kind = "composition"

        def load_table(self):
            return data.table

    with pytest.raises(ValueError, match=r"`split_by: scaffold`.*repeat units.*molecules.*Crystals.*'composition'"):
        _ = Crystals(split_by="scaffold").parts


def test_the_split_is_said(data, caplog):
    with caplog.at_level(logging.INFO, logger="gnn_sim2real"):
        data.variant(split_by="polymer_class", split=2).setup("fit")
        (record,) = [each for each in caplog.records if each.args and each.args[0] == "polymer class"]
        counts = [int(number) for families in record.args[1:] for number in re.findall(r" (\d+)(?:,|$)", families)]
        assert sum(counts) == len(CHAINS)
    with caplog.at_level(logging.INFO, logger="gnn_sim2real"):
        data.variant(split_by="polymer_class", test_fraction=0.05).setup("fit")
        last = caplog.records[-1]
        assert last.levelno == logging.WARNING
        assert re.search(r"`test_fraction` is 5 %.*\bpoly\w+.*\d+$", last.getMessage())


@pytest.mark.parametrize(
    ("changes", "tested", "version"),
    [
        ({"test_fraction": 0.25}, 5, 1),  # four folds of a quarter, as before
        ({"test_fraction": 0.4}, 8, 2),
        ({"test_fraction": 0.4, "split_version": 1}, 11, 1),
        ({"test_fraction": 0.6}, 13, 2),
        ({"test_fraction": 0.6, "development_fraction": 0.2}, 13, 2),
        ({"test_fraction": 0.6, "split_by": "scaffold"}, 13, 1),  # whose parts are in the key
    ],
)
def test_a_share_that_is_kept_enters_the_key(changes, tested, version):
    data = DemoMeasured(validation_fraction=0, **changes)
    assert len(data.parts.test) == pytest.approx(tested, abs=0 if version == 2 else 1)
    assert data.key_content()["splits"] == version
