"""The page on scale has the numbers of the committed results."""

import scale_page


def test_the_page_is_that_of_the_results():
    assert scale_page.PAGE.read_text(encoding="utf-8") == scale_page.page(), "run python docs/scale_page.py"
