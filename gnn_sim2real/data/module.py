"""The base of every data module: what a data set's own file does not have to say."""

import copy
import hashlib
import logging
from abc import abstractmethod
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from gnn_sim2real.data.prediction import AskedMaterials
from gnn_sim2real.data.splitting import SplitBy, SplitMaterials
from gnn_sim2real.featurize.featurizer import Featurizer, get_featurizer
from gnn_sim2real.featurize.identity import IDENTITY_VERSION, identity_hash
from gnn_sim2real.nn.conditions import ConditionSpec
from gnn_sim2real.nn.model import PropertySpec
from gnn_sim2real.splits.acquisition import GrowBy
from gnn_sim2real.splits.random import NUMERICS_VERSION as SPLITS_VERSION
from gnn_sim2real.store.cache import open_or_build
from gnn_sim2real.store.loader import MaterialSet, make_loader
from gnn_sim2real.store.mixtures import AnyStore
from gnn_sim2real.tables.cleaning import CleanTable
from gnn_sim2real.tables.replicates import noise_floor

logger = logging.getLogger(__name__)

PartName = Literal["train", "validation", "test"]


class PropertyDataModule(AskedMaterials, SplitMaterials, LightningDataModule):
    """Materials with properties, as source or as target.

    A data set is a subclass that says in `load_table` where its rows come from and which kind of material they are.

    Args:
        size: Number of materials used for training and validation together (source_size n of a source, target_size m
            of a target); "all" uses all that are not in the test part.
        seed: Number of the subset and of the order of batches; subsets of one seed are nested.
        split: Number of the test part, which depends on nothing else.
        test_fraction: Share of the materials in the test part.
        development_fraction: Share of the materials, chosen by a hash of their group, that are in no test part, so that
            settings can be chosen on them.
        validation_fraction: Share of the used materials on which the best epoch is chosen; 0 for none.
        split_by: What the test part is unlike the training part in: nothing (`random`), families that only it has, by a
            `column` of the table, by `polymer_class` or by Murcko `scaffold`, or values of the first property that lie
            above, below or outside the range of training (`above_range`, `below_range`, `outside_range`).
        split_column: Column with the families of `split_by: column`.
        grow_by: Which materials are there at a `size`: any (`random`), those farthest apart (`diversity`), one chemical
            family after the other (`family`), or the `cheapest`; see `gnn_sim2real.splits.acquisition`.
        cost: Of `cheapest`: a column, or a formula of columns and `num_atoms`, such as num_atoms^3.
        diversity_model: Model whose frozen features say how far apart; null for the descriptors of extra trees.
        split_file: A split as `fit` writes it beside its configuration (`split.json`): exactly these materials train,
            validate and test again, whatever the settings above say; `size` and `split` must fit.
        batch_size: Most materials in one batch.
        exclude: Another data module whose materials are removed here, by their group (the canonical identity; of
            crystals the formula), or a list of them. Give the target to its source, or the test would be on materials
            whose simulated value was already seen; give several targets, and one pretrained model serves them all.
        remove: Whether the test materials of `exclude` are removed, or all of them; with all, one source serves every
            split of the target.
        predict_path: Table of materials to predict, for `gnn-sim2real predict`.
        predict_column: Its column with the materials.
        predict_simulated: Table with the simulated value of each of them, for a model that corrects it (policies
            `delta` and `affine`): the column of the names as in `predictions.csv`, and `simulated`.
        atom_descriptors: Whether atoms carry descriptors, for encoders that read them; needs bonds.
    """

    kind: ClassVar[str] = "repeat_unit"
    """Name of the featurizer of this data set's materials."""

    def __init__(
        self,
        size: int | Literal["all"] = "all",
        seed: int = 0,
        split: int = 0,
        test_fraction: float = 0.0,
        development_fraction: float = 0.0,
        validation_fraction: float = 0.1,
        batch_size: int = 64,
        exclude: "PropertyDataModule | list[PropertyDataModule] | None" = None,
        remove: Literal["test", "all"] = "test",
        predict_path: str | None = None,
        predict_column: str = "smiles",
        predict_simulated: str | None = None,
        atom_descriptors: bool = False,
        split_by: SplitBy = "random",
        split_column: str | None = None,
        split_file: str | None = None,
        grow_by: GrowBy = "random",
        cost: str | None = None,
        diversity_model: str | None = None,
    ) -> None:
        super().__init__()
        self.size, self.seed, self.split = size, seed, split
        self.test_fraction, self.development_fraction = test_fraction, development_fraction
        self.validation_fraction, self.batch_size = validation_fraction, batch_size
        self.exclude, self.remove = exclude, remove
        self.predict_path, self.predict_column = predict_path, predict_column
        self.predict_simulated, self.atom_descriptors = predict_simulated, atom_descriptors
        self.split_by, self.split_column, self.split_file = split_by, split_column, split_file
        self.grow_by, self.cost, self.diversity_model = grow_by, cost, diversity_model
        self.check_split()
        self.check_growth()

    @abstractmethod
    def load_table(self) -> CleanTable:
        """Read and clean the data set, whole; called once."""

    @cached_property
    def table(self) -> CleanTable:
        """The cleaned data set, one row a material."""
        return self.load_table()

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the table's content."""
        return self.table.fingerprint()

    @cached_property
    def featurizer(self) -> Featurizer:
        """How this data set's materials become graphs."""
        return get_featurizer(self.kind, **({"atom_descriptors": True} if self.atom_descriptors else {}))

    @cached_property
    def store(self) -> AnyStore:
        """The graphs of all materials of the table."""
        return self.open_store()

    def open_store(self) -> AnyStore:
        """Open the graphs of the materials of the table, or make them."""
        store = open_or_build(self.table.materials, self.featurizer.featurize, self.featurizer.describe())
        for row, reason in store.refused.items():
            raise ValueError(f"{self.table.identities[row]} passed the cleaning and cannot become a graph: {reason}")
        return store

    @cached_property
    def targets(self) -> Tensor:
        """Properties of all materials, float32, NaN where missing."""
        return torch.from_numpy(self.table.values).float()

    @cached_property
    def simulated(self) -> Tensor | None:
        """Simulated values of the properties of all materials, float32, NaN where missing; None where not known."""
        return None if self.table.simulated is None else torch.from_numpy(self.table.simulated).float()

    @cached_property
    def properties(self) -> list[PropertySpec]:
        """Name and unit of each property."""
        return [PropertySpec(each.name, each.unit) for each in self.table.properties]

    @property
    def conditions(self) -> list[ConditionSpec]:
        """Name and unit of each condition; pure materials have none."""
        return []

    @property
    def excluded(self) -> list["PropertyDataModule"]:
        """The data modules of `exclude`."""
        if isinstance(self.exclude, list):
            return self.exclude
        return [] if self.exclude is None else [self.exclude]

    @cached_property
    def removed_groups(self) -> frozenset[str]:
        """Groups of the materials of `exclude` that may not be used here."""
        whole = self.remove == "all"
        return frozenset().union(*(each.table.groups if whole else each.test_groups for each in self.excluded))

    def removed_rows(self) -> NDArray[np.int64]:
        """Rows that stand for a removed material of `exclude`."""
        return np.flatnonzero([group in self.removed_groups for group in self.table.groups])

    def variant(self, **changes: Any) -> "PropertyDataModule":
        """The same data set with another `size`, `seed`, `exclude` ...; table and graphs are shared."""
        _ = self.table, self.fingerprint, self.store, self.targets
        outdated = ["parts", "test_groups", "_asked"]
        if "atom_descriptors" in changes:
            outdated += ["featurizer", "store"]
        if changes.keys() & {"split_by", "split_column", "split_file"}:
            outdated.append("families")
        else:
            _ = self.families
        self.prepare_growth()
        if changes.keys() & {"exclude", "remove"}:
            outdated += ["removed_groups", "_available"]
        else:
            _ = self._available
        other = copy.copy(self)
        for name in outdated:
            other.__dict__.pop(name, None)
        for name, value in changes.items():
            if not hasattr(other, name):
                raise ValueError(f"a data module has no setting {name!r}")
            setattr(other, name, value)
        return other

    def part(self, name: PartName) -> MaterialSet:
        """The materials of one part."""
        return MaterialSet(self.store, torch.from_numpy(getattr(self.parts, name)), self.targets, self.simulated)

    def setup(self, stage: str) -> None:
        """Refuse an empty part before anything is trained; without a validation part nothing validates."""
        if stage == "fit" and self.trainer is not None and self.trainer.is_global_zero:
            self.table.keep_quarantine(Path(self.trainer.default_root_dir), type(self).__name__)
        if stage == "fit":
            self.say_split()
        if stage == "fit" and not len(self.parts.validation) and self.trainer is not None:
            self.trainer.limit_val_batches = 0
        if stage == "fit" and len(self._available) < len(self.table.identities):
            logger.info(
                "%d of %d materials were removed: they are %s materials of the target",
                len(self.table.identities) - len(self._available),
                len(self.table.identities),
                self.remove,
            )

    @property
    def train_targets(self) -> Tensor:
        """Properties of the training part, to which scalers are fitted."""
        return self.part("train").present_targets

    def absolute_errors(self, rows: NDArray[np.int64], prediction: NDArray[np.float64]) -> dict[str, float]:
        """Absolute error of predictions of the first property by hashed identity: no spelling, no measured value.

        Args:
            rows: (num_materials,); rows of the table.
            prediction: (num_materials,), physical units.
        """
        names = [identity_hash(self.table.identities[row]) for row in rows]
        return dict(zip(names, np.abs(prediction - self.table.values[rows, 0]).tolist(), strict=True))

    def card(self) -> dict[str, Any]:
        """What a record or a model says about its data; plain types."""
        table = self.table
        noise = noise_floor(table.values[:, 0], table.spread[:, 0], table.num_values[:, 0])
        return {
            "name": type(self).__name__,
            "properties": [spec.name for spec in self.properties],
            "fingerprint": self.fingerprint,
            "num_materials": len(self.table.identities),
            "size": self.parts.size,
            "size_level": self.size,
            "seed": self.seed,
            "split": self.split,
            "split_by": self.split_by,
            "grow_by": self.grow_by,
            "parts": self.parts_hash,
            "num_test": len(self.parts.test),
            "num_removed": len(self.table.identities) - len(self._available),
            "removed": {"what": self.remove, "of": [each.fingerprint for each in self.excluded]}
            if self.excluded
            else None,
            "noise_floor": None if noise is None else asdict(noise),
        }

    def key_content(self) -> dict[str, Any]:
        """What determines which materials train and test, and their values: part of every key."""
        settings = ("seed", "split", "test_fraction", "development_fraction", "validation_fraction", "batch_size")
        content: dict[str, Any] = {name: getattr(self, name) for name in settings}
        if self.split_by != "random" or self.split_file is not None:
            content = {"seed": self.seed, "batch_size": self.batch_size, "parts": self.parts_hash}
        content |= {"size": self.parts.size, "fingerprint": self.fingerprint}
        content |= {
            "featurizer": self.featurizer.describe(),
            "splits": SPLITS_VERSION,
            "identity": IDENTITY_VERSION,
            **self.growth_content(),
        }
        if self.excluded:
            removed = sorted(map(identity_hash, self.removed_groups))
            content["removed"] = hashlib.sha256(",".join(removed).encode()).hexdigest()[:32]
        return content

    def train_dataloader(self) -> DataLoader[Any]:
        """Shuffled training batches."""
        return make_loader(self.part("train"), self.batch_size, self.seed, self.trainer)

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
