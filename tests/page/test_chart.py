"""Figures as elements of a page."""

import csv
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from gnn_sim2real.figures import BASELINE_COLORS, COLORS, GRAY
from gnn_sim2real.page.chart import MARKERS, Axis, Chart, Entry, Line, Point, Series, Style, css_class, limits_of
from gnn_sim2real.page.page import TextTable, csv_of

NAN = float("nan")


def chart(points, *, x=None, y=None, lines=()):
    x = x or Axis("n", True, (10.0, 1000.0))
    y = y or Axis("error", False, (0.0, 1.0))
    return ET.fromstring(Chart("A panel", x, y, [Series(Style("c0"), points)], lines).svg())  # noqa: S314 (ours)


def places(element):
    found = [each.get("transform") for each in element.iter("path") if "marker" in each.get("class", "")]
    return [tuple(map(float, re.findall(r"[\d.]+", each))) for each in found]


def test_a_decade_is_as_wide_as_the_next_and_larger_errors_are_higher():
    points = [Point(n, error, NAN, NAN, "") for n, error in ((10, 0.1), (100, 0.1), (1000, 0.9))]
    first, second, third = places(chart(points))
    assert second[0] - first[0] == pytest.approx(third[0] - second[0], abs=0.2)
    assert first[1] == second[1] > third[1]


def test_bars_and_bands_end_at_the_axes():
    """Infinite ends too, which an interval of few measurements has."""
    points = [Point(100, 0.5, -np.inf, np.inf, "wide"), Point(100, 0.5, -7.0, 9.0, "far")]
    ends = np.array([-np.inf, 5.0])
    band = Line(Style("c0"), np.array([10.0, 1000.0]), np.array([0.2, 0.3]), ends, ends)
    drawn = chart(points, lines=[band])
    bars = [each.get("d") for each in drawn.iter("path") if "bar" in each.get("class", "").split()]
    (bar,) = bars  # one that never ends is not drawn
    low, high = (float(each) for each in re.fullmatch(r"M[\d.]+,([\d.]+)V([\d.]+)", bar).groups())
    assert 0 < high < low < 320
    assert "inf" not in ET.tostring(drawn).decode()
    assert "nan" not in ET.tostring(drawn).decode()


def test_rows_of_names_stand_from_the_bottom_up_and_long_ones_are_cut():
    names = ["short", "a" * 90]
    up = Axis("", False, (-0.6, 1.6), names)
    drawn = chart([Point(100, 0, 50, 200, "a"), Point(100, 1, NAN, NAN, "b")], y=up)
    texts = {each.text: float(each.get("y")) for each in drawn.iter("text") if each.get("class") == "end"}
    (cut,) = [text for text in texts if text.endswith("…")]
    assert texts["short"] > texts[cut]
    assert len(cut) < 60


def test_every_point_tells_its_text_and_nothing_of_it_is_markup():
    drawn = chart([Point(100, 0.5, NAN, NAN, '<b>"SiO2" & more')])
    (told,) = [each for each in drawn.iter("g") if each.get("class") == "tell"]
    assert told.get("aria-label") == '<b>"SiO2" & more'
    assert told.get("tabindex") == "-1"  # the page makes one a figure reachable


def test_limits_hold_all_values_with_a_margin():
    low, high = limits_of([0.1, 10.0, NAN, np.inf], True)
    assert low < 0.1
    assert 10.0 < high < 100.0
    assert limits_of([5.0], False)[0] < 5.0 < limits_of([5.0], False)[1]
    assert limits_of([0.0], False) == (-1.0, 1.0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("is_log", [True, False])
@pytest.mark.parametrize(
    "values",
    [[], [NAN], [1.0, NAN, 3.0], [0.0, 1.0], [-1.0, 1.0], [1.0, np.inf], [1e300, 1e-300], [1e-310], [1e50] * 2, [1.0]],
    ids=repr,
)
def test_what_has_no_place_is_left_out(values, is_log):
    low, high = limits_of(values, is_log)
    assert -np.inf < low < high < np.inf
    axis = Axis("error", is_log, (low, high))
    found = np.array(values)
    line = Line(Style("c0"), np.full(len(found), 100.0), found, found, found)
    drawn = chart([Point(100, each, each, each, "") for each in values], y=axis, lines=[line])
    assert not re.search(r"nan|inf", ET.tostring(drawn).decode())
    placed = [each for each in values if np.isfinite(each) and (each > 0 or not is_log)]
    assert len(places(drawn)) >= len(placed)


def test_a_line_is_broken_where_it_has_no_place():
    line = Line(Style("c0"), np.array([10.0, 30.0, 100.0, 300.0]), np.array([0.1, NAN, 0.3, 0.4]))
    (path,) = [each.get("d") for each in chart([], lines=[line]).iter("path") if each.get("class") == "line c0"]
    assert re.sub(r"[\d.,]", "", path) == "MML"


def test_no_cell_of_a_download_is_a_formula():
    table = TextTable(("=a", "b"), [("=cmd|' /C calc'!A0", "-0.5"), ("@x\n", "+1e5"), ("[C@@H]", "\N{MINUS SIGN}5")])
    rows = list(csv.reader(io.StringIO(csv_of(table).decode())))
    assert rows == [["'=a", "b"], ["'=cmd|' /C calc'!A0", "-0.5"], ["'@x\n", "+1e5"], ["[C@@H]", "\N{MINUS SIGN}5"]]


def test_the_legend_shows_each_style():
    for marker in MARKERS:
        sample = ET.fromstring(Entry("name", Style("c1", marker, is_hollow=True)).svg())  # noqa: S314 (ours)
        assert any("hollow" in each.get("class", "") for each in sample.iter("path"))
    assert [css_class(each) for each in (*COLORS[:2], BASELINE_COLORS[0], GRAY)] == ["c0", "c1", "b0", "gray"]
