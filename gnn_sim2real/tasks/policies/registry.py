"""Policies by name, and their texts."""

from collections.abc import Mapping
from typing import Any

from gnn_sim2real.renamed import current_policy
from gnn_sim2real.tasks.policies.base import POLICIES, FineTuningPolicy


def find_policies() -> dict[str, type[FineTuningPolicy]]:
    """All policies by name, the reference first."""
    return POLICIES.classes()


def find_policy(name: str) -> type[FineTuningPolicy]:
    """Find a policy.

    Args:
        name: Name in this or an earlier version.

    Raises:
        ValueError: If there is no such policy.
    """
    return POLICIES.find(current_policy(name))


def is_fine_tuning(name: str) -> bool:
    """Whether a name is that of a fine-tuning policy, and not of a baseline.

    Args:
        name: Current name.
    """
    return name in POLICIES


def policy_title(name: str) -> str:
    """Text for a policy or a baseline in tables and figures.

    Args:
        name: Current name; for a policy that is not installed the name itself is used.
    """
    from gnn_sim2real.baselines import BASELINES  # here, since it loads numpy

    found = find_policies().get(name) or BASELINES.get(name)
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
