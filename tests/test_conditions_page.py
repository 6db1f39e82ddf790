"""The page on conditions has the numbers of the committed results, which hold errors alone."""

import json

import conditions_page


def test_the_page_is_that_of_the_results():
    assert conditions_page.PAGE.read_text(encoding="utf-8") == conditions_page.page(), (
        "run python docs/conditions_page.py"
    )


def test_the_results_hold_no_values_of_materials():
    found = json.loads(conditions_page.RESULT.read_text())["properties"]
    for about in found.values():
        mae = about["mae"]
        assert mae["network with temperature"][0] < mae["network without"][0]
        assert mae["trees with temperature"][0] < mae["trees without"][0]
        intervals = [*mae.values(), *about["gain_by_temperature"].values(), about["gain_of_the_network_over_trees"]]
        assert all(low <= mean <= high for mean, low, high in intervals)
        assert sum(isinstance(each, list | dict) for each in about.values()) == 3  # all else is a number or a unit
