"""Elements, bonds and charges that a model has seen."""

import logging

import numpy as np
import pytest

from gnn_sim2real.featurize.featurizer import get_featurizer
from gnn_sim2real.featurize.mixture import Mixture
from gnn_sim2real.store.mixtures import store_of
from gnn_sim2real.store.vocabulary import find_unseen, find_vocabulary, join_vocabularies, warn_of_unseen

SEEN = ["CCO", "CC(C)N", "c1ccccc1"]
NEW = ["CCF", "CCO", "C=O", "C[N+](C)(C)C", "FC(Cl)F"]


def molecules(smiles):
    return store_of(smiles, get_featurizer("molecule"))


def test_what_molecules_are_made_of():
    found = find_vocabulary(molecules(SEEN))
    assert found == {"elements": ["C", "N", "O"], "bonds": ["single", "aromatic"], "charges": ["+0"]}
    assert find_vocabulary(molecules(SEEN), np.array([0])) == {
        "elements": ["C", "O"],
        "bonds": ["single"],
        "charges": ["+0"],
    }
    assert join_vocabularies(find_vocabulary(molecules(["CO"])), find_vocabulary(molecules(["C=S"]))) == {
        "elements": ["C", "O", "S"],
        "bonds": ["single", "double"],
        "charges": ["+0"],
    }


def test_what_was_never_seen(caplog):
    seen = find_vocabulary(molecules(SEEN))
    found = find_unseen(molecules(NEW), seen)
    assert found.rows.tolist() == [True, False, True, True, True]
    assert found.counts == {"F": 2, "Cl": 1, "bond double": 1, "charge +1": 1}
    assert find_unseen(molecules(NEW), seen, np.array([1, 4])).rows.tolist() == [False, True]
    with caplog.at_level(logging.WARNING):
        warn_of_unseen(None, molecules(NEW), "prediction")
        warn_of_unseen(seen, molecules(SEEN), "prediction")
        assert not caplog.text
        warn_of_unseen(seen, molecules(NEW), "prediction")
    assert "F in 2" in caplog.text


def test_mixtures_and_compositions():
    mixtures = [Mixture(("CCO", "CCF")), Mixture(("CCO",)), Mixture(("*CC(*)Cl", "CCO"))]
    store = store_of(mixtures, get_featurizer("mixture"))
    assert find_vocabulary(store)["elements"] == ["C", "O", "F", "Cl"]
    assert find_unseen(store, {"elements": ["C", "O"]}).rows.tolist() == [True, False, True]
    formulas = store_of(["NaCl", "MgO"], get_featurizer("composition"))
    assert find_vocabulary(formulas) == {"elements": ["O", "Na", "Mg", "Cl"]}
    assert find_unseen(formulas, find_vocabulary(molecules(SEEN))).counts == pytest.approx({"Cl": 1, "Mg": 1, "Na": 1})
