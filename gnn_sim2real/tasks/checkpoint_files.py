"""Checkpoints that are whole or absent, as all other files of this package."""

from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from gnn_sim2real.files import named_in_errors


class WholeCheckpoints(TorchCheckpointIO):
    """Gives a checkpoint its name once it is whole: on a full disk, Lightning's own leaves half of one."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Save a checkpoint.

        Args:
            checkpoint: Its content.
            path: Its file.
            storage_options: Must be None, as for Lightning.

        Raises:
            OSError: If the disk is full or the folder cannot be written; an older file of this name is untouched.
        """
        if "://" in str(path):  # not on a disk
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        partial = Path(f"{path}.part")
        try:
            with named_in_errors(Path(path)):
                super().save_checkpoint(checkpoint, partial, storage_options)
                partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
