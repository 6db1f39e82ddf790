import re
import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from gnn_sim2real.figures import BASELINE_COLORS, COLORS, new_figure, save_figure
from gnn_sim2real.law import fit_scaling_law
from gnn_sim2real.law.numbers import format_with_ends
from gnn_sim2real.records.figure import MISFIT, Curve, Panel, Reference, plot_scaling_curves

SIZES = np.array([50.0, 100.0, 200.0, 400.0, 700.0, 1000.0])


def curve(num_repeats=5, prefactor=0.3, sizes=SIZES, gap=0.04, is_baseline=False):
    return curve_of(num_repeats, prefactor, tuple(sizes.tolist()), gap, is_baseline)


@cache
def curve_of(num_repeats, prefactor, sizes, gap, is_baseline):
    sizes = np.array(sizes)
    random = np.random.default_rng(0)
    noise = 0.05 * random.standard_normal((num_repeats, len(sizes)))
    errors = ((prefactor * sizes**-0.4 + gap) * np.exp(noise)).ravel()
    repeats = np.repeat([f"split {k}" for k in range(num_repeats)], len(sizes))
    tiled = np.tile(sizes, num_repeats)
    has_law = len(sizes) >= 4 and not is_baseline
    law = fit_scaling_law(tiled, errors, curves=repeats, form="power_limit") if has_law else None
    return Curve(tiled, errors, repeats, law, is_baseline)


def panel(target_size=50, **options):
    curves = {
        "GINE, fine-tuned": curve(**options),
        "GINE, calibrated source": curve(prefactor=0.6, is_baseline=True),
        "GINE, extra trees with source": curve(prefactor=0.5, is_baseline=True),
    }
    references = {"GINE from scratch": Reference(0.16, "GINE, fine-tuned"), "extra trees": Reference(0.11)}
    return Panel(f"m = {target_size} measured materials", curves, references)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved, for a look at what is in them."""
    figures = []
    save = Figure.savefig

    def keep(figure, *args, **kwargs):
        figures.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def draw(path, *panels, **options):
    settings = {"quantity": "test MAE of density", "unit": "g/cm3", "title": "Density"} | options
    return plot_scaling_curves(panels, path=path, **settings)


def legend_names(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def boxes(figure, texts):
    renderer = figure.canvas.get_renderer()
    shown = [text for text in texts if text.get_visible() and text.get_text()]
    return [Text.get_window_extent(text, renderer) for text in shown]


def check_texts(figure):
    """No text touches another or a panel that is not its own, and none leaves the figure."""
    (legend,) = figure.legends
    labels = [*legend.get_texts(), legend.get_title(), figure._supylabel]
    labels += [figure._suptitle] if figure._suptitle else []
    for axes in figure.axes:
        ticks = [*axes.get_xticklabels(), *axes.get_yticklabels()]
        labels += [*ticks, axes.xaxis.label, axes._left_title, *axes.texts]
    found = boxes(figure, labels)
    for index, box in enumerate(found):
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.width
        assert box.y1 <= figure.bbox.height
        assert not any(box.overlaps(other) for other in found[:index])
        assert not any(box.overlaps(axes.get_window_extent()) for axes in figure.axes)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_the_same_input_gives_the_same_file_in_each_format(tmp_path, suffix):
    path = tmp_path / "new" / f"curve.{suffix}"
    assert draw(path, panel(), panel(100)) == path
    content = path.read_bytes()
    assert content.startswith({"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[suffix])
    assert draw(path, panel(), panel(100)).read_bytes() == content


@pytest.mark.slow
@pytest.mark.parametrize(("count", "grid"), [(1, (1, 1)), (2, (1, 2)), (3, (1, 3)), (4, (2, 2)), (5, (2, 3))])
def test_one_panel_a_target_size_without_a_collision(tmp_path, drawn, count, grid):
    draw(tmp_path / "a.png", *(panel(50 * (k + 1), prefactor=0.4 / (k + 1)) for k in range(count)))
    (figure,) = drawn
    assert len(figure.axes) == count
    assert figure.axes[0].get_subplotspec().get_gridspec().get_geometry() == grid
    assert [axes.get_title("left") for axes in figure.axes] == [
        f"m = {50 * (k + 1)} measured materials" for k in range(count)
    ]
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    check_texts(figure)


def test_many_curves_and_long_names_do_not_collide(tmp_path, drawn):
    names = [f"Architecture{k}" for k in range(4)]
    curves = {f"{name} fine-tuned, gradual unfreezing": curve(prefactor=0.3 + 0.1 * k) for k, name in enumerate(names)}
    curves |= {f"{name} extra trees with source": curve(is_baseline=True) for name in names}
    crowded = Panel("m = 50 measured materials", curves, {f"{name} from scratch": Reference(0.2) for name in names})
    draw(tmp_path / "a.png", crowded, panel(100), panel(300), unit="W/(m K)", title="A long heading " * 8)
    check_texts(drawn[0])


@pytest.mark.slow
@pytest.mark.parametrize("largest", [800.0, 2500.0, 1e5, 3e7])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e5])
def test_tick_labels_are_plain_numbers_that_do_not_touch(tmp_path, drawn, largest, scale):
    sizes = np.geomspace(max(largest / 1e4, 50), largest, 6)
    draw(tmp_path / "a.png", *(panel(m, sizes=sizes, prefactor=scale, gap=0.1 * scale) for m in (50, 100, 300)))
    (figure,) = drawn
    check_texts(figure)
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        labels = [label.get_text() for label in axis.get_ticklabels()]
        assert len(labels) >= 2
        for label, tick in zip(labels, axis.get_majorticklocs(), strict=True):
            assert float(label.replace(",", "")) == pytest.approx(tick)


def test_the_legend_says_what_the_laws_are(tmp_path, drawn):
    one = curve()
    average = replace(one, law=fit_scaling_law(one.source_sizes, one.errors, curves=one.repeats, num_resamples=100))
    draw(tmp_path / "a.png", Panel("m = 50", {"GINE": average}, {}))
    draw(tmp_path / "b.png", Panel("m = 50", {"GINE": average, "CGCNN": one}, {}))
    names = [legend_names(figure)[-1] for figure in drawn]
    assert "average" in names[0]
    assert not {"average", "n^"} & {*names[1].split()}


def test_a_law_that_misses_the_errors_is_marked_in_the_figure(tmp_path, drawn):
    one = curve()
    missed = replace(one, law=replace(one.law, chance_of_misfit=0.001))
    told = []
    for number, each in enumerate((one, missed)):
        draw(tmp_path / f"{number}.png", Panel("m = 50", {"GINE": each}, {}))
        told.append([text.get_text() for text in drawn[-1].axes[0].texts])
    assert [*told[0], MISFIT] == told[1]


def test_every_curve_and_reference_is_there_in_its_color(tmp_path, drawn):
    other = Panel("m = 100 measured materials", {"CGCNN, fine-tuned": curve()}, {"raw": Reference(0.2)})
    draw(tmp_path / "a.png", panel(), other)
    (figure,) = drawn
    expected = [
        "GINE, fine-tuned",
        "GINE, calibrated source",
        "GINE, extra trees with source",
        "CGCNN, fine-tuned",
        "GINE from scratch",
        "extra trees",
        "raw",
    ]
    assert legend_names(figure)[:-1] == expected
    assert legend_names(figure)[-1] == "law: D n^-alpha + C"  # as it is drawn: no mark-up
    first, second = figure.axes
    colors = [to_hex(bars.lines[0].get_color()).upper() for bars in (*first.containers, *second.containers)]
    assert colors == [COLORS[0], *BASELINE_COLORS[:2], COLORS[1]]
    levels = {line.get_label(): line for line in first.lines if line.get_linestyle() == ":"}
    assert {name: line.get_ydata()[0] for name, line in levels.items()} == {
        "GINE from scratch": 0.16,
        "extra trees": 0.11,
    }
    (raw,) = (line for axes in figure.axes for line in axes.lines if line.get_label() == "raw")
    assert raw.get_linestyle() not in (":", "-", "--")  # two gray lines are told apart by their dashes
    assert levels["GINE from scratch"].get_color() == COLORS[0]
    assert levels["extra trees"].get_color() not in (*COLORS, *BASELINE_COLORS)


def test_only_a_curve_with_law_has_dashes_and_a_band(tmp_path, drawn):
    shown = panel()
    draw(tmp_path / "a.png", shown)
    (axes,) = drawn[0].axes
    law = shown.curves["GINE, fine-tuned"].law
    (dashed,) = (line for line in axes.lines if line.get_linestyle() == "--")
    np.testing.assert_allclose(dashed.get_ydata(), law.predict(dashed.get_xdata()))
    bands = [each for each in axes.collections if type(each).__name__ == "FillBetweenPolyCollection"]
    assert len(bands) == 1


def test_points_are_geometric_means_with_an_interval(tmp_path, drawn):
    shown = curve()
    draw(tmp_path / "a.png", Panel("", {"GINE": shown}, {}))
    (axes,) = drawn[0].axes
    (bars,) = axes.containers
    logs = np.log(shown.errors).reshape(5, 6)
    expected = np.exp(logs.mean(axis=0))
    np.testing.assert_allclose(bars.lines[0].get_ydata(), expected)
    ends = np.array([segment[:, 1] for segment in bars.lines[2][0].get_segments()])
    half = 2.131847 * logs.std(axis=0, ddof=1) / np.sqrt(5)  # Student's 95 % quantile at 4 degrees
    np.testing.assert_allclose(ends[:, 1], expected * np.exp(half), rtol=1e-5)
    np.testing.assert_allclose(ends[:, 0], expected * np.exp(-half), rtol=1e-5)


def test_the_law_is_stated_with_its_intervals_and_unit(tmp_path, drawn):
    shown = curve()
    draw(tmp_path / "a.png", Panel("", {"GINE": shown}, {}))
    rate, gap = (text.get_text() for text in drawn[0].axes[0].texts)
    law = shown.law
    assert rate == f"α = {format_with_ends(law.decay_rate, *law.decay_rate_interval)}"
    assert gap == f"C = {format_with_ends(law.transfer_gap, *law.transfer_gap_interval)} g/cm³"
    assert drawn[0]._supylabel.get_text() == "test MAE of density [g/cm³]"


def test_what_is_not_identified_is_not_quoted(tmp_path, drawn):
    draw(tmp_path / "a.png", Panel("", {"GINE": curve(num_repeats=1)}, {}))
    assert [text.get_text() for text in drawn[0].axes[0].texts] == ["α not identified", "C not identified"]


def test_a_curve_with_few_sizes_is_drawn_without_law(tmp_path, drawn):
    few = curve(num_repeats=1, sizes=np.array([100.0, 1000.0]))
    draw(tmp_path / "a.png", Panel("", {"one": few}, {}), unit="dimensionless", title="")
    (axes,) = drawn[0].axes
    (note,) = [text.get_text() for text in axes.texts]
    assert re.search(r"no law.* 4\b", note)
    assert len(axes.containers) == 1
    assert legend_names(drawn[0]) == ["one"]
    assert drawn[0]._supylabel.get_text() == "test MAE of density"
    check_texts(drawn[0])


def test_several_curves_with_few_sizes_are_told_in_one_line(tmp_path, drawn):
    few = curve(num_repeats=1, sizes=np.array([100.0, 1000.0]))
    draw(tmp_path / "a.png", Panel("", {"one": few, "GINE": curve(), "other": few}, {}))
    note, *law = drawn[0].axes[0].texts
    assert re.search(r"no law.* 4\b", note.get_text())
    assert len(law) == 2
    assert not any("no law" in text.get_text() for text in law)
    assert to_hex(note.get_color()) not in {to_hex(bars.lines[0].get_color()) for bars in drawn[0].axes[0].containers}


def test_a_curve_of_one_size_is_drawn(tmp_path, drawn):
    draw(tmp_path / "a.png", Panel("", {"one": curve(num_repeats=1, sizes=np.array([100.0]))}, {}))
    check_texts(drawn[0])


@pytest.mark.parametrize("error", [0.0, -1.0, float("nan")])
def test_a_reference_without_a_place_is_refused(tmp_path, error):
    with pytest.raises(ValueError, match=f"'raw' .*{error}"):
        draw(tmp_path / "a.png", Panel("", {"GINE": curve()}, {"raw": Reference(error)}))


@pytest.mark.parametrize("panels", [[], [Panel("", {}, {})]])
def test_no_curve_is_refused(tmp_path, panels):
    with pytest.raises(ValueError, match=r"\bcurve\b"):
        draw(tmp_path / "a.png", *panels)


@pytest.mark.slow
def test_the_global_state_of_matplotlib_is_not_touched(tmp_path):
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from gnn_sim2real.records.figure import Curve, Panel, plot_scaling_curves\n"
        "assert 'matplotlib' not in sys.modules\n"
        "curve = Curve(np.array([1.0, 10.0]), np.array([2.0, 1.0]), np.array(['a', 'a']))\n"
        "plot_scaling_curves([Panel('', {'c': curve}, {})], quantity='', unit='', title='', path=Path(sys.argv[1]))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.png")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_nothing_drawn_lies_outside_the_axes(tmp_path, drawn):
    high = Panel("", {"GINE": curve()}, {"high": Reference(5.0)})
    low = Panel("", {"GINE": curve(num_repeats=2, prefactor=0.1)}, {"low": Reference(0.001)})
    draw(tmp_path / "a.png", high, low)
    for axes in drawn[0].axes:
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert left < 50
        assert right > 1000
        drawn_errors = [line.get_ydata() for line in axes.lines]
        drawn_errors += [part.vertices[:, 1] for each in axes.collections for part in each.get_paths()]
        assert bottom < min(map(np.min, drawn_errors))
        assert top > max(map(np.max, drawn_errors))


def test_a_single_point_beside_the_curves_gets_no_note_about_a_law(tmp_path, drawn):
    few, point = (curve(num_repeats=1, sizes=np.array(sizes)) for sizes in ([100.0, 1000.0], [1000.0]))
    draw(tmp_path / "a.png", Panel("", {"few": few, "point": point}, {}), unit="dimensionless", title="")
    (axes,) = drawn[0].axes
    (note,) = [text.get_text() for text in axes.texts]
    assert re.search(r"no law.* 4\b", note)
    assert len(axes.containers) == 2


def test_many_curves_look_different(tmp_path, drawn):
    names = [f"encoder {number}" for number in range(12)]
    draw(tmp_path / "a.png", Panel("", dict.fromkeys(names, curve(is_baseline=True, num_repeats=2)), {}))
    points = [bars.lines[0] for bars in drawn[0].axes[0].containers]
    assert len({(to_hex(each.get_color()), each.get_marker()) for each in points}) == len(names)


def test_a_dollar_in_a_title_is_a_dollar(tmp_path):
    figure = new_figure(3, 3)
    figure.suptitle("$ 5 per $calculation {")
    figure.subplots().set_xscale("log")
    save_figure(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").exists()
    assert figure.get_suptitle() == "$ 5 per $calculation {"
