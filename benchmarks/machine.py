"""What the benchmarks share: the machine and the versions in a result, a clock, and the file of the result."""

import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gnn_sim2real import __version__


def processor() -> str:
    """Name of the processor."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def versions(*packages: str) -> dict[str, str]:
    """Versions of this package, of Python and of the packages named."""
    return {
        "gnn_sim2real": __version__,
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def seconds_of(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long some work takes; by the clock on the wall unless another is given."""
    start = clock()
    work()
    return clock() - start


def publish(result: dict[str, Any], path: Path) -> None:
    """Write a result as JSON, and print it."""
    text = json.dumps(result, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
    print(text)
