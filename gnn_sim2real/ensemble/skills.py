"""What is known of kinds of members before anything is measured: how far above the best one they were on other tables.

`benchmarks/member_skills.py` writes the file from the published errors of members on real targets with up to a hundred
measurements. For each table of measurements it has the mean over draws of the logarithm of the error of a member over
that of the best one. A kind that was never measured is expected to do as the mean of those that were.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Skills = Mapping[str, Mapping[str, float]]
"""Mean excess by table and kind of member."""

FILE = Path(__file__).parent / "skills.json"

FEATURES = "features"
"""What kinds call the features of any foundation encoder, such as `Gaussian process on features`."""

REPEATED = {"matbench_expt_gap": "measured_band_gap"}
"""Tables that have the measurements of another one."""


@cache
def read_skills() -> Skills:
    """The skills that come with the package."""
    found: Skills = json.loads(FILE.read_text())["excess"]
    return found


def expected_excess(kinds: Sequence[str], skills: Skills | None = None, without: str = "") -> Floats:
    """Logarithm of the expected error of each member over that of the best one, (num_members,), not negative.

    Args:
        kinds: Kind of each member, e.g. `extra trees`; empty if it has none.
        skills: Those that come with the package unless given.
        without: Table of the registry whose measurements the members learn: what was seen on it is not used, since the
            ensemble may be judged on it.
    """
    own, known_by_table = REPEATED.get(without, without), read_skills() if skills is None else skills
    others = [known for table, known in known_by_table.items() if table != own]
    found = [[known[kind] for known in others if kind in known] for kind in kinds]
    known = [float(np.mean(each)) for each in found if each]
    middle = float(np.mean(known)) if known else 0.0
    return np.array([float(np.mean(each)) if each else middle for each in found])
