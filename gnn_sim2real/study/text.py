"""Text about the summary of a study: names of models, and sentences on data and transfer."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gnn_sim2real.baselines import BASELINES
from gnn_sim2real.law.numbers import format_number
from gnn_sim2real.records.curves import Kind, model_name
from gnn_sim2real.records.same_materials import SAME
from gnn_sim2real.tasks.policies import REFERENCE, find_policies, is_fine_tuning
from gnn_sim2real.units import format_unit


def source_name(row: Mapping[str, Any]) -> str:
    """Source size of a row, or the text that replaces it.

    Args:
        row: Row of the summary.
    """
    if row["source_size"]:
        return f"{row['source_size']:,}"
    return "from scratch" if is_fine_tuning(row["policy"]) else "-"


def row_name(row: Mapping[str, Any]) -> str:
    """Name of the model of a row; from scratch, where there is no policy, that of the encoder.

    Args:
        row: Row of the summary.
    """
    kind = Kind(*(row[name] for name in Kind._fields))
    return kind.architecture if kind.policy == REFERENCE and not row.get("source_size", 1) else model_name(kind)


class ScoredOn(NamedTuple):
    """Columns of a table of results for models that were scored on different numbers of test materials.

    Attributes:
        headings: How many materials, and the error on those that all were scored on; empty if all have the same.
    """

    headings: tuple[str, ...]

    def cells(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """The cells of a row.

        Args:
            row: Row of the summary.
        """
        if not self.headings:
            return ()
        mean = (row.get(SAME) or {}).get("mean")
        return f"{row['num_test']:.4g}", "" if mean is None else f"{mean:.4f}"


def scored_on(summary: Mapping[str, Any]) -> ScoredOn:
    """The columns that tell on how many test materials each model was scored, where these differ.

    Args:
        summary: Summary of the study.
    """
    numbers = [row["num_test"] for row in summary["rows"] if SAME in row]
    if not numbers:
        return ScoredOn(())
    return ScoredOn(("tested on", f"{summary['metric'].upper()} on the same {min(numbers):.4g}"))


def format_fewer(summary: Mapping[str, Any]) -> list[str]:
    """One sentence for each model that was scored on fewer test materials than others, with its largest source.

    Args:
        summary: Summary of the study.
    """
    sentences, metric, unit = [], summary["metric"], format_unit(summary["unit"])
    rows = [row for row in summary["rows"] if SAME in row]
    for size in dict.fromkeys(row["target_size"] for row in rows):
        some = [row for row in rows if row["target_size"] == size]
        most = max(row["num_test"] for row in rows)
        largest = {name_of_group(row): row for row in sorted(some, key=lambda row: row["source_size"])}
        whole = {
            name: row[SAME]["mean"] for name, row in largest.items() if row["num_test"] == most and row[SAME]["mean"]
        }
        for name, row in largest.items():
            if row["num_test"] == most:
                continue
            said = f"{name}, m = {size:,}: scored on {row['num_test']:.4g} of {most:.4g} test materials"
            if whole and row[SAME]["mean"] is not None:
                best = min(whole, key=lambda each: whole[each])
                said += (
                    f"; on those that all were scored on, {metric.upper()} {row[SAME]['mean']:.4g}, and {best} "
                    f"{whole[best]:.4g} {unit}".rstrip()
                )
            sentences.append(said)
    return sentences


def format_data(data: Mapping[str, Any], unit: str) -> list[str]:
    """One sentence each on excluded materials, the origin of structures, a foundation encoder, and label noise.

    Args:
        data: Data cards of source and target, and what to know of the features of a foundation encoder.
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
    if found := data.get("foundation"):
        refused = ", ".join(f"{count:,} with {reason}" for reason, count in found["refused"].items())
        sentences.append(
            f"the foundation encoder {found['name']} (version {found['version']}, layer {found['layer']}, licence "
            f"{found['licence']}) was {found['has_seen']}"
            + f"; it cannot read {refused}, which baselines on its features leave out"
            * bool(refused)
        )
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


def format_unseen(groups: Mapping[str, Any], unit: str) -> list[str]:
    """Lines on the test materials with elements, bonds or charges that the source never saw.

    Args:
        groups: Errors of both groups, the entry `unseen` of a summary.
        unit: Unit of the property.
    """
    unit = f" [{format_unit(unit)}]" if format_unit(unit) else ""
    lines = [f"\n{who_is_unseen(groups)}: MAE{unit} of these and of the others"]
    for row in groups["rows"]:
        name = name_of_group(row)
        lines.append(
            f"  {name}, m = {row['target_size']:,}: {row['unseen']:.4g} (never seen, {row['num_unseen']:,} errors), "
            f"{row['seen']:.4g} (the others, {row['num_seen']:,})"
        )
    return lines


def who_is_unseen(groups: Mapping[str, Any]) -> str:
    """The test materials of the first group, with what the source never saw and in how many of them.

    Args:
        groups: The entry `unseen` of a summary.
    """
    listed = ", ".join(f"{name} in {count:,}" for name, count in groups["counts"].items())
    return f"test materials with what the largest source never saw ({listed}, over all test parts)"


def name_of_group(row: Mapping[str, Any]) -> str:
    """The model of a row of both groups.

    Args:
        row: A row of the entry `unseen` of a summary.
    """
    name = row_name({**row, "source_size": 0 if row["source_level"] == "0" else 1})
    return name + " from scratch" * (row["source_level"] == "0" and is_fine_tuning(row["policy"]))


def format_transfer(summary: Mapping[str, Any]) -> list[str]:
    """One sentence per curve that says whether fine-tuning from the largest source beats the methods without a source.

    These are the same network from scratch, extra trees and, if the network corrects a simulated value, a straight line
    in that value. The interval of the paired difference decides: a source helps if it lies above zero for each method.

    Args:
        summary: Summary of the study.
    """
    found: dict[tuple[str, int], dict[str, Mapping[str, Any]]] = {}
    for gain in summary["gains"]:
        rival = _rival(gain)
        if is_fine_tuning(gain["policy"]) and rival and gain["gain"]["low"] is not None:
            rivals = found.setdefault((row_name(gain), gain["target_size"]), {})
            # The same policy from scratch is a closer rival than another policy.
            if rival not in rivals or gain["over"]["policy"] == gain["policy"]:
                count = gain.get("num_test")
                rivals[rival] = {**gain["gain"], "on": "" if count is None else f" on the same {count:,} materials"}
    unit = f" {format_unit(summary['unit'])}".rstrip()
    sentences = []
    for (name, size), rivals in found.items():
        gains = [(rival, rivals[rival]) for rival in _RIVALS if rival in rivals]
        changes = ", and ".join(_format_gain(gain, summary["metric"], unit, rival) for rival, gain in gains)
        sentences.append(f"{name}, m = {size:,}: {_verdict([each for _, each in gains])}. The largest source {changes}")
    return sentences


_SCRATCH = "the same network from scratch"
_RIVALS = (_SCRATCH, *(each.rival for each in BASELINES.values() if each.rival))


def _rival(gain: Mapping[str, Any]) -> str | None:
    """The method without a source that a gain refers to; None if it refers to another one."""
    over = gain["over"]
    if over["source_level"] != "0":
        return None
    if over["architecture"] == gain["architecture"] and over["policy"] in (REFERENCE, gain["policy"]):
        return _SCRATCH
    baseline = BASELINES.get(over["policy"])
    if baseline is None or not baseline.rival:
        return None
    corrects = is_fine_tuning(gain["policy"]) and find_policies()[gain["policy"]].takes_simulated
    return baseline.rival if corrects or not baseline.uses_simulated else None


def _verdict(gains: list[Mapping[str, Any]]) -> str:
    if all(gain["low"] > 0 for gain in gains):
        return "transfer helps"
    if any(gain["high"] < 0 for gain in gains):
        return "transfer does not help"
    return "transfer is not shown to help"


def _format_gain(gain: Mapping[str, Any], metric: str, unit: str, other: str) -> str:
    if gain["low"] <= 0 <= gain["high"]:
        change = f"changes the {metric.upper()} by {format_number(-gain['mean'])}{unit} "
        return f"{change}[{format_number(-gain['high'])}, {format_number(-gain['low'])}] against {other}{gain['on']}"
    verb, sign = ("lowers", 1) if gain["low"] > 0 else ("raises", -1)
    low, high = sorted((sign * gain["low"], sign * gain["high"]))
    change = f"{verb} the {metric.upper()} by {format_number(sign * gain['mean'])}{unit} "
    return f"{change}[{format_number(low)}, {format_number(high)}] against {other}{gain['on']}"
