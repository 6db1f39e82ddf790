"""A Gaussian process on physical descriptors, with or without a simulated value or a source model's prediction."""

from dataclasses import dataclass, replace

from gnn_sim2real.baselines.baseline import Baseline, three_of
from gnn_sim2real.baselines.inputs import Floats, Input, Inputs


@dataclass(frozen=True)
class GaussianProcessBaseline(Baseline):
    """The mean of `gnn_sim2real.gaussian_process.GaussianProcess`, in which each input is a block.

    A simulated value or the prediction of a source model has a linear kernel as well, since it is nearly the answer.

    Attributes:
        of_difference: Whether it learns the difference of the measured from the simulated value.
    """

    of_difference: bool = False

    def predict(self, train: Inputs, values: Floats, test: Inputs, *, seed: int) -> Floats:
        return self.predict_with_deviation(train, values, test)[0]

    def predict_with_deviation(self, train: Inputs, values: Floats, test: Inputs) -> tuple[Floats, Floats]:
        """Predict, and tell the standard deviation of a new measurement; each (num_test,).

        Args:
            train: As for `predict`.
            values: As for `predict`.
            test: As for `predict`.
        """
        from gnn_sim2real.gaussian_process import GaussianProcess

        (known, near), (asked, near_asked) = (
            ([each.table(name) for name in self.needs], _near_the_answer(each, self.needs)) for each in (train, test)
        )
        start = train.table("simulated")[:, 0] if self.of_difference else 0.0
        process = GaussianProcess().fit(known, values - start, near, train.weights)
        mean, deviation = process.predict(asked, near_asked)
        return mean + (test.table("simulated")[:, 0] if self.of_difference else 0.0), deviation


def _near_the_answer(inputs: Inputs, needs: tuple[Input, ...]) -> Floats | None:
    near = [name for name in needs if name in ("simulated", "source", "library")]
    return inputs.table(*near) if near else None


GAUSSIAN_PROCESS, GAUSSIAN_PROCESS_WITH_SOURCE, GAUSSIAN_PROCESS_WITH_VALUE = three_of(
    GaussianProcessBaseline,
    "gaussian_process",
    "Gaussian process",
    "physical_descriptors",
    rival="a Gaussian process",
)
GAUSSIAN_PROCESS_DELTA = replace(
    GAUSSIAN_PROCESS_WITH_VALUE,
    name="gaussian_process_delta",
    title="Gaussian process on the difference",
    of_difference=True,
    rival="a Gaussian process on the difference to the simulated value",
)
GAUSSIAN_PROCESS_WITH_LIBRARY = replace(
    GAUSSIAN_PROCESS,
    name="gaussian_process_with_library",
    title="Gaussian process with library predictions",
    needs=("physical_descriptors", "library"),
    rival="a Gaussian process with predictions of the library",
)
FOUNDATION_GP = GaussianProcessBaseline(
    "foundation_gp",
    "Gaussian process on foundation features",
    ("foundation",),
    rival="a Gaussian process on features of a foundation encoder",
)
