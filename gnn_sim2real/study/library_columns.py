"""What the models of a library predict for the materials of a study's target: an input of some baselines."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.library import Card
from gnn_sim2real.linear import Floats
from gnn_sim2real.shotgun.libraries import find_cards, open_library
from gnn_sim2real.shotgun.library_predictions import VERSION, Column, choose_columns, predict_columns
from gnn_sim2real.shotgun.models import QuickLoader, find_seen
from gnn_sim2real.shotgun.target import Target


class LibraryColumns:
    """Predictions of a library, of every property, by the models that have not seen the test part of a split.

    Args:
        library: Folder of the library, or `starter:`.
        cache: Folder of predictions that other processes and later runs reuse.

    Raises:
        ValueError: If the library has no models.
    """

    def __init__(self, library: str, cache: Path) -> None:
        self.library, self.cache = open_library(library), cache
        self._cards = find_cards(self.library, {})
        self._usable = lru_cache(maxsize=32)(self._find_usable)

    def columns(self, target: PropertyDataModule) -> list[Column]:
        """The columns, whether their models can read the materials or not.

        Args:
            target: The target with the split of a cell.
        """
        return choose_columns(self._usable(target.tested_identities()))

    def key_content(self, target: PropertyDataModule) -> dict[str, Any]:
        """What the key of a cell has of the library.

        Args:
            target: As for `columns`.
        """
        models = sorted({key for column in self.columns(target) for key in column.models})
        return {"version": VERSION, "models": hashlib.sha256("".join(models).encode()).hexdigest()}

    def predict(self, target: PropertyDataModule) -> tuple[list[Column], Floats]:
        """The columns that can be read, and their values, (num_materials, num_columns).

        Args:
            target: As for `columns`.

        Raises:
            ValueError: If no model reads the materials.
            CheckpointError: If a model is damaged, or no longer there.
        """
        wanted = self.columns(target)
        key = ("library", self.library.folder, tuple(wanted))
        return target.data_set.once(key, lambda: self._predict(target, wanted))

    def _predict(self, target: PropertyDataModule, wanted: Sequence[Column]) -> tuple[list[Column], Floats]:
        asked, models = Target.of_all(target), QuickLoader(self.library)
        # The key of the cell names all models, so none may be missing.
        columns, values = predict_columns(models, wanted, asked, self.cache, refuse_damaged=True)
        if not columns:
            raise ValueError(
                f"no model of the library {self.library.folder} can be used for {asked.name}: each has seen test "
                "materials, does not know what it has seen, or does not read them; name another `library`, or remove "
                "the baselines with library predictions"
            )
        return columns, values

    def _find_usable(self, tested: frozenset[str]) -> tuple[Card, ...]:
        seen = find_seen(self.library, self._cards, tested)
        # A card of the first format does not say what its model has seen.
        return tuple(each for each in self._cards if each.identities and each.key not in seen)
