"""The Python of the pages for users runs, block after block."""

import re
from pathlib import Path

import matplotlib
import pytest

from gnn_sim2real.records.record import read_records

DOCS = Path(__file__).parents[1] / "docs"


def blocks(name):
    """Blocks that run; those marked `no-run` need files that the page does not make."""
    return re.findall(r"```python\n(.*?)```", (DOCS / f"{name}.md").read_text(), re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "number"), [("python", 9), ("explain", 1)])
def test_every_block_runs(name, number, tmp_path, monkeypatch):
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    found = blocks(name)
    assert len(found) >= number
    known = {}
    for block in found:
        exec(compile(block, f"{name}.md", "exec"), known)  # noqa: S102 (our own page)
    if name == "python":
        assert len(read_records(Path("records"))) == 1
        assert Path("index_model/estimator.json").exists()
