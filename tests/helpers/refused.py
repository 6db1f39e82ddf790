"""What a wrong input gets: a `ValueError` of one sentence, which names what is wrong with it."""

from contextlib import contextmanager

import pytest


@contextmanager
def refused(*named, error=ValueError):
    """Expect an error of one line that has some texts in it: values, names of settings or places."""
    with pytest.raises(error) as found:
        yield
    text = str(found.value)
    assert "\n" not in text
    assert len(text) > 15
    assert not [each for each in named if each not in text], text
