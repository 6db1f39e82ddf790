"""Every notebook runs as it stands, in the time that its reader has."""

import time

import notebooks
import pytest
from fences import read_fences

PAGES = sorted(notebooks.NOTEBOOKS.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_notebook_shows_what_it_printed(page):
    fences = read_fences(page.read_text())
    assert {each.language for each in fences} == {"python", "text"}, "run python docs/notebooks.py"
    for fence in fences:
        assert not fence.marks
        if fence.language == "python":
            compile(fence.text, page.name, "exec")


@pytest.mark.release
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_notebook_runs(page, tmp_path, monkeypatch):
    """Offline, with an empty cache, without any data folder; its time is that of the processor."""
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GNN_SIM2REAL_DATA", raising=False)
    folder, start = tmp_path / "notebook", time.process_time()
    folder.mkdir()
    text = page.read_text()
    found = notebooks.run(text, folder)
    assert time.process_time() - start < notebooks.MOST_SECONDS
    assert [each.language for each in read_fences(found)] == [each.language for each in read_fences(text)]


def test_what_a_block_prints_stands_below_it(tmp_path):
    page = "# A\n\n```python\nvalue = 1\n```\n\n```python\nprint(value + 1)\n```\n\n```text\nold\n```\n\nEnd.\n"
    found = notebooks.run(page, tmp_path)
    assert [each.text for each in read_fences(found)] == ["value = 1\n", "print(value + 1)\n", "2\n"]
    assert found.endswith("\n\nEnd.\n")
    assert notebooks.run(found, tmp_path) == found
