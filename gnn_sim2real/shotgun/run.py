"""One run of shotgun transfer: leak check, answer, and the files written."""

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gnn_sim2real.console import quiet_lightning
from gnn_sim2real.ensemble.stack import Contribution, StackSettings
from gnn_sim2real.files import has_keys, require_replaceable, spreadsheet_text, write_atomically, write_json
from gnn_sim2real.library import Card
from gnn_sim2real.shotgun.answer import Answer, AnswerSettings, describe_fewer, find_answer, mean_error
from gnn_sim2real.shotgun.config import ShotgunConfig, find_cards, open_library
from gnn_sim2real.shotgun.features import Skipped
from gnn_sim2real.shotgun.foundation import FoundationBlock, find_blocks
from gnn_sim2real.shotgun.members import Block
from gnn_sim2real.shotgun.models import QuickLoader, source_name, without_seen
from gnn_sim2real.shotgun.saved import save_ensemble
from gnn_sim2real.shotgun.target import Target
from gnn_sim2real.tasks.prediction import heading

ENSEMBLE_FOLDER, PREDICT_FILE, RESULT_FILE = "ensemble", "predict.yaml", "result.json"
FIGURE_FILE, MEASURED_FILE = "ranking.png", "measured.csv"


@dataclass(frozen=True, eq=False)
class ShotgunResult:
    """Result of a run.

    Attributes:
        answer: The answer.
        cards: Cards of the models that could be used, by key.
        skipped: Number of models that were not ranked, by reason.
        seen: Number of the target's test materials (of all, without a test part) that each model was trained on.
    """

    answer: Answer
    cards: Mapping[str, Card]
    skipped: Mapping[str, int]
    seen: Mapping[str, int]

    @property
    def target(self) -> Target:
        """The target."""
        return self.answer.target


def run_shotgun(config: ShotgunConfig, blocks: tuple[Block, ...] = ()) -> ShotgunResult:
    """Find the answer for a target, and its error.

    Args:
        config: See `ShotgunConfig`.
        blocks: Further descriptors of materials, besides features of foundation encoders.

    Raises:
        ValueError: If no model can be used for the target, a foundation encoder that is named cannot, or files in the
            folder would be lost.
    """
    folder = Path(config.output)
    if not has_keys(folder / RESULT_FILE, "target", "ranking", "members"):
        files = (folder / name for name in (RESULT_FILE, FIGURE_FILE, PREDICT_FILE, MEASURED_FILE))
        require_replaceable(*files, advice="give another folder by `--output`")
        if (folder / ENSEMBLE_FOLDER).exists():
            raise ValueError(
                f"{folder / ENSEMBLE_FOLDER} is not an earlier ensemble; give another folder by `--output`"
            )
    read = [Path(each) for each in config.data.given.values() if isinstance(each, str) and Path(each).is_file()]
    if any(each.resolve() == (folder / name).resolve() for each in read for name in (MEASURED_FILE, PREDICT_FILE)):
        raise ValueError(f"the output in {folder} would replace the table that is read; give another by `--output`")
    settings = AnswerSettings(
        config.ranking,
        config.tuning,
        StackSettings(num_folds=config.folds, minutes=config.minutes, seed=config.ranking.seed),
        Path(config.cache or Path(config.output) / "scores"),
    )
    quiet_lightning()
    target = Target.of_data(config.data, config.log)
    config.data.table.save_quarantine(Path(config.output), Path(target.name).stem)
    library, skipped = open_library(config.library), Skipped()
    cards, seen = without_seen(library, find_cards(library, config.filters), target, config.seen, skipped)
    blocks = (*blocks, *find_blocks(config.foundation, target.own.name))
    answer = find_answer(QuickLoader(library), cards, target, settings, skipped, blocks)
    return ShotgunResult(answer, {card.key: card for card in cards}, dict(skipped.reasons), seen)


def write_result(result: ShotgunResult, config: ShotgunConfig, described: Mapping[str, Any]) -> Path:
    """Write ranking, numbers, predictions of the measured materials, and the ensemble with a configuration for others.

    Args:
        result: From `run_shotgun`.
        config: Configuration of the run.
        described: Settings of the data in plain types.

    Returns:
        The output folder.
    """
    folder, answer, target = Path(config.output), result.answer, result.target
    left_out, tested = answer.left_out_errors(), answer.tested_errors()
    content = {
        "target": {
            "name": target.name,
            "property": target.spec.name,
            "unit": target.unit,
            "train": len(target.train),
            "test": len(target.test),
        },
        "settings": {
            "ranking": asdict(config.ranking),
            "tuning": asdict(config.tuning),
            "folds": config.folds,
            "minutes": config.minutes,
            "seen": config.seen,
            "foundation": config.foundation,
        },
        "skipped": dict(result.skipped),
        "seen": dict(sorted(result.seen.items())),
        "ranking": ranking_rows(result),
        "rule": answer.stack.rule,
        "members": [describe_member(each) for each in answer.stack.members],
        "error": list(answer.stack.error),
        "left_out": {name: mean_error(each) for name, each in left_out.items()},
        "tested": {name: mean_error(each) for name, each in tested.items()},
        "fewer": {"left_out": describe_fewer(left_out), "tested": describe_fewer(tested)},
        "promised": answer.promised.tolist(),
        "curse": (answer.found - answer.promised).tolist(),
        "library_predictions": [asdict(each) for each in answer.columns],
        "foundation": [each.about for each in answer.blocks if isinstance(each, FoundationBlock)],
        "intervals": {
            "coverage": answer.intervals.coverage,
            "factor": answer.intervals.factor if np.isfinite(answer.intervals.factor) else None,
        },
    }
    if len(target.test) and np.isfinite(answer.half_widths).all():
        held = np.abs(answer.stack.predictions - target.values[target.test]) <= answer.half_widths
        content["intervals"] |= {"tested": float(held.mean()), "width": 2 * float(np.median(answer.half_widths))}
    save_ensemble(answer, folder / ENSEMBLE_FOLDER, open_library(config.library).folder, described)
    write_json(folder / RESULT_FILE, content)
    _write_predict(folder, described)
    _write_measured(folder, answer)
    return folder


def describe_member(member: Contribution) -> dict[str, Any]:
    """What a member contributes, in plain types.

    Args:
        member: The contribution.
    """
    return {
        "name": member.name,
        "weight": member.weight,
        "error": member.error,
        "outer_weights": list(member.outer_weights),
        "trainings": member.num_trainings,
        "why": member.why,
    }


def ranking_rows(result: ShotgunResult) -> list[dict[str, Any]]:
    """The ranking in plain types, best first.

    Args:
        result: From `run_shotgun`.
    """
    rows = []
    for score in result.answer.ranked:
        card = result.cards[score.key]
        row: dict[str, Any] = {"key": score.key, "source": source_name(card), "architecture": card.architecture}
        row |= {"size": card.size, "seed": card.seed, "probe": str(score.probe)}
        row |= {"error": score.error, "rung": score.rung + 1}
        if score.errors:
            row["interval"] = list(score.interval())
        rows.append(row)
    return rows


def _write_measured(folder: Path, answer: Answer) -> None:
    """Write the measured materials beside what an ensemble that has not seen them predicts, with intervals."""
    target, stack = answer.target, answer.stack
    rows = np.concatenate([target.train, target.test])
    middle = np.concatenate([stack.honest_predictions, stack.predictions])
    half = np.concatenate([answer.intervals.factor * answer.left_out_scale, answer.half_widths])
    columns = [target.unscale(each) for each in (target.values[rows], middle, middle - half, middle + half)]
    unit = target.spec.unit
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = (heading(f"{target.spec.name}{what}", unit) for what in (" measured", "", " lower", " upper"))
    writer.writerow(["material", "part", *map(spreadsheet_text, names)])
    parts = ["train"] * len(target.train) + ["test"] * len(target.test)
    for row, part, *values in zip(rows.tolist(), parts, *columns, strict=True):
        material = target.table.materials[row]
        name = material if isinstance(material, str) else target.table.identities[row]  # a crystal has no spelling
        writer.writerow([spreadsheet_text(name), part, *(f"{value:.8g}" for value in values)])
    write_atomically(folder / MEASURED_FILE, text.getvalue().encode())


def _write_predict(folder: Path, described: Mapping[str, Any]) -> None:
    """Write a configuration that reads materials like the target, for predictions from a changed table."""
    model = {"class_path": "gnn_sim2real.tasks.TargetFineTuning"}
    content = {"model": model, "data": dict(described)}
    write_atomically(folder / PREDICT_FILE, yaml.safe_dump(content, sort_keys=False).encode())
