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
        from gnn_sim2real.config.lightning_cli import Sim2RealCLI

        Sim2RealCLI([name, *argv])
        return 0
