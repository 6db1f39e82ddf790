"""Errors that leave a decision to the user, one exception each; all other errors are a `ValueError`."""

from pathlib import Path


class DatasetNotFoundError(FileNotFoundError):
    """A data set's file is in none of the places searched."""


class CheckpointError(ValueError):
    """A file is not a model of this package, is damaged, or does not fit the model that should load it."""


class CacheDamagedError(ValueError):
    """A stored set of graphs is truncated or altered."""


class TrainingDivergedError(ValueError):
    """The loss of a training is no longer a finite number."""


class TrainingStoppedError(Exception):
    """A training was asked to stop, and is saved.

    Args:
        path: The checkpoint.
        signal: Number of the signal.
    """

    def __init__(self, path: Path, signal: int) -> None:
        super().__init__(f"stopped; the same command with `--ckpt_path {path}` goes on from there")
        self.exit_code = 128 + signal


class DownloadError(ConnectionError):
    """A database cannot be reached, refuses, or gives wrong answers."""
