"""Studies from Python: planned, run and read like those of the command line."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_sim2real.study.config import StudyConfig, read_study
from gnn_sim2real.study.status import Status, get_status

if TYPE_CHECKING:
    import pandas

    from gnn_sim2real.law.scaling_law import ScalingLaw


class Study:
    """A grid of pretrainings and fine-tunings, as `gnn-sim2real study run STUDY.yaml` computes it.

    Its processes are started afresh (`spawn`), so that it runs in a notebook as well: nothing is read from the main
    program, which may have no file.

    Args:
        path: The STUDY.yaml.
        more: Further YAMLs that apply to both stages.
        settings: Settings of the study that replace those in the file, such as `output`.

    Attributes:
        config: All settings.

    Raises:
        ValueError: If a file does not exist, or a setting is not one of a study.
    """

    config: StudyConfig

    def __init__(self, path: str | Path, *more: str | Path, **settings: Any) -> None:
        self.path = Path(path)
        options = [f"--{name}={_spell(value)}" for name, value in settings.items()]
        self.config, self._options = read_study([str(self.path), *map(str, more)], options)

    def run(self, workers: int | None = None, retry_failed: bool = False) -> Counter[str]:
        """Compute the cells that are missing; what exists already is not computed again.

        Args:
            workers: Number of processes; that of the file unless given. 0 computes in this process.
            retry_failed: Whether cells that failed earlier are tried again.

        Returns:
            Number of cells by outcome, such as `done` and `failed`.

        Raises:
            ValueError: If the folder belongs to another study, or data are missing.
        """
        from gnn_sim2real.console import quiet_lightning
        from gnn_sim2real.study.run import run_study

        quiet_lightning()
        config = self.config
        if workers is not None:
            if workers < 0:
                raise ValueError(f"`workers` must be 0 or more, got {workers}")
            config = replace(config, workers=workers or None, launcher="processes" if workers else "serial")
        with _without_main():
            return run_study(config, replace(self._options, retry_failed=retry_failed))

    def status(self) -> Status:
        """How far the study is, also while another process computes it.

        Raises:
            ValueError: If it has not been planned yet.
        """
        return get_status(self.config)

    def results(self) -> "pandas.DataFrame":
        """One row for each cell that is done: sizes, policy, architecture, seed and errors.

        Raises:
            ValueError: If there are no records yet.
        """
        from gnn_sim2real.records.results import read_results

        return read_results(self.config.records)

    def law(
        self,
        target_size: int | None = None,
        policy: str | None = None,
        architecture: str | None = None,
        metric: str | None = None,
    ) -> "ScalingLaw":
        """The scaling law of one curve.

        Args:
            target_size: Number of measurements; may be left out if there is one.
            policy: Fine-tuning policy; may be left out if one policy uses the source.
            architecture: Architecture; may be left out if there is one.
            metric: Error; that of the study unless given.

        Raises:
            ValueError: If several curves remain, or none with enough sizes.
        """
        from gnn_sim2real.law.fit import fit_law
        from gnn_sim2real.records.laws import Results

        found = Results(self.results(), metric or self.config.metric, self.config.records)
        labels = list(found.curves)
        wanted = {"target_size": target_size, "policy": policy, "architecture": architecture}
        for name, value in wanted.items():
            some = [each for each in labels if value is None or getattr(each, name) == value]
            if not some:
                raise ValueError(f"there is no curve with {name} {value}; there are {_list(labels, name)}")
            labels = some
        for name in [each.name for each in fields(labels[0])]:
            if len({getattr(each, name) for each in labels}) > 1:
                raise ValueError(f"there are several curves: give `{name}`, one of {_list(labels, name)}")
        return fit_law(found.models[labels[0]])

    def __repr__(self) -> str:
        try:
            status = self.status()
        except ValueError:
            return f"Study({str(self.path)!r}): not planned yet"
        total = sum(count for _, count in status.by_policy.values())
        return f"Study({str(self.path)!r}): {status.done} of {total} cells done, {status.failed} failed"


@contextmanager
def _without_main() -> Iterator[None]:
    """Let new processes start without the main program, which they do not need.

    Python would run a script again in each of them, up to the line that starts the study; a notebook has no file.
    """
    main = sys.modules["__main__"]
    hidden: dict[str, Any] = {name: vars(main)[name] for name in ("__file__", "__spec__") if name in vars(main)}
    main.__spec__ = None
    vars(main).pop("__file__", None)
    try:
        yield
    finally:
        vars(main).update(hidden)


def _spell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _list(labels: Sequence[Any], name: str) -> str:
    return ", ".join(dict.fromkeys(f"{getattr(each, name)}" for each in labels))
