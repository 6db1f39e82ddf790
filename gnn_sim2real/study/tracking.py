"""Weights & Biases for a study: one run per training, and one with the tables, the laws, the figure and the page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from lightning.pytorch.loggers import WandbLogger


def training_logger(project: str, folder: Path, job: str, key: str) -> WandbLogger:
    """The logger of one training.

    Args:
        project: W&B project.
        folder: Folder of the study, whose name is the group.
        job: `pretrain`, `finetune` or `scratch`.
        key: Key of the cell.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return WandbLogger(
        project=project, group=folder.name, job_type=job, name=f"{job} {key[:8]}", save_dir=folder, log_model=False
    )


def end_run(logger: WandbLogger) -> None:
    """End the run of a logger, and wait until its file is complete.

    Args:
        logger: Logger from `training_logger`.
    """
    import wandb

    logger.experiment.finish()
    # W&B's service writes the last 32 KiB only after the end is announced, and not at all once this process has ended,
    # like the workers of a study.
    wandb.teardown()


def log_report(project: str, folder: Path, results: pd.DataFrame, summary: Mapping[str, Any], page: Path) -> None:
    """Log all records and the table of the report, the laws, the figure and the page.

    Args:
        project: W&B project.
        folder: Folder of the study.
        results: Results of the study.
        summary: Content of `summary.json`.
        page: Path of the HTML report.
    """
    import wandb

    from gnn_sim2real.study.page.tables import results_table

    logger = training_logger(project, folder, "report", folder.name)
    rows = results.drop(columns="property").sort_index(axis=1).astype(object)
    rows = rows.where(rows.notna(), None)
    logger.log_table("records", columns=[str(name) for name in rows], data=rows.to_numpy().tolist())
    table = results_table(summary)
    logger.log_table("results", columns=list(table.headings), data=[list(row) for row in table.rows])
    for law in summary["laws"]:
        curve = f"m={law['target_size']} {law['architecture']} {law['policy']}"
        names = ("decay_rate", "transfer_gap", "prefactor")
        logger.log_metrics({f"scaling_law/{curve}/{name}": float(str(law[name])) for name in names})
    figure = folder / "scaling_law.png"
    if figure.exists():
        logger.log_image("scaling_law/figure", [str(figure)])
    logger.experiment.log({"report": wandb.Html(page.read_text(encoding="utf-8"), inject=False)})
    end_run(logger)
