"""Every page with Python is executed as it stands: `docs/contributing/*.md`, on how to add something, and others."""

import os
import sys
from pathlib import Path

import pytest
from fences import read_fences
from registries import isolated

DOCS = Path(__file__).parents[1] / "docs"
ADVICE = pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning")
PAGES = [
    *(pytest.param(page, marks=pytest.mark.slow) for page in sorted(DOCS.glob("contributing/*.md"))),
    pytest.param(DOCS / "lightning.md", marks=[pytest.mark.release, ADVICE]),
]
LEAVES = {"lightning": ["records/scaling_law.png", "demo_records/*.json", "logs/**/scaling_law/forms.csv"]}
"""What the code of a page leaves behind."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page, tmp_path, monkeypatch):
    """A block with a title becomes that file, which later blocks import; the others run in order."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    # The environment may not be activated.
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    before = set(sys.modules)
    blocks = [each for each in read_fences(page.read_text(encoding="utf-8")) if each.language == "python"]
    assert blocks, f"{page.name} shows no code"
    names = {"__name__": page.stem}
    try:
        with isolated():
            for block in blocks:
                if name := block.marks.get("title"):
                    Path(name).write_text(block.text, encoding="utf-8")
                else:
                    exec(compile(block.text, f"{page.name}", "exec"), names)  # noqa: S102 (our own page)
        for pattern in LEAVES.get(page.stem, []):
            assert list(tmp_path.glob(pattern)), pattern
    finally:  # or a later page would have the files of one that failed
        for module in set(sys.modules) - before:
            if str(tmp_path) in (getattr(sys.modules[module], "__file__", None) or ""):
                del sys.modules[module]
