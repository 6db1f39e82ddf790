"""From a material's vector to its properties."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

OutputForm = Literal["linear", "softplus", "exponential", "hurdle", "inverse_temperature"]
"""What values an output can take.

* ``linear``: any;
* ``softplus``: above zero;
* ``exponential``: above zero, over several orders of magnitude, such as the thermal conductivity of crystals. The
  output is the natural logarithm, and so is the scale on which errors are computed;
* ``hurdle``: zero or above it, for a property with many exact zeros, such as the band gap with its metals. One output
  tells zero from nonzero (cross entropy), another the value where there is one; the prediction is zero where that is
  the more likely. J. G. Cragg, Econometrica 39, 829 (1971), doi 10.2307/1909582;
* ``inverse_temperature``: A + B / T, as the Flory-Huggins parameter is most often written, with the temperature T [K]
  from the conditions. Two outputs stand for A and B, which then depend on the material alone. P. J. Flory, J. Chem.
  Phys. 10, 51 (1942), doi 10.1063/1.1723621.
"""

FROM_ZERO: tuple[OutputForm, ...] = ("softplus", "exponential", "hurdle")
"""Forms whose zero has a meaning."""

REFERENCE_TEMPERATURE = 298.15
"""Temperature [K] at which the first output of `inverse_temperature` is the value itself."""

_WIDTH: dict[str, int] = {"linear": 1, "softplus": 1, "exponential": 1, "hurdle": 2, "inverse_temperature": 2}


class PropertyHead(nn.Module):
    """Two-layer perceptron with one or two outputs per property.

    Args:
        input_dim: Width of the encoder's output.
        forms: What values each property can take; see `OutputForm`.
    """

    def __init__(self, input_dim: int, forms: Sequence[OutputForm]) -> None:
        super().__init__()
        self.forms = list(forms)
        self.is_linear = set(forms) <= {"linear"}
        self.mlp = nn.Sequential(
            nn.Linear(input_dim, input_dim), nn.ReLU(), nn.Linear(input_dim, sum(_WIDTH[form] for form in forms))
        )

    def outputs_of(self, column: int) -> slice:
        """Which outputs belong to a property.

        Args:
            column: Number of the property.
        """
        start = sum(_WIDTH[form] for form in self.forms[:column])
        return slice(start, start + _WIDTH[self.forms[column]])

    def select_outputs(self, other: "PropertyHead", outputs: slice, factor: float = 1.0, shift: float = 0.0) -> None:
        """Answer as another head does with some of its outputs: `factor` times each, and `shift` added to the first.

        Args:
            other: A head of the same input; it is not changed.
            outputs: Which of its outputs, as many as this head has.
            factor: Scale of the outputs.
            shift: Offset of the first of them.
        """
        (first, last), (first_of_other, last_of_other) = self._linear_layers(), other._linear_layers()
        with torch.no_grad():
            first.load_state_dict(first_of_other.state_dict())
            last.weight.copy_(factor * last_of_other.weight[outputs])
            last.bias.copy_(factor * last_of_other.bias[outputs])
            last.bias[0] += shift

    def set_linear_output(self, weights: Float[Tensor, " dim"], offset: float) -> None:
        """Answer exactly `weights x + offset`: one hidden unit has what is above zero, one what is below.

        The other units keep their initial values, and contribute once the head is trained.

        Args:
            weights: Of the only output.
            offset: Likewise.
        """
        first, last = self._linear_layers()
        with torch.no_grad():
            for unit, sign in ((0, 1.0), (1, -1.0)):
                first.weight[unit], first.bias[unit] = sign * weights, sign * offset
            last.weight.zero_()
            last.bias.zero_()
            last.weight[0, 0], last.weight[0, 1] = 1.0, -1.0

    def _linear_layers(self) -> tuple[nn.Linear, nn.Linear]:
        first, last = (layer for layer in self.mlp if isinstance(layer, nn.Linear))
        return first, last

    def forward(self, features: Float[Tensor, "num_graphs dim"]) -> Float[Tensor, "num_graphs num_outputs"]:
        """Compute the outputs of all properties."""
        outputs: Tensor = self.mlp(features)
        return outputs

    def values(
        self, outputs: Float[Tensor, "num_graphs num_outputs"], temperature: Float[Tensor, " num_graphs"] | None = None
    ) -> Float[Tensor, "num_graphs num_properties"]:
        """Standardized properties that the outputs stand for.

        Args:
            outputs: From `forward`.
            temperature: For `inverse_temperature` [K].
        """
        if self.is_linear:
            return outputs
        values = []
        for column, form in enumerate(self.forms):
            own = outputs[:, self.outputs_of(column)]
            if form == "hurdle":
                values.append(own[:, 0].clamp_min(0) * (own[:, 1] > 0))
            else:
                values.append(_value(form, own, temperature))
        return torch.stack(values, dim=1)

    def temperature_terms(
        self, outputs: Float[Tensor, "num_graphs num_outputs"], column: int
    ) -> Float[Tensor, "num_graphs 2"]:
        """A and B [K] of a standardized property A + B / T.

        Args:
            outputs: From `forward`.
            column: Number of the property, of the form `inverse_temperature`.
        """
        at_reference, slope = outputs[:, self.outputs_of(column)].unbind(1)
        return torch.stack([at_reference - slope, REFERENCE_TEMPERATURE * slope], dim=1)

    def loss(
        self,
        outputs: Float[Tensor, "num_graphs num_outputs"],
        targets: Float[Tensor, "num_graphs num_properties"],
        of_error: Callable[[Tensor], Tensor],
        temperature: Float[Tensor, " num_graphs"] | None = None,
    ) -> Float[Tensor, "num_graphs num_properties"]:
        """Loss of each value.

        Args:
            outputs: From `forward`.
            targets: Standardized.
            of_error: Loss of an error, elementwise.
            temperature: For `inverse_temperature` [K].
        """
        if self.is_linear:
            return of_error(outputs - targets)
        losses = []
        for column, form in enumerate(self.forms):
            own, target = outputs[:, self.outputs_of(column)], targets[:, column]
            if form == "hurdle":
                above = (target > 0).to(own.dtype)
                zero_or_not = functional.binary_cross_entropy_with_logits(own[:, 1], above, reduction="none")
                losses.append(zero_or_not + above * of_error(own[:, 0] - target))
            elif form == "exponential":
                losses.append(of_error(own[:, 0] - target.clamp_min(torch.finfo(own.dtype).tiny).log()))
            else:
                losses.append(of_error(_value(form, own, temperature) - target))
        return torch.stack(losses, dim=1)


def _value(form: OutputForm, own: Tensor, temperature: Tensor | None) -> Tensor:
    """What the outputs of a property stand for, of all forms but the hurdle."""
    if form == "inverse_temperature":
        if temperature is None:
            raise ValueError("the form `inverse_temperature` needs the temperature of each material, but there is none")
        return own[:, 0] + own[:, 1] * (REFERENCE_TEMPERATURE / temperature - 1)
    if form == "exponential":
        return own[:, 0].exp()
    return functional.softplus(own[:, 0]) if form == "softplus" else own[:, 0]
