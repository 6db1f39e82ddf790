"""Rows by the content of their material."""

import multiprocessing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_sim2real.store.rows import RowFile, material_key, widened


def keys(*names):
    return [material_key(str(name), "molecule") for name in names]


def row(name, width=3):
    return np.random.default_rng(name).normal(size=width).astype(np.float32)


def test_rows_are_found_by_their_material(tmp_path):
    file = RowFile(tmp_path / "rows.safetensors")
    assert not file.find(keys(1)).known.any()
    file.add(keys(5, 1, 3), np.stack([row(5), row(1), row(3)]), {})
    file.add(keys(2, 4), np.stack([row(2), np.full(3, np.nan, np.float32)]), {1: "too large"})
    found = file.find(keys(3, 9, 4, 2, 3))
    assert found.known.tolist() == [True, False, True, True, True]
    np.testing.assert_array_equal(found.values[[0, 3, 4]], [row(3), row(2), row(3)])
    assert found.reasons == {2: "too large"}


@settings(max_examples=20)  # each writes to the disk several times
@given(st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=15, unique=True), min_size=1, max_size=6))
def test_whatever_is_added_in_whatever_order(tmp_path_factory, parts):
    file = RowFile(tmp_path_factory.mktemp("rows") / "rows.safetensors")
    for part in parts:
        refused = {place: f"reason {name % 3}" for place, name in enumerate(part) if name % 4 == 0}
        file.add(keys(*part), np.stack([row(name) for name in part]), refused)
    added = {name for part in parts for name in part}
    found = file.find(keys(*range(41)))
    assert {name for name in range(41) if found.known[name]} == added
    assert found.reasons == {name: f"reason {name % 3}" for name in added if name % 4 == 0}
    for name in added:
        np.testing.assert_array_equal(found.values[name], row(name))


def test_the_last_row_of_a_material_stays(tmp_path):
    file = RowFile(tmp_path / "rows.safetensors")
    file.add(keys(1), row(1)[None], {0: "damaged"})
    file.add(keys(1), row(2)[None], {})
    found = file.find(keys(1))
    np.testing.assert_array_equal(found.values[0], row(2))
    assert not found.reasons


def test_rows_of_another_encoder_are_refused():
    with pytest.raises(ValueError, match=r"\b3\b.*\b4\b"):
        widened(np.zeros((2, 3), np.float32), 4)


def _add(path, start):
    for name in range(start, start + 20):
        RowFile(path).add(keys(name), row(name)[None], {})


@pytest.mark.slow
def test_processes_that_add_at_once_lose_nothing(tmp_path):
    path = tmp_path / "rows.safetensors"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_add, args=(path, start)) for start in (0, 20)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    found = RowFile(path).find(keys(*range(40)))
    assert found.known.all()
    np.testing.assert_array_equal(found.values[7], row(7))
