"""What the command line answers to settings and machines that do not fit; a fault of the package is told as one."""

import shutil
import tempfile
from pathlib import Path

import pytest
import yaml

from gnn_sim2real.cli import main as command_line
from gnn_sim2real.cli.main import main

DEMO = Path(__file__).resolve().parents[2] / "configs/demo"
SCRATCH = ["fit", "-c", str(DEMO / "polymer_finetune.yaml")]


def answer(capfd, argv, code=2):
    assert main([str(each) for each in argv]) == code
    return capfd.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["--trainer.accelerator", "gpu"], ["GPU", "`--trainer.accelerator cpu`"]),
        (["--data.split_by", "foo"], ["`data.split_by`", "random", "scaffold", "foo"]),
        (["--data.size", "few"], ["`data.size`", "whole number", "all", "few"]),
        (["--model.encoder", "Foo"], ["`model.encoder`", "GINE", "Foo"]),
        (["--model.policy", "foo"], ["`policy`", "full", "l2_sp", "'foo'"]),
        (["--trainer.logger", "foo"], ["`trainer.logger`", "a list", "true or false", "foo"]),
        (["--data.help", "Foo"], ["'Foo'", "datamodules.Table"]),
        (["--trainer.devices", "x"], ["trainer", "`devices`"]),
        (["--model.encoder", "2.5"], ["`model.encoder`", "GINE", "2.5"]),
        (["--model.encoder", "{a: 1}"], ["`a`", "GINE"]),
        (["--model.optimizer", "2.5"], ["`model.optimizer`", "Adam", "2.5"]),
        (["--data", "datamodules.Table"], ["`data`", "`path`", "`property`", "`unit`"]),
    ],
)
def test_settings_that_do_not_fit(capfd, words, values):
    line = answer(capfd, [*SCRATCH, *words])
    assert all(value in line for value in values), line
    assert not any(each in line for each in ("Literal", "NestedArg", "<class", "Parser key"))


def test_the_settings_of_a_table_have_a_help(capfd):
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--data.help", "datamodules.Table"])
    assert stop.value.code == 0
    assert "--file_unit" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["law", "plan", "x.csv", "--budget", "much"], ["`--budget`", "a number", "much"]),
        (["law", "fit", "x.csv", "--draws", "1.5"], ["`--draws`", "a whole number", "1.5"]),
        (["law", "fit"], ["curves", "law fit --help"]),
        (["fit", "-c", "table.csv"], ["table.csv", "settings"]),
        (["study", "run", "-c", "table.csv"], ["table.csv", "settings"]),
        (["shotgun", "--config", "table.csv"], ["table.csv", "settings"]),
    ],
)
def test_options_of_commands_that_do_not_fit(capfd, tmp_path, monkeypatch, words, values):
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text("smiles,density\n" + "*CC*,0.9\n" * 1000)
    line = answer(capfd, words)
    assert all(value in line for value in values), line
    assert len(line) < 500
    assert not any(each in line for each in ("<class", "Parser key"))


@pytest.mark.parametrize("word", ["--trainer.max_epochs=1", "--model.encoder.hidden_dim=16"])
def test_options_before_a_configuration_are_refused(capfd, word):
    line = answer(capfd, ["fit", word, *SCRATCH[1:]])
    assert word.partition("=")[0] in line
    assert "`-c FILE`" in line


def test_overfit_batches_repeats_the_first_batches(tmp_path, capfd):
    words = ["--trainer.overfit_batches", "1", "--trainer.max_steps", "3", "--trainer.default_root_dir", tmp_path]
    assert main([*SCRATCH, *map(str, words)]) == 0
    assert "trained model" in capfd.readouterr().out


def test_a_fault_is_told_with_the_file_of_its_traceback(monkeypatch, tmp_path, capfd):
    def fail(argv):
        raise RuntimeError("unforeseen http://me:secret@host")

    monkeypatch.delenv("GNN_SIM2REAL_DEBUG", raising=False)
    monkeypatch.setattr(command_line, "_run", fail)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    line = answer(capfd, ["law"], 70)
    (file,) = tmp_path.iterdir()
    assert str(file) in line
    text = file.read_text()
    assert "RuntimeError: unforeseen" in text
    assert "secret" not in text


def test_a_study_without_a_record_says_so(tmp_path, capfd):
    config = yaml.safe_load((DEMO / "polymer.yaml").read_text())
    folder = tmp_path / "study"
    folder.mkdir()
    config |= {"output": str(folder)} | {each: str(DEMO / config[each]) for each in ("pretrain", "finetune")}
    config.pop("scratch", None)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(config))
    from gnn_sim2real.study.config import read_study
    from gnn_sim2real.study.report import print_report

    study, _ = read_study([str(tmp_path / "study.yaml")], [])
    with pytest.raises(ValueError, match="study status"):
        print_report(study, None)
    shutil.rmtree(folder)
