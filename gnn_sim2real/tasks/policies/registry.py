"""Finding policies: those of this folder, and those of other installed distributions."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from gnn_sim2real.plugins import import_files, import_installed
from gnn_sim2real.renamed_policies import current_policy
from gnn_sim2real.tasks.policies.base import REGISTERED, FineTuningPolicy

GROUP = "gnn_sim2real.policies"
"""Entry-point group: a distribution with policies names their modules here."""

REFERENCE = "full"
"""The policy with which others are compared. From scratch all policies are the same, and this one stands for them."""


@cache
def _import_all() -> None:
    import_files(__name__.rpartition(".")[0])
    for _ in import_installed(GROUP):
        pass


def find_policies() -> dict[str, type[FineTuningPolicy]]:
    """All policies by name, the reference first."""
    _import_all()
    return dict(sorted(REGISTERED.items(), key=lambda item: (item[0] != REFERENCE, item[0])))


def find_policy(name: str) -> type[FineTuningPolicy]:
    """Find a policy.

    Args:
        name: Name in this or an earlier version.

    Raises:
        ValueError: If there is no such policy.
    """
    found = find_policies()
    current = current_policy(name)
    if current not in found:
        raise ValueError(f"`policy` must be one of {', '.join(found)}, got {name!r}")
    return found[current]


def is_fine_tuning(name: str) -> bool:
    """Whether a name is that of a fine-tuning policy, and not of a baseline.

    Args:
        name: Current name.
    """
    _import_all()
    return name in REGISTERED


def policy_title(name: str) -> str:
    """Text for a policy or a baseline in tables and figures.

    Args:
        name: Current name; for a policy that is not installed the name itself is used.
    """
    found = find_policies().get(name)
    return found.title if found else name.replace("_", " ")


def describe_policies() -> str:
    """Names of all policies, each with what it does, for a help text."""
    return "; ".join(f"`{name}`: {each.summary}" for name, each in find_policies().items())


def make_policy(name: str, settings: Mapping[str, Any]) -> FineTuningPolicy:
    """Make a policy.

    Args:
        name: Name in this or an earlier version.
        settings: Settings of any policies: each takes its own, so that the policies of a study share one YAML.

    Raises:
        ValueError: If there is no such policy, no policy takes a setting, or one cannot have this value.
    """
    wanted = find_policy(name)
    kinds = find_policies().values()
    taken = sorted({setting for kind in kinds for setting in kind.settings()})
    unknown = sorted(settings.keys() - set(taken))
    if unknown:
        raise ValueError(f"no policy has a setting `{unknown[0]}`; there are {', '.join(taken)}")
    # All of them, since a wrong value is an error whichever policy is used.
    made = {
        kind.name: kind(**{setting: settings[setting] for setting in kind.settings() if setting in settings})
        for kind in kinds
    }
    return made[wanted.name]
