"""The command line from end to end, and what it answers to mistakes: one sentence and exit code 2."""

import csv
import json
import re
import subprocess
import sys

import pytest
import torch
import wandb
import yaml
from tiny import CHAINS, density
from wandb_files import stored_runs

from gnn_sim2real.cli.main import main
from gnn_sim2real.library import CHECKPOINT_ENTRY, ModelLibrary, load_model
from gnn_sim2real.library.model import save_model
from gnn_sim2real.records.record import read_records

TABLE = {"class_path": "datamodules.PolymerTable", "init_args": {"property": "density", "column": "density"}}


TWO_PROCESSES = ["--trainer.strategy", "ddp", "--trainer.devices", "2"]
KILOGRAMS = ["--data.unit", "kg/m3", "--data.file_unit", "g/cm3"]
VALIDATION = ["--data.validation_fraction", "0.2"]
NO_VALIDATION = ["--data.validation_fraction", "0"]


def run(*words):
    try:
        return main([str(word) for word in words])
    except SystemExit as stop:
        return stop.code or 0


def write_table(path, values):
    path.write_text(
        "smiles,density\n" + "".join(f"{each},{value}\n" for each, value in zip(CHAINS, values, strict=True))
    )


def write_stage(path, task, table, callbacks=(), model=None, **settings):
    data = {"class_path": TABLE["class_path"], "init_args": TABLE["init_args"] | {"path": str(table)} | settings}
    trainer = {"accelerator": "cpu", "max_epochs": 2, "default_root_dir": str(path.with_suffix(""))}
    trainer |= {"enable_progress_bar": False, "callbacks": list(callbacks)}
    content = {
        "trainer": trainer,
        "model": {"class_path": f"gnn_sim2real.tasks.{task}", "init_args": model or {}},
        "data": data,
    }
    path.write_text(yaml.safe_dump(content))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tables, YAMLs, and the checkpoints of a pretraining and of a fine-tuning, all made by the command line."""
    folder = tmp_path_factory.mktemp("cli")
    write_table(folder / "source.csv", [1000 * density(each) - 100 for each in CHAINS])
    write_table(folder / "target.csv", [density(each) for each in CHAINS])
    encoder = {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 8, "num_layers": 2}}
    write_stage(
        folder / "pretrain.yaml", "SourcePretraining", folder / "source.csv", model={"encoder": encoder}, unit="kg/m3"
    )
    recorder = {
        "class_path": "gnn_sim2real.records.callback.ScalingLawCallback",
        "init_args": {"folder": str(folder / "records")},
    }
    target = {"unit": "g/cm3", "test_fraction": 0.2, "size": 20, "validation_fraction": 0}
    write_stage(folder / "finetune.yaml", "TargetFineTuning", folder / "target.csv", [recorder], **target)
    assert run("fit", "-c", folder / "pretrain.yaml") == 0
    (pretrained,) = (folder / "pretrain").rglob("*.ckpt")
    assert run("fit", "-c", folder / "finetune.yaml", "--model.pretrained", pretrained) == 0
    (tuned,) = (folder / "finetune").rglob("*.ckpt")
    pretrained.rename(folder / "pretrained.ckpt")
    tuned.rename(folder / "tuned.ckpt")
    return folder


def test_fit_says_where_the_model_is_and_the_model_works(folder):
    model = load_model(folder / "pretrained.ckpt")
    assert model.predict(["*CCO*"]).units == ("kg/m3",)
    assert load_model(folder / "tuned.ckpt").card["source"]["data"]["size"] == len(CHAINS)


def test_test_writes_a_record_and_needs_no_source(folder, capfd):
    assert run("test", "-c", folder / "finetune.yaml", "--ckpt_path", folder / "tuned.ckpt") == 0
    shown = capfd.readouterr().out
    assert "test/mae" in shown
    assert re.search(r"\bdensity\b.* g/cm³", shown)
    (record,) = read_records(folder / "records")
    assert (record.cell.source_size, record.cell.target_size, record.unit) == (len(CHAINS), 20, "g/cm3")
    assert record.cell.policy == "full"
    assert record.details["config"]["trainer"]["max_epochs"] == 2


@pytest.mark.slow
def test_models_of_several_seeds_tested_with_one_yaml_are_several_records(folder, tmp_path, capfd):
    text = (folder / "finetune.yaml").read_text().replace(str(folder / "records"), str(tmp_path / "records"))
    (tmp_path / "finetune.yaml").write_text(text)
    test = ["test", "-c", tmp_path / "finetune.yaml"]
    for seed in (0, 1):
        words = ["--seed_everything", seed, "--trainer.default_root_dir", tmp_path / str(seed)]
        assert run("fit", "-c", folder / "finetune.yaml", "--model.pretrained", folder / "pretrained.ckpt", *words) == 0
        (path,) = (tmp_path / str(seed)).rglob("*.ckpt")
        assert run(*test, "--ckpt_path", path) == 0
    first = {record.key: record for record in read_records(tmp_path / "records")}
    assert {record.details["config"]["seed"] for record in first.values()} == {0, 1}
    assert run(*test, "--ckpt_path", path, "--seed_everything", 1) == 0
    assert {record.key for record in read_records(tmp_path / "records")} == set(first)
    for other in (["--data.seed", 1], ["--data.size", 15]):
        assert run(*test, "--ckpt_path", path, *other) == 0
        assert other[0][2:].split(".")[1] in capfd.readouterr().err
    assert len(read_records(tmp_path / "records")) == 2


def test_a_model_is_not_tested_on_what_it_was_trained_on(folder, tmp_path, capfd):
    words = ["-c", folder / "finetune.yaml", "--ckpt_path", folder / "tuned.ckpt"]
    for command, other, count in (
        ("test", ["--data.split", 1], "of the 9 test materials"),
        ("validate", ["--data.validation_fraction", 0.2], "trained on 4 of the 4 validation materials"),
    ):
        assert run(command, *words, *other) == 2
        line = capfd.readouterr().err.splitlines()[-1]
        assert count in line
        assert "--data.split 0" in line
    library = ["--library", tmp_path / "library", "--trainer.default_root_dir", tmp_path]
    assert run("fit", "-c", folder / "pretrain.yaml", *library) == 0
    (key,) = ModelLibrary(tmp_path / "library").keys()
    words = ["-c", folder / "pretrain.yaml", "--ckpt_path", tmp_path / "library" / key, "--data.test_fraction", 0.2]
    assert run("test", *words) == 2
    assert re.search(r"\b9\b.*\b9\b.*\btest\b", capfd.readouterr().err)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["checkpoint", "library"])
def test_it_is_told_how_many_test_materials_the_source_has_seen(folder, tmp_path, capfd, source):
    if source == "library":
        library = ["--library", tmp_path / "library", "--trainer.default_root_dir", tmp_path / "source"]
        assert run("fit", "-c", folder / "pretrain.yaml", *library) == 0
        pretrained = tmp_path / "library" / ModelLibrary(tmp_path / "library").keys()[0]
    else:
        pretrained = folder / "pretrained.ckpt"
    words = ["-c", folder / "finetune.yaml", "--trainer.callbacks", "[]"]
    trained = ["--model.pretrained", pretrained, "--trainer.default_root_dir", tmp_path / "tuned"]
    assert run("fit", *words, *trained) == 0
    (path,) = (tmp_path / "tuned").rglob("*.ckpt")
    capfd.readouterr()
    assert run("test", *words, "--ckpt_path", path) == 0
    assert "simulations of 9 of the 9 test materials" in " ".join(capfd.readouterr().err.split())
    scratch = ["--model.encoder", "gnn_sim2real.nn.GINE", "--trainer.default_root_dir", tmp_path / "scratch"]
    assert run("fit", *words, *scratch) == 0
    (path,) = (tmp_path / "scratch").rglob("*.ckpt")
    capfd.readouterr()
    assert run("test", *words, "--ckpt_path", path) == 0
    assert "test materials" not in capfd.readouterr().err


def test_a_record_describes_the_training_and_not_the_yaml_of_the_test(folder, tmp_path, capfd):
    text = (folder / "finetune.yaml").read_text().replace(str(folder / "records"), str(tmp_path / "records"))
    (tmp_path / "finetune.yaml").write_text(text)
    test = ["test", "-c", tmp_path / "finetune.yaml", "--ckpt_path", folder / "tuned.ckpt"]
    assert run(*test) == 0
    assert "describes the training" not in capfd.readouterr().err
    (wanted,) = read_records(tmp_path / "records")
    other = ["--trainer.max_epochs", 9, "--model.loss", "mse", "--model.policy", "l2_sp", "--data.batch_size", 5]
    assert run(*test, *other) == 0
    told = capfd.readouterr().err
    assert all(f"`{name}`" in told for name in ("trainer.max_epochs", "model.init_args.loss", "model.init_args.policy"))
    (found,) = read_records(tmp_path / "records")
    assert (found.key, found.cell, found.details) == (wanted.key, wanted.cell, wanted.details)


@pytest.mark.slow
def test_a_model_that_does_not_know_its_training_is_not_recorded_as_another(folder, tmp_path, capfd):
    text = (folder / "finetune.yaml").read_text().replace(str(folder / "records"), str(tmp_path / "records"))
    (tmp_path / "finetune.yaml").write_text(text)
    content = torch.load(folder / "tuned.ckpt", weights_only=True)
    del content[CHECKPOINT_ENTRY]["card"]["training"]  # as earlier versions wrote it
    torch.save(content, tmp_path / "old.ckpt")
    test = ["test", "-c", tmp_path / "finetune.yaml", "--ckpt_path", tmp_path / "old.ckpt"]
    for other in (["--model.policy", "l2_sp"], ["--model.encoder", "gnn_sim2real.nn.GINE"]):
        assert run(*test, *other) == 0
        assert re.search(r"\bno record\b.*\bmodel\b", capfd.readouterr().err)
        assert not read_records(tmp_path / "records")
    assert run(*test) == 0
    (found,) = read_records(tmp_path / "records")
    assert run("test", "-c", tmp_path / "finetune.yaml", "--ckpt_path", folder / "tuned.ckpt") == 0
    assert [each.key for each in read_records(tmp_path / "records")] == [found.key]


def test_fit_keeps_the_split_and_takes_it_again(folder, tmp_path):
    assert not list((folder / "pretrain").rglob("split.json"))
    (kept,) = (folder / "finetune").rglob("split.json")
    words = ["--model.pretrained", folder / "pretrained.ckpt", "--data.split_file", kept, "--data.test_fraction", 0.5]
    words += ["--data.split_by", "scaffold", "--data.size", "all", "--trainer.default_root_dir", tmp_path]
    assert run("fit", "-c", folder / "finetune.yaml", *words) == 0
    (again,) = tmp_path.rglob("split.json")
    first, second = (json.loads(path.read_text()) for path in (kept, again))
    assert (len(first["train"]), len(first["test"])) == (20, 9)
    assert all(first[name] == second[name] for name in ("train", "validation", "test", "materials"))


def test_predict_answers_every_row(folder, tmp_path):
    asked = ["*CCO*", "nonsense(", "*CCN*", "*CC"]
    (tmp_path / "asked.csv").write_text("polymer\n" + "\n".join(asked) + "\n")
    words = ["--data.predict_path", tmp_path / "asked.csv", "--data.predict_column", "polymer"]
    words += ["--prediction.output", tmp_path / "predictions.csv", "--data.path", "not needed.csv"]
    assert run("predict", "-c", folder / "finetune.yaml", "--ckpt_path", folder / "tuned.ckpt", *words) == 0
    with (tmp_path / "predictions.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["polymer", "density [g/cm3]", "reason"]
    assert [row[0] for row in rows] == asked
    wanted = load_model(folder / "tuned.ckpt").predict(["*CCO*", "*CCN*"]).values[:, 0]
    assert [float(row[1]) for row in rows[::2]] == pytest.approx(wanted.tolist(), rel=1e-5)
    assert [row[1] for row in rows[1::2]] == ["", ""]
    assert "nonsense(" in rows[1][2]
    assert "exactly two `*`" in rows[3][2]


def record_files(folder):
    return {path.name: path.read_bytes() for path in (folder / "records").glob("*.json")}


@pytest.mark.parametrize("command", ["test", "validate", "predict"])
def test_a_model_that_was_never_trained_is_refused(folder, tmp_path, capfd, command):
    (tmp_path / "asked.csv").write_text("smiles\n*CCO*\n")
    output = tmp_path / "predictions.csv"
    before = record_files(folder)
    scratch = ["--model.encoder", "gnn_sim2real.nn.GINE", "--data.validation_fraction", 0.2]
    words = ["--data.predict_path", tmp_path / "asked.csv", "--prediction.output", output]
    assert run(command, "-c", folder / "finetune.yaml", *scratch, *words) == 2
    assert re.search(f"{command}.*`--ckpt_path MODEL`", capfd.readouterr().err)
    assert not output.exists()
    assert record_files(folder) == before


def test_a_pretrained_model_is_applied_as_it_is_and_not_recorded(folder, tmp_path, capfd):
    before = record_files(folder)
    (tmp_path / "asked.csv").write_text("smiles\n*CCO*\n")
    words = ["--data.predict_path", tmp_path / "asked.csv", "--prediction.output", tmp_path / "out.csv"]
    for command in ("test", "predict"):
        pretrained = ["--model.pretrained", folder / "pretrained.ckpt"]
        assert run(command, "-c", folder / "finetune.yaml", *pretrained, *words) == 0
    assert re.search(r"\bno record\b", capfd.readouterr().err)
    assert record_files(folder) == before
    simulated = load_model(folder / "pretrained.ckpt").predict(["*CCO*"]).values.item() / 1000  # kg/m3
    assert float((tmp_path / "out.csv").read_text().splitlines()[1].split(",")[1]) == pytest.approx(simulated, rel=1e-4)


def test_predictions_replace_no_file_unless_told_and_never_the_input(folder, tmp_path, capfd):
    asked, output = tmp_path / "asked.csv", tmp_path / "out.csv"
    asked.write_text("smiles\n*CCO*\n")
    output.write_text("mine")
    words = ["predict", "-c", folder / "finetune.yaml", "--ckpt_path", folder / "tuned.ckpt"]
    words += ["--data.predict_path", asked, "--prediction.output"]
    assert run(*words, output) == 2
    assert "--prediction.overwrite" in capfd.readouterr().err
    assert output.read_text() == "mine"
    assert run(*words, output, "--prediction.overwrite", "true") == 0
    assert output.read_text().startswith("smiles,density")
    assert run(*words, asked, "--prediction.overwrite", "true") == 2
    assert asked.read_text() == "smiles\n*CCO*\n"


WANDB = {"class_path": "lightning.pytorch.loggers.WandbLogger", "init_args": {"project": "mine", "offline": True}}


@pytest.mark.parametrize("several", [False, True])
def test_predictions_never_replace_what_is_read(folder, tmp_path, capfd, several):
    """The model itself, the YAML, the table that trained it, a calibration: not even with `overwrite`."""
    (tmp_path / "asked.csv").write_text("smiles\n*CCO*\n")
    (tmp_path / "config.yaml").write_text((folder / "finetune.yaml").read_text())
    models = [tmp_path / "a.ckpt", tmp_path / "b.ckpt"][: 1 + several]
    for each in models:
        each.write_bytes((folder / "tuned.ckpt").read_bytes())
    words = [*models, tmp_path / "asked.csv"]
    if not several:
        words = ["-c", tmp_path / "config.yaml", "--ckpt_path", *models, "--data.predict_path", tmp_path / "asked.csv"]
    for read in (*models, folder / "target.csv", *([] if several else [tmp_path / "config.yaml"])):
        before = read.read_bytes()
        assert run("predict", *words, "--prediction.output", read, "--prediction.overwrite", "true") == 2
        assert read.name in capfd.readouterr().err.splitlines()[-1]
        assert read.read_bytes() == before


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Checkpoint directory")
@pytest.mark.parametrize("logger", [False, WANDB])
def test_what_the_user_wrote_is_never_replaced(folder, tmp_path, monkeypatch, logger):
    monkeypatch.chdir(tmp_path)
    content = yaml.safe_load((folder / "finetune.yaml").read_text())
    content["trainer"] |= {"logger": logger, "max_epochs": 1}
    del content["trainer"]["default_root_dir"]
    text = "# mine\n" + yaml.safe_dump(content)
    (tmp_path / "config.yaml").write_text(text)
    (tmp_path / "split.json").write_text("{}")
    for _ in range(2):
        assert run("fit", "-c", "config.yaml", "--model.pretrained", folder / "pretrained.ckpt") == 0
        wandb.finish()
    assert (tmp_path / "config.yaml").read_text() == text
    assert (tmp_path / "split.json").read_text() == "{}"
    found = (path for path in tmp_path.rglob("config*.yaml") if "files" not in path.parts)  # those are wandb's own
    kept = [path for path in found if path != tmp_path / "config.yaml"]
    assert len(kept) == 2
    for config in kept:
        assert config.with_name(config.name.replace("config", "split")).with_suffix(".json").exists()
        assert yaml.safe_load(config.read_text())["trainer"]["max_epochs"] == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_each_of_two_loggers_gets_the_configuration_and_wandb_the_kind_of_run(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": "csv"}}
    content = yaml.safe_load((folder / "finetune.yaml").read_text())
    content["trainer"] |= {"logger": [files, WANDB], "max_epochs": 1}
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(content))
    wandb.teardown()  # a service of another test would write to its folder
    assert run("fit", "-c", "two.yaml", "--model.pretrained", folder / "pretrained.ckpt") == 0
    wandb.finish()
    wandb.teardown()
    (stored,) = stored_runs(tmp_path).values()
    (written,) = tmp_path.glob("csv/*/*/hparams.yaml")
    assert stored.job == "finetune"
    for config in (stored.config, yaml.safe_load(written.read_text())):
        assert config["trainer"]["max_epochs"] == 1


def test_a_folder_of_the_library_is_as_good_as_a_checkpoint(folder, tmp_path, capfd):
    kept = tmp_path / "kept"
    save_model(load_model(folder / "tuned.ckpt"), kept)
    (tmp_path / "asked.csv").write_text("polymer\n*CCO*\n*CCN*\n")
    words = ["--data.predict_path", tmp_path / "asked.csv", "--data.predict_column", "polymer", "--prediction.output"]
    # What it was fine-tuned from, and how, does not matter to what it predicts.
    words = ["-c", folder / "finetune.yaml", "--model.policy", "l2_start", *words]
    for model in (folder / "tuned.ckpt", kept):
        assert run("predict", *words, tmp_path / f"{model.stem}.csv", "--ckpt_path", model) == 0
    assert (tmp_path / "kept.csv").read_text() == (tmp_path / "tuned.csv").read_text()
    found = []
    for model in (folder / "tuned.ckpt", kept):
        records = tmp_path / f"records_{model.stem}"
        own = tmp_path / f"{model.stem}.yaml"
        own.write_text((folder / "finetune.yaml").read_text().replace(str(folder / "records"), str(records)))
        assert run("test", "-c", own, "--ckpt_path", model) == 0
        found += read_records(records)
    assert (found[0].key, found[0].cell, found[0].metrics) == (found[1].key, found[1].cell, found[1].metrics)
    assert found[1].cell.source_size == len(CHAINS)
    line = answer(capfd, "fit", *words, tmp_path / "no.csv", "--model.policy", "none", "--ckpt_path", kept)
    assert "`--ckpt_path`" in line
    assert str(kept) in line


def test_the_seed_of_the_command_line_counts(folder, tmp_path):
    def weights(seed, name):
        root = tmp_path / name
        words = ["--seed_everything", seed, "--trainer.default_root_dir", root]
        assert run("fit", "-c", folder / "pretrain.yaml", *words) == 0
        (path,) = root.rglob("*.ckpt")
        return load_model(path).fingerprint

    first, again, other = weights(5, "first"), weights(5, "again"), weights(6, "other")
    assert first == again != other


@pytest.mark.parametrize(
    ("words", "content"),
    [
        ([], ["fit", "validate", "test", "predict", "calibrate", "study", "data", "models", "law", "shotgun"]),
        (["--help"], ["fit", "validate", "test", "predict", "study"]),
        (["--version"], ["gnn-sim2real 0."]),
        (["study", "--help"], ["STUDY.yaml", "status", "report"]),
        (
            ["study", "run", "--help"],
            [
                "--axes.source-size",
                "--launcher {serial,processes,ray}",
                "--retry-failed",
                "--output",
            ],
        ),
        (["fit", "--help"], ["--trainer.max_epochs", "--model", "--data", "--ckpt_path"]),
        (["predict", "--help"], ["--prediction.output"]),
        (
            ["fit", "--model.help", "gnn_sim2real.tasks.TargetFineTuning"],
            [
                "--model.unfreeze_every",
                "`gradual`",
                "--model.pretrained",
                "torch scheduler",
                "`torch.compile`",
            ],
        ),
        (
            ["fit", "--trainer.callbacks.help", "gnn_sim2real.tasks.EMAWeights"],
            ["--trainer.callbacks.decay", "exponential moving average"],
        ),
        (
            ["fit", "--data.help", "datamodules.PolymerTable"],
            ["--data.unit", "--data.file_unit", "--data.test_fraction"],
        ),
    ],
)
def test_help_explains(words, content, capfd):
    assert run(*words) == 0
    printed = " ".join(capfd.readouterr().out.split())
    for each in content:
        assert each in printed


@pytest.mark.parametrize("command", ["fit", "validate", "test", "predict"])
def test_the_help_of_a_command_says_whole_sentences(command, capfd):
    assert run(command, "--help") == 0
    usage, description, *_ = capfd.readouterr().out.split("\n\n")
    assert usage.startswith(f"usage: gnn-sim2real {command} ")
    assert re.search(r"\.$", description)
    assert len(description) > 20


def test_print_config_can_be_run(folder, tmp_path, capfd):
    capfd.readouterr()
    assert run("fit", "-c", folder / "pretrain.yaml", "--trainer.max_epochs", 1, "--print_config") == 0
    printed = capfd.readouterr().out
    assert yaml.safe_load(printed)["trainer"]["max_epochs"] == 1
    (tmp_path / "printed.yaml").write_text(printed)
    assert run("fit", "-c", tmp_path / "printed.yaml", "--trainer.default_root_dir", tmp_path) == 0
    assert list(tmp_path.rglob("*.ckpt"))


TRAINING = """
trainer:
  max_epochs: 12
  precision: bf16-mixed
  enable_model_summary: false
  callbacks:
  - {class_path: lightning.pytorch.callbacks.EarlyStopping, init_args: {monitor: val/loss, patience: 2}}
  - {class_path: gnn_sim2real.tasks.BestWeights}
  - {class_path: gnn_sim2real.tasks.EMAWeights, init_args: {decay: 0.5}}
model:
  schedule: SCHEDULE
data:
  validation_fraction: 0.25
"""
SCHEDULES = {
    "one cycle": "{class_path: torch.optim.lr_scheduler.OneCycleLR, init_args: {max_lr: 0.1, total_steps: 12}}",
    "plateau by name": "{class_path: ReduceLROnPlateau, init_args: {factor: 0.5}}",
    "plateau": "{class_path: lightning.pytorch.cli.ReduceLROnPlateau, init_args: {monitor: val/loss}}",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "schedule"), [("pretrain", "one cycle"), ("finetune", "plateau"), ("pretrain", "plateau by name")]
)
def test_details_of_a_training_come_from_the_yaml(folder, tmp_path, capfd, stage, schedule):
    (tmp_path / "details.yaml").write_text(TRAINING.replace("SCHEDULE", SCHEDULES[schedule]))
    words = ["-c", folder / f"{stage}.yaml", "-c", tmp_path / "details.yaml", "--trainer.default_root_dir", tmp_path]
    if stage == "finetune":
        words += ["--model.pretrained", folder / "pretrained.ckpt", "--model.encoder_rate", 0.5]
    assert run("fit", *words) == 0
    (checkpoint,) = tmp_path.rglob("*.ckpt")
    assert f"trained model: {checkpoint}" in capfd.readouterr().out
    assert run("validate", *words, "--ckpt_path", checkpoint) == 0
    printed = capfd.readouterr().out
    assert float(re.search(r"val/loss\D*([\d.]+)", printed)[1]) > 0
    assert SCHEDULES[schedule].split()[1].rstrip(",") in next(tmp_path.rglob("config.yaml")).read_text()
    assert load_model(checkpoint).predict(["*CCO*"]).values.shape == (1, 1)


def answer(capfd, *words):
    """The one line that answers a wrong command."""
    capfd.readouterr()
    assert run(*words) == 2
    printed = capfd.readouterr().err
    assert "Traceback" not in printed
    (line,) = [each for each in printed.splitlines() if each.startswith("error: ")]
    assert printed.splitlines()[-1] == line
    return line


@pytest.mark.parametrize(
    ("argv", "values"),
    [
        (["fitt"], "'fitt'.* --help"),
        (["study", "walk"], "`study walk`.* run, status .*report"),
        (["study", "run"], "`gnn-sim2real study run -c"),
        (["fit"], "data.*model.*-c"),
        (["fit", "-c", "nowhere.yaml"], "nowhere.yaml"),
        (["test", "--ckpt_path"], "ckpt_path.* argument"),
        (["test", "--ckpt-path"], "ckpt_path.* argument"),
    ],
)
def test_wrong_commands(capfd, argv, values):
    assert re.search(values, answer(capfd, *argv), re.IGNORECASE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_epochs", "max_epoch"),
        ("column", "colunm"),
        ("hidden_dim", "hiden_dim"),
        ("encoder:", "encodr:"),
        ("trainer:", "trainerr:"),
        ("nn.GINE", "nn.GINEE"),
        ("datamodules.PolymerTable", "datamodules.PolymerTabel"),
    ],
)
def test_a_slip_in_a_configuration_is_named(folder, tmp_path, capfd, old, new):
    text = (folder / "pretrain.yaml").read_text()
    assert old in text
    (tmp_path / "slip.yaml").write_text(text.replace(old, new))
    line = answer(capfd, "fit", "-c", tmp_path / "slip.yaml")
    assert new.rpartition(".")[2].strip(":") in line
    assert "NoneType" not in line
    assert "Namespace(" not in line


@pytest.mark.parametrize("words", [[], ["--model.schedule.monitor", "val/loss", "--model.schedule.patience", "3"]])
def test_the_plateau_has_a_short_name(folder, capfd, words):
    """Torch and Lightning have one as well, and Lightning's has no metric unless it is given."""
    argv = ["-c", folder / "pretrain.yaml", "--model.schedule", "ReduceLROnPlateau", *words, "--print_config"]
    capfd.readouterr()
    assert run("fit", *argv) == 0
    schedule = yaml.safe_load(capfd.readouterr().out)["model"]["init_args"]["schedule"]
    assert schedule["class_path"] == "gnn_sim2real.tasks.schedule.ReduceLROnPlateau"
    assert (schedule["init_args"]["monitor"], schedule["init_args"]["patience"]) == ("val/loss", 3 if words else 10)


def test_a_lightning_module_of_somebody_else_is_answered(folder, tmp_path, capfd):
    (tmp_path / "other.yaml").write_text("model: {class_path: lightning.pytorch.demos.boring_classes.BoringModel}")
    own = "lightning.pytorch.demos.boring_classes.BoringModel"
    for words in (["--model", own], ["-c", tmp_path / "other.yaml"]):
        line = answer(capfd, "fit", "-c", folder / "pretrain.yaml", *words)
        assert re.search(rf"`model`.*\bSourcePretraining, .*{own}.*ScalingLawCallback", line)
    line = answer(capfd, "fit", "-c", folder / "pretrain.yaml", "--model.encoder", own)
    assert re.search(rf"`model\.encoder` must be .*\bGINE, .*, got {re.escape(own)}$", line)


PROFILES = {"simple": "run_training_epoch", "advanced": "cumtime", "pytorch": "Self CPU time total"}


@pytest.mark.slow
@pytest.mark.parametrize("profiler", PROFILES)
def test_the_report_of_a_profiler_is_shown(folder, tmp_path, profiler):
    """In a process of its own, since Lightning logs to the stderr that there was when it was imported."""
    program = "from gnn_sim2real.cli.main import main; raise SystemExit(main())"
    settings = ["--trainer.profiler", profiler, "--trainer.default_root_dir", tmp_path]
    command = [sys.executable, "-c", program, "fit", "-c", folder / "pretrain.yaml", *settings]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True, timeout=300)
    assert PROFILES[profiler] in done.stderr
    assert len(list(tmp_path.rglob("*.pt.trace.json"))) == (profiler == "pytorch")


@pytest.mark.slow
def test_three_seeds_are_an_ensemble(folder, tmp_path, capfd):
    own = ["-c", folder / "finetune.yaml", "--data.validation_fraction", "0.5", "--data.size", "all"]
    own += ["--data.batch_size", "4"]
    models = []
    for seed in (0, 1, 2):
        words = ["--seed_everything", seed, "--trainer.default_root_dir", tmp_path / f"seed{seed}"]
        assert run("fit", *own, *words, "--model.pretrained", folder / "pretrained.ckpt") == 0
        models += (tmp_path / f"seed{seed}").rglob("*.ckpt")
    assert len({load_model(path).fingerprint for path in models}) == 3
    assert run("calibrate", *models, *own, "--output", tmp_path / "calibration") == 0
    assert (tmp_path / "calibration" / "calibration.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("argv", "values"),
    [
        (["--data.path", "nofile.csv"], r'"nofile\.csv": .*data\.init_args\.path'),
        (["--data.column", "dens"], r'source\.csv .*"dens": .* density, smiles'),
        (["--data.smiles", "psmiles"], r'source\.csv .*"psmiles"'),
        (["--data.unit", "foo"], r'unit "foo"'),
        (["--data.file_unit", "K"], r'"K" .*"kg/m3": .*density'),
        (["--data.file-unit", "K"], r'"K" .*"kg/m3": .*density'),
        (["--data.column", "smiles"], r"source\.csv .*: .* not a finite number"),
        (["--data.size", "9999"], r"`size` .*\b2 to 42 .* 9999"),
        (["--data.test_fraction", "1.5"], r"`test_fraction` .* 0 .* 1, got 1\.5"),
        (["--model.warmup_fraction", "2"], r"`warmup_fraction` .* 0 .* 1, got 2"),
        (["--model.loss", "mape"], r"loss.*mse.*huber.*mae"),
        (["--trainer.callbacks", "gnn_sim2real.tasks.BestWeights", *NO_VALIDATION], "BestWeights .*validation"),
        (["--trainer.precision", "bf16-true"], r"`trainer\.precision` .*32-true, bf16-mixed .*16-mixed, got bf16-true"),
        (["--trainer.max_epochs", "many"], r"max_epochs.*, got many$"),
    ],
)
def test_wrong_settings_of_a_training(folder, tmp_path, capfd, argv, values):
    argv = [*argv, "--trainer.default_root_dir", tmp_path]
    assert re.search(values, answer(capfd, "fit", "-c", folder / "pretrain.yaml", *argv))


def test_a_column_without_numbers(folder, tmp_path, capfd):
    write_table(tmp_path / "empty.csv", ["NaN"] * len(CHAINS))
    line = answer(capfd, "fit", "-c", folder / "pretrain.yaml", "--data.path", tmp_path / "empty.csv")
    assert re.search(r"empty\.csv .*42 rows read, .*42 no value", line)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("argv", "values"),
    [
        (["fit"], "`pretrained`.* `encoder`"),
        (["fit", "--model.policy", "encoder"], "policy 'frozen_encoder' .*pretrained"),
        (["fit", "--model.pretrained", "nowhere.ckpt"], r"no model at nowhere\.ckpt"),
        (["test"], "to test.*`--ckpt_path MODEL`"),
        (["test", "--ckpt_path", "nowhere.ckpt"], r"no model at nowhere\.ckpt"),
        (["predict", "--ckpt_path", "TUNED"], r"`--data\.predict_path FILE`"),
        (["predict", "--ckpt_path", "TUNED", "--data.predict_path", "no.csv"], r"\bno\.csv"),
        (["test", "--ckpt_path", "TUNED", "--data.test_fraction", "0"], "test part"),
        (["test", "--ckpt_path", "TUNED", *TWO_PROCESSES], "test .*one process, got 2"),
        (["predict", "--ckpt_path", "TUNED", *TWO_PROCESSES], "predict .*one process, got 2"),
        (["fit", "--model.pretrained", "TUNED", *TWO_PROCESSES], "fine-tuning .*one process, got 2"),
        (["test", "--ckpt_path", "PRETRAINED", *KILOGRAMS], "pretrained .*not fine-tuned"),
        (["test", "--ckpt_path", "TUNED", *KILOGRAMS], r"density \[g/cm3\], .*density \[kg/m3\]"),
        (["validate", "--ckpt_path", "PRETRAINED", *VALIDATION], r"density \[kg/m3\], .*density \[g/cm3\]"),
        (["test", "--ckpt_path", "FOREIGN"], r"foreign\.ckpt .*gnn_sim2real"),
        (["test", "--ckpt_path", "TABLE"], r"target\.csv .*damaged"),
        (["fit", "--model.pretrained", "TABLE"], r"target\.csv .*damaged"),
    ],
)
def test_wrong_uses_of_a_model(folder, tmp_path, capfd, argv, values):
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    places = {"PRETRAINED": folder / "pretrained.ckpt"}
    places |= {"TUNED": folder / "tuned.ckpt", "FOREIGN": tmp_path / "foreign.ckpt", "TABLE": folder / "target.csv"}
    verb, *rest = [places.get(word, word) for word in argv]
    line = answer(capfd, verb, "-c", folder / "finetune.yaml", *rest, "--trainer.default_root_dir", tmp_path)
    assert re.search(values, line)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_last_without_a_last_checkpoint_is_refused(folder, tmp_path, capfd):
    """Lightning would begin anew, with a warning."""
    words = ["fit", "-c", folder / "pretrain.yaml", "--library", "null", "--trainer.default_root_dir", tmp_path]
    assert run(*words, "--ckpt_path", "last") == 2
    assert re.fullmatch(r"error: `--ckpt_path last`.*save_last.*\n", capfd.readouterr().err)
    saver = {"class_path": "lightning.pytorch.callbacks.ModelCheckpoint"}
    saver["init_args"] = {"dirpath": str(tmp_path / "kept"), "save_last": True}
    words += ["--trainer.callbacks", json.dumps([saver])]
    assert run(*words) == 0
    assert run(*words, "--ckpt_path", "last", "--trainer.max_epochs", "3") == 0
    assert torch.load(tmp_path / "kept/last.ckpt", weights_only=True)["epoch"] == 2


def test_the_same_training_is_in_the_library_once(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["fit", "-c", folder / "pretrain.yaml", "--library", tmp_path / "library"]
    assert run(*words) == 0
    (key,) = ModelLibrary(tmp_path / "library").keys()
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    assert run(*words, "--trainer.logger", "false") == 0
    assert ModelLibrary(tmp_path / "library").keys() == [key]
    assert run(*words, "--seed_everything", "1") == 0
    assert len(ModelLibrary(tmp_path / "library").keys()) == 2


@pytest.mark.parametrize(
    "name", ["PL_FIT__TRAINER__MAX_EPOCHS", "PL_TRAINER_MAX_EPOCHS", "PL_CONFIG", "JSONARGPARSE_DEFAULT_ENV"]
)
@pytest.mark.parametrize("command", ["fit", "study"])
def test_settings_in_the_environment_are_refused(capfd, monkeypatch, command, name):
    """In a study, Lightning would take those of `PL_TRAINER_...` for each cell."""
    monkeypatch.setenv(name, "true")
    assert run(command, "--help") == 2
    assert re.fullmatch(rf"error: .*\b{name}\b.*unset.*\n", capfd.readouterr().err)


def test_debugging_shows_where_an_error_was_raised(monkeypatch):
    monkeypatch.setenv("GNN_SIM2REAL_DEBUG", "1")
    with pytest.raises(ValueError, match="'fitt'"):
        main(["fitt"])


def test_the_installed_command(tmp_path):
    command = [sys.executable, "-c", "from gnn_sim2real.cli.main import main; raise SystemExit(main())", "fitt"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch("error: .*'fitt'.*\n", done.stderr)


@pytest.mark.parametrize("at", ["the import of the command", "the making of a class"])
def test_a_stop_before_anything_runs_ends_in_one_line(monkeypatch, capsys, at):
    def stop(*_):
        if at == "the import of the command":
            raise KeyboardInterrupt
        raise RuntimeError("Error calling __set_name__ on 'Field' instance") from KeyboardInterrupt()

    monkeypatch.setattr("importlib.import_module", stop)
    assert main(["law", "fit", "x.csv"]) == 130
    assert "stopped" in capsys.readouterr().err


def test_the_module_of_the_command_imports_nothing_that_a_stop_could_interrupt():
    code = "import sys; import gnn_sim2real; package = {*sys.modules}\n"
    code += "import gnn_sim2real.cli.main; print(*sorted({*sys.modules} - package))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found.split() == ["gnn_sim2real.cli", "gnn_sim2real.cli.main"]
