"""Progress of a study, read from its folder, also while it runs."""

import json
import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from gnn_sim2real.launchers.base import available_cores
from gnn_sim2real.launchers.claims import Claims
from gnn_sim2real.library import DESCRIPTION_FILE
from gnn_sim2real.library.card import CARD_FILE
from gnn_sim2real.study.config import JobsConfig
from gnn_sim2real.study.failures import Failures
from gnn_sim2real.study.jobs import model_folder
from gnn_sim2real.study.plan import find_finished, load_plan

_SAMPLE = 50
"""Number of files of each kind whose times are read, since a study may have a million."""


@dataclass(frozen=True)
class Status:
    """Progress of a study.

    Attributes:
        done: Cells with a record.
        running: Cells and pretrainings being computed, by host.
        failed: Cells that failed, or whose pretraining did.
        waiting: All other cells.
        models_done: Finished pretrained models.
        models: Pretrained models that cells need.
        by_policy: Numbers of done cells and of all cells by policy.
        seconds_left: Computing time of the rest [s], from the times so far; None if there are none.
    """

    done: int
    running: Counter[str]
    failed: int
    waiting: int
    models_done: int
    models: int
    by_policy: dict[str, tuple[int, int]]
    seconds_left: float | None


def get_status(study: JobsConfig) -> Status:
    """Get the progress of a study from its folder.

    Args:
        study: The study.

    Raises:
        ValueError: If it has not been planned yet.
    """
    plan, present = load_plan(study.folder), find_finished(study)
    failures = Failures(study.failures).keys()
    done = plan["key"].isin(present.records)
    failed = ~done & (plan["key"].isin(failures) | plan["model"].isin(failures))
    claims = Claims(study.claims).running()
    if study.models:
        needed = set(plan["key" if study.pretrains_only else "model"].dropna())
        claims += [claim for claim in Claims(study.model_claims).running() if claim.key in needed]
    in_work = plan["key"].isin({claim.key for claim in claims})
    models = set(plan["model"].dropna().unique())
    policies = plan["policy"].groupby(plan["policy"]).size()
    done_policies = plan.loc[done, "policy"].value_counts()
    return Status(
        done=int(done.sum()),
        running=Counter(claim.host for claim in claims),
        failed=int(failed.sum()),
        waiting=int((~done & ~failed & ~in_work).sum()),
        models_done=len(models & present.models),
        models=len(models),
        by_policy={str(name): (int(done_policies.get(name, 0)), int(count)) for name, count in policies.items()},
        seconds_left=_seconds_left(study, plan[~done & ~failed], plan[done], models, present.models),
    )


def print_status(study: JobsConfig, console: Console) -> None:
    """Print the progress of a study.

    Args:
        study: The study.
        console: Console to print on.
    """
    status = get_status(study)
    total = sum(count for _, count in status.by_policy.values())
    running = sum(status.running.values())
    console.print(
        f"{status.done} of {total} cells done, {running} running, {status.failed} failed, {status.waiting} waiting; "
        f"{status.models_done} of {status.models} pretrained models"
    )
    for host, count in sorted(status.running.items()):
        console.print(f"  {count} running on {host}")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("policy", "done", "of"):
        table.add_column(heading, justify="left" if heading == "policy" else "right")
    for policy, (done, count) in sorted(status.by_policy.items()):
        table.add_row(policy, str(done), str(count))
    console.print(table)
    if status.done + status.failed == total:
        console.print("nothing is left to compute" + (", but some cells failed" if status.failed else ""))
    elif status.seconds_left is None:
        console.print("time left: unknown until the first cells are done")
    else:
        at_once = running or study.workers or max(1, available_cores() // study.threads)
        console.print(
            f"time left: about {format_time(status.seconds_left / at_once)} with {at_once} at a time "
            f"({format_time(status.seconds_left)} of computing)" + ("" if running else "; nothing is running now")
        )
    failures = Failures(study.failures)
    for key in sorted(failures.keys())[:3]:
        console.print(f"  failed: {failures.sentence(key)}", markup=False, highlight=False, soft_wrap=True)


def format_time(seconds: float) -> str:
    """Format a time for people.

    Args:
        seconds: The time [s].
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _seconds_left(
    study: JobsConfig, left: Any, done: Any, models: set[str], models_there: frozenset[str]
) -> float | None:
    """Mean time of finished jobs by kind, multiplied by the number of remaining ones."""
    if left.empty:
        return 0.0
    chosen = random.Random(0)  # noqa: S311 (a sample)
    times: dict[str, list[float]] = defaultdict(list)
    for policy, keys in done.groupby("policy")["key"]:
        for key in chosen.sample(list(keys), min(_SAMPLE, len(keys))):
            times[str(policy)] += _pretraining_seconds(study, key) if study.pretrains_only else _seconds(study, key)
    known = sorted(models & models_there)
    for key in chosen.sample(known, min(_SAMPLE, len(known))):
        times["pretraining"] += _pretraining_seconds(study, key)
    if not times:
        return None
    missing = Counter({str(policy): int(count) for policy, count in left["policy"].value_counts().items()})
    missing["pretraining"] += len(set(left["model"].dropna().unique()) - models_there)
    usual = fmean(value for values in times.values() for value in values)
    return sum(count * (fmean(times[kind]) if times[kind] else usual) for kind, count in missing.items())


def _seconds(study: JobsConfig, key: str) -> list[float]:
    return _recorded_seconds(study.records / f"{key}.json", "provenance")


def _pretraining_seconds(study: JobsConfig, key: str) -> list[float]:
    folder = model_folder(study.models_folder, key)
    if (folder / CARD_FILE).exists():
        return _recorded_seconds(folder / CARD_FILE, "provenance")
    return _recorded_seconds(folder / DESCRIPTION_FILE, "card", "provenance")


def _recorded_seconds(path: Path, *entries: str) -> list[float]:
    try:
        content = json.loads(path.read_text())
        for entry in entries:
            content = content[entry]
        return [float(content["seconds"])]
    except (OSError, ValueError, KeyError, TypeError):
        return []  # a file that is being moved, or is not a record, is skipped
