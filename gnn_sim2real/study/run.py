"""Running a study: families of cells over processes, with progress; what is there already is not repeated."""

import multiprocessing
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from gnn_sim2real.study.config import StudyConfig, keep_config
from gnn_sim2real.study.grid import Family, families
from gnn_sim2real.study.stage import Stage


def run_study(config: StudyConfig) -> Counter[str]:
    """Compute all cells that have no record yet.

    Args:
        config: The study.

    Returns:
        How many cells were `done`, `cached` (there already) and `failed`.
    """
    stages = [Stage("pretrain", config), Stage("finetune", config), Stage("scratch", config)]
    work = study_families(config, stages[0])
    keep_config(config)
    for stage in stages:
        stage.keep_config()
    outcomes: Counter[str] = Counter()
    total = sum(len(family.points) for family in work)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("cells"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("Study", total=total)
        for outcome in _outcomes(config, work):
            outcomes[outcome] += 1
            progress.update(bar, advance=1)
    return outcomes


def study_families(config: StudyConfig, pretrain: Stage) -> list[Family]:
    """All cells of a study, grouped by the pretrained model they share.

    Args:
        config: The study.
        pretrain: Its first stage, whose source is the same in every split or not.
    """
    return families(config.axes, shared_by_splits=pretrain.data.remove == "all")


def _outcomes(config: StudyConfig, work: list[Family]) -> Iterator[str]:
    """Outcome of each cell, as they come."""
    if config.workers == 1:
        from gnn_sim2real.study.cells import CellRunner

        runner = CellRunner(config)
        for family in work:
            yield from runner.run(family)
        return
    # Each process gets its own threads; without this all of them spin on the same cores.
    os.environ["OMP_NUM_THREADS"] = str(config.threads)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(config.workers, mp_context=context, initializer=_start, initargs=(config,)) as pool:
        futures: list[Future[list[str]]] = [pool.submit(_run_family, family) for family in work]
        for future in as_completed(futures):
            yield from future.result()


_RUNNER = None


def _start(config: StudyConfig) -> None:
    """Make the runner of a worker process, once."""
    global _RUNNER  # noqa: PLW0603 (what a pool's initializer is for)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    from gnn_sim2real.logs import set_up_logging
    from gnn_sim2real.study.cells import CellRunner

    set_up_logging()
    _RUNNER = CellRunner(config)


def _end_with_parent(parent: int) -> None:
    """Stop this process when the study was killed; nobody would take its results."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _run_family(family: Family) -> list[str]:
    if _RUNNER is None:
        raise RuntimeError("the worker process was not started by this study")
    return list(_RUNNER.run(family))
