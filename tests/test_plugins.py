"""Plug-ins that cannot be used: each is named and left out, and none takes the place of what the package brings."""

import importlib
import re
import sys
from contextlib import ExitStack
from typing import ClassVar

import numpy as np
import pytest
import torch
from registries import isolated, write_distribution
from tiny import TinyPolymers

from gnn_sim2real.baselines import BASELINES, Baseline, Inputs, predict_test
from gnn_sim2real.data.registry import find_datasets
from gnn_sim2real.databases.recipe import find_recipes
from gnn_sim2real.law.forms import FORMS
from gnn_sim2real.law.forms.power import Power
from gnn_sim2real.nn import GINE
from gnn_sim2real.nn.model import PropertyModel, PropertySpec
from gnn_sim2real.nn.registry import import_plugins
from gnn_sim2real.plugins import Instances, Registry, import_installed
from gnn_sim2real.splits.acquisition.order import ORDERS
from gnn_sim2real.splits.split import SPLITS, Split
from gnn_sim2real.tasks.policies import FineTuningPolicy, find_policies


@pytest.fixture(autouse=True)
def _forgotten():
    """What a test registers is forgotten after it."""
    with isolated():
        yield


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Make distributions look installed: `install(group, module=text)`."""
    monkeypatch.syspath_prepend(str(tmp_path))
    with ExitStack() as stack:

        def install(group, **modules):
            for name, text in modules.items():
                (tmp_path / f"{name}.py").write_text(text)
            stack.enter_context(isolated())
            write_distribution(tmp_path, group, **{name: name for name in modules})

        yield install
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
    "gnn_sim2real.forms": lambda: list(FORMS),
    "gnn_sim2real.baselines": lambda: list(BASELINES),
    "gnn_sim2real.encoders": import_plugins,
    "gnn_sim2real.datasets": find_datasets,
}


@pytest.mark.parametrize("group", LOOKED_UP)
def test_what_fails_in_any_way_is_named_and_left_out(install, caplog, group):
    look = LOOKED_UP[group]
    before = look()
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
    monkeypatch.setattr("gnn_sim2real.plugins.import_files", lambda package: seen.append(package) or [])
    registry.add("mine", type("Mine", (), {"__module__": "notebook"}))
    assert seen == ["gnn_sim2real.splits"]


def test_a_cell_that_runs_again_replaces_its_class():
    def cell():
        class Again(Split):
            name = "again"

        return Again

    first, second = cell(), cell()
    assert SPLITS.classes()["again"] is second
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
        FORMS.add(Mine())
    for wrong in (Mine, object(), type("Nameless", (Power,), {"name": ""})()):
        with pytest.raises(ValueError, match="Form"):
            FORMS.add(wrong)
    assert type(FORMS["power"]) is Power


ANIMALS = """
from dataclasses import dataclass

@dataclass
class Animal:
    name: str
    legs: int

"""


@pytest.fixture
def animals(monkeypatch, tmp_path):
    """A registry of animals, of which a dog and a beetle stand in the files of its folder."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo/__init__.py").touch()
    (tmp_path / "zoo/animal.py").write_text(ANIMALS)
    (tmp_path / "zoo/beetle.py").write_text("from zoo.animal import Animal\nBEETLE = Animal('beetle', 6)")
    (tmp_path / "zoo/dog.py").write_text("from zoo.animal import Animal\nDOG, COUNT = Animal('dog', 4), 4")

    def check(value):
        if value.legs < 0:
            raise ValueError(f"an animal of {value.legs} legs")

    yield Instances(
        "zoo",
        group="zoos",
        word="animal",
        is_one=lambda value: type(value).__name__ == "Animal",
        check=check,
        rank=lambda value: value.legs,
    )
    for name in [name for name in sys.modules if name.partition(".")[0] == "zoo"]:
        del sys.modules[name]


def test_instances_of_the_folder_and_of_distributions_are_found_and_sorted(animals, install):
    install("zoos", bird="from zoo.animal import Animal\nBIRD = Animal('bird', 2)")
    assert list(animals) == ["bird", "dog", "beetle"]
    assert (len(animals), "dog" in animals, "cat" in animals) == (3, True, False)
    assert animals["beetle"].legs == 6
    with pytest.raises(KeyError):
        animals["cat"]


def test_instances_that_cannot_be_used_are_refused_or_left_out(animals, install, caplog):
    text = "from zoo.animal import Animal as Base\nclass Animal(Base):\n    pass\n"
    install("zoos", ghost=f"{text}GHOST = Animal('ghost', -1)", thief=f"{text}DOG = Animal('dog', 3)")
    assert list(animals) == ["dog", "beetle"]
    assert animals["dog"].legs == 4
    assert "ghost" in caplog.text
    assert "thief" in caplog.text
    with pytest.raises(ValueError, match="-1"):
        animals.add(type(animals["dog"])("eel", -1))


def test_an_instance_replaces_an_earlier_version_of_itself_and_no_other(animals):
    kind = type(animals["dog"])
    animals.add(kind("dog", 3))
    assert animals["dog"].legs == 3
    with pytest.raises(ValueError, match="'dog'"):
        animals.add(type("Animal", (kind,), {"__module__": "notebook"})("dog", 4))
    assert animals["dog"].legs == 3


def test_what_is_added_in_isolation_is_forgotten(animals):
    cat = type(animals["dog"])("cat", 4)
    with animals.isolated():
        animals.add(cat)
        assert animals["cat"] is cat
    assert list(animals) == ["dog", "beetle"]


def test_a_folder_whose_import_failed_is_imported_once_more(animals, tmp_path):
    (tmp_path / "zoo/fish.py").write_text("raise ImportError('no water')")
    with pytest.raises(ImportError, match="water"):
        len(animals)
    (tmp_path / "zoo/fish.py").unlink()
    importlib.invalidate_caches()
    assert len(animals) == 2


def test_a_second_data_module_of_a_name_is_left_out(install, caplog):
    text = "from datamodules.radonpy import RadonPy as Base\nclass RadonPy(Base):\n    pass"
    install("gnn_sim2real.datasets", first="from datamodules.radonpy import RadonPy", second=text)
    assert find_datasets()["RadonPy"].__module__ == "datamodules.radonpy"
    assert re.search(r"\bsecond\b.*\bRadonPy\b", caplog.text)


def test_a_data_set_of_one_file_and_a_broken_one_leave_the_recipes_as_they_are(install):
    """A module that is not a package has no folder `recipes`, and what fails to import has none either."""
    before = list(find_recipes())
    install("gnn_sim2real.datasets", one_file="", **BROKEN)
    assert list(find_recipes()) == before


def test_a_split_without_a_method_is_named_when_it_is_asked_for():
    class Lacking(Split):
        name = "lacking"

    with pytest.raises(ValueError, match=r"`split_by: lacking`.*Lacking lacks `make`"):
        SPLITS.find("lacking")


class Wrong(Baseline):
    """Answers with another number of predictions, or with what is none."""

    answer: ClassVar[list[float]] = []

    def predict(self, train, values, test, *, seed):
        return np.array(self.answer)


@pytest.mark.parametrize("answer", [[1.0], [1.0, 2.0, 3.0], [1.0, float("nan")]])
def test_a_baseline_that_answers_wrongly_is_named(answer, monkeypatch):
    monkeypatch.setattr(Wrong, "answer", answer)
    wrong = Wrong("wrong one", "wrong one", ("descriptors",))
    inputs = Inputs(descriptors=np.arange(5.0)[:, None])
    with pytest.raises(ValueError, match=r"`wrong one`.*\b2\b"):
        predict_test(wrong, inputs, np.zeros(5), np.arange(3), np.arange(3, 5))


@pytest.mark.parametrize(("num_rows", "width"), [(1, 8), (2, 7)])
def test_an_encoder_that_returns_another_shape_is_named(num_rows, width):
    class Odd(GINE):
        def forward(self, batch):
            return torch.zeros(num_rows, width)

    network = PropertyModel(Odd(hidden_dim=8, num_layers=1), [PropertySpec("density", "g/cm3")])
    batch = TinyPolymers().store.select(torch.arange(2))
    with pytest.raises(ValueError, match=rf"Odd\b.*\b2 x 8\b.*\b{num_rows} x {width}\b"):
        network(batch)
