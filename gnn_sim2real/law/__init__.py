"""The scaling law of transfer: how the error on real materials falls with the number of simulated ones.

The law itself needs numpy and scipy alone; figures, records and the Lightning callback are separate modules, imported
where they are used.
"""

from gnn_sim2real.law.compare import Comparison as Comparison
from gnn_sim2real.law.compare import compare_laws as compare_laws
from gnn_sim2real.law.design import NextSize as NextSize
from gnn_sim2real.law.design import next_size as next_size
from gnn_sim2real.law.fit import fit_scaling_law as fit_scaling_law
from gnn_sim2real.law.models import Models as Models
from gnn_sim2real.law.planning import Plan as Plan
from gnn_sim2real.law.planning import plan as plan
from gnn_sim2real.law.scaling_law import Interval as Interval
from gnn_sim2real.law.scaling_law import ScalingLaw as ScalingLaw
from gnn_sim2real.law.surface import ScalingSurface as ScalingSurface
from gnn_sim2real.law.surface import fit_scaling_surface as fit_scaling_surface
