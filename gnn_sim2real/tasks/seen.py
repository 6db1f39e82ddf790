"""Which materials a model was trained on, so that its error on them is not taken for that of new ones."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.featurize.identity import identity_hash
from gnn_sim2real.library import CHECKPOINT_ENTRY, ModelLibrary
from gnn_sim2real.library.content import find_model

logger = logging.getLogger(__name__)

Numbers = NDArray[np.uint64]
EvaluatedPart = Literal["validation", "test"]


@dataclass(frozen=True)
class SeenMaterials:
    """Hashed identities of the materials that a model has seen, as numbers, sorted.

    Attributes:
        trained: (num_trained,); those whose values its weights were fitted to.
        validated: (num_validated,); those that chose its best epoch.
        is_rough: Whether components of mixtures are among them without their role, as in a library.
    """

    trained: Numbers
    validated: Numbers
    is_rough: bool = False

    @classmethod
    def of_training(cls, data: PropertyDataModule) -> "SeenMaterials":
        """What a model sees that is trained on these data.

        Args:
            data: The data.
        """
        trained, validated = (_numbers(map(identity_hash, data.seen_names(part))) for part in ("train", "validation"))
        return cls(trained, validated)

    @classmethod
    def of_library(cls, identities: Iterable[str]) -> "SeenMaterials":
        """What a model of a library has seen; in which part is not known, so that all may have validated only.

        Args:
            identities: From `library.ModelLibrary.identities`.
        """
        return cls(_numbers(()), _numbers(identities), is_rough=True)

    @classmethod
    def of_model(cls, path: str | Path) -> "SeenMaterials | None":
        """What a saved model has seen; None if it does not say so.

        Args:
            path: A folder of the model library, a checkpoint, or a key, as for `library.load_model`.
        """
        path = find_model(Path(path))
        if path.is_dir():
            try:
                return cls.of_library(ModelLibrary(path.parent).identities(path.name))
            except (ValueError, OSError):  # it was copied without the library, or saved outside of one
                return None
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)[CHECKPOINT_ENTRY].get("seen")
            return None if found is None else cls.from_tensors(found)
        except Exception:  # each kind of damage has its own; `load_model` refuses the file in words
            return None

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "SeenMaterials":
        """Read what `tensors` made.

        Args:
            tensors: From a checkpoint.
        """
        trained, validated = (tensors[name].numpy().view(np.uint64) for name in ("trained", "validated"))
        return cls(trained, validated, "is_rough" in tensors)

    def tensors(self) -> dict[str, Tensor]:
        """The numbers as tensors, for a checkpoint."""
        found = {name: torch.from_numpy(getattr(self, name).view(np.int64)) for name in ("trained", "validated")}
        return found | ({"is_rough": torch.tensor(True)} if self.is_rough else {})

    def join(self, other: "SeenMaterials") -> "SeenMaterials":
        """What a model has seen that was trained twice.

        Args:
            other: What it has seen in the other training.
        """
        return SeenMaterials(np.union1d(self.trained, other.trained), np.union1d(self.validated, other.validated))

    def known_rows(self, data: PropertyDataModule, part: EvaluatedPart) -> NDArray[np.int64]:
        """Rows of a part whose answer a model knows.

        Args:
            data: The data.
            part: The part; what only validated is known to no model that validates again.
        """
        rows: NDArray[np.int64] = getattr(data.parts, part)
        groups = [data.table.groups[row] for row in rows.tolist()]
        asked = np.array([int(identity_hash(data.tested_name(group)), 16) for group in groups], np.uint64)
        seen = self.trained if part == "validation" else np.union1d(self.trained, self.validated)
        return rows[np.isin(asked, seen)]


def require_unseen(
    seen: SeenMaterials | None,
    trained_on: Mapping[str, Any] | None,
    data: PropertyDataModule,
    part: EvaluatedPart,
) -> None:
    """Reject a test on materials that a model was trained on, whose error would be far too small.

    Args:
        seen: What the model has seen; None if that is not known.
        trained_on: Card of the data that trained it; None if that is not known.
        data: The data that test it.
        part: The part that does.

    Raises:
        CheckpointError: If it has seen one of them.
    """
    card = trained_on or {}
    same = card.get("fingerprint") == data.data_set.fingerprint and card.get("parts") == data.splitter.parts_hash
    if same and (seen is None or seen.is_rough):
        return
    if seen is None:
        logger.warning(
            "whether the model was trained on some of the %s materials is not known, since it was saved without their "
            "identities; if it was, their error is too small",
            part,
        )
        return
    known = seen.known_rows(data, part)
    if len(known):
        advice = "test it on data without these materials"
        if card.get("fingerprint") == data.data_set.fingerprint:
            advice = f"give the split of its training, `--data.split {card['split']} --data.seed {card['seed']}`"
        raise CheckpointError(
            f"the model was trained on {len(known)} of the {len(getattr(data.parts, part))} {part} materials, so that "
            f"the error on them would be too small; {advice}"
        )


def warn_of_seen_by_source(seen: SeenMaterials, data: PropertyDataModule) -> None:
    """Tell how many test materials the source of a fine-tuned model was trained on.

    Args:
        seen: What the source has seen.
        data: The data that test the model.
    """
    if seen.is_rough:
        count = len(np.intersect1d(_numbers(data.tested_identities()), seen.validated))
    else:
        count = len({data.table.groups[row] for row in seen.known_rows(data, "test").tolist()})
    if count:
        logger.warning(
            "the model was pretrained on simulations of %d of the %d test materials, so that its error on them may be "
            "smaller than on new ones; pretrain it without them (`exclude` or `remove` in the data of the source)",
            count,
            len(data.splitter.test_groups),
        )


def _numbers(identities: Iterable[str]) -> Numbers:
    return np.unique(np.fromiter((int(each, 16) for each in identities), np.uint64))
