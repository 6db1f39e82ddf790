"""The calibration of an ensemble: found on the validation part of its data, judged on the test part, and saved."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.files import has_keys, is_own_figure, require_replaceable, write_json
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.scales import error_unit
from gnn_sim2real.uncertainty.calibration import Floats, Quality, Recalibration, assess, find_recalibration
from gnn_sim2real.uncertainty.ensemble import Ensemble
from gnn_sim2real.uncertainty.plot import plot_calibration

_FILE = "calibration.json"


def _figure(folder: Path, name: str) -> Path:
    return folder / f"calibration_{name}.png"


@dataclass(frozen=True)
class Comparison:
    """Predictions of a part beside its true values, in the order of the properties.

    Attributes:
        mean: (num_materials, num_properties or more); mean over the models, on the scale on which a property is
            learned, as all of these.
        std: The same shape; standard deviation over the models.
        truth: (num_materials, num_properties); NaN where missing.
    """

    mean: Floats
    std: Floats
    truth: Floats

    def column(self, number: int) -> tuple[Floats, Floats, Floats]:
        """Mean, standard deviation and true values of one property, each (num_materials,).

        Args:
            number: Number of the property.
        """
        return self.mean[:, number], self.std[:, number], self.truth[:, number]


@dataclass(frozen=True)
class PropertyCalibration:
    """How far the standard deviations of one property can be trusted.

    Attributes:
        unit: Unit of the errors: that of the property, or decades.
        recalibration: Found on the validation part.
        num_validation: Number of materials that it was found on.
        spread: Quality of the spread of the models on the test part.
        recalibrated: Quality of the recalibrated spread on the test part.
    """

    unit: str
    recalibration: Recalibration
    num_validation: int
    spread: Quality
    recalibrated: Quality

    def content(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "unit": self.unit,
            **asdict(self.recalibration),
            "num_validation": self.num_validation,
            "spread": _plain(self.spread),
            "recalibrated": _plain(self.recalibrated),
        }


def require_same_parts(ensemble: Ensemble, properties: Sequence[PropertySpec], parts_hash: str) -> None:
    """Refuse models that have or may have seen the validation or test part; their cards hold the training part.

    Args:
        ensemble: The models.
        properties: Properties of the data.
        parts_hash: Hash of the parts of the data.

    Raises:
        CheckpointError: If the models predict other properties, or one was trained on other parts.
    """
    wanted = [(spec.name, spec.unit) for spec in properties]
    given = [(spec.name, spec.unit) for spec in ensemble.properties]
    if given != wanted:
        raise CheckpointError(
            f"the models predict {given}, but the data have {wanted}; use the data that the models were trained on"
        )
    for number, model in enumerate(ensemble.models, start=1):
        parts = model.card.get("data", {}).get("parts")
        if parts != parts_hash:
            raise CheckpointError(
                f"model {number} was trained on a different training part, so it may have seen the test materials; "
                "use the data settings of the training (`size`, `seed`, `split`, `validation_fraction` ...), the same "
                "for all models, and a different `--seed_everything` for each"
            )


def calibrate(
    properties: Sequence[PropertySpec], validation: Comparison, test: Comparison
) -> dict[str, PropertyCalibration]:
    """Find a recalibration of each property on the validation part, and judge it on the test part.

    Args:
        properties: Name and unit of each property.
        validation: Predictions of materials that no model was trained on.
        test: Predictions of others.

    Returns:
        Calibration by name of the property.

    Raises:
        ValueError: If there are too few true values, or the models do not differ.
    """
    found = {}
    for number, spec in enumerate(properties):
        mean, std, truth = validation.column(number)
        recalibration = find_recalibration(mean, std, truth)
        num_validation = int((np.isfinite(truth) & (std > 0)).sum())
        mean, std, truth = test.column(number)
        spread, recalibrated = assess(mean, std, truth), assess(mean, recalibration.apply(std), truth)
        found[spec.name] = PropertyCalibration(
            error_unit(spec.unit, spec.transform), recalibration, num_validation, spread, recalibrated
        )
    return found


def require_free_folder(folder: Path, names: Iterable[str]) -> None:
    """Refuse a folder whose files of the same names are no earlier calibration.

    Args:
        folder: Folder for `calibration.json` and the figures.
        names: Names of the properties.

    Raises:
        ValueError: If a file would be lost.
    """
    result = folder / _FILE
    ours = has_keys(result, "models", "parts", "properties")
    require_replaceable(
        result,
        *(_figure(folder, name) for name in names),
        is_ours=lambda path: ours or (path != result and is_own_figure(path)),
        advice="give another folder by `--output`",
    )


def save_calibration(
    folder: Path, ensemble: Ensemble, parts_hash: str, calibrations: Mapping[str, PropertyCalibration], test: Comparison
) -> None:
    """Write `calibration.json`, and a figure of each property.

    Args:
        folder: Folder for them.
        ensemble: The models.
        parts_hash: Hash of the parts of the data.
        calibrations: From `calibrate`.
        test: Predictions of the test part.
    """
    for number, (name, each) in enumerate(calibrations.items()):
        mean, std, truth = test.column(number)
        plot_calibration(
            mean,
            {"spread of the models": std, "recalibrated": each.recalibration.apply(std)},
            truth,
            quantity=name.replace("_", " "),
            unit=each.unit,
            title=f"Uncertainty of {len(ensemble.models)} models on the test part",
            path=_figure(folder, name),
        )
    properties = {name: each.content() for name, each in calibrations.items()}
    write_json(
        folder / _FILE,
        {"models": ensemble.fingerprints, "parts": parts_hash, "properties": properties},
    )


def _read_recalibration(content: Mapping[str, Any]) -> Recalibration:
    interval = content.get("interval")  # earlier versions had none
    return Recalibration(
        float(content["factor"]), float(content["floor"]), None if interval is None else float(interval)
    )


def read_recalibrations(path: Path, ensemble: Ensemble) -> dict[str, Recalibration]:
    """Read the recalibrations that were saved for an ensemble.

    Args:
        path: `calibration.json`.
        ensemble: The models.

    Returns:
        Recalibration by name of the property.

    Raises:
        ValueError: If the file is not a calibration, or one of other models.
    """
    try:
        content = json.loads(path.read_text())
        models, properties = content["models"], content["properties"]
        found = {name: _read_recalibration(each) for name, each in properties.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a calibration: {error}; `gnn-sim2real calibrate` writes one") from error
    if models != ensemble.fingerprints:
        raise ValueError(f"{path} belongs to other models; calibrate these with `gnn-sim2real calibrate`")
    return found


def _plain(quality: Quality) -> dict[str, Any]:
    """For JSON, whose keys are text: 50 % is "0.5"."""
    plain = asdict(quality)
    for name in ("coverage", "coverage_interval"):
        plain[name] = {f"{share:g}": value for share, value in plain[name].items()}
    return plain
