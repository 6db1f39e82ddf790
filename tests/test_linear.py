"""The two fitted lines and their rules for a source that says nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_sim2real.linear import fit_calibration, fit_line
from gnn_sim2real.nn.simulated_line import SimulatedLine

VALUES = np.array([3.0, 4.0, 8.0])
CONSTANT = ([300.0] * 3, [300.0, np.nextafter(np.float32(300), np.float32(301)), 300.0], [0.0] * 3)


@given(st.integers(3, 30), st.integers(0, 100))
def test_both_are_the_least_squares_line(num_materials, seed):
    source, values = np.random.default_rng(seed).normal(300, 20, size=(2, num_materials))
    slope, offset = np.polyfit(source, values, 1)
    assert fit_line(source, values) == pytest.approx((offset, slope), rel=1e-6, abs=1e-6)
    assert fit_calibration(source, values) == fit_line(source, values)


@pytest.mark.parametrize("source", CONSTANT)
def test_a_constant_source_says_nothing_or_is_shifted(source):
    source = np.array(source, np.float64)
    assert fit_line(source, VALUES) == (5.0, 0.0)
    assert fit_calibration(source, VALUES) == (pytest.approx(5.0 - source.mean()), 1.0)


def test_two_measurements_only_shift():
    source, values = np.array([1.0, 2.0]), np.array([3.0, 8.0])
    assert fit_line(source, values) == pytest.approx((-2.0, 5.0))
    assert fit_calibration(source, values) == (4.0, 1.0)


def test_a_correction_of_simulated_values_is_a_calibration_of_those_known():
    line, nan = SimulatedLine(2), float("nan")
    simulated = torch.tensor([[1.0, 300.0], [2.0, 300.0], [4.0, 300.0], [nan, 300.0]])
    measured = torch.tensor([[3.0, 310.0], [5.0, 320.0], [9.0, nan], [7.0, 330.0]])
    line.fit(simulated, measured)
    assert line.slope.tolist() == pytest.approx([2.0, 1.0])
    assert line.offset.tolist() == pytest.approx([1.0, 20.0])
