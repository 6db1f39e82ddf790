"""Where the jobs of a study are computed."""

from gnn_sim2real.study.config import StudyConfig
from gnn_sim2real.study.launchers.base import JobLostError as JobLostError
from gnn_sim2real.study.launchers.base import Launcher as Launcher


def make_launcher(study: StudyConfig) -> Launcher:
    """The launcher that a study asks for.

    Args:
        study: The study.
    """
    if study.launcher == "ray":
        from gnn_sim2real.study.launchers.ray_cluster import RayCluster

        return RayCluster(study)
    if study.launcher == "processes":
        from gnn_sim2real.study.launchers.processes import Processes

        return Processes(study)
    from gnn_sim2real.study.launchers.serial import Serial

    return Serial(study)
