"""The messages of jsonargparse are worded as `config.wording` expects.

Each test provokes one message of the installed version. One that fails after an update names the function whose pattern
has to follow.
"""

from argparse import ArgumentError
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from jsonargparse import ArgumentParser

from gnn_sim2real.config.wording import (
    Foreign,
    Lacking,
    Unknown,
    find_absent_class,
    find_absent_help,
    find_beside_class,
    find_foreign,
    find_lacking,
    find_unknown,
    find_wrong,
    in_one_sentence,
)

HERE = __name__


class Engine:
    pass


class Fast(Engine):
    def __init__(self, power: int, speed: int = 1): ...


class Other:
    def __init__(self, weight: int = 1): ...


def make_engine(number: int, power: int = 1) -> Engine: ...


@dataclass
class Settings:
    within: int = 1


def message(option, value):
    """What jsonargparse says of an option."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--size", type=int, default=1)
    parser.add_argument("--count", type=int | None, default=None)
    parser.add_argument("--engine", type=Engine | None, default=None)
    parser.add_argument("--make", type=Callable[[int], Engine] | None, default=None)
    parser.add_class_arguments(Settings, "group")
    with pytest.raises(ArgumentError) as caught:
        parser.parse_args([f"--{option}", value])
    return str(caught.value)


def spec(name, **settings):
    """A class in YAML."""
    inside = ", ".join(f"{key}: {value}" for key, value in settings.items())
    return f"{{class_path: {HERE}.{name}, init_args: {{{inside}}}}}"


@pytest.mark.parametrize(
    ("option", "value", "wanted"),
    [
        ("sizes", "1", Unknown("sizes", "", "")),
        ("group.inner", "1", Unknown("group.inner", "", "")),
        ("group", "{inner: 1}", Unknown("inner", "group", "")),
        ("engine", "{weight: 1}", Unknown("weight", "engine", f"{HERE}.Engine")),
        ("engine", spec("Fast", power=1, sped=2), Unknown("sped", "engine", f"{HERE}.Fast")),
        ("make", spec("make_engine", lr=1), Unknown("lr", "make", f"{HERE}.make_engine")),
    ],
)
def test_wording_of_a_setting_that_does_not_exist(option, value, wanted):
    assert find_unknown(message(option, value)) == wanted


def test_wording_of_a_class_that_does_not_exist():
    assert find_absent_class(message("engine", f"{HERE}.Fasst")) == (HERE, "Fasst")


def test_wording_of_a_setting_beside_its_class():
    assert find_beside_class(message("engine", f"{{class_path: {HERE}.Fast, power: 1}}")) == ("engine", "power")
    assert find_beside_class(message("size", "x")) is None


def test_wording_of_a_setting_that_is_not_given():
    assert find_lacking(message("engine", f"{HERE}.Fast")) == Lacking("engine", f"{HERE}.Fast", ["power"])
    assert find_lacking(message("engine", "2.5")) is None


def test_wording_of_a_class_of_another_kind():
    assert find_foreign(message("engine", f"{HERE}.Other")) == Foreign("engine", f"{HERE}.Other", "Engine")
    assert find_foreign(message("engine", "2.5")) is None


@pytest.mark.parametrize("name", [f"{HERE}.Other", "Foo"])
def test_wording_of_the_help_of_a_class_that_does_not_exist(name):
    assert find_absent_help(message("engine.help", name)) == ("engine", name)


@pytest.mark.parametrize(
    ("option", "value", "types", "is_class"),
    [
        ("size", "x", {"<class 'int'>"}, False),
        ("group.within", "x", {"<class 'int'>"}, False),
        ("count", "x", {"<class 'int'>", "<class 'NoneType'>"}, False),
        ("engine", "2.5", {"<class 'NoneType'>"}, True),
        ("engine", "Nothing", {"<class 'NoneType'>"}, True),
        ("make", "2.5", {"<class 'NoneType'>"}, True),
    ],
)
def test_wording_of_a_value_that_does_not_fit(option, value, types, is_class):
    found = find_wrong(message(option, value))
    assert (found.where, found.given, set(found.types), found.is_class) == (option, value, types, is_class)
    assert found.classes == ({f"{HERE}.Engine"} if option == "engine" else set())


def test_wording_of_the_tree_of_attempts():
    text = in_one_sentence(message("count", "x"))
    assert "<class 'int'>" in text
    assert not {"Union", "Errors", "Subtypes", "NoneType"} & {*text.replace("'", " ").replace(":", " ").split()}
    assert in_one_sentence("a file is missing") == "a file is missing"
