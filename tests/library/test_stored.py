"""Models as earlier versions stored them load for ever, with the same answers. Never make these files again."""

import json
from pathlib import Path

import numpy as np
import pytest

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.library import ModelLibrary

STORED = Path(__file__).parent / "stored"
FORMATS = ("format_1", "card_1")


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_answers(name):
    saved = json.loads((STORED / "answers.json").read_text())
    library = ModelLibrary(STORED / name)
    (key,) = library.keys()
    found = library.load(key).predict(saved["materials"])
    np.testing.assert_allclose(found.values, saved["answers"][name], rtol=1e-4)
    assert found.names[0] == "density"
    assert library.verify() == {}


@pytest.mark.parametrize("name", FORMATS)
def test_the_card(name):
    library = ModelLibrary(STORED / name)
    card = library.card(library.keys()[0])
    assert (card.domain, card.source.startswith("TinyPolymers"), card.architecture) == ("polymer", True, "GINE")
    assert (card.size, card.seed, card.properties[0], card.units[0]) == (42, 0, "density", "g/cm3")
    assert card.num_parameters == sum(each.numel() for each in library.load(card.key).network.state_dict().values())
    assert library.content(card.key)["data"]["num_materials"] == 42


def test_what_format_1_does_not_say():
    library = ModelLibrary(STORED / "format_1")
    (key,) = library.keys()
    card = library.card(key)
    assert (card.metrics, card.license, card.pretraining) == ({}, "", "5" * 32)
    with pytest.raises(CheckpointError, match=key):
        library.identities(key)
    assert "model.json" in library.verify(strict=True)[key]


def test_old_and_new_models_share_a_folder(tmp_path):
    for name in FORMATS:
        for path in (STORED / name).rglob("*"):
            if path.is_file():
                target = tmp_path / path.relative_to(STORED / name)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    library = ModelLibrary(tmp_path)
    assert len(library.cards(property="density")) == 2
    assert len(library.cards(min_r2=-1e9)) == 1  # of the old one no error is known
    (tmp_path / "5555".ljust(32, "5") / "weights.safetensors").write_bytes(b"short")
    (tmp_path / "index.parquet").unlink()
    assert len(library.cards()) == 1
    assert list(library.verify()) == ["5" * 32]
