"""What it costs to check that nothing was damaged or exchanged, by hashes: in a study, and in a list of models.

The study is the demo of polymers, one split and one seed of it, in one process. All times are of the processor. That of
the checks is taken by a profiler, which makes many short calls look dearer than they are.
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

from gnn_sim2real import files
from gnn_sim2real.cli.main import main as command
from gnn_sim2real.library import ModelLibrary, content, identities, index, model
from gnn_sim2real.store import graphs

WANTED_SHARE, WANTED_SECONDS = 0.02, 0.1
"""Of the time of a study, and for a list of `NUM_MODELS` models."""

NUM_MODELS = 300

CHECKS = (
    files.content_checksum,
    files.file_sha256,
    files.require_sound_zip,
    files.text_checksum,
    files.unseal,
    content.hash_model,
    graphs._checksum,
    identities.hash_identities,
    index._checksum,
    model._require_unchanged,
)
"""Functions that compute or compare hashes."""

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
    code = command([*run, "--axes.seed", "[0]", "--axes.split", "[0]", "--output", str(output)])
    profiler.disable()
    if code:
        raise SystemExit(f"the study ended with exit code {code}")
    found: Any = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    total = sum(own for _, _, own, _, _ in found.values())
    calls = seconds = 0.0
    checks = {(each.__code__.co_filename, each.__code__.co_firstlineno, each.__name__) for each in CHECKS}
    for each in checks & found.keys():
        outer = [times for caller, times in found[each][4].items() if caller not in checks]
        calls += sum(times[0] for times in outer)
        seconds += sum(times[3] for times in outer)
    return {"share_of_study": seconds / total, "checks": calls, "check_seconds": seconds, "study_seconds": total}


def listing(folder: Path) -> dict[str, Any]:
    """Processor time to list many models; its index is compared with their folders each time."""
    make_cards(folder, NUM_MODELS)
    ModelLibrary(folder).cards()
    seconds = [seconds_of(lambda: ModelLibrary(folder).cards(), time.process_time) for _ in range(5)]
    return {"listed": NUM_MODELS, "listing_seconds": min(seconds)}


if __name__ == "__main__":
    main()
