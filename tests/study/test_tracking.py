"""A study under Weights & Biases, offline: what would be sent is read back from the files it leaves."""

import struct
from pathlib import Path

import pytest
from studies import set_axes, write_study

from gnn_sim2real.cli.main import main
from gnn_sim2real.study.tracking import end_run, training_logger

OVERLAY = Path(__file__).parents[2] / "configs" / "wandb.yaml"


BLOCK, FILE_HEADER, RECORD_HEADER = 32768, 7, struct.Struct("<IHB")
FULL, LAST = 1, 4


def stored_records(path: Path):
    """Byte strings of a .wandb file, which has the format of a LevelDB log: fragments in blocks of 32 KiB."""
    content, at, fragments = path.read_bytes(), FILE_HEADER, b""
    while at + RECORD_HEADER.size <= len(content):
        if BLOCK - at % BLOCK < RECORD_HEADER.size:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = RECORD_HEADER.unpack_from(content, at)
        at += RECORD_HEADER.size
        fragments += content[at : at + length]
        at += length
        if kind in (FULL, LAST):
            yield fragments
            fragments = b""


def runs(folder: Path):
    """Run record, history keys and summary keys of each offline run."""
    from wandb.proto import wandb_internal_pb2

    found = []
    for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb")):
        run, keys, config = None, set(), {}
        for data in stored_records(path):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            if record.HasField("run"):
                run = record.run
                config |= {item.key: item.value_json for item in record.run.config.update}
            if record.HasField("config"):
                config |= {item.key: item.value_json for item in record.config.update}
            for items in (record.history.item, record.summary.update):
                keys |= {item.key or "/".join(item.nested_key) for item in items}
        found.append((run, keys, config))
    return found


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    folder = write_study(tmp_path_factory.mktemp("tracked"))
    set_axes(folder, source_size=[0, 10, 20, 30, 40], policy=["none"], seed=[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_SILENT", "true")
        assert main(["study", "run", "-c", str(folder / "study.yaml"), "-c", str(OVERLAY)]) == 0
    return runs(folder / "out")


def test_every_training_and_the_report_are_runs_of_one_group(tracked):
    assert {run.run_group for run, _, _ in tracked} == {"out"}
    jobs = sorted(run.job_type for run, _, _ in tracked)
    assert jobs == ["finetune"] * 4 + ["pretrain"] * 4 + ["report"] + ["scratch"]


def test_a_run_that_has_ended_is_whole_in_its_file(tmp_path, monkeypatch):
    """Several runs: of W&B's own `finish` about every second file is still empty when it returns."""
    monkeypatch.setenv("WANDB_SILENT", "true")
    for number in range(4):
        logger = training_logger("project", tmp_path, "finetune", str(number))
        logger.log_metrics({"train/loss": 1.0})
        end_run(logger)
        ended = runs(tmp_path)
        assert len(ended) == number + 1
        assert all(run is not None and "train/loss" in keys for run, keys, _ in ended)


def test_metrics_configuration_records_laws_and_figure_are_logged(tracked):
    for run, keys, config in tracked:
        if run.job_type in ("finetune", "scratch"):
            assert {"start/mae", "test/mae", "train/loss"} <= keys
            assert "model" in config
        if run.job_type == "report":
            for logged in ("records", "results", "report", "scaling_law/figure"):
                assert any(key.startswith(logged) for key in keys)
            assert any(key.endswith("/decay_rate") for key in keys)
