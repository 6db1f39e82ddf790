"""A search that Ctrl-C cuts short is never taken for a whole one."""

import multiprocessing
import os
import signal
import time

import numpy as np
import pytest

from gnn_sim2real.featurize.descriptors import molecule_descriptors
from gnn_sim2real.featurize.families import polymer_class
from gnn_sim2real.featurize.whole_search import whole

CHAIN = "CCO" * 60


def test_a_search_gives_what_it_finds():
    assert whole(lambda: [1, 2]) == [1, 2]


@pytest.mark.parametrize("answers", [([1], [1, 2]), ([1, 2], [])], ids=["first", "second"])
def test_a_search_cut_short_is_a_ctrl_c(answers):
    left = iter(answers)
    with pytest.raises(KeyboardInterrupt):
        whole(lambda: next(left))


def test_classes_are_those_of_whole_searches(monkeypatch):
    searched = []
    monkeypatch.setattr("gnn_sim2real.featurize.families.whole", lambda search: searched.append(search) or search())
    assert polymer_class("*CC(*)c1ccccc1") == "polystyrenes"
    assert searched


def shoot(process: int) -> None:
    while True:
        time.sleep(0.05)  # two within the same millisecond could cut both searches short in the same place
        os.kill(process, signal.SIGINT)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_row_is_right_or_not_there_whenever_ctrl_c_is_pressed():
    right = molecule_descriptors([CHAIN])
    before = signal.signal(signal.SIGINT, lambda *_: None)
    shooter = multiprocessing.get_context("spawn").Process(target=shoot, args=(os.getpid(),), daemon=True)
    shooter.start()
    rows = stopped = 0
    try:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                row = molecule_descriptors([CHAIN])
            except KeyboardInterrupt:
                stopped += 1
                continue
            rows += 1
            np.testing.assert_array_equal(row, right)
    finally:
        shooter.kill()
        shooter.join()
        signal.signal(signal.SIGINT, before)
    assert rows > 100
    assert stopped > 0
