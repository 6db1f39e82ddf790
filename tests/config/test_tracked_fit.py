"""`fit` and `test` with Weights & Biases, read back from the files that it leaves offline, and with other loggers."""

import json
import re
import socket
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import wandb
import yaml
from lightning.pytorch.loggers import MLFlowLogger
from mlflow_stub import use_stub
from PIL import Image
from tiny import CHAINS, density
from wandb_files import stored_runs

from gnn_sim2real.cli.main import main

PAGE = Path(__file__).parents[2] / "docs/lightning.md"
WANDB = "lightning.pytorch.loggers.WandbLogger"
GIVEN = {"project": "p", "entity": "team", "tags": ["paper"], "notes": "first try", "log_model": True}
COLUMNS = ["structure", "material", *(f"{each} density [kg/m3]" for each in ("measured", "predicted", "error of"))]


def write_pretraining(folder, *loggers, **trainer):
    rows = [f"{each},{1000 * density(each)}\n" for each in CHAINS]
    (folder / "source.csv").write_text("smiles,density\n" + "".join(rows))
    table = {"property": "density", "column": "density", "unit": "kg/m3", "path": str(folder / "source.csv")}
    encoder = {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 8, "num_layers": 2}}
    quiet = {"accelerator": "cpu", "max_epochs": 2, "enable_progress_bar": False, "enable_model_summary": False}
    drawn = {"class_path": "gnn_sim2real.PredictionTable", "init_args": {"draw": True, "most": 5}}
    content = {
        "trainer": quiet | {"callbacks": [drawn], "logger": [*loggers]} | trainer,
        "model": {"class_path": "gnn_sim2real.SourcePretraining", "init_args": {"encoder": encoder}},
        "data": {
            "class_path": "datamodules.PolymerTable",
            "init_args": table | {"validation_fraction": 0.3, "test_fraction": 0.2, "size": 20},
        },
    }
    (folder / "pretrain.yaml").write_text(yaml.safe_dump(content))
    return content


def fit(*words):
    wandb.teardown()  # a service of another test would write to its folder
    assert main(["fit", "-c", "pretrain.yaml", "--library", "null", *words]) == 0
    wandb.finish()
    wandb.teardown()


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """Folder of a pretraining with W&B in WANDB_DIR."""
    folder = tmp_path_factory.mktemp("tracked")
    write_pretraining(folder, {"class_path": WANDB, "init_args": GIVEN})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("WANDB_DIR", str(folder / "elsewhere"))
        patch.setenv("WANDB_DATA_DIR", str(folder / "staging"))
        fit("--seed_everything", "3")
    return folder


@pytest.fixture
def run(tracked):
    (found,) = stored_runs(tracked / "elsewhere").values()
    return found


@pytest.mark.slow
def test_a_run_says_what_it_is_and_all_settings_arrive(tracked, run):
    assert (run.name, run.group, run.job) == ("GINE n=20 seed 3 pretrain", tracked.name, "pretrain")
    assert (run.project, run.entity, run.tags, run.notes) == ("p", "team", ("paper",), "first try")
    assert (run.config["property"], run.config["unit"]) == ("density", "kg/m3")
    assert run.config["seed_everything"] == 3
    assert run.exit_codes == [0]


@pytest.mark.slow
def test_files_lie_beside_the_run_in_the_folder_of_wandb(tracked, run):
    assert not (tracked / "wandb").exists()
    own = tracked / "elsewhere" / "p" / run.id
    (checkpoint,) = (own / "checkpoints").iterdir()
    assert set(run.artifacts) >= {"configuration", "model"}
    assert {name: path.read_bytes() for name, path in run.artifacts["model"].items()} == {
        "model.ckpt": checkpoint.read_bytes()
    }
    files = run.artifacts["configuration"]
    assert files.keys() == {"config.yaml", "split.json"}
    for name in files:
        assert (own / name).exists()
    config = yaml.safe_load((own / "config.yaml").read_text())
    assert config["model"]["init_args"]["encoder"]["init_args"]["dropout"] is not None  # it is the resolved one
    assert len(json.loads((own / "split.json").read_text())["validation"]) == 6


@pytest.mark.slow
def test_predictions_and_the_validation_error_are_in_the_unit_of_the_property(run):
    path = run.files[0].parent / "files" / run.summary["predictions/validation/path"]
    table = json.loads(path.read_text())
    assert table["columns"] == COLUMNS
    rows = pd.DataFrame(table["data"], columns=COLUMNS)
    assert len(rows) == 5
    for spelling, measured in zip(rows["material"], rows[COLUMNS[2]], strict=True):
        assert measured == pytest.approx(1000 * density(spelling))
    errors = np.array(rows[COLUMNS[4]])
    np.testing.assert_allclose(errors, rows[COLUMNS[3]] - rows[COLUMNS[2]])
    # of six materials, those with the five largest errors
    total = 6 * run.summary["val/mae"]
    assert np.abs(errors).sum() <= total * (1 + 1e-5) <= np.abs(errors).sum() + np.abs(errors).min() * (1 + 1e-5)
    pictures = [path for name, path in run.artifacts["run_table"].items() if name.endswith(".png")]
    assert len(pictures) == 5
    assert {Image.open(BytesIO(path.read_bytes())).size for path in pictures} == {(240, 240)}


@pytest.mark.slow
def test_names_of_a_user_and_of_the_environment_come_first(tmp_path, monkeypatch):
    settings = {"project": "p", "name": "mine", "group": "ours", "job_type": "try", "dir": "given"}
    write_pretraining(tmp_path, {"class_path": WANDB, "init_args": settings}, max_epochs=1, callbacks=[])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "elsewhere"))
    fit()
    (run,) = stored_runs(tmp_path / "given").values()
    assert (run.name, run.group, run.job) == ("mine", "ours", "try")
    for name, value in {"WANDB_NAME": "theirs", "WANDB_RUN_GROUP": "a group", "WANDB_JOB_TYPE": "a job"}.items():
        monkeypatch.setenv(name, value)
    write_pretraining(tmp_path, {"class_path": WANDB, "init_args": {"project": "p"}}, max_epochs=1, callbacks=[])
    fit()
    (run,) = stored_runs(tmp_path / "elsewhere").values()
    assert (run.name, run.group, run.job) == ("theirs", "a group", "a job")


@pytest.mark.slow
def test_the_details_shown_on_the_page(tmp_path, monkeypatch, capfd):
    shown, *_ = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "details.yaml").write_text(shown)
    write_pretraining(tmp_path, logger=False)
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "-c", "pretrain.yaml", "-c", "details.yaml", "--library", "null"]) == 0
    (checkpoint,) = re.findall(r"^trained model: (.*)$", capfd.readouterr().out, re.MULTILINE)
    saved = torch.load(checkpoint, weights_only=True)
    assert {name.partition("{")[0] for name in saved["callbacks"]} >= {"EarlyStopping", "EMAWeights"}
    (schedule,) = saved["lr_schedulers"]
    assert schedule["patience"] == 5


@pytest.mark.slow
def test_csv_and_mlflow_get_configuration_metrics_and_predictions(tmp_path, monkeypatch):
    mlflow = use_stub(monkeypatch)
    csv = {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": str(tmp_path / "csv")}}
    own = {"class_path": f"{MLFlowLogger.__module__}.MLFlowLogger", "init_args": {"run_name": "mine"}}
    write_pretraining(tmp_path, csv, own)
    monkeypatch.chdir(tmp_path)
    fit()
    (folder,) = (tmp_path / "csv/lightning_logs").iterdir()
    (run,) = mlflow.runs.values()
    metrics = pd.read_csv(folder / "metrics.csv")
    assert dict(each[:2] for each in run.metrics)["val/mae"] == pytest.approx(metrics["val/mae"].dropna().iloc[-1])
    assert (run.params["unit"], run.params["trainer/max_epochs"]) == ("kg/m3", "2")
    assert yaml.safe_load((folder / "hparams.yaml").read_text())["unit"] == "kg/m3"
    assert set(run.files) == {"configuration/config.yaml", "configuration/split.json"}
    table = pd.read_csv(folder / "predictions/validation.csv")
    assert list(table) == COLUMNS[1:]
    assert run.texts["predictions/validation.csv"].count("\n") == len(table) + 1


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["environment", "YAML"])
def test_without_a_key_or_a_server_the_run_stays_here_and_the_training_goes_on(tmp_path, monkeypatch, capfd, mode):
    settings = {"project": "p"} | ({"mode": "online"} if mode == "YAML" else {})
    write_pretraining(tmp_path, {"class_path": WANDB, "init_args": settings}, max_epochs=1, callbacks=[])
    monkeypatch.chdir(tmp_path)
    with socket.socket() as free:  # nobody listens
        free.bind(("127.0.0.1", 0))
        values = {"WANDB_MODE": "online", "HOME": str(tmp_path), "WANDB_INIT_TIMEOUT": "1", "WANDB_API_KEY": "a" * 40}
        values["WANDB_BASE_URL"] = f"http://127.0.0.1:{free.getsockname()[1]}"
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        if mode == "YAML":
            monkeypatch.delenv("WANDB_MODE")
            monkeypatch.delenv("WANDB_API_KEY")
        fit()
    said = capfd.readouterr().err
    assert said.count("W&B cannot be reached") == 1
    assert "wandb sync" in said
    assert [each.name[:8] for each in tmp_path.glob("wandb/*run-*") if not each.is_symlink()] == ["offline-"]
    (run,) = stored_runs(tmp_path).values()
    assert (run.exit_codes, run.name) == ([0], "GINE n=20 seed 0 pretrain")


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_replaced(tmp_path, monkeypatch, capfd):
    (tmp_path / "file").touch()
    write_pretraining(tmp_path, {"class_path": WANDB, "init_args": {"project": "p"}}, max_epochs=1, callbacks=[])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "file"))
    fit()
    assert str(tmp_path / "file") in capfd.readouterr().err
    assert len(stored_runs(tmp_path)) == 1
