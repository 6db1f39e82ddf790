"""What do building, checking, pushing and pulling a library cost for each model?

Tiny models are pretrained on the demo by `models build`, one process, each for a single epoch: their time is what a
pretraining costs beside its epochs. A library of untrained networks is verified, pushed to a folder, pushed again,
pulled and exported. Processor time says what the work costs on a busy machine too.
"""

import argparse
import contextlib
import io
import json
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is loaded

import torch
import yaml
from machine import processor, publish, seconds_of, versions
from ranking import make_library

from gnn_sim2real.cli.main import main as command
from gnn_sim2real.library import ModelLibrary

_RESULT = Path(__file__).parent / "results" / "library_steps.json"
_PRETRAIN = {
    "trainer": {"accelerator": "cpu", "max_epochs": 1},
    "model": {
        "class_path": "gnn_sim2real.tasks.SourcePretraining",
        "init_args": {"encoder": {"class_path": "gnn_sim2real.nn.GINE", "init_args": {"hidden_dim": 16}}},
    },
    "data": {"class_path": "datamodules.DemoSimulated", "init_args": {"batch_size": 64}},
}
_SIZES = (20, 40)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--trained", type=int, default=40, help=f"models that are built, half of {_SIZES} materials each"
    )
    parser.add_argument("--models", type=int, default=1000, help="models that are pushed and pulled")
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="library_steps_") as folder:
        build(Path(folder) / "warm", 2)  # loads what is loaded once a process
        built = build(Path(folder) / "build", arguments.trained)
        moved = move(Path(folder), arguments.models)
    result = {
        "build": built,
        "move": moved,
        "load_at_the_end": round(os.getloadavg()[0], 2),
        "processor": processor(),
        "versions": versions("torch", "lightning"),
        "date": datetime.now(UTC).date().isoformat(),
    }
    publish(result, arguments.output)


def build(folder: Path, count: int) -> dict[str, Any]:
    """Time `models build`, and the same command once all is there."""
    folder.mkdir()
    (folder / "pretrain.yaml").write_text(yaml.safe_dump(_PRETRAIN))
    source = {"pretrain": "pretrain.yaml", "source_size": [*_SIZES], "seed": [*range(count // len(_SIZES))]}
    config = {"output": str(folder / "out"), "models": str(folder / "own"), "launcher": "serial", "sources": [source]}
    (folder / "library.yaml").write_text(yaml.safe_dump(config))
    words = ["build", "-c", str(folder / "library.yaml")]
    seconds = {name: _seconds(lambda: _run(words)) for name in ("build", "build, all there")}
    library = ModelLibrary(folder / "own")
    if len(library.keys()) != count:
        raise SystemExit(f"{len(library.keys())} models in place of {count}")
    provenance = [json.loads(path.read_text())["provenance"] for path in (folder / "own").glob("*/card.json")]
    return {
        "models": count,
        "num_parameters": library.cards()[0].num_parameters,
        "seconds": seconds,
        "core_seconds_of_a_model": round(median(each["core_seconds"] for each in provenance), 3),
    }


def move(folder: Path, count: int) -> dict[str, Any]:
    """Time the steps of a library of untrained networks of the size of `configs/library`."""
    library = make_library(folder / "own", "GINE", count)
    own, hub, other = (str(folder / name) for name in ("own", "hub", "other"))
    steps = {
        "verify": ["verify", "--library", own],
        "push": ["push", hub, "--library", own],
        "push, all there": ["push", hub, "--library", own],
        "pull": ["pull", hub, "--library", other],
        "export": ["export", str(folder / "all.tar.gz"), "--library", own],
    }
    library.cards()  # the index is made once
    seconds = {name: _seconds(lambda words=words: _run(words)) for name, words in steps.items()}
    if sorted(library.keys()) != sorted(ModelLibrary(folder / "other").keys()) or len(library.keys()) != count:
        raise SystemExit(f"{len(library.keys())} models in place of {count}, or others were pulled")
    files = [path for path in (folder / "own").rglob("*") if path.is_file()]
    return {
        "models": count,
        "num_parameters": library.cards()[0].num_parameters,
        "seconds": seconds,
        "files": len(files),
        "megabytes": round(sum(path.stat().st_size for path in files) / 1e6, 2),
        "megabytes_on_disk": round(sum(path.stat().st_blocks for path in files) * 512 / 1e6, 2),
        "archive_megabytes": round((folder / "all.tar.gz").stat().st_size / 1e6, 2),
    }


def _run(words: list[str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        if command(["models", *words]):
            raise SystemExit(f"models {' '.join(words)} failed")


def _seconds(work: Callable[[], object]) -> dict[str, float]:
    start = time.perf_counter()
    worked = seconds_of(work, time.process_time)
    return {"processor": round(worked, 2), "wall": round(time.perf_counter() - start, 2)}


if __name__ == "__main__":
    main()
