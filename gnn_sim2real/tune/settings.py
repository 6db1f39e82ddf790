"""Settings of `tune`, in a file that is read in no time: their help does not wait for torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_ERRORS = ("loss", "mae", "rmse", "mae_log10", "rmse_log10")


@dataclass(frozen=True)
class TuneSettings:
    """How much is tried, and where it is written.

    Args:
        trials: Number of trials, with those that are in the folder already; with `--compare` of each architecture.
        epochs: No trial begins once all trials have trained for so many epochs together; no limit unless given.
        minutes: No trial begins after so many minutes of this run; no limit unless given.
        workers: Number of trials at a time, each in a process of its own; 1 is in this process. Others may run the same
            command at the same time, also on other machines that see the folder.
        metric: Error that is made small, of the validation part: `val/mae`, `val/rmse`, `val/loss`; of logarithms
            (`transform: log10`) also `val/mae_log10` and `val/rmse_log10`; of several properties `val/density/mae`. The
            mean absolute error unless given, of logarithms in decades; of several properties the loss.
        no_pruning: Train every trial to its end, also those that are worse than the median of the others on their way.
        compare: A YAML laid over the others, such as that of another encoder; several, each of which gets the same
            trials and epochs, in a folder of its own. May be repeated.
        output: Folder of the best YAML, the table, the pictures and the trials. With the same folder the tuning goes
            on.
        seed: Seed of the values that are tried.
        seeds: Each trial trains so many times, from the `seed_everything` of the YAML on, and its error is the mean: a
            network that started well is not taken for good settings. It takes so many times as long.
        splits: Each trial trains on so many validation parts, that of the YAML and others drawn likewise (by families
            where the YAML splits by families) from the materials that train or validate, and its error is the mean.
            With `seeds`, each seed on each of them.
    """

    trials: int = 50
    epochs: int | None = None
    minutes: float | None = None
    workers: int = 1
    metric: str | None = None
    no_pruning: bool = False
    compare: Sequence[str] = ()
    output: str = "runs/tune"
    seed: int = 0
    seeds: int = 1
    splits: int = 1

    def check(self) -> None:
        """Refuse numbers that are out of range.

        Raises:
            ValueError: If one is.
        """
        for name in ("trials", "workers", "epochs", "seeds", "splits"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ValueError(f"`{name}` must be at least 1, got {number}")
        if self.minutes is not None and not 0 < self.minutes < math.inf:
            raise ValueError(f"`minutes` must be above 0 and finite, got {self.minutes:g}")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"`seed` must be from 0 to {2**32 - 1}, got {self.seed}")
        if self.metric is not None and not (
            self.metric.startswith("val/") and self.metric.rpartition("/")[2] in _ERRORS
        ):
            raise ValueError(
                f"`metric` must be an error of the validation part, such as val/mae, val/rmse or val/loss, got "
                f"{self.metric!r}"
            )
