"""Every page with Python is executed as it stands: `docs/contributing/*.md`, on how to add something, and others."""

import re
import sys
from pathlib import Path

import pytest

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.foundation import ENCODERS
from gnn_sim2real.law.forms import CURVE_FORMS, SURFACE_FORMS
from gnn_sim2real.splits.acquisition.order import ORDERS
from gnn_sim2real.splits.split import SPLITS
from gnn_sim2real.tasks.policies.base import POLICIES

DOCS = Path(__file__).parents[1] / "docs"
ADVICE = pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning")
PAGES = [*sorted(DOCS.glob("contributing/*.md")), pytest.param(DOCS / "lightning.md", marks=[pytest.mark.slow, ADVICE])]
_BLOCK = re.compile(r"^```python(?: file=(\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page, tmp_path, monkeypatch):
    """A block headed `file=NAME` becomes that file, which later blocks import; the others run in order."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    # What a page registers goes with it.
    monkeypatch.setattr("gnn_sim2real.law.forms._registered", {**CURVE_FORMS, **SURFACE_FORMS})
    monkeypatch.setattr("gnn_sim2real.baselines._registered", dict(BASELINES))
    monkeypatch.setenv("GNN_SIM2REAL_CACHE", str(tmp_path / "cache"))
    for registry in (POLICIES, SPLITS, ORDERS, ENCODERS):
        monkeypatch.setattr(registry, "_added", registry.classes())
    before = set(sys.modules)
    blocks = _BLOCK.findall(page.read_text(encoding="utf-8"))
    assert blocks, f"{page.name} shows no code"
    names = {"__name__": page.stem}
    for name, block in blocks:
        if name:
            Path(name).write_text(block, encoding="utf-8")
        else:
            exec(compile(block, f"{page.name}", "exec"), names)  # noqa: S102 (our own page)
    for module in set(sys.modules) - before:
        if getattr(sys.modules[module], "__file__", None) and str(tmp_path) in sys.modules[module].__file__:
            del sys.modules[module]
