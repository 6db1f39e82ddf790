"""What would the law have forecast? The published studies, fitted from their smaller source sizes alone.

From the sizes up to a quarter of the largest one, and again up to half of it where a quarter leaves too few sizes for
a law, the error at the largest size is forecast with an interval and set beside what was measured. Hits and misses are
listed alike; a forecast that is refused is listed with the reason.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from machine import publish, versions

from gnn_sim2real.law import Models, fit_scaling_law
from gnn_sim2real.records.curves import curve_name
from gnn_sim2real.records.learning_curves import read_learning_curves

STUDIES = (
    "polymer_density",
    "band_gap",
    "formation_enthalpy",
    "liquid_density_architectures",
    "liquid_density_architectures_4e-3",
)
POLICIES = ("full", "l2_sp", "calibrated_source", "frozen_ridge", "extra_trees_with_source")
FRACTIONS = (0.25, 0.5)
CONFIDENCE = 0.90
_RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=_RESULTS / "law_hindcast.json")
    arguments = parser.parse_args()
    rows = [
        {"study": study, "curve": curve_name(label), "unit": read.unit} | row
        for study in STUDIES
        for read in (read_learning_curves(_RESULTS / f"{study}.json", policies=POLICIES),)
        for label, models in read.curves.items()
        for row in hindcast(models)
    ]
    made = [row for row in rows if "hit" in row]
    summary = {
        f"up to {fraction:g} of the largest size": {
            "forecasts": len(found),
            "hits": sum(row["hit"] for row in found),
            "too_low": sum(row["forecast"] < row["measured"] for row in found),
            "too_high": sum(row["forecast"] > row["measured"] for row in found),
            "median_log_error": round(float(np.median([row["log_error"] for row in found])), 4) if found else None,
            "refused": sum("refused" in row for row in rows if row["up_to"] == fraction),
        }
        for fraction in FRACTIONS
        for found in ([row for row in made if row["up_to"] == fraction],)
    }
    publish(
        {
            "confidence": CONFIDENCE,
            "summary": summary,
            "rows": rows,
            "versions": versions("numpy", "scipy"),
            "date": datetime.now(UTC).date().isoformat(),
        },
        arguments.output,
    )


def hindcast(models: Models) -> list[dict[str, Any]]:
    """Forecasts of the error at the largest size of one curve."""
    sizes, errors = np.asarray(models.source_sizes, dtype=float), np.asarray(models.errors, dtype=float)
    labels = np.asarray(models.curves)
    largest = sizes.max()
    if len(np.unique(sizes)) < 3:
        return []
    rows = []
    for fraction in FRACTIONS:
        known = sizes <= fraction * largest
        row: dict[str, Any] = {"up_to": fraction, "sizes": sorted({*sizes[known]}), "largest": largest}
        try:
            law = fit_scaling_law(sizes[known], errors[known], curves=labels[known].tolist(), confidence=CONFIDENCE)
        except ValueError as refusal:
            rows.append(row | {"refused": str(refusal)})
            continue
        low, high = (float(end) for end in law.predict_interval(largest))
        # the law is of the geometric mean over repeats
        measured = float(np.exp(np.log(errors[sizes == largest]).mean()))
        forecast = float(law.predict(largest))
        rows.append(
            row
            | {
                "form": law.form,
                "forecast": forecast,
                "interval": [low, high],
                "measured": measured,
                "num_measured": int((sizes == largest).sum()),
                "log_error": abs(float(np.log(forecast / measured))),
                "hit": low <= measured <= high,
                "decay_rate_identified": law.decay_rate_identified,
            }
        )
        break
    return rows


if __name__ == "__main__":
    main()
