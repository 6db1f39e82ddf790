"""Baselines, the simple predictors that are drawn beside every scaling curve: one file a family.

A transferred model has to beat what the same measurements give without it. A baseline is found by itself: a file in
this folder, or a module that an installed distribution names under the entry-point group `gnn_sim2real.baselines`, with
an instance of `Baseline` in it. `docs/contributing/baseline.md` shows one.
"""

import logging
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType

from gnn_sim2real.baselines.baseline import Baseline as Baseline
from gnn_sim2real.baselines.baseline import predict_test as predict_test
from gnn_sim2real.baselines.inputs import Input as Input
from gnn_sim2real.baselines.inputs import Inputs as Inputs
from gnn_sim2real.plugins import import_files, import_installed

logger = logging.getLogger(__name__)

GROUP = "gnn_sim2real.baselines"
"""Entry-point group: a distribution with baselines names its module here."""

_registered: dict[str, Baseline] = {}


def register(baseline: Baseline) -> None:
    """Add a baseline to those that a study can name.

    Files of this folder and of entry points need no such call; it is for notebooks and scripts.

    Args:
        baseline: The baseline. It replaces an earlier version of itself.

    Raises:
        ValueError: If its name cannot be one, or is taken.
    """
    if not isinstance(baseline, Baseline) or not baseline.name.isidentifier():
        raise ValueError(f"a baseline is an instance of `Baseline` with an identifier as its `name`, got {baseline!r}")
    if not type(baseline).__module__.startswith(f"{__name__}."):
        _find_own()  # or a baseline of the user's would take the name of one of ours
    known = _registered.get(baseline.name, baseline)
    if _path(known) != _path(baseline):
        raise ValueError(
            f"the name {baseline.name!r} of the baseline {_path(baseline)} is already used; choose another"
        )
    _registered[baseline.name] = baseline


class _Baselines(Mapping[str, Baseline]):
    """All baselines by name; looked for when first asked."""

    def __getitem__(self, name: str) -> Baseline:
        _find_all()
        return _registered[name]

    def __iter__(self) -> Iterator[str]:
        _find_all()
        return iter(sorted(_registered, key=lambda name: (len(_registered[name].needs), name)))

    def __len__(self) -> int:
        _find_all()
        return len(_registered)


BASELINES: Mapping[str, Baseline] = _Baselines()
"""All of them by name, from few inputs to many."""


def needs_measurements(policy: str) -> bool:
    """Whether a policy uses measured materials for training; every one that is not a baseline does.

    Args:
        policy: Name of a policy or baseline.
    """
    return policy not in BASELINES or BASELINES[policy].needs_measurements


def uses_foundation(policy: str) -> bool:
    """Whether a policy is a baseline on features of a foundation encoder.

    Args:
        policy: Name of a policy or baseline.
    """
    return policy in BASELINES and BASELINES[policy].uses_foundation


@cache
def _find_own() -> None:
    for module in import_files(__name__):
        _register_all(module)


@cache
def _find_all() -> None:
    _find_own()
    for module in import_installed(GROUP):
        try:
            _register_all(module)
        except ValueError as error:
            logger.warning("the baselines of %s cannot be used: %s", module.__name__, error)


def _register_all(module: ModuleType) -> None:
    for value in vars(module).values():
        if isinstance(value, Baseline):
            register(value)


def _path(baseline: Baseline) -> str:
    return f"{type(baseline).__module__}.{type(baseline).__qualname__}"
