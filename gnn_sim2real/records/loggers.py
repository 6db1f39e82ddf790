"""Tables and figures for any Lightning logger: Weights & Biases, TensorBoard, MLflow, CSV."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from gnn_sim2real.law.scaling_law import ScalingLaw

if TYPE_CHECKING:
    import pandas as pd


def require_usable(kind: type[Logger], settings: Mapping[str, Any]) -> None:
    """Refuse a logger that cannot be made, before anything is computed. Making one of these does nothing yet.

    Args:
        kind: Class of the logger.
        settings: Its settings.

    Raises:
        ValueError: If its package is not installed, or refuses the settings.
    """
    if not issubclass(kind, CSVLogger | TensorBoardLogger | MLFlowLogger):
        return
    try:
        kind(**settings)
    except Exception as error:  # MLflow has exceptions of its own
        reason = " ".join(str(error).split())
        missing = isinstance(error, ModuleNotFoundError)
        says = f"needs a package that is not installed ({reason})" if missing else f"cannot be used: {reason}"
        raise ValueError(f"the logger {kind.__name__} {says}") from error


def form_weights(law: ScalingLaw) -> "pd.DataFrame":
    """Each form of the law with its weight in the average; a chosen form and its rivals have equal weights.

    Args:
        law: The law.

    Returns:
        Columns `form`, `num_parameters`, `weight`, `forecast_error` (root mean square of the log of forecast by mean
        error at the sizes held out; NaN where there was no choice), `is_chosen` and `reason`.
    """
    rows = [
        (each.form, each.num_parameters, each.weight, each.extrapolation_error, each.form == law.form)
        for each in law.trials
    ] or [(law.form, law.fit.form.num_parameters, 1.0, None, True)]
    reasons = [each.reason for each in law.trials] or ["the form that was asked for"]
    import pandas as pd

    table = pd.DataFrame(rows, columns=["form", "num_parameters", "weight", "forecast_error", "is_chosen"])
    return table.astype({"forecast_error": float}).assign(reason=reasons)


def law_metrics(law: ScalingLaw) -> dict[str, float]:
    """The numbers of a law: each parameter with its interval, whether the data determine it, the weight of each form.

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
    weights = form_weights(law)
    return found | {f"form_weight/{form}": weight for form, weight in zip(weights.form, weights.weight, strict=True)}


def log_table(target: Logger, name: str, table: "pd.DataFrame", pictures: Sequence[Any] | None = None) -> None:
    """Log a table.

    Weights & Biases and MLflow store a table, TensorBoard text in Markdown, `CSVLogger` a file `NAME.csv` beside its
    metrics. Other loggers of Lightning have no place for a table; they get the metrics alone.

    Args:
        target: The logger.
        name: Name of the table, with slashes.
        table: The table.
        pictures: For Weights & Biases, a picture of each row or None, in a first column `structure`.
    """
    if isinstance(target, WandbLogger):
        rows = table.astype(object).where(table.notna(), None).to_numpy().tolist()
        columns = [str(column) for column in table]
        if pictures is not None:
            import wandb

            rows = [[each and wandb.Image(each), *row] for each, row in zip(pictures, rows, strict=True)]
            columns = ["structure", *columns]
        target.log_table(name, columns=columns, data=rows)
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


def log_files(target: Logger, name: str, files: Mapping[str, Path]) -> None:
    """Log files as one artifact; `TensorBoardLogger` and `CSVLogger` have no place for them.

    Args:
        target: The logger.
        name: What they are, e.g. `configuration`.
        files: Path of each file by the name it gets.
    """
    if isinstance(target, WandbLogger):
        import wandb

        artifact = wandb.Artifact(f"{name}-{target.version}", type=name)
        for own, path in files.items():
            artifact.add_file(str(path), own)
        target.experiment.log_artifact(artifact)
    elif isinstance(target, MLFlowLogger):
        for path in files.values():
            target.experiment.log_artifact(str(target.run_id), str(path), name)


def _markdown(table: "pd.DataFrame") -> str:
    """A table in Markdown; pandas would need one more package for it."""
    head = [[str(column) for column in table], ["---"] * table.shape[1]]
    rows = [[str(value) for value in row] for row in table.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(row)} |" for row in head + rows)
