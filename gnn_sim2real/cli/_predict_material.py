"""`gnn-sim2real predict MODEL ... MATERIAL`: one material on the command line, answered on the screen."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gnn_sim2real.console import open_console, visible
from gnn_sim2real.library import ModelLibrary, TrainedModel
from gnn_sim2real.library.content import find_model
from gnn_sim2real.library.starter import format_simulated
from gnn_sim2real.scales import DECADES, from_scale, to_scale

_SPELLED = {
    "repeat_unit": "a repeat unit (SMILES with two `*`)",
    "molecule": "a molecule (SMILES)",
    "composition": "a formula",
}
"""Kinds of materials that a word can spell."""


def take_material(paths: list[str], asked: str | None) -> tuple[list[str], str | None]:
    """The word that may spell a material: the last one, where neither a model nor a file is.

    Args:
        paths: Words in the place of models.
        asked: The word in the place of a file.

    Returns:
        The models, and the word; None if there is no such word.
    """
    if asked is not None:
        return paths, None if Path(asked).exists() else asked
    if len(paths) < 2 or Path(paths[-1]).suffix == ".ckpt" or find_model(Path(paths[-1])).exists():
        return paths, None
    return paths[:-1], paths[-1]


def read_material(models: Sequence[TrainedModel], word: str) -> str | None:
    """Why a word does not spell a material of the kind that a model reads; None if it does.

    Args:
        models: The models; the first one says the kind.
        word: The word.
    """
    kind, conditions = models[0].featurizer.name, models[0].network.condition_specs
    if kind not in _SPELLED:
        return f"a model of a {kind} needs a file"
    if conditions:
        return f"a model that sees the {' and '.join(each.name for each in conditions)} needs a file with it"
    try:
        models[0].featurizer.identity(word)
    except ValueError as error:
        return f"it does not spell {_SPELLED[kind]} either: {error}"
    return None


def print_answer(paths: Sequence[str], models: Sequence[TrainedModel], material: str) -> None:
    """Print the prediction for one material, and what it is a prediction of.

    Args:
        paths: Paths or addresses of the models.
        models: The models.
        material: How the material is spelled.

    Raises:
        ValueError: If the models predict different properties.
    """
    if any(model.network.properties != models[0].network.properties for model in models):
        raise ValueError("the models predict different properties or units; ask them one by one")
    values = np.stack([model.predict([material]).values[0] for model in models])
    console = open_console()
    for column, spec in enumerate(models[0].network.properties):
        answers = to_scale(values[:, column], spec.transform)
        text = f"{spec.name} {float(from_scale(answers.mean(), spec.transform)):.4g} {spec.unit}".rstrip()
        if len(models) > 1:
            of_std = f" {DECADES}" if spec.transform else ""
            text += f", standard deviation of {len(models)} models {answers.std(ddof=1):.2g}{of_std}"
        said = format_simulated(models[0].card)
        console.print(visible(f"{text}; {said}" if said else text), markup=False, highlight=False, soft_wrap=True)
    if any(_has_seen(path, model, material) for path, model in zip(paths, models, strict=True)):
        console.print("this material was among those that the model was trained or validated on", markup=False)


def _has_seen(path: str, model: TrainedModel, material: str) -> bool:
    folder = find_model(Path(path))
    return ModelLibrary(folder.parent).has_seen(folder.name, model.featurizer.identity(material))
