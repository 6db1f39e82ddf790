"""Has anything become slower? The short form of each benchmark of speed, against the committed result.

A benchmark is run as a process of its own, with few rounds; what it writes is compared with its file in `results/`.
Only ratios to another program on the same machine are compared, since these move little from machine to machine. It
ends with an error if one has become worse by more than a fifth, or a benchmark fails before it has measured anything.

    GNN_SIM2REAL_DATA=... python benchmarks/check.py          # some 5 minutes on 2 quiet cores; names choose some
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ALLOWED = 0.8
"""Share of the committed ratio that is still accepted; ratios that should be small may grow by as much."""

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Check:
    """A benchmark in its short form.

    Attributes:
        script: Its name.
        words: What makes it short.
        ratios: Where its ratios are in what it writes, from the outside in.
        better: Whether a ratio says how much faster we are, or how much longer something takes than without us.
        needs_data: Whether it reads tables of `$GNN_SIM2REAL_DATA`.
    """

    script: str
    words: tuple[str, ...]
    ratios: tuple[tuple[str, ...], ...]
    better: Literal["more", "less"] = "more"
    needs_data: bool = False


CHECKS = (
    Check("loading", ("--rounds", "3"), (("ratio",),)),
    Check("crystal_encoders", ("--rounds", "3"), (("ratio",), ("ratio_both_bf16",))),
    Check(
        "crystal_graphs",
        ("--rounds", "2", "--structures", "60", "--batches", "10"),
        (("graphs_ratio",), ("cif_ratio",), ("batch_ratio",)),
        needs_data=True,
    ),
    Check(
        "startup",
        ("--rounds", "3"),
        (("starts", "load_model", "ratio"), ("starts", "fit --help", "ratio"), ("starts", "predict", "ratio")),
        better="less",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    names = parser.parse_args().names or [each.script for each in CHECKS]
    if unknown := {*names} - {each.script for each in CHECKS}:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(each.script for each in CHECKS)}")
    worse = []
    for check in CHECKS:
        if check.script not in names:
            continue
        if check.needs_data and not os.environ.get("GNN_SIM2REAL_DATA"):
            print(f"{check.script}: skipped, GNN_SIM2REAL_DATA is not set")
            continue
        start = time.perf_counter()
        found = run(check)
        print(f"{check.script} ({time.perf_counter() - start:.0f} s)")
        committed = json.loads((_HERE / "results" / f"{check.script}.json").read_text())
        worse += [f"{check.script} {line}" for line in compare(check, found, committed)]
    if worse:
        raise SystemExit("slower than committed: " + "; ".join(worse))


def run(check: Check) -> dict[str, Any]:
    """What the short form measures; its own wanted numbers are those of the long form, and are not asked for.

    Args:
        check: The benchmark.

    Raises:
        SystemExit: If it writes nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "result.json"
        words = [sys.executable, str(_HERE / f"{check.script}.py"), *check.words, "--output", str(output)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if not output.exists():
            raise SystemExit(f"{check.script} fails:\n{done.stderr}")
        content: dict[str, Any] = json.loads(output.read_text())
    return content


def compare(check: Check, found: Mapping[str, Any], committed: Mapping[str, Any]) -> list[str]:
    """Print the ratios of a benchmark, and say which are worse than what is accepted.

    Args:
        check: The benchmark.
        found: What was measured now.
        committed: What is in the committed result.
    """
    worse = []
    for path in check.ratios:
        now, before = _at(found, path), _at(committed, path)
        line = f"{' '.join(path)}: {now:.2f}, committed {before:.2f}"
        is_worse = now < ALLOWED * before if check.better == "more" else now > before / ALLOWED
        print(f"  {line}{', worse' if is_worse else ''}")
        worse += [line] if is_worse else []
    return worse


def _at(content: Any, path: Sequence[str]) -> float:
    for name in path:
        content = content[name]
    return float(content)


if __name__ == "__main__":
    main()
