"""`gnn-sim2real calibrate`."""

from collections.abc import Sequence
from pathlib import Path

from gnn_sim2real.config.command import Command


def calibrate(*models: str, output: str = "calibration", others: Sequence[str] = ()) -> int:
    """Report how far the standard deviation of several models can be trusted, and make intervals of it.

    It is judged on the test part: the coverage of the intervals of 50 and 90 %, the negative log-likelihood, and a
    figure. The spread of the models alone is too small: it includes neither the scatter of the measurements nor the
    errors that all models share. So a factor on the spread and a floor below it are fitted on the validation part,
    which all models must share and must not have been trained on; the test part is not used for that. With few models
    the spread of each material is only a rough estimate, and the floor is most of the standard deviation.

    The ensemble that `shotgun` wrote has intervals already. Whether they hold is checked on its test part, or without
    one on the measured materials, each by an ensemble that has not seen its fold.

    Args:
        models: MODEL [MODEL ...]: models (.ckpt, or folders of the model library), trained alike with the same split
            and `data.seed` and each with a different `--seed_everything`; or the folder `model` of `shotgun`.
        output: Folder for calibration.json and calibration_PROPERTY.png.
        others: Further settings.

    Raises:
        ValueError: If there is no model.
    """
    if models and Path(models[0], "ensemble.json").is_file():
        from gnn_sim2real.cli import _shotgun_ensemble

        return _shotgun_ensemble.calibrate(models, output, others)
    from gnn_sim2real.cli import _models

    return _models.calibrate(models, output, others)


_OPTIONS = """The data are those of the training of the first model, which its checkpoint
knows, unless a YAML is given by `-c FINETUNE.yaml`; `--data.NAME VALUE` changes
one of its settings. `predict` takes what was found as --calibration FILE."""

COMMAND = Command(
    "one model",
    "how far the standard deviation of several models, or an interval, can be trusted",
    calibrate,
    examples={
        "calibrate A.ckpt B.ckpt C.ckpt": "fit and judge the intervals of three models",
        "calibrate runs/shotgun/model": "whether the intervals of an ensemble hold",
    },
    notes={"": lambda: _OPTIONS},
)
