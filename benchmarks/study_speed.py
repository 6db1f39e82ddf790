"""Cells per hour of a polymer study, against fits started one by one and against a plain loop of the same trainings.

60 fine-tunings of 12 pretrainings on the generated demo polymers, on two cores, each way in turn:
  study    `gnn-sim2real study run` with two processes
  fits     for each cell `gnn-sim2real fit` of pretraining and fine-tuning, in fresh processes (one cell of each
           source size; the rest is the same again)
  loop     the same trainings in one process with Lightning's trainer and torch-geometric's loader, one and two threads,
           each pretraining once
The engine's own time per cell is that of its process from end to end, less start-up and the trainings themselves.
"""

import argparse
import copy
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from machine import publish

from gnn_sim2real import __version__

ROOT = Path(__file__).parents[1]
WANTED = {"fits": 4.0, "loop_1_thread": 2.0, "loop_2_threads": 1.3}
WANTED_OVERHEAD = 0.1
SOURCE_SIZES, SEEDS, SPLITS = [100, 300, 1000, "all"], [0, 1, 2], [0, 1, 2, 3, 4]
_RESULT = ROOT / "benchmarks" / "results" / "study_speed.json"
_COMMAND = [sys.executable, "-c", "from gnn_sim2real.cli.main import main; raise SystemExit(main())"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1, help="of about 6 minutes each")
    parser.add_argument("--loop", type=Path, help="run the plain loop on this folder's study and exit (used by itself)")
    parser.add_argument(
        "--overhead", type=Path, help="time the engine on this folder's study and exit (used by itself)"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    if arguments.loop:
        print(json.dumps(plain_loop(arguments.loop, arguments.threads)))
        return
    if arguments.overhead:
        print(json.dumps(engine_overhead(arguments.overhead)))
        return
    result = measure(arguments.rounds)
    publish(result, arguments.output)
    short = [name for name, least in WANTED.items() if result["ratio"][name] < least]
    if short or result["overhead_per_cell"] > WANTED_OVERHEAD:
        raise SystemExit(f"less than wanted: {', '.join(short) or 'the overhead of a cell'}")


def measure(num_rounds: int) -> dict[str, Any]:
    """All ways in turn; cells per hour, and the ratios of each round."""
    rates: dict[str, list[float]] = {"study": [], **{name: [] for name in WANTED}}
    overheads = []
    for _ in range(num_rounds):
        with tempfile.TemporaryDirectory() as text:
            folder = Path(text)
            cells = write_study(folder)
            rates["study"].append(cells / timed("study", "run", "-c", str(folder / "study.yaml"), threads=1) * 3600)
            rates["loop_1_thread"].append(cells / own(["--loop", text, "--threads", "1"], 1)["seconds"] * 3600)
            rates["loop_2_threads"].append(cells / own(["--loop", text, "--threads", "2"], 2)["seconds"] * 3600)
            rates["fits"].append(3600 / fresh_fits(folder))
            overheads.append(own(["--overhead", text], 1)["overhead_per_cell"])
    ratios = {
        name: statistics.median(a / b for a, b in zip(rates["study"], rates[name], strict=True)) for name in WANTED
    }
    return {
        "ratio": {name: round(ratio, 2) for name, ratio in ratios.items()},
        "wanted": WANTED,
        "cells_per_hour": {name: round(statistics.median(values)) for name, values in rates.items()},
        "overhead_per_cell": round(statistics.median(overheads), 4),
        "wanted_overhead": WANTED_OVERHEAD,
        "rounds": num_rounds,
        "study": f"{cells} fine-tunings of {len(SOURCE_SIZES) * len(SEEDS)} pretrainings",
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
        "version": __version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def write_study(folder: Path) -> int:
    """The demo's stages on a grid of 60 cells; the number of cells."""
    study = {
        "pretrain": str(ROOT / "configs/demo/polymer_pretrain.yaml"),
        "finetune": str(ROOT / "configs/demo/polymer_finetune.yaml"),
        "output": str(folder / "out"),
        "workers": 2,
        "axes": {"source_size": SOURCE_SIZES, "target_size": [16], "seed": SEEDS, "split": SPLITS},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    return len(SOURCE_SIZES) * len(SEEDS) * len(SPLITS)


def timed(*words: str, threads: int) -> float:
    """Seconds of a command of this package in a fresh process."""
    started = time.monotonic()
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    subprocess.run([*_COMMAND, *words], check=True, env=environment, capture_output=True)
    return time.monotonic() - started


def own(words: list[str], threads: int) -> Any:
    """What this script prints as a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, __file__, *words]
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(done.stdout.splitlines()[-1])


def fresh_fits(folder: Path) -> float:
    """Mean seconds of a cell made by two commands, over one cell of each source size."""
    seconds = 0.0
    for number, size in enumerate(SOURCE_SIZES):
        where = folder / f"fit_{number}"
        stages = ROOT / "configs" / "demo"
        common = ["--trainer.default_root_dir", str(where), "--trainer.enable_progress_bar", "false"]
        pretraining = ["--data.init_args.size", str(size), "--trainer.logger", "false"]
        seconds += timed("fit", "-c", str(stages / "polymer_pretrain.yaml"), *common, *pretraining, threads=2)
        (checkpoint,) = where.rglob("*.ckpt")
        source = ["--model.pretrained", str(checkpoint), "--data.init_args.size", "16", "--trainer.logger", "false"]
        seconds += timed("fit", "-c", str(stages / "polymer_finetune.yaml"), *common, *source, threads=2)
    return seconds / len(SOURCE_SIZES)


def plain_loop(folder: Path, threads: int) -> dict[str, float]:
    """What a user would write: Lightning's trainer, torch-geometric's data set and loader, one after another."""
    started = time.monotonic()
    import torch
    from lightning.pytorch import Trainer, seed_everything

    torch.set_num_threads(threads)
    from gnn_sim2real.console import quiet_lightning, quiet_tasks
    from gnn_sim2real.library import TrainedModel, save_model
    from gnn_sim2real.study.config import read_study
    from gnn_sim2real.study.plan import make_plan
    from gnn_sim2real.study.resolve import Resolver

    quiet_lightning()
    quiet_tasks()
    study, _ = read_study([str(folder / "study.yaml")], ["--output", str(folder / "loop")])
    resolver = Resolver(study)
    plan = make_plan(study, resolver)
    quiet = {
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
        "logger": False,
    }

    def train(job: Any, stage: Any, data: Any) -> Any:
        config = resolver.config(job)
        seed_everything(config.seed_everything, verbose=False)
        made = stage.parser.instantiate(config)
        settings = {
            name: made.trainer[name] for name in ("max_epochs", "max_steps", "gradient_clip_val", "accelerator")
        }
        trainer = Trainer(**settings, **quiet, log_every_n_steps=1)
        trainer.fit(made.model, datamodule=with_pyg_loaders(data))
        return trainer, made.model

    for job in plan.models.values():
        _, model = train(job, resolver.pretrain, resolver.source(job.point))
        source = resolver.source(job.point)
        save_model(TrainedModel(model.network, source.featurizer, model.card()), resolver.model_folder(job.key))
    for job in plan.cells:
        data = resolver.target(job.point)
        trainer, model = train(job, resolver.finetune, data)
        trainer.test(model, datamodule=with_pyg_loaders(data), verbose=False)
    return {"seconds": time.monotonic() - started}


def with_pyg_loaders(data: Any) -> Any:
    """The same data module, its batches cut and collated by torch-geometric."""
    import torch
    from torch_geometric.data import Data, InMemoryDataset
    from torch_geometric.loader import DataLoader

    from gnn_sim2real.graph import GraphBatch, to_pyg

    class Collated(InMemoryDataset):
        def __init__(self, items: list[Data]) -> None:
            super().__init__()
            self.data, self.slices = self.collate(items)

    if not hasattr(data, "pyg_items"):
        featurize = data.featurizer.featurize
        data.pyg_items = [to_pyg(featurize(material)) for material in data.table.materials]
        for row, item in enumerate(data.pyg_items):
            item.y, item.row = data.data_set.targets[row].unsqueeze(0), torch.tensor([row])
    other = copy.copy(data)

    def loader(rows: Any, batch_size: int, shuffle: bool) -> Any:
        def convert(batch: Any) -> GraphBatch:
            names = (
                "atomic_number",
                "edge_index",
                "node_weight",
                "component",
                "atom_codes",
                "bond_codes",
                "crosses_cell",
            )
            fields = {name: getattr(batch, name) for name in names}
            return GraphBatch(**fields, batch_index=batch.batch, row=batch.row, targets=batch.y)

        dataset = Collated([data.pyg_items[row] for row in rows])
        number = -(-len(rows) // batch_size)  # as many batches as ours has, of nearly the same size
        made = DataLoader(dataset, batch_size=-(-len(rows) // number), shuffle=shuffle)
        collate = made.collate_fn
        made.collate_fn = lambda items: convert(collate(items))
        return made

    other.train_dataloader = lambda: loader(data.parts.train, data.settings.batch_size, True)
    other.val_dataloader = lambda: []
    other.test_dataloader = lambda: loader(data.parts.test, 256, False)
    return other


def engine_overhead(folder: Path) -> dict[str, float]:
    """Time of a cell beyond that of `fit` and `test`, in a warm process."""
    from lightning.pytorch import Trainer

    from gnn_sim2real.console import quiet_lightning
    from gnn_sim2real.study.cells import CellRunner
    from gnn_sim2real.study.config import read_study
    from gnn_sim2real.study.plan import make_plan

    quiet_lightning()
    study, _ = read_study([str(folder / "study.yaml")], ["--output", str(folder / "overhead"), "--launcher", "serial"])
    runner = CellRunner(study)
    plan = make_plan(study, runner.resolver)
    inside = [0.0]

    def count(method: Any) -> Any:
        def counted(*arguments: Any, **settings: Any) -> Any:
            started = time.monotonic()
            try:
                return method(*arguments, **settings)
            finally:
                inside[0] += time.monotonic() - started

        return counted

    Trainer.fit, Trainer.test = count(Trainer.fit), count(Trainer.test)
    model = next(iter(plan.models.values()))
    runner.run(model)
    cells = [job for job in plan.cells if job.model == model.key]
    cells += [job for job in plan.cells if job.model != model.key]
    runner.run(cells[0])
    inside[0], started, measured = 0.0, time.monotonic(), cells[1:3]
    for job in measured:
        runner.run(job)
    return {"overhead_per_cell": (time.monotonic() - started - inside[0]) / len(measured)}


if __name__ == "__main__":
    main()
