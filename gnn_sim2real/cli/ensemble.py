"""`gnn-sim2real predict MODEL MODEL ...` and `gnn-sim2real calibrate MODEL MODEL ...`."""

import copy
import json
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from jsonargparse import Namespace
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gnn_sim2real.config.lightning_cli import Sim2RealCLI
from gnn_sim2real.config.options import take_option
from gnn_sim2real.console import open_console
from gnn_sim2real.data.module import PartName, PropertyDataModule
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.files import write_json
from gnn_sim2real.store.loader import make_loader
from gnn_sim2real.tasks.checks import require_same_graphs
from gnn_sim2real.tasks.prediction import heading, write_predictions
from gnn_sim2real.uncertainty.calibration import Floats, Quality, Recalibration, assess, find_recalibration
from gnn_sim2real.uncertainty.ensemble import Ensemble, load_ensemble
from gnn_sim2real.uncertainty.plot import plot_calibration

logger = logging.getLogger(__name__)

_HELP = """usage: gnn-sim2real calibrate MODEL MODEL [MODEL ...] -c FINETUNE.yaml [--output DIR] [--data.SETTING VALUE]

How far the standard deviation of an ensemble can be trusted, judged on the test part: the coverage of its 50 and 90 %
intervals, the negative log-likelihood, and a figure. The spread of the models alone is too small: it includes neither
the scatter of the measurements nor the errors that all models share. So a factor on the spread and a floor below it are
fitted on the validation part, which all models must share and must not have been trained on; the test part is not used
for that. With few models the spread of each material is only a rough estimate, and the floor is most of the standard
deviation.

Train the models with the same split and `data.seed`, and each with a different `--seed_everything`:
  gnn-sim2real fit -c FINETUNE.yaml --data.validation_fraction 0.2 --seed_everything 1
then calibrate, and predict with the calibration:
  gnn-sim2real calibrate A.ckpt B.ckpt C.ckpt -c FINETUNE.yaml --data.validation_fraction 0.2
  gnn-sim2real predict A.ckpt B.ckpt C.ckpt -c FINETUNE.yaml --data.predict_path FILE --calibration DIR/calibration.json

  MODEL     Lightning checkpoints or folders of the model library
  --output  folder for calibration.json and calibration_PROPERTY.png (default: calibration)"""


def predict_command(argv: list[str]) -> int:
    """Predict with several models: mean and standard deviation.

    Args:
        argv: Arguments after `gnn-sim2real predict`: models, then options.
    """
    paths, argv = _separate_models(argv)
    calibration, argv = take_option(argv, "--calibration")
    data, config = _read_data(argv)
    ensemble = _load(paths, data)
    if calibration is None:
        logger.warning("the spread of the models alone is too small an uncertainty; `gnn-sim2real calibrate` fixes it")
    else:
        ensemble = replace(ensemble, recalibrations=_read_recalibrations(Path(calibration), ensemble))
    found = ensemble.predict_batches(data.predict_dataloader())
    columns = [
        heading(f"{name}{what}", unit)
        for name, unit in zip(found.names, found.units, strict=True)
        for what in ("", " std")
    ]
    values = np.stack([found.mean, found.std], axis=2).reshape(len(found.mean), -1)
    write_predictions(Path(config.prediction.output), data.predictor, columns, values.tolist())
    return 0


def calibrate_command(argv: list[str]) -> int:
    """Report how far an ensemble's standard deviation can be trusted, and find the recalibration.

    Args:
        argv: Arguments after `gnn-sim2real calibrate`: models, then options.
    """
    console = open_console()
    if argv[:1] in ([], ["-h"], ["--help"]):
        console.print(_HELP, markup=False, highlight=False)
        return 0
    paths, argv = _separate_models(argv)
    output, argv = take_option(argv, "--output")
    folder = Path(output or "calibration")
    data, _ = _read_data(argv)
    content = calibrate(_load(paths, data), data, folder)
    for name, each in content["properties"].items():
        _print_quality(name, each, console)
    console.print(f"\ncalibration.json and the figure are in {folder}", highlight=False)
    return 0


def calibrate(ensemble: Ensemble, data: PropertyDataModule, folder: Path) -> dict[str, Any]:
    """Judge an ensemble on the test part of its data, before and after a recalibration on the validation part.

    Args:
        ensemble: Models trained on the training part of these data.
        data: The data.
        folder: Folder for `calibration.json` and the figures.

    Returns:
        Content of `calibration.json`: `models`, `parts` (a hash), and for each property `unit`, `factor`,
        `floor`, `num_validation`, and the quality of `spread` and `recalibrated` on the test part.

    Raises:
        ValueError: If a model was trained on other parts, or there is no test or validation part.
    """
    _require_same_parts(ensemble, data)
    if not len(data.parts.validation):
        raise ValueError(
            "there is no validation part for the recalibration; train the models again with "
            "`data.init_args.validation_fraction`, e.g. 0.2"
        )
    data.test_dataloader()  # refuses data without a test part
    validation, test = (_predict_part(ensemble, data, part) for part in ("validation", "test"))
    properties = {}
    for column, spec in enumerate(ensemble.properties):
        mean, std, truth = (values[:, column] for values in validation)
        recalibration = find_recalibration(mean, std, truth)
        num_validation = int((np.isfinite(truth) & (std > 0)).sum())
        mean, std, truth = (values[:, column] for values in test)
        properties[spec.name] = {
            "unit": spec.unit,
            **asdict(recalibration),
            "num_validation": num_validation,
            "spread": _plain(assess(mean, std, truth)),
            "recalibrated": _plain(assess(mean, recalibration.apply(std), truth)),
        }
        plot_calibration(
            mean,
            {"spread of the models": std, "recalibrated": recalibration.apply(std)},
            truth,
            quantity=spec.name.replace("_", " "),
            unit=spec.unit,
            title=f"Uncertainty of {len(ensemble.models)} models on the test part",
            path=folder / f"calibration_{spec.name}.png",
        )
    content = {"models": ensemble.fingerprints, "parts": data.splitter.parts_hash, "properties": properties}
    write_json(folder / "calibration.json", content)
    return content


def _predict_part(ensemble: Ensemble, data: PropertyDataModule, part: PartName) -> tuple[Floats, Floats, Floats]:
    """Mean, standard deviation and true values of a part, each (num_materials, num_properties)."""
    found = ensemble.predict_batches(make_loader(data.part(part), 256))
    return found.mean, found.std, data.table.values[getattr(data.parts, part)]


def _require_same_parts(ensemble: Ensemble, data: PropertyDataModule) -> None:
    """Refuse models that have or may have seen the validation or test part; their cards hold the training part."""
    wanted = [(spec.name, spec.unit) for spec in data.properties]
    given = [(spec.name, spec.unit) for spec in ensemble.properties]
    if given != wanted:
        raise CheckpointError(
            f"the models predict {given}, but the data have {wanted}; use the data that the models were trained on"
        )
    for number, model in enumerate(ensemble.models, start=1):
        parts = model.card.get("data", {}).get("parts")
        if parts != data.splitter.parts_hash:
            raise CheckpointError(
                f"model {number} was trained on a different training part, so it may have seen the test materials; "
                "use the data settings of the training (`size`, `seed`, `split`, `validation_fraction` ...), the same "
                "for all models, and a different `--seed_everything` for each"
            )


def _read_recalibrations(path: Path, ensemble: Ensemble) -> dict[str, Recalibration]:
    """The recalibrations that `calibrate` found for this ensemble."""
    try:
        content = json.loads(path.read_text())
        models, properties = content["models"], content["properties"]
        found = {name: Recalibration(float(each["factor"]), float(each["floor"])) for name, each in properties.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a calibration: {error}; `gnn-sim2real calibrate` writes one") from error
    if models != ensemble.fingerprints:
        raise ValueError(f"{path} belongs to other models; calibrate these with `gnn-sim2real calibrate`")
    return found


def _load(paths: list[str], data: PropertyDataModule) -> Ensemble:
    ensemble = load_ensemble(paths)
    require_same_graphs(ensemble.featurizer.describe(), data)
    return ensemble


def _separate_models(argv: list[str]) -> tuple[list[str], list[str]]:
    """The models, which come first, and the options."""
    first = next((position for position, word in enumerate(argv) if word.startswith("-")), len(argv))
    if first < 2:
        raise ValueError(
            f"an ensemble needs at least two models before the options, got {first}; for a single model use "
            "`gnn-sim2real predict --ckpt_path MODEL`"
        )
    return argv[:first], argv[first:]


def _read_data(argv: list[str]) -> tuple[PropertyDataModule, Namespace]:
    """The data of a configuration, without building its model, and the whole configuration."""
    cli = Sim2RealCLI(argv, run=False)
    data_only = copy.deepcopy(cli.config)
    data_only.model = None
    data: PropertyDataModule = cli.parser.instantiate(data_only).data
    return data, cli.config


def _plain(quality: Quality) -> dict[str, Any]:
    """For JSON, whose keys are text: 50 % is "0.5"."""
    plain = asdict(quality)
    for name in ("coverage", "coverage_interval"):
        plain[name] = {f"{share:g}": value for share, value in plain[name].items()}
    return plain


def _print_quality(name: str, result: dict[str, Any], console: Console) -> None:
    """Print the quality before and after, within 80 columns."""
    unit = f" {result['unit']}" if result["unit"] else ""
    spread = result["spread"]
    error = f"RMSE {spread['rmse']:.4g}{unit}"
    title = f"Uncertainty of {name.replace('_', ' ')} on {spread['num']} test materials, {error}"
    table = Table(title=escape(title), box=None, padding=(0, 2, 0, 0), pad_edge=False, title_justify="left")
    for column in ("spread", "std", "coverage 50 %", "coverage 90 %", "NLL"):
        table.add_column(column, justify="left" if column == "spread" else "right", no_wrap=True)
    for label, quality in (("as is", spread), ("recalibrated", result["recalibrated"])):
        coverage = [
            "{:.0%} [{:.0%}, {:.0%}]".format(quality["coverage"][share], *quality["coverage_interval"][share])
            for share in ("0.5", "0.9")
        ]
        row = [label, f"{quality['mean_std']:.4g}", *coverage, f"{quality['nll']:.3f}"]
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
    console.print(
        "std: root mean square, in the same unit; coverage: share of the measured values in the interval, in brackets "
        f"its 90 % interval; from {result['num_validation']} validation materials: the spread times "
        f"{result['factor']:.3g}, and a floor of {result['floor']:.3g}{unit}, added in quadrature",
        markup=False,
        highlight=False,
    )
