"""Tables and figures for any Lightning logger: Weights & Biases, TensorBoard, MLflow, CSV."""

from pathlib import Path

import pandas as pd
from lightning.pytorch.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from gnn_sim2real.law.scaling_law import ScalingLaw


def law_metrics(law: ScalingLaw) -> dict[str, float]:
    """The numbers of a law: each parameter with the ends of its interval, and whether the data determine it.

    Args:
        law: The law.
    """
    # C of a form without a limit too, so that every law has the same numbers
    values = {name: getattr(law, name) for name in ("decay_rate", "transfer_gap", "prefactor")} | dict(law.further)
    intervals = {name: getattr(law, f"{name}_interval", None) or law.further_intervals[name] for name in values}
    found: dict[str, float] = {}
    for name, value in values.items():
        low, high = intervals[name]
        found |= {name: float(value), f"{name}_low": float(low), f"{name}_high": float(high)}
    for name in ("decay_rate_identified", "transfer_gap_identified"):
        found[name] = float(getattr(law, name))
    return found


def log_table(target: Logger, name: str, table: pd.DataFrame) -> None:
    """Log a table.

    Weights & Biases and MLflow store a table, TensorBoard text in Markdown, `CSVLogger` a file `NAME.csv` beside its
    metrics. Other loggers of Lightning have no place for a table; they get the metrics alone.

    Args:
        target: The logger.
        name: Name of the table, with slashes.
        table: The table.
    """
    if isinstance(target, WandbLogger):
        rows = table.astype(object).where(table.notna(), None)
        target.log_table(name, columns=[str(column) for column in table], data=rows.to_numpy().tolist())
    elif isinstance(target, MLFlowLogger):
        target.experiment.log_text(str(target.run_id), table.to_csv(index=False), f"{name}.csv")
    elif isinstance(target, TensorBoardLogger):
        target.experiment.add_text(name, _markdown(table))
    elif isinstance(target, CSVLogger):
        path = Path(target.log_dir) / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False)


def log_figure(target: Logger, name: str, figure: Path) -> None:
    """Log a figure; a `CSVLogger`, which has no place for one, gets none.

    Args:
        target: The logger.
        name: Name of the figure, with slashes.
        figure: The PNG.
    """
    if isinstance(target, WandbLogger):
        target.log_image(name, [str(figure)])
    elif isinstance(target, MLFlowLogger):
        target.experiment.log_artifact(str(target.run_id), str(figure), str(Path(name).parent))
    elif isinstance(target, TensorBoardLogger):
        from matplotlib.image import imread

        target.experiment.add_image(name, imread(figure), dataformats="HWC")


def log_page(target: Logger, name: str, page: Path) -> None:
    """Log an HTML page; `TensorBoardLogger` and `CSVLogger` have no place for one.

    Args:
        target: The logger.
        name: Name of the page.
        page: The HTML.
    """
    if isinstance(target, WandbLogger):
        import wandb

        target.experiment.log({name: wandb.Html(page.read_text(encoding="utf-8"), inject=False)})
    elif isinstance(target, MLFlowLogger):
        target.experiment.log_artifact(str(target.run_id), str(page))


def log_folder(target: Logger, name: str, folder: Path) -> None:
    """Log the files of a folder; `TensorBoardLogger` and `CSVLogger` have no place for them.

    Args:
        target: The logger.
        name: What they are, e.g. `model`.
        folder: The folder.
    """
    if isinstance(target, WandbLogger):
        target.experiment.log_artifact(str(folder), name=f"{name}-{target.version}", type=name)
    elif isinstance(target, MLFlowLogger):
        target.experiment.log_artifacts(str(target.run_id), str(folder), name)


def _markdown(table: pd.DataFrame) -> str:
    """A table in Markdown; pandas would need one more package for it."""
    head = [[str(column) for column in table], ["---"] * table.shape[1]]
    rows = [[str(value) for value in row] for row in table.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(row)} |" for row in head + rows)
