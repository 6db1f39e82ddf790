"""Times in the guides are those that were measured."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

SAID = {
    "suggest.md": [(r"([\d,]+) repeat units of SMiPoly", "candidates", "suggest_candidates"),
                   (r"took (\d+) s and", "candidates", "suggest"),
                   (r"and\s([\d.]+) GiB on two cores", "candidates", "suggest_gib")],
    "explain.md": [(r"A repeat unit takes ([\d.]+) s", "candidates", "explain_each"),
                   (r"after a start of ([\d.]+) s", "candidates", "explain_start")],
    "python.md": [(r"`\"auto\"` with (\d+) polymers", "candidates", "fit_measured"),
                  (r"polymers takes (\d+) s on two cores", "candidates", "fit")],
    "shotgun.md": [(r"(\d+) polymers took \d+ s", "newcomer", "rows"),
                   (r"polymers took (\d+) s", "newcomer", "seconds"),
                   (r"the first line ([\d.]+) s", "newcomer", "first_line_seconds")],
}  # fmt: skip
"""By page: where a number is, the result it is of, and its name there."""


@pytest.mark.parametrize("page", SAID)
def test_times_of_the_guides_are_those_of_their_results(page):
    text = (ROOT / "docs" / page).read_text()
    for pattern, result, name in SAID[page]:
        (said,) = re.findall(pattern, text)
        said = said.replace(",", "")
        digits = len(said.partition(".")[2])
        measured = json.loads((ROOT / f"benchmarks/results/{result}.json").read_text())[name]
        assert f"{measured:.{digits}f}" == said
