"""Plug-ins that cannot be used: each is named and left out, and none takes the place of what the package brings."""

import sys
from importlib.metadata import EntryPoint

import pytest

from gnn_sim2real.data.registry import find_datasets
from gnn_sim2real.law import forms
from gnn_sim2real.law.forms import CURVE_FORMS
from gnn_sim2real.law.forms.power import Power
from gnn_sim2real.nn.registry import import_plugins
from gnn_sim2real.plugins import Registry, import_installed
from gnn_sim2real.splits.acquisition.order import ORDERS
from gnn_sim2real.splits.split import SPLITS, Split
from gnn_sim2real.tasks.policies import FineTuningPolicy, find_policies
from gnn_sim2real.tasks.policies.base import POLICIES

REGISTRIES: list[Registry] = [POLICIES, SPLITS, ORDERS]


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch):
    """What a test registers is forgotten after it."""
    for registry in REGISTRIES:
        monkeypatch.setattr(registry, "_added", dict(registry.classes()))
    monkeypatch.setattr(forms, "_registered", dict(forms._registered) if len(CURVE_FORMS) else {})


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Make distributions look installed: `install(group, module=text)`."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(group, **modules):
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(text)
        points = [EntryPoint(name, name, group) for name in modules]
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points)
        for registry in REGISTRIES:
            monkeypatch.setattr(registry, "_has_installed", False)
        forms._find_all.cache_clear()

    yield install
    forms._find_all.cache_clear()
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


BROKEN = {
    "raises": "raise RuntimeError('no licence')",
    "exits": "raise SystemExit(3)",
    "no_python": "def",
    "no_module": "import nowhere_at_all",
}
LOOKED_UP = {
    "gnn_sim2real.policies": find_policies,
    "gnn_sim2real.splits": SPLITS.names,
    "gnn_sim2real.acquisitions": ORDERS.names,
    "gnn_sim2real.forms": lambda: list(CURVE_FORMS),
    "gnn_sim2real.encoders": import_plugins,
    "gnn_sim2real.datasets": find_datasets,
}


@pytest.mark.parametrize("group", LOOKED_UP)
def test_what_fails_in_any_way_is_named_and_left_out(install, caplog, group):
    look = LOOKED_UP[group]
    before = look() if group != "gnn_sim2real.datasets" else {}
    install(group, **BROKEN)
    assert look() == before
    assert all(name in caplog.text for name in BROKEN)


def test_a_stop_by_hand_is_no_broken_plug_in(install):
    install("any", stopped_by_hand="raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        list(import_installed("any"))


def test_a_plug_in_with_the_name_of_one_of_ours_is_left_out(install, caplog):
    ours = SPLITS.find("random")
    install(
        SPLITS.group,
        evil="from gnn_sim2real.splits.random import RandomSplit\nclass Evil(RandomSplit):\n    name = 'random'",
        good="from gnn_sim2real.splits.random import RandomSplit\nclass Good(RandomSplit):\n    name = 'good'",
    )
    assert SPLITS.find("random") is ours
    assert SPLITS.find("good").__module__ == "good"
    assert "'random'" in caplog.text


def test_a_class_made_before_ours_are_imported_takes_no_name_of_theirs(monkeypatch):
    registry: Registry = Registry("gnn_sim2real.splits", group="none", setting="split_by", first="random")
    seen = []
    monkeypatch.setattr("gnn_sim2real.plugins.import_files", seen.append)
    registry.add("mine", type("Mine", (), {"__module__": "notebook"}))
    assert seen == ["gnn_sim2real.splits"]


def test_a_cell_that_runs_again_replaces_its_class():
    def cell():
        class Again(Split):
            name = "again"

        return Again

    first, second = cell(), cell()
    assert SPLITS.find("again") is second
    assert first is not second


@pytest.mark.parametrize("name", ["", 3, "two words", "random"])
def test_names_that_cannot_be(name):
    before = SPLITS.names()
    with pytest.raises(TypeError, match="`split_by`"):
        type("Bad", (Split,), {"name": name, "__module__": "notebook"})
    assert SPLITS.names() == before


@pytest.mark.parametrize("name", ["none", "encoder", "difference", "extra_trees"])
def test_names_of_policies_that_mean_something_else(name):
    with pytest.raises(TypeError, match=name):
        type("Bad", (FineTuningPolicy,), {"name": name, "title": "t", "summary": "s"})
    assert name not in find_policies()


def test_a_policy_whose_setting_has_no_default():
    with pytest.raises(TypeError, match="'depth'"):

        class Bad(FineTuningPolicy):
            name, title, summary = "bad", "t", "s"
            depth: int

    assert "bad" not in find_policies()


def test_forms_that_cannot_be():
    class Mine(Power):
        name = "power"

    with pytest.raises(ValueError, match="'power'"):
        forms.register(Mine())
    for wrong in (Mine, object(), type("Nameless", (Power,), {"name": ""})()):
        with pytest.raises(ValueError, match="Form"):
            forms.register(wrong)
    assert type(CURVE_FORMS["power"]) is Power


def test_a_second_data_module_of_a_name_is_left_out(install, caplog):
    text = "from datamodules.radonpy import RadonPy as Base\nclass RadonPy(Base):\n    pass"
    install("gnn_sim2real.datasets", first="from datamodules.radonpy import RadonPy", second=text)
    assert find_datasets()["RadonPy"].__module__ == "datamodules.radonpy"
    assert "second has another data module RadonPy" in caplog.text
