"""The command: what it writes, what it refuses, what it never sees."""

import re
import shutil
import sqlite3
import sys
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
import yaml
from processes import running_command, wait_until
from tiny import CHAINS, density
from tunings import DEMO, SMALL, SPACE
from wandb_files import stored_runs

from gnn_sim2real.cli.main import main
from gnn_sim2real.config.shipped import find_config
from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.tune import Tuning
from gnn_sim2real.tune import tune as tune_from_python
from gnn_sim2real.tune.space import Range, read_files
from gnn_sim2real.tune.training import Training, Watch
from gnn_sim2real.tune.trials import Trials

NUMBERS = ["trial", "state", "val/mae", "model.optimizer.lr", "model.encoder.dropout", "epochs"]


def table(folder):
    return pd.read_csv(folder / "trials.csv")


@pytest.mark.slow
def test_the_table_has_a_row_for_each_trial_and_the_yaml_comes_first(tuned):
    rows = table(tuned)
    assert rows["trial"].tolist() == [0, 1, 2]
    assert set(rows["state"]) == {"complete"}
    assert rows.loc[0, ["model.optimizer.lr", "model.encoder.dropout"]].tolist() == [1e-3, 0.0]
    assert (rows["epochs"] == 3).all()
    assert rows["val/mae"].nunique() == 3
    assert {each.name for each in tuned.glob("*.png")} >= {"history.png", "slices.png", "parallel.png"}
    assert not list((tuned / "claims").glob("*.json"))


@pytest.mark.slow
def test_the_best_yaml_gives_the_best_error_digit_for_digit(tuned, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["--trainer.logger=CSVLogger", "--trainer.logger.save_dir=.", "--trainer.enable_progress_bar=false"]
    assert main(["fit", "-c", str(tuned / "best.yaml"), *words]) == 0
    (log,) = tmp_path.rglob("metrics.csv")
    assert pd.read_csv(log)["val/mae"].dropna().iloc[-1] == table(tuned)["val/mae"].min()
    best = table(tuned).sort_values("val/mae").iloc[0]
    config = yaml.safe_load((tuned / "best.yaml").read_text())
    assert config["model"]["init_args"]["optimizer"]["init_args"]["lr"] == best["model.optimizer.lr"]
    assert config["model"]["init_args"]["optimizer"]["init_args"]["weight_decay"] == 1e-5, "that of the default"


@pytest.mark.slow
def test_a_tuning_goes_on_and_ends_as_one_that_was_not_stopped(tuned, tune, tmp_path):
    assert tune(tmp_path, trials=2) == 0
    assert len(table(tmp_path / "tuned")) == 2
    assert tune(tmp_path, trials=3) == 0
    pd.testing.assert_frame_equal(table(tmp_path / "tuned")[NUMBERS], table(tuned)[NUMBERS], check_exact=True)


@pytest.mark.parametrize(
    ("words", "space", "said"),
    [
        pytest.param(
            ["--trainer.max_epochs=4"], {}, ["`trainer.max_epochs`", "3", "4", "--output"], marks=pytest.mark.slow
        ),
        pytest.param(["--seed=1"], {}, ["`--seed`", "0, now 1"], marks=pytest.mark.slow),
        ([], {"model.optimizer.lr": {"low": 1e-3, "high": 1e-2}}, ["`tune.model.optimizer.lr.low`", "0.001"]),
    ],
)
def test_a_folder_with_another_tuning_is_refused_and_stays(tuned, tune, tmp_path, capfd, words, space, said):
    shutil.copytree(tuned, tmp_path / "tuned")
    before = {each.name: each.read_bytes() for each in tuned.iterdir() if each.is_file()}
    assert tune(tmp_path, *words, space=SPACE | space) == 2
    error = capfd.readouterr().err
    assert all(each in error for each in said), error
    assert {each.name: each.read_bytes() for each in (tmp_path / "tuned").iterdir() if each.is_file()} == before


RATE = {"model.optimizer.lr": {"low": 1e-4, "high": 1e-2, "log": True}}


@pytest.mark.parametrize(
    ("space", "words", "said"),
    [
        pytest.param({"model.optimizer.lrr": [1e-3, 1e-2]}, [], ["`model.optimizer.lr`?"], marks=pytest.mark.slow),
        ({"trainer.max_epoch": [3, 4]}, [], ["`trainer.max_epochs`?"]),
        ({"model.encoder.dropout": {"low": 0.0, "high": 1.5}}, [], ["`dropout`", "1.5"]),
        pytest.param({"model.policy": ["full", "fulll"]}, [], ["'fulll'"], marks=pytest.mark.slow),
        ({"model.policy": ["full", "l2_sp"]}, [], ["l2_sp", "`pretrained`"]),
        pytest.param(
            {"trainer.max_epochs": [3, "many"]},
            [],
            ["`trainer.max_epochs`", "whole number", "many"],
            marks=pytest.mark.slow,
        ),
        ({"data.size": [10, 12]}, [], ["`data.size`", "validation part"]),
        ({"trainer.max_epochs": {"low": -1, "high": 0}}, [], ["`trainer.max_epochs: -1`", "never ends"]),
        ({"trainer.max_epochs": {"low": 0, "high": 4}}, [], ["`trainer.max_epochs: 0`", "nothing is trained"]),
        ({"trainer.limit_val_batches": [0, 1]}, [], ["`trainer.limit_val_batches`", "validation part"]),
        (RATE, ["--data.validation_fraction=0"], ["validation part", "--data.validation_fraction"]),
        pytest.param(RATE, ["--metric=val/density/mae"], ["val/mae"], marks=pytest.mark.slow),
        (RATE, ["--metric=test/mae"], ["`--metric"]),
        (RATE, ["--compare=nowhere.yaml"], ["nowhere.yaml"]),
        pytest.param(RATE, ["--trials=0"], ["`--trials`"], marks=pytest.mark.slow),
        pytest.param(RATE, ["--trainer.devices=2"], ["devices"], marks=pytest.mark.slow),
        pytest.param(RATE, ["--trainer.accelerator=gpu"], ["GPU", "--trainer.accelerator cpu"], marks=pytest.mark.slow),
        pytest.param(RATE, ["--trainer.limit_val_batches=0"], ["limit_val_batches"], marks=pytest.mark.slow),
        ({}, [], ["configs:tune/finetune.yaml"]),
    ],
)
def test_what_does_not_fit_is_refused_before_the_first_trial(tune, tmp_path, capfd, space, words, said):
    assert tune(tmp_path, *words, space=space) == 2
    line = capfd.readouterr().err.splitlines()[-1]
    assert all(each in line for each in said), line
    assert not (tmp_path / "tuned").exists()


def test_files_of_the_user_are_not_replaced(tune, tmp_path, capfd):
    (tmp_path / "tuned").mkdir()
    (tmp_path / "tuned/best.yaml").write_text("mine")
    assert tune(tmp_path) == 2
    assert "best.yaml" in capfd.readouterr().err
    assert (tmp_path / "tuned/best.yaml").read_text() == "mine"


def test_a_database_of_something_else_is_told_before_any_training(tune, tmp_path, capfd):
    """Also where only the second of two architectures has it."""
    (tmp_path / "tuned/b").mkdir(parents=True)
    for name in "ab":
        (tmp_path / f"{name}.yaml").write_text("model: {init_args: {dropout: 0.1}}")
    with closing(sqlite3.connect(tmp_path / "tuned/b/study.db")) as database, database:
        database.execute("CREATE TABLE diary (day TEXT)")
    before = (tmp_path / "tuned/b/study.db").read_bytes()
    assert tune(tmp_path, f"--compare={tmp_path}/a.yaml", f"--compare={tmp_path}/b.yaml") == 2
    assert "`diary`" in capfd.readouterr().err
    assert [str(each.relative_to(tmp_path)) for each in (tmp_path / "tuned").rglob("*")] == [
        "tuned/b",
        "tuned/b/study.db",
    ]
    assert (tmp_path / "tuned/b/study.db").read_bytes() == before


def test_an_epoch_chosen_by_a_checkpoint_is_refused(tune, tmp_path, capfd):
    callback = "{class_path: ModelCheckpoint, init_args: {monitor: val/mae}}"
    assert tune(tmp_path, f"--trainer.callbacks=[{callback}]") == 2
    assert "BestWeights" in capfd.readouterr().err


@pytest.fixture
def measured(tmp_path):
    """A table of made-up densities, and the YAML of its training; returns both, and the rows that are tested."""
    rows = pd.DataFrame({"smiles": CHAINS, "density": [density(each) + 0.001 * at for at, each in enumerate(CHAINS)]})
    rows.to_csv(tmp_path / "table.csv", index=False)
    encoder = {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 8, "num_layers": 2}}
    data = {"path": str(tmp_path / "table.csv"), "property": "density", "unit": "g/cm3"}
    config = {
        "seed_everything": 0,
        "trainer": {"accelerator": "cpu", "max_epochs": 3},
        "model": {"class_path": "gnn_sim2real.tasks.TargetFineTuning", "init_args": {"encoder": encoder}},
        "data": {
            "class_path": "datamodules.Table",
            "init_args": data | {"test_fraction": 0.25, "validation_fraction": 0.2, "batch_size": 8},
        },
    }
    (tmp_path / "stage.yaml").write_text(yaml.safe_dump(config))
    made = Training([str(tmp_path / "stage.yaml")], [], None).data
    assert len(made.parts.test) == 11
    tested = np.isin(rows["density"], made.table.values[made.parts.test, 0])
    return tmp_path, rows, tested


def test_the_test_part_is_never_seen(measured, tune, monkeypatch):
    """Other values there change no number, and nobody asks for it."""
    folder, rows, tested = measured
    parts = []
    part = PropertyDataModule.part
    monkeypatch.setattr(PropertyDataModule, "part", lambda self, name: parts.append(name) or part(self, name))
    given = {"stage": folder / "stage.yaml", "small": [], "trials": 2, "space": RATE}
    assert tune(folder, **given, output="before") == 0
    scrambled = rows.assign(density=rows["density"].where(~tested, 2.9 - rows["density"]))
    assert (scrambled["density"] != rows["density"]).sum() == 11
    scrambled.to_csv(folder / "table.csv", index=False)
    assert tune(folder, **given, output="after") == 0
    before, after = (table(folder / name).drop(columns="seconds") for name in ("before", "after"))
    pd.testing.assert_frame_equal(before, after, check_exact=True)
    assert before.columns[2] == "val/mae [g/cm3]"
    assert {*parts} == {"train", "validation"}
    assert tune(folder, **given, output="before") == 2, "another table in the same folder"


@pytest.mark.slow
def test_values_learned_as_logarithms_are_judged_in_decades(measured, tune):
    """In one epoch, which has no picture of the way to the error."""
    folder, _, _ = measured
    files, log = [str(folder / "stage.yaml")], "--data.transform=log10"
    metrics = {metric: Training(files, [log], metric) for metric in (None, "val/mae", "val/rmse_log10")}
    assert [each.metric for each in metrics.values()] == ["val/mae_log10", "val/mae", "val/rmse_log10"]
    assert [each.unit for each in metrics.values()] == ["decades", "g/cm3", "decades"]
    with pytest.raises(ValueError, match="val/mae_log10"):
        Training(files, [], "val/mae_log10")
    words = [log, "--metric=val/mae_log10", "--trainer.max_epochs=1"]
    assert tune(folder, *words, stage=folder / "stage.yaml", small=[], trials=2, space=RATE, pictures=True) == 0
    rows = table(folder / "tuned")
    assert rows["val/mae_log10 [decades]"].between(0, 1).all()
    assert (folder / "tuned/history.png").exists()
    assert not (folder / "tuned/on_the_way.png").exists()


def test_data_of_a_trial_have_no_test_part(measured, monkeypatch):
    folder, _, _ = measured
    seen = []
    monkeypatch.setattr(PropertyDataModule, "setup", lambda self, stage: seen.append(len(self.parts.test)))
    Training([str(folder / "stage.yaml")], [], None).run({}, Watch("val/mae"), folder)
    assert {*seen} == {0}


def test_a_training_that_is_not_worth_it_ends_early(measured):
    folder, _, _ = measured
    training = Training([str(folder / "stage.yaml")], ["--trainer.max_epochs=20"], None)
    asked = []

    def is_worse(lowest, tenth):
        asked.append((lowest, tenth))
        return tenth >= 4

    found = training.run({}, Watch("val/mae", is_worse), folder)
    assert (found.error, found.epochs) == (None, 8.0)
    assert [tenth for _, tenth in asked] == [1, 2, 3, 4]
    lowest = [each for each, _ in asked]
    assert lowest == sorted(lowest, reverse=True)


@pytest.mark.slow
def test_best_weights_judge_a_trial_that_ends_with_them(measured):
    folder, _, _ = measured
    words = ["--trainer.max_epochs=12", "--trainer.callbacks=[{class_path: gnn_sim2real.tasks.BestWeights}]"]
    words += ["--model.optimizer=torch.optim.AdamW", "--model.optimizer.lr=0.2"]
    training, epochs = Training([str(folder / "stage.yaml")], words, None), []

    class Note(Watch):
        def on_validation_end(self, trainer, pl_module):
            super().on_validation_end(trainer, pl_module)
            if trainer.state.fn == "fit" and not trainer.sanity_checking:
                epochs.append(tuple(float(trainer.callback_metrics[f"val/{name}"]) for name in ("loss", "mae")))

    found = training.run({}, Note("val/mae"), folder)
    assert found.error == min(epochs)[1] != epochs[-1][1]


@pytest.mark.slow
def test_pruned_and_failed_trials_are_told_and_go_on(measured, tune, monkeypatch, capfd):
    folder, _, _ = measured
    monkeypatch.setattr(Trials, "judge", lambda self, job, lowest, tenth: job.number == 1)
    run = Training.run

    def fail(self, values, watch, folder, loggers=(), *of_repeat):
        found = run(self, values, watch, folder, loggers)
        calls.append(values)
        if len(calls) == 3:
            raise ValueError("the training loss is nan")
        return found

    calls = []
    monkeypatch.setattr(Training, "run", fail)
    assert tune(folder, stage=folder / "stage.yaml", small=[], trials=4, space=RATE) == 0
    rows = table(folder / "tuned")
    assert rows["state"].tolist() == ["complete", "pruned", "failed", "complete"]
    assert rows["epochs"].tolist() == [3, 1, 0, 3]
    assert rows["reason"][2] == "the training loss is nan"
    assert rows["val/mae [g/cm3]"].isna().tolist() == [False, True, True, False]
    out = capfd.readouterr().out
    assert re.search(r"trial 2 \(3 of 4\): failed: the training loss is nan, best [\d.]+ g/cm³ \(trial 0\)", out)
    assert "1 pruned, 1 failed" in out


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Encountered `nan` values")  # torchmetrics, of a training that diverges
def test_a_tuning_without_any_error_says_why(measured, tune, capfd):
    folder, _, _ = measured
    rates = {"model.optimizer.lr": [1e30, 1e32]}
    code = tune(folder, stage=folder / "stage.yaml", small=[], trials=2, space=rates)
    assert code == 1
    assert "the last one: the training loss is" in capfd.readouterr().out
    assert not (folder / "tuned/best.yaml").exists()


def test_a_range_of_whole_numbers_is_one_of_all_numbers_where_the_setting_takes_them(measured):
    folder, _, _ = measured
    training = Training([str(folder / "stage.yaml")], [], None)
    whole = Range(1, 4, log=False, step=None, whole=True)
    found = training.check({"trainer.max_epochs": whole, "model.start_penalty": whole})
    assert (found["trainer.max_epochs"].whole, found["model.start_penalty"].whole) == (True, False)


@pytest.mark.slow
def test_from_python(measured):
    folder, _, _ = measured
    (folder / "space.yaml").write_text(yaml.safe_dump({"tune": RATE | {"model.dropout": [0.1, 0.2]}}))
    lines = []
    files = folder / "stage.yaml", folder / "space.yaml"
    found = tune_from_python(*files, tell=lines.append, trials=2, output=str(folder / "tuned"))
    assert isinstance(found, Tuning)
    assert found.best.error == min(each.error for each in found.trials)
    assert (found.best_yaml, found.num_validation, found.unit) == (folder / "tuned/best.yaml", 6, "g/cm3")
    assert len(lines) == 3
    assert "model.dropout, null" in lines[0]
    assert found.start is None
    assert len(found.to_frame()) == 2
    assert found.plot().get_xlabel() == "trial"


def test_without_optuna_the_message_names_the_extra(tune, tmp_path, monkeypatch, capfd):
    for name in [each for each in sys.modules if each.startswith(("gnn_sim2real.tune", "optuna"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["tune", "--help"]) == 0
    assert tune(tmp_path, pictures=True) == 2
    assert "gnn-sim2real[tune]" in capfd.readouterr().err


ENCODERS = {"wide": {"class_path": "gnn_sim2real.nn.GINE"}, "attentive": {"class_path": "gnn_sim2real.nn.GATv2"}}


@pytest.mark.slow
def test_two_encoders_get_the_same_budget(tune, tmp_path, capfd):
    for name, encoder in ENCODERS.items():
        small = encoder | {"init_args": {"hidden_dim": 8, "num_layers": 2}}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({"model": {"init_args": {"encoder": small}}}))
    words = [f"--compare={tmp_path / name}.yaml" for name in ENCODERS]
    small = [each for each in SMALL if "hidden_dim" not in each]
    assert tune(tmp_path, *words, small=small, trials=3) == 0
    rows = pd.read_csv(tmp_path / "tuned/comparison.csv").set_index("name")
    assert rows["trials"].to_dict() == {"wide": 3, "attentive": 3}
    assert rows["epochs"].to_dict() == {"wide": 9, "attentive": 9}
    for name, encoder in ENCODERS.items():
        best = yaml.safe_load((tmp_path / f"tuned/{name}/best.yaml").read_text())
        assert best["model"]["init_args"]["encoder"]["class_path"] == encoder["class_path"]
        assert table(tmp_path / "tuned" / name)["val/mae"].min() == rows.loc[name, "val/mae"]
    assert "the same budget" in capfd.readouterr().out
    # By epochs: trials of one are longer than those of the other.
    words = [*words, "--epochs=9", "--output", str(tmp_path / "by_epochs")]
    (tmp_path / "attentive.yaml").write_text(
        (tmp_path / "attentive.yaml").read_text() + yaml.safe_dump({"trainer": {"max_epochs": 9}})
    )
    small = [each for each in small if "max_epochs" not in each]
    (tmp_path / "wide.yaml").write_text(
        (tmp_path / "wide.yaml").read_text() + yaml.safe_dump({"trainer": {"max_epochs": 3}})
    )
    assert tune(tmp_path, *words, small=small, trials=50) == 0
    rows = pd.read_csv(tmp_path / "by_epochs/comparison.csv").set_index("name")
    assert rows["epochs"].to_dict() == {"wide": 9, "attentive": 9}
    assert rows["trials"].to_dict() == {"wide": 3, "attentive": 1}


@pytest.mark.slow
def test_several_processes_share_the_trials(tune, tmp_path):
    assert tune(tmp_path, "--workers", 2, trials=5) == 0
    rows = table(tmp_path / "tuned")
    assert rows["trial"].tolist() == [0, 1, 2, 3, 4]
    assert set(rows["state"]) <= {"complete", "pruned"}
    best = (tmp_path / "tuned/best.yaml").read_text()
    assert "OMP_NUM_THREADS=1 gnn-sim2real fit" in best


@pytest.mark.slow
def test_a_killed_tuning_goes_on_and_loses_no_trial(tuned, tune, tmp_path):
    words = ["tune", "-c", DEMO / "polymer_finetune.yaml", "-c", tuned.parent / "space.yaml", *SMALL]
    words += ["--trials", 3, "--output", tmp_path / "tuned"]
    for count in (1, 2):
        with running_command(tmp_path / "said", *words) as command:
            path = tmp_path / "tuned/trials.csv"
            wait_until(
                lambda path=path, count=count: path.exists() and len(pd.read_csv(path)) >= count, "no trial has ended"
            )
            command.kill()
    assert tune(tmp_path, trials=3) == 0
    pd.testing.assert_frame_equal(table(tmp_path / "tuned")[NUMBERS], table(tuned)[NUMBERS], check_exact=True)


@pytest.mark.slow
def test_runs_of_wandb_share_a_group(tmp_path):
    (tmp_path / "space.yaml").write_text(yaml.safe_dump({"tune": SPACE}))
    files = ["-c", DEMO / "polymer_finetune.yaml", "-c", DEMO.parent / "wandb.yaml", "-c", tmp_path / "space.yaml"]
    words = [*files, *SMALL, "--trials=2", "--output", tmp_path / "tuned"]
    assert main(["tune", *map(str, words)]) == 0
    runs = stored_runs(tmp_path / "tuned")
    assert {each.group for each in runs.values()} == {"tuned"}
    assert sorted(each.name for each in runs.values()) == ["trial 0", "trial 1"]
    assert {each.job for each in runs.values()} == {"tune"}
    rates = {each.config["model.optimizer.lr"] for each in runs.values()}
    assert rates == set(table(tmp_path / "tuned")["model.optimizer.lr"])
    assert all(np.isfinite(each.summary["val/mae"]) for each in runs.values())


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["finetune", "pretrain", "scratch"])
def test_each_end_of_the_spaces_that_are_shipped_can_be_trained(stage, measured):
    folder, _, _ = measured
    config = yaml.safe_load((folder / "stage.yaml").read_text())
    pretraining = config | {"model": config["model"] | {"class_path": "gnn_sim2real.tasks.SourcePretraining"}}
    (folder / "pretrain.yaml").write_text(yaml.safe_dump(pretraining))
    words = []
    if stage == "finetune":
        quiet = [f"--trainer.default_root_dir={folder}", "--trainer.logger=false", "--library=null"]
        assert main(["fit", "-c", str(folder / "pretrain.yaml"), *quiet]) == 0
        (source,) = folder.rglob("*.ckpt")
        words = [f"--model.pretrained={source}"]
    file = folder / ("pretrain.yaml" if stage == "pretrain" else "stage.yaml")
    stages, space = read_files([str(file), str(find_config(f"tune/{'finetune' if words else 'pretrain'}"))])
    training = Training(stages, words, None)
    assert training.check(space).keys() == space.keys()
    for end in (0, -1):
        values = {key: each.extremes[end] for key, each in space.items()} | {"trainer.max_epochs": 2}
        assert training.run(values, Watch("val/mae"), folder).error > 0


@pytest.mark.slow
def test_a_trial_of_several_trainings_is_their_mean_and_goes_on(measured, tune, monkeypatch, capfd):
    """Seeds and validation parts; the test part is in none of them, and other numbers of them are another tuning."""
    folder, _, _ = measured
    run, errors, values, parts = Training.run, [], [], []

    def note(self, *given):
        found = run(self, *given)
        errors.append(found.error)
        values.append(given[0])
        return found

    def note_parts(self, stage):
        parts.append(tuple(frozenset(each.tolist()) for each in (self.parts.train, self.parts.validation)))

    monkeypatch.setattr(Training, "run", note)
    monkeypatch.setattr(PropertyDataModule, "setup", note_parts)
    given = {"stage": folder / "stage.yaml", "small": [], "space": RATE}
    assert tune(folder, "--seeds", 2, "--splits", 3, trials=1, **given) == 0
    assert len(errors) == len(set(errors)) == 6
    first = table(folder / "tuned")
    assert first["val/mae [g/cm3]"][0] == pytest.approx(np.mean(errors))
    assert first["scatter of val/mae [g/cm3]"][0] == pytest.approx(np.std(errors, ddof=1))
    assert first["epochs"][0] == 18
    assert "mean of 6 trainings" in (folder / "tuned/best.yaml").read_text()
    training = Training([str(folder / "stage.yaml")], [], None)
    own = training.data.parts
    assert len({validation for _, validation in parts}) == 3
    assert frozenset(own.validation.tolist()) in {validation for _, validation in parts}
    assert not any(train & validation for train, validation in parts)
    assert {train | validation for train, validation in parts} == {frozenset([*own.train, *own.validation])}
    training.check({"model.optimizer.lr": Range(1e-3, 1e-2, log=True, step=None, whole=False)})  # names the optimizer
    sixth = training.run(values[0], Watch("val/mae"), folder, (), 1, 2)  # the second seed on the third part
    assert sixth.error == errors[6] == errors[5]
    assert tune(folder, "--seeds", 2, "--splits", 3, trials=2, **given) == 0  # goes on
    assert len(errors) == 13
    pd.testing.assert_frame_equal(table(folder / "tuned")[:1], first)
    assert tune(folder, "--seeds", 2, trials=2, **given) == 2
    assert "splits" in capfd.readouterr().err
    assert tune(folder, "--seeds", 0, trials=1, output="other", **given) == 2
