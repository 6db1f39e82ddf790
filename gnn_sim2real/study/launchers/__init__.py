"""Launchers: where the jobs of a study are computed."""

from gnn_sim2real.study.config import JobsConfig
from gnn_sim2real.study.jobs import JobResolver
from gnn_sim2real.study.launchers.base import JobLostError as JobLostError
from gnn_sim2real.study.launchers.base import Launcher as Launcher


def make_launcher(study: JobsConfig, resolver: JobResolver) -> Launcher:
    """Make the launcher of a study; its workers start to read the data.

    Args:
        study: The study.
        resolver: Resolver of the study, for a launcher that computes in this process.
    """
    if study.launcher == "ray":
        from gnn_sim2real.study.launchers.ray_cluster import RayCluster

        return RayCluster(study)
    if study.launcher == "processes":
        from gnn_sim2real.study.launchers.processes import Processes

        return Processes(study)
    from gnn_sim2real.study.launchers.serial import Serial

    return Serial(study, resolver)
