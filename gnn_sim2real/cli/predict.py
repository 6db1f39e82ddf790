"""`gnn-sim2real predict`."""

from collections.abc import Sequence
from pathlib import Path

from gnn_sim2real.config.command import Command


def predict(*models: str, calibration: str | None = None, others: Sequence[str] = ()) -> int:
    """Predict materials, with units: a table of them (FILE), or one that is spelled on the command line.

    A model knows how the table of its training was read, and reads FILE likewise. With several models, which are best
    trained alike with different seeds, the answer is mean and standard deviation; with the folder `model` that
    `shotgun` wrote, a value with its interval. With `-c` and `--ckpt_path` in place of MODEL, a trainer predicts with
    all settings of a YAML.

    Args:
        models: MODEL [MODEL ...] FILE: models (.ckpt, folders or keys of the model library, starter:DOMAIN/PROPERTY),
            then a table of materials, or one material.
        calibration: The `calibration.json` that `calibrate` wrote for these models: adds an interval.
        others: Further settings.

    Raises:
        ValueError: If an option has another name, or the models and options do not go together.
    """
    from gnn_sim2real.config.options import take_option

    for option in ("output", "overwrite"):
        if any(each.partition("=")[0] == f"--{option}" for each in others):
            raise ValueError(f"`predict` has no `--{option}`; it is `--prediction.{option}`")
    disorder, options = take_option(others, "--disorder")  # as `shotgun`, `embed` and `suggest` spell it
    options += [] if disorder is None else [f"--data.disorder={disorder}"]
    if not models:
        model, rest = take_option(options, "--ckpt_path")
        knows_all = model is not None and not any(each.partition("=")[0] in ("-c", "--config") for each in rest)
        if model is None or not knows_all or any(each.startswith(_OF_DATA) for each in rest):
            from gnn_sim2real.config.lightning_cli import Sim2RealCLI

            Sim2RealCLI(["predict", *options, *([f"--calibration={calibration}"] if calibration else [])])
            return 0
        models, options = (model,), rest  # the model knows how it reads its data
    if Path(models[0], "ensemble.json").is_file():
        from gnn_sim2real.cli import _shotgun_ensemble

        if disorder is not None:
            raise ValueError(
                "an ensemble reads disordered crystals as its measurements were read; leave out `--disorder`"
            )
        options = [*options, *([f"--calibration={calibration}"] if calibration else [])]
        return _shotgun_ensemble.predict(models, options)
    from gnn_sim2real.cli import _models

    return _models.predict(models, calibration, options)


_OF_DATA = ("--model", "--data=", "--data.class_path")

_OPTIONS = """settings that are used most
  --prediction.output FILE
                        where the predictions are written (default:
                        predictions.csv)
  --prediction.overwrite {true,false}
                        replace a file that is there; never what is read
  --data.predict_path FILE
                        the table, where it is not among the words
  --data.predict_column COLUMN
                        its column of the materials, by its heading unless given
  --data.predict_conditions '{temperature: 300}'
                        for all of them, where FILE has no such column
  --disorder {refuse,average,order}
                        how disordered crystals are read, as an `average` or in
                        ordered approximants (`order`); as the model was trained
                        unless given
  -c FILE               the YAML of the training, for models that do not know it"""

COMMAND = Command(
    "one model",
    "materials, from one model, several, or an ensemble of `shotgun`; with units",
    predict,
    examples={
        "predict starter:polymer/density '*CC(*)c1ccccc1'": "one material, by a model that comes with the package",
        "predict runs/model.ckpt new.csv --prediction.output out.csv": "a table",
        "predict A.ckpt B.ckpt C.ckpt new.csv --calibration calibration/calibration.json": (
            "a table, with calibrated intervals"
        ),
        "predict runs/shotgun/model new.csv": "a table, by an ensemble of `shotgun`",
        "predict -c FINETUNE.yaml --ckpt_path MODEL --data.predict_path new.csv": "with a trainer, e.g. on a GPU",
    },
    notes={"": lambda: _OPTIONS},
)
