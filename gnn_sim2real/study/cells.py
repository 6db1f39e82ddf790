"""Computing the cells of one family: pretrain once, then fine-tune and run the baselines."""

import logging
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from gnn_sim2real.datamodule import PropertyDataModule
from gnn_sim2real.files import write_atomically
from gnn_sim2real.library import DESCRIPTION_FILE, TrainedModel, save_model
from gnn_sim2real.lightning_cli import plain
from gnn_sim2real.scaling.callback import ScalingLawCallback, fine_tuning_key, pretraining_key
from gnn_sim2real.scaling.records import has_record, provenance, record_key
from gnn_sim2real.study.baseline_cell import Pretrained, run_baseline
from gnn_sim2real.study.config import StudyConfig
from gnn_sim2real.study.grid import FREEZE_POLICIES, Family, Point
from gnn_sim2real.study.resume import EpochCheckpoint
from gnn_sim2real.study.stage import Stage

logger = logging.getLogger(__name__)


class CellRunner:
    """Computes families of one study in one process; data and graphs are read once.

    Args:
        config: The study.
    """

    def __init__(self, config: StudyConfig) -> None:
        torch.set_num_threads(config.threads)
        self.config = config
        self.pretrain = Stage("pretrain", config)
        self.finetune = Stage("finetune", config)
        self.scratch = Stage("scratch", config)
        for name in ("gnn_sim2real.tasks", "gnn_sim2real.datamodule"):  # a line for every cell would drown the bar
            logging.getLogger(name).setLevel(logging.WARNING)

    def run(self, family: Family) -> Iterator[str]:
        """Compute what is missing of a family. A cell that fails is kept as a file and stops no other.

        Args:
            family: The cells.

        Yields:
            `done`, `cached` or `failed` for each cell.
        """
        try:
            model = self._pretrained(family.points[0]) if family.needs_pretraining else None
        except Exception:
            self._keep_failure(family.points[0], "pretraining")
            yield from ["failed"] * len(family.points)
            return
        finally:
            self.pretrain.close_logger()
        for point in family.points:
            try:
                outcome = self._run_point(point, model)
            except Exception:
                self._keep_failure(point, "cell")
                outcome = "failed"
            finally:
                self.finetune.close_logger()
                self.scratch.close_logger()
            yield outcome

    def _keep_failure(self, point: Point, what: str) -> None:
        name = record_key({"point": repr(point), "what": what})
        path = self.config.folder / "failures" / f"{name}.txt"
        write_atomically(path, f"{what} of {point}\n\n{traceback.format_exc()}".encode())
        logger.exception("a %s failed (%s); see %s", what, point, path)

    def _data(self, point: Point) -> tuple[PropertyDataModule, PropertyDataModule]:
        """Source and target of a point; the source without the target's test materials."""
        target = self.finetune.data.variant(size=point.target_size, seed=point.seed, split=point.split)
        source = self.pretrain.data.variant(size=point.source_size or "all", seed=point.seed, exclude=target)
        return source, target

    def _pretrained(self, point: Point) -> Pretrained:
        """The pretrained model of a family, trained now if it is not among the study's models."""
        source, _ = self._data(point)
        config = self.pretrain.config(point.seed, {"encoder": point.architecture} if point.architecture else {})
        key = pretraining_key(plain(config), source, self.config.threads)
        folder = self.config.folder / "models" / key
        if not (folder / DESCRIPTION_FILE).exists():
            checkpoint = self._checkpoint(key)
            trainer, module = self.pretrain.make(config, key, [checkpoint])
            started = time.monotonic()
            trainer.fit(module, datamodule=source, ckpt_path=checkpoint.resume_from(), weights_only=True)
            card = module.card() | {"key": key, "provenance": provenance(time.monotonic() - started)}
            save_model(TrainedModel(module.network, source.featurizer, card), folder)
            checkpoint.discard()
        return Pretrained(key, folder, source.parts.size)

    def _run_point(self, point: Point, model: Pretrained | None) -> str:
        if point.policy in FREEZE_POLICIES:
            return self._fine_tune(point, model)
        source, target = self._data(point)
        return run_baseline(self.config.records, point, source, target, model)

    def _fine_tune(self, point: Point, model: Pretrained | None) -> str:
        _, target = self._data(point)
        stage = self.finetune if model else self.scratch
        changes: dict[str, Any] = {"policy": point.policy, "pretrained": str(model.folder) if model else None}
        if point.architecture:
            changes["encoder"] = point.architecture
        config = stage.config(point.seed, changes)
        # The batch size of the stage's own YAML.
        target = target.variant(batch_size=stage.data.batch_size)
        content = plain(config)
        key = fine_tuning_key(content, model.key if model else None, target, self.config.threads)
        if has_record(self.config.records, key):
            return "cached"
        checkpoint = self._checkpoint(key)
        recorder = ScalingLawCallback(str(self.config.records))
        recorder.key, recorder.config = key, content
        trainer, module = stage.make(config, key, [checkpoint, recorder])
        trainer.fit(module, datamodule=target, ckpt_path=checkpoint.resume_from(), weights_only=True)
        trainer.test(module, datamodule=target, verbose=False)
        checkpoint.discard()
        return "done"

    def _checkpoint(self, key: str) -> EpochCheckpoint:
        path: Path = self.config.folder / "unfinished" / f"{key}.ckpt"
        return EpochCheckpoint(path, self.config.checkpoint_interval)
