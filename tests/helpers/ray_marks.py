"""What tests on a real Ray cluster need."""

from importlib.util import find_spec

import pytest

NEEDS_RAY = [
    pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'gnn-sim2real[ray]'"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),  # Ray leaves some to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
"""Marks of a module, see `needs_ray` for a single test."""


def needs_ray(test):
    """Mark a test that runs on a cluster."""
    for mark in NEEDS_RAY:
        test = mark(test)
    return test
