"""Names of the encoders of a grid."""

import pytest

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.nn import GINE, Blend, Pair
from gnn_sim2real.study.architectures import name_architectures

NN = "gnn_sim2real.nn"


def encoder(path, name=None, **settings):
    return {"class_path": f"{NN}.{path}", "init_args": settings} | ({"name": name} if name else {})


def names(*axes, of_yaml=None):
    return [[each.name for each in grid] for grid in name_architectures(axes, of_yaml)]


PAIR = encoder("GINE", hidden_dim=8)


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        ([encoder("GINE", hidden_dim=16)], ["GINE"]),
        ([encoder("GINE"), encoder("DMPNN", hidden_dim=16)], ["GINE", "DMPNN"]),
        (
            [encoder("GINE", hidden_dim=16, num_layers=3), encoder("GINE", hidden_dim=32, num_layers=3)],
            ["GINE(hidden_dim=16)", "GINE(hidden_dim=32)"],
        ),
        ([encoder("GINE"), encoder("GINE", dropout=0.1)], ["GINE(dropout=0.0)", "GINE(dropout=0.1)"]),
        (
            [
                encoder("GINE", hidden_dim=16),
                encoder("GINE", hidden_dim=16, readout="sum"),
                encoder("GINE", dropout=0.1),
            ],
            [
                "GINE(hidden_dim=16, dropout=0.0, readout=mean)",
                "GINE(hidden_dim=16, dropout=0.0, readout=sum)",
                "GINE(hidden_dim=128, dropout=0.1, readout=mean)",
            ],
        ),
        ([encoder("GINE", "wide", hidden_dim=256), encoder("GINE")], ["wide", "GINE(hidden_dim=128)"]),
        ([encoder("Pair", first=PAIR)], ["Pair(GINE)"]),
        (
            [encoder("Pair", first=PAIR), encoder("Pair", first=encoder("GINE", hidden_dim=16))],
            ["Pair(GINE, first.hidden_dim=8)", "Pair(GINE, first.hidden_dim=16)"],
        ),
        ([encoder("Pair", first=PAIR), encoder("Pair", first=encoder("DMPNN"))], ["Pair(GINE)", "Pair(DMPNN)"]),
    ],
)
def test_names_say_what_differs(axis, expected):
    assert names(axis) == [expected]


def test_the_encoder_of_the_yaml_counts_where_a_grid_has_no_axis():
    axis, yaml = [encoder("GINE", hidden_dim=16)], encoder("GINE", hidden_dim=32)
    assert names([], axis, of_yaml=yaml) == [["GINE(hidden_dim=32)"], ["GINE(hidden_dim=16)"]]
    assert names(axis, axis, of_yaml=yaml) == [["GINE"], ["GINE"]]
    assert names([], axis, of_yaml=axis[0]) == [["GINE"], ["GINE"]]
    assert names([], of_yaml=None) == [[""]]


def test_an_encoder_has_one_name_in_all_grids():
    named, unnamed = [encoder("GINE", "small", hidden_dim=16)], [encoder("GINE", hidden_dim=16)]
    assert names(unnamed, named) == [["small"], ["small"]]
    ((each,),) = name_architectures([named])
    assert each.encoder == unnamed[0]


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ([[encoder("GINE", hidden_dim=128), encoder("DMPNN"), encoder("GINE")]], r"\b1\b.*\b3\b.*GINE"),
        ([[encoder("GINE", "a"), encoder("GINE", "b")]], r"\b1\b.*\b2\b.*GINE"),
        ([[encoder("GINE", "a"), encoder("DMPNN", "a")]], "'a'"),
        ([[encoder("GINE", "DMPNN"), encoder("DMPNN")]], "'DMPNN'"),
        ([[encoder("GINE", "a")], [encoder("GINE", "b")]], "'a' .*'b'"),
        ([[{"class_path": f"{NN}.GINE", "name": " "}]], "`name`"),
        ([[{"class_path": f"{NN}.GINE", "init_arg": {}}]], "`init_arg`"),
        ([[{"name": "wide"}]], "`class_path`"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(axes, said):
    with pytest.raises(ValueError, match=said):
        name_architectures(axes)


def test_a_class_that_does_not_exist_is_refused():
    with pytest.raises(CheckpointError, match="NoSuch"):
        name_architectures([[encoder("NoSuch")]])


@pytest.mark.parametrize("made", [GINE(8), Pair(GINE(8)), Pair(GINE(8), GINE(16)), Blend(GINE(8))])
def test_the_name_of_an_encoder_is_that_of_its_description(made):
    ((each,),) = name_architectures([[made.describe()]])
    assert each.name == made.name


def test_a_class_name_alone_is_the_class_path_of_the_encoder():
    def entry(path, inner):
        return {"class_path": path, "init_args": {"first": {"class_path": inner, "init_args": {"hidden_dim": 8}}}}

    whole = name_architectures([[entry(f"{NN}.Pair", f"{NN}.GINE")]])
    assert name_architectures([[entry("Pair", "GINE")]]) == whole
    with pytest.raises(ValueError, match="same"):
        name_architectures([[{"class_path": "GINE"}, {"class_path": f"{NN}.GINE"}]])


def test_a_name_that_no_encoder_has_is_refused_with_those_that_there_are():
    with pytest.raises(CheckpointError, match="GINE"):
        name_architectures([[{"class_path": "Gine"}]])


def test_a_name_that_two_encoders_have_is_refused():
    others = [type("Twin", (GINE,), {"__module__": module}) for module in ("one", "other")]
    with pytest.raises(CheckpointError, match=r"one\.Twin and other\.Twin"):
        name_architectures([[{"class_path": others[0].__name__}]])
