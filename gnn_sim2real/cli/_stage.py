"""The commands of LightningCLI, whose options are the settings of a YAML."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """A command that LightningCLI runs.

    Args:
        section: See `Command`.
        about: See `Command`.
    """

    section: str
    about: str

    def __call__(self, name: str, argv: Sequence[str]) -> int:
        """Run it, and return the exit code."""
        import gc

        was_enabled = gc.isenabled()
        gc.disable()  # nothing that is imported can be thrown away: looking for it would take a fifth of the start
        try:
            from gnn_sim2real.config.lightning_cli import Sim2RealCLI
        finally:
            if was_enabled:
                gc.enable()
        Sim2RealCLI([name, *argv])
        return 0
