"""The loggers of a study's YAMLs: each pretraining, each cell and the report is a run of its own."""

import hashlib
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from pydoc import locate
from typing import Any

import pandas as pd
import yaml
from lightning.pytorch.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from gnn_sim2real.config.lightning_cli import plain, stage_config
from gnn_sim2real.nn.encoder import fill_defaults
from gnn_sim2real.records.geometric import GEOMETRIC, with_geometric_means
from gnn_sim2real.records.keys import record_key
from gnn_sim2real.records.laws import Results
from gnn_sim2real.records.loggers import (
    form_weights,
    law_metrics,
    log_figure,
    log_folder,
    log_page,
    log_table,
    require_usable,
)
from gnn_sim2real.study.config import JobsConfig
from gnn_sim2real.study.jobs import Job, JobResolver
from gnn_sim2real.study.stage import Stage, logger_settings
from gnn_sim2real.study.wandb_runs import end_run, how_to_sync, start_run, wandb_service
from gnn_sim2real.tasks.policies import REFERENCE, is_fine_tuning, policy_title

logger = logging.getLogger(__name__)

_PREFIX = "scaling_law"
_LONGEST_TAG = 64
"""W&B takes no longer ones."""


@dataclass(frozen=True)
class Run:
    """What the loggers are told of a run.

    Attributes:
        key: Key of the pretraining or cell, from which its id is made: the same cell never makes a second run.
        name: Name for people.
        job: `pretrain`, `finetune`, `scratch`, `baseline` or `report`.
        config: Its configuration, in plain types.
    """

    key: str
    name: str
    job: str
    config: Mapping[str, Any]


def describe_run(job: Job, resolver: JobResolver) -> Run:
    """Name and configuration of a pretraining or a cell.

    Args:
        job: The job.
        resolver: Resolver of the study.
    """
    point, stage = job.point, resolver.stage(job)
    source = resolver.data(job if job.is_pretraining else resolver.pretraining(point))
    source_size = source.parts.size if point.source_size == "all" else point.source_size
    encoder = _encoder(job, resolver)
    architecture = point.architecture_name
    growth = f" growth {point.growth}" if point.growth != "random" else ""
    growth += f" {point.pretraining}" if point.pretraining else ""
    where = f"split {point.split} seed {point.seed}"
    cell: dict[str, Any] = {
        "key": job.key,
        "architecture": architecture,
        "source_size": source_size,
        "source_level": str(point.source_size),
        "growth": point.growth,
        "pretraining": point.pretraining,
        "split": point.split,
        "seed": point.seed,
    }
    if job.is_pretraining:
        name = f"{point.source_name}{architecture} n={source_size}{growth} {where} pretrain"
        return Run(job.key, name, "pretrain", cell | {"encoder": encoder} | resolver.saved_config(job))
    data = resolver.data(job)
    (spec,) = data.properties
    cell |= {
        "policy": point.policy,
        "target_size": data.parts.size,
        "target_level": str(point.target_size),
        "property": spec.name,
        "unit": spec.unit,
    }
    where = f"m={cell['target_size']} {where}"
    content: dict[str, Any] = {"data": stage.plain_data(size=point.target_size, seed=point.seed, split=point.split)}
    if is_fine_tuning(point.policy):
        job_type = "finetune" if source_size else "scratch"
        way = "fine-tune" if source_size else "from scratch"
        title = way if point.policy == REFERENCE else f"{way} {policy_title(point.policy).removeprefix('fine-tuned, ')}"
        content = stage_config(plain(resolver.config(job))) | content | {"encoder": encoder}
        return Run(job.key, f"{architecture} n={source_size}{growth} {where} {title}", job_type, cell | content)
    name = f"{policy_title(point.policy)} {where}"
    if job.model is not None:
        name = f"{architecture} n={source_size}{growth} {where} {policy_title(point.policy)}"
        content["encoder"] = encoder
    return Run(job.key, name, "baseline", cell | content)


def _encoder(job: Job, resolver: JobResolver) -> dict[str, Any] | None:
    """The encoder of a job, with all its settings."""
    found = job.point.architecture
    for each in (job, resolver.pretraining(job.point)):  # the YAML of a fine-tuning need not name it
        found = found or resolver.stage(each).encoder
    return fill_defaults(found) if found else None


def open_loggers(settings: Sequence[Mapping[str, Any]], run: Run, folder: Path) -> list[Logger]:
    """Start a run in each logger, and tell it the configuration.

    Args:
        settings: Class path and settings of each logger, see `Stage.loggers`.
        run: The run.
        folder: Folder of the study.
    """
    found = [_open(_kind(each), _init_args(each), run, folder) for each in settings]
    loggers = [each for each in found if each is not None]
    for each in loggers:
        each.log_hyperparams(dict(run.config))
    return loggers


def _kind(logger: Mapping[str, Any]) -> type[Logger]:
    kind = locate(logger["class_path"])
    if not (isinstance(kind, type) and issubclass(kind, Logger)):
        raise ValueError(f"{logger['class_path']} is not a logger of Lightning")
    return kind


def _init_args(logger: Mapping[str, Any]) -> dict[str, Any]:
    return {**(logger.get("init_args") or {}), **(logger.get("dict_kwargs") or {})}


def _open(kind: type[Logger], settings: dict[str, Any], run: Run, folder: Path) -> Logger | None:
    if issubclass(kind, WandbLogger):
        return start_run(_wandb_settings(settings, run, folder), folder, kind)
    if settings.get("save_dir") is not None:
        settings["save_dir"] = str(folder / settings["save_dir"])
    if issubclass(kind, CSVLogger | TensorBoardLogger):
        name = re.sub(r"[\s/]+", "_", run.name)
        settings["version"] = f"{name}_{run.key[:8]}"
    elif issubclass(kind, MLFlowLogger):
        own = {"job_type": run.job, "study": folder.name, "key": run.key}
        settings |= {"run_name": run.name, "tags": own | (settings.get("tags") or {})}
    opened = kind(**settings)
    with warnings.catch_warnings():
        # A cell that was killed starts its files again.
        warnings.filterwarnings("ignore", "Experiment logs directory")
        _ = getattr(opened, "experiment", None)
    return opened


def _wandb_settings(given: Mapping[str, Any], run: Run, folder: Path) -> dict[str, Any]:
    """Settings of a `WandbLogger` for a run; those of the YAML come first, and a name stands before its own."""
    group = given.get("group") or folder.name
    named = (str(run.config[name]) for name in ("architecture", "policy", "pretraining") if run.config.get(name))
    tags = [run.job, *(each[:_LONGEST_TAG] for each in named)]
    # Another study of the same cell has a run of its own.
    suffix = hashlib.sha256(group.encode()).hexdigest()[:6]
    return dict(given) | {
        "id": f"{run.key}-{suffix}",
        "version": None,
        "resume": "allow",
        "name": f"{given['name']} {run.name}" if given.get("name") else run.name,
        "group": group,
        "job_type": given.get("job_type") or run.job,
        "tags": list(dict.fromkeys([*(given.get("tags") or []), *tags])),
    }


def log_result(loggers: Sequence[Logger], run: Run, metrics: Mapping[str, float], step: int | None = None) -> None:
    """Log the test errors and the sizes together, so that one can be drawn against the other.

    Args:
        loggers: From `open_loggers`.
        run: The run.
        metrics: The errors, by name.
        step: Number of optimizer steps.
    """
    sizes = {name: float(run.config[name]) for name in ("source_size", "target_size") if name in run.config}
    for each in loggers:
        each.log_metrics({**metrics, **sizes}, step)


def log_model(settings: Sequence[Mapping[str, Any]], loggers: Sequence[Logger], folder: Path) -> None:
    """Log a pretrained model to the loggers that are to have models.

    Args:
        settings: Settings of the loggers.
        loggers: From `open_loggers`.
        folder: Folder of the model.
    """
    if any(_init_args(each).get("log_model") for each in settings):
        for each in loggers:
            log_folder(each, "model", folder)


def close_loggers(loggers: Sequence[Logger], folder: Path, failed: bool = False) -> None:
    """End the runs.

    Args:
        loggers: From `open_loggers`.
        folder: Folder of the study.
        failed: Whether the training failed.
    """
    for each in loggers:
        each.finalize("failed" if failed else "success")
        if isinstance(each, WandbLogger):
            end_run(each, folder, failed)


def require_loggers(settings: Sequence[Mapping[str, Any]]) -> None:
    """Refuse loggers that cannot be used, before anything is computed.

    Args:
        settings: Class path and settings of each logger.

    Raises:
        ValueError: If one is none of Lightning's, lacks its package, or refuses its settings.
    """
    for each in settings:
        require_usable(_kind(each), _init_args(each))


def wandb_settings(settings: Sequence[Mapping[str, Any]], run: Run, folder: Path) -> dict[str, Any] | None:
    """Settings of the first `WandbLogger` for a run; None if there is none.

    Args:
        settings: Class path and settings of each logger.
        run: The run.
        folder: Folder of the study.
    """
    found = _of_wandb(settings)
    return None if found is None else _wandb_settings(found, run, folder)


@contextmanager
def tracked(study: JobsConfig, stages: Sequence[Stage]) -> Iterator[None]:
    """Have what the loggers of a study need while it runs.

    Args:
        study: The study.
        stages: Its stages.

    Raises:
        ValueError: If a logger is none of Lightning's, lacks its package, or refuses its settings.
    """
    settings = [each for stage in stages for each in stage.loggers]
    require_loggers(settings)
    own = wandb_settings(settings, _report_run(study), study.folder)
    with wandb_service(own, study.folder):
        yield
    # A study says so after its report, in which there is one run more.
    if own is not None and study.pretrains_only and (advice := how_to_sync(own, study.folder)):
        logger.info(advice)


def _of_wandb(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    for each in settings:
        if issubclass(_kind(each), WandbLogger):
            return _init_args(each)
    return None


def _report_run(study: JobsConfig) -> Run:
    """The run of a study's report: the same each time, also when axes have grown."""
    content = asdict(study)
    yamls = [Path(content[name]).parts[-2:] for name in ("pretrain", "finetune", "held_out") if content.get(name)]
    name = content.get("title") or study.folder.name
    return Run(record_key({"report": study.folder.name, "title": name, "yamls": yamls}), name, "report", content)


def log_report(study: JobsConfig, results: Results, summary: Mapping[str, Any], page: Path) -> str:
    """Log the laws, the tables, the figure and the page to the loggers of the fine-tuning, in one run of the study.

    Args:
        study: The study.
        results: Results of the study.
        summary: Content of `summary.json`.
        page: Path of the HTML report.

    Returns:
        What the user has to know: how to send the runs of W&B that are only on this machine.
    """
    settings = _saved_loggers(study.folder / "finetune.yaml")
    run = _report_run(study)
    loggers = open_loggers(settings, run, study.folder)
    try:
        for each in loggers:
            _log_study(each, study.folder, results, summary, page)
    except Exception as error:  # whatever a server says, the report is printed
        logger.warning("the report is written, but not all of it was logged: %s", error)
    finally:
        close_loggers(loggers, study.folder)
    own = _of_wandb(settings)
    return "" if own is None else how_to_sync(own, study.folder)


def _saved_loggers(path: Path) -> list[dict[str, Any]]:
    """The loggers of a stage, from the configuration that its study saved; reading the whole stage takes seconds."""
    if not path.exists():
        return []
    try:
        return logger_settings(yaml.safe_load(path.read_text(encoding="utf-8"))["trainer"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        cause = " ".join(str(error).split())
        logger.warning("%s is damaged (%s), so the report goes to no logger; `study run` writes it again", path, cause)
        return []


def _log_study(target: Logger, folder: Path, results: Results, summary: Mapping[str, Any], page: Path) -> None:
    metric = str(summary["metric"])
    rows = [_flat_row(row, metric) for row in with_geometric_means(summary)["rows"]]
    for row in rows:
        sizes = {name: float(row[name]) for name in ("source_size", "target_size")}
        target.log_metrics({f"test/{metric}/{_curve(row)}": row[metric], **sizes}, step=row["source_size"])
    laws, forms = [], []
    for label, law in results.laws.items():
        curve, numbers = asdict(label), law_metrics(law)
        target.log_metrics({f"{_PREFIX}/{_curve(curve)}/{name}": value for name, value in numbers.items()})
        laws.append({**curve, "form": law.form, **numbers})
        forms.append(form_weights(law).assign(curve=_curve(curve)))
    if laws:
        log_table(target, f"{_PREFIX}/laws", pd.DataFrame(laws))
        log_table(target, f"{_PREFIX}/forms", pd.concat(forms, ignore_index=True))
    log_table(target, "results", pd.DataFrame(rows))
    log_table(target, "records", results.table.drop(columns="property").sort_index(axis=1))
    figure = folder / "scaling_law.png"
    if figure.exists():
        log_figure(target, f"{_PREFIX}/figure", figure)
    log_page(target, "report", page)


def _flat_row(row: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """A grid point of the summary as a row of numbers."""
    found = {name: value for name, value in row.items() if not isinstance(value, Mapping)}
    for name, value in row.items():
        if isinstance(value, Mapping) and name != GEOMETRIC:
            found |= {name: value["mean"], **{f"{name}_{end}": value[end] for end in ("low", "high") if end in value}}
    return found | {"num_repeats": row[metric]["num_repeats"]}


def _curve(row: Mapping[str, Any]) -> str:
    """A curve as a part of the names of metrics, of characters that MLflow takes too."""
    growth = row["growth"] if row["growth"] != "random" else ""
    names = (row["architecture"], row["policy"], growth, row["pretraining"])
    named = " ".join([f"m{row['target_size']}", *filter(None, names)])
    return re.sub(r"[^\w.\- ]+", " ", named).strip()
