import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from gnn_sim2real.scaling import fit_scaling_law
from gnn_sim2real.scaling.plot import COLORS, CurvePoints, plot_scaling_curves

SIZES = np.array([50.0, 100.0, 200.0, 400.0, 700.0, 1000.0])
REFERENCES = {
    "from scratch, m = 20": 0.16,
    "from scratch, m = 50": 0.11,
    "from scratch, m = 100": 0.078,
    "simulated value": 0.105,
    "extra trees, m = 50": 0.102,
}


def points(num_curves=5, prefactor=0.3, sizes=SIZES):
    random = np.random.default_rng(0)
    noise = 0.05 * random.standard_normal((num_curves, len(sizes)))
    errors = (prefactor * sizes**-0.4 + 0.04) * np.exp(noise)
    labels = np.repeat([f"seed {k}" for k in range(num_curves)], len(sizes))
    return CurvePoints(np.tile(sizes, num_curves), errors.ravel(), labels)


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


def draw(path, curves, **options):
    laws = {name: fit_scaling_law(c.source_sizes, c.errors, curves=c.curves) for name, c in curves.items()}
    settings = {"reference_lines": REFERENCES, "metric_label": "test MAE [g/cm³]", "title": "Density"} | options
    return plot_scaling_curves(curves, laws, path=path, **settings)


THREE = {f"CGCNN, m = {m}": points(prefactor=prefactor) for m, prefactor in ((20, 0.4), (50, 0.3), (100, 0.2))}


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_a_file_of_each_format_is_written(tmp_path, suffix):
    path = tmp_path / "new" / f"curve.{suffix}"
    assert draw(path, THREE) == path
    start = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[suffix]
    assert path.read_bytes().startswith(start)


def boxes(figure, texts):
    renderer = figure.canvas.get_renderer()
    return [Text.get_window_extent(text, renderer) for text in texts]  # an annotation's own would add its line


@pytest.mark.parametrize("spread", [1.0, 0.02, 0.0])
def test_no_label_touches_another_or_leaves_the_figure(tmp_path, drawn, spread):
    references = {name: 0.1 * (error / 0.1) ** spread for name, error in REFERENCES.items()}
    draw(tmp_path / "a.png", THREE, reference_lines=references)
    (figure,) = drawn
    (axes,) = figure.axes
    assert {text.get_text() for text in axes.texts} == set(REFERENCES)
    (legend,) = figure.legends
    groups = [axes.texts, axes.get_xticklabels(), axes.get_yticklabels(), legend.get_texts()]
    for found in (boxes(figure, group) for group in groups):
        assert not any(one.overlaps(other) for k, one in enumerate(found) for other in found[:k])
        for box in found:
            assert box.x0 >= 0
            assert box.x1 <= figure.bbox.width
            assert box.y0 >= 0
            assert box.y1 <= figure.bbox.height
    assert not legend.get_window_extent().overlaps(axes.get_window_extent())


@pytest.mark.parametrize("largest", [1000.0, 2500.0, 1e5, 3e7])
def test_tick_labels_do_not_touch(tmp_path, drawn, largest):
    draw(tmp_path / "a.png", {"CGCNN": points(sizes=np.geomspace(largest / 1000**0.5, largest, 6))})
    (axes,) = drawn[0].axes
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        found = boxes(drawn[0], labels)
        assert len(found) >= 4
        assert not any(one.overlaps(other) for one, other in pairwise(found))


def test_points_are_geometric_means_with_an_interval(tmp_path, drawn):
    curve = points()
    draw(tmp_path / "a.png", {"CGCNN": curve})
    (axes,) = drawn[0].axes
    (bars,) = axes.containers
    expected = np.exp(np.log(curve.errors).reshape(5, 6).mean(axis=0))
    np.testing.assert_allclose(bars.lines[0].get_ydata(), expected)
    ends = np.array([segment[:, 1] for segment in bars.lines[2][0].get_segments()])
    half = 2.131847 * np.log(curve.errors).reshape(5, 6).std(axis=0, ddof=1) / np.sqrt(5)
    np.testing.assert_allclose(ends[:, 1], expected * np.exp(half), rtol=1e-5)
    np.testing.assert_allclose(ends[:, 0], expected * np.exp(-half), rtol=1e-5)


def test_a_reference_has_the_color_of_its_curve(tmp_path, drawn):
    draw(tmp_path / "a.png", THREE)
    colors = {text.get_text(): text.get_color() for text in drawn[0].axes[0].texts}
    assert colors["from scratch, m = 20"] == COLORS[0]
    assert colors["from scratch, m = 100"] == COLORS[2]
    assert colors["simulated value"] not in COLORS


def test_what_is_not_identified_is_not_quoted(tmp_path, drawn):
    draw(tmp_path / "a.png", {"CGCNN": points(num_curves=1)})
    (text,) = (text.get_text() for text in drawn[0].legends[0].get_texts())
    assert text == "CGCNN\nα not identified\nC not identified"


def test_a_curve_without_law_and_few_sizes_is_drawn(tmp_path, drawn):
    curves = {"one": points(num_curves=1, sizes=np.array([100.0, 1000.0]))}
    plot_scaling_curves(
        curves, {"one": None}, reference_lines={}, metric_label="MAE [eV]", title="", path=tmp_path / "a.png"
    )
    assert len(drawn[0].axes[0].containers) == 1


@pytest.mark.parametrize("error", [0.0, -1.0, float("nan")])
def test_a_reference_without_a_place_is_refused(tmp_path, error):
    with pytest.raises(ValueError, match="reference line 'raw' must be a positive, finite error"):
        draw(tmp_path / "a.png", THREE, reference_lines={"raw": error})


def test_no_curve_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no curve to draw"):
        draw(tmp_path / "a.png", {})


def test_the_global_state_of_matplotlib_is_not_touched(tmp_path):
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from gnn_sim2real.scaling.plot import CurvePoints, plot_scaling_curves\n"
        "assert 'matplotlib' not in sys.modules\n"
        "points = CurvePoints(np.array([1.0, 10.0]), np.array([2.0, 1.0]), np.array(['a', 'a']))\n"
        "path = Path(sys.argv[1])\n"
        "plot_scaling_curves({'c': points}, {}, reference_lines={}, metric_label='', title='', path=path)\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.png")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
