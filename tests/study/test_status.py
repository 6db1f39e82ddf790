"""What is printed about a study before it runs and while it runs."""

import re

import pytest
import yaml
from studies import NUM_CELLS, NUM_FEW

from gnn_sim2real.cli.main import main
from gnn_sim2real.study import run
from gnn_sim2real.study.config import read_study
from gnn_sim2real.study.dry_run import num_steps
from gnn_sim2real.study.resolve import Resolver
from gnn_sim2real.study.status import format_time


def test_status_before_it_was_planned(study_files, undisturbed, capfd):
    (study_files / "study.yaml").write_text((undisturbed / "study.yaml").read_text())
    assert main(["study", "status", str(study_files)]) == 2
    assert re.search(r"plan\.parquet.*`study run`", capfd.readouterr().err)


def test_a_study_that_starts_is_found_before_it_is_planned(few, caplog, capfd, monkeypatch):
    class StoppedError(Exception):
        pass

    def plan(*_):
        assert main(["study", "status", str(few / "out")]) == 2
        raise StoppedError

    study, options = read_study([str(few / "study.yaml")], ["--launcher", "serial"])
    monkeypatch.setattr(run, "plan_study", plan)
    with caplog.at_level("INFO"), pytest.raises(StoppedError):
        run.run_study(study, options)
    assert f"planning {NUM_FEW} cells" in caplog.text
    assert "reading the data" in capfd.readouterr().err


def test_the_yaml_of_a_user_is_not_replaced_by_the_settings(few, capfd):
    path = few / "study.yaml"
    text = path.read_text()
    assert main(["study", "run", "-c", str(path), "--output", str(few)]) == 2
    assert "--output" in capfd.readouterr().err
    assert path.read_text() == text


@pytest.mark.slow
def test_a_dry_run_says_what_and_how_long_and_writes_nothing(study_files, capfd):
    assert main(["study", "run", "-c", str(study_files / "study.yaml"), "--dry-run"]) == 0
    printed = " ".join(capfd.readouterr().out.split())
    assert f"{NUM_CELLS} cells (" in printed
    for policies in ("10 full", "8 calibrated_source", "2 extra_trees", "1 simulated_value"):
        assert policies in printed
    assert re.search(r"\b8 pretrained models; 0 cells .*done", printed)
    assert len(re.findall(r"\b[0-9a-f]{8} GINE (10|20|40|all) [01] no 2 0\b", printed)) == 8
    seconds = float(re.search(r"about ([0-9]+) s with 1 at a time", printed).group(1))
    assert 0 < seconds < 300
    assert not (study_files / "out").exists()


def test_a_dry_run_of_what_is_done(undisturbed, capfd):
    assert main(["study", "run", "-c", str(undisturbed.parent / "study.yaml"), "--dry-run"]) == 0
    printed = capfd.readouterr().out
    assert re.search(rf"\b{NUM_CELLS} cells .*done, 0 failed .*, 0 .*compute", " ".join(printed.split()))
    assert "about" not in printed


@pytest.mark.slow
def test_number_of_steps(study_files):
    """40 materials in batches of at most 32 are 2 steps an epoch; without any limit Lightning trains 1000 epochs."""
    path = study_files / "pretrain.yaml"
    content, found = yaml.safe_load(path.read_text()), {}
    for trainer, steps in (
        ({"max_epochs": 6}, 12),
        ({"max_epochs": -1, "max_steps": 7}, 7),
        ({"max_epochs": 6, "max_steps": 7}, 7),
        ({"max_steps": 7}, 7),
        ({"max_epochs": 6, "accumulate_grad_batches": 2}, 6),
        ({}, 2000),
    ):
        path.write_text(yaml.safe_dump(content | {"trainer": trainer}))
        resolver = Resolver(read_study([str(study_files / "study.yaml")], [])[0])
        found[str(trainer)] = (num_steps(resolver.pretrain, resolver.pretrain.data.variant(size=40)), steps)
    assert {name: steps for name, (steps, _) in found.items()} == {name: steps for name, (_, steps) in found.items()}


def test_times_as_one_reads_them():
    assert [format_time(seconds) for seconds in (3, 89.4, 600, 36_000)] == ["3 s", "89 s", "10 min", "10.0 h"]
