"""`TransferRegressor`: transfer from simulations as an estimator of scikit-learn."""

import io
import json
import logging
import shutil
import tempfile
import weakref
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from gnn_sim2real.ensemble.intervals import STANDARD
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.estimator.materials import Kind, Kinds, Materials, read_materials
from gnn_sim2real.featurize.crystal_files import Disorder
from gnn_sim2real.files import read_sealed, require_replaceable, write_sealed
from gnn_sim2real.renamed import current_property
from gnn_sim2real.tables.columns import read_heading
from gnn_sim2real.tables.material_column import Blend
from gnn_sim2real.tables.table import Property

if TYPE_CHECKING:
    from gnn_sim2real.estimator.source import Opened
    from gnn_sim2real.shotgun.answer import Answer
    from gnn_sim2real.shotgun.saved import EnsemblePrediction, SavedEnsemble

Floats = NDArray[np.float64]

ESTIMATOR_FILE = "estimator.json"
"""File beside those of the ensemble with what only the estimator knows."""

_ENSEMBLE = "ensemble"
_LARGEST = 1e100
"""Measured value that is accepted; squares of larger ones are no numbers of a computer."""
_ON_NUMBERS = """
    check_dict_unchanged check_dont_overwrite_parameters check_dtype_object check_estimator_sparse_array
    check_estimators_dtypes check_estimators_empty_data_messages
    check_estimators_fit_returns_self check_estimators_nan_inf check_estimators_overwrite_params
    check_estimators_pickle check_f_contiguous_array_estimator check_fit2d_1feature check_fit2d_1sample
    check_fit2d_predict1d check_fit_check_is_fitted check_fit_idempotent check_fit_score_takes_y
    check_methods_sample_order_invariance check_methods_subset_invariance check_n_features_in
    check_n_features_in_after_fitting check_pipeline_consistency check_positive_only_tag_during_fit
    check_readonly_memmap_input check_regressor_data_not_an_array check_regressors_int
    check_regressors_no_decision_function check_regressors_train check_sample_weight_equivalence_on_dense_data
    check_sample_weights_list check_sample_weights_not_an_array check_sample_weights_not_overwritten
    check_sample_weights_pandas_series check_sample_weights_shape check_supervised_y_2d
"""

EXPECTED_FAILED_CHECKS = dict.fromkeys(
    _ON_NUMBERS.split(), "the check fits an array of numbers, and X are materials such as SMILES: numbers are refused"
)
"""For `sklearn.utils.estimator_checks.check_estimator(..., expected_failed_checks=...)`: what cannot pass, and why."""

logger = logging.getLogger(__name__)


class TransferRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Predicts a measured property of materials from few measurements and models that were pretrained on simulations.

    X are materials, never descriptors: PSMILES, SMILES, formulas, pymatgen `Structure` or ASE `Atoms`, pairs of
    spellings, or `gnn_sim2real.featurize.mixture.Mixture`, in a list, an array, a Series, or a DataFrame with a column
    of them. The fitted object is the ensemble of `gnn-sim2real shotgun`: every error and interval is of folds that
    were left out of all choices.

    Args:
        source: What is transferred: `auto` ranks a model library and makes an ensemble of its best models, trees and
            Gaussian processes; the address (`starter:polymer/density`), folder or checkpoint of one model, or a
            `TrainedModel`, transfers from this one alone; a data module is pretrained on first.
        property: Name of the measured property, the same word as in the source; from the name of y unless given.
        unit: Its unit; from the name of y, such as `density [g/cm3]`, unless given.
        kind: What the materials are; found from them unless given.
        material_column: Column of the materials, where X is a DataFrame; found by its heading unless given.
        simulated_column: Column of X with a simulated value of the property for each material, in the unit that its
            heading says, or else in that of y; empty cells are allowed. Members that correct it take part.
        log: Whether errors are those of the decimal logarithm, for values over orders of magnitude.
        library: Folder of a model library of your own, beside the starter library.
        foundation: Foundation encoder whose features are used as well: its name, `auto` for all that are installed, or
            `none`.
        minutes: Time for ranking and trainings of a fit; what does not fit in is left out, with a warning. None for no
            limit: then the same input always gives the same numbers, also on a busy machine.
        folds: Folds for weights, error and intervals, at least 3; 8 up to 30 measurements and 5 beyond unless given.
        best: Number of models of the library that are fine-tuned.
        epochs: Epochs of a fine-tuning.
        learning_rate: Learning rate of a fine-tuning.
        encoder: Architecture of a pretraining, where `source` is a data module.
        source_epochs: Epochs of a pretraining.
        on_error: What to do with a material that cannot be read: `raise` says which, and why; `nan` leaves it out of
            the fit, with a warning, and predicts NaN.
        random_state: Seed of folds and trainings.
        disorder: What becomes of disordered crystals: they are refused, or each site is the `average` of what it holds,
            or they are ordered approximants of low electrostatic energy (`order`).

    Attributes:
        ensemble_: The ensemble, see `gnn_sim2real.shotgun.saved.SavedEnsemble`.
        error_: Mean absolute error on measurements that were left out of everything, with its 90 % interval, on the
            scale of the errors.
        members_: Name, weight and error of each member, the largest weight first.
        ranking_: With `source="auto"`, the ranked models of the library; it is not saved.
        kind_: What the materials are.
        property_: Name of the property.
        unit_: Its unit.
    """

    def __init__(
        self,
        source: Any = "auto",
        *,
        property: str | None = None,  # noqa: A002 (the word users know)
        unit: str | None = None,
        kind: Kind = "auto",
        material_column: str | None = None,
        simulated_column: str | None = None,
        log: bool = False,
        library: str = "",
        foundation: str = "auto",
        minutes: float | None = 3.0,
        folds: int | None = None,
        best: int = 3,
        epochs: int = 20,
        learning_rate: float = 3e-4,
        encoder: Any = None,
        source_epochs: int = 30,
        on_error: Literal["raise", "nan"] = "raise",
        random_state: int = 0,
        disorder: Disorder = "refuse",
    ) -> None:
        self.source = source
        self.property = property
        self.unit = unit
        self.kind = kind
        self.material_column = material_column
        self.simulated_column = simulated_column
        self.log = log
        self.library = library
        self.foundation = foundation
        self.minutes = minutes
        self.folds = folds
        self.best = best
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.encoder = encoder
        self.source_epochs = source_epochs
        self.on_error = on_error
        self.random_state = random_state
        self.disorder = disorder

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Learn from measurements.

        Args:
            X: Materials, (num_materials,); several rows of one material become their median.
            y: Measured value of each, (num_materials,).
            sample_weight: Weight of each measurement, not negative, (num_materials,); only their ratios count, at a
                resolution of a tenth of the largest. A weight of 0 leaves a measurement out.

        Returns:
            Itself.

        Raises:
            ValueError: If there are too few measurements, X are no materials, one of them cannot be read, or a value is
                missing.
        """
        from gnn_sim2real.library import Card
        from gnn_sim2real.shotgun.display import Ranking
        from gnn_sim2real.shotgun.run import rank_rows
        from gnn_sim2real.shotgun.saved import load_ensemble, save_ensemble

        self._check_settings()
        name, unit = self._name_property(y)
        values = _values(y)
        weights = _weights(sample_weight, len(values))
        materials = read_materials(
            X, None, self.kind, self.material_column, self.simulated_column, Property(name, unit), self.disorder
        )
        if len(materials) != len(values):
            raise ValueError(f"X has {len(materials)} materials and y has {len(values)} values; give one for each")
        materials = self._accept(materials, "left out of the fit")
        opened, answer = self._answer(materials, values, Property(name, unit), weights)
        self._tell_late(answer)
        folder = self._own_folder()
        described = _describe_data(materials.kind, name, unit, self.simulated_column)
        save_ensemble(answer, folder, opened.library, described)
        self.ensemble_: SavedEnsemble = load_ensemble(folder)
        self.error_ = tuple(map(float, answer.stack.error))
        if not opened.is_single:
            cards = {card.key: card for card in opened.cards if isinstance(card, Card)}
            self.ranking_ = Ranking(rank_rows(answer.ranked, cards), answer.target.unit)
        self.members_ = sorted(
            ({"name": each.name, "weight": each.weight, "error": each.error} for each in answer.stack.members),
            key=lambda each: (-float(each["weight"] or 0), str(each["name"])),
        )
        self.kind_, self.property_, self.unit_ = materials.kind.name, name, unit
        self._kinds = materials.kind
        return self

    def _answer(self, materials: Materials, values: Floats, of: Property, weights: Floats) -> "tuple[Opened, Answer]":
        """Find the ensemble; and the models that it starts from."""
        from gnn_sim2real.console import quiet_lightning
        from gnn_sim2real.ensemble.stack import StackSettings
        from gnn_sim2real.estimator.measurements import Measurements
        from gnn_sim2real.estimator.source import open_source
        from gnn_sim2real.shotgun.answer import AnswerSettings, find_answer
        from gnn_sim2real.shotgun.features import Skipped
        from gnn_sim2real.shotgun.foundation import find_blocks
        from gnn_sim2real.shotgun.settings import RankingSettings, TuningSettings
        from gnn_sim2real.shotgun.target import Target, repeats_of

        quiet_lightning()
        seed = self.random_state
        data = Measurements(materials, values, of, repeats_of(weights))
        target = Target.of_data(data, self.log)
        target = target.with_train(np.repeat(target.train, data.weights_of_rows()[target.train]))
        if materials.graphs and materials.kind.disorder != "order":
            target.add_view(data.featurizer, data.store)
        opened = open_source(self.source, data, self.library, self.encoder, self.source_epochs, seed)
        settings = AnswerSettings(
            RankingSettings(seed=seed),
            TuningSettings(best=self.best, epochs=self.epochs, learning_rate=self.learning_rate, seed=seed),
            StackSettings(num_folds=self.folds, minutes=self.minutes, seed=seed),
            transfer_only=opened.is_single,
        )
        blocks = [] if opened.is_single else find_blocks(self.foundation, target.own.name)
        answer = find_answer(opened.models, opened.cards, target, settings, Skipped(), blocks)
        return opened, answer

    def _tell_late(self, answer: "Answer") -> None:
        """Say which members had no time: on a busy machine these may be all but the mean of the measurements."""
        members = answer.stack.members
        if late := [each.name for each in members if each.is_late]:
            left = ", ".join(each.name for each in members if each.weight > 0)
            logger.warning(
                "%d of %d members did not fit into `minutes=%g` and are left out: %s. The predictions are of: %s. Give "
                "more `minutes`, or None for no limit",
                len(late),
                len(members),
                self.minutes,
                ", ".join(late),
                left,
            )

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict materials.

        Args:
            X: Materials, of the kind of the fit.
            return_std: Whether to give standard deviations as well: half the width of intervals of 68 %, which are
                calibrated on the folds like all others; infinite where there were too few measurements.

        Returns:
            (num_materials,), in the unit of y; with `return_std` a tuple of this and of the standard deviations. NaN
            for a material that cannot be read, with `on_error="nan"`.

        Raises:
            ValueError: If X are no materials, or one of them cannot be read.
        """
        if not return_std:
            return self._predict(X)[0]
        middle, low, high = self._predict(X, STANDARD)
        return middle, (high - low) / 2

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Floats:
        """Predict the interval of each material, in which a measured value lies with the nominal probability.

        Args:
            X: Materials, of the kind of the fit.
            coverage: Nominal coverage, above 0 and below 1.

        Returns:
            (num_materials, 2), lower and upper end in the unit of y; infinite where there were too few measurements for
            the coverage.

        Raises:
            ValueError: If the coverage is not between 0 and 1, X are no materials, or one of them cannot be read.
        """
        if not 0 < coverage < 1:
            raise ValueError(f"`coverage` must be above 0 and below 1, got {coverage}")
        return np.column_stack(self._predict(X, coverage)[1:])

    def predict_members(self, X: Any) -> dict[str, Floats]:
        """Predict materials with each member of the ensemble alone.

        Args:
            X: Materials, of the kind of the fit.

        Returns:
            (num_materials,) by name of the member, on the scale of the errors; NaN where a member has no prediction.

        Raises:
            ValueError: If X are no materials, or one of them cannot be read.
        """
        materials, found = self._ask(X, None)
        return {name: _at(materials, each) for name, each in ({} if found is None else found.terms).items()}

    def _predict(self, X: Any, coverage: float | None = None) -> tuple[Floats, Floats, Floats]:
        materials, found = self._ask(X, coverage)
        nothing = np.empty(0)
        numbers = (nothing, nothing, nothing) if found is None else (found.values, found.lower, found.upper)
        middle, low, high = (_at(materials, each) for each in numbers)
        return middle, low, high

    def _ask(self, X: Any, coverage: float | None) -> "tuple[Materials, EnsemblePrediction | None]":
        check_is_fitted(self, "ensemble_")
        materials = read_materials(
            X,
            self._kinds,
            column=self.material_column,
            simulated_column=self.simulated_column,
            like=Property(self.property_, self.unit_),
        )
        materials = self._accept(materials, "predicted as NaN")
        rows = materials.readable
        if not len(rows):
            return materials, None
        simulated = None if materials.simulated is None else materials.simulated[rows]
        return materials, self.ensemble_.predict(
            [materials.contents[row] for row in rows.tolist()], simulated, coverage
        )

    def _accept(self, materials: Materials, what: str) -> Materials:
        """Refuse materials that cannot be read, or say so; crystals that have no graph are among them."""
        kind = materials.kind
        if kind.name == "crystal":
            # To order disordered ones takes long, and any graph tells whether there is one.
            shown = replace(kind, disorder="average") if kind.disorder == "order" else kind
            materials = materials.with_graphs(shown.featurizer())
        if self.on_error == "raise":
            materials.require_readable()
        elif materials.reasons:
            first = min(materials.reasons)
            logger.warning(
                "%d of %d materials cannot be read and are %s; the first is X[%d], %r: %s",
                len(materials.reasons),
                len(materials),
                what,
                first,
                materials.names[first],
                materials.reasons[first],
            )
        return materials

    def _check_settings(self) -> None:
        if self.on_error not in ("raise", "nan"):
            raise ValueError(f'`on_error` must be "raise" or "nan", got {self.on_error!r}')
        if self.kind not in get_args(Kind):
            raise ValueError(f"`kind` must be one of {', '.join(get_args(Kind))}, got {self.kind!r}")
        if self.disorder not in get_args(Disorder):
            raise ValueError(f"`disorder` must be one of {', '.join(get_args(Disorder))}, got {self.disorder!r}")
        seed = self.random_state
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
            raise ValueError(f"`random_state` must be a whole number from 0 up, below 2^32, got {seed!r}")

    def _name_property(self, y: Any) -> tuple[str, str]:
        """Name and unit of the property, from the name of y where they are not given."""
        heading = getattr(y, "name", None)
        found = read_heading(str(heading)) if isinstance(heading, str) and heading else None
        name = self.property or (found.name if found else "property")
        return current_property(name), self.unit if self.unit is not None else ((found.unit if found else None) or "")

    def save(self, folder: str | Path) -> Path:
        """Write the fitted estimator into a folder: nothing in it can run code, and `gnn-sim2real predict` reads it.

        Args:
            folder: The folder; one that holds something else is refused. A setting that is an object, such as a data
                module as the source, is saved as the name of its class: predictions need none of them.

        Returns:
            The folder.

        Raises:
            ValueError: If there are other files in the folder.
        """
        check_is_fitted(self, "ensemble_")
        folder = Path(folder)
        is_ours = (folder / ESTIMATOR_FILE).is_file()
        if folder.exists() and not is_ours:
            others = [] if folder.is_file() else list(folder.iterdir())
            if others or folder.is_file():
                require_replaceable(*(others or [folder]), is_ours=lambda _: False, advice="give another folder")
        content = self._pack()
        _unpack(content, folder)
        settings = {name: _plain(value) for name, value in self.get_params(deep=False).items()}
        description = {
            "settings": settings,
            "error": list(self.error_),
            "members": self.members_,
            "kind": {
                "name": self._kinds.name,
                "roles": list(self._kinds.roles),
                "conditions": dict(self._kinds.conditions),
                "disorder": self._kinds.disorder,
            },
            "unit": self.unit_,
        }
        write_sealed(folder / ESTIMATOR_FILE, description)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read an estimator that `save` wrote.

        Args:
            folder: Its folder, which is not changed.

        Raises:
            CheckpointError: If it is damaged, or was changed.
        """
        from gnn_sim2real.shotgun.saved import load_ensemble

        folder = Path(folder)
        try:
            content = read_sealed((folder / ESTIMATOR_FILE).read_bytes())
            made = cls(**content["settings"])
            made.error_, made.members_ = tuple(content["error"]), content["members"]
            kind = content["kind"]
            made._kinds = Kinds(kind["name"], tuple(kind["roles"]), kind["conditions"], kind.get("disorder", "refuse"))
            made.kind_, made.unit_ = kind["name"], content["unit"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"there is no estimator in {folder}, or it is damaged ({error}); fit it again"
            ) from error
        load_ensemble(folder)  # before anything is copied
        made._take(made._pack_folder(folder))
        made.property_ = made.ensemble_.property.name
        return made

    def _pack(self) -> bytes:
        return self._pack_folder(self.ensemble_.folder)

    @staticmethod
    def _pack_folder(folder: Path) -> bytes:
        """All files of a folder in one archive."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and path.name != ESTIMATOR_FILE:
                    archive.write(path, path.relative_to(folder).as_posix())
        return content.getvalue()

    def _take(self, content: bytes) -> None:
        """Open the ensemble of an archive in a folder of its own, which goes with this object."""
        from gnn_sim2real.shotgun.saved import load_ensemble

        folder = self._own_folder()
        _unpack(content, folder)
        self.ensemble_ = load_ensemble(folder)

    def _own_folder(self) -> Path:
        """A folder for the ensemble, which goes with this object or its next fit."""
        if (before := getattr(self, "_folder", None)) is not None:
            before()
        folder = tempfile.mkdtemp(prefix="transfer_regressor_")
        self._folder = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder) / _ENSEMBLE

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "ensemble_" in state:
            state["_content"] = self._pack()
            del state["ensemble_"]
        state.pop("_folder", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        content = state.pop("_content", None)
        super().__setstate__(state)
        if content is not None:
            self._take(content)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.one_d_array = True, True
        tags.input_tags.allow_nan = self.on_error == "nan"
        return tags


def _unpack(content: bytes, folder: Path) -> None:
    """Write the files of an archive that this module made."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)


def _at(materials: Materials, values: Floats) -> Floats:
    """Values of the readable materials among all, NaN for the others."""
    found = np.full(len(materials), np.nan)
    found[materials.readable] = values
    return found


def _values(y: Any) -> Floats:
    """Measured values, finite."""
    if y is None:
        raise ValueError("This estimator requires y to be passed, but the target y is None")
    try:
        if np.iscomplexobj(y):
            raise ValueError("Complex data not supported")  # the words that scikit-learn looks for
        if (kind := np.asarray(y).dtype).kind in "mM":
            raise ValueError(f"got {kind}")
        found = np.asarray(y, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"y must be measured values, one number for each material: {error}") from error
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1:
        raise ValueError(f"y must have one value for each material, got the shape {found.shape}")
    if (wrong := np.flatnonzero(~np.isfinite(found))).size:
        raise ValueError(
            f"y[{wrong[0]}] is {found[wrong[0]]}; {len(wrong)} of {len(found)} values are NaN or infinite: leave these "
            "rows out"
        )
    if (wrong := np.flatnonzero(np.abs(found) > _LARGEST)).size:
        raise ValueError(f"y[{wrong[0]}] is {found[wrong[0]]:g}, but {_LARGEST:g} is the most: give another unit")
    return found


def _weights(given: ArrayLike | None, number: int) -> Floats:
    if given is None:
        return np.ones(number)
    try:
        found = np.asarray(given, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`sample_weight` must have one number for each value: {error}") from error
    if found.shape != (number,):
        raise ValueError(f"`sample_weight` must have one weight for each of the {number} values, got {found.shape}")
    if not np.isfinite(found).all() or (found < 0).any():
        raise ValueError("each weight in `sample_weight` must be a finite number from 0 up")
    if not found.any():
        raise ValueError("every weight in `sample_weight` is zero: nothing is left to learn from")
    return found


def _plain(value: Any) -> Any:
    """A setting as it can be saved: an object as its text."""
    try:
        json.dumps(value)
    except TypeError:
        return str(value) if isinstance(value, Path) else type(value).__name__
    return value


def _describe_data(kind: Kinds, name: str, unit: str, simulated_column: str | None) -> dict[str, Any]:
    """How the command line reads such materials: by the reader of a user's own table."""
    settings: dict[str, Any] = {"path": "measurements", "property": name, "unit": unit}
    if simulated_column is not None:
        settings["simulated_column"] = simulated_column
    if kind.name == "mixture":
        settings |= {"column": name} | ({"temperature": "temperature"} if kind.conditions else {})
        if kind.roles:
            settings["components"] = {role: role for role in kind.roles}
            return {"class_path": "datamodules.PairTable", "init_args": settings}
        blend = kind.blend or Blend(("component_1", "component_2"), ("weight_1", "weight_2"))
        return {"class_path": "datamodules.BlendTable", "init_args": settings | blend.settings}
    settings |= {} if kind.disorder == "refuse" else {"disorder": kind.disorder}
    if kind.conditions:
        settings["conditions"] = {each: {"column": each, "unit": unit} for each, unit in kind.conditions.items()}
    return {"class_path": "datamodules.Table", "init_args": settings | {"material": kind.name}}
