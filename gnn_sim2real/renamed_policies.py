"""Fine-tuning policies as files of earlier versions name them, and as they are called today.

YAMLs, records, cards and checkpoints name policies, and the keys of records are hashes of such names. So a policy that
gets another name gets a line here: a file keeps its words, whoever reads it translates, and keys stay what they were.
"""

RENAMED = {
    "none": "full",
    "encoder": "frozen_encoder",
    "l2_start": "l2_sp",
    "difference": "delta",
}
"""Name of today by the name of an earlier version."""

_FIRST = {today: earlier for earlier, today in reversed(RENAMED.items())}


def current_policy(name: str) -> str:
    """Return the name of today; that of a baseline, or of a policy that kept its name, is the same.

    Args:
        name: Of any version.
    """
    return RENAMED.get(name, name)


def first_policy(name: str) -> str:
    """Return the first name that a policy had: what the key of a record is made of.

    Args:
        name: Of any version.
    """
    name = current_policy(name)
    return _FIRST.get(name, name)
