"""Writes the page on conditions, from the results: `python docs/conditions_page.py`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("conditions.md")
RESULT = Path(__file__).parents[1] / "benchmarks/results/conditions.json"

_TEXT = """# What a temperature is worth

Written by `python docs/conditions_page.py` from `benchmarks/results/conditions.json`, which `OMP_NUM_THREADS=1 python
benchmarks/conditions.py` makes in {minutes:.0f} minutes of one core (`pip install 'gnn-sim2real[molecules]'`).

Measured heat capacities and viscosities of liquids, each molecule at {temperatures} temperatures: the package
`chemicals` has the correlations of Zabransky and others, and of Dutt and Prasad, which were fitted to measurements. So
values are smooth, and lie within the range of the measurements. Molecules on which the learning rate was chosen are
never tested; each of the others is tested once, at all its temperatures, by models that have seen none of them.

`gnn-sim2real fit` trains a network with `conditions: {{temperature: "T [K]"}}` as in [your own table](own_table.md),
for the viscosity with `transform: log10` and the form `inverse_temperature`. Without conditions it learns one value of
each molecule, that in the middle of its range, and answers the same at all temperatures. Extra trees on descriptors get
the temperature as one more column, or likewise one value of each molecule.

Test mean absolute errors, mean over {splits} splits with the 90 % interval over these:

| | tested | {headings} |
|---|---|{lines}|
{rows}

What the temperature gains, in the same splits:

| | of the network | of the trees | network below trees, both with temperature |
|---|---|---|---|
{gains}

Values of one molecule lie {within} from the middle one in the mean, of which no method that ignores the
temperature can know. {verdict}

Not shown: conductivities of lithium. The open table at hand, [OBELiX](disorder.md), is of room temperature alone, and
the measured heat capacities of polymers at hand do not say their temperature.
"""

_METHODS = ("network with temperature", "network without", "trees with temperature", "trees without")


def page() -> str:
    """The text of the page."""
    content: dict[str, Any] = json.loads(RESULT.read_text())
    found = content["properties"]
    rows, gains = [], []
    for name, about in found.items():
        label = f"{name} [{_unit(about)}]"
        cells = " | ".join(_ends(about["mae"][method], about) for method in _METHODS)
        rows.append(
            f"| {label} | {about['tested']} | {cells} | {_number(about['median_of_the_training_values'], about)} |"
        )
        of = [*(about["gain_by_temperature"][method] for method in (_METHODS[0], _METHODS[2]))]
        of.append(about["gain_of_the_network_over_trees"])
        gains.append(f"| {label} | {' | '.join(_ends(each, about) for each in of)} |")
    headings = [*_METHODS, "median of the training"]
    within = " and ".join(f"{_number(each['spread_over_temperature'], each)} {_unit(each)}" for each in found.values())
    return _TEXT.format(
        minutes=max(1, content["processor_seconds"] / 60),
        temperatures=content["temperatures"],
        splits=content["splits"],
        headings=" | ".join(headings),
        lines="|".join("---" for _ in headings),
        rows="\n".join(rows),
        gains="\n".join(gains),
        within=within,
        verdict=" ".join(_verdict(name, about) for name, about in found.items()),
    )


def _verdict(name: str, about: dict[str, Any]) -> str:
    _, low, high = about["gain_by_temperature"][_METHODS[0]]
    of_network = "lowers" if low > 0 else ("raises" if high < 0 else "is not shown to change")
    _, low, high = about["gain_of_the_network_over_trees"]
    beside = "better than" if low > 0 else ("worse than" if high < 0 else "not shown to differ from")
    return (
        f"For the {name} the temperature {of_network} the error of the network, which is {beside} trees with the "
        "temperature."
    )


def _unit(about: dict[str, Any]) -> str:
    return str(about["unit"])


def _number(value: float, about: dict[str, Any]) -> str:
    return f"{value:.3f}" if about["unit"] == "decades" else f"{value:.0f}"


def _ends(value: Sequence[float], about: dict[str, Any]) -> str:
    mean, low, high = (_number(each, about) for each in value)
    return f"{mean} [{low}, {high}]"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
