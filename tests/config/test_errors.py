"""What is wrong in settings is answered with its place, with what was perhaps meant, and with what there is."""

from pathlib import Path

import pytest
from jsonargparse import ArgumentParser

from gnn_sim2real.cli.main import main
from gnn_sim2real.config.errors import say_misspelled

DEMO = Path(__file__).resolve().parents[2] / "configs/demo"
SHOTGUN = Path(__file__).resolve().parents[2] / "configs/shotgun/study.yaml"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "model:",
            "modle:",
            "there is no setting `modle` ({path}, line 8); did you mean `model`? there are ckpt_path, ",
        ),
        ("max_steps", "max_step", "no setting `max_step` in `trainer` ({path}, line 6); did you mean `max_steps`?\n"),
        ("encoder:", "encodr:", "`encodr` of gnn_sim2real.SourcePretraining in `model` ({path}, line 11); did"),
        (
            "hidden_dim",
            "width",
            "no setting `width` of gnn_sim2real.nn.GINE in `model.encoder` ({path}, line 13); there are dropout, ",
        ),
        (
            "DemoSimulated",
            "DemoSimulation",
            "no `DemoSimulation` in `datamodules` ({path}, line 15); did you mean `DemoSim",
        ),
        (
            "size: all",
            "sizes: all",
            "no setting `sizes` of datamodules.DemoSimulated in `data` ({path}, line 16); did you",
        ),
        (
            "  init_args: {size",
            "  speed: 1\n  init_args: {size",
            "`speed` of `data` ({path}, line 16) stands beside `class",
        ),
        (
            "      init_args: {hidden",
            "      width: 1\n      init_args: {hidden",
            "`width` of `model.encoder` ({path}, line 13) stands",
        ),
        (
            "    encoder:",
            "    optimizer: {class_path: torch.optim.SGD, init_args: {rate: 1}}\n    encoder:",
            "no setting `rate` of torch.optim.SGD in `model.optimizer` ({path}, line 11); there are dampening, ",
        ),
        (
            "    encoder:",
            "    optimizer: {class_path: gnn_sim2real.units.check_unit, init_args: {lr: 1}}\n    encoder:",
            "no setting `lr` of gnn_sim2real.units.check_unit in `model.optimizer` ({path}, line 11); there are ",
        ),
    ],
)
def test_settings_of_a_stage(tmp_path, capfd, old, new, sentence):
    path = tmp_path / "stage.yaml"
    text = (DEMO / "polymer_pretrain.yaml").read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    assert main(["fit", "-c", str(path)]) == 2
    assert sentence.format(path=path) in capfd.readouterr().err.splitlines()[-1] + "\n"


def test_settings_of_the_command_line(capfd):
    words = ["fit", "-c", str(DEMO / "polymer_pretrain.yaml")]
    assert main([*words, "--trainer.max_stepps", "3"]) == 2
    assert capfd.readouterr().err.endswith("no setting `max_stepps` in `trainer`; did you mean `max_steps`?\n")
    assert main([*words, "--data.sizes", "3"]) == 2
    assert "no setting `sizes` of datamodules.DemoSimulated in `data`; did you mean `size`?" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("command", "file", "old", "new", "sentence"),
    [
        (
            "study run",
            DEMO / "polymer.yaml",
            "\naxes:",
            "\naxis:",
            "no setting `axis` ({path}, line 8); did you mean `axes`?",
        ),
        (
            "study run",
            DEMO / "polymer.yaml",
            "seed:",
            "seeds:",
            "no setting `seeds` in `axes` ({path}, line 11); did you mean `seed`?",
        ),
        ("shotgun study", SHOTGUN, "\nlibrary:", "\nlibary:", "no setting `libary` ({path}, line "),
    ],
)
def test_settings_of_many_trainings(tmp_path, capfd, command, file, old, new, sentence):
    path = tmp_path / "many.yaml"
    assert file.read_text().count(old) == 1
    path.write_text(file.read_text().replace(old, new))
    assert main([*command.split(), "-c", str(path)]) == 2
    assert sentence.format(path=path) in capfd.readouterr().err


def test_a_line_is_named_only_where_it_is_certain(tmp_path):
    path = tmp_path / "a.yaml"
    parser = ArgumentParser()
    parser.add_argument("--size", type=int, default=1)
    message = "Option 'sise' is not accepted"
    path.write_text("# sise: 1\nsise: 2\n")
    assert say_misspelled(message, parser, [path]) == (
        f"there is no setting `sise` ({path}, line 2); did you mean `size`? there are size"
    )
    path.write_text("sise: 1\nother: {sise: 2}\n")
    assert say_misspelled(message, parser, [path]) == "there is no setting `sise`; did you mean `size`? there are size"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"trainer:\n  max_steps: 5: 6\n",
            "{path}, line 2 is not valid YAML: mapping values are not allowed here; look at",
        ),
        (b"data: [1, 2\nmodel: 3\n", "{path}, line 2 is not valid YAML: "),
        (b"\xff\xfe\x00", "{path} is not text (UTF-8); settings are a YAML"),
        (b"a\x00b: 1", "{path} is not valid YAML: "),
        (b"", "{path} has no settings; they are written as `name: value`, one a line"),
        (b"hello", "{path} has no settings; "),
    ],
)
@pytest.mark.parametrize("command", ["fit", "study run", "shotgun"])
def test_a_file_that_is_no_yaml_of_settings(tmp_path, capfd, command, content, sentence):
    path = tmp_path / "settings.yaml"
    path.write_bytes(content)
    assert main([*command.split(), "-c", str(path)]) == 2
    assert capfd.readouterr().err.startswith("error: " + sentence.format(path=path))


@pytest.mark.parametrize(
    "message", ["expected an int, got 'x'", 'Parser key "data": Expected a number', "a file is missing"]
)
def test_other_complaints_are_left_alone(message):
    assert say_misspelled(message, ArgumentParser()) is None
