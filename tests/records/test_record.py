"""Records are a contract: what is written is read again, also by later versions."""

import copy
import hashlib
import json
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.records.keys import canonical, numbers_only, record_key, without_defaults
from gnn_sim2real.records.record import (
    Record,
    RecordKey,
    find_damaged,
    has_record,
    read_errors,
    read_record,
    read_records,
    write_record,
)
from gnn_sim2real.records.results import read_results

OLD = Path(__file__).parent / "fixtures" / "record_v1.json"
CELL = RecordKey("GINE", "full", 100, "100", 40, 0, 0)
ERRORS = {"0123456789abcdef": 0.25, "fedcba9876543210": 0.0}

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def record(key="a" * 32, cell=CELL, **changes):
    values = {
        "property": "density",
        "unit": "g/cm3",
        "metrics": {"mae": 0.1, "num_test": 10.0},
        "data": {"source": None},
    }
    return Record(key=key, cell=cell, **values | changes)


def test_what_is_written_is_read(tmp_path):
    wanted = record(details={"start_mae": 0.5}, provenance={"host": "here"})
    path = write_record(tmp_path, wanted, ERRORS)
    assert read_record(path) == wanted
    assert read_errors(tmp_path, wanted.key) == ERRORS
    assert has_record(tmp_path, wanted.key)
    assert not has_record(tmp_path, "b" * 32)


def test_the_same_key_replaces_and_never_doubles(tmp_path):
    write_record(tmp_path, record(), ERRORS)
    write_record(tmp_path, record(metrics={"mae": 0.2, "num_test": 10.0}), {})
    (found,) = read_records(tmp_path)
    assert found.metrics["mae"] == 0.2
    assert read_errors(tmp_path, found.key) == {}
    assert len(list(tmp_path.iterdir())) == 2


def test_records_come_in_the_order_of_the_grid(tmp_path):
    cells = [replace(CELL, source_size=size, seed=seed) for size in (1000, 50, 200) for seed in (1, 0)]
    for number, cell in enumerate(cells):
        write_record(tmp_path, record(f"{number:032x}", cell), ERRORS)
    found = [(each.cell.source_size, each.cell.seed) for each in read_records(tmp_path)]
    assert found == sorted(found)
    assert len(found) == len(cells)


def test_an_old_record_is_still_read():
    found = read_record(OLD)
    assert found.cell == RecordKey("GINE", "full", 812, "all", 40, 3, 1)
    assert (found.property, found.unit) == ("density", "g/cm3")
    assert found.metrics == {"mae": 0.125, "rmse": 0.1875, "r2": 0.5, "num_test": 10.0}
    assert found.details["start_mae"] == 0.25


@pytest.mark.parametrize("data", [{}, {"target": {"size_level": "all"}}, {"target": {"size_level": 40}}])
@pytest.mark.parametrize("level", ["", "all"])
def test_that_all_measurements_were_asked_for_is_known(tmp_path, data, level):
    written = replace(record(cell=replace(CELL, target_level=level)), data=data)
    assert read_record(write_record(tmp_path, written, ERRORS)) == written


def test_an_old_record_tells_by_the_card_of_the_target_that_all_were_asked_for(tmp_path):
    content = json.loads(OLD.read_text())
    assert read_record(OLD).cell.target_level == ""
    content["data"]["target"]["size_level"] = "all"
    (tmp_path / "old.json").write_text(json.dumps(content))
    assert read_record(tmp_path / "old.json").cell.target_level == "all"


def test_an_old_record_is_what_would_be_written_today(tmp_path):
    path = write_record(tmp_path, read_record(OLD), ERRORS)
    old = json.loads(OLD.read_text())
    old["cell"]["policy"] = "full"  # as `none` is called today
    today = json.loads(path.read_text())
    assert today.keys() - old.keys() == {"checksum", "errors_checksum"}
    assert {name: today[name] for name in old} == old


@pytest.mark.parametrize(
    "content", ["{}", "[]", "3", "half of {", '{"format": 1}', '{"format": 1, "cell": {"seed": 0}}', ""]
)
def test_a_foreign_file_is_named(tmp_path, content):
    (tmp_path / "foreign.json").write_text(content)
    with pytest.raises(ValueError, match=r"foreign\.json .*gnn_sim2real"):
        read_records(tmp_path)


def test_a_later_format_asks_for_a_later_version(tmp_path):
    later = json.loads(OLD.read_text()) | {"format": 2}
    (tmp_path / "later.json").write_text(json.dumps(later))
    with pytest.raises(ValueError, match=r"later\.json .*\b2\b.*\b1\b.*gnn-sim2real"):
        read_records(tmp_path)


def test_a_later_format_with_other_entries_asks_for_a_later_version(tmp_path):
    later = json.loads(OLD.read_text()) | {"format": 2, "uncertainty": 0.1}
    (tmp_path / "later.json").write_text(json.dumps(later))
    with pytest.raises(ValueError, match=r"later\.json .*\b2\b.*\b1\b"):
        read_records(tmp_path)


def test_a_result_that_is_no_number_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_record(tmp_path, record(metrics={"mae": float("nan")}), ERRORS)
    assert read_records(tmp_path) == []


@given(st.dictionaries(st.text(max_size=3), PLAIN, max_size=4))
def test_the_key_knows_content_and_not_its_order(content):
    key = record_key(content)
    assert len(key) == 32
    assert record_key(dict(reversed(content.items()))) == key
    assert record_key(json.loads(json.dumps(content))) == key
    assert record_key(content | {"another": 1}) != key


CONFIG = {
    "seed_everything": 0,
    "trainer": {
        "max_epochs": 20,
        "gradient_clip_val": 1.0,
        "callbacks": [
            {"class_path": "lightning.pytorch.callbacks.EarlyStopping", "init_args": {"monitor": "val/loss"}},
            {"class_path": "gnn_sim2real.records.callback.ScalingLawCallback", "init_args": {"folder": "a"}},
        ],
        "logger": None,
        "enable_progress_bar": None,
    },
    "model": {
        "class_path": "gnn_sim2real.tasks.TargetFineTuning",
        "init_args": {
            "encoder": {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 32}},
            "pretrained": "some/folder",
            "policy": "gradual",
        },
    },
    "data": {"class_path": "datamodules.PolymerTable", "init_args": {"path": "a.csv"}},
}


def key_with(path, value):
    config = copy.deepcopy(CONFIG)
    place = config
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return record_key(numbers_only(config))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("trainer", "logger"), {"class_path": "lightning.pytorch.loggers.WandbLogger", "init_args": {}}),
        (("trainer", "enable_progress_bar"), False),
        (("trainer", "default_root_dir"), "elsewhere"),
        (("trainer", "log_every_n_steps"), 1),
        (("trainer", "a_setting_of_a_later_lightning"), True),
        (("trainer", "callbacks"), CONFIG["trainer"]["callbacks"][:1]),
        (("trainer", "callbacks", 1, "init_args", "folder"), "b"),
        (("model", "init_args", "pretrained"), "another/folder"),
        (("model", "init_args", "unfreeze_every"), 10),  # the default
        (("model", "init_args", "encoder", "init_args", "dropout"), 0.0),  # the default, one level deeper
        (("data", "init_args", "path"), "b.csv"),
    ],
)
def test_what_cannot_change_a_number_is_not_in_the_key(path, value):
    assert key_with(path, value) == record_key(numbers_only(CONFIG))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("seed_everything",), 1),
        (("trainer", "max_epochs"), 21),
        (("trainer", "max_steps"), 100),
        (("trainer", "gradient_clip_val"), 0.5),
        (("trainer", "precision"), "bf16-mixed"),
        (("trainer", "accumulate_grad_batches"), 2),
        (("trainer", "callbacks"), []),
        (("trainer", "callbacks", 0, "init_args", "patience"), 7),
        (("model", "class_path"), "gnn_sim2real.tasks.SourcePretraining"),
        (("model", "init_args", "policy"), "full"),
        (("model", "init_args", "unfreeze_every"), 5),
        (("model", "init_args", "encoder", "init_args", "hidden_dim"), 64),
        (("model", "init_args", "encoder", "init_args", "dropout"), 0.1),
    ],
)
def test_what_changes_a_number_is_in_the_key(path, value):
    assert key_with(path, value) != record_key(numbers_only(CONFIG))


def test_a_single_callback_counts_as_a_list_of_one():
    alone = CONFIG["trainer"]["callbacks"][0]
    assert key_with(("trainer", "callbacks"), alone) == key_with(("trainer", "callbacks"), [alone])


def test_defaults_that_are_tuples_are_left_out_as_json_lists():
    given_ = {"class_path": "torch.optim.AdamW", "init_args": {"lr": 1e-3, "betas": [0.9, 0.999], "weight_decay": 0.5}}
    assert without_defaults(given_)["init_args"] == {"weight_decay": 0.5}


def test_a_part_spelled_out_beforehand_changes_no_key():
    content = {"b": {"x": [1, 2.5e-05, "ü"], "a": None}, "a": "text", "c": True}
    plain_key = record_key(content)
    assert record_key(content | {"b": canonical(content["b"])}) == plain_key
    assert record_key({name: canonical(value) for name, value in content.items()}) == plain_key
    assert record_key(content | {"b": '{"a":null,"x":[1,2.5e-05,"ü"]}'}) != plain_key, "a text is a text"
    text = '{"a":"text","b":{"a":null,"x":[1,2.5e-05,"ü"]},"c":true}'
    assert plain_key == hashlib.sha256(text.encode()).hexdigest()[:32]


def test_no_flipped_bit_of_a_record_or_its_errors_gives_another_number(tmp_path):
    written = record()
    path = write_record(tmp_path, written, ERRORS)
    sidecar = tmp_path / f"{written.key}.errors.json"
    for file in (path, sidecar):
        content = file.read_bytes()
        for position in range(0, len(content), 3):
            flipped = bytearray(content)
            flipped[position] ^= 1 << position % 7
            file.write_bytes(flipped)
            with suppress(ValueError):
                assert (read_record(path), read_errors(tmp_path, written.key)) == (written, ERRORS)
        file.write_bytes(content)
    assert find_damaged(tmp_path, [written.key]) == {}


def test_a_record_or_sidecar_in_the_place_of_another_is_refused(tmp_path):
    first, second = record(), record(key="b" * 32)
    for each in (first, second):
        write_record(tmp_path, each, {**ERRORS, "f" * 16: float(each is first)})
    names = [f"{each.key}.errors.json" for each in (first, second)]
    shutil.copy(tmp_path / names[0], tmp_path / names[1])
    with pytest.raises(ValueError, match=names[1]):
        read_errors(tmp_path, second.key)
    assert list(find_damaged(tmp_path, [first.key, second.key])) == [second.key]
    shutil.copy(tmp_path / f"{first.key}.json", tmp_path / f"{second.key}.json")
    with pytest.raises(ValueError, match=f"record.*{first.key}"):
        read_record(tmp_path / f"{second.key}.json")


def test_a_sidecar_that_is_gone_is_damage_and_is_said(tmp_path, caplog):
    lost, without = record(), record(key="b" * 32)
    write_record(tmp_path, lost, ERRORS)
    write_record(tmp_path, without, None)
    read_results(tmp_path)
    assert not caplog.messages
    (tmp_path / f"{lost.key}.errors.json").unlink()
    assert list(find_damaged(tmp_path, [lost.key, without.key])) == [lost.key]
    read_results(tmp_path)
    (line,) = caplog.messages
    assert lost.key in line
    assert "1 of 2" in line
    with pytest.raises(FileNotFoundError, match=lost.key):
        read_errors(tmp_path, lost.key)
