"""Which sheet a data module has: it is the license in the card of a model."""

import pytest

from datamodules import AflowAGL, Matbench, MeasuredCrystals, Optimade, PolymerTable, RadonPy, SimulatedLiquids
from gnn_sim2real.data.registry import choose_properties, find_sheets


def test_what_a_sheet_reads_has_that_sheet():
    for sheet, module in find_sheets().values():
        assert module(**dict(sheet.settings)).sheet == sheet


def test_a_file_or_address_of_ones_own_has_none():
    own = {"path": "mine.csv", "property": "tg", "unit": "K", "column": "tg"}
    assert PolymerTable(**own).sheet is None
    assert MeasuredCrystals(**own).sheet is None
    assert Optimade("https://example.org", {"band_gap": "eV"}, fields={"band_gap": "_gap"}).sheet is None
    assert Matbench("matbench_steels").sheet.name == "matbench_steels"


@pytest.mark.parametrize("reader", [AflowAGL, RadonPy, SimulatedLiquids])
def test_properties_that_a_data_set_does_not_have(reader):
    with pytest.raises(ValueError, match=rf"{reader.__name__} .*'luck'"):
        reader(["luck"])
    with pytest.raises(ValueError, match=rf"{reader.__name__} .*none"):
        reader([])


def test_properties_are_chosen_in_the_order_of_the_names():
    assert choose_properties("Any", ["b", "a"], {"a": 1, "b": 2, "c": 3}) == [2, 1]
