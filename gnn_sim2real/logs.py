"""What is said on stderr, and what of the libraries' chatter is not."""

import logging
import warnings

_EXPECTED_WARNINGS = (
    "The number of training batches",  # small data sets
    "Found .* in eval mode",  # frozen layers
    "The dirpath has changed",  # a test has a folder of its own
    "The '.*_dataloader' does not have many workers",  # batches are gathered, not computed
    "Starting from v1.9.0, `tensorboardX` has been removed",
    "`isinstance.treespec, LeafSpec.` is deprecated",  # between Lightning and torch
    "Precision .* is not supported by the model summary",
    "Couldn't infer the batch indices",  # PredictionWriter keeps the order itself
)


def set_up_logging() -> None:
    """One line a message on stderr; warnings of libraries are kept, their chatter is not."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    for name in ("gnn_sim2real", "datamodules"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.handlers = [handler]


def quiet_lightning() -> None:
    """Silence chatter of Lightning and warnings of what is meant to be; to be called once it is imported."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in _EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message)


def quiet_tasks() -> None:
    """Silence the line that each training says of itself: of hundreds of trainings nobody reads it."""
    for name in ("gnn_sim2real.tasks", "gnn_sim2real.datamodule", "gnn_sim2real.split_materials"):
        logging.getLogger(name).setLevel(logging.WARNING)
