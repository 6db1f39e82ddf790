"""The environment of a job of SLURM, as `sbatch` and `srun` set it (SLURM 22.05)."""


def of_batch_script(job=4321, **more):
    """That of a script given to `sbatch --ntasks=2`, which runs once."""
    return {
        "SLURM_JOB_ID": str(job),
        "SLURM_JOBID": str(job),
        "SLURM_JOB_NAME": "study",
        "SLURM_JOB_NODELIST": "localhost",
        "SLURM_NODELIST": "localhost",
        "SLURM_JOB_NUM_NODES": "1",
        "SLURM_NNODES": "1",
        "SLURM_NTASKS": "2",
        "SLURM_NPROCS": "2",
        "SLURM_TASKS_PER_NODE": "2",
        "SLURM_CPUS_ON_NODE": "2",
        "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0",
        "SLURM_NODEID": "0",
        "SLURM_GTIDS": "0",
    } | more


def of_task(number, job=4321, **more):
    """That of one of the tasks which `srun --ntasks-per-node=2` starts."""
    return (
        of_batch_script(job)
        | {
            "SLURM_NTASKS_PER_NODE": "2",
            "SLURM_STEP_ID": "0",
            "SLURM_STEP_NUM_NODES": "1",
            "SLURM_STEP_NUM_TASKS": "2",
            "SLURM_STEP_TASKS_PER_NODE": "2",
            "SLURM_PROCID": str(number),
            "SLURM_LOCALID": str(number),
            "SLURM_GTIDS": "0,1",
        }
        | more
    )
