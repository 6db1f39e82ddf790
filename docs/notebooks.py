"""Runs the notebooks and writes what they print below each block: `python docs/notebooks.py [NAME ...]`.

A notebook is one Markdown file in `docs/notebooks`, which jupytext opens in Jupyter as it is: text, and blocks of
Python that share their names and run in an empty folder. What a block printed stands below it as a block `text`.
"""

import contextlib
import io
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).with_name("notebooks")
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n.*?^```\n)?", re.MULTILINE | re.DOTALL)
MOST_SECONDS = 60.0
"""Time that a notebook may take on 2 quiet cores [s]."""


def run(text: str, folder: Path) -> str:
    """Run the blocks of a notebook.

    Args:
        text: The notebook.
        folder: Empty folder that it runs in.

    Returns:
        The notebook with what its blocks printed.
    """
    names: dict[str, Any] = {"__name__": "notebook"}

    def ran(block: re.Match[str]) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block["code"], "notebook", "exec"), names)  # noqa: S102 (our own page)
        lines = "\n".join(line.rstrip() for line in printed.getvalue().strip("\n").splitlines())
        shown = lines.replace(str(folder), ".")
        return f"```python\n{block['code']}```\n" + (f"\n```text\n{shown}\n```\n" if shown else "")

    before, path = Path.cwd(), list(sys.path)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    try:
        return BLOCK.sub(ran, text)
    finally:
        os.chdir(before)
        sys.path[:] = path


if __name__ == "__main__":
    wanted = sys.argv[1:] or sorted(each.stem for each in NOTEBOOKS.glob("*.md"))
    for name in wanted:
        page, start = NOTEBOOKS / f"{name}.md", time.monotonic()
        with tempfile.TemporaryDirectory() as away:
            page.write_text(run(page.read_text(encoding="utf-8"), Path(away).resolve()), encoding="utf-8")
        sys.stderr.write(f"{name}: {time.monotonic() - start:.0f} s\n")
