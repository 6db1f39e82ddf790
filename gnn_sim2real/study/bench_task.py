"""A task of the benchmark: a part of a published study that other encoders enter, and hashes of what is fixed in it.

The YAML of a task names the YAML of the published study, which alone says what source, target, splits, sizes and seeds
are; the task only says which policy and target size count, and has a hash of each thing that must not differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from gnn_sim2real.config.shipped import configs_folder
from gnn_sim2real.study.grid import Axes
from gnn_sim2real.tasks.policies import REFERENCE

PUBLISHED = "published"
"""What `--reuse` calls the published result of the study of a task."""

_FOLDER = "bench"
_SETTINGS = {"study", "result", "policy", "target_size", "fixed"}


@dataclass(frozen=True)
class BenchTask:
    """A task.

    Attributes:
        path: Its YAML.
        study: YAML of the published study.
        overlays: YAMLs that the published study laid over its stages.
        result: Name of its published result.
        policy: How an encoder is fine-tuned.
        target_size: Number of measured materials.
        fixed: SHA-256 of each thing in `gnn_sim2real.study.bench_fixed.FIXED`.
    """

    path: Path
    study: Path
    result: str
    policy: str
    target_size: int
    fixed: Mapping[str, str]
    overlays: tuple[Path, ...] = ()

    @classmethod
    def read(cls, path: Path) -> "BenchTask | None":
        """Read the YAML of a task.

        Args:
            path: The file.

        Returns:
            None if it is another YAML.

        Raises:
            ValueError: If it cannot be read.
        """
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):  # is told where the YAML of a study is read
            return None
        if not isinstance(content, dict) or content.keys() - {"overlays"} != _SETTINGS:
            return None
        study, *overlays = (path.parent / each for each in [content.pop("study"), *content.pop("overlays", [])])
        return cls(path, study.resolve(), **content, overlays=tuple(each.resolve() for each in overlays))

    @property
    def name(self) -> str:
        """Its name, that of the file."""
        return self.path.stem

    def narrow(self, grids: Sequence[Axes]) -> list[Axes]:
        """Leave of a published study what belongs to the task: one policy, one target size, one encoder.

        Training from scratch belongs to it where the study has it.

        Args:
            grids: The axes of each grid of the study.

        Raises:
            ValueError: If the study has no such cells.
        """
        transferred = [axes for axes in grids if self.policy in axes.policy and {*axes.source_size} != {0}]
        if not transferred:
            raise ValueError(f"the study of the task {self.name} has no policy {self.policy}")
        first = transferred[0]
        own = replace(first, policy=[self.policy], target_size=[self.target_size], architecture=first.architecture[:1])
        from_scratch = any(0 in axes.source_size and REFERENCE in axes.policy for axes in grids)
        sizes = [size for size in own.source_size if size != 0]
        if not from_scratch:
            return [replace(own, source_size=sizes)]
        if self.policy == REFERENCE:
            return [replace(own, source_size=[0, *sizes])]
        return [replace(own, source_size=sizes), replace(own, source_size=[0], policy=[REFERENCE])]


def task_names() -> list[str]:
    """Names of all tasks."""
    return sorted(path.stem for path in (configs_folder() / _FOLDER).glob("*.yaml"))


def find_task(name: str) -> BenchTask:
    """Read a task by its name.

    Args:
        name: The name.

    Raises:
        ValueError: If there is no such task.
    """
    path = configs_folder() / _FOLDER / f"{name}.yaml"
    task = BenchTask.read(path) if name in task_names() else None
    if task is None:
        raise ValueError(f"the benchmark has no task {name!r}; it has {', '.join(task_names())}")
    return task
