"""The scaling law of transfer: how the error on real materials falls with the number of simulated ones.

The law itself needs numpy alone; figures, records and the Lightning callback are modules of their own, imported
where they are used.
"""

from gnn_sim2real.scaling.compare import Comparison as Comparison
from gnn_sim2real.scaling.compare import Models as Models
from gnn_sim2real.scaling.compare import compare_laws as compare_laws
from gnn_sim2real.scaling.fit import fit_scaling_law as fit_scaling_law
from gnn_sim2real.scaling.law import Interval as Interval
from gnn_sim2real.scaling.law import ScalingLaw as ScalingLaw
from gnn_sim2real.scaling.planning import Plan as Plan
from gnn_sim2real.scaling.planning import plan as plan
from gnn_sim2real.scaling.surface import ScalingSurface as ScalingSurface
from gnn_sim2real.scaling.surface import fit_scaling_surface as fit_scaling_surface
