"""Writes the page of the units and plausible values that are known, from the code: `python docs/units_page.py`."""

from pathlib import Path

from gnn_sim2real.tables.properties import PROPERTIES, Plausible, names_of
from gnn_sim2real.units import QUANTITIES

PAGE = Path(__file__).with_name("units.md")

_TEXT = """# Units and plausible values

Written by `python docs/units_page.py` from `gnn_sim2real/units.py` and `gnn_sim2real/tables/properties.py`.

A unit is read from `file_unit` (or `--file-unit`), from the heading (`Density [kg/m3]`, `Tg (°C)`, `Tg, oC`, `Tg_C`,
`density_g_cm3`) or from a column `unit`, `units`, `UoM`, `Einheit` or `NAME_unit` beside the values, for
temperatures also `scale`. A column with nothing but units under another heading is named in a warning. Two that
contradict are refused, and so is a text in brackets, after a comma or after ` / ` that is no unit, and a heading
that says that the column has logarithms, errors or multiples (`log10 density`, `density std`, `density x 1000`),
unless `file_unit` says the unit. A second line of headings with the units is refused. A heading without any text of
this kind is taken to be in the unit asked for.

Powers need no caret (`g/cm3`, `W m-1 K-1`), a power of ten may stand in front (`10^-6/K`), and what papers and
spreadsheets make of a unit is known as well: `kgm-3`, `g·cm⁻³`, `W/mK`, `J/gK`, `10-6 K-1`, `ºC`, `Celsius`, `wt.%`,
and the words of siunitx (`\\si{\\gram\\per\\cubic\\centi\\metre}`).
`C` and `F` alone are degrees; `coulomb` and `farad` are written out. Shares by weight, by amount, by volume and by
number of atoms do not convert to each other. Any other unit that pint knows is accepted, with prefixes, but for
those that people use for several things: `ton` (write `t` or `kg`), `gal`, `pt`, `ppt`, `phr`. `gr` is a gram.

"""

_VALUES = """
## Plausible values

A value outside is a refused row, with its reason. Where most values are outside, or some of a column that does not say
its unit, the table is stopped with the likely unit. `lower` and `upper` stand in for these bounds. Names that end with
`temperature` or `modulus` are known by that.

"""


def page() -> str:
    """The text of the page."""
    quantities = [[quantity, ", ".join(f"`{unit}`" for unit in units)] for quantity, units in QUANTITIES.items()]
    properties = [
        [
            ", ".join(f"`{each}`" for each in [name, *names_of(name)]),
            "; or ".join(map(_span, accepted)),
        ]
        for name, accepted in PROPERTIES.items()
    ]
    return _TEXT + _table(["quantity", "units"], quantities) + _VALUES + _table(["property", "plausible"], properties)


def _span(each: Plausible) -> str:
    unit = "" if each.unit == "dimensionless" else f" {each.unit}"
    return f"{each.low:g} to {each.high:g}{unit}"


def _table(heading: list[str], rows: list[list[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
