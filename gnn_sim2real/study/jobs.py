"""Jobs of studies and libraries: their models are trained once and found by key."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnn_sim2real.data.module import PropertyDataModule
from gnn_sim2real.data.variants import Shared
from gnn_sim2real.errors import CheckpointError
from gnn_sim2real.files import write_atomically
from gnn_sim2real.foundation import NamedEncoder
from gnn_sim2real.library import DESCRIPTION_FILE, ModelLibrary, TrainedModel
from gnn_sim2real.library.card import CARD_FILE
from gnn_sim2real.library.content import is_key, require_own_key
from gnn_sim2real.records.published import Published
from gnn_sim2real.study.config import JobsConfig
from gnn_sim2real.study.grid import GridPoint
from gnn_sim2real.study.library_columns import LibraryColumns
from gnn_sim2real.study.stage import Stage
from gnn_sim2real.tasks.library_entry import save_pretrained

PRETRAININGS = "pretrainings"
"""Folder in a library with one small file per pretraining: its name is the key of the pretraining, which is known
before the training, its content the key of the model, which is known after it."""


@dataclass(frozen=True, slots=True)
class Job:
    """One training: a pretraining, or the cell of one record.

    Attributes:
        key: Hash of what determines its numbers; names its record, or the file that leads to its model.
        point: Grid point; for a pretraining the first of the points that share it.
        model: Key of the pretraining that a cell starts from; None from scratch.
        is_pretraining: Whether the result is a model rather than a record.
    """

    key: str
    point: GridPoint
    model: str | None
    is_pretraining: bool


class JobResolver(ABC):
    """Turns points of a grid into jobs, and jobs into configurations and data.

    Keys are made from whole resolved configurations, but the parts that points share are resolved once.

    Args:
        config: Grid and folders.
    """

    foundation: NamedEncoder | None = None
    """Foundation encoder of the study, if it names one."""
    library: LibraryColumns | None = None
    """Predictions of the library of the study, if it names one."""

    def __init__(self, config: JobsConfig) -> None:
        self.study = config
        self._shared = Shared()

    @property
    @abstractmethod
    def stages(self) -> list[Stage]:
        """All stages."""

    @abstractmethod
    def points(self) -> list[GridPoint]:
        """All points of the grid, in the order in which they are computed."""

    @abstractmethod
    def job(self, point: GridPoint) -> Job:
        """The job of the cell of a point."""

    @abstractmethod
    def pretraining(self, point: GridPoint) -> Job:
        """The job of the pretraining that a point needs."""

    @abstractmethod
    def stage(self, job: Job) -> Stage:
        """The stage whose YAML a job follows."""

    @abstractmethod
    def data(self, job: Job) -> PropertyDataModule:
        """The training data of a job: the source of a pretraining, the target of a cell."""

    @abstractmethod
    def config(self, job: Job) -> Any:
        """The configuration of a pretraining, a fine-tuning or a training from scratch."""

    @abstractmethod
    def saved_config(self, job: Job) -> dict[str, Any]:
        """The configuration that is saved with a pretrained model, with the data of its point, in plain types."""

    @abstractmethod
    def read_data(self) -> None:
        """Read tables and graphs now instead of in the first job."""

    @abstractmethod
    def check(self) -> None:
        """Refuse a grid that lacks what all its cells of a kind need, before the first of them."""

    def other_keys(self, job: Job) -> list[str]:
        """Keys of the cell of a job in studies that give its settings elsewhere: in a YAML or on an axis.

        Args:
            job: The job.
        """
        return []

    def differences(self, job: Job, published: Published) -> list[str]:
        """What differs between a cell and the published one in its place, as far as the file says.

        Args:
            job: The job of the cell.
            published: The published result.
        """
        return []

    def model_folder(self, key: str) -> Path:
        """The folder of a pretrained model, which need not exist yet.

        Args:
            key: Key of its pretraining.
        """
        return model_folder(self.study.models_folder, key)

    def add_model(self, job: Job, model: TrainedModel, provenance: dict[str, Any]) -> None:
        """Add a model to the library, and a link to it from the key of its pretraining.

        Args:
            job: The pretraining.
            model: The trained model.
            provenance: From `gnn_sim2real.records.record.provenance`.
        """
        library = ModelLibrary(self.study.models_folder)
        key = _without_link(library, job.key)
        if key is None:
            key = save_pretrained(library, model, self.data(job), self.saved_config(job), provenance)
        write_atomically(library.folder / PRETRAININGS / job.key, key.encode())

    def is_done(self, job: Job) -> bool:
        """Whether the model of a job exists."""
        return has_model(self.model_folder(job.key))


def _without_link(library: ModelLibrary, pretraining: str) -> str | None:
    """Key of the model of a pretraining that was stopped after it added the model and before it wrote the link."""
    linked = {path.read_text(errors="replace") for path in (library.folder / PRETRAININGS).glob("*") if path.is_file()}
    for key in sorted(library.keys()):
        if key not in linked:
            try:
                if library.card(key).pretraining == pretraining:
                    require_own_key(library.folder / key)
                    return key
            except CheckpointError:  # a damaged one is no model
                continue
    return None


def model_folder(library: Path, pretraining: str) -> Path:
    """The folder of a pretrained model, which need not exist yet; before libraries, the pretraining's key was its name.

    Args:
        library: Folder of the library.
        pretraining: Key of the pretraining.
    """
    try:
        key = (library / PRETRAININGS / pretraining).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return library / pretraining
    return library / (key if is_key(key) else pretraining)  # a damaged file leads nowhere: it is trained again


def has_model(folder: Path) -> bool:
    """Whether a folder has a model."""
    return (folder / CARD_FILE).exists() or (folder / DESCRIPTION_FILE).exists()
