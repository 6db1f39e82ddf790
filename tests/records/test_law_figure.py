"""Figures of the law."""

import numpy as np
import pytest

from gnn_sim2real.law import Models, fit_scaling_law, fit_scaling_surface, plan
from gnn_sim2real.records import law_figure


def test_what_a_law_in_both_sizes_misses_is_in_its_figure(monkeypatch, tmp_path):
    n, m = (axis.ravel() for axis in np.meshgrid(np.geomspace(100, 5000, 5), np.geomspace(20, 400, 4)))
    errors = 3 * n**-0.4 + 2 * m**-0.6 + 0.05
    errors[7] *= 1.3
    law = fit_scaling_surface(n, m, errors, num_resamples=100)
    monkeypatch.setattr(law_figure, "_save", lambda figure, *_: figure)
    figure = law_figure.draw_iso_errors(
        law, Models(n, errors, None, target_sizes=m), plan(law), "error", "", tmp_path / "a"
    )
    (points,) = [each for each in figure.axes[0].collections if each.get_label() == "measured"]
    drawn = {
        tuple(place): value for place, value in zip(points.get_offsets().tolist(), points.get_array(), strict=True)
    }
    missed = 100 * (errors / law.predict(n, m) - 1)
    for place, value in zip(zip(m, n, strict=True), missed, strict=True):
        assert drawn[place] == pytest.approx(value, abs=1e-6)
    assert points.get_clim() == pytest.approx((-max(abs(missed)), max(abs(missed))))


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["x" * 3000, "a\nb\r\x1b[31m\u202e", "\u65e5\u672c", "$\\frac{$ & <script>"])
@pytest.mark.parametrize("scale", [1.0, 1e49, 1e-49])
def test_any_name_and_any_number_is_drawn_without_a_warning(tmp_path, name, scale):
    n = np.geomspace(100, 5000, 5)
    errors = scale * (3 * n**-0.4 + 0.05)
    law = fit_scaling_law(n, errors, num_resamples=100)
    png, svg = law_figure.draw_laws({name: (Models(n, errors, None), law)}, name, "", tmp_path / "a")
    assert png.stat().st_size > 1000
    assert "<script" not in svg.read_text(encoding="utf-8")
