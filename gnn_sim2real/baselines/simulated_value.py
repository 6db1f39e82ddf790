"""The simulated property itself as the prediction."""

from dataclasses import dataclass

from gnn_sim2real.baselines.baseline import Baseline
from gnn_sim2real.baselines.inputs import Floats, Inputs


@dataclass(frozen=True)
class SimulatedValue(Baseline):
    """The simulated value of each material, to which nothing is fitted."""

    def predict(self, train: Inputs, values: Floats, test: Inputs, *, seed: int) -> Floats:
        return test.table("simulated")[:, 0]


SIMULATED_VALUE = SimulatedValue("simulated_value", "simulated value", ("simulated",), needs_measurements=False)
