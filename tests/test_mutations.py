"""The faults of `mutations.py` fit the package of today; none is put in here, which takes an hour."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest


@pytest.mark.slow
def test_every_fault_finds_its_place_and_its_tests():
    """A fault whose line has moved or whose test has another name would go unnoticed until the next release."""
    command = [sys.executable, "mutations.py", "--list"]
    listed = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    assert listed.returncode == 0, listed.stderr
    kinds = Counter(line.split()[0] for line in listed.stdout.splitlines())
    assert kinds["chosen"] >= 44
    assert kinds["drawn"] >= kinds["chosen"]
