"""Weights & Biases in a study: one service for all its processes, silent, and offline where no server answers."""

import logging
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger

from gnn_sim2real.records.wandb_start import (
    LIMITS,
    chosen_folder,
    failure_reason,
    run_folder,
    settings_of_run,
    start,
    tear_down,
)

logger = logging.getLogger(__name__)

OFFLINE_FILE = "wandb-offline.txt"
"""File in the folder of a running study that tells its other processes that no server answers, and why."""

_SETTINGS: dict[str, Any] = LIMITS | {
    "silent": True,  # its lines go to debug.log in the folder of the run
    "console": "off",
    "finish_timeout_raises": True,
    "disable_git": True,
    "x_save_requirements": False,  # a list of all packages takes longer than all else
    "x_disable_stats": True,  # of the machine, on which other cells run; for each run it costs more than all its rows
}
"""Settings of a run that differ from W&B's defaults; environment variables and the YAML come first."""


_EVERY, _DENSE = 10, 10
"""Of the epochs of a training W&B gets the first 10, every tenth of the others, and the last."""


class _Thinned:
    """Passes on the metrics of some epochs: where an epoch is a few milliseconds, a row of W&B would be a share of it.

    Args:
        log: `log_metrics` of the logger.
    """

    def __init__(self, log: Callable[[Mapping[str, float], int | None], None]) -> None:
        self._log = log
        self._waiting: tuple[dict[str, float], int | None] | None = None

    def __call__(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics; those of an epoch that is left out wait, in case it is the last."""
        if "epoch" not in metrics or not any(name.startswith(("train/", "val/")) for name in metrics):
            self.flush()
            self._log(metrics, step)
        elif metrics["epoch"] < _DENSE or metrics["epoch"] % _EVERY == 0:
            self._waiting = None
            self._log(metrics, step)
        else:
            known, at = self._waiting or ({}, None)
            self._waiting = ((known if at == step else {}) | dict(metrics), step)

    def flush(self) -> None:
        """Log what waits."""
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            self._log(*waiting)


class _State:
    """What this process knows.

    Attributes:
        keeps_service: Whether the service lives on between runs, since it is that of the study.
        is_offline: Whether no server answered.
    """

    keeps_service = "WANDB_SERVICE" in os.environ  # started by another process, which also ends it
    is_offline = False


def start_run(settings: Mapping[str, Any], folder: Path, kind: type[WandbLogger] = WandbLogger) -> WandbLogger | None:
    """Start a run, offline if no server answers; None if W&B cannot be used at all, since a study goes on without it.

    Args:
        settings: Settings of the `WandbLogger`.
        folder: Folder of the study.
        kind: Class of the logger.
    """
    given = _for_wandb(settings, folder)
    found = _started(kind(**given), folder) or _started(kind(**given | {"mode": "offline"}), folder)
    if found is not None:
        setattr(found, "log_metrics", _Thinned(found.log_metrics))  # noqa: B010 (a method of the class for mypy)
    return found


def _for_wandb(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The settings of a logger with those of a study."""
    given = dict(settings) | {"settings": settings_of_run(_SETTINGS, settings.get("settings"))}
    given["save_dir"] = str(run_folder(settings, folder))
    given.pop("dir", None)
    if given.get("offline"):  # as a mode, since Lightning's setting refuses `log_model` and changes the environment
        given |= {"offline": False, "mode": "offline"}
    if _State.is_offline or (folder / OFFLINE_FILE).exists():
        given["mode"] = "offline"
    return given


def _started(run: WandbLogger, folder: Path) -> WandbLogger | None:
    """The run, if it can be started."""
    _set_up()
    try:
        start(run)
    except Exception as error:  # whatever it is, a study does not stop for it
        _go_offline(folder, failure_reason(error))
        if os.environ.pop("WANDB_SERVICE", None):  # that of the study, which the other processes go on using
            _State.keeps_service = False
        return None
    return run


def end_run(run: WandbLogger, folder: Path, failed: bool = False) -> None:
    """End a run.

    Args:
        run: From `start_run`.
        folder: Folder of the study.
        failed: Whether the training failed.
    """
    try:
        if isinstance(run.log_metrics, _Thinned):
            run.log_metrics.flush()
        run.experiment.finish(exit_code=int(failed))
    except Exception as error:  # a study does not stop for it
        where = shlex.quote(str(Path(run.experiment.dir).parent))
        _go_offline(folder, f"{failure_reason(error)}; `wandb sync {where}` sends the rest of a run that was online")
    if not _State.keeps_service:
        # W&B's service writes the last 32 KiB only after the end is announced, and not at all once this process has
        # ended, as a worker of Ray does.
        tear_down()


@contextmanager
def wandb_service(settings: Mapping[str, Any] | None, folder: Path) -> Iterator[None]:
    """One service of W&B for all processes of a study, which is faster than one for each run and outlives workers.

    Processes find it by an environment variable. Whether a server answers is tried once, with the run `settings`.

    Args:
        settings: Settings of a `WandbLogger`, for the run of the report; None if the study does not use W&B.
        folder: Folder of the study.
    """
    if settings is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / OFFLINE_FILE).unlink(missing_ok=True)
    before, failed = _State.keeps_service, True
    _State.is_offline, _State.keeps_service = False, True
    _set_up()
    try:
        if run_folder(settings, folder) != (wanted := chosen_folder(settings, folder)):
            logger.warning("W&B cannot write to %s: its files are in %s", wanted, folder / "wandb")
        if _mode(settings) == "online":
            run = _started(WandbLogger(**_for_wandb(settings, folder)), folder)
            if run is None:
                _set_up()
            else:
                end_run(run, folder)
        yield
        failed = False
    finally:
        _State.keeps_service = before
        tear_down(int(failed))
        _State.is_offline = (folder / OFFLINE_FILE).exists()  # for the report
        (folder / OFFLINE_FILE).unlink(missing_ok=True)


def how_to_sync(settings: Mapping[str, Any], folder: Path) -> str:
    """How to send the runs that are only on this machine; empty if there are none.

    Args:
        settings: Settings of the `WandbLogger`.
        folder: Folder of the study.
    """
    place = run_folder(settings, folder) / "wandb"
    count = sum(1 for _ in place.glob("offline-run-*"))
    if not count:
        return ""
    runs = "1 run of W&B is" if count == 1 else f"{count:,} runs of W&B are"
    return f"{runs} on this machine only: wandb sync {shlex.quote(str(place))}/offline-run-*"


def _mode(settings: Mapping[str, Any]) -> str:
    if settings.get("offline"):
        return "offline"
    return str(settings.get("mode") or os.environ.get("WANDB_MODE") or "online")


def _set_up() -> None:
    import wandb

    # Of its exporters of telemetry, which print what they think of a server.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    silent = {} if "WANDB_SILENT" in os.environ else {"silent": True}
    wandb.setup(wandb.Settings(**silent))


def _go_offline(folder: Path, reason: str) -> None:
    """Tell all processes of the study, and the user once."""
    _State.is_offline = True
    try:
        with (folder / OFFLINE_FILE).open("x", encoding="utf-8") as file:
            file.write(reason)
    except FileExistsError:
        return
    logger.warning("W&B cannot be reached (%s): from here on offline, the end says how to send the runs", reason)
