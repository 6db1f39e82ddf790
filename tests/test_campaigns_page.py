"""The page on campaigns has the numbers of the committed results."""

import campaigns_page


def test_the_page_is_that_of_the_results():
    assert campaigns_page.PAGE.read_text(encoding="utf-8") == campaigns_page.page(), "run python docs/campaigns_page.py"
