"""What the rows of a study's summary are about, in words."""

from collections.abc import Mapping
from typing import Any

from gnn_sim2real.policies import FINE_TUNING_POLICIES
from gnn_sim2real.scaling.curves import say_growth
from gnn_sim2real.units import format_unit


def source_name(row: Mapping[str, Any]) -> str:
    """Source size, or what a row has in place of one.

    Args:
        row: Of the summary.
    """
    if row["source_size"]:
        return f"{row['source_size']:,}"
    return "from scratch" if row["policy"] in FINE_TUNING_POLICIES else "-"


def model_name(row: Mapping[str, Any]) -> str:
    """What a row of the table is about, in words.

    Args:
        row: Of the summary.
    """
    policy, architecture = str(row["policy"]), str(row["architecture"])
    growth = say_growth(str(row["growth"]))
    if policy == "none":
        return f"{architecture}, fine-tuned{growth}" if row.get("source_size", 1) else architecture
    name = policy.replace("_", " ")
    return (f"{architecture}, {name}" if architecture else name) + growth


def say_data(data: Mapping[str, Any], unit: str) -> list[str]:
    """How much of the source the test removed, how crystals were found, and the noise of the labels, a sentence each.

    Args:
        data: Cards of source and target.
        unit: Unit of the property.
    """
    sentences = []
    source, target = data.get("source"), data.get("target")
    if source and source["num_removed"]:
        removed = "a test material" if source["removed"]["what"] == "test" else "a material"
        sentences.append(
            f"{source['num_removed']:,} of {source['num_materials']:,} source materials were left out: by their "
            f"identity or formula they are {removed} of the target"
        )
    if target and target.get("match_kinds"):
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in target["match_kinds"].items())
        sentences.append(f"the structures of the {target['num_materials']:,} measured crystals were found by {kinds}")
    if target and (noise := target.get("noise_floor")):
        unit = f" {format_unit(unit)}".rstrip()
        copies = (
            f" ({noise['mae_without_ties']:.2g}{unit} if the {noise['num_tied']:,} whose measurements agree exactly "
            "are taken for copies)"
        )
        sentences.append(
            f"{noise['num_replicated']:,} of the {noise['num_materials']:,} measured materials were measured more than "
            f"once: by their spread a perfect model would have an MAE of {noise['mae']:.2g}{unit}"
            + copies * bool(noise["num_tied"])
            + "; what is common to all measurements of a material does not show in it"
        )
    return sentences
