"""What libraries say of intended behavior is not shown."""

import warnings

from lightning.fabric.plugins.environments import slurm

from gnn_sim2real.console import quiet_lightning


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
