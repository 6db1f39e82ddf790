"""Errors that leave a decision to the user, one exception each; all other errors are a `ValueError`."""


class DatasetNotFoundError(FileNotFoundError):
    """A data set's file is in none of the places searched."""


class CheckpointError(ValueError):
    """A file is not a model of this package, is damaged, or does not fit the model that should load it."""


class CacheDamagedError(ValueError):
    """A stored set of graphs is truncated or altered."""


class TrainingDivergedError(ValueError):
    """The loss of a training is no longer a finite number."""


class DownloadError(ConnectionError):
    """A database cannot be reached, refuses, or gives wrong answers."""
