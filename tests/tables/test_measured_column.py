"""What was measured, in which column and unit, by the headings of a table; or what the user has to say."""

import pandas as pd
import pytest

from gnn_sim2real.tables.measured_column import find_measured_column


def find(tmp_path, columns, **said):
    path = tmp_path / "mine.csv"
    frame = {"PSMILES": ["*CC*", "*CO*"], **{name: [300.0 + place, 310.0] for place, name in enumerate(columns)}}
    pd.DataFrame(frame).to_csv(path, index=False)
    return tuple(find_measured_column(path, **said))


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (["Tg (degC)"], ("Tg (degC)", "glass_transition", "degC")),
        (["Density [kg/m3]", "T [K]", "id"], ("Density [kg/m3]", "density", "kg/m3")),
        (["year", "refractive_index", "thickness"], ("refractive_index", "refractive_index", "")),
        (["my score [eV]"], ("my score [eV]", "my_score", "eV")),
        (["band_gap_eV", "Mw"], ("band_gap_eV", "band_gap", "eV")),
        (
            [" Glass Transition Temp. (°C)", "Std. dev. (°C)"],
            (" Glass Transition Temp. (°C)", "glass_transition", "°C"),
        ),
        (["my score [eV]", "score error [eV]"], ("my score [eV]", "my_score", "eV")),
    ],
)
def test_the_headings_say_it(tmp_path, columns, found):
    assert find(tmp_path, columns) == found


def test_what_is_said_goes_before_the_headings(tmp_path):
    columns = ["Tg [K]", "density", "k"]
    assert find(tmp_path, columns, name="tg") == ("Tg [K]", "glass_transition", "K")
    assert find(tmp_path, columns, name="glass_transition", unit="degC") == ("Tg [K]", "glass_transition", "degC")
    assert find(tmp_path, columns, name="density", unit="g/cm3") == ("density", "density", "g/cm3")
    assert find(tmp_path, [" Tg [K] ", "k"], column="Tg [K]") == (" Tg [K] ", "glass_transition", "K")
    assert find(tmp_path, columns, column="k", unit="W/(m K)") == ("k", "k", "W/(m K)")
    assert find(tmp_path, columns, name="heat_flow", column="k", unit="") == ("k", "heat_flow", "")


@pytest.mark.parametrize(
    ("columns", "said", "named"),
    [
        (["Tg [K]", "density [g/cm3]"], {}, ["'Tg [K]'", "'density [g/cm3]'", "--column"]),
        (["a", "b"], {}, ["'a', 'b'", "--column"]),
        (["T [K]", "id"], {}, ["--column"]),
        (["density"], {}, ["'density'", "--unit", "g/cm^3"]),
        (["score"], {}, ["'score'", "--unit"]),
        (["σ (S/cm)"], {}, ["'σ (S/cm)'", "--property"]),
        (["Tg [K]"], {"name": "density"}, ["'density'", "--column"]),
        (["Tg [K]"], {"column": "Tg"}, ["'Tg'", "Tg [K]"]),
    ],
)
def test_what_they_do_not_say_is_asked_for(tmp_path, columns, said, named):
    with pytest.raises(ValueError, match=r"mine\.csv") as error:
        find(tmp_path, columns, **said)
    assert [each for each in named if each not in str(error.value)] == []
