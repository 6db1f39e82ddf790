"""The loggers of a study; what W&B would send is read back from the files that it leaves offline."""

import json
import re
import shlex
import socket
import time
from functools import wraps
from pathlib import Path

import pandas as pd
import pytest
import yaml
from fences import read_fences
from lightning.pytorch.loggers import TensorBoardLogger
from mlflow_stub import RUN_NAME, use_stub
from studies import NUM_FEW, set_axes, write_study
from wandb_files import stored_runs
from wandb_server import wandb_server

from gnn_sim2real.cli.main import main
from gnn_sim2real.config.shipped import replace_addresses
from gnn_sim2real.law.forms import CURVE_FORMS
from gnn_sim2real.records.record import read_records
from gnn_sim2real.records.wandb_start import run_folder
from gnn_sim2real.study.config import read_study
from gnn_sim2real.study.wandb_runs import OFFLINE_FILE, end_run, start_run, wandb_service

WANDB, CSV = "lightning.pytorch.loggers.WandbLogger", "lightning.pytorch.loggers.CSVLogger"
BOARD, MLFLOW = "lightning.pytorch.loggers.TensorBoardLogger", "lightning.pytorch.loggers.MLFlowLogger"
KEY = "a" * 40
SETTINGS = {"project": "p", "save_dir": ".", "dir": None, "group": "g", "id": "run-1", "resume": "allow"}


def write_overlay(folder, *loggers):
    made = [{"class_path": path, "init_args": settings} for path, settings in loggers]
    path = folder / "loggers.yaml"
    path.write_text(yaml.safe_dump({"trainer": {"logger": made if len(made) > 1 else made[0]}}))
    return str(path)


def run_study(folder, overlay, *options):
    return main(["study", "run", "-c", str(folder / "study.yaml"), "-c", overlay, *options])


@pytest.fixture(scope="module")
def tracked(made_once):
    """A study of 24 cells."""

    def make(folder):
        write_study(folder)
        policies = ["full", "calibrated_source", "extra_trees", "simulated_value", "gaussian_process"]
        set_axes(folder, seed=[1], split=[0, 1], policy=policies)
        assert run_study(folder, write_overlay(folder, (WANDB, {"project": "tests"}))) == 0

    return made_once("tracked", make) / "out"


@pytest.mark.slow
def test_each_cell_is_a_run_with_its_configuration_and_its_result(tracked):
    runs, records = stored_runs(tracked), list(read_records(tracked / "records"))
    assert len(records) == 24
    assert len(runs) == 24 + 8 + 1
    by_key = {run.config["key"]: run for run in runs.values() if "key" in run.config}
    for record in records:
        run, cell = by_key[record.key], record.cell
        assert run.id.startswith(record.key)
        for name in ("source_size", "source_level", "target_size", "seed", "split", "policy", "growth", "architecture"):
            assert run.config[name] == getattr(cell, name), name
        for name, value in record.metrics.items():
            assert run.summary[f"test/{name}"] == pytest.approx(value, rel=1e-6)
        drawn = [row for row in run.history if {"source_size", "target_size", "test/mae"} <= row.keys()]
        assert [(row["source_size"], row["target_size"]) for row in drawn] == [(cell.source_size, cell.target_size)]
        assert run.exit_codes == [0]
        data = run.config["data"]["init_args"]
        assert (data["size"], data["seed"], data["split"]) == (cell.target_size, cell.seed, cell.split)


@pytest.mark.slow
def test_names_groups_tags_and_encoders(tracked):
    runs = stored_runs(tracked).values()
    assert {(run.group, run.project) for run in runs} == {("out", "tests")}
    jobs = [run.job for run in runs]
    assert {job: jobs.count(job) for job in jobs} == {
        "pretrain": 8,
        "finetune": 8,
        "scratch": 2,
        "baseline": 14,
        "report": 1,
    }
    names = {run.name: run for run in runs}
    assert len(names) == len(runs)
    fine_tuned = names["GINE n=20 m=10 split 1 seed 1 fine-tune"]
    assert {"finetune", "GINE", "full"} <= set(fine_tuned.tags)
    assert names["GINE n=75 split 0 seed 1 pretrain"].config["source_level"] == "all"
    assert {"GINE n=0 m=10 split 0 seed 1 from scratch", "extra trees m=10 split 0 seed 1"} <= names.keys()
    for run in (fine_tuned, names["GINE n=40 split 0 seed 1 pretrain"]):
        settings = run.config["encoder"]["init_args"]
        assert (settings["hidden_dim"], settings["num_layers"], settings["dropout"]) == (8, 2, 0.1)
        assert run.config["trainer"]["max_epochs"] == (4 if run is fine_tuned else 6)
    source = names["GINE n=40 split 0 seed 1 pretrain"].config["data"]["init_args"]
    assert (source["size"], source["seed"]) == (40, 1)


@pytest.mark.slow
def test_the_law_arrives_as_numbers_table_figure_and_page(tracked):
    (run,) = [run for run in stored_runs(tracked).values() if run.job == "report"]
    summary = json.loads((tracked / "summary.json").read_text())
    assert summary["laws"]
    for law in summary["laws"]:
        curve = f"scaling_law/m{law['target_size']} {law['architecture']} {law['policy']}"
        for name in ("decay_rate", "transfer_gap", "prefactor"):
            assert run.summary[f"{curve}/{name}"] == pytest.approx(law[name])
            ends = [run.summary[f"{curve}/{name}_{end}"] for end in ("low", "high")]
            assert ends == pytest.approx(law[f"{name}_interval"])
        assert run.summary[f"{curve}/decay_rate_identified"] == law["decay_rate_identified"]
        assert run.summary[f"{curve}/transfer_gap_identified"] == law["transfer_gap_identified"]
    laws = json.loads((run.files[-1].parent / "files" / run.summary["scaling_law/laws/path"]).read_text())
    table = pd.DataFrame(laws["data"], columns=laws["columns"])
    assert list(table["decay_rate_high"]) == pytest.approx([law["decay_rate_interval"][1] for law in summary["laws"]])
    weights = {form: run.summary[f"{curve}/form_weight/{form}"] for form in CURVE_FORMS}
    assert sum(weights.values()) == pytest.approx(1)
    content = json.loads((run.files[-1].parent / "files" / run.summary["scaling_law/forms/path"]).read_text())
    forms = pd.DataFrame(content["data"], columns=content["columns"])
    assert len(forms) == len(laws["data"]) * len(CURVE_FORMS)
    assert forms[forms["curve"] == curve.removeprefix("scaling_law/")].set_index("form")["weight"].to_dict() == weights
    for name in ("results", "records", "scaling_law/figure", "report"):
        assert any(each.startswith(name) for each in run.summary), name


@pytest.mark.slow
def test_reports_and_resumed_studies_make_no_second_run(few, capfd, monkeypatch):
    overlay = write_overlay(few, (WANDB, {"project": "tests"}))
    assert run_study(few, overlay) == 0
    printed = capfd.readouterr()
    assert "wandb:" not in printed.out + printed.err
    assert f"wandb sync {few}/out/wandb/offline-run-*" in printed.out.replace("\n", "")
    ids = stored_runs(few / "out").keys()
    assert len(ids) == NUM_FEW + 2
    for record in (few / "out" / "records").glob("*.json"):
        record.unlink()
    assert run_study(few, overlay) == 0
    assert main(["study", "report", str(few / "out")]) == 0
    again = stored_runs(few / "out")
    assert again.keys() == ids
    assert sorted(len(run.files) for run in again.values()) == [1] + [2] * NUM_FEW + [3]


@pytest.mark.slow
def test_all_settings_arrive_and_two_loggers_both_get_configuration(few):
    own = {
        "project": "ours",
        "entity": "team",
        "tags": ["paper"],
        "notes": "first try",
        "group": "widths",
        "name": "big",
        "log_model": True,
        "dir": str(few / "elsewhere"),
        "job_type": "mine",
    }
    assert run_study(few, write_overlay(few, (WANDB, own), (CSV, {"save_dir": "csv"}))) == 0
    runs = stored_runs(few / "elsewhere")
    assert len(runs) == NUM_FEW + 2
    for run in runs.values():
        assert (run.project, run.entity, run.notes) == ("ours", "team", "first try")
        assert (run.group, run.job) == ("widths", "mine")
        assert "paper" in run.tags
        assert run.name.startswith("big ")
    folders = sorted((few / "out" / "csv" / "lightning_logs").iterdir())
    assert len(folders) == NUM_FEW + 2
    for folder in folders:
        config = yaml.safe_load((folder / "hparams.yaml").read_text())
        metrics = pd.read_csv(folder / "metrics.csv")
        if "policy" in config:
            row = metrics[metrics["source_size"].notna()].iloc[-1]
            (run,) = [run for run in runs.values() if run.config.get("key") == config["key"]]
            assert {name: run.config[name] for name in ("source_size", "policy", "seed")} == {
                name: config[name] for name in ("source_size", "policy", "seed")
            }
            assert row["test/mae"] == pytest.approx(run.summary["test/mae"])
    (report,) = (folder for folder in folders if not (folder / "hparams.yaml").read_text().count("\nkey:"))
    assert (report / "results.csv").exists()


@pytest.mark.slow
def test_a_run_that_has_ended_is_whole_in_its_file(tmp_path):
    """Several runs: of W&B's own `finish` about every second file is still empty when it returns."""
    for number in range(4):
        run = start_run(SETTINGS | {"id": f"run-{number}"}, tmp_path)
        run.log_metrics({"train/loss": 1.0})
        end_run(run, tmp_path)
        ended = stored_runs(tmp_path)
        assert len(ended) == number + 1
        assert all(each.summary["train/loss"] == 1 and each.exit_codes == [0] for each in ended.values())


@pytest.mark.slow
def test_of_a_long_training_some_epochs_and_the_last_are_logged(tmp_path):
    logged = [*range(11), 20, 30, 40, 50, 60, 70, 77]
    for name, ending in (("tested", True), ("stopped", False)):
        folder = tmp_path / name
        run = start_run(SETTINGS, folder)
        for epoch in range(78):
            run.log_metrics({"val/loss": 1.0 / (1 + epoch), "epoch": epoch}, step=epoch)
            run.log_metrics({"train/loss": epoch, "epoch": epoch}, step=epoch)
        if ending:
            run.log_metrics({"test/mae": 0.5, "epoch": 78}, step=78)
        end_run(run, folder)
        (stored,) = stored_runs(folder).values()
        assert sorted({row["epoch"] for row in stored.history if "train/loss" in row}) == logged
        assert sorted({row["epoch"] for row in stored.history if "val/loss" in row}) == logged
        assert (stored.summary["train/loss"], stored.summary["val/loss"]) == (77, 1 / 78)
        assert ("test/mae" in stored.summary) is ending


@pytest.fixture
def online(monkeypatch, tmp_path):
    """W&B online, with a key, and little patience; `online(url)` sets the server."""
    home = tmp_path / "home"
    home.mkdir()
    for name, value in {"WANDB_MODE": "online", "WANDB_API_KEY": KEY, "WANDB_INIT_TIMEOUT": "1", "HOME": home}.items():
        monkeypatch.setenv(name, str(value))
    return lambda url: monkeypatch.setenv("WANDB_BASE_URL", url)


def own_messages(caplog):
    return [record.getMessage() for record in caplog.records if record.name.startswith("gnn_sim2real")]


def try_once(folder, caplog):
    """Run a study's service and one run; the warnings, and the runs that are left."""
    caplog.clear()
    started = time.monotonic()
    with wandb_service(SETTINGS | {"id": "report"}, folder):
        run = start_run(SETTINGS, folder)
        run.log_metrics({"test/mae": 0.5})
        end_run(run, folder)
    assert time.monotonic() - started < 60
    assert not (folder / OFFLINE_FILE).exists()
    return own_messages(caplog), {path.parent.name for path in folder.glob("wandb/offline-run-*/*.wandb")}


def require_offline(folder, caplog, reason):
    (warning,), left = try_once(folder, caplog)
    assert reason in warning
    assert len(left) == 1
    assert not list(folder.glob("wandb/run-*"))  # of the start that failed
    run = stored_runs(folder)["run-1"]
    assert (run.summary["test/mae"], run.exit_codes) == (0.5, [0])


@pytest.mark.slow
def test_without_a_key(tmp_path, caplog, online, monkeypatch):
    monkeypatch.delenv("WANDB_API_KEY")
    require_offline(tmp_path, caplog, "No API key configured")


@pytest.mark.slow
def test_a_server_that_is_not_there_or_never_answers(tmp_path, caplog, online):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        online(url)  # refused
        require_offline(tmp_path / "refused", caplog, "no answer in time")
        free.listen(50)
        require_offline(tmp_path / "silent", caplog, "no answer in time")


@pytest.mark.slow
def test_a_server_that_does_not_know_the_key(tmp_path, caplog, online):
    with wandb_server(status=401) as server:
        online(server.url)
        require_offline(tmp_path, caplog, "invalid key")


@pytest.mark.slow
def test_a_server_that_is_lost_while_the_study_runs(tmp_path, caplog, online):
    with wandb_server() as server:
        online(server.url)
        with wandb_service(SETTINGS | {"id": "report"}, tmp_path):
            end_run(start_run(SETTINGS, tmp_path), tmp_path)
            server.status = 401
            for number in (2, 3):
                run = start_run(SETTINGS | {"id": f"run-{number}"}, tmp_path)
                run.log_metrics({"test/mae": 0.5})
                end_run(run, tmp_path)
    assert len(own_messages(caplog)) == 1
    assert {path.parent.name[-5:] for path in tmp_path.glob("wandb/offline-run-*/*.wandb")} == {"run-2", "run-3"}
    assert server.runs.keys() == {"report", "run-1"}


@pytest.mark.slow
def test_a_study_online_in_another_process(few, online, monkeypatch):
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "20")
    with wandb_server() as server:
        online(server.url)
        overlay = write_overlay(few, (WANDB, {"project": "tests", "tags": ["paper"]}))
        assert run_study(few, overlay, "--launcher", "processes", "--workers", "1") == 0
    records = list(read_records(few / "out" / "records"))
    assert len(server.runs) == NUM_FEW + 2
    assert all(code == 0 for codes in server.exit_codes.values() for code in codes)
    by_key = {name.partition("-")[0]: name for name in server.runs}
    for record in records:
        name = by_key[record.key]
        config = json.loads(server.runs[name]["config"])
        assert config["source_size"]["value"] == record.cell.source_size
        assert "paper" in server.runs[name]["tags"]
        summary = server.files[name]["wandb-summary.json"][-1]
        assert (
            summary["test"]["mae"] if "test" in summary else summary["test/mae"] == pytest.approx(record.metrics["mae"])
        )
    assert not list(few.glob("out/wandb/offline-run-*"))


@pytest.mark.slow
def test_offline_nothing_is_sent(tmp_path, online, monkeypatch):
    with wandb_server() as server:
        online(server.url)
        monkeypatch.setenv("WANDB_MODE", "offline")
        with wandb_service(SETTINGS, tmp_path):
            end_run(start_run(SETTINGS, tmp_path), tmp_path)
    assert not server.requests
    assert not server.runs


def test_the_folder_of_the_runs(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_DIR", raising=False)
    folder = tmp_path / "out"
    assert run_folder({"save_dir": ".", "dir": None}, folder) == folder
    assert run_folder({"save_dir": ".", "dir": "there"}, folder) == folder / "there"
    assert run_folder({"save_dir": str(tmp_path / "b"), "dir": "there"}, folder) == tmp_path / "b"
    (tmp_path / "file").touch()
    assert run_folder({"save_dir": str(tmp_path / "file")}, folder) == folder  # nothing can be written there
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "c"))
    assert run_folder({"save_dir": "."}, folder) == tmp_path / "c"


@pytest.mark.slow
def test_a_folder_that_cannot_be_written(tmp_path, caplog):
    (tmp_path / "file").touch()
    folder = tmp_path / "out"
    with wandb_service(SETTINGS | {"save_dir": str(tmp_path / "file")}, folder):
        end_run(start_run(SETTINGS | {"save_dir": str(tmp_path / "file")}, folder), folder)
    (warning,) = own_messages(caplog)
    assert str(tmp_path / "file") in warning
    assert stored_runs(folder).keys() == {"run-1"}


@pytest.mark.parametrize("command", ["study", "fit"])
@pytest.mark.parametrize("error", [ModuleNotFoundError("No module named 'tensorboard'"), Exception("a database")])
def test_a_logger_that_cannot_be_made_is_refused_before_any_training(few, capfd, monkeypatch, command, error):
    """MLflow, for example, refuses its own default folder."""

    @wraps(TensorBoardLogger.__init__)
    def refuse(self, *_, **settings):
        raise error

    monkeypatch.setattr(TensorBoardLogger, "__init__", refuse)
    overlay = write_overlay(few, (BOARD, {"save_dir": "logs"}))
    words = ["fit", "-c", str(few / "pretrain.yaml"), "-c", overlay, "--trainer.default_root_dir", str(few / "out")]
    assert (run_study(few, overlay) if command == "study" else main(words)) == 2
    assert re.search(rf"\bTensorBoardLogger\b.*{error}", capfd.readouterr().err)
    assert not (few / "out" / "records").exists()
    assert not list(few.rglob("*.ckpt"))


@pytest.mark.slow
def test_mlflow_gets_each_cell_the_law_and_the_report(study_files, monkeypatch):
    mlflow = use_stub(monkeypatch)
    set_axes(study_files, seed=[0], policy=["full"])
    overlay = write_overlay(study_files, (MLFLOW, {"experiment_name": "widths", "log_model": True}))
    assert run_study(study_files, overlay) == 0
    records = {record.key: record for record in read_records(study_files / "out/records")}
    runs = mlflow.runs.values()
    assert {run.status for run in runs} == {"FINISHED"}
    jobs = [run.tags["job_type"] for run in runs]
    assert {job: jobs.count(job) for job in jobs} == {"pretrain": 4, "finetune": 4, "scratch": 1, "report": 1}
    assert len({run.tags[RUN_NAME] for run in runs}) == len(runs)
    for run in runs:
        last = {name: value for name, value, _ in run.metrics}
        if record := records.pop(run.tags["key"], None):
            assert last["test/mae"] == pytest.approx(record.metrics["mae"])
            assert (last["source_size"], last["target_size"]) == (record.cell.source_size, record.cell.target_size)
            assert run.params["policy"] == "full"
        elif run.tags["job_type"] == "pretrain":
            assert {"model/card.json", "model/weights.safetensors"} <= set(run.files)
        else:
            weights = {name: value for name, value in last.items() if "/form_weight/" in name}
            assert sum(weights.values()) == pytest.approx(1)
            assert {"results.csv", "records.csv", "scaling_law/laws.csv", "scaling_law/forms.csv"} <= run.texts.keys()
            assert run.texts["scaling_law/forms.csv"].count("\n") == len(CURVE_FORMS) + 1
            assert set(run.files) == {"scaling_law/scaling_law.png", "report.html"}
    assert not records


@pytest.mark.slow
def test_the_client_of_mlflow_takes_a_study(few, monkeypatch):
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    assert run_study(few, write_overlay(few, (MLFLOW, {"save_dir": "mlruns", "log_model": True}))) == 0
    client = MlflowClient(f"file:{few}/out/mlruns")
    runs = client.search_runs([each.experiment_id for each in client.search_experiments()])
    assert len(runs) == NUM_FEW + 2
    by_key = {run.data.tags["key"]: run for run in runs}
    for record in read_records(few / "out/records"):
        found = by_key.pop(record.key).data
        assert found.metrics["test/mae"] == pytest.approx(record.metrics["mae"])
        assert (found.metrics["source_size"], found.params["policy"]) == (record.cell.source_size, record.cell.policy)
    (report,) = (run for run in by_key.values() if run.data.tags["job_type"] == "report")
    files = {each.path for each in client.list_artifacts(report.info.run_id)}
    assert {"results.csv", "records.csv", "scaling_law", "report.html"} <= files


@pytest.mark.slow
def test_tensorboard_gets_each_cell_and_the_law(study_files):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    set_axes(study_files, seed=[0], policy=["full"])
    assert run_study(study_files, write_overlay(study_files, (BOARD, {"save_dir": "board"}))) == 0
    read = {}
    for folder in (study_files / "out/board/lightning_logs").iterdir():
        read[folder.name] = EventAccumulator(str(folder), {"images": 0}).Reload()
    assert len(read) == 4 + 5 + 1
    for record in read_records(study_files / "out/records"):
        (found,) = (each for name, each in read.items() if name.endswith(record.key[:8]))
        assert found.Scalars("test/mae")[-1].value == pytest.approx(record.metrics["mae"], rel=1e-6)
        assert found.Scalars("source_size")[-1].value == record.cell.source_size
    (report,) = (each for each in read.values() if "scaling_law/figure" in each.Tags()["images"])
    assert any(name.endswith("decay_rate_low") for name in report.Tags()["scalars"])
    assert {"results/text_summary", "scaling_law/forms/text_summary"} <= set(report.Tags()["tensors"])


def page_blocks(language):
    page = Path(__file__).parents[2] / "docs" / "lightning.md"
    return [each.text for each in read_fences(page.read_text(encoding="utf-8")) if each.language == language]


@pytest.mark.slow
def test_the_settings_shown_on_the_page_make_runs(few):
    _, of_callbacks, of_loggers = page_blocks("yaml")
    overlay, table = few / "loggers.yaml", few / "table.yaml"
    overlay.write_text(of_loggers.replace("/scratch/wandb", str(few / "scratch")))
    table.write_text(of_callbacks)
    assert run_study(few, str(overlay), "-c", str(table)) == 0
    runs = stored_runs(few / "scratch").values()
    assert {(run.project, run.entity, run.group) for run in runs} == {("polymers", "our-team", "widths")}
    assert len(runs) == len(list((few / "out" / "csv").glob("*/*/metrics.csv"))) == NUM_FEW + 2
    with_table = {run.job for run in runs if "predictions/test/path" in run.summary}
    assert with_table == {"finetune", "scratch"}
    drawn = [run for run in runs if run.job == "finetune"]
    assert all(any(name.endswith(".png") for name in run.artifacts["run_table"]) for run in drawn)


@pytest.mark.release
def test_the_first_command_shown_on_the_page_runs(tmp_path, monkeypatch):
    shown, *_ = page_blocks("console")
    monkeypatch.chdir(Path(__file__).parents[2])
    assert main([*shlex.split(shown.splitlines()[0])[1:], "--output", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out/summary.json").read_text())["laws"]
    jobs = [run.job for run in stored_runs(tmp_path / "out").values()]
    records = list(read_records(tmp_path / "out/records"))
    assert len(jobs) == len(records) + jobs.count("pretrain") + 1


def test_the_commands_shown_on_the_page_are_read(tmp_path, monkeypatch):
    first, second, *_ = page_blocks("console")
    monkeypatch.chdir(Path(__file__).parents[2])
    for line in (first + second).splitlines():
        words = [word for word in shlex.split(line) if word != "WANDB_MODE=online"]
        assert words[:3] == ["gnn-sim2real", "study", "run"]
        assert words[3::2] == ["-c", "-c"]
        study, _ = read_study(replace_addresses(words)[4::2], ["--output", str(tmp_path / "out")])
        assert Path(study.finetune).name == "polymer_finetune.yaml"
        assert [Path(path).name for path in study.overlays] == ["wandb.yaml"]
