"""Trainings in one process, whatever a scheduler has written into the environment."""

from lightning.fabric.plugins.environments.lightning import LightningEnvironment


def one_process() -> LightningEnvironment:
    """One of the `plugins` of a trainer, by which it trains in this process alone.

    Lightning would take any job of SLURM for a training that SLURM has distributed.
    """
    environment = LightningEnvironment()
    if not environment.creates_processes_externally:
        environment.set_global_rank(0)  # on its import, Lightning takes the number of the SLURM task; only 0 logs
    return environment
