import numpy as np

from gnn_sim2real.law import fit_scaling_surface
from gnn_sim2real.records.curves import Kind
from gnn_sim2real.study.page.law_tables import surfaces_table


def test_laws_in_both_sizes_have_a_column_for_each_parameter_of_any():
    source, target = (axis.ravel() for axis in np.meshgrid([100.0, 400, 1600, 6400], [20.0, 60, 200]))
    errors = (5 * source**-0.4 + 0.3) * target**-0.25 + 0.05
    laws = {
        Kind(form, "none", ""): fit_scaling_surface(source, target, errors, form=form, num_resamples=100)
        for form in ("product", "product_limit")
    }
    table = surfaces_table(laws, "K")
    assert table.headings[2:6] == ("alpha", "beta", "G [K]", "L [K]")
    without, with_limit = table.rows
    assert without[5] == "-"
    assert with_limit[2].endswith("[0.4, 0.4]")
    assert with_limit[5].startswith("0.05 [")
    alone = surfaces_table({kind: law for kind, law in laws.items() if law.form == "product"}, "")
    assert alone.headings[2:6] == ("alpha", "beta", "G", "residual")
