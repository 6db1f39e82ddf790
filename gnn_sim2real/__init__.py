"""Simulation-to-real transfer of material properties with graph neural networks, and the law that forecasts it."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from gnn_sim2real.data.module import PropertyDataModule as PropertyDataModule
    from gnn_sim2real.estimator.features import embed as embed
    from gnn_sim2real.estimator.regressor import TransferRegressor as TransferRegressor
    from gnn_sim2real.estimator.study import Study as Study
    from gnn_sim2real.law import ScalingLaw as ScalingLaw
    from gnn_sim2real.law import ScalingSurface as ScalingSurface
    from gnn_sim2real.law import compare_laws as compare_laws
    from gnn_sim2real.law import fit_scaling_law as fit_scaling_law
    from gnn_sim2real.law import fit_scaling_surface as fit_scaling_surface
    from gnn_sim2real.law import plan as plan
    from gnn_sim2real.library import ModelLibrary as ModelLibrary
    from gnn_sim2real.library import TrainedModel as TrainedModel
    from gnn_sim2real.library import load_model as load_model
    from gnn_sim2real.records.callback import ScalingLawCallback as ScalingLawCallback
    from gnn_sim2real.records.prediction_table import PredictionTable as PredictionTable
    from gnn_sim2real.tasks import SourcePretraining as SourcePretraining
    from gnn_sim2real.tasks import TargetFineTuning as TargetFineTuning

__version__ = "0.1.0"

# A class that moves up here is spelled `gnn_sim2real.NAME` in configurations from then on: it needs a line in
# `renamed.py`, so that the keys of records stay what they were.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "data.module": ["PropertyDataModule"],
        "estimator.features": ["embed"],
        "estimator.regressor": ["TransferRegressor"],
        "estimator.study": ["Study"],
        "law": [
            "ScalingLaw",
            "ScalingSurface",
            "compare_laws",
            "fit_scaling_law",
            "fit_scaling_surface",
            "plan",
        ],
        "library": ["ModelLibrary", "TrainedModel", "load_model"],
        "records.callback": ["ScalingLawCallback"],
        "records.prediction_table": ["PredictionTable"],
        "tasks": ["SourcePretraining", "TargetFineTuning"],
    },
)
