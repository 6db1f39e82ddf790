"""The ensemble as a folder: networks, and the training rows that all other members are fitted to again.

Nothing in it can run code: weights are safetensors, tables are arrays, all else is JSON. `ensemble.json` has a checksum
of its own and the hashes of the other files; models of the library are named by their content as they were there.
"""

import hashlib
import importlib.metadata
import io
import logging
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from gnn_sim2real.ensemble.intervals import Intervals, conformal_quantile, make_scale
from gnn_sim2real.ensemble.weights import combine, spread
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.featurizer import Featurizer, load_featurizer
from gnn_sim2real.files import file_sha256, read_sealed, write_atomically, write_sealed
from gnn_sim2real.library import ModelLibrary, TrainedModel, load_model, save_model
from gnn_sim2real.linear import Floats
from gnn_sim2real.nn.conditions import ConditionSpec
from gnn_sim2real.renamed import current_property
from gnn_sim2real.shotgun.answer import MEASURED, Answer, Outside, find_distances, find_measured, find_new
from gnn_sim2real.shotgun.display import draw_left_out
from gnn_sim2real.shotgun.finetune import predict
from gnn_sim2real.shotgun.foundation import FoundationBlock, as_wide_as, load_blocks
from gnn_sim2real.shotgun.library_predictions import Column, predict_columns
from gnn_sim2real.shotgun.members import (
    DESCRIPTORS,
    LIBRARY,
    MEMBERS_VERSION,
    PHYSICAL,
    SIMULATED,
    Block,
    Deviation,
    Tables,
    fill_gaps,
    table_members,
)
from gnn_sim2real.shotgun.models import QuickLoader
from gnn_sim2real.shotgun.networks import Network
from gnn_sim2real.shotgun.target import Target, first_places, to_scale
from gnn_sim2real.shown import Display, Shown
from gnn_sim2real.splits.parts import Rows
from gnn_sim2real.store.vocabulary import Vocabulary
from gnn_sim2real.tables.table import Property

ENSEMBLE_FILE, TRAINING_FILE = "ensemble.json", "training.npz"
NETWORKS, LIBRARY_FOLDER = "networks", "library"
FORMAT = 1
"""Raised by hand whenever the files have another meaning."""

_FITTED_BY = ("numpy", "scipy", "scikit-learn", "rdkit")
"""Packages of which another version may fit a member in another way."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class EnsemblePrediction:
    """What an ensemble predicts, in physical units.

    Attributes:
        values: (num_materials,).
        lower: Lower end of the interval, (num_materials,); minus infinity if there were too few measurements for one.
        upper: Upper end, (num_materials,).
        distances: Distance of each from the measured materials, (num_materials,); above 1 is farther than these are
            from each other.
        notes: Why the interval of a material has no guarantee; empty where it has.
        terms: Prediction of each member by name, each (num_materials,), NaN where it has none; of all members that the
            values were made from.
    """

    values: Floats
    lower: Floats
    upper: Floats
    distances: Floats
    notes: list[str]
    terms: Mapping[str, Floats]


@dataclass(frozen=True, eq=False)
class Fallback:
    """The ensemble of the members that need no simulated value, for materials without one.

    Attributes:
        weights: Weight of each member by name.
        intervals: How wide its intervals are.
    """

    weights: Mapping[str, float]
    intervals: Intervals


@dataclass(frozen=True, eq=False, repr=False)
class SavedEnsemble(Shown):
    """An ensemble from a folder.

    Attributes:
        folder: Its folder.
        property: Name and unit of what it predicts.
        data: How its data set reads materials, in plain types.
        own: Featurizer of its materials.
        conditions: Name and unit of each condition.
        log: Whether its members predict the decimal logarithm.
        seed: Seed of the members on tables.
        weights: Weight of each member by name.
        networks: The members that are networks, by name.
        columns: Columns of the library's predictions.
        measured: Elements of the measured materials, and whether sites of some are disordered.
        intervals: How wide intervals are.
        values: Measured values on the scale of the members, (num_train,).
        tables: Tables of the measured materials.
        left_out: Prediction of each by an ensemble that has not seen its fold, (num_train,).
        left_out_scale: What the factor of the intervals multiplies for it, (num_train,), larger outside of the range of
            the others.
        blocks: Further descriptors of materials.
        fallback: Answers for materials without a simulated value; None in ensembles without simulated values, and in
            those of earlier versions, of which the other members share the weight.
        repeats: Which of the measured rows are one material, repeated for its weight: a number of the material for each
            row, (num_train,); None if there are no repetitions.
    """

    folder: Path
    property: Property
    data: Mapping[str, Any]
    own: Featurizer
    conditions: list[ConditionSpec]
    log: bool
    seed: int
    weights: Mapping[str, float]
    networks: Mapping[str, TrainedModel]
    columns: Sequence[Column]
    measured: Vocabulary
    intervals: Intervals
    values: Floats
    tables: Tables
    left_out: Floats
    left_out_scale: Floats
    blocks: Sequence[Block]
    fallback: Fallback | None = None
    repeats: Rows | None = None

    @cached_property
    def first(self) -> Rows:
        """Places of the measured rows that are not repetitions of others, (num_materials,)."""
        return np.arange(len(self.values)) if self.repeats is None else first_places(self.repeats)

    def display(self) -> Display:
        """What there is to show."""
        name, unit = self.property.name, self.property.unit
        measured, predicted = self.values[self.first], self.left_out[self.first]
        error = f"{np.abs(measured - predicted).mean():.3g}{' decades' if self.log else f' {unit}'.rstrip()}"
        ordered = sorted(self.weights.items(), key=lambda each: (-each[1], each[0]))
        too_few = f"too few measurements for intervals of {100 * self.intervals.coverage:.0f} %"
        half_width = self.intervals.factor * self.left_out_scale[self.first]
        label = f"{'log10 of ' if self.log else ''}{name.replace('_', ' ')}{f' [{unit}]' if unit else ''}"
        return Display(
            headline=f"ensemble for {name} from {len(measured)} measured materials, mean absolute error {error} on "
            "left-out ones",
            rows=[(member, f"{100 * weight:.0f} %") for member, weight in ordered],
            draw=partial(draw_left_out, measured=measured, predicted=predicted, half_width=half_width, label=label),
            notes=() if np.isfinite(self.intervals.factor) else (too_few,),
            records=[{"member": member, "weight": weight} for member, weight in self.weights.items()],
        )

    def quantile(self, coverage: float) -> float:
        """What the factor of the intervals is for another coverage; infinite if there are too few measurements.

        Args:
            coverage: Nominal coverage.
        """
        if coverage == self.intervals.coverage:
            return self.intervals.factor
        scores = np.abs(self.values - self.left_out) / self.left_out_scale
        return conformal_quantile(scores[self.first], coverage)

    def predict(
        self, materials: Any, simulated: Floats | None = None, coverage: float | None = None
    ) -> EnsemblePrediction:
        """Predict materials with intervals.

        Args:
            materials: As the data set of the ensemble reads them, at least one.
            simulated: Simulated value of each, (num_materials,), physical units, NaN where there is none.
            coverage: Nominal coverage of the intervals; that of the ensemble unless given.

        Raises:
            ValueError: If a material cannot be read.
            CheckpointError: If a model of the ensemble is missing or damaged.
        """
        target = Target.of_materials(materials, self.property, self.own, self.conditions, self.log)
        train, asked = np.arange(len(self.values)), len(self.values) + target.test
        tables = self._tables(target, simulated)
        values = np.concatenate([self.values, target.values])
        lacking = np.isnan(tables[SIMULATED][asked, 0]) if SIMULATED in tables else np.zeros(len(asked), np.bool_)
        fallback = self.fallback if lacking.any() else None
        predictions = self._predict_each(target, values, tables, () if fallback is None else fallback.weights)
        table = np.column_stack(list(predictions.values()))
        deviation = Deviation(values, tables[PHYSICAL]).fit_predict(train, asked)
        new = find_new(target.own_store, self.measured)
        outside = Outside(find_distances(tables[PHYSICAL], self.first, asked, target.num_own_conditions), *new)
        other = 1.0
        if coverage is not None and coverage != self.intervals.coverage:
            own = self.intervals.factor
            other = self.quantile(coverage) / own if np.isfinite(own) else np.nan

        def answer(by_name: Mapping[str, float], intervals: Intervals) -> tuple[Floats, Floats]:
            weights = np.array([by_name.get(name, 0.0) for name in predictions])
            is_telling = intervals.is_spread_telling
            scale = make_scale(len(self.first), spread(table, weights), deviation, is_telling=is_telling)
            if np.isnan(other):  # too few measurements for the usual coverage, not for all
                half = self.quantile(coverage or intervals.coverage) * intervals.used(scale)
            else:
                half = other * intervals.half_widths(scale)
            return combine(table, weights), half * outside.wider

        middle, half = answer(self.weights, self.intervals)
        if fallback is not None:
            middle, half = np.where(lacking, answer(fallback.weights, fallback.intervals), (middle, half))
        value, lower, upper = (target.unscale(end) for end in (middle, middle - half, middle + half))
        notes = describe_outside(outside, lacking)
        return EnsemblePrediction(value, lower, upper, outside.distances, notes, predictions)

    def _predict_each(
        self, target: Target, values: Floats, tables: Tables, further: Iterable[str]
    ) -> dict[str, Floats]:
        """Predictions of each member with a weight, of further ones, and of all others where none of these has one."""
        train, asked = np.arange(len(self.values)), len(self.values) + target.test
        known = table_members(values, tables, train, self.seed)
        found = {}
        for name in dict.fromkeys([*self.weights, *further]):
            network = self.networks.get(name)
            found[name] = (
                known[name].fit_predict(train, asked) if network is None else predict(network, target, target.test)
            )
        if np.isnan(np.column_stack(list(found.values()))).all(axis=1).any():
            found |= {name: each.fit_predict(train, asked) for name, each in known.items() if name not in found}
        return found

    def _tables(self, target: Target, simulated: Floats | None) -> dict[str, Floats]:
        """Tables of the measured materials, followed by those asked."""
        number = len(target.test)
        describe = {
            DESCRIPTORS: lambda: target.descriptors,
            PHYSICAL: lambda: target.physical_descriptors,
            LIBRARY: lambda: self._library(target),
            SIMULATED: lambda: _column(simulated, number, self.log),
        } | {block.name: lambda block=block: block.describe(target.table.materials) for block in self.blocks}
        asked = {name: as_wide_as(table, describe[name]()) for name, table in self.tables.items()}
        joined = {name: np.concatenate([table, asked[name]]) for name, table in self.tables.items()}
        return fill_gaps(joined, np.arange(len(self.values)))

    def _library(self, target: Target) -> Floats:
        library = QuickLoader(ModelLibrary(self.folder / LIBRARY_FOLDER))
        found, values = predict_columns(library, self.columns, target)
        if found != list(self.columns):
            raise CheckpointError(f"models in {library.library.folder} are missing or damaged; run shotgun again")
        return values


def _column(simulated: Floats | None, number: int, log: bool) -> Floats:
    return np.full((number, 1), np.nan) if simulated is None else to_scale(simulated, log)[:, None]


def describe_outside(outside: Outside, lacking: NDArray[np.bool_]) -> list[str]:
    """Why the interval of a material has no guarantee; empty where it has.

    Args:
        outside: How far each material is from the measured ones.
        lacking: Whether a simulated value is missing, (num_materials,).
    """
    notes = []
    rows = zip(
        outside.distances.tolist(), outside.unseen.tolist(), outside.disordered.tolist(), lacking.tolist(), strict=True
    )
    for distance, new, disordered, none in rows:
        reasons = ["an element that was never measured"] if new else []
        reasons += ["it is disordered, and no measured crystal is"] if disordered else []
        reasons += [f"{distance:.1f} times as far from the measured materials as these are"] if distance > 1 else []
        reasons += ["no simulated value"] if none else []
        notes.append("; ".join(reasons))
    return notes


def save_ensemble(answer: Answer, folder: Path, library: ModelLibrary, described: Mapping[str, Any]) -> None:
    """Write the ensemble into a folder; an earlier one stays until this one is whole.

    Args:
        answer: The answer.
        folder: The folder.
        library: The library.
        described: How the data set reads materials, in plain types.
    """
    fresh = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        _write_files(answer, fresh, library, described)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    fresh.replace(folder)


def _write_files(answer: Answer, folder: Path, library: ModelLibrary, described: Mapping[str, Any]) -> None:
    target, tables, members = answer.target, {PHYSICAL}, list[dict[str, Any]]()
    fallback = answer.stack.fallback
    others = {} if fallback is None else {each.name: each.weight for each in fallback.members if each.weight > 0}
    for each in answer.stack.members:
        if each.weight <= 0 and each.name not in others:
            continue
        member = answer.members[each.name]
        entry: dict[str, Any] = {"name": each.name, "weight": each.weight}
        if each.name in others:
            entry["fallback_weight"] = others[each.name]
        if isinstance(member, Network) and member.model is not None:
            number = str(len(members) + 1)
            save_model(member.model, folder / NETWORKS / number)
            entry |= {"network": number, "fingerprint": load_model(folder / NETWORKS / number).fingerprint}
        else:
            tables |= {*getattr(member, "tables", ())}
        members.append(entry)
    columns = answer.columns if LIBRARY in tables else []
    for key in sorted({key for column in columns for key in column.models}):
        shutil.copytree(library.folder_of(key), folder / LIBRARY_FOLDER / key)
    arrays: dict[str, Any] = {f"table {name}": answer.tables[name][target.train] for name in sorted(tables)}
    arrays |= {"values": target.values[target.train], "left_out": answer.stack.honest_predictions}
    arrays["left_out_scale"] = answer.left_out_scale
    if len(first_places(target.train)) < len(target.train):
        arrays["repeats"] = target.train
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_atomically(folder / TRAINING_FILE, content.getvalue())
    description = {
        "format": FORMAT,
        "members_version": MEMBERS_VERSION,
        "property": {"name": target.spec.name, "unit": target.spec.unit},
        "log": target.log,
        "seed": answer.seed,
        "data": dict(described),
        "featurizer": target.own.describe(),
        "conditions": [asdict(each) for each in target.conditions],
        "members": members,
        "columns": [asdict(each) for each in columns],
        "foundation": [
            each.setting for each in answer.blocks if isinstance(each, FoundationBlock) and each.name in tables
        ],
        **find_measured(target, target.train),
        "intervals": _describe_intervals(answer.intervals),
        "hashes": {TRAINING_FILE: hashlib.sha256(content.getvalue()).hexdigest()},
        "fitted_by": {name: importlib.metadata.version(name) for name in _FITTED_BY},
    }
    if answer.fallback_intervals is not None:
        description["fallback_intervals"] = _describe_intervals(answer.fallback_intervals)
    write_sealed(folder / ENSEMBLE_FILE, description)


def _describe_intervals(intervals: Intervals) -> dict[str, Any]:
    described = asdict(intervals)
    return described | {"factor": described["factor"] if np.isfinite(described["factor"]) else None}


def _read_intervals(content: Mapping[str, Any]) -> Intervals:
    factor = content["factor"]
    return Intervals(**{**content, "factor": np.inf if factor is None else factor})


def _read_fallback(content: Mapping[str, Any]) -> Fallback | None:
    if "fallback_intervals" not in content:
        return None
    weights = {each["name"]: each["fallback_weight"] for each in content["members"] if "fallback_weight" in each}
    return Fallback(weights, _read_intervals(content["fallback_intervals"]))


def load_ensemble(folder: Path, blocks: Sequence[Block] = ()) -> SavedEnsemble:
    """Read an ensemble from its folder.

    Args:
        folder: The folder.
        blocks: Further descriptors of materials, at least those that it was made with; features of a foundation
            encoder are found without, if it is installed and needs no file.

    Raises:
        CheckpointError: If it is damaged, was changed, is of another version, or needs descriptors that are not given.
    """
    try:
        content = read_sealed((folder / ENSEMBLE_FILE).read_bytes())
        if (content["format"], content["members_version"]) != (FORMAT, MEMBERS_VERSION):
            raise CheckpointError(f"the ensemble in {folder} is of another version of gnn_sim2real; run shotgun again")
        if file_sha256(folder / TRAINING_FILE) != content["hashes"][TRAINING_FILE]:
            raise ValueError(f"the hash of {TRAINING_FILE} is not the one in {ENSEMBLE_FILE}")
        with (folder / TRAINING_FILE).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file}
        tables = {name.removeprefix("table "): each for name, each in arrays.items() if name.startswith("table ")}
        networks = {each["name"]: _load_network(folder, each) for each in content["members"] if "network" in each}
        given = {block.name for block in blocks}
        wanted = [each for each in content.get("foundation", []) if each["name"] not in given]
        try:
            blocks = [*blocks, *load_blocks(wanted)]
        except ValueError as error:
            raise CheckpointError(
                f"the ensemble in {folder} needs features of a foundation encoder ({error}); install what is "
                "missing, or call `gnn_sim2real.shotgun.saved.load_ensemble` with such a block"
            ) from error
        found = SavedEnsemble(
            folder=folder,
            property=Property(current_property(content["property"]["name"]), content["property"]["unit"]),
            data=content["data"],
            own=load_featurizer(content["featurizer"]),
            conditions=[ConditionSpec(**each) for each in content["conditions"]],
            log=content["log"],
            seed=content["seed"],
            weights={each["name"]: each["weight"] for each in content["members"] if each["weight"] > 0},
            networks=networks,
            columns=[
                Column(each["source"], current_property(each["property_name"]), tuple(each["models"]))
                for each in content["columns"]
            ],
            measured={name: content[name] for name in MEASURED if name in content},
            intervals=_read_intervals(content["intervals"]),
            values=arrays["values"],
            tables=tables,
            left_out=arrays["left_out"],
            left_out_scale=arrays["left_out_scale"],
            blocks=blocks,
            fallback=_read_fallback(content),
            repeats=arrays.get("repeats"),
        )
    except CheckpointError:
        raise
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise CheckpointError(f"the ensemble in {folder} is damaged ({error}); run shotgun again") from error
    known = {DESCRIPTORS, PHYSICAL, LIBRARY, SIMULATED, *(block.name for block in blocks)}
    if lacking := sorted(tables.keys() - known):
        raise CheckpointError(f"the ensemble in {folder} needs {', '.join(lacking)}, which are not installed here")
    other = [name for name, version in content["fitted_by"].items() if importlib.metadata.version(name) != version]
    if other:
        logger.warning(
            "the ensemble was fitted with another version of %s; its digits may differ", ", ".join(sorted(other))
        )
    return found


def _load_network(folder: Path, entry: Mapping[str, Any]) -> TrainedModel:
    name = str(entry["network"])
    if not name.isdecimal():  # a path out of the folder
        raise ValueError(f"{name!r} is not the number of a network")
    model = load_model(folder / NETWORKS / name)
    if model.fingerprint != entry["fingerprint"]:
        raise ValueError(f"network {name} is not the one that was saved")
    return model
