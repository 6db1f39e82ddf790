"""The decisions that only the user can take, one exception each; everything else is a `ValueError`."""


class DatasetNotFoundError(FileNotFoundError):
    """A data set's file is in none of the places where it was looked for."""


class CheckpointError(ValueError):
    """A file is not a model of this package, is damaged, or does not fit the model that should take it."""


class CacheDamagedError(ValueError):
    """A stored set of graphs is truncated or altered."""


class TrainingDivergedError(ValueError):
    """A training whose loss is no longer a finite number."""


class DownloadError(ConnectionError):
    """A database cannot be reached, refuses, or gives something else than it should."""
