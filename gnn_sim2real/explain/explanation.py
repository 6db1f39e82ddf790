"""`explain`: contributions of the parts of a material to its prediction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.estimator.features import kind_of
from gnn_sim2real.estimator.materials import Materials, read_materials
from gnn_sim2real.explain.masking import values_of_nothing, values_of_subsets
from gnn_sim2real.explain.pictures import DRAWN, draw_bars, draw_structure, elements_of, find_fragments, name_parts
from gnn_sim2real.explain.settings import EVALUATIONS
from gnn_sim2real.explain.shapley import find_contributions
from gnn_sim2real.featurize.crystal_files import Disorder
from gnn_sim2real.featurize.mixture import Mixture
from gnn_sim2real.graph import Graph
from gnn_sim2real.library import TrainedModel, load_model
from gnn_sim2real.renamed import current_property
from gnn_sim2real.shotgun.saved import ENSEMBLE_FILE, SavedEnsemble, load_ensemble
from gnn_sim2real.shown import Display, Row, Shown
from gnn_sim2real.store.mixtures import store_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

TOLERANCE = 1e-4
"""How far the parts may miss the prediction, as a share of its distance from the base value plus the largest part."""


@dataclass(frozen=True, repr=False, eq=False)
class Explanation(Shown):
    """What the parts of a material contribute to the prediction of its property.

    Contributions are in the unit of the property. With the base value, that of a typical material of the training, they
    add up to the prediction. Of several models they are means; their spread is a standard deviation over the models.

    Attributes:
        name: The material as it is written.
        kind: What it is.
        property_name: Name of the property.
        unit: Its unit.
        parts: Name of each part: an atom with its number, the site of a crystal, an element.
        elements: Element of each part; of a disordered site all that it holds, with the occupancies (`Na0.5K0.25`).
        of_models: Contributions by each model, (num_models, num_parts).
        bases: Base value of each model, (num_models,).
        predictions: Prediction of each model, (num_models,).
        shares: Weight of each model, (num_models,), sum 1.
        scatter: Standard error of the mean contributions by the draw of orders, (num_parts,); 0 where they are exact.
        fragments: Parts of each fragment, by its SMILES; for crystals the sites that hold the same.
        spelling: What is drawn: the SMILES, of a mixture those of all components with a dot between them.
        components: Component of each part of a mixture, with its role or number; empty for a pure material.
    """

    name: str
    kind: str
    property_name: str
    unit: str
    parts: list[str]
    elements: list[str]
    of_models: Floats
    bases: Floats
    predictions: Floats
    shares: Floats
    scatter: Floats
    fragments: list[tuple[str, list[int]]] = field(default_factory=list)
    spelling: str = ""
    components: list[str] = field(default_factory=list)

    @property
    def component_contributions(self) -> dict[str, float]:
        """Sum over the atoms of each component of a mixture; empty for a pure material."""
        sums = dict.fromkeys(self.components, 0.0)
        for name, value in zip(self.components, self.contributions.tolist(), strict=bool(self.components)):
            sums[name] += value
        return sums

    @property
    def contributions(self) -> Floats:
        """Contribution of each part, (num_parts,)."""
        return np.asarray(self.shares @ self.of_models)

    @property
    def spread(self) -> Floats:
        """Standard deviation of each contribution over the models, (num_parts,); NaN for a single model."""
        return _spread(self.of_models, self.shares)

    @property
    def base(self) -> float:
        """What is predicted of no part at all."""
        return float(self.shares @ self.bases)

    @property
    def prediction(self) -> float:
        """The prediction."""
        return float(self.shares @ self.predictions)

    @property
    def remainder(self) -> float:
        """What the parts miss of the prediction; not 0 by rounding alone."""
        return self.prediction - self.base - float(self.contributions.sum())

    @property
    def fragment_contributions(self) -> Floats:
        """Sum over the parts of each fragment, (num_fragments,)."""
        return np.array([self.contributions[parts].sum() for _, parts in self.fragments])

    @property
    def fragment_spread(self) -> Floats:
        """Standard deviation of these over the models, (num_fragments,)."""
        return np.array(
            [_spread(self.of_models[:, parts].sum(axis=1)[:, None], self.shares)[0] for _, parts in self.fragments]
        )

    def svg(self, width: int = 420, height: int = 320) -> str:
        """A picture: atoms in color where there is a structure formula, bars for sites and elements.

        Args:
            width: In pixels.
            height: In pixels.
        """
        return (draw_structure(self, width, height, "svg") or draw_bars(self, width, height, "svg")).decode()

    def png(self, width: int = 420, height: int = 320) -> bytes:
        """The same picture as a PNG.

        Args:
            width: In pixels.
            height: In pixels.
        """
        return draw_structure(self, width, height, "png") or draw_bars(self, width, height, "png")

    def display(self) -> Display:
        """What there is to show."""
        unit = f" {self.unit}" if self.unit else ""
        models = f", mean of {len(self.shares)} models" if len(self.shares) > 1 else ""
        headline = (
            f"{self.property_name} of {self.name}: {self.prediction:.4g}{unit}{models} = {self.base:.4g} of a typical "
            f"material {float(self.contributions.sum()):+.4g} of the parts below"
        )
        return Display(headline, self._rows(), self._draw, records=self.records())

    def _rows(self) -> list[Row]:
        whole = self.fragments or [(name, [row]) for row, name in enumerate(self.parts)]
        sums = [self.contributions[parts].sum() for _, parts in whole]
        spread = self.fragment_spread if self.fragments else self.spread
        order = sorted(range(len(whole)), key=lambda row: -abs(sums[row]))
        of_components: list[Row] = [
            (f"all of {name}", f"{value:+.4g}") for name, value in self.component_contributions.items()
        ]
        return of_components + [
            (whole[row][0], f"{sums[row]:+.4g}" + ("" if np.isnan(spread[row]) else f" +- {spread[row]:.2g}"))
            for row in order
        ]

    def records(self) -> list[dict[str, Any]]:
        """Its parts, one by one."""
        fragment = {part: name for name, parts in self.fragments for part in parts}
        return [
            {
                "part": name,
                **({"component": self.components[row]} if self.components else {}),
                "element": self.elements[row],
                "fragment": fragment.get(row, ""),
                "contribution": float(self.contributions[row]),
                "spread": float(self.spread[row]),
                "scatter": float(self.scatter[row]),
            }
            for row, name in enumerate(self.parts)
        ]

    def _draw(self, axes: "Axes") -> None:
        from gnn_sim2real.explain.pictures import bars

        bars(self, axes)

    def _repr_html_(self) -> str:
        return f"{self.svg()}{super()._repr_html_()}"


def _name_components(roles: Sequence[str], spellings: Sequence[str], graphs: Sequence[Graph]) -> list[str]:
    """Component of each atom: its role, or else its number, and how it is written."""
    names = [f"{role} {text}" for role, text in zip(roles or range(1, 1 + len(spellings)), spellings, strict=True)]
    return [name for name, graph in zip(names, graphs, strict=True) for _ in range(graph.num_nodes)]


def _spread(values: Floats, shares: Floats) -> Floats:
    """Weighted standard deviation over the models, (num_parts,)."""
    if len(shares) < 2:
        return np.full(values.shape[1], np.nan)
    variance = shares @ np.square(values - shares @ values)
    return np.asarray(np.sqrt(variance / (1 - np.square(shares).sum())))


Model = str | Path | TrainedModel | SavedEnsemble


def explain(
    X: Any,
    model: Model | Sequence[Model],
    *,
    property: str | None = None,  # noqa: A002 (the word users know)
    evaluations: int = EVALUATIONS,
    seed: int = 0,
    disorder: Disorder | None = None,
) -> list[Explanation]:
    """Find what the parts of materials contribute to their predictions.

    A part is taken away by masking: an atom with its bonds, a site of a crystal with its neighbors, an element of a
    formula. Contributions are Shapley values of the network, whatever the encoder is.

    Args:
        X: Materials, as `TransferRegressor` takes them.
        model: Address, folder or checkpoint of a model, the folder of an ensemble of `shotgun` or of an estimator, or
            the object; or several models of the same property.
        property: Name of the property, where a model predicts several; the first unless given.
        evaluations: About how many masked copies of each material are predicted; more of them lower the scatter.
        seed: Seed of the orders in which the parts come together.
        disorder: How disordered crystals are read, `average` or `order`; as the model was trained unless given.

    Raises:
        ValueError: If a material cannot be read or has no parts to mask, or the models do not go together.
    """
    models, shares = open_models(model)
    models = [each.with_disorder(disorder) for each in models]
    materials = read_materials(X, kind_of(models[0])).with_graphs(models[0].featurizer)
    materials.require_readable("leave it out")
    return explain_materials(materials, models, shares, property, evaluations, seed)


def explain_materials(
    materials: Materials,
    models: Sequence[TrainedModel],
    shares: Floats,
    wanted: str | None = None,
    evaluations: int = EVALUATIONS,
    seed: int = 0,
) -> list[Explanation]:
    """Explain the materials that can be read, see `explain`.

    Args:
        materials: The materials.
        models: The models.
        shares: Weight of each.
        wanted: Name of the property; the first unless given.
        evaluations: See `explain`.
        seed: See `explain`.

    Raises:
        ValueError: If there is no such property.
    """
    specs = models[0].network.properties
    wanted = None if wanted is None else current_property(wanted)
    names = [each.name for each in specs]
    if wanted is not None and wanted not in names:
        raise ValueError(f"the model does not predict {wanted!r}, only {', '.join(names)}")
    column = 0 if wanted is None else names.index(wanted)
    found = []
    for row in materials.readable.tolist():
        content, name = materials.contents[row], materials.names[row]
        components = content.components if isinstance(content, Mixture) else (content,)
        graphs = [models[0].featurizer.featurize(each) for each in components]
        of_models, bases, predictions, scatter = _contributions(
            models, shares, graphs, content, column, evaluations, seed
        )
        elements = [element for graph in graphs for element in elements_of(graph)]
        kind = materials.kind.name
        spelling = ".".join(components) if kind == "mixture" else name
        found.append(
            Explanation(
                name=name,
                kind=kind,
                property_name=specs[column].name,
                unit=specs[column].unit,
                parts=name_parts(elements, kind),
                elements=elements,
                of_models=of_models,
                bases=bases,
                predictions=predictions,
                shares=shares,
                scatter=scatter,
                fragments=find_fragments(spelling if kind in DRAWN else "", kind, elements),
                spelling=spelling,
                components=_name_components(materials.kind.roles, components, graphs) if kind == "mixture" else [],
            )
        )
    return found


def _contributions(
    models: Sequence[TrainedModel],
    shares: Floats,
    graphs: Sequence[Graph],
    content: Any,
    column: int,
    evaluations: int,
    seed: int,
) -> tuple[Floats, Floats, Floats, Floats]:
    store = store_of([content], models[0].featurizer)
    import torch

    batch = store.select(torch.arange(1))
    nothing = values_of_nothing(models, batch, column)
    predictions = np.array([model.predict_graphs(store)[0, column] for model in models])
    found = find_contributions(
        lambda subsets: values_of_subsets(models, graphs, store, subsets, column),
        nothing,
        sum(each.num_nodes for each in graphs),
        evaluations,
        seed,
    )
    missed = predictions - nothing - found.values.sum(axis=1)
    allowed = TOLERANCE * (np.abs(predictions - nothing) + np.abs(found.values).max(axis=1) + np.abs(predictions))
    if not (np.abs(missed) <= allowed).all():
        raise ValueError(
            f"the parts do not add up to the prediction: {np.abs(missed).max():.3g} is missing; does the encoder "
            "give another number to the same material in another batch?"
        )
    return found.values, nothing, predictions, np.sqrt(np.square(shares) @ np.square(found.scatter))


def open_models(model: Model | Sequence[Model]) -> tuple[list[TrainedModel], Floats]:
    """Open what a user gives as the model.

    Args:
        model: See `explain`.

    Returns:
        The models, and the weight of each, (num_models,).

    Raises:
        ValueError: If they do not go together, or an ensemble has no networks.
    """
    given: list[Any] = list(model) if isinstance(model, list | tuple) else [model]
    models: list[TrainedModel] = []
    shares: list[float] = []
    for each in given:
        for one, share in _open(each):
            models.append(one)
            shares.append(share)
    first = models[0]
    for other in models[1:]:
        same = other.featurizer.describe() == first.featurizer.describe()
        if not same or [each.name for each in other.network.properties] != [
            each.name for each in first.network.properties
        ]:
            raise ValueError(
                "the models predict different properties, or read different graphs; explain them one by one"
            )
    if any(each.network.line is not None for each in models):
        raise ValueError(
            "the model corrects simulated values: what it adds to them has parts, what they are has none; explain a "
            "model that was fine-tuned in full"
        )
    return models, np.array(shares) / sum(shares)


def _open(model: Any) -> list[tuple[TrainedModel, float]]:
    if hasattr(model, "ensemble_"):  # a `TransferRegressor`
        model = model.ensemble_
    if isinstance(model, TrainedModel):
        return [(model, 1.0)]
    if isinstance(model, str | Path) and not (Path(model) / ENSEMBLE_FILE).is_file():
        return [(load_model(model), 1.0)]
    ensemble = model if isinstance(model, SavedEnsemble) else load_ensemble(Path(model))
    found = [
        (ensemble.networks[name], weight) for name, weight in ensemble.weights.items() if name in ensemble.networks
    ]
    if not found:
        raise ValueError(
            f"the ensemble in {ensemble.folder} has no networks, only members on descriptors of whole materials, of "
            "which no part can be masked; explain a model of the library"
        )
    return found
