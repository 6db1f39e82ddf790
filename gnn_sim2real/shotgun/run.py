"""One run of shotgun transfer: leak check, ranking, nested cross-validation, ensemble, and the files written."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from gnn_sim2real.console import quiet_lightning, track
from gnn_sim2real.files import has_keys, require_replaceable, write_atomically, write_json
from gnn_sim2real.library import Card, save_model
from gnn_sim2real.linear import Floats
from gnn_sim2real.shotgun.config import ShotgunConfig, find_cards, open_library
from gnn_sim2real.shotgun.features import Skipped
from gnn_sim2real.shotgun.models import QuickLoader, entries_of, source_name, without_seen
from gnn_sim2real.shotgun.nested import NestedResult, Selection, gather, outer_problems, select
from gnn_sim2real.shotgun.ranking import rank_models
from gnn_sim2real.shotgun.scores import ScoreCache
from gnn_sim2real.shotgun.target import WITH_BONDS, Target
from gnn_sim2real.store.vocabulary import warn_of_unseen

logger = logging.getLogger(__name__)

ENSEMBLE_FOLDER, PREDICT_FILE, RESULT_FILE = "ensemble", "predict.yaml", "result.json"
FIGURE_FILE = "ranking.png"


@dataclass(frozen=True, eq=False)
class ShotgunResult:
    """Result of a run.

    Attributes:
        target: The target.
        cards: Cards of the models that could be used, by key.
        skipped: Number of models that were not ranked, by reason.
        seen: Number of the target's test materials (of all, without a test part) that each model was trained on.
        selection: Selection made from all training rows.
        nested: Errors on the outer folds; None without them.
        tested: Absolute error of each test material by method; empty without a test part.
    """

    target: Target
    cards: Mapping[str, Card]
    skipped: Mapping[str, int]
    seen: Mapping[str, int]
    selection: Selection
    nested: NestedResult | None
    tested: Mapping[str, Floats]


def run_shotgun(config: ShotgunConfig) -> ShotgunResult:
    """Rank, select, and measure the error of the selection.

    Args:
        config: See `ShotgunConfig`.

    Raises:
        ValueError: If fewer than two models can be used for the target, or files in the folder would be lost.
    """
    folder = Path(config.output)
    if not has_keys(folder / RESULT_FILE, "target", "ranking", "members"):
        files = (folder / name for name in (RESULT_FILE, FIGURE_FILE, PREDICT_FILE))
        require_replaceable(*files, advice="give another folder by `--output`")
        if (folder / ENSEMBLE_FOLDER).exists():
            raise ValueError(
                f"{folder / ENSEMBLE_FOLDER} is not an earlier ensemble; give another folder by `--output`"
            )
    quiet_lightning()
    target = Target.of_data(config.data, config.log)
    config.data.table.save_quarantine(Path(config.output), Path(target.name).stem)
    library, skipped = open_library(config.library), Skipped()
    cards, seen = without_seen(library, find_cards(library, config.filters), target, config.seen, skipped)
    problems = outer_problems(target, config.ranking, config.outer_folds) if config.outer_folds else []
    models = QuickLoader(library)
    cache = ScoreCache(Path(config.cache or Path(config.output) / "scores"))
    whole, *outer = rank_models(
        models,
        entries_of(cards),
        target,
        [target.train, *(train for train, _ in problems)],
        config.ranking,
        cache,
        skipped,
    )
    if len(whole) < 2:
        reasons = "; ".join(f"{count} models: {reason}" for reason, count in skipped.reasons.items())
        raise ValueError(f"{len(whole)} models of {library.folder} can be used for this target ({reasons})")
    settings = (config.ranking, config.tuning)
    selections = [
        select(models, ranked, target, train, test, *settings)
        for ranked, (train, test) in track(list(zip(outer, problems, strict=True)), "Nested cross-validation")
    ]
    selection = select(models, whole, target, target.train, target.test, *settings)
    for member in selection.members:
        if member.source is not None:
            vocabulary = library.content(member.source.key).get("vocabulary")
            warn_of_unseen(vocabulary, config.data.store, f"member {member.source.key[:8]} of the ensemble")
    tested = selection.errors(target, target.test) if len(target.test) else {}
    by_key = {card.key: card for card in cards}
    nested = gather(selections, problems, target) if problems else None
    return ShotgunResult(target, by_key, dict(skipped.reasons), seen, selection, nested, tested)


def write_result(result: ShotgunResult, config: ShotgunConfig, described: Mapping[str, Any]) -> Path:
    """Write ranking, numbers, and the ensemble with a configuration for predictions.

    Args:
        result: From `run_shotgun`.
        config: Configuration of the run.
        described: Settings of the data in plain types.

    Returns:
        The output folder.
    """
    folder = Path(config.output)
    content = {
        "target": {
            "name": result.target.name,
            "property": result.target.spec.name,
            "unit": result.target.unit,
            "train": len(result.target.train),
            "test": len(result.target.test),
        },
        "settings": {"ranking": asdict(config.ranking), "tuning": asdict(config.tuning), "seen": config.seen},
        "skipped": dict(result.skipped),
        "seen": dict(sorted(result.seen.items())),
        "ranking": ranking_rows(result),
        "members": [each.describe() for each in result.selection.members],
        "candidates": [each.describe() for each in result.selection.candidates],
        "tested": {name: float(each.mean()) for name, each in result.tested.items()},
    }
    if result.nested is not None:
        content["nested"] = {
            "errors": {name: float(each.mean()) for name, each in result.nested.errors.items()},
            "promised": result.nested.promised.tolist(),
            "curse": result.nested.curse.tolist(),
        }
    fresh = folder / f".{ENSEMBLE_FOLDER}.part"  # an earlier ensemble stays until this one is whole
    shutil.rmtree(fresh, ignore_errors=True)
    for number, member in enumerate(result.selection.members, start=1):
        save_model(member.model, fresh / str(number))
    write_json(folder / RESULT_FILE, content)
    shutil.rmtree(folder / ENSEMBLE_FOLDER, ignore_errors=True)
    fresh.replace(folder / ENSEMBLE_FOLDER)
    _write_predict(folder, result, described)
    return folder


def ranking_rows(result: ShotgunResult) -> list[dict[str, Any]]:
    """The ranking in plain types, best first.

    Args:
        result: From `run_shotgun`.
    """
    rows = []
    for score in result.selection.ranked:
        card = result.cards[score.key]
        row: dict[str, Any] = {"key": score.key, "source": source_name(card), "architecture": card.architecture}
        row |= {"size": card.size, "seed": card.seed, "probe": str(score.probe)}
        row |= {"error": score.error, "rung": score.rung + 1}
        if score.errors:
            row["interval"] = list(score.interval())
        rows.append(row)
    return rows


def _write_predict(folder: Path, result: ShotgunResult, described: Mapping[str, Any]) -> None:
    """Write a configuration for `gnn-sim2real predict`: the target's data, with the graphs that the ensemble reads."""
    featurizer = result.selection.members[0].model.featurizer
    settings = dict(described.get("init_args", {}))
    if featurizer.name in WITH_BONDS:
        settings["atom_descriptors"] = True
    elif featurizer.name == "crystal":
        settings |= featurizer.settings
    first = str((folder / ENSEMBLE_FOLDER / "1").resolve())
    content = {
        "model": {"class_path": "gnn_sim2real.tasks.TargetFineTuning", "init_args": {"pretrained": first}},
        "data": {"class_path": described["class_path"], "init_args": settings},
    }
    write_atomically(folder / PREDICT_FILE, yaml.safe_dump(content, sort_keys=False).encode())
