"""What is tried: ranges and choices, as a YAML has them."""

import json
import re

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.tune.settings import TuneSettings
from gnn_sim2real.tune.space import as_options, read_files, value_at


@pytest.fixture
def space_of(tmp_path):
    """The space of a section `tune`, or of several in their order."""

    def read(*sections):
        files = [tmp_path / f"{number}.yaml" for number in range(len(sections))]
        for file, section in zip(files, sections, strict=True):
            file.write_text(yaml.safe_dump({"tune": section}))
        return read_files([str(file) for file in files])[1]

    return read


RATE = {"low": 1e-4, "high": 1e-2, "log": True}


@pytest.mark.parametrize(
    ("key", "entry", "said"),
    [
        ("model.dropout", {"low": 0.3, "high": 0.1}, ["0.3", "0.1", "`low`"]),
        ("model.dropout", {"low": 0.1, "high": 0.1}, ["`low`"]),
        ("model.optimizer.lr", {"low": 0, "high": 0.1, "log": True}, ["above 0", "`log`"]),
        ("model.optimizer.lr", {"low": -1, "high": 0.1, "log": True}, ["above 0", "-1"]),
        ("model.optimizer.lr", {"low": 0.1}, ["`high`"]),
        ("model.optimizer.lr", {"low": 0.1, "hihg": 1}, ["'hihg'", "`high`"]),
        ("model.optimizer.lr", {"low": "a", "high": 1}, ["'a'", "a number"]),
        ("model.optimizer.lr", {"low": 0.1, "high": float("inf")}, ["inf"]),
        ("model.optimizer.lr", {"low": 0.1, "high": 1e300}, ["`high`", "1e+300"]),
        ("model.optimizer.lr", {"low": -1e39, "high": 1}, ["`low`", "-1e+39"]),
        ("model.optimizer.lr", {"low": 1, "high": 10**400}, ["`high`"]),
        ("model.optimizer.lr", [0.1, 1e300], ["1e+300"]),
        ("model.optimizer.lr", {"low": True, "high": 2}, ["True"]),
        ("model.optimizer.lr", {"low": 0.1, "high": 1, "log": 1}, ["`log`"]),
        ("model.optimizer.lr", {"low": 0.1, "high": 1, "log": True, "step": 0.1}, ["`log`", "`step`"]),
        ("trainer.max_epochs", {"low": 1, "high": 9, "step": 0}, ["`step`"]),
        ("trainer.max_epochs", {"low": 1, "high": 9, "step": 20}, ["`step`"]),
        ("trainer.max_epochs", 3, ["choices", "3"]),
        ("model.policy", ["full"], ["2"]),
        ("model.policy", ["full", "l2_sp", "full"], ['"full"', "twice"]),
        ("model.policy", {"choices": ["full", "l2_sp"], "low": 1}, ["`choices`", "low"]),
        ("modle.policy", ["full", "l2_sp"], ["`model`"]),
        ("seed_everything", [0, 1], ["model.optimizer.lr"]),
        ("library", [0, 1], ["model.optimizer.lr"]),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(space_of, key, entry, said):
    with pytest.raises(ValueError, match=key.replace(".", r"\.")) as refused:
        space_of({key: entry})
    assert all(each in str(refused.value) for each in said), refused.value


def test_a_space_and_settings_of_a_training_are_not_in_one_file(tmp_path):
    file = tmp_path / "both.yaml"
    file.write_text(yaml.safe_dump({"tune": {"model.dropout": [0.0, 0.1]}, "trainer": {"max_epochs": 3}}))
    with pytest.raises(ValueError, match="trainer"):
        read_files([str(file)])
    file.write_text("trainer: {max_epochs: 3}")
    with pytest.raises(ValueError, match="nothing is to be tuned"):
        read_files([str(file)])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tune: {model.dropout: [0, 1]}\ntune: {model.policy: [a, b]}", ["line 2", "`tune`"]),
        ("tune:\n  model.dropout: [0, 1]\n  model.dropout: [0, 2]", ["line 3", "`model.dropout`"]),
        ("tune:\n  model.dropout: !!python/object:os.system []", ["line 2", "python/object:os.system"]),
        ("tune: {model.encoder.readout: &x [*x]}", ["line 1", "alias"]),
        ("tune: {model.dropout: [0, 1}", ["line 1"]),
    ],
)
def test_a_space_that_cannot_be_read_is_refused_with_its_cause(tmp_path, text, said):
    file = tmp_path / "space.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=re.escape(str(file))) as refused:
        read_files([str(file)])
    assert all(each in str(refused.value) for each in said), refused.value
    assert "\n" not in str(refused.value)


def test_a_later_space_replaces_and_takes_away(space_of):
    found = space_of(
        {"model.optimizer.lr": RATE, "model.dropout": [0.0, 0.1]},
        {"model.init_args.optimizer.init_args.lr": {"low": 0.5, "high": 1.0}, "model.dropout": None},
    )
    assert found.keys() == {"model.optimizer.lr"}
    assert (found["model.optimizer.lr"].low, found["model.optimizer.lr"].log) == (0.5, False)


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A folder for all examples."""
    return tmp_path_factory.mktemp("space")


@given(
    low=st.integers(1, 50),
    length=st.integers(3, 50),
    kind=st.sampled_from(["even", "log", "step"]),
    whole=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_optuna_draws_is_in_the_range_of_the_yaml(once, low, length, kind, whole, seed):
    from optuna.samplers import RandomSampler

    low, high = (number if whole else round(number * 0.1, 1) for number in (low, low + length))
    entry = {"low": low, "high": high}
    entry |= {"log": {"log": True}, "step": {"step": 3 if whole else 0.3}}.get(kind, {})
    file = once / "space.yaml"
    file.write_text(yaml.safe_dump({"tune": {"model.x": entry}}))
    each = read_files([str(file)])[1]["model.x"]
    distribution = each.distribution()
    value = RandomSampler(seed).sample_independent(None, None, "model.x", distribution)
    assert each.contains(each.decode(value))
    assert isinstance(value, int) == whole
    assert each.extremes[0] <= value <= each.extremes[1] + 1e-9
    assert not each.contains(entry["high"] + 1)
    assert not each.contains("full")


def test_a_class_with_settings_is_a_choice_like_others(space_of):
    encoders = [{"class_path": "A", "init_args": {"x": 1}}, {"class_path": "B"}, None]
    choices = space_of({"model.encoder": encoders})["model.encoder"]
    drawn = choices.distribution().choices
    assert [choices.decode(each) for each in drawn] == encoders
    assert choices.contains({"init_args": {"x": 1}, "class_path": "A"})
    assert not choices.contains({"class_path": "A"})
    (option,) = as_options({"model.encoder": choices.decode(drawn[0])})
    assert json.loads(option.removeprefix("--model.encoder=")) == encoders[0]


def test_values_are_spelled_so_that_they_are_read_back():
    rate = float(np.nextafter(0.1, 1))
    options = as_options({"a.x": rate, "a.y": "full", "a.z": None, "a.w": True, "a.v": [1, 2]})
    assert options == [f"--a.x={rate!r}", "--a.y=full", "--a.z=null", "--a.w=true", "--a.v=[1, 2]"]
    assert float(options[0].partition("=")[2]) == rate


def test_a_setting_is_found_by_its_dotted_name():
    config = {
        "model": {"class_path": "M", "init_args": {"encoder": {"class_path": "E", "init_args": {"dropout": 0.2}}}}
    }
    assert value_at(config, "model.encoder.dropout") == 0.2
    with pytest.raises(ValueError, match=r"`model\.encoder\.dropout`\?"):
        value_at(config, "model.encoder.dropuot")
    with pytest.raises(ValueError, match="cannot be tuned"):
        value_at(config, "model.encoder.dropout.x")


@pytest.mark.parametrize(
    "wrong",
    [
        {"trials": 0},
        {"workers": 0},
        {"epochs": 0},
        {"minutes": 0.0},
        {"minutes": float("nan")},
        {"seed": -1},
        {"metric": "test/mae"},
        {"metric": "val/r2_log10"},
        {"metric": "val/r2"},
        {"metric": "train/loss"},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"`{name}`"):
        TuneSettings(**wrong).check()
