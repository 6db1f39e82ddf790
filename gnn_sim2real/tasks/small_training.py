"""A small training within something larger, such as a member of an ensemble: on the CPU, silent, nothing written."""

from lightning.pytorch import LightningDataModule, LightningModule, Trainer

from gnn_sim2real.console import quiet_tasks
from gnn_sim2real.tasks.interrupt import interruptible
from gnn_sim2real.tasks.one_process import one_process


def train_small(task: LightningModule, data: LightningDataModule, epochs: int) -> None:
    """Train in this process, without loggers, checkpoints or progress.

    Args:
        task: A pretraining or fine-tuning.
        data: What it is trained on.
        epochs: Number of epochs.

    Raises:
        KeyboardInterrupt: At Ctrl-C, which Lightning would keep to itself.
    """
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        plugins=[one_process()],
        max_epochs=epochs,
        gradient_clip_val=1.0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
    )
    with interruptible(), quiet_tasks():
        trainer.fit(task, datamodule=data)
