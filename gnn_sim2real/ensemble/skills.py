"""What is known of kinds of members before anything is measured: how far above the best one they were on other targets.

`benchmarks/member_skills.py` writes the file from the published errors of members on real targets with up to a hundred
measurements. For each target it has the mean over draws of the logarithm of the error of a member over that of the best
one. A kind that was never measured is expected to do as the mean of those that were.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Skills = Mapping[str, Mapping[str, float]]
"""Mean excess by target and kind of member."""

FILE = Path(__file__).parent / "skills.json"

FEATURES = "features"
"""What kinds call the features of any foundation encoder, such as `Gaussian process on features`."""


@cache
def read_skills() -> Skills:
    """The skills that come with the package."""
    found: Skills = json.loads(FILE.read_text())["excess"]
    return found


def expected_excess(kinds: Sequence[str], skills: Skills | None = None, without: Collection[str] = ()) -> Floats:
    """Logarithm of the expected error of each member over that of the best one, (num_members,), not negative.

    Args:
        kinds: Kind of each member, e.g. `extra trees`; empty if it has none.
        skills: Those that come with the package unless given.
        without: Targets not to use, such as the one on which an ensemble is judged.
    """
    others = [known for target, known in (read_skills() if skills is None else skills).items() if target not in without]
    found = [[known[kind] for known in others if kind in known] for kind in kinds]
    known = [float(np.mean(each)) for each in found if each]
    middle = float(np.mean(known)) if known else 0.0
    return np.array([float(np.mean(each)) if each else middle for each in found])
