"""The base of every data module: all that a data set does not have to write itself."""

import copy
import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from gnn_sim2real.data.acquisition import Acquisition, AcquisitionSettings
from gnn_sim2real.data.data_set import DataSet, title_of
from gnn_sim2real.data.prediction import PredictionSettings, Predictor
from gnn_sim2real.data.seeds import order_seed
from gnn_sim2real.data.sheet import DataSheet
from gnn_sim2real.data.simulated import SimulatedSettings
from gnn_sim2real.data.splitting import SplitSettings, Splitter
from gnn_sim2real.data.transforms import TransformSettings
from gnn_sim2real.data.variants import Remembered, Shared, check_types, settings_of
from gnn_sim2real.featurize.conditions import ConditionTable
from gnn_sim2real.featurize.featurizer import Featurizer, get_featurizer
from gnn_sim2real.featurize.identity import IDENTITY_VERSION, identity_hash
from gnn_sim2real.nn.conditions import ConditionSpec
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.splits.parts import Parts
from gnn_sim2real.store.cache import open_or_build
from gnn_sim2real.store.loader import MaterialSet, make_loader
from gnn_sim2real.store.mixtures import AnyStore
from gnn_sim2real.tables.replicates import noise_floor
from gnn_sim2real.tables.table import CleanTable

logger = logging.getLogger(__name__)

PartName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class DataSettings(PredictionSettings, SimulatedSettings, TransformSettings, AcquisitionSettings, SplitSettings):
    """Settings that all data modules share.

    Args:
        batch_size: Largest number of materials in a batch.
        exclude: Another data module whose materials are removed here, by their group (the canonical identity; for
            crystals the formula), or a list of them. Give the target to its source, or the test would be on materials
            whose simulated value was already seen; with several targets, one pretrained model serves them all.
        remove: Whether the test materials of `exclude` are removed, or all of them; with all, one source serves every
            split of the target.
        atom_descriptors: Whether atoms carry descriptors, for encoders that read them; needs bonds.
        simulated_from: Another data module with the same property simulated, in which each material is looked up: by
            its identity, crystals by their structure, and formulas by the polymorph of lowest energy. Its whole table
            is read, test materials included, since a user has their simulated values as well.
    """

    of_table: ClassVar[tuple[str, ...]] = (
        *(each.name for each in fields(SimulatedSettings)),
        "simulated_from",
        "transforms",
    )
    """Settings that the table depends on."""
    of_graphs: ClassVar[tuple[str, ...]] = ("atom_descriptors",)
    """Settings that the graphs depend on in addition."""
    of_removal: ClassVar[tuple[str, ...]] = ("remove",)
    """Settings that the removed rows depend on, in addition to these and `exclude`."""

    batch_size: int = 64
    exclude: "PropertyDataModule | Sequence[PropertyDataModule] | None" = None
    remove: Literal["test", "all"] = "test"
    atom_descriptors: bool = False
    simulated_from: "PropertyDataModule | None" = None

    def __post_init__(self) -> None:
        """Reject settings of a wrong type, and those that do not go together.

        Raises:
            ValueError: If one does not fit.
        """
        if isinstance(self.exclude, list):
            object.__setattr__(self, "exclude", tuple(self.exclude))  # what is changed later is not what was removed
        check_types(self, {"split_by": str, "grow_by": str})  # of which new ones may have come since the import
        if self.batch_size < 1:
            raise ValueError(f"`batch_size` must be at least 1, got {self.batch_size}")
        if self.simulated_column is not None and self.simulated_from is not None:
            raise ValueError("give `simulated_column` or `simulated_from`, not both")
        if self.simulated_column is None and self.simulated_unit is not None:
            raise ValueError("`simulated_unit` is that of `simulated_column`, which is not given")
        self.check_split()
        self.check_acquisition()

    @property
    def simulated_in(self) -> DataSet | None:
        """The data set of `simulated_from`."""
        return None if self.simulated_from is None else self.simulated_from.data_set

    @property
    def excluded(self) -> "list[PropertyDataModule]":
        """The data modules of `exclude`."""
        if isinstance(self.exclude, Sequence):
            return list(self.exclude)
        return [] if self.exclude is None else [self.exclude]

    @property
    def removed_groups(self) -> frozenset[str]:
        """Groups of the materials of `exclude` that may not be used."""
        whole = self.remove == "all"
        return frozenset().union(*(each.table.groups if whole else each.splitter.test_groups for each in self.excluded))

    def values(self, names: tuple[str, ...]) -> tuple[Hashable, ...]:
        """Values of some settings."""
        return tuple(getattr(self, name) for name in names)


class PropertyDataModule(Remembered, LightningDataModule, ABC):
    """Materials with properties, as source or as target.

    A data set is a subclass that reads its rows in `load_table` and names the kind of its materials. All else is done
    by four objects, each made from the settings: the data set (table and graphs), the splitter, in it the order in
    which the database grows, and the predictor.

    Args:
        made: The settings as one object, from a base that has more of them, such as `CrystalSettings`.
        settings: See `DataSettings`; they are for data sets that have no others.

    Attributes:
        settings: All settings; to change one, make a `variant`.
        data_set: Table and graphs, shared by all variants.
        splitter: Which materials train, validate and test.
        predictor: The materials of `predict_path`.
    """

    kind: ClassVar[str] = "repeat_unit"
    """Name of the featurizer of this data set's materials."""

    settings: DataSettings
    data_set: DataSet
    splitter: Splitter
    predictor: Predictor

    # A star, since the command line would offer a setting of any other form that the constructor names.
    def __init__(self, *made: DataSettings, **settings: Any) -> None:
        super().__init__()
        self.use(made[0] if made else DataSettings(**settings), Shared())

    def use(self, settings: DataSettings, shared: Shared) -> None:
        """Make the objects that do the work.

        Args:
            settings: All settings.
            shared: What was made for other variants.
        """
        self.settings = settings
        self.data_set = self.make_data_set(shared)
        self.splitter = Splitter(
            self.data_set,
            settings,
            self.removed_rows,
            (tuple(settings.excluded), settings.values(settings.of_removal)),
            None if settings.grow_by == "random" else Acquisition(settings, self.data_set),
        )
        self.predictor = self.make_predictor()

    @property
    def sheet(self) -> DataSheet | None:
        """The sheet of what is read, for the card of a model; None for a user's own file.

        A data module with several sheets says here which one it is.
        """
        own = type(self).sheets() if "sheets" in vars(type(self)) else ()
        return own[0] if len(own) == 1 else None

    # What a subclass may override.

    @classmethod
    def sheets(cls) -> tuple[DataSheet, ...]:
        """What `gnn-sim2real data list` shows of its data sets; those of a subclass are its own alone."""
        return ()

    @abstractmethod
    def load_table(self) -> CleanTable:
        """Read and clean the whole data set; called once for all variants."""

    @property
    def conditions(self) -> list[ConditionSpec]:
        """Name and unit of each condition that a model sees: the `condition_units` of a reader that has some."""
        units: Mapping[str, str] = getattr(self, "condition_units", {})
        return [ConditionSpec(name, unit) for name, unit in units.items()]

    def make_data_set(self, shared: Shared) -> DataSet:
        """Combine table and graphs.

        Args:
            shared: What was made for other variants.
        """
        settings = self.settings
        of_table, of_graphs = settings.values(settings.of_table), settings.values(settings.of_graphs)
        return DataSet(self, shared, of_table, of_graphs, settings, settings.simulated_in, settings.transforms)

    def make_predictor(self) -> Predictor:
        """Make the reader of the materials to predict."""
        return Predictor(self.settings, self.data_set)

    def make_featurizer(self) -> Featurizer:
        """Choose how the materials of this data set become graphs."""
        return get_featurizer(
            self.kind, **self._graph_settings(), conditions=tuple(each.name for each in self.conditions)
        )

    def make_store(self) -> AnyStore:
        """Open the graphs of the materials of the table, or make them.

        Raises:
            ValueError: If a material of the clean table cannot become a graph.
        """
        materials = self.table.materials
        if isinstance(materials, ConditionTable):
            described = get_featurizer(self.kind, **self._graph_settings()).describe()
            graphs = open_or_build(materials.materials, self.featurizer.featurize, described)
            store = graphs.at_conditions(materials.members, materials.conditions)
        else:
            store = open_or_build(materials, self.featurizer.featurize, self.featurizer.describe())
        for row, reason in store.refused.items():
            raise ValueError(f"{self.table.identities[row]} passed the cleaning but cannot become a graph: {reason}")
        return store

    def _graph_settings(self) -> dict[str, Any]:
        """Settings of the graphs, left out where they are those of versions that had none."""
        return {"atom_descriptors": True} if self.settings.atom_descriptors else {}

    def removed_rows(self) -> NDArray[np.int64]:
        """Rows of a removed material of `exclude`."""
        removed = self.settings.removed_groups
        return np.flatnonzero([group in removed for group in self.table.groups])

    # What other code uses.

    @property
    def table(self) -> CleanTable:
        """The cleaned data set, one row per material."""
        return self.data_set.table

    @property
    def featurizer(self) -> Featurizer:
        """How the materials of this data set become graphs."""
        return self.data_set.featurizer

    @property
    def store(self) -> AnyStore:
        """The graphs of all materials of the table."""
        return self.data_set.store

    @property
    def properties(self) -> list[PropertySpec]:
        """Name and unit of each property."""
        return self.data_set.properties

    @property
    def parts(self) -> Parts:
        """Rows of the table that train, validate and test."""
        return self.splitter.parts

    def variant(self, **changes: Any) -> Self:
        """The same data set with other settings; what does not depend on them is shared.

        Args:
            changes: Settings of the constructor. With one of the reader, such as `path`, the table is read again.

        Raises:
            ValueError: If there is no such setting, or a value does not fit.
        """
        shared = {each.name for each in fields(self.settings)}
        if unknown := sorted(changes.keys() - shared - settings_of(type(self))):
            raise ValueError(f"{type(self).__name__} has no setting {unknown[0]!r}")
        if not changes.keys() <= shared:
            return type(self)(**self.given | changes)
        other = copy.copy(self)
        other.given = self.given | changes
        other.use(replace(self.settings, **changes), self.data_set.shared)
        return other

    def with_parts(self, parts: Parts) -> Self:
        """The same data set with given parts; its variants follow their settings again.

        Args:
            parts: The rows.
        """
        other = self.variant()
        other.splitter = replace(other.splitter, given=parts)
        return other

    def part(self, name: PartName) -> MaterialSet:
        """The materials of one part."""
        data = self.data_set
        rows = torch.from_numpy(getattr(self.parts, name))
        return MaterialSet(data.store, rows, data.targets, data.simulated, data.one_sided, data.loss_weights)

    def seen_identities(self) -> frozenset[str]:
        """Hashed identities of the materials that train or validate; for crystals of the formula, as everywhere."""
        used = np.concatenate([self.parts.train, self.parts.validation]).tolist()
        return frozenset(identity_hash(self.table.groups[row]) for row in used)

    def tested_identities(self) -> frozenset[str]:
        """Hashed identities of the test materials; a model that has seen one of them knows the answer."""
        return frozenset(identity_hash(self.tested_name(group)) for group in self.splitter.test_groups)

    def tested_name(self, group: str) -> str:
        """What a model must not have seen if a group is tested.

        Args:
            group: The group.
        """
        return group

    def seen_names(self, part: PartName) -> set[str]:
        """What a model has seen that was trained on a part, in the words of `tested_name`.

        Args:
            part: The part.
        """
        return {self.table.groups[row] for row in getattr(self.parts, part).tolist()}

    def card(self) -> dict[str, Any]:
        """What a record or a model saves about its data; plain types."""
        table, settings = self.table, self.settings
        noise = noise_floor(table.values[:, 0], table.spread[:, 0], table.num_values[:, 0])
        removed = {"what": settings.remove, "of": [each.data_set.fingerprint for each in settings.excluded]}
        return {
            "name": type(self).__name__,
            "properties": [spec.name for spec in self.properties],
            "fingerprint": self.data_set.fingerprint,
            "num_materials": len(table.identities),
            "size": self.parts.size,
            "size_level": settings.size,
            "seed": settings.seed,
            "split": settings.split,
            "split_by": settings.split_by,
            "grow_by": settings.grow_by,
            "parts": self.splitter.parts_hash,
            "num_test": len(self.parts.test),
            "num_removed": len(table.identities) - len(self.splitter.available),
            "removed": removed if settings.excluded else None,
            "noise_floor": None if noise is None else asdict(noise),
            **self._simulated_card(),
            **self._transform_card(),
            **self._condition_card(),
        }

    def _simulated_card(self) -> dict[str, Any]:
        """How many materials have a simulated value, and from where, if a setting gives them."""
        table = self.table
        if not table.simulated_origin or table.simulated is None:
            return {}
        count = int(np.isfinite(table.simulated[:, 0]).sum())
        return {"simulated": {"num_materials": count, "from": table.simulated_origin}}

    def _transform_card(self) -> dict[str, Any]:
        """Properties that are learned as logarithms, if there are any."""
        found = {each.name: each.transform for each in self.table.properties if each.transform is not None}
        return {"transform": found} if found else {}

    def _condition_card(self) -> dict[str, Any]:
        """Name and unit of each condition, if there are any."""
        found = {each.name: each.unit for each in self.conditions}
        return {"conditions": found} if found else {}

    def key_content(self) -> dict[str, Any]:
        """What determines which materials train and test, and their values: part of every key."""
        settings = self.settings
        names = ("seed", "split", "test_fraction", "development_fraction", "validation_fraction", "batch_size")
        content: dict[str, Any] = {name: getattr(settings, name) for name in names}
        if settings.split_by != "random" or settings.split_file is not None:
            content = {name: content[name] for name in ("seed", "batch_size")} | {"parts": self.splitter.parts_hash}
        content |= {"size": self.parts.size, "fingerprint": self.data_set.fingerprint}
        content |= {
            "featurizer": self.featurizer.describe(),
            "splits": self.splitter.key_version,
            "identity": IDENTITY_VERSION,
        }
        content |= self._transform_card()
        if (weights := self.data_set.loss_weights) is not None:
            content["loss_weights"] = hashlib.sha256(weights.numpy().tobytes()).hexdigest()[:32]
        if self.splitter.acquisition is not None:
            content["growth"] = self.splitter.acquisition.content()
        if settings.excluded:
            removed = sorted(map(identity_hash, settings.removed_groups))
            content["removed"] = hashlib.sha256(",".join(removed).encode()).hexdigest()[:32]
        return content

    # What Lightning calls.

    def setup(self, stage: str) -> None:
        """Reject an empty part before anything is trained; without a validation part nothing validates."""
        if stage != "fit":
            return
        if self.trainer is not None and self.trainer.is_global_zero:
            self.table.save_quarantine(Path(self.trainer.default_root_dir), Path(title_of(self)).stem)
        self.splitter.log()
        self._warn_of_constants()
        if not len(self.parts.validation) and self.trainer is not None:
            self.trainer.limit_val_batches = 0
        num_materials = len(self.table.identities)
        if num_removed := num_materials - len(self.splitter.available):
            what = self.settings.remove
            logger.info(
                "removed %d of %d materials: they are %s materials of the target", num_removed, num_materials, what
            )

    def _warn_of_constants(self) -> None:
        """Say where all training materials have the same value, so that there is nothing to learn."""
        for spec, values in zip(self.properties, self.table.values[self.parts.train].T, strict=True):
            present = values[np.isfinite(values)]
            if len(present) > 1 and (present == present[0]).all():
                logger.warning(
                    "all %d training values of %s are %g: there is nothing to learn; is this the right column?",
                    len(present),
                    spec.name,
                    present[0],
                )

    def train_dataloader(self) -> DataLoader[Any]:
        """Shuffled training batches."""
        return make_loader(self.part("train"), self.settings.batch_size, order_seed(self.settings.seed), self.trainer)

    def val_dataloader(self) -> DataLoader[Any] | list[DataLoader[Any]]:
        """Validation batches; none without a validation part."""
        if not len(self.parts.validation):
            return []
        return make_loader(self.part("validation"), 256, trainer=self.trainer)

    def test_dataloader(self) -> DataLoader[Any]:
        """Test batches.

        Raises:
            ValueError: If there is no test part.
        """
        if not len(self.parts.test):
            raise ValueError("there is no test part; set `data.init_args.test_fraction`, e.g. to 0.2")
        return make_loader(self.part("test"), 256)

    def predict_dataloader(self) -> DataLoader[Any]:
        """Batches of the materials in `predict_path`, in its order; unreadable ones are left to the writer."""
        return self.predictor.dataloader()
