"""Trainings that are killed and resumed, to be compared with undisturbed ones."""

import torch
from lightning.pytorch import Callback
from tiny import copied, quiet_trainer

from gnn_sim2real.study.resume import EpochCheckpoint


class Killed(BaseException):
    """Stands for SIGKILL: not an Exception, so nothing handles it."""


class KillAt(Callback):
    """Kills a training when an epoch starts, or at its end if the epoch is "end"."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == self.epoch:
            raise Killed

    def on_train_end(self, trainer, pl_module):
        if self.epoch == "end":
            raise Killed


class Trace(Callback):
    """Keeps epoch, rows and learning rates of every step."""

    def __init__(self):
        self.steps = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        rates = [group["lr"] for group in trainer.optimizers[0].param_groups]
        self.steps.append((trainer.current_epoch, batch.row.tolist(), rates))


def train(path, make_module, data, make_callbacks=list, epochs=4, kill_at=None, **settings):
    """Train, from the checkpoint at `path` if there is one.

    Returns the weights the training ends with and its trace; None if it was killed.
    """
    checkpoint, trace = EpochCheckpoint(path, 0), Trace()
    callbacks = [KillAt(kill_at), *make_callbacks(), checkpoint, trace]
    torch.manual_seed(0)
    module = make_module()
    trainer = quiet_trainer(epochs, callbacks=callbacks, **settings)
    try:
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint.resume_from(), weights_only=True)
    except Killed:
        return None
    return copied(module), trace.steps


def whole_and_resumed(folder, kills, *given, **settings):
    """An undisturbed training, and one that was killed at these epochs; weights and trace of both."""
    whole = train(folder / "whole.ckpt", *given, **settings)
    for epoch in kills:
        assert train(folder / "killed.ckpt", *given, kill_at=epoch, **settings) is None
    return whole, train(folder / "killed.ckpt", *given, **settings)
