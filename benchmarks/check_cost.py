"""What it costs to check that nothing was damaged or exchanged, by hashes: in a study, and in a list of models.

The study is the demo of polymers, in one process. The time of the checks is taken by a profiler, which makes many short
calls look dearer than they are.
"""

import argparse
import cProfile
import platform
import pstats
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from machine import processor, publish, seconds_of, versions
from model_library import make_cards

from gnn_sim2real.cli.main import main as command
from gnn_sim2real.library import ModelLibrary

WANTED_SHARE, WANTED_SECONDS = 0.02, 0.1
"""Of the time of a study, and for a list of `NUM_MODELS` models."""

NUM_MODELS = 300

CHECKS = {
    ("files.py", "content_checksum"),
    ("files.py", "text_checksum"),
    ("files.py", "file_sha256"),
    ("files.py", "require_sound_zip"),
    ("files.py", "unseal"),
    ("graphs.py", "_checksum"),
    ("index.py", "_checksum"),
    ("model.py", "_require_unchanged"),
    ("content.py", "content_digest"),
}
"""File and name of each function that computes or compares hashes."""

_ROOT = Path(__file__).parents[1]
_RESULT = _ROOT / "benchmarks" / "results" / "check_cost.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=_RESULT)
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as folder:
        result = study_share(Path(folder) / "out") | listing(Path(folder) / "library")
    result |= {
        "machine": {"processor": processor(), "system": platform.system()},
        "versions": versions("torch"),
        "date": datetime.now(UTC).date().isoformat(),
    }
    publish(result, output)
    if result["share_of_study"] > WANTED_SHARE or result["listing_seconds"] > WANTED_SECONDS:
        raise SystemExit("checks cost more than wanted")


def study_share(output: Path) -> dict[str, Any]:
    """Share of the checks in the time of a study."""
    run = ["study", "run", "-c", str(_ROOT / "configs/demo/polymer.yaml"), "--launcher", "serial"]
    profiler = cProfile.Profile(time.process_time)
    profiler.enable()
    code = command([*run, "--output", str(output)])
    profiler.disable()
    if code:
        raise SystemExit(f"the study ended with exit code {code}")
    found: Any = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    total = sum(own for _, _, own, _, _ in found.values())
    calls = seconds = 0.0
    for (path, _, name), (_, _, _, _, callers) in found.items():
        if _is_check(path, name):
            outer = [each for (file, _, caller), each in callers.items() if not _is_check(file, caller)]
            calls += sum(each[0] for each in outer)
            seconds += sum(each[3] for each in outer)
    return {"share_of_study": seconds / total, "checks": calls, "check_seconds": seconds, "study_seconds": total}


def _is_check(path: str, name: str) -> bool:
    return "gnn_sim2real" in path and (Path(path).name, name) in CHECKS


def listing(folder: Path) -> dict[str, Any]:
    """Time to list many models; its index is compared with their folders each time."""
    make_cards(folder, NUM_MODELS)
    ModelLibrary(folder).cards()
    seconds = [seconds_of(lambda: ModelLibrary(folder).cards()) for _ in range(5)]
    return {"listed": NUM_MODELS, "listing_seconds": min(seconds)}


if __name__ == "__main__":
    main()
