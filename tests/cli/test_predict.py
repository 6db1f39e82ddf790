"""`predict MODEL ... FILE` and `calibrate MODEL ...` without the YAML of the training, and without its table."""

import csv
from functools import wraps

import pytest
import torch
import yaml
from lightning.pytorch import Trainer
from tiny import CHAINS, density

from gnn_sim2real.cli.main import main
from gnn_sim2real.library import CHECKPOINT_ENTRY

GINE = {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 8, "num_layers": 1}}
ROOST = {"class_path": "gnn_sim2real.nn.Roost"}


def run(*words):
    return main([str(word) for word in words])


def fit(folder, encoder, seed=0, **data):
    trainer = {"accelerator": "cpu", "max_epochs": 1, "enable_progress_bar": False, "enable_model_summary": False}
    model = {"class_path": "gnn_sim2real.tasks.TargetFineTuning", "init_args": {"encoder": encoder}}
    reader = {"class_path": "datamodules.Table", "init_args": data}
    content = {"trainer": trainer | {"default_root_dir": str(folder / f"run {seed}")}, "model": model, "data": reader}
    (folder / "fine.yaml").write_text(yaml.safe_dump(content | {"seed_everything": seed}))
    assert run("fit", "-c", folder / "fine.yaml") == 0
    (checkpoint,) = (folder / f"run {seed}").rglob("*.ckpt")
    return checkpoint


@pytest.fixture(scope="module")
def polymers(tmp_path_factory):
    """Two models of one table, whose materials have a heading that no list knows."""
    folder = tmp_path_factory.mktemp("polymers")
    lines = [f"{each},{density(each)}\n" for each in CHAINS]
    (folder / "table.csv").write_text("my chains,density\n" + "".join(lines))
    settings = {"path": str(folder / "table.csv"), "property": "density", "unit": "g/cm3", "test_fraction": 0.2}
    settings |= {"material": "repeat_unit", "material_column": "my chains", "validation_fraction": 0.2}
    models = [fit(folder, GINE, seed, **settings) for seed in (0, 1)]
    (folder / "asked.csv").write_text("my chains\n*CCO*\nnonsense(\n")
    return folder, models


def read(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_a_model_reads_a_table_without_its_yaml_and_table(polymers, tmp_path):
    folder, (first, second) = polymers
    (folder / "table.csv").rename(folder / "moved.csv")
    ask = ["--prediction.output"]
    assert run("predict", first, folder / "asked.csv", *ask, tmp_path / "one.csv") == 0
    assert run("predict", "--ckpt_path", first, "--data.predict_path", folder / "asked.csv", *ask, tmp_path / "b") == 0
    assert run("predict", second, folder / "asked.csv", *ask, tmp_path / "other.csv") == 0
    assert run("predict", first, second, folder / "asked.csv", *ask, tmp_path / "both.csv") == 0
    (folder / "moved.csv").rename(folder / "table.csv")
    config = ["-c", folder / "fine.yaml", "--ckpt_path", first, "--data.predict_path", folder / "asked.csv"]
    assert run("predict", *config, *ask, tmp_path / "c") == 0
    one, other, both = (read(tmp_path / f"{name}.csv") for name in ("one", "other", "both"))
    assert one == read(tmp_path / "b") == read(tmp_path / "c")
    assert one[0] == ["my chains", "density [g/cm3]", "reason"]
    assert both[0] == ["my chains", "density [g/cm3]", "density std [g/cm3]", "reason"]
    assert float(both[1][1]) == pytest.approx((float(one[1][1]) + float(other[1][1])) / 2, rel=1e-6)
    assert [one[2][0], one[2][1]] == ["nonsense(", ""]


def test_other_columns_of_the_input_stay_as_they_are_written(polymers, tmp_path):
    folder, models = polymers
    (tmp_path / "asked.csv").write_text(
        "id,my chains,density [g/cm3],reason,note\n001,*CCO*,1.120,ours,=1+1\n002,nonsense(,,,x\n\n1e5,*CC*,,,\n"
    )
    ask = ["--prediction.output"]
    assert run("predict", models[0], tmp_path / "asked.csv", *ask, tmp_path / "one.csv") == 0
    header, first, second, third = read(tmp_path / "one.csv")
    new = ["my chains", "density [g/cm3] (prediction)", "reason (prediction)"]
    assert header == [*new, "id", "density [g/cm3]", "reason", "note"]
    assert (first[0], first[2:]) == ("*CCO*", ["", "001", "1.120", "ours", "'=1+1"])
    assert (second[1], second[3:]) == ("", ["002", "", "", "x"])
    assert second[2]
    assert (third[0], third[3]) == ("*CC*", "1e5")
    config = ["-c", folder / "fine.yaml", "--ckpt_path", models[0], "--data.predict_path", tmp_path / "asked.csv"]
    assert run("predict", *config, *ask, tmp_path / "same.csv") == 0
    assert read(tmp_path / "same.csv") == [header, first, second, third]
    assert run("predict", *models, tmp_path / "asked.csv", *ask, tmp_path / "both.csv") == 0
    assert [row[4:] for row in read(tmp_path / "both.csv")] == [row[3:] for row in (header, first, second, third)]


def test_calibrate_takes_the_data_of_the_training(polymers, tmp_path):
    assert run("calibrate", *polymers[1], "--output", tmp_path) == 0
    assert (tmp_path / "calibration.json").exists()


def test_words_that_are_refused(polymers, tmp_path, capfd):
    folder, (first, second) = polymers
    old = torch.load(first, weights_only=True)
    del old[CHECKPOINT_ENTRY]["card"]["data_settings"]
    torch.save(old, tmp_path / "old.ckpt")
    for words, values in (
        (["predict", first, second], ["`--data.predict_path FILE`"]),
        (["predict", tmp_path / "old.ckpt", folder / "asked.csv"], ["old.ckpt", "-c FINETUNE.yaml"]),
        (["predict", first, folder], [str(folder), "folder"]),
        (["predict", first, "nowhere.csv"], ["nowhere.csv"]),
        (["predict", first, "x.csv", "--calibration", "c.json"], ["`--calibration`"]),
        (["predict", folder / "asked.csv"], ["no model", "predict MODEL", "asked.csv"]),
        (["predict", folder / "asked.csv", folder / "asked.csv"], ["no model", "predict MODEL", "asked.csv"]),
        (["predict", folder / "asked.csv", first], ["models come first", f"predict {first} {folder / 'asked.csv'}"]),
        (["predict", first, folder / "asked.csv", "--output", "x.csv"], ["`--prediction.output`"]),
        (["predict", "abc123", folder / "asked.csv"], ["abc123", "models list", "LIBRARY/KEY"]),
        (["calibrate", first, "x.csv"], ["x.csv"]),
        (["calibrate", first], ["two models"]),
    ):
        assert run(*words) == 2
        line = capfd.readouterr().err.splitlines()[-1]
        assert all(value in line for value in values), line


def test_a_model_of_formulas_reads_formulas_and_crystals(tmp_path):
    salts = ["NaF", "NaCl", "KF", "KCl", "LiF", "LiCl", "KBr", "NaBr"]
    (tmp_path / "t.csv").write_text("formula,gap\n" + "".join(f"{each},{n}\n" for n, each in enumerate(salts)))
    settings = {
        "path": str(tmp_path / "t.csv"),
        "property": "band_gap",
        "column": "gap",
        "unit": "eV",
        "validation_fraction": 0,
    }
    model = fit(tmp_path, ROOST, **settings)
    (tmp_path / "asked.csv").write_text("Formula,note\nLiCl,\nAgBr,\n")
    assert run("predict", model, tmp_path / "asked.csv", "--prediction.output", tmp_path / "p.csv") == 0
    table = read(tmp_path / "p.csv")
    assert [row[0] for row in table] == ["Formula", "LiCl", "AgBr"]
    (tmp_path / "cells").mkdir()
    cell = "x\n1.0\n0 2.57 2.57\n2.57 0 2.57\n2.57 2.57 0\nLi Cl\n1 1\ndirect\n0 0 0\n.5 .5 .5\n"
    (tmp_path / "cells/LiCl.poscar").write_text(cell)
    assert run("predict", model, tmp_path / "cells", "--prediction.output", tmp_path / "q.csv") == 0
    crystals = read(tmp_path / "q.csv")
    assert crystals[0][0] == "crystal"
    assert crystals[1][1] == table[1][1]


@pytest.mark.parametrize("kind", ["repeat_unit", "crystal"])
def test_a_model_of_the_library_reads_a_table_without_that_of_its_training(kind, polymers, tmp_path):
    if kind == "crystal":
        table, asked, encoder = tmp_path / "cells", tmp_path / "asked", {"class_path": "gnn_sim2real.nn.CGCNN"}
        cell = "x\n1.0\n0 {0} {0}\n{0} 0 {0}\n{0} {0} 0\nLi Cl\n1 1\ndirect\n0 0 0\n.5 .5 .5\n"
        for number, folder in enumerate([table] * 6 + [asked]):
            folder.mkdir(exist_ok=True)
            (folder / f"{number}.poscar").write_text(cell.format(2.5 + 0.1 * number))
        (table / "t.csv").write_text("file,gap\n" + "".join(f"{n}.poscar,{n}\n" for n in range(6)))
        settings = {"property": "band_gap", "column": "gap", "unit": "eV", "validation_fraction": 0}
    else:
        table, asked, encoder = tmp_path / "t.csv", polymers[0] / "asked.csv", GINE
        table.write_text((polymers[0] / "table.csv").read_text())
        settings = {"property": "density", "unit": "g/cm3", "material_column": "my chains"}
    trainer = {"accelerator": "cpu", "max_epochs": 1, "logger": False, "enable_checkpointing": False}
    trainer |= {"default_root_dir": str(tmp_path)}
    trainer |= {"enable_progress_bar": False, "enable_model_summary": False}
    model = {"class_path": "gnn_sim2real.tasks.SourcePretraining", "init_args": {"encoder": encoder}}
    data = {"class_path": "datamodules.Table", "init_args": settings | {"path": str(table)}}
    config = {"trainer": trainer, "model": model, "data": data, "library": str(tmp_path / "library")}
    (tmp_path / "pre.yaml").write_text(yaml.safe_dump(config))
    assert run("fit", "-c", tmp_path / "pre.yaml") == 0
    (card,) = (tmp_path / "library").rglob("card.json")
    table.rename(tmp_path / "elsewhere")
    assert run("predict", card.parent, asked, "--prediction.output", tmp_path / "p.csv") == 0
    assert read(tmp_path / "p.csv")[1][1]


def test_an_untrained_model_predicts_nothing_and_is_not_added_to_the_library(polymers, tmp_path, capfd):
    folder, (trained, _) = polymers
    content = torch.load(trained, weights_only=True)
    content["global_step"] = 0
    del content[CHECKPOINT_ENTRY]["trained"]  # as earlier versions wrote it
    torch.save(content, tmp_path / "old.ckpt")
    content["global_step"], content[CHECKPOINT_ENTRY]["trained"] = 1, False  # a `fast_dev_run`
    torch.save(content, tmp_path / "try.ckpt")
    for name in ("old.ckpt", "try.ckpt"):
        asked = ["--data.predict_path", folder / "asked.csv", "--prediction.output", tmp_path / "p.csv"]
        for words in (
            ["predict", tmp_path / name, folder / "asked.csv"],
            ["predict", "--ckpt_path", tmp_path / name, *asked],
            ["predict", "-c", folder / "fine.yaml", "--ckpt_path", tmp_path / name, *asked],
            ["test", "-c", folder / "fine.yaml", "--ckpt_path", tmp_path / name],
        ):
            assert run(*words) == 2
            line = capfd.readouterr().err.splitlines()[-1]
            assert f"{name} is untrained" in line
    assert not (tmp_path / "p.csv").exists()
    pretraining = [
        "--model",
        "gnn_sim2real.tasks.SourcePretraining",
        "--model.init_args.encoder",
        "gnn_sim2real.nn.GINE",
    ]
    library = ["--library", tmp_path / "library", "--trainer.default_root_dir", tmp_path]
    assert run("fit", "-c", folder / "fine.yaml", *pretraining, *library, "--trainer.max_epochs", 0) == 0
    assert not (tmp_path / "library").exists()


def test_options_that_would_have_no_effect_are_refused(polymers, tmp_path, capfd):
    folder, (first, second) = polymers
    for option in ("--trainer.accelerator=cpu", "--model.loss=mse", "--seed_everything=1", "--library=x"):
        for words in (["predict", first], ["predict", first, second], ["predict", "--ckpt_path", first]):
            if words[1] == "--ckpt_path" and option.startswith("--model"):
                continue  # Lightning's own command, which asks for all of the model
            path = [folder / "asked.csv"] if words[1] != "--ckpt_path" else []
            assert run(*words, *path, option, "--prediction.output", tmp_path / "p.csv") == 2
            assert option.partition("=")[0] in capfd.readouterr().err
    assert run("calibrate", first, second, "--trainer.accelerator", "cpu") == 2
    assert not (tmp_path / "p.csv").exists()


def test_a_progress_bar_counts_no_epochs_that_nobody_limited(polymers, tmp_path, monkeypatch):
    trainers = []
    monkeypatch.setattr(Trainer, "fit", wraps(Trainer.fit)(lambda self, *_, **__: trainers.append(self)))
    words = ["--trainer.enable_progress_bar", "true", "--trainer.default_root_dir", tmp_path]
    for epochs in (-1, 30):
        limits = ["--trainer.max_steps", 5, "--trainer.max_epochs", epochs]
        assert run("fit", "-c", polymers[0] / "fine.yaml", *words, *limits) == 0
    told = [each.progress_bar_callback for each in trainers]
    for bar, trainer in zip(told, trainers, strict=True):
        bar._trainer = trainer
    assert [each._get_train_description(3).strip() for each in told] == ["epoch 4", "epoch 4 of at most 30"]
