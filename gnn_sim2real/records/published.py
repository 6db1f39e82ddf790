"""Reading the published result of a study: its cells as records."""

import json
from pathlib import Path

from gnn_sim2real.records.record import Record, RecordKey
from gnn_sim2real.renamed_policies import current_policy


def read_published(path: Path) -> list[Record]:
    """Read the cells of a published result as records, without details.

    Only cells of the largest source have a card of the data, since no other is published.

    Args:
        path: JSON written by `publish`.

    Raises:
        ValueError: If the file does not exist or is something else.
    """
    if not path.exists():
        raise ValueError(f"there is no published result {path}; `study report DIR --publish PATH` writes PATH.json")
    try:
        content = json.loads(path.read_text())
        versions = content["versions"][0] if len(content["versions"]) == 1 else None
        names = RecordKey.__dataclass_fields__
        largest = max((each["source_size"], each["target_size"]) for each in content["cells"])
        return [
            Record(
                key=each["key"],
                cell=RecordKey(
                    **{name: each[name] for name in names if name in each} | {"policy": current_policy(each["policy"])}
                ),
                property=content["property"],
                unit=content["unit"],
                metrics=each["metrics"],
                data=(content.get("data") or {}) if (each["source_size"], each["target_size"]) == largest else {},
                provenance={"published": path.name, "seconds": each.get("seconds"), "versions": versions},
            )
            for each in content["cells"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is not a published result of a study ({error}); `study report DIR --publish PATH` writes PATH.json"
        ) from error
