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
        assert all(isinstance(each, int | float | str | dict) for each in about.values())
        assert all(len(interval) == 3 for interval in mae.values())
