"""A run of `gnn-sim2real explain`: a material or a file of them, explained on a page."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gnn_sim2real.estimator.features import kind_of
from gnn_sim2real.estimator.materials import Materials, read_materials
from gnn_sim2real.estimator.pool import read_pool
from gnn_sim2real.explain.explanation import Explanation, explain_materials, open_models
from gnn_sim2real.explain.nearest import Neighbors
from gnn_sim2real.explain.page import Entry, require_free_folder, write_explanations
from gnn_sim2real.explain.settings import ExplainSettings
from gnn_sim2real.featurize.mixture import Mixture
from gnn_sim2real.files import expand
from gnn_sim2real.library import TrainedModel

_SPELLED = ("repeat_unit", "molecule", "composition")


@dataclass(frozen=True)
class Explained:
    """What a run found.

    Attributes:
        entries: The materials.
        page: The page.
        notes: What else there is to say.
    """

    entries: Sequence[Entry]
    page: Path
    notes: Sequence[str] = field(default_factory=tuple)


def run_explain(paths: Sequence[str], asked: str, settings: ExplainSettings) -> Explained:
    """Explain materials, and write page, table and pictures.

    Args:
        paths: Addresses, folders or checkpoints of models of one property, or the folder of an ensemble.
        asked: A file or folder of materials, or one material.
        settings: See `ExplainSettings`.

    Raises:
        ValueError: If nothing can be explained, models do not go together, or a file would be lost.
    """
    folder = Path(settings.output)
    require_free_folder(folder)
    if settings.limit < 1:
        raise ValueError(f"`--limit` must be at least 1, got {settings.limit}")
    models, shares = open_models(list(paths))
    models = [each.with_disorder(settings.disorder) for each in models]
    materials, notes = _read(asked, settings, models[0])
    before: list[Explanation | None] = [None] * len(materials.readable)
    if settings.before is not None:
        earlier, of_earlier = open_models([settings.before])
        earlier = [each.with_disorder(settings.disorder) for each in earlier]
        if earlier[0].featurizer.describe() != models[0].featurizer.describe():
            raise ValueError(f"{settings.before} reads other graphs than {paths[0]}: no part is the same")
        before = [*explain_materials(materials, earlier, of_earlier, settings.property, settings.evaluations)]
    after = explain_materials(materials, models, shares, settings.property, settings.evaluations)
    tables = {"the simulated materials": settings.source, "the measured materials": settings.target}
    near = {
        name: Neighbors(models[0], Path(path), after[0].property_name)
        for name, path in tables.items()
        if path is not None
    }
    contents = [materials.contents[row] for row in materials.readable.tolist()]
    entries = [
        Entry(own, earlier_one, {name: each.nearest(content) for name, each in near.items()})
        for own, earlier_one, content in zip(after, before, contents, strict=True)
    ]
    title = f"{after[0].property_name.replace('_', ' ')}: what the parts of {len(entries)} materials contribute"
    return Explained(entries, write_explanations(folder, entries, title, notes), notes)


def _read(asked: str, settings: ExplainSettings, model: TrainedModel) -> tuple[Materials, list[str]]:
    """The materials, and what could not be read of them."""
    kind = kind_of(model)
    if expand(asked).exists():
        pool = read_pool(asked, kind, settings.column)
        _, materials = next(pool.parts(settings.limit))
        left = len(pool) - len(materials)
        notes = [f"The first {len(materials)} of {len(pool):,} materials; more by `--limit`."] if left > 0 else []
    elif kind.name in _SPELLED or (kind.roles and " | " in asked):
        materials, notes = read_materials([_read_pair(asked, kind.conditions) if kind.roles else asked], kind), []
        if materials.reasons:
            raise ValueError(f"there is no file {asked}, and it is not a material either: {materials.reasons[0]}")
    else:
        raise FileNotFoundError(f"there is no file or folder {asked}: check the path")
    materials = materials.with_graphs(model.featurizer)
    if not len(materials.readable):
        raise ValueError(f"none of the {len(materials)} materials can be read: {materials.first_reason}")
    return materials, notes + [
        f"{materials.names[row]} cannot be read: {reason}." for row, reason in sorted(materials.reasons.items())[:20]
    ]


def _read_pair(text: str, known: Collection[str]) -> Mixture:
    """A pair as it is written: `*CCO* | CCO @ temperature 300`.

    Args:
        text: The pair.
        known: Names of the conditions that the model reads.

    Raises:
        ValueError: If a condition is not a name and a number, is given twice, or is not one that the model reads.
    """
    spelled, *at = text.split(" @ ")
    conditions = dict[str, float]()
    for each in at:
        name, _, value = each.strip().rpartition(" ")
        name = name.strip()
        if name and name not in known:
            raise ValueError(f"the model reads {', '.join(known) or 'no conditions'} beside a pair, not {name!r}")
        if name in conditions:
            raise ValueError(f"{name} is given twice in {text!r}; leave out one of them")
        try:
            if not name:
                raise ValueError("the name is missing")
            conditions[name] = float(value)
        except ValueError as error:
            raise ValueError(f"{each!r} is not a name and a number, as in `@ temperature 300`") from error
    return Mixture(tuple(each.strip() for each in spelled.split(" | ")), None, conditions)
