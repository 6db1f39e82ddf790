"""Settings whose module a worker imports for a minute."""

import os
import time
from dataclasses import dataclass

_SLOW = "GNN_SIM2REAL_TEST_SLOW_TO_IMPORT"
if _SLOW in os.environ:
    time.sleep(60)


@dataclass
class SlowSettings:
    """What a launcher reads of a study."""

    threads: int = 1
    workers: int = 2


def start_workers():
    """Start the workers of a launcher, and wait."""
    from gnn_sim2real.study.launchers.processes import Processes

    os.environ[_SLOW] = "1"
    launched = Processes(SlowSettings())
    print("started", flush=True)  # noqa: T201 (for the test)
    time.sleep(300)
    launched.close()
