"""Settings whose module a worker imports for a minute."""

import os
import time

_SLOW = "GNN_SIM2REAL_TEST_SLOW_TO_IMPORT"
if _SLOW in os.environ:
    time.sleep(60)


def make_runner():
    """What a worker would compute with, if it came to that."""


def start_workers():
    """Start the workers of a launcher, and wait."""
    from gnn_sim2real.launchers.base import Place, Work
    from gnn_sim2real.launchers.processes import Processes

    os.environ[_SLOW] = "1"
    launched = Processes(Work(Place(workers=2), make_runner))
    print("started", flush=True)  # noqa: T201 (for the test)
    time.sleep(300)
    launched.close()
