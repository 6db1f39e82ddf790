"""What `predict` and `calibrate` do with one model, and with several that were trained alike."""

import copy
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from jsonargparse import Namespace
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gnn_sim2real.cli._predict_material import print_answer, read_material, take_material
from gnn_sim2real.config.lightning_cli import Sim2RealCLI
from gnn_sim2real.console import open_console
from gnn_sim2real.data.described import require_installed, with_material
from gnn_sim2real.data.module import PartName, PropertyDataModule
from gnn_sim2real.library import DESCRIPTION_FILE, TrainedModel, load_model
from gnn_sim2real.library.card import CARD_FILE
from gnn_sim2real.library.content import CONFIG_FILE, find_model
from gnn_sim2real.library.starter import format_simulated
from gnn_sim2real.scales import error_unit
from gnn_sim2real.store.loader import make_loader
from gnn_sim2real.store.vocabulary import warn_of_unseen
from gnn_sim2real.tables.table import TABLE_SUFFIXES
from gnn_sim2real.tasks import TargetFineTuning
from gnn_sim2real.tasks.checks import require_same_graphs
from gnn_sim2real.tasks.prediction import check_output, heading, write_predictions
from gnn_sim2real.uncertainty.calibration import COVERAGES
from gnn_sim2real.uncertainty.ensemble import Ensemble, load_ensemble
from gnn_sim2real.uncertainty.ensemble_calibration import (
    Comparison,
    PropertyCalibration,
    read_recalibrations,
    require_free_folder,
    require_same_parts,
    save_calibration,
)
from gnn_sim2real.uncertainty.ensemble_calibration import calibrate as calibrate_parts

logger = logging.getLogger(__name__)

_UNUSED = ("trainer", "model", "seed_everything", "library", "ckpt_path")
"""Settings of a configuration that are not needed where a model is only applied."""


def predict(words: Sequence[str], calibration: str | None, argv: Sequence[str]) -> int:
    """Predict with one model, or with several: mean and standard deviation, and with a calibration an interval.

    Args:
        words: Models, then the file of materials or one material.
        calibration: File of the calibration.
        argv: Further options.

    Returns:
        Exit code.

    Raises:
        ValueError: If the models and options do not go together.
    """
    paths, asked = _separate_models(words)
    _require_models_first(paths, asked)
    if calibration is not None and len(paths) == 1:
        raise ValueError("a calibration is of several models; give them all, or leave `--calibration` out")
    paths, word = take_material(paths, asked)
    models = [load_model(path) for path in paths]
    if word is not None:
        why = read_material(models, word)
        if why is None:
            if argv:
                raise ValueError(
                    f"{argv[0]} has no effect on a single material, which is answered on the screen; for a file of "
                    "predictions give a table"
                )
            print_answer(paths, models, word)
            return 0
        if asked is None:
            raise ValueError(f"{word} is neither a model nor a file, and {why}")
    ask = [] if asked is None else ["--data.predict_path", asked]
    data, config = read_data([*argv, *ask], lambda: _data_settings(find_model(Path(paths[0])), models[0]))
    if all(model.network.line is None for model in models):  # then nothing of them is read
        data = data.variant(simulated_column=None, simulated_unit=None, simulated_from=None)
    read: list[str | Path] = [*(find_model(Path(path)) for path in paths), *_configurations(argv)]
    read += [] if calibration is None else [calibration]
    check_output(Path(config.prediction.output), config.prediction.overwrite, data, read)
    require_same_graphs(models[0].featurizer.describe(), data)
    if len(models) == 1:
        _predict_with_one(models[0], data, Path(config.prediction.output))
        return 0
    ensemble = Ensemble(tuple(models))
    if calibration is None:
        logger.warning("the spread of the models alone is too small an uncertainty; `gnn-sim2real calibrate` fixes it")
    else:
        ensemble = replace(ensemble, recalibrations=read_recalibrations(Path(calibration), ensemble))
    _predict_with_ensemble(ensemble, data, Path(config.prediction.output))
    return 0


def _configurations(argv: Sequence[str]) -> list[str]:
    """The YAMLs among the words of a command."""
    return [word for before, word in pairwise(argv) if before in ("-c", "--config")]


def _predict_with_ensemble(ensemble: Ensemble, data: PropertyDataModule, output: Path) -> None:
    """Write mean and standard deviation of each material, and with a calibration the ends of its interval."""
    batches = data.predict_dataloader()
    warn_of_unseen(ensemble.vocabulary, data.predictor.store, "prediction")
    found = ensemble.predict_batches(batches)
    columns, values = list[str](), list[NDArray[np.float64]]()
    for column, (name, unit) in enumerate(zip(found.names, found.units, strict=True)):
        lower, upper = found.ends(column)
        each = {"": found.mean[:, column], " std": found.std[:, column]}
        each |= {} if np.isnan(lower).all() else {" lower": lower, " upper": upper}
        of_std = error_unit(unit, found.transforms[column])
        columns += [heading(f"{name}{what}", of_std if what == " std" else unit) for what in each]
        values += each.values()
    notes = [
        f"{count} of {len(ensemble.models)} models answer: no simulated value"
        if 0 < count < len(ensemble.models)
        else ""
        for count in found.num_models.tolist()
    ]
    rows = np.column_stack(values).tolist()
    write_predictions(output, data.predictor, columns, rows, notes)


def _predict_with_one(model: TrainedModel, data: PropertyDataModule, output: Path) -> None:
    """Predict with a single model, as `predict --ckpt_path` does."""
    warn_of_unseen(model.card.get("vocabulary"), data.predictor.store, "prediction")
    with torch.inference_mode():
        values = torch.cat([model.network.predict_with_terms(batch) for batch in data.predict_dataloader()])
    columns = [heading(spec.name, spec.unit) for spec in model.network.properties]
    columns += [heading(name, unit) for name, unit in model.network.terms]
    write_predictions(output, data.predictor, columns, values.tolist())
    if said := format_simulated(model.card):
        logger.info("what is predicted is %s", said)


def calibrate(words: Sequence[str], output: str, argv: Sequence[str]) -> int:
    """Report how far an ensemble's standard deviation can be trusted, and find the recalibration.

    Args:
        words: The models.
        output: Folder of the result.
        argv: Further options.

    Returns:
        Exit code.

    Raises:
        ValueError: If a file follows the models, or there is no validation part.
    """
    console = open_console()
    paths, asked = _separate_models(words)
    if asked is not None:
        raise ValueError(f"{asked} is not a model; `calibrate` judges the models on the data that they were trained on")
    folder = Path(output)
    ensemble = load_ensemble(paths)
    data, _ = read_data(argv, lambda: _data_settings(find_model(Path(paths[0])), ensemble.models[0]))
    require_free_folder(folder, [spec.name for spec in ensemble.properties])
    require_same_graphs(ensemble.featurizer.describe(), data)
    require_same_parts(ensemble, data.properties, data.splitter.parts_hash)
    if not len(data.parts.validation):
        raise ValueError(
            "there is no validation part for the recalibration; train the models again with "
            "`data.init_args.validation_fraction`, e.g. 0.2"
        )
    data.test_dataloader()  # refuses data without a test part
    validation, test = (_predict_part(ensemble, data, part) for part in ("validation", "test"))
    found = calibrate_parts(ensemble.properties, validation, test)
    save_calibration(folder, ensemble, data.splitter.parts_hash, found, test)
    for name, each in found.items():
        _print_quality(name, each, console)
    console.print(f"\ncalibration.json and the figure are in {folder}", highlight=False)
    return 0


def _predict_part(ensemble: Ensemble, data: PropertyDataModule, part: PartName) -> Comparison:
    """Predictions of a part beside its true values, of the materials that all models answer."""
    found = ensemble.predict_batches(make_loader(data.part(part), 256))
    answered = found.num_models == len(ensemble.models)
    if not answered.all():
        logger.info(
            "%s part: %d of %d materials; the others have no simulated value, which a model needs",
            *(part, answered.sum(), len(answered)),
        )
    rows, data_set = getattr(data.parts, part)[answered], data.data_set
    mean, truth = found.mean[answered], data.table.values[rows]
    for column in range(truth.shape[1]):
        for values in (mean, truth):
            values[:, column] = data_set.to_scale(values[:, column], column)
    return Comparison(mean, found.std[answered], truth)


def _separate_models(words: Sequence[str]) -> tuple[list[str], str | None]:
    """The models, which come first, and the file to predict if one follows them."""
    models, asked = list(words), None
    if len(models) > 1 and not _may_be_model(Path(models[-1])):
        asked = models.pop()
    if not models:
        raise ValueError("there is no model; give the models (.ckpt, or folders of the model library) before all else")
    return models, asked


def _require_models_first(paths: list[str], asked: str | None) -> None:
    """Refuse a table in the place of a model."""
    tables = [each for each in paths if {*Path(each.lower()).suffixes} & {*TABLE_SUFFIXES, ".json", ".cif"}]
    files = [each for each in tables if Path(each).is_file()]
    if not files:
        return
    models = " ".join(each for each in paths if each not in tables)
    if models:
        raise ValueError(
            f"{files[0]} is not a model: the models come first, `gnn-sim2real predict {models} {files[0]}`"
        )
    raise ValueError(
        f"no model is given: `gnn-sim2real predict MODEL {asked or files[0]}`, where MODEL is a .ckpt, or a folder or "
        "key of the model library"
    )


def _may_be_model(path: Path) -> bool:
    """Whether a path is to be read as a model, not as a table or a folder of crystals; also one that is not there."""
    if path.is_dir():
        return any((path / name).is_file() for name in (CARD_FILE, DESCRIPTION_FILE))
    return path.suffix == ".ckpt" or not (path.suffix or path.exists())


def read_data(argv: Sequence[str], known: Callable[[], Any]) -> tuple[PropertyDataModule, Namespace]:
    """The data of a configuration, or those of a model's training, and all settings; no model is built.

    Args:
        argv: Options.
        known: How the training read its table, asked for where no configuration is given.

    Raises:
        ValueError: If an option has no effect here, or it is not known how the table is read.
    """
    given = (word.partition("=")[0].replace("-", "_").removeprefix("__") for word in argv if word.startswith("--"))
    if unused := [name for name in given if name.partition(".")[0] in _UNUSED]:
        raise ValueError(
            f"`--{unused[0]}` has no effect where models are named before the options, which takes only `--data.*`, "
            "`--prediction.*` and `-c`; leave it out, or predict with a trainer: `gnn-sim2real predict -c "
            "FINETUNE.yaml --ckpt_path MODEL --data.predict_path FILE`"
        )
    if not any(word.partition("=")[0] in ("-c", "--config") for word in argv):
        settings = json.dumps(known())
        argv = ["--model", f"gnn_sim2real.tasks.{TargetFineTuning.__name__}", "--data", settings, *argv]  # not built
    cli = Sim2RealCLI(list(argv), run=False)
    data_only = copy.deepcopy(cli.config)
    data_only.model = None
    data: PropertyDataModule = cli.parser.instantiate(data_only).data
    return data, cli.config


def _data_settings(path: Path, model: TrainedModel) -> Any:
    """How a model read its table: saved in its checkpoint, or in the configuration that a library has beside it.

    Raises:
        ValueError: If it is not known.
    """
    settings = model.card.get("data_settings")
    try:
        if settings is None and (path / CONFIG_FILE).is_file():
            settings = yaml.safe_load((path / CONFIG_FILE).read_text(encoding="utf-8"))["data"]
            settings = with_material(settings, model.featurizer.name)
        require_installed(settings)
    except (ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        why = error if isinstance(error, ValueError) else "does not say how its table is read"
        raise ValueError(f"{path} {why}; give the YAML of its training: -c FINETUNE.yaml") from error
    return settings


def _print_quality(name: str, result: PropertyCalibration, console: Console) -> None:
    """Print the quality before and after, within 80 columns."""
    unit, found = f" {result.unit}" if result.unit else "", result.recalibration
    error = f"RMSE {result.spread.rmse:.4g}{unit}"
    title = f"Uncertainty of {name.replace('_', ' ')} on {result.spread.num} test materials, {error}"
    table = Table(title=escape(title), box=None, padding=(0, 2, 0, 0), pad_edge=False, title_justify="left")
    for column in ("spread", "std", "coverage 50 %", "coverage 90 %", "NLL"):
        table.add_column(column, justify="left" if column == "spread" else "right", no_wrap=True)
    for label, quality in (("as is", result.spread), ("recalibrated", result.recalibrated)):
        coverage = [
            "{:.0f} % [{:.0f}, {:.0f}]".format(
                100 * quality.coverage[share], *(100 * end for end in quality.coverage_interval[share])
            )
            for share in COVERAGES
        ]
        row = [label, f"{quality.mean_std:.4g}", *coverage, f"{quality.nll:.3f}"]
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
    console.print(
        "std: root mean square, in the same unit; coverage: share of the measured values in the interval, in brackets "
        f"its 90 % interval; from {result.num_validation} validation materials: the spread times "
        f"{found.factor:.3g}, and a floor of {found.floor:.3g}{unit}, added in quadrature",
        markup=False,
        highlight=False,
    )
