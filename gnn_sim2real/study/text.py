"""Text about the summary of a study: names of models, and sentences on data and transfer."""

from collections.abc import Mapping
from typing import Any

from gnn_sim2real.law.text import format_number
from gnn_sim2real.records.curves import format_growth
from gnn_sim2real.tasks.policies import REFERENCE, find_policies, is_fine_tuning, policy_title
from gnn_sim2real.units import format_unit


def source_name(row: Mapping[str, Any]) -> str:
    """Source size of a row, or the text that replaces it.

    Args:
        row: Row of the summary.
    """
    if row["source_size"]:
        return f"{row['source_size']:,}"
    return "from scratch" if is_fine_tuning(row["policy"]) else "-"


def model_name(row: Mapping[str, Any]) -> str:
    """Name of the model of a row.

    Args:
        row: Row of the summary.
    """
    policy, architecture = str(row["policy"]), str(row["architecture"])
    growth = format_growth(str(row["growth"]))
    if policy == REFERENCE and not row.get("source_size", 1):
        return architecture
    name = policy_title(policy)
    return (f"{architecture}, {name}" if architecture else name) + growth


def format_data(data: Mapping[str, Any], unit: str) -> list[str]:
    """One sentence each on excluded source materials, on the origin of crystal structures, and on label noise.

    Args:
        data: Data cards of source and target.
        unit: Unit of the property.
    """
    sentences = []
    source, target = data.get("source"), data.get("target")
    if source and source["num_removed"]:
        removed = "a test material" if source["removed"]["what"] == "test" else "a material"
        sentences.append(
            f"{source['num_removed']:,} of {source['num_materials']:,} source materials were excluded: by identity or "
            f"formula, each is {removed} of the target"
        )
    if target and target.get("match_kinds"):
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in target["match_kinds"].items())
        sentences.append(f"the structures of the {target['num_materials']:,} measured crystals were found by {kinds}")
    if target and (noise := target.get("noise_floor")):
        unit = f" {format_unit(unit)}".rstrip()
        copies = (
            f" ({noise['mae_without_ties']:.2g}{unit} if the {noise['num_tied']:,} whose measurements agree exactly "
            "are copies)"
        )
        sentences.append(
            f"{noise['num_replicated']:,} of the {noise['num_materials']:,} measured materials were measured more than "
            f"once: judging by their spread, a perfect model would have an MAE of {noise['mae']:.2g}{unit}"
            + copies * bool(noise["num_tied"])
            + "; errors shared by all measurements of a material are not included"
        )
    return sentences


def format_transfer(summary: Mapping[str, Any]) -> list[str]:
    """One sentence per curve that says whether fine-tuning from the whole source beats the methods without a source.

    These are the same network from scratch, extra trees and, if the network corrects a simulated value, a straight line
    in that value. The interval of the paired difference decides: a source helps if it lies above zero for each method.

    Args:
        summary: Summary of the study.
    """
    found: dict[tuple[str, int], dict[str, Mapping[str, Any]]] = {}
    for gain in summary["gains"]:
        rival = _rival(gain)
        if is_fine_tuning(gain["policy"]) and rival and gain["gain"]["low"] is not None:
            rivals = found.setdefault((model_name(gain), gain["target_size"]), {})
            # The same policy from scratch is a closer rival than another policy.
            if rival not in rivals or gain["over"]["policy"] == gain["policy"]:
                rivals[rival] = gain["gain"]
    unit = f" {format_unit(summary['unit'])}".rstrip()
    sentences = []
    for (name, size), rivals in found.items():
        gains = [(rival, rivals[rival]) for rival in _RIVALS if rival in rivals]
        changes = ", and ".join(_format_gain(gain, summary["metric"], unit, rival) for rival, gain in gains)
        sentences.append(f"{name}, m = {size:,}: {_verdict([each for _, each in gains])}. The whole source {changes}")
    return sentences


_SCRATCH, _TREES = "the same network from scratch", "extra trees without a source"
_LINE = "a straight line in the simulated value"
_RIVALS = (_SCRATCH, _TREES, _LINE)


def _rival(gain: Mapping[str, Any]) -> str | None:
    """The method without a source that a gain refers to; None if it refers to another one."""
    over = gain["over"]
    if over["source_level"] != "0":
        return None
    if over["architecture"] == gain["architecture"] and over["policy"] in (REFERENCE, gain["policy"]):
        return _SCRATCH
    if over["policy"] == "calibrated_simulated_value":
        corrects = is_fine_tuning(gain["policy"]) and find_policies()[gain["policy"]].takes_simulated
        return _LINE if corrects else None
    return _TREES if over["policy"] == "extra_trees" else None


def _verdict(gains: list[Mapping[str, Any]]) -> str:
    if all(gain["low"] > 0 for gain in gains):
        return "transfer helps"
    if any(gain["high"] < 0 for gain in gains):
        return "transfer does not help"
    return "transfer is not shown to help"


def _format_gain(gain: Mapping[str, Any], metric: str, unit: str, other: str) -> str:
    if gain["low"] <= 0 <= gain["high"]:
        change = f"changes the {metric.upper()} by {format_number(-gain['mean'])}{unit} "
        return f"{change}[{format_number(-gain['high'])}, {format_number(-gain['low'])}] against {other}"
    verb, sign = ("lowers", 1) if gain["low"] > 0 else ("raises", -1)
    low, high = sorted((sign * gain["low"], sign * gain["high"]))
    change = f"{verb} the {metric.upper()} by {format_number(sign * gain['mean'])}{unit} "
    return f"{change}[{format_number(low)}, {format_number(high)}] against {other}"
