"""A folder of models: keys are hashes of the content, cards are read from the files, nothing can run code."""

import errno
import json
import re
import shutil
import sys

import numpy as np
import orjson
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import copy_library, flip_byte, make_library, pretrain
from tiny import CHAINS, TinyPolymers

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.identity import identity_hash, repeat_unit_identity
from gnn_sim2real.library import Card, ModelLibrary, load_model
from gnn_sim2real.library.content import hash_model
from gnn_sim2real.library.index import read_index, to_cards, write_index


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def library(made, tmp_path):
    return copy_library(made[0], tmp_path / "library")


def change_card(library, key, change):
    path = library.folder / key / "card.json"
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def forge(library, change, number=0):
    """A model with another card under the hash of its content, as anyone can make one; returns its key."""
    key = sorted(library.keys())[number]
    change_card(library, key, change)
    folder = library.folder / key
    return folder.rename(library.folder / hash_model(folder)).name


def test_a_model_is_three_files_under_the_hash_of_its_content(made):
    library, data = made
    assert sorted(library.keys()) == sorted(data)
    for key in data:
        assert {path.name for path in (library.folder / key).iterdir()} == {
            "card.json",
            "config.yaml",
            "weights.safetensors",
        }
    assert library.verify() == {}


def test_what_the_card_says(made):
    library, data = made
    (card,) = library.cards(property="density", max_size=20)
    own = data[card.key]
    assert (card.domain, card.source, card.architecture) == ("polymer", "TinyPolymers", "GINE")
    assert (card.properties, card.units) == (("density", "mass"), ("g/cm3", "g/mol"))
    assert (card.size, card.num_validation) == (20, len(own.parts.validation))
    assert (card.data_fingerprint, card.split) == (own.data_set.fingerprint, own.splitter.parts_hash)
    assert card.num_parameters == sum(each.numel() for each in library.load(card.key).network.state_dict().values())
    content = library.content(card.key)
    assert content["provenance"]["versions"]["torch"]
    assert content["data"]["size_level"] == 20


def test_the_errors_on_the_card_are_those_of_the_stored_model(made):
    library, data = made
    for key, own in data.items():
        rows = own.parts.validation
        predicted = library.load(key).predict([own.table.materials[row] for row in rows]).values
        for column, name in enumerate(library.card(key).properties):
            wanted = np.abs(predicted[:, column] - own.table.values[rows, column]).mean()
            assert library.card(key).metrics[name]["mae"] == pytest.approx(wanted, rel=1e-5)


def test_a_loaded_model_answers_like_the_trained_one_and_tells_its_source(made):
    library, data = made
    key = next(iter(data))
    model = library.load(key)
    np.testing.assert_array_equal(model.predict(CHAINS).values, load_model(library.folder / key).predict(CHAINS).values)
    assert not model.network.training
    assert model.card["data"]["size"] == len(CHAINS)  # what a fine-tuning writes into its record


def test_the_same_model_is_saved_once(made, library):
    key, own = next(iter(made[1].items()))
    content = library.content(key)
    again = library.add(library.load(key), content, own.seen_identities(), {"seed_everything": 0, "model": "tiny"})
    assert again == key
    assert len(library.keys()) == 4
    other = library.add(library.load(key), content | {"seed": 5}, own.seen_identities(), {})
    assert other != key
    assert not [path for path in library.folder.iterdir() if path.name.startswith(".")]


def test_identities_are_those_of_the_materials_seen_and_shared_by_models(made):
    library, data = made
    for key, own in data.items():
        rows = np.concatenate([own.parts.train, own.parts.validation])
        wanted = {identity_hash(repeat_unit_identity(own.table.materials[row])) for row in rows}
        assert library.identities(key) == wanted == own.seen_identities()
    assert len(list((library.folder / "identities").iterdir())) == 2  # all chains, and twenty of them


def test_no_test_material_is_among_those_seen(tmp_path):
    library = ModelLibrary(tmp_path)
    target = TinyPolymers(test_fraction=0.3)
    key, _ = pretrain(library, exclude=target)
    assert target.tested_identities()
    assert not library.identities(key) & target.tested_identities()
    leaky, _ = pretrain(library)
    assert library.identities(leaky) >= target.tested_identities()


def test_filters(made):
    library, _ = made
    assert len(library.cards()) == 4
    assert {card.properties for card in library.cards(property="tg")} == {("glass_transition",)}
    assert len(library.cards(property="mass")) == 3
    assert [card.seed for card in library.cards(property="density", min_size=30)] == [0, 1]
    assert library.cards(domain="crystal") == library.cards(architecture="CGCNN") == library.cards(source="x") == []
    errors = sorted(card.metrics["mass"]["mae"] for card in library.cards(property="mass"))
    assert len(library.cards(property="mass", max_mae=errors[1])) == 2
    best = max(card.metrics["glass_transition"]["r2"] for card in library.cards(property="tg"))
    assert len(library.cards(property="tg", min_r2=best)) == 1
    assert library.cards(property="tg", min_r2=best + 1e-9) == []
    with pytest.raises(ValueError, match=r"`max_mae` .*`property`"):
        library.cards(max_mae=1.0)


def test_the_index_follows_the_files(library):
    first = library.cards()
    index = library.folder / "index.parquet"
    before = index.stat().st_mtime_ns
    assert library.cards() == first
    assert index.stat().st_mtime_ns == before
    shutil.rmtree(library.folder / first[0].key)
    assert library.cards() == first[1:]
    for content in (b"", b"PAR1 nonsense", None):
        index.write_bytes(content) if content is not None else index.unlink()
        assert library.cards() == first[1:]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_library_that_cannot_be_written_is_read_all_the_same(library, monkeypatch, number):
    def refuse(path, content):
        raise OSError(number, "not to be written")

    monkeypatch.setattr("gnn_sim2real.library.index.write_atomically", refuse)
    (library.folder / "index.parquet").unlink(missing_ok=True)
    assert len(library.cards()) == 4


def test_a_damaged_card_hides_no_other(library, caplog):
    key = library.keys()[0]
    (library.folder / key / "card.json").write_text("{")
    (library.folder / "index.parquet").unlink(missing_ok=True)
    assert len(library.cards()) == 3
    assert key in caplog.text
    assert "models verify" in caplog.text


@pytest.mark.parametrize("name", ["card.json", "config.yaml", "weights.safetensors"])
def test_any_changed_byte_is_found(library, name):
    key = library.keys()[0]
    flip_byte(library.folder / key / name)
    assert set(library.verify()) == {key}
    assert "hash" in library.verify()[key]


def test_a_foreign_file_in_a_model_is_found(library):
    key = library.keys()[0]
    (library.folder / key / "extra.pkl").write_bytes(b"")
    assert "extra.pkl" in library.verify()[key]


def test_altered_or_missing_identities_are_found(library):
    key = library.keys()[0]
    (path,) = library.folder.glob(f"identities/{library.card(key).identities}.*")
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match=f"{path.name} .*hash"):
        library.identities(key)
    assert key in library.verify()
    path.unlink()
    with pytest.raises(CheckpointError, match=f"{path.name} .*missing"):
        library.identities(key)


@pytest.mark.parametrize(
    ("change", "values"),
    [
        (lambda card: card.update(card_format=2), "format 2.* 1; "),
        (lambda card: card.pop("card_format"), "format None"),
        (lambda card: card.pop("citation"), "'citation'"),
        (lambda card: card["data"].update(size="many"), r"data\.size: 'many' .*'integer'"),
        (lambda card: card.update(domain="metal"), "domain: 'metal'"),
        (lambda card: card["network"]["properties"][0].pop("unit"), r"network\.properties\.0: 'unit'"),
        (lambda card: card.update(identities="../../etc/passwd"), r"identities: '\.\./\.\./etc/passwd'"),
    ],
)
def test_a_card_that_does_not_follow_the_schema_is_refused(library, change, values):
    key = library.keys()[0]
    change_card(library, key, change)
    for read in (library.card, library.content, library.load):
        with pytest.raises(CheckpointError, match=values):
            read(key)


def test_a_model_imports_no_module_that_nobody_asked_for(library, tmp_path, monkeypatch):
    (tmp_path / "foreign_encoders.py").write_text(
        "from pathlib import Path\nfrom gnn_sim2real.nn import GINE\nPath(__file__).with_name('ran').touch()\n"
        "class Foreign(GINE):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    path = "foreign_encoders.Foreign"
    key = forge(library, lambda card: card["network"]["encoder"].update(class_path="gnn_sim2real_evil.Net"))
    with pytest.raises(CheckpointError, match=r"'gnn_sim2real_evil\.Net'"):
        library.load(key)
    key = forge(library, lambda card: card["network"]["encoder"].update(class_path=path))
    with pytest.raises(CheckpointError, match=rf"{key}.*'{path}'.*GNN_SIM2REAL_ENCODERS=foreign_encoders"):
        library.load(key)
    assert not (tmp_path / "ran").exists()
    with monkeypatch.context() as trusting:
        trusting.setenv("GNN_SIM2REAL_ENCODERS", "foreign_encoders")
        assert type(library.load(key).network.encoder).__name__ == "Foreign"
    assert (tmp_path / "ran").exists()
    monkeypatch.delitem(sys.modules, "foreign_encoders")
    with pytest.raises(CheckpointError, match=r"'foreign_encoders\.Foreign'"):
        library.load(key)
    (tmp_path / "foreign-1.dist-info").mkdir()
    (tmp_path / "foreign-1.dist-info/entry_points.txt").write_text("[gnn_sim2real.encoders]\nx = foreign_encoders\n")
    assert type(library.load(key).network.encoder).__name__ == "Foreign", "an installed package is trusted"


def test_no_such_model(made):
    library, _ = made
    for key in ("0" * 32, "..", "identities", ""):
        with pytest.raises(CheckpointError, match=re.escape(repr(key))):
            library.load(key)
    with pytest.raises(ValueError, match="'zzz'"):
        library.find("zzz")
    with pytest.raises(ValueError, match=r"4 models .*''"):
        library.find("")
    key = library.keys()[0]
    assert library.find(key[:12]) == key
    assert ModelLibrary(library.folder / "nowhere").cards() == []


def test_a_network_of_other_weights_is_another_model(made, library):
    key, own = next(iter(made[1].items()))
    model = library.load(key)
    with torch.no_grad():
        model.network.head.mlp[0].bias[0] += 1
    assert library.add(model, library.content(key), own.seen_identities(), {}) not in made[1]


WORDS = st.text(max_size=8)
CARDS = st.lists(
    st.builds(
        Card,
        key=WORDS,
        domain=WORDS,
        source=WORDS,
        properties=st.lists(WORDS, max_size=3).map(tuple),
        units=st.lists(WORDS, max_size=3).map(tuple),
        architecture=WORDS,
        size=st.integers(1, 2**40),
        num_validation=st.integers(0, 9),
        seed=st.integers(0, 9),
        num_parameters=st.integers(0, 2**40),
        metrics=st.dictionaries(WORDS, st.dictionaries(WORDS, st.floats(allow_nan=False, allow_infinity=False))),
        featurizer=st.dictionaries(WORDS, st.integers(0, 9)),
        data_fingerprint=WORDS,
        split=WORDS,
        identities=WORDS,
        license=WORDS,
        citation=WORDS,
        pretraining=WORDS,
    ),
    max_size=6,
)


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(cards=CARDS)
def test_an_index_gives_back_its_cards(tmp_path_factory, cards):
    path = tmp_path_factory.mktemp("index") / "index.parquet"
    write_index(path, cards)
    assert to_cards(read_index(path)) == cards


def test_every_entry_of_a_card_is_a_plain_type(made):
    for card in made[0].cards():
        assert orjson.loads(orjson.dumps(card._asdict()))["key"] == card.key
