"""How do architectures scale on measured liquid densities? What tuning chose, the law, parameters and compute of each.

Reads what `configs/molecule/liquid_density/tuning.yaml` (at its three rates), `architectures.yaml` and
`architectures_4e-3.yaml` have left in their folders, and trains nothing. Each architecture had the same budget of
tuning, on the source's validation part alone; all share seeds, source subsets and the test part, whose choice is in the
intervals. Writes a table (JSON) and the figure of the laws.
"""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np
import pandas as pd
import yaml
from machine import processor, publish, versions

from gnn_sim2real.law import Models, compare_laws
from gnn_sim2real.records.law_figure import draw_laws
from gnn_sim2real.records.learning_curves import read_learning_curves

STUDIES = (Path("runs/liquid_density_architectures"), Path("runs/liquid_density_architectures_4e-3"))
PROPERTY = "density"
_RESULT = Path(__file__).parent / "results" / "architectures.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=Path, nargs="+", default=STUDIES, help="folders of the studies")
    parser.add_argument("--models", type=Path, default=Path("runs/liquid_density_models"), help="their pretrainings")
    parser.add_argument("--tuning", type=Path, default=Path("runs/liquid_density_tuning_models"), help="of tuning.yaml")
    parser.add_argument(
        "--form", default="power_limit", help="one for all, since alpha of another form is another rate"
    )
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--output", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    read = [read_learning_curves(folder) for folder in arguments.studies]
    curves = {label.architecture: models for each in read for label, models in each.curves.items()}
    compared = compare_laws(curves, form=arguments.form, num_resamples=arguments.draws, seed=0)
    tuned, made = read_tuning(arguments.tuning), read_cards(arguments.models)
    rows = []
    for name, law in compared.laws.items():
        chosen = min((row for row in tuned if row["architecture"] == name), key=lambda row: row["validation_mae"])
        same = made[(made["architecture"] == name) & (made["encoder"] == chosen["encoder"])]
        (parameters,) = set(same["parameters"])
        largest = same[same["size"] == same["size"].max()]
        rows.append(
            {"architecture": name, "parameters": parameters, "learning_rate": chosen["learning_rate"]}
            | {"pretraining_seconds": round(median(largest["seconds"]), 1), "seeds": len(largest)}
            | {"errors": mean_errors(curves[name]), **law.to_dict()}
        )
    figure = arguments.output.with_suffix(".png")
    laws = {name: (curves[name], law) for name, law in compared.laws.items()}
    draw_laws(laws, read[0].quantity, read[0].unit, figure)
    figure.with_suffix(".svg").unlink()
    publish(
        {
            "rows": sorted(rows, key=lambda row: row["errors"][-1][1]),
            "pairs": compared.to_dict()["pairs"],
            "tuning": [row | {"encoder": json.loads(row["encoder"])} for row in tuned],
            "unit": read[0].unit,
            "processor": processor(),
            "versions": versions("torch", "torch_geometric", "numpy", "scipy"),
            "date": datetime.now(UTC).date().isoformat(),
        },
        arguments.output,
    )


def read_cards(folder: Path) -> pd.DataFrame:
    """One row a model: encoder and rate, parameters, compute, and its error on the source's validation part."""
    rows: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*/card.json")):
        card, config = json.loads(path.read_text()), yaml.safe_load(path.with_name("config.yaml").read_text())
        rows.append(
            {
                "architecture": card["architecture"],
                "encoder": json.dumps(card["network"]["encoder"]["init_args"], sort_keys=True),
                "learning_rate": config["model"]["init_args"]["optimizer"]["init_args"]["lr"],
                "parameters": card["num_parameters"],
                "size": card["data"]["size"],
                "seconds": card["provenance"]["seconds"],
                "mae": card["metrics"].get(PROPERTY, {}).get("mae", float("nan")),
            }
        )
    if not rows:
        raise SystemExit(
            f"{folder} holds no models; the YAMLs of configs/molecule/liquid_density say how they are made"
        )
    return pd.DataFrame(rows)


def read_tuning(folder: Path) -> list[dict[str, Any]]:
    """Every setting tried, with its error over seeds."""
    return [
        {"architecture": architecture, "encoder": encoder, "learning_rate": rate}
        | {"validation_mae": round(mean(found["mae"]), 6), "spread": round(stdev(found["mae"]), 6), "seeds": len(found)}
        for (architecture, encoder, rate), found in read_cards(folder).groupby(
            ["architecture", "encoder", "learning_rate"]
        )
    ]


def mean_errors(models: Models) -> list[tuple[float, float]]:
    """Source sizes, and the mean error over seeds at each."""
    sizes, errors = np.asarray(models.source_sizes), np.asarray(models.errors)
    return [(float(size), round(float(errors[sizes == size].mean()), 6)) for size in np.unique(sizes)]


if __name__ == "__main__":
    main()
