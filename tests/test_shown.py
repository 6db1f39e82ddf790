"""Laws, plans, reports, rankings and ensembles show themselves in a few lines, as a table, a figure and a DataFrame."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from refused import refused
from tiny import TinyPolymers

from gnn_sim2real import fit_scaling_law, fit_scaling_surface, plan
from gnn_sim2real.shotgun.display import Ranking
from gnn_sim2real.shown import Display, Shown
from gnn_sim2real.tables.report import make_report

SIZES = np.repeat([100, 200, 400, 800, 1600], 3)
NOISE = np.random.default_rng(0).normal(0, 0.02, len(SIZES))
MEASURED = np.tile([10, 20, 40], 5)


@pytest.fixture(scope="module")
def law():
    return fit_scaling_law(SIZES, (3 * SIZES**-0.4 + 0.1) * np.exp(NOISE), num_resamples=100)


@pytest.fixture(scope="module")
def surface():
    errors = ((3 * SIZES**-0.4 + 0.2) * MEASURED**-0.3 + 0.05) * np.exp(NOISE)
    return fit_scaling_surface(SIZES, MEASURED, errors, num_resamples=100)


RANKED = Ranking(
    [
        {
            "source": "a: density",
            "architecture": "GINE",
            "size": 1000,
            "probe": "layer 1",
            "error": 0.1,
            "interval": [0.05, 0.2],
        },
        {"source": "<b>", "architecture": "DMPNN", "size": 20, "probe": "layer 2", "error": 0.3},
    ],
    "g/cm3",
)


def every(law, surface):
    return {
        "law": law,
        "surface": surface,
        "plan": plan(surface, source_cost=1.0, target_cost=50.0, budget=1000.0),
        "plan of a curve": plan(law, target_error=0.15),
        "report": make_report(TinyPolymers().table),
        "ranking": RANKED,
    }


NAMES = ["law", "surface", "plan", "plan of a curve", "report", "ranking"]


class Reader(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.cells = [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.cells += tag == "td"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", NAMES)
def test_a_few_lines_a_table_and_a_frame(law, surface, name):
    shown = every(law, surface)[name]
    lines = repr(shown).splitlines()
    assert 2 <= len(lines) <= 30
    assert max(map(len, lines[: 1 + len(shown.display().rows)])) < 200
    page = Reader(shown._repr_html_())
    assert not page.open
    assert page.cells == len(shown.display().rows)
    assert isinstance(shown.to_frame(), pd.DataFrame)
    assert len(shown.to_frame()) > 0


@pytest.mark.parametrize("name", [each for each in NAMES if each != "plan of a curve"])
def test_figures_are_axes_and_are_drawn_where_one_wants_them(law, surface, name):
    shown = every(law, surface)[name]
    axes = Figure().subplots()
    assert shown.plot(axes) is axes
    assert axes.has_data()
    found = shown.plot()
    assert isinstance(found, Axes)
    import matplotlib.pyplot as plt

    plt.close(found.figure)


def test_the_numbers_are_those_of_the_law(law, surface):
    frame = law.to_frame().set_index("parameter")
    assert frame.loc["decay rate alpha", "value"] == law.decay_rate
    assert tuple(frame.loc["decay rate alpha", ["low", "high"]]) == law.decay_rate_interval
    assert f"{law.decay_rate:.1f}" in repr(law)
    assert {"rate of measurements beta", "limit"} <= set(surface.to_frame()["parameter"])
    made = plan(surface)
    assert made.error.value in made.to_frame()["value"].tolist()
    with refused():
        plan(law).plot()


def test_html_is_escaped_and_long_tables_are_cut():
    assert "<b>" not in RANKED._repr_html_().removeprefix("<p><b>").replace("</b>", "")
    many = Ranking([RANKED.rows[0]] * 100)
    assert len(repr(many).splitlines()) < 30
    assert "76" in repr(many)
    assert len(many.to_frame()) == 100


def test_an_object_says_what_it_has():
    class Nothing(Shown):
        def display(self):
            return Display("nothing", [], draw=print)

    assert repr(Nothing()) == "nothing"
    assert Nothing().to_frame().empty
