"""Starting a run of Weights & Biases within seconds, in a folder that can be written, offline without a server."""

import logging
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger

logger = logging.getLogger(__name__)

LIMITS: dict[str, Any] = {
    "init_timeout": 10.0,  # [s]
    "finish_timeout": 30.0,  # [s]; without a limit a lost network would hold up the end of a run for ever
}
"""Settings of a run that differ from W&B's defaults; environment variables and the YAML come first."""


def settings_of_run(own: Mapping[str, Any], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Settings for `wandb.init`, of those that this version of W&B knows.

    Args:
        own: Our settings.
        given: Those of the YAML, which come first, as do environment variables.
    """
    import wandb

    wanted = {name: value for name, value in own.items() if f"WANDB_{name.upper()}" not in os.environ}
    return {name: value for name, value in wanted.items() if name in wandb.Settings.model_fields} | dict(given or {})


def chosen_folder(settings: Mapping[str, Any], folder: Path) -> Path:
    """The folder that a user has chosen for W&B: that of the YAML, else `WANDB_DIR`, else the usual one.

    Args:
        settings: Settings of the `WandbLogger`; relative folders are in the usual one.
        folder: The usual folder.
    """
    given = settings.get("save_dir")
    if given in (None, "."):  # "." is Lightning's default, beside which it overlooks `dir`
        given = settings.get("dir") or os.environ.get("WANDB_DIR") or "."
    return folder / str(given)


def run_folder(settings: Mapping[str, Any], folder: Path) -> Path:
    """The folder in which W&B makes its folder `wandb`: the chosen one, if it can be written.

    Args:
        settings: As for `chosen_folder`.
        folder: As there, also if nothing can be written to the one chosen.
    """
    chosen = chosen_folder(settings, folder)
    try:
        (chosen / "wandb").mkdir(parents=True, exist_ok=True)
    except OSError:
        return folder
    return chosen if os.access(chosen / "wandb", os.W_OK) else folder


def failure_reason(error: Exception) -> str:
    """The first line of an error of W&B, without the addresses of queries.

    Args:
        error: The error.
    """
    text = str(error).partition("\n")[0]
    if isinstance(error, TimeoutError) or re.search("deadline exceeded|[Tt]imed out", text):
        return "no answer in time"
    return text.rstrip(".")


def tear_down(exit_code: int = 0) -> None:
    """End the service of this process once all is written and sent; one that has crashed is gone already.

    Args:
        exit_code: Exit code of runs that have not ended.
    """
    import wandb

    with suppress(Exception):
        wandb.teardown(exit_code)


def start(run: WandbLogger) -> None:
    """Start the run of a logger. A start that fails ends the service of this process, and leaves no folder behind.

    Args:
        run: The logger, which knows its folder.

    Raises:
        Exception: What W&B raises where no server answers, or there is no key.
    """
    wanted = run._wandb_init
    if wanted.get("anonymous") is None:  # Lightning passes it on, and W&B warns of it whatever it is
        wanted.pop("anonymous", None)
    # A name for the folder that a start leaves; a sweep gives its own.
    run_id = wanted.get("id") or os.environ.get("WANDB_RUN_ID")
    if not run_id:
        run_id = wanted["id"] = secrets.token_hex(4)
    place = Path(wanted.get("dir") or "") / "wandb"
    before = set(place.glob(f"run-*-{run_id}"))
    try:
        _ = run.experiment
    except Exception:
        tear_down(1)  # the service keeps the id of the run, and its files open
        for each in set(place.glob(f"run-*-{run_id}")) - before:
            shutil.rmtree(each, ignore_errors=True)
        raise


def start_or_go_offline(run: WandbLogger) -> None:
    """Start the run of a logger; where no server answers, say so and start it offline, as all later ones.

    Args:
        run: The logger, whose mode is that of the environment.
    """
    try:
        start(run)
    except Exception as error:  # whatever it is, a training does not stop for it
        if os.environ.get("WANDB_MODE") == "offline":
            raise
        logger.warning(
            "W&B cannot be reached (%s): the run stays on this machine, and the end says how to send it",
            failure_reason(error),
        )
        os.environ["WANDB_MODE"] = "offline"
        _ = run.experiment
