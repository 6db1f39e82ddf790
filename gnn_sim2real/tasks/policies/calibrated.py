"""Fine-tuning of all weights from a calibrated start."""

from dataclasses import dataclass

from gnn_sim2real.tasks.policies.base import FineTuningPolicy


@dataclass
class Calibrated(FineTuningPolicy):
    """All weights are trained, from predictions of the source that a straight line puts on the measured scale.

    Where a simulation is far off but correlates, such as classical heat capacities, the few steps of a fine-tuning
    would go into the offset alone. The line is that of the baseline `calibrated_source`; a head that the source does
    not have is a new one, as in `full`.
    """

    name = "calibrated"
    title = "fine-tuned, calibrated start"
    summary = "all weights are trained, from the source's predictions on the straight line that fits the measurements"
    needs_pretrained = True
    calibrates = True
