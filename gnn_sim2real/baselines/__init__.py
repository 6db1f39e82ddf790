"""Baselines, the simple predictors that are drawn beside every scaling curve: one file a family.

A transferred model has to beat what the same measurements give without it. A baseline is found by itself: a file in
this folder, or a module that an installed distribution names under the entry-point group `gnn_sim2real.baselines`, with
an instance of `Baseline` in it. `docs/contributing/baseline.md` shows one.
"""

from typing import Any, TypeGuard

from gnn_sim2real.baselines.baseline import Baseline as Baseline
from gnn_sim2real.baselines.baseline import predict_test as predict_test
from gnn_sim2real.baselines.inputs import Input as Input
from gnn_sim2real.baselines.inputs import Inputs as Inputs
from gnn_sim2real.plugins import Instances


def _is_baseline(value: object) -> TypeGuard[Baseline]:
    return isinstance(value, Baseline)


def _check(baseline: object) -> None:
    if not isinstance(baseline, Baseline) or not baseline.name.isidentifier():
        raise ValueError(f"a baseline is an instance of `Baseline` with an identifier as its `name`, got {baseline!r}")


def _rank(baseline: Baseline) -> Any:
    return len(baseline.needs), baseline.name


BASELINES = Instances(
    __name__, group="gnn_sim2real.baselines", word="baseline", is_one=_is_baseline, check=_check, rank=_rank
)
"""All of them by name, from few inputs to many; a distribution that brings some names its module under this group."""


def register(baseline: Baseline) -> None:
    """Add a baseline to those that a study can name.

    Files of this folder and of entry points need no such call; it is for notebooks and scripts.

    Args:
        baseline: The baseline. It replaces an earlier version of itself.

    Raises:
        ValueError: If its name cannot be one, or is taken.
    """
    BASELINES.add(baseline)


def needs_measurements(policy: str) -> bool:
    """Whether a policy uses measured materials for training; every one that is not a baseline does.

    Args:
        policy: Name of a policy or baseline.
    """
    return policy not in BASELINES or BASELINES[policy].needs_measurements


def uses_library(policy: str) -> bool:
    """Whether a policy is a baseline on predictions of a library.

    Args:
        policy: Name of a policy or baseline.
    """
    return policy in BASELINES and BASELINES[policy].uses_library


def uses_foundation(policy: str) -> bool:
    """Whether a policy is a baseline on features of a foundation encoder.

    Args:
        policy: Name of a policy or baseline.
    """
    return policy in BASELINES and BASELINES[policy].uses_foundation
