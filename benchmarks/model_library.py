"""How long does it take to list a library of 140,000 models, as many as XenonPy.MDL had?

The cards are made up, their files are real: 140,000 folders with a `card.json`. The index is made of them once; then
the command starts anew each time, brings the index up to date by the names of the folders, and writes every line.
"""

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from machine import processor, publish, seconds_of, versions

from gnn_sim2real.library import ModelLibrary

WANTED = 2.0
_RESULT = Path(__file__).parent / "results" / "model_library.json"
_DOMAINS = {"polymer": "repeat_unit", "molecule": "molecule", "crystal": "crystal", "composition": "composition"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=140_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None, help="where to; kept if it is given")
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="model_library_"))
    try:
        make_cards(folder, arguments.models)
        library = ModelLibrary(folder)
        (folder / "index.parquet").unlink(missing_ok=True)
        index = seconds_of(library.cards, time.process_time)
        listed = [seconds_of(library.cards) for _ in range(arguments.rounds)]
        listed_cpu = [seconds_of(library.cards, time.process_time) for _ in range(arguments.rounds)]
        some = [seconds_of(lambda: library.cards(property="property 7", min_r2=0.9)) for _ in range(arguments.rounds)]
        command = [command_seconds(folder) for _ in range(arguments.rounds)]
        result = {
            "models": arguments.models,
            "wanted_seconds_at_most": WANTED,
            "seconds": {
                "cards()": round(statistics.median(listed), 3),
                "cards(), processor time": round(statistics.median(listed_cpu), 3),
                "cards of one property": round(statistics.median(some), 3),
                "models list, all lines": round(statistics.median(wall for wall, _ in command), 3),
                "models list, all lines, processor time": round(statistics.median(cpu for _, cpu in command), 3),
                "index made of the files, processor time": round(index, 1),
            },
            "index_megabytes": round((folder / "index.parquet").stat().st_size / 1e6, 1),
            "rounds": arguments.rounds,
            "load_at_the_end": round(os.getloadavg()[0], 2),
            "processor": processor(),
            "versions": versions("pyarrow", "orjson"),
            "date": datetime.now(UTC).date().isoformat(),
        }
        publish(result, arguments.output)
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder)
    slow = [name for name in ("cards(), processor time",) if result["seconds"][name] > WANTED]
    if slow:
        sys.exit(f"slower than {WANTED} s: {', '.join(slow)}")


def make_cards(folder: Path, count: int) -> None:
    """Write the cards of made-up models; those that are there stay."""
    kinds = itertools.cycle(itertools.product(_DOMAINS, range(35), ("GINE", "DMPNN", "CGCNN", "Roost"), range(5)))
    for number, (domain, prop, architecture, seed) in zip(range(count), kinds, strict=False):
        path = folder / f"{number:032x}" / "card.json"
        if path.exists():
            continue
        error = 0.01 * (1 + number % 97)
        card = {
            "card_format": 1,
            "task": "SourcePretraining",
            "key": f"{number:032x}",
            "architecture": architecture,
            "num_parameters": 32_000 + number % 7,
            "network": {
                "encoder": {"class_path": f"gnn_sim2real.nn.{architecture}", "init_args": {"hidden_dim": 64}},
                "properties": [{"name": f"property {prop}", "unit": "eV", "form": "linear"}],
                "corrects_simulation": False,
            },
            "featurizer": {"name": _DOMAINS[domain], "version": 1},
            "domain": domain,
            "source": f"source of {domain}s {prop % 3}",
            "license": "CC BY 4.0",
            "citation": f"Authors of source {prop % 3} for {domain}s, Journal of Data 1, 1 (2026), doi 10.0000/0",
            "data": {
                "name": "MadeUp",
                "fingerprint": f"{prop:064x}",
                "size": 100 * 2 ** (number % 8),
                "parts": f"{number:032x}",
                "seed": seed,
            },
            "seed": seed,
            "num_validation": 10,
            "metrics": {f"property {prop}": {"mae": error, "rmse": 1.4 * error, "r2": 1 - error}},
            "identities": f"{prop:032x}",
            "provenance": {"versions": {"gnn-sim2real": "0.1.0", "torch": "2.13.0"}, "seconds": 12.3},
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(card))


def command_seconds(folder: Path) -> tuple[float, float]:
    """Time on the wall and processor time of `gnn-sim2real models list` in a process of its own."""
    program = "from gnn_sim2real.cli.main import main; raise SystemExit(main())"
    command = [sys.executable, "-c", program, "models", "list", "--library", str(folder)]
    before, start = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, os.times()
    return wall, (after.children_user - before.children_user) + (after.children_system - before.children_system)


if __name__ == "__main__":
    main()
