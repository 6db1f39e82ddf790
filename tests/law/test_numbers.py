import math

import pytest

from gnn_sim2real.law.numbers import format_ends, format_number, format_size, format_with_ends


@pytest.mark.parametrize("show", [format_size, format_number])
def test_digits_that_a_number_does_not_have_are_not_shown(show):
    assert show(1e300) == "1e+300"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ((45123.0, 39321.0, 57456.0), "45,000 [39,000, 57,000]"),
        ((0.41234, 0.4012, 0.4231), "0.412 [0.401, 0.423]"),
        ((0.1234, 0.1181, 0.3512), "0.12 [0.12, 0.35]"),
        ((0.2, 0.0003123, 0.25), "0.20 [0.00031, 0.25]"),
        ((45123.0, 123.0, 1.2e6), "45,000 [120, 1,200,000]"),
        ((45123.0, 39321.0, math.inf), "45,000 [39,000, unbounded]"),
        ((None, 39321.0, math.inf), "infinitely many [39,000, unbounded]"),
        ((0.5, 0.5, 0.5), "0.5 [0.5, 0.5]"),
        ((0.0, 0.0, 0.691), "0 [0, 0.69]"),
        ((-0.0123, -0.0512, 0.0201), "-0.012 [-0.051, 0.020]"),
        ((3.2e-9, 1.1e-9, 5.4e-9), "3.2e-09 [1.1e-09, 5.4e-09]"),
        ((99960.0, 90000.0, 110000.0), "100,000 [90,000, 110,000]"),
    ],
)
def test_digits_follow_the_interval(number, text):
    assert format_with_ends(*number) == text
    assert text.endswith(format_ends(*number[1:]))


@pytest.mark.parametrize(
    ("size", "text"), [(1600, "1,600"), (1600.0, "1,600"), (0.25, "0.25"), (7700779.5, "7,700,779.5")]
)
def test_a_size_keeps_all_its_digits(size, text):
    assert format_size(size) == text
