"""Launchers: where jobs are computed, such as the cells of a study."""

from gnn_sim2real.launchers.base import JobLostError as JobLostError
from gnn_sim2real.launchers.base import Launcher as Launcher
from gnn_sim2real.launchers.base import Runner, Work


def make_launcher(work: Work, runner: Runner | None = None) -> Launcher:
    """Make a launcher; its workers start to read the data.

    Args:
        work: What is computed, and where.
        runner: Runner for a launcher that computes in this process; a new one unless given.
    """
    if work.place.launcher == "ray":
        from gnn_sim2real.launchers.ray_cluster import RayCluster

        return RayCluster(work)
    if work.place.launcher == "processes":
        from gnn_sim2real.launchers.processes import Processes

        return Processes(work)
    from gnn_sim2real.launchers.serial import Serial

    return Serial(runner or work.make_runner())
