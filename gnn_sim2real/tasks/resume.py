"""What Lightning lacks for a resumed training to end with exactly the numbers of an uninterrupted one.

A training is resumed from a checkpoint that a callback wrote at the end of an epoch or of a batch.
"""

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason

from gnn_sim2real.tasks.checks import watches_validation


def decide_after_validation(trainer: Trainer) -> None:
    """Let early stopping decide at the end of the validation rather than of the epoch.

    At the end of an epoch it runs after the callbacks that write checkpoints, and a resumed training would lack the
    last decision. Lightning has no public switch that leaves the `EarlyStopping` of a YAML as it is.
    """
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, EarlyStopping) and watches_validation(callback):
            callback._check_on_train_epoch_end = False


def stay_stopped(trainer: Trainer) -> None:
    """Do not train further if early stopping had decided before the training was interrupted."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, EarlyStopping) and callback.stopping_reason is not EarlyStoppingReason.NOT_STOPPED:
            trainer.should_stop = True


def begin_within_epoch(trainer: Trainer) -> None:
    """Give the loader the position that a checkpoint has of it.

    Lightning 2.6 does so only for a loader that is made after the checkpoint is read; ours is made before, to count the
    steps of the schedule.
    """
    trainer.fit_loop._load_combined_loader_states()


def begin_next_epoch(trainer: Trainer) -> None:
    """Begin a resumed training of a fixed number of steps with the epoch after that of the checkpoint.

    With `max_steps` Lightning 2.6 treats the finished epoch as interrupted: it trains on one more batch of it, or skips
    the order of the next. A training of a fixed number of epochs is resumed as here.
    """
    loop = trainer.fit_loop
    if loop.restarted_on_epoch_end:
        loop.epoch_progress.increment_completed()
        loop._restarting = loop.epoch_loop.restarting = False
        for each in (loop, loop.epoch_loop, loop.epoch_loop.val_loop):
            each.reset_restart_stage()
