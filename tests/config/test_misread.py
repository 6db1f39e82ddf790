"""YAML whose numbers and names are read otherwise than they look is refused with its line; the rest as LightningCLI."""

import pytest

from gnn_sim2real.config.errors import read_yaml
from gnn_sim2real.config.misread import MisreadError


@pytest.mark.parametrize(
    "text",
    [
        "size: 010",
        "size: -010",
        "sizes: [8, 016]",
        "exclude: [001, 002]",
        "name: 0777",
        "deep: [{a: {b: 0_7}}]",
        "time: 1:30",
        "time: 190:20:30",
        "time: 1:30.5",
        "010: size",
        "no: 1",
        "at: {On: 1}",
        "yes: {no: 1}",
        "size: 1\nsize: 2",
    ],
)
def test_what_yaml_reads_otherwise_is_refused(text):
    with pytest.raises(MisreadError) as caught:
        read_yaml(text)
    assert caught.value.problem_mark.line == text.count("\n")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", 10),
        ("0", 0),
        ("-0", 0),
        ("0.5", 0.5),
        ("00.5", 0.5),
        ("1_000", 1000),
        ("1e-3", 1e-3),
        ("1e3", 1e3),
        ("08", "08"),
        ("'010'", "010"),
        ('"1:30"', "1:30"),
        ("00:12:00:00", "00:12:00:00"),
        ("2020-01-01", "2020-01-01"),
        ("yes", True),
        ("off", False),
        ("[no, 'no']", [False, "no"]),
        ("'no': 1", {"no": 1}),
        ("null", None),
        ("0x10", 16),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("a: &x {b: 1}\nc: {<<: *x}", {"a": {"b": 1}, "c": {"b": 1}}),
    ],
)
def test_the_rest_is_read_as_it_looks(text, value):
    read = read_yaml(text)
    assert read == value
    assert type(read) is type(value)


_BOMB = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{at + 1}: &a{at + 1} [{', '.join([f'*a{at}'] * 9)}]\n" for at in range(8)
)


@pytest.mark.parametrize("text", ["a: &x [*x]", "&x {a: [1, {b: *x}]}", _BOMB, "[" * 5000], ids=lambda text: text[:9])
def test_yaml_without_end_is_refused(text):
    with pytest.raises(MisreadError):
        read_yaml(text)
