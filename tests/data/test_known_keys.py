"""Keys, cards and parts are those that they were before the data module was made of parts."""

import json
from pathlib import Path

import known_keys
import pytest

KNOWN = json.loads(Path(__file__).with_name("known_keys.json").read_text())


# Their energies are computed, and the last digits are those of a processor: there the keys were taken.
COMPUTED = {"simulated crystals", "simulated crystals, grown", "same structure"}


@pytest.mark.slow
def test_of_the_demos():
    found = {name: known_keys.fact(data) for name, data in known_keys.demo() if name not in COMPUTED}
    assert found == {name: fact for name, fact in KNOWN["demo"].items() if name not in COMPUTED}


@pytest.mark.slow
@pytest.mark.realdata
def test_of_real_files(real_data, monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_DATA", str(real_data))
    assert {name: known_keys.fact(data) for name, data in known_keys.real()} == KNOWN["real"]
