"""A mistake in the settings is answered with its place, the likely spelling, and the choices."""

import re
from pathlib import Path

import pytest
from jsonargparse import ArgumentParser

from gnn_sim2real.cli.main import main
from gnn_sim2real.config.errors import format_misspelled

DEMO = Path(__file__).resolve().parents[2] / "configs/demo"
SHOTGUN = Path(__file__).resolve().parents[2] / "configs/shotgun/study.yaml"


def expect(line, values):
    """All values stand in the line, in this order."""
    assert re.search(".*".join(map(re.escape, values)), line), line


@pytest.mark.parametrize(
    ("old", "new", "values"),
    [
        ("model:", "modle:", ["`modle` ({path}, line 8)", "`model`?", "ckpt_path, "]),
        ("max_steps:", "max_steps: 4\n  max_steps:", ["{path}, line 7", "`max_steps`", "line 6"]),
        ("max_steps:", "log_every_n_steps: 010\n  max_steps:", ["{path}, line 6", "010", "8", "10"]),
        ("max_steps:", "max_time: 1:30:00:00\n  max_steps:", ["{path}, line 6", "1:30:00:00", "quotes"]),
        ("size: all", "name: no, size: all", ["`name`"]),
        ("max_steps", "max_step", ["`max_step`", "`trainer` ({path}, line 6)", "`max_steps`?"]),
        ("encoder:", "encodr:", ["`encodr`", "SourcePretraining", "`model` ({path}, line 11)", "`encoder`?"]),
        ("hidden_dim", "width", ["`width`", "gnn_sim2real.nn.GINE", "`model.encoder` ({path}, line 13)", " dropout, "]),
        (
            "DemoSimulated",
            "DemoSimulation",
            ["`DemoSimulation`", "`datamodules` ({path}, line 15)", "`DemoSimulated`?"],
        ),
        ("size: all", "sizes: all", ["`sizes`", "datamodules.DemoSimulated", "`data` ({path}, line 16)", "`size`?"]),
        (
            "  init_args: {size",
            "  speed: 1\n  init_args: {size",
            ["`speed`", "`data` ({path}, line 16)", "`class_path`", "`init_args`"],
        ),
        (
            "      init_args: {hidden",
            "      width: 1\n      init_args: {hidden",
            ["`width`", "`model.encoder` ({path}, line 13)", "`class_path`", "`init_args`"],
        ),
        (
            "    encoder:",
            "    optimizer: {class_path: torch.optim.SGD, init_args: {rate: 1}}\n    encoder:",
            ["`rate`", "torch.optim.SGD", "`model.optimizer` ({path}, line 11)", " dampening, "],
        ),
        (
            "    encoder:",
            "    optimizer: {class_path: gnn_sim2real.units.check_unit, init_args: {lr: 1}}\n    encoder:",
            ["`lr`", "gnn_sim2real.units.check_unit", "`model.optimizer` ({path}, line 11)"],
        ),
    ],
)
def test_settings_of_a_stage(tmp_path, capfd, old, new, values):
    path = tmp_path / "stage.yaml"
    text = (DEMO / "polymer_pretrain.yaml").read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    assert main(["fit", "-c", str(path)]) == 2
    expect(capfd.readouterr().err.splitlines()[-1], [value.format(path=path) for value in values])


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["--trainer.logger", "CSVLogger"], ["`trainer.logger`", "`save_dir`", ".CSVLogger"]),
        (["--trainer.logger+=CSVLogger"], ["`trainer.logger`", "`save_dir`", ".CSVLogger"]),
        (["--trainer.callbacks+=EarlyStopping"], ["`trainer.callbacks`", "`monitor`", ".EarlyStopping"]),
        (["--model.encoder", "gnn_sim2real.nn.Pair"], ["`model.encoder`", "`first`", "gnn_sim2real.nn.Pair"]),
        (["--data", "datamodules.PolymerTable"], ["`data`", "`property` and `column` and `unit`", ".PolymerTable"]),
        (["--model.schedule", "torch.optim.lr_scheduler.StepLR"], ["`model.schedule`", "`step_size`", ".StepLR"]),
    ],
)
def test_what_a_class_lacks_is_named(capfd, words, values):
    assert main(["fit", "-c", str(DEMO / "polymer_pretrain.yaml"), *words]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    expect(line, values)
    assert "Namespace(" not in line


def test_a_long_list_is_not_shown_beside_a_guess(tmp_path, capfd):
    argv = ["fit", "-c", str(DEMO / "polymer_pretrain.yaml")]
    assert main([*argv, "--trainer.max_stepps", "3"]) == 2
    line = capfd.readouterr().err.splitlines()[-1]
    expect(line, ["`max_stepps`", "`trainer`", "`max_steps`?"])
    assert "precision" not in line
    assert main([*argv, "--data.sizes", "3"]) == 2
    expect(capfd.readouterr().err.splitlines()[-1], ["`sizes`", "datamodules.DemoSimulated", "`data`", "`size`?"])


@pytest.mark.parametrize(
    ("command", "file", "old", "new", "values"),
    [
        ("study run", DEMO / "polymer.yaml", "\naxes:", "\naxis:", ["`axis` ({path}, line 8)", "`axes`?"]),
        ("study run", DEMO / "polymer.yaml", "seed:", "seeds:", ["`seeds`", "`axes` ({path}, line 11)", "`seed`?"]),
        (
            "study run",
            DEMO / "polymer.yaml",
            "target_size: [16] ",
            "target_size: [1, b] ",
            ["`axes.target_size` ({path}, line 10)", "a whole number", "all", "b"],
        ),
        ("shotgun study", SHOTGUN, "\nlibrary:", "\nlibary:", ["`libary` ({path}, line "]),
    ],
)
def test_settings_of_many_trainings(tmp_path, capfd, command, file, old, new, values):
    path = tmp_path / "many.yaml"
    assert file.read_text().count(old) == 1
    path.write_text(file.read_text().replace(old, new))
    assert main([*command.split(), "-c", str(path)]) == 2
    expect(capfd.readouterr().err.splitlines()[-1], [value.format(path=path) for value in values])


def test_a_line_is_named_only_where_it_is_certain(tmp_path):
    path = tmp_path / "a.yaml"
    parser = ArgumentParser()
    parser.add_argument("--size", type=int, default=1)
    message = "Option 'sise' is not accepted"
    path.write_text("# sise: 1\nsise: 2\n")
    expect(format_misspelled(message, parser, [path]), ["`sise`", f"({path}, line 2)", "`size`?"])
    path.write_text("sise: 1\nother: {sise: 2}\n")
    answer = format_misspelled(message, parser, [path])
    expect(answer, ["`sise`", "`size`?"])
    assert "line" not in answer


@pytest.mark.parametrize(
    ("content", "values"),
    [
        (b"trainer:\n  max_steps: 5: 6\n", ["{path}, line 2 ", "mapping values are not allowed here"]),
        (b"data: [1, 2\nmodel: 3\n", ["{path}, line 2 ", "YAML"]),
        (b"\xff\xfe\x00", ["{path} ", "UTF-8"]),
        (b"a\x00b: 1", ["{path} ", "YAML"]),
        (b"", ["{path} ", "settings", "`name: value`"]),
        (b"hello", ["{path} ", "settings", "`name: value`"]),
    ],
)
@pytest.mark.parametrize("command", ["fit", "study run", "shotgun"])
def test_a_file_that_is_not_a_yaml_of_settings(tmp_path, capfd, command, content, values):
    path = tmp_path / "settings.yaml"
    path.write_bytes(content)
    assert main([*command.split(), "-c", str(path)]) == 2
    expect(capfd.readouterr().err.splitlines()[0], ["error: ", *(value.format(path=path) for value in values)])


@pytest.mark.parametrize(
    "message", ["expected an int, got 'x'", 'Parser key "data": Expected a number', "a file is missing"]
)
def test_other_complaints_are_left_alone(message):
    assert format_misspelled(message, ArgumentParser()) is None
