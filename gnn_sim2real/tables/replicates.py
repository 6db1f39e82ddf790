"""Several measurements of the same material: their range, and the error that their noise leaves to any model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.tables.table import Property
from gnn_sim2real.tables.texts import to_numbers
from gnn_sim2real.units import convert

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]

MIN_REPLICATED = 10
"""Smallest number of materials measured more than once for an estimate of the noise."""


class Ranges(NamedTuple):
    """The measurements behind each row of a file, in the unit of the property.

    Attributes:
        lowest: (num_rows,).
        highest: (num_rows,).
        number: (num_rows,); number of measurements.
    """

    lowest: Floats
    highest: Floats
    number: NDArray[np.int64]

    @classmethod
    def of_single(cls, values: Floats) -> Ranges:
        """Rows of one measurement each.

        Args:
            values: (num_rows,).
        """
        return cls(values, values, np.ones(len(values), np.int64))


@dataclass(frozen=True)
class NoiseFloor:
    """The mean absolute error of a model that knows every true value, on labels that are measured.

    Attributes:
        mae: The error, in the unit of the property.
        mae_without_ties: The error without materials whose measurements agree exactly, which may be copies.
        num_replicated: Number of materials measured more than once.
        num_tied: Number of those whose measurements agree exactly.
        num_materials: Number of materials with a label.
    """

    mae: float
    mae_without_ties: float
    num_replicated: int
    num_tied: int
    num_materials: int


def read_ranges(frame: pandas.DataFrame, prop: Property, values: Floats) -> Ranges:
    """Read the range of the measurements behind each row, if the file gives it.

    Args:
        frame: The table.
        prop: The property; without `replicates` each row is one measurement.
        values: (num_rows,); the values of the rows, converted.

    Returns:
        The ranges. A row whose range is missing or does not contain its value counts as one measurement.
    """
    if prop.replicates is None:
        return Ranges.of_single(values)
    file_unit = prop.file_unit if prop.file_unit is not None else prop.unit
    lowest, highest = (convert(to_numbers(frame[column]), file_unit, prop.unit) for column in prop.replicates[:2])
    number = np.nan_to_num(to_numbers(frame[prop.replicates.number]), nan=1.0)
    tolerance = 1e-9 * np.abs(values)
    usable = (number > 1) & (lowest <= values + tolerance) & (values <= highest + tolerance)
    return Ranges(
        np.where(usable, lowest, values),
        np.where(usable, highest, values),
        np.where(usable, number, 1).astype(np.int64),
    )


def merge_ranges(
    codes: NDArray[np.int64], values: Floats, ranges: Ranges, num_groups: int
) -> tuple[Floats, NDArray[np.int64]]:
    """Half range and number of the measurements of each material.

    Args:
        codes: (num_rows,); number of the material.
        values: (num_rows,); rows with NaN do not count.
        ranges: Ranges of the rows.
        num_groups: Number of materials.

    Returns:
        The half range, (num_groups,), NaN for a single measurement; and the number, (num_groups,).
    """
    present = np.isfinite(values)
    codes = codes[present]
    lowest, highest = np.full(num_groups, np.inf), np.full(num_groups, -np.inf)
    np.minimum.at(lowest, codes, ranges.lowest[present])
    np.maximum.at(highest, codes, ranges.highest[present])
    number = np.bincount(codes, weights=ranges.number[present], minlength=num_groups).astype(np.int64)
    half = np.full(num_groups, np.nan)
    many = number > 1
    half[many] = (highest - lowest)[many] / 2
    return half, number


def noise_floor(values: Floats, half_range: Floats, number: NDArray[np.int64]) -> NoiseFloor | None:
    """Estimate the noise of the labels from the spread of replicates.

    The standard deviation of one measurement is the range over its expected value for that many normal deviates
    (Tippett); for a material that was measured once it is the mean over the others. A label is assumed to be as certain
    as the mean of its measurements. Labels of exactly zero (metals among band gaps) are a separate group, since they
    are not measured like the others; a group without replicates counts as free of noise. Errors that all measurements
    of a material share, such as those of the method, do not show. So the estimate is rather too low.

    Args:
        values: (num_materials,); the labels, NaN for none.
        half_range: (num_materials,); half the range of the measurements behind each, NaN for a single one.
        number: (num_materials,); number of measurements.

    Returns:
        The error; None if fewer than `MIN_REPLICATED` materials were measured more than once.

    References:
        L. H. C. Tippett, Biometrika 17, 364 (1925), doi 10.1093/biomet/17.3-4.364.
    """
    present = np.isfinite(values)
    values, half_range, number = values[present], half_range[present], number[present]
    replicated = (number > 1) & np.isfinite(half_range)
    tied = replicated & (half_range == 0)
    if replicated.sum() < MIN_REPLICATED:
        return None
    deviation = np.full(len(values), np.nan)
    counts = number[replicated].tolist()
    deviation[replicated] = 2 * half_range[replicated] / [_expected_range(count) for count in counts]
    # Labels from copies of one measurement are as uncertain as single ones.
    of_copies = np.where(tied, np.nan, deviation)
    return NoiseFloor(
        mae=_mean_error(values, deviation, number),
        mae_without_ties=_mean_error(values, of_copies, np.where(tied, 1, number)),
        num_replicated=int(replicated.sum()),
        num_tied=int(tied.sum()),
        num_materials=len(values),
    )


def _mean_error(values: Floats, deviation: Floats, number: NDArray[np.int64]) -> float:
    """Mean over all labels of the expected absolute error; `deviation` is NaN for labels measured once."""
    deviation = deviation.copy()
    for group in (values == 0, values != 0):
        known = group & np.isfinite(deviation)
        deviation[group & ~known] = deviation[known].mean() if known.any() else 0.0
    return float(np.sqrt(2 / np.pi) * np.mean(deviation / np.sqrt(number)))


@lru_cache
def _expected_range(count: int) -> float:
    """Expected range of this many standard normal deviates."""
    from scipy.integrate import quad
    from scipy.stats import norm

    def outside(x: float) -> float:
        below = norm.cdf(x)
        return float(1 - below**count - (1 - below) ** count)

    return 2 * float(quad(outside, 0.0, 12.0)[0])
