"""Blocks of code in Markdown, with what stands beside their language.

```yaml title="study.yaml"                   is written to this file
```console { data-run="tests/test_x.py" }    runs in another test
```console { data-not-run="needs a server" } does not run, for this reason
"""

import re
from typing import NamedTuple

_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r'([\w-]+)="([^"]*)"')


class Fence(NamedTuple):
    """A block: its language, its marks and its text."""

    language: str
    marks: dict[str, str]
    text: str


def read_fences(text):
    """The blocks of a page, in order."""
    return [Fence(language, dict(_MARK.findall(marks)), body) for language, marks, body in _FENCE.findall(text)]
