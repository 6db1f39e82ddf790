"""What libraries say of intended behavior is not shown."""

import warnings

from lightning.fabric.plugins.environments import slurm

from gnn_sim2real.console import at_times, quiet_lightning, track


def test_a_machine_with_slurm_needs_no_srun(monkeypatch):
    monkeypatch.setattr(slurm.shutil, "which", lambda name: "/usr/bin/srun")
    monkeypatch.delenv("SLURM_NTASKS", raising=False)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        slurm.SLURMEnvironment._validate_srun_used()
        assert len(heard) == 1
        quiet_lightning()
        slurm.SLURMEnvironment._validate_srun_used()
        assert len(heard) == 1


def test_a_long_work_is_told_now_and_then(caplog):
    now = iter([0.0, 10.0, 31.0, 31.0, 40.0])
    tell = at_times(30.0, clock=lambda: next(now))
    with caplog.at_level("INFO", logger="gnn_sim2real"):
        for number in range(3):
            tell("trees", f"{number} of 3")
    assert [each.getMessage() for each in caplog.records] == ["trees: 1 of 3"]


def test_a_file_gets_lines_in_place_of_a_bar(caplog, monkeypatch):
    monkeypatch.setattr(at_times, "__defaults__", (0.0, *at_times.__defaults__[1:]))
    with caplog.at_level("INFO", logger="gnn_sim2real"):
        assert list(track([5, 6], "Counting")) == [5, 6]
    assert [each.getMessage() for each in caplog.records] == ["Counting: 0 of 2", "Counting: 1 of 2"]
