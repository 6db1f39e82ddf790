"""Delta learning: the difference between measured and simulated value."""

from dataclasses import dataclass

from gnn_sim2real.tasks.policies.base import FineTuningPolicy


@dataclass
class Delta(FineTuningPolicy):
    """All weights are trained, and a new head learns the measured minus the simulated value of the same material.

    R. Ramakrishnan, P. O. Dral, M. Rupp, O. A. von Lilienfeld, J. Chem. Theory Comput. 11, 2087 (2015), doi
    10.1021/acs.jctc.5b00099.
    """

    name = "delta"
    title = "delta"
    summary = "all weights are trained, and the model learns the difference from the simulated value of each material"
    takes_simulated = True
