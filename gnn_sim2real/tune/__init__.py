"""Settings chosen by the validation error: many trainings of one YAML, each with other values, led by Optuna."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from gnn_sim2real.tune.result import Comparison as Comparison
    from gnn_sim2real.tune.result import Tuning as Tuning
    from gnn_sim2real.tune.run import compare as compare
    from gnn_sim2real.tune.run import tune as tune

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"result": ["Comparison", "Tuning"], "run": ["compare", "tune"]}
)
