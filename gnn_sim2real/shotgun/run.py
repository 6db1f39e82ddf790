"""One run of shotgun transfer: leak check, answer, and the files written."""

import csv
import io
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gnn_sim2real.console import quiet_lightning
from gnn_sim2real.ensemble.stack import Contribution, StackSettings
from gnn_sim2real.files import (
    has_keys,
    require_replaceable,
    require_writable,
    spreadsheet_text,
    write_atomically,
    write_json,
)
from gnn_sim2real.library import Card
from gnn_sim2real.page.page import PAGE
from gnn_sim2real.shotgun.answer import Answer, AnswerSettings, describe_fewer, find_answer, mean_error
from gnn_sim2real.shotgun.display import Ranking
from gnn_sim2real.shotgun.features import Skipped
from gnn_sim2real.shotgun.foundation import FoundationBlock, find_blocks
from gnn_sim2real.shotgun.libraries import find_cards, open_library
from gnn_sim2real.shotgun.measured import Beside, predict_beside, write_measured
from gnn_sim2real.shotgun.members import Block
from gnn_sim2real.shotgun.models import QuickLoader, source_name, without_seen
from gnn_sim2real.shotgun.networks import frozen_name, tuned_name
from gnn_sim2real.shotgun.saved import save_ensemble
from gnn_sim2real.shotgun.scores import Score
from gnn_sim2real.shotgun.settings import ShotgunConfig
from gnn_sim2real.shotgun.target import Target, apart
from gnn_sim2real.shotgun.understood import describe_data, describe_effort
from gnn_sim2real.tasks.prediction import heading

ENSEMBLE_FOLDER, RESULT_FILE = "model", "result.json"
SETTINGS_FILE, PREDICT_FILE = "settings.yaml", "predict.yaml"
FIGURE_FILE, PARITY_FILE, RANKING_FILE = "ranking.png", "parity.png", "ranking.csv"
MEASURED_FILE, TESTED_FILE = "predictions.csv", "predictions_test.csv"

_FILES = (
    RESULT_FILE,
    SETTINGS_FILE,
    PREDICT_FILE,
    *(file for name in (FIGURE_FILE, PARITY_FILE) for file in (name, str(Path(name).with_suffix(".svg")))),
    RANKING_FILE,
    PAGE,
    MEASURED_FILE,
    TESTED_FILE,
)
"""All that a run writes, beside the model and the refused rows."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ShotgunResult:
    """Result of a run.

    Attributes:
        answer: The answer.
        cards: Cards of the models that could be used, by key.
        skipped: Number of models that were not ranked, by reason.
        seen: Number of the target's test materials (of all, without a test part) that each model was trained on.
        beside: What was predicted for the measured materials without having been trained on them.
    """

    answer: Answer
    cards: Mapping[str, Card]
    skipped: Mapping[str, int]
    seen: Mapping[str, int]
    beside: Beside

    @property
    def target(self) -> Target:
        """The target."""
        return self.answer.target

    @property
    def titles(self) -> dict[str, str]:
        """What members are called in tables, by name: those of a place in the ranking by the model that is there."""
        found: dict[str, str] = {}
        for place, score in enumerate(self.answer.ranked):
            card = self.cards[score.key]
            model = f"no. {place + 1}, {source_name(card)} ({card.architecture})"
            found |= {frozen_name(place): f"{model}, frozen", tuned_name(place): f"{model}, fine-tuned"}
        return found

    @property
    def ranking(self) -> Ranking:
        """The ranked models, which show themselves."""
        return Ranking(rank_rows(self.answer.ranked, self.cards), self.target.unit)


def run_shotgun(
    config: ShotgunConfig, blocks: tuple[Block, ...] = (), say: Callable[[str], None] = logger.info
) -> ShotgunResult:
    """Find the answer for a target, and its error.

    Args:
        config: See `ShotgunConfig`.
        blocks: Further descriptors of materials, besides features of foundation encoders.
        say: Gets a line on each thing that was understood, before the work begins.

    Raises:
        ValueError: If no model can be used for the target, a foundation encoder that is named cannot, or files in the
            folder would be lost.
    """
    folder = Path(config.output)
    require_own_folder(config)
    settings = AnswerSettings(
        config.ranking,
        config.tuning,
        StackSettings(num_folds=config.folds, minutes=config.minutes, seed=config.ranking.seed),
        Path(config.cache or Path(config.output) / "scores"),
    )
    quiet_lightning()
    data, test = (config.data, None) if config.test is None else apart(config.data, config.test)
    target = Target.of_data(data, config.log, test=test).weighted()
    for line in describe_data(target, data, test):
        say(line)
    data.table.save_quarantine(folder, Path(target.name).stem)
    if test is not None:
        test.table.save_quarantine(folder, f"test_{Path(target.name).stem}")
    library, skipped = open_library(config.library, config.starter), Skipped()
    cards, seen = without_seen(library, find_cards(library, config.filters), target, config.seen, skipped)
    blocks = (*blocks, *find_blocks(config.foundation, target.own.name))
    for line in describe_effort(library, cards, skipped, blocks, config):
        say(line)
    answer = find_answer(QuickLoader(library), cards, target, settings, skipped, blocks)
    by_key = {card.key: card for card in cards}
    return ShotgunResult(answer, by_key, dict(skipped.reasons), seen, predict_beside(answer))


def require_own_folder(config: ShotgunConfig) -> None:
    """Refuse an output folder in which files of the user would be lost; before anything is computed.

    Args:
        config: See `ShotgunConfig`.

    Raises:
        ValueError: If a file there is not of an earlier run, or is read.
    """
    folder = Path(config.output)
    require_writable(folder)
    if not has_keys(folder / RESULT_FILE, "target", "ranking", "members"):
        require_replaceable(*(folder / name for name in _FILES), advice="give another folder by `--output`")
        if (folder / ENSEMBLE_FOLDER).exists():
            raise ValueError(
                f"{folder / ENSEMBLE_FOLDER} is not an earlier ensemble; give another folder by `--output`"
            )
    given = [*config.data.given.values(), *(config.test.given.values() if config.test else ())]
    read = [Path(each) for each in given if isinstance(each, str) and Path(each).is_file()]
    if any(each.resolve() == (folder / name).resolve() for each in read for name in _FILES):
        raise ValueError(f"the output in {folder} would replace the table that is read; give another by `--output`")


def write_result(result: ShotgunResult, config: ShotgunConfig, described: Mapping[str, Any]) -> Path:
    """Write all but figures and page: ranking, numbers, predictions, the ensemble, and configurations.

    Args:
        result: From `run_shotgun`.
        config: Configuration of the run.
        described: The configuration in plain types.

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
            "train": target.num_measured,
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
    data = data_without_test(described)
    save_ensemble(answer, folder / ENSEMBLE_FOLDER, open_library(config.library, config.starter), data)
    write_json(folder / RESULT_FILE, content)
    _write_yaml(folder / SETTINGS_FILE, described)
    _write_yaml(folder / PREDICT_FILE, {"model": {"class_path": "gnn_sim2real.tasks.TargetFineTuning"}, "data": data})
    write_measured(folder / MEASURED_FILE, result.beside, target, config.data, None if config.test is None else "train")
    (folder / TESTED_FILE).unlink(missing_ok=True)  # of an earlier run
    if config.test is not None:
        write_measured(folder / TESTED_FILE, result.beside, target, config.test, "test")
    _write_ranking(folder / RANKING_FILE, result)
    return folder


def data_without_test(described: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the data, which exclude what is tested.

    Args:
        described: The configuration in plain types.
    """
    data = dict(described["data"])
    if described.get("test"):
        data["init_args"] = {**data.get("init_args", {}), "exclude": described["test"], "remove": "all"}
    return data


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
    return rank_rows(result.answer.ranked, result.cards)


def rank_rows(ranked: Sequence[Score], cards: Mapping[str, Card]) -> list[dict[str, Any]]:
    """A ranking in plain types, best first.

    Args:
        ranked: Scores of the models.
        cards: Card of each model by its key.
    """
    rows = []
    for score in ranked:
        card = cards[score.key]
        row: dict[str, Any] = {"key": score.key, "source": source_name(card), "architecture": card.architecture}
        row |= {"size": card.size, "seed": card.seed, "probe": str(score.probe)}
        row |= {"error": score.error, "rung": score.rung + 1}
        if score.errors:
            row["interval"] = list(score.interval())
        rows.append(row)
    return rows


def _write_ranking(path: Path, result: ShotgunResult) -> None:
    """Write the ranking as a table, best first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = ("key", "source", "architecture", "size", "seed", "probe", "error", "rung")
    writer.writerow(["rank", *names[:-2], heading("error", result.target.unit), "lower", "upper", "rung"])
    for rank, row in enumerate(ranking_rows(result), start=1):
        low, high = (f"{end:.8g}" for end in row["interval"]) if "interval" in row else ("", "")
        texts = [spreadsheet_text(str(row[name])) for name in names[:-2]]
        writer.writerow([rank, *texts, f"{row['error']:.8g}", low, high, row["rung"]])
    write_atomically(path, text.getvalue().encode())


def _write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    write_atomically(path, yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True).encode())
