import os
import platform
import subprocess
import sys

import pytest

_SCRIPT = """
import numpy as np
from gnn_sim2real.study.memory import ReleaseMemory

def anonymous():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Anonymous"))

blocks = [np.ones(50_000) for _ in range(500)]
last = np.ones(50_000)  # it lies above all others, which therefore cannot be cut off
before = anonymous()
del blocks
kept = anonymous()
ReleaseMemory(interval=1000).on_train_batch_end(None, None, None, None, 0)
too_early = anonymous()
ReleaseMemory(interval=-1).on_train_batch_end(None, None, None, None, 0)
print(before, kept, too_early, anonymous())
"""

THRESHOLDS = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps memory by these thresholds")
def test_gaps_are_given_back_and_not_before_it_is_time():
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")} | THRESHOLDS
    done = subprocess.run([sys.executable, "-c", _SCRIPT], env=variables, capture_output=True, text=True, check=True)
    before, kept, too_early, after = map(int, done.stdout.split())
    assert kept > before - 20_000  # kB; without the callback all of it stays
    assert too_early > kept - 20_000
    assert after < before - 150_000


def test_nothing_to_do_where_the_thresholds_are_not_set(monkeypatch):
    from gnn_sim2real.study.memory import ReleaseMemory

    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    assert ReleaseMemory()._trim is None
